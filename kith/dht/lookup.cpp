#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/dht/lookup.hpp>

namespace kith::dht {

/// How much room each group has left.
class Lookup::Room {
 public:
  explicit Room(std::size_t most) : most_(most) {}

  /// Takes room in one of the groups; false if none has any.
  bool take(const std::vector<IpGroup>& groups) {
    if (groups.empty()) return true;
    for (IpGroup group : groups) {
      auto found = std::ranges::find(used_, group, &Used::group);
      if (found == used_.end()) {
        used_.push_back({group, 1});
        return true;
      }
      if (found->peers < most_) {
        ++found->peers;
        return true;
      }
    }
    return false;
  }

  /// Likewise of what one peer alone has told of.
  bool take_told(std::uint32_t teller) {
    if (told_.size() <= teller) told_.resize(teller + 1);
    return told_[teller]++ < told_by_one_max;
  }

 private:
  struct Used {
    IpGroup group;
    std::size_t peers;
  };
  std::size_t most_;
  std::vector<Used> used_;
  std::vector<std::size_t> told_;  ///< by teller
};

template <class Visit>
void Lookup::each_counted(Instant now, const Visit& visit) const {
  Room room(options_.group_max);
  for (const Entry& entry : entries_) {
    if (entry.state == State::failed) continue;
    const bool doubtful = entry.only_teller && entry.state != State::answered && !entry.first;
    if (doubtful && !room.take_told(*entry.only_teller)) continue;
    if (entry.slow(now, options_.slow_after)) continue;
    if (!room.take(entry.groups)) continue;
    if (!visit(entry)) return;
  }
}

namespace {

void add_groups(const std::vector<IpGroup>& more, std::vector<IpGroup>& groups) {
  for (IpGroup group : more) {
    const bool known = std::ranges::find(groups, group) != groups.end();
    if (!known && groups.size() < heard_groups_max) groups.push_back(group);
  }
}

}  // namespace

Lookup::Entry* Lookup::insert(const Candidate& candidate, std::size_t hops,
                              std::optional<std::uint32_t> teller) {
  Key key = Key::of(candidate.peer);
  if (key == self_) return nullptr;
  Key away = distance(key, target_);
  auto place = std::ranges::lower_bound(entries_, away, {}, &Entry::away) - entries_.begin();
  auto index = static_cast<std::size_t>(place);
  if (index < entries_.size() && entries_[index].away == away) {
    // Whoever speaks of it first doesn't decide where it is.
    Entry& known = entries_[index];
    if (known.state == State::heard) add_groups(candidate.groups, known.groups);
    if (known.only_teller != teller) known.only_teller.reset();
    return &known;
  }
  if (entries_.size() >= lookup_candidates_max) {
    if (index == entries_.size() || entries_.back().state == State::asked) return nullptr;
    if (entries_.back().first && entries_.back().state == State::heard) --firsts_;
    entries_.pop_back();
  }
  return &*entries_.insert(entries_.begin() + place, {.peer = candidate.peer,
                                                      .away = away,
                                                      .groups = candidate.groups,
                                                      .only_teller = teller,
                                                      .hops = hops});
}

void Lookup::add(std::span<const Candidate> candidates) {
  for (const Candidate& candidate : candidates)
    insert(candidate, 1);
}

void Lookup::ask_first(const Candidate& candidate) {
  Entry* entry = insert(candidate, 1);
  if (entry == nullptr || entry->first || entry->state != State::heard) return;
  entry->first = true;
  ++firsts_;
}

Lookup::Entry* Lookup::find(const PeerId& peer) {
  Key away = distance(Key::of(peer), target_);
  auto place = std::ranges::lower_bound(entries_, away, {}, &Entry::away);
  return place != entries_.end() && place->away == away ? &*place : nullptr;
}

bool Lookup::nearest_answered(Instant now, std::size_t count) const {
  bool all = true;
  std::size_t seen = 0;
  each_counted(now, [&](const Entry& entry) {
    all = entry.state == State::answered;
    return all && ++seen < count;
  });
  return all;
}

std::optional<PeerId> Lookup::next(Instant now) {
  if (asked_ >= options_.asked_max || waiting_ >= lookup_requests_max) return std::nullopt;
  const Entry* chosen = nullptr;
  std::size_t seen = 0;
  each_counted(now, [&](const Entry& entry) {
    if (entry.state == State::heard && chosen == nullptr) chosen = &entry;
    return chosen == nullptr && ++seen < options_.wanted;
  });
  if (firsts_ > 0) {
    chosen = &*std::ranges::find_if(
        entries_, [](const Entry& one) { return one.first && one.state == State::heard; });
  }
  if (chosen == nullptr) return std::nullopt;
  bool follow_up = follows_up(now);
  auto busy = std::ranges::count_if(entries_, [&](const Entry& one) {
    return one.state == State::asked && !one.slow(now, options_.slow_after);
  });
  if (static_cast<std::size_t>(busy) >= (follow_up ? options_.wanted : options_.width))
    return std::nullopt;
  Entry& entry = entries_[static_cast<std::size_t>(chosen - entries_.data())];
  if (entry.first) --firsts_;
  entry.state = State::asked;
  entry.asked_at = now;
  ++asked_;
  ++waiting_;
  return entry.peer;
}

void Lookup::answered(const PeerId& peer, std::optional<std::vector<IpGroup>> seen_at,
                      std::span<const Candidate> closer) {
  Entry* entry = find(peer);
  ASSERT(entry != nullptr && entry->state == State::asked);
  entry->state = State::answered;
  if (seen_at) entry->groups = *std::move(seen_at);
  --waiting_;
  const auto teller = static_cast<std::uint32_t>(answers_++);
  const std::size_t hops = entry->hops + 1;
  for (const Candidate& candidate : closer.first(std::min(closer.size(), lookup_told_max)))
    insert(candidate, hops, teller);
}

void Lookup::failed(const PeerId& peer) {
  Entry* entry = find(peer);
  ASSERT(entry != nullptr && entry->state == State::asked);
  entry->state = State::failed;
  --waiting_;
}

bool Lookup::done(Instant now) const {
  if (firsts_ > 0 && asked_ < options_.asked_max) return false;
  if (nearest_answered(now, options_.wanted)) {
    // With nobody left that counts, those that are slow are the last hope.
    return answers_ >= options_.resiliency || waiting_ == 0;
  }
  return asked_ >= options_.asked_max && waiting_ == 0;
}

Instant Lookup::deadline(Instant now) const {
  Instant first = never;
  for (const Entry& entry : entries_) {
    if (entry.state != State::asked || entry.slow(now, options_.slow_after)) continue;
    first = std::min(first, entry.asked_at + options_.slow_after);
  }
  return first;
}

std::size_t Lookup::hops() const {
  auto answered = std::ranges::find(entries_, State::answered, &Entry::state);
  return answered == entries_.end() ? 0 : answered->hops;
}

std::vector<Lookup::Near> Lookup::known(Instant now, std::size_t count) const {
  std::vector<Near> peers;
  each_counted(now, [&peers, count](const Entry& entry) {
    if (peers.size() < count) peers.push_back({entry.peer, entry.away});
    return peers.size() < count;
  });
  return peers;
}

std::vector<PeerId> Lookup::nearest() const {
  std::vector<PeerId> peers;
  Room room(options_.group_max);
  for (const Entry& entry : entries_) {
    if (entry.state != State::answered || !room.take(entry.groups)) continue;
    peers.push_back(entry.peer);
    if (peers.size() == options_.wanted) break;
  }
  return peers;
}

}  // namespace kith::dht
