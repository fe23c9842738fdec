#include <fuzz/kinds.hpp>

#include <fmt/format.h>

#include <kith/base/assert.hpp>
#include <kith/net/muxers/yamux.hpp>

namespace kith::fuzz {
namespace {

using namespace net;

constexpr std::string_view flag_names[] = {"SYN", "ACK", "FIN", "RST"};

std::vector<std::string> frame_kinds() {
  std::vector<std::string> names;
  for (std::string_view type : {"data", "window update"}) {
    names.emplace_back(type);
    for (std::string_view flag : flag_names)
      names.push_back(fmt::format("{} {}", type, flag));
  }
  return names;
}

}  // namespace

Kinds kinds_yamux(frame_kinds(), {"ping", "pong", "go away", "go away of a fault", "overrun",
                                  "read", "as many streams as allowed"});

namespace {

/// Says what frames a flow of bytes has.
class FrameWatch {
 public:
  void see(ByteView bytes) {
    for (std::uint8_t byte : bytes) {
      if (payload_left_ > 0) {
        --payload_left_;
        continue;
      }
      header_[size_++] = byte;
      if (size_ == yamux_header_bytes) see_header();
    }
  }

 private:
  void see_header() {
    size_ = 0;
    const std::uint8_t type = header_[1];
    const unsigned flags = load_be<std::uint16_t>(&header_[2]);
    const auto length = load_be<std::uint32_t>(&header_[8]);
    if (type <= 1) {
      const std::string_view name = type == 0 ? "data" : "window update";
      if (type == 0) payload_left_ = length;
      kinds_yamux.reached_if(flags == 0, name);
      for (std::size_t i = 0; i < std::size(flag_names); ++i)
        kinds_yamux.reached_if((flags >> i & 1U) != 0, fmt::format("{} {}", name, flag_names[i]));
    }
    if (type == 2) kinds_yamux.reached((flags & 2U) != 0 ? "pong" : "ping");
    if (type == 3) kinds_yamux.reached(length == 0 ? "go away" : "go away of a fault");
  }

  std::array<std::uint8_t, yamux_header_bytes> header_{};
  std::size_t size_ = 0;
  std::uint32_t payload_left_ = 0;
};

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
      now_ += 10ms * next();
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
    const auto received = core_.receive(bytes, now_);
    const bool fine = received.has_value();
    watch_.see(bytes.view());
    if (!fine) {
      kinds_yamux.reached_if(received.error().is(YamuxError::window_overrun), "overrun");
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
        kinds_yamux.reached_if(!core_.read_buffer(id, next() + 1, now_).empty(), "read");
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
    kinds_yamux.reached_if(core_.streams_inbound() == 8, "as many streams as allowed");
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
  FrameWatch watch_;
  std::vector<YamuxStreamId> held_;
  Bytes much_ = Bytes(100'000, 1);
  std::array<ByteView, 2> pieces_{ByteView(much_).first(10), ByteView(much_)};
};

}  // namespace

void fuzz_yamux(ByteView input) {
  Run(input).run();
}

}  // namespace kith::fuzz
