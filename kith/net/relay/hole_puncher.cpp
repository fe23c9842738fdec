#include <algorithm>

#include <kith/net/address_scope.hpp>
#include <kith/net/relay/hole_puncher.hpp>
#include <kith/net/relay/limits.hpp>

namespace kith::net {

using multiformats::Multiaddr;

namespace {

/// Those that mean something to, or may come from, who is seen through this relay.
std::vector<Multiaddr> usable(const ConnectionInfo& relayed, std::vector<Multiaddr> addresses) {
  std::erase_if(addresses, [](const Multiaddr& one) { return one.is_relayed(); });
  addresses = addresses_for(scope_of(relayed.remote_address), addresses);
  if (addresses.size() > dcutr_addresses_max) addresses.resize(dcutr_addresses_max);
  return addresses;
}

Task<void> send(port::Stream& stream, const HolePunchMessage& message, Instant deadline) {
  const Bytes encoded = encode(message);
  co_return co_await port::write_message(stream, encoded, deadline);
}

Task<HolePunchMessage> receive(port::BufferedReader& reader, Instant deadline) {
  KITH_CO_TRY(const Buffer bytes, co_await reader.read_message(dcutr_message_bytes_max, deadline));
  co_return decode_hole_punch(bytes);
}

}  // namespace

HolePuncher::HolePuncher(port::Env& env, Swarm& swarm, Identify& identify, Addresses addresses)
    : env_(env),
      log_(env.log, "relay"),
      swarm_(swarm),
      identify_(identify),
      addresses_(std::move(addresses)),
      tasks_(env.executor, env.clock, dcutr_peers_max) {
  HandlerOptions few;
  few.streams_max = dcutr_peers_max;
  few.streams_per_peer_max = dcutr_streams_per_peer_max;
  swarm_.handle(
      ProtocolId(dcutr_protocol),
      [this](std::unique_ptr<Stream> stream) { return serve(std::move(stream)); }, few);
  swarm_.observe(*this);
}

HolePuncher::~HolePuncher() {
  swarm_.stop_observing(*this);
}

Task<void> HolePuncher::close_shielded() {
  tasks_.cancel();
  co_return co_await tasks_.join_shielded();
}

std::vector<Multiaddr> HolePuncher::own_addresses(const ConnectionInfo& relayed) const {
  return usable(relayed, addresses_());
}

void HolePuncher::on_connected(const ConnectionInfo& connection) {
  const bool called =
      connection.direction == Direction::inbound && connection.remote_address.is_relayed();
  if (!called || upgrading_.contains(connection.peer)) return;
  if (tasks_.spawn(upgrade(connection))) upgrading_.insert(connection.peer);
}

Task<void> HolePuncher::upgrade(ConnectionInfo relayed) {
  ++counters_.begun;
  auto made = co_await make_direct(relayed);
  upgrading_.erase(relayed.peer);
  if (!made && !made.error().is(Errc::cancelled)) {
    ++counters_.failed;
    KITH_LOG_DEBUG(log_, "no direct connection with {}: {}", relayed.peer.to_string(),
                   made.error().message());
  }
  co_return Result<void>{};
}

Task<void> HolePuncher::make_direct(const ConnectionInfo& relayed) {
  co_await identify_.wait(relayed.id, env_.clock.now() + identify_timeout);
  const std::vector<Multiaddr> known =
      usable(relayed, swarm_.peer_store().addresses(relayed.peer, env_.wall.now()));
  if (!known.empty()) {
    const Instant deadline = env_.clock.now() + dcutr_dial_timeout;
    auto dialed = co_await swarm_.connect_directly(relayed.peer, known, std::nullopt, deadline);
    if (dialed) ++counters_.dialed;
    if (dialed) co_return Result<void>{};
    if (dialed.error().is(Errc::cancelled)) co_return std::unexpected(dialed.error());
  }
  Result<void> outcome;
  for (int attempt = 1; attempt <= dcutr_attempts_max; ++attempt) {
    if (swarm_.direct_connection_to(relayed.peer)) co_return Result<void>{};
    const bool last = attempt == dcutr_attempts_max;
    outcome = co_await punch(relayed, last ? Direction::outbound : Direction::inbound);
    if (outcome) ++counters_.punched;
    if (outcome || outcome.error().is(Errc::cancelled)) break;
    KITH_LOG_DEBUG(log_, "hole punch {} with {}: {}", attempt, relayed.peer.to_string(),
                   outcome.error().message());
    if (last || !swarm_.connected(relayed.peer)) break;
    KITH_CO_CHECK(co_await port::sleep_for(env_.clock, dcutr_attempt_pause * (attempt * attempt)));
  }
  co_return outcome;
}

/// One attempt, the measuring included.
Task<void> HolePuncher::punch(const ConnectionInfo& relayed, Direction part) {
  const Instant deadline = env_.clock.now() + dcutr_stream_timeout;
  std::vector<ProtocolId> protocols = {ProtocolId(dcutr_protocol)};
  KITH_CO_TRY(std::unique_ptr<Stream> stream,
              co_await swarm_.open_stream_on(relayed.id, std::move(protocols), deadline));
  HolePunchInitiator initiator;
  KITH_CO_CHECK(co_await exchange(*stream, initiator, deadline));
  std::vector<Multiaddr> targets = usable(relayed, initiator.targets());
  if (targets.empty()) co_return std::unexpected(SwarmError::no_addresses);
  KITH_CO_CHECK(co_await port::sleep_until(env_.clock, initiator.dial_at(env_.clock.now())));
  co_await stream->close_write(deadline);
  const Instant dialed_by = env_.clock.now() + dcutr_dial_timeout;
  KITH_CO_CHECK(
      co_await swarm_.connect_directly(relayed.peer, std::move(targets), part, dialed_by));
  co_return Result<void>{};
}

Task<void> HolePuncher::exchange(Stream& stream, HolePunchInitiator& initiator, Instant deadline) {
  const std::optional<ConnectionInfo> relayed = swarm_.info(stream.connection());
  if (!relayed) co_return std::unexpected(Errc::closed);
  std::vector<Multiaddr> own = own_addresses(*relayed);
  if (own.empty()) co_return std::unexpected(SwarmError::no_addresses);
  port::BufferedReader reader(stream, dcutr_message_bytes_max);
  const HolePunchMessage connect = initiator.begin(std::move(own), env_.clock.now());
  KITH_CO_CHECK(co_await send(stream, connect, deadline));
  KITH_CO_TRY(HolePunchMessage answer, co_await receive(reader, deadline));
  KITH_CO_CHECK(initiator.answered(std::move(answer), env_.clock.now()));
  const HolePunchMessage sync = HolePunchInitiator::sync();
  co_return co_await send(stream, sync, deadline);
}

Task<void> HolePuncher::serve(std::unique_ptr<Stream> stream) {
  const std::optional<ConnectionInfo> relayed = swarm_.info(stream->connection());
  // Only who was called through a relay asks, and only whom called.
  const bool in_turn =
      relayed && relayed->remote_address.is_relayed() && relayed->direction == Direction::outbound;
  if (!in_turn) co_return std::unexpected(Errc::refused);
  const Instant deadline = env_.clock.now() + dcutr_stream_timeout;
  port::BufferedReader reader(*stream, dcutr_message_bytes_max);
  KITH_CO_TRY(HolePunchMessage connect, co_await receive(reader, deadline));
  HolePunchResponder responder;
  KITH_CO_TRY(const HolePunchMessage answer,
              responder.asked(std::move(connect), own_addresses(*relayed)));
  KITH_CO_CHECK(co_await send(*stream, answer, deadline));
  KITH_CO_TRY(const HolePunchMessage sync, co_await receive(reader, deadline));
  KITH_CO_CHECK(HolePunchResponder::synced(sync));
  std::vector<Multiaddr> targets = usable(*relayed, responder.targets());
  if (targets.empty()) co_return std::unexpected(SwarmError::no_addresses);
  const Instant dialed_by = env_.clock.now() + dcutr_dial_timeout;
  auto direct = co_await swarm_.connect_directly(relayed->peer, std::move(targets),
                                                 Direction::outbound, dialed_by);
  if (!direct) co_return std::unexpected(direct.error());
  co_return Result<void>{};
}

}  // namespace kith::net
