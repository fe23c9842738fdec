#include <algorithm>
#include <array>

#include <kith/net/address_scope.hpp>
#include <kith/net/nat/limits.hpp>
#include <kith/net/nat/port_mapper.hpp>
#include <kith/net/transports/address.hpp>
#include <kith/net/transports/tcp.hpp>

namespace kith::net {

using multiformats::Multiaddr;

namespace {

constexpr auto lifetime_s = static_cast<std::uint32_t>(
    std::chrono::duration_cast<std::chrono::seconds>(port_mapping_lifetime).count());
constexpr std::size_t answer_bytes_max = 64;

/// Whether this answers that; a router may still be answering an earlier question.
bool answers(const NatPmpAnswer& answer, ByteView request) {
  const auto* mapping = std::get_if<NatPmpMapping>(&answer);
  if (mapping == nullptr) return request.size() == nat_pmp_ask_address().size();
  return request.size() > 5 && request[1] == static_cast<std::uint8_t>(mapping->transport) &&
         load_be<std::uint16_t>(&request[4]) == mapping->inside;
}

}  // namespace

PortMapper::PortMapper(port::Env& env, Swarm& swarm, Gateways gateways, Changed changed)
    : env_(env),
      log_(env.log, "nat"),
      swarm_(swarm),
      gateways_(std::move(gateways)),
      changed_(std::move(changed)),
      changed_ports_(env.clock),
      tasks_(env.executor, env.clock) {
  swarm_.observe(*this);
  tasks_.spawn(run());
}

PortMapper::~PortMapper() {
  swarm_.stop_observing(*this);
}

Task<void> PortMapper::close_shielded() {
  tasks_.cancel();
  co_await tasks_.join_shielded();
  co_await give_back();
  mappings_.clear();
  co_return Result<void>{};
}

/// One datagram for each, and no waiting for answers.
Task<void> PortMapper::give_back() {
  if (!router_ || mappings_.empty()) co_return Result<void>{};
  KITH_CO_TRY(const std::unique_ptr<port::UdpSocket> socket,
              env_.net.bind_udp({port::IpAddress::any(port::IpFamily::v4), 0}, {}));
  const port::Endpoint to{*router_, nat_pmp_port};
  for (const auto& [key, mapping] : mappings_) {
    const Bytes request = nat_pmp_ask_mapping({key.transport, key.port, 0, 0});
    KITH_CO_CHECK(co_await socket->send(to, request));
  }
  co_return Result<void>{};
}

std::vector<Multiaddr> PortMapper::addresses() const {
  std::vector<Multiaddr> all;
  if (scope_of(outside_) != AddressScope::global || outside_.is_unspecified()) return all;
  const Instant now = env_.clock.now();
  for (const auto& [key, mapping] : mappings_) {
    if (now >= mapping.until) continue;
    const port::Endpoint outside{outside_, mapping.outside};
    all.push_back(key.transport == IpTransport::tcp ? tcp_address(outside) : quic_address(outside));
  }
  return all;
}

PortMappings PortMapper::report() const {
  PortMappings report{.router = router_, .last_failure = last_failure_};
  if (!router_) return report;
  report.protocol = "NAT-PMP";
  if (!outside_.is_unspecified()) report.outside = outside_;
  const Instant now = env_.clock.now();
  for (const auto& [key, mapping] : mappings_) {
    if (now < mapping.until)
      report.mappings.push_back({key.transport, key.port, mapping.outside, mapping.until});
  }
  return report;
}

std::vector<PortMapper::Key> PortMapper::wanted() const {
  std::vector<Key> keys;
  for (const Multiaddr& address : swarm_.listen_addresses()) {
    const std::optional<TransportAddress> found = transport_address(address);
    if (!found || !found->endpoint || address.is_relayed()) continue;
    const port::IpAddress& ip = found->endpoint->address;
    if (!ip.is_v4() || ip.is_loopback()) continue;
    const bool quic = found->kind == TransportKind::quic;
    const Key key{quic ? IpTransport::udp : IpTransport::tcp, found->endpoint->port};
    const bool fresh = std::ranges::find(keys, key) == keys.end();
    if (fresh && keys.size() < port_mappings_max) keys.push_back(key);
  }
  return keys;
}

Instant PortMapper::next_look() const {
  const Instant now = env_.clock.now();
  if (!router_) return now + gateway_retry_interval;
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
  const std::vector<Key> keys = wanted();
  std::erase_if(mappings_, [&keys](const auto& entry) {
    return std::ranges::find(keys, entry.first) == keys.end();
  });
  if (keys.empty()) co_return Result<void>{};
  KITH_CO_CHECK(co_await find_router());
  for (const Key& key : keys) {
    auto known = mappings_.find(key);
    if (known != mappings_.end() && env_.clock.now() < known->second.renew_at) continue;
    auto mapped = co_await map(key, lifetime_s);
    if (mapped) continue;
    if (mapped.error().is(Errc::timed_out)) forget_router();
    co_return std::unexpected(mapped.error());
  }
  co_return Result<void>{};
}

void PortMapper::forget_router() {
  router_.reset();
  std::erase_if(mappings_,
                [this](const auto& entry) { return env_.clock.now() >= entry.second.until; });
}

/// Asks for the outside address each time: a router that gets another one tells nobody.
Task<void> PortMapper::find_router() {
  std::vector<port::IpAddress> candidates = gateways_();
  if (router_) candidates.insert(candidates.begin(), *router_);
  Error why = Errc::not_found;
  for (const port::IpAddress& candidate : candidates) {
    auto answer = co_await ask(candidate, nat_pmp_ask_address());
    if (answer) {
      if (router_ != candidate) mappings_.clear();
      router_ = candidate;
      outside_ = std::get<NatPmpAddress>(*answer).outside;
      co_return Result<void>{};
    }
    why = answer.error();
    if (why.is(Errc::cancelled)) break;
  }
  if (!why.is(Errc::cancelled)) forget_router();
  co_return std::unexpected(why);
}

Task<void> PortMapper::map(Key key, std::uint32_t seconds) {
  const port::IpAddress router = *router_;
  auto known = mappings_.find(key);
  const std::uint16_t outside = known == mappings_.end() ? key.port : known->second.outside;
  Bytes request = nat_pmp_ask_mapping({key.transport, key.port, outside, seconds});
  KITH_CO_TRY(const NatPmpAnswer answer, co_await ask(router, std::move(request)));
  const auto& made = std::get<NatPmpMapping>(answer);
  if (made.outside == 0 || made.lifetime_s == 0) co_return std::unexpected(NatPmpError::other);
  const Duration lifetime =
      std::clamp<Duration>(std::chrono::seconds(made.lifetime_s), port_mapping_lifetime_least,
                           port_mapping_lifetime_most);
  const Instant now = env_.clock.now();
  mappings_[key] = {made.outside, now + lifetime / 2, now + lifetime};
  KITH_LOG_DEBUG(log_, "port {} is {} outside", key.port, made.outside);
  co_return Result<void>{};
}

Task<NatPmpAnswer> PortMapper::ask(port::IpAddress router, Bytes request) {
  KITH_CO_TRY(const std::unique_ptr<port::UdpSocket> socket,
              env_.net.bind_udp({port::IpAddress::any(port::IpFamily::v4), 0}, {}));
  const port::Endpoint to{router, nat_pmp_port};
  Duration patience = nat_pmp_first_timeout;
  for (int attempt = 0; attempt < nat_pmp_tries; ++attempt, patience *= 2) {
    KITH_CO_CHECK(co_await socket->send(to, request));
    const Instant deadline = env_.clock.now() + patience;
    for (;;) {
      std::array<std::uint8_t, answer_bytes_max> buffer{};
      MutableBytes into = buffer;
      auto got = co_await socket->receive(into, deadline);
      if (!got && got.error().is(Errc::timed_out)) break;
      if (!got) co_return std::unexpected(got.error());
      if (got->from != to) continue;
      auto answer = decode_nat_pmp(ByteView(buffer).first(got->size));
      if (!answer && answer.error().is(Errc::corrupt)) continue;
      if (!answer) co_return std::unexpected(answer.error());
      if (answers(*answer, request)) co_return answer;
    }
  }
  co_return std::unexpected(Errc::timed_out);
}

}  // namespace kith::net
