// What an account did and was sent, read out of what a node answers: blocks with their transactions
// (eth_getBlockByNumber), what waits in its pool (txpool_contentFrom), receipts. What contracts
// pass on among themselves stands in no block, so it isn't here. Thread: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <kith/base/result.hpp>
#include <kith/ledger/primitives/types.hpp>
#include <kith/ledger/primitives/u256.hpp>

namespace kith::api {

namespace json = boost::json;

/// One transaction that the account sent or was sent.
struct HistoryEntry {
  ledger::Hash hash;
  ledger::Address from;
  std::optional<ledger::Address> to;  ///< none: it makes a contract
  ledger::U256 value;                 ///< wei
  std::uint64_t nonce = 0;
  std::optional<std::uint64_t> block;  ///< none while it waits
  std::uint64_t time_s = 0;            ///< the block's, since 1970
  bool has_gap = false;                ///< it waits for others of the account, which aren't there
  std::optional<ledger::U256> fee;     ///< wei, once its receipt has been read
  std::optional<bool> succeeded;       ///< the same

  bool is_from(const ledger::Address& account) const { return from == account; }
  /// Who is at its other end; none if it makes a contract.
  std::optional<ledger::Address> counterpart(const ledger::Address& account) const {
    return is_from(account) ? to : std::optional(from);
  }
};

/// Adds those of a block with whole transactions, the block's last one first. Errc::corrupt if that
/// isn't block `number`.
Result<void> add_from_block(const json::value& block, std::uint64_t number,
                            const ledger::Address& account, std::vector<HistoryEntry>& into);
/// Adds those that wait, the highest nonce first. Errc::corrupt.
Result<void> add_waiting(const json::value& content, const ledger::Address& account,
                         std::vector<HistoryEntry>& into);
/// The fee, and how it went. Errc::corrupt if the receipt isn't this transaction's.
Result<void> add_receipt(const json::value& receipt, HistoryEntry& entry);

/// For programs: numbers of wei are decimal texts.
json::object value_of(const HistoryEntry& entry, const ledger::Address& account);
/// For people, one line.
std::string line_of(const HistoryEntry& entry, const ledger::Address& account);

}  // namespace kith::api
