// Input: received bytes in order, looked at in place and handed on as windows. FramedBody: the body
// that a BodyDecoder finds in them.
#pragma once

#include <utility>

#include <kith/base/buffer.hpp>
#include <kith/http/message.hpp>
#include <kith/port/stream.hpp>

namespace kith::http::detail {

class Input {
 public:
  Input() = default;
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  virtual ~Input() = default;

  /// Waits until held() isn't empty; false at the end of the connection.
  Task<bool> fill(Instant deadline);
  ByteView held() const noexcept { return held_; }
  void consume(std::size_t size) noexcept { held_.remove_prefix(size); }
  /// The first `size` of the held bytes.
  Buffer take(std::size_t size);

 protected:
  /// The next received bytes, empty at the end.
  virtual Task<Buffer> receive(Instant deadline) = 0;

 private:
  Buffer held_;
};

/// Straight from a stream.
class StreamInput final : public Input {
 public:
  explicit StreamInput(port::Stream& stream) noexcept : stream_(stream) {}

 protected:
  Task<Buffer> receive(Instant deadline) override {
    return stream_.read_buffer(large_read_bytes, deadline);
  }

 private:
  port::Stream& stream_;
};

/// Feeds the scanner until its section is complete; false if the connection ends before its first
/// byte. Errc::end_of_stream if it ends later.
Task<bool> read_section(Input& input, HeadScanner& scanner, Instant deadline);

/// The next piece of payload, empty at the body's end.
Task<Buffer> read_payload(Input& input, BodyDecoder& decoder, std::size_t size_max,
                          Instant deadline);

}  // namespace kith::http::detail
