#include <algorithm>

#include <kith/ledger/chain/header_rules.hpp>
#include <kith/ledger/state/trie_root.hpp>

namespace kith::ledger {
namespace {

constexpr std::uint64_t gas_limit_min = 5'000;
constexpr std::uint64_t gas_limit_max = ~0ULL >> 1;
constexpr std::uint64_t gas_limit_divisor = 1'024;
constexpr std::uint64_t elasticity = 2;
constexpr std::uint64_t base_fee_divisor = 8;
constexpr std::uint64_t first_base_fee = 1'000'000'000;
constexpr std::uint64_t blob_base_cost = 1ULL << 13;
constexpr std::uint64_t difficulty_min = 131'072;
constexpr std::uint64_t dao_blocks = 10;
constexpr std::string_view dao_extra_data = "dao-hard-fork";
constexpr std::size_t ommers_max = 2;

class InvalidBlockDomain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "invalid block"; }
  std::string message(int code) const override;
};

std::string InvalidBlockDomain::message(int code) const {
  switch (static_cast<InvalidBlock>(code)) {
    case InvalidBlock::unknown_parent:
      return "the block's parent isn't known";
    case InvalidBlock::wrong_number:
      return "the block's number doesn't follow its parent's";
    case InvalidBlock::timestamp_not_later:
      return "the block isn't later than its parent";
    case InvalidBlock::gas_limit_out_of_bounds:
      return "the block's gas limit is too far from its parent's";
    case InvalidBlock::gas_used_above_limit:
      return "the block used more gas than its limit";
    case InvalidBlock::extra_data_too_long:
      return "the block's extra data has more than 32 bytes";
    case InvalidBlock::wrong_dao_extra_data:
      return "the block doesn't say on which side of the DAO fork it is";
    case InvalidBlock::wrong_difficulty:
      return "the block's difficulty isn't what follows from its parent's";
    case InvalidBlock::wrong_base_fee:
      return "the block's base fee isn't what follows from its parent's";
    case InvalidBlock::wrong_excess_blob_gas:
      return "the block's excess blob gas isn't what follows from its parent's";
    case InvalidBlock::too_much_blob_gas:
      return "the block has more blobs than may be";
    case InvalidBlock::field_missing:
      return "the block's header lacks a field of its fork";
    case InvalidBlock::field_too_early:
      return "the block's header has a field of a later fork";
    case InvalidBlock::nonce_or_ommers_after_work:
      return "a block without work has a nonce, a difficulty or ommers";
    case InvalidBlock::wrong_transactions_root:
      return "the block's transactions aren't those that its header names";
    case InvalidBlock::wrong_ommers_hash:
      return "the block's ommers aren't those that its header names";
    case InvalidBlock::wrong_withdrawals_root:
      return "the block's withdrawals aren't those that its header names";
    case InvalidBlock::ommer_too_old:
      return "an ommer is more than six generations old";
    case InvalidBlock::ommer_not_of_this_chain:
      return "an ommer's parent isn't of this chain";
    case InvalidBlock::ommer_is_ancestor:
      return "an ommer is a block of the chain itself";
    case InvalidBlock::ommer_twice:
      return "an ommer was named before";
    case InvalidBlock::too_many_ommers:
      return "the block has more than two ommers";
    case InvalidBlock::too_large:
      return "the block is too large";
    case InvalidBlock::bad_transaction:
      return "a transaction of the block can't be in it";
    case InvalidBlock::wrong_gas_used:
      return "the block's gas isn't what its transactions used";
    case InvalidBlock::wrong_blob_gas_used:
      return "the block's blob gas isn't what its transactions used";
    case InvalidBlock::wrong_bloom:
      return "the block's bloom isn't that of its logs";
    case InvalidBlock::wrong_receipts_root:
      return "the block's receipts aren't those that its header names";
    case InvalidBlock::wrong_state_root:
      return "the block's state isn't the one that its header names";
    case InvalidBlock::wrong_requests_hash:
      return "the block's requests aren't those that its header names";
    case InvalidBlock::system_contract_failed:
      return "a system contract that the fork needs is missing or failed";
    case InvalidBlock::bad_seal:
      return "the block's seal isn't valid";
    case InvalidBlock::contradicts_consensus:
      return "a field of the block's header isn't what consensus asks for";
    case InvalidBlock::of_invalid_parent:
      return "the block comes of one that isn't valid";
    case InvalidBlock::before_finality:
      return "the block is of a branch that can't become final any more";
  }
  return "unknown reason";
}

constexpr auto invalid(InvalidBlock reason) {
  return std::unexpected(reason);
}

/// Each field that came with a fork is there from it on, and not before.
BlockValid check_fields(const Header& header, Revision revision) {
  const struct {
    bool there;
    Revision since;
  } fields[] = {
      {header.base_fee.has_value(), Revision::london},
      {header.withdrawals_root.has_value(), Revision::shanghai},
      {header.blob_gas_used.has_value(), Revision::cancun},
      {header.excess_blob_gas.has_value(), Revision::cancun},
      {header.parent_beacon_root.has_value(), Revision::cancun},
      {header.requests_hash.has_value(), Revision::prague},
  };
  for (const auto& field : fields) {
    if (field.there && revision < field.since) return invalid(InvalidBlock::field_too_early);
    if (!field.there && revision >= field.since) return invalid(InvalidBlock::field_missing);
  }
  return {};
}

BlockValid check_gas(const Header& header, const Header& parent, const ForkSchedule& schedule,
                     Revision revision, Revision parent_revision) {
  if (header.gas_used > header.gas_limit) return invalid(InvalidBlock::gas_used_above_limit);
  // The first block with a base fee has twice the gas: the aim is what the limit was.
  const bool first = revision >= Revision::london && parent_revision < Revision::london;
  const std::uint64_t before = parent.gas_limit * (first ? elasticity : 1);
  const std::uint64_t step = before / gas_limit_divisor;
  const std::uint64_t moved =
      header.gas_limit > before ? header.gas_limit - before : before - header.gas_limit;
  if (moved >= step || header.gas_limit < gas_limit_min || header.gas_limit > gas_limit_max)
    return invalid(InvalidBlock::gas_limit_out_of_bounds);
  if (revision >= Revision::london && header.base_fee != next_base_fee(parent, schedule))
    return invalid(InvalidBlock::wrong_base_fee);
  return {};
}

BlockValid check_blob_gas(const Header& header, const Header& parent, const ForkSchedule& schedule,
                          Revision revision) {
  if (revision < Revision::cancun) return {};
  const BlobSchedule blobs = schedule.blob_schedule_at(header.timestamp, revision);
  if (*header.blob_gas_used > blobs.max * blob_gas || *header.blob_gas_used % blob_gas != 0)
    return invalid(InvalidBlock::too_much_blob_gas);
  if (header.excess_blob_gas != next_excess_blob_gas(parent, blobs, revision))
    return invalid(InvalidBlock::wrong_excess_blob_gas);
  return {};
}

BlockValid check_work(const Header& header, const Header& parent, const ForkSchedule& schedule,
                      Revision revision) {
  if (schedule.difficulty == DifficultyRule::free) return {};
  if (revision >= Revision::paris) {
    const bool has_nonce = header.nonce != std::array<std::uint8_t, 8>{};
    if (has_nonce || !header.difficulty.is_zero())
      return invalid(InvalidBlock::nonce_or_ommers_after_work);
    return {};
  }
  if (header.difficulty != next_difficulty(parent, header.timestamp, schedule, revision))
    return invalid(InvalidBlock::wrong_difficulty);
  if (schedule.dao_block && header.number >= *schedule.dao_block &&
      header.number < *schedule.dao_block + dao_blocks &&
      as_text(header.extra_data) != dao_extra_data) {
    return invalid(InvalidBlock::wrong_dao_extra_data);
  }
  return {};
}

}  // namespace

const ErrorDomain& error_domain(InvalidBlock) noexcept {
  static constexpr InvalidBlockDomain domain;
  return domain;
}

BlockValid check_header(const Header& header, const Header& parent, const ForkSchedule& schedule,
                        Revision revision, Revision parent_revision) {
  if (header.number != parent.number + 1) return invalid(InvalidBlock::wrong_number);
  if (header.timestamp <= parent.timestamp) return invalid(InvalidBlock::timestamp_not_later);
  if (header.extra_data.size() > extra_data_bytes_max)
    return invalid(InvalidBlock::extra_data_too_long);
  KITH_CHECK(check_fields(header, revision));
  KITH_CHECK(check_gas(header, parent, schedule, revision, parent_revision));
  KITH_CHECK(check_blob_gas(header, parent, schedule, revision));
  return check_work(header, parent, schedule, revision);
}

BlockValid check_body(const Block& block, Revision revision) {
  if (revision >= Revision::osaka && block.encode().size() > block_bytes_max)
    return invalid(InvalidBlock::too_large);
  if (block.transactions_root() != block.header.transactions_root)
    return invalid(InvalidBlock::wrong_transactions_root);
  if (block.ommers.size() > ommers_max) return invalid(InvalidBlock::too_many_ommers);
  if (revision >= Revision::paris && !block.ommers.empty())
    return invalid(InvalidBlock::nonce_or_ommers_after_work);
  if (block.ommers_hash() != block.header.ommers) return invalid(InvalidBlock::wrong_ommers_hash);
  if (block.withdrawals.has_value() != block.header.withdrawals_root.has_value() ||
      (block.withdrawals && block.withdrawals_root() != *block.header.withdrawals_root)) {
    return invalid(InvalidBlock::wrong_withdrawals_root);
  }
  return {};
}

void add_fork_fields(Header& header, Revision revision) {
  if (revision >= Revision::shanghai) header.withdrawals_root = empty_trie_root;
  if (revision >= Revision::cancun) {
    header.blob_gas_used = header.excess_blob_gas = 0;
    header.parent_beacon_root = Hash();
  }
  if (revision >= Revision::prague) header.requests_hash = empty_requests_hash;
}

U256 next_base_fee(const Header& parent, const ForkSchedule& schedule) noexcept {
  if (!parent.base_fee) return first_base_fee;
  const U256 before = *parent.base_fee;
  if (schedule.base_fee == BaseFeeRule::fixed) return before;
  const std::uint64_t aim = parent.gas_limit / elasticity;
  if (parent.gas_used == aim) return before;
  const bool rises = parent.gas_used > aim;
  const std::uint64_t off = rises ? parent.gas_used - aim : aim - parent.gas_used;
  const U256 change = before * off / std::max<std::uint64_t>(aim, 1) / base_fee_divisor;
  return rises ? before + std::max(change, U256(1)) : before - change;
}

std::uint64_t next_excess_blob_gas(const Header& parent, const BlobSchedule& schedule,
                                   Revision revision) noexcept {
  const std::uint64_t excess = parent.excess_blob_gas.value_or(0);
  const std::uint64_t used = parent.blob_gas_used.value_or(0);
  const std::uint64_t aim = schedule.target * blob_gas;
  if (excess + used < aim) return 0;
  if (revision >= Revision::osaka && schedule.max != 0) {
    const U256 price = blob_base_fee(excess, schedule.update_fraction);
    if (parent.base_fee.value_or(0) * blob_base_cost > price * blob_gas)
      return excess + used * (schedule.max - schedule.target) / schedule.max;
  }
  return excess + used - aim;
}

U256 next_difficulty(const Header& parent, std::uint64_t timestamp, const ForkSchedule& schedule,
                     Revision revision) noexcept {
  const std::uint64_t number = parent.number + 1;
  const std::uint64_t passed = timestamp - parent.timestamp;
  const U256 step = parent.difficulty >> 11;
  // By how many steps it grows: below zero, it falls.
  std::int64_t steps = 0;
  if (revision < Revision::homestead) {
    steps = passed < 13 ? 1 : -1;
  } else if (revision < Revision::byzantium) {
    steps = 1 - static_cast<std::int64_t>(std::min<std::uint64_t>(passed / 10, 100));
  } else {
    static const Hash no_ommers = Block().ommers_hash();
    const std::int64_t base = parent.ommers == no_ommers ? 1 : 2;
    steps = base - static_cast<std::int64_t>(std::min<std::uint64_t>(passed / 9, 101));
  }
  steps = std::max<std::int64_t>(steps, -99);
  U256 difficulty = parent.difficulty;
  if (steps >= 0) {
    difficulty += step * static_cast<std::uint64_t>(steps);
  } else {
    const U256 fall = step * static_cast<std::uint64_t>(-steps);
    difficulty = difficulty > fall ? difficulty - fall : U256();
  }
  difficulty = std::max(difficulty, U256(difficulty_min));
  // The bomb: twice as much each 100,000 blocks.
  const std::uint64_t delay = schedule.bomb_delay_at(number);
  const std::uint64_t periods = (number > delay ? number - delay : 0) / 100'000;
  if (periods >= 2) difficulty += U256::power_of_two(static_cast<unsigned>(periods - 2));
  return difficulty;
}

}  // namespace kith::ledger
