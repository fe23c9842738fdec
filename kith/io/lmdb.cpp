#include <cerrno>
#include <map>
#include <mutex>
#include <utility>

#include <lmdb.h>

#include <kith/base/assert.hpp>
#include <kith/io/file_system.hpp>
#include <kith/io/limits.hpp>
#include <kith/io/lmdb.hpp>

namespace kith::io {

using port::Batch;
using port::Durability;
using port::KeyValue;
using port::KeyValueOptions;
using port::Namespace;
using port::Snapshot;

namespace {

std::unexpected<Error> failed(int code, const std::string& path) {
  switch (code) {
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case MDB_DBS_FULL:
    case MDB_READERS_FULL:
      return std::unexpected(Error(Errc::limit_exceeded, path));
    case MDB_BAD_VALSIZE:
      return std::unexpected(Error(Errc::invalid_argument, path));
    default:
      if (code > 0) return std::unexpected(Error::from_errno(code, path));
      return std::unexpected(Error(Errc::corrupt, path + " (" + mdb_strerror(code) + ")"));
  }
}

MDB_val to_value(ByteView bytes) noexcept {
  return {bytes.size(), const_cast<std::uint8_t*>(bytes.data())};
}

ByteView view_of(const MDB_val& value) noexcept {
  return {static_cast<const std::uint8_t*>(value.mv_data), value.mv_size};
}

/// The order of LMDB's keys.
struct Bytewise {
  using is_transparent = void;
  bool operator()(ByteView a, ByteView b) const noexcept {
    return std::ranges::lexicographical_compare(a, b);
  }
};

/// Changes that aren't in LMDB yet: what reads see instead of what is stored there.
struct HeldChanges {
  using Space = std::map<Bytes, std::optional<Bytes>, Bytewise>;

  explicit HeldChanges(std::size_t spaces) : of_space(spaces) {}

  bool has_room_for(const Batch& batch) const {
    return changes + batch.changes().size() <= held_changes_max &&
           bytes + bytes_of(batch) <= held_bytes_max;
  }

  /// Overwritten changes go on counting until all is written out.
  void add(const Batch& batch) {
    for (const Batch::Change& change : batch.changes())
      of_space[change.space].insert_or_assign(change.key, change.value);
    changes += batch.changes().size();
    bytes += bytes_of(batch);
  }

  static std::size_t bytes_of(const Batch& batch) {
    std::size_t sum = 0;
    for (const Batch::Change& change : batch.changes())
      sum += change.key.size() + (change.value ? change.value->size() : 0);
    return sum;
  }

  std::vector<Space> of_space;
  std::size_t changes = 0;
  std::size_t bytes = 0;
};

using Environment = std::unique_ptr<MDB_env, void (*)(MDB_env*)>;
using Transaction = std::unique_ptr<MDB_txn, void (*)(MDB_txn*)>;
using Cursor = std::unique_ptr<MDB_cursor, void (*)(MDB_cursor*)>;

constexpr std::size_t never_written_out = SIZE_MAX;

/// What the store and its snapshots share.
struct Shared {
  std::string path;
  std::unique_ptr<port::FileLock> lock;
  Environment environment{nullptr, &mdb_env_close};
  std::vector<MDB_dbi> databases;

  std::mutex mutex;
  // Under the mutex.
  std::shared_ptr<HeldChanges> held;
  std::vector<Transaction> idle_readers;
  std::size_t snapshots = 0;
  /// The transaction that is being committed with what is held in it.
  std::size_t written_out = never_written_out;
};

class LmdbSnapshot final : public Snapshot {
 public:
  LmdbSnapshot(Shared& shared, Transaction reader, std::shared_ptr<const HeldChanges> held) noexcept
      : shared_(shared), reader_(std::move(reader)), held_(std::move(held)) {}

  ~LmdbSnapshot() override {
    mdb_txn_reset(reader_.get());
    std::scoped_lock lock(shared_.mutex);
    // Under the mutex, so that the store's next writer sees that nobody reads these any more.
    held_.reset();
    --shared_.snapshots;
    if (shared_.idle_readers.size() < snapshots_kept_max)
      shared_.idle_readers.push_back(std::move(reader_));
  }

  Result<std::optional<ByteView>> get(Namespace space, ByteView key) override {
    KITH_CHECK(check(space));
    if (key.empty() || key.size() > port::key_bytes_max) return std::nullopt;
    const HeldChanges::Space& held = held_->of_space[space];
    if (auto found = held.find(key); found != held.end()) {
      if (!found->second) return std::nullopt;
      return ByteView(*found->second);
    }
    return stored(space, key);
  }

  Result<void> scan(Namespace space, ByteView from,
                    const std::function<bool(ByteView, ByteView)>& visit) override {
    KITH_CHECK(check(space));
    MDB_cursor* opened = nullptr;
    int code = mdb_cursor_open(reader_.get(), shared_.databases[space], &opened);
    if (code != 0) return failed(code, shared_.path);
    Cursor cursor(opened, &mdb_cursor_close);
    MDB_val key = to_value(from);
    MDB_val value = {};
    code = mdb_cursor_get(opened, &key, &value, from.empty() ? MDB_FIRST : MDB_SET_RANGE);
    const HeldChanges::Space& changes = held_->of_space[space];
    auto change = changes.lower_bound(from);
    for (;;) {
      if (code != 0 && code != MDB_NOTFOUND) return failed(code, shared_.path);
      bool stored = code == 0;
      if (!stored && change == changes.end()) return {};
      bool changed = change != changes.end() &&
                     (!stored || !Bytewise()(view_of(key), ByteView(change->first)));
      if (!changed) {
        if (!visit(view_of(key), view_of(value))) return {};
        code = mdb_cursor_get(opened, &key, &value, MDB_NEXT);
        continue;
      }
      if (change->second && !visit(change->first, *change->second)) return {};
      if (stored && equal(view_of(key), change->first))
        code = mdb_cursor_get(opened, &key, &value, MDB_NEXT);
      ++change;
    }
  }

  Result<std::uint64_t> count(Namespace space) override {
    KITH_CHECK(check(space));
    MDB_stat status;
    int code = mdb_stat(reader_.get(), shared_.databases[space], &status);
    if (code != 0) return failed(code, shared_.path);
    std::uint64_t entries = status.ms_entries;
    for (const auto& [key, value] : held_->of_space[space]) {
      KITH_TRY(std::optional<ByteView> before, stored(space, key));
      entries += value.has_value() ? 1 : 0;
      entries -= before.has_value() ? 1 : 0;
    }
    return entries;
  }

 private:
  Result<void> check(Namespace space) const {
    if (space >= shared_.databases.size()) return std::unexpected(Errc::invalid_argument);
    return {};
  }

  Result<std::optional<ByteView>> stored(Namespace space, ByteView key) {
    MDB_val wanted = to_value(key);
    MDB_val value = {};
    int code = mdb_get(reader_.get(), shared_.databases[space], &wanted, &value);
    if (code == MDB_NOTFOUND) return std::nullopt;
    if (code != 0) return failed(code, shared_.path);
    return view_of(value);
  }

  Shared& shared_;
  Transaction reader_;
  std::shared_ptr<const HeldChanges> held_;
};

class LmdbStore final : public KeyValue {
 public:
  explicit LmdbStore(std::unique_ptr<Shared> shared) : shared_(std::move(shared)) {
    shared_->held = std::make_shared<HeldChanges>(shared_->databases.size());
  }

  ~LmdbStore() override {
    // Unsynced batches may be lost, so a failure here breaks no promise.
    (void)sync();
    ASSERT(shared_->snapshots == 0);
  }

  Result<std::unique_ptr<Snapshot>> snapshot() override {
    std::scoped_lock lock(shared_->mutex);
    KITH_TRY(Transaction reader, begin_reading());
    ++shared_->snapshots;
    std::shared_ptr<const HeldChanges> held = shared_->held;
    // Who sees the transaction that is being written out sees what it held in it.
    if (mdb_txn_id(reader.get()) >= shared_->written_out)
      held = std::make_shared<HeldChanges>(shared_->databases.size());
    return std::make_unique<LmdbSnapshot>(*shared_, std::move(reader), std::move(held));
  }

  Result<void> commit(const Batch& batch, Durability durability) override {
    KITH_CHECK(check(batch));
    std::scoped_lock writing(writer_);
    if (durability == Durability::synced) return write_out(batch);
    // Only the writer changes what is held, so it may read it without the other mutex.
    if (!shared_->held->has_room_for(batch)) return write_out(batch);
    std::scoped_lock lock(shared_->mutex);
    // Snapshots keep what they saw.
    if (shared_->held.use_count() > 1)
      shared_->held = std::make_shared<HeldChanges>(*shared_->held);
    shared_->held->add(batch);
    return {};
  }

  Result<void> sync() override {
    std::scoped_lock writing(writer_);
    if (shared_->held->changes == 0) return {};
    return write_out(Batch());
  }

 private:
  Result<void> check(const Batch& batch) const {
    for (const Batch::Change& change : batch.changes()) {
      bool possible = change.space < shared_->databases.size() && !change.key.empty() &&
                      change.key.size() <= port::key_bytes_max;
      if (!possible) return std::unexpected(Errc::invalid_argument);
    }
    return {};
  }

  Result<Transaction> begin_reading() {
    MDB_txn* started = nullptr;
    int code = 0;
    if (!shared_->idle_readers.empty()) {
      Transaction reader = std::move(shared_->idle_readers.back());
      shared_->idle_readers.pop_back();
      code = mdb_txn_renew(reader.get());
      if (code == 0) return reader;
    } else {
      code = mdb_txn_begin(shared_->environment.get(), nullptr, MDB_RDONLY, &started);
      if (code == 0) return Transaction(started, &mdb_txn_abort);
    }
    return failed(code, shared_->path);
  }

  int change(MDB_txn* transaction, Namespace space, ByteView key,
             const std::optional<Bytes>& value) {
    MDB_val wanted = to_value(key);
    MDB_dbi database = shared_->databases[space];
    if (value) {
      MDB_val content = to_value(*value);
      return mdb_put(transaction, database, &wanted, &content, 0);
    }
    int code = mdb_del(transaction, database, &wanted, nullptr);
    return code == MDB_NOTFOUND ? 0 : code;
  }

  int change_all(MDB_txn* transaction, const Batch& batch) {
    for (Namespace space = 0; space < shared_->held->of_space.size(); ++space) {
      for (const auto& [key, value] : shared_->held->of_space[space]) {
        int code = change(transaction, space, key, value);
        if (code != 0) return code;
      }
    }
    for (const Batch::Change& next : batch.changes()) {
      int code = change(transaction, next.space, next.key, next.value);
      if (code != 0) return code;
    }
    return 0;
  }

  void announce_written_out(std::size_t transaction) {
    std::scoped_lock lock(shared_->mutex);
    shared_->written_out = transaction;
  }

  /// What is held and then `batch`, in one transaction that is on the medium when this returns.
  Result<void> write_out(const Batch& batch) {
    MDB_txn* started = nullptr;
    int code = mdb_txn_begin(shared_->environment.get(), nullptr, 0, &started);
    if (code != 0) return failed(code, shared_->path);
    Transaction transaction(started, &mdb_txn_abort);
    code = change_all(started, batch);
    if (code != 0) return failed(code, shared_->path);
    auto nothing = std::make_shared<HeldChanges>(shared_->databases.size());
    announce_written_out(mdb_txn_id(started));
    code = mdb_txn_commit(transaction.release());
    std::scoped_lock lock(shared_->mutex);
    shared_->written_out = never_written_out;
    if (code != 0) return failed(code, shared_->path);
    if (shared_->held->changes > 0) shared_->held = std::move(nothing);
    return {};
  }

  std::unique_ptr<Shared> shared_;
  std::mutex writer_;
};

Result<void> open_databases(Shared& shared, const KeyValueOptions& options) {
  MDB_txn* started = nullptr;
  int code = mdb_txn_begin(shared.environment.get(), nullptr, 0, &started);
  if (code != 0) return failed(code, shared.path);
  Transaction transaction(started, &mdb_txn_abort);
  for (const std::string& name : options.namespaces) {
    MDB_dbi database = 0;
    code = mdb_dbi_open(started, name.c_str(), MDB_CREATE, &database);
    if (code != 0) return failed(code, shared.path);
    shared.databases.push_back(database);
  }
  code = mdb_txn_commit(transaction.release());
  if (code != 0) return failed(code, shared.path);
  return {};
}

Result<void> open_environment(Shared& shared, const KeyValueOptions& options) {
  MDB_env* made = nullptr;
  int code = mdb_env_create(&made);
  if (code != 0) return failed(code, shared.path);
  shared.environment.reset(made);
  code = mdb_env_set_mapsize(made, options.size_bytes_max);
  if (code == 0) code = mdb_env_set_maxdbs(made, static_cast<MDB_dbi>(options.namespaces.size()));
  if (code == 0) code = mdb_env_set_maxreaders(made, snapshots_max);
  // Not MDB_NORDAHEAD: without the kernel's read-ahead, scans of a cold store are ten times slower.
  if (code == 0) code = mdb_env_open(made, shared.path.c_str(), MDB_NOTLS, 0600);
  if (code != 0) return failed(code, shared.path);
  // Readers of a process that was killed would keep their pages for ever.
  int dead = 0;
  mdb_reader_check(made, &dead);
  return {};
}

}  // namespace

Result<std::unique_ptr<KeyValue>> LmdbFactory::open(const std::string& path,
                                                    const KeyValueOptions& options) {
  PosixFileSystem files;
  KITH_CHECK(files.make_directories(path, 0700));
  auto shared = std::make_unique<Shared>();
  shared->path = path;
  KITH_TRY(shared->lock, files.lock(path + "/kith.lock"));
  KITH_CHECK(open_environment(*shared, options));
  KITH_CHECK(open_databases(*shared, options));
  KITH_CHECK(files.sync_directory(path));
  KITH_CHECK(files.sync_directory(port::parent_path(path)));
  return std::make_unique<LmdbStore>(std::move(shared));
}

}  // namespace kith::io
