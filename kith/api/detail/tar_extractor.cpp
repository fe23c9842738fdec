#include <fmt/format.h>

#include <kith/api/detail/tar_extractor.hpp>

namespace kith::api {
namespace {

/// Others' set-user-id, set-group-id and sticky bits mean nothing good here.
constexpr std::uint32_t modes_kept = 0777;
/// What its owner needs in a folder while it is being filled.
constexpr std::uint32_t filling_mode = 0700;

/// Whether `path` is somewhere below `folder`.
bool is_below(std::string_view path, std::string_view folder) {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

}  // namespace

Error TarExtractor::leads_outside(const std::string& path) const {
  return Error(Errc::refused,
               fmt::format("\"{}\" would be written outside of {}", path, destination_));
}

/// The first entry's name is the tree's: it decides where the tree goes.
Result<void> TarExtractor::place_root(const std::string& name, port::FileKind kind) {
  if (name.empty() || name == "." || name == "..") return std::unexpected(leads_outside(name));
  root_ = name;
  auto there = files_.info_followed(destination_);
  // As cp does.
  if (kind != port::FileKind::directory && there && there->kind == port::FileKind::directory) {
    destination_ += "/" + name;
  }
  OutputFile::remove_leftovers(files_, port::parent_path(destination_));
  return {};
}

/// Every folder on the way has to be one: a link could lead outside of the destination.
Result<std::string> TarExtractor::place(const TarEntry& entry) {
  std::string_view rest = entry.path;
  while (rest.ends_with('/'))
    rest.remove_suffix(1);
  std::string first(rest.substr(0, rest.find('/')));
  if (!root_) KITH_CHECK(place_root(first, entry.kind));
  if (first != *root_) return std::unexpected(leads_outside(entry.path));
  rest.remove_prefix(first.size());
  std::string path = destination_;
  while (!rest.empty()) {
    auto way = files_.info(path);
    if (way && way->kind == port::FileKind::symlink) {
      return std::unexpected(leads_outside(entry.path));
    }
    rest.remove_prefix(1);
    std::string_view step = rest.substr(0, rest.find('/'));
    if (step.empty() || step == "." || step == "..") {
      return std::unexpected(leads_outside(entry.path));
    }
    path += "/";
    path += step;
    rest.remove_prefix(step.size());
  }
  return path;
}

/// Only what the user named may be a device: a tree from anybody must not write to one.
Result<OutputFile> TarExtractor::open() {
  if (path_ == destination_) return OutputFile::open(files_, random_, path_);
  auto there = files_.info(path_);
  if (there && there->kind == port::FileKind::other) {
    return std::unexpected(Error(
        Errc::refused, fmt::format("{} is neither a file nor a folder: it is left alone", path_)));
  }
  return OutputFile::create(files_, random_, path_);
}

Result<void> TarExtractor::begin_folder() {
  auto there = files_.info(path_);
  if (there && there->kind == port::FileKind::symlink) {
    return std::unexpected(
        Error(Errc::refused, fmt::format("cannot extract to symlink {}: remove it, or name the "
                                         "folder that it leads to",
                                         path_)));
  }
  folders_.push_back({path_, entry_.mode & modes_kept, entry_.modified});
  std::uint32_t mode = folders_.back().mode == 0 ? 0755 : folders_.back().mode;
  if (!there) {
    KITH_CHECK(files_.make_directories(port::parent_path(path_)));
    return files_.make_directories(path_, mode | filling_mode);
  }
  KITH_CHECK(files_.make_directories(path_));
  // From an earlier `get`, it may be. If it isn't ours, writing to it tells.
  if ((there->mode & filling_mode) != filling_mode)
    static_cast<void>(files_.set_mode(path_, there->mode | filling_mode));
  OutputFile::remove_leftovers(files_, path_);
  return {};
}

Result<void> TarExtractor::begin(const TarEntry& entry) {
  entry_ = entry;
  file_.reset();
  if (discards_) return {};
  KITH_TRY(path_, place(entry));
  // What the user named may be a device, or lead to one; what an entry has put there may not.
  if (path_ == destination_ && std::exchange(root_begun_, true)) {
    return std::unexpected(Error(Errc::corrupt, fmt::format("\"{}\" comes twice", entry.path)));
  }
  KITH_CHECK(leave_folders(path_));
  switch (entry.kind) {
    case port::FileKind::directory:
      return begin_folder();
    case port::FileKind::symlink:
      if (files_.info(path_)) KITH_CHECK(files_.remove(path_));
      return files_.make_symlink(entry.target, path_);
    default: {
      KITH_TRY(OutputFile file, open());
      file_.emplace(std::move(file));
      return {};
    }
  }
}

Result<void> TarExtractor::content(ByteView bytes) {
  return discards_ ? Result<void>{} : file_->write(bytes);
}

Result<void> TarExtractor::end() {
  if (discards_ || entry_.kind == port::FileKind::directory) return {};
  if (file_) KITH_CHECK(file_->finish());
  if (file_ && !file_->is_new()) return {};
  std::uint32_t mode = entry_.mode & modes_kept;
  if (file_ && mode != 0) KITH_CHECK(files_.set_mode(path_, mode));
  return entry_.modified ? files_.set_modified(path_, *entry_.modified) : Result<void>{};
}

Result<void> TarExtractor::leave_folders(std::string_view path) {
  while (!folders_.empty() && !is_below(path, folders_.back().path)) {
    Folder folder = std::move(folders_.back());
    folders_.pop_back();
    if (folder.mode != 0) KITH_CHECK(files_.set_mode(folder.path, folder.mode));
    if (folder.modified) KITH_CHECK(files_.set_modified(folder.path, *folder.modified));
  }
  return {};
}

}  // namespace kith::api
