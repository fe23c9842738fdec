#include <algorithm>
#include <deque>

#include <kith/port/event.hpp>
#include <kith/port/pipe.hpp>

namespace kith::port {
namespace {

/// One direction.
struct Flow {
  Flow(Clock& clock, std::size_t capacity_bytes)
      : capacity(capacity_bytes), readable(clock), writable(clock) {}

  void reset() noexcept {
    if (ended && held.empty()) return;
    broken = true;
    held.clear();
    held_bytes = 0;
    readable.notify_all();
    writable.notify_all();
  }

  Buffer take(std::size_t size_max) {
    Buffer& first = held.front();
    const std::size_t size = std::min(size_max, first.size());
    Buffer taken = first.slice(0, size);
    first.remove_prefix(size);
    if (first.empty()) held.pop_front();
    held_bytes -= size;
    writable.notify_all();
    return taken;
  }

  std::size_t capacity;
  std::deque<Buffer> held;
  std::size_t held_bytes = 0;
  bool ended = false;   ///< the writer has closed
  bool broken = false;  ///< either side has reset
  Event readable;
  Event writable;
};

struct Pipe {
  Pipe(Clock& clock, std::size_t capacity) : flows{Flow(clock, capacity), Flow(clock, capacity)} {}
  Flow flows[2];
};

class PipeEnd final : public Stream {
 public:
  PipeEnd(std::shared_ptr<Pipe> pipe, bool first)
      : pipe_(std::move(pipe)),
        in_(pipe_->flows[first ? 1 : 0]),
        out_(pipe_->flows[first ? 0 : 1]) {}
  ~PipeEnd() override { reset(); }

  Task<std::size_t> read_some(MutableBytes into, Instant deadline) override {
    KITH_CO_TRY(const Buffer taken, co_await read_buffer(into.size(), deadline));
    std::ranges::copy(taken.view(), into.begin());
    co_return taken.size();
  }

  Task<Buffer> read_buffer(std::size_t size_max, Instant deadline) override {
    if (in_.readable.has_waiters()) co_return std::unexpected(Errc::busy);
    while (in_.held.empty()) {
      if (in_.broken) co_return std::unexpected(Errc::reset);
      if (in_.ended) co_return Buffer();
      KITH_CO_CHECK(co_await in_.readable.wait(deadline));
    }
    co_return in_.take(size_max);
  }

  Task<void> write(ByteView bytes, Instant deadline) override {
    if (out_.writable.has_waiters()) co_return std::unexpected(Errc::busy);
    if (out_.ended) co_return std::unexpected(Errc::closed);
    while (!bytes.empty()) {
      if (out_.broken) co_return std::unexpected(Errc::reset);
      const std::size_t room = out_.capacity - out_.held_bytes;
      if (room == 0) {
        KITH_CO_CHECK(co_await out_.writable.wait(deadline));
        continue;
      }
      const std::size_t size = std::min(room, bytes.size());
      out_.held.push_back(Buffer::copy_of(bytes.first(size)));
      out_.held_bytes += size;
      bytes = bytes.subspan(size);
      out_.readable.notify_all();
    }
    co_return Result<void>{};
  }

  Task<void> close_write(Instant) override {
    if (out_.broken) co_return std::unexpected(Errc::reset);
    out_.ended = true;
    out_.readable.notify_all();
    co_return Result<void>{};
  }

  void reset() noexcept override {
    // What was closed in order may still be read to its end.
    if (!out_.ended) out_.reset();
    in_.reset();
  }

 private:
  std::shared_ptr<Pipe> pipe_;
  Flow& in_;
  Flow& out_;
};

}  // namespace

std::pair<StreamPtr, StreamPtr> pipe(Clock& clock, std::size_t capacity) {
  auto both = std::make_shared<Pipe>(clock, capacity);
  return {std::make_unique<PipeEnd>(both, true), std::make_unique<PipeEnd>(both, false)};
}

}  // namespace kith::port
