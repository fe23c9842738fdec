#include "peer.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <kith/base/assert.hpp>
#include <kith/exchange/bitswap_client.hpp>
#include <kith/port/task_group.hpp>
#include <kith/unixfs/importer.hpp>
#include <kith/unixfs/reader.hpp>

namespace kith::scenario {
namespace {

const std::string home_path = "/data/kith";
constexpr Duration dial_patience = 60s;

boost::json::value config_of(const PeerOptions& options, const std::vector<Multiaddr>& known) {
  boost::json::value config = node::default_config();
  auto set = [&config](std::string_view key, boost::json::value value) {
    auto done = node::config_set(config, key, std::move(value));
    ASSERT(done.has_value());
  };
  auto profile = node::apply_profile(config, "test");
  ASSERT(profile.has_value());
  set("Addresses.Swarm", boost::json::array{fmt::format("/ip4/0.0.0.0/tcp/{}", peer_port)});
  boost::json::array bootstrap;
  for (const Multiaddr& address : known)
    bootstrap.emplace_back(address.to_string());
  set("Bootstrap", std::move(bootstrap));
  if (!options.dht) set("Routing.Type", "none");
  // OpenSSL has randomness of its own, with which no seed repeats.
  set("Swarm.Transports.Security.TLS", false);
  const node::MemoryBounds& memory = options.memory;
  set("Datastore.BlockCacheBytes", memory.block_cache);
  set("Datastore.MaxUnsyncedBytes", memory.unsynced_blocks);
  set("Datastore.MaxQueuedBytes", memory.queued_blocks);
  set("Internal.Bitswap.MaxOutstandingBytesPerPeer", memory.unsent_per_peer);
  set("Internal.Bitswap.MaxOutstandingBytes", memory.unsent);
  set("Internal.Bitswap.MaxProcessingBytes", memory.processing);
  set("Internal.Bitswap.MaxAheadBytes", memory.fetched_ahead);
  return config;
}

}  // namespace

crypto::PrivateKey key_of(std::uint64_t seed, sim::NodeId node) {
  std::array<std::uint8_t, 32> bytes;
  Prng(sim::mix(sim::mix(seed, 'k'), node)).fill(bytes);
  return crypto::PrivateKey::from_ed25519_seed(bytes);
}

node::MemoryBounds small_memory() {
  return {.block_cache = 2 << 20,
          .unsynced_blocks = 4 << 20,
          .queued_blocks = 2 << 20,
          .unsent_per_peer = 1 << 20,
          .unsent = 12 << 20,
          .processing = 4 << 20,
          .fetched_ahead = 4 << 20};
}

std::uint64_t memory_bytes_max(const node::MemoryBounds& bounds, std::size_t connections) {
  // Each connection: Noise's and yamux's buffers, streams, what identify has told.
  constexpr std::uint64_t per_connection = 160 << 10;
  constexpr std::uint64_t program = 4 << 20;
  return bounds.block_cache + bounds.unsynced_blocks + bounds.queued_blocks + bounds.unsent +
         bounds.processing + bounds.fetched_ahead + program + connections * per_connection;
}

Figures& Figures::operator+=(const Figures& other) noexcept {
  blocks_received += other.blocks_received;
  bytes_received += other.bytes_received;
  duplicate_blocks += other.duplicate_blocks;
  duplicate_bytes += other.duplicate_bytes;
  unasked_blocks += other.unasked_blocks;
  blocks_sent += other.blocks_sent;
  bytes_sent += other.bytes_sent;
  stalls += other.stalls;
  return *this;
}

/// What one life of the machine runs.
struct Peer::Program {
  explicit Program(port::Env& its_env)
      : env(its_env), tasks(env.executor, env.clock), stop(env.clock) {}
  port::Env& env;
  std::unique_ptr<node::Node> node;
  port::TaskGroup tasks;
  bool stopping = false;
  port::Event stop;
};

Peer::Peer(sim::World& world, sim::NodeOptions machine, PeerOptions options)
    : world_(world),
      machine_(world.add_node(std::move(machine))),
      options_(options),
      key_(key_of(world.seed(), machine_.id())),
      id_(PeerId::from_public_key(key_.public_key())) {}

Peer::~Peer() = default;

Multiaddr address_of(const sim::Node& machine, const PeerId& peer) {
  std::string text = fmt::format("/ip4/{}/tcp/{}/p2p/{}", machine.address().to_string(), peer_port,
                                 peer.to_string());
  auto address = Multiaddr::parse(text);
  ASSERT(address.has_value());
  return *std::move(address);
}

void Peer::starts() {
  machine_.spawn(live());
}

void Peer::leaves(Leaving how) {
  gone_ = true;
  if (how != Leaving::politely) {
    take_figures();
    machine_.kill(how == Leaving::killed ? sim::Crash::process : sim::Crash::power);
  } else if (program_ != nullptr) {
    program_->stopping = true;
    program_->stop.notify_all();
  }
}

void Peer::returns() {
  gone_ = false;
  if (!machine_.up()) machine_.restart();
  starts();
}

node::Node* Peer::node() const noexcept {
  return program_ == nullptr ? nullptr : program_->node.get();
}

void Peer::adds(Buffer content) {
  to_add_ = std::move(content);
  if (program_ != nullptr) program_->tasks.spawn(add(*program_));
}

void Peer::fetches(Cid root, Buffer content) {
  fetch_ = Fetch{std::move(root), std::move(content), 0, false, world_.now(), {}};
  if (program_ != nullptr) program_->tasks.spawn(fetch(*program_));
}

double Peer::progress() const noexcept {
  if (!fetch_) return 0;
  if (fetch_->content.empty()) return fetch_->done ? 1 : 0;
  return static_cast<double>(fetch_->position) / static_cast<double>(fetch_->content.size());
}

bool Peer::connected_to(const PeerId& other) const {
  return node() != nullptr && node()->swarm().connected(other);
}

Figures Peer::figures() const {
  Figures all = past_;
  if (node() == nullptr) return all;
  const exchange::Bitswap& bitswap = node()->bitswap();
  const exchange::ClientStats& client = bitswap.client().stats();
  const exchange::BitswapStats stats = bitswap.stats();
  all += {.blocks_received = client.blocks_received,
          .bytes_received = client.data_received,
          .duplicate_blocks = client.duplicate_blocks,
          .duplicate_bytes = client.duplicate_data,
          .unasked_blocks = client.unasked_blocks,
          .blocks_sent = stats.blocks_sent,
          .bytes_sent = stats.data_sent,
          .stalls = bitswap.client().scheduler().stats().stalls};
  return all;
}

std::uint64_t Peer::blocks_taken() const {
  const Figures all = figures();
  return all.blocks_received - all.duplicate_blocks;
}

std::uint64_t Peer::blocks_taken_now() const {
  return blocks_taken() - (past_.blocks_received - past_.duplicate_blocks);
}

std::string Peer::describe() const {
  std::string text = fmt::format("{} {:.0f} %", machine_.name(), 100 * progress());
  if (node() == nullptr) return text + (gone_ ? ", gone" : ", starting");
  for (const node::TransferInfo& transfer : node()->transfers())
    text += ", " + exchange::describe(transfer.status);
  return text + fmt::format(", {} connections", node()->swarm().connection_count());
}

/// The present life's figures are over.
void Peer::take_figures() {
  past_ = figures();
  program_ = nullptr;
}

Task<void> Peer::live() {
  Program program(machine_.env());
  Result<void> outcome = co_await run(program);
  if (!outcome && !outcome.error().is(Errc::cancelled)) {
    ADD_FAILURE() << machine_.name() << ": " << outcome.error().message();
  }
  if (program_ == &program) take_figures();
  program.tasks.cancel();
  co_await program.tasks.join_shielded();
  if (program.node) co_await program.node->stop_shielded();
  co_return outcome;
}

Task<void> Peer::run(Program& program) {
  Result<void> opened = co_await open(program);
  // A machine that dies while it starts is no failure.
  if (!opened && co_await port::is_cancelled()) co_return std::unexpected(Errc::cancelled);
  if (!opened) co_return opened;
  program_ = &program;
  dials_again();
  if (!to_add_.empty() && !root_) program.tasks.spawn(add(program));
  if (fetching()) program.tasks.spawn(fetch(program));
  while (!program.stopping)
    KITH_CO_CHECK(co_await program.stop.wait());
  co_return Result<void>{};
}

void Peer::dials_again() {
  for (const Multiaddr& address : known_)
    program_->tasks.spawn(dial(*program_, address));
}

Task<void> Peer::open(Program& program) {
  port::Env& env = program.env;
  KITH_CO_TRY(node::Owner owner, node::owner_of(env.files, home_path));
  if (owner == node::Owner::nobody) {
    node::InitOptions init;
    init.identity = key_;
    init.config = config_of(options_, known_);
    KITH_CO_CHECK(node::init_home(env, home_path, init));
  }
  KITH_CO_TRY(node::Home home, node::Home::open(env, home_path, {}));
  KITH_CO_TRY(program.node, co_await node::Node::start(env, std::move(home), {}));
  KITH_CO_TRY(store::StoreStat stored, co_await program.node->store().stat());
  blocks_found_ = stored.blocks;
  co_return Result<void>{};
}

Task<void> Peer::dial(Program& program, Multiaddr address) {
  PeerId peer = *address.peer_id();
  std::vector<Multiaddr> addresses{std::move(address)};
  Instant deadline = program.env.clock.now() + dial_patience;
  auto outcome = co_await program.node->swarm().connect(peer, std::move(addresses), deadline);
  if (!outcome) co_return std::unexpected(outcome.error());
  co_return Result<void>{};
}

Task<void> Peer::add(Program& program) {
  unixfs::ImportOptions options = unixfs::ImportOptions::unixfs_v1_2025();
  options.chunker = unixfs::ChunkerSpec::fixed(options_.chunk_bytes);
  unixfs::MemorySource source(to_add_);
  store::BlockStore& store = program.node->store();
  auto imported = co_await unixfs::import_file(program.env, &store, options, source);
  if (!imported) co_return std::unexpected(imported.error());
  KITH_CO_CHECK(co_await store.flush());
  root_ = imported->cid;
  if (options_.dht) program.node->provide(*root_);
  co_return Result<void>{};
}

Task<void> Peer::fetch(Program& program) {
  fetch_->position = 0;
  std::unique_ptr<ipld::BlockSource> source =
      program.node->open_source({.id = machine_.name(), .what = "fetch"});
  Result<void> outcome = co_await read(program, *source);
  if (!outcome && !outcome.error().is(Errc::cancelled) && program_ == &program) {
    ADD_FAILURE() << machine_.name() << " can't read the file: " << outcome.error().message();
  }
  if (!outcome) co_return outcome;
  KITH_CO_CHECK(co_await program.node->store().flush());
  fetch_->done = true;
  fetch_->done_at = world_.now();
  co_return Result<void>{};
}

Task<void> Peer::read(Program& program, ipld::BlockSource& source) {
  KITH_CO_TRY(auto reader, co_await unixfs::FileReader::open(source, fetch_->root));
  for (;;) {
    KITH_CO_TRY(Buffer part, co_await reader.next());
    if (program_ != &program) co_return std::unexpected(Errc::cancelled);
    const std::uint64_t left = fetch_->content.size() - fetch_->position;
    if (part.empty() && left == 0) co_return Result<void>{};
    if (part.empty() || part.size() > left ||
        !equal(part, fetch_->content.view().subspan(fetch_->position, part.size()))) {
      co_return std::unexpected(Error(Errc::corrupt, "other bytes than were added"));
    }
    fetch_->position += part.size();
  }
}

}  // namespace kith::scenario
