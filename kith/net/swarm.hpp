// Swarm: every connection of a node, by peer. Dials and accepts, keeps at most what its limits
// allow, hands inbound streams to the protocol that registered for them, and opens outbound ones.
//
//   dial: addresses of the peer (given, and from the PeerStore), and those that names among them
//         stand for -> DialQueue -> attempts, begun one after the other as RFC 8305 does; the first
//         that completes wins. Whoever wants the same peer meanwhile waits for the same dial and
//         adds addresses to it; it ends when nobody waits any more. An address that failed is left
//         alone for a while.
//   accept: gater -> limits (resources.hpp) -> handshake within a deadline -> gater -> limits.
//
// One connection a peer is the rule. Two that cross (both dialed at once) live until one has no
// streams; then the one that the peer with the smaller id dialed stays, so that both sides keep the
// same. Of several dialed by the same side the newest stays, and only that side closes the others:
// the two might not agree on which that is.
//
// Ownership: the swarm owns connections and runs inbound handlers in their connection's group; a
// handler is cancelled when its connection ends. Streams given out by open_stream belong to the
// caller. close_shielded() must have returned before the swarm is destroyed. Loop thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include <kith/crypto/keys.hpp>
#include <kith/net/announce.hpp>
#include <kith/net/bandwidth.hpp>
#include <kith/net/connection.hpp>
#include <kith/net/dial_backoff.hpp>
#include <kith/net/dial_queue.hpp>
#include <kith/net/dial_slots.hpp>
#include <kith/net/gater.hpp>
#include <kith/net/limits.hpp>
#include <kith/net/peer_store.hpp>
#include <kith/net/peer_tags.hpp>
#include <kith/net/resources.hpp>
#include <kith/net/security/channels.hpp>
#include <kith/net/stream.hpp>
#include <kith/net/traffic.hpp>
#include <kith/port/env.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>

namespace kith::net {

class Incoming;
class Listener;
class Transport;
struct ConnectionTerms;
struct WebSocketOptions;

enum class SwarmError {
  no_addresses = 1,  ///< nothing is known about where the peer is
  all_dials_failed,  ///< every address was tried; the error's text says how each failed
  dial_backoff,      ///< every address failed lately and is left alone for now
  dial_self,
  no_transport,      ///< no address is of a kind that we can dial
  protocol_refused,  ///< the peer speaks none of the protocols asked for
  limit_reached,     ///< one of this node's own; the error's text says which
  address_in_use,    ///< of listen(): somebody listens there already
  only_relayed,      ///< the peer is reached through a relay alone, which carries little
  relay_refused,     ///< a relay doesn't do what it was asked for; the error's text says why
};
const ErrorDomain& error_domain(SwarmError) noexcept;

/// Set by the operator (configuration Swarm.ConnMgr and Swarm.ResourceMgr); the defaults follow
/// Kubo where it has one.
struct SwarmLimits {
  /// Above high_water connections, unprotected ones older than the grace period are closed until
  /// low_water are left, in the order that tag_peer() tells. None ever are if one of the marks is
  /// 0.
  std::size_t low_water = 32;
  std::size_t high_water = 96;
  Duration grace_period = 20s;
  /// How often that happens.
  Duration silence_period = 10s;
  std::size_t dials_max = net::dials_max;
  std::size_t dials_per_peer_max = net::dials_per_peer_max;
  std::size_t direct_dials_max = net::direct_dials_max;
  std::size_t circuit_dials_max = net::circuit_dials_max;
  ResourceLimits resources =
      default_limits(memory_bytes_max_default, descriptors_max_default, high_water);
  BandwidthLimits bandwidth;
};

/// What connections may be made of.
struct Transports {
  bool tcp = true;
  bool quic = true;
  bool websocket = true;
  /// Null: its defaults.
  std::shared_ptr<const WebSocketOptions> websocket_options{};
  /// Of those that need a secure channel, best first; the dialer's order decides. A simulation that
  /// is to repeat itself has Noise first: OpenSSL has randomness of its own.
  std::vector<SecureProtocol> security = {SecureProtocol::noise, SecureProtocol::tls};
};

/// What one connection is, at the moment of asking.
struct ConnectionInfo {
  ConnectionId id{};
  multiformats::PeerId peer;
  Direction direction = Direction::inbound;
  multiformats::Multiaddr local_address;
  multiformats::Multiaddr remote_address;
  std::string security;
  std::string muxer;
  ConnectionStats stats;
  std::vector<std::string> protected_by;
  bool limited = false;  ///< Connection::limited
};

struct StreamOptions {
  /// Also on a connection through a relay that carries little (Connection::limited): for the few
  /// bytes of a protocol that finds out about the peer, or about a better way to it. Without it
  /// such a peer is waited for to come by a direct connection, up to direct_connection_patience.
  bool limited = false;
};

/// Told of what happens, on the loop, inside the swarm's own step: must not block, and must not
/// close the swarm.
class SwarmObserver {
 public:
  virtual ~SwarmObserver() = default;
  virtual void on_connected(const ConnectionInfo&) {}
  /// `last`: no other connection to this peer is left.
  virtual void on_disconnected(const ConnectionInfo&, bool last) { static_cast<void>(last); }
  virtual void on_listen_addresses_changed() {}
  virtual void on_protocols_changed() {}
};

/// Serves one inbound stream; returning ends it. It is cancelled when the connection ends. What it
/// throws, when called or awaited, is logged as an error and resets the stream.
using StreamHandler = std::function<Task<void>(std::unique_ptr<Stream>)>;

/// Inbound streams that are served at once; what isn't said is what the limits say of any protocol.
struct HandlerOptions {
  std::optional<std::uint64_t> streams_max{};
  std::optional<std::uint64_t> streams_per_peer_max{};
};

class Swarm {
 public:
  Swarm(port::Env& env, crypto::PrivateKey identity, PeerStore& peers, SwarmLimits limits = {},
        ConnectionGater* gater = nullptr);
  ~Swarm();
  Swarm(const Swarm&) = delete;
  Swarm& operator=(const Swarm&) = delete;

  const multiformats::PeerId& local_peer() const noexcept { return local_peer_; }
  const crypto::PrivateKey& identity() const noexcept { return identity_; }
  PeerStore& peer_store() noexcept { return peers_; }
  /// Null if nobody is refused.
  ConnectionGater* gater() const noexcept { return gater_; }
  const SwarmLimits& limits() const noexcept { return limits_; }
  /// What the limits on connections, streams and memory are, and what is used of them.
  ResourceReport resources() const { return resources_.report(); }

  /// Which of the transports that it makes itself it has; all by default. Before anything is
  /// listened on or dialed.
  void set_transports(Transports which);
  const Transports& transports() const noexcept { return which_; }
  /// One more, asked after those that are there. Before anything is listened on or dialed with it.
  void add_transport(std::unique_ptr<Transport> transport);
  /// For transports that are added: what set_transports() said of security.
  const std::shared_ptr<SecureChannels>& secure_channels() const noexcept { return channels_; }
  void set_announce_rules(AnnounceRules rules);

  /// Starts accepting on an address such as /ip4/0.0.0.0/tcp/4001. Errc::unsupported for a
  /// transport we don't have, SwarmError::address_in_use.
  Result<void> listen(const multiformats::Multiaddr& address);
  /// Stops accepting on what was listened on; false if nothing was. Connections go on.
  bool stop_listening(const multiformats::Multiaddr& address);
  /// For transports whose listeners come by addresses, or lose them, by and by.
  void listen_addresses_changed();

  /// Where we accept, with the ports in use; unspecified addresses as they were given.
  std::vector<multiformats::Multiaddr> listen_addresses() const;
  /// The same with unspecified addresses replaced by those of the machine's interfaces.
  std::vector<multiformats::Multiaddr> reachable_addresses() const;
  /// What peers are told: these, as the announce rules change them.
  std::vector<multiformats::Multiaddr> announced_addresses() const;

  /// Whether there is a transport for such an address.
  bool can_dial(const multiformats::Multiaddr& address) const {
    return dialer_of(address) != nullptr;
  }
  /// Returns once there is a connection. `addresses` are tried beside those of the peer store.
  Task<ConnectionId> connect(multiformats::PeerId peer,
                             std::vector<multiformats::Multiaddr> addresses, Instant deadline);

  /// The same, and a connection through a relay won't do: for reaching relays.
  Task<ConnectionId> connect_unrelayed(multiformats::PeerId peer,
                                       std::vector<multiformats::Multiaddr> addresses,
                                       Instant deadline);

  /// Returns once there is a connection that leads through no relay. All of these addresses are
  /// tried at once, and no others. `punching`: the other side does the same at this moment, and
  /// this is our part in what comes about (ConnectionTerms).
  Task<ConnectionId> connect_directly(multiformats::PeerId peer,
                                      std::vector<multiformats::Multiaddr> addresses,
                                      std::optional<Direction> punching, Instant deadline);

  /// Opens a stream, dialing if there is no connection, and agrees on the first of `protocols` that
  /// the peer speaks. If the connection ends meanwhile, another with the peer is taken, or dialed
  /// once. A single protocol costs no round trip; a refusal then shows at the first read
  /// as SwarmError::protocol_refused. Errc::invalid_argument for no protocol, or one that is empty,
  /// longer than protocol_id_bytes_max (limits.hpp) or has a newline in it.
  /// SwarmError::SwarmError::only_relayed, see StreamOptions.
  Task<std::unique_ptr<Stream>> open_stream(multiformats::PeerId peer,
                                            std::vector<ProtocolId> protocols, Instant deadline,
                                            StreamOptions options = {});
  /// The same on one connection; never dials. Errc::closed if it is gone or closing.
  Task<std::unique_ptr<Stream>> open_stream_on(ConnectionId connection,
                                               std::vector<ProtocolId> protocols, Instant deadline);

  /// Takes the place of a handler that is there: streams it serves go on. The id must be one that
  /// open_stream takes, and the handler not empty (both asserted).
  void handle(ProtocolId protocol, StreamHandler handler, HandlerOptions options = {});
  void stop_handling(const ProtocolId& protocol);
  std::vector<ProtocolId> protocols() const;

  /// Closes every connection to the peer; false if there was none.
  bool disconnect(const multiformats::PeerId& peer);
  bool close_connection(ConnectionId connection);

  /// Connections that are closing count here and below.
  bool connected(const multiformats::PeerId& peer) const;
  /// The connection on which a stream to the peer would be opened now, if there is any.
  std::optional<ConnectionId> connection_to(const multiformats::PeerId& peer) const;
  /// The same, of those that lead through no relay and aren't closing.
  std::optional<ConnectionId> direct_connection_to(const multiformats::PeerId& peer) const;
  /// Nothing if the connection is gone.
  std::optional<ConnectionInfo> info(ConnectionId connection) const;
  std::vector<multiformats::PeerId> connected_peers() const;
  std::vector<ConnectionInfo> connections() const;
  std::vector<ConnectionInfo> connections_of(const multiformats::PeerId& peer) const;
  std::size_t connection_count() const noexcept { return links_.size(); }
  /// Ids grow: connections that come after this moment have greater ones.
  ConnectionId newest_connection() const noexcept { return ConnectionId{next_connection_ - 1}; }
  /// Whether each side dialed one of these two (open, with one peer) at about the
  /// same time. Nobody dials who has a connection, so a later one in the other direction means that
  /// its dialer had lost the first.
  bool crossed(ConnectionId one, ConnectionId other) const;
  /// What the streams that are open on a connection speak, sorted; empty where it isn't agreed on
  /// yet.
  std::vector<ProtocolId> stream_protocols(ConnectionId connection) const;

  /// A protected peer's connections aren't trimmed while any tag is set.
  void protect(const multiformats::PeerId& peer, std::string tag);
  void unprotect(const multiformats::PeerId& peer, const std::string& tag);

  /// Makes a connected peer worth more (or less) when connections are trimmed: those of the peers
  /// with the smallest sum of values go first, and among equals those with the fewest streams. With
  /// a half-life the value fades. Forgotten with the peer's last connection.
  void tag_peer(const multiformats::PeerId& peer, std::string_view tag, std::int32_t value,
                Duration half_life = Duration::max());
  void untag_peer(const multiformats::PeerId& peer, std::string_view tag);

  /// Forgets recent failures, so that the next dial tries at once (swarm connect does).
  void clear_backoff(const multiformats::PeerId& peer);

  void observe(SwarmObserver& observer);
  void stop_observing(SwarmObserver& observer);

  /// Bytes of all connections, ended ones included.
  std::uint64_t bytes_received() const;
  std::uint64_t bytes_sent() const;
  /// Bytes that a protocol's streams have carried, and connections with a peer, ended ones included
  /// (traffic.hpp says how far back).
  Traffic traffic_of(const ProtocolId& protocol) const { return traffic_.total(protocol); }
  Traffic traffic_with(const multiformats::PeerId& peer) const;

  /// Stops listening, closes every connection and waits until all has ended.
  Task<void> close_shielded();

 private:
  struct Link;
  struct Door;
  struct Dial;
  class DialWaiter;
  class DialAttempt;
  /// A connection with its place in the limits.
  struct Admitted {
    std::unique_ptr<ConnectionGrant> grant;
    std::unique_ptr<Connection> connection;
  };

  Task<void> accept_loop(std::shared_ptr<Door> door);
  Task<void> handshake_inbound(std::unique_ptr<Incoming> incoming,
                               std::unique_ptr<ConnectionGrant> grant);
  Task<void> upgrade_inbound(Incoming& incoming, std::unique_ptr<ConnectionGrant> grant);
  Task<ConnectionId> connect_in_turn(multiformats::PeerId peer,
                                     std::vector<multiformats::Multiaddr> addresses, bool unrelayed,
                                     Instant deadline);
  Link* link_for(const multiformats::PeerId& peer, bool unrelayed) const;
  Result<std::shared_ptr<Dial>> dial_of(const multiformats::PeerId& peer,
                                        std::vector<multiformats::Multiaddr> given, bool unrelayed);
  void spawn_attempt(Dial& dial, multiformats::Multiaddr address);
  Task<void> run_dial(std::shared_ptr<Dial> dial);
  Task<void> run_direct_dial(std::shared_ptr<Dial> dial);
  Task<void> race(Dial& dial);
  Task<void> race_directly(Dial& dial);
  Task<std::optional<ConnectionId>> usable_link(multiformats::PeerId peer, bool limited,
                                                Instant deadline);
  Link* direct_link(const multiformats::PeerId& peer) const;
  Result<ConnectionId> outcome_of(Dial& dial, Result<void> raced);
  static Error failure_of(const Dial& dial);
  static void note_failure(Dial& dial, const multiformats::Multiaddr& address, const Error& why);
  Task<void> look_up(Dial& dial, DialQueue::Name name);
  Task<void> attempt(Dial& dial, multiformats::Multiaddr address, DialAttempt self);
  Result<std::unique_ptr<ConnectionGrant>> grant_dial(const multiformats::PeerId& peer,
                                                      const multiformats::Multiaddr& address);
  Task<Admitted> dial_address(const Dial& dial, multiformats::Multiaddr address);
  ConnectionTerms terms_for(Budget& memory, Instant deadline) const;
  Transport* dialer_of(const multiformats::Multiaddr& address) const;

  Result<ConnectionId> add_link(Admitted admitted);
  Task<void> run_link(ConnectionId id);
  Task<void> serve_link(Link& link);
  Task<void> serve_stream(Link& link, std::unique_ptr<MuxedStream> stream,
                          std::unique_ptr<StreamGrant> grant);
  Error limit_reached() const;
  Link* best_link(const multiformats::PeerId& peer) const;
  bool dialed_by_smaller(const Link& link) const;
  static bool crossed(const Link& one, const Link& other);
  bool lost(const Error& failure, ConnectionId id) const;
  ConnectionInfo info_of(const Link& link) const;
  Task<void> trim_loop();
  void trim();
  void tell_refusals();
  void close_duplicates();

  port::Env& env_;
  port::Logger log_;
  crypto::PrivateKey identity_;
  multiformats::PeerId local_peer_;
  PeerStore& peers_;
  SwarmLimits limits_;
  ConnectionGater* gater_;
  Transports which_;
  std::shared_ptr<SecureChannels> channels_;
  std::vector<std::unique_ptr<Transport>> transports_;
  AnnounceRules announce_rules_;
  Resources resources_;
  Bandwidth bandwidth_;
  std::uint64_t refusals_told_ = 0;

  std::map<ProtocolId, StreamHandler> handlers_;
  std::vector<std::shared_ptr<Door>> doors_;
  std::map<ConnectionId, std::unique_ptr<Link>> links_;
  std::unordered_map<multiformats::PeerId, std::vector<ConnectionId>> links_by_peer_;
  /// And whether only a connection through no relay will do.
  std::map<std::pair<multiformats::PeerId, bool>, std::shared_ptr<Dial>> dials_;
  /// Those of connect_directly.
  std::multimap<multiformats::PeerId, std::shared_ptr<Dial>> direct_dials_;
  DialSlots dial_slots_;
  DialSlots direct_dial_slots_;
  DialSlots circuit_dial_slots_;
  std::map<multiformats::PeerId, std::set<std::string>> protected_;
  PeerTags tags_;
  DialBackoff backoff_;
  std::vector<SwarmObserver*> observers_;
  port::Event linked_;  ///< there is one connection more, or less
  std::uint64_t next_connection_ = 1;
  std::uint64_t ended_bytes_received_ = 0;
  std::uint64_t ended_bytes_sent_ = 0;
  TrafficLedger traffic_;
  bool closing_ = false;

  port::TaskGroup accepting_;
  port::TaskGroup handshakes_;
  port::TaskGroup dialing_;
  port::TaskGroup running_;
  port::TaskGroup housekeeping_;
};

}  // namespace kith::net
