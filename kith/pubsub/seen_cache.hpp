// SeenCache: ids of messages that have come, each for a while after it came first, or last.
// Bounded: with too many, what would be forgotten first is. Pure; the caller says what time it is.
#pragma once

#include <list>
#include <unordered_map>

#include <kith/base/time.hpp>
#include <kith/pubsub/id_hash.hpp>
#include <kith/pubsub/limits.hpp>
#include <kith/pubsub/options.hpp>

namespace kith::pubsub {

class SeenCache {
 public:
  SeenCache(Duration ttl, SeenStrategy strategy, IdHash hash,
            std::size_t entries_max = seen_messages_max)
      : ttl_(ttl), strategy_(strategy), entries_max_(entries_max), places_(0, hash) {}

  /// Notes that it has come. False if it had before.
  bool add(const MessageId& id, Instant now) {
    expire(now);
    if (seen(id, now)) return false;
    if (places_.size() >= entries_max_) drop_first();
    entries_.push_back({id, now + ttl_});
    places_.emplace(entries_.back().id, std::prev(entries_.end()));
    return true;
  }

  /// Whether it has come, which counts as coming again.
  bool seen(const MessageId& id, Instant now) {
    auto found = places_.find(id);
    if (found == places_.end() || found->second->until <= now) return false;
    if (strategy_ == SeenStrategy::last_seen) {
      found->second->until = now + ttl_;
      entries_.splice(entries_.end(), entries_, found->second);
    }
    return true;
  }

  void expire(Instant now) {
    while (!entries_.empty() && entries_.front().until <= now)
      drop_first();
  }

  std::size_t size() const noexcept { return places_.size(); }

 private:
  struct Entry {
    MessageId id;
    Instant until;
  };
  using Entries = std::list<Entry>;

  void drop_first() {
    places_.erase(entries_.front().id);
    entries_.pop_front();
  }

  Duration ttl_;
  SeenStrategy strategy_;
  std::size_t entries_max_;
  /// The next to be forgotten first.
  Entries entries_;
  std::unordered_map<std::string_view, Entries::iterator, IdHash> places_;
};

}  // namespace kith::pubsub
