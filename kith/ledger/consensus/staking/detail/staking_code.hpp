// What contracts/Staking.sol compiles to. Thread: any.
#pragma once

#include <string_view>

namespace kith::ledger::staking {

/// The code as it runs, in hexadecimal digits.
std::string_view staking_code_hex() noexcept;

}  // namespace kith::ledger::staking
