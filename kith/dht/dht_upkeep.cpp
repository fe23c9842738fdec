// What a Dht does without being asked: it looks after its table and its records.
#include <algorithm>

#include <kith/dht/dht.hpp>

namespace kith::dht {

Bytes Dht::key_sharing(std::size_t bits) {
  // Looks like the peer id of a hashed key, since some implementations read it as one.
  Bytes key(34);
  key[0] = 0x12;
  key[1] = 0x20;
  do {
    env_.prng.fill(MutableBytes(key).subspan(2));
  } while (common_prefix(Key::of(key), table_.self()) != bits);
  return key;
}

Task<void> Dht::refresh_bucket(std::size_t shared_bits) {
  Bytes key = key_sharing(shared_bits);
  Instant deadline = env_.clock.now() + lookup_timeout;
  auto nearest = co_await nearest_to(std::move(key), deadline);
  if (!nearest && nearest.error().is(Errc::cancelled)) co_return std::unexpected(nearest.error());
  co_return Result<void>{};
}

Task<void> Dht::refresh() {
  Instant begin = env_.clock.now();
  providers_.expire(env_.wall.now());
  values_.expire(env_.wall.now());
  std::vector<PeerId> restored;
  while (restored_asked_ < restored_.size() && restored.size() < checked_per_refresh_max)
    restored.push_back(restored_[restored_asked_++].peer);
  KITH_CO_CHECK(co_await check_all(std::move(restored)));
  std::vector<PeerId> lost = lost_.due(begin, lost_peers_per_refresh_max);
  KITH_CO_CHECK(co_await check_all(std::move(lost)));
  std::vector<PeerId> silent =
      table_.silent_since(begin - options_.refresh_interval, checked_per_refresh_max);
  KITH_CO_CHECK(co_await check_all(std::move(silent)));
  Bytes own = to_bytes(network_.self().bytes());
  auto nearest = co_await nearest_to(std::move(own), env_.clock.now() + lookup_timeout);
  if (!nearest && nearest.error().is(Errc::cancelled)) co_return std::unexpected(nearest.error());
  for (std::size_t i = 0; i < std::min(table_.bucket_count(), refreshed_buckets_max); ++i) {
    if (refreshed_[i] != Instant{} && begin - refreshed_[i] < options_.refresh_interval) continue;
    if (!table_.needs_refresh(i, begin - options_.refresh_interval)) continue;
    KITH_CO_CHECK(co_await refresh_bucket(i));
  }
  KITH_LOG_DEBUG(log_, "{} peers in the table", table_.size());
  co_return Result<void>{};
}

Task<void> Dht::upkeep() {
  Duration poor_wait = refresh_interval_small;
  for (;;) {
    std::size_t before = table_.size();
    KITH_CO_CHECK(co_await refresh());
    // In a network of few nodes a table is always poor.
    poor_wait = table_.size() > before ? refresh_interval_small : 2 * poor_wait;
    Duration wait = options_.refresh_interval;
    if (table_.size() < options_.lookup.wanted) wait = std::min(wait, poor_wait);
    wait += Duration(env_.prng.below(static_cast<std::uint64_t>(refresh_jitter_max.count())));
    auto woken = co_await newcomer_.wait(env_.clock.now() + wait);
    if (!woken && !woken.error().is(Errc::timed_out)) co_return woken;
    // Several that come one after the other are one reason.
    if (woken) KITH_CO_CHECK(co_await port::sleep_for(env_.clock, newcomer_pause));
    poor_wait = std::min(poor_wait, options_.refresh_interval);
  }
}

Task<void> Dht::reprovide(Bytes content) {
  // First, so that what fails isn't due again at once.
  provided_.set(content, env_.wall.now() + reprovide_retry);
  if (options_.still_has) {
    auto hash = multiformats::Multihash::from_bytes(content);
    Result<bool> has = false;
    if (hash) has = co_await options_.still_has(*hash);
    if (!has) co_return std::unexpected(has.error());
    if (!*has) {
      stop_providing(content);
      co_return Result<void>{};
    }
  }
  keep_own_record(content);
  auto told = co_await announce(content, env_.clock.now() + lookup_timeout);
  if (told) told_of(content);
  co_return told;
}

Task<void> Dht::reprovide_loop() {
  port::TaskGroup group(env_.executor, env_.clock, reprovides_at_once_max);
  Result<void> outcome;
  while (outcome) {
    std::vector<Bytes> due = provided_.due(env_.wall.now(), reprovides_at_once_max);
    const bool idle = due.empty() || table_.size() == 0;
    if (idle) {
      outcome = co_await port::sleep_for(env_.clock, reprovide_look_interval);
      continue;
    }
    for (Bytes& content : due)
      group.spawn(reprovide(std::move(content)));
    outcome = co_await group.join();
  }
  group.cancel();
  co_await group.join_shielded();
  co_return outcome;
}

}  // namespace kith::dht
