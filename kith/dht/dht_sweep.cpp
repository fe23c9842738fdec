// The sweep: how much content is told of again at little cost. Its keys lie anywhere in the
// keyspace, but those of one region have the same peers near them. So a region, all places that
// begin with the same bits, as many as leave at least k peers in it, is explored once, and each
// peer in it gets its keys on one stream. 10,000 keys in a network of 500 cost a lookup each
// otherwise, and twenty streams.
//
//   explore   lookups find all peers of the region: one shows all that share more bits with its
//             target than the furthest of the k nearest does; the rest is looked up likewise
//   gather    those of the region's keys that are due before half an interval is over, and that are
//             still here
//   assign    to each peer the keys of which it is one of the k nearest
//   tell      all of them, some peers at once
//
// A region's turn is at its place in the interval, as far as its first key is in the keyspace, so
// that the work is spread evenly. Keys carry the time they are due, which StateKeeper keeps: after
// a restart what is late comes first, the latest at the head, and what was told of isn't again.
// Regions come one after the other: a few hundred in the largest network, ten seconds each.
#include <algorithm>
#include <cmath>

#include <kith/dht/detail/run.hpp>
#include <kith/dht/dht.hpp>

namespace kith::dht {

/// One region, from its first key that is due on.
struct Dht::Sweep {
  Region region;
  std::map<Key, PeerId> peers{};
  std::vector<Bytes> contents{};
  /// By number in contents: how many peers have been told.
  std::vector<std::size_t> told{};
  std::map<PeerId, std::vector<std::size_t>> keys_of{};
  std::size_t reached = 0;

  void add(const std::vector<PeerId>& nearest) {
    for (const PeerId& peer : nearest)
      peers.emplace(Key::of(peer), peer);
  }
};

/// How many leading buckets are full: what begins with so many bits has about k peers or more.
std::size_t Dht::region_bits() const {
  std::size_t bits = 0;
  while (bits < sweep_region_bits_max && table_.bucket(bits).size() >= table_.bucket_size())
    ++bits;
  return bits;
}

WallTime Dht::slot_after(const Key& place, WallTime then) const {
  // The keyspace is as long as the interval.
  const auto interval = static_cast<std::uint64_t>(options_.reprovide_interval.count());
  const auto share = static_cast<unsigned __int128>(place.leading_bits()) * interval;
  const Duration phase(static_cast<Duration::rep>(static_cast<std::uint64_t>(share >> 64)));
  const Duration since = then.time_since_epoch();
  const WallTime slot(since - since % options_.reprovide_interval + phase);
  return slot > then ? slot : slot + options_.reprovide_interval;
}

Bytes Dht::key_in(const Region& region) {
  // Looks like the peer id of a hashed key, since some implementations read it as one.
  Bytes key(34);
  key[0] = 0x12;
  key[1] = 0x20;
  do {
    env_.prng.fill(MutableBytes(key).subspan(2));
  } while (!region.contains(Key::of(key)));
  return key;
}

Task<void> Dht::explore(Sweep& sweep, Bytes content) {
  const Key place = Key::of(content);
  KITH_CO_TRY(std::vector<PeerId> nearest,
              co_await nearest_to(std::move(content), env_.clock.now() + lookup_timeout));
  sweep.add(nearest);
  // With fewer there is one region, and we have seen all of it.
  sweep.region = {place, 0};
  if (nearest.size() < options_.lookup.wanted) co_return Result<void>{};
  const std::size_t bits = common_prefix(place, Key::of(nearest.back()));
  sweep.region.bits = std::min(bits, sweep_region_bits_max);
  // A single key has its nearest peers already.
  const WallTime end = env_.wall.now() + options_.reprovide_interval / 2;
  if (provided_.within(sweep.region, end, 2).size() < 2) co_return Result<void>{};
  std::vector<Region> rest;
  for (std::size_t bit = sweep.region.bits; bit <= bits && bit < Key::bits; ++bit)
    rest.push_back({place.flipped(bit), bit + 1});
  co_return co_await explore_rest(sweep, std::move(rest));
}

Task<void> Dht::explore_rest(Sweep& sweep, std::vector<Region> rest) {
  std::size_t lookups = 1;
  while (!rest.empty() && lookups < sweep_lookups_max) {
    const Region part = rest.back();
    rest.pop_back();
    if (part.bits > sweep_region_bits_max + 1) continue;
    Bytes key = key_in(part);
    const Key place = Key::of(key);
    KITH_CO_TRY(std::vector<PeerId> nearest,
                co_await nearest_to(std::move(key), env_.clock.now() + lookup_timeout));
    ++lookups;
    sweep.add(nearest);
    if (nearest.size() < options_.lookup.wanted) continue;
    const std::size_t seen = common_prefix(place, Key::of(nearest.back())) + 1;
    for (std::size_t bit = part.bits; bit < seen && bit < Key::bits; ++bit)
      rest.push_back({place.flipped(bit), bit + 1});
  }
  co_return Result<void>{};
}

Task<bool> Dht::still_has(const Bytes& content) {
  if (!options_.still_has) co_return true;
  auto hash = multiformats::Multihash::from_bytes(content);
  if (!hash) co_return false;
  co_return co_await options_.still_has(*hash);
}

Task<void> Dht::gather(Sweep& sweep) {
  const WallTime end = env_.wall.now() + options_.reprovide_interval / 2;
  for (Bytes& content : provided_.within(sweep.region, end, sweep_keys_max)) {
    Result<bool> has = co_await still_has(content);
    if (!has) co_return std::unexpected(has.error());
    if (*has) {
      sweep.contents.push_back(std::move(content));
    } else {
      stop_providing(content);
    }
    if (sweep.contents.size() % sweep_keys_at_once == 0) KITH_CO_CHECK(co_await port::yield());
  }
  co_return Result<void>{};
}

Task<void> Dht::assign(Sweep& sweep) {
  sweep.told.resize(sweep.contents.size());
  std::vector<std::pair<Key, const PeerId*>> near;
  for (std::size_t i = 0; i < sweep.contents.size(); ++i) {
    const Key place = Key::of(sweep.contents[i]);
    near.clear();
    for (const auto& [key, peer] : sweep.peers)
      near.emplace_back(distance(key, place), &peer);
    const std::size_t wanted = std::min(near.size(), options_.lookup.wanted);
    std::ranges::partial_sort(near, near.begin() + static_cast<std::ptrdiff_t>(wanted), {},
                              &std::pair<Key, const PeerId*>::first);
    for (std::size_t n = 0; n < wanted; ++n)
      sweep.keys_of[*near[n].second].push_back(i);
    keep_own_record(sweep.contents[i]);
    if (i % sweep_keys_at_once == 0) KITH_CO_CHECK(co_await port::yield());
  }
  co_return Result<void>{};
}

Task<void> Dht::tell_its_keys(Sweep& sweep, PeerId peer, Instant deadline) {
  const std::vector<std::size_t>& keys = sweep.keys_of.at(peer);
  auto next = [this, &sweep, &keys, at = std::size_t{0}]() mutable -> std::optional<Message> {
    if (at == keys.size()) return std::nullopt;
    return own_provider_message(sweep.contents[keys[at++]]);
  };
  auto told = co_await network_.tell_all(peer, std::move(next), deadline);
  if (!told) co_return told;
  ++sweep.reached;
  for (std::size_t key : keys)
    ++sweep.told[key];
  co_return told;
}

Task<void> Dht::tell_region(Sweep& sweep) {
  port::TaskGroup group(env_.executor, env_.clock, options_.stores_at_once);
  Result<void> outcome;
  for (const auto& [peer, keys] : sweep.keys_of) {
    while (outcome && group.size() >= options_.stores_at_once)
      outcome = co_await group.join();
    if (!outcome) break;
    group.spawn(tell_its_keys(sweep, peer, env_.clock.now() + sweep_tell_timeout));
  }
  if (outcome) outcome = co_await group.join();
  group.cancel();
  co_await group.join_shielded();
  co_return outcome;
}

Task<void> Dht::sweep(Bytes content) {
  Sweep one{{Key::of(content), region_bits()}};
  const Instant begun_at = env_.clock.now();
  // Taken back also where the task is destroyed.
  struct Current {
    Current(const Sweep*& in, const Sweep& sweep) : current(in) { current = &sweep; }
    ~Current() { current = nullptr; }
    const Sweep*& current;
  } current(sweeping_, one);
  Result<void> outcome = co_await explore(one, content);
  if (outcome) outcome = co_await gather(one);
  if (outcome) outcome = co_await assign(one);
  if (outcome) outcome = co_await tell_region(one);
  if (!outcome) {
    // What was told of is told of again: nobody knows how far it came.
    const bool cancelled = outcome.error().is(Errc::cancelled);
    if (!cancelled) provided_.set(content, env_.wall.now() + reprovide_retry);
    co_return outcome;
  }
  const WallTime now = env_.wall.now();
  const Duration interval = options_.reprovide_interval;
  WallTime next{};
  if (interval > Duration{0}) next = slot_after(one.region.first(), now + interval / 2);
  std::size_t records = 0;
  for (std::size_t i = 0; i < one.contents.size(); ++i) {
    const Bytes& key = one.contents[i];
    const bool told = one.told[i] > 0;
    ++(told ? stats_.keys_told : stats_.keys_untold);
    records += one.told[i];
    // It may have been given up meanwhile.
    if (!provided_.contains(key)) continue;
    if (!told) {
      provided_.set(key, now + reprovide_retry);
    } else if (interval > Duration{0}) {
      provided_.told(key, next);
    } else {
      stop_providing(key);
    }
  }
  ++stats_.regions_swept;
  stats_.records_told += records;
  while (swept_.size() >= swept_kept_max || (!swept_.empty() && now - swept_.front().at > cycle()))
    swept_.pop_front();
  swept_.push_back({now, env_.clock.now() - begun_at, one.region.bits, one.contents.size(),
                    one.keys_of.size(), one.reached, records});
  KITH_LOG_DEBUG(log_, "swept a region of {} bits: {} keys, {} peers", one.region.bits,
                 one.contents.size(), one.keys_of.size());
  co_return Result<void>{};
}

Task<void> Dht::tell_one(Bytes content) {
  KITH_CO_TRY(bool has, co_await still_has(content));
  if (!has) {
    stop_providing(content);
    co_return Result<void>{};
  }
  Alone alone(*this);
  keep_own_record(content);
  auto told = co_await announce(content, env_.clock.now() + lookup_timeout);
  if (told) {
    told_of(content);
  } else if (!told.error().is(Errc::cancelled) && provided_.contains(content)) {
    provided_.set(content, env_.wall.now() + reprovide_retry);
  }
  co_return told;
}

Task<void> Dht::tell_singly() {
  port::TaskGroup group(env_.executor, env_.clock, options_.keys_at_once);
  for (Bytes& content : provided_.due(env_.wall.now(), options_.keys_at_once))
    group.spawn(tell_one(std::move(content)));
  auto joined = co_await group.join();
  group.cancel();
  co_await group.join_shielded();
  co_return joined;
}

Task<void> Dht::tell_loop() {
  for (;;) {
    std::vector<Bytes> due = provided_.due(env_.wall.now(), 1);
    if (due.empty() || table_.size() == 0) {
      auto woken = co_await much_due_.wait(env_.clock.now() + reprovide_look_interval);
      if (!woken && !woken.error().is(Errc::timed_out)) co_return woken;
      continue;
    }
    auto told = co_await (options_.sweep ? sweep(std::move(due.front())) : tell_singly());
    if (!told && told.error().is(Errc::cancelled)) co_return told;
    if (!told) KITH_LOG_DEBUG(log_, "telling of what is due: {}", told.error().message());
  }
}

Task<void> Dht::tell_all_again() {
  std::optional<Key> after;
  for (;;) {
    const std::vector<ProvidedKeys::Entry> some = provided_.some_after(after, sweep_keys_at_once);
    if (some.empty()) break;
    for (const ProvidedKeys::Entry& one : some)
      provided_.set(one.content, std::min(*one.next, env_.wall.now()));
    KITH_CO_CHECK(co_await port::yield());
  }
  much_due_.notify_all();
  co_return Result<void>{};
}

ProvideStats Dht::provide_stats() const {
  const WallTime now = env_.wall.now();
  ProvideStats stats;
  stats.online = online_;
  stats.ever_online = ever_online_;
  stats.online_since = online_since_;
  stats.started = started_at_;
  stats.interval = options_.reprovide_interval;
  stats.keys = provided_.size();
  stats.untold = provided_.untold();
  stats.region_bits = region_bits();
  stats.regions = provided_.regions(stats.region_bits);
  stats.due = provided_.due_count(now, stats.region_bits, due_counted_max);
  stats.next = provided_.next();
  stats.telling = telling_;
  stats.sweeps = sweeping_ != nullptr;
  if (sweeping_ != nullptr) stats.sweeping = sweeping_->contents.size();
  stats.told_alone = told_alone_;
  stats.told_alone_time = told_alone_time_;
  for (const Swept& one : swept_) {
    if (now - one.at > cycle()) continue;
    ++stats.swept_regions;
    stats.swept_keys += one.keys;
    stats.swept_peers += one.peers;
    stats.swept_reached += one.reached;
    stats.swept_records += one.records;
    stats.swept_time += one.took;
    stats.swept_share += std::exp2(-static_cast<double>(one.bits));
  }
  return stats;
}

}  // namespace kith::dht
