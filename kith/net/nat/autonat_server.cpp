#include <algorithm>
#include <array>

#include <kith/net/address_scope.hpp>
#include <kith/net/nat/autonat_server.hpp>

namespace kith::net {

using multiformats::Multiaddr;
using multiformats::PeerId;

namespace {

crypto::PrivateKey fresh_key(port::Env& env) {
  std::array<std::uint8_t, 32> seed{};
  env.random.fill(seed);
  return crypto::PrivateKey::from_ed25519_seed(seed);
}

/// More than the rates let there be: a limit of ours that a dial meets would be told as if the
/// asker couldn't be reached. That includes how many connections a network may have, since askers
/// share addresses.
SwarmLimits dialer_limits() {
  SwarmLimits limits;
  limits.direct_dials_max = autonat_dials_at_once_max;
  limits.resources =
      default_limits(std::uint64_t{64} << 20, 4 * autonat_dials_at_once_max, autonat_v1_dials_max);
  limits.resources.subnets = {};
  return limits;
}

template <class Message>
Task<void> send(port::Stream& stream, Message message, Instant deadline) {
  const Bytes encoded = encode(message);
  co_return co_await port::write_message(stream, encoded, deadline);
}

AutonatV1Response v1_failure(AutonatV1Status status, std::string_view text) {
  return {.status = status, .text = std::string(text), .address = {}};
}

}  // namespace

// Dialing.

DialBacker::DialBacker(port::Env& env, const Swarm& node)
    : env_(env),
      gater_(node.gater()),
      swarm_(env, fresh_key(env), peers_, dialer_limits(), node.gater()) {
  swarm_.set_transports(node.transports());
  swarm_.observe(*this);
}

DialBacker::~DialBacker() {
  swarm_.stop_observing(*this);
}

bool DialBacker::dials(const PeerId& peer, const Multiaddr& address) const {
  if (!swarm_.can_dial(address)) return false;
  return gater_ == nullptr ||
         (gater_->allow_dial_peer(peer) && gater_->allow_dial_address(peer, address));
}

void DialBacker::on_disconnected(const ConnectionInfo& connection, bool last) {
  if (last) busy_.erase(connection.peer);
}

void DialBacker::leave(const PeerId& peer) {
  if (!swarm_.disconnect(peer)) busy_.erase(peer);
}

Task<ConnectionId> DialBacker::connect(PeerId peer, std::vector<Multiaddr> addresses,
                                       Instant deadline) {
  auto connected =
      co_await swarm_.connect_directly(peer, std::move(addresses), std::nullopt, deadline);
  if (!connected) leave(peer);
  co_return connected;
}

Task<Multiaddr> DialBacker::dial(PeerId peer, std::vector<Multiaddr> addresses, Instant deadline) {
  if (!busy_.insert(peer).second) co_return std::unexpected(Errc::busy);
  KITH_CO_CHECK(co_await connect(peer, std::move(addresses), deadline));
  const std::vector<ConnectionInfo> made = swarm_.connections_of(peer);
  leave(peer);
  if (made.empty()) co_return std::unexpected(Errc::closed);
  co_return made.front().remote_address;
}

Task<AutonatDialStatus> DialBacker::dial_back(PeerId peer, Multiaddr address, std::uint64_t nonce,
                                              Instant deadline) {
  if (!busy_.insert(peer).second) co_return std::unexpected(Errc::busy);
  std::vector<Multiaddr> addresses = {std::move(address)};
  auto connected = co_await connect(peer, std::move(addresses), deadline);
  if (!connected) co_return AutonatDialStatus::dial_error;
  auto said = co_await say(*connected, nonce);
  leave(peer);
  co_return said ? AutonatDialStatus::ok : AutonatDialStatus::dial_back_error;
}

Task<void> DialBacker::say(ConnectionId connection, std::uint64_t nonce) {
  const Instant deadline = env_.clock.now() + autonat_v2_dial_back_timeout;
  std::vector<ProtocolId> protocols = {ProtocolId(autonat_dial_back_protocol)};
  KITH_CO_TRY(std::unique_ptr<Stream> stream,
              co_await swarm_.open_stream_on(connection, std::move(protocols), deadline));
  const Bytes encoded = encode_dial_back(nonce);
  KITH_CO_CHECK(co_await port::write_message(*stream, encoded, deadline));
  co_await stream->close_write(deadline);
  // What the answer says doesn't matter: that there is one means that the nonce has arrived.
  KITH_CO_TRY(const Buffer answer,
              co_await stream->read_buffer(autonat_dial_back_bytes_max, deadline));
  co_return Result<void>{};
}

// Serving.

AutonatServer::AutonatServer(port::Env& env, Swarm& swarm, AutonatServerOptions options)
    : env_(env),
      log_(env.log, "autonat"),
      swarm_(swarm),
      options_(options),
      dialer_(env, swarm),
      v1_rates_(options.dials_max, options.dials_per_peer_max, options.interval),
      v2_rates_(autonat_v2_requests_max, autonat_v2_requests_per_peer_max, autonat_v2_interval),
      data_rates_(autonat_v2_data_requests_max, autonat_v2_data_requests_max, autonat_v2_interval) {
  if (options_.v2) {
    HandlerOptions few;
    few.streams_max = autonat_v2_requests_max;
    few.streams_per_peer_max = autonat_v2_requests_at_once_per_peer_max;
    swarm_.handle(
        ProtocolId(autonat_dial_protocol),
        [this](std::unique_ptr<Stream> stream) { return serve_v2_stream(std::move(stream)); }, few);
  }
  serve_v1(true);
}

void AutonatServer::serve_v1(bool serves) {
  serves = serves && options_.v1;
  if (std::exchange(serving_v1_, serves) == serves) return;
  if (!serves) return swarm_.stop_handling(ProtocolId(autonat_v1_protocol));
  HandlerOptions few;
  few.streams_max = options_.dials_max;
  few.streams_per_peer_max = options_.dials_per_peer_max;
  swarm_.handle(
      ProtocolId(autonat_v1_protocol),
      [this](std::unique_ptr<Stream> stream) { return serve_v1_stream(std::move(stream)); }, few);
}

/// Public ones, of a kind that we have ourselves, and never ourselves.
bool AutonatServer::dials(const PeerId& peer, const Multiaddr& address) const {
  if (!options_.private_addresses && scope_of(address) != AddressScope::global) return false;
  const std::optional<port::IpAddress> ip = ip_of(address);
  if (!ip || !dialer_.dials(peer, address)) return false;
  if (options_.private_addresses) return true;
  if (!ip->is_v4() && !has_public_ipv6()) return false;
  return std::ranges::none_of(swarm_.reachable_addresses(),
                              [&ip](const Multiaddr& own) { return ip_of(own) == ip; });
}

/// Who has none can't say of others that theirs aren't reached (autonat-v2.md, "Server").
bool AutonatServer::has_public_ipv6() const {
  const auto interfaces = env_.net.interfaces();
  return interfaces && std::ranges::any_of(*interfaces, [](const port::InterfaceAddress& one) {
           return one.up && !one.address.is_v4() && scope_of(one.address) == AddressScope::global;
         });
}

Task<void> AutonatServer::serve_v1_stream(std::unique_ptr<Stream> stream) {
  const Instant deadline = env_.clock.now() + autonat_v1_stream_timeout;
  port::BufferedReader reader(*stream, autonat_v1_message_bytes_max);
  KITH_CO_TRY(const Buffer bytes,
              co_await reader.read_message(autonat_v1_message_bytes_max, deadline));
  ++counters_.requests;
  const std::optional<ConnectionInfo> from = swarm_.info(stream->connection());
  if (!from) co_return std::unexpected(Errc::closed);
  KITH_CO_TRY(const AutonatV1Message message, decode_autonat_v1(bytes));
  KITH_CO_TRY(AutonatV1Response response, co_await answer_v1(*from, message));
  if (response.status != AutonatV1Status::ok) ++counters_.refusals;
  AutonatV1Message answer(std::move(response));
  KITH_CO_CHECK(co_await send(*stream, std::move(answer), deadline));
  co_return co_await stream->close_write(deadline);
}

Task<AutonatV1Response> AutonatServer::answer_v1(const ConnectionInfo& from,
                                                 const AutonatV1Message& message) {
  const auto* request = std::get_if<AutonatV1Dial>(&message);
  if (request == nullptr || (request->peer && *request->peer != from.peer))
    co_return v1_failure(AutonatV1Status::bad_request, "not a request of this peer's own");
  std::vector<Multiaddr> targets =
      autonat_v1_targets(from.remote_address, request->addresses,
                         [&](const Multiaddr& address) { return dials(from.peer, address); });
  if (targets.empty())
    co_return v1_failure(AutonatV1Status::dial_refused, "no address that may be dialed");
  if (!v1_rates_.take(from.peer, env_.clock.now()))
    co_return v1_failure(AutonatV1Status::dial_refused, "too many dials");
  ++counters_.dials;
  const Instant dialed_by = env_.clock.now() + autonat_v1_dial_timeout;
  auto reached = co_await dialer_.dial(from.peer, std::move(targets), dialed_by);
  if (reached) {
    co_return AutonatV1Response{
        .status = AutonatV1Status::ok, .text = {}, .address = *std::move(reached)};
  }
  if (reached.error().is(Errc::busy))
    co_return v1_failure(AutonatV1Status::dial_refused, "another dial is under way");
  KITH_CO_CHECK(co_await port::sleep_until(env_.clock, dialed_by));
  co_return v1_failure(AutonatV1Status::dial_error, "no address answered");
}

Task<void> AutonatServer::serve_v2_stream(std::unique_ptr<Stream> stream) {
  const Instant deadline = env_.clock.now() + autonat_v2_stream_timeout;
  const std::optional<ConnectionInfo> from = swarm_.info(stream->connection());
  if (!from) co_return std::unexpected(Errc::closed);
  ++counters_.requests;
  AutonatDialResponse response{.status = AutonatStatus::request_rejected};
  const bool served =
      !from->remote_address.is_relayed() && v2_rates_.take(from->peer, env_.clock.now());
  if (served) {
    port::BufferedReader reader(*stream, autonat_v2_message_bytes_max);
    KITH_CO_TRY(const Buffer bytes,
                co_await reader.read_message(autonat_v2_message_bytes_max, deadline));
    KITH_CO_TRY(const AutonatMessage message, decode_autonat(bytes));
    const auto* request = std::get_if<AutonatDialRequest>(&message);
    if (request == nullptr) co_return std::unexpected(Errc::corrupt);
    KITH_CO_TRY(response, co_await answer_v2(*stream, reader, *from, *request, deadline));
  }
  if (response.status != AutonatStatus::ok) ++counters_.refusals;
  AutonatMessage answer(response);
  const Instant sent_by = env_.clock.now() + autonat_v2_dial_back_timeout;
  KITH_CO_CHECK(co_await send(*stream, std::move(answer), sent_by));
  co_return co_await stream->close_write(sent_by);
}

Task<AutonatDialResponse> AutonatServer::answer_v2(Stream& stream, port::BufferedReader& reader,
                                                   const ConnectionInfo& from,
                                                   const AutonatDialRequest& request,
                                                   Instant deadline) {
  const std::optional<std::size_t> chosen = autonat_v2_target(
      request, [&](const Multiaddr& address) { return dials(from.peer, address); });
  if (!chosen) co_return AutonatDialResponse{.status = AutonatStatus::dial_refused};
  const Multiaddr target = *request.addresses[*chosen];
  if (autonat_costs_data(from.remote_address, target)) {
    if (!data_rates_.take(from.peer, env_.clock.now()))
      co_return AutonatDialResponse{.status = AutonatStatus::request_rejected};
    KITH_CO_CHECK(co_await take_data(stream, reader, *chosen, deadline));
    const auto wait_most = static_cast<std::uint64_t>(autonat_v2_dial_wait_max.count());
    const Duration wait{static_cast<std::int64_t>(env_.prng.below(wait_most))};
    KITH_CO_CHECK(co_await port::sleep_for(env_.clock, wait));
  }
  ++counters_.dials;
  const Instant dialed_by = env_.clock.now() + autonat_v2_dial_timeout;
  auto outcome = co_await dialer_.dial_back(from.peer, target, request.nonce, dialed_by);
  if (!outcome && outcome.error().is(Errc::busy))
    co_return AutonatDialResponse{.status = AutonatStatus::request_rejected};
  if (!outcome) co_return std::unexpected(outcome.error());
  co_return AutonatDialResponse{.status = AutonatStatus::ok,
                                .index = static_cast<std::uint32_t>(*chosen),
                                .dial_status = *outcome};
}

/// Errc::refused if the asker sends crumbs.
Task<void> AutonatServer::take_data(Stream& stream, port::BufferedReader& reader, std::size_t index,
                                    Instant deadline) {
  const std::uint64_t wanted =
      autonat_v2_data_bytes_least +
      env_.prng.below(autonat_v2_data_bytes_most - autonat_v2_data_bytes_least);
  AutonatMessage request(
      AutonatDataRequest{.index = static_cast<std::uint32_t>(index), .bytes = wanted});
  KITH_CO_CHECK(co_await send(stream, std::move(request), deadline));
  std::uint64_t got = 0;
  while (got < wanted) {
    KITH_CO_TRY(const Buffer bytes,
                co_await reader.read_message(autonat_v2_message_bytes_max, deadline));
    KITH_CO_TRY(const AutonatMessage message, decode_autonat(bytes));
    const auto* data = std::get_if<AutonatData>(&message);
    if (data == nullptr) co_return std::unexpected(Errc::corrupt);
    got += data->bytes;
    const bool crumbs = data->bytes < autonat_v2_data_chunk_least && got < wanted;
    if (crumbs) co_return std::unexpected(Errc::refused);
  }
  co_return Result<void>{};
}

}  // namespace kith::net
