// A whole state in memory: of tests, of `kith evm`, of a genesis before it is written. Thread: one
// at a time.
#pragma once

#include <map>
#include <optional>
#include <unordered_map>

#include <kith/ledger/evm/world.hpp>
#include <kith/ledger/primitives/types.hpp>

namespace kith::ledger {

class MemoryState final : public StateReader {
 public:
  struct Account {
    std::uint64_t nonce = 0;
    U256 balance;
    Bytes code;
    std::map<U256, U256> storage;  ///< no zeros
  };

  /// Replaces what is there.
  void set(const Address& address, Account account);
  const Account* find(const Address& address) const;
  const std::map<Address, Account>& accounts() const noexcept { return accounts_; }

  /// Takes over what the world has changed. The world still reads from here: it is of no use
  /// afterwards.
  void apply(World& world);

  /// The state root (Yellow Paper, 4.1), computed from nothing.
  Hash root() const;

  Result<std::optional<AccountState>> account(const Address& address) override;
  Result<U256> storage(const Address& address, const U256& key) override;
  /// Errc::not_found if no account that was ever here had it.
  Result<CodePointer> code(const Hash& hash) override;

 private:
  std::map<Address, Account> accounts_;
  std::map<Hash, CodePointer> codes_;
};

}  // namespace kith::ledger
