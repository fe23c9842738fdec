// BlockCache: recently read small blocks (the inner nodes of DAGs), bounded in bytes. Thread: any.
#pragma once

#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>

#include <kith/base/buffer.hpp>
#include <kith/multiformats/multihash.hpp>

namespace kith::store::detail {

class BlockCache {
 public:
  /// Keeps blocks up to `block_bytes_max` while they have at most `bytes_max` in sum, with about
  /// 200 bytes of bookkeeping each. 0: keeps none.
  BlockCache(std::uint64_t bytes_max, std::size_t block_bytes_max) noexcept
      : bytes_max_(bytes_max), block_bytes_max_(block_bytes_max) {}

  std::optional<Buffer> get(const multiformats::Multihash& key) {
    std::lock_guard hold(mutex_);
    auto found = by_key_.find(key);
    if (found == by_key_.end()) return std::nullopt;
    entries_.splice(entries_.begin(), entries_, found->second);
    return entries_.front().data;
  }

  /// Changes with each erase: who reads a block takes it first, and put drops what is older.
  std::uint64_t epoch() {
    std::lock_guard hold(mutex_);
    return epoch_;
  }

  void put(const multiformats::Multihash& key, const Buffer& data, std::uint64_t epoch) {
    std::uint64_t cost = cost_of(data);
    if (data.size() > block_bytes_max_ || cost > bytes_max_) return;
    std::lock_guard hold(mutex_);
    if (epoch != epoch_ || by_key_.contains(key)) return;
    entries_.push_front({key, data});
    by_key_.emplace(key, entries_.begin());
    bytes_ += cost;
    while (bytes_ > bytes_max_)
      drop(std::prev(entries_.end()));
  }

  void erase(const multiformats::Multihash& key) {
    std::lock_guard hold(mutex_);
    ++epoch_;
    auto found = by_key_.find(key);
    if (found != by_key_.end()) drop(found->second);
  }

  std::uint64_t bytes() {
    std::lock_guard hold(mutex_);
    return bytes_;
  }

 private:
  struct Entry {
    multiformats::Multihash key;
    Buffer data;
  };
  static constexpr std::uint64_t bookkeeping_bytes = 200;
  static std::uint64_t cost_of(const Buffer& data) noexcept {
    return data.memory_bytes() + bookkeeping_bytes;
  }
  void drop(std::list<Entry>::iterator entry) {
    bytes_ -= cost_of(entry->data);
    by_key_.erase(entry->key);
    entries_.erase(entry);
  }

  std::uint64_t bytes_max_;
  std::size_t block_bytes_max_;
  std::mutex mutex_;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<multiformats::Multihash, std::list<Entry>::iterator> by_key_;
  std::uint64_t bytes_ = 0;
  std::uint64_t epoch_ = 0;
};

}  // namespace kith::store::detail
