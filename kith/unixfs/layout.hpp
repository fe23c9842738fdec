// FileTree: arranges a file's leaves, which come in order, into a tree of dag-pb nodes.
//
//   balanced   a node takes file_width children; when all of a level are full it grows a level
//   above.
//              Every leaf has the same depth, so a level's last node may have a single child.
//   trickle    a node takes file_width leaves, then four subtrees of depth 1, four of depth 2, ...;
//              the root goes on without end
//
// It holds the open nodes only: less than depth * file_width children. Pure; one thread at a time.
// Errors: those of BlockMaker, UnixfsError::too_deep.
#pragma once

#include <cstdint>
#include <vector>

#include <kith/ipld/block.hpp>
#include <kith/unixfs/node.hpp>
#include <kith/unixfs/options.hpp>

namespace kith::unixfs {

/// A part of a file that is a block already.
struct FilePart {
  multiformats::Cid cid;
  std::uint64_t size = 0;             ///< bytes of the file
  std::uint64_t cumulative_size = 0;  ///< bytes of all blocks
};

/// A leaf's block out of a chunk: raw, or wrapped as the options say. `root_metadata` is for a leaf
/// that is a whole file: with metadata it is wrapped in any case, as a raw block can't carry it.
Result<ipld::Block> make_leaf(const ImportOptions& options, const BlockMaker& maker, Buffer chunk,
                              const Metadata& root_metadata = {});

class FileTree {
 public:
  /// Both outlive this. `options` passed check().
  FileTree(const ImportOptions& options, const BlockMaker& maker) noexcept
      : options_(options), maker_(maker) {}

  /// Takes the next leaf; nodes that it completes are appended to `out`.
  Result<void> add(FilePart leaf, std::vector<ipld::Block>& out);

  /// Ends the tree: the root, which carries `metadata` unless it is a leaf. At least one leaf was
  /// added, except in a trickle tree, where an empty file is a node without children.
  Result<FilePart> finish(const Metadata& metadata, std::vector<ipld::Block>& out);

 private:
  struct Open {
    std::vector<FilePart> children;
    // Of a trickle tree: how deep this subtree may get (0: without end), the depth of the subtrees
    // it is at, and how many of those it has.
    std::size_t depth_max = 0;
    std::size_t depth = 1;
    std::size_t repeats = 0;
  };

  Result<void> add_balanced(FilePart part, std::size_t level, std::vector<ipld::Block>& out);
  Result<void> add_trickle(FilePart leaf, std::vector<ipld::Block>& out);
  Result<FilePart> close(std::vector<FilePart> children, const Metadata& metadata,
                         std::vector<ipld::Block>& out);

  const ImportOptions& options_;
  const BlockMaker& maker_;
  /// Balanced: by level, leaves' parents first. Trickle: from the root down.
  std::vector<Open> open_;
};

}  // namespace kith::unixfs
