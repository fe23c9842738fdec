// Host: libp2p for a program. One object that listens, dials, knows peers, says who it is
// (identify), answers pings, and carries the program's own protocols.
//
//   Task<void> body(Host& host) {
//     host.handle("/hello/1.0.0", serve_hello);            // Task<void>(std::unique_ptr<Stream>)
//     KITH_CO_TRY(PeerId peer, co_await host.connect(address));
//     KITH_CO_TRY(auto stream, co_await host.open_stream(peer, "/hello/1.0.0"));
//     ...
//   }
//   KITH_CO_CHECK(co_await with_host(env, key, options, body));   // closes it however that ends
//
// It works on any port::Env: the machine's (io::Runtime; run_program() in program.hpp makes one) or
// a simulated one in tests. Everything here is a few lines around net/, and swarm() and its
// siblings give the parts themselves.
//
// Every wait ends by itself: connecting and agreeing on a protocol within net/limits.hpp's
// times, reading and writing a stream by the deadline that they are given. A peer's faults are
// errors, never exceptions. What a handler throws is logged and resets its stream; what any other
// task throws ends the process, and so does a TaskGroup that an exception finds with children.
//
// Ownership: a Host dies after close_shielded() has returned (asserted), and what handlers and
// observers refer to lives until then; with_host() sees to it. A cancelled body's waits all return
// Errc::cancelled at once: what it has to say goodbye with, it spawns in a TaskGroup of its own and
// awaits join_shielded(). Loop thread only; other threads hand it work with post():
//
//   host.post([&host, &tasks, job] { tasks.spawn(announce(host, job)); });   // a TaskGroup
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <kith/crypto/keys.hpp>
#include <kith/host/dht.hpp>
#include <kith/multiformats/multiaddr.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/net/gater.hpp>
#include <kith/net/identify.hpp>
#include <kith/net/limits.hpp>
#include <kith/net/nat/reach.hpp>
#include <kith/net/peer_store.hpp>
#include <kith/net/ping.hpp>
#include <kith/net/stream.hpp>
#include <kith/net/swarm.hpp>
#include <kith/port/env.hpp>
#include <kith/port/task_group.hpp>
#include <kith/pubsub/service.hpp>

namespace kith::host {

struct HostOptions {
  /// Where to accept connections, such as /ip4/0.0.0.0/tcp/4001; port 0 chooses one. None: the host
  /// only dials.
  std::vector<multiformats::Multiaddr> listen;
  /// Who we say we are in identify.
  std::string agent = "kith/0.1.0";
  std::string protocol_version = "ipfs/0.1.0";
  net::SwarmLimits limits;
  /// Makes the host reachable from behind a NAT, and helps others: relays, hole punching, AutoNAT,
  /// a port mapped by the router. Without it, it is reached where it listens, if at all.
  std::optional<net::ReachOptions> reach{};
  /// Takes part in the Kademlia DHT: dht().
  std::optional<DhtOptions> dht{};
  /// Speaks gossipsub: pubsub().
  std::optional<pubsub::PubSubOptions> pubsub{};
  net::Transports transports{};
  /// Asked about every peer and address, if there is one; outlives the host.
  net::ConnectionGater* gater = nullptr;
  /// Whether to serve /perf/1.0.0, which gives any peer as much bandwidth as it asks for.
  bool serve_perf = false;
};

/// What a connected peer has told of itself.
struct PeerInfo {
  std::string agent;
  std::string protocol_version;
  std::vector<net::ProtocolId> protocols;  ///< sorted
  std::vector<multiformats::Multiaddr> addresses;
  /// Where the peer sees us.
  std::optional<multiformats::Multiaddr> observed_address;
};

class Host {
 public:
  /// Makes a host that listens on all of `options.listen`. The error of the first address that it
  /// can't listen on, with the address; Errc::invalid_argument for a DHT that can't be. Nothing may
  /// leave between it and close_shielded():
  /// with_host() is the safe form.
  static Task<std::unique_ptr<Host>> start(port::Env& env, crypto::PrivateKey identity,
                                           HostOptions options = {});
  /// After close_shielded() (asserted).
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  const multiformats::PeerId& peer() const noexcept { return swarm_.local_peer(); }

  /// Where we can be reached, each ending in /p2p/<our id>: what to give to another peer's
  /// connect(). An unspecified listen address stands for all of the machine's.
  std::vector<multiformats::Multiaddr> addresses() const;

  /// Connects to the peer that `address` ends in (/p2p/...); done at once if we are connected
  /// already. Errc::invalid_argument without that ending, else errors of Swarm::connect. Of a mere
  /// /p2p/... as the next one.
  Task<multiformats::PeerId> connect(multiformats::Multiaddr address, Instant deadline = never);
  /// Connects to the peer where it is known to be, or else where the DHT finds it, if the host
  /// takes part in it. Errors of Swarm::connect and of Dht::find_peer.
  Task<multiformats::PeerId> connect(multiformats::PeerId peer, Instant deadline = never);
  /// The same of an address, or a peer id, as text; MultiformatsError for what is none.
  Task<multiformats::PeerId> connect(std::string where, Instant deadline = never);

  /// Closes every connection to the peer; false if there was none.
  bool disconnect(const multiformats::PeerId& peer) { return swarm_.disconnect(peer); }
  std::vector<net::ConnectionInfo> connections() const { return swarm_.connections(); }

  /// Opens a stream of `protocol`, connecting to the peer if need be. That the
  /// peer doesn't speak it may show only at the first read, as protocol_refused. A protocol's id
  /// has 1 to net::protocol_id_bytes_max (140) bytes and no newline, else Errc::invalid_argument.
  Task<std::unique_ptr<net::Stream>> open_stream(multiformats::PeerId peer,
                                                 net::ProtocolId protocol,
                                                 Instant deadline = never);

  /// Serves the protocol from now on: each inbound stream becomes a task that `handler` returns.
  /// The task's end ends the stream (closed if both sides had closed it, reset else), the
  /// connection's end cancels the task, and an exception, from the call or the task, is logged as
  /// an error and ends this stream alone. The id must be one that open_stream() takes, and the
  /// handler not empty (both asserted, here and not when a peer comes).
  void handle(net::ProtocolId protocol, net::StreamHandler handler,
              net::HandlerOptions options = {});
  void stop_handling(const net::ProtocolId& protocol) { swarm_.stop_handling(protocol); }

  /// Tells `on_message` of each message of the topic until the host closes, on the loop; it must
  /// not throw. Of a host that speaks pubsub (asserted). Errors of PubSub::subscribe; Errc::closed.
  Result<void> subscribe(std::string topic,
                         std::function<void(const pubsub::Received&)> on_message);

  /// Waits until the connected peer has said who it is. Errc::not_found if we aren't connected or
  /// it says nothing.
  Task<PeerInfo> identify(multiformats::PeerId peer, Instant deadline = never);

  /// Round trips, one after the other on one stream. Errc::timed_out if one takes longer than
  /// net::ping_timeout, Errc::corrupt if the peer returns other bytes.
  Task<std::vector<Duration>> ping(multiformats::PeerId peer, std::size_t count,
                                   Instant deadline = never);

  /// Runs `work` on the loop soon, in the order of the calls. From any thread, while the host
  /// lives: join or stop the thread before. Dropped if close_shielded() is called first, so `work`
  /// may refer to what lives until then. An exception of it ends the process.
  void post(std::function<void()> work);

  /// Runs a task beside the body until it ends or the host closes, which cancels it; so it refers
  /// to nothing of the body's frame. What it returns is dropped. False, and it never starts, if the
  /// host is closing.
  bool spawn(Task<void> task) { return tasks_.spawn(std::move(task)); }

  /// Closes all connections, ends all handlers and tasks and waits for them. May be called again.
  Task<void> close_shielded();

  /// `duration` from now, for deadlines.
  Instant after(Duration duration) const noexcept { return env_.clock.now() + duration; }

  port::Env& env() noexcept { return env_; }
  /// Who is where and who has what. Of a host whose options ask for it (asserted).
  Dht& dht() noexcept;
  /// Publish and subscribe. Of a host whose options ask for it (asserted).
  pubsub::PubSub& pubsub() noexcept;
  /// Whether and how the host can be reached; null unless its options ask for it.
  const net::Reach* reach() const noexcept { return reach_.get(); }

  net::Swarm& swarm() noexcept { return swarm_; }
  net::PeerStore& peer_store() noexcept { return peers_; }

 private:
  Host(port::Env& env, crypto::PrivateKey identity, HostOptions& options);

  port::Env& env_;
  net::PeerStore peers_;
  net::Swarm swarm_;
  net::Identify identify_;
  net::Ping ping_;
  std::unique_ptr<Dht> dht_;
  std::unique_ptr<net::Reach> reach_;
  std::unique_ptr<pubsub::PubSub> pubsub_;
  port::TaskGroup tasks_;
  const std::shared_ptr<bool> accepts_work_;  ///< what posted work asks, which may outlive the host
  bool closed_ = false;
};

/// Starts a host, runs `body` with it, and closes it, whether the body succeeds, fails, throws or
/// is cancelled. Errors of Host::start, or the body's; what the body throws comes through.
Task<void> with_host(port::Env& env, crypto::PrivateKey identity, HostOptions options,
                     std::function<Task<void>(Host&)> body);

}  // namespace kith::host
