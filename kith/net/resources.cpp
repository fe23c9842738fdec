#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <kith/base/assert.hpp>
#include <kith/net/address_scope.hpp>
#include <kith/net/limits.hpp>
#include <kith/net/resources.hpp>

namespace kith::net {

using multiformats::Multiaddr;
using multiformats::PeerId;

namespace {

Resource connections_of(Direction direction) noexcept {
  return direction == Direction::inbound ? Resource::connections_inbound
                                         : Resource::connections_outbound;
}

Resource streams_of(Direction direction) noexcept {
  return direction == Direction::inbound ? Resource::streams_inbound : Resource::streams_outbound;
}

/// The entry's values, or none.
template <class Map>
typename Map::mapped_type found_in(const Map& map, const typename Map::key_type& key) {
  auto found = map.find(key);
  return found == map.end() ? typename Map::mapped_type() : found->second;
}

}  // namespace

std::string_view to_string(Resource resource) noexcept {
  switch (resource) {
    case Resource::memory:
      return "Memory";
    case Resource::descriptors:
      return "FD";
    case Resource::connections:
      return "Conns";
    case Resource::connections_inbound:
      return "ConnsInbound";
    case Resource::connections_outbound:
      return "ConnsOutbound";
    case Resource::streams:
      return "Streams";
    case Resource::streams_inbound:
      return "StreamsInbound";
    case Resource::streams_outbound:
      return "StreamsOutbound";
  }
  return "";
}

std::string Shortage::to_string() const {
  constexpr std::string_view names[] = {
      "System", "Transient", "AllowlistedSystem", "AllowlistedTransient",
      "Subnet", "Peer",      "Protocol",          "ProtocolPeer",
      "Conn"};
  std::string text = fmt::format("limit {}.{} is {}", names[static_cast<std::size_t>(scope)],
                                 net::to_string(resource), limit);
  if (every == Duration(0)) return text;
  return text + fmt::format(" at once, then one in {:g} s", every / 1.0s);
}

ScopeLimits ScopeOverrides::over(ScopeLimits limits) const noexcept {
  for (Resource resource : all_resources)
    limits[resource] = (*this)[resource].value_or(limits[resource]);
  return limits;
}

ResourceLimits default_limits(std::uint64_t memory_bytes, std::uint64_t descriptors,
                              std::size_t high_water) {
  ResourceLimits limits;
  const std::uint64_t mebibytes = memory_bytes >> 20;
  limits.system[Resource::memory] = memory_bytes;
  limits.system[Resource::descriptors] = descriptors;
  limits.system[Resource::connections_inbound] = mebibytes;
  limits.transient[Resource::memory] = memory_bytes / 4;
  limits.transient[Resource::descriptors] = descriptors / 4;
  limits.transient[Resource::connections_inbound] = mebibytes / 4;
  if (high_water != 0) {
    limits.system[Resource::connections_inbound] =
        std::max<std::uint64_t>({mebibytes, 2 * high_water, connections_inbound_least});
  }
  limits.subnets = default_subnet_limits();
  limits.rates = default_subnet_rates();
  limits.peer[Resource::memory] = memory_bytes_per_peer_max;
  limits.peer[Resource::connections_inbound] = connections_inbound_per_peer_max;
  limits.peer[Resource::streams_inbound] = streams_inbound_per_peer_max;
  limits.protocol[Resource::streams_inbound] = streams_inbound_per_protocol_max;
  limits.protocol_peer[Resource::streams_inbound] = streams_inbound_per_protocol_and_peer_max;
  limits.connection[Resource::memory] = memory_bytes_per_connection_max;
  limits.connection[Resource::streams_inbound] = streams_inbound_per_connection_max;
  return limits;
}

/// Counts what it grants.
class Resources::Scope {
 public:
  Scope(ScopeKind kind, const ScopeLimits& limits, Budget* memory_above) noexcept
      : memory(limits[Resource::memory], memory_above), kind_(kind), limits_(limits) {}

  /// One of `each` and of `both`, or nothing of either.
  std::optional<Shortage> take(Resource each, Resource both) noexcept {
    for (Resource resource : {each, both}) {
      if (used_[resource] >= limits_[resource]) return short_of(resource);
    }
    ++used_[each];
    ++used_[both];
    return std::nullopt;
  }
  void give(Resource each, Resource both) noexcept {
    ASSERT(used_[each] > 0 && used_[both] > 0);
    --used_[each];
    --used_[both];
  }

  /// A connection and its socket.
  std::optional<Shortage> take_connection(Direction direction) noexcept {
    if (used_[Resource::descriptors] >= limits_[Resource::descriptors])
      return short_of(Resource::descriptors);
    auto shortage = take(connections_of(direction), Resource::connections);
    if (!shortage) ++used_[Resource::descriptors];
    return shortage;
  }
  void give_connection(Direction direction) noexcept {
    give(connections_of(direction), Resource::connections);
    --used_[Resource::descriptors];
  }

  Shortage short_of(Resource resource) const noexcept {
    return {kind_, resource, limits_[resource]};
  }

  bool unused() const noexcept {
    return memory.used() == 0 && used_[Resource::connections] == 0 && used_[Resource::streams] == 0;
  }

  ScopeReport report() const noexcept {
    ScopeReport report{limits_, used_};
    report.used[Resource::memory] = memory.used();
    return report;
  }

  Budget memory;

 private:
  ScopeKind kind_;
  ScopeLimits limits_;
  PerResource<std::uint64_t> used_;
};

struct Resources::PeerScope {
  PeerScope(const ScopeLimits& limits, Budget* memory_above) noexcept
      : scope(ScopeKind::peer, limits, memory_above) {}

  Scope scope;
  std::map<std::string, std::unique_ptr<Scope>> protocols;
};

/// The ordinary scopes, or those of the allow-list.
struct Resources::Territory {
  Territory(ScopeKind system_kind, const ScopeLimits& system_limits, ScopeKind transient_kind,
            const ScopeLimits& transient_limits) noexcept
      : system(system_kind, system_limits, nullptr),
        transient(transient_kind, transient_limits, nullptr) {}

  Scope system;
  Scope transient;
  std::map<PeerId, std::unique_ptr<PeerScope>> peers;
};

Resources::Resources(ResourceLimits limits)
    : limits_(std::move(limits)),
      subnets_(limits_.subnets),
      rates_(limits_.rates),
      ordinary_(std::make_unique<Territory>(ScopeKind::system, limits_.system, ScopeKind::transient,
                                            limits_.transient)),
      allowlisted_(std::make_unique<Territory>(
          ScopeKind::allowlisted_system, limits_.allowlisted_system,
          ScopeKind::allowlisted_transient, limits_.allowlisted_transient)) {}

Resources::~Resources() = default;

void Resources::define_protocol(const std::string& protocol, const ScopeOverrides& all,
                                const ScopeOverrides& each_peer) {
  defined_[protocol] = all;
  defined_for_each_peer_[protocol] = each_peer;
}

Resources::Scope& Resources::protocol_scope(const std::string& protocol) {
  std::unique_ptr<Scope>& scope = protocols_[protocol];
  if (scope == nullptr) {
    ScopeLimits own = found_in(defined_, protocol).over(limits_.protocol);
    scope = std::make_unique<Scope>(ScopeKind::protocol,
                                    found_in(limits_.protocols, protocol).over(own), nullptr);
  }
  return *scope;
}

Resources::Scope& Resources::protocol_scope_of(PeerScope& peer, const std::string& protocol) {
  std::unique_ptr<Scope>& scope = peer.protocols[protocol];
  if (scope == nullptr) {
    ScopeLimits own = found_in(defined_for_each_peer_, protocol).over(limits_.protocol_peer);
    scope = std::make_unique<Scope>(ScopeKind::protocol_peer,
                                    found_in(limits_.protocol_peers, protocol).over(own),
                                    &protocol_scope(protocol).memory);
  }
  return *scope;
}

bool Resources::allowlisted(const Multiaddr& remote, const PeerId* peer) const noexcept {
  return std::ranges::any_of(limits_.allowlist, [&remote, peer](const Allowed& allowed) {
    bool right_peer = peer == nullptr || !allowed.peer || *allowed.peer == *peer;
    return right_peer && allowed.network.contains(remote);
  });
}

std::unexpected<Error> Resources::refused(const Shortage& shortage) noexcept {
  ++refusals_;
  last_refusal_ = shortage;
  return std::unexpected(Error(Errc::limit_exceeded));
}

/// Where it is counted among those of its network. A circuit seems to come from where the relay is,
/// with all others that it brings; how many those may be is the relay client's to say.
static std::optional<port::IpAddress> counted_ip(const Multiaddr& remote) {
  return remote.is_relayed() ? std::nullopt : ip_of(remote);
}

std::optional<Shortage> Resources::comes_too_often(const Multiaddr& remote, Instant now) {
  const std::optional<port::IpAddress> ip = counted_ip(remote);
  const std::optional<SubnetRate> reached = ip ? rates_.take(*ip, now) : std::nullopt;
  if (!reached) return std::nullopt;
  return Shortage{ScopeKind::subnet, Resource::connections_inbound, reached->burst, reached->every};
}

Result<std::unique_ptr<ConnectionGrant>> Resources::open_connection(Direction direction,
                                                                    const Multiaddr& remote,
                                                                    Instant now) {
  std::unique_ptr<ConnectionGrant> grant(new ConnectionGrant(*this, direction, remote));
  std::optional<Shortage> shortage;
  if (direction == Direction::inbound) shortage = comes_too_often(remote, now);
  if (!shortage) shortage = grant->enter(*ordinary_);
  if (shortage && allowlisted(remote, nullptr)) shortage = grant->enter(*allowlisted_);
  if (shortage) return refused(*shortage);
  return grant;
}

ResourceReport Resources::report() const {
  ResourceReport report;
  report.system = ordinary_->system.report();
  report.transient = ordinary_->transient.report();
  for (const auto& [protocol, scope] : protocols_)
    report.protocols.emplace(protocol, scope->report());
  for (const Territory* territory : {allowlisted_.get(), ordinary_.get()}) {
    for (const auto& [peer, scopes] : territory->peers)
      report.peers.insert_or_assign(peer, scopes->scope.report());
  }
  return report;
}

// Connections.

ConnectionGrant::ConnectionGrant(Resources& resources, Direction direction, Multiaddr remote)
    : resources_(resources),
      direction_(direction),
      remote_(std::move(remote)),
      own_(std::make_unique<Resources::Scope>(ScopeKind::connection, resources.limits_.connection,
                                              nullptr)) {}

ConnectionGrant::~ConnectionGrant() {
  while (!streams_.empty())
    streams_.back()->end();
  leave();
}

Budget& ConnectionGrant::memory() noexcept {
  return own_->memory;
}

std::optional<Shortage> ConnectionGrant::enter_subnets() noexcept {
  const std::optional<port::IpAddress> ip = counted_ip(remote_);
  if (!ip) return std::nullopt;
  if (auto reached = resources_.subnets_.add(*ip))
    return Shortage{ScopeKind::subnet, Resource::connections, reached->connections};
  counted_at_ = ip;
  return std::nullopt;
}

void ConnectionGrant::leave_subnets() noexcept {
  if (counted_at_) resources_.subnets_.remove(*counted_at_);
  counted_at_.reset();
}

std::optional<Shortage> ConnectionGrant::enter(Resources::Territory& territory) noexcept {
  if (&territory == resources_.ordinary_.get()) {
    if (auto shortage = enter_subnets()) return shortage;
  }
  auto shortage = enter_scopes(territory);
  if (shortage) leave_subnets();
  return shortage;
}

std::optional<Shortage> ConnectionGrant::enter_scopes(Resources::Territory& territory) noexcept {
  Resources::Scope* const scopes[] = {own_.get(), &territory.transient, &territory.system};
  for (std::size_t i = 0; i < std::size(scopes); ++i) {
    auto shortage = scopes[i]->take_connection(direction_);
    if (!shortage) continue;
    while (i-- > 0)
      scopes[i]->give_connection(direction_);
    return shortage;
  }
  const bool moved = own_->memory.move_to(&territory.system.memory);
  ASSERT(moved);  // it uses nothing
  std::optional<Shortage> shortage;
  if (!territory.transient.memory.try_reserve(connection_base_bytes)) {
    shortage = territory.transient.short_of(Resource::memory);
  } else if (!own_->memory.try_reserve(connection_base_bytes)) {
    territory.transient.memory.release(connection_base_bytes);
    shortage = territory.system.short_of(Resource::memory);
  }
  if (shortage) {
    for (Resources::Scope* scope : scopes)
      scope->give_connection(direction_);
    return shortage;
  }
  territory_ = &territory;
  transient_ = true;
  return std::nullopt;
}

void ConnectionGrant::leave() noexcept {
  if (territory_ == nullptr) return;
  leave_subnets();
  own_->memory.release(connection_base_bytes);
  own_->give_connection(direction_);
  territory_->system.give_connection(direction_);
  if (peer_scope_ != nullptr) {
    peer_scope_->scope.give_connection(direction_);
    forget_peer_if_unused(peer_);
  }
  leave_transient();
  territory_ = nullptr;
  peer_scope_ = nullptr;
}

void ConnectionGrant::leave_transient() noexcept {
  if (!std::exchange(transient_, false)) return;
  territory_->transient.give_connection(direction_);
  territory_->transient.memory.release(connection_base_bytes);
}

void ConnectionGrant::forget_peer_if_unused(const PeerId& peer) noexcept {
  auto found = territory_->peers.find(peer);
  if (found != territory_->peers.end() && found->second->scope.unused())
    territory_->peers.erase(found);
}

std::optional<Shortage> ConnectionGrant::enter_peer(const PeerId& peer) {
  std::unique_ptr<Resources::PeerScope>& scopes = territory_->peers[peer];
  if (scopes == nullptr) {
    const auto& named = resources_.limits_.peers;
    auto own = named.find(peer);
    scopes = std::make_unique<Resources::PeerScope>(
        own == named.end() ? resources_.limits_.peer : own->second, &territory_->system.memory);
  }
  auto shortage = scopes->scope.take_connection(direction_);
  if (!shortage && !own_->memory.move_to(&scopes->scope.memory)) {
    scopes->scope.give_connection(direction_);
    shortage = scopes->scope.short_of(Resource::memory);
  }
  if (shortage) {
    forget_peer_if_unused(peer);
    return shortage;
  }
  leave_transient();
  peer_scope_ = scopes.get();
  peer_ = peer;
  return std::nullopt;
}

/// Out of the scopes of the allow-list, if they are there for somebody else.
std::optional<Shortage> ConnectionGrant::enter_as(const PeerId& peer) {
  ASSERT(territory_ != nullptr && peer_scope_ == nullptr && transient_);
  const bool wrong_peer =
      territory_ == resources_.allowlisted_.get() && !resources_.allowlisted(remote_, &peer);
  if (!wrong_peer) return std::nullopt;
  leave();
  return enter(*resources_.ordinary_);
}

Result<void> ConnectionGrant::set_peer(const PeerId& peer) {
  if (auto shortage = enter_as(peer)) return resources_.refused(*shortage);
  if (auto shortage = enter_peer(peer)) return resources_.refused(*shortage);
  return {};
}

Result<void> ConnectionGrant::stay_unknown() {
  const PeerId nobody;
  if (auto shortage = enter_as(nobody)) return resources_.refused(*shortage);
  leave_transient();
  return {};
}

// Streams.

Result<std::unique_ptr<StreamGrant>> ConnectionGrant::open_stream(Direction direction) {
  ASSERT(peer_scope_ != nullptr);
  Resources::Scope* const scopes[] = {own_.get(), &peer_scope_->scope, &territory_->transient,
                                      &territory_->system};
  const Resource each = streams_of(direction);
  for (std::size_t i = 0; i < std::size(scopes); ++i) {
    auto shortage = scopes[i]->take(each, Resource::streams);
    if (!shortage) continue;
    while (i-- > 0)
      scopes[i]->give(each, Resource::streams);
    return resources_.refused(*shortage);
  }
  std::unique_ptr<StreamGrant> grant(new StreamGrant(*this, direction));
  grant->place_ = streams_.size();
  streams_.push_back(grant.get());
  return grant;
}

StreamGrant::~StreamGrant() {
  end();
}

Result<Budget*> StreamGrant::set_protocol(const std::string& protocol) {
  if (connection_ == nullptr) return std::unexpected(Errc::closed);
  ASSERT(protocol_ == nullptr);
  Resources& resources = connection_->resources_;
  const Resource each = streams_of(direction_);
  Resources::Scope& all = resources.protocol_scope(protocol);
  Resources::Scope& of_peer = resources.protocol_scope_of(*connection_->peer_scope_, protocol);
  if (auto shortage = all.take(each, Resource::streams)) return resources.refused(*shortage);
  if (auto shortage = of_peer.take(each, Resource::streams)) {
    all.give(each, Resource::streams);
    return resources.refused(*shortage);
  }
  connection_->territory_->transient.give(each, Resource::streams);
  protocol_ = &all;
  protocol_of_peer_ = &of_peer;
  return &of_peer.memory;
}

void StreamGrant::end() noexcept {
  if (connection_ == nullptr) return;
  ConnectionGrant& connection = *connection_;
  connection_ = nullptr;
  StreamGrant* last = connection.streams_.back();
  last->place_ = place_;
  connection.streams_[place_] = last;
  connection.streams_.pop_back();

  const Resource each = streams_of(direction_);
  connection.own_->give(each, Resource::streams);
  connection.peer_scope_->scope.give(each, Resource::streams);
  connection.territory_->system.give(each, Resource::streams);
  if (protocol_ == nullptr) {
    connection.territory_->transient.give(each, Resource::streams);
  } else {
    protocol_->give(each, Resource::streams);
    protocol_of_peer_->give(each, Resource::streams);
  }
}

}  // namespace kith::net
