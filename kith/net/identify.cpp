#include <algorithm>
#include <set>

#include <kith/net/identify.hpp>
#include <kith/net/transports/address.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;

/// Several changes in a row become one push.
constexpr Duration push_delay = 500ms;
constexpr std::size_t tasks_max = 4096;
/// Of an IPv6 address: what one customer of a provider usually has.
constexpr std::size_t network_bytes_v6 = 7;

/// The network of an address, as far as it says who somebody is.
Bytes network_of(const Multiaddr& address) {
  std::optional<ByteView> ip = address.ip();
  if (!ip) return to_bytes(address.bytes());
  return to_bytes(ip->first(std::min(ip->size(), ip->size() == 4 ? 4 : network_bytes_v6)));
}

/// Without a zone, which is the other side's and isn't told, it could be on any of our links.
bool needs_zone(const Multiaddr& address) {
  std::optional<ByteView> bytes = address.ip();
  if (!bytes || bytes->size() == 4) return false;
  return port::IpAddress::from_bytes(*bytes)->is_link_local();
}

}  // namespace

Identify::Identify(port::Env& env, Swarm& swarm, std::string agent, std::string protocol_version)
    : env_(env),
      log_(env.log, "identify"),
      swarm_(swarm),
      agent_(std::move(agent)),
      protocol_version_(std::move(protocol_version)),
      identified_(env.clock),
      changed_(env.clock),
      tasks_(env.executor, env.clock, tasks_max) {
  HandlerOptions few;
  few.streams_per_peer_max = identify_streams_per_peer_max;
  swarm_.handle(
      ProtocolId(identify_protocol),
      [this](std::unique_ptr<Stream> stream) { return serve(std::move(stream)); }, few);
  swarm_.handle(
      ProtocolId(identify_push_protocol),
      [this](std::unique_ptr<Stream> stream) { return take_push(std::move(stream)); }, few);
  swarm_.observe(*this);
  tasks_.spawn(push_loop());
  tasks_.spawn(watch_loop());
}

Identify::~Identify() {
  swarm_.stop_observing(*this);
}

Task<void> Identify::close_shielded() {
  tasks_.cancel();
  co_return co_await tasks_.join_shielded();
}

void Identify::on_connected(const ConnectionInfo& connection) {
  Link& link = links_[connection.id];
  link.peer = connection.peer;
  link.local_address = connection.local_address;
  link.remote_address = connection.remote_address;
  link.asked = !tasks_.spawn(ask(connection));
}

void Identify::on_disconnected(const ConnectionInfo& connection, bool) {
  links_.erase(connection.id);
  identified_.notify_all();
}

// Asking.

Task<void> Identify::wait(ConnectionId connection, Instant deadline) {
  for (;;) {
    auto link = links_.find(connection);
    if (link == links_.end()) co_return std::unexpected(Errc::closed);
    if (link->second.asked) co_return Result<void>{};
    KITH_CO_CHECK(co_await identified_.wait(deadline));
  }
}

Task<void> Identify::ask(ConnectionInfo connection) {
  auto outcome = co_await ask_now(connection);
  if (!outcome && !outcome.error().is(Errc::cancelled)) {
    KITH_LOG_DEBUG(log_, "{} did not identify itself: {}", connection.peer.to_string(),
                   outcome.error().message());
  }
  if (auto link = links_.find(connection.id); link != links_.end()) link->second.asked = true;
  identified_.notify_all();
  co_return Result<void>{};
}

Task<void> Identify::ask_now(const ConnectionInfo& connection) {
  Instant deadline = env_.clock.now() + identify_timeout;
  std::vector<ProtocolId> protocols = {ProtocolId(identify_protocol)};
  KITH_CO_TRY(std::unique_ptr<Stream> stream,
              co_await swarm_.open_stream_on(connection.id, std::move(protocols), deadline));
  KITH_CO_TRY(IdentifyMessage message, co_await read_message(*stream, deadline));
  co_await stream->close_write(deadline);
  learn(connection.id, std::move(message));
  co_return Result<void>{};
}

Task<IdentifyMessage> Identify::read_message(Stream& stream, Instant deadline) {
  port::BufferedReader reader(stream);
  IdentifyMessage message;
  for (std::size_t part = 0; part < identify_parts_max; ++part) {
    auto bytes = co_await reader.read_message(identify_message_bytes_max, deadline);
    if (!bytes && bytes.error().is(Errc::closed) && part > 0) break;
    if (!bytes) co_return std::unexpected(bytes.error());
    KITH_CO_CHECK(merge_identify_part(*bytes, message));
  }
  co_return message;
}

// Telling.

void Identify::on_changed() {
  stale_ = true;
  push_wanted_ = true;
  changed_.notify_all();
}

/// Looks at what there is to tell, and notes for whom it is new.
void Identify::look() {
  stale_ = false;
  std::vector<Multiaddr> addresses = swarm_.announced_addresses();
  // In which order the machine names its interfaces is no news.
  std::ranges::sort(addresses);
  std::vector<ProtocolId> protocols = swarm_.protocols();
  bool spoken_anew = protocols != protocols_;
  bool moved = sequence_ == 0 || addresses != addresses_;
  addresses_ = std::move(addresses);
  protocols_ = std::move(protocols);
  if (moved) {
    auto time = static_cast<std::uint64_t>(env_.wall.now().time_since_epoch().count());
    sequence_ = std::max(sequence_ + 1, time);
  }
  for (std::size_t i = 0; i < told_.size(); ++i) {
    Told& told = told_[i];
    std::vector<Multiaddr> meant = addresses_for(static_cast<AddressScope>(i), addresses_);
    bool news = told.version == 0 || spoken_anew || meant != told.addresses;
    if (news) ++told.version;
    if (moved) told.record.clear();
    told.addresses = std::move(meant);
  }
}

Result<IdentifyMessage> Identify::own_message(const Link& link) {
  if (stale_) look();
  Told& told = told_at(link.seen_at());
  if (told.record.empty()) {
    KITH_TRY(told.record, seal_peer_record(swarm_.identity(), sequence_, told.addresses));
  }
  IdentifyMessage message;
  message.public_key = to_bytes(swarm_.identity().public_key().encoded());
  message.listen_addresses = told.addresses;
  message.protocols = protocols_;
  message.protocol_version = protocol_version_;
  message.agent = agent_;
  message.observed_address = link.remote_address;
  message.signed_record = told.record;
  return message;
}

Task<void> Identify::write_message(Stream& stream, Instant deadline) {
  auto link = links_.find(stream.connection());
  if (link == links_.end()) co_return std::unexpected(Errc::closed);
  KITH_CO_TRY(IdentifyMessage message, own_message(link->second));
  link->second.told = told_at(link->second.seen_at()).version;
  for (const Bytes& part : encode_identify(message)) {
    KITH_CO_CHECK(co_await port::write_message(stream, part, deadline));
  }
  co_return co_await stream.close_write(deadline);
}

Task<void> Identify::serve(std::unique_ptr<Stream> stream) {
  co_return co_await write_message(*stream, env_.clock.now() + identify_timeout);
}

Task<void> Identify::watch_loop() {
  auto watch = env_.net.watch_interfaces();
  if (!watch) co_return std::unexpected(watch.error());
  for (;;) {
    KITH_CO_CHECK(co_await (*watch)->changed());
    on_changed();
  }
}

Task<void> Identify::push_loop() {
  for (;;) {
    Instant next_look = env_.clock.now() + identify_look_interval;
    while (!push_wanted_ && env_.clock.now() < next_look) {
      auto woken = co_await changed_.wait(next_look);
      if (!woken && !woken.error().is(Errc::timed_out)) co_return std::unexpected(woken.error());
    }
    if (push_wanted_) KITH_CO_CHECK(co_await port::sleep_for(env_.clock, push_delay));
    push_wanted_ = false;
    look();
    std::vector<PeerId> peers = swarm_.connected_peers();
    std::erase_if(peers, [this](const PeerId& peer) { return !is_behind(peer); });
    port::TaskGroup workers(env_.executor, env_.clock, identify_pushes_at_once);
    for (std::size_t i = 0; i < std::min(peers.size(), identify_pushes_at_once); ++i)
      workers.spawn(push_to_some(peers));
    auto joined = co_await workers.join();
    workers.cancel();
    co_await workers.join_shielded();
    KITH_CO_CHECK(std::move(joined));
  }
}

/// Whether the peer was told something that isn't so any more. Who was told nothing asks first.
bool Identify::is_behind(const PeerId& peer) {
  bool behind = false;
  for (const ConnectionInfo& connection : swarm_.connections_of(peer)) {
    auto link = links_.find(connection.id);
    if (link == links_.end() || link->second.told == 0) continue;
    if (link->second.told == told_at(link->second.seen_at()).version) return false;
    behind = true;
  }
  return behind;
}

Task<void> Identify::push_to_some(std::vector<PeerId>& peers) {
  while (!peers.empty()) {
    PeerId peer = peers.back();
    peers.pop_back();
    auto pushed = co_await push_to(peer);
    if (pushed) continue;
    if (pushed.error().is(Errc::cancelled)) co_return std::unexpected(pushed.error());
    KITH_LOG_DEBUG(log_, "push to {}: {}", peer.to_string(), pushed.error().message());
  }
  co_return Result<void>{};
}

Task<void> Identify::push_to(PeerId peer) {
  Result<void> outcome;
  const std::vector<ConnectionInfo> connections = swarm_.connections_of(peer);
  // Once, whether or not it works: a peer that doesn't take it isn't tried again and again.
  for (const ConnectionInfo& connection : connections) {
    auto link = links_.find(connection.id);
    if (link != links_.end()) link->second.told = told_at(link->second.seen_at()).version;
  }
  for (const ConnectionInfo& connection : connections) {
    Instant deadline = env_.clock.now() + identify_timeout;
    co_await wait(connection.id, deadline);
    const std::vector<std::string>& spoken = swarm_.peer_store().protocols(peer);
    if (!std::ranges::binary_search(spoken, identify_push_protocol)) co_return Result<void>{};
    outcome = co_await push_on(connection.id, deadline);
    if (outcome || outcome.error().is(Errc::cancelled)) break;
  }
  co_return outcome;
}

Task<void> Identify::push_on(ConnectionId connection, Instant deadline) {
  std::vector<ProtocolId> protocols = {ProtocolId(identify_push_protocol)};
  KITH_CO_TRY(std::unique_ptr<Stream> stream,
              co_await swarm_.open_stream_on(connection, std::move(protocols), deadline));
  co_return co_await write_message(*stream, deadline);
}

// Learning.

bool Identify::push_allowed(ConnectionId connection) {
  auto found = links_.find(connection);
  if (found == links_.end()) return false;
  Link& link = found->second;
  Instant now = env_.clock.now();
  if (link.pushes == 0 || now - link.pushes_since >= identify_pushes_taken_interval) {
    link.pushes = 0;
    link.pushes_since = now;
  }
  return ++link.pushes <= identify_pushes_taken_max;
}

Task<void> Identify::take_push(std::unique_ptr<Stream> stream) {
  if (!push_allowed(stream->connection())) {
    stream->reset();
    co_return std::unexpected(Errc::limit_exceeded);
  }
  Instant deadline = env_.clock.now() + identify_timeout;
  KITH_CO_TRY(IdentifyMessage message, co_await read_message(*stream, deadline));
  learn(stream->connection(), std::move(message));
  co_return Result<void>{};
}

void Identify::learn(ConnectionId connection, IdentifyMessage message) {
  // The connection may have ended meanwhile.
  auto found = links_.find(connection);
  if (found == links_.end()) return;
  Link& link = found->second;
  // A key that isn't the one the connection was secured with says that the rest can't be trusted
  // either.
  if (message.public_key) {
    auto key = crypto::PublicKey::decode(*message.public_key);
    if (!key || PeerId::from_public_key(*key) != link.peer) return;
  }
  PeerStore& store = swarm_.peer_store();
  // A push tells only what has changed.
  if (message.observed_address && may_be_ours(link, *message.observed_address))
    link.observed = message.observed_address->without_peer_id();
  if (!message.protocols.empty()) store.set_protocols(link.peer, std::move(message.protocols));
  if (!message.agent.empty()) store.set_agent(link.peer, message.agent, message.protocol_version);
  learn_addresses(link, std::move(message));
  const PeerId peer = link.peer;
  for (IdentifyObserver* observer : observers_)
    observer->on_identified(peer);
}

/// Whether a peer at the other end of this connection may see us there: it can't have another kind
/// than the connection has. Through a relay we are seen where the relay is.
bool Identify::may_be_ours(const Link& link, const Multiaddr& observed) {
  const Multiaddr& local = link.local_address;
  if (local.is_relayed() || link.remote_address.is_relayed()) return false;
  // js-libp2p says who we are as well.
  return observed.without_peer_id().protocols() == local.without_peer_id().protocols();
}

/// Whether others may reach us where this connection is seen.
bool Identify::from_listener(const Link& link) const {
  const std::optional<TransportAddress> at = transport_address(link.local_address);
  if (!at || !at->endpoint) return false;
  return std::ranges::any_of(swarm_.listen_addresses(), [&at](const Multiaddr& listened) {
    const std::optional<TransportAddress> door = transport_address(listened);
    return door && door->endpoint && door->kind == at->kind &&
           door->endpoint->port == at->endpoint->port;
  });
}

void Identify::observe(IdentifyObserver& observer) {
  observers_.push_back(&observer);
}

void Identify::stop_observing(IdentifyObserver& observer) {
  std::erase(observers_, &observer);
}

void Identify::learn_addresses(const Link& link, IdentifyMessage message) {
  PeerStore& store = swarm_.peer_store();
  std::vector<Multiaddr> addresses = std::move(message.listen_addresses);
  bool told = !addresses.empty();
  if (!message.signed_record.empty()) {
    auto record = open_peer_record(message.signed_record);
    if (record && record->peer == link.peer) {
      bool newest =
          store.set_signed_record(link.peer, record->sequence, std::move(message.signed_record));
      if (!newest) return;
      addresses = std::move(record->addresses);
      told = true;
    }
  }
  if (!told) return;
  addresses = addresses_for(link.seen_at(), addresses);
  std::erase_if(addresses, needs_zone);
  store.set_addresses(link.peer, addresses, AddressSource::identify, env_.wall.now());
}

std::optional<Multiaddr> Identify::observed_by(ConnectionId connection) const {
  auto link = links_.find(connection);
  if (link == links_.end()) return std::nullopt;
  return link->second.observed;
}

std::vector<Identify::Observed> Identify::observed_addresses() const {
  struct Observers {
    std::set<PeerId> peers;
    std::set<Bytes> networks;
  };
  std::map<Multiaddr, Observers> observers;
  for (const auto& [connection, link] : links_) {
    if (!link.observed || !from_listener(link)) continue;
    Observers& of_address = observers[*link.observed];
    of_address.peers.insert(link.peer);
    of_address.networks.insert(network_of(link.remote_address));
  }
  std::vector<Observed> all;
  for (const auto& [address, its] : observers)
    all.push_back({address, its.peers.size(), its.networks.size()});
  return all;
}

}  // namespace kith::net
