#include <algorithm>

#include <kith/discovery/mdns.hpp>

namespace kith::discovery {
namespace {

using port::IpAddress;
using port::IpFamily;

constexpr int multicast_hops = 255;
/// A socket that won't take a goodbye doesn't hold up the end.
constexpr Duration goodbye_timeout = 200ms;
constexpr std::size_t tasks_max = 1 + 2 * 4 * mdns_interfaces_max;

std::uint64_t random_seed(port::Env& env) {
  Bytes bytes(sizeof(std::uint64_t));
  env.random.fill(bytes);
  return load_le<std::uint64_t>(bytes.data());
}

port::Endpoint group_of(IpFamily family) {
  if (family == IpFamily::v4) return {IpAddress::v4({224, 0, 0, 251}), mdns_port};
  return {IpAddress::v6({0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfb}), mdns_port};
}

/// What is listened on at one interface.
std::vector<multiformats::Multiaddr> at_interface(
    const std::vector<multiformats::Multiaddr>& listening, const std::vector<Subnet>& subnets) {
  std::vector<multiformats::Multiaddr> addresses;
  for (const multiformats::Multiaddr& address : listening) {
    if (!address.is_unspecified()) {
      addresses.push_back(address);
      continue;
    }
    bool v4 = address.ip()->size() == 4;
    for (const Subnet& subnet : subnets) {
      if (subnet.address.is_v4() != v4) continue;
      if (auto own = address.with_ip(subnet.address.bytes())) addresses.push_back(*std::move(own));
    }
  }
  return addresses;
}

}  // namespace

Mdns::Mdns(port::Env& env, multiformats::PeerId self, Addresses addresses, Found found,
           MdnsOptions options)
    : env_(env),
      log_(env.log, "mdns"),
      addresses_(std::move(addresses)),
      found_(std::move(found)),
      options_(options),
      service_(self, random_seed(env)),
      wake_(env.clock),
      tasks_(env.executor, env.clock, tasks_max) {}

Mdns::~Mdns() = default;

void Mdns::start() {
  tasks_.spawn(run());
  tasks_.spawn(watch_loop());
}

Task<void> Mdns::close_shielded() {
  tasks_.cancel();
  co_await tasks_.join_shielded();
  service_.stop();
  port::TaskGroup goodbyes(env_.executor, env_.clock, 1);
  goodbyes.spawn(send_all());
  Instant deadline = env_.clock.now() + goodbye_timeout;
  co_await goodbyes.join(deadline);
  goodbyes.cancel();
  co_await goodbyes.join_shielded();
  for (auto& [id, socket] : sockets_)
    socket->udp->close();
  sockets_.clear();
  co_return Result<void>{};
}

Task<void> Mdns::watch_loop() {
  auto watch = env_.net.watch_interfaces();
  if (!watch) co_return std::unexpected(watch.error());
  for (;;) {
    KITH_CO_CHECK(co_await (*watch)->changed());
    // What comes up does so in several steps.
    KITH_CO_CHECK(co_await port::sleep_for(env_.clock, mdns_interface_settle_delay));
    next_look_ = env_.clock.now();
    wake_.notify_all();
  }
}

Task<void> Mdns::run() {
  next_look_ = env_.clock.now();
  for (;;) {
    if (env_.clock.now() >= next_look_) {
      look_at_interfaces();
      next_look_ = env_.clock.now() + mdns_interface_poll_interval;
    }
    KITH_CO_CHECK(co_await send_all());
    while (std::optional<FoundPeer> peer = service_.poll_found(env_.clock.now()))
      found_(*std::move(peer));
    Instant deadline = std::min(next_look_, service_.next_deadline());
    auto woken = co_await wake_.wait(deadline);
    if (!woken && !woken.error().is(Errc::timed_out)) co_return std::unexpected(woken.error());
  }
}

Task<void> Mdns::send_all() {
  while (std::optional<MdnsOutgoing> out = service_.poll_outgoing(env_.clock.now())) {
    auto found = sockets_.find(out->link);
    if (found == sockets_.end()) continue;
    std::shared_ptr<Socket> socket = found->second;
    port::Endpoint to = out->to.value_or(group_of(out->link.family));
    auto sent = co_await socket->udp->send(to, out->datagram);
    if (sent) continue;
    if (sent.error().is(Errc::cancelled)) co_return std::unexpected(sent.error());
    KITH_LOG_DEBUG(log_, "interface {}: {}", out->link.interface_index, sent.error().message());
  }
  co_return Result<void>{};
}

Task<void> Mdns::receive_loop(MdnsLinkId id, std::shared_ptr<Socket> socket) {
  Bytes datagram(dns_message_bytes_max + 1);
  for (;;) {
    auto received = co_await socket->udp->receive(datagram);
    if (!received) {
      // Opened again at the next look, unless it is us who end it; then a goodbye is still to come.
      auto current = sockets_.find(id);
      bool ended = received.error().is(Errc::cancelled);
      if (!ended && current != sockets_.end() && current->second == socket) close_link(id);
      co_return std::unexpected(received.error());
    }
    std::uint32_t scope = received->from.address.scope();
    if (scope != 0 && scope != id.interface_index) continue;
    ByteView bytes = ByteView(datagram).first(received->size);
    service_.receive(id, received->from, bytes, env_.clock.now());
    wake_.notify_all();
  }
}

// Interfaces.

std::map<MdnsLinkId, MdnsLink> Mdns::wanted_links() {
  std::map<MdnsLinkId, MdnsLink> links;
  auto interfaces = env_.net.interfaces();
  if (!interfaces) {
    KITH_LOG_DEBUG(log_, "{}", interfaces.error().message());
    return links;
  }
  std::vector<IpAddress> machine;
  bool only_loopback = true;
  for (const port::InterfaceAddress& one : *interfaces) {
    machine.push_back(one.address);
    if (one.up && one.multicast && !one.loopback) only_loopback = false;
  }
  service_.set_machine_addresses(std::move(machine));

  std::map<std::uint32_t, MdnsLink> by_interface;
  std::set<MdnsLinkId> ids;
  for (const port::InterfaceAddress& one : *interfaces) {
    // Loopback takes multicast though it doesn't say so.
    bool usable = one.loopback ? options_.loopback || only_loopback : one.multicast;
    if (!one.up || !usable || one.interface_index == 0) continue;
    bool known = by_interface.contains(one.interface_index);
    if (!known && by_interface.size() == mdns_interfaces_max) continue;
    by_interface[one.interface_index].subnets.push_back({one.address, one.prefix_bits});
    ids.insert({one.interface_index, one.address.family()});
  }
  const std::vector<multiformats::Multiaddr> listening = addresses_();
  for (MdnsLinkId id : ids) {
    MdnsLink& link = links[id];
    link.subnets = by_interface.at(id.interface_index).subnets;
    link.addresses = at_interface(listening, link.subnets);
  }
  return links;
}

void Mdns::look_at_interfaces() {
  std::map<MdnsLinkId, MdnsLink> wanted = wanted_links();
  for (MdnsLinkId id : service_.links()) {
    if (!wanted.contains(id)) close_link(id);
  }
  for (auto& [id, link] : wanted) {
    if (!sockets_.contains(id)) {
      auto socket = open(id);
      if (!socket) {
        if (failed_.insert(id).second) {
          KITH_LOG_DEBUG(log_, "interface {}: {}", id.interface_index, socket.error().message());
        }
        continue;
      }
      failed_.erase(id);
      if (!tasks_.spawn(receive_loop(id, *socket))) continue;
      sockets_[id] = *socket;
    }
    service_.set_link(id, std::move(link), env_.clock.now());
  }
}

Result<std::shared_ptr<Mdns::Socket>> Mdns::open(MdnsLinkId id) {
  port::Endpoint group = group_of(id.family);
  port::Endpoint local = group;
  if (id.family == IpFamily::v6) {
    std::array<std::uint8_t, 16> bytes{};
    std::ranges::copy(group.address.bytes(), bytes.begin());
    local.address = IpAddress::v6(bytes, id.interface_index);
  }
  auto socket = std::make_shared<Socket>();
  port::UdpOptions options;
  options.reuse = true;
  KITH_TRY(socket->udp, env_.net.bind_udp(local, options));
  KITH_CHECK(socket->udp->join_multicast(group.address, id.interface_index));
  KITH_CHECK(socket->udp->set_multicast(id.interface_index, multicast_hops));
  return socket;
}

void Mdns::close_link(MdnsLinkId id) {
  service_.remove_link(id);
  auto found = sockets_.find(id);
  if (found == sockets_.end()) return;
  std::shared_ptr<Socket> socket = std::move(found->second);
  sockets_.erase(found);
  socket->udp->close();
}

}  // namespace kith::discovery
