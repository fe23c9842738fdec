// A network of miners, light enough for a thousand of them: real headers, real difficulty and
// checks (PowRules), real fork choice and orphans in every node; only the hashing is faked, by
// exponential times, and blocks hold nothing. Blocks flood from peer to peer over links with a
// latency each. A seed is a run.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <queue>
#include <unordered_map>
#include <vector>

#include <kith/base/prng.hpp>
#include <kith/base/time.hpp>
#include <kith/ledger/consensus/pow/fork_choice.hpp>
#include <kith/ledger/consensus/pow/orphan_pool.hpp>
#include <kith/ledger/consensus/pow/pow_rules.hpp>

namespace kith::ledger::sim {

using BlockId = std::uint32_t;
using NodeId = std::uint32_t;
inline constexpr BlockId genesis_id = 0;

struct Block {
  Header header;
  Hash hash;
  BlockId parent = genesis_id;
  NodeId miner = 0;
  Instant found;
  double hashes_next = 0;  ///< what the block after it takes on average
};

class MiningWorld;

/// What a node does with what it finds and hears. This one is honest.
class Strategy {
 public:
  virtual ~Strategy() = default;
  virtual void found(MiningWorld& world, NodeId self, BlockId block);
  /// A block that is new to it and whose ancestors it has.
  virtual void heard(MiningWorld& world, NodeId self, BlockId block, NodeId from);
  /// What it mines on.
  virtual BlockId tip(MiningWorld& world, NodeId self);
};

struct MiningOptions {
  std::size_t nodes = 100;
  /// Links that each node makes; it gets as many again from others.
  std::size_t links = 4;
  Duration latency_min = 20ms;
  Duration latency_max = 200ms;
  /// Hashes a second of all together.
  double hashes_per_s = 1e9;
  AsertParameters asert{
      .target_spacing_s = 10, .half_life_s = 2'880, .easiest_target = U256::max() >> 1};
  /// Blocks below a node's head that its fork choice still knows.
  std::uint64_t settle_depth = 100;
};

class MiningWorld {
 public:
  MiningWorld(std::uint64_t seed, const MiningOptions& options);

  /// Shares are of all hashes; who isn't named shares the rest evenly.
  void set_share(NodeId node, double share);
  void set_strategy(NodeId node, std::unique_ptr<Strategy> strategy);
  void link(NodeId a, NodeId b, Duration latency);
  void cut_all_links(NodeId node);
  /// All begin to mine.
  void begin();
  /// Nobody finds blocks any more; messages go on.
  void stop_mining();

  /// Until the time, or a condition that is looked at after each event, or nothing is left to
  /// happen.
  template <class Until>
  void run_until(Until until) {
    while (!events_.empty() && !until())
      step();
  }
  void run_for(Duration duration);
  void run_out() {
    run_until([] { return false; });
  }

  void send(NodeId from, NodeId to, BlockId block);
  void send_to_all(NodeId from, BlockId block, NodeId but);
  void restart_mining(NodeId node);

  std::size_t nodes() const noexcept { return nodes_.size(); }
  std::size_t blocks() const noexcept { return blocks_.size(); }
  const Block& block(BlockId id) const { return blocks_[id]; }
  BlockId id_of(const Hash& hash) const { return ids_.at(hash); }
  ForkChoice& forks(NodeId node) { return nodes_[node].forks; }
  BlockId head(NodeId node) { return id_of(forks(node).head().hash); }
  /// The block `depth` below.
  BlockId ancestor(BlockId from, std::uint64_t depth) const;
  BlockId common_ancestor(BlockId a, BlockId b) const;
  /// How many nodes have this head.
  std::size_t nodes_at(BlockId head);

  Instant now() const noexcept { return now_; }
  std::uint64_t trace() const noexcept { return trace_; }
  Prng& prng() noexcept { return prng_; }
  /// From a block's being found to a node's having it, on average over nodes and blocks.
  Duration mean_delay() const noexcept;
  /// Of node's head against the one before it: how many blocks were taken back at most.
  std::uint64_t deepest_reorganisation(NodeId node) const { return nodes_[node].deepest; }

 private:
  struct Link {
    NodeId peer;
    Duration latency;
  };
  struct Node {
    ForkChoice forks;
    OrphanPool orphans;
    std::vector<bool> has;  ///< the blocks that its fork choice was given
    std::vector<Link> links;
    std::unique_ptr<Strategy> strategy;
    double share = 0;
    bool share_is_set = false;
    std::uint64_t mining = 0;  ///< the last try; finds of older ones don't count
    std::uint64_t deepest = 0;
  };
  enum class Kind : std::uint8_t { block_comes, branch_asked, found };
  struct Event {
    Instant at{};
    std::uint64_t number = 0;
    std::uint64_t mining = 0;
    NodeId node = 0;
    NodeId from = 0;
    BlockId block = genesis_id;
    Kind kind = Kind::found;
    bool operator>(const Event& other) const noexcept {
      return at != other.at ? at > other.at : number > other.number;
    }
  };
  class NoAncestors;

  void step();
  void push(Event event, Duration after);
  std::uint64_t seconds() const noexcept;
  Duration latency(NodeId from, NodeId to) const;
  void find_block(NodeId node);
  void send_branch(NodeId from, NodeId to, BlockId last);
  void take(NodeId node, BlockId block, NodeId from);
  void settle(Node& node);
  bool has(const Node& node, BlockId block) const;
  bool checks_out(BlockId block);

  Prng prng_;
  MiningOptions options_;
  std::unique_ptr<Ancestors> ancestors_;
  Instant now_{};
  std::vector<Block> blocks_;
  std::unordered_map<Hash, BlockId, SeededHasher> ids_;
  std::vector<std::uint8_t> checked_;
  PowRules rules_;
  std::vector<Node> nodes_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t events_pushed_ = 0;
  std::uint64_t trace_ = 0;
  bool mining_stopped_ = false;
  /// In seconds: their sum, of branches that were withheld for months, is beyond a Duration.
  double delays_s_ = 0;
  std::uint64_t delays_counted_ = 0;
};

}  // namespace kith::ledger::sim
