#include <algorithm>
#include <utility>

#include <kith/base/assert.hpp>
#include <kith/net/bandwidth.hpp>
#include <kith/port/event.hpp>

namespace kith::net {
namespace {

constexpr std::uint64_t turns_per_second = 20;

class HeldStream final : public port::Stream {
 public:
  HeldStream(port::Clock& clock, std::unique_ptr<port::Stream> inner, RateGates up, RateGates down)
      : clock_(clock),
        inner_(std::move(inner)),
        up_(std::move(up)),
        down_(std::move(down)),
        up_turn_(turn_of(up_)),
        down_turn_(turn_of(down_)) {}

  Task<std::size_t> read_some(MutableBytes into, Instant deadline) override {
    KITH_CO_CHECK(co_await wait_until(read_from_, deadline));
    const MutableBytes turn = into.first(std::min(into.size(), down_turn_));
    KITH_CO_TRY(const std::size_t size, co_await inner_->read_some(turn, deadline));
    read_from_ = take(down_, size);
    co_return size;
  }

  Task<Buffer> read_buffer(std::size_t size_max, Instant deadline) override {
    KITH_CO_CHECK(co_await wait_until(read_from_, deadline));
    const std::size_t turn = std::min(size_max, down_turn_);
    KITH_CO_TRY(Buffer bytes, co_await inner_->read_buffer(turn, deadline));
    read_from_ = take(down_, bytes.size());
    co_return bytes;
  }

  Task<void> write(ByteView bytes, Instant deadline) override {
    const ByteView pieces[] = {bytes};
    const std::span<const ByteView> all = pieces;
    co_return co_await write_all(all, deadline);
  }

  Task<void> write_all(std::span<const ByteView> pieces, Instant deadline) override {
    if (up_.empty()) co_return co_await inner_->write_all(pieces, deadline);
    std::vector<ByteView> rest(pieces.begin(), pieces.end());
    std::size_t first = 0;
    do {
      std::vector<ByteView> turn;
      std::size_t room = up_turn_;
      while (first < rest.size() && room > 0) {
        const std::size_t size = std::min(room, rest[first].size());
        turn.push_back(rest[first].first(size));
        rest[first] = rest[first].subspan(size);
        room -= size;
        if (rest[first].empty()) ++first;
      }
      const std::size_t taken = up_turn_ - room;
      const Instant now = clock_.now();
      // Who won't wait that long takes nothing from those who do.
      if (begin_of(up_, now) > deadline) co_return co_await wait_until(never, deadline);
      const Instant from = take(up_, taken);
      auto waited = co_await wait_until(from, deadline);
      if (!waited) give_back(up_, taken);
      KITH_CO_CHECK(std::move(waited));
      const std::span<const ByteView> pieces_of_turn = turn;
      KITH_CO_CHECK(co_await inner_->write_all(pieces_of_turn, deadline));
    } while (first < rest.size());
    co_return Result<void>{};
  }

  Task<void> close_write(Instant deadline) override { return inner_->close_write(deadline); }
  void reset() noexcept override {
    reset_ = true;
    inner_->reset();
    broken_.notify_all();
  }

 private:
  static std::size_t turn_of(const RateGates& gates) {
    std::size_t turn = SIZE_MAX;
    for (const auto& gate : gates)
      turn = std::min(turn, gate->turn_bytes());
    return turn;
  }

  Instant take(const RateGates& gates, std::size_t bytes) const {
    const Instant now = clock_.now();
    Instant from = now;
    for (const auto& gate : gates)
      from = std::max(from, gate->take(bytes, now));
    return from;
  }

  static Instant begin_of(const RateGates& gates, Instant now) {
    Instant from = now;
    for (const auto& gate : gates)
      from = std::max(from, gate->next(now));
    return from;
  }

  static void give_back(const RateGates& gates, std::size_t bytes) {
    for (const auto& gate : gates)
      gate->give_back(bytes);
  }

  /// As a read or write that waits: ends when the stream is reset.
  Task<void> wait_until(Instant from, Instant deadline) {
    while (clock_.now() < from) {
      if (reset_) co_return std::unexpected(Errc::reset);
      auto woken = co_await broken_.wait(std::min(from, deadline));
      const bool over = clock_.now() >= deadline && deadline < from;
      if (!woken && (over || !woken.error().is(Errc::timed_out))) {
        co_return std::unexpected(woken.error());
      }
    }
    co_return Result<void>{};
  }

  port::Clock& clock_;
  std::unique_ptr<port::Stream> inner_;
  RateGates up_;
  RateGates down_;
  std::size_t up_turn_;
  std::size_t down_turn_;
  Instant read_from_ = Instant::min();
  bool reset_ = false;
  port::Event broken_{clock_};
};

}  // namespace

RateGate::RateGate(std::uint64_t bytes_per_second) noexcept
    : rate_(bytes_per_second),
      turn_bytes_(std::clamp<std::size_t>(bytes_per_second / turns_per_second,
                                          bandwidth_turn_bytes_min, bandwidth_turn_bytes_max)) {
  ASSERT(bytes_per_second > 0);
}

Duration RateGate::time_of(std::size_t bytes) const noexcept {
  constexpr double ticks_per_second = static_cast<double>(Duration(1s).count());
  const double ticks = static_cast<double>(bytes) * ticks_per_second / static_cast<double>(rate_);
  return Duration(static_cast<Duration::rep>(ticks));
}

Instant RateGate::next(Instant now) const noexcept {
  // One turn may go ahead of its time.
  return std::max(free_at_, now - time_of(turn_bytes_));
}

Instant RateGate::take(std::size_t bytes, Instant now) noexcept {
  const Instant begin = next(now);
  free_at_ = begin + time_of(bytes);
  return begin;
}

void RateGate::give_back(std::size_t bytes) noexcept {
  free_at_ -= time_of(bytes);
}

Bandwidth::Bandwidth(port::Clock& clock, BandwidthLimits limits)
    : clock_(clock), each_peer_(limits.each_peer), all_(gates_of(limits.all)) {
  for (const auto& [protocol, limit] : limits.protocols)
    protocols_.emplace(protocol, gates_of(limit));
}

Bandwidth::Gates Bandwidth::gates_of(RateLimit limit) {
  Gates gates;
  if (limit.up > 0) gates.up = std::make_shared<RateGate>(limit.up);
  if (limit.down > 0) gates.down = std::make_shared<RateGate>(limit.down);
  return gates;
}

const Bandwidth::Gates* Bandwidth::protocol_gates(const ProtocolId& protocol) const {
  for (std::string_view part = protocol; !part.empty();) {
    auto found = protocols_.find(part);
    if (found != protocols_.end()) return &found->second;
    const std::size_t cut = part.rfind('/');
    part = part.substr(0, cut == std::string_view::npos ? 0 : cut);
  }
  return nullptr;
}

std::unique_ptr<port::Stream> Bandwidth::hold(std::unique_ptr<port::Stream> stream,
                                              const multiformats::PeerId& peer,
                                              const ProtocolId& protocol) {
  if (each_peer_.none()) return hold(std::move(stream), protocol, {});
  auto found = peers_.find(peer);
  if (found == peers_.end()) found = peers_.emplace(peer, gates_of(each_peer_)).first;
  return hold(std::move(stream), protocol, found->second);
}

std::unique_ptr<port::Stream> Bandwidth::hold(std::unique_ptr<port::Stream> stream,
                                              const ProtocolId& protocol) {
  return hold(std::move(stream), protocol, gates_of(each_peer_));
}

std::unique_ptr<port::Stream> Bandwidth::hold(std::unique_ptr<port::Stream> stream,
                                              const ProtocolId& protocol, const Gates& own) {
  RateGates up;
  RateGates down;
  const auto add = [&up, &down](const Gates& gates) {
    if (gates.up) up.push_back(gates.up);
    if (gates.down) down.push_back(gates.down);
  };
  add(all_);
  if (const Gates* gates = protocol_gates(protocol)) add(*gates);
  add(own);
  if (up.empty() && down.empty()) return stream;
  return std::make_unique<HeldStream>(clock_, std::move(stream), std::move(up), std::move(down));
}

}  // namespace kith::net
