// Names in multiaddrs: /dns, /dns4, /dns6 (A and AAAA records) and /dnsaddr (TXT records
// "dnsaddr=<multiaddr>" at _dnsaddr.<name>), as multiformats/multiaddr protocols/DNSADDR.md has
// them.
#pragma once

#include <optional>
#include <vector>

#include <kith/multiformats/multiaddr.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/net/limits.hpp>
#include <kith/port/net.hpp>

namespace kith::net {

/// The addresses that `address` stands for: itself, if it begins with no name. Of a /dnsaddr's
/// answers only those that end as `address` ends, and for `peer` if one is given. At most
/// resolved_addresses_max, through at most resolve_depth_max names; what can't be resolved is left
/// out.
Task<std::vector<multiformats::Multiaddr>> resolve_address(port::Net& net,
                                                           multiformats::Multiaddr address,
                                                           std::optional<multiformats::PeerId> peer,
                                                           Instant deadline);

}  // namespace kith::net
