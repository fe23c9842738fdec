// What a Disk is made of.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <kith/base/buffer.hpp>
#include <kith/sim/detail/queue.hpp>
#include <kith/sim/disk.hpp>

namespace kith::sim {

struct KeyValueStore;

/// One life's right to use a disk.
struct DiskAccess {
  explicit DiskAccess(Disk& of) : disk(of), generation(of.generation_) {}
  bool valid() const noexcept {
    return alive && generation == disk.generation_ && !disk.faults_.crashed();
  }
  /// EIO once the life is over.
  Result<void> check() const;
  /// Counts a change. An error means that nothing must be done and said so.
  Result<FaultPlan::Verdict> begin(std::string_view what, std::string_view where);
  Result<void> begin_read(std::string_view where);

  Disk& disk;
  std::uint64_t generation;
  bool alive = true;
};

/// Enough of one content change to take it back.
struct ContentChange {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;  ///< of the write; 0 for a truncation
  std::uint64_t size_before = 0;
  std::uint64_t size_after = 0;
  Bytes before;  ///< what it has overwritten or cut off
};

struct Inode;

/// Every inode that is still reachable, by a name, an open file or a change that is not synced.
struct Ledger {
  std::uint64_t used_bytes = 0;
  std::map<std::uint64_t, Inode*> inodes;
};

struct Inode {
  Inode(std::shared_ptr<Ledger> in, std::uint64_t inode_number)
      : ledger(std::move(in)), number(inode_number) {
    ledger->inodes.emplace(number, this);
  }
  Inode(const Inode&) = delete;
  Inode& operator=(const Inode&) = delete;
  ~Inode();

  std::shared_ptr<Ledger> ledger;
  std::uint64_t number;
  port::FileKind kind = port::FileKind::regular;
  std::uint32_t mode = 0;
  WallTime modified{};
  std::string target;                                   ///< of a symlink
  Bytes content;                                        ///< of a file, as the program sees it
  std::vector<ContentChange> unsynced;                  ///< oldest first
  std::map<std::string, std::shared_ptr<Inode>> names;  ///< of a directory
  std::weak_ptr<DiskAccess> lock_holder;
  std::weak_ptr<void> lock;
  std::shared_ptr<KeyValueStore> store;  ///< a directory may be a key-value store
};

/// One name that got another meaning. Several of them may be one atomic change (a rename).
struct NameChange {
  std::shared_ptr<Inode> folder;
  std::string name;
  std::shared_ptr<Inode> before;
  std::shared_ptr<Inode> after;
};

struct BytesLess {
  using is_transparent = void;
  bool operator()(ByteView a, ByteView b) const noexcept {
    return std::ranges::lexicographical_compare(a, b);
  }
};

/// The maps of a store in all versions that a snapshot or a crash may still ask for.
struct KeyValueStore {
  struct Version {
    std::uint64_t sequence = 0;
    std::optional<Buffer> value;
  };
  using Map = std::map<Bytes, std::vector<Version>, BytesLess>;
  struct Touched {
    std::uint64_t sequence = 0;
    std::uint32_t space = 0;
    Bytes key;
  };

  /// The newest version that `sequence` sees; null if it sees none or an erased one.
  static const Buffer* visible(const std::vector<Version>& versions, std::uint64_t sequence);
  void forget_old();
  void crash(Prng& prng);

  std::vector<std::string> names;
  std::vector<Map> maps;
  std::uint64_t last = 0;     ///< sequence of the newest commit
  std::uint64_t durable = 0;  ///< commits up to this one survive
  std::uint64_t size_bytes = 0;
  std::multiset<std::uint64_t> snapshots;
  Queue<Touched> touched;  ///< keys with versions that may be forgotten one day
  std::weak_ptr<void> opened;
  std::weak_ptr<DiskAccess> opened_by;
};

}  // namespace kith::sim
