// HoldingStream: a stream that keeps something alive for as long as it lives itself: its place in
// some limit, say. Loop thread only.
#pragma once

#include <memory>
#include <utility>

#include <kith/port/stream.hpp>

namespace kith::port {

class HoldingStream final : public Stream {
 public:
  HoldingStream(StreamPtr inner, std::shared_ptr<void> held) noexcept
      : held_(std::move(held)), inner_(std::move(inner)) {}

  Task<std::size_t> read_some(MutableBytes into, Instant deadline = never) override {
    return inner_->read_some(into, deadline);
  }
  Task<Buffer> read_buffer(std::size_t size_max, Instant deadline = never) override {
    return inner_->read_buffer(size_max, deadline);
  }
  Task<void> write(ByteView bytes, Instant deadline = never) override {
    return inner_->write(bytes, deadline);
  }
  Task<void> write_all(std::span<const ByteView> pieces, Instant deadline = never) override {
    return inner_->write_all(pieces, deadline);
  }
  Task<void> close_write(Instant deadline = never) override {
    return inner_->close_write(deadline);
  }
  void reset() noexcept override { inner_->reset(); }

 private:
  std::shared_ptr<void> held_;  ///< outlives the stream
  StreamPtr inner_;
};

/// The stream; `then` is called once it has died, and doesn't throw.
template <typename Then>
StreamPtr with_end(StreamPtr stream, Then then) {
  return std::make_unique<HoldingStream>(
      std::move(stream),
      std::shared_ptr<void>(nullptr, [then = std::move(then)](void*) { then(); }));
}

}  // namespace kith::port
