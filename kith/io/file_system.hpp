// The machine's files. Stateless: any number of threads may use one object. Locks are open file
// description locks (fcntl), which exclude other processes' POSIX record locks (Kubo's are of that
// kind) as well as other objects of this process.
#pragma once

#include <kith/port/file_system.hpp>

namespace kith::io {

class PosixFileSystem final : public port::FileSystem {
 public:
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
};

}  // namespace kith::io
