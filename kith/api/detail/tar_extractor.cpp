#include <fmt/format.h>

#include <kith/api/detail/tar_extractor.hpp>

namespace kith::api {

Result<std::string> TarExtractor::place(const std::string& path, port::FileKind kind) {
  std::string trimmed = path;
  while (trimmed.ends_with('/'))
    trimmed.pop_back();
  std::size_t slash = trimmed.find('/');
  std::string first = trimmed.substr(0, slash);
  if (!root_) {
    root_ = first;
    auto there = files_.info_followed(destination_);
    // As cp does.
    if (kind != port::FileKind::directory && there && there->kind == port::FileKind::directory) {
      destination_ += "/" + first;
    }
  }
  bool inside = first == *root_ && !trimmed.empty() && trimmed[0] != '/';
  std::string relative = slash == std::string::npos ? "" : trimmed.substr(slash + 1);
  std::string walked;
  std::string rest = relative;
  while (inside && !rest.empty()) {
    std::size_t end = std::min(rest.find('/'), rest.size());
    std::string step = rest.substr(0, end);
    if (step.empty() || step == "." || step == ".." || symlinks_.contains(walked)) inside = false;
    walked += "/" + step;
    rest.erase(0, end + 1);
  }
  if (!inside || (!relative.empty() && symlinks_.contains(""))) {
    return std::unexpected(Error(
        Errc::refused, fmt::format("\"{}\" would be written outside of {}", path, destination_)));
  }
  if (relative.empty()) return destination_;
  return destination_ + "/" + relative;
}

/// Only what the user named may be a device: a tree from anybody must not write to one.
Result<OutputFile> TarExtractor::open(const TarEntry& entry) {
  constexpr std::uint32_t mode = 0644;
  bool named = entry.path == *root_;
  if (named) return OutputFile::open(files_, random_, path_, mode);
  auto there = files_.info(path_);
  if (there && there->kind == port::FileKind::other) {
    return std::unexpected(Error(
        Errc::refused, fmt::format("{} is neither a file nor a folder: it is left alone", path_)));
  }
  return OutputFile::create(files_, random_, path_, mode);
}

Result<void> TarExtractor::begin(const TarEntry& entry) {
  entry_ = entry;
  file_.reset();
  if (discards_) return {};
  KITH_TRY(path_, place(entry.path, entry.kind));
  auto there = files_.info(path_);
  if (entry.kind == port::FileKind::directory) {
    if (there && there->kind == port::FileKind::symlink) KITH_CHECK(files_.remove(path_));
    return files_.make_directories(path_);
  }
  if (entry.kind == port::FileKind::symlink) {
    if (there) KITH_CHECK(files_.remove(path_));
    symlinks_.insert(path_.substr(destination_.size()));
    return files_.make_symlink(entry.target, path_);
  }
  KITH_TRY(OutputFile file, open(entry));
  file_.emplace(std::move(file));
  return {};
}

Result<void> TarExtractor::content(ByteView bytes) {
  return discards_ ? Result<void>{} : file_->write(bytes);
}

Result<void> TarExtractor::end() {
  if (discards_) return {};
  if (file_) {
    KITH_CHECK(file_->finish());
    if (!file_->is_new()) return {};
  }
  if (entry_.kind != port::FileKind::symlink && entry_.mode != 0) {
    KITH_CHECK(files_.set_mode(path_, entry_.mode));
  }
  // A folder's time changes again with what is put into it, so only files keep theirs.
  if (entry_.modified && entry_.kind != port::FileKind::directory) {
    KITH_CHECK(files_.set_modified(path_, *entry_.modified));
  }
  return {};
}

}  // namespace kith::api
