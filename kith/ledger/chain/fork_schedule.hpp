// Which rules a chain has from which block on, as a geth-format genesis tells it (config.*Block,
// config.*Time, config.blobSchedule). Thread: any.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <kith/ledger/chain/blob_fee.hpp>
#include <kith/ledger/evm/revision.hpp>
#include <kith/ledger/primitives/types.hpp>
#include <kith/ledger/primitives/u256.hpp>

namespace kith::ledger {

/// How a header's difficulty comes of its parent's.
enum class DifficultyRule : std::uint8_t {
  ethash,  ///< the main chain's before Paris
  free,    ///< consensus says (consensus/), or it is zero
};

/// How a block's base fee comes of its parent's.
enum class BaseFeeRule : std::uint8_t {
  market,  ///< EIP-1559
  fixed,   ///< it stays what the genesis says: zero, or a price that nobody bids up
};

struct ForkSchedule {
  struct Fork {
    Revision revision = Revision::frontier;
    std::uint64_t from_number = 0;
    std::uint64_t from_timestamp = 0;
  };
  struct BlobFork {
    std::uint64_t from_timestamp = 0;
    BlobSchedule schedule;
  };

  std::uint64_t chain_id = 1;
  /// In the order of their revisions. Empty: Osaka from the beginning.
  std::vector<Fork> forks;
  /// Where they differ from what the revision begins with (EIP-7892), by time.
  std::vector<BlobFork> blobs;
  /// The block from which on the DAO's accounts are empty, and the nine after it say so (EIP-779).
  std::optional<std::uint64_t> dao_block;
  /// By how many blocks the difficulty bomb is put off, from which block on (EIP-649, 1234, 2384,
  /// 3554, 4345, 5133). In order.
  struct BombDelay {
    std::uint64_t from_number = 0;
    std::uint64_t blocks = 0;
  };
  std::vector<BombDelay> bomb_delays;
  DifficultyRule difficulty = DifficultyRule::free;
  BaseFeeRule base_fee = BaseFeeRule::market;
  /// What a block's author gets for it beside fees, where the difficulty is free.
  U256 block_reward;
  /// Whose events ask for validators, from Prague on (EIP-6110). Without: nobody's.
  std::optional<Address> deposit_contract;
  /// The total difficulty after which a chain of ethash goes on without work (EIP-3675).
  std::optional<U256> terminal_total_difficulty;

  /// What names the rules to other nodes (EIP-2124, 6122): where they change, in order, without
  /// the beginning.
  std::vector<std::uint64_t> change_numbers;
  std::vector<std::uint64_t> change_times;

  /// The rules of a block. `after_merge`: its parent has reached the terminal total difficulty.
  Revision revision_at(std::uint64_t number, std::uint64_t timestamp,
                       bool after_merge = true) const noexcept;
  BlobSchedule blob_schedule_at(std::uint64_t timestamp, Revision revision) const noexcept;
  std::uint64_t bomb_delay_at(std::uint64_t number) const noexcept;
};

}  // namespace kith::ledger
