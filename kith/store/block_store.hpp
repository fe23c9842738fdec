// BlockStore: the store on the loop: ipld::BlockSource and BlockSink over an Engine (engine.hpp,
// which has the rules of durability, failures and recovery).
//
// Every engine call is a job of env.pool. Reads run side by side; lookups that come while one runs
// go together in the next. Puts go through one writer: it takes all that wait at a time, and a put
// waits while queue_bytes_max are queued. A put's blocks can be read as soon as it returns, and are
// durable once a flush() that began after it has returned (or the put itself, with sync_puts).
// Flushes that come while a sync runs share the next one. What nobody flushes is synced after
// sync_delay, and when half of unsynced_bytes_max waits.
//
// What removals leave is given back in the background: compact_delay after one, packs that are dead
// by compact_dead_share are compacted, a few at a time (limits.hpp). What reads find damaged, or
// changed in the user's files, is logged once for each pack and file.
//
// Ownership: close() before the object dies (asserted). It ends what runs, syncs, and works in a
// cancelled task, too; operations begun after it answer Errc::closed. Loop thread only.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <kith/ipld/block.hpp>
#include <kith/port/env.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>
#include <kith/store/engine.hpp>

namespace kith::store {

struct StoreOptions : EngineOptions {
  /// put() returns only when its blocks are durable.
  bool sync_puts = false;
  /// How long blocks wait in memory if nobody flushes.
  Duration sync_delay = 1s;
  /// Puts wait while this much is on its way to the engine.
  std::uint64_t queue_bytes_max = std::uint64_t{16} << 20;
  /// When and how removed blocks' space is given back.
  double compact_dead_share = store::compact_dead_share;
  Duration compact_delay = store::compact_delay;
};

/// A block that stays in the user's file.
struct BlockInFile {
  multiformats::Cid cid;
  std::uint64_t offset = 0;
  std::uint32_t bytes = 0;
};

class BlockStore final : public ipld::BlockSource, public ipld::BlockSink {
 public:
  /// Opens the store, or makes it. Errors as Engine::open's.
  static Task<std::unique_ptr<BlockStore>> open(port::Env& env, StoreOptions options);
  ~BlockStore() override;
  BlockStore(const BlockStore&) = delete;
  BlockStore& operator=(const BlockStore&) = delete;

  /// Ends and syncs; the sync's error, if it had one.
  Task<void> close();

  /// The block, without waiting for `deadline`: what isn't here is Errc::not_found. Errc::corrupt
  /// if it is damaged or its file has changed.
  Task<ipld::Block> get(multiformats::Cid cid, Instant deadline = never) override;
  /// Bytes [offset, offset + size) of the block, cut at its end (Engine::get_range).
  Task<Buffer> get_range(multiformats::Cid cid, std::uint64_t offset, std::uint64_t size);
  /// Nothing to do: reading is what takes the time.
  void prefetch(std::span<const multiformats::Cid> cids) override;
  Task<bool> has(multiformats::Cid cid) override;
  /// Whether it was found damaged or changed, and hasn't been good since. Doesn't look at the disk.
  bool doubtful(const multiformats::Cid& cid) const;
  Task<std::vector<bool>> has_many(std::vector<multiformats::Cid> cids);
  /// The block's bytes; Errc::not_found.
  Task<std::uint32_t> size(multiformats::Cid cid);
  /// Nothing for a block that isn't here.
  Task<std::vector<std::optional<std::uint32_t>>> sizes(std::vector<multiformats::Cid> cids);

  Task<void> put(std::vector<ipld::Block> blocks) override;
  Task<void> flush() override;

  /// To be called before the file is read (Engine::reference_file).
  Task<FileReference> reference_file(std::string path);
  Task<PutOutcome> put_in_file(FileReference file, std::vector<BlockInFile> blocks);

  /// Durable when it returns; how many of them were there.
  Task<std::size_t> remove(std::vector<multiformats::Cid> cids);
  Task<ListPage> list(std::optional<Multihash> after, std::size_t limit = list_page_blocks_max);
  Task<StoreStat> stat();
  /// Hashes every block; `progress` is awaited between steps, and its error ends the work.
  Task<VerifyReport> verify(std::function<Task<void>(const VerifyReport&)> progress = {});
  /// Compacts every pack of which `dead_share` is dead; a damaged pack is left, and logged.
  Task<CompactOutcome> compact(double dead_share);

  const OpenReport& open_report() const noexcept { return engine_->open_report(); }

 private:
  struct PutRequest;
  struct Lookup;
  class Use;
  using Round = port::OneShot<bool>;

  BlockStore(port::Env& env, StoreOptions options, std::unique_ptr<Engine> engine);

  Task<std::optional<std::uint32_t>> look_up(Multihash hash);
  Task<void> serve_lookups();
  Task<void> serve_puts();
  void plan_sync();
  std::shared_ptr<Round> next_round();
  Task<void> serve_rounds();
  Task<void> sync_later();
  Task<void> wait_round(std::shared_ptr<Round> round);
  void plan_compaction();
  Task<void> compact_later();
  Task<void> wait_for_files();
  Task<void> compact_some();
  void tell_of_opening() const;
  void tell_of_damage();

  port::Env& env_;
  port::Logger log_;
  StoreOptions options_;
  std::unique_ptr<Engine> engine_;

  bool closing_ = false;
  std::atomic<bool> ending_ = false;  // the same, for workers
  std::size_t uses_ = 0;
  port::Event unused_;    // uses_ has become 0
  port::Event stopping_;  // closing_ was set
  port::Event room_;      // puts_bytes_ has shrunk

  std::deque<std::shared_ptr<PutRequest>> puts_;
  std::uint64_t puts_bytes_ = 0;  // queued or being put
  bool serving_puts_ = false;
  std::deque<std::shared_ptr<Lookup>> lookups_;
  bool serving_lookups_ = false;
  std::shared_ptr<Round> next_round_;
  bool serving_rounds_ = false;
  bool waiting_to_sync_ = false;
  bool sync_failing_ = false;
  bool waiting_to_compact_ = false;
  bool waiting_for_files_ = false;
  std::set<PackId> not_to_compact_;  // damaged ones, which stay
  port::TaskGroup tasks_;
};

}  // namespace kith::store
