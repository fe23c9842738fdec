#include <algorithm>

#include <errno.h>

#include <kith/base/assert.hpp>
#include <kith/sim/detail/host.hpp>
#include <kith/sim/detail/tcp.hpp>
#include <kith/sim/detail/udp.hpp>

namespace kith::sim {
namespace {

constexpr std::uint16_t first_free_port = 49152;
constexpr std::uint16_t free_ports = 65535 - first_free_port + 1;
/// Waits of an unanswered dial: as Linux has them, 127 seconds in all.
constexpr Duration first_resend = 1s;
constexpr int dial_attempts_max = 7;
/// As the resolver has it, two attempts of 5 seconds.
constexpr Duration name_timeout = 10s;
constexpr std::size_t text_records_max = 64;

Error net_down() {
  return Error::from_errno(ENETDOWN);
}

class SimInterfaceWatch final : public port::InterfaceWatch {
 public:
  explicit SimInterfaceWatch(const InterfaceChanges& changes) noexcept
      : changes_(changes), seen_(changes.count) {}

  Task<void> changed(Instant deadline) override {
    while (seen_ == changes_.count)
      KITH_CO_CHECK(co_await changes_.event.wait(deadline));
    seen_ = changes_.count;
    co_return Result<void>{};
  }

 private:
  const InterfaceChanges& changes_;
  std::uint64_t seen_;
};

}  // namespace

Host::Host(Network& network, HostOptions options, Prng prng)
    : network_(network),
      options_(std::move(options)),
      changes_(network.clock()),
      prng_(prng),
      next_port_(static_cast<std::uint16_t>(prng_.below(free_ports))) {}

Host::~Host() {
  ASSERT(listeners_.empty());
  ASSERT(sockets_.empty());
}

void Host::die() noexcept {
  alive_ = false;
  for (auto& [local, listener] : listeners_) {
    listener->failure_ = net_down();
    listener->acceptable_.notify_all();
  }
  for (auto& [local, socket] : sockets_)
    socket->die();
}

bool Host::owns(const port::IpAddress& address) const noexcept {
  return address.is_loopback() ||
         std::ranges::find(options_.addresses, address) != options_.addresses.end();
}

SimTcpListener* Host::listener_at(const port::Endpoint& local) const noexcept {
  auto found = listeners_.find(local);
  if (found == listeners_.end()) {
    found = listeners_.find({port::IpAddress::any(local.address.family()), local.port});
  }
  return found == listeners_.end() ? nullptr : found->second;
}

Result<void> Host::check_alive() const {
  if (!alive_) return std::unexpected(net_down());
  return {};
}

Result<port::Endpoint> Host::local_for(const port::Endpoint& remote,
                                       const std::optional<port::Endpoint>& asked) {
  KITH_CHECK(check_alive());
  port::Endpoint local;
  if (asked) local = *asked;
  if (asked && !asked->address.is_unspecified()) {
    if (asked->address.family() != remote.address.family() || !owns(asked->address)) {
      return std::unexpected(Error::from_errno(EADDRNOTAVAIL, "bind " + asked->to_string()));
    }
    return local;
  }
  if (remote.address.is_loopback()) {
    local.address = port::IpAddress::loopback(remote.address.family());
    return local;
  }
  for (const port::IpAddress& address : options_.addresses) {
    if (address.family() != remote.address.family()) continue;
    local.address = address;
    return local;
  }
  return std::unexpected(Error::from_errno(ENETUNREACH, "connect to " + remote.to_string()));
}

std::uint16_t Host::free_port(bool tcp, const port::IpAddress& address) {
  for (int tries = 0; tries < free_ports; ++tries) {
    auto port = static_cast<std::uint16_t>(first_free_port + next_port_++ % free_ports);
    port::Endpoint local{address, port};
    port::Endpoint any{port::IpAddress::any(address.family()), port};
    bool taken =
        tcp ? listener_at(local) != nullptr : sockets_.contains(local) || sockets_.contains(any);
    if (!taken) return port;
  }
  ASSERT(!"a simulated node is out of ports");
  return 0;
}

Result<port::Endpoint> Host::bindable(port::Endpoint local, bool tcp) {
  KITH_CHECK(check_alive());
  bool any = local.address.is_unspecified();
  bool group = !tcp && local.address.is_multicast();
  if (!any && !group && !owns(local.address)) {
    return std::unexpected(Error::from_errno(EADDRNOTAVAIL, "bind " + local.to_string()));
  }
  if (local.port == 0) local.port = free_port(tcp, local.address);
  return local;
}

Result<port::Endpoint> Host::dial_endpoint(const port::Endpoint& remote,
                                           const std::optional<port::Endpoint>& asked) {
  KITH_TRY(port::Endpoint local, local_for(remote, asked));
  while (local.port == 0 || tuples_.contains({local, remote}) ||
         network_.dials_.contains({local, remote})) {
    local.port = free_port(true, local.address);
  }
  return local;
}

Host::SynAnswer Host::syn_arrives(DialAttempt& attempt, Host& target) {
  network_.trace_.add(mix(node(), target.node()));
  auto crossing = network_.dials_.find({attempt.remote, attempt.local});
  if (crossing != network_.dials_.end() && !crossing->second->completed) {
    auto connection = network_.make_connection(*this, attempt.local, target, attempt.remote);
    attempt.completed = connection->open(0);
    crossing->second->completed = connection->open(1);
    crossing->second->wake.notify_all();
    return SynAnswer::accepted;
  }
  SimTcpListener* listener = target.listener_at(attempt.remote);
  if (listener == nullptr) return SynAnswer::refused;
  return listener->has_place() ? SynAnswer::accepted : SynAnswer::none;
}

Task<std::unique_ptr<port::TcpStream>> Host::dial_tcp(port::Endpoint remote,
                                                      port::TcpDialOptions options,
                                                      Instant deadline) {
  KITH_CO_TRY(port::Endpoint local, dial_endpoint(remote, options.local));
  DialAttempt attempt(*this, local, remote);
  Duration resend = first_resend;
  for (int tries = 0; tries < dial_attempts_max; ++tries) {
    Instant resend_at = network_.clock().now() + resend;
    KITH_CO_TRY(bool answered, co_await exchange_syn(attempt, deadline));
    if (answered) co_return std::move(attempt.completed);
    KITH_CO_TRY(bool met, co_await attempt.pause(resend_at, deadline));
    if (met) co_return std::move(attempt.completed);
    resend *= 2;
  }
  co_return std::unexpected(Error::from_errno(ETIMEDOUT, "connect to " + remote.to_string()));
}

Task<bool> Host::exchange_syn(DialAttempt& attempt, Instant deadline) {
  Host* target = owns(attempt.remote.address) ? this : network_.host_of(attempt.remote.address);
  if (target == nullptr) co_return false;
  Link& there = network_.link(node(), target->node());
  Link& back = network_.link(target->node(), node());
  Instant arrival = network_.clock().now() + there.options.latency;
  KITH_CO_TRY(bool met_there, co_await attempt.pause(arrival, deadline));
  if (met_there) co_return true;
  if (!network_.open_now(there)) co_return false;
  // The machine may have been started anew meanwhile.
  target = network_.host(there.to);
  SynAnswer answer = syn_arrives(attempt, *target);
  if (answer == SynAnswer::none) co_return false;

  bool crossed = attempt.completed != nullptr;
  Instant answer_arrival = network_.clock().now() + back.options.latency;
  KITH_CO_TRY(bool met_back, co_await attempt.pause(answer_arrival, deadline, crossed));
  if (met_back) co_return true;
  if (crossed) co_return true;
  if (!network_.open_now(back) || !target->alive()) co_return false;
  if (answer == SynAnswer::refused) {
    co_return std::unexpected(
        Error::from_errno(ECONNREFUSED, "connect to " + attempt.remote.to_string()));
  }
  auto connection = network_.make_connection(*this, attempt.local, *target, attempt.remote);
  connection->establishing = true;
  attempt.completed = connection->open(0);
  connection->outgoing(0).send(Segment::Kind::established, {});
  co_return true;
}

DialAttempt::DialAttempt(Host& from_host, port::Endpoint from, port::Endpoint to)
    : host(&from_host),
      network(from_host.network()),
      local(from),
      remote(to),
      wake(network.clock()) {
  network.dials_.emplace(std::pair(local, remote), this);
}

DialAttempt::~DialAttempt() {
  network.dials_.erase({local, remote});
}

Task<bool> DialAttempt::pause(Instant at, Instant deadline, bool complete_already) {
  auto woken = co_await wake.wait(std::min(at, deadline));
  if (completed && !complete_already) co_return true;
  if (woken) co_return std::unexpected(net_down());
  if (!woken.error().is(Errc::timed_out)) co_return std::unexpected(woken.error());
  if (network.clock().now() >= deadline) co_return std::unexpected(Errc::timed_out);
  co_return false;
}

Result<std::unique_ptr<port::TcpListener>> Host::listen_tcp(port::Endpoint local,
                                                            port::TcpListenOptions options) {
  KITH_TRY(port::Endpoint bound, bindable(local, true));
  for (const auto& [taken, listener] : listeners_) {
    bool same_family = taken.address.family() == bound.address.family();
    bool overlaps = taken.address == bound.address || taken.address.is_unspecified() ||
                    bound.address.is_unspecified();
    if (taken.port == bound.port && same_family && overlaps) {
      return std::unexpected(Error::from_errno(EADDRINUSE, "bind " + bound.to_string()));
    }
  }
  auto backlog = static_cast<std::size_t>(std::max(options.backlog, 1));
  return std::make_unique<SimTcpListener>(*this, bound, backlog);
}

Result<std::unique_ptr<port::UdpSocket>> Host::bind_udp(port::Endpoint local,
                                                        port::UdpOptions options) {
  KITH_TRY(port::Endpoint bound, bindable(local, false));
  bool taken = sockets_.contains(bound) ||
               sockets_.contains({port::IpAddress::any(bound.address.family()), bound.port});
  if (taken && !options.reuse) {
    return std::unexpected(Error::from_errno(EADDRINUSE, "bind " + bound.to_string()));
  }
  return std::make_unique<SimUdpSocket>(*this, bound, options.coalesce);
}

void Host::deliver_datagram(port::Endpoint from, port::Endpoint to, ByteView bytes, port::Ecn ecn) {
  bool group = to.address.is_multicast();
  for (auto& [local, socket] : sockets_) {
    if (!socket->wants(to)) continue;
    socket->arrive(from, bytes, ecn);
    if (!group) return;
  }
}

Task<Network::Names> Host::ask_names(std::string name, Instant deadline) {
  KITH_CO_CHECK(check_alive());
  if (name.ends_with('.')) name.pop_back();
  std::ranges::transform(name, name.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
  });
  auto found = network_.names_.find(name);
  bool mute = found != network_.names_.end() && found->second.mute;
  Duration delay = mute ? name_timeout : Duration(prng_.between(1'000'000, 50'000'000));
  Instant answer_at = network_.clock().now() + delay;
  KITH_CO_CHECK(co_await port::sleep_until(network_.clock(), std::min(answer_at, deadline)));
  KITH_CO_CHECK(check_alive());
  if (mute || answer_at > deadline) co_return std::unexpected(Errc::timed_out);
  found = network_.names_.find(name);
  if (found == network_.names_.end()) co_return std::unexpected(Errc::not_found);
  co_return found->second;
}

Task<std::vector<port::IpAddress>> Host::resolve(std::string name,
                                                 std::optional<port::IpFamily> family,
                                                 Instant deadline) {
  std::vector<port::IpAddress> all;
  if (auto literal = port::IpAddress::parse(name)) {
    all.push_back(*literal);
  } else if (name == "localhost") {
    all.push_back(port::IpAddress::loopback(port::IpFamily::v4));
    all.push_back(port::IpAddress::loopback(port::IpFamily::v6));
  } else {
    KITH_CO_TRY(Network::Names names, co_await ask_names(name, deadline));
    all = std::move(names.addresses);
  }
  if (family) std::erase_if(all, [family](const auto& ip) { return ip.family() != *family; });
  if (all.empty()) co_return std::unexpected(Errc::not_found);
  co_return all;
}

Task<std::vector<std::string>> Host::resolve_txt(std::string name, Instant deadline) {
  KITH_CO_TRY(Network::Names names, co_await ask_names(name, deadline));
  if (names.texts.empty()) co_return std::unexpected(Errc::not_found);
  if (names.texts.size() > text_records_max) names.texts.resize(text_records_max);
  co_return std::move(names.texts);
}

Result<std::vector<port::InterfaceAddress>> Host::interfaces() {
  KITH_CHECK(check_alive());
  std::vector<port::InterfaceAddress> all;
  for (port::IpFamily family : {port::IpFamily::v4, port::IpFamily::v6}) {
    int bits = family == port::IpFamily::v4 ? 8 : 128;
    all.push_back(
        {"lo", loopback_interface, port::IpAddress::loopback(family), true, true, false, bits});
  }
  for (const port::IpAddress& address : options_.addresses) {
    // The default addresses are of 10/8; a test's own ones are of small networks.
    bool large = address.is_v4() && address.bytes()[0] == 10;
    int bits = large ? 8 : 24;
    if (!address.is_v4()) bits = 64;
    all.push_back({"eth0", network_interface, address, true, false, true, bits});
  }
  return all;
}

Result<std::unique_ptr<port::InterfaceWatch>> Host::watch_interfaces() {
  KITH_CHECK(check_alive());
  return std::make_unique<SimInterfaceWatch>(changes_);
}

void Host::set_addresses(std::vector<port::IpAddress> addresses) {
  options_.addresses = std::move(addresses);
  ++changes_.count;
  changes_.event.notify_all();
}

}  // namespace kith::sim
