// What a NAT makes of our ports, as far as peers' sightings of us tell (RFC 4787 section 4.1): one
// that gives a port the same outside address whoever is called lets holes be punched; one that
// chooses another address for each peer doesn't. One network is one witness, whatever number of
// peers it has. Only for people: nothing is decided by it. Pure.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <kith/base/bytes.hpp>
#include <kith/multiformats/multiaddr.hpp>

namespace kith::net {

enum class NatMapping : std::uint8_t {
  unknown,               ///< fewer than nat_witnesses_least networks have seen us
  none,                  ///< we are seen at an address of this machine
  endpoint_independent,  ///< most see the same address
  endpoint_dependent,    ///< no two see the same
};
/// "unknown", "none", "endpoint-independent", "endpoint-dependent".
std::string_view to_string(NatMapping mapping) noexcept;

/// One peer's word on where a connection that we dialed came from.
struct Sighting {
  multiformats::Multiaddr local;  ///< where we dialed from: a listener's port
  multiformats::Multiaddr seen;
  Bytes network;  ///< of who saw it
};

inline constexpr std::size_t nat_witnesses_least = 2;

/// `own` are the machine's addresses, with the ports that are listened on.
NatMapping nat_mapping(const std::vector<Sighting>& sightings,
                       const std::vector<multiformats::Multiaddr>& own);

}  // namespace kith::net
