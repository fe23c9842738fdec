// SwarmNetwork: a net::Swarm as one of the two DHTs of a node sees it (go-libp2p-kad-dht's dual):
//
//              protocol                  peers that belong to it          addresses told and used
//   wide       /ipfs/kad/1.0.0           have a global address            global ones
//   local      /ipfs/lan/kad/1.0.0       are connected at another one     all but loopback
//
// ("/ipfs" is the public network's prefix; a network of its own has another), so that the wide DHT
// knows nobody whom others couldn't reach, and the local one works without any other. Loopback
// addresses count in the local one only if it is told so: of use where all nodes are on one
// machine. Of a peer only what it has said of itself is told to others, not what was only heard of
// it. A request is a stream of its own; a single protocol costs no round trip. Whoever serves ends
// a stream after stream_idle_timeout without request. The swarm and identify outlive it, and it
// outlives every stream it serves: it dies after the swarm was closed. Loop thread only.
#pragma once

#include <string_view>

#include <kith/dht/network.hpp>
#include <kith/net/identify.hpp>
#include <kith/net/swarm.hpp>
#include <kith/port/env.hpp>

namespace kith::dht {

inline constexpr std::string_view wide_protocol = "/ipfs/kad/1.0.0";
inline constexpr std::string_view local_protocol = "/ipfs/lan/kad/1.0.0";

inline constexpr std::string_view public_prefix = "/ipfs";
inline constexpr std::string_view wide_suffix = "/kad/1.0.0";
inline constexpr std::string_view local_suffix = "/lan/kad/1.0.0";

enum class Reach : std::uint8_t { wide, local };

class SwarmNetwork final : public Network, private net::IdentifyObserver {
 public:
  SwarmNetwork(port::Env& env, net::Swarm& swarm, net::Identify& identify, Reach reach,
               bool loopback = false, std::string_view prefix = public_prefix);
  ~SwarmNetwork() override;
  SwarmNetwork(const SwarmNetwork&) = delete;
  SwarmNetwork& operator=(const SwarmNetwork&) = delete;

  const PeerId& self() const override { return swarm_.local_peer(); }
  Task<Answer> request(PeerId peer, Message request, Instant deadline) override;
  Task<void> tell(PeerId peer, Message message, Instant deadline) override;
  Task<void> tell_all(PeerId peer, std::function<std::optional<Message>()> next,
                      Instant deadline) override;
  Task<void> reach(PeerId peer, Instant deadline) override;
  bool connected(const PeerId& peer) const override { return swarm_.connected(peer); }
  std::vector<multiformats::Multiaddr> addresses(const PeerId& peer) const override;
  std::vector<multiformats::Multiaddr> usable(
      std::vector<multiformats::Multiaddr> addresses) const override;
  void heard(const PeerId& peer, const std::vector<multiformats::Multiaddr>& addresses) override;
  std::vector<IpGroup> groups(std::span<const multiformats::Multiaddr> addresses) const override;
  void serve(RequestHandler handler) override;
  void stop_serving() override;
  void observe(NetworkObserver& observer) override;
  void stop_observing() override;

 private:
  void on_identified(const PeerId& peer) override;

  Task<std::unique_ptr<net::Stream>> open(PeerId peer, Instant deadline);
  Task<void> serve_stream(std::unique_ptr<net::Stream> stream);
  bool belongs(const PeerId& peer) const;
  std::vector<multiformats::Multiaddr> seen_at(const PeerId& peer) const;
  std::vector<multiformats::Multiaddr> own_addresses() const;

  port::Env& env_;
  net::Swarm& swarm_;
  net::Identify& identify_;
  Reach reach_;
  bool loopback_;
  net::ProtocolId protocol_;
  RequestHandler handler_;
  NetworkObserver* observer_ = nullptr;
};

}  // namespace kith::dht
