// What `get` does with a tree that comes as tar: unpacks it into a folder without ever leaving it.
#pragma once

#include <optional>
#include <set>
#include <string>

#include <kith/api/detail/output_file.hpp>
#include <kith/api/detail/tar.hpp>

namespace kith::api {

/// Unpacks below `destination`: the tree's root becomes it, or, if the root is a file and there is
/// a folder already, is put into that. What is there is replaced file by file, each when it is
/// complete (output_file.hpp). A destination that is a device or a pipe is written to; /dev/null
/// takes folders too, as Kubo lets it.
///
/// The tree may come from anybody: names that would lead out of the destination (absolute, "..",
/// through a symlink that was unpacked) are Errc::refused.
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

 private:
  Result<std::string> place(const std::string& path, port::FileKind kind);
  Result<OutputFile> open(const TarEntry& entry);

  port::FileSystem& files_;
  port::CryptoRandom& random_;
  std::string destination_;
  bool discards_;
  std::optional<std::string> root_;
  std::set<std::string> symlinks_;
  std::optional<OutputFile> file_;
  TarEntry entry_;
  std::string path_;
};

}  // namespace kith::api
