// Opening a store: the tables from the index, and what a crash or a lost index left to do.
#include <algorithm>

#include <fmt/format.h>

#include <kith/store/detail/hash_check.hpp>
#include <kith/store/detail/namespaces.hpp>
#include <kith/store/engine.hpp>

namespace kith::store {

Result<std::unique_ptr<Engine>> Engine::open(port::FileSystem& files,
                                             port::KeyValueFactory& key_values,
                                             const EngineOptions& options) {
  std::unique_ptr<Engine> engine(new Engine(files, options));
  KITH_CHECK(engine->start(key_values));
  return engine;
}

Result<void> Engine::start(port::KeyValueFactory& key_values) {
  KITH_CHECK(files_.make_directories(pack_files_.folder(), 0700));
  KITH_CHECK(files_.sync_directory(port::parent_path(options_.path)));
  KITH_CHECK(files_.sync_directory(options_.path));
  KITH_TRY(lock_, files_.lock(options_.path + "/lock"));
  port::KeyValueOptions index;
  index.namespaces = detail::namespace_names();
  index.size_bytes_max = options_.index_bytes_max;
  KITH_TRY(index_, key_values.open(options_.path + "/index", index));
  KITH_TRY(bool index_found, load_tables());
  return recover(index_found);
}

Result<bool> Engine::load_tables() {
  KITH_TRY(auto snapshot, index_->snapshot());
  KITH_TRY(std::optional<ByteView> value,
           snapshot->get(detail::state_space, as_bytes(detail::state_key)));
  if (!value) return false;
  KITH_TRY(state_, decode_state(*value));
  Result<void> fault;
  auto visit = [this, &fault](ByteView key, ByteView row) {
    auto pack = decode_number_key<PackId>(key);
    auto info = decode_pack_info(row);
    if (!pack || !info) {
      fault = std::unexpected(Error(pack ? info.error() : pack.error(), "the index's packs"));
      return false;
    }
    packs_.emplace(*pack, *info);
    return true;
  };
  KITH_CHECK(snapshot->scan(detail::packs_space, {}, visit));
  KITH_CHECK(fault);
  return true;
}

Result<void> Engine::recover(bool index_found) {
  KITH_TRY(auto entries, files_.list(pack_files_.folder()));
  std::map<PackId, std::uint64_t> sizes;
  for (const port::DirectoryEntry& entry : entries) {
    auto pack = parse_pack_name(entry.name);
    if (!pack) continue;
    KITH_TRY(port::FileInfo info, files_.info(pack_files_.path(*pack)));
    if (info.kind == port::FileKind::regular) sizes.emplace(*pack, info.size_bytes);
  }
  if (!packs_.empty()) last_pack_ = packs_.rbegin()->first;
  PackId newest = last_pack_;
  if (!sizes.empty()) last_pack_ = std::max(last_pack_, sizes.rbegin()->first);

  std::vector<PackId> to_remove;
  for (const auto& [pack, info] : packs_) {
    auto file = sizes.find(pack);
    if (info.removing) {
      to_remove.push_back(pack);
    } else if (file == sizes.end() || file->second < info.end) {
      report_.damaged_packs.push_back(pack);
    }
  }
  for (PackId pack : to_remove) {
    KITH_CHECK(drop_pack(pack));
    sizes.erase(pack);
  }
  for (const auto& [pack, size] : sizes) {
    auto known = packs_.find(pack);
    if (known == packs_.end()) {
      KITH_CHECK(adopt(pack, pack_header_bytes, size, index_found));
    } else if (pack == newest && size > known->second.end) {
      KITH_CHECK(adopt(pack, known->second.end, size, true));
    }
  }
  if (!index_found) {
    Change change;
    change.state = state_;
    KITH_CHECK(commit(change));
  }
  return resume_last_pack(sizes);
}

/// Takes in the good records of a part of a pack that the index doesn't know. With `rewrite` they
/// are written once more first: if a sync failed before the crash, the system may hold pages that
/// it believes to be on the disk.
Result<void> Engine::adopt(PackId pack, std::uint64_t from, std::uint64_t size, bool rewrite) {
  KITH_TRY(auto file, files_.open(pack_files_.path(pack), port::OpenMode::write));
  Bytes header(pack_header_bytes);
  KITH_TRY(std::size_t got, file->read_at(0, header));
  auto number = decode_pack_header(ByteView(header).first(got));
  if (!number && number.error() == FormatError::unknown_kind) {
    return std::unexpected(
        Error(Errc::unsupported, pack_files_.path(pack) + " was written by a later version"));
  }
  if (!number || *number != pack) KITH_CHECK(file->write_at(0, encode_pack_header(pack)));

  std::vector<Placed> found;
  auto visit = [&](std::uint64_t offset, const RecordHeader& record, ByteView bytes,
                   bool after_gap) -> Result<bool> {
    if (record.key.is_identity()) return true;
    // A block's data may look like records; only the right hash makes one of what stands in a gap.
    auto good = detail::matches(record.key, bytes.subspan(record.data_offset));
    if (good ? !*good : after_gap) return true;
    if (rewrite) KITH_CHECK(file->write_at(offset, bytes));
    found.push_back({record.key, {pack, offset, record.data_bytes}});
    if (found.size() >= adopt_step_blocks) KITH_CHECK(take_in(found, pack, *file));
    return true;
  };
  KITH_CHECK(detail::scan_records(*file, from, size, visit));
  KITH_CHECK(take_in(found, pack, *file));
  if (!packs_.contains(pack) && rewrite) {
    // A batch that never became durable, or nothing that isn't elsewhere.
    file.reset();
    return files_.remove(pack_files_.path(pack));
  }
  return {};
}

Result<void> Engine::take_in(std::vector<Placed>& found, PackId pack, port::File& file) {
  Change change;
  change.state = state_;
  std::unordered_set<Multihash> seen;
  {
    KITH_TRY(auto snapshot, index_->snapshot());
    for (const Placed& block : found) {
      auto old = find_in_index(*snapshot, block.hash);
      if (!old && !old.error().is(Errc::corrupt)) return std::unexpected(std::move(old).error());
      if (old && *old) continue;
      if (!seen.insert(block.hash).second) continue;
      count(change, block.hash, block.extent);
      change.batch.put(detail::blocks_space, block.hash.bytes(), encode_extent(block.extent));
      ++report_.adopted_blocks;
      report_.adopted_bytes += block.extent.bytes;
    }
  }
  found.clear();
  if (change.batch.empty()) return {};
  KITH_CHECK(file.sync());
  if (!packs_.contains(pack)) KITH_CHECK(files_.sync_directory(pack_files_.folder()));
  return commit(change);
}

/// Goes on with the newest pack if it is whole and has room; a failure only means a new pack.
Result<void> Engine::resume_last_pack(const std::map<PackId, std::uint64_t>& sizes) {
  auto newest = packs_.find(last_pack_);
  auto size = sizes.find(last_pack_);
  if (newest == packs_.end() || size == sizes.end() || size->second < newest->second.end ||
      newest->second.end >= options_.pack_bytes_max) {
    return {};
  }
  auto file = files_.open(pack_files_.path(last_pack_), port::OpenMode::write);
  if (!file) return {};
  if (size->second > newest->second.end) {
    auto shortened = (*file)->truncate(newest->second.end);
    if (shortened) shortened = (*file)->sync();
    if (!shortened) return {};
  }
  current_ = std::move(*file);
  current_pack_ = last_pack_;
  current_end_ = newest->second.end;
  current_is_new_ = false;
  return {};
}

}  // namespace kith::store
