// The one change of state by decree that chains of ethash's tests know: EIP-779. Thread: the
// world's.
#pragma once

#include <kith/ledger/evm/world.hpp>

namespace kith::ledger {

/// Moves all that the DAO's accounts have to the contract that gave it back.
void drain_dao(World& world);

}  // namespace kith::ledger
