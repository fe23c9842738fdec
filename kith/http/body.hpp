// BodyReader: a body as it comes, piece by piece. Requests at the server, responses at the client,
// parts of a multipart body and what a client sends are all read this way. Loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>

#include <kith/base/buffer.hpp>
#include <kith/base/bytes.hpp>
#include <kith/base/time.hpp>
#include <kith/http/limits.hpp>
#include <kith/port/task.hpp>

namespace kith::http {

class BodyReader {
 public:
  BodyReader() = default;
  BodyReader(const BodyReader&) = delete;
  BodyReader& operator=(const BodyReader&) = delete;
  virtual ~BodyReader() = default;

  /// Waits for payload and returns at least one and at most `size_max` bytes (not 0) of it, empty
  /// at the end. The bytes are a window onto what was received, not a copy. Errc::end_of_stream if
  /// the connection ended before the body did, HttpError for a malformed or too large body,
  /// Errc::timed_out, cancelled, reset; after any but timed_out the body can't be read on.
  virtual Task<Buffer> read_buffer(std::size_t size_max = large_read_bytes,
                                   Instant deadline = never) = 0;
};

/// A body that is there already.
class MemoryBody final : public BodyReader {
 public:
  explicit MemoryBody(Buffer bytes) noexcept : rest_(std::move(bytes)) {}
  Task<Buffer> read_buffer(std::size_t size_max, Instant deadline) override;

 private:
  Buffer rest_;
};

/// Reads to the end; HttpError::body_too_large beyond `size_max` bytes.
Task<Bytes> read_all(BodyReader& body, std::size_t size_max, Instant deadline = never);

}  // namespace kith::http
