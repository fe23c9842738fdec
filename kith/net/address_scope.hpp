// Which addresses mean something to whom. A loopback address is of one machine, a private one of
// one network: told to a stranger it says where something is that isn't the stranger's business,
// and taken from a stranger it makes us connect to whatever happens to be there on our side. So
// both what we tell and what we take is filtered by where the peer is seen (as go-libp2p does):
//
//   the peer is seen at      loopback    private or link-local         public
//   addresses that count     all         private and public ones       public ones
//
// Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include <kith/multiformats/multiaddr.hpp>
#include <kith/port/ip.hpp>

namespace kith::net {

/// How far an address reaches, the nearest first.
enum class AddressScope : std::uint8_t {
  loopback,  ///< 127/8, ::1
  local,     ///< RFC 1918, 100.64/10, fc00::/7, link-local
  global,    ///< all others, and names
};
inline constexpr std::size_t address_scopes = 3;

/// Where an address leads that begins with an IP address; unmapped (ip_network.hpp).
std::optional<port::IpAddress> ip_of(const multiformats::Multiaddr& address);

AddressScope scope_of(const port::IpAddress& address);

/// Of its first component. Names are global, but for those that stand for a machine of one's own
/// network (RFC 6761, 6762, 8375).
AddressScope scope_of(const multiformats::Multiaddr& address);

/// Those that mean something to, or may come from, a peer that is seen at such an address.
/// Addresses that nobody can be at (unspecified, multicast) never do.
std::vector<multiformats::Multiaddr> addresses_for(
    AddressScope seen_at, const std::vector<multiformats::Multiaddr>& addresses);

/// The addresses without those of `own`; a /p2p at the end doesn't count.
std::vector<multiformats::Multiaddr> without_own(std::vector<multiformats::Multiaddr> addresses,
                                                 const std::vector<multiformats::Multiaddr>& own);

}  // namespace kith::net
