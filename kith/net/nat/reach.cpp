#include <algorithm>

#include <kith/net/address_scope.hpp>
#include <kith/net/nat/nat_pmp.hpp>
#include <kith/net/nat/observed.hpp>
#include <kith/net/nat/reach.hpp>

namespace kith::net {

using multiformats::Multiaddr;

namespace {

/// How often is looked at what others see of us.
constexpr Duration observed_look_interval = 30s;
/// For a hole punch it is enough that one peer, the relay, has seen us there.
constexpr std::size_t networks_for_a_punch = 1;

/// Linux's table of IPv4 routes; elsewhere there is none, and no router is found.
constexpr const char* routes_path = "/proc/net/route";
constexpr std::size_t routes_bytes_max = 64 * 1024;

/// One witness: of IPv4 an address, of IPv6 a /56, as Identify counts them.
Bytes witness_of(const Multiaddr& address) {
  constexpr std::size_t network_bytes_v6 = 7;
  const std::optional<ByteView> ip = address.ip();
  if (!ip) return to_bytes(address.bytes());
  return to_bytes(ip->first(ip->size() == 4 ? 4 : network_bytes_v6));
}

/// Read as a whole, since it has no size beforehand.
std::vector<port::IpAddress> gateways(port::FileSystem& files) {
  auto file = files.open(routes_path, port::OpenMode::read);
  if (!file) return {};
  Bytes table(routes_bytes_max);
  const std::size_t got = (*file)->read_at(0, table).value_or(0);
  return gateways_of_routes(as_text(ByteView(table).first(got)));
}

}  // namespace

Reach::Reach(port::Env& env, Swarm& swarm, Identify& identify, ReachOptions options,
             AnnounceRules announce)
    : env_(env),
      swarm_(swarm),
      identify_(identify),
      settings_(std::move(options)),
      announce_(std::move(announce)),
      tasks_(env.executor, env.clock) {
  if (settings_.relays) {
    auto transport = std::make_unique<RelayTransport>(env, swarm);
    transport_ = transport.get();
    swarm.add_transport(std::move(transport));
    if (settings_.relay_service)
      server_ = std::make_unique<RelayServer>(env, swarm, settings_.relay_limits);
    if (settings_.relay_client) {
      auto_relay_ = std::make_unique<AutoRelay>(env, swarm, *transport_, settings_.static_relays);
    }
    if (settings_.hole_punching) {
      puncher_ = std::make_unique<HolePuncher>(env, swarm, identify,
                                               [this] { return candidates(networks_for_a_punch); });
    }
  }
  if (settings_.autonat_service)
    autonat_server_ = std::make_unique<AutonatServer>(env, swarm, settings_.autonat);
  if (settings_.forced == Reachability::unknown) {
    autonat_ = std::make_unique<AutonatClient>(
        env, swarm, [this] { return candidates(observers_wanted); }, [this] { adapt(); });
  }
  if (settings_.port_mapping) {
    mapper_ = std::make_unique<PortMapper>(
        env, swarm, [this] { return gateways(env_.files); }, [this] { announce_outside(); });
  }
  // It serves once it is known that we are reached.
  if (server_) server_->stop();
  adapt();
  tasks_.spawn(watch_loop());
}

Reachability Reach::verdict() const {
  return autonat_ ? autonat_->verdict() : settings_.forced;
}

std::vector<RelayReservation> Reach::reservations() const {
  return transport_ == nullptr ? std::vector<RelayReservation>() : transport_->reservations();
}

NatMapping Reach::nat_mapping() const {
  const std::vector<Multiaddr> own = swarm_.reachable_addresses();
  std::vector<Sighting> sightings;
  for (const ConnectionInfo& one : swarm_.connections()) {
    // Nobody in our own network sees what the router makes of us.
    const bool tells = one.direction == Direction::outbound && !one.remote_address.is_relayed() &&
                       scope_of(one.remote_address) == AddressScope::global;
    const bool from_listener = std::ranges::find(own, one.local_address) != own.end();
    if (!tells || !from_listener) continue;
    std::optional<Multiaddr> seen = identify_.observed_by(one.id);
    if (!seen) continue;
    sightings.push_back({one.local_address, *std::move(seen), witness_of(one.remote_address)});
  }
  return net::nat_mapping(sightings, own);
}

void Reach::adapt() {
  const Reachability now = verdict();
  if (auto_relay_) auto_relay_->want_relays(now == Reachability::unreachable);
  if (autonat_server_) autonat_server_->serve_v1(now != Reachability::unreachable);
  if (settings_.on_verdict) settings_.on_verdict(now);
  if (!server_) return;
  // Not to know it any more is no reason to drop those who are served.
  if (now == Reachability::reachable) server_->resume();
  if (now == Reachability::unreachable) server_->stop();
}

/// Where we seem to be reached from outside, if only by what the router and others say.
std::vector<Multiaddr> Reach::outside(std::size_t networks_least) const {
  std::vector<Multiaddr> all = confirmed_addresses(identify_.observed_addresses(), networks_least);
  if (!mapper_) return all;
  for (Multiaddr& one : mapper_->addresses()) {
    if (std::ranges::find(all, one) == all.end()) all.push_back(std::move(one));
  }
  return all;
}

std::vector<Multiaddr> Reach::candidates(std::size_t networks_least) const {
  std::vector<Multiaddr> all = swarm_.announced_addresses();
  for (Multiaddr& one : outside(networks_least)) {
    if (std::ranges::find(all, one) == all.end()) all.push_back(std::move(one));
  }
  return all;
}

void Reach::announce_outside() {
  if (!announce_.instead.empty()) return;
  std::vector<Multiaddr> now = outside(observers_wanted);
  std::ranges::sort(now);
  if (now == announced_) return;
  announced_ = now;
  AnnounceRules rules = announce_;
  rules.also.insert(rules.also.end(), now.begin(), now.end());
  swarm_.set_announce_rules(std::move(rules));
}

Task<void> Reach::watch_loop() {
  for (;;) {
    KITH_CO_CHECK(co_await port::sleep_for(env_.clock, observed_look_interval));
    announce_outside();
  }
}

Task<void> Reach::begin_close() {
  settings_.on_verdict = nullptr;
  tasks_.cancel();
  co_await tasks_.join_shielded();
  if (auto_relay_) co_await auto_relay_->close_shielded();
  if (mapper_) co_await mapper_->close_shielded();
  co_return Result<void>{};
}

Task<void> Reach::close_shielded() {
  if (puncher_) co_await puncher_->close_shielded();
  if (autonat_) co_await autonat_->close_shielded();
  if (autonat_server_) co_await autonat_server_->close_shielded();
  if (server_) co_await server_->close_shielded();
  co_return Result<void>{};
}

}  // namespace kith::net
