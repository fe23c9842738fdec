#include <algorithm>

#include <kith/ipld/codec.hpp>
#include <kith/ipld/content.hpp>
#include <kith/ipld/links.hpp>
#include <kith/ipld/walk.hpp>

namespace kith::ipld {

using multiformats::Cid;

DagWalk::DagWalk(BlockSource& source, Cid root, WalkOptions options)
    : source_(source), options_(options) {
  pending_.push_back({std::move(root), 0, false});
}

Task<std::optional<Block>> DagWalk::next() {
  // What lies in its own CID is here at once, and there may be very much of it in a row.
  constexpr std::size_t steps_at_once = 256;
  for (std::size_t steps = 1; !pending_.empty(); ++steps) {
    if (steps % steps_at_once == 0) KITH_CO_CHECK(co_await port::yield());
    Cid cid = pending_.back().cid;
    std::size_t depth = pending_.back().depth;
    if (options_.unique && visited_.contains(cid)) {
      pending_.pop_back();
      continue;
    }
    if (options_.local_only) {
      KITH_CO_TRY(bool here, co_await has_block(source_, cid));
      if (!here) {
        pending_.pop_back();
        continue;
      }
    } else {
      request_ahead();
    }
    KITH_CO_TRY(Block block, co_await get_block(source_, cid));
    pending_.pop_back();
    if (options_.unique) {
      if (visited_.size() >= walk_visited_max) co_return std::unexpected(IpldError::too_many);
      visited_.insert(cid);
    }
    KITH_CO_CHECK(push_links(block, depth));
    if (!cid.is_identity()) co_return block;
  }
  co_return std::optional<Block>();
}

Result<void> DagWalk::push_links(const Block& block, std::size_t depth) {
  if (!codec_known(block.cid.codec())) return {};
  std::size_t first = pending_.size();
  bool too_deep = false;
  bool too_many = false;
  KITH_CHECK(for_each_link(block.cid.codec(), block.data, [&](const Cid& link) {
    too_deep |= depth >= walk_depth_max;
    if (options_.unique && visited_.contains(link)) return;
    too_many |= pending_.size() >= walk_pending_max;
    if (!too_many) pending_.push_back({link, depth + 1, false});
  }));
  if (too_many) return std::unexpected(IpldError::too_many);
  if (too_deep) return std::unexpected(IpldError::too_deep);
  std::reverse(pending_.begin() + static_cast<std::ptrdiff_t>(first), pending_.end());
  return {};
}

void DagWalk::request_ahead() {
  std::vector<Cid> wanted;
  std::size_t window = std::min(options_.ahead, pending_.size());
  for (std::size_t i = 0; i < window; ++i) {
    const Pending& pending = pending_[pending_.size() - 1 - i];
    if (!pending.requested) wanted.push_back(pending.cid);
  }
  bool urgent = window > 0 && !pending_.back().requested;
  if (wanted.empty() || (!urgent && wanted.size() < (window + 3) / 4)) return;
  for (std::size_t i = 0; i < window; ++i)
    pending_[pending_.size() - 1 - i].requested = true;
  prefetch_blocks(source_, std::move(wanted));
}

}  // namespace kith::ipld
