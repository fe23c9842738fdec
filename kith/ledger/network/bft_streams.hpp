// BftStreams: what validators of a chain say to one another, and blocks that are voted on, on
// streams of /kith/chain/GENESIS/bft/1, one each way between two of them.
//
//   message    varint length, 0 and an engine's message (consensus/bft/message.hpp)
//                             1 and a block's RLP
//
// A validator is its node's Ed25519 identity, so that a connection proves whose messages these are.
// Whoever isn't connected is dialed, where it is known to be or found. Sending never waits: what
// there is no room for is dropped, the oldest message first, blocks last. Streams end when nothing
// was sent for a while. Loop thread only; must be closed before the swarm is.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include <kith/ledger/consensus/bft/message.hpp>
#include <kith/ledger/network/limits.hpp>
#include <kith/net/swarm.hpp>
#include <kith/port/env.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>

namespace kith::ledger {

/// Finds a peer that isn't connected; may be empty.
using FindPeer = std::function<Task<std::vector<multiformats::Multiaddr>>(multiformats::PeerId)>;

/// Of an Ed25519 identity; nothing of another one.
std::optional<bft::ValidatorKey> validator_key_of(const multiformats::PeerId& peer);
multiformats::PeerId peer_of(const bft::ValidatorKey& key);

class BftStreams {
 public:
  struct Handler {
    std::function<void(const bft::ValidatorKey& from, Buffer message)> on_message;
    /// The next one is read when this one has been dealt with.
    std::function<Task<void>(const bft::ValidatorKey& from, Buffer block)> on_block;
  };

  BftStreams(port::Env& env, net::Swarm& swarm, const Hash& genesis, Handler handler,
             FindPeer find_peer);
  ~BftStreams();
  BftStreams(const BftStreams&) = delete;
  BftStreams& operator=(const BftStreams&) = delete;

  void start();
  Task<void> close_shielded();

  void send(const bft::ValidatorKey& to, const Buffer& message);
  void send_block(const bft::ValidatorKey& to, const Buffer& block);

 private:
  enum class Kind : std::uint8_t { message = 0, block = 1 };
  struct Outgoing {
    Kind kind = Kind::message;
    Buffer content;
  };
  struct Peer {
    explicit Peer(port::Clock& clock) : wake(clock) {}
    std::deque<Outgoing> waiting;
    std::size_t waiting_bytes = 0;
    port::Event wake;
  };
  class Serving;

  void push(const bft::ValidatorKey& to, Kind kind, const Buffer& content);
  Task<void> serve(multiformats::PeerId id, std::shared_ptr<Peer> peer);
  Task<void> write(multiformats::PeerId id, Peer& peer);
  Task<void> reach(multiformats::PeerId id);
  Task<void> take(std::unique_ptr<net::Stream> stream);

  port::Env& env_;
  port::Logger log_;
  net::Swarm& swarm_;
  net::ProtocolId protocol_;
  Handler handler_;
  FindPeer find_peer_;
  bool started_ = false;
  std::map<multiformats::PeerId, std::shared_ptr<Peer>> peers_;
  std::set<net::Stream*> inbound_;
  port::Event inbound_ended_;
  port::TaskGroup tasks_;
};

}  // namespace kith::ledger
