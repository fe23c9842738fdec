#include <kith/ipld/content.hpp>
#include <kith/unixfs/stat.hpp>

namespace kith::unixfs {

Decoded<Stat> stat_of(const ipld::Block& block) {
  auto node = parse_node(block.cid, block.data);
  if (!node) return std::unexpected(node.error());
  Stat stat;
  stat.cid = block.cid;
  stat.kind = node->kind;
  stat.size = node->size;
  stat.cumulative_size = node->cumulative_size;
  stat.block_size = block.data.size();
  stat.links = node->links.size();
  stat.metadata = node->data.metadata;
  if (node->kind == Kind::symlink) stat.target = as_text(node->content());
  return stat;
}

Task<Stat> stat(ipld::BlockSource& source, multiformats::Cid cid) {
  KITH_CO_TRY(ipld::Block block, co_await ipld::get_block(source, std::move(cid)));
  KITH_CO_TRY(Stat found, stat_of(block));
  co_return found;
}

}  // namespace kith::unixfs
