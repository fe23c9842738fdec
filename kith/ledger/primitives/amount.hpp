// Amounts of ether as people write and read them. A chain counts in wei; a gwei is 10^9 of them, an
// ether 10^18. Nothing is rounded, in either direction. Thread: any.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <kith/ledger/primitives/u256.hpp>

namespace kith::ledger {

/// By the number of its decimals: one is 10^decimals wei.
enum class EtherUnit : unsigned { wei = 0, gwei = 9, ether = 18 };

inline constexpr std::uint64_t wei_per_gwei = 1'000'000'000;
inline constexpr std::uint64_t wei_per_ether = 1'000'000'000'000'000'000;

/// In wei: "1.5ether", "5gwei", "0.25", ".5"; a number alone counts in `plain`. Units are wei,
/// kwei, mwei, gwei, szabo, finney, ether and eth, of any case, with or without a space before
/// them. Nothing for what is none, has a fraction of a wei, or needs more than 256 bits.
std::optional<U256> parse_amount(std::string_view text, EtherUnit plain = EtherUnit::ether);

/// All of it, without zeros at the end and without the unit's name: "1.5", "0", "0.000021".
std::string format_amount(const U256& wei, EtherUnit unit = EtherUnit::ether);

}  // namespace kith::ledger
