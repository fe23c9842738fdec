#include <algorithm>
#include <utility>

#include <kith/base/assert.hpp>
#include <kith/dht/swarm_network.hpp>
#include <kith/net/address_scope.hpp>
#include <kith/port/stream.hpp>

namespace kith::dht {

using multiformats::Multiaddr;

SwarmNetwork::SwarmNetwork(port::Env& env, net::Swarm& swarm, net::Identify& identify, Reach reach,
                           bool loopback, std::string_view prefix)
    : env_(env),
      swarm_(swarm),
      identify_(identify),
      reach_(reach),
      loopback_(loopback),
      protocol_(prefix) {
  protocol_ += reach == Reach::wide ? wide_suffix : local_suffix;
}

SwarmNetwork::~SwarmNetwork() {
  ASSERT(observer_ == nullptr && !handler_);
}

// Asking.

Task<std::unique_ptr<net::Stream>> SwarmNetwork::open(PeerId peer, Instant deadline) {
  std::vector<net::ProtocolId> protocols = {protocol_};
  auto stream = co_await swarm_.open_stream(peer, std::move(protocols), deadline);
  if (!stream && stream.error().is(net::SwarmError::limit_reached)) {
    co_return std::unexpected(Errc::busy);
  }
  co_return stream;
}

Task<Answer> SwarmNetwork::request(PeerId peer, Message request, Instant deadline) {
  KITH_CO_TRY(std::unique_ptr<net::Stream> stream, co_await open(peer, deadline));
  const Bytes encoded = encode_message(request);
  KITH_CO_CHECK(co_await port::write_message(*stream, encoded, deadline));
  KITH_CO_CHECK(co_await stream->close_write(deadline));
  port::BufferedReader reader(*stream);
  KITH_CO_TRY(Buffer bytes, co_await reader.read_message(answer_bytes_max, deadline));
  auto message = decode_message(bytes);
  if (!message) co_return std::unexpected(message.error());
  if (message->type != request.type) co_return std::unexpected(Errc::corrupt);
  std::vector<Multiaddr> seen = seen_at(peer);
  Answer answer{*std::move(message), std::nullopt, belongs(peer)};
  if (!seen.empty()) answer.seen_at = groups(seen);
  co_return answer;
}

Task<void> SwarmNetwork::tell(PeerId peer, Message message, Instant deadline) {
  auto once = [&message, told = false]() mutable -> std::optional<Message> {
    if (std::exchange(told, true)) return std::nullopt;
    return std::move(message);
  };
  co_return co_await tell_all(peer, once, deadline);
}

Task<void> SwarmNetwork::tell_all(PeerId peer, std::function<std::optional<Message>()> next,
                                  Instant deadline) {
  KITH_CO_TRY(std::unique_ptr<net::Stream> stream, co_await open(peer, deadline));
  while (std::optional<Message> message = next()) {
    const Bytes encoded = encode_message(*message);
    KITH_CO_CHECK(co_await port::write_message(*stream, encoded, deadline));
  }
  KITH_CO_CHECK(co_await stream->close_write(deadline));
  // A stream that is dropped before the other side has read it takes what was written along; and a
  // peer that refuses shows it here.
  auto end = co_await port::read_to_end(*stream, answer_bytes_max, deadline);
  if (!end) co_return std::unexpected(end.error());
  co_return Result<void>{};
}

Task<void> SwarmNetwork::reach(PeerId peer, Instant deadline) {
  std::vector<Multiaddr> known;
  auto connection = co_await swarm_.connect(peer, std::move(known), deadline);
  if (!connection) co_return std::unexpected(connection.error());
  co_return Result<void>{};
}

// Addresses.

std::vector<Multiaddr> SwarmNetwork::usable(std::vector<Multiaddr> addresses) const {
  net::AddressScope nearest = net::AddressScope::global;
  if (reach_ == Reach::local) {
    nearest = loopback_ ? net::AddressScope::loopback : net::AddressScope::local;
  }
  return net::addresses_for(nearest, addresses);
}

std::vector<Multiaddr> SwarmNetwork::own_addresses() const {
  std::vector<Multiaddr> all = swarm_.announced_addresses();
  if (reach_ == Reach::wide) {
    for (const net::Identify::Observed& one : identify_.observed_addresses()) {
      const bool new_one = std::ranges::find(all, one.address) == all.end();
      if (new_one && one.networks >= observers_needed) all.push_back(one.address);
    }
  }
  return usable(std::move(all));
}

std::vector<Multiaddr> SwarmNetwork::addresses(const PeerId& peer) const {
  if (peer == self()) return own_addresses();
  return usable(swarm_.peer_store().addresses(peer, env_.wall.now(), net::AddressSource::identify));
}

void SwarmNetwork::heard(const PeerId& peer, const std::vector<Multiaddr>& addresses) {
  if (addresses.empty() || peer == self()) return;
  swarm_.peer_store().add_addresses(peer, addresses, net::AddressSource::heard, env_.wall.now());
}

std::vector<IpGroup> SwarmNetwork::groups(std::span<const Multiaddr> addresses) const {
  if (reach_ == Reach::local) return {};
  std::vector<IpGroup> groups = groups_of(addresses);
  if (groups.empty()) groups.push_back(unknown_group);
  return groups;
}

std::vector<Multiaddr> SwarmNetwork::seen_at(const PeerId& peer) const {
  std::vector<Multiaddr> addresses;
  for (const net::ConnectionInfo& connection : swarm_.connections_of(peer))
    addresses.push_back(connection.remote_address);
  return addresses;
}

bool SwarmNetwork::belongs(const PeerId& peer) const {
  const std::vector<std::string>& spoken = swarm_.peer_store().protocols(peer);
  if (!std::ranges::binary_search(spoken, protocol_)) return false;
  auto direct = [](const Multiaddr& one) { return !one.is_relayed(); };
  if (reach_ == Reach::wide) {
    // One that is only reached through a relay is of no use to others (ipfs/specs kad-dht.md).
    return std::ranges::any_of(addresses(peer), direct) &&
           std::ranges::any_of(seen_at(peer), direct);
  }
  return std::ranges::any_of(seen_at(peer), [&direct](const Multiaddr& one) {
    return direct(one) && net::scope_of(one) != net::AddressScope::global;
  });
}

// Peers.

void SwarmNetwork::observe(NetworkObserver& observer) {
  ASSERT(observer_ == nullptr);
  observer_ = &observer;
  identify_.observe(*this);
  for (const PeerId& peer : swarm_.connected_peers())
    on_identified(peer);
}

void SwarmNetwork::stop_observing() {
  if (observer_ == nullptr) return;
  observer_ = nullptr;
  identify_.stop_observing(*this);
}

void SwarmNetwork::on_identified(const PeerId& peer) {
  // Of a peer that isn't identified yet nothing is known.
  if (swarm_.peer_store().protocols(peer).empty()) return;
  if (belongs(peer)) {
    observer_->on_server(peer, groups(seen_at(peer)));
  } else {
    observer_->on_no_server(peer);
  }
}

// Serving.

void SwarmNetwork::serve(RequestHandler handler) {
  handler_ = std::move(handler);
  net::HandlerOptions few;
  few.streams_per_peer_max = streams_per_peer_max;
  swarm_.handle(
      protocol_,
      [this](std::unique_ptr<net::Stream> stream) { return serve_stream(std::move(stream)); }, few);
}

void SwarmNetwork::stop_serving() {
  handler_ = nullptr;
  swarm_.stop_handling(protocol_);
}

Task<void> SwarmNetwork::serve_stream(std::unique_ptr<net::Stream> stream) {
  const PeerId from = stream->remote_peer();
  std::optional<IpGroup> group;
  for (const net::ConnectionInfo& one : swarm_.connections_of(from)) {
    if (one.id == stream->connection() && reach_ == Reach::wide) {
      group = group_of(one.remote_address).value_or(unknown_group);
    }
  }
  port::BufferedReader reader(*stream);
  for (;;) {
    Instant idle_end = env_.clock.now() + stream_idle_timeout;
    auto bytes = co_await reader.read_message(request_bytes_max, idle_end);
    if (!bytes && bytes.error().is(Errc::closed)) co_return co_await stream->close_write();
    if (!bytes) co_return std::unexpected(bytes.error());
    auto request = decode_message(*bytes);
    if (!request) co_return std::unexpected(request.error());
    // It may have ceased to serve meanwhile.
    if (!handler_) co_return std::unexpected(Errc::refused);
    auto answer = handler_(from, group, *request);
    if (!answer) co_return std::unexpected(Errc::refused);
    if (!*answer) continue;
    const Bytes encoded = encode_message(**answer);
    Instant write_end = env_.clock.now() + request_timeout;
    KITH_CO_CHECK(co_await port::write_message(*stream, encoded, write_end));
  }
}

}  // namespace kith::dht
