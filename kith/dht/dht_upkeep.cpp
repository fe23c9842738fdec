// What a Dht does without being asked: it looks after its table and its records.
#include <algorithm>

#include <kith/dht/dht.hpp>

namespace kith::dht {

Task<void> Dht::refresh_bucket(std::size_t shared_bits) {
  // A region of its own: what begins as we do, but for the bit behind.
  Bytes key = key_in({table_.self().flipped(shared_bits), shared_bits + 1});
  Instant deadline = env_.clock.now() + lookup_timeout;
  auto nearest = co_await nearest_to(std::move(key), deadline);
  if (!nearest && nearest.error().is(Errc::cancelled)) co_return std::unexpected(nearest.error());
  co_return Result<void>{};
}

/// Buckets that are full are never looked up, and other lookups may be few.
Task<void> Dht::measure_size() {
  for (std::size_t i = 0; i < size_lookups_per_refresh && region_bits() > 0; ++i) {
    if (size_.samples(env_.clock.now()) >= size_samples_wanted) break;
    Bytes key = key_in({Key{}, 0});
    auto nearest = co_await nearest_to(std::move(key), env_.clock.now() + lookup_timeout);
    if (!nearest && nearest.error().is(Errc::cancelled)) co_return std::unexpected(nearest.error());
  }
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
  // Who provides nothing has no use for it.
  if (options_.optimistic && provided_.size() > 0) KITH_CO_CHECK(co_await measure_size());
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

}  // namespace kith::dht
