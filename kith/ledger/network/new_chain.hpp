// The beginning of a new chain, as a geth-format genesis.json with Osaka's rules from its first
// block on. Thread: any.
#pragma once

#include <string>
#include <string_view>

#include <kith/ledger/consensus/bft_driver/bft_parameters.hpp>
#include <kith/ledger/consensus/pow/parameters.hpp>
#include <kith/ledger/state/memory_state.hpp>

namespace kith::ledger {

struct NewChain {
  std::uint64_t chain_id = 0;
  std::uint64_t timestamp = 0;  ///< seconds since 1970
  std::uint64_t gas_limit = 60'000'000;
  U256 base_fee = 1'000'000'000;
  /// The base fee stays what it is; with a base fee of zero gas is free.
  bool base_fee_is_fixed = false;
  U256 difficulty;
  Bytes extra_data{};
  Hash mix_hash{};
  /// "pow" or "bft", and what config says of it, as JSON.
  std::string consensus{};
  std::string parameters{};
  MemoryState state{};
};

/// config.bft with all of its fields, as JSON.
std::string bft_config(const BftParameters& parameters, const U256& reward);
/// config.pow with all of its fields, as JSON. `reward` is wei a block.
std::string pow_config(const PowParameters& parameters, const U256& reward);

/// Genesis::parse takes it.
std::string genesis_text(const NewChain& chain);

}  // namespace kith::ledger
