// Engine: the block store itself, as plain blocking code for workers. BlockStore (block_store.hpp)
// is its face on the loop; format.hpp has the bytes on disk.
//
//   put -> memory (the pending batch) --- sync ---> pack file, data sync -> index, synced commit
//   get <- memory, else cache, else index -> pack file or the user's own file
//
// Bytes are kept once. A block is known by its multihash, so CIDs of either version and any codec
// share them. Identity hashes are answered from themselves and never stored.
//
// Durability. put() takes blocks into memory, where they can be read at once; sync() makes all of
// them durable: one gather write to the newest pack, sync of the file (and of its folder if it is
// new), then one synced commit to the index. So the index never points at bytes that a crash can
// take. put() syncs by itself when options.unsynced_bytes_max is reached. Callers of sync() that
// come while another one runs wait for it and find their blocks done or do the next round for all
// who wait: a group commit. What isn't synced is lost by a crash, also of the program alone: at
// most unsynced_bytes_max, twice that while a sync runs or after one failed, and one put.
//
// Failures. If writing, syncing or committing fails (no space, bad disk), the call says so, the
// blocks stay in memory and readable, and the next sync writes all of them again: after a failed
// data sync to a new pack, since the system may have dropped the pages of the old one. put()
// refuses with the sync's error once twice unsynced_bytes_max wait. Nothing that was acknowledged
// is touched by any of this.
//
// Recovery, at open. Each pack's durable end is in the index, so nothing is scanned after a clean
// stop. Only if the newest pack is longer than its durable end, or a pack isn't in the index at
// all, that part is scanned: good records whose bytes have the right hash are taken in (written
// once more, synced, committed), the rest is cut off or left as dead bytes. The same makes a lost
// index anew from all packs; blocks deleted before come back then, and what was added without
// copying is forgotten.
//
// The user's own files (put_file_ranges): path, range and stamp (size, mtime, device, inode) are
// kept, not the bytes, which are made durable before the first of them is taken: the user may have
// written them a moment ago. Every read of such a block hashes what it read, so a change behind our
// back is never served; the error names the file, and says by its stamp what happened to it. A
// block whose file has changed is stored anew when someone puts it again; so is one found damaged.
// From then on, and until a read finds it good again, has() and sizes() say that it isn't here.
//
// Removal takes a block out of the index; its bytes are dead until compact() has copied what lives
// in the pack and removed the file. Records that were written and never committed would be taken in
// by the next open: a removal commits that they are dead, or cuts them off, before it is
// acknowledged.
//
// Limits: limits.hpp and EngineOptions. Memory: the pending batches (up to twice
// unsynced_bytes_max, and one put), the block cache, a scan's window, a megabyte that bulk passes
// through; the index's pages are the key-value store's. Thread: every method may be called from
// several workers at once. Errors: Errc::not_found, Errc::corrupt (with the file's name),
// Errc::limit_exceeded, Errc::unsupported (a later format, an unknown hash function), Errc::busy
// (another process has the store), and the ports' own.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <kith/base/buffer.hpp>
#include <kith/port/file_system.hpp>
#include <kith/port/key_value.hpp>
#include <kith/store/detail/block_cache.hpp>
#include <kith/store/detail/pack_files.hpp>
#include <kith/store/format.hpp>

namespace kith::store {

struct EngineOptions {
  /// The store's folder; made if missing.
  std::string path;
  /// A pack is closed when the next batch would make it larger.
  std::uint64_t pack_bytes_max = std::uint64_t{1} << 30;
  /// What may wait in memory before put() syncs by itself (see "Durability" above).
  std::uint64_t unsynced_bytes_max = std::uint64_t{32} << 20;
  std::size_t unsynced_blocks_max = 65536;
  /// How large the index may grow (address space, not memory).
  std::uint64_t index_bytes_max = std::uint64_t{1} << 40;
  std::size_t open_packs_max = 64;
  std::uint64_t cache_bytes_max = std::uint64_t{8} << 20;
  std::size_t cache_block_bytes_max = 16384;
  /// Hash each block that is read, too. Checksums are checked anyway, except for ranges.
  bool verify_reads = false;
};

struct NewBlock {
  Multihash hash;
  Buffer data;
};

struct PutOutcome {
  std::size_t stored = 0;
  std::size_t known = 0;  ///< were here already, or are identity hashes
  std::uint64_t stored_bytes = 0;
};

/// One of the user's files as it was before it was read.
struct FileReference {
  std::string path;
  FileStamp stamp;
};
struct FileRange {
  Multihash hash;
  std::uint64_t offset = 0;
  std::uint32_t bytes = 0;
};

struct Listed {
  Multihash hash;
  std::uint32_t bytes = 0;
};
struct ListPage {
  std::vector<Listed> blocks;
  bool last = false;
};

struct StoreStat {
  std::uint64_t blocks = 0;
  std::uint64_t bytes = 0;        ///< of blocks, without headers; those in the user's files too
  std::uint64_t file_blocks = 0;  ///< of these, in the user's own files
  std::uint64_t file_bytes = 0;
  std::uint64_t unsynced_blocks = 0;
  std::uint64_t unsynced_bytes = 0;
  std::uint64_t packs = 0;
  std::uint64_t pack_bytes = 0;  ///< what the pack files take
  std::uint64_t dead_bytes = 0;  ///< of these, what no block needs any more
};

/// What open() had to do.
struct OpenReport {
  std::uint64_t adopted_blocks = 0;
  std::uint64_t adopted_bytes = 0;
  /// Packs that are missing or shorter than what was acknowledged.
  std::vector<PackId> damaged_packs;
};

/// A disk doesn't give back what it was given.
bool is_disk_failure(const Error& error) noexcept;

struct BadBlock {
  Multihash hash;
  Error why;
};
struct VerifyReport {
  std::uint64_t blocks = 0;
  std::uint64_t bytes = 0;
  std::uint64_t damaged_blocks = 0;
  std::uint64_t unreadable_blocks = 0;
  /// What is there isn't the block; the first report_names_max of them.
  std::vector<BadBlock> damaged;
  /// They couldn't be read this time, and may well be good; likewise.
  std::vector<BadBlock> unreadable;
};

struct CompactOutcome {
  std::uint64_t packs = 0;
  std::uint64_t moved_blocks = 0;
  std::uint64_t freed_bytes = 0;
};

class Engine {
 public:
  /// Opens the store, or makes a new one. `files` and what `key_values` makes outlive it.
  static Result<std::unique_ptr<Engine>> open(port::FileSystem& files,
                                              port::KeyValueFactory& key_values,
                                              const EngineOptions& options);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  /// Does not sync: what wasn't synced is dropped as by a crash.
  ~Engine();

  const OpenReport& open_report() const noexcept { return report_; }

  /// Takes blocks whose data the caller has hashed. All or, with an error, none of them.
  /// Errc::limit_exceeded for a block above ipld::block_bytes_max.
  Result<PutOutcome> put(std::span<const NewBlock> blocks);

  /// Makes the file durable, as far as it can be, and takes its stamp: to be called before its
  /// content is read. The path must be absolute and the file a regular one.
  Result<FileReference> reference_file(const std::string& path);
  /// Takes blocks that stay where they are. Errc::corrupt if the file has changed since
  /// reference_file; Errc::unsupported if a hash can't be checked by us.
  Result<PutOutcome> put_file_ranges(const FileReference& file, std::span<const FileRange> ranges);

  /// Everything that put took before this call is durable when it returns.
  Result<void> sync();

  /// The whole block, checked against its checksum, or its hash if it lives in a user's file or
  /// options.verify_reads is set.
  Result<Buffer> get(const Multihash& hash);
  /// Bytes [offset, offset + size) of a block, cut at its end. Of a pack only those are read, and
  /// checked only with options.verify_reads.
  Result<Buffer> get_range(const Multihash& hash, std::uint64_t offset, std::uint64_t size);
  /// Whether a read found it damaged or changed, and neither a read nor trust_again() has trusted
  /// it since. Waits for no disk.
  bool doubtful(const Multihash& hash) const;
  /// Whether trust_again() has anything to look at.
  bool files_may_return() const noexcept { return files_may_return_; }
  /// Looks at the user's files whose blocks couldn't be had. Those that look again as they did when
  /// they were added are trusted, until another read fails.
  void trust_again();
  /// One index lookup; no promise that the bytes are good, but what is known to be damaged isn't
  /// here.
  Result<bool> has(const Multihash& hash);
  Result<std::vector<bool>> has_many(std::span<const Multihash> hashes);
  /// Nothing for a block that isn't here.
  Result<std::vector<std::optional<std::uint32_t>>> sizes(std::span<const Multihash> hashes);

  /// The blocks behind `after` (from the first on without it) in the order of their multihashes, at
  /// most `limit` and list_page_blocks_max from the index and what isn't synced between them. What
  /// is put or removed meanwhile may be in it or not.
  Result<ListPage> list(const std::optional<Multihash>& after, std::size_t limit);

  /// Takes blocks out; how many were there. Durable when it returns.
  Result<std::size_t> remove(std::span<const Multihash> hashes);

  Result<StoreStat> stat();

  /// Reads and hashes up to `limit` blocks behind `after`, adds to `report`, and returns the last
  /// one looked at; nothing at the end.
  Result<std::optional<Multihash>> verify_some(const std::optional<Multihash>& after,
                                               std::size_t limit, VerifyReport& report);
  /// All blocks; `progress`, if given, is called now and then and ends the work by false.
  Result<VerifyReport> verify(const std::function<bool(const VerifyReport&)>& progress = {});

  /// Packs of which at least `dead_share` (0 to 1) is dead, newest first, so that no block is moved
  /// to a pack whose turn is yet to come.
  std::vector<PackId> packs_to_compact(double dead_share) const;
  /// Moves the living blocks of one pack elsewhere and removes the file. Crash-safe: a block is in
  /// its old place or the new one. Errc::corrupt, and the pack stays, if living blocks in it are
  /// damaged. `go_on`, if given, is asked at each record; Errc::cancelled once it says no, and what
  /// was moved until then has been.
  Result<CompactOutcome> compact(PackId pack, const std::function<bool()>& go_on = {});

  /// What reads have found damaged or changed since the last call, one sentence for each pack or
  /// file ever.
  std::vector<std::string> take_complaints();

  /// Bytes that a sync would write.
  std::uint64_t unsynced_bytes() const;

 private:
  struct Pending {
    Multihash hash;
    Buffer data;                       ///< for a pack
    std::optional<FileExtent> file;    ///< for a user's file
    std::optional<PackExtent> placed;  ///< where it is durable, if only the commit failed
    bool replaces = false;             ///< the index may have an extent for it
    bool dropped = false;              ///< removed before it was synced
  };
  /// Blocks in memory, in the order of their coming.
  struct PendingBatch {
    std::vector<Pending> entries;
    std::unordered_map<Multihash, std::size_t> by_hash;
    std::uint64_t bytes = 0;

    const Pending* find(const Multihash& hash) const;
    void add(Pending entry);
    bool drop(const Multihash& hash);
    void append(PendingBatch&& later);
  };
  /// A block's bytes in memory, or its extent.
  using Found = std::variant<Buffer, Extent>;
  struct Placed {
    Multihash hash;
    PackExtent extent;
  };
  /// The tables as a commit under way will leave them.
  struct Change {
    port::Batch batch;
    std::map<PackId, PackInfo> packs;
    std::map<FileId, FileRow> files;
    StateRow state;
  };

  Engine(port::FileSystem& files, const EngineOptions& options);

  // engine_open.cpp
  Result<void> start(port::KeyValueFactory& key_values);
  /// False if the index is empty.
  Result<bool> load_tables();
  Result<void> recover(bool index_found);
  Result<void> adopt(PackId pack, std::uint64_t from, std::uint64_t size, bool rewrite);
  Result<void> take_in(std::vector<Placed>& found, PackId pack, port::File& file);
  Result<void> resume_last_pack(const std::map<PackId, std::uint64_t>& sizes);

  // Looking things up.
  const Pending* find_pending(const Multihash& hash) const;
  Result<std::optional<Found>> find(const Multihash& hash);
  static Result<std::optional<Extent>> find_in_index(port::Snapshot& snapshot,
                                                     const Multihash& hash);
  Result<Buffer> read(const Multihash& hash, const Extent& extent, bool verify);
  Result<Buffer> read_file_extent(const Multihash& hash, const FileExtent& extent);
  Result<Buffer> read_found(const Multihash& hash, bool verify);
  Result<FileRow> file_row(port::Snapshot& snapshot, FileId file);
  bool file_unchanged(const FileRow& row);
  void suspect(const Multihash& hash, const Extent* where, const Error& why);
  std::unexpected<Error> out_of_reach(const Multihash& hash, const FileExtent& where, Error why);
  bool looks_unchanged(FileId file);
  void absolve(const Multihash& hash);

  // Taking blocks in; write_mutex_ is held.
  Result<PutOutcome> take(std::vector<Pending> blocks);
  bool has_room() const;
  Result<bool> still_good(port::Snapshot& snapshot, const Extent& extent,
                          std::map<FileId, bool>& unchanged);

  // Syncing; commit_mutex_ is held.
  Result<void> sync_locked();
  Result<void> place_pending();
  Result<void> commit_pending();
  /// Appends the records to a pack and syncs it; the places are in the order of `blocks`.
  Result<std::vector<PackExtent>> write_records(std::span<const NewBlock> blocks);
  Result<void> append_records(std::span<const NewBlock> blocks,
                              const std::vector<PackExtent>& places);
  Result<void> open_current(std::uint64_t bytes);
  void abandon_current(const Error& why);
  PackInfo& pack_in(Change& change, PackId pack) const;
  Result<FileRow*> file_in(Change& change, port::Snapshot& snapshot, FileId file);
  Result<void> uncount(Change& change, port::Snapshot& snapshot, const Multihash& hash,
                       const Extent& extent);
  void count(Change& change, const Multihash& hash, const PackExtent& extent);
  Result<void> forget_file(port::Batch& batch, FileId file, const FileRow& row);
  Result<void> commit(Change& change);
  bool pending_in_file(FileId file) const;
  void bury_uncommitted(Change& change) const;
  Result<void> cut_strays();

  // engine_files.cpp
  Result<FileStamp> stamp_of(const std::string& path);
  Result<void> sync_way(const std::string& path);
  Result<FileId> file_id(const FileReference& file);

  // engine_maintenance.cpp
  Result<std::size_t> move_blocks(std::span<const NewBlock> blocks,
                                  std::span<const PackExtent> places);
  Result<void> drop_pack(PackId pack);

  port::FileSystem& files_;
  const EngineOptions options_;
  std::unique_ptr<port::FileLock> lock_;
  std::unique_ptr<port::KeyValue> index_;
  detail::PackFiles pack_files_;
  detail::BlockCache cache_;
  OpenReport report_;

  // Taken in this order. compact_mutex_: one compaction at a time. commit_mutex_: one sync, removal
  // or move at a time. write_mutex_: one put decides at a time. table_mutex_: the fields below it,
  // for moments only.
  std::mutex compact_mutex_;
  std::mutex commit_mutex_;
  std::mutex write_mutex_;
  mutable std::shared_mutex table_mutex_;
  PendingBatch active_;    // taken, not yet being synced
  PendingBatch flushing_;  // being synced, or a sync of it failed
  std::map<PackId, PackInfo> packs_;
  StateRow state_;
  /// With the user's file that they lie in if it may become again what it was, else 0.
  std::unordered_map<Multihash, FileId> suspects_;
  std::atomic<bool> any_suspects_ = false;  ///< there have been
  std::atomic<bool> files_may_return_ = false;
  /// Packs (false) and files (true) that were told of; the sentences that nobody has taken yet.
  std::set<std::pair<bool, std::uint64_t>> complained_;
  std::vector<std::string> complaints_;

  // The pack that is written to; only under commit_mutex_.
  std::unique_ptr<port::File> current_;
  PackId current_pack_ = 0;
  std::uint64_t current_end_ = 0;  // behind the last record that was synced
  bool current_is_new_ = false;    // its name isn't durable yet
  PackId last_pack_ = 0;           // the highest number ever used
  /// Behind what was synced to a pack and no commit covers yet; only under commit_mutex_, as these.
  std::map<PackId, std::uint64_t> uncommitted_;
  /// Packs in which a write failed: what it left behind their ends may still be there.
  std::set<PackId> strays_;

  std::mutex folders_mutex_;  // held for moments, and no other with it
  /// Folders of the user's files as they were when the names in them were made durable.
  std::map<std::string, FileStamp> synced_folders_;
};

}  // namespace kith::store
