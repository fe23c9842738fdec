// AddressFilter: a gater that refuses networks: no address of theirs is dialed, no connection from
// one accepted (Kubo's Swarm.AddrFilters). Connections that are there stay when a network is added.
// Loop thread only.
#pragma once

#include <vector>

#include <kith/net/gater.hpp>
#include <kith/net/ip_network.hpp>

namespace kith::net {

class AddressFilter final : public ConnectionGater {
 public:
  explicit AddressFilter(std::vector<IpNetwork> networks = {}) : networks_(std::move(networks)) {}

  /// Nothing happens if it is there.
  void add(const IpNetwork& network);
  /// False if it isn't there.
  bool remove(const IpNetwork& network);
  void clear() noexcept { networks_.clear(); }
  const std::vector<IpNetwork>& networks() const noexcept { return networks_; }

  bool allow_dial_address(const multiformats::PeerId&,
                          const multiformats::Multiaddr& address) override {
    return allows(address);
  }
  bool allow_accept(const multiformats::Multiaddr& address) override { return allows(address); }
  bool allow_peer(const multiformats::PeerId&, Direction,
                  const multiformats::Multiaddr& address) override {
    return allows(address);
  }

 private:
  bool allows(const multiformats::Multiaddr& address) const noexcept;

  std::vector<IpNetwork> networks_;
};

}  // namespace kith::net
