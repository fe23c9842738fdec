#include <kith/net/dial_queue.hpp>
#include <kith/net/limits.hpp>

namespace kith::net {

using multiformats::Multiaddr;

void DialQueue::add(std::vector<Multiaddr> addresses) {
  offered_ += addresses.size();
  sort_in(std::move(addresses), 0);
}

void DialQueue::sort_in(std::vector<Multiaddr> addresses, int depth) {
  std::vector<Multiaddr> ranked;
  for (RankedAddress& waiting : pending_)
    ranked.push_back(std::move(waiting.address));
  for (Multiaddr& address : addresses) {
    std::optional<multiformats::PeerId> named = address.peer_id();
    if (named && *named != peer_) continue;
    if (address.dns_name()) {
      const bool wanted = depth < resolve_depth_max && lookups_ + names_.size() < dial_lookups_max;
      if (wanted && seen_.insert(address).second) names_.push_back({std::move(address), depth});
      continue;
    }
    address = address.without_peer_id();
    if (!dialable(address) || addresses_ >= dial_addresses_max) continue;
    if (!allows_(address)) {
      ++left_alone_;
      continue;
    }
    if (!seen_.insert(address).second) continue;
    ++addresses_;
    ranked.push_back(std::move(address));
  }
  pending_ = rank_addresses(std::move(ranked));
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
  sort_in(std::move(found), name.depth + 1);
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
