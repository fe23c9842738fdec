#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <dirent.h>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <kith/io/descriptor.hpp>
#include <kith/io/file_system.hpp>
#include <kith/io/limits.hpp>

namespace kith::io {
namespace {

using port::DirectoryEntry;
using port::File;
using port::FileInfo;
using port::FileKind;
using port::FileLock;
using port::OpenMode;

std::unexpected<Error> failed(const char* doing, const std::string& path, int number = errno) {
  return std::unexpected(Error::from_errno(number, std::string(doing) + " " + path));
}

/// Repeats a system call that a signal interrupted.
template <class Call>
auto retried(Call call) {
  auto answer = call();
  while (answer < 0 && errno == EINTR)
    answer = call();
  return answer;
}

/// A path with a zero byte would silently mean another file.
bool names_a_file(const std::string& path) noexcept {
  return path.find('\0') == std::string::npos;
}

Result<Descriptor> open_descriptor(const std::string& path, int flags, std::uint32_t mode) {
  if (!names_a_file(path)) return failed("open", path, EINVAL);
  int number = retried([&] { return ::open(path.c_str(), flags | O_CLOEXEC, mode); });
  if (number < 0) return failed("open", path);
  return Descriptor(number);
}

FileKind kind_of_mode(mode_t mode) noexcept {
  if (S_ISREG(mode)) return FileKind::regular;
  if (S_ISDIR(mode)) return FileKind::directory;
  if (S_ISLNK(mode)) return FileKind::symlink;
  return FileKind::other;
}

WallTime wall_time_of(const timespec& time) noexcept {
  return WallTime(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

Result<FileInfo> info_with_flags(const std::string& path, int flags) {
  if (!names_a_file(path)) return failed("stat", path, EINVAL);
  struct stat status;
  if (::fstatat(AT_FDCWD, path.c_str(), &status, flags) != 0) return failed("stat", path);
  FileInfo info;
  info.kind = kind_of_mode(status.st_mode);
  info.size_bytes = static_cast<std::uint64_t>(status.st_size);
  info.mode = status.st_mode & 07777;
  info.modified = wall_time_of(status.st_mtim);
  info.device = status.st_dev;
  info.inode = status.st_ino;
  return info;
}

bool is_one_file(const struct stat& a, const struct stat& b) noexcept {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool are_one_file(const Descriptor& a, const Descriptor& b) noexcept {
  struct stat first;
  struct stat second;
  return ::fstat(a.number(), &first) == 0 && ::fstat(b.number(), &second) == 0 &&
         is_one_file(first, second);
}

/// Whether the open file is still the one at the path.
bool is_at(const Descriptor& descriptor, const std::string& path) noexcept {
  struct stat open_file;
  struct stat there;
  return ::fstat(descriptor.number(), &open_file) == 0 && ::stat(path.c_str(), &there) == 0 &&
         is_one_file(open_file, there);
}

/// What the medium may want to be aligned, in memory and in the file: the largest that is common.
constexpr std::size_t page_bytes = 4096;

struct FreePages {
  void operator()(std::uint8_t* memory) const noexcept {
    ::operator delete[](memory, std::align_val_t(page_bytes));
  }
};

/// Pieces, as one text that is taken from its front.
class Gatherer {
 public:
  explicit Gatherer(std::span<const ByteView> pieces) noexcept : pieces_(pieces) {
    for (ByteView piece : pieces)
      left_ += piece.size();
  }
  std::uint64_t left() const noexcept { return left_; }

  /// Copies what fits; returns the part of `into` that it filled.
  ByteView take(MutableBytes into) noexcept {
    std::size_t done = 0;
    while (done < into.size() && left_ > 0) {
      const ByteView rest = pieces_.front().subspan(skipped_);
      const std::size_t size = std::min(rest.size(), into.size() - done);
      std::ranges::copy(rest.first(size), into.begin() + static_cast<std::ptrdiff_t>(done));
      done += size;
      left_ -= size;
      skipped_ += size;
      if (size < rest.size()) continue;
      pieces_ = pieces_.subspan(1);
      skipped_ = 0;
    }
    return into.first(done);
  }

 private:
  std::span<const ByteView> pieces_;
  std::size_t skipped_ = 0;  ///< of the first piece
  std::uint64_t left_ = 0;
};

class PosixFile final : public File {
 public:
  PosixFile(Descriptor descriptor, std::string path) noexcept
      : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  using File::write_at;

  Result<std::size_t> read_at(std::uint64_t offset, MutableBytes into) override {
    std::size_t done = 0;
    while (done < into.size()) {
      ssize_t got = retried([&] {
        return ::pread(number(), into.data() + done, into.size() - done, position(offset + done));
      });
      if (got < 0) return failed("read", path_);
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  Result<void> write_at(std::uint64_t offset, std::span<const ByteView> pieces) override {
    std::size_t first = 0;    // piece to go on with
    std::size_t skipped = 0;  // bytes of it that are written
    while (first < pieces.size()) {
      iovec vectors[write_pieces_max];
      std::size_t count = 0;
      for (std::size_t i = first; i < pieces.size() && count < write_pieces_max; ++i) {
        ByteView piece = pieces[i].subspan(i == first ? skipped : 0);
        vectors[count].iov_base = const_cast<std::uint8_t*>(piece.data());
        vectors[count++].iov_len = piece.size();
      }
      ssize_t put = retried(
          [&] { return ::pwritev(number(), vectors, static_cast<int>(count), position(offset)); });
      if (put < 0) return failed("write", path_);
      offset += static_cast<std::uint64_t>(put);
      std::size_t left = skipped + static_cast<std::size_t>(put);
      std::size_t before = first;
      while (first < pieces.size() && left >= pieces[first].size())
        left -= pieces[first++].size();
      skipped = left;
      // A device that takes nothing and names no error would hold us for ever.
      if (put == 0 && first == before) return failed("write", path_, ENOSPC);
    }
    return {};
  }

  Result<void> sync() override {
    if (retried([&] { return ::fdatasync(number()); }) != 0) return failed("sync", path_);
    return {};
  }

  Result<void> write_out(std::uint64_t offset, std::span<const ByteView> pieces) override {
    std::scoped_lock lock(out_mutex_);
    if (!direct_) direct_.emplace(open_direct());
    if (direct_->number() < 0) return write_and_begin(offset, pieces);
    Gatherer from(pieces);
    // Bytes whose page holds others, too, go by way of the cache.
    std::array<std::uint8_t, page_bytes> part;
    const std::size_t head = (page_bytes - offset % page_bytes) % page_bytes;
    ByteView taken = from.take(MutableBytes(part).first(head));
    KITH_CHECK(write_at(offset, taken));
    offset += taken.size();
    while (from.left() >= page_bytes) {
      const std::uint64_t whole = from.left() - from.left() % page_bytes;
      taken = from.take(
          staging().first(static_cast<std::size_t>(std::min<std::uint64_t>(whole, staging_bytes))));
      KITH_CHECK(write_direct(offset, taken));
      offset += taken.size();
    }
    return write_at(offset, from.take(part));
  }

  Result<std::uint64_t> size() override {
    struct stat status;
    if (::fstat(number(), &status) != 0) return failed("stat", path_);
    return static_cast<std::uint64_t>(status.st_size);
  }

  Result<void> truncate(std::uint64_t size) override {
    if (retried([&] { return ::ftruncate(number(), position(size)); }) != 0)
      return failed("truncate", path_);
    return {};
  }

 private:
  int number() const noexcept { return descriptor_.number(); }

  /// The same file past the cache; none where its file system has no such way.
  Descriptor open_direct() const {
    Descriptor none(-1);
    if ((::fcntl(number(), F_GETFL) & O_ACCMODE) == O_RDONLY) return none;
    // Without waiting for a reader, should the path have become a pipe.
    auto again = open_descriptor(path_, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_DIRECT, 0);
    return again && are_one_file(descriptor_, *again) ? *std::move(again) : std::move(none);
  }

  Result<void> write_and_begin(std::uint64_t offset, std::span<const ByteView> pieces) {
    KITH_CHECK(write_at(offset, pieces));
    std::uint64_t size = 0;
    for (ByteView piece : pieces)
      size += piece.size();
    // The disk begins while we go on; a sync then waits for less.
    ::sync_file_range(number(), position(offset), position(size), SYNC_FILE_RANGE_WRITE);
    return {};
  }

  /// `bytes` are whole pages of the staging memory.
  Result<void> write_direct(std::uint64_t offset, ByteView bytes) {
    if (direct_->number() < 0) return write_at(offset, bytes);
    ssize_t put = retried(
        [&] { return ::pwrite(direct_->number(), bytes.data(), bytes.size(), position(offset)); });
    if (put < 0 && errno != EINVAL && errno != EOPNOTSUPP) return failed("write", path_);
    // Some file systems say only now that they have no such way, or want larger pages.
    if (put < 0) direct_.emplace(-1);
    const auto done = static_cast<std::size_t>(std::max<ssize_t>(put, 0));
    return done == bytes.size() ? Result<void>() : write_at(offset + done, bytes.subspan(done));
  }

  MutableBytes staging() {
    if (!staging_) staging_.reset(new (std::align_val_t(page_bytes)) std::uint8_t[staging_bytes]);
    return {staging_.get(), staging_bytes};
  }

  /// Offsets beyond what the system can name become negative, which it refuses.
  static off_t position(std::uint64_t offset) noexcept { return static_cast<off_t>(offset); }

  Descriptor descriptor_;
  std::string path_;
  std::mutex out_mutex_;  ///< of what follows
  std::optional<Descriptor> direct_;
  std::unique_ptr<std::uint8_t[], FreePages> staging_;
};

class PosixLock final : public FileLock {
 public:
  explicit PosixLock(Descriptor descriptor) noexcept : descriptor_(std::move(descriptor)) {}

 private:
  Descriptor descriptor_;
};

int flags_of(OpenMode mode) noexcept {
  switch (mode) {
    case OpenMode::read:
      return O_RDONLY;
    case OpenMode::write:
      return O_RDWR;
    case OpenMode::create:
      return O_RDWR | O_CREAT;
    case OpenMode::create_new:
      return O_RDWR | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

FileKind kind_of_entry(DIR* folder, const dirent& entry) noexcept {
  switch (entry.d_type) {
    case DT_REG:
      return FileKind::regular;
    case DT_DIR:
      return FileKind::directory;
    case DT_LNK:
      return FileKind::symlink;
    case DT_UNKNOWN: {
      struct stat status;
      if (::fstatat(::dirfd(folder), entry.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return FileKind::other;
      return kind_of_mode(status.st_mode);
    }
    default:
      return FileKind::other;
  }
}

Result<void> make_directory(const std::string& path, std::uint32_t mode) {
  if (::mkdir(path.c_str(), mode) == 0) return {};
  int number = errno;
  struct stat status;
  if (number == EEXIST && ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return {};
  return failed("make directory", path, number);
}

}  // namespace

Result<std::unique_ptr<File>> PosixFileSystem::open(const std::string& path, OpenMode open_mode,
                                                    std::uint32_t mode) {
  KITH_TRY(Descriptor descriptor, open_descriptor(path, flags_of(open_mode), mode));
  return std::make_unique<PosixFile>(std::move(descriptor), path);
}

Result<FileInfo> PosixFileSystem::info(const std::string& path) {
  return info_with_flags(path, AT_SYMLINK_NOFOLLOW);
}

Result<FileInfo> PosixFileSystem::info_followed(const std::string& path) {
  return info_with_flags(path, 0);
}

Result<std::vector<DirectoryEntry>> PosixFileSystem::list(const std::string& path) {
  if (!names_a_file(path)) return failed("list", path, EINVAL);
  std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), &::closedir);
  if (folder == nullptr) return failed("list", path);
  std::vector<DirectoryEntry> entries;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(folder.get());
    if (entry == nullptr) {
      if (errno != 0) return failed("list", path);
      return entries;
    }
    std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    FileKind kind = kind_of_entry(folder.get(), *entry);
    entries.push_back({std::move(name), kind});
  }
}

Result<void> PosixFileSystem::make_directories(const std::string& path, std::uint32_t mode) {
  if (path.empty()) return failed("make directory", path, ENOENT);
  if (!names_a_file(path)) return failed("make directory", path, EINVAL);
  for (std::size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1))
    KITH_CHECK(make_directory(path.substr(0, end), mode));
  return make_directory(path, mode);
}

Result<void> PosixFileSystem::rename(const std::string& from, const std::string& to) {
  if (!names_a_file(from) || !names_a_file(to)) return failed("rename", from, EINVAL);
  if (::rename(from.c_str(), to.c_str()) != 0) return failed("rename", from + " to " + to);
  return {};
}

Result<void> PosixFileSystem::remove(const std::string& path) {
  if (!names_a_file(path)) return failed("remove", path, EINVAL);
  if (::remove(path.c_str()) != 0) return failed("remove", path);
  return {};
}

Result<void> PosixFileSystem::sync_directory(const std::string& path) {
  KITH_TRY(Descriptor descriptor, open_descriptor(path, O_RDONLY | O_DIRECTORY, 0));
  if (retried([&] { return ::fsync(descriptor.number()); }) != 0) return failed("sync", path);
  return {};
}

Result<std::string> PosixFileSystem::read_link(const std::string& path) {
  if (!names_a_file(path)) return failed("read link", path, EINVAL);
  std::string target(256, '\0');
  for (;;) {
    ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
    if (size < 0) return failed("read link", path);
    if (static_cast<std::size_t>(size) < target.size()) {
      target.resize(static_cast<std::size_t>(size));
      return target;
    }
    if (target.size() >= link_target_bytes_max) return failed("read link", path, ENAMETOOLONG);
    target.resize(target.size() * 2);
  }
}

Result<void> PosixFileSystem::make_symlink(const std::string& target, const std::string& path) {
  if (!names_a_file(target) || !names_a_file(path)) return failed("make symlink", path, EINVAL);
  if (::symlink(target.c_str(), path.c_str()) != 0) return failed("make symlink", path);
  return {};
}

Result<void> PosixFileSystem::set_mode(const std::string& path, std::uint32_t mode) {
  if (!names_a_file(path)) return failed("change mode of", path, EINVAL);
  if (::chmod(path.c_str(), mode) != 0) return failed("change mode of", path);
  return {};
}

Result<void> PosixFileSystem::set_modified(const std::string& path, WallTime modified) {
  if (!names_a_file(path)) return failed("change time of", path, EINVAL);
  auto since_epoch = modified.time_since_epoch();
  auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
  timespec times[2] = {};
  times[0].tv_nsec = UTIME_OMIT;
  times[1].tv_sec = seconds.count();
  times[1].tv_nsec = static_cast<long>((since_epoch - seconds).count());
  if (::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
    return failed("change time of", path);
  return {};
}

Result<std::unique_ptr<FileLock>> PosixFileSystem::lock(const std::string& path) {
  for (int i = 0; i < lock_tries_max; ++i) {
    KITH_TRY(Descriptor descriptor, open_descriptor(path, O_RDWR | O_CREAT, 0644));
    struct flock whole = {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    if (::fcntl(descriptor.number(), F_OFD_SETLK, &whole) != 0) {
      if (errno == EAGAIN || errno == EACCES)
        return std::unexpected(Error(Errc::busy, "lock " + path));
      return failed("lock", path);
    }
    // Whoever held it may have removed the file as it let go (Kubo does). Then the lock is one on a
    // file that nobody else will find.
    if (is_at(descriptor, path)) return std::make_unique<PosixLock>(std::move(descriptor));
  }
  return std::unexpected(Error(Errc::busy, "lock " + path));
}

Result<std::uint64_t> PosixFileSystem::free_bytes(const std::string& path) {
  if (!names_a_file(path)) return failed("free space of", path, EINVAL);
  struct statvfs status;
  if (retried([&] { return ::statvfs(path.c_str(), &status); }) != 0)
    return failed("free space of", path);
  return std::uint64_t{status.f_bavail} * status.f_frsize;
}

}  // namespace kith::io
