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
  /// After the attempt before it; an attempt is also started as soon as all earlier ones have
  /// failed.
  Duration delay{0};
};

inline constexpr Duration public_attempt_delay = 250ms;
inline constexpr Duration private_attempt_delay = 30ms;

/// Drops duplicates and addresses that no transport of ours can dial.
std::vector<RankedAddress> rank_addresses(std::vector<multiformats::Multiaddr> addresses);

}  // namespace kith::net
