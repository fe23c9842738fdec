// Reservations: who may be reached through this relay, and until when. At most so many in all, from
// one IP address, and from one network; whoever comes when all is taken is refused, and nothing is
// taken from anybody. Private networks count by address alone. Pure. One thread.
#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include <kith/base/result.hpp>
#include <kith/base/time.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/net/relay/limits.hpp>
#include <kith/port/ip.hpp>

namespace kith::net {

struct ReservationLimits {
  std::size_t all_max = relay_reservations_max;
  std::size_t per_ip_max = relay_reservations_per_ip_max;
  std::size_t per_network_max = relay_reservations_per_network_max;
};

class Reservations {
 public:
  explicit Reservations(ReservationLimits limits) noexcept : limits_(limits) {}

  /// Makes or renews a peer's reservation. Errc::limit_exceeded, and then what it had stays.
  Result<void> reserve(const multiformats::PeerId& peer, const port::IpAddress& from, Instant now,
                       Instant until);
  bool holds(const multiformats::PeerId& peer, Instant now) const;
  void end(const multiformats::PeerId& peer) { held_.erase(peer); }
  /// Ends those that have run out, and says whose they were.
  std::vector<multiformats::PeerId> sweep(Instant now);

  struct Held {
    port::IpAddress from;
    Instant until{};
  };
  const std::map<multiformats::PeerId, Held>& all() const noexcept { return held_; }

 private:
  ReservationLimits limits_;
  std::map<multiformats::PeerId, Held> held_;
};

}  // namespace kith::net
