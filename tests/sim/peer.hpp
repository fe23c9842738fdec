// Peer: a whole kith (node::Node, as the daemon runs it: swarm over TCP, Noise and yamux, identify,
// Bitswap, the store on its disk) on one simulated machine, and what a user does with it.
//
//   peer.knows(other);            // dials it whenever it starts, and has it in its bootstrap list
//   peer.starts();
//   peer.adds(content);           // then run the world until peer.root()
//   peer.fetches(root, content);  // as `kith cat` reads; compares every byte; then peer.done()
//   peer.leaves(Leaving::power);  peer.returns();
//
// What is asked of a peer that isn't up is done when it is; a fetch that its machine's death has
// interrupted begins anew with the next life. All of the program lives in tasks of the sim::Node,
// so that the machine can lose power at any moment. Figures add up over all lives.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <kith/node/node.hpp>
#include <kith/port/event.hpp>
#include <kith/sim/world.hpp>

namespace kith::scenario {

using multiformats::Cid;
using multiformats::Multiaddr;
using multiformats::PeerId;

inline constexpr std::uint16_t peer_port = 4001;

crypto::PrivateKey key_of(std::uint64_t seed, sim::NodeId node);
Multiaddr address_of(const sim::Node& machine, const PeerId& peer);

/// Bounds that a scenario can reach; their sum is 28 MiB.
node::MemoryBounds small_memory();
/// What a node with these bounds may hold in all, with so many connections.
std::uint64_t memory_bytes_max(const node::MemoryBounds& bounds, std::size_t connections);

struct PeerOptions {
  /// What the node may keep in memory, as its operator would set it.
  node::MemoryBounds memory = small_memory();
  /// How its files are cut.
  std::size_t chunk_bytes = 256 * 1024;
  /// With a DHT each would find all others, and a scenario says who knows whom.
  bool dht = false;
};

enum class Leaving : std::uint8_t {
  politely,  ///< the daemon is stopped
  killed,    ///< the program is: the others see resets
  power,     ///< the machine stops: the others see silence
};

/// What one peer has sent and received, in all its lives.
struct Figures {
  std::uint64_t blocks_received = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t duplicate_blocks = 0;
  std::uint64_t duplicate_bytes = 0;
  std::uint64_t unasked_blocks = 0;
  std::uint64_t blocks_sent = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t stalls = 0;

  Figures& operator+=(const Figures& other) noexcept;
};

class Peer {
 public:
  Peer(sim::World& world, sim::NodeOptions machine, PeerOptions options);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  const PeerId& id() const noexcept { return id_; }
  Multiaddr address() const { return address_of(machine_, id_); }
  sim::Node& machine() const noexcept { return machine_; }

  void knows(const Multiaddr& other) { known_.push_back(other); }
  void starts();
  /// Dials whom it knows, as when it started.
  void dials_again();
  void leaves(Leaving how);
  /// Its machine starts again, after it was killed or lost power.
  void returns();
  /// The node of the present life, once it has started.
  node::Node* node() const noexcept;

  void adds(Buffer content);
  void fetches(Cid root, Buffer content);

  /// Of what it has added.
  const std::optional<Cid>& root() const noexcept { return root_; }
  bool fetching() const noexcept { return fetch_ && !fetch_->done; }
  bool done() const noexcept { return fetch_ && fetch_->done; }
  /// When its fetch began and ended.
  Instant begun_at() const noexcept { return fetch_->begun_at; }
  Instant done_at() const noexcept { return fetch_->done_at; }
  /// What its fetch has read so far, from 0 to 1.
  double progress() const noexcept;
  bool gone() const noexcept { return gone_; }
  bool connected_to(const PeerId& other) const;
  Figures figures() const;
  /// Blocks that it received and stored, in all lives and in the present one.
  std::uint64_t blocks_taken() const;
  std::uint64_t blocks_taken_now() const;
  /// Blocks that its store held when the present life began.
  std::uint64_t blocks_found() const noexcept { return blocks_found_; }
  /// What this peer waits for, for messages.
  std::string describe() const;

 private:
  struct Program;
  struct Fetch {
    Cid root;
    Buffer content;
    std::uint64_t position = 0;
    bool done = false;
    Instant begun_at{};
    Instant done_at{};
  };

  Task<void> live();
  Task<void> run(Program& program);
  Task<void> open(Program& program);
  Task<void> dial(Program& program, Multiaddr address);
  Task<void> add(Program& program);
  Task<void> fetch(Program& program);
  Task<void> read(Program& program, ipld::BlockSource& source);
  void take_figures();

  sim::World& world_;
  sim::Node& machine_;
  PeerOptions options_;
  crypto::PrivateKey key_;
  PeerId id_;
  std::vector<Multiaddr> known_;
  Program* program_ = nullptr;
  bool gone_ = false;
  Buffer to_add_;
  std::optional<Cid> root_;
  std::optional<Fetch> fetch_;
  Figures past_;
  std::uint64_t blocks_found_ = 0;
};

}  // namespace kith::scenario
