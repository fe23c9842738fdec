// Node: one running kith, wired by hand: home, store, swarm, identify, DHTs, exchange. Everything
// above (commands, gateway) gets what it needs from here.
//
// A node is online (it listens, dials and exchanges blocks) or offline (the store alone). It is
// made by start() and must be ended by stop_shielded() before it is destroyed. Ownership is the
// order of the members. Loop thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <kith/dht/dual.hpp>
#include <kith/exchange/bitswap.hpp>
#include <kith/net/address_filter.hpp>
#include <kith/net/identify.hpp>
#include <kith/net/peer_store.hpp>
#include <kith/net/perf.hpp>
#include <kith/net/ping.hpp>
#include <kith/net/swarm.hpp>
#include <kith/net/transports/tcp_ports.hpp>
#include <kith/node/config.hpp>
#include <kith/node/home.hpp>
#include <kith/node/peering.hpp>
#include <kith/port/env.hpp>
#include <kith/port/task_group.hpp>
#include <kith/pubsub/service.hpp>
#include <kith/store/block_store.hpp>

namespace kith::node {

class Chains;

inline constexpr std::string_view program_version = "0.1.0";
inline constexpr std::string_view agent_version = "kith/0.1.0";
inline constexpr std::string_view identify_protocol_version = "ipfs/0.1.0";

struct NodeOptions {
  bool online = true;
  /// Comes behind agent_version, after a slash.
  std::string agent_suffix;
  /// Also if Pubsub.Enabled doesn't say so.
  bool pubsub = false;
};

struct BandwidthRates {
  double in = 0;
  double out = 0;
};

/// A command that reads through the node, for whoever watches it.
struct TransferInfo {
  std::string id;    ///< as whoever asked for it calls it; may be empty
  std::string what;  ///< "get bafy..."
  Instant begun_at;
  exchange::TransferStatus status;
};

/// How a source is opened.
struct SourceOptions {
  bool fetch = true;  ///< from peers too, not from the store alone
  std::string id{};
  std::string what{};
};

class Node {
 public:
  /// Errors of the settings, the store and of listening, each saying what to try.
  static Task<std::unique_ptr<Node>> start(port::Env& env, Home home, NodeOptions options);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// Closes connections, saves what is remembered of peers, syncs the store.
  Task<void> stop_shielded();

  port::Env& env() noexcept { return env_; }
  const Home& home() const noexcept { return home_; }
  const NodeSettings& settings() const noexcept { return settings_; }
  const multiformats::PeerId& peer() const noexcept { return peer_; }
  bool online() const noexcept { return network_ != nullptr; }
  /// What peers are told that we are.
  const std::string& agent() const noexcept { return agent_; }

  store::BlockStore& store() noexcept { return *store_; }
  /// What one command reads through: the store, and peers behind it if the node is online. It dies
  /// before the node, and is one of transfers() until then if it can fetch. A block that isn't here
  /// is Errc::not_found if it can't.
  std::unique_ptr<ipld::BlockSource> open_source(SourceOptions options);
  /// Who gets plain HTTP requests that come to the swarm's TCP ports from now on, where
  /// settings().gateway_over_libp2p lets them in (net::WebSocketOptions::plain_http); empty: they
  /// are dropped. Their streams die before stop_shielded().
  void serve_plain_http(std::function<void(net::TcpGuest guest)> serve) {
    plain_http_ = std::move(serve);
  }
  /// Sources that are open and can fetch, the oldest first.
  std::vector<TransferInfo> transfers() const;
  /// Tells peers that wait for these blocks that they are here: after they came into the store by
  /// an import.
  void announce_blocks(std::span<const ipld::Block> blocks);
  /// Tells the DHTs that this node has the content, in the background, and goes on telling them.
  /// Nothing happens where there is none.
  void provide(const multiformats::Cid& cid);

  /// Only of an online node (asserted).
  net::Swarm& swarm() noexcept;
  net::AddressFilter& address_filter() noexcept;
  net::Identify& identify() noexcept;
  net::Ping& ping() noexcept;
  Peering& peering() noexcept;
  exchange::Bitswap& bitswap() noexcept;
  /// None if the node is offline or doesn't speak it.
  pubsub::PubSub* pubsub() noexcept;
  net::Reach& reach() noexcept;
  /// The ledgers that this node takes part in.
  Chains& chains() noexcept;
  /// Nothing if the settings don't want a DHT, or the node is offline.
  dht::DualDht* dht() noexcept;
  routing::Routing* routing() noexcept { return dht(); }

  /// Bytes a second, averaged over the last few. Of an online node (asserted).
  BandwidthRates bandwidth() const noexcept;

  Instant started_at() const noexcept { return started_at_; }
  WallTime started_at_wall() const noexcept { return started_at_wall_; }
  /// Ends the daemon as SIGTERM would.
  void request_shutdown() noexcept;
  Task<void> wait_shutdown_request();

 private:
  struct Network;
  class Transfer;
  Node(port::Env& env, Home home, NodeSettings settings, const NodeOptions& options);
  void warn_of_settings();
  Task<void> start_network();
  pubsub::PubSub& start_pubsub();
  Task<void> save_peers_loop();
  Task<void> measure_bandwidth();
  Task<void> search_loop();
  Task<void> provide_now(multiformats::Multihash content);
  void load_peers();
  Result<void> save_peers();
  void load_authors();
  Result<void> save_authors();

  port::Env& env_;
  port::Logger log_;
  Home home_;
  NodeSettings settings_;
  multiformats::PeerId peer_;
  std::string agent_;
  Instant started_at_;
  WallTime started_at_wall_;
  std::unique_ptr<store::BlockStore> store_;
  net::PeerStore peers_;
  std::unique_ptr<Network> network_;
  std::map<std::uint64_t, const Transfer*> transfers_;
  std::uint64_t next_transfer_ = 0;
  bool shutdown_requested_ = false;
  port::Event shutdown_;
  std::function<void(net::TcpGuest)> plain_http_;
};

}  // namespace kith::node
