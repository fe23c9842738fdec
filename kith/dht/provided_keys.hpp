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
};

class ProvidedKeys {
 public:
  explicit ProvidedKeys(std::size_t keys_max = provided_keys_max) : keys_max_(keys_max) {}

  /// It is provided from now on, and told of next at `next`. False if there are too many.
  bool set(ByteView content, WallTime next);
  void remove(ByteView content);
  /// Returns how many there were.
  std::size_t clear();

  bool contains(ByteView content) const { return keys_.contains(Key::of(content)); }
  std::size_t size() const noexcept { return keys_.size(); }

  /// Whose time has come, the longest due first, at most `count`.
  std::vector<Bytes> due(WallTime now, std::size_t count) const;
  /// How many those are, up to `count_max`.
  std::size_t due_count(WallTime now, std::size_t count_max) const;
  /// When the first is to be told of.
  std::optional<WallTime> next() const;
  /// Of a region those that are to be told of before `end`, by place, at most `count`.
  std::vector<Bytes> within(const Region& region, WallTime end, std::size_t count) const;

  struct Entry {
    Bytes content;
    std::optional<WallTime> next;  ///< nothing: not provided any more
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
  std::set<Bytes> changed_;
};

}  // namespace kith::dht
