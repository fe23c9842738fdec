#include <kith/dht/value_records.hpp>
#include <kith/routing/routing.hpp>

namespace kith::dht {
namespace {

constexpr std::size_t overhead_bytes = 160;

std::size_t memory_of(ByteView key, ByteView value) {
  return overhead_bytes + key.size() + value.size();
}

}  // namespace

bool ValueRecords::good(const Held& held, WallTime now) const {
  return held.value.received + value_ttl > now &&
         !validators_.expired(held.key, held.value.value, now);
}

ValueRecords::Values::iterator ValueRecords::erase(Values::iterator at) {
  bytes_ -= memory_of(at->second.key, at->second.value.value);
  return values_.erase(at);
}

Result<void> ValueRecords::put(ByteView key, ByteView value, WallTime received, WallTime now) {
  KITH_CHECK(validators_.check(key, value, now));
  Key away = distance(Key::of(key), self_);
  auto at = values_.find(away);
  if (at != values_.end()) {
    if (good(at->second, now) && validators_.better(key, at->second.value.value, value)) {
      return std::unexpected(routing::RoutingError::older_value);
    }
    erase(at);
  }
  at = values_.emplace(away, Held{to_bytes(key), {to_bytes(value), received}}).first;
  bytes_ += memory_of(key, value);
  while (values_.size() > limits_.records || bytes_ > limits_.bytes) {
    auto furthest = std::prev(values_.end());
    const bool is_this = furthest == at;
    erase(furthest);
    if (is_this) return std::unexpected(Errc::limit_exceeded);
  }
  return {};
}

std::optional<ValueRecords::Value> ValueRecords::get(ByteView key, WallTime now) const {
  auto at = values_.find(distance(Key::of(key), self_));
  if (at == values_.end() || !good(at->second, now)) return std::nullopt;
  return at->second.value;
}

void ValueRecords::expire(WallTime now) {
  for (auto at = values_.begin(); at != values_.end();)
    at = at->second.value.received + value_ttl <= now ? erase(at) : std::next(at);
}

bool ValueRecords::each_after(std::optional<Key>& after, std::size_t count,
                              const std::function<void(ByteView, const Value&)>& visit) const {
  auto at = after ? values_.upper_bound(*after) : values_.begin();
  for (; at != values_.end() && count > 0; ++at, --count) {
    visit(at->second.key, at->second.value);
    after = at->first;
  }
  return at != values_.end();
}

}  // namespace kith::dht
