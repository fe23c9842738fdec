// pipe(): two Streams inside one process, each the other's far end. What one writes the other
// reads, in order, after at most `capacity` bytes that nobody has read yet. A side that is
// destroyed or reset while it is open resets the other. Loop thread only.
#pragma once

#include <cstddef>
#include <utility>

#include <kith/port/clock.hpp>
#include <kith/port/stream.hpp>

namespace kith::port {

inline constexpr std::size_t pipe_capacity_bytes = 256 * 1024;

/// Reads and writes that wait for the same side twice get Errc::busy. `clock` outlives both.
std::pair<StreamPtr, StreamPtr> pipe(Clock& clock, std::size_t capacity = pipe_capacity_bytes);

}  // namespace kith::port
