// What `get` does with a tree that comes as tar: unpacks it into a folder without ever leaving it.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include <kith/api/detail/tar.hpp>

namespace kith::api {

/// Unpacks below `destination`: the tree's root becomes it, or, if the root is a file and there is
/// a folder already, is put into that. What is there is replaced file by file, each when it is
/// complete: until then a file is called part_name. Names that would lead out of it (absolute,
/// "..", through a symlink that was unpacked) are Errc::refused.
class TarExtractor final : public TarReader::Sink {
 public:
  TarExtractor(port::FileSystem& files, std::string destination)
      : files_(files), destination_(std::move(destination)) {}

  static constexpr std::string_view part_name = ".kith-part";

  ~TarExtractor() override;

  Result<void> begin(const TarEntry& entry) override;
  Result<void> content(ByteView bytes) override;
  Result<void> end() override;

 private:
  Result<std::string> place(const std::string& path, port::FileKind kind);

  port::FileSystem& files_;
  std::string destination_;
  std::optional<std::string> root_;
  std::set<std::string> symlinks_;
  std::unique_ptr<port::File> file_;
  std::uint64_t offset_ = 0;
  TarEntry entry_;
  std::string path_;
  std::string part_path_;
};

}  // namespace kith::api
