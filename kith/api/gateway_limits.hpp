// The limits of the gateway: what a request from a stranger may make us read, hold or do. Paths and
// blocks have those of unixfs/limits.hpp and ipld/limits.hpp.
#pragma once

#include <cstddef>

#include <kith/base/time.hpp>

namespace kith::api {

/// Requests answered at a time. Each may have unixfs::read_ahead_bytes of blocks under way.
inline constexpr std::size_t gateway_requests_max = 256;
/// What one request may know of a DAG and not have read yet: parts of a file, or links below an
/// archive's root. A part takes about 100 bytes, so 3 MB; trees that programs build have some
/// thousands.
inline constexpr std::size_t gateway_parts_max = 32 * 1024;
/// Different blocks in an archive without duplicates, whose CIDs are remembered: about 26 MB, so no
/// more than what is read ahead. 256 GiB of blocks of 1 MiB.
inline constexpr std::size_t gateway_archive_blocks_max = 256 * 1024;
/// How long a request waits for blocks until its answer begins, and then for each further block.
inline constexpr Duration gateway_fetch_timeout = 60s;
/// How long a client may take to accept what one write hands it.
inline constexpr Duration gateway_write_timeout = 60s;
/// What a client is asked to wait before it tries again (Retry-After), in seconds.
inline constexpr int gateway_retry_after_seconds = 60;

/// Of the gateway that is open to all who reach this node (public_gateway.hpp), and beside which it
/// has its peers to serve. What its requests may remember of DAGs comes to 320 MB.
inline constexpr std::size_t public_gateway_requests_max = 32;
inline constexpr std::size_t public_gateway_archive_blocks_max = 64 * 1024;
/// TCP connections, of all and of one address. (The swarm's limits of subnets are asked before, and
/// by default allow 8 of an address that isn't this machine's own.)
inline constexpr std::size_t public_gateway_connections_max = 128;
inline constexpr std::size_t public_gateway_connections_per_address_max = 32;
/// Streams of libp2p, of all and of one peer. Each is one request.
inline constexpr std::size_t public_gateway_streams_max = 128;
inline constexpr std::size_t public_gateway_streams_per_peer_max = 16;
/// A connection on which nothing is asked for.
inline constexpr Duration public_gateway_idle_timeout = 30s;

/// Ranges of one request; with more the whole is sent, as RFC 9110, section 14.2 allows.
inline constexpr std::size_t gateway_ranges_max = 16;
/// What content types are guessed from (the WHATWG's sniffing looks at no more).
inline constexpr std::size_t gateway_sniff_bytes = 512;

/// Entries of a directory that are held to sort them; a larger one is listed as it is read.
inline constexpr std::size_t gateway_sorted_entries_max = 32 * 1024;
inline constexpr std::size_t gateway_sorted_names_bytes_max = 4 * 1024 * 1024;
/// Generated pages and archives are gathered to writes of about this size.
inline constexpr std::size_t gateway_write_bytes = 64 * 1024;
/// Blocks of other codecs up to this size are shown on their page as JSON.
inline constexpr std::size_t gateway_preview_bytes_max = 256 * 1024;

}  // namespace kith::api
