// The precompiled contracts over BLS12-381: point evaluation (EIP-4844) and those of EIP-2537, with
// their prices. They are there in every build; one without blst (KITH_KZG=OFF) can't run them.
// Thread: any.
#pragma once

#include <cstdint>

#include <kith/ledger/evm/precompile.hpp>

namespace kith::ledger::detail {

/// Null if it's none of theirs, or not yet in that revision.
const Precompile* bls12_381_contract_at(std::uint64_t address, Revision revision) noexcept;

}  // namespace kith::ledger::detail
