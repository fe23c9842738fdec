#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/sim/detail/host.hpp>
#include <kith/sim/detail/tcp.hpp>
#include <kith/sim/detail/udp.hpp>
#include <kith/sim/net.hpp>

namespace kith::sim {
namespace {

constexpr LinkOptions loopback_options{.latency = 20us,
                                       .jitter = Duration(0),
                                       .bytes_per_second = 2'000'000'000,
                                       .window_bytes = 1024 * 1024};

std::uint64_t link_key(NodeId from, NodeId to) noexcept {
  return std::uint64_t{from} << 32 | to;
}

Duration time_of(std::size_t size, std::uint64_t bytes_per_second) noexcept {
  return Duration(size * std::nano::den / bytes_per_second);
}

/// Both directions have one latency; the rest is drawn for each.
LinkOptions draw_link(std::uint64_t seed, NodeId from, NodeId to, const NetworkOptions& options) {
  Prng pair(mix(seed, link_key(std::min(from, to), std::max(from, to))));
  Prng way(mix(seed + 1, link_key(from, to)));
  auto between = [](Prng& prng, Duration low, Duration high) {
    return Duration(prng.between(low.count(), high.count()));
  };
  LinkOptions link;
  link.latency = between(pair, options.latency_min, options.latency_max);
  link.jitter = between(way, Duration(0), options.jitter_max);
  link.bytes_per_second = way.between(options.bytes_per_second_min, options.bytes_per_second_max);
  link.window_bytes = way.between(options.window_bytes_min, options.window_bytes_max);
  link.loss = way.unit() * options.loss_max;
  link.duplicate = way.unit() * options.duplicate_max;
  link.reorder = way.unit() * options.reorder_max;
  link.congestion = options.congestion;
  link.tcp_loss = way.unit() * options.tcp_loss_max;
  return link;
}

}  // namespace

Network::Network(VirtualClock& clock, Trace& trace, std::uint64_t seed, NetworkOptions options)
    : clock_(clock), trace_(trace), seed_(seed), options_(options) {}

Network::~Network() {
  ASSERT(dials_.empty());
  drop_everything();
}

void Network::drop_everything() {
  for (Datagram* datagram : datagrams_) {
    clock_.disarm(*datagram);
    delete datagram;
  }
  datagrams_.clear();
  for (auto& [id, connection] : connections_)
    connection->drop();
  // One that was accepted on the way, and that nobody holds, ends here.
  std::erase_if(connections_, [](const auto& entry) {
    return !entry.second->ends[0].open && !entry.second->ends[1].open;
  });
}

Link& Network::link(NodeId from, NodeId to) {
  std::unique_ptr<Link>& link = links_[link_key(from, to)];
  if (!link) {
    LinkOptions options = from == to ? loopback_options
                          : fixed_   ? *fixed_
                                     : draw_link(seed_, from, to, options_);
    link =
        std::make_unique<Link>(Link{from, to, options, Prng(mix(seed_ + 2, link_key(from, to)))});
  }
  return *link;
}

Host* Network::host(NodeId node) noexcept {
  return node < hosts_.size() ? hosts_[node] : nullptr;
}

Host* Network::host_of(const port::IpAddress& address) noexcept {
  auto found = addresses_.find(address);
  return found == addresses_.end() ? nullptr : host(found->second);
}

bool Network::reachable(const Link& link) noexcept {
  return link.cuts == 0 && host(link.to) != nullptr;
}

bool Network::open_now(const Link& link) noexcept {
  return reachable(link) && link.opens_at() <= clock_.now();
}

Line& Network::line(NodeId node) {
  if (lines_.size() <= node) lines_.resize(node + 1);
  return lines_[node];
}

Duration Network::wait_up(const Link& link) {
  if (link.from == link.to) return Duration(0);
  return std::max(Duration(0), line(link.from).up_free_at - clock_.now());
}

Instant Network::arrival(Link& link, std::size_t size) {
  ASSERT(link.options.bytes_per_second > 0);
  Instant given = clock_.now();
  Line& up = line(link.from);
  if (up.options.up_bytes_per_second > 0 && link.from != link.to) {
    up.up_free_at = std::max(up.up_free_at, given) + time_of(size, up.options.up_bytes_per_second);
    given = up.up_free_at;
  }
  link.free_at = std::max(link.free_at, given) + time_of(size, link.options.bytes_per_second);
  Duration jitter{0};
  if (link.options.jitter > Duration(0)) {
    jitter = Duration(link.prng.below(link.options.jitter.count() + 1));
  }
  return link.free_at + link.options.latency + jitter;
}

Instant Network::arrival_down(Link& link, std::size_t size) {
  Line& down = line(link.to);
  if (down.options.down_bytes_per_second == 0 || link.from == link.to) return clock_.now();
  down.down_free_at =
      std::max(down.down_free_at, clock_.now()) + time_of(size, down.options.down_bytes_per_second);
  return down.down_free_at;
}

void Network::set_links(const LinkOptions& options) {
  fixed_ = options;
  for (auto& [key, link] : links_) {
    if (link->from != link->to) link->options = options;
  }
}

void Network::set_link_one_way(NodeId from, NodeId to, const LinkOptions& options) {
  link(from, to).options = options;
}

void Network::set_link(NodeId a, NodeId b, const LinkOptions& options) {
  set_link_one_way(a, b, options);
  set_link_one_way(b, a, options);
}

void Network::cut_one_way(NodeId from, NodeId to) {
  ++link(from, to).cuts;
}

void Network::cut(NodeId a, NodeId b) {
  cut_one_way(a, b);
  cut_one_way(b, a);
}

void Network::partition(std::span<const NodeId> group, std::span<const NodeId> other) {
  for (NodeId a : group) {
    for (NodeId b : other)
      cut(a, b);
  }
}

void Network::isolate(NodeId node) {
  for (Host* other : hosts_) {
    if (other != nullptr && other->node() != node) cut(node, other->node());
  }
}

void Network::end_cut(NodeId a, NodeId b) {
  for (Link* cut : {&link(a, b), &link(b, a)}) {
    if (cut->cuts > 0) --cut->cuts;
  }
  wake_held();
}

void Network::clog(NodeId a, NodeId b, Duration duration) {
  for (Link* clogged : {&link(a, b), &link(b, a)})
    clogged->clogged_until = std::max(clogged->clogged_until, clock_.now() + duration);
  wake_held();
}

void Network::stall(NodeId a, NodeId b) {
  for (Link* stalled : {&link(a, b), &link(b, a)})
    ++stalled->stalls;
}

void Network::end_stall(NodeId a, NodeId b) {
  for (Link* stalled : {&link(a, b), &link(b, a)}) {
    if (stalled->stalls > 0) --stalled->stalls;
  }
  wake_held();
}

void Network::heal() {
  for (auto& [key, link] : links_) {
    link->cuts = 0;
    link->stalls = 0;
    link->clogged_until = Instant{};
  }
  wake_held();
}

void Network::wake_held() {
  for (auto& [id, connection] : connections_) {
    for (Pipe& pipe : connection->pipes)
      pipe.wake();
  }
}

void Network::reset(NodeId a, NodeId b) {
  std::vector<std::shared_ptr<TcpConnection>> between;
  for (auto& [id, connection] : connections_) {
    NodeId one = connection->ends[0].host->node();
    NodeId other = connection->ends[1].host->node();
    if (std::minmax(one, other) == std::minmax(a, b)) between.push_back(connection);
  }
  for (auto& connection : between) {
    for (int side = 0; side < 2; ++side)
      connection->deliver(side, {.kind = Segment::Kind::rst});
  }
}

void Network::add_name(const std::string& name, const port::IpAddress& address) {
  names_[name].addresses.push_back(address);
}

void Network::add_txt(const std::string& name, const std::string& text) {
  names_[name].texts.push_back(text);
}

void Network::remove_name(const std::string& name) {
  names_.erase(name);
}

void Network::mute_name(const std::string& name) {
  names_[name].mute = true;
}

void Network::attach(Host& host) {
  for (const port::IpAddress& address : host.addresses()) {
    auto [owner, added] = addresses_.emplace(address, host.node());
    ASSERT(owner->second == host.node());
  }
  if (hosts_.size() <= host.node()) hosts_.resize(host.node() + 1);
  ASSERT(hosts_[host.node()] == nullptr);
  hosts_[host.node()] = &host;
  wake_held();
}

void Network::detach(Host& host, bool lost_power) {
  hosts_[host.node()] = nullptr;
  for (auto& [id, connection] : connections_) {
    for (int side = 0; side < 2; ++side) {
      if (connection->ends[side].host == &host) connection->host_died(side, lost_power);
    }
  }
  for (auto& [tuple, attempt] : dials_) {
    if (attempt->host == &host) attempt->wake.notify_all();
  }
  host.die();
}

void Network::move(Host& host, std::vector<port::IpAddress> addresses) {
  for (const port::IpAddress& address : host.addresses())
    addresses_.erase(address);
  for (const port::IpAddress& address : addresses) {
    const bool free = addresses_.emplace(address, host.node()).second;
    ASSERT(free);
  }
  host.set_addresses(std::move(addresses));
}

std::shared_ptr<TcpConnection> Network::make_connection(Host& from, port::Endpoint from_endpoint,
                                                        Host& to, port::Endpoint to_endpoint) {
  std::uint64_t id = next_connection_++;
  auto connection = std::make_shared<TcpConnection>(
      *this, id,
      std::array{TcpConnection::End{&from, from_endpoint, false, false, {}},
                 TcpConnection::End{&to, to_endpoint, false, false, {}}});
  connections_.emplace(id, connection);
  return connection;
}

std::pair<std::unique_ptr<port::TcpStream>, std::unique_ptr<port::TcpStream>> Network::connect(
    Host& from, Host& to) {
  ASSERT(from.alive());
  ASSERT(to.alive());
  port::Endpoint remote{to.addresses().front(), 1};
  auto local = from.dial_endpoint(remote, std::nullopt);
  ASSERT(local.has_value());
  auto connection = make_connection(from, *local, to, remote);
  auto dialing = connection->open(0);
  return {std::move(dialing), connection->open(1)};
}

void Network::send_datagram(Link& link, Host& to, port::Endpoint from, port::Endpoint target,
                            ByteView bytes, port::Ecn ecn) {
  ASSERT(link.to == to.node());
  int copies = link.prng.chance(link.options.duplicate) ? 2 : 1;
  Buffer payload = Buffer::copy_of(bytes);
  for (int copy = 0; copy < copies; ++copy) {
    // A full queue drops what comes.
    if (wait_up(link) > line(link.from).options.queue_max) continue;
    Instant at = arrival(link, bytes.size());
    if (link.prng.chance(link.options.loss)) continue;
    if (link.prng.chance(link.options.reorder)) {
      at += Duration(link.prng.below(4 * link.options.latency.count() + 1));
    }
    auto* datagram = new Datagram(*this, link);
    datagram->from = from;
    datagram->to = target;
    datagram->bytes = payload;
    datagram->ecn = ecn;
    datagrams_.insert(datagram);
    clock_.arm(*datagram, at);
  }
}

}  // namespace kith::sim
