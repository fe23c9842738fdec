#include <fmt/format.h>

#include <kith/api/detail/tar_extractor.hpp>

namespace kith::api {

TarExtractor::~TarExtractor() {
  if (!file_) return;
  file_.reset();
  static_cast<void>(files_.remove(part_path_));
}

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

Result<void> TarExtractor::begin(const TarEntry& entry) {
  entry_ = entry;
  offset_ = 0;
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
  part_path_ = port::parent_path(path_) + "/" + std::string(part_name);
  // One that a killed program left, or that somebody laid there to lead us elsewhere.
  static_cast<void>(files_.remove(part_path_));
  KITH_TRY(file_, files_.open(part_path_, port::OpenMode::create_new, 0644));
  return {};
}

Result<void> TarExtractor::content(ByteView bytes) {
  KITH_CHECK(file_->write_at(offset_, bytes));
  offset_ += bytes.size();
  return {};
}

Result<void> TarExtractor::end() {
  if (file_) {
    file_.reset();
    auto named = files_.rename(part_path_, path_);
    if (!named) {
      static_cast<void>(files_.remove(part_path_));
      return named;
    }
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
