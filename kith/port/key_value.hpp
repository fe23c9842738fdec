// KeyValue: an ordered map on disk, for indexes. Atomic batches, ordered scans, snapshots,
// namespaces.
//
// Every call may block (a page may have to be read), so all of it is for WorkPool jobs. Reads are
// safe from several workers at once; commits are serialised inside. Keys are 1 to key_bytes_max
// bytes and ordered bytewise.
//
// What a crash leaves: every batch whose synced commit returned, and of the unsynced ones after it
// a prefix, each whole.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>

namespace kith::port {

inline constexpr std::size_t key_bytes_max = 500;

/// Which of the store's maps: an index into KeyValueOptions::namespaces.
using Namespace = std::uint32_t;

/// Changes that happen all or not at all, in the order of the calls.
class Batch {
 public:
  struct Change {
    Namespace space;
    Bytes key;
    std::optional<Bytes> value;  ///< absent: erase
  };
  void put(Namespace space, ByteView key, ByteView value) {
    changes_.push_back({space, to_bytes(key), to_bytes(value)});
  }
  void erase(Namespace space, ByteView key) {
    changes_.push_back({space, to_bytes(key), std::nullopt});
  }
  const std::vector<Change>& changes() const noexcept { return changes_; }
  bool empty() const noexcept { return changes_.empty(); }
  void clear() noexcept { changes_.clear(); }

 private:
  std::vector<Change> changes_;
};

enum class Durability : std::uint8_t {
  synced,    ///< on the medium when commit returns
  unsynced,  ///< with the next synced commit, or lost by a crash
};

/// The store as it was at one moment. Keep it short: what it sees can't be reused on disk.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  /// The value's bytes, valid while the snapshot lives; nothing if the key is absent.
  virtual Result<std::optional<ByteView>> get(Namespace space, ByteView key) = 0;
  /// Calls `visit` for each entry with key >= `from`, ascending, until it returns false. Views live
  /// during the call.
  virtual Result<void> scan(Namespace space, ByteView from,
                            const std::function<bool(ByteView key, ByteView value)>& visit) = 0;
  virtual Result<std::uint64_t> count(Namespace space) = 0;
};

class KeyValue {
 public:
  virtual ~KeyValue() = default;
  virtual Result<std::unique_ptr<Snapshot>> snapshot() = 0;
  virtual Result<void> commit(const Batch& batch, Durability durability) = 0;
  /// Makes every commit so far durable.
  virtual Result<void> sync() = 0;
};

struct KeyValueOptions {
  std::vector<std::string> namespaces;
  /// How large the store may grow; a commit beyond it fails with Errc::limit_exceeded.
  std::uint64_t size_bytes_max = std::uint64_t{1} << 40;
};

class KeyValueFactory {
 public:
  virtual ~KeyValueFactory() = default;
  /// Opens or makes the store in the folder `path`.
  virtual Result<std::unique_ptr<KeyValue>> open(const std::string& path,
                                                 const KeyValueOptions& options) = 0;
};

}  // namespace kith::port
