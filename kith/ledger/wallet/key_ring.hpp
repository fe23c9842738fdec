// KeyRing: keys that were unlocked, each until its time is over. Whoever owns it tells it the time,
// and wakes it when the next key's is over; a key whose time is over is never given out, woken or
// not. Keys lie in memory that isn't swapped out, and are wiped when they go. Not for two threads.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include <kith/base/time.hpp>
#include <kith/crypto/locked_secret.hpp>
#include <kith/crypto/secret.hpp>
#include <kith/ledger/primitives/types.hpp>

namespace kith::ledger {

class KeyRing {
 public:
  /// Until then (`never`: until lock()), whatever was said of it before. `secret` is a key's.
  void unlock(const crypto::SecretArray<32>& secret, Instant until);
  void lock(const Address& address) { keys_.erase(address); }
  void lock_all() { keys_.clear(); }

  /// A copy for one signature; nothing if it is locked.
  std::optional<crypto::SecretArray<32>> find(const Address& address, Instant now) const;
  std::vector<Address> unlocked(Instant now) const;

  /// Wipes the keys whose time is over.
  void expire(Instant now);
  /// When expire() has something to do next; `never` if it hasn't.
  Instant deadline() const noexcept;

 private:
  struct Key {
    crypto::LockedSecret secret;
    Instant until;
  };
  std::map<Address, Key> keys_;
};

}  // namespace kith::ledger
