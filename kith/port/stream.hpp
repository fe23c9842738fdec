// Stream: an ordered flow of bytes in both directions: a TCP connection, a secured connection, a
// muxer's stream, a file upload. One task reads and one task writes at a time; the two don't
// disturb each other. A muxer's stream refuses a second read, or write, while one waits, with
// Errc::busy, and the first goes on; of other streams that is the caller's duty. Loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <kith/base/buffer.hpp>
#include <kith/base/bytes.hpp>
#include <kith/base/time.hpp>
#include <kith/port/task.hpp>

namespace kith::port {

class Stream {
 public:
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  /// An open stream is reset.
  virtual ~Stream() = default;

  /// Waits for bytes and returns how many it put into `into` (at least 1), or 0 at the end: the
  /// other side closed its writing side and everything has been read. `into` isn't empty.
  /// Errc::reset, timed_out, cancelled, closed.
  virtual Task<std::size_t> read_some(MutableBytes into, Instant deadline = never) = 0;

  /// Waits for bytes and returns at most `size_max` of them, empty at the end. Errors as read_some.
  /// Implementations that hold the bytes already hand out their own memory instead of a copy.
  virtual Task<Buffer> read_buffer(std::size_t size_max, Instant deadline = never);

  /// Returns when all bytes are taken (not: delivered). Errors as read_some; after one, how much
  /// was sent is unknown.
  virtual Task<void> write(ByteView bytes, Instant deadline = never) = 0;

  /// The same for several pieces in a row, in as few packets as can be.
  virtual Task<void> write_all(std::span<const ByteView> pieces, Instant deadline = never);

  /// Ends the writing side after what was written; reading goes on. Idempotent.
  virtual Task<void> close_write(Instant deadline = never) = 0;

  /// Ends both directions at once; what is unsent is lost. Waiting reads and writes return
  /// Errc::reset. Idempotent.
  virtual void reset() noexcept = 0;
};

using StreamPtr = std::unique_ptr<Stream>;

/// Whether an error of a stream or a socket says that the other side has ended it: Errc::reset,
/// closed, end_of_stream; EPIPE, ECONNRESET. On another one the same may go well.
bool ended_by_peer(const Error& why) noexcept;

/// Fills `into` completely; Errc::end_of_stream if the stream ends before.
Task<void> read_exactly(Stream& stream, MutableBytes into, Instant deadline = never);

/// Reads to the end, at most `size_max` bytes; Errc::limit_exceeded if there are more.
Task<Bytes> read_to_end(Stream& stream, std::size_t size_max, Instant deadline = never);

/// A reader with a buffer, for protocols of length-prefixed messages. It may hold bytes beyond what
/// was asked for, so after it nobody else reads from the stream. The stream outlives it.
class BufferedReader {
 public:
  explicit BufferedReader(Stream& stream, std::size_t buffer_bytes = 16 * 1024) noexcept
      : stream_(stream), buffer_bytes_(buffer_bytes) {}

  /// A message with an unsigned varint length before it. An empty optional-like answer doesn't
  /// exist: a clean end before the first byte is Errc::closed, an end inside is
  /// Errc::end_of_stream, a longer message is Errc::limit_exceeded.
  Task<Buffer> read_message(std::size_t message_bytes_max, Instant deadline = never);

  Task<void> read_exactly(MutableBytes into, Instant deadline = never);

  /// At least one byte, or empty at the end.
  Task<Buffer> read_buffer(std::size_t size_max, Instant deadline = never);

 private:
  Task<bool> fill(Instant deadline);

  Stream& stream_;
  std::size_t buffer_bytes_;
  Buffer held_;
};

/// Writes `message` with its unsigned varint length before it.
Task<void> write_message(Stream& stream, ByteView message, Instant deadline = never);

}  // namespace kith::port
