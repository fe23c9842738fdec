#include <kith/base/assert.hpp>
#include <kith/net/muxers/yamux.hpp>

namespace kith::fuzz {
namespace {

using namespace net;

struct Count final : YamuxSink {
  void put(ByteView some) override { bytes += some.size(); }
  std::size_t bytes = 0;
};

/// A peer's bytes, and in between what an application does with its streams.
class Run {
 public:
  explicit Run(ByteView input)
      : input_(input),
        memory_(512 * 1024),
        core_(next() % 2 == 0 ? Yamux::Role::client : Yamux::Role::server, limits(), &memory_,
              now_) {}

  void run() {
    while (!input_.empty()) {
      now_ += Duration(next() * 10'000'000);
      switch (next() % 8) {
        default:
          if (!receive()) return;
          break;
        case 1:
          if (auto id = core_.open(this, now_)) held_.push_back(*id);
          break;
        case 2:
          if (auto id = core_.accept(this)) held_.push_back(*id);
          break;
        case 3:
          produce();
          break;
        case 4:
          if (!core_.on_deadline(now_)) return;
          break;
        case 5:
        case 6:
          if (!held_.empty()) act(next() % held_.size());
          break;
      }
      check();
    }
  }

 private:
  static YamuxLimits limits() {
    YamuxLimits limits;
    limits.streams_inbound_max = 8;
    limits.window_bytes_max = 1 << 20;
    limits.memory_bytes_max = 256 * 1024;
    return limits;
  }

  std::uint8_t next() noexcept {
    if (input_.empty()) return 0;
    const std::uint8_t byte = input_.front();
    input_ = input_.subspan(1);
    return byte;
  }

  bool receive() {
    const std::size_t size = std::min<std::size_t>(next(), input_.size());
    const Buffer bytes = Buffer::copy_of(input_.first(size));
    input_ = input_.subspan(size);
    const bool fine = core_.receive(bytes, now_).has_value();
    if (!fine) {
      produce();
      ASSERT(!core_.wants_output());
    }
    return fine;
  }

  void produce() {
    Count sink;
    const std::size_t bytes_max = yamux_header_bytes + next() * 64;
    core_.produce(bytes_max, now_, sink);
    ASSERT(sink.bytes <= bytes_max);
  }

  void act(std::size_t index) {
    const YamuxStreamId id = held_[index];
    switch (next() % 6) {
      case 0:
        core_.read_buffer(id, next() + 1, now_);
        break;
      case 1:
        if (!core_.writing(id)) static_cast<void>(core_.write(id, pieces_));
        break;
      case 2:
        if (core_.writing(id)) core_.cancel_write(id);
        break;
      case 3:
        core_.close_write(id);
        break;
      case 4:
        core_.reset(id);
        break;
      case 5:
        core_.release(id, now_);
        held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(index));
        break;
    }
  }

  void check() {
    ASSERT(core_.streams_inbound() <= 8);
    ASSERT(core_.memory_bytes() <= limits().memory_bytes_max);
    while (core_.next_touched()) {
    }
    for (const YamuxStreamId id : held_)
      ASSERT(core_.buffered_bytes(id) <= core_.receive_window(id));
  }

  ByteView input_;
  Instant now_ = Instant(1000s);
  Budget memory_;
  Yamux core_;
  std::vector<YamuxStreamId> held_;
  Bytes much_ = Bytes(100'000, 1);
  std::array<ByteView, 2> pieces_{ByteView(much_).first(10), ByteView(much_)};
};

}  // namespace

void fuzz_yamux(ByteView input) {
  Run(input).run();
}

}  // namespace kith::fuzz
