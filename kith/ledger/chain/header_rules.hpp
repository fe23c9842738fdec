// Whether a header may follow another one, and what the next one must say (Yellow Paper, 4.4.4;
// EIP-1559, 4844, 4895, 7918). Consensus has rules of its own (consensus/). Thread: any.
#pragma once

#include <cstdint>
#include <expected>

#include <kith/ledger/chain/block.hpp>
#include <kith/ledger/chain/fork_schedule.hpp>
#include <kith/ledger/chain/header.hpp>

namespace kith::ledger {

enum class InvalidBlock {
  unknown_parent = 1,
  wrong_number,
  timestamp_not_later,
  gas_limit_out_of_bounds,  ///< it may move by less than a 1,024th of the parent's
  gas_used_above_limit,
  extra_data_too_long,
  wrong_dao_extra_data,
  wrong_difficulty,
  wrong_base_fee,
  wrong_excess_blob_gas,
  too_much_blob_gas,
  field_missing,    ///< one that the fork asks for
  field_too_early,  ///< one that the fork doesn't know
  nonce_or_ommers_after_work,
  wrong_transactions_root,
  wrong_ommers_hash,
  wrong_withdrawals_root,
  ommer_too_old,
  ommer_not_of_this_chain,
  ommer_is_ancestor,
  ommer_twice,
  too_many_ommers,
  too_large,  ///< EIP-7934
  bad_transaction,
  wrong_gas_used,
  wrong_blob_gas_used,
  wrong_bloom,
  wrong_receipts_root,
  wrong_state_root,
  wrong_requests_hash,
  system_contract_failed,
  // What consensus says.
  bad_seal,               ///< no proof of the work, or not the leader's
  contradicts_consensus,  ///< a field that consensus fixes has another value
  of_invalid_parent,
  before_finality,  ///< of a branch that finality has excluded
};
const ErrorDomain& error_domain(InvalidBlock) noexcept;

using BlockValid = std::expected<void, InvalidBlock>;

/// The header against its parent's; what stands in its body and its state isn't looked at.
BlockValid check_header(const Header& header, const Header& parent, const ForkSchedule& schedule,
                        Revision revision, Revision parent_revision);

/// The body against its header, but for ommers' ancestry and whatever takes running it.
BlockValid check_body(const Block& block, Revision revision);

/// Gives a header the fields that came with forks up to that revision, but for the base fee, as a
/// block has them in which nothing happens.
void add_fork_fields(Header& header, Revision revision);

/// Of the block after `parent` (EIP-1559). Where the parent has none it is the first.
U256 next_base_fee(const Header& parent, const ForkSchedule& schedule) noexcept;

/// Of the block after `parent` (EIP-4844, from Osaka on EIP-7918 with the parent's base fee).
std::uint64_t next_excess_blob_gas(const Header& parent, const BlobSchedule& schedule,
                                   Revision revision) noexcept;

/// Ethash's (Yellow Paper, 4.4.4; EIP-2, 100).
U256 next_difficulty(const Header& parent, std::uint64_t timestamp, const ForkSchedule& schedule,
                     Revision revision) noexcept;

}  // namespace kith::ledger
