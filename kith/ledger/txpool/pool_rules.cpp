#include <algorithm>

#include <kith/ledger/chain/header_rules.hpp>
#include <kith/ledger/chain/transition.hpp>
#include <kith/ledger/txpool/pool_rules.hpp>

namespace kith::ledger {
namespace {

/// The pool's own tables, of each transaction.
constexpr std::size_t entry_bytes = 512;

U256 cost_of(const Transaction& transaction) noexcept {
  const U256 gas = transaction.gas_limit;
  if (!gas.is_zero() && transaction.max_fee > U256::max() / gas) return U256::max();
  bool overflow = false;
  const U256 cost = U256::add(transaction.max_fee * gas, transaction.value, overflow);
  return overflow ? U256::max() : cost;
}

std::vector<Address> authorities_of(const Transaction& transaction) {
  std::vector<Address> all;
  for (const Authorization& one : transaction.authorizations) {
    if (const auto signer = one.authority()) all.push_back(*signer);
  }
  std::ranges::sort(all);
  all.erase(std::unique(all.begin(), all.end()), all.end());
  all.shrink_to_fit();
  return all;
}

std::size_t memory_of(const PoolTransaction& one) noexcept {
  const Transaction& transaction = one.transaction;
  std::size_t bytes = sizeof(PoolTransaction) + entry_bytes + transaction.data.capacity();
  bytes += transaction.access_list.capacity() * sizeof(AccessListEntry);
  for (const AccessListEntry& entry : transaction.access_list)
    bytes += entry.keys.capacity() * sizeof(U256);
  bytes += transaction.authorizations.capacity() * sizeof(Authorization);
  // An authority's place in the pool's table is a node of a tree.
  return bytes + one.authorities.capacity() * (sizeof(Address) + 96);
}

PoolError of_rules(InvalidTransaction reason) noexcept {
  switch (reason) {
    case InvalidTransaction::nonce_overflow:
      return PoolError::nonce_max;
    case InvalidTransaction::gas_limit_too_high:
      return PoolError::gas_limit_too_high;
    case InvalidTransaction::init_code_too_large:
      return PoolError::init_code_too_large;
    case InvalidTransaction::tip_above_fee:
      return PoolError::tip_above_fee;
    case InvalidTransaction::cost_overflow:
      return PoolError::insufficient_funds;
    case InvalidTransaction::missing_recipient:
      return PoolError::missing_recipient;
    case InvalidTransaction::no_authorizations:
      return PoolError::no_authorizations;
    case InvalidTransaction::intrinsic_gas_too_low:
      return PoolError::intrinsic_gas_too_low;
    case InvalidTransaction::floor_gas_too_low:
      return PoolError::floor_gas_too_low;
    default:
      return PoolError::type_not_supported;
  }
}

}  // namespace

PoolTransactionPointer PoolTransaction::make(Transaction transaction, const Address& sender) {
  auto made = std::make_shared<PoolTransaction>();
  const Bytes encoded = transaction.encode();
  made->hash = keccak256(encoded);
  made->bytes = encoded.size();
  made->sender = sender;
  made->cost = cost_of(transaction);
  made->authorities = authorities_of(transaction);
  made->transaction = std::move(transaction);
  made->memory_bytes = memory_of(*made);
  return made;
}

std::optional<U256> effective_tip(const Transaction& transaction, const U256& base_fee) noexcept {
  if (transaction.max_fee < base_fee) return std::nullopt;
  return std::min(transaction.max_priority_fee, transaction.max_fee - base_fee);
}

std::string inspect_line(const Transaction& transaction) {
  const std::string to = transaction.to ? transaction.to->to_checksum() : "contract creation";
  return to + ": " + transaction.value.to_decimal() + " wei + " +
         std::to_string(transaction.gas_limit) + " gas × " + transaction.max_fee.to_decimal() +
         " wei";
}

PoolHead PoolHead::after(const Header& header, const ForkSchedule& schedule,
                         std::shared_ptr<StateReader> state) {
  PoolHead head;
  // The next block's time is unknown, but later.
  head.revision = schedule.revision_at(header.number + 1, header.timestamp + 1);
  if (head.revision >= Revision::london) head.base_fee = next_base_fee(header, schedule);
  head.gas_limit = header.gas_limit;
  head.state = std::move(state);
  return head;
}

std::expected<void, PoolError> PoolRules::check(const Transaction& transaction, std::size_t bytes,
                                                TransactionOrigin origin) const noexcept {
  if (transaction.type == Transaction::Type::blob) return std::unexpected(PoolError::no_blobs);
  if (bytes > pool_transaction_bytes_max) return std::unexpected(PoolError::oversized);
  if (transaction.chain_id && *transaction.chain_id != chain_id)
    return std::unexpected(PoolError::foreign_chain);
  if (const auto valid = check_transaction(transaction, revision); !valid)
    return std::unexpected(of_rules(valid.error()));
  if (transaction.gas_limit > gas_limit) return std::unexpected(PoolError::exceeds_block_gas_limit);
  if (transaction.max_fee < base_fee_min) return std::unexpected(PoolError::fee_below_base_fee);
  if (origin == TransactionOrigin::remote && transaction.max_priority_fee < price_limit)
    return std::unexpected(PoolError::price_too_low);
  return {};
}

}  // namespace kith::ledger
