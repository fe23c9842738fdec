#include <algorithm>

#include <kith/net/address_scope.hpp>
#include <kith/net/dial_queue.hpp>
#include <kith/net/limits.hpp>

namespace kith::net {

using multiformats::Multiaddr;

void DialQueue::add(std::vector<Multiaddr> addresses, bool trusted) {
  offered_ += addresses.size();
  sort_in(std::move(addresses), 0, trusted);
}

void DialQueue::sort_in(std::vector<Multiaddr> addresses, int depth, bool trusted) {
  std::vector<Multiaddr> ranked;
  for (Lane* lane : {&direct_, &circuits_}) {
    for (RankedAddress& waiting : std::exchange(lane->pending, {}))
      ranked.push_back(std::move(waiting.address));
  }
  for (Multiaddr& address : addresses) {
    std::optional<multiformats::PeerId> named = address.peer_id();
    if (named && *named != peer_) continue;
    if (address.dns_name()) {
      if (depth >= resolve_depth_max || lookups_ + names_.size() >= dial_lookups_max) continue;
      if (!names_seen_.emplace(address, trusted).second) continue;
      names_.push_back({std::move(address), depth, trusted});
    } else {
      address = address.without_peer_id();
      if (wants(address)) ranked.push_back(std::move(address));
    }
  }
  for (RankedAddress& one : rank_addresses(std::move(ranked))) {
    Lane& lane = one.address.is_relayed() ? circuits_ : direct_;
    lane.pending.push_back(std::move(one));
  }
}

bool DialQueue::wants(const Multiaddr& address) {
  const bool fresh = dialable(address) && !seen_.contains(address);
  if (!fresh || seen_.size() >= dial_addresses_max) return false;
  switch (choose_(address)) {
    case DialChoice::leave_alone:
      ++left_alone_;
      return false;
    case DialChoice::ourselves:
      ++ourselves_;
      return false;
    case DialChoice::no_transport:
      return false;
    case DialChoice::go:
      break;
  }
  seen_.insert(address);
  return true;
}

std::optional<DialQueue::Name> DialQueue::next_name() {
  if (names_.empty() || looking_up_ >= dial_lookups_at_once) return std::nullopt;
  Name next = std::move(names_.front());
  names_.pop_front();
  ++looking_up_;
  ++lookups_;
  return next;
}

void DialQueue::resolved(const Name& name, std::vector<Multiaddr> found) {
  --looking_up_;
  if (!name.trusted) found = addresses_for(AddressScope::global, found);
  sort_in(std::move(found), name.depth + 1, name.trusted);
}

std::optional<Multiaddr> DialQueue::next_attempt(Instant now) {
  const bool direct = direct_.next_at() <= now;
  if (!direct && next_circuit_at() > now) return std::nullopt;
  if (!first_begun_) first_begun_ = now;
  return (direct ? direct_ : circuits_).begin(now);
}

Instant DialQueue::next_attempt_at() const noexcept {
  return std::min(direct_.next_at(), next_circuit_at());
}

/// At once if there is nothing else.
Instant DialQueue::next_circuit_at() const noexcept {
  const bool first = circuits_.running == 0;
  if (!first || circuits_.pending.empty() || direct_.over()) return circuits_.next_at();
  const Instant least = first_begun_ ? *first_begun_ + circuit_attempt_delay : never;
  return std::max(least, circuits_.next_at());
}

Instant DialQueue::Lane::next_at() const noexcept {
  if (pending.empty() || running >= running_max) return never;
  return running == 0 ? Instant::min() : last_begun + pending.front().delay;
}

Multiaddr DialQueue::Lane::begin(Instant now) {
  Multiaddr next = std::move(pending.front().address);
  pending.erase(pending.begin());
  ++running;
  last_begun = now;
  return next;
}

}  // namespace kith::net
