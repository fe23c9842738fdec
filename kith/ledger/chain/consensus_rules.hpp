// What consensus adds to the rules of headers and of choosing between branches. Thread: check() is
// of one at a time, weight() of any.
#pragma once

#include <kith/ledger/chain/header_rules.hpp>

namespace kith::ledger {

class ConsensusRules {
 public:
  virtual ~ConsensusRules() = default;

  /// Of a header that check_header() has taken: its seal, its difficulty, its randomness. An Error
  /// says nothing against it: it can't be told now.
  virtual Result<BlockValid> check(const Header& header, const Header& parent) = 0;
  /// By how much the block makes its branch heavier.
  virtual U256 weight(const Header& header) const = 0;
};

/// Takes every seal, and weighs by the difficulty: of chains that others have checked, as the
/// official suites' and imported ones.
class UncheckedSeals final : public ConsensusRules {
 public:
  Result<BlockValid> check(const Header& /*header*/, const Header& /*parent*/) override {
    return BlockValid();
  }
  U256 weight(const Header& header) const override { return header.difficulty; }
};

}  // namespace kith::ledger
