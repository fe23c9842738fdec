// Proof that a validator broke the rules: two votes of its own that no honest one casts both.
//
//   notarize and notarize   of one view, for different proposals: a leader that proposes twice,
//                           or a voter that helps two
//   finalize and finalize   likewise
//   nullify and finalize    of one view: it is decided, and it is skipped
//
// As long as less than a third of the stake does such things, no two chains become final; whoever
// does is to lose its stake, which is a contract's matter. The proof needs nothing but the set of
// that epoch. To notarize and then nullify is honest (the view took too long), and so is to
// notarize one proposal and finalize another (the leader proposed twice, and the quorum saw the
// other one).
//
//   [first, second]    two votes as lists (message.hpp), in ascending order of what they say
//
// Thread: any.
#pragma once

#include <kith/ledger/consensus/bft/message.hpp>
#include <kith/ledger/consensus/bft/signing.hpp>

namespace kith::ledger::bft {

/// True if one validator can't honestly have cast both.
bool votes_conflict(const Vote& a, const Vote& b) noexcept;

struct Evidence {
  Vote first;
  Vote second;

  /// Of two votes that conflict (asserted), in whichever order.
  static Evidence of(const Vote& a, const Vote& b);

  ValidatorIndex accused() const noexcept { return first.by; }
  /// Whether the accused is of that set and signed both. The epoch is the caller's to compare.
  bool is_valid(const ValidatorSet& set, const Verifier& verifier) const;

  Bytes encode() const;
  /// BftError::no_conflict or not_canonical if the votes don't belong together in that order; else
  /// as for messages.
  static Decoded<Evidence> decode(ByteView input);

  friend bool operator==(const Evidence&, const Evidence&) = default;
};

}  // namespace kith::ledger::bft
