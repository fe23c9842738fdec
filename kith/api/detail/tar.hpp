// tar (POSIX ustar with pax headers for what doesn't fit it), as `get` streams it: a writer of
// heads, and a reader that cuts it into entries (tar_extractor.hpp unpacks them).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/port/file_system.hpp>

namespace kith::api {

inline constexpr std::size_t tar_block_bytes = 512;

struct TarEntry {
  std::string path;
  port::FileKind kind = port::FileKind::regular;
  std::uint64_t size_bytes = 0;
  std::uint32_t mode = 0644;
  std::optional<WallTime> modified;
  std::string target;  ///< of a symlink
};

/// The head of an entry; its content follows, and then tar_padding(size).
Bytes tar_head(const TarEntry& entry);
/// Zeros up to the next block.
Bytes tar_padding(std::uint64_t size_bytes);
/// The two empty blocks at the end.
Bytes tar_end();

/// Cuts a flow of bytes into entries and their content.
class TarReader {
 public:
  class Sink {
   public:
    virtual ~Sink() = default;
    virtual Result<void> begin(const TarEntry& entry) = 0;
    virtual Result<void> content(ByteView bytes) = 0;
    virtual Result<void> end() = 0;
  };
  explicit TarReader(Sink& sink) : sink_(sink) {}

  /// Errc::corrupt for what is no tar, Errc::limit_exceeded for a pax header that is too long; the
  /// sink's errors.
  Result<void> feed(ByteView bytes);
  /// True once the end was read.
  bool ended() const noexcept { return ended_; }

 private:
  Result<void> head_complete();
  Result<void> entry_complete();

  Sink& sink_;
  Bytes head_;
  Bytes pax_;
  bool in_pax_ = false;
  bool in_entry_ = false;
  bool ended_ = false;
  std::optional<std::string> pax_path_;
  std::optional<std::string> pax_target_;
  std::optional<std::uint64_t> pax_size_;
  std::optional<WallTime> pax_modified_;
  std::uint64_t content_left_ = 0;
  std::uint64_t padding_left_ = 0;
};

}  // namespace kith::api
