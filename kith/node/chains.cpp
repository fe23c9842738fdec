#include <algorithm>
#include <cerrno>

#include <boost/json.hpp>
#include <errno.h>

#include <kith/ledger/network/invite.hpp>
#include <kith/ledger/network/limits.hpp>
#include <kith/node/chains.hpp>
#include <kith/port/file_system.hpp>

namespace kith::node {
namespace {

namespace json = boost::json;
using multiformats::Multiaddr;

constexpr std::size_t settings_bytes_max = 64 << 10;
/// With fewer peers of a chain, more are looked for.
constexpr std::size_t wanted_peers = 8;
constexpr Duration look_interval = 10s;
constexpr Duration search_interval = 60s;
constexpr Duration search_time = 20s;
constexpr Duration dial_time = 15s;
constexpr std::size_t dials_at_once = 4;

json::value to_json(const ChainSettings& settings) {
  json::array peers;
  for (const Multiaddr& peer : settings.peers)
    peers.emplace_back(peer.to_string());
  json::object value;
  value["Archive"] = settings.archive;
  value["Genesis"] = settings.genesis.to_string();
  value["Peers"] = std::move(peers);
  value["Coinbase"] = settings.coinbase.to_hex();
  return value;
}

Result<ChainSettings> read_settings(std::string_view text) {
  const auto bad = [](std::string_view what) {
    return std::unexpected(Error(Errc::invalid_argument, "settings.json: " + std::string(what)));
  };
  boost::system::error_code failed;
  const json::value document = json::parse(text, failed);
  const auto* object = failed ? nullptr : document.if_object();
  if (object == nullptr) return bad("an object expected");
  ChainSettings settings;
  if (const auto* archive = object->if_contains("Archive"))
    settings.archive = archive->is_bool() && archive->get_bool();
  const auto* genesis = object->if_contains("Genesis");
  const auto* cid_text = genesis != nullptr ? genesis->if_string() : nullptr;
  const auto cid = multiformats::Cid::parse(cid_text != nullptr ? *cid_text : "");
  if (!cid) return bad("Genesis: a CID expected");
  settings.genesis = *cid;
  if (const auto* coinbase = object->if_contains("Coinbase")) {
    const auto* address_text = coinbase->if_string();
    const auto address = ledger::Address::parse(address_text != nullptr ? *address_text : "");
    if (!address) return bad("Coinbase: an address expected");
    settings.coinbase = *address;
  }
  const auto* peers = object->if_contains("Peers");
  if (peers == nullptr || !peers->is_array()) return settings;
  for (const json::value& peer : peers->get_array()) {
    const auto* peer_text = peer.if_string();
    auto address = Multiaddr::parse(peer_text != nullptr ? *peer_text : "");
    if (!address || !address->peer_id()) return bad("Peers: addresses with /p2p/... expected");
    if (settings.peers.size() < chain_remembered_peers_max)
      settings.peers.push_back(*std::move(address));
  }
  return settings;
}

}  // namespace

Chains::Chains(port::Env& env, ChainParts parts, std::string folder, std::string client_version)
    : env_(env),
      log_(env.log, "chain"),
      parts_(std::move(parts)),
      folder_(std::move(folder)),
      client_version_(std::move(client_version)) {}

Chains::~Chains() {
  ASSERT(chains_.empty());
}

void Chains::set_observer(Observer observer) {
  observer_ = std::move(observer);
  if (!observer_) return;
  for (auto& [name, one] : chains_)
    observer_(*one.node, true);
}

Task<void> Chains::open_all() {
  auto lists = [this]() -> Result<std::vector<std::string>> {
    auto entries = env_.files.list(folder_);
    if (!entries && entries.error().is_errno(ENOENT)) return std::vector<std::string>();
    if (!entries) return std::unexpected(entries.error());
    std::vector<std::string> names;
    for (const port::DirectoryEntry& entry : *entries) {
      if (ledger::is_chain_name(entry.name)) names.push_back(entry.name);
    }
    std::ranges::sort(names);
    return names;
  };
  KITH_CO_TRY(const std::vector<std::string> names, co_await port::run_on(env_.pool, lists));
  for (const std::string& name : names) {
    auto opened = co_await open_one(name);
    if (opened) continue;
    if (opened.error().is(Errc::cancelled)) co_return opened;
    KITH_LOG_ERROR(log_, "chain {} can't be opened: {}", name, opened.error().message());
    failures_[name] = opened.error().message();
  }
  co_return Result<void>{};
}

Task<void> Chains::open_one(std::string name) {
  auto reads = [this, &name]() -> Result<ChainSettings> {
    KITH_TRY(const Bytes text,
             port::read_file(env_.files, folder_of(name) + "/settings.json", settings_bytes_max));
    return read_settings(as_text(text));
  };
  KITH_CO_TRY(ChainSettings settings, co_await port::run_on(env_.pool, std::move(reads)));
  ledger::ChainNodeOptions options;
  options.name = name;
  options.folder = folder_of(name);
  options.archive = settings.archive;
  options.client_version = client_version_;
  options.coinbase = settings.coinbase;
  if (parts_.routing != nullptr) {
    options.find_peer = [this](multiformats::PeerId peer) { return find_peer(peer); };
  }
  ledger::ChainNetwork network{parts_.swarm, parts_.identify, parts_.pubsub()};
  KITH_CO_TRY(auto node, co_await ledger::ChainNode::open(env_, network, std::move(options)));
  One one;
  one.settings = std::move(settings);
  one.node = std::move(node);
  one.tasks = std::make_unique<port::TaskGroup>(env_.executor, env_.clock, 1);
  One& kept = chains_.insert_or_assign(name, std::move(one)).first->second;
  failures_.erase(name);
  kept.tasks->spawn(look_for_peers(kept));
  if (observer_) observer_(*kept.node, true);
  co_return Result<void>{};
}

Result<void> Chains::write_settings(const std::string& name, const ChainSettings& settings) {
  const std::string text = json::serialize(to_json(settings)) + "\n";
  return port::replace_file(env_.files, folder_of(name) + "/settings.json", as_bytes(text), 0600);
}

Task<ledger::ChainNode*> Chains::create(std::string name, std::string genesis_text,
                                        ChainSettings settings) {
  if (!ledger::is_chain_name(name)) {
    co_return std::unexpected(
        Error(Errc::invalid_argument, "a chain's name has letters, digits, '-', '_' and '.'"));
  }
  if (chains_.size() + failures_.size() >= ledger::chains_max)
    co_return std::unexpected(Error(Errc::limit_exceeded, "as many chains are here as may be"));
  // Before anything is written.
  KITH_CO_TRY(const ledger::Genesis genesis, ledger::Genesis::parse(genesis_text));
  KITH_CO_CHECK(ledger::consensus_of(genesis_text));
  const ledger::Hash hash = genesis.block.header.hash();
  for (const auto& [other, one] : chains_) {
    if (one.node->chain().genesis() == hash) {
      co_return std::unexpected(
          Error(Errc::already_exists, "the chain is here already, as \"" + other + "\""));
    }
  }
  if (chains_.contains(name) || failures_.contains(name)) {
    co_return std::unexpected(
        Error(Errc::already_exists, "there is a chain \"" + name + "\": choose another name"));
  }
  const std::string path = folder_of(name);
  // The settings last: a folder without them was never whole.
  auto writes = [this, &name, &path, &genesis_text, &settings]() -> Result<void> {
    KITH_CHECK(env_.files.make_directories(path, 0700));
    KITH_CHECK(
        port::replace_file(env_.files, path + "/genesis.json", as_bytes(genesis_text), 0600));
    return write_settings(name, settings);
  };
  auto opened = co_await port::run_on(env_.pool, std::move(writes));
  if (opened) opened = co_await open_one(name);
  if (!opened) {
    auto removes = [this, &path] { return remove_folder(path); };
    static_cast<void>(co_await port::run_on(env_.pool, std::move(removes)));
    failures_.erase(name);
    co_return std::unexpected(opened.error());
  }
  co_return chains_.find(name)->second.node.get();
}

Result<void> Chains::remove_folder(const std::string& path) {
  KITH_TRY(const auto entries, env_.files.list(path));
  for (const port::DirectoryEntry& entry : entries) {
    const std::string inside = path + "/" + entry.name;
    KITH_TRY(const port::FileInfo info, env_.files.info(inside));
    if (info.kind == port::FileKind::directory) {
      KITH_CHECK(remove_folder(inside));
    } else {
      KITH_CHECK(env_.files.remove(inside));
    }
  }
  return env_.files.remove(path);
}

Task<void> Chains::close_one(One& one) {
  if (observer_) observer_(*one.node, false);
  one.tasks->cancel();
  co_await one.tasks->join_shielded();
  co_return co_await one.node->close_shielded();
}

Task<void> Chains::close_shielded() {
  closed_ = true;
  Result<void> outcome;
  while (!chains_.empty()) {
    auto node = chains_.extract(chains_.begin());
    remember_peers(node.key(), node.mapped());
    auto closed = co_await close_one(node.mapped());
    if (outcome && !closed)
      outcome = std::unexpected(closed.error().with_context("chain " + node.key()));
  }
  co_return outcome;
}

ledger::ChainNode* Chains::find(std::string_view name) const {
  const auto found = chains_.find(name);
  return found == chains_.end() ? nullptr : found->second.node.get();
}

std::vector<ledger::ChainNode*> Chains::all() const {
  std::vector<ledger::ChainNode*> all;
  for (const auto& [name, one] : chains_)
    all.push_back(one.node.get());
  return all;
}

const ChainSettings* Chains::settings_of(std::string_view name) const {
  const auto found = chains_.find(name);
  return found == chains_.end() ? nullptr : &found->second.settings;
}

/// Those who are there now come first next time.
void Chains::remember_peers(const std::string& name, One& one) {
  std::vector<Multiaddr> peers;
  for (const ledger::ChainPeers::Peer& peer : one.node->peers()) {
    if (!peer.is_outbound) continue;
    for (const net::ConnectionInfo& connection : parts_.swarm.connections_of(peer.id)) {
      if (connection.direction != net::Direction::outbound || connection.limited) continue;
      const auto address = connection.remote_address.without_peer_id().with_peer_id(peer.id);
      if (address && peers.size() < chain_remembered_peers_max / 2) peers.push_back(*address);
      break;
    }
  }
  for (const Multiaddr& old : one.settings.peers) {
    if (peers.size() < chain_remembered_peers_max && std::ranges::find(peers, old) == peers.end()) {
      peers.push_back(old);
    }
  }
  if (peers == one.settings.peers) return;
  one.settings.peers = std::move(peers);
  const auto written = write_settings(name, one.settings);
  if (!written)
    KITH_LOG_WARN(log_, "{}: its peers can't be remembered: {}", name, written.error().message());
}

Task<std::vector<Multiaddr>> Chains::find_peer(multiformats::PeerId peer) {
  KITH_CO_TRY(routing::PeerAddresses found,
              co_await parts_.routing->find_peer(peer, env_.clock.now() + search_time));
  co_return std::move(found.addresses);
}

Task<void> Chains::dial(Multiaddr address) {
  const multiformats::PeerId peer = *address.peer_id();
  const Multiaddr place = address.without_peer_id();
  std::vector<Multiaddr> places;
  if (!place.empty()) places.push_back(place);
  auto connected =
      co_await parts_.swarm.connect(peer, std::move(places), env_.clock.now() + dial_time);
  if (!connected) co_return std::unexpected(connected.error());
  co_return Result<void>{};
}

/// Of those that are known, some that we aren't connected with.
void Chains::dial_known(const One& one, port::TaskGroup& dials) {
  std::vector<Multiaddr> known = one.settings.peers;
  std::erase_if(known,
                [this](const Multiaddr& address) { return !is_to_dial(*address.peer_id()); });
  for (std::size_t i = 0; i < std::min(known.size(), dials_at_once); ++i) {
    std::swap(known[i], known[i + env_.prng.below(known.size() - i)]);
    dials.spawn(dial(known[i]));
  }
}

bool Chains::is_to_dial(const multiformats::PeerId& peer) const {
  return peer != parts_.swarm.local_peer() && !parts_.swarm.connected(peer);
}

/// Whoever has the genesis file holds the chain, more likely than not.
Task<void> Chains::search(multiformats::Multihash genesis, port::TaskGroup& dials) {
  const auto on_provider = [this, &dials](const routing::PeerAddresses& provider) {
    if (!is_to_dial(provider.peer)) return true;
    for (const Multiaddr& place : provider.addresses) {
      const auto address = place.without_peer_id().with_peer_id(provider.peer);
      if (address) dials.spawn(dial(*address));
    }
    return dials.size() < chain_remembered_peers_max / 2;
  };
  const Instant deadline = env_.clock.now() + search_time;
  co_return co_await parts_.routing->find_providers(genesis, on_provider, deadline);
}

Task<void> Chains::find_more(const One& one, bool searches) {
  port::TaskGroup dials(env_.executor, env_.clock, chain_remembered_peers_max);
  dial_known(one, dials);
  if (searches) dials.spawn(search(one.settings.genesis.hash(), dials));
  auto joined = co_await dials.join();
  dials.cancel();
  co_await dials.join_shielded();
  co_return joined;
}

/// It ends before its chain does.
Task<void> Chains::look_for_peers(const One& one) {
  Instant next_search = env_.clock.now();
  for (;;) {
    if (one.node->peers().size() < wanted_peers) {
      const bool searches = parts_.routing != nullptr && env_.clock.now() >= next_search;
      if (searches) next_search = env_.clock.now() + search_interval;
      KITH_CO_CHECK(co_await find_more(one, searches));
    }
    KITH_CO_CHECK(co_await port::sleep_for(env_.clock, look_interval));
  }
}

}  // namespace kith::node
