// SubnetCounts: how many connections there are from and to each network, and whether there may be
// one more. Somebody who has one line to the network, or one IPv6 prefix of a provider, is meant to
// have little of what a node can take, whatever number of peer ids they make up (go-libp2p's limits
// of connections per subnet). Loopback isn't counted. In a network of one's own, where all machines
// share their IPv6 prefix, each address counts for itself.
//
// Pure. At most one entry a connection and prefix is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include <kith/net/ip_network.hpp>
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

  std::size_t entries() const noexcept { return counts_.size(); }

 private:
  static IpNetwork subnet_of(const port::IpAddress& address, std::size_t bits) noexcept;
  std::span<const SubnetLimit> limits_of(const port::IpAddress& address) const noexcept;
  void take_one(const IpNetwork& subnet) noexcept;

  SubnetLimits limits_;
  std::map<IpNetwork, std::uint64_t> counts_;
};

}  // namespace kith::net
