// The limits of http/. Those a deployment may want to move are fields of ServerLimits (server.hpp),
// MultipartLimits (multipart.hpp) and ClientOptions (client.hpp), whose defaults stand here.
#pragma once

#include <cstddef>
#include <cstdint>

#include <kith/base/time.hpp>

namespace kith::http {

/// Start line and fields of one message. Kubo's commands put their arguments into the query.
inline constexpr std::size_t head_bytes_max = 64 * 1024;
inline constexpr std::size_t head_fields_max = 128;
/// Empty lines before a request line that are overlooked (RFC 9112, section 2.2).
inline constexpr std::size_t leading_empty_lines_max = 2;
/// Trailer section of a chunked body.
inline constexpr std::size_t trailer_bytes_max = 16 * 1024;
/// Chunk extensions say nothing to us; a chunk may carry this many bytes of them, and a body in all
/// this many more than a sixteenth of its payload (else tiny chunks with long extensions make work
/// for nothing).
inline constexpr std::size_t chunk_extension_bytes_max = 256;
inline constexpr std::size_t chunk_extensions_bytes_max = 16 * 1024;
inline constexpr std::size_t query_pairs_max = 32 * 1024;
/// Interim responses (1xx) a client reads before the final one.
inline constexpr std::size_t interim_responses_max = 8;

/// From a request's first byte to the end of its head: a slow loris gets no longer.
inline constexpr Duration head_deadline = 10s;
inline constexpr Duration idle_timeout = 2min;
inline constexpr std::size_t connections_max = 1024;
inline constexpr std::size_t connections_per_address_max = 256;
/// A body's size until the handler allows more.
inline constexpr std::uint64_t body_bytes_max = 1024 * 1024;
/// What a handler left of a request's body is read and dropped up to here, to keep the connection.
inline constexpr std::uint64_t drain_bytes_max = 256 * 1024;
/// How long we read on after having closed our side, so that our last words aren't lost in a reset.
inline constexpr Duration linger_time = 1s;
inline constexpr std::size_t linger_bytes_max = 1024 * 1024;
/// From the end of the client's side to the cancellation of its handler: `printf .. | nc` still
/// gets a quick answer, and a client that has gone holds nothing for long.
inline constexpr Duration half_close_grace = 500ms;
/// Who waits for so long, for a request or the rest of its head, gives way to who comes when there
/// is no room. One that has just come doesn't.
inline constexpr Duration give_way_after = 1s;
/// Connections beyond a limit that are told so at a time; more are dropped without a word.
inline constexpr std::size_t refusals_max = 16;
inline constexpr Duration refusal_time = 2s;
/// One read: while a head is awaited (each idle connection holds as much), and of a body.
inline constexpr std::size_t small_read_bytes = 4 * 1024;
inline constexpr std::size_t large_read_bytes = 64 * 1024;
/// Memory of one connection's received and unused bytes, beyond which it isn't read from.
inline constexpr std::size_t inbox_bytes_max = 128 * 1024;
static_assert(inbox_bytes_max >= large_read_bytes);
/// What a client asks of the body that it sends, at a time. A file's body goes to another thread
/// for each.
inline constexpr std::size_t upload_read_bytes = 256 * 1024;
/// Who has sent that much behind a request that works for so long isn't waiting for it: as we don't
/// read on, we wouldn't hear of the client's going.
inline constexpr Duration pipelining_patience = 10s;

/// Idle connections a client keeps for the next request.
inline constexpr std::size_t client_idle_connections_max = 4;

inline constexpr std::size_t multipart_boundary_bytes_max = 70;  // RFC 2046, section 5.1.1
inline constexpr std::size_t multipart_head_bytes_max = 16 * 1024;
inline constexpr std::size_t multipart_head_fields_max = 32;
inline constexpr std::uint64_t multipart_parts_max = 10'000'000;
/// What stands before the first boundary, or after the last, is dropped up to here.
inline constexpr std::size_t multipart_preamble_bytes_max = 16 * 1024;

}  // namespace kith::http
