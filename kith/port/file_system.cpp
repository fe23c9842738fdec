#include <kith/port/file_system.hpp>

namespace kith::port {

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
  std::string temporary = path + ".new";
  auto stale = files.remove(temporary);
  if (!stale && !stale.error().is_errno(ENOENT)) return stale;
  {
    KITH_TRY(std::unique_ptr<File> file, files.open(temporary, OpenMode::create_new, mode));
    KITH_CHECK(file->write_at(0, content));
    KITH_CHECK(file->sync());
  }
  KITH_CHECK(files.rename(temporary, path));
  return files.sync_directory(parent_path(path));
}

std::string parent_path(const std::string& path) {
  std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace kith::port
