// What can be wrong with a genesis' stakes, and with a contract that is asked. Thread: any.
#pragma once

#include <expected>

#include <kith/base/result.hpp>

namespace kith::ledger::staking {

enum class StakingError {
  no_contract = 1,  ///< nothing is at the contract's address
  address_taken,    ///< something else is there already
  call_failed,      ///< the contract gave no answer; the text says how it ended
  bad_answer,       ///< its answer isn't what this contract answers
  no_validators,    ///< nobody has a stake and isn't jailed
  bad_parameter,    ///< a parameter out of its bounds; the text names it
  bad_validator,  ///< of a first validator: no account, no key, a stake out of its bounds; the text
                  ///< says whose
  same_validator,  ///< an operator or a key twice
};
const ErrorDomain& error_domain(StakingError) noexcept;

template <class T>
using Decoded = std::expected<T, StakingError>;

}  // namespace kith::ledger::staking
