// In which order the addresses of a peer are tried, and with what delay between them (RFC 8305, and
// go-libp2p's ranking for its groups): loopback and private networks first and in quick succession,
// public ones 250 ms apart, IPv6 before IPv4 in turns, low ports (likely the listening ones) before
// high ones. Pure.
#pragma once

#include <vector>

#include <kith/base/time.hpp>
#include <kith/multiformats/multiaddr.hpp>

namespace kith::net {

struct RankedAddress {
  multiformats::Multiaddr address;
  /// After the attempt before it; the first of a dial waits for nothing.
  Duration delay{0};
};

inline constexpr Duration public_attempt_delay = 250ms;
inline constexpr Duration private_attempt_delay = 30ms;

/// An address that a transport of ours can dial, and that is somewhere.
bool dialable(const multiformats::Multiaddr& address);

/// Drops duplicates and addresses that aren't dialable.
std::vector<RankedAddress> rank_addresses(std::vector<multiformats::Multiaddr> addresses);

}  // namespace kith::net
