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
  for (RankedAddress& waiting : pending_)
    ranked.push_back(std::move(waiting.address));
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
  pending_ = rank_addresses(std::move(ranked));
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
  if (next_attempt_at() > now) return std::nullopt;
  Multiaddr next = std::move(pending_.front().address);
  pending_.erase(pending_.begin());
  ++running_;
  last_begun_ = now;
  return next;
}

Instant DialQueue::next_attempt_at() const noexcept {
  if (pending_.empty() || running_ >= attempts_max_) return never;
  return running_ == 0 ? Instant::min() : last_begun_ + pending_.front().delay;
}

}  // namespace kith::net
