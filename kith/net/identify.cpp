#include <algorithm>

#include <kith/net/identify.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;

/// Several changes in a row become one push.
constexpr Duration push_delay = 500ms;
constexpr std::size_t tasks_max = 4096;

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
}

Identify::~Identify() {
  swarm_.stop_observing(*this);
}

Task<void> Identify::close_shielded() {
  tasks_.cancel();
  co_return co_await tasks_.join_shielded();
}

void Identify::on_connected(const ConnectionInfo& connection) {
  asked_[connection.id] = {};
  if (!tasks_.spawn(ask(connection))) asked_[connection.id].done = true;
}

void Identify::on_disconnected(const ConnectionInfo& connection, bool) {
  asked_.erase(connection.id);
  identified_.notify_all();
}

Task<void> Identify::wait(ConnectionId connection, Instant deadline) {
  for (;;) {
    auto asked = asked_.find(connection);
    if (asked == asked_.end()) co_return std::unexpected(Errc::closed);
    if (asked->second.done) co_return Result<void>{};
    KITH_CO_CHECK(co_await identified_.wait(deadline));
  }
}

Task<void> Identify::ask(ConnectionInfo connection) {
  auto outcome = co_await ask_now(connection);
  if (!outcome && !outcome.error().is(Errc::cancelled)) {
    KITH_LOG_DEBUG(log_, "{} did not identify itself: {}", connection.peer.to_string(),
                   outcome.error().message());
  }
  if (auto asked = asked_.find(connection.id); asked != asked_.end()) asked->second.done = true;
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
  learn(connection.peer, connection.id, std::move(message));
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

Result<IdentifyMessage> Identify::own_message(ConnectionId connection) {
  IdentifyMessage message;
  message.public_key = to_bytes(swarm_.identity().public_key().encoded());
  message.listen_addresses = swarm_.announced_addresses();
  message.protocols = swarm_.protocols();
  message.protocol_version = protocol_version_;
  message.agent = agent_;
  for (const ConnectionInfo& one : swarm_.connections()) {
    if (one.id == connection) message.observed_address = one.remote_address;
  }
  auto sequence = static_cast<std::uint64_t>(env_.wall.now().time_since_epoch().count());
  KITH_TRY(message.signed_record,
           seal_peer_record(swarm_.identity(), sequence, message.listen_addresses));
  return message;
}

Task<void> Identify::write_message(Stream& stream, Instant deadline) {
  KITH_CO_TRY(IdentifyMessage message, own_message(stream.connection()));
  for (const Bytes& part : encode_identify(message)) {
    KITH_CO_CHECK(co_await port::write_message(stream, part, deadline));
  }
  co_return co_await stream.close_write(deadline);
}

Task<void> Identify::serve(std::unique_ptr<Stream> stream) {
  co_return co_await write_message(*stream, env_.clock.now() + identify_timeout);
}

Task<void> Identify::take_push(std::unique_ptr<Stream> stream) {
  Instant deadline = env_.clock.now() + identify_timeout;
  KITH_CO_TRY(IdentifyMessage message, co_await read_message(*stream, deadline));
  learn(stream->remote_peer(), stream->connection(), std::move(message));
  co_return Result<void>{};
}

Task<void> Identify::push_loop() {
  for (;;) {
    while (!dirty_)
      KITH_CO_CHECK(co_await changed_.wait());
    KITH_CO_CHECK(co_await port::sleep_for(env_.clock, push_delay));
    dirty_ = false;
    for (const PeerId& peer : swarm_.connected_peers()) {
      const std::vector<std::string>& spoken = swarm_.peer_store().protocols(peer);
      if (std::ranges::binary_search(spoken, identify_push_protocol)) tasks_.spawn(push_to(peer));
    }
  }
}

Task<void> Identify::push_to(PeerId peer) {
  std::vector<ConnectionInfo> connections = swarm_.connections_of(peer);
  if (connections.empty()) co_return Result<void>{};
  Instant deadline = env_.clock.now() + identify_timeout;
  std::vector<ProtocolId> protocols = {ProtocolId(identify_push_protocol)};
  ConnectionId connection = connections.front().id;
  KITH_CO_TRY(std::unique_ptr<Stream> stream,
              co_await swarm_.open_stream_on(connection, std::move(protocols), deadline));
  co_return co_await write_message(*stream, deadline);
}

void Identify::learn(const PeerId& peer, ConnectionId connection, IdentifyMessage message) {
  // A key that isn't the one the connection was secured with says that the rest can't be trusted
  // either.
  if (message.public_key) {
    auto key = crypto::PublicKey::decode(*message.public_key);
    if (!key || PeerId::from_public_key(*key) != peer) return;
  }
  PeerStore& store = swarm_.peer_store();
  WallTime now = env_.wall.now();
  if (!message.protocols.empty()) store.set_protocols(peer, std::move(message.protocols));
  if (!message.agent.empty()) store.set_agent(peer, message.agent, message.protocol_version);
  std::vector<Multiaddr> addresses = std::move(message.listen_addresses);
  if (!message.signed_record.empty()) {
    auto record = open_peer_record(message.signed_record);
    if (record && record->peer == peer) {
      addresses = record->addresses;
      store.set_signed_record(peer, record->sequence, std::move(message.signed_record));
    }
  }
  if (!addresses.empty()) {
    store.set_addresses(peer, std::move(addresses), now, now + address_ttl_connected);
  }
  // A push tells only what has changed.
  if (!message.observed_address) return;
  if (auto asked = asked_.find(connection); asked != asked_.end()) {
    asked->second.observed = message.observed_address;
  }
}

std::optional<Multiaddr> Identify::observed_by(ConnectionId connection) const {
  auto asked = asked_.find(connection);
  if (asked == asked_.end()) return std::nullopt;
  return asked->second.observed;
}

std::vector<Identify::Observed> Identify::observed_addresses() const {
  std::vector<Observed> all;
  for (const auto& [connection, asked] : asked_) {
    if (!asked.observed) continue;
    auto known = std::ranges::find(all, *asked.observed, &Observed::address);
    if (known != all.end()) {
      ++known->peers;
    } else {
      all.push_back({*asked.observed, 1});
    }
  }
  return all;
}

}  // namespace kith::net
