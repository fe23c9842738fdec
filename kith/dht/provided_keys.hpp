// ProvidedKeys: the content that this node provides, and when the network is to be told of each
// again. They stand in the order of their places in the keyspace, so that all of a region, which
// the same peers are told of, are found at once. What has changed since somebody last wrote it down
// is kept in mind (state_keeper.hpp). Bounded by provided_keys_max. Times are the calendar's, since
// they outlive the process. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include <kith/base/bytes.hpp>
#include <kith/base/time.hpp>
#include <kith/dht/key.hpp>
#include <kith/dht/limits.hpp>

namespace kith::dht {

/// All places that begin with the same bits.
struct Region {
  Key place;             ///< one in it
  std::size_t bits = 0;  ///< how many it begins with

  bool contains(const Key& key) const noexcept { return common_prefix(place, key) >= bits; }
  /// Its first place.
  Key first() const noexcept { return place.prefix(bits); }
  Key last() const noexcept { return place.filled(bits); }
};

class ProvidedKeys {
 public:
  explicit ProvidedKeys(std::size_t keys_max = provided_keys_max) : keys_max_(keys_max) {}

  /// It is provided from now on, and told of next at `next`. False if there are too many.
  bool set(ByteView content, WallTime next);
  /// Peers have been told of it; they are told again at `next`. Nothing if it isn't provided.
  void told(ByteView content, WallTime next);
  void remove(ByteView content);
  /// Removes all that nobody was ever told of, and returns how many those were.
  std::size_t clear_untold();

  bool contains(ByteView content) const { return keys_.contains(Key::of(content)); }
  std::size_t size() const noexcept { return keys_.size(); }
  /// Those that nobody was ever told of.
  std::size_t untold() const noexcept { return untold_; }

  /// Whose time has come, the longest due first, at most `count`.
  std::vector<Bytes> due(WallTime now, std::size_t count) const;
  /// How many those are, and in how many regions of so many bits; the first `count_max` are
  /// counted.
  struct DueCount {
    std::size_t untold = 0;
    std::size_t untold_regions = 0;
    std::size_t told = 0;
    std::size_t told_regions = 0;
  };
  DueCount due_count(WallTime now, std::size_t bits, std::size_t count_max) const;
  /// Regions of so many bits that something is in.
  std::size_t regions(std::size_t bits) const;
  /// When the first is to be told of, and its place.
  struct Next {
    WallTime at;
    Key place;
  };
  std::optional<Next> next() const;
  /// Of a region those that are to be told of before `end`, by place, at most `count`.
  std::vector<Bytes> within(const Region& region, WallTime end, std::size_t count) const;

  struct Entry {
    Bytes content;
    std::optional<WallTime> next;  ///< nothing: not provided any more
    bool told = false;             ///< somebody was told of it
  };
  /// Behind this place, from the beginning if there is none, at most `count`; moves `after`.
  std::vector<Entry> some_after(std::optional<Key>& after, std::size_t count) const;

  /// What has changed since it was taken last, at most `count`.
  std::vector<Entry> take_changes(std::size_t count);
  std::size_t changes() const noexcept { return changed_.size(); }
  void forget_changes() { changed_.clear(); }

 private:
  struct Held {
    Bytes content;
    WallTime next;
    bool told = false;
  };
  struct Due {
    WallTime at;
    const Key* key;  ///< in keys_, whose nodes stay where they are

    friend bool operator<(const Due& a, const Due& b) {
      return a.at != b.at ? a.at < b.at : *a.key < *b.key;
    }
  };
  std::size_t keys_max_;
  std::map<Key, Held> keys_;
  std::set<Due> due_;
  std::size_t untold_ = 0;
  std::set<Bytes> changed_;
};

}  // namespace kith::dht
