// Strategy: the first byte is a size of pieces, the rest a tar from anybody, read and unpacked into
// a folder of a simulated disk, in which links lead out of it. Invariants: in pieces it reads the
// same as in one; an entry that ends has as much content as its head says; nothing outside of the
// folder appears or changes.
#include <algorithm>
#include <fuzz/kinds.hpp>

#include <kith/api/detail/tar_extractor.hpp>
#include <kith/base/assert.hpp>
#include <kith/sim/disk.hpp>
#include <kith/sim/random.hpp>

namespace kith::fuzz {

Kinds kinds_tar{"file", "folder", "symlink", "time", "content", "end", "climbs", "long name"};

void fuzz_tar(ByteView input);

namespace {

/// Remembers what it is told.
class Record final : public api::TarReader::Sink {
 public:
  Result<void> begin(const api::TarEntry& entry) override {
    kinds_tar.reached_if(entry.kind == port::FileKind::regular, "file");
    kinds_tar.reached_if(entry.kind == port::FileKind::directory, "folder");
    kinds_tar.reached_if(entry.kind == port::FileKind::symlink, "symlink");
    kinds_tar.reached_if(entry.modified.has_value(), "time");
    kinds_tar.reached_if(entry.size_bytes > 0, "content");
    kinds_tar.reached_if(entry.path.find("..") != std::string::npos, "climbs");
    kinds_tar.reached_if(entry.path.size() > 256, "long name");
    told += entry.path + '\0' + entry.target + '\0';
    left = entry.kind == port::FileKind::regular ? entry.size_bytes : 0;
    return {};
  }
  Result<void> content(ByteView bytes) override {
    ASSERT(bytes.size() <= left);
    left -= bytes.size();
    told += as_text(bytes);
    return {};
  }
  Result<void> end() override {
    ASSERT(left == 0);
    told += "end";
    return {};
  }

  std::string told;
  std::uint64_t left = 0;
};

/// Whether all of it was read, and the end is there.
bool read(api::TarReader::Sink& sink, ByteView input, std::size_t piece) {
  api::TarReader reader(sink);
  while (!input.empty()) {
    ByteView some = input.first(std::min(piece, input.size()));
    if (!reader.feed(some)) return false;
    input = input.subspan(some.size());
  }
  kinds_tar.reached_if(reader.ended(), "end");
  return reader.ended();
}

void unpack(ByteView input) {
  sim::Disk disk(Prng(1), {.directories = {"/data/out", "/data/other"}});
  sim::SimFileSystem files(disk);
  sim::SeededRandom random(Prng(2));
  ASSERT(port::replace_file(files, "/data/secret", as_bytes("kept"), 0600));
  ASSERT(files.make_symlink("/data/other", "/data/out/folder"));
  ASSERT(files.make_symlink("/data/secret", "/data/out/file"));
  const std::uint32_t mode = files.info("/data/other")->mode;
  {
    api::TarExtractor extractor(files, random, "/data/out");
    if (read(extractor, input, SIZE_MAX)) static_cast<void>(extractor.finish());
  }
  ASSERT(files.list("/data")->size() == 3);
  ASSERT(files.list("/data/other")->empty());
  ASSERT(files.info("/data/other")->mode == mode);
  ASSERT(files.info("/data/secret")->mode == 0600);
  ASSERT(equal(*port::read_file(files, "/data/secret", 100), as_bytes("kept")));
}

}  // namespace

void fuzz_tar(ByteView input) {
  if (input.empty()) return;
  const std::size_t piece = std::size_t{input[0]} + 1;
  const ByteView sent = input.subspan(1);
  Record whole;
  Record pieces;
  ASSERT(read(whole, sent, SIZE_MAX) == read(pieces, sent, piece));
  ASSERT(whole.told == pieces.told);
  unpack(sent);
}

}  // namespace kith::fuzz
