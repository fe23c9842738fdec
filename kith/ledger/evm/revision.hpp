// The EVM's rules as they changed: one value for each hard fork that changed what execution does.
// Forks that didn't (those that delayed the difficulty bomb, say) are told by the rules that they
// have: Arrow Glacier's are London's. Thread: any.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

namespace kith::ledger {

enum class Revision : std::uint8_t {
  frontier,
  homestead,          ///< EIP-2, 7
  tangerine_whistle,  ///< EIP-150
  spurious_dragon,    ///< EIP-155, 160, 161, 170
  byzantium,          ///< EIP-140, 196, 197, 198, 211, 214, 658
  constantinople,     ///< EIP-145, 1014, 1052, 1283
  petersburg,         ///< without EIP-1283
  istanbul,           ///< EIP-152, 1108, 1344, 1884, 2028, 2200
  berlin,             ///< EIP-2565, 2718, 2929, 2930
  london,             ///< EIP-1559, 3198, 3529, 3541
  paris,              ///< EIP-3675, 4399: no more proof of work
  shanghai,           ///< EIP-3651, 3855, 3860, 4895
  cancun,             ///< EIP-1153, 4788, 4844, 5656, 6780, 7516
  prague,             ///< EIP-2537, 2935, 6110, 7002, 7251, 7623, 7685, 7702
  osaka,              ///< EIP-7594, 7823, 7825, 7883, 7892, 7918, 7934, 7939, 7951
};

inline constexpr Revision newest_revision = Revision::osaka;

/// As the official tests and geth's tools name them: "Frontier", "EIP150", "Merge", ...
std::string_view name_of(Revision revision) noexcept;

/// By such a name, in any of the spellings in use ("Merge" and "Paris", "EIP158" and
/// "SpuriousDragon"). Nothing if there's no such fork.
std::optional<Revision> revision_named(std::string_view name) noexcept;

}  // namespace kith::ledger
