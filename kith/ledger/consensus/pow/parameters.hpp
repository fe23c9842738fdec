// A chain of proof of work as its genesis tells it, in `config.pow`:
//
//   algorithm       "sha256d" or "randomx"            sha256d
//   targetSpacing   seconds from block to block, >= 2 10
//   halfLife        seconds (asert.hpp)               288 spacings
//   limit           the easiest target there may be   2^255 - 1: every second hash meets it
//   blockReward     wei for the author of a block     0
//
// Each may be missing, and then is what stands on the right. Thread: any.
#pragma once

#include <string_view>

#include <kith/base/result.hpp>
#include <kith/ledger/consensus/pow/asert.hpp>

namespace boost::json {
class value;
}

namespace kith::ledger {

enum class WorkAlgorithm : std::uint8_t { sha256d, randomx };
std::string_view name_of(WorkAlgorithm algorithm) noexcept;

struct PowParameters {
  WorkAlgorithm algorithm = WorkAlgorithm::sha256d;
  AsertParameters asert{.easiest_target = U256::max() >> 1};

  /// How many seconds ahead of a node's clock it takes a block for now. No rule of the chain's: who
  /// has waited takes it.
  std::uint64_t future_limit_s() const noexcept;

  /// Whether numbers are within pow_limits; Errc::invalid_argument names the one that isn't.
  Result<void> check() const;
};

/// Whether a genesis's `config` says that its chain is one of proof of work.
bool has_pow(const boost::json::value& config) noexcept;

/// From a genesis's `config`. Errc::invalid_argument names what isn't as it should be, also a name
/// that isn't known: a chain with a rule more would go its own way.
Result<PowParameters> read_pow_parameters(const boost::json::value& config);

}  // namespace kith::ledger
