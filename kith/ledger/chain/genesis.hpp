// The beginning of a chain as geth's genesis.json tells it: its rules, its first header, and what
// its accounts have. Thread: any.
#pragma once

#include <string_view>

#include <kith/base/result.hpp>
#include <kith/ledger/chain/block.hpp>
#include <kith/ledger/chain/fork_schedule.hpp>
#include <kith/ledger/state/memory_state.hpp>

namespace kith::ledger {

/// What a chain begins with that has the newest rules from its first block on.
struct Beginning {
  std::uint64_t chain_id = 1;
  std::uint64_t timestamp = 0;  ///< seconds since 1970
  std::uint64_t gas_limit = 30'000'000;
  U256 base_fee = 1'000'000'000;
  U256 difficulty;
  MemoryState state;
};

struct Genesis {
  ForkSchedule schedule;
  MemoryState state;
  Block block;  ///< with the state's root

  static Genesis of(Beginning beginning);

  /// Errc::invalid_argument names the field that isn't as it should be. Fields that are no rule of
  /// ours (of other clients) are passed over; a fork that isn't known is an error, since a chain
  /// with it would go its own way.
  static Result<Genesis> parse(std::string_view json);
};

}  // namespace kith::ledger
