// Strategy: the input is a dag-pb block. Invariants: a file's sizes add up; what is encoded again
// reads the same; content lies in the block.
#include <numeric>

#include <kith/base/assert.hpp>
#include <kith/unixfs/node.hpp>

namespace kith::fuzz {

using multiformats::Cid;
using multiformats::Codec;

void fuzz_unixfs_node(ByteView input) {
  static const Cid cid =
      Cid::parse("bafybeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku").value();
  (void)unixfs::decode_data(input);
  auto node = unixfs::parse_node(cid, input);
  if (!node) return;
  ASSERT(node->cumulative_size >= input.size());
  const unixfs::NodeData& data = node->data;
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
