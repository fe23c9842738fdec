// OutputFile: a file that `get` writes. What comes in pieces has its name only once it is whole:
// until then it is a new file beside it, by a name that nobody else has, and is removed if nothing
// comes of it. Several programs may so write the same file at once, and the last one to finish
// wins. What is replaced is replaced whole, also by a power failure; a file of a new name is left
// to the system to write out, as by any copy, since its blocks are kept durably. A device or a pipe
// that is there is written to as it is.
//
// A program that is killed can't remove its new file. Whoever writes one holds a lock on it, which
// ends with the program, so that the next one knows whose it may remove.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <kith/api/detail/descriptor.hpp>
#include <kith/port/file_system.hpp>
#include <kith/port/random.hpp>

namespace kith::api {

class OutputFile {
 public:
  /// A new file, which will replace what is at `path`.
  static Result<OutputFile> create(port::FileSystem& files, port::CryptoRandom& random,
                                   std::string path);
  /// What the user named: the same, or the device or pipe that is there, or that a link there leads
  /// to.
  static Result<OutputFile> open(port::FileSystem& files, port::CryptoRandom& random,
                                 std::string path);
  /// Removes from a folder what programs that were killed left there.
  static void remove_leftovers(port::FileSystem& files, const std::string& folder);

  OutputFile(OutputFile&&) noexcept = default;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  /// False for devices and pipes, whose mode and times aren't ours to change.
  bool is_new() const noexcept { return !device_; }
  Result<void> write(ByteView bytes);
  /// All is written: it gets its name.
  Result<void> finish();

 private:
  OutputFile(port::FileSystem& files, std::string path) : files_(&files), path_(std::move(path)) {}

  port::FileSystem* files_;
  std::string path_;
  std::string part_path_;
  std::unique_ptr<port::FileLock> lock_;  ///< none where the file system has no locks
  std::unique_ptr<port::File> file_;
  std::uint64_t offset_ = 0;
  std::optional<io::Descriptor> device_;
};

}  // namespace kith::api
