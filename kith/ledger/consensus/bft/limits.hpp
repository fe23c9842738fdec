// What the consensus of `bft` chains takes at most, of anybody.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kith::ledger::bft {

/// A certificate of all of them is 8 KiB of signatures, and every vote goes to everyone.
inline constexpr std::size_t validators_max = 128;
/// The sum of all stakes: priorities of twice that size are still numbers of 64 bits with a sign.
inline constexpr std::uint64_t stake_sum_max = std::uint64_t{1} << 60;
/// Views are numbered below this, so that sums of a view and a window don't overflow.
inline constexpr std::uint64_t view_max = std::uint64_t{1} << 62;
/// Views that one request names, and certificates in one answer (262 KiB of signatures).
inline constexpr std::size_t request_views_max = 32;
inline constexpr std::size_t response_certificates_max = 32;
/// A message's encoding: an answer of the largest certificates, with room.
inline constexpr std::size_t message_bytes_max = 320 << 10;
/// Requests of one peer that are answered while our view and our retry timer stand still.
inline constexpr unsigned requests_per_turn_max = 8;

}  // namespace kith::ledger::bft
