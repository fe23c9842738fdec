// The transactions that wait, as JSON-RPC asks for them. Thread: any, at the same time.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include <kith/ledger/chain/transaction.hpp>
#include <kith/ledger/rpc/rpc_error.hpp>

namespace kith::ledger {

class PendingTransactions {
 public:
  virtual ~PendingTransactions() = default;

  struct Waiting {
    Transaction transaction;
    Address from;
  };
  using ByNonce = std::map<std::uint64_t, Transaction>;
  struct Content {
    std::map<Address, ByNonce> pending;  ///< could be in the next block
    std::map<Address, ByNonce> queued;   ///< waits for another one first
  };

  /// Takes a transaction of a local caller's; tells its hash.
  virtual RpcResult<Hash> send(const Transaction& transaction) = 0;
  virtual std::optional<Waiting> find(const Hash& hash) const = 0;
  /// The nonce after those that wait; `nonce` if none does.
  virtual std::uint64_t next_nonce(const Address& address, std::uint64_t nonce) const = 0;
  virtual Content content() const = 0;
};

}  // namespace kith::ledger
