// IpGroup: the network that an address is in, as one operator has it whole: of IPv4 a /16, of IPv6
// a /32. Peer ids cost nothing, addresses in many networks do; so what counts peers counts how many
// of one group there are. Only global addresses have one: on a network of one's own all peers are
// neighbours. A relayed address has its relay's: one relay could bring any number of ids. Pure.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <kith/multiformats/multiaddr.hpp>

namespace kith::dht {

enum class IpGroup : std::uint64_t {};

/// Of all peers of the wide network together of which no group is known.
inline constexpr IpGroup unknown_group{~std::uint64_t{0}};

/// Of an address that begins with a global IP address.
std::optional<IpGroup> group_of(const multiformats::Multiaddr& address);

/// Those of all of the addresses, each once, at most ip_groups_per_peer_max.
std::vector<IpGroup> groups_of(std::span<const multiformats::Multiaddr> addresses);

}  // namespace kith::dht
