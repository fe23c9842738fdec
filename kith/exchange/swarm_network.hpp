// SwarmNetwork: a net::Swarm as Bitswap sees it. The swarm outlives it. Loop thread only.
#pragma once

#include <kith/exchange/limits.hpp>
#include <kith/exchange/network.hpp>
#include <kith/net/swarm.hpp>

namespace kith::exchange {

class SwarmNetwork final : public Network, private net::SwarmObserver {
 public:
  explicit SwarmNetwork(net::Swarm& swarm) : swarm_(swarm) {}
  ~SwarmNetwork() override;
  SwarmNetwork(const SwarmNetwork&) = delete;
  SwarmNetwork& operator=(const SwarmNetwork&) = delete;

  Task<std::unique_ptr<net::Stream>> open_stream(PeerId peer,
                                                 std::vector<net::ProtocolId> protocols,
                                                 Instant deadline) override;
  std::vector<PeerId> connected_peers() const override { return swarm_.connected_peers(); }
  void handle(net::ProtocolId protocol, NetworkHandler handler, std::size_t per_peer_max) override;
  void stop_handling(const net::ProtocolId& protocol) override { swarm_.stop_handling(protocol); }
  void observe(NetworkObserver& observer) override;
  void stop_observing(NetworkObserver& observer) override;
  void useful(const PeerId& peer) override {
    swarm_.tag_peer(peer, "bitswap", useful_peer_value, useful_peer_half_life);
  }
  void disconnect(const PeerId& peer) override { swarm_.disconnect(peer); }

 private:
  void on_connected(const net::ConnectionInfo& connection) override;
  void on_disconnected(const net::ConnectionInfo& connection, bool last) override;

  net::Swarm& swarm_;
  NetworkObserver* observer_ = nullptr;
};

}  // namespace kith::exchange
