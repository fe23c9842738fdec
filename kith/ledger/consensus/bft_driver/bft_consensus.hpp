// The consensus of validators as a Chain asks for it (chain/consensus_rules.hpp): what their
// blocks' headers say beside what every header must.
//
//   difficulty   0, and so is the nonce: no work, and votes are no part of a block
//   timestamp    at least the parent's and a blockTime; for now not further ahead of the node's
//                clock than BftParameters::future_limit_s()
//   mix hash     keccak256(parent's hash, parent's mix hash): what contracts read as randomness
//                (PREVRANDAO). It is known one block ahead (decisions/0021)
//   extra data   32 bytes, ValidatorSet::hash() of those who vote on the next block: the parent's,
//                but for an epoch's last block. There the state after it says what is right, which
//                whoever runs the block must compare; the genesis has the first set's
//
// So a header alone tells whose certificate is to be expected of the next block. Which branch is
// the chain is decided by certificates; until then the longer one is heavier. Thread: as
// ConsensusRules says; the clock is asked by check().
#pragma once

#include <functional>
#include <memory>

#include <kith/ledger/chain/consensus_rules.hpp>
#include <kith/ledger/consensus/bft_driver/bft_parameters.hpp>

namespace kith::ledger {

enum class BftFault {
  too_early = 1,  ///< nothing else is wrong: ask again when the clock has come closer
};
const ErrorDomain& error_domain(BftFault) noexcept;

class BftConsensus final : public ConsensusRules {
 public:
  /// Seconds since 1970.
  using Clock = std::function<std::uint64_t()>;

  /// Errc::invalid_argument if the parameters aren't within their limits, or the genesis isn't
  /// block 0, says not what these rules want, or names another set than its validators.
  static Result<std::unique_ptr<BftConsensus>> make(const BftParameters& parameters,
                                                    const Header& genesis, Clock now_s);

  /// BftFault::too_early is an Error, and nothing against the block.
  Result<BlockValid> check(const Header& header, const Header& parent) override;
  /// 1: the longer branch.
  U256 weight(const Header& header) const override;

  bft::Epoch epoch_of(std::uint64_t number) const noexcept { return parameters_.epoch_of(number); }
  bool is_epoch_end(std::uint64_t number) const noexcept {
    return parameters_.is_epoch_end(number);
  }

  // What a block after `parent` says.
  static Hash mix_hash_after(const Header& parent) noexcept;
  std::uint64_t earliest_after(const Header& parent) const noexcept;

  const BftParameters& parameters() const noexcept { return parameters_; }

 private:
  BftConsensus(const BftParameters& parameters, Clock now_s)
      : parameters_(parameters), now_s_(std::move(now_s)) {}

  BftParameters parameters_;
  Clock now_s_;
};

}  // namespace kith::ledger
