// Proof of work as a Chain asks for it (chain/consensus_rules.hpp).
//
// A block that is too far ahead of the clock is refused with PowFault::too_early, as an Error:
// there is nothing against it, and it may come again. Thread: check() as ConsensusRules says; the
// clock is asked by it.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <kith/ledger/chain/chain.hpp>
#include <kith/ledger/consensus/pow/pow_rules.hpp>

namespace kith::ledger {

class PowConsensus final : public ConsensusRules, private Ancestors {
 public:
  /// Seconds since 1970.
  using Clock = std::function<std::uint64_t()>;

  /// Errors as of PowRules::make.
  static Result<std::unique_ptr<PowConsensus>> make(const PowParameters& parameters,
                                                    const Header& genesis,
                                                    std::unique_ptr<WorkHash> hash, Clock now_s);

  /// Whose blocks are asked for keys. Before the first block if the hash has keys (RandomX).
  void attach(const Chain& chain) noexcept { chain_ = &chain; }
  /// Who knows blocks that the chain doesn't have yet, of the branch whose headers are judged.
  void follow(std::function<std::optional<Hash>(std::uint64_t number)> branch) {
    branch_ = std::move(branch);
  }

  Result<BlockValid> check(const Header& header, const Header& parent) override;
  U256 weight(const Header& header) const override { return header.difficulty; }

  /// For miners.
  PowRules& rules() noexcept { return *rules_; }

 private:
  explicit PowConsensus(Clock now_s) : now_s_(std::move(now_s)) {}
  Result<Hash> ancestor_hash(const Header& from, std::uint64_t number) override;

  Clock now_s_;
  const Chain* chain_ = nullptr;
  std::function<std::optional<Hash>(std::uint64_t number)> branch_;
  std::unique_ptr<PowRules> rules_;
};

}  // namespace kith::ledger
