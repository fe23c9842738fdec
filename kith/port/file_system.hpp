// FileSystem: files and directories. Every call may block, so all of it is for WorkPool jobs (and
// for start-up and exit, when the loop does nothing else). Calls on different objects, and File's
// positioned reads and writes, are safe from several workers at once. Errors are errno errors whose
// text names the path.
//
// What a crash leaves: bytes written before a sync that returned are kept; of the later ones any
// subset, in any order. A new, renamed or removed name is kept once sync_directory of its folder
// returned. sim/ enforces just this.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/base/time.hpp>

namespace kith::port {

class File {
 public:
  virtual ~File() = default;
  /// Fills `into` from `offset`; less only at the end of the file.
  virtual Result<std::size_t> read_at(std::uint64_t offset, MutableBytes into) = 0;
  /// Writes all pieces, one after the other, from `offset`.
  virtual Result<void> write_at(std::uint64_t offset, std::span<const ByteView> pieces) = 0;
  Result<void> write_at(std::uint64_t offset, ByteView bytes) {
    return write_at(offset, std::span<const ByteView>(&bytes, 1));
  }
  /// Content and size are on the medium when this returns.
  virtual Result<void> sync() = 0;
  /// As write_at, for much that isn't read again soon: the medium begins at once, and the system's
  /// cache keeps nothing of it, where that can be had. Kept no surer than what write_at wrote.
  virtual Result<void> write_out(std::uint64_t offset, std::span<const ByteView> pieces) = 0;
  virtual Result<std::uint64_t> size() = 0;
  virtual Result<void> truncate(std::uint64_t size) = 0;
};

enum class OpenMode : std::uint8_t {
  read,        ///< must exist
  write,       ///< read and write, must exist
  create,      ///< read and write, made if missing
  create_new,  ///< read and write, EEXIST if there
};

enum class FileKind : std::uint8_t { regular, directory, symlink, other };

struct FileInfo {
  FileKind kind = FileKind::other;
  std::uint64_t size_bytes = 0;
  std::uint32_t mode = 0;  ///< permission bits, 07777
  WallTime modified;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
};

struct DirectoryEntry {
  std::string name;
  FileKind kind = FileKind::other;
};

/// Held while this object lives, and given up by the system when the process ends.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  /// `mode` holds for files that are made.
  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode open_mode,
                                             std::uint32_t mode = 0644) = 0;
  /// Without following a symlink at the end of the path.
  virtual Result<FileInfo> info(const std::string& path) = 0;
  /// Following symlinks.
  virtual Result<FileInfo> info_followed(const std::string& path) = 0;
  /// In no order, without "." and "..".
  virtual Result<std::vector<DirectoryEntry>> list(const std::string& path) = 0;
  /// With missing parents; fine if it is there.
  virtual Result<void> make_directories(const std::string& path, std::uint32_t mode = 0755) = 0;
  /// Replaces what is at `to`, atomically.
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  /// A file, a symlink or an empty directory.
  virtual Result<void> remove(const std::string& path) = 0;
  virtual Result<void> sync_directory(const std::string& path) = 0;
  virtual Result<std::string> read_link(const std::string& path) = 0;
  virtual Result<void> make_symlink(const std::string& target, const std::string& path) = 0;
  virtual Result<void> set_mode(const std::string& path, std::uint32_t mode) = 0;
  /// Of the symlink itself, if it is one.
  virtual Result<void> set_modified(const std::string& path, WallTime modified) = 0;
  /// Errc::busy if another process or lock holds it. Makes the file if missing.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;
  /// Free bytes for this user on the file system of `path`.
  virtual Result<std::uint64_t> free_bytes(const std::string& path) = 0;
};

/// The whole file; Errc::limit_exceeded above `size_max`.
Result<Bytes> read_file(FileSystem& files, const std::string& path, std::size_t size_max);

/// Replaces `path` so that after a crash it holds the old content or the new: a temporary beside
/// it, sync, rename, sync of the folder. Of several processes that do it at once the last one wins.
Result<void> replace_file(FileSystem& files, const std::string& path, ByteView content,
                          std::uint32_t mode = 0644);

/// Whether a sync failed because there is nothing that it could do here: nothing is ever written,
/// the file system knows no sync of it, or this user may not open it.
bool is_unsyncable(const Error& error) noexcept;

/// Makes the names of all folders on the way to `path` durable, and its own: of folders that are
/// newly made, a crash may otherwise take any. What is_unsyncable is left out.
Result<void> sync_way(FileSystem& files, const std::string& path);

/// The part of a path before its last '/', "." if there is none.
std::string parent_path(const std::string& path);

}  // namespace kith::port
