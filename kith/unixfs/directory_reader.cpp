#include <algorithm>
#include <unordered_set>

#include <kith/ipld/content.hpp>
#include <kith/unixfs/directory_reader.hpp>
#include <kith/unixfs/limits.hpp>

namespace kith::unixfs {
namespace {

using multiformats::Cid;

ListedEntry entry_of(std::string_view name, const ipld::DagPbLink& link) {
  return {std::string(name), link.hash, link.tsize_or_zero()};
}

/// A plain directory's links without those whose name came before.
std::vector<ListedEntry> plain_entries(const Node& node) {
  std::vector<ListedEntry> entries;
  std::unordered_set<std::string_view> names;
  entries.reserve(node.links.size());
  bool ascending = true;
  for (std::size_t i = 1; i < node.links.size(); ++i)
    ascending &= node.links[i - 1].name_or_empty() < node.links[i].name_or_empty();
  for (const ipld::DagPbLink& link : node.links) {
    std::string_view name = link.name_or_empty();
    if (ascending || names.insert(name).second) entries.push_back(entry_of(name, link));
  }
  return entries;
}

}  // namespace

Task<DirectoryReader> DirectoryReader::open(ipld::BlockSource& source, Cid root) {
  KITH_CO_TRY(ipld::Block block, co_await ipld::get_block(source, std::move(root)));
  co_return over(source, std::move(block));
}

Result<DirectoryReader> DirectoryReader::over(ipld::BlockSource& source, ipld::Block root,
                                              std::size_t pending_max) {
  KITH_TRY(Node node, parse_node(root.cid, root.data));
  if (!node.is_directory()) return std::unexpected(UnixfsError::not_a_directory);
  DirectoryReader reader(source);
  reader.pending_max_ = pending_max;
  reader.metadata_ = node.data.metadata;
  if (node.kind == Kind::sharded_directory) {
    KITH_TRY(reader.shape_, HamtShape::of(node.data));
  }
  KITH_TRY(reader.first_, reader.read_block(node, {}));
  return reader;
}

Result<std::vector<ListedEntry>> DirectoryReader::read_block(const Node& node,
                                                             HamtPosition position) {
  if (node.kind == Kind::directory) return plain_entries(node);
  KITH_TRY(std::vector<HamtLink> links, read_shard(node, shape_, position));
  std::vector<ListedEntry> entries;
  std::vector<Shard> shards;
  for (const HamtLink& link : links) {
    if (link.is_shard()) {
      shards.push_back({link.link->hash, position.below(shape_, link.slot)});
    } else {
      entries.push_back(entry_of(link.name, *link.link));
    }
  }
  if (pending_.size() + shards.size() > pending_max_) {
    return std::unexpected(UnixfsError::too_many);
  }
  pending_.insert(pending_.end(), shards.rbegin(), shards.rend());
  if (!shards.empty()) {
    std::vector<Cid> soon;
    for (auto next = pending_.rbegin(); next != pending_.rend() && soon.size() < read_ahead_blocks;
         ++next) {
      soon.push_back(next->cid);
    }
    ipld::prefetch_blocks(*source_, std::move(soon));
  }
  return entries;
}

Task<std::vector<ListedEntry>> DirectoryReader::next_batch() {
  std::vector<ListedEntry> batch = std::exchange(first_, {});
  while (batch.empty() && !pending_.empty()) {
    Shard shard = pending_.back();
    KITH_CO_TRY(ipld::Block block, co_await ipld::get_block(*source_, shard.cid));
    KITH_CO_TRY(Node node, parse_node(block.cid, block.data));
    // A shard with another parameter or type is refused before its entries are looked at.
    if (node.kind != Kind::sharded_directory) co_return std::unexpected(UnixfsError::bad_shard);
    pending_.pop_back();
    KITH_CO_TRY(batch, read_block(node, shard.position));
    barren_ = batch.empty() ? barren_ + 1 : 0;
    // Nobody's writer leaves so many behind, also if it keeps those that have become empty.
    if (barren_ > std::size_t{shape_.fanout} * shape_.levels()) {
      co_return std::unexpected(UnixfsError::too_many);
    }
  }
  co_return batch;
}

Task<ListedEntry> find_entry(ipld::BlockSource& source, ipld::Block root, std::string name) {
  std::uint64_t hash = murmur3_x64_64(as_bytes(name));
  HamtPosition position;
  HamtShape shape;
  ipld::Block block = std::move(root);
  while (true) {
    KITH_CO_TRY(Node node, parse_node(block.cid, block.data));
    if (node.kind == Kind::directory && position.level == 0) {
      auto found = std::ranges::find(node.links, name, &ipld::DagPbLink::name_or_empty);
      if (found == node.links.end()) co_return std::unexpected(UnixfsError::no_such_entry);
      co_return entry_of(name, *found);
    }
    if (!node.is_directory()) co_return std::unexpected(UnixfsError::not_a_directory);
    if (position.level == 0) {
      KITH_CO_TRY(shape, HamtShape::of(node.data));
    }
    KITH_CO_TRY(std::vector<HamtLink> links, read_shard(node, shape, position));
    std::optional<HamtLink> found = find_in_shard(links, shape, position, name, hash);
    if (!found) co_return std::unexpected(UnixfsError::no_such_entry);
    if (!found->is_shard()) co_return entry_of(found->name, *found->link);
    position = position.below(shape, found->slot);
    Cid next = found->link->hash;
    KITH_CO_TRY(block, co_await ipld::get_block(source, std::move(next)));
  }
}

}  // namespace kith::unixfs
