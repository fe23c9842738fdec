#include <utility>

#include <kith/base/assert.hpp>
#include <kith/unixfs/layout.hpp>
#include <kith/unixfs/limits.hpp>

namespace kith::unixfs {
namespace {

using multiformats::Codec;

/// Subtrees of each depth in a trickle tree.
constexpr std::size_t trickle_repeats = 4;

}  // namespace

Result<ipld::Block> make_leaf(const ImportOptions& options, const BlockMaker& maker, Buffer chunk,
                              const Metadata& root_metadata) {
  if (options.raw_leaves && root_metadata.empty()) return maker.make(Codec::raw, std::move(chunk));
  NodeData data;
  data.type = options.layout == Layout::trickle ? NodeType::raw : NodeType::file;
  if (!chunk.empty()) data.data = chunk.view();
  data.file_size = chunk.size();
  data.metadata = root_metadata;
  Bytes message = encode_data(data);
  return maker.make(Codec::dag_pb, Buffer::adopt(ipld::encode_dag_pb({{}, message})));
}

Result<void> FileTree::add(FilePart leaf, std::vector<ipld::Block>& out) {
  if (options_.layout == Layout::trickle) return add_trickle(std::move(leaf), out);
  return add_balanced(std::move(leaf), 0, out);
}

Result<void> FileTree::add_balanced(FilePart part, std::size_t level,
                                    std::vector<ipld::Block>& out) {
  while (true) {
    if (level >= file_depth_max) return std::unexpected(UnixfsError::too_deep);
    if (level == open_.size()) open_.emplace_back();
    std::vector<FilePart>& children = open_[level].children;
    if (children.size() < options_.file_width) {
      children.push_back(std::move(part));
      return {};
    }
    std::vector<FilePart> full = std::exchange(children, {});
    children.push_back(std::move(part));
    KITH_TRY(part, close(std::move(full), {}, out));
    ++level;
  }
}

Result<void> FileTree::add_trickle(FilePart leaf, std::vector<ipld::Block>& out) {
  if (open_.empty()) open_.emplace_back();
  while (true) {
    Open& last = open_.back();
    if (last.children.size() < options_.file_width) {
      last.children.push_back(std::move(leaf));
      return {};
    }
    if (last.depth_max == 0 || last.depth < last.depth_max) {
      if (open_.size() >= file_depth_max) return std::unexpected(UnixfsError::too_deep);
      Open subtree;
      subtree.depth_max = last.depth;
      if (++last.repeats == trickle_repeats) {
        last.repeats = 0;
        ++last.depth;
      }
      open_.push_back(std::move(subtree));
      continue;
    }
    std::vector<FilePart> full = std::move(last.children);
    open_.pop_back();
    KITH_TRY(FilePart part, close(std::move(full), {}, out));
    open_.back().children.push_back(std::move(part));
  }
}

Result<FilePart> FileTree::finish(const Metadata& metadata, std::vector<ipld::Block>& out) {
  if (options_.layout == Layout::trickle) {
    if (open_.empty()) open_.emplace_back();
    while (open_.size() > 1) {
      std::vector<FilePart> children = std::move(open_.back().children);
      open_.pop_back();
      KITH_TRY(FilePart part, close(std::move(children), {}, out));
      open_.back().children.push_back(std::move(part));
    }
    return close(std::exchange(open_, {}).front().children, metadata, out);
  }
  ASSERT(!open_.empty());
  for (std::size_t level = 0;; ++level) {
    std::vector<FilePart> children = std::move(open_[level].children);
    bool top = level + 1 == open_.size();
    if (top && children.size() == 1) {
      open_.clear();
      return std::move(children.front());
    }
    KITH_TRY(FilePart part, close(std::move(children), top ? metadata : Metadata(), out));
    if (top) {
      open_.clear();
      return part;
    }
    KITH_CHECK(add_balanced(std::move(part), level + 1, out));
  }
}

Result<FilePart> FileTree::close(std::vector<FilePart> children, const Metadata& metadata,
                                 std::vector<ipld::Block>& out) {
  FilePart part;
  NodeData data;
  data.type = NodeType::file;
  data.metadata = metadata;
  ipld::DagPbNode node;
  node.links.reserve(children.size());
  for (FilePart& child : children) {
    part.size += child.size;
    part.cumulative_size += child.cumulative_size;
    data.block_sizes.push_back(child.size);
    // Kubo writes the names that a file's links don't have as empty ones.
    node.links.push_back({std::move(child.cid), std::string_view(), child.cumulative_size});
  }
  data.file_size = part.size;
  Bytes message = encode_data(data);
  node.data = message;
  Bytes encoded = ipld::encode_dag_pb(node);
  part.cumulative_size += encoded.size();
  KITH_TRY(ipld::Block block, maker_.make(Codec::dag_pb, Buffer::adopt(std::move(encoded))));
  part.cid = block.cid;
  out.push_back(std::move(block));
  return part;
}

}  // namespace kith::unixfs
