#include <algorithm>
#include <cerrno>

#include <kith/port/file_system.hpp>

namespace kith::port {
namespace {

/// Names that replace_file tries. More than a few are taken only if crashes left them there.
constexpr int part_names_max = 100;

struct Part {
  std::unique_ptr<File> file;
  std::string path;
};

/// A new file beside `path`, by a name that is ours alone: another process may be replacing the
/// same file, and then both would write into one.
Result<Part> make_part(FileSystem& files, const std::string& path, std::uint32_t mode) {
  Part part{nullptr, path + ".new"};
  for (int number = 2;; ++number) {
    auto file = files.open(part.path, OpenMode::create_new, mode);
    if (file) {
      part.file = *std::move(file);
      return part;
    }
    if (!file.error().is_errno(EEXIST)) return std::unexpected(file.error());
    if (number > part_names_max) {
      return std::unexpected(
          Error(file.error()).with_context("remove what crashes left beside " + path));
    }
    part.path = path + ".new" + std::to_string(number);
  }
}

}  // namespace

Result<Bytes> read_file(FileSystem& files, const std::string& path, std::size_t size_max) {
  KITH_TRY(std::unique_ptr<File> file, files.open(path, OpenMode::read));
  KITH_TRY(std::uint64_t size, file->size());
  if (size > size_max) return std::unexpected(Error(Errc::limit_exceeded, path + " is too large"));
  Bytes content(size);
  if (size == 0) return content;
  KITH_TRY(std::size_t got, file->read_at(0, content));
  content.resize(got);
  return content;
}

Result<void> replace_file(FileSystem& files, const std::string& path, ByteView content,
                          std::uint32_t mode) {
  KITH_TRY(Part part, make_part(files, path, mode));
  auto written = part.file->write_at(0, content);
  if (written) written = part.file->sync();
  part.file.reset();
  if (written) written = files.rename(part.path, path);
  if (!written) {
    static_cast<void>(files.remove(part.path));
    return written;
  }
  return files.sync_directory(parent_path(path));
}

bool is_unsyncable(const Error& error) noexcept {
  constexpr int numbers[] = {EINVAL, EROFS, EACCES, ENOTSUP, ENOSYS};
  return std::ranges::any_of(numbers, [&error](int number) { return error.is_errno(number); });
}

Result<void> sync_way(FileSystem& files, const std::string& path) {
  for (std::string folder = path; folder != "/" && folder != ".";) {
    folder = parent_path(folder);
    auto synced = files.sync_directory(folder);
    if (!synced && !is_unsyncable(synced.error())) return synced;
  }
  return {};
}

std::string parent_path(const std::string& path) {
  std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace kith::port
