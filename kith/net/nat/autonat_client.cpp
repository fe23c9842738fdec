#include <algorithm>

#include <kith/net/address_scope.hpp>
#include <kith/net/nat/autonat_client.hpp>
#include <kith/net/transports/address.hpp>

namespace kith::net {

using multiformats::Multiaddr;
using multiformats::PeerId;

namespace {

/// How often is looked whether there is something to ask, and somebody.
constexpr Duration look_interval = 5s;

template <class Message>
Task<void> send(port::Stream& stream, Message message, Instant deadline) {
  const Bytes encoded = encode(message);
  co_return co_await port::write_message(stream, encoded, deadline);
}

std::optional<TransportKind> kind_of(const Multiaddr& address) {
  const std::optional<TransportAddress> found = transport_address(address);
  return found ? std::optional(found->kind) : std::nullopt;
}

}  // namespace

AutonatClient::AutonatClient(port::Env& env, Swarm& swarm, Addresses addresses, Changed changed,
                             Options options)
    : env_(env),
      log_(env.log, "autonat"),
      swarm_(swarm),
      addresses_(std::move(addresses)),
      changed_(std::move(changed)),
      options_(options),
      tasks_(env.executor, env.clock) {
  HandlerOptions few;
  few.streams_per_peer_max = autonat_v2_requests_at_once_per_peer_max;
  swarm_.handle(
      ProtocolId(autonat_dial_back_protocol),
      [this](std::unique_ptr<Stream> stream) { return take_dial_back(std::move(stream)); }, few);
  swarm_.observe(*this);
  tasks_.spawn(run());
}

AutonatClient::~AutonatClient() {
  swarm_.stop_observing(*this);
}

Task<void> AutonatClient::close_shielded() {
  tasks_.cancel();
  co_return co_await tasks_.join_shielded();
}

void AutonatClient::on_listen_addresses_changed() {
  overall_.doubt();
  next_overall_ = std::min(next_overall_, env_.clock.now() + overall_.interval());
}

Reachability AutonatClient::verdict() const {
  if (overall_.verdict() != Reachability::unknown) return overall_.verdict();
  bool unreachable = false;
  for (const auto& [address, verdict] : each_.verdicts()) {
    if (verdict == Reachability::reachable) return verdict;
    if (verdict == Reachability::unknown) return Reachability::unknown;
    unreachable = true;
  }
  return unreachable ? Reachability::unreachable : Reachability::unknown;
}

AutonatClient::Overall AutonatClient::overall() const {
  return {.verdict = verdict(),
          .since = verdict() == Reachability::unknown ? std::nullopt : since_,
          .by_v1 = overall_.verdict() != Reachability::unknown,
          .answers_v1 = answers_v1_,
          .answers_v2 = answers_v2_};
}

std::vector<Multiaddr> AutonatClient::own_addresses() const {
  std::vector<Multiaddr> own = addresses_();
  std::erase_if(own, [this](const Multiaddr& one) {
    const bool wanted = options_.private_addresses || scope_of(one) == AddressScope::global;
    return !wanted || one.is_relayed();
  });
  return own;
}

/// Somebody who is connected directly, speaks it, and wasn't asked lately.
std::optional<PeerId> AutonatClient::choose(std::string_view protocol) {
  const Instant now = env_.clock.now();
  std::erase_if(asked_,
                [now](const auto& entry) { return now >= entry.second + autonat_peer_interval; });
  std::vector<PeerId> able;
  for (const PeerId& peer : swarm_.connected_peers()) {
    const std::vector<std::string>& spoken = swarm_.peer_store().protocols(peer);
    if (!std::ranges::binary_search(spoken, protocol) || asked_.contains(peer)) continue;
    if (swarm_.direct_connection_to(peer)) able.push_back(peer);
  }
  if (able.empty()) return std::nullopt;
  PeerId chosen = able[env_.prng.below(able.size())];
  asked_[chosen] = now;
  return chosen;
}

Task<void> AutonatClient::run() {
  KITH_CO_CHECK(co_await port::sleep_for(env_.clock, options_.start_delay));
  for (;;) {
    const Reachability before = verdict();
    const auto each_before = each_.verdicts();
    auto looked = co_await look();
    if (!looked && looked.error().is(Errc::cancelled)) co_return looked;
    if (verdict() != before) since_ = env_.clock.now();
    if (verdict() != before || each_.verdicts() != each_before) changed_();
    KITH_CO_CHECK(co_await port::sleep_for(env_.clock, look_interval));
  }
}

Task<void> AutonatClient::look() {
  each_.track(own_addresses());
  auto found = co_await find_each();
  if (!found && found.error().is(Errc::cancelled)) co_return found;
  if (env_.clock.now() < next_overall_) co_return Result<void>{};
  co_return co_await find_overall();
}

Task<void> AutonatClient::find_overall() {
  const std::optional<PeerId> peer = choose(autonat_v1_protocol);
  if (!peer) co_return Result<void>{};
  auto reached = co_await ask_overall(*peer, env_.clock.now() + autonat_request_timeout);
  if (reached) {
    KITH_LOG_DEBUG(log_, "{} says that we {} be reached", peer->to_string(),
                   *reached ? "can" : "can't");
    ++answers_v1_;
    overall_.record(*reached ? Reachability::reachable : Reachability::unreachable);
  } else {
    if (reached.error().is(Errc::cancelled)) co_return std::unexpected(reached.error());
    // Who refuses says nothing, and another may be asked at once.
    if (reached.error().is(Errc::refused)) co_return Result<void>{};
    overall_.record(Reachability::unknown);
  }
  next_overall_ = env_.clock.now() + overall_.interval();
  co_return Result<void>{};
}

Task<void> AutonatClient::find_each() {
  std::vector<Multiaddr> wanted = each_.to_ask(env_.clock.now());
  if (wanted.empty()) co_return Result<void>{};
  const std::optional<PeerId> peer = choose(autonat_dial_protocol);
  if (!peer) co_return Result<void>{};
  const Multiaddr first = wanted.front();
  auto answer =
      co_await ask_about(*peer, std::move(wanted), env_.clock.now() + autonat_request_timeout);
  if (!answer) {
    if (answer.error().is(Errc::refused)) each_.refused(first, env_.clock.now());
    KITH_LOG_DEBUG(log_, "{} doesn't tell: {}", peer->to_string(), answer.error().message());
    co_return std::unexpected(answer.error());
  }
  KITH_LOG_DEBUG(log_, "{} says that {} {} be reached", peer->to_string(),
                 answer->address.to_string(), answer->reached ? "can" : "can't");
  ++answers_v2_;
  each_.record(answer->address, answer->reached, env_.clock.now());
  if (answer->address != first) each_.refused(first, env_.clock.now());
  co_return Result<void>{};
}

// Version 1.

Task<bool> AutonatClient::ask_overall(PeerId peer, Instant deadline) {
  const std::optional<ConnectionId> way = swarm_.direct_connection_to(peer);
  if (!way) co_return std::unexpected(Errc::closed);
  std::vector<ProtocolId> protocols = {ProtocolId(autonat_v1_protocol)};
  KITH_CO_TRY(std::unique_ptr<Stream> stream,
              co_await swarm_.open_stream_on(*way, std::move(protocols), deadline));
  AutonatV1Message request(
      AutonatV1Dial{.peer = swarm_.local_peer(), .addresses = own_addresses()});
  KITH_CO_CHECK(co_await send(*stream, std::move(request), deadline));
  port::BufferedReader reader(*stream, autonat_v1_message_bytes_max);
  KITH_CO_TRY(const Buffer bytes,
              co_await reader.read_message(autonat_v1_message_bytes_max, deadline));
  KITH_CO_TRY(const AutonatV1Message message, decode_autonat_v1(bytes));
  const auto* response = std::get_if<AutonatV1Response>(&message);
  if (response == nullptr) co_return std::unexpected(Errc::corrupt);
  if (response->status == AutonatV1Status::ok) co_return true;
  if (response->status == AutonatV1Status::dial_error) co_return false;
  co_return std::unexpected(Errc::refused);
}

// Version 2.

Task<AutonatClient::Answer> AutonatClient::ask_about(PeerId peer, std::vector<Multiaddr> addresses,
                                                     Instant deadline) {
  const std::optional<ConnectionId> way = swarm_.direct_connection_to(peer);
  if (!way) co_return std::unexpected(Errc::closed);
  std::vector<ProtocolId> protocols = {ProtocolId(autonat_dial_protocol)};
  KITH_CO_TRY(std::unique_ptr<Stream> stream,
              co_await swarm_.open_stream_on(*way, std::move(protocols), deadline));
  std::array<std::uint8_t, 8> random{};
  env_.random.fill(random);
  const auto nonce = load_be<std::uint64_t>(random.data());
  const auto arrived = std::make_shared<Arrived>(env_.clock);
  waiting_[nonce] = {arrived, swarm_.newest_connection()};
  auto response = co_await converse(*stream, addresses, nonce, deadline);
  std::optional<Multiaddr> came_at;
  const bool nonce_said = response && response->status == AutonatStatus::ok &&
                          response->dial_status != AutonatDialStatus::dial_error;
  if (nonce_said) {
    auto local = co_await arrived->wait(env_.clock.now() + autonat_v2_dial_back_timeout);
    if (local) came_at = *std::move(local);
  }
  waiting_.erase(nonce);
  if (!response) co_return std::unexpected(response.error());
  if (response->status == AutonatStatus::dial_refused) co_return std::unexpected(Errc::refused);
  if (response->status != AutonatStatus::ok) co_return std::unexpected(Errc::busy);
  if (response->index >= addresses.size()) co_return std::unexpected(Errc::corrupt);
  const Multiaddr& dialed = addresses[response->index];
  if (response->dial_status == AutonatDialStatus::dial_error) co_return Answer{dialed, false};
  // Whatever it says otherwise, the nonce shows whether it has dialed us there.
  if (!came_at || kind_of(*came_at) != kind_of(dialed)) co_return std::unexpected(Errc::corrupt);
  co_return Answer{dialed, true};
}

Task<AutonatDialResponse> AutonatClient::converse(Stream& stream, std::vector<Multiaddr> addresses,
                                                  std::uint64_t nonce, Instant deadline) {
  AutonatDialRequest request{.addresses = {}, .nonce = nonce};
  for (const Multiaddr& address : addresses)
    request.addresses.emplace_back(address);
  KITH_CO_CHECK(co_await send(stream, AutonatMessage(std::move(request)), deadline));
  port::BufferedReader reader(stream, autonat_v2_message_bytes_max);
  for (bool paid = false;;) {
    KITH_CO_TRY(const Buffer bytes,
                co_await reader.read_message(autonat_v2_message_bytes_max, deadline));
    KITH_CO_TRY(const AutonatMessage message, decode_autonat(bytes));
    if (const auto* response = std::get_if<AutonatDialResponse>(&message)) co_return *response;
    const auto* wanted = std::get_if<AutonatDataRequest>(&message);
    const bool fair = wanted != nullptr && !std::exchange(paid, true) &&
                      wanted->index < addresses.size() &&
                      wanted->bytes <= autonat_v2_data_bytes_most;
    if (!fair) co_return std::unexpected(Errc::corrupt);
    KITH_CO_CHECK(co_await send_data(stream, wanted->bytes, deadline));
  }
}

Task<void> AutonatClient::send_data(Stream& stream, std::uint64_t bytes, Instant deadline) {
  // The last one may be longer than what is left of it.
  const AutonatMessage message(AutonatData{.bytes = autonat_v2_data_chunk_bytes});
  for (std::uint64_t sent = 0; sent < bytes; sent += autonat_v2_data_chunk_bytes)
    KITH_CO_CHECK(co_await send(stream, message, deadline));
  co_return Result<void>{};
}

Task<void> AutonatClient::take_dial_back(std::unique_ptr<Stream> stream) {
  const Instant deadline = env_.clock.now() + autonat_v2_dial_back_timeout;
  port::BufferedReader reader(*stream, autonat_dial_back_bytes_max);
  KITH_CO_TRY(const Buffer bytes,
              co_await reader.read_message(autonat_dial_back_bytes_max, deadline));
  KITH_CO_TRY(const std::uint64_t nonce, decode_dial_back(bytes));
  const std::optional<ConnectionInfo> from = swarm_.info(stream->connection());
  auto asked = waiting_.find(nonce);
  if (!from || asked == waiting_.end()) co_return std::unexpected(Errc::refused);
  // On a connection that was there, or that we dialed, anybody can say it.
  const bool dialed_us = from->direction == Direction::inbound &&
                         !from->remote_address.is_relayed() && from->id > asked->second.newest;
  if (!dialed_us) co_return std::unexpected(Errc::refused);
  asked->second.arrived->set(from->local_address);
  // A DialBackResponse that says OK, which is what is there when nothing is.
  const Bytes ok;
  KITH_CO_CHECK(co_await port::write_message(*stream, ok, deadline));
  co_return co_await stream->close_write(deadline);
}

}  // namespace kith::net
