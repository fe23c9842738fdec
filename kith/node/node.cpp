#include <algorithm>
#include <cerrno>

#include <errno.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <kith/crypto/secret.hpp>
#include <kith/crypto/tls/credentials.hpp>
#include <kith/discovery/bootstrap.hpp>
#include <kith/discovery/lan_dialer.hpp>
#include <kith/discovery/mdns.hpp>
#include <kith/exchange/stored_blocks.hpp>
#include <kith/exchange/swarm_network.hpp>
#include <kith/names/ipns_validator.hpp>
#include <kith/net/transports/websocket.hpp>
#include <kith/node/chains.hpp>
#include <kith/node/node.hpp>
#include <kith/node/provider_search.hpp>
#include <kith/node/resource_overrides.hpp>

namespace kith::node {
namespace {

constexpr Duration save_peers_interval = 5min;
constexpr Duration bandwidth_interval = 1s;
/// Of the newest second in the average.
constexpr double bandwidth_weight = 0.3;
constexpr std::size_t peers_file_bytes_max = 64 * 1024 * 1024;
/// The highest sequence numbers of those who publish.
constexpr std::string_view authors_name = "pubsub-authors";
constexpr std::size_t authors_file_bytes_max = 4 * 1024 * 1024;
static_assert(pubsub::authors_max * 128 <= authors_file_bytes_max);
static_assert(net::peer_store_encoded_bytes_max <= peers_file_bytes_max);
/// Peers that are encoded before other work has its turn.
constexpr std::size_t peers_encoded_at_once = 128;
constexpr Duration provide_timeout = 1min;
constexpr Duration search_look_interval = 500ms;

/// The store alone, as something that can be owned.
class StoreSource final : public ipld::BlockSource {
 public:
  explicit StoreSource(store::BlockStore& store) : store_(store) {}
  Task<ipld::Block> get(multiformats::Cid cid, Instant deadline) override {
    return store_.get(std::move(cid), deadline);
  }
  void prefetch(std::span<const multiformats::Cid> cids) override { store_.prefetch(cids); }
  Task<bool> has(multiformats::Cid cid) override { return store_.has(cid); }

 private:
  store::BlockStore& store_;
};

/// What the operator wants otherwise, if there is such a file.
Result<std::optional<std::string>> read_overrides(port::FileSystem& files,
                                                  const std::string& path) {
  auto content = port::read_file(files, path, resource_overrides_bytes_max);
  if (content) return std::string(as_text(*content));
  if (content.error().is_errno(ENOENT)) return std::nullopt;
  return std::unexpected(content.error());
}

Result<Bytes> read_credential(port::FileSystem& files, const Home& home, const std::string& path) {
  const std::string whole = path.starts_with('/') ? path : home.file(path);
  auto content = port::read_file(files, whole, crypto::tls_credential_bytes_max);
  if (!content) return std::unexpected(content.error().with_context("read " + whole));
  return content;
}

Result<std::shared_ptr<net::WebSocketOptions>> websocket_options(port::FileSystem& files,
                                                                 const Home& home,
                                                                 const NodeSettings& settings) {
  auto options = std::make_shared<net::WebSocketOptions>();
  if (!settings.transports.websocket) return options;
  if (settings.websocket_certificate.empty() && settings.websocket_key.empty()) return options;
  // Not where settings are read: they are set one after the other.
  if (settings.websocket_certificate.empty() || settings.websocket_key.empty()) {
    return std::unexpected(
        Error(Errc::invalid_argument,
              "config key Swarm.Transports.WebSocket: must be both Certificate and Key, or none"));
  }
  KITH_TRY(Bytes chain, read_credential(files, home, settings.websocket_certificate));
  KITH_TRY(Bytes key, read_credential(files, home, settings.websocket_key));
  auto credentials = crypto::read_tls_credentials(chain, key);
  crypto::wipe(key);
  if (!credentials) {
    return std::unexpected(
        credentials.error().with_context("config key Swarm.Transports.WebSocket"));
  }
  KITH_TRY(options->server_tls, net::websocket_server_tls(*credentials));
  return options;
}

dht::DualOptions dht_options(const NodeSettings& settings, const Home& home,
                             store::BlockStore& store) {
  dht::DualOptions options;
  options.state_path = home.file("dht");
  options.wide_server = settings.routing.wide_server;
  options.local_server = settings.routing.local_server;
  options.local_loopback = settings.routing.local_loopback;
  const ProvideSettings& providing = settings.providing;
  options.each.reprovide_interval = providing.interval;
  options.each.tell = providing.enabled;
  options.each.sweep = providing.sweep;
  options.each.resume = providing.resume;
  options.each.keys_at_once = providing.workers;
  options.each.stores_at_once = providing.peers_at_once;
  options.each.optimistic = providing.optimistic;
  options.each.background_stores_max = providing.background_max;
  options.each.still_has = [&store](const multiformats::Multihash& content) {
    return store.has(multiformats::Cid::v1(multiformats::Codec::raw, content));
  };
  return options;
}

exchange::BitswapOptions bitswap_options(const MemoryBounds& memory) {
  exchange::BitswapOptions options;
  options.server.unsent_bytes_per_peer_max = memory.unsent_per_peer;
  options.server.unsent_bytes_max = memory.unsent;
  options.server.have_replace_bytes_max = memory.have_replace;
  options.processing_bytes_max = memory.processing;
  options.ahead_bytes_max = memory.fetched_ahead;
  return options;
}

pubsub::PubSubOptions pubsub_options(const PubSubSettings& settings) {
  pubsub::PubSubOptions options;
  options.router.scores = pubsub::careful_scores();
  options.router.signing = settings.signing ? pubsub::Signing::strict : pubsub::Signing::author;
  options.router.seen_ttl = settings.seen_ttl;
  options.router.seen_strategy = settings.seen_strategy;
  options.router.flood_only = settings.flood_only;
  return options;
}

/// Finds peers of the local networks and connects to them.
struct LanDiscovery {
  LanDiscovery(port::Env& env, net::Swarm& swarm)
      : dialer(env, swarm),
        mdns(
            env, swarm.local_peer(), [&swarm] { return swarm.listen_addresses(); },
            [this](const discovery::FoundPeer& peer) { dialer.found(peer); }) {}

  Task<void> close_shielded() {
    co_await mdns.close_shielded();
    co_return co_await dialer.close_shielded();
  }

  discovery::LanDialer dialer;
  discovery::Mdns mdns;
};

}  // namespace

/// What only an online node has, in the order in which it is built.
struct Node::Network {
  Network(port::Env& env, const Home& home, const NodeSettings& settings, net::SwarmLimits limits,
          std::string agent, net::PeerStore& peers, store::BlockStore& store)
      : filter(settings.address_filters),
        swarm(env, home.identity(), peers, std::move(limits), &filter),
        identify(env, swarm, std::move(agent), std::string(identify_protocol_version)),
        ping(env, swarm),
        peering(env, swarm),
        swarm_network(swarm),
        stored_blocks(store),
        bitswap(env, swarm_network, stored_blocks, bitswap_options(settings.memory)),
        tasks(env.executor, env.clock),
        providing(env.executor, env.clock, settings.providing.workers) {
    if (!settings.routing.enabled) return;
    dht = std::make_unique<dht::DualDht>(env, swarm, identify, dht_options(settings, home, store));
    dht->validators().add("ipns", std::make_shared<names::IpnsValidator>());
    search = std::make_unique<ProviderSearch>(env, swarm, *dht);
  }

  net::AddressFilter filter;
  net::Swarm swarm;
  net::Identify identify;
  net::Ping ping;
  Peering peering;
  exchange::SwarmNetwork swarm_network;
  exchange::StoredBlocks stored_blocks;
  exchange::Bitswap bitswap;
  /// None if it isn't enabled.
  std::unique_ptr<pubsub::PubSub> pubsub;
  std::unique_ptr<net::Reach> reach;
  /// None if the settings don't want it.
  std::unique_ptr<LanDiscovery> lan;
  /// Likewise.
  std::unique_ptr<dht::DualDht> dht;
  std::unique_ptr<ProviderSearch> search;
  std::unique_ptr<Chains> chains;
  BandwidthRates bandwidth;
  port::TaskGroup tasks;
  port::TaskGroup providing;
};

Node::Node(port::Env& env, Home home, NodeSettings settings, const NodeOptions& options)
    : env_(env),
      log_(env.log, "node"),
      home_(std::move(home)),
      settings_(std::move(settings)),
      peer_(multiformats::PeerId::from_public_key(home_.identity().public_key())),
      agent_(agent_version),
      started_at_(env.clock.now()),
      started_at_wall_(env.wall.now()),
      shutdown_(env.clock) {
  settings_.pubsub.enabled |= options.pubsub;
  if (!options.agent_suffix.empty()) agent_ += "/" + options.agent_suffix;
}

Node::~Node() = default;

Task<std::unique_ptr<Node>> Node::start(port::Env& env, Home home, NodeOptions options) {
  KITH_CO_TRY(NodeSettings settings, read_settings(home.config()));
  std::unique_ptr<Node> node(new Node(env, std::move(home), std::move(settings), options));
  store::StoreOptions store_options;
  store_options.path = node->home_.file("blocks");
  store_options.verify_reads = node->settings_.verify_reads;
  store_options.cache_bytes_max = node->settings_.memory.block_cache;
  store_options.unsynced_bytes_max = node->settings_.memory.unsynced_blocks;
  store_options.queue_bytes_max = node->settings_.memory.queued_blocks;
  KITH_CO_TRY(node->store_, co_await store::BlockStore::open(env, std::move(store_options)));
  if (options.online) {
    node->warn_of_settings();
    auto started = co_await node->start_network();
    if (!started) {
      co_await node->stop_shielded();
      co_return std::unexpected(started.error());
    }
  }
  co_return node;
}

void Node::warn_of_settings() {
  const std::vector<std::string>& keys = settings_.without_effect;
  if (keys.empty()) return;
  KITH_LOG_WARN(log_, "these settings have no effect in this version: {}", fmt::join(keys, ", "));
}

Task<void> Node::start_network() {
  load_peers();
  KITH_CO_TRY(std::optional<std::string> overrides,
              read_overrides(env_.files, home_.file(resource_overrides_name)));
  KITH_CO_TRY(net::SwarmLimits limits,
              swarm_limits(settings_, env_.net.descriptors_max(), overrides));
  net::Transports transports = settings_.transports;
  KITH_CO_TRY(const std::shared_ptr<net::WebSocketOptions> websocket,
              websocket_options(env_.files, home_, settings_));
  if (settings_.gateway_over_libp2p) {
    websocket->plain_http = [this](net::TcpGuest guest) {
      if (plain_http_) plain_http_(std::move(guest));
    };
  }
  transports.websocket_options = websocket;
  network_ =
      std::make_unique<Network>(env_, home_, settings_, std::move(limits), agent_, peers_, *store_);
  network_->swarm.set_transports(std::move(transports));
  network_->swarm.set_announce_rules(settings_.announce);
  net::ReachOptions reach = settings_.reachability;
  if (network_->dht && settings_.routing.wide_server_if_reachable) {
    network_->dht->serve_while_reachable(reach);
  }
  network_->reach = std::make_unique<net::Reach>(env_, network_->swarm, network_->identify,
                                                 std::move(reach), settings_.announce);
  network_->bitswap.start();
  if (settings_.pubsub.enabled) start_pubsub();
  if (settings_.serve_perf) net::serve_perf(env_, network_->swarm);
  std::size_t listening = 0;
  std::vector<Error> failures;
  for (const multiformats::Multiaddr& address : settings_.swarm_addresses) {
    auto outcome = network_->swarm.listen(address);
    if (outcome) {
      ++listening;
    } else {
      failures.push_back(outcome.error().with_context("listen on " + address.to_string()));
    }
  }
  // A machine without IPv6 still has IPv4; but a node that listens nowhere was not meant.
  std::optional<Error> fatal;
  if (listening == 0 && !failures.empty()) {
    fatal = std::move(failures.back());
    failures.pop_back();
  }
  for (const Error& failure : failures)
    KITH_LOG_WARN(log_, "{}", failure.message());
  if (fatal) co_return std::unexpected(*std::move(fatal));
  if (settings_.mdns) {
    network_->lan = std::make_unique<LanDiscovery>(env_, network_->swarm);
    network_->lan->mdns.start();
  }
  if (network_->dht) {
    network_->dht->start();
    network_->tasks.spawn(search_loop());
  }
  for (const PeeredPeer& one : settings_.peering) {
    // A list that all of a group share has each of them in it.
    if (one.peer != peer_) KITH_CO_CHECK(network_->peering.add(one));
  }
  ChainParts chain_parts{.swarm = network_->swarm,
                         .identify = network_->identify,
                         .pubsub = [this]() -> pubsub::PubSub& { return start_pubsub(); },
                         .routing = network_->dht.get()};
  network_->chains = std::make_unique<Chains>(env_, std::move(chain_parts), home_.file("chains"),
                                              std::string(agent_version));
  KITH_CO_CHECK(co_await network_->chains->open_all());
  network_->tasks.spawn(discovery::keep_bootstrapped(env_, network_->swarm, settings_.bootstrap));
  network_->tasks.spawn(save_peers_loop());
  if (settings_.measure_bandwidth) network_->tasks.spawn(measure_bandwidth());
  co_return Result<void>{};
}

pubsub::PubSub& Node::start_pubsub() {
  if (!network_->pubsub) {
    network_->pubsub =
        std::make_unique<pubsub::PubSub>(env_, network_->swarm, pubsub_options(settings_.pubsub));
    load_authors();
    network_->pubsub->start();
  }
  return *network_->pubsub;
}

Task<void> Node::stop_shielded() {
  Result<void> outcome;
  if (network_) {
    network_->tasks.cancel();
    network_->providing.cancel();
    co_await network_->tasks.join_shielded();
    co_await network_->providing.join_shielded();
    if (network_->chains) outcome = co_await network_->chains->close_shielded();
    if (network_->search) co_await network_->search->close_shielded();
    co_await network_->peering.close_shielded();
    if (network_->reach) co_await network_->reach->begin_close();
    if (network_->dht) co_await network_->dht->close_shielded();
    if (network_->lan) co_await network_->lan->close_shielded();
    if (network_->pubsub) co_await network_->pubsub->close_shielded();
    co_await network_->bitswap.close_shielded();
    co_await network_->swarm.close_shielded();
    if (network_->reach) co_await network_->reach->close_shielded();
    co_await network_->identify.close_shielded();
    auto kept = save_peers();
    if (outcome) outcome = kept;
    auto saved = save_authors();
    if (outcome) outcome = saved;
    network_.reset();
  }
  if (store_) {
    auto closed = co_await store_->close();
    if (outcome) outcome = closed;
    store_.reset();
  }
  co_return outcome;
}

void Node::load_peers() {
  const std::string path = home_.file("peers");
  auto content = port::read_file(env_.files, path, peers_file_bytes_max);
  if (!content) {
    if (content.error().is_errno(ENOENT)) return;
    // Or the next save would take their place.
    const std::string aside = path + ".unread";
    auto kept = env_.files.rename(path, aside);
    KITH_LOG_WARN(log_, "the remembered peers could not be read ({}){}", content.error().message(),
                  kept ? ": they are kept in " + aside : "");
    return;
  }
  net::PeerStore::Decoded decoded = peers_.decode(*content, env_.wall.now());
  if (decoded.damaged) KITH_LOG_WARN(log_, "{} is damaged: the rest of it is lost", path);
  KITH_LOG_DEBUG(log_, "{} peers remembered", decoded.peers);
}

Result<void> Node::save_peers() {
  return port::replace_file(env_.files, home_.file("peers"), peers_.encode(env_.wall.now()), 0600);
}

void Node::load_authors() {
  auto content = port::read_file(env_.files, home_.file(authors_name), authors_file_bytes_max);
  if (content) network_->pubsub->authors().decode(*content, env_.clock.now());
}

Result<void> Node::save_authors() {
  if (!network_->pubsub) return {};
  const Bytes encoded = network_->pubsub->authors().encode();
  return port::replace_file(env_.files, home_.file(authors_name), encoded, 0600);
}

Task<void> Node::save_peers_loop() {
  for (;;) {
    KITH_CO_CHECK(co_await port::sleep_for(env_.clock, save_peers_interval));
    peers_.expire(env_.wall.now());
    net::PeerStore::Encoder encoder(peers_, env_.wall.now());
    while (encoder.step(peers_encoded_at_once))
      KITH_CO_CHECK(co_await port::yield());
    auto work = [this, &encoder] {
      return port::replace_file(env_.files, home_.file("peers"), encoder.encoded(), 0600);
    };
    auto saved = co_await port::run_on(env_.pool, work);
    if (saved && network_->pubsub) {
      const Bytes authors = network_->pubsub->authors().encode();
      auto write_authors = [this, &authors] {
        return port::replace_file(env_.files, home_.file(authors_name), authors, 0600);
      };
      saved = co_await port::run_on(env_.pool, write_authors);
    }
    if (!saved) KITH_LOG_WARN(log_, "the peers could not be saved: {}", saved.error().message());
  }
}

Task<void> Node::measure_bandwidth() {
  std::uint64_t in = 0;
  std::uint64_t out = 0;
  for (;;) {
    KITH_CO_CHECK(co_await port::sleep_for(env_.clock, bandwidth_interval));
    std::uint64_t in_now = network_->swarm.bytes_received();
    std::uint64_t out_now = network_->swarm.bytes_sent();
    BandwidthRates& rates = network_->bandwidth;
    rates.in += bandwidth_weight * (static_cast<double>(in_now - in) - rates.in);
    rates.out += bandwidth_weight * (static_cast<double>(out_now - out) - rates.out);
    in = in_now;
    out = out_now;
  }
}

BandwidthRates Node::bandwidth() const noexcept {
  ASSERT(network_ != nullptr);
  return network_->bandwidth;
}

/// A session that is listed while it lives.
class Node::Transfer final : public ipld::BlockSource {
 public:
  Transfer(Node& node, SourceOptions options)
      : node_(node),
        number_(node.next_transfer_++),
        options_(std::move(options)),
        begun_at_(node.env_.clock.now()),
        session_(node.network_->bitswap.new_session()) {
    node_.transfers_.emplace(number_, this);
  }
  ~Transfer() override {
    node_.transfers_.erase(number_);
    if (node_.network_ && node_.network_->search) node_.network_->search->forget(number_);
  }

  Task<ipld::Block> get(multiformats::Cid cid, Instant deadline) override {
    return session_->get(std::move(cid), deadline);
  }
  void prefetch(std::span<const multiformats::Cid> cids) override { session_->prefetch(cids); }
  Task<bool> has(multiformats::Cid cid) override { return session_->has(std::move(cid)); }

  exchange::TransferStatus status() const { return session_->status(); }
  TransferInfo info() const { return {options_.id, options_.what, begun_at_, session_->status()}; }

 private:
  Node& node_;
  std::uint64_t number_;
  SourceOptions options_;
  Instant begun_at_;
  std::unique_ptr<exchange::BitswapSession> session_;
};

std::unique_ptr<ipld::BlockSource> Node::open_source(SourceOptions options) {
  if (network_ && options.fetch) return std::make_unique<Transfer>(*this, std::move(options));
  return std::make_unique<StoreSource>(*store_);
}

std::vector<TransferInfo> Node::transfers() const {
  std::vector<TransferInfo> list;
  for (const auto& [number, transfer] : transfers_)
    list.push_back(transfer->info());
  return list;
}

Task<void> Node::search_loop() {
  for (;;) {
    KITH_CO_CHECK(co_await port::sleep_for(env_.clock, search_look_interval));
    for (const auto& [number, transfer] : transfers_)
      network_->search->look(number, transfer->status());
  }
}

Task<void> Node::provide_now(multiformats::Multihash content) {
  Instant deadline = env_.clock.now() + provide_timeout;
  auto told = co_await network_->dht->provide(content, deadline);
  if (!told) KITH_LOG_DEBUG(log_, "providing: {}", told.error().message());
  co_return told;
}

void Node::provide(const multiformats::Cid& cid) {
  if (!network_ || !network_->dht || cid.is_identity() || !settings_.providing.enabled) return;
  if (network_->providing.spawn(provide_now(cid.hash()))) return;
  network_->dht->provide_later(cid.hash());
}

void Node::announce_blocks(std::span<const ipld::Block> blocks) {
  if (network_) network_->bitswap.notify_new_blocks(blocks);
}

net::Swarm& Node::swarm() noexcept {
  ASSERT(network_ != nullptr);
  return network_->swarm;
}

net::AddressFilter& Node::address_filter() noexcept {
  ASSERT(network_ != nullptr);
  return network_->filter;
}

net::Identify& Node::identify() noexcept {
  ASSERT(network_ != nullptr);
  return network_->identify;
}

net::Ping& Node::ping() noexcept {
  ASSERT(network_ != nullptr);
  return network_->ping;
}

Peering& Node::peering() noexcept {
  ASSERT(network_ != nullptr);
  return network_->peering;
}

net::Reach& Node::reach() noexcept {
  ASSERT(network_ != nullptr && network_->reach != nullptr);
  return *network_->reach;
}

exchange::Bitswap& Node::bitswap() noexcept {
  ASSERT(network_ != nullptr);
  return network_->bitswap;
}

pubsub::PubSub* Node::pubsub() noexcept {
  // Chains have it for themselves.
  return network_ && settings_.pubsub.enabled ? network_->pubsub.get() : nullptr;
}

Chains& Node::chains() noexcept {
  ASSERT(network_ != nullptr);
  return *network_->chains;
}

dht::DualDht* Node::dht() noexcept {
  return network_ ? network_->dht.get() : nullptr;
}

void Node::request_shutdown() noexcept {
  shutdown_requested_ = true;
  shutdown_.notify_all();
}

Task<void> Node::wait_shutdown_request() {
  while (!shutdown_requested_)
    KITH_CO_CHECK(co_await shutdown_.wait());
  co_return Result<void>{};
}

}  // namespace kith::node
