// What peers are told of a node's addresses: its own, or others that the operator knows better
// (Kubo's Addresses.Announce, AppendAnnounce and NoAnnounce). Pure.
#pragma once

#include <vector>

#include <kith/multiformats/multiaddr.hpp>
#include <kith/net/ip_network.hpp>

namespace kith::net {

struct AnnounceRules {
  /// In place of the node's own, if there is one.
  std::vector<multiformats::Multiaddr> instead;
  /// Besides.
  std::vector<multiformats::Multiaddr> also;
  /// Of all these, left out.
  std::vector<multiformats::Multiaddr> never;
  std::vector<IpNetwork> never_of;
};

/// Each address once, without /p2p part.
std::vector<multiformats::Multiaddr> announced(const AnnounceRules& rules,
                                               std::vector<multiformats::Multiaddr> own);

}  // namespace kith::net
