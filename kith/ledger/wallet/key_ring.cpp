#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/ledger/chain/transaction.hpp>
#include <kith/ledger/wallet/key_ring.hpp>

namespace kith::ledger {

void KeyRing::unlock(const crypto::SecretArray<32>& secret, Instant until) {
  const auto address = address_of(secret);
  ASSERT(address.has_value());
  keys_.insert_or_assign(*address, Key{crypto::LockedSecret(secret), until});
}

std::optional<crypto::SecretArray<32>> KeyRing::find(const Address& address, Instant now) const {
  const auto found = keys_.find(address);
  if (found == keys_.end() || found->second.until <= now) return std::nullopt;
  return crypto::SecretArray<32>(found->second.secret.view().first<32>());
}

std::vector<Address> KeyRing::unlocked(Instant now) const {
  std::vector<Address> open;
  for (const auto& [address, key] : keys_) {
    if (key.until > now) open.push_back(address);
  }
  return open;
}

void KeyRing::expire(Instant now) {
  std::erase_if(keys_, [now](const auto& one) { return one.second.until <= now; });
}

Instant KeyRing::deadline() const noexcept {
  Instant next = never;
  for (const auto& [address, key] : keys_)
    next = std::min(next, key.until);
  return next;
}

}  // namespace kith::ledger
