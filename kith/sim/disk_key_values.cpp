// The program's view of a disk's key-value stores. Each key holds its versions by the number of the
// commit, so that a snapshot costs nothing to take and a crash can go back.
#include <algorithm>
#include <ranges>

#include <errno.h>

#include <kith/base/assert.hpp>
#include <kith/sim/detail/inode.hpp>
#include <kith/sim/disk.hpp>
#include <kith/sim/heap.hpp>

namespace kith::sim {
namespace {

/// What an entry takes beyond its key and value, about.
constexpr std::uint64_t entry_overhead_bytes = 16;

std::uint64_t entry_bytes(ByteView key, const std::optional<Buffer>& value) noexcept {
  return value ? key.size() + value->size() + entry_overhead_bytes : 0;
}

}  // namespace

const Buffer* KeyValueStore::visible(const std::vector<Version>& versions, std::uint64_t sequence) {
  for (const Version& version : std::views::reverse(versions)) {
    if (version.sequence <= sequence) return version.value ? &*version.value : nullptr;
  }
  return nullptr;
}

void KeyValueStore::forget_old() {
  std::uint64_t floor = durable;
  if (!snapshots.empty()) floor = std::min(floor, *snapshots.begin());
  while (!touched.empty() && touched.front().sequence <= floor) {
    Touched entry = touched.pop();
    Map& map = maps[entry.space];
    auto found = map.find(entry.key);
    if (found == map.end()) continue;
    std::vector<Version>& versions = found->second;
    auto newer = std::ranges::upper_bound(versions, floor, {}, &Version::sequence);
    // Of those that are old enough, the last one is still what the floor sees.
    if (newer - versions.begin() > 1) versions.erase(versions.begin(), newer - 1);
    if (versions.size() == 1 && !versions[0].value && versions[0].sequence <= floor) {
      map.erase(found);
    }
  }
}

void KeyValueStore::crash(Prng& prng) {
  std::uint64_t cut = prng.between(durable, last);
  for (std::size_t i = 0; i < touched.size(); ++i) {
    if (touched[i].sequence <= cut) continue;
    Map& map = maps[touched[i].space];
    auto found = map.find(touched[i].key);
    if (found == map.end()) continue;
    std::erase_if(found->second, [cut](const Version& version) { return version.sequence > cut; });
    if (found->second.empty()) map.erase(found);
  }
  last = cut;
  durable = cut;
  snapshots.clear();
  forget_old();
  touched.clear();
  size_bytes = 0;
  for (const Map& map : maps) {
    for (const auto& [key, versions] : map)
      size_bytes += entry_bytes(key, versions.back().value);
  }
}

namespace {

class SimSnapshot final : public port::Snapshot {
 public:
  SimSnapshot(std::shared_ptr<DiskAccess> access, std::shared_ptr<KeyValueStore> store,
              std::vector<std::uint32_t> spaces)
      : access_(std::move(access)),
        store_(std::move(store)),
        spaces_(std::move(spaces)),
        sequence_(store_->last) {
    store_->snapshots.insert(sequence_);
  }
  ~SimSnapshot() override {
    // After a crash the store has forgotten this snapshot already.
    if (!access_->valid()) return;
    if (auto own = store_->snapshots.find(sequence_); own != store_->snapshots.end()) {
      store_->snapshots.erase(own);
    }
    store_->forget_old();
  }

  Result<std::optional<ByteView>> get(port::Namespace space, ByteView key) override {
    KITH_CHECK(check(space));
    auto& map = store_->maps[spaces_[space]];
    auto found = map.find(key);
    if (found == map.end()) return std::nullopt;
    const Buffer* value = KeyValueStore::visible(found->second, sequence_);
    if (value == nullptr) return std::nullopt;
    handed_out_.push_back(*value);
    return handed_out_.back().view();
  }

  Result<void> scan(port::Namespace space, ByteView from,
                    const std::function<bool(ByteView, ByteView)>& visit) override {
    KITH_CHECK(check(space));
    auto& map = store_->maps[spaces_[space]];
    for (auto at = map.lower_bound(from); at != map.end(); ++at) {
      const Buffer* value = KeyValueStore::visible(at->second, sequence_);
      if (value != nullptr && !visit(at->first, value->view())) break;
    }
    return {};
  }

  Result<std::uint64_t> count(port::Namespace space) override {
    KITH_CHECK(check(space));
    std::uint64_t count = 0;
    for (const auto& [key, versions] : store_->maps[spaces_[space]])
      count += KeyValueStore::visible(versions, sequence_) != nullptr ? 1 : 0;
    return count;
  }

 private:
  Result<void> check(port::Namespace space) {
    KITH_CHECK(access_->begin_read("snapshot"));
    if (space >= spaces_.size()) return std::unexpected(Errc::invalid_argument);
    return {};
  }

  std::shared_ptr<DiskAccess> access_;
  std::shared_ptr<KeyValueStore> store_;
  std::vector<std::uint32_t> spaces_;
  std::uint64_t sequence_;
  std::vector<Buffer> handed_out_;
};

}  // namespace

class SimKeyValue final : public port::KeyValue {
 public:
  SimKeyValue(std::shared_ptr<DiskAccess> access, std::shared_ptr<KeyValueStore> store,
              std::vector<std::uint32_t> spaces, std::string path, std::uint64_t size_bytes_max)
      : access_(std::move(access)),
        store_(std::move(store)),
        spaces_(std::move(spaces)),
        path_(std::move(path)),
        size_bytes_max_(size_bytes_max),
        token_(std::make_shared<int>(0)) {
    store_->opened = token_;
    store_->opened_by = access_;
  }

  Result<std::unique_ptr<port::Snapshot>> snapshot() override {
    KITH_CHECK(access_->begin_read(path_));
    return std::make_unique<SimSnapshot>(access_, store_, spaces_);
  }

  Result<void> commit(const port::Batch& batch, port::Durability durability) override {
    KITH_CHECK(access_->check());
    KITH_TRY(std::uint64_t size_after, size_with(batch));
    Disk& disk = access_->disk;
    if (size_after > store_->size_bytes) {
      std::uint64_t growth = size_after - store_->size_bytes;
      if (size_after > size_bytes_max_) {
        return std::unexpected(Error(Errc::limit_exceeded, path_));
      }
      if (growth > disk.free_bytes(growth)) {
        return std::unexpected(Error::from_errno(ENOSPC, path_));
      }
    }
    bool synced = durability == port::Durability::synced;
    const heap::Scope nobody(0);
    KITH_TRY(auto verdict, access_->begin(synced ? "commit synced" : "commit", path_));
    // A commit in which the power fails may have reached the medium, or be among the unsynced ones.
    bool power_failed = disk.faults_.crashed();
    if (verdict.takes_effect || power_failed) {
      apply(batch);
      disk.ledger_->used_bytes += size_after - store_->size_bytes;
      store_->size_bytes = size_after;
      bool durable = synced && verdict.takes_effect && !verdict.forgotten;
      if (durable) store_->durable = store_->last;
      store_->forget_old();
    }
    if (verdict.error != 0) return std::unexpected(Error::from_errno(verdict.error, path_));
    return {};
  }

  Result<void> sync() override {
    KITH_TRY(auto verdict, access_->begin("sync store", path_));
    if (verdict.takes_effect && !verdict.forgotten) {
      store_->durable = store_->last;
      store_->forget_old();
    }
    if (verdict.error != 0) return std::unexpected(Error::from_errno(verdict.error, path_));
    return {};
  }

 private:
  const std::optional<Buffer>* newest(std::uint32_t space, ByteView key) const {
    auto found = store_->maps[space].find(key);
    return found == store_->maps[space].end() ? nullptr : &found->second.back().value;
  }

  /// The size that the store will have; Errc::invalid_argument if a change makes no sense.
  Result<std::uint64_t> size_with(const port::Batch& batch) const {
    std::map<std::pair<std::uint32_t, ByteView>, std::uint64_t,
             decltype([](const auto& a, const auto& b) {
               return a.first != b.first ? a.first < b.first : BytesLess()(a.second, b.second);
             })>
        sizes;
    std::uint64_t total = store_->size_bytes;
    for (const port::Batch::Change& change : batch.changes()) {
      if (change.space >= spaces_.size() || change.key.empty() ||
          change.key.size() > port::key_bytes_max) {
        return std::unexpected(Error(Errc::invalid_argument, path_));
      }
      std::uint32_t space = spaces_[change.space];
      const auto* value = newest(space, change.key);
      std::uint64_t size_now = value != nullptr ? entry_bytes(change.key, *value) : 0;
      auto [known, added] = sizes.try_emplace({space, ByteView(change.key)}, size_now);
      total -= known->second;
      known->second =
          change.value ? change.key.size() + change.value->size() + entry_overhead_bytes : 0;
      total += known->second;
    }
    return total;
  }

  void apply(const port::Batch& batch) {
    std::uint64_t sequence = ++store_->last;
    for (const port::Batch::Change& change : batch.changes()) {
      std::uint32_t space = spaces_[change.space];
      std::optional<Buffer> value;
      if (change.value) value = Buffer::copy_of(*change.value);
      auto& versions = store_->maps[space][change.key];
      if (!versions.empty() && versions.back().sequence == sequence) {
        versions.back().value = std::move(value);
      } else {
        versions.push_back({sequence, std::move(value)});
        store_->touched.push({sequence, space, change.key});
      }
      Disk& disk = access_->disk;
      if (disk.trace_ != nullptr) disk.trace_->add(ByteView(change.key));
    }
  }

  std::shared_ptr<DiskAccess> access_;
  std::shared_ptr<KeyValueStore> store_;
  std::vector<std::uint32_t> spaces_;  ///< the store's index for each Namespace
  std::string path_;
  std::uint64_t size_bytes_max_;
  std::shared_ptr<void> token_;
};

SimKeyValueFactory::SimKeyValueFactory(Disk& disk) : access_(std::make_shared<DiskAccess>(disk)) {}
SimKeyValueFactory::~SimKeyValueFactory() = default;

void SimKeyValueFactory::die() noexcept {
  access_->alive = false;
}

Result<std::unique_ptr<port::KeyValue>> SimKeyValueFactory::open(
    const std::string& path, const port::KeyValueOptions& options) {
  KITH_TRY(auto verdict, access_->begin("open store", path));
  Disk& disk = access_->disk;
  if (!verdict.takes_effect) return std::unexpected(Error::from_errno(verdict.error, path));
  KITH_TRY(auto inode, disk.make_way(path, 0755));
  disk.sync_way(path);
  if (inode->store == nullptr) inode->store = std::make_shared<KeyValueStore>();
  if (verdict.error != 0) return std::unexpected(Error::from_errno(verdict.error, path));
  KeyValueStore& store = *inode->store;
  auto holder = store.opened_by.lock();
  if (!store.opened.expired() && holder != nullptr && holder->valid()) {
    return std::unexpected(Error(Errc::busy, path));
  }
  // Those of an earlier life, if it was killed with snapshots open.
  store.snapshots.clear();
  std::vector<std::uint32_t> spaces;
  for (const std::string& name : options.namespaces) {
    auto found = std::ranges::find(store.names, name);
    spaces.push_back(static_cast<std::uint32_t>(found - store.names.begin()));
    if (found != store.names.end()) continue;
    store.names.push_back(name);
    store.maps.emplace_back();
  }
  return std::make_unique<SimKeyValue>(access_, inode->store, std::move(spaces), path,
                                       options.size_bytes_max);
}

}  // namespace kith::sim
