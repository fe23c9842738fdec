// InputTree: files and folders that come with a command, one after the other, each folder before
// what is in it: from the parts of a multipart upload, or from the file system of the program that
// was started. Loop thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <kith/base/buffer.hpp>
#include <kith/base/time.hpp>
#include <kith/port/file_system.hpp>
#include <kith/port/task.hpp>

namespace kith::api {

struct InputEntry {
  std::string path;  ///< relative, '/' between names; empty for standard input or a nameless upload
  port::FileKind kind = port::FileKind::regular;
  std::string target;         ///< of a symlink
  std::string absolute_path;  ///< on this machine, if known: for --nocopy
  std::optional<std::uint32_t> mode;
  std::optional<WallTime> modified;
  std::optional<std::uint64_t> size_bytes;
};

class InputTree {
 public:
  virtual ~InputTree() = default;
  /// The next entry, or nothing at the end; what is unread of the one before is skipped.
  virtual Task<std::optional<InputEntry>> next() = 0;
  /// More of the present regular file: at most `size_max` bytes, empty at its end.
  virtual Task<Buffer> read(std::size_t size_max) = 0;
};

}  // namespace kith::api
