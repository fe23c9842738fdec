#include <kith/ledger/network/block_news.hpp>
#include <kith/ledger/network/limits.hpp>

namespace kith::ledger {

Bytes BlockNews::encode() const {
  Bytes out;
  RlpWriter writer(out);
  const auto list = writer.begin_list();
  writer.raw(block.encode());
  writer.string(proof);
  writer.end_list(list);
  return out;
}

std::optional<BlockNews> BlockNews::decode(ByteView input) {
  if (input.size() > gossiped_block_bytes_max) return std::nullopt;
  RlpReader whole(input);
  auto items = whole.list();
  if (!items || !whole.at_end()) return std::nullopt;
  const auto block = items->item();
  if (!block || !block->is_list) return std::nullopt;
  const auto proof = items->string();
  if (!proof || !items->at_end()) return std::nullopt;
  auto decoded = Block::decode(block->whole);
  if (!decoded) return std::nullopt;
  return BlockNews{*std::move(decoded), to_bytes(*proof)};
}

}  // namespace kith::ledger
