// ProvidedKeys: the content that this node provides, and when the network is to be told of each
// again. Bounded by provided_keys_max. Times are the calendar's, since they outlive the process.
// Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include <kith/base/bytes.hpp>
#include <kith/base/time.hpp>
#include <kith/dht/limits.hpp>

namespace kith::dht {

class ProvidedKeys {
 public:
  explicit ProvidedKeys(std::size_t keys_max = provided_keys_max) : keys_max_(keys_max) {}

  /// It is provided from now on, and told of next at `next`. False if there are too many.
  bool set(ByteView content, WallTime next) {
    Bytes key = to_bytes(content);
    auto known = keys_.find(key);
    if (known == keys_.end()) {
      if (keys_.size() >= keys_max_) return false;
      known = keys_.emplace(std::move(key), next).first;
    } else {
      due_.erase({known->second, &known->first});
      known->second = next;
    }
    due_.insert({next, &known->first});
    return true;
  }

  void remove(ByteView content) {
    auto known = keys_.find(to_bytes(content));
    if (known == keys_.end()) return;
    due_.erase({known->second, &known->first});
    keys_.erase(known);
  }

  bool contains(ByteView content) const { return keys_.contains(to_bytes(content)); }
  std::size_t size() const noexcept { return keys_.size(); }

  /// Whose time has come, the longest due first, at most `count`.
  std::vector<Bytes> due(WallTime now, std::size_t count) const {
    std::vector<Bytes> keys;
    for (const Due& one : due_) {
      if (one.at > now || keys.size() == count) break;
      keys.push_back(*one.key);
    }
    return keys;
  }

  /// By key.
  const std::map<Bytes, WallTime>& all() const noexcept { return keys_; }

 private:
  struct Due {
    WallTime at;
    const Bytes* key;  ///< in keys_, whose nodes stay where they are

    friend bool operator<(const Due& a, const Due& b) {
      return a.at != b.at ? a.at < b.at : *a.key < *b.key;
    }
  };
  std::size_t keys_max_;
  std::map<Bytes, WallTime> keys_;
  std::set<Due> due_;
};

}  // namespace kith::dht
