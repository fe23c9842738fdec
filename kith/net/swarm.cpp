#include <algorithm>
#include <exception>

#include <kith/net/detail/swarm_parts.hpp>
#include <kith/net/multistream.hpp>
#include <kith/net/multistream_session.hpp>
#include <kith/net/swarm.hpp>

namespace kith::net {
namespace {

using multiformats::PeerId;

/// How long a second connection to a peer has no streams before it is closed.
constexpr Duration duplicate_idle = 5s;
/// How often is looked for such, at least.
constexpr Duration housekeeping_interval = 10s;

class Domain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "swarm"; }
  std::string message(int code) const override {
    switch (static_cast<SwarmError>(code)) {
      case SwarmError::no_addresses:
        return "no address of the peer is known";
      case SwarmError::all_dials_failed:
        return "no address of the peer answered";
      case SwarmError::dial_backoff:
        return "the peer's addresses failed a moment ago and are left alone for a while";
      case SwarmError::dial_self:
        return "that is this node itself";
      case SwarmError::no_transport:
        return "none of the peer's addresses is of a kind this node can dial";
      case SwarmError::protocol_refused:
        return "the peer doesn't speak the protocol";
      case SwarmError::limit_reached:
        return "a limit of this node itself (`swarm resources` shows them)";
      case SwarmError::address_in_use:
        return "the address is in use: is another node running?";
      case SwarmError::only_relayed:
        return "the peer is reached only through a relay, which carries little";
      case SwarmError::relay_refused:
        return "the relay refused";
    }
    return "unknown error";
  }
};
constinit const Domain domain;

Result<void> check(const std::vector<ProtocolId>& protocols) {
  if (!protocols.empty() && std::ranges::all_of(protocols, is_protocol_id)) return {};
  return std::unexpected(
      Error(Errc::invalid_argument,
            fmt::format("a protocol id has 1 to {} bytes and no newline", protocol_id_bytes_max)));
}

}  // namespace

const ErrorDomain& error_domain(SwarmError) noexcept {
  return domain;
}

Swarm::Swarm(port::Env& env, crypto::PrivateKey identity, PeerStore& peers, SwarmLimits limits,
             ConnectionGater* gater)
    : env_(env),
      log_(env.log, "net"),
      identity_(std::move(identity)),
      local_peer_(PeerId::from_public_key(identity_.public_key())),
      peers_(peers),
      limits_(std::move(limits)),
      gater_(gater),
      resources_(limits_.resources),
      bandwidth_(env.clock, limits_.bandwidth),
      dial_slots_(env.clock, limits_.dials_max),
      direct_dial_slots_(env.clock, limits_.direct_dials_max),
      circuit_dial_slots_(env.clock, limits_.circuit_dials_max),
      linked_(env.clock),
      accepting_(env.executor, env.clock),
      handshakes_(env.executor, env.clock),
      dialing_(env.executor, env.clock),
      running_(env.executor, env.clock),
      housekeeping_(env.executor, env.clock) {
  set_transports({});
  housekeeping_.spawn(trim_loop());
}

Swarm::~Swarm() {
  ASSERT(links_.empty() && dials_.empty());
}

// Connections.

Result<ConnectionId> Swarm::add_link(Admitted admitted) {
  if (closing_) return std::unexpected(Errc::closed);
  const PeerId peer = admitted.connection->remote_peer();
  ConnectionId id{next_connection_++};
  auto link = std::make_unique<Link>(id, std::move(admitted), env_);
  link->opened_at = link->idle_since = env_.clock.now();
  links_by_peer_[peer].push_back(id);
  Link& added = *link;
  links_.emplace(id, std::move(link));
  bool started = running_.spawn(run_link(id));
  ASSERT(started);

  peers_.set_public_key(peer, added.connection->remote_key());
  peers_.set_connected(peer, true, env_.wall.now());
  backoff_.clear(peer);
  linked_.notify_all();
  KITH_LOG_DEBUG(log_, "connected to {} at {}", peer.to_string(),
                 added.connection->remote_address().to_string());
  return id;
}

Task<void> Swarm::run_link(ConnectionId id) {
  Link& link = *links_.at(id);
  const PeerId peer = link.connection->remote_peer();
  // Who is being dialed and comes by itself needs no dial any more.
  for (const bool unrelayed : {false, true}) {
    auto dial = dials_.find({peer, unrelayed});
    if (dial != dials_.end()) dial->second->progress.notify_all();
  }
  const auto [first, end] = direct_dials_.equal_range(peer);
  for (auto dial = first; dial != end; ++dial)
    dial->second->progress.notify_all();
  const ConnectionInfo opened = info_of(link);
  for (SwarmObserver* observer : std::vector(observers_))
    observer->on_connected(opened);
  link.tasks.spawn(serve_link(link));

  auto ended = co_await link.connection->run();
  if (!ended && !ended.error().is(Errc::closed)) {
    KITH_LOG_DEBUG(log_, "connection to {} ended: {}", peer.to_string(), ended.error().message());
  }
  link.tasks.cancel();
  co_await link.tasks.join_shielded();

  const ConnectionInfo closed = info_of(link);
  ended_bytes_received_ += closed.stats.bytes_received;
  ended_bytes_sent_ += closed.stats.bytes_sent;
  traffic_.ended(peer, {closed.stats.bytes_received, closed.stats.bytes_sent});
  std::vector<ConnectionId>& others = links_by_peer_[peer];
  std::erase(others, id);
  bool last = others.empty();
  if (last) {
    links_by_peer_.erase(peer);
    tags_.forget(peer);
    bandwidth_.forget(peer);
    peers_.set_connected(peer, false, env_.wall.now());
  }
  links_.erase(id);
  // Who waits for a better connection than this one was may have to dial now.
  linked_.notify_all();
  for (SwarmObserver* observer : std::vector(observers_))
    observer->on_disconnected(closed, last);
  co_return Result<void>{};
}

Task<void> Swarm::serve_link(Link& link) {
  for (;;) {
    KITH_CO_TRY(std::unique_ptr<MuxedStream> stream, co_await link.connection->accept_stream());
    // What isn't granted is dropped here, which resets the stream.
    auto grant = link.grant->open_stream(Direction::inbound);
    if (grant) link.tasks.spawn(serve_stream(link, std::move(stream), *std::move(grant)));
  }
}

Task<void> Swarm::serve_stream(Link& link, std::unique_ptr<MuxedStream> stream,
                               std::unique_ptr<StreamGrant> grant) {
  auto record = std::make_unique<StreamRecord>(link.open_streams);
  std::function<bool(std::string_view)> supports = [this](std::string_view protocol) {
    return handlers_.find(ProtocolId(protocol)) != handlers_.end();
  };
  MuxedStream& muxed = *stream;
  Instant deadline = env_.clock.now() + stream_negotiation_timeout;
  KITH_CO_TRY(
      std::unique_ptr<NegotiatedStream> negotiated,
      co_await negotiate_inbound(env_.clock, std::move(stream), std::move(supports), deadline));
  const ProtocolId protocol = negotiated->protocol();
  auto handler = handlers_.find(protocol);
  if (handler == handlers_.end()) co_return std::unexpected(SwarmError::protocol_refused);
  auto memory = grant->set_protocol(protocol);
  if (!memory || !muxed.charge_to(**memory)) {
    negotiated->reset();
    co_return std::unexpected(Errc::limit_exceeded);
  }
  record->agreed(traffic_.of(protocol));
  negotiated->count_in(std::move(record));
  StreamHandler serve = handler->second;
  const PeerId peer = link.connection->remote_peer();
  auto held = bandwidth_.hold(std::move(negotiated), peer, protocol);
  auto served = std::make_unique<Stream>(std::move(held), peer, protocol, link.id);
  Result<void> outcome;
  try {
    outcome = co_await serve(std::move(served));
  } catch (const std::exception& thrown) {
    // The peer chooses when a handler meets what it can't deal with: that costs the stream, which
    // has died with the handler's frame, and nothing else.
    KITH_LOG_ERROR(log_, "the handler of {} threw: {:.200}", protocol, thrown.what());
  } catch (...) {
    KITH_LOG_ERROR(log_, "the handler of {} threw what is no std::exception", protocol);
  }
  if (!outcome && !outcome.error().is(Errc::cancelled)) {
    KITH_LOG_TRACE(log_, "{} with {}: {}", protocol, link.connection->remote_peer().to_string(),
                   outcome.error().message());
  }
  link.idle_since = env_.clock.now();
  co_return Result<void>{};
}

/// For what this node itself wanted to do: a person reads it.
Error Swarm::limit_reached() const {
  return Error(SwarmError::limit_reached, resources_.last_refusal().to_string());
}

Swarm::Link* Swarm::best_link(const PeerId& peer) const {
  auto ids = links_by_peer_.find(peer);
  if (ids == links_by_peer_.end()) return nullptr;
  Link* best = nullptr;
  for (ConnectionId id : ids->second) {
    Link& link = *links_.at(id);
    if (link.connection->closing()) continue;
    if (best == nullptr || link.detour() < best->detour()) {
      best = &link;
      continue;
    }
    if (link.detour() > best->detour()) continue;
    // The newest: a peer that dials again has lost what it had before.
    if (!crossed(*best, link) || dialed_by_smaller(link)) best = &link;
  }
  return best;
}

Swarm::Link* Swarm::direct_link(const PeerId& peer) const {
  Link* best = best_link(peer);
  return best != nullptr && best->detour() == 0 ? best : nullptr;
}

bool Swarm::crossed(const Link& one, const Link& other) {
  return one.connection->direction() != other.connection->direction() &&
         std::chrono::abs(one.opened_at - other.opened_at) <= dial_timeout;
}

bool Swarm::crossed(ConnectionId one, ConnectionId other) const {
  return crossed(*links_.at(one), *links_.at(other));
}

/// Of two that crossed, both sides keep this one.
bool Swarm::dialed_by_smaller(const Link& link) const {
  const bool ours = link.connection->direction() == Direction::outbound;
  return ours == (local_peer_ < link.connection->remote_peer());
}

/// The best there is, or nothing; one that is limited only if it may be. Else one that isn't is
/// waited for.
Task<std::optional<ConnectionId>> Swarm::usable_link(PeerId peer, bool limited, Instant deadline) {
  const Instant until = std::min(deadline, env_.clock.now() + direct_connection_patience);
  for (;;) {
    if (closing_) co_return std::unexpected(Errc::closed);
    Link* link = best_link(peer);
    if (link == nullptr) co_return std::optional<ConnectionId>();
    if (limited || !link->connection->limited()) co_return std::optional(link->id);
    auto woken = co_await linked_.wait(until);
    if (!woken && woken.error().is(Errc::timed_out))
      co_return std::unexpected(SwarmError::only_relayed);
    KITH_CO_CHECK(std::move(woken));
  }
}

Task<std::unique_ptr<Stream>> Swarm::open_stream(PeerId peer, std::vector<ProtocolId> protocols,
                                                 Instant deadline, StreamOptions options) {
  KITH_CO_CHECK(check(protocols));
  for (bool dialed = false;;) {
    KITH_CO_TRY(std::optional<ConnectionId> id,
                co_await usable_link(peer, options.limited, deadline));
    if (!id) {
      if (std::exchange(dialed, true)) co_return std::unexpected(Errc::closed);
      KITH_CO_CHECK(co_await connect(peer, {}, deadline));
      continue;
    }
    auto opened = co_await open_stream_on(*id, protocols, deadline);
    // Of two that crossed one goes, maybe just now, and the other serves as well.
    if (opened || !lost(opened.error(), *id)) co_return opened;
  }
}

/// Whether something failed because its connection ended.
bool Swarm::lost(const Error& failure, ConnectionId id) const {
  auto found = links_.find(id);
  if (found != links_.end() && !found->second->connection->closing()) return false;
  return !failure.is(Errc::cancelled) && !failure.is(Errc::timed_out) &&
         !failure.is(SwarmError::protocol_refused);
}

Task<std::unique_ptr<Stream>> Swarm::open_stream_on(ConnectionId id,
                                                    std::vector<ProtocolId> protocols,
                                                    Instant deadline) {
  KITH_CO_CHECK(check(protocols));
  auto found = links_.find(id);
  if (found == links_.end()) co_return std::unexpected(Errc::closed);
  const PeerId peer = found->second->connection->remote_peer();
  // What the peer has told us it speaks saves the round trips of asking.
  const std::vector<std::string>& known = peers_.protocols(peer);
  if (protocols.size() > 1 && !known.empty()) {
    auto spoken = std::ranges::find_if(protocols, [&known](const ProtocolId& protocol) {
      return std::ranges::binary_search(known, protocol);
    });
    if (spoken != protocols.end()) protocols = {*spoken};
  }
  Link& link = *found->second;
  auto grant = link.grant->open_stream(Direction::outbound);
  if (!grant) co_return std::unexpected(limit_reached());
  ++link.outbound_opening;
  auto opened = co_await link.connection->open_stream(deadline);
  found = links_.find(id);
  if (found == links_.end()) co_return std::unexpected(Errc::closed);
  --found->second->outbound_opening;
  if (!opened) co_return std::unexpected(opened.error());
  found->second->idle_since = env_.clock.now();
  MuxedStream& muxed = **opened;
  auto record = std::make_unique<StreamRecord>(found->second->open_streams);
  Instant negotiated_by = std::min(deadline, env_.clock.now() + stream_negotiation_timeout);
  KITH_CO_TRY(std::unique_ptr<NegotiatedStream> negotiated,
              co_await negotiate_outbound(env_.clock, *std::move(opened), std::move(protocols),
                                          negotiated_by, SwarmError::protocol_refused));
  ProtocolId protocol = negotiated->protocol();
  auto memory = (*grant)->set_protocol(protocol);
  if (!memory && memory.error().is(Errc::limit_exceeded))
    co_return std::unexpected(limit_reached());
  if (!memory) co_return std::unexpected(memory.error());
  if (!muxed.charge_to(**memory)) co_return std::unexpected(Errc::limit_exceeded);
  record->agreed(traffic_.of(protocol));
  negotiated->count_in(std::move(record));
  auto held = bandwidth_.hold(std::move(negotiated), peer, protocol);
  co_return std::make_unique<Stream>(std::move(held), peer, std::move(protocol), id,
                                     *std::move(grant));
}

// Protocols.

void Swarm::handle(ProtocolId protocol, StreamHandler handler, HandlerOptions options) {
  ASSERT(is_protocol_id(protocol));
  ASSERT(handler != nullptr);
  ScopeOverrides all;
  ScopeOverrides each_peer;
  all[Resource::streams_inbound] = options.streams_max;
  each_peer[Resource::streams_inbound] = options.streams_per_peer_max;
  resources_.define_protocol(protocol, all, each_peer);
  handlers_[std::move(protocol)] = std::move(handler);
  for (SwarmObserver* observer : std::vector(observers_))
    observer->on_protocols_changed();
}

void Swarm::stop_handling(const ProtocolId& protocol) {
  if (handlers_.erase(protocol) == 0) return;
  for (SwarmObserver* observer : std::vector(observers_))
    observer->on_protocols_changed();
}

std::vector<ProtocolId> Swarm::protocols() const {
  std::vector<ProtocolId> names;
  for (const auto& [name, handler] : handlers_)
    names.push_back(name);
  return names;
}

// What is there.

ConnectionInfo Swarm::info_of(const Link& link) const {
  ConnectionInfo info;
  info.id = link.id;
  info.peer = link.connection->remote_peer();
  info.direction = link.connection->direction();
  info.local_address = link.connection->local_address();
  info.remote_address = link.connection->remote_address();
  info.security = link.connection->security();
  info.muxer = link.connection->muxer();
  info.limited = link.connection->limited();
  info.stats = link.connection->stats();
  info.stats.opened_at = link.opened_at;
  if (auto tags = protected_.find(info.peer); tags != protected_.end()) {
    info.protected_by.assign(tags->second.begin(), tags->second.end());
  }
  return info;
}

bool Swarm::connected(const PeerId& peer) const {
  return links_by_peer_.contains(peer);
}

std::optional<ConnectionId> Swarm::connection_to(const PeerId& peer) const {
  const Link* link = best_link(peer);
  return link == nullptr ? std::nullopt : std::optional(link->id);
}

std::optional<ConnectionId> Swarm::direct_connection_to(const PeerId& peer) const {
  const Link* link = direct_link(peer);
  return link == nullptr ? std::nullopt : std::optional(link->id);
}

std::optional<ConnectionInfo> Swarm::info(ConnectionId connection) const {
  auto found = links_.find(connection);
  if (found == links_.end()) return std::nullopt;
  return info_of(*found->second);
}

std::vector<PeerId> Swarm::connected_peers() const {
  std::vector<PeerId> ids;
  for (const auto& [peer, links] : links_by_peer_)
    ids.push_back(peer);
  std::ranges::sort(ids);
  return ids;
}

std::vector<ConnectionInfo> Swarm::connections() const {
  std::vector<ConnectionInfo> all;
  for (const auto& [id, link] : links_)
    all.push_back(info_of(*link));
  return all;
}

std::vector<ConnectionInfo> Swarm::connections_of(const PeerId& peer) const {
  std::vector<ConnectionInfo> all;
  if (auto ids = links_by_peer_.find(peer); ids != links_by_peer_.end()) {
    for (ConnectionId id : ids->second)
      all.push_back(info_of(*links_.at(id)));
  }
  return all;
}

std::vector<ProtocolId> Swarm::stream_protocols(ConnectionId id) const {
  auto found = links_.find(id);
  return found == links_.end() ? std::vector<ProtocolId>()
                               : protocols_of(*found->second->open_streams);
}

bool Swarm::disconnect(const PeerId& peer) {
  auto ids = links_by_peer_.find(peer);
  if (ids == links_by_peer_.end()) return false;
  for (ConnectionId id : std::vector(ids->second))
    links_.at(id)->connection->close();
  return true;
}

bool Swarm::close_connection(ConnectionId id) {
  auto found = links_.find(id);
  if (found == links_.end()) return false;
  found->second->connection->close();
  return true;
}

std::uint64_t Swarm::bytes_received() const {
  std::uint64_t sum = ended_bytes_received_;
  for (const auto& [id, link] : links_)
    sum += link->connection->stats().bytes_received;
  return sum;
}

std::uint64_t Swarm::bytes_sent() const {
  std::uint64_t sum = ended_bytes_sent_;
  for (const auto& [id, link] : links_)
    sum += link->connection->stats().bytes_sent;
  return sum;
}

Traffic Swarm::traffic_with(const PeerId& peer) const {
  Traffic sum = traffic_.total_ended(peer);
  auto ids = links_by_peer_.find(peer);
  if (ids == links_by_peer_.end()) return sum;
  for (ConnectionId id : ids->second) {
    const ConnectionStats stats = links_.at(id)->connection->stats();
    sum += {stats.bytes_received, stats.bytes_sent};
  }
  return sum;
}

void Swarm::observe(SwarmObserver& observer) {
  observers_.push_back(&observer);
}
void Swarm::stop_observing(SwarmObserver& observer) {
  std::erase(observers_, &observer);
}

// Trimming.

void Swarm::protect(const PeerId& peer, std::string tag) {
  protected_[peer].insert(std::move(tag));
}

void Swarm::unprotect(const PeerId& peer, const std::string& tag) {
  auto tags = protected_.find(peer);
  if (tags == protected_.end()) return;
  tags->second.erase(tag);
  if (tags->second.empty()) protected_.erase(tags);
}

void Swarm::tag_peer(const PeerId& peer, std::string_view tag, std::int32_t value,
                     Duration half_life) {
  if (links_by_peer_.contains(peer)) tags_.set(peer, tag, value, env_.clock.now(), half_life);
}

void Swarm::untag_peer(const PeerId& peer, std::string_view tag) {
  tags_.remove(peer, tag);
}

Task<void> Swarm::trim_loop() {
  const Duration interval = std::clamp(limits_.silence_period, Duration(1s), housekeeping_interval);
  Instant next_trim = env_.clock.now() + limits_.silence_period;
  for (;;) {
    KITH_CO_CHECK(co_await port::sleep_for(env_.clock, interval));
    close_duplicates();
    tell_refusals();
    if (env_.clock.now() < next_trim) continue;
    trim();
    next_trim = env_.clock.now() + limits_.silence_period;
  }
}

void Swarm::tell_refusals() {
  const std::uint64_t refusals = resources_.refusals();
  if (refusals == refusals_told_) return;
  KITH_LOG_WARN(log_, "kept within limits {} times, at last: {}", refusals - refusals_told_,
                resources_.last_refusal().to_string());
  refusals_told_ = refusals;
}

void Swarm::close_duplicates() {
  Instant now = env_.clock.now();
  for (const auto& [peer, ids] : links_by_peer_) {
    if (ids.size() < 2) continue;
    const Link* kept = best_link(peer);
    if (kept == nullptr) continue;
    for (ConnectionId id : ids) {
      Link& link = *links_.at(id);
      const bool ours = link.connection->direction() == Direction::outbound;
      if (&link == kept || !(crossed(link, *kept) || ours)) continue;
      if (link.streams() > 0 || now - link.idle_since < duplicate_idle) continue;
      link.connection->close();
    }
  }
}

void Swarm::trim() {
  if (limits_.low_water == 0 || limits_.high_water == 0) return;
  // Those that are on their way out need no trimming, and the others must not pay for them.
  const auto open = static_cast<std::size_t>(std::ranges::count_if(
      links_, [](const auto& entry) { return !entry.second->connection->closing(); }));
  if (open <= limits_.high_water) return;
  Instant now = env_.clock.now();
  struct Candidate {
    std::int64_t weight;
    std::size_t streams;
    Instant idle_since;
    Link* link;
  };
  std::vector<Candidate> candidates;
  for (const auto& [id, link] : links_) {
    if (link->connection->closing() || now - link->opened_at < limits_.grace_period) continue;
    const PeerId& peer = link->connection->remote_peer();
    if (protected_.contains(peer)) continue;
    candidates.push_back({tags_.weight(peer, now), link->streams(), link->idle_since, link.get()});
  }
  std::ranges::sort(candidates, [](const Candidate& a, const Candidate& b) {
    if (a.weight != b.weight) return a.weight < b.weight;
    if (a.streams != b.streams) return a.streams < b.streams;
    if (a.idle_since != b.idle_since) return a.idle_since < b.idle_since;
    return a.link->id < b.link->id;
  });
  const std::size_t surplus = open - std::min(open, limits_.low_water);
  for (std::size_t i = 0; i < std::min(surplus, candidates.size()); ++i) {
    KITH_LOG_DEBUG(log_, "trimming {}", candidates[i].link->connection->remote_peer().to_string());
    candidates[i].link->connection->close();
  }
}

Task<void> Swarm::close_shielded() {
  closing_ = true;
  linked_.notify_all();
  for (auto& door : doors_)
    door->listener->close();
  accepting_.cancel();
  handshakes_.cancel();
  dialing_.cancel();
  housekeeping_.cancel();
  co_await accepting_.join_shielded();
  co_await handshakes_.join_shielded();
  co_await dialing_.join_shielded();
  // Those that were cancelled before they began have told nobody.
  for (auto& [peer, dial] : std::exchange(dials_, {}))
    dial->done.set(std::unexpected(Errc::closed));
  for (auto& [peer, dial] : std::exchange(direct_dials_, {}))
    dial->done.set(std::unexpected(Errc::closed));
  co_await housekeeping_.join_shielded();
  for (auto& [id, link] : links_)
    link->connection->close();
  co_await running_.join_shielded();
  doors_.clear();
  for (auto& transport : transports_)
    co_await transport->close_shielded();
  co_return Result<void>{};
}

}  // namespace kith::net
