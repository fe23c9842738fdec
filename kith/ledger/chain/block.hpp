// Blocks: a header, transactions, before Paris headers of blocks beside the chain, from Shanghai on
// withdrawals (Yellow Paper, 4.4; EIP-4895). Thread: any.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <vector>

#include <kith/ledger/chain/header.hpp>
#include <kith/ledger/chain/transaction.hpp>

namespace kith::ledger {

/// A block's bytes at most from Osaka on (EIP-7934); what peers send is never larger.
inline constexpr std::size_t block_bytes_max = 8 << 20;

struct Withdrawal {
  std::uint64_t index = 0;
  std::uint64_t validator = 0;
  Address address;
  std::uint64_t amount = 0;  ///< in units of 10^9 wei

  friend bool operator==(const Withdrawal&, const Withdrawal&) = default;
};

struct Block {
  Header header;
  std::vector<Transaction> transactions;
  std::vector<Header> ommers;
  std::optional<std::vector<Withdrawal>> withdrawals;

  Bytes encode() const;
  /// All of the input must be one block.
  static std::expected<Block, TransactionError> decode(ByteView input);

  /// What the header must name.
  Hash transactions_root() const;
  Hash ommers_hash() const;
  /// Of no withdrawals if there are none.
  Hash withdrawals_root() const;
};

}  // namespace kith::ledger
