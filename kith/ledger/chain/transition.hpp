// What a transaction does to the accounts: whether it may run, what it costs, its message, refunds
// and fees (Yellow Paper, 6; EIP-155, 1559, 2028, 2929, 2930, 3529, 3607, 3651, 3860, 4844, 7623,
// 7702, 7825).
//
// A transaction that may not run leaves nothing behind and makes its block invalid; one that runs
// and fails has paid for it. Thread: the machine's.
#pragma once

#include <cstdint>
#include <expected>
#include <variant>
#include <vector>

#include <kith/ledger/chain/transaction.hpp>
#include <kith/ledger/evm/machine.hpp>

namespace kith::ledger {

/// A transaction's gas at most, from Osaka on (EIP-7825).
inline constexpr std::uint64_t transaction_gas_max = 1ULL << 24;

enum class InvalidTransaction {
  type_not_supported = 1,
  nonce_too_low,
  nonce_too_high,
  nonce_overflow,   ///< EIP-2681
  sender_has_code,  ///< EIP-3607
  insufficient_funds,
  intrinsic_gas_too_low,  ///< the gas limit doesn't pay for what it costs before it runs
  floor_gas_too_low,      ///< nor for its data (EIP-7623)
  gas_limit_too_high,     ///< EIP-7825
  block_gas_exceeded,     ///< the block has less gas left
  fee_below_base_fee,
  tip_above_fee,
  init_code_too_large,  ///< EIP-3860
  no_blobs,
  too_many_blobs,
  bad_blob_version,
  blob_fee_too_low,
  no_authorizations,
  missing_recipient,
  cost_overflow,  ///< gas times fee is beyond 2^256
};
const ErrorDomain& error_domain(InvalidTransaction) noexcept;

struct TransactionResult {
  Halt halt = Halt::none;
  std::uint64_t gas_used = 0;
  std::uint64_t gas_refunded = 0;
  std::uint64_t gas_at_most = 0;  ///< used at the end, before the refund
  U256 effective_gas_price;
  std::optional<Address> created;
  Bytes output;
  std::vector<LogEntry> logs;

  bool succeeded() const noexcept { return halt == Halt::stop; }
};

/// How many blobs a block and a transaction may carry: these aren't the revision's alone
/// (EIP-7892).
struct BlobLimits {
  std::uint64_t transaction_max = 6;
};

/// What a transaction costs before it runs, and what it costs at least (EIP-7623).
struct IntrinsicGas {
  std::uint64_t before;
  std::uint64_t floor;
};
IntrinsicGas intrinsic_gas(const Transaction& transaction, Revision revision) noexcept;

/// What a call that is no transaction of a block's needn't fulfil.
struct CallRules {
  bool nonce = true;     ///< it is the account's next one, and not the last that there is
  bool gas_cap = true;   ///< EIP-7825
  bool no_code = true;   ///< EIP-3607
  bool base_fee = true;  ///< the fee is not below it
};

/// What can be said of a transaction without knowing a state or a block: its type, its gas, its
/// fees, what it carries. A pool asks this first.
std::expected<void, InvalidTransaction> check_transaction(const Transaction& transaction,
                                                          Revision revision,
                                                          const CallRules& rules = {}) noexcept;

/// Runs the transaction of that sender. `gas_available` is what is left of the block's gas. An
/// Error is of the world's reader alone: nothing is known then.
Result<std::expected<TransactionResult, InvalidTransaction>> apply_transaction(
    World& world, Machine& machine, const BlockContext& block, const BlobLimits& blobs,
    const Transaction& transaction, const Address& sender, std::uint64_t gas_available,
    const CallRules& rules = {});

}  // namespace kith::ledger
