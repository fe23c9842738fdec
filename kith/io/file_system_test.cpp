#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <new>
#include <utility>

#include <climits>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kith/io/detail/fixture.hpp>
#include <kith/io/file_system.hpp>

namespace {

/// How many direct writes succeed before the file system refuses them.
std::atomic<int> direct_writes_allowed{INT_MAX};

}  // namespace

/// The C library's, but that it refuses direct writes on demand, as some file systems do.
extern "C" ssize_t pwrite(int file, const void* from, size_t size, off_t offset) {
  const int flags = ::fcntl(file, F_GETFL);
  const bool direct = flags >= 0 && (flags & O_DIRECT) != 0;
  if (direct && direct_writes_allowed.load() != INT_MAX &&
      direct_writes_allowed.fetch_sub(1) <= 0) {
    errno = EINVAL;
    return -1;
  }
  return ::syscall(SYS_pwrite64, file, from, size, offset);
}

namespace kith::io {
namespace {

using detail::TemporaryFolder;
using port::FileKind;
using port::OpenMode;

/// The value, or a failed test and an empty one.
template <class T>
T value_of(Result<T> result) {
  if (!result) {
    ADD_FAILURE() << result.error().message();
    return T();
  }
  return std::move(*result);
}

void expect_ok(const Result<void>& result) {
  EXPECT_TRUE(result) << result.error().message();
}

TEST(PosixFileSystem, ReadsLessOnlyAtTheEnd) {
  TemporaryFolder folder;
  PosixFileSystem files;
  auto file = value_of(files.open(folder / "a", OpenMode::create));
  expect_ok(file->write_at(0, as_bytes("0123456789")));
  Bytes into(4);
  EXPECT_EQ(value_of(file->read_at(3, into)), 4u);
  EXPECT_EQ(as_text(into), "3456");
  EXPECT_EQ(value_of(file->read_at(8, into)), 2u);
  EXPECT_EQ(as_text(into).substr(0, 2), "89");
  EXPECT_EQ(value_of(file->read_at(10, into)), 0u);
  EXPECT_EQ(value_of(file->read_at(1'000'000, into)), 0u);
  auto impossible = file->read_at(UINT64_MAX - 10, into);
  EXPECT_FALSE(impossible);
}

TEST(PosixFileSystem, WritesManyPiecesInARow) {
  TemporaryFolder folder;
  PosixFileSystem files;
  Bytes content(1'000'000);
  Prng(1).fill(content);
  std::vector<ByteView> pieces;
  Prng prng(2);
  for (ByteView rest = content; !rest.empty();) {
    std::size_t size = std::min<std::size_t>(rest.size(), prng.below(1000));
    pieces.push_back(rest.first(size));
    rest = rest.subspan(size);
  }
  ASSERT_GT(pieces.size(), 1024u);
  auto file = value_of(files.open(folder / "a", OpenMode::create));
  expect_ok(file->write_at(5, pieces));
  expect_ok(file->sync());
  EXPECT_EQ(value_of(file->size()), content.size() + 5);
  Bytes got(content.size());
  EXPECT_EQ(value_of(file->read_at(5, got)), got.size());
  EXPECT_TRUE(got == content);
  expect_ok(file->truncate(7));
  EXPECT_EQ(value_of(file->size()), 7u);
}

/// A file beside which nothing else changed, and what it has to hold.
struct Written {
  explicit Written(port::FileSystem& files, const std::string& path)
      : file(value_of(files.open(path, OpenMode::create))) {}

  void write(std::uint64_t offset, std::span<const ByteView> pieces, bool out) {
    expect_ok(out ? file->write_out(offset, pieces) : file->write_at(offset, pieces));
    for (ByteView piece : pieces) {
      const std::size_t end = static_cast<std::size_t>(offset) + piece.size();
      if (content.size() < end) content.resize(end);
      std::ranges::copy(piece, content.begin() + static_cast<std::ptrdiff_t>(offset));
      offset += piece.size();
    }
  }
  void expect_content() {
    ASSERT_EQ(value_of(file->size()), content.size());
    Bytes got(content.size());
    EXPECT_EQ(value_of(file->read_at(0, got)), got.size());
    EXPECT_TRUE(got == content);
  }

  std::unique_ptr<port::File> file;
  Bytes content;
};

Bytes random_bytes(std::size_t size, std::uint64_t seed) {
  Bytes bytes(size);
  Prng(seed).fill(bytes);
  return bytes;
}

TEST(PosixFileSystem, WritesOutFromAndToAnyPlace) {
  TemporaryFolder folder;
  PosixFileSystem files;
  Written written(files, folder / "a");
  const Bytes bytes = random_bytes(3 << 20, 1);
  Prng prng(2);
  for (int round = 0; round < 60; ++round) {
    // Pages' edges, and a little to their sides.
    const auto place = [&](std::uint64_t pages) {
      const std::uint64_t at = prng.below(pages) * 4096;
      return at + prng.below(3) - (at > 0 ? 1 : 0);
    };
    const std::uint64_t offset = place(400);
    std::uint64_t size = place(round % 8 == 0 ? 768 : 5);
    std::vector<ByteView> pieces;
    ByteView rest = ByteView(bytes).subspan(prng.below(1000));
    while (size > 0) {
      const auto part =
          static_cast<std::size_t>(1 + prng.below(std::min<std::uint64_t>(size, 9000)));
      pieces.push_back(rest.first(part));
      rest = rest.subspan(part);
      size -= part;
      if (rest.size() < 10'000) rest = bytes;
    }
    // Readers find what was written last, whichever way it went.
    written.write(offset, pieces, prng.below(4) > 0);
    written.expect_content();
  }
  expect_ok(written.file->sync());
  written.expect_content();
}

TEST(PosixFileSystem, WritesOutManyPiecesAndNothing) {
  TemporaryFolder folder;
  PosixFileSystem files;
  Written written(files, folder / "a");
  const Bytes bytes = random_bytes(5'000'003, 3);
  const ByteView pieces[] = {bytes, {}, ByteView(bytes).first(1), ByteView(bytes).subspan(7)};
  written.write(11, pieces, true);
  written.expect_content();
  written.write(4096, {}, true);
  written.expect_content();
}

/// -1 if the system doesn't tell.
std::ptrdiff_t cached_pages(const std::string& path, std::size_t size) {
  const int reading = ::open(path.c_str(), O_RDONLY);
  void* map = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, reading, 0);
  ::close(reading);
  if (map == MAP_FAILED) return -1;
  std::vector<unsigned char> cached(size / 4096);
  const bool told = ::mincore(map, size, cached.data()) == 0;
  ::munmap(map, size);
  return told ? std::ranges::count_if(cached, [](unsigned char page) { return (page & 1) != 0; })
              : -1;
}

bool goes_past_the_cache(const std::string& path) {
  const int direct = ::open(path.c_str(), O_WRONLY | O_CREAT | O_DIRECT, 0600);
  if (direct < 0) return false;
  alignas(4096) static const std::array<std::uint8_t, 4096> page{};
  const bool written = ::pwrite(direct, page.data(), page.size(), 0) == 4096;
  ::close(direct);
  return written && cached_pages(path, page.size()) == 0;
}

TEST(PosixFileSystem, WritesOutPastTheCache) {
  TemporaryFolder folder;
  PosixFileSystem files;
  const std::string path = folder / "a";
  if (!goes_past_the_cache(folder / "probe"))
    GTEST_SKIP() << "the file system of temporary files has no way past its cache";
  Written written(files, path);
  const Bytes bytes = random_bytes(64 * 4096, 4);
  const ByteView piece = bytes;
  written.write(0, std::span(&piece, 1), true);
  expect_ok(written.file->sync());
  EXPECT_EQ(cached_pages(path, bytes.size()), 0);
  written.expect_content();
}

TEST(PosixFileSystem, WritesOutWhereADirectWriteIsRefused) {
  for (int after : {0, 1, 2}) {
    TemporaryFolder folder;
    PosixFileSystem files;
    Written written(files, folder / "a");
    const Bytes bytes = random_bytes(3 << 20, 7);
    const ByteView piece = bytes;
    direct_writes_allowed = after;
    written.write(100, std::span(&piece, 1), true);
    direct_writes_allowed = INT_MAX;
    written.expect_content();
    written.write(200, std::span(&piece, 1), true);
    written.expect_content();
  }
}

TEST(PosixFileSystem, WritesOutWhatHasNoPathToOpenAgain) {
  const int memory = ::memfd_create("kith", MFD_CLOEXEC);
  ASSERT_GE(memory, 0);
  PosixFileSystem files;
  auto file = value_of(files.open("/proc/self/fd/" + std::to_string(memory), OpenMode::write));
  const Bytes bytes = random_bytes(100'000, 5);
  const ByteView piece = bytes;
  expect_ok(file->write_out(100, std::span(&piece, 1)));
  Bytes got(bytes.size());
  EXPECT_EQ(value_of(file->read_at(100, got)), got.size());
  EXPECT_TRUE(got == bytes);
  ::close(memory);
}

TEST(PosixFileSystem, SaysWhenAFileCantBeWrittenOut) {
  TemporaryFolder folder;
  PosixFileSystem files;
  expect_ok(port::replace_file(files, folder / "a", as_bytes("content")));
  auto read_only = value_of(files.open(folder / "a", OpenMode::read));
  const Bytes bytes = random_bytes(100'000, 6);
  const ByteView piece = bytes;
  auto written = read_only->write_out(0, std::span(&piece, 1));
  ASSERT_FALSE(written);
  EXPECT_TRUE(written.error().is_errno(EBADF));
}

TEST(PosixFileSystem, OpenModesDoAsTheySay) {
  TemporaryFolder folder;
  PosixFileSystem files;
  auto missing = files.open(folder / "a", OpenMode::read);
  ASSERT_FALSE(missing);
  EXPECT_TRUE(missing.error().is_errno(ENOENT));
  EXPECT_NE(missing.error().message().find(folder / "a"), std::string::npos);
  EXPECT_FALSE(files.open(folder / "a", OpenMode::write));
  EXPECT_TRUE(files.open(folder / "a", OpenMode::create_new, 0600));
  EXPECT_EQ(value_of(files.info(folder / "a")).mode, 0600u);
  auto there = files.open(folder / "a", OpenMode::create_new);
  ASSERT_FALSE(there);
  EXPECT_TRUE(there.error().is_errno(EEXIST));
  auto read_only = value_of(files.open(folder / "a", OpenMode::read));
  EXPECT_FALSE(read_only->write_at(0, as_bytes("x")));
}

TEST(PosixFileSystem, APathWithAZeroByteNamesNothing) {
  TemporaryFolder folder;
  PosixFileSystem files;
  std::string path = (folder / "a") + std::string("\0b", 2);
  auto file = files.open(path, OpenMode::create);
  ASSERT_FALSE(file);
  EXPECT_TRUE(file.error().is_errno(EINVAL));
  EXPECT_FALSE(files.make_directories(path));
  EXPECT_TRUE(value_of(files.list(folder.path())).empty());
}

TEST(PosixFileSystem, MakesListsRenamesAndRemoves) {
  TemporaryFolder folder;
  PosixFileSystem files;
  expect_ok(files.make_directories(folder / "x/y/z"));
  expect_ok(files.make_directories(folder / "x/y/z"));
  expect_ok(files.make_directories(folder / "x/y/z/"));
  expect_ok(port::replace_file(files, folder / "x/f", as_bytes("one")));
  expect_ok(files.make_symlink("f", folder / "x/link"));
  auto entries = value_of(files.list(folder / "x"));
  std::ranges::sort(entries, {}, &port::DirectoryEntry::name);
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].name, "f");
  EXPECT_EQ(entries[0].kind, FileKind::regular);
  EXPECT_EQ(entries[1].name, "link");
  EXPECT_EQ(entries[1].kind, FileKind::symlink);
  EXPECT_EQ(entries[2].name, "y");
  EXPECT_EQ(entries[2].kind, FileKind::directory);
  EXPECT_EQ(value_of(files.read_link(folder / "x/link")), "f");
  EXPECT_EQ(value_of(files.info(folder / "x/link")).kind, FileKind::symlink);
  EXPECT_EQ(value_of(files.info_followed(folder / "x/link")).size_bytes, 3u);
  expect_ok(files.rename(folder / "x/f", folder / "x/g"));
  EXPECT_FALSE(files.info_followed(folder / "x/link"));
  auto full = files.remove(folder / "x");
  ASSERT_FALSE(full);
  EXPECT_TRUE(full.error().is_errno(ENOTEMPTY));
  expect_ok(files.remove(folder / "x/g"));
  expect_ok(files.remove(folder / "x/y/z"));
  EXPECT_GT(value_of(files.free_bytes(folder.path())), 0u);
  auto over_a_file = files.make_directories(folder / "x/link/sub");
  EXPECT_FALSE(over_a_file);
}

TEST(PosixFileSystem, ReadsLongLinks) {
  TemporaryFolder folder;
  PosixFileSystem files;
  std::string target(3000, 't');
  expect_ok(files.make_symlink(target, folder / "link"));
  EXPECT_EQ(value_of(files.read_link(folder / "link")), target);
}

TEST(PosixFileSystem, SetsModeAndTime) {
  TemporaryFolder folder;
  PosixFileSystem files;
  expect_ok(port::replace_file(files, folder / "f", as_bytes("x")));
  expect_ok(files.set_mode(folder / "f", 0751));
  WallTime early(-1'500'000'000ns);
  expect_ok(files.set_modified(folder / "f", early));
  auto info = value_of(files.info(folder / "f"));
  EXPECT_EQ(info.mode, 0751u);
  EXPECT_EQ(info.modified, early);
  EXPECT_NE(info.inode, 0u);
}

TEST(PosixFileSystem, ReplacesAFileInspiteOfAStaleTemporary) {
  TemporaryFolder folder;
  PosixFileSystem files;
  expect_ok(port::replace_file(files, folder / "f", as_bytes("old content, longer")));
  value_of(files.open(folder / "f.new", OpenMode::create));
  expect_ok(port::replace_file(files, folder / "f", as_bytes("new"), 0600));
  EXPECT_EQ(as_text(value_of(port::read_file(files, folder / "f", 100))), "new");
  EXPECT_EQ(value_of(files.info(folder / "f")).mode, 0600u);
  // It may be another process's.
  EXPECT_EQ(value_of(files.list(folder.path())).size(), 2u);
  auto too_large = port::read_file(files, folder / "f", 2);
  ASSERT_FALSE(too_large);
  EXPECT_TRUE(too_large.error().is(Errc::limit_exceeded));
}

TEST(PosixFileSystem, ALockExcludesAnotherOfTheSameProcess) {
  TemporaryFolder folder;
  PosixFileSystem files;
  auto held = value_of(files.lock(folder / "lock"));
  auto second = files.lock(folder / "lock");
  ASSERT_FALSE(second);
  EXPECT_TRUE(second.error().is(Errc::busy));
  held.reset();
  EXPECT_TRUE(files.lock(folder / "lock"));
}

/// A lock as Kubo takes it (go4.org/lock): a POSIX record lock on a file that is made if missing,
/// and removed as the lock is given up.
class RecordLock {
 public:
  explicit RecordLock(std::string path) : path_(std::move(path)) {}
  ~RecordLock() { release(); }
  RecordLock(const RecordLock&) = delete;
  RecordLock& operator=(const RecordLock&) = delete;

  bool take() {
    file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0666);
    struct flock whole = {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    if (file_ >= 0 && ::fcntl(file_, F_SETLK, &whole) == 0) return true;
    ::close(std::exchange(file_, -1));
    return false;
  }
  void release() {
    if (file_ < 0) return;
    ::unlink(path_.c_str());
    ::close(std::exchange(file_, -1));
  }

 private:
  std::string path_;
  int file_ = -1;
};

TEST(PosixFileSystem, ALockAndARecordLockExcludeEachOther) {
  TemporaryFolder folder;
  PosixFileSystem files;
  RecordLock other(folder / "lock");
  auto held = value_of(files.lock(folder / "lock"));
  EXPECT_FALSE(other.take());
  held.reset();
  ASSERT_TRUE(other.take());
  auto refused = files.lock(folder / "lock");
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(Errc::busy));
  other.release();
  EXPECT_TRUE(files.lock(folder / "lock"));
}

TEST(PosixFileSystem, ALockExcludesAProcessThatRemovesTheFileAsItLetsGo) {
  constexpr int turns = 2000;
  struct Shared {
    std::atomic<int> inside = 0;
    std::atomic<int> both = 0;
    std::atomic<int> turns_of_child = 0;
  };
  TemporaryFolder folder;
  PosixFileSystem files;
  void* memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto* shared = new (memory) Shared;
  auto go_in_and_out = [shared] {
    if (shared->inside.fetch_add(1) != 0) ++shared->both;
    shared->inside.fetch_sub(1);
  };
  pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    RecordLock lock(folder / "lock");
    for (;;) {
      if (!lock.take()) continue;
      go_in_and_out();
      ++shared->turns_of_child;
      lock.release();
    }
  }
  for (int turn = 0; turn < turns || shared->turns_of_child < turns;) {
    auto held = files.lock(folder / "lock");
    if (held) {
      ++turn;
      go_in_and_out();
    } else if (!held.error().is(Errc::busy)) {
      ADD_FAILURE() << held.error().message();
      break;
    }
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(shared->both, 0);
  ::munmap(memory, sizeof(Shared));
}

TEST(PosixFileSystem, ALockEndsWithTheProcessThatHeldIt) {
  TemporaryFolder folder;
  PosixFileSystem files;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto held = files.lock(folder / "lock");
    char told = held ? 'y' : 'n';
    if (::write(ready[1], &told, 1) != 1) ::_exit(1);
    for (;;)
      ::pause();
  }
  char told = 0;
  ASSERT_EQ(::read(ready[0], &told, 1), 1);
  EXPECT_EQ(told, 'y');
  auto refused = files.lock(folder / "lock");
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(Errc::busy));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(files.lock(folder / "lock"));
  ::close(ready[0]);
  ::close(ready[1]);
}

}  // namespace
}  // namespace kith::io
