// PrefixedStream: a stream from whose beginning something has been read already, as if it hadn't.
// For those who look at the first bytes to tell who shall have the rest. Loop thread only.
#pragma once

#include <utility>

#include <kith/port/stream.hpp>

namespace kith::port {

class PrefixedStream final : public Stream {
 public:
  PrefixedStream(StreamPtr inner, Buffer prefix) noexcept
      : inner_(std::move(inner)), prefix_(std::move(prefix)) {}

  Task<std::size_t> read_some(MutableBytes into, Instant deadline = never) override;
  Task<Buffer> read_buffer(std::size_t size_max, Instant deadline = never) override;
  Task<void> write(ByteView bytes, Instant deadline = never) override {
    return inner_->write(bytes, deadline);
  }
  Task<void> write_all(std::span<const ByteView> pieces, Instant deadline = never) override {
    return inner_->write_all(pieces, deadline);
  }
  Task<void> close_write(Instant deadline = never) override {
    return inner_->close_write(deadline);
  }
  void reset() noexcept override {
    prefix_ = Buffer();
    inner_->reset();
  }

 private:
  Task<std::size_t> read_prefix(MutableBytes into);
  Task<Buffer> take_prefix(std::size_t size_max);

  StreamPtr inner_;
  Buffer prefix_;
};

/// `stream` itself if there is nothing before it.
inline StreamPtr with_prefix(StreamPtr stream, Buffer prefix) {
  if (prefix.empty()) return stream;
  return std::make_unique<PrefixedStream>(std::move(stream), std::move(prefix));
}

}  // namespace kith::port
