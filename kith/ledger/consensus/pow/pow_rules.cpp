#include <algorithm>
#include <utility>

#include <kith/ledger/consensus/pow/pow_rules.hpp>

namespace kith::ledger {
namespace {

class PowFaultDomain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "proof of work"; }
  std::string message(int code) const override {
    switch (static_cast<PowFault>(code)) {
      case PowFault::too_early:
        return "the block is ahead of our clock";
      case PowFault::wrong_number:
        return "the block's number doesn't follow its parent's";
      case PowFault::timestamp_not_later:
        return "the block isn't later than its parent";
      case PowFault::wrong_difficulty:
        return "the block's difficulty isn't what follows from its parent and the genesis";
      case PowFault::wrong_mix_hash:
        return "the block's mix hash isn't its parent's work";
      case PowFault::too_little_work:
        return "the block's work doesn't meet its target";
    }
    return "unknown reason";
  }
};

std::unexpected<Error> refused(std::string why) {
  return std::unexpected(Error(Errc::invalid_argument, std::move(why)));
}

}  // namespace

const ErrorDomain& error_domain(PowFault) noexcept {
  static constexpr PowFaultDomain domain;
  return domain;
}

bool is_invalid_work(const Error& error) noexcept {
  return &error.domain() == &error_domain(PowFault::too_early) && !error.is(PowFault::too_early);
}

std::unique_ptr<WorkHash> make_work_hash(WorkAlgorithm algorithm, RandomXOptions options) {
  return algorithm == WorkAlgorithm::randomx ? make_randomx(options) : make_sha256d();
}

Result<PowRules> PowRules::make(const PowParameters& parameters, const Header& genesis,
                                std::unique_ptr<WorkHash> hash, Ancestors& ancestors) {
  KITH_CHECK(parameters.check());
  if (genesis.timestamp == 0)
    return refused("genesis.timestamp: the time when a chain of proof of work begins expected");
  const U256 target = target_of_difficulty(genesis.difficulty);
  if (target > parameters.asert.easiest_target) {
    return refused("genesis.difficulty: at least " +
                   difficulty_of_target(parameters.asert.easiest_target).to_decimal() +
                   " expected, that of config.pow.limit");
  }
  if (target.is_zero()) return refused("genesis.difficulty: one that can be met expected");
  return PowRules(parameters, genesis, target, std::move(hash), ancestors);
}

PowRules::PowRules(const PowParameters& parameters, const Header& genesis, U256 target,
                   std::unique_ptr<WorkHash> hash, Ancestors& ancestors)
    : parameters_(parameters),
      anchor_{.number = genesis.number, .time_s = genesis.timestamp, .target = target},
      hash_(std::move(hash)),
      ancestors_(&ancestors) {}

Result<void> PowRules::check(const Header& header, const Header& parent, std::uint64_t now_s) {
  if (header.number != parent.number + 1) return std::unexpected(PowFault::wrong_number);
  if (header.timestamp <= parent.timestamp) return std::unexpected(PowFault::timestamp_not_later);
  const U256 target = next_target(parent).target().value_or(U256());
  if (header.difficulty != difficulty_of_target(target))
    return std::unexpected(PowFault::wrong_difficulty);
  KITH_TRY(const Hash mix_hash, mix_hash_after(parent));
  if (header.mix_hash != mix_hash) return std::unexpected(PowFault::wrong_mix_hash);
  const WorkInput input = work_input(header);
  KITH_TRY(const Hash key, key_of(header.number, parent));
  KITH_TRY(const Hash hash, hash_->hash(input, key));
  if (hash.to_word() > target) return std::unexpected(PowFault::too_little_work);
  remember(input, hash);
  // Last, so that what is kept for later has been paid for with work.
  if (header.timestamp > now_s && header.timestamp - now_s > parameters_.future_limit_s())
    return std::unexpected(PowFault::too_early);
  return {};
}

CompactTarget PowRules::next_target(const Header& parent) const noexcept {
  return next_asert_target(parameters_.asert, anchor_, parent.number, parent.timestamp);
}

U256 PowRules::next_difficulty(const Header& parent, std::uint64_t) const noexcept {
  return difficulty_of_target(next_target(parent).target().value_or(U256()));
}

Result<void> PowRules::prepare(Header& header, const Header& parent) {
  KITH_TRY(header.mix_hash, mix_hash_after(parent));
  header.timestamp = std::max(header.timestamp, parent.timestamp + 1);
  header.difficulty = next_difficulty(parent, header.timestamp);
  header.nonce = {};
  return {};
}

Result<WorkOrder> PowRules::order(const Header& header, const Header& parent) {
  KITH_TRY(const Hash key, key_of(header.number, parent));
  return WorkOrder{.seal = seal_hash(header),
                   .target = next_target(parent).target().value_or(U256()),
                   .key = key};
}

Result<Hash> PowRules::work_hash(const Header& header) {
  const WorkInput input = work_input(header);
  for (const Done& done : done_) {
    if (done.input == input) return done.hash;
  }
  KITH_TRY(const Hash key, key_of(header.number, header));
  KITH_TRY(const Hash hash, hash_->hash(input, key));
  remember(input, hash);
  return hash;
}

/// `known`: a block of the branch, at or above the key's number.
Result<Hash> PowRules::key_of(std::uint64_t number, const Header& known) {
  const auto key_number = hash_->key_number(number);
  if (!key_number) return Hash();
  return ancestors_->ancestor_hash(known, *key_number);
}

Result<Hash> PowRules::mix_hash_after(const Header& parent) {
  if (parent.number == anchor_.number) return parent.hash();
  return work_hash(parent);
}

void PowRules::remember(const WorkInput& input, const Hash& hash) noexcept {
  done_[next_done_] = {input, hash};
  next_done_ = (next_done_ + 1) % done_.size();
}

}  // namespace kith::ledger
