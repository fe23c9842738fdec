// Blocks, transactions and receipts as JSON-RPC writes them (execution-apis). For .cpp files of
// rpc/ alone.
#pragma once

#include <functional>

#include <kith/ledger/chain/block.hpp>
#include <kith/ledger/chain/chain.hpp>
#include <kith/ledger/rpc/detail/rpc_params.hpp>

namespace kith::ledger::detail {

/// Where a transaction or a log is in the chain; all null of one that waits in a pool.
struct Position {
  BlockName block;
  std::uint64_t timestamp = 0;
  std::uint32_t index = 0;
};

/// Tells who has sent a transaction of a block.
struct Senders {
  bool allow_high_s = false;  ///< Frontier's rule
  /// Asked first; may be null.
  const std::function<std::optional<Address>(const Transaction&)>* known = nullptr;

  /// Nobody if its signature is none, which no block has.
  Address of(const Transaction& transaction) const;
};

json::object header_json(const Header& header, const Hash& hash);
/// With hashes of transactions, or with all of each.
json::object block_json(const Block& block, const Hash& hash, bool whole_transactions,
                        const Senders& senders = {});
/// `base_fee` is the block's. Without a position it waits.
json::object transaction_json(const Transaction& transaction, const Address& from,
                              const std::optional<Position>& position,
                              const std::optional<U256>& base_fee);
json::object log_json(const LogEntry& entry, const Position& position, const Hash& transaction,
                      std::uint64_t log_index, bool removed = false);
json::array access_list_json(const std::vector<AccessListEntry>& list);

/// What it takes to tell all of a block's receipts.
struct BlockReceipts {
  Block block;
  Hash hash;
  std::vector<Receipt> receipts;
  std::vector<Address> senders;
  U256 blob_base_fee;
};
RpcResult<BlockReceipts> read_receipts(const Chain& chain, const Hash& hash, Senders senders);
json::object receipt_json(const BlockReceipts& all, std::size_t index);

/// What a transaction pays for each unit of gas.
U256 effective_gas_price(const Transaction& transaction, const std::optional<U256>& base_fee);

}  // namespace kith::ledger::detail
