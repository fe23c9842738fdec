#include <algorithm>
#include <exception>

#include <boost/asio/post.hpp>

#include <kith/base/assert.hpp>
#include <kith/host/host.hpp>
#include <kith/net/perf.hpp>

namespace kith::host {

using multiformats::Multiaddr;
using multiformats::PeerId;

namespace {

/// Whether a failed dial says no more than that the peer isn't where it was known to be.
bool may_be_elsewhere(const Error& why) {
  return why.is(net::SwarmError::no_addresses) || why.is(net::SwarmError::all_dials_failed) ||
         why.is(net::SwarmError::dial_backoff) || why.is(net::SwarmError::no_transport);
}

Task<void> hand_on(std::unique_ptr<pubsub::Subscription> topic,
                   std::function<void(const pubsub::Received&)> on_message) {
  for (;;) {
    KITH_CO_TRY(const pubsub::Received message, co_await topic->next());
    on_message(message);
  }
}

}  // namespace

Host::Host(port::Env& env, crypto::PrivateKey identity, HostOptions& options)
    : env_(env),
      swarm_(env, std::move(identity), peers_, options.limits, options.gater),
      identify_(env, swarm_, std::move(options.agent), std::move(options.protocol_version)),
      ping_(env, swarm_),
      tasks_(env.executor, env.clock),
      accepts_work_(std::make_shared<bool>(true)) {
  swarm_.set_transports(std::move(options.transports));
  if (options.dht) {
    dht_ = std::make_unique<Dht>(env, swarm_, identify_, *std::move(options.dht));
    if (options.reach) dht_->follow(*options.reach);
  }
  if (options.reach) {
    reach_ = std::make_unique<net::Reach>(env, swarm_, identify_, *std::move(options.reach));
  }
  if (options.pubsub) {
    pubsub_ = std::make_unique<pubsub::PubSub>(env, swarm_, *std::move(options.pubsub));
    pubsub_->start();
  }
  if (options.serve_perf) net::serve_perf(env, swarm_);
}

Host::~Host() {
  ASSERT(closed_ && "close_shielded() first");
}

Task<std::unique_ptr<Host>> Host::start(port::Env& env, crypto::PrivateKey identity,
                                        HostOptions options) {
  if (options.dht) KITH_CO_CHECK(Dht::check(*options.dht));
  std::unique_ptr<Host> host(new Host(env, std::move(identity), options));
  for (const Multiaddr& address : options.listen) {
    auto listening = host->swarm_.listen(address);
    if (listening) continue;
    co_await host->close_shielded();
    co_return std::unexpected(listening.error().with_context("listen on " + address.to_string()));
  }
  if (host->dht_) host->dht_->start();
  co_return host;
}

std::vector<Multiaddr> Host::addresses() const {
  std::vector<Multiaddr> addresses;
  for (const Multiaddr& address : swarm_.reachable_addresses()) {
    if (auto whole = address.with_peer_id(peer())) addresses.push_back(*std::move(whole));
  }
  return addresses;
}

Task<PeerId> Host::connect(Multiaddr address, Instant deadline) {
  std::optional<PeerId> peer = address.peer_id();
  if (!peer) {
    co_return std::unexpected(
        Error(Errc::invalid_argument, address.to_string() + " (it must end in /p2p/<peer id>)"));
  }
  if (address.without_peer_id().empty()) co_return co_await connect(*peer, deadline);
  std::vector<Multiaddr> addresses;
  addresses.push_back(std::move(address));
  KITH_CO_CHECK(co_await swarm_.connect(*peer, std::move(addresses), deadline));
  co_return *peer;
}

Task<PeerId> Host::connect(PeerId peer, Instant deadline) {
  std::vector<Multiaddr> addresses;
  auto connected = co_await swarm_.connect(peer, std::move(addresses), deadline);
  if (connected) co_return peer;
  const Error& why = connected.error();
  if (!dht_ || !may_be_elsewhere(why)) co_return std::unexpected(why);
  auto found = co_await dht_->find_peer(peer, deadline);
  if (!found) {
    co_return std::unexpected(why.is(net::SwarmError::no_addresses) ? found.error() : why);
  }
  connected = co_await swarm_.connect(peer, std::move(found->addresses), deadline);
  if (!connected) co_return std::unexpected(connected.error());
  co_return peer;
}

Task<PeerId> Host::connect(std::string where, Instant deadline) {
  if (!where.starts_with('/')) {
    KITH_CO_TRY(PeerId peer, PeerId::parse(where));
    co_return co_await connect(std::move(peer), deadline);
  }
  KITH_CO_TRY(Multiaddr address, Multiaddr::parse(where));
  co_return co_await connect(std::move(address), deadline);
}

Task<std::unique_ptr<net::Stream>> Host::open_stream(PeerId peer, net::ProtocolId protocol,
                                                     Instant deadline) {
  if (dht_ && !swarm_.connected(peer)) KITH_CO_CHECK(co_await connect(peer, deadline));
  std::vector<net::ProtocolId> protocols;
  protocols.push_back(std::move(protocol));
  co_return co_await swarm_.open_stream(peer, std::move(protocols), deadline);
}

void Host::handle(net::ProtocolId protocol, net::StreamHandler handler,
                  net::HandlerOptions options) {
  swarm_.handle(std::move(protocol), std::move(handler), options);
}

Result<void> Host::subscribe(std::string topic,
                             std::function<void(const pubsub::Received&)> on_message) {
  ASSERT(on_message != nullptr);
  if (tasks_.cancelled()) return std::unexpected(Errc::closed);
  KITH_TRY(auto subscription, pubsub().subscribe(std::move(topic)));
  spawn(hand_on(std::move(subscription), std::move(on_message)));
  return {};
}

Task<PeerInfo> Host::identify(PeerId peer, Instant deadline) {
  std::vector<net::ConnectionInfo> connections = swarm_.connections_of(peer);
  if (connections.empty()) co_return std::unexpected(Errc::not_found);
  net::ConnectionId connection = connections.front().id;
  KITH_CO_CHECK(co_await identify_.wait(connection, deadline));
  PeerInfo info;
  info.protocols = peers_.protocols(peer);
  if (info.protocols.empty()) co_return std::unexpected(Errc::not_found);
  info.agent = peers_.agent(peer);
  info.protocol_version = peers_.protocol_version(peer);
  info.addresses = peers_.addresses(peer, env_.wall.now());
  info.observed_address = identify_.observed_by(connection);
  co_return info;
}

Task<std::vector<Duration>> Host::ping(PeerId peer, std::size_t count, Instant deadline) {
  KITH_CO_TRY(std::unique_ptr<net::Stream> stream, co_await ping_.open(peer, deadline));
  std::vector<Duration> round_trips;
  while (round_trips.size() < count) {
    Instant answered_by = std::min(deadline, after(net::ping_timeout));
    KITH_CO_TRY(Duration round_trip, co_await ping_.round_trip(stream, answered_by));
    round_trips.push_back(round_trip);
  }
  KITH_CO_CHECK(co_await stream->close_write(std::min(deadline, after(net::ping_timeout))));
  co_return round_trips;
}

Dht& Host::dht() noexcept {
  ASSERT(dht_ != nullptr && "HostOptions::dht");
  return *dht_;
}

pubsub::PubSub& Host::pubsub() noexcept {
  ASSERT(pubsub_ != nullptr && "HostOptions::pubsub");
  return *pubsub_;
}

void Host::post(std::function<void()> work) {
  boost::asio::post(env_.executor, [accepted = accepts_work_, work = std::move(work)]() noexcept {
    if (*accepted) work();
  });
}

Task<void> Host::close_shielded() {
  *accepts_work_ = false;
  tasks_.cancel();
  co_await tasks_.join_shielded();
  if (pubsub_) co_await pubsub_->close_shielded();
  if (reach_) co_await reach_->begin_close();
  if (dht_) co_await dht_->close_shielded();
  co_await swarm_.close_shielded();
  if (reach_) co_await reach_->close_shielded();
  co_await identify_.close_shielded();
  closed_ = true;
  co_return Result<void>{};
}

Task<void> with_host(port::Env& env, crypto::PrivateKey identity, HostOptions options,
                     std::function<Task<void>(Host&)> body) {
  KITH_CO_TRY(std::unique_ptr<Host> host,
              co_await Host::start(env, std::move(identity), std::move(options)));
  Result<void> outcome;
  std::exception_ptr thrown;
  try {
    outcome = co_await body(*host);
  } catch (...) {
    thrown = std::current_exception();
  }
  co_await host->close_shielded();
  if (thrown) std::rethrow_exception(thrown);
  co_return outcome;
}

}  // namespace kith::host
