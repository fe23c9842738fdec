// Liar: a peer that speaks libp2p and Bitswap's messages rightly and its content falsely, over the
// same streams as honest peers: a swarm, identify, and a Bitswap of its own.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include <kith/exchange/bitswap_message.hpp>
#include <kith/net/identify.hpp>
#include <kith/net/peer_store.hpp>
#include <kith/net/swarm.hpp>
#include <kith/sim/world.hpp>

#include "peer.hpp"

namespace kith::scenario {

enum class Lie : std::uint8_t {
  wrong_bytes,    ///< has everything, and sends other bytes
  empty_promise,  ///< has everything, and sends nothing
  drip,           ///< has everything, and sends a byte now and then
  unasked,        ///< sends blocks that nobody asked for
};

class Liar {
 public:
  Liar(sim::World& world, Lie lie);
  ~Liar();
  Liar(const Liar&) = delete;
  Liar& operator=(const Liar&) = delete;

  const PeerId& id() const noexcept { return id_; }
  Multiaddr address() const { return address_of(machine_, id_); }
  Lie lie() const noexcept { return lie_; }
  void knows(const Multiaddr& other) { known_.push_back(other); }
  void starts() { machine_.spawn(live()); }

  /// What it has done to each peer.
  struct Dealing {
    std::uint64_t wants = 0;         ///< blocks that the peer asked for
    std::uint64_t blocks_sent = 0;   ///< of wrong or unasked ones
    std::uint64_t disconnected = 0;  ///< how often the last connection with it ended
  };
  const std::map<PeerId, Dealing>& dealings() const noexcept { return dealings_; }

 private:
  struct Program;

  Task<void> live();
  Task<void> dial(Program& program, Multiaddr address);
  Task<void> serve(Program& program, std::unique_ptr<net::Stream> stream);
  Task<void> answer(Program& program, PeerId peer, exchange::BitswapMessage asked);
  Task<void> send_wrong(Program& program, net::Stream& stream, Cid cid);
  Task<void> send_drips(Program& program, net::Stream& stream);
  Task<void> send(net::Stream& stream, exchange::BitswapMessage message);

  sim::Node& machine_;
  Lie lie_;
  crypto::PrivateKey key_;
  PeerId id_;
  std::vector<Multiaddr> known_;
  std::map<PeerId, Dealing> dealings_;
};

}  // namespace kith::scenario
