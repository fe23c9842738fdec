// Strategy: the first byte is the level of a shard, the rest its block. Invariants: what read_shard
// accepts, find_in_shard finds under just its names, and its bitfield is what we would write.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/unixfs/hamt.hpp>
#include <kith/unixfs/node.hpp>

namespace kith::fuzz {

using multiformats::Cid;
using namespace unixfs;

Kinds kinds_hamt{"fanout 8", "fanout 16", "fanout 256", "fanout 1024", "entry",
                 "shard",    "empty",     "root",       "below"};

void fuzz_hamt(ByteView input) {
  static const Cid cid =
      Cid::parse("bafybeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku").value();
  if (input.empty()) return;
  unsigned level = input[0] % 24;
  auto node = parse_node(cid, input.subspan(1));
  if (!node || node->kind != Kind::sharded_directory) return;
  HamtShape shape = HamtShape::of(node->data).value();
  // Below the root a shard's place is that of its first entry, so that it has a chance.
  HamtPosition position{level, 0};
  if (level > 0 && level < shape.levels()) {
    for (const auto& link : node->links) {
      std::string_view name = link.name_or_empty();
      if (name.size() <= shape.prefix_chars) continue;
      name.remove_prefix(shape.prefix_chars);
      position.path = murmur3_x64_64(as_bytes(name)) >> (64 - level * shape.bits);
      break;
    }
  }
  auto links = read_shard(*node, shape, position);
  if (!links) return;
  ASSERT(level < shape.levels() && links->size() <= shape.fanout);
  kinds_hamt.reached(level == 0 ? "root" : "below");
  kinds_hamt.reached_if(links->empty(), "empty");
  for (unsigned fanout : {8U, 16U, 256U, 1024U})
    kinds_hamt.reached_if(shape.fanout == fanout, "fanout " + std::to_string(fanout));
  for (const HamtLink& link : *links)
    kinds_hamt.reached(link.is_shard() ? "shard" : "entry");
  for (const HamtLink& link : *links) {
    if (link.is_shard()) continue;
    std::uint64_t hash = murmur3_x64_64(as_bytes(link.name));
    ASSERT(shape.slot(hash, level) == link.slot);
    auto found = find_in_shard(*links, shape, position, link.name, hash);
    ASSERT(found && found->link == link.link);
  }
}

}  // namespace kith::fuzz
