#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include <kith/crypto/hash.hpp>
#include <kith/store/detail/hash_check.hpp>
#include <kith/store/detail/namespaces.hpp>
#include <kith/store/engine.hpp>

namespace kith::store {

using detail::blocks_space;
using detail::files_space;

namespace {

/// Whether others must be asked for a block after this error.
bool says_it_is_gone(const Error& error) noexcept {
  return error.is(Errc::corrupt) || is_disk_failure(error);
}

/// What goes wrong only now, and says nothing of the block.
bool is_shortage(const Error& error) noexcept {
  constexpr int of_moments[] = {EMFILE, ENFILE, ENOMEM, EINTR, EAGAIN};
  return std::ranges::any_of(of_moments, [&error](int number) { return error.is_errno(number); });
}

bool is_no_space(const Error& error) noexcept {
  return error.is_errno(ENOSPC) || error.is_errno(EDQUOT);
}

}  // namespace

bool is_disk_failure(const Error& error) noexcept {
  constexpr int of_disks[] = {EIO, EUCLEAN, EBADMSG};
  return std::ranges::any_of(of_disks, [&error](int number) { return error.is_errno(number); });
}

Engine::Engine(port::FileSystem& files, const EngineOptions& options)
    : files_(files),
      options_(options),
      pack_files_(files, options.path, options.open_packs_max),
      cache_(options.cache_bytes_max, options.cache_block_bytes_max) {}

Engine::~Engine() = default;

// --- blocks in memory ---

const Engine::Pending* Engine::PendingBatch::find(const Multihash& hash) const {
  auto found = by_hash.find(hash);
  return found == by_hash.end() ? nullptr : &entries[found->second];
}

void Engine::PendingBatch::add(Pending entry) {
  by_hash.emplace(entry.hash, entries.size());
  bytes += entry.data.size();
  entries.push_back(std::move(entry));
}

bool Engine::PendingBatch::drop(const Multihash& hash) {
  auto found = by_hash.find(hash);
  if (found == by_hash.end()) return false;
  Pending& entry = entries[found->second];
  bytes -= entry.data.size();
  entry.data = {};
  entry.dropped = true;
  by_hash.erase(found);
  return true;
}

void Engine::PendingBatch::append(PendingBatch&& later) {
  if (entries.empty()) {
    *this = std::move(later);
  } else {
    for (Pending& entry : later.entries) {
      if (!entry.dropped) add(std::move(entry));
    }
  }
  later = {};
}

const Engine::Pending* Engine::find_pending(const Multihash& hash) const {
  const Pending* found = active_.find(hash);
  return found != nullptr ? found : flushing_.find(hash);
}

std::uint64_t Engine::unsynced_bytes() const {
  std::shared_lock hold(table_mutex_);
  return active_.bytes + flushing_.bytes;
}

// --- looking up and reading ---

Result<std::optional<Extent>> Engine::find_in_index(port::Snapshot& snapshot,
                                                    const Multihash& hash) {
  KITH_TRY(std::optional<ByteView> value, snapshot.get(blocks_space, hash.bytes()));
  if (!value) return std::optional<Extent>();
  auto extent = decode_extent(*value);
  if (!extent) {
    return std::unexpected(Error(Errc::corrupt, "the index entry of " + to_hex(hash.bytes()) +
                                                    ": " + Error(extent.error()).message()));
  }
  return std::optional<Extent>(*extent);
}

Result<std::optional<Engine::Found>> Engine::find(const Multihash& hash) {
  // Memory first: a block leaves it only after the index has it.
  {
    std::shared_lock hold(table_mutex_);
    if (const Pending* pending = find_pending(hash)) {
      if (pending->file) return std::optional<Found>(Extent(*pending->file));
      return std::optional<Found>(pending->data);
    }
  }
  if (auto cached = cache_.get(hash)) return std::optional<Found>(std::move(*cached));
  KITH_TRY(auto snapshot, index_->snapshot());
  KITH_TRY(std::optional<Extent> extent, find_in_index(*snapshot, hash));
  if (!extent) return std::optional<Found>();
  return std::optional<Found>(*extent);
}

Result<FileRow> Engine::file_row(port::Snapshot& snapshot, FileId file) {
  KITH_TRY(std::optional<ByteView> value, snapshot.get(files_space, number_key(file)));
  if (!value) {
    return std::unexpected(
        Error(Errc::corrupt, fmt::format("the index has no row for file {}", file)));
  }
  KITH_TRY(FileRow row, decode_file_row(*value));
  return row;
}

bool Engine::file_unchanged(const FileRow& row) {
  auto info = files_.info_followed(row.path);
  return info && info->kind == port::FileKind::regular && FileStamp::of(*info) == row.stamp;
}

/// It may be on a machine that doesn't answer, or behind a folder that was closed to us: others are
/// to be asked.
std::unexpected<Error> Engine::out_of_reach(const Multihash& hash, const FileExtent& where,
                                            Error why) {
  const Extent extent = where;
  if (!is_shortage(why)) suspect(hash, &extent, why);
  return std::unexpected(std::move(why));
}

Result<Buffer> Engine::read_file_extent(const Multihash& hash, const FileExtent& extent) {
  KITH_TRY(auto snapshot, index_->snapshot());
  KITH_TRY(FileRow row, file_row(*snapshot, extent.file));
  snapshot.reset();
  auto failed = [&row, &extent](std::string_view what) {
    return std::unexpected(Error(
        Errc::corrupt, fmt::format("{} {} (bytes {} to {} were added without copying them)",
                                   row.path, what, extent.offset, extent.offset + extent.bytes)));
  };
  auto info = files_.info_followed(row.path);
  if (!info && (info.error().is_errno(ENOENT) || info.error().is_errno(ENOTDIR))) {
    return failed("is gone");
  }
  if (!info) return out_of_reach(hash, extent, std::move(info).error());
  if (info->kind != port::FileKind::regular) return failed("is no regular file any more");
  auto file = files_.open(row.path, port::OpenMode::read);
  if (!file) return out_of_reach(hash, extent, std::move(file).error());
  Buffer data = Buffer::allocate(extent.bytes);
  auto got = (*file)->read_at(extent.offset, data.mutable_bytes());
  if (!got) return out_of_reach(hash, extent, std::move(got).error());
  if (*got < extent.bytes) return failed("has become shorter since it was added");
  KITH_TRY(bool good, detail::matches(hash, data));
  if (good) return data;
  return failed(FileStamp::of(*info) == row.stamp
                    ? "has other content than when it was added, though size and time are the same"
                    : "has changed since it was added");
}

Result<Buffer> Engine::read(const Multihash& hash, const Extent& extent, bool verify) {
  if (const auto* file = std::get_if<FileExtent>(&extent)) return read_file_extent(hash, *file);
  const auto& place = std::get<PackExtent>(extent);
  auto data = pack_files_.read_record(place, hash);
  if (!data && data.error().is_errno(ENOENT)) {
    return std::unexpected(Error(Errc::corrupt, pack_files_.path(place.pack) + " is missing"));
  }
  if (!data || !verify) return data;
  KITH_TRY(bool good, detail::matches(hash, *data));
  if (good) return data;
  return std::unexpected(
      Error(Errc::corrupt, fmt::format("{}, record at {}: the block hasn't the hash it is known by",
                                       pack_files_.path(place.pack), place.offset)));
}

Result<Buffer> Engine::read_found(const Multihash& hash, bool verify) {
  constexpr int moves_max = 3;
  for (int attempt = 0;; ++attempt) {
    std::uint64_t epoch = cache_.epoch();
    auto found = find(hash);
    if (!found) {
      if (found.error().is(Errc::corrupt)) suspect(hash, nullptr, found.error());
      return std::unexpected(std::move(found).error());
    }
    if (!*found) return std::unexpected(Errc::not_found);
    if (auto* data = std::get_if<Buffer>(&**found)) return std::move(*data);
    const auto& extent = std::get<Extent>(**found);
    auto data = read(hash, extent, verify);
    if (data) {
      // Blocks in the user's files aren't cached, so that each read notices a change.
      if (std::holds_alternative<PackExtent>(extent)) cache_.put(hash, *data, epoch);
      absolve(hash);
      return data;
    }
    // A compaction may have moved the block after we looked it up.
    auto again = find(hash);
    bool moved = again && (!*again || !std::holds_alternative<Extent>(**again) ||
                           std::get<Extent>(**again) != extent);
    if (moved && attempt < moves_max) continue;
    if (says_it_is_gone(data.error())) suspect(hash, &extent, data.error());
    return data;
  }
}

void Engine::suspect(const Multihash& hash, const Extent* where, const Error& why) {
  const auto* file = where != nullptr ? std::get_if<FileExtent>(where) : nullptr;
  // What looks as it did and isn't what it was may look so for ever.
  const bool may_return = file != nullptr && !looks_unchanged(file->file);
  std::unique_lock hold(table_mutex_);
  if (suspects_.size() < suspects_max)
    suspects_.insert_or_assign(hash, may_return ? file->file : FileId{0});
  any_suspects_ = true;
  if (may_return) files_may_return_ = true;
  // Without a place it is the index; there is no pack 0.
  std::pair<bool, std::uint64_t> place{false, 0};
  if (file != nullptr) {
    place = {true, file->file};
  } else if (where != nullptr) {
    place.second = std::get<PackExtent>(*where).pack;
  }
  if (complained_.size() < complaints_max && complained_.insert(place).second) {
    complaints_.push_back(why.message());
  }
}

bool Engine::doubtful(const Multihash& hash) const {
  if (!any_suspects_) return false;
  std::shared_lock hold(table_mutex_);
  return suspects_.contains(hash);
}

/// It could be read after all: the user's file is what it was again, or the disk.
void Engine::absolve(const Multihash& hash) {
  {
    std::shared_lock hold(table_mutex_);
    if (!suspects_.contains(hash)) return;
  }
  std::unique_lock hold(table_mutex_);
  suspects_.erase(hash);
}

bool Engine::looks_unchanged(FileId file) {
  auto snapshot = index_->snapshot();
  if (!snapshot) return false;
  auto row = file_row(**snapshot, file);
  snapshot->reset();
  return row && file_unchanged(*row);
}

void Engine::trust_again() {
  std::set<FileId> files;
  {
    std::shared_lock hold(table_mutex_);
    for (const auto& [hash, file] : suspects_) {
      if (file != 0) files.insert(file);
    }
  }
  std::erase_if(files, [this](FileId file) { return !looks_unchanged(file); });
  std::unique_lock hold(table_mutex_);
  std::erase_if(suspects_, [&files](const auto& one) { return files.contains(one.second); });
  files_may_return_ =
      std::ranges::any_of(suspects_, [](const auto& one) { return one.second != 0; });
}

std::vector<std::string> Engine::take_complaints() {
  std::unique_lock hold(table_mutex_);
  return std::exchange(complaints_, {});
}

Result<Buffer> Engine::get(const Multihash& hash) {
  if (hash.is_identity()) return Buffer::copy_of(hash.digest());
  return read_found(hash, options_.verify_reads);
}

Result<Buffer> Engine::get_range(const Multihash& hash, std::uint64_t offset, std::uint64_t size) {
  auto slice_of = [offset, size](const Buffer& data) {
    std::size_t from = std::min<std::uint64_t>(offset, data.size());
    return data.slice(from, std::min<std::uint64_t>(size, data.size() - from));
  };
  if (hash.is_identity()) return slice_of(Buffer::copy_of(hash.digest()));
  if (!options_.verify_reads) {
    KITH_TRY(auto found, find(hash));
    if (!found) return std::unexpected(Errc::not_found);
    const auto* extent = std::get_if<Extent>(&*found);
    const auto* place = extent != nullptr ? std::get_if<PackExtent>(extent) : nullptr;
    if (place != nullptr) {
      auto from = static_cast<std::uint32_t>(std::min<std::uint64_t>(offset, place->bytes));
      auto part = static_cast<std::uint32_t>(std::min<std::uint64_t>(size, place->bytes - from));
      auto data = pack_files_.read_range(*place, hash, from, part);
      if (data) return data;
    }
  }
  // In memory, in a user's file (which must be hashed as a whole), moved or damaged.
  KITH_TRY(Buffer whole, read_found(hash, options_.verify_reads));
  return slice_of(whole);
}

Result<bool> Engine::has(const Multihash& hash) {
  KITH_TRY(auto answers, has_many(std::span(&hash, 1)));
  return answers[0];
}

Result<std::vector<bool>> Engine::has_many(std::span<const Multihash> hashes) {
  KITH_TRY(auto all, sizes(hashes));
  std::vector<bool> answers(all.size());
  for (std::size_t i = 0; i < all.size(); ++i)
    answers[i] = all[i].has_value();
  return answers;
}

Result<std::vector<std::optional<std::uint32_t>>> Engine::sizes(std::span<const Multihash> hashes) {
  std::vector<std::optional<std::uint32_t>> answers(hashes.size());
  std::vector<std::size_t> to_look_up;
  {
    std::shared_lock hold(table_mutex_);
    for (std::size_t i = 0; i < hashes.size(); ++i) {
      if (hashes[i].is_identity()) {
        answers[i] = static_cast<std::uint32_t>(hashes[i].digest().size());
      } else if (const Pending* pending = find_pending(hashes[i])) {
        if (pending->file && suspects_.contains(hashes[i])) continue;
        answers[i] =
            pending->file ? pending->file->bytes : static_cast<std::uint32_t>(pending->data.size());
      } else if (!suspects_.contains(hashes[i])) {
        to_look_up.push_back(i);
      }
    }
  }
  if (to_look_up.empty()) return answers;
  KITH_TRY(auto snapshot, index_->snapshot());
  for (std::size_t i : to_look_up) {
    auto extent = find_in_index(*snapshot, hashes[i]);
    if (extent && *extent) answers[i] = extent_bytes(**extent);
    // A damaged entry is that block's trouble, and nobody else's.
    if (extent) continue;
    if (!extent.error().is(Errc::corrupt)) return std::unexpected(std::move(extent).error());
    suspect(hashes[i], nullptr, extent.error());
  }
  return answers;
}

// --- taking blocks in ---

bool Engine::has_room() const {
  std::shared_lock hold(table_mutex_);
  return active_.bytes < options_.unsynced_bytes_max &&
         active_.entries.size() < options_.unsynced_blocks_max &&
         active_.bytes + flushing_.bytes < 2 * options_.unsynced_bytes_max &&
         active_.entries.size() + flushing_.entries.size() < 2 * options_.unsynced_blocks_max;
}

Result<PutOutcome> Engine::put(std::span<const NewBlock> blocks) {
  std::vector<Pending> wanted;
  std::size_t inherent = 0;
  for (const NewBlock& block : blocks) {
    if (block.hash.empty()) return std::unexpected(Errc::invalid_argument);
    if (block.data.size() > ipld::block_bytes_max) {
      return std::unexpected(
          Error(Errc::limit_exceeded, fmt::format("a block of {} bytes; blocks have at most {}",
                                                  block.data.size(), ipld::block_bytes_max)));
    }
    if (block.hash.is_identity()) {
      ++inherent;
    } else {
      // What it holds is counted by its size.
      wanted.push_back({block.hash, Buffer(block.data).compacted(), {}, {}});
    }
  }
  if (!has_room()) KITH_CHECK(sync());
  std::lock_guard writing(write_mutex_);
  KITH_TRY(PutOutcome outcome, take(std::move(wanted)));
  outcome.known += inherent;
  return outcome;
}

Result<bool> Engine::still_good(port::Snapshot& snapshot, const Extent& extent,
                                std::map<FileId, bool>& unchanged) {
  const auto* file = std::get_if<FileExtent>(&extent);
  if (file == nullptr) return true;
  auto known = unchanged.find(file->file);
  if (known != unchanged.end()) return known->second;
  auto row = file_row(snapshot, file->file);
  bool good = row && file_unchanged(*row);
  unchanged.emplace(file->file, good);
  return good;
}

Result<PutOutcome> Engine::take(std::vector<Pending> blocks) {
  PutOutcome outcome;
  std::size_t total = blocks.size();
  {
    std::shared_lock hold(table_mutex_);
    std::erase_if(blocks, [this](const Pending& block) { return find_pending(block.hash); });
    for (Pending& block : blocks)
      block.replaces = suspects_.contains(block.hash);
  }
  // The snapshot is taken after memory was looked at: what a sync moves meanwhile is in it.
  if (!blocks.empty()) {
    KITH_TRY(auto snapshot, index_->snapshot());
    std::map<FileId, bool> unchanged;
    std::vector<Pending> fresh;
    for (Pending& block : blocks) {
      auto extent = find_in_index(*snapshot, block.hash);
      if (!extent && !extent.error().is(Errc::corrupt)) {
        return std::unexpected(std::move(extent).error());
      }
      bool there = !extent || *extent;
      if (extent && *extent && !block.replaces) {
        KITH_TRY(bool good, still_good(*snapshot, **extent, unchanged));
        if (good) continue;
      }
      block.replaces = there;
      fresh.push_back(std::move(block));
    }
    blocks = std::move(fresh);
  }
  std::unique_lock hold(table_mutex_);
  for (Pending& block : blocks) {
    if (active_.find(block.hash) != nullptr) continue;  // twice in this put
    ++outcome.stored;
    outcome.stored_bytes += block.file ? block.file->bytes : block.data.size();
    suspects_.erase(block.hash);
    active_.add(std::move(block));
  }
  outcome.known = total - outcome.stored;
  return outcome;
}

// --- making it durable ---

Result<void> Engine::sync() {
  std::lock_guard committing(commit_mutex_);
  return sync_locked();
}

Result<void> Engine::sync_locked() {
  {
    std::unique_lock hold(table_mutex_);
    flushing_.append(std::move(active_));
    if (flushing_.by_hash.empty()) {
      flushing_ = {};
      return {};
    }
  }
  KITH_CHECK(place_pending());
  KITH_CHECK(commit_pending());
  std::unique_lock hold(table_mutex_);
  flushing_ = {};
  return {};
}

Result<void> Engine::place_pending() {
  // Only holders of commit_mutex_ change flushing_; the table's lock is for readers' sake.
  std::vector<NewBlock> blocks;
  std::vector<std::size_t> indexes;
  for (std::size_t i = 0; i < flushing_.entries.size(); ++i) {
    const Pending& entry = flushing_.entries[i];
    if (entry.dropped || entry.file || entry.placed) continue;
    blocks.push_back({entry.hash, entry.data});
    indexes.push_back(i);
  }
  if (blocks.empty()) return {};
  KITH_TRY(std::vector<PackExtent> places, write_records(blocks));
  std::unique_lock hold(table_mutex_);
  for (std::size_t i = 0; i < places.size(); ++i)
    flushing_.entries[indexes[i]].placed = places[i];
  return {};
}

Result<void> Engine::commit_pending() {
  std::vector<const Pending*> entries;
  for (const Pending& entry : flushing_.entries) {
    if (!entry.dropped) entries.push_back(&entry);
  }
  // The index takes sorted keys faster.
  std::ranges::sort(entries, {},
                    [](const Pending* entry) -> const Multihash& { return entry->hash; });
  Change change;
  change.state = state_;
  KITH_TRY(auto snapshot, index_->snapshot());
  for (const Pending* entry : entries) {
    if (entry->replaces) {
      auto old = find_in_index(*snapshot, entry->hash);
      if (!old && !old.error().is(Errc::corrupt)) return std::unexpected(std::move(old).error());
      if (old && *old) KITH_CHECK(uncount(change, *snapshot, entry->hash, **old));
    }
    if (entry->file) {
      KITH_TRY(FileRow * row, file_in(change, *snapshot, entry->file->file));
      ++row->live_blocks;
      ++change.state.file_blocks;
      change.state.file_bytes += entry->file->bytes;
      change.batch.put(blocks_space, entry->hash.bytes(), encode_extent(*entry->file));
    } else {
      count(change, entry->hash, *entry->placed);
      change.batch.put(blocks_space, entry->hash.bytes(), encode_extent(*entry->placed));
    }
  }
  snapshot.reset();
  return commit(change);
}

Result<void> Engine::open_current(std::uint64_t bytes) {
  if (current_ != nullptr && current_end_ > pack_header_bytes &&
      current_end_ + bytes > options_.pack_bytes_max) {
    current_.reset();  // all of it is durable: each batch is synced before the next is written
  }
  if (current_ != nullptr) return {};
  PackId pack = last_pack_ + 1;
  KITH_TRY(auto file, files_.open(pack_files_.path(pack), port::OpenMode::create_new));
  last_pack_ = pack;
  current_ = std::move(file);
  current_pack_ = pack;
  current_end_ = pack_header_bytes;
  current_is_new_ = true;
  return current_->write_at(0, encode_pack_header(pack));
}

Result<std::vector<PackExtent>> Engine::write_records(std::span<const NewBlock> blocks) {
  std::uint64_t bytes = 0;
  for (const NewBlock& block : blocks)
    bytes += record_bytes(block.hash.bytes().size(), block.data.size());
  Result<void> done = open_current(bytes);
  std::vector<PackExtent> places;
  std::uint64_t end = current_end_;
  if (done) {
    places.reserve(blocks.size());
    for (const NewBlock& block : blocks) {
      places.push_back({current_pack_, end, static_cast<std::uint32_t>(block.data.size())});
      end += record_bytes(block.hash.bytes().size(), block.data.size());
    }
    done = append_records(blocks, places);
  }
  if (done) done = current_->sync();
  if (done && current_is_new_) done = files_.sync_directory(pack_files_.folder());
  if (!done) {
    abandon_current(done.error());
    return std::unexpected(std::move(done).error());
  }
  current_is_new_ = false;
  current_end_ = end;
  uncommitted_[current_pack_] = end;
  strays_.erase(current_pack_);
  return places;
}

Result<void> Engine::append_records(std::span<const NewBlock> blocks,
                                    const std::vector<PackExtent>& places) {
  std::size_t first = 0;
  while (first < blocks.size()) {
    std::size_t count = 0;
    std::uint64_t bytes = 0;
    while (first + count < blocks.size() && count < write_step_blocks && bytes < write_step_bytes)
      bytes += blocks[first + count++].data.size();
    Bytes headers;
    headers.reserve(count * (record_header_bytes + key_bytes_max));  // views stay valid
    std::vector<ByteView> pieces;
    pieces.reserve(2 * count);
    for (const NewBlock& block : blocks.subspan(first, count)) {
      std::size_t start = headers.size();
      append_record_header(headers, block.hash, block.data);
      pieces.push_back(ByteView(headers).subspan(start));
      pieces.push_back(block.data);
    }
    std::uint64_t at = places[first].offset;
    const bool bulk = bytes >= bulk_bytes_min;
    KITH_CHECK(bulk ? current_->write_out(at, pieces) : current_->write_at(at, pieces));
    first += count;
  }
  return {};
}

void Engine::abandon_current(const Error& why) {
  if (current_ == nullptr) return;
  // Neither removing nor shortening the file is durable yet.
  strays_.insert(current_pack_);
  if (current_end_ == pack_header_bytes) {
    // Nothing in it was ever synced; if the file can't be removed now, the next open looks at it.
    current_.reset();
    pack_files_.forget(current_pack_);
    Result<void> gone = files_.remove(pack_files_.path(current_pack_));
    if (gone) gone = files_.sync_directory(pack_files_.folder());
    if (gone) strays_.erase(current_pack_);
    return;
  }
  // Gives the space back, and the next write begins on clean pages.
  bool shortened = current_->truncate(current_end_).has_value();
  if (!shortened || !is_no_space(why)) current_.reset();
}

// --- the tables ---

PackInfo& Engine::pack_in(Change& change, PackId pack) const {
  auto [entry, added] = change.packs.try_emplace(pack);
  if (added) {
    auto known = packs_.find(pack);
    if (known != packs_.end()) entry->second = known->second;
  }
  return entry->second;
}

Result<FileRow*> Engine::file_in(Change& change, port::Snapshot& snapshot, FileId file) {
  auto known = change.files.find(file);
  if (known == change.files.end()) {
    KITH_TRY(FileRow row, file_row(snapshot, file));
    known = change.files.emplace(file, std::move(row)).first;
  }
  return &known->second;
}

void Engine::count(Change& change, const Multihash& hash, const PackExtent& extent) {
  PackInfo& info = pack_in(change, extent.pack);
  std::uint64_t bytes = record_bytes(hash.bytes().size(), extent.bytes);
  info.end = std::max(info.end, extent.offset + bytes);
  ++info.live_blocks;
  info.live_data_bytes += extent.bytes;
  info.live_record_bytes += bytes;
}

Result<void> Engine::uncount(Change& change, port::Snapshot& snapshot, const Multihash& hash,
                             const Extent& extent) {
  // What the index says may be wrong after damage; no number goes below zero by it.
  auto take_off = [](std::uint64_t& number, std::uint64_t amount) {
    number -= std::min(number, amount);
  };
  if (const auto* place = std::get_if<PackExtent>(&extent)) {
    if (!packs_.contains(place->pack) && !change.packs.contains(place->pack)) return {};
    PackInfo& info = pack_in(change, place->pack);
    take_off(info.live_blocks, 1);
    take_off(info.live_data_bytes, place->bytes);
    take_off(info.live_record_bytes, record_bytes(hash.bytes().size(), place->bytes));
    return {};
  }
  const auto& in_file = std::get<FileExtent>(extent);
  take_off(change.state.file_blocks, 1);
  take_off(change.state.file_bytes, in_file.bytes);
  auto row = file_in(change, snapshot, in_file.file);
  if (row) {
    take_off((*row)->live_blocks, 1);
  } else if (!row.error().is(Errc::corrupt)) {
    return std::unexpected(std::move(row).error());
  }
  return {};
}

bool Engine::pending_in_file(FileId file) const {
  std::shared_lock hold(table_mutex_);
  auto in_file = [file](const Pending& entry) {
    return !entry.dropped && entry.file && entry.file->file == file;
  };
  return std::ranges::any_of(active_.entries, in_file) ||
         std::ranges::any_of(flushing_.entries, in_file);
}

Result<void> Engine::forget_file(port::Batch& batch, FileId file, const FileRow& row) {
  batch.erase(files_space, number_key(file));
  auto key = crypto::sha256(as_bytes(row.path));
  KITH_TRY(auto snapshot, index_->snapshot());
  KITH_TRY(std::optional<ByteView> newest, snapshot->get(detail::file_ids_space, key));
  if (newest && equal(*newest, number_key(file))) batch.erase(detail::file_ids_space, key);
  return {};
}

Result<void> Engine::commit(Change& change) {
  for (auto& [pack, info] : change.packs) {
    change.batch.put(detail::packs_space, number_key(pack), encode_pack_info(info));
  }
  for (auto& [file, row] : change.files) {
    if (row.live_blocks > 0 || pending_in_file(file)) {
      change.batch.put(files_space, number_key(file), encode_file_row(row));
    } else {
      KITH_CHECK(forget_file(change.batch, file, row));
    }
  }
  change.batch.put(detail::state_space, as_bytes(detail::state_key), encode_state(change.state));
  KITH_CHECK(index_->commit(change.batch, port::Durability::synced));
  std::erase_if(uncommitted_, [&change](const auto& written) {
    auto info = change.packs.find(written.first);
    return info != change.packs.end() && info->second.end >= written.second;
  });
  std::unique_lock hold(table_mutex_);
  for (auto& [pack, info] : change.packs)
    packs_[pack] = info;
  state_ = change.state;
  return {};
}

/// Makes what was written and not committed part of its pack, as dead bytes: the next open doesn't
/// take it in. What of it is still in memory is counted alive when it is committed.
void Engine::bury_uncommitted(Change& change) const {
  for (const auto& [pack, end] : uncommitted_) {
    PackInfo& info = pack_in(change, pack);
    info.end = std::max(info.end, end);
  }
}

/// Makes durable that what a failed write left is gone.
Result<void> Engine::cut_strays() {
  while (!strays_.empty()) {
    const PackId pack = *strays_.begin();
    std::uint64_t end = 0;
    if (auto known = packs_.find(pack); known != packs_.end()) end = known->second.end;
    if (auto written = uncommitted_.find(pack); written != uncommitted_.end()) {
      end = std::max(end, written->second);
    }
    if (end == 0) {
      pack_files_.forget(pack);
      auto removed = files_.remove(pack_files_.path(pack));
      if (!removed && !removed.error().is_errno(ENOENT)) return removed;
      KITH_CHECK(files_.sync_directory(pack_files_.folder()));
    } else {
      KITH_TRY(auto file, files_.open(pack_files_.path(pack), port::OpenMode::write));
      KITH_CHECK(file->truncate(end));
      KITH_CHECK(file->sync());
    }
    strays_.erase(pack);
  }
  return {};
}

// --- removal ---

Result<std::size_t> Engine::remove(std::span<const Multihash> hashes) {
  std::lock_guard committing(commit_mutex_);
  std::lock_guard writing(write_mutex_);
  Change change;
  change.state = state_;
  std::unordered_set<Multihash> gone;
  KITH_TRY(auto snapshot, index_->snapshot());
  for (const Multihash& hash : hashes) {
    if (hash.empty() || hash.is_identity() || gone.contains(hash)) continue;
    auto extent = find_in_index(*snapshot, hash);
    if (!extent && !extent.error().is(Errc::corrupt)) {
      return std::unexpected(std::move(extent).error());
    }
    if (extent && !*extent) continue;
    if (extent) KITH_CHECK(uncount(change, *snapshot, hash, **extent));
    change.batch.erase(blocks_space, hash.bytes());
    gone.insert(hash);
  }
  snapshot.reset();
  KITH_CHECK(cut_strays());
  bury_uncommitted(change);
  // Out of memory before the commit looks which files are needed, and back if it fails.
  std::vector<Pending> taken_out;
  {
    std::unique_lock hold(table_mutex_);
    for (const Multihash& hash : hashes) {
      for (PendingBatch* batch : {&active_, &flushing_}) {
        const Pending* entry = batch->find(hash);
        if (entry == nullptr) continue;
        taken_out.push_back(*entry);
        batch->drop(hash);
        gone.insert(hash);
      }
      suspects_.erase(hash);
    }
  }
  if (!change.batch.empty() || !change.packs.empty()) {
    auto committed = commit(change);
    if (!committed) {
      std::unique_lock hold(table_mutex_);
      for (Pending& entry : taken_out)
        active_.add(std::move(entry));
      return std::unexpected(std::move(committed).error());
    }
  }
  for (const Multihash& hash : gone)
    cache_.erase(hash);
  return gone.size();
}

Result<StoreStat> Engine::stat() {
  std::shared_lock hold(table_mutex_);
  StoreStat stat;
  for (const auto& [pack, info] : packs_) {
    ++stat.packs;
    stat.blocks += info.live_blocks;
    stat.bytes += info.live_data_bytes;
    stat.pack_bytes += info.end;
    stat.dead_bytes += info.dead_bytes();
  }
  stat.file_blocks = state_.file_blocks;
  stat.file_bytes = state_.file_bytes;
  for (const PendingBatch* batch : {&active_, &flushing_}) {
    for (const Pending& entry : batch->entries) {
      if (entry.dropped) continue;
      // A block that replaces another, or whose commit is under way, may be counted twice for a
      // moment.
      ++stat.unsynced_blocks;
      stat.unsynced_bytes += entry.data.size();
      if (entry.replaces) continue;
      ++stat.blocks;
      stat.bytes += entry.file ? 0 : entry.data.size();
      if (entry.file) {
        ++stat.file_blocks;
        stat.file_bytes += entry.file->bytes;
      }
    }
  }
  stat.blocks += state_.file_blocks;
  stat.bytes += stat.file_bytes;
  return stat;
}

}  // namespace kith::store
