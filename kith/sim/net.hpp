// Network: the wires between the nodes of a world, and the hands that cut them.
//
// Each ordered pair of nodes has a Link, drawn from the seed and the pair alone (so that a node
// more changes no other link) or set by the test. A link delays by its latency and by size / rate,
// and its rate is shared by everything that uses it. TCP keeps order and loses nothing: behind a
// cut it waits, is sent again soon after healing, and fails with ETIMEDOUT after `tcp_timeout`.
// Datagrams are lost, doubled and overtaken as the link's numbers say.
//
// A node may have a line: what all that it sends shares, first come first served, and what all that
// it receives shares, a segment of each stream in turn. Where links say `congestion`, a stream has
// a congestion window (detail/congestion.hpp): a lost packet holds up what follows it, by a round
// trip or by a timeout of 200 ms at least, and makes the stream slower; a line at which more than
// queue_max waits makes streams slower without losing anything, as a router that marks packets;
// datagrams it drops.
//
// Loop thread only; every method takes effect now.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <kith/base/prng.hpp>
#include <kith/port/net.hpp>
#include <kith/sim/clock.hpp>
#include <kith/sim/trace.hpp>

namespace kith::sim {

/// A node's number in its world, from 1.
using NodeId = std::uint32_t;

/// Every node has these two interfaces, "lo" and "eth0".
inline constexpr std::uint32_t loopback_interface = 1;
inline constexpr std::uint32_t network_interface = 2;

struct LinkOptions {
  Duration latency = 20ms;  ///< one way
  Duration jitter{0};       ///< up to this much more, drawn for each packet
  std::uint64_t bytes_per_second = 12'500'000;
  std::size_t window_bytes = 256 * 1024;  ///< of one TCP stream: on the way, or come and not read
  /// TCP has congestion windows, and loses packets as tcp_loss says.
  bool congestion = false;
  double tcp_loss = 0;  ///< of packets of TCP, from 0 to 1
  double loss = 0;      ///< of datagrams, each from 0 to 1
  double duplicate = 0;
  double reorder = 0;  ///< a datagram is held back by up to four latencies
};

/// What the seed draws links from.
struct NetworkOptions {
  Duration latency_min = 1ms;
  Duration latency_max = 80ms;
  Duration jitter_max = 2ms;
  std::uint64_t bytes_per_second_min = 1'000'000;
  std::uint64_t bytes_per_second_max = 125'000'000;
  std::size_t window_bytes_min = 64 * 1024;
  std::size_t window_bytes_max = 1024 * 1024;
  bool congestion = false;
  double tcp_loss_max = 0;
  double loss_max = 0.02;
  double duplicate_max = 0.01;
  double reorder_max = 0.05;
  /// How often a TCP read returns less than there is.
  double short_read = 1.0 / 16;
  Duration tcp_timeout = 15min;
  /// Datagrams that wait in a socket; later ones are dropped.
  std::size_t datagrams_max = 256;
};

/// What a node's machine hangs on. A rate of 0 is no limit.
struct LineOptions {
  std::uint64_t up_bytes_per_second = 0;
  std::uint64_t down_bytes_per_second = 0;
  Duration queue_max = 100ms;
};

struct Line {
  LineOptions options;
  Instant up_free_at{};
  Instant down_free_at{};
};

/// One direction between two nodes.
struct Link {
  NodeId from;
  NodeId to;
  LinkOptions options;
  Prng prng;
  /// Those that haven't ended: who cuts or stalls a link that somebody else did ends only their
  /// own.
  std::uint32_t cuts = 0;
  std::uint32_t stalls = 0;
  Instant clogged_until{};  ///< nothing arrives before
  Instant free_at{};        ///< when the last byte given to it will have left

  /// Nothing arrives before, cut or not.
  Instant opens_at() const noexcept { return stalls > 0 ? never : clogged_until; }
};

class Host;
class TcpConnection;
struct DialAttempt;
struct Datagram;

class Network {
 public:
  Network(VirtualClock& clock, Trace& trace, std::uint64_t seed, NetworkOptions options);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  /// Links, both those that exist and those to come.
  void set_links(const LinkOptions& options);
  /// The links between two nodes, both ways.
  void set_link(NodeId a, NodeId b, const LinkOptions& options);
  void set_link_one_way(NodeId from, NodeId to, const LinkOptions& options);
  const LinkOptions& link_options(NodeId from, NodeId to) { return link(from, to).options; }
  void set_line(NodeId node, const LineOptions& options) { line(node).options = options; }

  /// Nothing gets through between `a` and `b` until end_cut or heal.
  void cut(NodeId a, NodeId b);
  void cut_one_way(NodeId from, NodeId to);
  /// Cuts every link between one group and the other.
  void partition(std::span<const NodeId> group, std::span<const NodeId> other);
  /// Cuts `node` off from all others that exist.
  void isolate(NodeId node);
  /// Ends one cut; if there was another one, the link stays cut.
  void end_cut(NodeId a, NodeId b);
  /// Whatever would arrive between `a` and `b` arrives `duration` from now at the earliest. Clogs
  /// end by themselves, and one that lasts longer stays.
  void clog(NodeId a, NodeId b, Duration duration);
  /// Nothing arrives and nothing fails until end_stall or heal: the link of a peer that has
  /// stopped.
  void stall(NodeId a, NodeId b);
  /// Ends one stall, as end_cut.
  void end_stall(NodeId a, NodeId b);
  /// Ends every cut, clog and stall.
  void heal();
  /// Every connection between them ends now, as by a middlebox that says RST to both sides.
  void reset(NodeId a, NodeId b);

  /// Names for every node. An address record, or a TXT record.
  void add_name(const std::string& name, const port::IpAddress& address);
  void add_txt(const std::string& name, const std::string& text);
  void remove_name(const std::string& name);
  /// Questions for this name get no answer.
  void mute_name(const std::string& name);

  /// Two ends of a connection that exists from now on, as if dialed from `from` to port 1 of `to`.
  std::pair<std::unique_ptr<port::TcpStream>, std::unique_ptr<port::TcpStream>> connect(Host& from,
                                                                                        Host& to);
  std::size_t connections() const noexcept { return connections_.size(); }
  std::uint64_t bytes_delivered() const noexcept { return bytes_delivered_; }
  std::uint64_t packets_delivered() const noexcept { return packets_delivered_; }

  // What follows is for the simulation's own parts.

  void attach(Host& host);
  /// The host answers no more. With `lost_power` its peers hear nothing of it, else its connections
  /// are reset.
  void detach(Host& host, bool lost_power);
  /// The host's addresses from now on. Connections that are open go on, as over a second line.
  void move(Host& host, std::vector<port::IpAddress> addresses);
  /// Everything under way is forgotten, at the end of a world.
  void drop_everything();

  VirtualClock& clock() noexcept { return clock_; }
  const NetworkOptions& options() const noexcept { return options_; }

 private:
  friend class Host;
  friend class TcpConnection;
  friend class TcpHalf;
  friend class SimUdpSocket;
  friend struct Pipe;
  friend struct Datagram;
  friend struct DialAttempt;

  struct Names {
    std::vector<port::IpAddress> addresses;
    std::vector<std::string> texts;
    bool mute = false;
  };

  Link& link(NodeId from, NodeId to);
  Host* host(NodeId node) noexcept;
  Host* host_of(const port::IpAddress& address) noexcept;
  /// The link isn't cut and its far end is up.
  bool reachable(const Link& link) noexcept;
  /// The same, and it isn't clogged.
  bool open_now(const Link& link) noexcept;
  Line& line(NodeId node);
  /// How long what is given to the link now waits for its sender's line.
  Duration wait_up(const Link& link);
  /// When `size` bytes given to the link now have come over it.
  Instant arrival(Link& link, std::size_t size);
  /// When `size` bytes that have come over the link now have come through the receiver's line.
  Instant arrival_down(Link& link, std::size_t size);
  void wake_held();
  void send_datagram(Link& link, Host& to, port::Endpoint from, port::Endpoint target,
                     ByteView bytes, port::Ecn ecn);
  std::shared_ptr<TcpConnection> make_connection(Host& from, port::Endpoint from_endpoint, Host& to,
                                                 port::Endpoint to_endpoint);

  VirtualClock& clock_;
  Trace& trace_;
  std::uint64_t seed_;
  NetworkOptions options_;
  std::optional<LinkOptions> fixed_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Link>> links_;
  std::vector<Line> lines_;   ///< by node
  std::vector<Host*> hosts_;  ///< by node; null while it is down
  std::map<port::IpAddress, NodeId> addresses_;
  std::map<std::string, Names> names_;
  std::map<std::uint64_t, std::shared_ptr<TcpConnection>> connections_;
  std::map<std::pair<port::Endpoint, port::Endpoint>, DialAttempt*> dials_;
  std::set<Datagram*> datagrams_;
  std::uint64_t next_connection_ = 1;
  std::uint64_t bytes_delivered_ = 0;
  std::uint64_t packets_delivered_ = 0;
};

}  // namespace kith::sim
