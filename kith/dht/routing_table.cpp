#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/dht/routing_table.hpp>

namespace kith::dht {

const RoutingTable::Entry* RoutingTable::find(const Key& key) const {
  std::size_t shared = common_prefix(self_, key);
  if (shared >= buckets_.size()) return nullptr;
  const std::vector<Entry>& in = buckets_[shared].in;
  auto found = std::ranges::find(in, key, &Entry::key);
  return found == in.end() ? nullptr : &*found;
}

RoutingTable::Bucket& RoutingTable::bucket_of(const Key& key) {
  std::size_t shared = common_prefix(self_, key);
  ASSERT(shared < buckets);
  if (buckets_.size() <= shared) buckets_.resize(shared + 1);
  return buckets_[shared];
}

bool RoutingTable::crowded(const Bucket& bucket, const Entry& entry) const {
  return std::ranges::any_of(entry.groups, [&](IpGroup group) {
    auto in_table = groups_.find(group);
    if (in_table == groups_.end()) return false;
    if (in_table->second >= group_in_table_max) return true;
    auto in_bucket = std::ranges::count_if(bucket.in, [group](const Entry& other) {
      return std::ranges::find(other.groups, group) != other.groups.end();
    });
    return static_cast<std::size_t>(in_bucket) >= group_in_bucket_max;
  });
}

void RoutingTable::put_in(Bucket& bucket, Entry entry) {
  for (IpGroup group : entry.groups)
    ++groups_[group];
  bucket.in.push_back(std::move(entry));
  ++size_;
}

void RoutingTable::wait_in(Bucket& bucket, Entry entry) {
  std::erase_if(bucket.waiting, [&entry](const Entry& one) { return one.key == entry.key; });
  if (bucket.waiting.size() >= bucket_waiting_max) bucket.waiting.erase(bucket.waiting.begin());
  bucket.waiting.push_back(std::move(entry));
}

std::optional<PeerId> RoutingTable::doubtful_of(Bucket& bucket, Instant now) {
  auto oldest = std::ranges::min_element(bucket.in, {}, &Entry::heard);
  if (oldest == bucket.in.end() || now - oldest->heard < peer_doubtful_after) return std::nullopt;
  if (oldest->doubted && now - *oldest->doubted < peer_doubtful_after) return std::nullopt;
  oldest->doubted = now;
  return oldest->peer;
}

RoutingTable::Added RoutingTable::add(const PeerId& peer, std::vector<IpGroup> groups,
                                      Instant now) {
  Entry entry{peer, Key::of(peer), std::move(groups), now, std::nullopt};
  if (entry.key == self_) return {Outcome::itself, std::nullopt};
  if (Entry* known = find(entry.key)) {
    known->heard = now;
    return {Outcome::known, std::nullopt};
  }
  Bucket& bucket = bucket_of(entry.key);
  if (crowded(bucket, entry)) return {Outcome::crowded, std::nullopt};
  if (bucket.in.size() < bucket_size_) {
    put_in(bucket, std::move(entry));
    return {Outcome::added, std::nullopt};
  }
  wait_in(bucket, std::move(entry));
  return {Outcome::waiting, doubtful_of(bucket, now)};
}

void RoutingTable::heard_from(const PeerId& peer, Instant now) {
  Entry* entry = find(Key::of(peer));
  if (entry == nullptr) return;
  entry->heard = now;
  entry->doubted.reset();
}

bool RoutingTable::remove(const PeerId& peer) {
  Key key = Key::of(peer);
  std::size_t shared = common_prefix(self_, key);
  if (shared >= buckets_.size()) return false;
  Bucket& bucket = buckets_[shared];
  std::erase_if(bucket.waiting, [&key](const Entry& one) { return one.key == key; });
  auto found = std::ranges::find(bucket.in, key, &Entry::key);
  if (found == bucket.in.end()) return false;
  for (IpGroup group : found->groups) {
    auto count = groups_.find(group);
    if (--count->second == 0) groups_.erase(count);
  }
  bucket.in.erase(found);
  --size_;
  // The newest is the likeliest to be there.
  while (!bucket.waiting.empty() && bucket.in.size() < bucket_size_) {
    Entry next = std::move(bucket.waiting.back());
    bucket.waiting.pop_back();
    if (!crowded(bucket, next)) put_in(bucket, std::move(next));
  }
  return true;
}

void RoutingTable::collect(std::size_t first, std::size_t last, const Key& target,
                           std::size_t count, std::vector<PeerId>& into) const {
  std::vector<std::pair<Key, const PeerId*>> found;
  for (std::size_t i = first; i < std::min(last, buckets_.size()); ++i) {
    for (const Entry& entry : buckets_[i].in)
      found.emplace_back(distance(entry.key, target), &entry.peer);
  }
  std::size_t wanted = std::min(count - into.size(), found.size());
  std::ranges::partial_sort(found, found.begin() + static_cast<std::ptrdiff_t>(wanted), {},
                            &std::pair<Key, const PeerId*>::first);
  for (std::size_t i = 0; i < wanted; ++i)
    into.push_back(*found[i].second);
}

std::vector<PeerId> RoutingTable::nearest(const Key& target, std::size_t count) const {
  std::vector<PeerId> peers;
  // Who shares as many bits with us as the target does may share more with the target; who shares
  // more with us shares exactly as many with it as we; of all others, the more the nearer.
  std::size_t shared = common_prefix(self_, target);
  collect(shared, shared + 1, target, count, peers);
  if (peers.size() < count) collect(shared + 1, buckets_.size(), target, count, peers);
  for (std::size_t i = std::min(shared, buckets_.size()); i > 0 && peers.size() < count; --i)
    collect(i - 1, i, target, count, peers);
  return peers;
}

bool RoutingTable::needs_refresh(std::size_t shared_bits, Instant since) const {
  std::size_t nearer = 0;
  for (std::size_t i = shared_bits; i < buckets_.size(); ++i)
    nearer += buckets_[i].in.size();
  if (nearer < bucket_size_) return false;
  const std::vector<Entry>& in = buckets_[shared_bits].in;
  return in.size() < bucket_size_ ||
         std::ranges::any_of(in, [since](const Entry& entry) { return entry.heard < since; });
}

std::size_t RoutingTable::bucket_count() const noexcept {
  std::size_t count = buckets_.size();
  while (count > 0 && buckets_[count - 1].in.empty())
    --count;
  return count;
}

std::vector<PeerId> RoutingTable::bucket(std::size_t shared_bits) const {
  std::vector<PeerId> peers;
  if (shared_bits >= buckets_.size()) return peers;
  for (const Entry& entry : buckets_[shared_bits].in)
    peers.push_back(entry.peer);
  return peers;
}

std::vector<PeerId> RoutingTable::peers() const {
  std::vector<PeerId> peers;
  peers.reserve(size_);
  for (const Bucket& bucket : buckets_) {
    for (const Entry& entry : bucket.in)
      peers.push_back(entry.peer);
  }
  return peers;
}

std::vector<IpGroup> RoutingTable::groups(const PeerId& peer) const {
  const Entry* entry = find(Key::of(peer));
  return entry != nullptr ? entry->groups : std::vector<IpGroup>();
}

std::vector<PeerId> RoutingTable::silent_since(Instant then, std::size_t count) const {
  std::vector<const Entry*> silent;
  for (const Bucket& bucket : buckets_) {
    for (const Entry& entry : bucket.in) {
      if (entry.heard <= then) silent.push_back(&entry);
    }
  }
  std::ranges::stable_sort(silent, {}, &Entry::heard);
  std::vector<PeerId> peers;
  for (const Entry* entry : silent) {
    if (peers.size() == count) break;
    peers.push_back(entry->peer);
  }
  return peers;
}

}  // namespace kith::dht
