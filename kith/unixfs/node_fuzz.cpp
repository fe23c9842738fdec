// Strategy: the input is a dag-pb block. Invariants: a file's sizes add up; what is encoded again
// reads the same; content lies in the block.
#include <fuzz/kinds.hpp>
#include <numeric>

#include <kith/base/assert.hpp>
#include <kith/unixfs/node.hpp>

namespace kith::fuzz {

using multiformats::Cid;
using multiformats::Codec;

Kinds kinds_unixfs_node{"raw",         "directory", "file", "metadata",
                        "symlink",     "shard",     "mode", "time",
                        "nanoseconds", "packed",    "tree", "hash type and fanout"};

namespace {

void tell(const unixfs::NodeData& data) {
  using unixfs::NodeType;
  constexpr std::string_view types[] = {"raw", "directory", "file", "metadata", "symlink", "shard"};
  kinds_unixfs_node.reached(types[static_cast<std::size_t>(data.type)]);
  kinds_unixfs_node.reached_if(data.metadata.mode.has_value(), "mode");
  kinds_unixfs_node.reached_if(data.metadata.mtime.has_value(), "time");
  kinds_unixfs_node.reached_if(data.metadata.mtime && data.metadata.mtime->nanoseconds > 0,
                               "nanoseconds");
  kinds_unixfs_node.reached_if(data.hash_type && data.fanout, "hash type and fanout");
}

}  // namespace

void fuzz_unixfs_node(ByteView input) {
  static const Cid cid =
      Cid::parse("bafybeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku").value();
  if (auto data = unixfs::decode_data(input)) {
    tell(*data);
    // Packed sizes take less than each with its tag.
    kinds_unixfs_node.reached_if(
        data->block_sizes.size() > 2 && unixfs::encode_data(*data).size() > input.size(), "packed");
  }
  auto node = unixfs::parse_node(cid, input);
  if (!node) return;
  ASSERT(node->cumulative_size >= input.size());
  const unixfs::NodeData& data = node->data;
  tell(data);
  kinds_unixfs_node.reached_if(node->kind == unixfs::Kind::file && !node->links.empty(), "tree");
  if (node->kind == unixfs::Kind::file) {
    ASSERT(data.block_sizes.size() == node->links.size());
    std::uint64_t sum = std::accumulate(data.block_sizes.begin(), data.block_sizes.end(),
                                        std::uint64_t{node->content().size()});
    ASSERT(sum == node->size);
  }
  if (!node->content().empty()) {
    ASSERT(node->content().data() >= input.data());
    ASSERT(node->content().data() + node->content().size() <= input.data() + input.size());
  }
  Bytes message = unixfs::encode_data(data);
  auto again = unixfs::decode_data(message);
  ASSERT(again && unixfs::encode_data(*again) == message);
}

}  // namespace kith::fuzz
