// Names in multiaddrs: /dns, /dns4, /dns6 (A and AAAA records) and /dnsaddr (TXT records
// "dnsaddr=<multiaddr>" at _dnsaddr.<name>), as multiformats/multiaddr protocols/DNSADDR.md has
// them. The name of a WebSocket over TLS stays in the address, for TLS to ask for: .../tls/ws and
// .../wss become .../tls/sni/<name>/ws, as in go-libp2p. Loop thread only.
#pragma once

#include <span>
#include <string>
#include <vector>

#include <kith/multiformats/multiaddr.hpp>
#include <kith/port/net.hpp>

namespace kith::net {

/// The addresses that `address` stands for, by one look-up of the name that it begins with
/// (Errc::invalid_argument if it is none). They may begin with names again; how often and how deep
/// that is followed is the caller's to limit. Of a /dnsaddr's answers only those that end as
/// `address` ends. Errors of the look-up: Errc::not_found, timed_out, cancelled and others.
Task<std::vector<multiformats::Multiaddr>> resolve_name(port::Net& net,
                                                        multiformats::Multiaddr address,
                                                        Instant deadline);

/// What a look-up of a /dnsaddr found: of the texts at the name that `address` begins with, the
/// addresses that end as it ends. Other texts may stand there, and mean nothing.
std::vector<multiformats::Multiaddr> dnsaddr_answers(const multiformats::Multiaddr& address,
                                                     std::span<const std::string> texts);

}  // namespace kith::net
