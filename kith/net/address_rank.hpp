// In which order the addresses of a peer are tried, and with what delay between them (RFC 8305, and
// go-libp2p's ranking for its groups): loopback and private networks first and in quick succession,
// public ones 250 ms apart, circuits through a relay half a second after the first
// (dial_queue.hpp). Within such a group UDP goes first (a home router forgets it sooner than a TCP
// connection that came second), then TCP without and with WebSocket; low ports (likely the
// listening ones) before high ones, and IPv6 before IPv4 in turns. Pure.
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
/// A direct connection saves the relay's work, and a later change of path.
inline constexpr Duration circuit_attempt_delay = 500ms;

/// An address of a kind that some transport dials, and that is somewhere.
bool dialable(const multiformats::Multiaddr& address);

/// Drops duplicates and addresses that aren't dialable.
std::vector<RankedAddress> rank_addresses(std::vector<multiformats::Multiaddr> addresses);

}  // namespace kith::net
