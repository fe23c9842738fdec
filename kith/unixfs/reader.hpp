// FileReader: a file's bytes, or a range of them, in order, out of a BlockSource.
//
// It keeps a list of the parts that are still to be read, opens each when its turn comes, and tells
// the source which leaves come next, up to read_ahead_blocks and read_ahead_bytes, so that a
// fetching source has many under way. Nodes that stand between leaves are opened early if the
// source has them, so that the list doesn't run dry at their borders. Parts outside of the range
// and parts of size zero are never asked for.
//
// A hostile tree can't make it give other bytes than its blocks claim: each block's size is
// compared with its parent's claim before anything is given out; depth and list are bounded
// (limits.hpp). Loop thread. Errors: UnixfsError, those of the source.
#pragma once

#include <cstdint>
#include <deque>

#include <kith/ipld/block.hpp>
#include <kith/unixfs/limits.hpp>
#include <kith/unixfs/node.hpp>

namespace kith::unixfs {

/// Bytes of a file; what lies behind its end is left out.
struct FileRange {
  std::uint64_t offset = 0;
  std::uint64_t length = UINT64_MAX;
};

class FileReader {
 public:
  /// Reads the root. The source outlives the reader. not_a_file for anything else. `pending_max`:
  /// parts that it may know of and not have read, for who reads for many strangers at a time.
  static Task<FileReader> open(ipld::BlockSource& source, multiformats::Cid root,
                               FileRange range = {}, std::size_t pending_max = file_pending_max);

  /// The next bytes of the range, as large as the blocks give them; empty at the end. They share
  /// the block's memory. After an error the same error's cause may be tried again: nothing is
  /// skipped.
  Task<Buffer> next();

  /// Tells the source what next() will ask for first. It does so itself; this is for whoever opens
  /// a reader long before reading.
  void prefetch() { request_ahead(); }

  /// The whole file's bytes, as its root claims.
  std::uint64_t size() const noexcept { return size_; }
  const Metadata& metadata() const noexcept { return metadata_; }
  /// Where in the file next() goes on.
  std::uint64_t position() const noexcept { return position_; }
  /// How many bytes next() will still give.
  std::uint64_t remaining() const noexcept { return end_ - position_; }

 private:
  struct Part {
    multiformats::Cid cid;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    std::size_t depth = 0;
    bool requested = false;
  };

  FileReader(ipld::BlockSource& source, std::uint64_t size, Metadata metadata) noexcept
      : source_(&source), size_(size), metadata_(metadata) {}

  Result<Buffer> open_part(std::size_t index, const Node& node, const Buffer& block);
  Task<void> look_ahead();
  void request_ahead();
  std::size_t find_early_node() const noexcept;

  ipld::BlockSource* source_;
  std::uint64_t size_ = 0;
  std::uint64_t position_ = 0;
  std::uint64_t end_ = 0;
  Metadata metadata_;
  Buffer ready_;
  std::size_t pending_max_ = file_pending_max;
  std::deque<Part> pending_;
};

/// A whole file in memory; Errc::limit_exceeded if it is larger than `size_max`.
Task<Bytes> read_whole_file(ipld::BlockSource& source, multiformats::Cid root,
                            std::size_t size_max);

}  // namespace kith::unixfs
