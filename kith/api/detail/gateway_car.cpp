#include <algorithm>
#include <iterator>

#include <kith/api/detail/gateway_car.hpp>
#include <kith/ipld/codec.hpp>
#include <kith/ipld/content.hpp>
#include <kith/ipld/limits.hpp>
#include <kith/ipld/links.hpp>
#include <kith/ipld/path.hpp>
#include <kith/unixfs/limits.hpp>

namespace kith::api::gateway {
namespace {

using ipld::IpldError;
using multiformats::Cid;
using multiformats::Codec;
using unixfs::Kind;
using unixfs::UnixfsError;

/// Every link in a value, in order.
void collect_links(const ipld::Value& value, std::vector<Cid>& into) {
  if (const Cid* link = value.get<Cid>()) into.push_back(*link);
  if (const ipld::List* list = value.get<ipld::List>()) {
    for (const ipld::Value& element : *list)
      collect_links(element, into);
  }
  if (const ipld::Map* map = value.get<ipld::Map>()) {
    for (const ipld::MapEntry& entry : *map)
      collect_links(entry.value, into);
  }
}

}  // namespace

CarBlocks::CarBlocks(ipld::BlockSource& source, std::vector<Cid> way,
                     std::optional<ipld::Block> end, std::vector<std::string> rest,
                     CarParameters parameters, CarLimits limits)
    : source_(source),
      parameters_(parameters),
      limits_(limits),
      way_(std::make_move_iterator(way.begin()), std::make_move_iterator(way.end())),
      end_(std::move(end)),
      rest_(std::move(rest)) {}

Result<bool> CarBlocks::give(const Cid& cid) {
  if (cid.is_identity()) return false;
  if (parameters_.duplicates) return true;
  if (given_.size() >= limits_.blocks_max) return std::unexpected(IpldError::too_many);
  return given_.insert(cid).second;
}

Task<std::optional<ipld::Block>> CarBlocks::next() {
  while (!way_.empty()) {
    Cid cid = way_.front();
    KITH_CO_TRY(ipld::Block block, co_await ipld::get_block(source_, cid));
    way_.pop_front();
    KITH_CO_TRY(bool due, give(cid));
    if (due) co_return block;
  }
  if (end_ && !end_reached_) {
    end_reached_ = true;
    KITH_CO_CHECK(begin_below());
    // A path that ends inside a block had to get that block on its way.
    bool due = false;
    if (rest_.empty()) {
      KITH_CO_TRY(due, give(end_->cid));
    }
    if (due) co_return std::move(*end_);
  }
  co_return co_await next_below();
}

Result<void> CarBlocks::begin_below() {
  if (parameters_.scope == DagScope::entity) return begin_entity();
  if (parameters_.scope == DagScope::all) return begin_all();
  return {};
}

Result<void> CarBlocks::begin_all() {
  below_ = Below::everything;
  if (rest_.empty()) return open({end_->cid, 0, 0, 0, {}, false}, *end_);
  KITH_TRY(ipld::Value value, ipld::decode_value(end_->cid.codec(), end_->data));
  KITH_TRY(ipld::PathEnd found, ipld::follow_path(value, rest_));
  std::vector<Cid> links;
  if (found.value != nullptr) collect_links(*found.value, links);
  std::vector<Part> parts;
  for (Cid& link : links)
    parts.push_back({std::move(link), 1, 0, 0, {}, false});
  return push(std::move(parts));
}

Result<void> CarBlocks::begin_entity() {
  if (!rest_.empty()) return {};
  auto node = unixfs::parse_node(end_->cid, end_->data);
  if (!node) return {};
  Part root{end_->cid, 0, 0, node->size, {}, false};
  if (node->kind == Kind::sharded_directory) {
    below_ = Below::shards;
    KITH_TRY(shape_, unixfs::HamtShape::of(node->data));
    return open_shard(root, *node);
  }
  if (node->kind != Kind::file) return {};
  below_ = Below::file;
  range_ = parameters_.bytes ? range_of(*parameters_.bytes, node->size) : ByteRange{0, node->size};
  return open_file_part(root, *node);
}

/// Puts what is below a part in its place.
Result<void> CarBlocks::open(const Part& part, const ipld::Block& block) {
  if (below_ != Below::everything) {
    KITH_TRY(unixfs::Node node, unixfs::parse_node(block.cid, block.data));
    return below_ == Below::file ? open_file_part(part, node) : open_shard(part, node);
  }
  if (!ipld::codec_known(block.cid.codec())) return {};
  KITH_TRY(std::vector<Cid> links, ipld::links_of(block.cid.codec(), block.data));
  if (!links.empty() && part.depth >= ipld::walk_depth_max) {
    return std::unexpected(IpldError::too_deep);
  }
  std::vector<Part> parts;
  parts.reserve(links.size());
  for (Cid& link : links)
    parts.push_back({std::move(link), part.depth + 1, 0, 0, {}, false});
  return push(std::move(parts));
}

/// The parts of a file that have bytes of the range in its place.
Result<void> CarBlocks::open_file_part(const Part& part, const unixfs::Node& node) {
  if (node.kind != Kind::file) return std::unexpected(UnixfsError::not_a_file);
  if (node.size != part.size) return std::unexpected(UnixfsError::size_mismatch);
  if (!node.links.empty() && part.depth >= unixfs::file_depth_max) {
    return std::unexpected(UnixfsError::too_deep);
  }
  std::vector<Part> children;
  std::uint64_t offset = part.offset + node.content().size();
  for (std::size_t i = 0; i < node.links.size(); ++i) {
    std::uint64_t size = node.data.block_sizes[i];
    if (size != 0 && offset + size > range_.offset && offset < range_.offset + range_.length) {
      children.push_back({node.links[i].hash, part.depth + 1, offset, size, {}, false});
    }
    offset += size;
  }
  return push(std::move(children));
}

Result<void> CarBlocks::open_shard(const Part& part, const unixfs::Node& node) {
  if (node.kind != Kind::sharded_directory) return std::unexpected(UnixfsError::bad_shard);
  KITH_TRY(std::vector<unixfs::HamtLink> links, unixfs::read_shard(node, shape_, part.position));
  std::vector<Part> children;
  for (const unixfs::HamtLink& link : links) {
    if (!link.is_shard()) continue;
    children.push_back(
        {link.link->hash, part.depth + 1, 0, 0, part.position.below(shape_, link.slot), false});
  }
  return push(std::move(children));
}

Result<void> CarBlocks::push(std::vector<Part> parts) {
  if (parts_.size() + parts.size() > limits_.parts_max) {
    return std::unexpected(IpldError::too_many);
  }
  parts_.insert(parts_.end(), std::make_move_iterator(parts.rbegin()),
                std::make_move_iterator(parts.rend()));
  return {};
}

void CarBlocks::request_ahead() {
  std::size_t window = std::min(unixfs::read_ahead_blocks, parts_.size());
  std::vector<Cid> wanted;
  for (std::size_t i = 0; i < window; ++i) {
    const Part& part = parts_[parts_.size() - 1 - i];
    if (!part.requested) wanted.push_back(part.cid);
  }
  bool urgent = window > 0 && !parts_.back().requested;
  if (wanted.empty() || (!urgent && wanted.size() < (window + 3) / 4)) return;
  for (std::size_t i = 0; i < window; ++i)
    parts_[parts_.size() - 1 - i].requested = true;
  ipld::prefetch_blocks(source_, std::move(wanted));
}

bool CarBlocks::adds_nothing(const Part& part) const {
  if (parameters_.duplicates) return false;
  bool by_range = below_ == Below::file && part.cid.codec() != Codec::raw;
  return by_range ? opened_.contains(part.cid) : given_.contains(part.cid);
}

Task<std::optional<ipld::Block>> CarBlocks::next_below() {
  // As in DagWalk::next.
  constexpr std::size_t steps_at_once = 256;
  for (std::size_t steps = 1; !parts_.empty(); ++steps) {
    if (steps % steps_at_once == 0) KITH_CO_CHECK(co_await port::yield());
    if (adds_nothing(parts_.back())) {
      parts_.pop_back();
      continue;
    }
    request_ahead();
    Part part = parts_.back();
    KITH_CO_TRY(ipld::Block block, co_await ipld::get_block(source_, part.cid));
    parts_.pop_back();
    KITH_CO_CHECK(open(part, block));
    bool whole = below_ == Below::file && part.offset >= range_.offset &&
                 part.offset + part.size <= range_.offset + range_.length;
    if (whole && part.cid.codec() != Codec::raw && !parameters_.duplicates) {
      if (opened_.size() >= limits_.blocks_max) co_return std::unexpected(IpldError::too_many);
      opened_.insert(part.cid);
    }
    KITH_CO_TRY(bool due, give(part.cid));
    if (due) co_return block;
  }
  co_return std::optional<ipld::Block>();
}

}  // namespace kith::api::gateway
