// IP addresses as text: dotted quads without leading zeros, and RFC 5952 (read: RFC 4291) without
// zone and brackets. Not the system's inet_ntop, whose output differs between systems for
// addresses such as ::1.2.3.4.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kith::multiformats::detail {

using Ip4 = std::array<std::uint8_t, 4>;
using Ip6 = std::array<std::uint8_t, 16>;

std::optional<Ip4> parse_ip4(std::string_view text) noexcept;
std::optional<Ip6> parse_ip6(std::string_view text) noexcept;
std::string to_text(const Ip4& address);
/// IPv4-mapped addresses as "::ffff:1.2.3.4".
std::string to_text(const Ip6& address);

/// Decimal digits and nothing else, up to `maximum`.
std::optional<std::uint64_t> parse_decimal(std::string_view text, std::uint64_t maximum) noexcept;

}  // namespace kith::multiformats::detail
