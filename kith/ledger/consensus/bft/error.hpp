// What can be wrong with bytes and sets that come from outside. Thread: any.
#pragma once

#include <expected>

#include <kith/base/result.hpp>

namespace kith::ledger::bft {

enum class BftError {
  malformed = 1,      ///< not the RLP that belongs here
  unknown_kind,       ///< a number that names no kind of message, vote or record
  not_canonical,      ///< there is one way to write this, and this is another
  too_many,           ///< more validators, views, certificates or bytes than the limit
  view_out_of_range,  ///< view 0, one beyond view_max, or a parent that isn't below its child
  no_validators,      ///< a set of nobody
  no_stake,           ///< a validator without stake
  too_much_stake,     ///< the sum is beyond stake_sum_max
  same_validator,     ///< a key twice
  no_conflict,        ///< evidence of two votes that an honest validator may well have cast
  corrupt,            ///< a log is damaged before its end: what was durable is gone
  other_log,  ///< a log of another chain, epoch or set, or one that doesn't begin at its beginning
};
const ErrorDomain& error_domain(BftError) noexcept;

template <class T>
using Decoded = std::expected<T, BftError>;

}  // namespace kith::ledger::bft
