// DagWalk: every block below a root, depth first and in the order of links, as CARs of gateways and
// `dag export` have them.
//
// The walk tells the source which blocks come next. Memory is what it has seen and not yet followed
// (walk_pending_max links) and, if each block is to come once, the CIDs it has given
// (walk_visited_max). Identity CIDs are followed and not given out: they are no blocks. Blocks of a
// codec that nobody here can read are given out and have no links. Loop thread. Errors: IpldError
// (too_deep, too_many), those of the source; next() may be tried again after those, nothing is
// skipped.
//
// Not here: a walk to a depth. A block that was met first at its end and is met again nearer to the
// root would have to be followed a second time (`refs` does it).
#pragma once

#include <optional>
#include <unordered_set>
#include <vector>

#include <kith/ipld/block.hpp>
#include <kith/ipld/limits.hpp>

namespace kith::ipld {

struct WalkOptions {
  /// Each block once. Otherwise as often as it is linked.
  bool unique = true;
  /// Blocks asked for ahead.
  std::size_t ahead = 64;
  /// A block that only `has` would have to fetch is left out, with all below it.
  bool local_only = false;
};

class DagWalk {
 public:
  /// The source outlives the walk.
  DagWalk(BlockSource& source, multiformats::Cid root, WalkOptions options = {});

  /// The next block; nothing at the end.
  Task<std::optional<Block>> next();

  std::size_t visited() const noexcept { return visited_.size(); }

 private:
  struct Pending {
    multiformats::Cid cid;
    std::size_t depth = 0;
    bool requested = false;
  };

  Result<void> push_links(const Block& block, std::size_t depth);
  void request_ahead();

  BlockSource& source_;
  WalkOptions options_;
  /// The next one last.
  std::vector<Pending> pending_;
  std::unordered_set<multiformats::Cid> visited_;
};

}  // namespace kith::ipld
