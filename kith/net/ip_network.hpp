// IpNetwork: the IP addresses that share their first bits, written as Kubo's filters are:
// "/ip4/10.0.0.0/ipcidr/8". An IPv4 address mapped into IPv6 is taken for the IPv4 address that it
// is. Thread: any.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <kith/base/result.hpp>
#include <kith/multiformats/multiaddr.hpp>
#include <kith/port/ip.hpp>

namespace kith::net {

/// An IPv4 address written as an IPv6 one (::ffff:a.b.c.d) leads to where the IPv4 address does.
port::IpAddress unmapped(const port::IpAddress& address);

class IpNetwork {
 public:
  /// The addresses whose first `bits` bits are this one's; all of its bits if it has fewer.
  IpNetwork(const port::IpAddress& address, std::size_t bits) noexcept
      : IpNetwork(address.bytes(), std::min(bits, 8 * address.bytes().size())) {}
  /// "/ip4/ADDRESS/ipcidr/BITS" or the same with ip6. Errc::invalid_argument for anything else.
  static Result<IpNetwork> parse(std::string_view text);
  /// That of an address which begins with an IP address: with the ipcidr after it, or else the
  /// address alone.
  static std::optional<IpNetwork> of(const multiformats::Multiaddr& address);

  /// Whether the address begins with an IP address of the network.
  bool contains(const multiformats::Multiaddr& address) const noexcept;

  /// As parse() reads it, with the bits behind the prefix zero.
  std::string to_string() const;

  friend auto operator<=>(const IpNetwork&, const IpNetwork&) noexcept = default;

 private:
  IpNetwork(ByteView address, std::size_t bits) noexcept;
  ByteView prefix() const noexcept { return {bytes_.data(), size_}; }

  std::array<std::uint8_t, 16> bytes_{};
  std::size_t size_ = 0;  ///< 4 or 16
  std::size_t bits_ = 0;
};

}  // namespace kith::net
