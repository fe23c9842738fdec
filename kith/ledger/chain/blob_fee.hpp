// The price of blobs (EIP-4844, 7691, 7840, 7892, 7918). Thread: any.
#pragma once

#include <cstdint>

#include <kith/ledger/evm/revision.hpp>
#include <kith/ledger/primitives/u256.hpp>

namespace kith::ledger {

/// What each blob counts for (EIP-4844).
inline constexpr std::uint64_t blob_gas = 1ULL << 17;

/// How many blobs a block aims at and may carry, and how fast their price follows.
struct BlobSchedule {
  std::uint64_t target = 0;
  std::uint64_t max = 0;
  std::uint64_t update_fraction = 1;
  std::uint64_t transaction_max = 0;  ///< of one transaction
};

/// What a revision begins with, before any change of parameters alone (EIP-7892).
BlobSchedule blob_schedule(Revision revision) noexcept;

/// Of a unit of blob gas, the excess being so high (EIP-4844, fake_exponential). Saturates at
/// 2^256.
U256 blob_base_fee(std::uint64_t excess_blob_gas, std::uint64_t update_fraction) noexcept;

}  // namespace kith::ledger
