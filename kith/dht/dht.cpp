#include <algorithm>
#include <utility>

#include <kith/base/assert.hpp>
#include <kith/dht/detail/run.hpp>
#include <kith/dht/dht.hpp>

namespace kith::dht {

using multiformats::Multiaddr;
using multiformats::Multihash;
using routing::PeerAddresses;
using routing::RoutingError;

/// A place among the lookups that run.
class Dht::Turn {
 public:
  explicit Turn(Dht& dht) : dht_(dht) { ++dht_.lookups_running_; }
  ~Turn() {
    --dht_.lookups_running_;
    dht_.turn_.notify_all();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Dht& dht_;
};

Dht::Dht(port::Env& env, Network& network, const routing::Validators& validators,
         DhtOptions options)
    : env_(env),
      log_(env.log, "dht"),
      network_(network),
      validators_(validators),
      options_(std::move(options)),
      table_(Key::of(network.self()), options_.lookup.wanted),
      providers_(Key::of(network.self()), options_.providers),
      values_(Key::of(network.self()), validators, options_.values),
      size_(options_.lookup.wanted),
      server_({network.self(), table_, providers_, values_, env.prng,
               [this](const PeerId& peer) { return network_.addresses(peer); },
               [this](std::vector<Multiaddr> all) { return network_.usable(std::move(all)); }}),
      turn_(env.clock),
      newcomer_(env.clock),
      much_due_(env.clock),
      tasks_(env.executor, env.clock),
      checks_(env.executor, env.clock, checks_at_once_max) {}

Dht::~Dht() {
  ASSERT(!started_);
}

void Dht::start() {
  ASSERT(!started_);
  started_ = true;
  network_.observe(*this);
  if (options_.server) set_server(true);
  tasks_.spawn(upkeep());
  started_at_ = env_.wall.now();
  online_since_ = started_at_;
  if (options_.tell) tasks_.spawn(tell_loop());
}

Task<void> Dht::close_shielded() {
  // It may have served without having been started.
  set_server(false);
  if (std::exchange(started_, false)) network_.stop_observing();
  tasks_.cancel();
  checks_.cancel();
  co_await tasks_.join_shielded();
  co_await checks_.join_shielded();
  for (; !early_.empty(); early_.pop_back())
    co_await end_telling_shielded(*early_.back());
  co_return Result<void>{};
}

void Dht::set_server(bool server) {
  if (server == serving_) return;
  serving_ = server;
  if (!server) return network_.stop_serving();
  network_.serve([this](const PeerId& from, std::optional<IpGroup> group, const Message& request) {
    return serve(from, group, request);
  });
}

std::expected<std::optional<Message>, Server::Refused> Dht::serve(const PeerId& from,
                                                                  std::optional<IpGroup> group,
                                                                  const Message& request) {
  auto answer = server_.answer(from, group, request, env_.wall.now());
  ++(answer ? stats_.requests_served : stats_.requests_refused);
  if (answer) table_.heard_from(from, env_.clock.now());
  return answer;
}

Task<void> Dht::wait_for_peer(Instant deadline) {
  while (table_.size() == 0)
    KITH_CO_CHECK(co_await newcomer_.wait(deadline));
  co_return Result<void>{};
}

// The table.

void Dht::on_server(const PeerId& peer, std::vector<IpGroup> groups) {
  add_to_table(peer, std::move(groups));
}

void Dht::on_no_server(const PeerId& peer) {
  table_.remove(peer);
  note_peers();
}

void Dht::note_peers() {
  const bool online = table_.size() > 0;
  if (std::exchange(online_, online) == online) return;
  ever_online_ |= online;
  online_since_ = env_.wall.now();
}

void Dht::add_to_table(const PeerId& peer, std::vector<IpGroup> groups) {
  lost_.found(peer);
  RoutingTable::Added added = table_.add(peer, std::move(groups), env_.clock.now());
  note_peers();
  if (added.doubtful) checks_.spawn(check(*added.doubtful));
  if (added.outcome == RoutingTable::Outcome::added && table_.size() == 1) newcomer_.notify_all();
}

void Dht::lose(const PeerId& peer) {
  if (table_.remove(peer)) lost_.lost(peer, env_.clock.now());
  note_peers();
}

Task<Answer> Dht::request(PeerId peer, Message message, Instant deadline) {
  ++stats_.requests_sent;
  auto answer = co_await network_.request(peer, std::move(message), deadline);
  if (answer) {
    if (answer->belongs) {
      add_to_table(peer, answer->seen_at.value_or(std::vector<IpGroup>()));
    }
    co_return answer;
  }
  const Error& why = answer.error();
  ++stats_.requests_failed;
  KITH_LOG_TRACE(log_, "{}: {}", peer.to_short_string(), why.message());
  if (!why.is(Errc::cancelled) && !why.is(Errc::busy)) lose(peer);
  co_return answer;
}

Task<void> Dht::check(PeerId peer) {
  Message message{.type = MessageType::find_node,
                  .key = to_bytes(network_.self().bytes()),
                  .record = {},
                  .closer = {},
                  .providers = {}};
  Instant deadline = env_.clock.now() + request_timeout;
  const bool was_lost = !table_.contains(peer);
  auto answer = co_await request(peer, std::move(message), deadline);
  if (answer) {
    learn(answer->message.closer);
  } else if (answer.error().is(Errc::cancelled)) {
    co_return std::unexpected(answer.error());
  } else if (was_lost) {
    lost_.lost(peer, env_.clock.now());
  }
  co_return Result<void>{};
}

Task<void> Dht::check_all(std::vector<PeerId> peers) {
  port::TaskGroup group(env_.executor, env_.clock, checks_at_once_max);
  Result<void> outcome;
  for (std::size_t i = 0; i < peers.size() && outcome; i += checks_at_once_max) {
    for (std::size_t j = i; j < std::min(i + checks_at_once_max, peers.size()); ++j)
      group.spawn(check(peers[j]));
    outcome = co_await group.join();
  }
  group.cancel();
  co_await group.join_shielded();
  co_return outcome;
}

// Lookups.

std::vector<Lookup::Candidate> Dht::learn(const std::vector<Peer>& peers) {
  std::vector<Lookup::Candidate> candidates;
  for (const Peer& peer : peers) {
    if (peer.id == network_.self()) continue;
    std::vector<Multiaddr> addresses = network_.usable(peer.addresses);
    network_.heard(peer.id, addresses);
    if (addresses.empty()) addresses = network_.addresses(peer.id);
    if (addresses.empty()) continue;
    std::vector<IpGroup> groups = network_.groups(addresses);
    candidates.push_back({peer.id, std::move(groups)});
  }
  return candidates;
}

Task<void> Dht::ask(Run& run, PeerId peer, Instant deadline) {
  auto answer = co_await request(peer, run.request, deadline);
  if (answer) {
    std::vector<Lookup::Candidate> closer = learn(answer->message.closer);
    run.lookup.answered(peer, std::move(answer->seen_at), closer);
    if (!run.enough && run.on_answer && !run.on_answer(peer, answer->message)) run.enough = true;
  } else {
    run.lookup.failed(peer);
  }
  run.changed.notify_all();
  co_return Result<void>{};
}

Task<void> Dht::ask_around(Run& run, Instant deadline) {
  for (;;) {
    Instant now = env_.clock.now();
    if (run.enough || run.lookup.done(now)) co_return Result<void>{};
    if (now >= deadline) co_return std::unexpected(Errc::timed_out);
    // A request that the lookup's own end cuts short is cancelled, which says nothing of the peer.
    while (std::optional<PeerId> peer = run.lookup.next(now))
      run.asking.spawn(ask(run, *peer, now + request_timeout));
    auto woken = co_await run.changed.wait(std::min(deadline, run.lookup.deadline(now)));
    if (!woken && !woken.error().is(Errc::timed_out)) co_return woken;
  }
}

Task<void> Dht::run(Run& run, Instant deadline) {
  while (lookups_running_ >= lookups_at_once_max)
    KITH_CO_CHECK(co_await turn_.wait(deadline));
  Turn turn(*this);
  ++stats_.lookups;
  std::vector<Lookup::Candidate> known;
  for (const PeerId& peer : table_.nearest(run.target, options_.lookup.wanted))
    known.push_back({peer, table_.groups(peer)});
  if (known.empty()) co_return std::unexpected(RoutingError::no_peers);
  run.lookup.add(known);
  // Those nearest to the target may be of one mind; a few from all over the table aren't.
  if (table_.size() > options_.lookup.wanted) {
    std::vector<PeerId> all = table_.peers();
    for (std::size_t i = 0; i < options_.lookup.others; ++i) {
      const PeerId& other = all[env_.prng.below(all.size())];
      run.lookup.ask_first({other, table_.groups(other)});
    }
  }
  Result<void> outcome = co_await ask_around(run, deadline);
  run.asking.cancel();
  co_await run.asking.join_shielded();
  std::size_t shared = common_prefix(table_.self(), run.target);
  if (outcome && shared < refreshed_.size()) refreshed_[shared] = env_.clock.now();
  // In a bucket that isn't full it would be the same peers each time.
  if (outcome && !run.enough && shared < region_bits()) {
    size_.add(run.target, run.lookup.nearest(), env_.clock.now());
  }
  if (outcome) ++stats_.hops[std::min(run.lookup.hops(), hops_counted_max)];
  if (outcome && run.lookup.answers() == 0) co_return std::unexpected(RoutingError::no_peers);
  co_return outcome;
}

Task<std::vector<PeerId>> Dht::nearest_to(Bytes key, Instant deadline) {
  Message message{.type = MessageType::find_node,
                  .key = std::move(key),
                  .record = {},
                  .closer = {},
                  .providers = {}};
  Run search(env_, std::move(message), network_.self(), options_.lookup);
  Result<void> outcome = co_await run(search, deadline);
  std::vector<PeerId> nearest = search.lookup.nearest();
  const bool late = !outcome && outcome.error().is(Errc::timed_out) && !nearest.empty();
  if (!outcome && !late) co_return std::unexpected(outcome.error());
  co_return nearest;
}

Task<std::vector<PeerAddresses>> Dht::closest_peers(Bytes key, Instant deadline) {
  if (key.size() > key_bytes_max) co_return std::unexpected(RoutingError::too_long);
  KITH_CO_TRY(std::vector<PeerId> nearest, co_await nearest_to(std::move(key), deadline));
  std::vector<PeerAddresses> found;
  for (const PeerId& peer : nearest)
    found.push_back({peer, network_.addresses(peer)});
  co_return found;
}

// Storing.

Task<void> Dht::store_one(PeerId peer, const Message& message, Instant deadline,
                          std::size_t& stored) {
  if (message.type == MessageType::add_provider) {
    auto told = co_await network_.tell(peer, message, deadline);
    if (told) ++stored;
    co_return told;
  }
  // Who refuses a value isn't gone.
  ++stats_.requests_sent;
  auto answer = co_await network_.request(peer, message, deadline);
  if (!answer) co_return std::unexpected(answer.error());
  if (answer->message.record && answer->message.record->value == message.record->value) ++stored;
  co_return Result<void>{};
}

Task<std::size_t> Dht::store_with(std::vector<PeerId> peers, Message message, Instant deadline) {
  port::TaskGroup group(env_.executor, env_.clock, options_.stores_at_once);
  std::size_t stored = 0;
  Result<void> joined;
  for (const PeerId& peer : peers) {
    while (joined && group.size() >= options_.stores_at_once)
      joined = co_await group.join();
    if (!joined) break;
    Instant end = std::min(deadline, env_.clock.now() + request_timeout);
    group.spawn(store_one(peer, message, end, stored));
  }
  if (joined) joined = co_await group.join();
  group.cancel();
  co_await group.join_shielded();
  if (!joined) co_return std::unexpected(joined.error());
  co_return stored;
}

Task<void> Dht::correct(std::vector<PeerId> behind, Message better) {
  Instant deadline = env_.clock.now() + request_timeout;
  auto stored = co_await store_with(std::move(behind), std::move(better), deadline);
  if (!stored) co_return std::unexpected(stored.error());
  co_return Result<void>{};
}

Message Dht::own_provider_message(ByteView content) const {
  Peer self = told(network_.self(), network_.addresses(network_.self()));
  return {.type = MessageType::add_provider,
          .key = to_bytes(content),
          .record = {},
          .closer = {},
          .providers = {std::move(self)}};
}

void Dht::keep_own_record(ByteView content) {
  WallTime now = env_.wall.now();
  Provider self;
  self.peer = network_.self();
  self.said_at = now;
  providers_.add(content, std::move(self), now);
}

Task<void> Dht::announce(Bytes content, Instant deadline) {
  // What is left when the lookup has taken its time is for telling.
  Duration left = deadline == never ? lookup_timeout : deadline - env_.clock.now();
  Instant lookup_end = env_.clock.now() + std::min(left - left / 10, lookup_timeout);
  if (auto size = network_size(); size && options_.optimistic) {
    const Nearness near = Nearness::in_network_of(*size, options_.lookup.wanted);
    co_return co_await announce_early(std::move(content), near, lookup_end, deadline);
  }
  KITH_CO_TRY(std::vector<PeerId> nearest, co_await nearest_to(content, lookup_end));
  Message message = own_provider_message(content);
  KITH_CO_TRY(std::size_t stored,
              co_await store_with(std::move(nearest), std::move(message), deadline));
  ++(stored > 0 ? stats_.keys_told : stats_.keys_untold);
  stats_.records_told += stored;
  if (stored == 0) co_return std::unexpected(RoutingError::none_took_it);
  co_return Result<void>{};
}

void Dht::told_of(const Bytes& content) {
  if (!provided_.contains(content)) return;
  const WallTime now = env_.wall.now();
  const Duration interval = options_.reprovide_interval;
  if (interval == Duration{0}) return stop_providing(content);
  // With the others of its region, but not when it has just been told of.
  const Key place = Key::of(content).prefix(region_bits());
  provided_.told(content, slot_after(place, now + interval / 8));
}

Task<void> Dht::provide(Multihash content, Instant deadline) {
  Bytes key = to_bytes(content.bytes());
  if (key.size() > content_key_bytes_max) co_return std::unexpected(RoutingError::too_long);
  keep_own_record(key);
  // First, so that it is told of later if it can't be now.
  if (!provided_.set(key, env_.wall.now() + reprovide_retry)) {
    co_return std::unexpected(Errc::limit_exceeded);
  }
  Alone alone(*this);
  auto told = co_await announce(key, deadline);
  if (told) told_of(key);
  co_return told;
}

Task<void> Dht::put_value(Bytes key, Bytes value, Instant deadline) {
  auto kept = values_.put(key, value, env_.wall.now());
  // That others' records are nearer to us is no reason not to tell of our own.
  if (!kept && !kept.error().is(Errc::limit_exceeded)) co_return kept;
  KITH_CO_TRY(std::vector<PeerId> nearest, co_await nearest_to(key, deadline));
  Message message{.type = MessageType::put_value,
                  .key = key,
                  .record = Record{key, std::move(value), {}},
                  .closer = {},
                  .providers = {}};
  KITH_CO_TRY(std::size_t stored,
              co_await store_with(std::move(nearest), std::move(message), deadline));
  if (stored == 0) co_return std::unexpected(RoutingError::none_took_it);
  co_return Result<void>{};
}

// Finding.

/// What has been found and told of.
struct Dht::ProviderSearch {
  routing::OnProvider on_provider;
  /// By peer, whether its addresses were told.
  std::map<PeerId, bool> told{};
  bool enough = false;

  void tell(const PeerId& peer, std::vector<Multiaddr> addresses) {
    if (enough) return;
    auto known = told.find(peer);
    if (known == told.end() ? told.size() >= providers_found_max
                            : known->second || addresses.empty()) {
      return;
    }
    told.insert_or_assign(peer, !addresses.empty());
    enough = !on_provider({peer, std::move(addresses)});
  }
};

Task<void> Dht::find_providers(Multihash content, routing::OnProvider on_provider,
                               Instant deadline) {
  Bytes key = to_bytes(content.bytes());
  if (key.size() > content_key_bytes_max) co_return std::unexpected(RoutingError::too_long);
  ProviderSearch found{std::move(on_provider)};
  for (Provider& provider : providers_.get(key, env_.wall.now(), env_.prng)) {
    std::vector<Multiaddr> addresses = std::move(provider.addresses);
    if (addresses.empty()) addresses = network_.addresses(provider.peer);
    found.tell(provider.peer, std::move(addresses));
  }
  if (found.enough) co_return Result<void>{};
  Message message{.type = MessageType::get_providers,
                  .key = std::move(key),
                  .record = {},
                  .closer = {},
                  .providers = {}};
  Run search(env_, std::move(message), network_.self(), options_.lookup);
  search.on_answer = [this, &found](const PeerId&, const Message& answer) {
    for (const Peer& provider : answer.providers) {
      std::vector<Multiaddr> addresses = network_.usable(provider.addresses);
      network_.heard(provider.id, addresses);
      if (addresses.empty()) addresses = network_.addresses(provider.id);
      found.tell(provider.id, std::move(addresses));
    }
    return !found.enough;
  };
  Result<void> outcome = co_await run(search, deadline);
  const bool alone = !outcome && outcome.error().is(RoutingError::no_peers);
  if (alone && !found.told.empty()) co_return Result<void>{};
  co_return outcome;
}

Task<PeerAddresses> Dht::find_peer(PeerId peer, Instant deadline) {
  if (network_.connected(peer) || peer == network_.self()) {
    co_return PeerAddresses{peer, network_.addresses(peer)};
  }
  Message message{.type = MessageType::find_node,
                  .key = to_bytes(peer.bytes()),
                  .record = {},
                  .closer = {},
                  .providers = {}};
  Run search(env_, std::move(message), network_.self(), options_.lookup);
  std::vector<Multiaddr> claimed;
  std::size_t attempts = 0;
  // Anybody can say where a peer is; that it is there shows when it has been reached.
  auto reach = [](Dht& dht, Run& in, PeerId whom, Instant end) -> Task<void> {
    auto reached = co_await dht.network_.reach(whom, end);
    if (reached) in.enough = true;
    in.changed.notify_all();
    co_return reached;
  };
  search.on_answer = [&](const PeerId& from, const Message& answer) {
    if (from == peer || network_.connected(peer)) return false;
    for (const Peer& one : answer.closer) {
      if (one.id != peer) continue;
      bool fresh = false;
      for (Multiaddr& address : network_.usable(one.addresses)) {
        if (std::ranges::find(claimed, address) != claimed.end()) continue;
        if (claimed.size() >= addresses_per_peer_max) break;
        claimed.push_back(std::move(address));
        fresh = true;
      }
      if (!fresh || attempts >= reach_attempts_max) continue;
      ++attempts;
      Instant end = std::min(deadline, env_.clock.now() + request_timeout);
      search.asking.spawn(reach(*this, search, peer, end));
    }
    return true;
  };
  Result<void> outcome = co_await run(search, deadline);
  if (network_.connected(peer)) co_return PeerAddresses{peer, network_.addresses(peer)};
  if (!claimed.empty()) co_return PeerAddresses{peer, std::move(claimed)};
  if (!outcome) co_return std::unexpected(outcome.error());
  co_return std::unexpected(RoutingError::not_found);
}

/// The best value so far, and who had it.
struct Dht::ValueSearch {
  std::optional<Bytes> best{};
  std::set<PeerId> have_best{};
};

Task<Bytes> Dht::get_value(Bytes key, Instant deadline) {
  KITH_CO_CHECK(validators_.check_key(key));
  ValueSearch found;
  if (auto own = values_.get(key, env_.wall.now())) found.best = std::move(own->value);
  Message message{
      .type = MessageType::get_value, .key = key, .record = {}, .closer = {}, .providers = {}};
  Run search(env_, std::move(message), network_.self(), options_.lookup);
  search.on_answer = [this, &key, &found](const PeerId& from, const Message& answer) {
    if (!answer.record || answer.record->key != key) return true;
    const Bytes& value = answer.record->value;
    if (!validators_.check(key, value, env_.wall.now())) return true;
    if (found.best && *found.best != value && !validators_.better(key, value, *found.best)) {
      return true;
    }
    if (found.best != value) found.have_best.clear();
    found.best = value;
    found.have_best.insert(from);
    return true;
  };
  Result<void> outcome = co_await run(search, deadline);
  if (!found.best) {
    co_return std::unexpected(outcome ? Error(RoutingError::not_found) : outcome.error());
  }
  if (!outcome && outcome.error().is(Errc::cancelled)) co_return std::unexpected(outcome.error());
  // Who is among the nearest and has an older value, or none, is told; nobody waits for that.
  std::vector<PeerId> behind = search.lookup.nearest();
  std::erase_if(behind, [&found](const PeerId& peer) { return found.have_best.contains(peer); });
  Message better{.type = MessageType::put_value,
                 .key = key,
                 .record = Record{key, *found.best, {}},
                 .closer = {},
                 .providers = {}};
  if (!behind.empty()) tasks_.spawn(correct(std::move(behind), std::move(better)));
  co_return *std::move(found.best);
}

}  // namespace kith::dht
