// What a chain's rules are, in twelve bytes: a checksum of its genesis and of where its rules have
// changed so far, and where they change next (EIP-2124, with times as EIP-6122 has them). Nodes
// tell it each other in their Status, so that those whose rules differ don't sync with each other.
// Thread: any.
#pragma once

#include <cstdint>

#include <kith/ledger/chain/fork_schedule.hpp>
#include <kith/ledger/primitives/types.hpp>

namespace kith::ledger {

struct ForkId {
  /// IEEE's CRC-32 of the genesis hash and of the changes passed.
  std::uint32_t hash = 0;
  /// Number or time of the next change that is known; 0 if none is.
  std::uint64_t next = 0;

  friend bool operator==(const ForkId&, const ForkId&) = default;
};

/// Of a chain whose head has that number and time.
ForkId fork_id(const Hash& genesis, const ForkSchedule& schedule, std::uint64_t number,
               std::uint64_t timestamp);

enum class ForkMatch : std::uint8_t {
  compatible,
  /// The peer is behind and doesn't know of a change that we have passed: it needs newer rules.
  remote_stale,
  /// Another chain, or one with rules that we don't know.
  incompatible_or_local_stale,
};

/// A peer's, for a node whose head has that number and time. The EIP's rules of validation.
ForkMatch match_fork_id(const ForkId& remote, const Hash& genesis, const ForkSchedule& schedule,
                        std::uint64_t number, std::uint64_t timestamp);

}  // namespace kith::ledger
