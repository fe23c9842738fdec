// Disk: what a simulated machine stores, files and key-value stores, as the program sees it and as
// a crash would leave it.
//
// It keeps the contract of port/file_system.hpp to the letter and no more. A crash keeps what was
// synced; of each later write it keeps any subset of its 512-byte sectors; a file may have grown
// without its bytes (zeros); a truncation may be lost; every name made, renamed or removed since
// the last sync_directory of its folder may be as before, each alone, a rename whole. A directory
// that is removed while something in it survives survives too. Modes and times set later are
// durable at once, as is the folder of a key-value store.
//
// SimFileSystem and SimKeyValueFactory are the program's views of a disk. A view belongs to one
// life of the program: after die() or Disk::crash() it, and all files, locks, stores and snapshots
// from it, answer EIO. The disk outlives its views. Loop thread only (jobs of SimWorkPool run there
// too).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <kith/base/prng.hpp>
#include <kith/port/file_system.hpp>
#include <kith/port/key_value.hpp>
#include <kith/sim/fault_plan.hpp>
#include <kith/sim/trace.hpp>

namespace kith::port {
class WallClock;
}

namespace kith::sim {

struct DiskOptions {
  std::uint64_t capacity_bytes = std::uint64_t{64} << 30;
  /// There from the beginning, and durable.
  std::vector<std::string> directories = {"/data"};
};

struct Inode;
struct NameChange;
struct DiskAccess;
struct Ledger;

class Disk {
 public:
  /// `wall` gives the times of files (else time stands still), `trace` hears of each change.
  explicit Disk(Prng prng, DiskOptions options = {}, const port::WallClock* wall = nullptr,
                Trace* trace = nullptr);
  ~Disk();
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  FaultPlan& faults() noexcept { return faults_; }

  /// The machine stops and starts again: ends every view, and loses a drawn part of what was not
  /// synced.
  void crash() { crash(faults_.prng()); }
  void crash(Prng& prng);

  void set_capacity(std::uint64_t bytes) noexcept { options_.capacity_bytes = bytes; }
  std::uint64_t used_bytes() const noexcept;
  std::uint64_t crashes() const noexcept { return generation_; }

  /// Changes bytes behind the program's back, durably, as a bad sector or another program would.
  Result<void> damage(const std::string& path, std::uint64_t offset, ByteView bytes);

 private:
  friend struct DiskAccess;
  friend class SimFile;
  friend class SimFileSystem;
  friend class SimKeyValueFactory;
  friend class SimKeyValue;

  using InodePtr = std::shared_ptr<Inode>;
  struct Place {
    InodePtr folder;
    std::string name;
  };

  Result<InodePtr> find(const std::string& path, bool follow);
  Result<InodePtr> walk(InodePtr from, std::string_view path, bool follow, int& links_left,
                        Place* parent);
  /// The folder of `path`, which must exist, and the name in it.
  Result<Place> place_of(const std::string& path);
  InodePtr make_inode(port::FileKind kind, std::uint32_t mode);
  WallTime wall_now() const noexcept;
  void change_names(std::vector<NameChange> edits);
  void sync_names(const InodePtr& folder);
  /// Makes every name on the way to `path` durable.
  void sync_way(const std::string& path);
  /// Makes missing folders; with `durable` they survive a crash at once.
  Result<InodePtr> make_way(const std::string& path, std::uint32_t mode);
  FaultPlan::Verdict begin(std::string_view what, std::string_view where);
  /// Free bytes; if fewer than `wanted`, after bringing name changes to the medium, which frees
  /// what removed files held.
  std::uint64_t free_bytes(std::uint64_t wanted);
  Result<void> write(Inode& inode, std::uint64_t offset, ByteView bytes);
  void truncate(Inode& inode, std::uint64_t size);
  void crash_content(Inode& inode, Prng& prng, double keep);
  void crash_names(Prng& prng, double keep);

  FaultPlan faults_;
  DiskOptions options_;
  const port::WallClock* wall_;
  Trace* trace_;
  std::uint64_t generation_ = 0;
  std::uint64_t next_inode_ = 1;
  std::shared_ptr<Ledger> ledger_;
  InodePtr root_;
  std::vector<std::vector<NameChange>> unsynced_names_;
};

class SimFileSystem final : public port::FileSystem {
 public:
  explicit SimFileSystem(Disk& disk);
  ~SimFileSystem() override;

  Result<std::unique_ptr<port::File>> open(const std::string& path, port::OpenMode open_mode,
                                           std::uint32_t mode = 0644) override;
  Result<port::FileInfo> info(const std::string& path) override;
  Result<port::FileInfo> info_followed(const std::string& path) override;
  Result<std::vector<port::DirectoryEntry>> list(const std::string& path) override;
  Result<void> make_directories(const std::string& path, std::uint32_t mode = 0755) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> sync_directory(const std::string& path) override;
  Result<std::string> read_link(const std::string& path) override;
  Result<void> make_symlink(const std::string& target, const std::string& path) override;
  Result<void> set_mode(const std::string& path, std::uint32_t mode) override;
  Result<void> set_modified(const std::string& path, WallTime modified) override;
  Result<std::unique_ptr<port::FileLock>> lock(const std::string& path) override;
  Result<std::uint64_t> free_bytes(const std::string& path) override;

  /// The program is killed: what it wrote stays, but it does nothing more.
  void die() noexcept;

 private:
  std::shared_ptr<DiskAccess> access_;
};

class SimKeyValueFactory final : public port::KeyValueFactory {
 public:
  explicit SimKeyValueFactory(Disk& disk);
  ~SimKeyValueFactory() override;

  /// Makes `path` and its parents, durably, if they are missing. Errc::busy while it is open
  /// already.
  Result<std::unique_ptr<port::KeyValue>> open(const std::string& path,
                                               const port::KeyValueOptions& options) override;
  void die() noexcept;

 private:
  std::shared_ptr<DiskAccess> access_;
};

}  // namespace kith::sim
