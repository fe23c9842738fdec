// The program's view of a disk's files.
#include <algorithm>
#include <cstring>

#include <errno.h>

#include <kith/base/assert.hpp>
#include <kith/sim/detail/inode.hpp>
#include <kith/sim/disk.hpp>

namespace kith::sim {
namespace {

std::unexpected<Error> failure(int number, std::string_view path) {
  return std::unexpected(Error::from_errno(number, std::string(path)));
}

port::FileInfo info_of(const Inode& inode) {
  port::FileInfo info;
  info.kind = inode.kind;
  info.size_bytes =
      inode.kind == port::FileKind::symlink ? inode.target.size() : inode.content.size();
  info.mode = inode.mode;
  info.modified = inode.modified;
  info.device = 1;
  info.inode = inode.number;
  return info;
}

class SimLock final : public port::FileLock {
 public:
  explicit SimLock(std::shared_ptr<void> token) : token_(std::move(token)) {}

 private:
  std::shared_ptr<void> token_;
};

}  // namespace

class SimFile final : public port::File {
 public:
  SimFile(std::shared_ptr<DiskAccess> access, std::shared_ptr<Inode> inode, std::string path,
          bool writable)
      : access_(std::move(access)),
        inode_(std::move(inode)),
        path_(std::move(path)),
        writable_(writable) {}

  Result<std::size_t> read_at(std::uint64_t offset, MutableBytes into) override {
    KITH_CHECK(access_->begin_read(path_));
    const Bytes& content = inode_->content;
    if (offset >= content.size() || into.empty()) return 0;
    std::size_t size = std::min<std::uint64_t>(into.size(), content.size() - offset);
    std::memcpy(into.data(), content.data() + offset, size);
    return size;
  }

  Result<void> write_at(std::uint64_t offset, std::span<const ByteView> pieces) override {
    if (!writable_) return failure(EBADF, path_);
    KITH_TRY(auto verdict, access_->begin("write", path_));
    Bytes joined;
    for (ByteView piece : pieces)
      append(joined, piece);
    Disk& disk = access_->disk;
    if (disk.trace_ != nullptr) disk.trace_->add(ByteView(joined));
    if (!verdict.takes_effect) joined.resize(disk.faults_.prng().below(joined.size() + 1));
    auto written = disk.write(*inode_, offset, joined);
    if (verdict.error != 0) return failure(verdict.error, path_);
    if (!written) return std::unexpected(written.error().with_context(path_));
    return {};
  }

  Result<void> sync() override {
    KITH_TRY(auto verdict, access_->begin("sync", path_));
    if (verdict.takes_effect && !verdict.forgotten) inode_->unsynced.clear();
    if (verdict.error != 0) return failure(verdict.error, path_);
    return {};
  }

  Result<void> write_out(std::uint64_t offset, std::span<const ByteView> pieces) override {
    return write_at(offset, pieces);
  }

  Result<std::uint64_t> size() override {
    KITH_CHECK(access_->check());
    return inode_->content.size();
  }

  Result<void> truncate(std::uint64_t size) override {
    if (!writable_) return failure(EBADF, path_);
    KITH_TRY(auto verdict, access_->begin("truncate", path_));
    Disk& disk = access_->disk;
    std::uint64_t now = inode_->content.size();
    if (size > now && size - now > disk.free_bytes(size - now)) return failure(ENOSPC, path_);
    if (verdict.takes_effect) disk.truncate(*inode_, size);
    if (verdict.error != 0) return failure(verdict.error, path_);
    return {};
  }

 private:
  std::shared_ptr<DiskAccess> access_;
  std::shared_ptr<Inode> inode_;
  std::string path_;
  bool writable_;
};

SimFileSystem::SimFileSystem(Disk& disk) : access_(std::make_shared<DiskAccess>(disk)) {}
SimFileSystem::~SimFileSystem() = default;

void SimFileSystem::die() noexcept {
  access_->alive = false;
}

Result<std::unique_ptr<port::File>> SimFileSystem::open(const std::string& path,
                                                        port::OpenMode open_mode,
                                                        std::uint32_t mode) {
  KITH_CHECK(access_->check());
  Disk& disk = access_->disk;
  bool writable = open_mode != port::OpenMode::read;
  bool makes = open_mode == port::OpenMode::create || open_mode == port::OpenMode::create_new;
  auto found = disk.find(path, open_mode != port::OpenMode::create_new);
  if (found) {
    if (open_mode == port::OpenMode::create_new) return failure(EEXIST, path);
    if ((*found)->kind == port::FileKind::directory) return failure(EISDIR, path);
    return std::make_unique<SimFile>(access_, *std::move(found), path, writable);
  }
  if (!makes || !found.error().is_errno(ENOENT)) return std::unexpected(found.error());
  KITH_TRY(Disk::Place place, disk.place_of(path));
  if (place.folder->names.contains(place.name)) return failure(ENOENT, path);  // a broken symlink
  KITH_TRY(auto verdict, access_->begin("create", path));
  auto inode = disk.make_inode(port::FileKind::regular, mode);
  if (verdict.takes_effect) {
    disk.change_names({NameChange{place.folder, place.name, nullptr, inode}});
  }
  if (verdict.error != 0) return failure(verdict.error, path);
  return std::make_unique<SimFile>(access_, std::move(inode), path, writable);
}

Result<port::FileInfo> SimFileSystem::info(const std::string& path) {
  KITH_CHECK(access_->begin_read(path));
  KITH_TRY(auto inode, access_->disk.find(path, false));
  return info_of(*inode);
}

Result<port::FileInfo> SimFileSystem::info_followed(const std::string& path) {
  KITH_CHECK(access_->begin_read(path));
  KITH_TRY(auto inode, access_->disk.find(path, true));
  return info_of(*inode);
}

Result<std::vector<port::DirectoryEntry>> SimFileSystem::list(const std::string& path) {
  KITH_CHECK(access_->begin_read(path));
  KITH_TRY(auto inode, access_->disk.find(path, true));
  if (inode->kind != port::FileKind::directory) return failure(ENOTDIR, path);
  std::vector<port::DirectoryEntry> entries;
  for (const auto& [name, child] : inode->names)
    entries.push_back({name, child->kind});
  // "In no order", so that nobody leans on one.
  Prng& prng = access_->disk.faults_.prng();
  for (std::size_t i = entries.size(); i > 1; --i)
    std::swap(entries[i - 1], entries[prng.below(i)]);
  return entries;
}

Result<void> SimFileSystem::make_directories(const std::string& path, std::uint32_t mode) {
  KITH_CHECK(access_->check());
  Disk& disk = access_->disk;
  if (auto found = disk.find(path, true); found) {
    if ((*found)->kind == port::FileKind::directory) return {};
    return failure(EEXIST, path);
  }
  KITH_TRY(auto verdict, access_->begin("make directories", path));
  if (verdict.takes_effect) KITH_CHECK(disk.make_way(path, mode));
  if (verdict.error != 0) return failure(verdict.error, path);
  return {};
}

Result<void> SimFileSystem::rename(const std::string& from, const std::string& to) {
  KITH_CHECK(access_->check());
  Disk& disk = access_->disk;
  KITH_TRY(auto inode, disk.find(from, false));
  if (to.starts_with(from + "/")) return failure(EINVAL, to);
  KITH_TRY(Disk::Place source, disk.place_of(from));
  KITH_TRY(Disk::Place target, disk.place_of(to));
  std::shared_ptr<Inode> replaced;
  if (auto found = target.folder->names.find(target.name); found != target.folder->names.end()) {
    replaced = found->second;
    bool is_folder = inode->kind == port::FileKind::directory;
    bool over_folder = replaced->kind == port::FileKind::directory;
    if (replaced == inode) return {};
    if (is_folder && !over_folder) return failure(ENOTDIR, to);
    if (!is_folder && over_folder) return failure(EISDIR, to);
    if (over_folder && !replaced->names.empty()) return failure(ENOTEMPTY, to);
  }
  KITH_TRY(auto verdict, access_->begin("rename", to));
  if (verdict.takes_effect) {
    disk.change_names({NameChange{target.folder, target.name, replaced, inode},
                       NameChange{source.folder, source.name, inode, nullptr}});
  }
  if (verdict.error != 0) return failure(verdict.error, from);
  return {};
}

Result<void> SimFileSystem::remove(const std::string& path) {
  KITH_CHECK(access_->check());
  Disk& disk = access_->disk;
  KITH_TRY(auto inode, disk.find(path, false));
  KITH_TRY(Disk::Place place, disk.place_of(path));
  if (!inode->names.empty()) return failure(ENOTEMPTY, path);
  KITH_TRY(auto verdict, access_->begin("remove", path));
  if (verdict.takes_effect) {
    disk.change_names({NameChange{place.folder, place.name, inode, nullptr}});
  }
  if (verdict.error != 0) return failure(verdict.error, path);
  return {};
}

Result<void> SimFileSystem::sync_directory(const std::string& path) {
  KITH_CHECK(access_->check());
  KITH_TRY(auto inode, access_->disk.find(path, true));
  if (inode->kind != port::FileKind::directory) return failure(ENOTDIR, path);
  KITH_TRY(auto verdict, access_->begin("sync directory", path));
  if (verdict.takes_effect && !verdict.forgotten) access_->disk.sync_names(inode);
  if (verdict.error != 0) return failure(verdict.error, path);
  return {};
}

Result<std::string> SimFileSystem::read_link(const std::string& path) {
  KITH_CHECK(access_->begin_read(path));
  KITH_TRY(auto inode, access_->disk.find(path, false));
  if (inode->kind != port::FileKind::symlink) return failure(EINVAL, path);
  return inode->target;
}

Result<void> SimFileSystem::make_symlink(const std::string& target, const std::string& path) {
  KITH_CHECK(access_->check());
  Disk& disk = access_->disk;
  KITH_TRY(Disk::Place place, disk.place_of(path));
  if (place.folder->names.contains(place.name)) return failure(EEXIST, path);
  KITH_TRY(auto verdict, access_->begin("symlink", path));
  auto inode = disk.make_inode(port::FileKind::symlink, 0777);
  inode->target = target;
  if (verdict.takes_effect) {
    disk.change_names({NameChange{place.folder, place.name, nullptr, inode}});
  }
  if (verdict.error != 0) return failure(verdict.error, path);
  return {};
}

Result<void> SimFileSystem::set_mode(const std::string& path, std::uint32_t mode) {
  KITH_CHECK(access_->check());
  KITH_TRY(auto inode, access_->disk.find(path, true));
  KITH_TRY(auto verdict, access_->begin("set mode", path));
  if (verdict.takes_effect) inode->mode = mode & 07777;
  if (verdict.error != 0) return failure(verdict.error, path);
  return {};
}

Result<void> SimFileSystem::set_modified(const std::string& path, WallTime modified) {
  KITH_CHECK(access_->check());
  KITH_TRY(auto inode, access_->disk.find(path, false));
  KITH_TRY(auto verdict, access_->begin("set modified", path));
  if (verdict.takes_effect) inode->modified = modified;
  if (verdict.error != 0) return failure(verdict.error, path);
  return {};
}

Result<std::unique_ptr<port::FileLock>> SimFileSystem::lock(const std::string& path) {
  KITH_TRY(auto file, open(path, port::OpenMode::create));
  KITH_TRY(auto inode, access_->disk.find(path, true));
  auto holder = inode->lock_holder.lock();
  if (!inode->lock.expired() && holder != nullptr && holder->valid()) {
    return std::unexpected(Error(Errc::busy, path));
  }
  auto token = std::make_shared<int>(0);
  inode->lock = token;
  inode->lock_holder = access_;
  return std::make_unique<SimLock>(std::move(token));
}

Result<std::uint64_t> SimFileSystem::free_bytes(const std::string& path) {
  KITH_CHECK(access_->begin_read(path));
  Disk& disk = access_->disk;
  KITH_TRY(auto inode, disk.find(path, true));
  return disk.free_bytes(0);
}

}  // namespace kith::sim
