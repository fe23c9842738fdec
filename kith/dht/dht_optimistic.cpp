// Telling of content before it is known whom to tell, as go-libp2p-kad-dht's optimistic provide
// does. A lookup's last round asks each of the k nearest peers, and waits for the slowest of them,
// to learn that none is nearer. Who knows how many peers there are (network_size.hpp) knows how
// near the nearest are likely to be, and needn't wait for that:
//
//   lookup    a peer that is so near that it is one of the k nearest is told at once. The lookup is
//             over when the beta nearest have answered and the k nearest that are known are as near
//             as they should be
//   tell      the rest of the k nearest
//   return    when three quarters have been told, or couldn't be; the others are told in the
//             background, of all content at most background_stores_max peers
//   fall back if fewer than half took it, the lookup is done to its end, and who it finds is told
//
// Against an eclipse: no peer counts that a lookup doesn't count (lookup.hpp), peers that don't
// exist take no record, and so lead to the whole lookup. Peers nearer than chance has it don't end
// the lookup, and those who would be among the nearest if there were no such crowd are told as
// well.
#include <algorithm>

#include <kith/dht/detail/run.hpp>
#include <kith/dht/dht.hpp>

namespace kith::dht {

Task<void> Dht::tell_early(Early& early, PeerId peer) {
  auto told = co_await network_.tell(peer, early.message, env_.clock.now() + request_timeout);
  ++early.ended;
  if (early.in_background) --in_background_;
  if (told) {
    ++early.stored;
    ++stats_.records_told;
  }
  early.changed.notify_all();
  co_return told;
}

void Dht::begin_telling(Early& early, const PeerId& peer) {
  if (early.begun.insert(peer).second) early.stores.spawn(tell_early(early, peer));
}

bool Dht::tell_who_is_near(const Lookup& lookup, Early& early) {
  const std::size_t wanted = options_.lookup.wanted;
  const Instant now = env_.clock.now();
  // Beyond the k nearest, for those may be a crowd that doesn't let others come near.
  const std::vector<Lookup::Near> known = lookup.known(now, 2 * wanted);
  for (const Lookup::Near& one : known) {
    if (share_of_keyspace(one.away) <= early.near.one) begin_telling(early, one.peer);
  }
  if (known.size() < wanted || !lookup.follows_up(now)) return false;
  double sum = 0;
  for (std::size_t i = 0; i < wanted; ++i)
    sum += share_of_keyspace(known[i].away);
  const double average = sum / static_cast<double>(wanted);
  return average <= early.near.average && average >= early.near.average_least;
}

Task<void> Dht::look_and_tell(Early& early, Instant lookup_end) {
  Message message{.type = MessageType::find_node,
                  .key = early.message.key,
                  .record = {},
                  .closer = {},
                  .providers = {}};
  Run search(env_, std::move(message), network_.self(), options_.lookup);
  search.on_answer = [this, &search, &early](const PeerId&, const Message&) {
    return !tell_who_is_near(search.lookup, early);
  };
  Result<void> outcome = co_await run(search, lookup_end);
  const bool late = !outcome && outcome.error().is(Errc::timed_out);
  if (!outcome && !late) co_return outcome;
  if (search.enough) {
    ++stats_.lookups_cut_short;
    const Instant now = env_.clock.now();
    for (const Lookup::Near& one : search.lookup.known(now, options_.lookup.wanted))
      begin_telling(early, one.peer);
  } else {
    for (const PeerId& peer : search.lookup.nearest())
      begin_telling(early, peer);
  }
  if (early.begun.empty()) co_return outcome;
  co_return Result<void>{};
}

Task<void> Dht::await_told(Early& early, std::size_t count, Instant deadline) {
  while (early.ended < std::min(count, early.begun.size())) {
    auto woken = co_await early.changed.wait(deadline);
    if (!woken && woken.error().is(Errc::timed_out)) break;
    if (!woken) co_return woken;
  }
  co_return Result<void>{};
}

Task<void> Dht::tell_until_enough(Early& early, Instant lookup_end, Instant deadline) {
  KITH_CO_CHECK(co_await look_and_tell(early, lookup_end));
  const std::size_t wanted = options_.lookup.wanted;
  const std::size_t awaited = (wanted * stores_awaited_percent + 99) / 100;
  KITH_CO_CHECK(co_await await_told(early, awaited, deadline));
  if (early.stored * 100 < wanted * stores_enough_percent) {
    // The lookup may have gone by peers that aren't there.
    auto nearest = co_await nearest_to(early.message.key, lookup_end);
    if (!nearest && nearest.error().is(Errc::cancelled)) {
      co_return std::unexpected(nearest.error());
    }
    if (nearest) {
      for (const PeerId& peer : *nearest)
        begin_telling(early, peer);
    }
    KITH_CO_CHECK(co_await await_told(early, early.begun.size(), deadline));
  }
  // Those that are left go on without the caller, if there is room.
  for (;;) {
    const std::size_t room =
        options_.background_stores_max - std::min(in_background_, options_.background_stores_max);
    if (early.left() <= room || env_.clock.now() >= deadline) co_return Result<void>{};
    KITH_CO_CHECK(co_await await_told(early, early.ended + 1, deadline));
  }
}

Task<void> Dht::finish_telling(Early& early) {
  KITH_CO_CHECK(co_await early.stores.join());
  std::erase_if(early_, [&early](const auto& one) { return one.get() == &early; });
  co_return Result<void>{};
}

Task<void> Dht::end_telling_shielded(Early& early) {
  if (early.in_background) in_background_ -= early.left();
  early.in_background = false;
  early.stores.cancel();
  co_return co_await early.stores.join_shielded();
}

Task<void> Dht::announce_early(Bytes content, Nearness near, Instant lookup_end, Instant deadline) {
  auto owned = std::make_unique<Early>(env_, own_provider_message(content), near);
  Early& early = *owned;
  Result<void> outcome = co_await tell_until_enough(early, lookup_end, deadline);
  const std::size_t stored = early.stored;
  if (!outcome || stored == 0 || early.left() == 0 ||
      early.left() > options_.background_stores_max - in_background_) {
    co_await end_telling_shielded(early);
  } else {
    early.in_background = true;
    in_background_ += early.left();
    early_.push_back(std::move(owned));
    if (!tasks_.spawn(finish_telling(early))) {
      co_await end_telling_shielded(early);
      std::erase_if(early_, [&early](const auto& one) { return one.get() == &early; });
    }
  }
  if (!outcome) co_return outcome;
  ++(stored > 0 ? stats_.keys_told : stats_.keys_untold);
  if (stored == 0) co_return std::unexpected(routing::RoutingError::none_took_it);
  co_return Result<void>{};
}

}  // namespace kith::dht
