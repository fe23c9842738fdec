#include <algorithm>
#include <array>

#include <kith/net/address_scope.hpp>
#include <kith/net/nat/limits.hpp>
#include <kith/net/nat/port_mapper.hpp>
#include <kith/net/transports/address.hpp>
#include <kith/net/transports/tcp.hpp>

namespace kith::net {

using multiformats::Multiaddr;
using multiformats::Protocol;

namespace {

constexpr auto lifetime_s = static_cast<std::uint32_t>(
    std::chrono::duration_cast<std::chrono::seconds>(port_mapping_lifetime).count());

}  // namespace

PortMapper::PortMapper(port::Env& env, Swarm& swarm, Gateways gateways, Changed changed)
    : env_(env),
      log_(env.log, "nat"),
      swarm_(swarm),
      gateways_(std::move(gateways)),
      changed_(std::move(changed)),
      changed_ports_(env.clock),
      tasks_(env.executor, env.clock) {
  env_.random.fill(nonce_);
  swarm_.observe(*this);
  tasks_.spawn(run());
}

PortMapper::~PortMapper() {
  swarm_.stop_observing(*this);
}

Task<void> PortMapper::close_shielded() {
  tasks_.cancel();
  co_await tasks_.join_shielded();
  co_await give_back({});
  mappings_.clear();
  co_return Result<void>{};
}

/// All mappings but those of `keep`, within give_back_timeout.
Task<void> PortMapper::give_back(std::vector<Key> keep) {
  const Instant deadline = env_.clock.now() + give_back_timeout;
  for (const auto& [key, mapping] : std::map(mappings_)) {
    if (std::ranges::find(keep, key) != keep.end()) continue;
    mappings_.erase(key);
    if (!gateway_ || env_.clock.now() >= deadline) continue;
    const PortRequest mapped{key.transport, key.port, mapping.outside.port, 0};
    auto given = co_await gateway_->unmap(mapped, deadline);
    if (!given) {
      KITH_LOG_DEBUG(log_, "giving back port {}: {}", key.port, given.error().message());
      if (given.error().is(Errc::cancelled)) co_return given;
    }
  }
  co_return Result<void>{};
}

std::vector<Multiaddr> PortMapper::addresses() const {
  std::vector<Multiaddr> all;
  const std::vector<Multiaddr> inside = swarm_.listen_addresses();
  for (const Opened& one : opened()) {
    const port::IpAddress& ip = one.outside.address;
    if (scope_of(ip) != AddressScope::global || ip.is_unspecified() || ip.is_multicast()) continue;
    const bool tcp = one.transport == IpTransport::tcp;
    const Multiaddr port = ip_address(one.outside, tcp ? Protocol::tcp : Protocol::udp);
    for (const Multiaddr& listening : inside) {
      // Several may share the port.
      if (mappable(listening) != Key{one.transport, one.inside}) continue;
      auto outside = port.encapsulate(behind_port(listening));
      if (outside && std::ranges::find(all, *outside) == all.end()) all.push_back(*outside);
    }
  }
  return all;
}

std::vector<PortMapper::Opened> PortMapper::opened() const {
  std::vector<Opened> all;
  const Instant now = env_.clock.now();
  for (const auto& [key, mapping] : mappings_) {
    if (now >= mapping.until) continue;
    all.push_back({key.transport, key.port, mapping.outside, mapping.until, mapping.protocol});
  }
  return all;
}

PortMappings PortMapper::report() const {
  PortMappings report{.last_failure = last_failure_};
  if (!gateway_) return report;
  report.protocol = gateway_->protocol();
  report.router = router_;
  for (const Opened& one : opened()) {
    report.outside = one.outside.address;
    report.mappings.push_back({one.transport, one.inside, one.outside.port, one.until});
  }
  return report;
}

std::vector<PortMapper::Key> PortMapper::wanted() const {
  std::vector<Key> keys;
  for (const Multiaddr& address : swarm_.listen_addresses()) {
    const std::optional<Key> key = mappable(address);
    if (!key || keys.size() >= port_mappings_max) continue;
    if (std::ranges::find(keys, *key) == keys.end()) keys.push_back(*key);
  }
  return keys;
}

/// The port on which `address` listens, if a router could pass something on to it.
std::optional<PortMapper::Key> PortMapper::mappable(const Multiaddr& address) {
  const std::optional<TransportAddress> found = transport_address(address);
  if (!found || !found->endpoint || address.is_relayed()) return std::nullopt;
  const port::IpAddress& ip = found->endpoint->address;
  if (!ip.is_v4() || ip.is_loopback()) return std::nullopt;
  const bool quic = found->kind == TransportKind::quic;
  return Key{quic ? IpTransport::udp : IpTransport::tcp, found->endpoint->port};
}

Instant PortMapper::next_look() const {
  const Instant now = env_.clock.now();
  if (!gateway_) return now + gateway_retry_interval;
  Instant next = now + gateway_look_interval;
  for (const auto& [key, mapping] : mappings_)
    next = std::min(next, std::max(mapping.renew_at, now + 1s));
  return next;
}

Task<void> PortMapper::run() {
  for (;;) {
    const std::vector<Multiaddr> before = addresses();
    auto looked = co_await look();
    if (!looked && looked.error().is(Errc::cancelled)) co_return looked;
    last_failure_ = looked ? "" : looked.error().message();
    if (!looked) KITH_LOG_DEBUG(log_, "mapping ports: {}", last_failure_);
    if (addresses() != before) changed_();
    auto woken = co_await changed_ports_.wait(next_look());
    if (!woken && !woken.error().is(Errc::timed_out)) co_return woken;
  }
}

Task<void> PortMapper::look() {
  std::vector<Key> keys = wanted();
  KITH_CO_CHECK(co_await give_back(keys));
  if (keys.empty()) co_return Result<void>{};
  if (gateway_) {
    auto renewed = co_await renew(*gateway_, keys);
    if (renewed || renewed.error().is(Errc::cancelled)) co_return renewed;
    gateway_.reset();
  }
  co_return co_await find_gateway(std::move(keys));
}

/// What was mapped by another one stays known until its time is over.
Task<void> PortMapper::find_gateway(std::vector<Key> keys) {
  const Instant now = env_.clock.now();
  std::erase_if(mappings_, [now](const auto& entry) { return now >= entry.second.until; });
  Error why = Errc::not_found;
  for (const port::IpAddress& router : gateways_()) {
    std::array<std::unique_ptr<MappingGateway>, 3> ways = {
        make_pcp_gateway(env_, router, nonce_),
        make_nat_pmp_gateway(env_, router),
        make_upnp_gateway(env_, router),
    };
    for (std::unique_ptr<MappingGateway>& way : ways) {
      renew_all();
      auto tried = co_await renew(*way, keys);
      if (tried) {
        gateway_ = std::move(way);
        router_ = router;
        co_return Result<void>{};
      }
      why = tried.error();
      KITH_LOG_DEBUG(log_, "{} at {}: {}", way->protocol(), router.to_string(), why.message());
      if (why.is(Errc::cancelled)) co_return std::unexpected(why);
    }
  }
  co_return std::unexpected(why);
}

void PortMapper::renew_all() {
  for (auto& [key, mapping] : mappings_)
    mapping.renew_at = env_.clock.now();
}

/// Asks whether the router is there each time, and where: one that gets another address tells
/// nobody. An error if it did nothing for us.
Task<void> PortMapper::renew(MappingGateway& gateway, std::vector<Key> keys) {
  KITH_CO_TRY(const MappingGateway::Presence presence, co_await gateway.look());
  const bool moved =
      presence.outside && std::ranges::any_of(mappings_, [&presence](const auto& entry) {
        return entry.second.outside.address != *presence.outside;
      });
  if (presence.restarted || moved) renew_all();
  std::optional<Error> why;
  bool any = false;
  for (const Key& key : keys) {
    auto known = mappings_.find(key);
    if (known != mappings_.end() && env_.clock.now() < known->second.renew_at) {
      any = true;
      continue;
    }
    auto mapped = co_await map(gateway, key);
    any = any || mapped.has_value();
    if (mapped) continue;
    why = mapped.error();
    known = mappings_.find(key);
    if (known != mappings_.end())
      known->second.renew_at = env_.clock.now() + gateway_retry_interval;
    if (why->is(Errc::cancelled) || why->is(Errc::timed_out)) co_return mapped;
    KITH_LOG_DEBUG(log_, "port {}: {}", key.port, why->message());
  }
  if (!any && why) co_return std::unexpected(*why);
  co_return Result<void>{};
}

Task<void> PortMapper::map(MappingGateway& gateway, Key key) {
  auto known = mappings_.find(key);
  const std::uint16_t outside = known == mappings_.end() ? key.port : known->second.outside.port;
  const PortRequest request{key.transport, key.port, outside, lifetime_s};
  KITH_CO_TRY(const PortGrant grant, co_await gateway.map(request));
  const bool made = grant.outside.port != 0 && grant.lifetime_s != 0;
  if (!made) co_return std::unexpected(Errc::refused);
  const Duration lifetime =
      std::clamp<Duration>(std::chrono::seconds(grant.lifetime_s), port_mapping_lifetime_least,
                           port_mapping_lifetime_most);
  const Instant now = env_.clock.now();
  mappings_[key] = {grant.outside, now + lifetime / 2, now + lifetime, gateway.protocol()};
  KITH_LOG_DEBUG(log_, "port {} is {} outside, by {}", key.port, grant.outside.to_string(),
                 gateway.protocol());
  co_return Result<void>{};
}

}  // namespace kith::net
