#include <kith/ledger/consensus/pow/pow_consensus.hpp>

namespace kith::ledger {
namespace {

InvalidBlock reason_of(const Error& fault) {
  if (fault.is(PowFault::too_little_work)) return InvalidBlock::bad_seal;
  if (fault.is(PowFault::wrong_difficulty)) return InvalidBlock::wrong_difficulty;
  if (fault.is(PowFault::wrong_number)) return InvalidBlock::wrong_number;
  if (fault.is(PowFault::timestamp_not_later)) return InvalidBlock::timestamp_not_later;
  return InvalidBlock::contradicts_consensus;
}

}  // namespace

Result<std::unique_ptr<PowConsensus>> PowConsensus::make(const PowParameters& parameters,
                                                         const Header& genesis,
                                                         std::unique_ptr<WorkHash> hash,
                                                         Clock now_s) {
  std::unique_ptr<PowConsensus> made(new PowConsensus(std::move(now_s)));
  KITH_TRY(PowRules rules, PowRules::make(parameters, genesis, std::move(hash), *made));
  made->rules_ = std::make_unique<PowRules>(std::move(rules));
  return made;
}

Result<BlockValid> PowConsensus::check(const Header& header, const Header& parent) {
  const Result<void> checked = rules_->check(header, parent, now_s_());
  if (checked) return BlockValid();
  if (is_invalid_work(checked.error()))
    return BlockValid(std::unexpect, reason_of(checked.error()));
  return std::unexpected(checked.error());
}

Result<Hash> PowConsensus::ancestor_hash(const Header& from, std::uint64_t number) {
  if (number == from.number) return from.hash();
  if (chain_ == nullptr) return std::unexpected(Errc::not_found);
  auto found = chain_->ancestor(from.parent, number);
  if (found || !branch_) return found;
  if (const auto ahead = branch_(number)) return *ahead;
  return chain_->hash_at(number);
}

}  // namespace kith::ledger
