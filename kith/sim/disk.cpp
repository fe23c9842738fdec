#include <algorithm>
#include <ranges>

#include <errno.h>

#include <kith/base/assert.hpp>
#include <kith/port/clock.hpp>
#include <kith/sim/detail/inode.hpp>
#include <kith/sim/disk.hpp>
#include <kith/sim/heap.hpp>

namespace kith::sim {
namespace {

constexpr std::uint64_t sector_bytes = 512;
constexpr int symlinks_max = 40;

std::unexpected<Error> failure(int number, std::string_view path) {
  return std::unexpected(Error::from_errno(number, std::string(path)));
}

bool same_name(const NameChange& a, const NameChange& b) noexcept {
  return a.folder == b.folder && a.name == b.name;
}

}  // namespace

FaultPlan::Verdict FaultPlan::next_operation(std::string_view what, std::string_view where) {
  std::uint64_t number = operations_++;
  if (number == crash_at_ || number == kill_at_) {
    crashed_ = number == crash_at_;
    crashed_in_ = std::string(what) + " " + std::string(where);
    Verdict verdict{prng_.chance(0.5), EIO};
    const std::function<void()>& callback = crashed_ ? on_crash_ : on_kill_;
    if (callback) callback();
    return verdict;
  }
  if (number == fail_at_) return {false, error_};
  return {true, 0, what == forgotten_};
}

int FaultPlan::next_read() noexcept {
  return reads_++ == fail_read_at_ ? read_error_ : 0;
}

Result<void> DiskAccess::check() const {
  if (!valid()) return std::unexpected(Error::from_errno(EIO, "the machine has stopped"));
  return {};
}

Result<FaultPlan::Verdict> DiskAccess::begin(std::string_view what, std::string_view where) {
  KITH_CHECK(check());
  return disk.begin(what, where);
}

Result<void> DiskAccess::begin_read(std::string_view where) {
  KITH_CHECK(check());
  if (int error = disk.faults_.next_read(); error != 0) return failure(error, where);
  return {};
}

Disk::Disk(Prng prng, DiskOptions options, const port::WallClock* wall, Trace* trace)
    : faults_(prng), options_(std::move(options)), wall_(wall), trace_(trace) {
  ledger_ = std::make_shared<Ledger>();
  root_ = make_inode(port::FileKind::directory, 0755);
  for (const std::string& path : options_.directories) {
    auto made = make_way(path, 0755);
    ASSERT(made.has_value());
  }
  unsynced_names_.clear();
}

Disk::~Disk() = default;

Inode::~Inode() {
  ledger->used_bytes -= content.size() + (store != nullptr ? store->size_bytes : 0);
  ledger->inodes.erase(number);
}

std::uint64_t Disk::used_bytes() const noexcept {
  return ledger_->used_bytes;
}

std::uint64_t Disk::free_bytes(std::uint64_t wanted) {
  auto free = [this] {
    return options_.capacity_bytes - std::min(options_.capacity_bytes, ledger_->used_bytes);
  };
  if (free() < wanted) unsynced_names_.clear();
  return free();
}

WallTime Disk::wall_now() const noexcept {
  return wall_ != nullptr ? wall_->now() : WallTime{};
}

FaultPlan::Verdict Disk::begin(std::string_view what, std::string_view where) {
  if (trace_ != nullptr) {
    trace_->add(what);
    trace_->add(where);
  }
  return faults_.next_operation(what, where);
}

Disk::InodePtr Disk::make_inode(port::FileKind kind, std::uint32_t mode) {
  const heap::Scope nobody(0);
  auto inode = std::make_shared<Inode>(ledger_, next_inode_++);
  inode->kind = kind;
  inode->mode = mode & 07777;
  inode->modified = wall_now();
  return inode;
}

Result<Disk::InodePtr> Disk::walk(InodePtr from, std::string_view path, bool follow,
                                  int& links_left, Place* parent) {
  std::vector<InodePtr> way = {root_};
  if (from != root_ && !path.starts_with('/')) way.push_back(std::move(from));
  std::string_view rest = path;
  while (!rest.empty()) {
    std::size_t slash = std::min(rest.find('/'), rest.size());
    std::string_view name = rest.substr(0, slash);
    rest.remove_prefix(std::min(slash + 1, rest.size()));
    bool last = rest.find_first_not_of('/') == std::string_view::npos;
    if (name.empty() || name == ".") continue;
    InodePtr folder = way.back();
    if (folder->kind != port::FileKind::directory) return failure(ENOTDIR, path);
    if (name == "..") {
      if (way.size() > 1) way.pop_back();
      continue;
    }
    if (last && parent != nullptr) *parent = {folder, std::string(name)};
    auto found = folder->names.find(std::string(name));
    if (found == folder->names.end()) return failure(ENOENT, path);
    InodePtr inode = found->second;
    if (inode->kind == port::FileKind::symlink && (follow || !last)) {
      if (links_left-- == 0) return failure(ELOOP, path);
      KITH_TRY(inode, walk(folder, inode->target, true, links_left, nullptr));
    }
    way.push_back(std::move(inode));
  }
  return way.back();
}

Result<Disk::InodePtr> Disk::find(const std::string& path, bool follow) {
  int links_left = symlinks_max;
  return walk(root_, path, follow, links_left, nullptr);
}

Result<Disk::Place> Disk::place_of(const std::string& path) {
  int links_left = symlinks_max;
  Place place;
  auto found = walk(root_, path, false, links_left, &place);
  if (place.folder == nullptr) {
    return found ? failure(EINVAL, path) : Result<Place>(std::unexpected(found.error()));
  }
  return place;
}

void Disk::change_names(std::vector<NameChange> edits) {
  const heap::Scope nobody(0);
  for (const NameChange& edit : edits) {
    if (edit.after != nullptr) {
      edit.folder->names[edit.name] = edit.after;
    } else {
      edit.folder->names.erase(edit.name);
    }
    edit.folder->modified = wall_now();
  }
  unsynced_names_.push_back(std::move(edits));
}

void Disk::sync_names(const InodePtr& folder) {
  // A change that becomes durable takes along the older ones of the names that it touches.
  std::vector<NameChange> durable;
  std::vector<std::vector<NameChange>> left;
  for (auto& change : std::views::reverse(unsynced_names_)) {
    bool takes = std::ranges::any_of(change, [&](const NameChange& edit) {
      return edit.folder == folder || std::ranges::any_of(durable, [&](const NameChange& later) {
               return same_name(edit, later);
             });
    });
    if (takes) {
      durable.insert(durable.end(), change.begin(), change.end());
    } else {
      left.push_back(std::move(change));
    }
  }
  std::ranges::reverse(left);
  unsynced_names_ = std::move(left);
}

Result<Disk::InodePtr> Disk::make_way(const std::string& path, std::uint32_t mode) {
  std::string done = path.starts_with('/') ? "/" : "";
  std::string_view rest = path;
  InodePtr inode = root_;
  while (!rest.empty()) {
    std::size_t slash = std::min(rest.find('/'), rest.size());
    std::string name(rest.substr(0, slash));
    rest.remove_prefix(std::min(slash + 1, rest.size()));
    if (name.empty() || name == ".") continue;
    done += name;
    auto found = find(done, true);
    if (!found) {
      if (!found.error().is_errno(ENOENT)) return found;
      KITH_TRY(Place place, place_of(done));
      InodePtr made = make_inode(port::FileKind::directory, mode);
      change_names({NameChange{place.folder, place.name, nullptr, made}});
      found = made;
    }
    inode = *std::move(found);
    if (inode->kind != port::FileKind::directory) return failure(ENOTDIR, done);
    done += '/';
  }
  return inode;
}

void Disk::sync_way(const std::string& path) {
  for (std::string folder = path; folder != "/" && folder != ".";) {
    folder = port::parent_path(folder);
    if (auto found = find(folder, true)) sync_names(*found);
  }
}

Result<void> Disk::write(Inode& inode, std::uint64_t offset, ByteView bytes) {
  const heap::Scope nobody(0);
  if (bytes.empty()) return {};
  std::uint64_t size_before = inode.content.size();
  std::uint64_t size_after = std::max(size_before, offset + bytes.size());
  std::uint64_t growth = size_after - size_before;
  std::uint64_t free = free_bytes(growth);
  if (growth > free) {
    // As much as fits is written, as a real system does.
    std::uint64_t end = size_before + free;
    if (end > offset) {
      KITH_CHECK(write(inode, offset, bytes.first(static_cast<std::size_t>(end - offset))));
    }
    return std::unexpected(Error::from_errno(ENOSPC));
  }
  ContentChange change{offset, bytes.size(), size_before, size_after, {}};
  if (offset < size_before) {
    auto first = inode.content.begin() + static_cast<std::ptrdiff_t>(offset);
    std::uint64_t overwritten = std::min<std::uint64_t>(bytes.size(), size_before - offset);
    change.before.assign(first, first + static_cast<std::ptrdiff_t>(overwritten));
  }
  inode.content.resize(size_after);
  std::ranges::copy(bytes, inode.content.begin() + static_cast<std::ptrdiff_t>(offset));
  inode.unsynced.push_back(std::move(change));
  inode.modified = wall_now();
  ledger_->used_bytes += growth;
  return {};
}

void Disk::truncate(Inode& inode, std::uint64_t size) {
  const heap::Scope nobody(0);
  std::uint64_t size_before = inode.content.size();
  ContentChange change{size, 0, size_before, size, {}};
  if (size < size_before) {
    change.before.assign(inode.content.begin() + static_cast<std::ptrdiff_t>(size),
                         inode.content.end());
  }
  inode.content.resize(size);
  inode.unsynced.push_back(std::move(change));
  inode.modified = wall_now();
  ledger_->used_bytes += size - size_before;
}

void Disk::crash_content(Inode& inode, Prng& prng, double keep) {
  // Back to what was synced, remembering what each change had written, then forward with a part.
  std::vector<Bytes> written(inode.unsynced.size());
  for (std::size_t i = inode.unsynced.size(); i-- > 0;) {
    ContentChange& change = inode.unsynced[i];
    auto at = inode.content.begin() + static_cast<std::ptrdiff_t>(change.offset);
    if (change.size > 0) written[i].assign(at, at + static_cast<std::ptrdiff_t>(change.size));
    inode.content.resize(change.size_before);
    std::ranges::copy(change.before,
                      inode.content.begin() + static_cast<std::ptrdiff_t>(change.offset));
  }
  Bytes& content = inode.content;
  for (std::size_t i = 0; i < inode.unsynced.size(); ++i) {
    const ContentChange& change = inode.unsynced[i];
    if (change.size == 0) {
      if (prng.chance(keep)) content.resize(change.size_after);
      continue;
    }
    if (change.size_after > content.size() && prng.chance(keep / 4)) {
      content.resize(change.size_after);
    }
    std::uint64_t end = change.offset + change.size;
    for (std::uint64_t from = change.offset; from < end;) {
      std::uint64_t to = std::min(end, (from / sector_bytes + 1) * sector_bytes);
      if (prng.chance(keep)) {
        if (content.size() < to) content.resize(to);
        std::copy_n(written[i].begin() + static_cast<std::ptrdiff_t>(from - change.offset),
                    to - from, content.begin() + static_cast<std::ptrdiff_t>(from));
      }
      from = to;
    }
  }
  inode.unsynced.clear();
}

void Disk::crash_names(Prng& prng, double keep) {
  for (auto& change : std::views::reverse(unsynced_names_)) {
    for (NameChange& edit : std::views::reverse(change)) {
      if (edit.before != nullptr) {
        edit.folder->names[edit.name] = edit.before;
      } else {
        edit.folder->names.erase(edit.name);
      }
    }
  }
  for (auto& change : unsynced_names_) {
    bool possible = std::ranges::none_of(change, [](const NameChange& edit) {
      return edit.after == nullptr && edit.before->kind == port::FileKind::directory &&
             !edit.before->names.empty();
    });
    if (!prng.chance(keep) || (!possible && change.size() == 1)) continue;
    for (NameChange& edit : change) {
      if (edit.after != nullptr) {
        edit.folder->names[edit.name] = edit.after;
      } else {
        edit.folder->names.erase(edit.name);
      }
    }
  }
  unsynced_names_.clear();
}

void Disk::crash(Prng& prng) {
  ++generation_;
  faults_.power_returns();
  // Sometimes all of it is lost or kept, mostly something between.
  constexpr double keeps[] = {0, 0.1, 0.5, 0.9, 1};
  double keep_content = keeps[prng.below(std::size(keeps))];
  double keep_names = keeps[prng.below(std::size(keeps))];
  for (auto& [number, inode] : ledger_->inodes) {
    std::uint64_t size_before = inode->content.size();
    crash_content(*inode, prng, keep_content);
    ledger_->used_bytes += inode->content.size() - size_before;
    if (inode->store == nullptr) continue;
    size_before = inode->store->size_bytes;
    inode->store->crash(prng);
    ledger_->used_bytes += inode->store->size_bytes - size_before;
  }
  crash_names(prng, keep_names);
}

Result<void> Disk::damage(const std::string& path, std::uint64_t offset, ByteView bytes) {
  KITH_TRY(InodePtr inode, find(path, true));
  if (inode->kind != port::FileKind::regular) return failure(EISDIR, path);
  if (offset > inode->content.size() || bytes.size() > inode->content.size() - offset) {
    return failure(EINVAL, path);
  }
  std::ranges::copy(bytes, inode->content.begin() + static_cast<std::ptrdiff_t>(offset));
  return {};
}

}  // namespace kith::sim
