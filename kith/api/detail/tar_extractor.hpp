// What `get` does with a tree that comes as tar: unpacks it into a folder without ever leaving it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <kith/api/detail/output_file.hpp>
#include <kith/api/detail/tar.hpp>

namespace kith::api {

/// Unpacks below `destination`: the tree's root becomes it, or, if the root is a file and there is
/// a folder already, is put into that. What is there is replaced file by file, each when it is
/// complete (output_file.hpp); what a `get` that was killed left beside these is removed. A
/// destination that is a device or a pipe is written to; /dev/null takes folders too, as Kubo lets
/// it. A folder gets its mode and time when all that is in it is there, for these would forbid it,
/// or change with it.
///
/// The tree may come from anybody: names that would lead out of the destination (absolute, "..",
/// through a symlink, whether that was unpacked or there before) are Errc::refused, as is a folder
/// in a symlink's place. Of modes only permissions count.
class TarExtractor final : public TarReader::Sink {
 public:
  TarExtractor(port::FileSystem& files, port::CryptoRandom& random, std::string destination)
      : files_(files),
        random_(random),
        destination_(std::move(destination)),
        discards_(destination_ == "/dev/null") {}

  Result<void> begin(const TarEntry& entry) override;
  Result<void> content(ByteView bytes) override;
  Result<void> end() override;
  /// After the last entry.
  Result<void> finish() { return leave_folders(""); }

 private:
  struct Folder {
    std::string path;
    std::uint32_t mode = 0;  ///< 0: nobody said
    std::optional<WallTime> modified;
  };

  Error leads_outside(const std::string& path) const;
  Result<void> place_root(const std::string& name, port::FileKind kind);
  Result<std::string> place(const TarEntry& entry);
  Result<OutputFile> open();
  Result<void> begin_folder();
  /// Completes the folders that `path` isn't in.
  Result<void> leave_folders(std::string_view path);

  port::FileSystem& files_;
  port::CryptoRandom& random_;
  std::string destination_;
  bool discards_;
  std::optional<std::string> root_;
  bool root_begun_ = false;
  /// Each in the one before.
  std::vector<Folder> folders_;
  std::optional<OutputFile> file_;
  TarEntry entry_;
  std::string path_;
};

}  // namespace kith::api
