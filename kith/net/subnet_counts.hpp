// What one network may have of a node. Somebody who has one line to the network, or one IPv6 prefix
// of a provider, is meant to have little of what a node can take, whatever number of peer ids they
// make up (go-libp2p's limits of connections per subnet). Loopback isn't counted. In a network of
// one's own, where all machines share their IPv6 prefix, each address counts for itself.
//
//   SubnetCounts   how many connections there are, and whether there may be one more
//   SubnetRates    how many have come lately, and whether one more may: a handshake costs us more
//                  than it costs who begins it, and one that fails leaves no connection to count
//
// Pure and bounded; the caller says what time it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include <kith/base/time.hpp>
#include <kith/net/ip_network.hpp>
#include <kith/net/limits.hpp>
#include <kith/port/ip.hpp>

namespace kith::net {

/// So many connections among the addresses whose first `bits` bits are the same.
struct SubnetLimit {
  std::size_t bits = 0;
  std::uint64_t connections = 0;

  friend bool operator==(const SubnetLimit&, const SubnetLimit&) noexcept = default;
};

struct SubnetLimits {
  std::vector<SubnetLimit> ip4;
  std::vector<SubnetLimit> ip6;
};
/// As go-libp2p has it: 8 of an IPv4 address, 8 of an IPv6 /56, 64 of a /48.
SubnetLimits default_subnet_limits();

class SubnetCounts {
 public:
  explicit SubnetCounts(SubnetLimits limits) : limits_(std::move(limits)) {}

  /// Counts one more, or gives the limit that forbids it, and counts nothing.
  std::optional<SubnetLimit> add(const port::IpAddress& address);
  /// Of what was added (asserted).
  void remove(const port::IpAddress& address) noexcept;

  /// At most one a connection and prefix.
  std::size_t entries() const noexcept { return counts_.size(); }

 private:
  std::span<const SubnetLimit> limits_of(const port::IpAddress& address) const noexcept;
  void take_one(const IpNetwork& subnet) noexcept;

  SubnetLimits limits_;
  std::map<IpNetwork, std::uint64_t> counts_;
};

/// So many at once from the addresses whose first `bits` bits are the same, then one in `every`;
/// who rests earns the burst back at that pace. A token bucket.
struct SubnetRate {
  std::size_t bits = 0;
  std::uint32_t burst = 0;
  Duration every{};

  friend bool operator==(const SubnetRate&, const SubnetRate&) noexcept = default;
};

struct SubnetRateLimits {
  std::vector<SubnetRate> ip4;
  std::vector<SubnetRate> ip6;
};
/// As go-libp2p has it: 16 of an IPv4 address or an IPv6 /56, then one in 5 s; 80 of a /48, then
/// one in 2 s.
SubnetRateLimits default_subnet_rates();

class SubnetRates {
 public:
  explicit SubnetRates(SubnetRateLimits limits, std::size_t entries_max = subnet_rates_max)
      : limits_(std::move(limits)), entries_max_(entries_max) {}

  /// Counts one that comes, or gives the limit that forbids it, and counts nothing.
  std::optional<SubnetRate> take(const port::IpAddress& address, Instant now);

  /// At most as many as were said. When there are too many, those go that have the least to wait
  /// for.
  std::size_t entries() const noexcept { return full_at_.size(); }

 private:
  void make_room(Instant now);

  SubnetRateLimits limits_;
  std::size_t entries_max_;
  std::map<IpNetwork, Instant> full_at_;  ///< when a bucket will be full again
};

}  // namespace kith::net
