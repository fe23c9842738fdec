// What contracts/test/Hostile.sol compiles to: for tests. Thread: any.
#pragma once

#include <string_view>

namespace kith::ledger::staking {

std::string_view hostile_code_hex() noexcept;

}  // namespace kith::ledger::staking
