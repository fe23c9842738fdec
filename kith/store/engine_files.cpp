// The user's own files: what of them is kept instead of bytes.
#include <kith/crypto/hash.hpp>
#include <kith/store/detail/namespaces.hpp>
#include <kith/store/engine.hpp>

namespace kith::store {

using detail::files_space;

Result<FileStamp> Engine::stamp_of(const std::string& path) {
  if (path.empty() || path[0] != '/' || path.size() > file_path_bytes_max) {
    return std::unexpected(Error(Errc::invalid_argument, path + " must be an absolute path"));
  }
  KITH_TRY(port::FileInfo info, files_.info_followed(path));
  if (info.kind != port::FileKind::regular) {
    return std::unexpected(Error(Errc::invalid_argument, path + " is no regular file"));
  }
  return FileStamp::of(info);
}

Result<FileReference> Engine::reference_file(const std::string& path) {
  // Looked at first: what is written from then on doesn't have this stamp.
  KITH_TRY(FileStamp stamp, stamp_of(path));
  KITH_TRY(auto file, files_.open(path, port::OpenMode::read));
  Result<void> synced = file->sync();
  if (!synced && !port::is_unsyncable(synced.error())) return std::unexpected(synced.error());
  KITH_CHECK(sync_way(path));
  return FileReference{path, stamp};
}

/// Makes the names on the way to a file durable. Those in a folder that hasn't changed since this
/// was done there are: many small files lie in few folders, and a sync costs milliseconds.
Result<void> Engine::sync_way(const std::string& path) {
  for (std::string folder = path; folder != "/";) {
    folder = port::parent_path(folder);
    KITH_TRY(port::FileInfo info, files_.info_followed(folder));
    FileStamp stamp = FileStamp::of(info);
    {
      std::lock_guard hold(folders_mutex_);
      auto known = synced_folders_.find(folder);
      if (known != synced_folders_.end() && known->second == stamp) continue;
    }
    auto synced = files_.sync_directory(folder);
    if (!synced && !port::is_unsyncable(synced.error())) return synced;
    std::lock_guard hold(folders_mutex_);
    if (synced_folders_.size() >= synced_folders_max) synced_folders_.clear();
    synced_folders_.insert_or_assign(folder, stamp);
  }
  return {};
}

/// The number under which the file with this stamp is known. commit_mutex_ is held.
Result<FileId> Engine::file_id(const FileReference& file) {
  auto key = crypto::sha256(as_bytes(file.path));
  KITH_TRY(auto snapshot, index_->snapshot());
  KITH_TRY(std::optional<ByteView> value, snapshot->get(detail::file_ids_space, key));
  if (value) {
    auto known = decode_number_key<FileId>(*value);
    auto row = known ? file_row(*snapshot, *known)
                     : Result<FileRow>(std::unexpected(Error(known.error())));
    if (row && row->stamp == file.stamp && row->path == file.path) return *known;
  }
  snapshot.reset();
  StateRow state = state_;
  FileId number = state.next_file++;
  port::Batch batch;
  batch.put(detail::file_ids_space, key, number_key(number));
  batch.put(files_space, number_key(number), encode_file_row({file.stamp, 0, file.path}));
  batch.put(detail::state_space, as_bytes(detail::state_key), encode_state(state));
  // The synced commit of the blocks makes this durable, too.
  KITH_CHECK(index_->commit(batch, port::Durability::unsynced));
  std::unique_lock hold(table_mutex_);
  state_ = state;
  return number;
}

Result<PutOutcome> Engine::put_file_ranges(const FileReference& file,
                                           std::span<const FileRange> ranges) {
  for (const FileRange& range : ranges) {
    if (range.hash.empty()) return std::unexpected(Errc::invalid_argument);
    if (range.bytes > ipld::block_bytes_max) return std::unexpected(Errc::limit_exceeded);
    if (!crypto::hash_known(static_cast<std::uint64_t>(range.hash.function()))) {
      return std::unexpected(Error(
          Errc::unsupported, file.path + ": blocks in place need a hash function that we know"));
    }
  }
  std::lock_guard committing(commit_mutex_);
  if (!has_room()) KITH_CHECK(sync_locked());
  KITH_TRY(FileStamp now, stamp_of(file.path));
  if (now != file.stamp) {
    return std::unexpected(Error(Errc::corrupt, file.path + " changed while it was being added"));
  }
  KITH_TRY(FileId number, file_id(file));
  std::size_t inherent = 0;
  std::vector<Pending> wanted;
  for (const FileRange& range : ranges) {
    if (range.hash.is_identity()) {
      ++inherent;
      continue;
    }
    wanted.push_back({range.hash, {}, FileExtent{number, range.offset, range.bytes}, {}});
  }
  std::lock_guard writing(write_mutex_);
  KITH_TRY(PutOutcome outcome, take(std::move(wanted)));
  outcome.known += inherent;
  return outcome;
}

}  // namespace kith::store
