// What an AutoNAT server does for whom: which addresses it dials, and how often. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include <kith/multiformats/multiaddr.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/net/nat/autonat_message.hpp>
#include <kith/net/nat/limits.hpp>
#include <kith/port/ip.hpp>

namespace kith::net {

/// Whether an address is one that this server dials at all.
using DialsAddress = std::function<bool(const multiformats::Multiaddr&)>;

/// v1: where to dial a peer that is seen at `observed`: there, and at the ports that it names, but
/// at no other IP address than the one it is seen at. Empty if that is a relay's.
std::vector<multiformats::Multiaddr> autonat_v1_targets(
    const multiformats::Multiaddr& observed, const std::vector<multiformats::Multiaddr>& requested,
    const DialsAddress& dials);

/// v2: the place of the first address that we dial.
std::optional<std::size_t> autonat_v2_target(const AutonatDialRequest& request,
                                             const DialsAddress& dials);

/// Whether somebody else may be there, so that dialing must cost the asker something.
bool autonat_costs_data(const multiformats::Multiaddr& observed,
                        const multiformats::Multiaddr& target);

/// So many in an interval, in all and of each peer. Holds as many entries as are allowed in all.
class DialRates {
 public:
  DialRates(std::size_t all_max, std::size_t per_peer_max, Duration interval) noexcept
      : all_max_(all_max), per_peer_max_(per_peer_max), interval_(interval) {}
  /// Counts it if it may be.
  bool take(const multiformats::PeerId& peer, Instant now);

 private:
  struct Taken {
    multiformats::PeerId peer;
    Instant at;
  };
  std::size_t all_max_;
  std::size_t per_peer_max_;
  Duration interval_;
  std::deque<Taken> taken_;
};

}  // namespace kith::net
