#include <algorithm>

#include <kith/store/block_store.hpp>

namespace kith::store {
namespace {

using multiformats::Cid;

constexpr std::size_t lookups_a_job = 1024;
constexpr std::uint64_t bytes_a_put = 4 * 1024 * 1024;
constexpr std::size_t blocks_a_verify_step = 64;

Result<Multihash> key_of(const Cid& cid) {
  if (cid.empty()) return std::unexpected(Errc::invalid_argument);
  return cid.hash();
}

Result<std::vector<Multihash>> keys_of(const std::vector<Cid>& cids) {
  std::vector<Multihash> keys;
  keys.reserve(cids.size());
  for (const Cid& cid : cids) {
    KITH_TRY(Multihash key, key_of(cid));
    keys.push_back(key);
  }
  return keys;
}

}  // namespace

struct BlockStore::PutRequest {
  explicit PutRequest(port::Clock& clock) : done(clock) {}
  std::vector<NewBlock> blocks;
  std::uint64_t bytes = 0;
  Result<void> outcome = std::unexpected(Errc::cancelled);
  port::OneShot<bool> done;
};

struct BlockStore::Lookup {
  Lookup(port::Clock& clock, const Multihash& key) : hash(key), done(clock) {}
  Multihash hash;
  port::OneShot<std::optional<std::uint32_t>> done;
};

/// Held by each operation that may touch the engine, so that close() waits for it.
class BlockStore::Use {
 public:
  explicit Use(BlockStore& store) : store_(store) { ++store_.uses_; }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() {
    if (--store_.uses_ == 0) store_.unused_.notify_all();
  }

 private:
  BlockStore& store_;
};

// --- beginning and end ---

BlockStore::BlockStore(port::Env& env, StoreOptions options, std::unique_ptr<Engine> engine)
    : env_(env),
      log_(env.log, "store"),
      options_(std::move(options)),
      engine_(std::move(engine)),
      unused_(env.clock),
      stopping_(env.clock),
      room_(env.clock),
      tasks_(env.executor, env.clock) {}

BlockStore::~BlockStore() {
  ASSERT(uses_ == 0 && tasks_.size() == 0);
}

Task<std::unique_ptr<BlockStore>> BlockStore::open(port::Env& env, StoreOptions options) {
  auto work = [&env, &options] { return Engine::open(env.files, env.key_values, options); };
  KITH_CO_TRY(auto engine, co_await port::run_on(env.pool, work));
  std::unique_ptr<BlockStore> store(new BlockStore(env, std::move(options), std::move(engine)));
  store->tell_of_opening();
  store->plan_compaction();
  co_return store;
}

void BlockStore::tell_of_opening() const {
  const OpenReport& report = engine_->open_report();
  if (report.adopted_blocks > 0) {
    KITH_LOG_INFO(log_, "found {} blocks ({} bytes) that the index didn't know",
                  report.adopted_blocks, report.adopted_bytes);
  }
  for (PackId pack : report.damaged_packs) {
    KITH_LOG_ERROR(log_, "{}/{} is missing or too short: its blocks can't all be read",
                   options_.path, pack_name(pack));
  }
}

void BlockStore::tell_of_damage() {
  for (const std::string& complaint : engine_->take_complaints())
    KITH_LOG_ERROR(log_, "{}", complaint);
  if (!engine_->files_may_return() || waiting_for_files_ || closing_) return;
  waiting_for_files_ = true;
  if (!tasks_.spawn(wait_for_files())) waiting_for_files_ = false;
}

/// Peers are told that blocks of such a file aren't here, and so never ask for one.
Task<void> BlockStore::wait_for_files() {
  while (!closing_ && engine_->files_may_return()) {
    (void)co_await stopping_.wait(env_.clock.now() + files_return_interval);
    if (closing_) break;
    auto look = [this]() -> Result<void> {
      engine_->trust_again();
      return {};
    };
    (void)co_await port::run_on(env_.pool, look);
  }
  waiting_for_files_ = false;
  co_return Result<void>{};
}

Task<void> BlockStore::close() {
  closing_ = true;
  ending_ = true;
  stopping_.notify_all();
  room_.notify_all();
  while (uses_ > 0)
    (void)co_await unused_.wait_shielded();
  // The round runs in a task of ours, which nobody cancels.
  std::shared_ptr<Round> last = next_round();
  (void)co_await tasks_.join_shielded();
  auto outcome = co_await last->wait();
  auto drop = [this]() -> Result<void> {
    engine_.reset();
    return {};
  };
  (void)co_await port::run_on(env_.pool, drop);
  engine_.reset();
  if (!outcome) co_return std::unexpected(outcome.error());
  co_return Result<void>{};
}

// --- reading ---

Task<ipld::Block> BlockStore::get(Cid cid, Instant) {
  KITH_CO_TRY(Multihash key, key_of(cid));
  if (closing_) co_return std::unexpected(Errc::closed);
  Use use(*this);
  if (key.is_identity()) co_return ipld::Block{cid, Buffer::copy_of(key.digest())};
  auto work = [this, &key] { return engine_->get(key); };
  auto data = co_await port::run_on(env_.pool, work);
  if (!data && !data.error().is(Errc::not_found)) tell_of_damage();
  KITH_CO_CHECK(data);
  co_return ipld::Block{cid, *std::move(data)};
}

Task<Buffer> BlockStore::get_range(Cid cid, std::uint64_t offset, std::uint64_t size) {
  KITH_CO_TRY(Multihash key, key_of(cid));
  if (closing_) co_return std::unexpected(Errc::closed);
  Use use(*this);
  auto work = [this, &key, offset, size] { return engine_->get_range(key, offset, size); };
  auto data = co_await port::run_on(env_.pool, work);
  if (!data && !data.error().is(Errc::not_found)) tell_of_damage();
  co_return data;
}

void BlockStore::prefetch(std::span<const Cid>) {}

bool BlockStore::doubtful(const Cid& cid) const {
  return engine_->doubtful(cid.hash());
}

Task<bool> BlockStore::has(Cid cid) {
  KITH_CO_TRY(Multihash key, key_of(cid));
  KITH_CO_TRY(auto found, co_await look_up(key));
  co_return found.has_value();
}

Task<std::uint32_t> BlockStore::size(Cid cid) {
  KITH_CO_TRY(Multihash key, key_of(cid));
  KITH_CO_TRY(auto found, co_await look_up(key));
  if (!found) co_return std::unexpected(Errc::not_found);
  co_return *found;
}

Task<std::vector<bool>> BlockStore::has_many(std::vector<Cid> cids) {
  KITH_CO_TRY(auto found, co_await sizes(std::move(cids)));
  std::vector<bool> answers(found.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    answers[i] = found[i].has_value();
  co_return answers;
}

Task<std::vector<std::optional<std::uint32_t>>> BlockStore::sizes(std::vector<Cid> cids) {
  KITH_CO_TRY(auto keys, keys_of(cids));
  if (closing_) co_return std::unexpected(Errc::closed);
  Use use(*this);
  auto work = [this, &keys] { return engine_->sizes(keys); };
  co_return co_await port::run_on(env_.pool, work);
}

Task<std::optional<std::uint32_t>> BlockStore::look_up(Multihash hash) {
  if (hash.is_identity()) {
    co_return std::optional<std::uint32_t>(static_cast<std::uint32_t>(hash.digest().size()));
  }
  if (closing_) co_return std::unexpected(Errc::closed);
  auto lookup = std::make_shared<Lookup>(env_.clock, hash);
  lookups_.push_back(lookup);
  if (!serving_lookups_) {
    serving_lookups_ = true;
    tasks_.spawn(serve_lookups());
  }
  co_return co_await lookup->done.wait();
}

Task<void> BlockStore::serve_lookups() {
  while (!lookups_.empty()) {
    std::vector<std::shared_ptr<Lookup>> taken;
    std::vector<Multihash> keys;
    while (!lookups_.empty() && taken.size() < lookups_a_job) {
      keys.push_back(lookups_.front()->hash);
      taken.push_back(std::move(lookups_.front()));
      lookups_.pop_front();
    }
    auto work = [this, &keys] { return engine_->sizes(keys); };
    auto found = co_await port::run_on(env_.pool, work);
    for (std::size_t i = 0; i < taken.size(); ++i) {
      if (found) {
        taken[i]->done.set((*found)[i]);
      } else {
        taken[i]->done.set(std::unexpected(found.error()));
      }
    }
  }
  serving_lookups_ = false;
  co_return Result<void>{};
}

// --- writing ---

Task<void> BlockStore::put(std::vector<ipld::Block> blocks) {
  auto request = std::make_shared<PutRequest>(env_.clock);
  request->blocks.reserve(blocks.size());
  for (ipld::Block& block : blocks) {
    KITH_CO_TRY(Multihash key, key_of(block.cid));
    if (block.data.size() > ipld::block_bytes_max) co_return std::unexpected(Errc::limit_exceeded);
    if (key.is_identity()) continue;
    request->bytes += block.data.size();
    request->blocks.push_back({key, std::move(block.data)});
  }
  if (request->blocks.empty()) co_return Result<void>{};
  while (!closing_ && puts_bytes_ >= options_.queue_bytes_max)
    KITH_CO_CHECK(co_await room_.wait());
  if (closing_) co_return std::unexpected(Errc::closed);
  Use use(*this);
  puts_bytes_ += request->bytes;
  puts_.push_back(request);
  if (!serving_puts_) {
    serving_puts_ = true;
    tasks_.spawn(serve_puts());
  }
  KITH_CO_CHECK(co_await request->done.wait());
  if (!options_.sync_puts) co_return Result<void>{};
  std::shared_ptr<Round> round = next_round();
  co_return co_await wait_round(round);
}

Task<void> BlockStore::serve_puts() {
  while (!puts_.empty()) {
    std::deque<std::shared_ptr<PutRequest>> taken = std::move(puts_);
    puts_.clear();
    std::uint64_t step = std::min(bytes_a_put, options_.unsynced_bytes_max);
    auto work = [this, &taken, step]() -> Result<void> {
      for (auto& request : taken) {
        request->outcome = Result<void>();
        std::span<const NewBlock> left = request->blocks;
        while (!left.empty() && request->outcome) {
          std::size_t count = 0;
          std::uint64_t bytes = 0;
          while (count < left.size() && (count == 0 || bytes < step))
            bytes += left[count++].data.size();
          auto stored = engine_->put(left.first(count));
          if (!stored) request->outcome = std::unexpected(stored.error());
          left = left.subspan(count);
        }
      }
      return {};
    };
    (void)co_await port::run_on(env_.pool, work);
    for (auto& request : taken) {
      puts_bytes_ -= request->bytes;
      request->blocks.clear();
      if (request->outcome) {
        request->done.set(true);
      } else {
        request->done.set(std::unexpected(request->outcome.error()));
      }
    }
    room_.notify_all();
    plan_sync();
  }
  serving_puts_ = false;
  co_return Result<void>{};
}

void BlockStore::plan_sync() {
  std::uint64_t waiting = engine_->unsynced_bytes();
  if (waiting >= options_.unsynced_bytes_max / 2 && !sync_failing_) {
    next_round();
  } else if (!waiting_to_sync_ && !closing_) {
    waiting_to_sync_ = true;
    tasks_.spawn(sync_later());
  }
}

Task<void> BlockStore::sync_later() {
  if (!closing_) (void)co_await stopping_.wait(env_.clock.now() + options_.sync_delay);
  waiting_to_sync_ = false;
  if (!closing_) next_round();
  co_return Result<void>{};
}

/// The sync that begins after this call, together with all who want one until then.
std::shared_ptr<BlockStore::Round> BlockStore::next_round() {
  if (!next_round_) next_round_ = std::make_shared<Round>(env_.clock);
  if (!serving_rounds_) {
    serving_rounds_ = true;
    tasks_.spawn(serve_rounds());
  }
  return next_round_;
}

Task<void> BlockStore::serve_rounds() {
  while (next_round_) {
    std::shared_ptr<Round> round = std::exchange(next_round_, nullptr);
    auto work = [this] { return engine_->sync(); };
    auto outcome = co_await port::run_on(env_.pool, work);
    if (outcome) {
      if (sync_failing_) KITH_LOG_INFO(log_, "blocks can be written again");
      sync_failing_ = false;
      round->set(true);
    } else {
      if (!sync_failing_ && !outcome.error().is(Errc::cancelled)) {
        KITH_LOG_ERROR(log_, "blocks can't be made durable: {}", outcome.error().message());
      }
      sync_failing_ = true;
      round->set(std::unexpected(outcome.error()));
    }
  }
  serving_rounds_ = false;
  co_return Result<void>{};
}

Task<void> BlockStore::wait_round(std::shared_ptr<Round> round) {
  auto outcome = co_await round->wait();
  if (!outcome) co_return std::unexpected(outcome.error());
  co_return Result<void>{};
}

Task<void> BlockStore::flush() {
  if (closing_) co_return std::unexpected(Errc::closed);
  std::shared_ptr<Round> round = next_round();
  co_return co_await wait_round(round);
}

Task<FileReference> BlockStore::reference_file(std::string path) {
  if (closing_) co_return std::unexpected(Errc::closed);
  Use use(*this);
  auto work = [this, &path] { return engine_->reference_file(path); };
  co_return co_await port::run_on(env_.pool, work);
}

Task<PutOutcome> BlockStore::put_in_file(FileReference file, std::vector<BlockInFile> blocks) {
  std::vector<FileRange> ranges;
  ranges.reserve(blocks.size());
  for (const BlockInFile& block : blocks) {
    KITH_CO_TRY(Multihash key, key_of(block.cid));
    ranges.push_back({key, block.offset, block.bytes});
  }
  if (closing_) co_return std::unexpected(Errc::closed);
  Use use(*this);
  auto work = [this, &file, &ranges] { return engine_->put_file_ranges(file, ranges); };
  KITH_CO_TRY(PutOutcome outcome, co_await port::run_on(env_.pool, work));
  if (outcome.stored > 0) plan_sync();
  if (!options_.sync_puts) co_return outcome;
  std::shared_ptr<Round> round = next_round();
  KITH_CO_CHECK(co_await wait_round(round));
  co_return outcome;
}

// --- maintenance ---

Task<std::size_t> BlockStore::remove(std::vector<Cid> cids) {
  KITH_CO_TRY(auto keys, keys_of(cids));
  if (closing_) co_return std::unexpected(Errc::closed);
  Use use(*this);
  auto work = [this, &keys] { return engine_->remove(keys); };
  auto removed = co_await port::run_on(env_.pool, work);
  if (removed && *removed > 0) plan_compaction();
  co_return removed;
}

Task<ListPage> BlockStore::list(std::optional<Multihash> after, std::size_t limit) {
  if (closing_) co_return std::unexpected(Errc::closed);
  Use use(*this);
  auto work = [this, &after, limit] { return engine_->list(after, limit); };
  co_return co_await port::run_on(env_.pool, work);
}

Task<StoreStat> BlockStore::stat() {
  if (closing_) co_return std::unexpected(Errc::closed);
  Use use(*this);
  auto work = [this] { return engine_->stat(); };
  co_return co_await port::run_on(env_.pool, work);
}

Task<VerifyReport> BlockStore::verify(std::function<Task<void>(const VerifyReport&)> progress) {
  Use use(*this);
  VerifyReport report;
  std::optional<Multihash> at;
  do {
    if (closing_) co_return std::unexpected(Errc::closed);
    auto work = [this, &at, &report] {
      return engine_->verify_some(at, blocks_a_verify_step, report);
    };
    KITH_CO_TRY(auto next, co_await port::run_on(env_.pool, work));
    at = next;
    tell_of_damage();
    if (progress) KITH_CO_CHECK(co_await progress(report));
  } while (at);
  co_return report;
}

Task<CompactOutcome> BlockStore::compact(double dead_share) {
  Use use(*this);
  CompactOutcome sum;
  std::vector<PackId> packs = engine_->packs_to_compact(dead_share);
  for (PackId pack : packs) {
    if (closing_) co_return std::unexpected(Errc::closed);
    auto work = [this, pack] { return engine_->compact(pack, [this] { return !ending_.load(); }); };
    auto outcome = co_await port::run_on(env_.pool, work);
    if (!outcome && outcome.error().is(Errc::corrupt)) {
      KITH_LOG_WARN(log_, "not compacted: {}", outcome.error().message());
      continue;
    }
    KITH_CO_CHECK(outcome);
    sum.packs += outcome->packs;
    sum.moved_blocks += outcome->moved_blocks;
    sum.freed_bytes += outcome->freed_bytes;
  }
  co_return sum;
}

void BlockStore::plan_compaction() {
  if (waiting_to_compact_ || closing_) return;
  waiting_to_compact_ = true;
  if (!tasks_.spawn(compact_later())) waiting_to_compact_ = false;
}

Task<void> BlockStore::compact_later() {
  // It may be closing before this has begun.
  if (!closing_) (void)co_await stopping_.wait(env_.clock.now() + options_.compact_delay);
  waiting_to_compact_ = false;
  if (closing_) co_return Result<void>{};
  Result<void> done = co_await compact_some();
  if (!done && !done.error().is(Errc::closed)) {
    KITH_LOG_WARN(log_, "removed blocks still take space: {}", done.error().message());
  }
  co_return done;
}

Task<void> BlockStore::compact_some() {
  Use use(*this);
  std::size_t looked_at = 0;
  std::vector<PackId> packs = engine_->packs_to_compact(options_.compact_dead_share);
  for (PackId pack : packs) {
    if (closing_) co_return std::unexpected(Errc::closed);
    if (not_to_compact_.contains(pack)) continue;
    if (looked_at++ == compact_packs_a_pass) {
      plan_compaction();
      break;
    }
    auto work = [this, pack] { return engine_->compact(pack, [this] { return !ending_.load(); }); };
    auto outcome = co_await port::run_on(env_.pool, work);
    if (!outcome && outcome.error().is(Errc::corrupt)) {
      KITH_LOG_WARN(log_, "not compacted: {}", outcome.error().message());
      not_to_compact_.insert(pack);
      continue;
    }
    if (closing_) co_return std::unexpected(Errc::closed);
    KITH_CO_CHECK(outcome);
    KITH_LOG_INFO(log_, "gave {} bytes of removed blocks back", outcome->freed_bytes);
  }
  co_return Result<void>{};
}

}  // namespace kith::store
