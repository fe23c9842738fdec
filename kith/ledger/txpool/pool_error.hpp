// Why the pool doesn't take a transaction, and why it lets one go. The sentences are geth's, word
// for word where wallets and libraries look for them. Thread: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <kith/base/result.hpp>

namespace kith::ledger {

enum class PoolError {
  already_known = 1,
  type_not_supported,  ///< in this fork
  no_blobs,            ///< a blob transaction: the pool has no place for its blobs
  oversized,           ///< beyond pool_transaction_bytes_max
  foreign_chain,
  init_code_too_large,
  gas_limit_too_high,       ///< EIP-7825
  exceeds_block_gas_limit,  ///< no block could hold it
  tip_above_fee,
  nonce_max,  ///< EIP-2681
  intrinsic_gas_too_low,
  floor_gas_too_low,  ///< EIP-7623
  no_authorizations,
  missing_recipient,
  price_too_low,       ///< below the price limit
  fee_below_base_fee,  ///< below what the chain's base fee never goes below
  nonce_too_low,
  sender_is_contract,  ///< EIP-3607
  insufficient_funds,  ///< for it, or for it and what the account has pending
  replacement_underpriced,
  underpriced,  ///< the pool is full of better ones
  full,         ///< and nothing may give way
  future_replaces_pending,
  account_limit_exceeded,    ///< as many wait for a gap in the account's nonces as may
  delegated_account_in_use,  ///< EIP-7702: such an account has one at a time
  delegated_account_gap,     ///< and no gaps
  authority_reserved,        ///< who authorizes has transactions of its own here
};
const ErrorDomain& error_domain(PoolError) noexcept;

/// As geth's RPC tells a refusal: the sentence first, which tools look for, then the numbers.
std::string refusal_text(const Error& error);

enum class DropReason : std::uint8_t {
  included,    ///< it is in the chain
  overtaken,   ///< another one of its nonce is
  replaced,    ///< by a better paid one of its nonce
  unpayable,   ///< its sender's balance doesn't cover it any more
  gas_limit,   ///< blocks have become too small for it
  invalid,     ///< a fork has made it so, or its sender has become a contract
  priced_out,  ///< the cheapest of a full pool
  truncated,   ///< its sender had most in a full pool
  expired,     ///< it waited too long for the nonces before it
};
std::string_view name_of(DropReason reason) noexcept;

}  // namespace kith::ledger
