// A chain of validators as its genesis tells it, in `config.bft`:
//
//   epochLength          blocks of an epoch, whose validators stay the same  600
//   blockTime            seconds from a block to the next, at least          1
//   emptyBlocks          whether blocks are made while nothing waits         true
//   emptyBlockInterval   seconds; else one is made so often                  60
//   leaderTimeout        milliseconds (bft::Options)                         2000
//   notarizationTimeout  milliseconds, beyond leaderTimeout                  3000
//   contract             the staking contract's address                      must be there
//   validators           [{"key": Ed25519 key of 32 bytes in hex, "stake": units,
//                          "operator": address}, ...]: the first set         left to the contract
//
// Each but the contract may be missing, and then is what stands on the right. Headers have whole
// seconds, so a blockTime has, too. A number may be a JSON number or a text, decimal or with "0x".
//
// Epoch e has the blocks e * L + 1 to (e + 1) * L, L being epochLength; the genesis is of none.
// Thread: any.
#pragma once

#include <cstdint>
#include <vector>

#include <kith/base/result.hpp>
#include <kith/base/time.hpp>
#include <kith/ledger/consensus/bft/engine.hpp>
#include <kith/ledger/consensus/bft_driver/limits.hpp>

namespace boost::json {
class value;
}

namespace kith::ledger {

struct BftParameters {
  struct FirstValidator {
    bft::ValidatorKey key{};
    std::uint64_t stake = 0;
    Address operated_by;

    friend bool operator==(const FirstValidator&, const FirstValidator&) = default;
  };

  std::uint64_t epoch_length = 600;
  std::uint64_t block_time_s = 1;
  bool empty_blocks = true;
  std::uint64_t empty_block_interval_s = 60;
  Duration leader_timeout = bft::Options().leader_timeout;
  Duration notarization_timeout = bft::Options().notarization_timeout;
  Address contract;
  std::vector<FirstValidator> validators;  ///< as they stand in the genesis

  /// Whether all is within bft_limits and the validators are a set; Errc::invalid_argument names
  /// what isn't.
  Result<void> check() const;
  /// Of the genesis' validators. BftError::no_validators if there are none, or as
  /// bft::ValidatorSet::make.
  bft::Decoded<bft::ValidatorSet> first_set() const;

  /// Of a block; 0 of the genesis.
  bft::Epoch epoch_of(std::uint64_t number) const noexcept {
    return number == 0 ? 0 : (number - 1) / epoch_length;
  }
  /// In which the block after that one is decided.
  bft::Epoch epoch_after(std::uint64_t number) const noexcept { return number / epoch_length; }
  bool is_epoch_end(std::uint64_t number) const noexcept {
    return number != 0 && number % epoch_length == 0;
  }
  /// The block that the epoch's first one builds on.
  std::uint64_t block_before(bft::Epoch epoch) const noexcept { return epoch * epoch_length; }
  std::uint64_t last_block_of(bft::Epoch epoch) const noexcept {
    return (epoch + 1) * epoch_length;
  }

  /// How many seconds ahead of a node's clock it takes a block for now.
  std::uint64_t future_limit_s() const noexcept { return bft_limits::future_s + block_time_s; }
  /// For the engine of an epoch; `before` is the hash of block_before(epoch).
  bft::Options engine_options(bft::Epoch epoch, const Hash& before) const;
};

/// Whether a genesis's `config` says that its chain is one of validators.
bool has_bft(const boost::json::value& config) noexcept;

/// From a genesis's `config`. Errc::invalid_argument names what isn't as it should be, also a name
/// that isn't known: a chain with a rule more would go its own way.
Result<BftParameters> read_bft_parameters(const boost::json::value& config);

}  // namespace kith::ledger
