// Limits of multistream-select.
#pragma once

#include <cstddef>

namespace kith::net {

/// A line with its newline. Protocol ids are shorter than 140 bytes; js-libp2p has this bound too.
inline constexpr std::size_t multistream_line_bytes_max = 1024;
/// How many protocols an initiator may try on one stream before we give it up.
inline constexpr std::size_t multistream_proposals_max = 64;
/// What a session asks of its stream at a time: most that comes belongs to the protocol behind.
inline constexpr std::size_t multistream_read_bytes = 4096;

static_assert(multistream_line_bytes_max < 1 << 14, "a line's length takes at most two bytes");

}  // namespace kith::net
