#include <algorithm>

#include <kith/ledger/consensus/pow/orphan_pool.hpp>

namespace kith::ledger {

/// With what it takes to keep it, about: small ones aren't free.
std::size_t OrphanPool::size_of(const Orphan& orphan) noexcept {
  constexpr std::size_t overhead = 512;
  return orphan.bytes.size() + overhead;
}

bool OrphanPool::add(Orphan orphan, Instant now) {
  const std::size_t size = size_of(orphan);
  if (contains(orphan.hash) || size > limits_.bytes_of_peer_max) return false;
  expire(now);
  const auto share_is_full = [&] {
    const auto share = shares_.find(orphan.peer);
    return share != shares_.end() &&
           (share->second.bytes_by_age.size() >= limits_.count_of_peer_max ||
            share->second.bytes + size > limits_.bytes_of_peer_max);
  };
  while (share_is_full())
    take(shares_.at(orphan.peer).bytes_by_age.begin()->first);
  while (!orphans_.empty() &&
         (orphans_.size() >= limits_.count_max || bytes_ + size > limits_.bytes_max)) {
    take(oldest_of_the_largest());
  }
  const Age age = next_age_++;
  by_hash_[orphan.hash] = age;
  by_parent_[orphan.parent].push_back(age);
  Share& share = shares_[orphan.peer];
  share.bytes_by_age[age] = size;
  share.bytes += size;
  bytes_ += size;
  orphans_.emplace(age, Entry{std::move(orphan), now + limits_.lifetime});
  return true;
}

std::vector<Orphan> OrphanPool::take_children(const Hash& parent) {
  std::vector<Orphan> children;
  const auto found = by_parent_.find(parent);
  if (found == by_parent_.end()) return children;
  const std::vector<Age> ages = found->second;
  for (const Age age : ages)
    children.push_back(take(age));
  return children;
}

void OrphanPool::drop_peer(std::uint64_t peer) {
  for (auto share = shares_.find(peer); share != shares_.end(); share = shares_.find(peer))
    take(share->second.bytes_by_age.begin()->first);
}

void OrphanPool::expire(Instant now) {
  while (!orphans_.empty() && orphans_.begin()->second.expires <= now)
    take(orphans_.begin()->first);
}

Instant OrphanPool::next_expiry() const noexcept {
  return orphans_.empty() ? never : orphans_.begin()->second.expires;
}

Orphan OrphanPool::take(Age age) {
  const auto found = orphans_.find(age);
  Orphan orphan = std::move(found->second.orphan);
  orphans_.erase(found);
  by_hash_.erase(orphan.hash);
  const auto siblings = by_parent_.find(orphan.parent);
  std::erase(siblings->second, age);
  if (siblings->second.empty()) by_parent_.erase(siblings);
  const auto share = shares_.find(orphan.peer);
  const std::size_t size = share->second.bytes_by_age.at(age);
  share->second.bytes_by_age.erase(age);
  share->second.bytes -= size;
  bytes_ -= size;
  if (share->second.bytes_by_age.empty()) shares_.erase(share);
  return orphan;
}

OrphanPool::Age OrphanPool::oldest_of_the_largest() const {
  const auto largest =
      std::ranges::max_element(shares_, {}, [](const auto& share) { return share.second.bytes; });
  return largest->second.bytes_by_age.begin()->first;
}

}  // namespace kith::ledger
