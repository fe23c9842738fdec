#include "mining.hpp"

#include <cmath>

#include <kith/base/assert.hpp>

namespace kith::ledger::sim {
namespace {

constexpr std::uint64_t begins_s = 1'700'000'000;

/// Every block's work is done: finding it took the time that it takes.
class FakeWork final : public WorkHash {
 public:
  std::string_view name() const noexcept override { return "fake"; }
  std::optional<std::uint64_t> key_number(std::uint64_t) const noexcept override { return {}; }
  Result<Hash> hash(const WorkInput&, const Hash&) override { return Hash(); }
  Result<std::unique_ptr<NonceSearcher>> searcher(const Hash&) override {
    return std::unexpected(Errc::unsupported);
  }
};

double as_double(const U256& number) {
  double value = 0;
  for (std::size_t i = 4; i-- > 0;)
    value = std::ldexp(value, 64) + static_cast<double>(number.limb(i));
  return value;
}

Header first_header(const MiningOptions& options) {
  Header header;
  header.timestamp = begins_s;
  header.difficulty = static_cast<std::uint64_t>(
      options.hashes_per_s * static_cast<double>(options.asert.target_spacing_s));
  return header;
}

}  // namespace

class MiningWorld::NoAncestors final : public Ancestors {
 public:
  Result<Hash> ancestor_hash(const Header&, std::uint64_t) override {
    return std::unexpected(Errc::not_found);
  }
};

void Strategy::found(MiningWorld& world, NodeId self, BlockId block) {
  world.send_to_all(self, block, self);
  world.restart_mining(self);
}

void Strategy::heard(MiningWorld& world, NodeId self, BlockId block, NodeId from) {
  world.send_to_all(self, block, from);
  if (world.head(self) == block) world.restart_mining(self);
}

BlockId Strategy::tip(MiningWorld& world, NodeId self) {
  return world.head(self);
}

MiningWorld::MiningWorld(std::uint64_t seed, const MiningOptions& options)
    : prng_(seed),
      options_(options),
      ancestors_(std::make_unique<NoAncestors>()),
      ids_(16, SeededHasher{seed}),
      rules_(PowRules::make({.asert = options.asert}, first_header(options),
                            std::make_unique<FakeWork>(), *ancestors_)
                 .value()) {
  const Header genesis = first_header(options);
  blocks_.push_back({.header = genesis, .hash = genesis.hash(), .found = now_});
  blocks_[0].hashes_next = as_double(rules_.next_difficulty(genesis, genesis.timestamp));
  ids_.emplace(blocks_[0].hash, genesis_id);
  checked_.push_back(1);
  const BranchTip root{.hash = blocks_[0].hash, .number = 0, .total_work = genesis.difficulty};
  for (std::size_t i = 0; i < options.nodes; ++i) {
    nodes_.push_back({.forks = ForkChoice(root, prng_.next()),
                      .orphans = OrphanPool(),
                      .has = {true},
                      .links = {},
                      .strategy = std::make_unique<Strategy>()});
  }
  for (NodeId node = 0; node < options.nodes; ++node) {
    for (std::size_t i = 0; i < options.links && options.nodes > 1; ++i) {
      const auto other = static_cast<NodeId>(prng_.below(options.nodes - 1));
      const auto span =
          static_cast<std::uint64_t>((options.latency_max - options.latency_min).count());
      link(node, other < node ? other : other + 1,
           options.latency_min + Duration(prng_.below(span + 1)));
    }
  }
}

void MiningWorld::set_share(NodeId node, double share) {
  nodes_[node].share = share;
  nodes_[node].share_is_set = true;
}

void MiningWorld::set_strategy(NodeId node, std::unique_ptr<Strategy> strategy) {
  nodes_[node].strategy = std::move(strategy);
}

void MiningWorld::link(NodeId a, NodeId b, Duration latency) {
  for (const Link& link : nodes_[a].links) {
    if (link.peer == b) return;
  }
  nodes_[a].links.push_back({b, latency});
  nodes_[b].links.push_back({a, latency});
}

void MiningWorld::cut_all_links(NodeId node) {
  for (const Link& cut : nodes_[node].links) {
    std::erase_if(nodes_[cut.peer].links, [&](const Link& each) { return each.peer == node; });
  }
  nodes_[node].links.clear();
}

void MiningWorld::begin() {
  double taken = 0;
  std::size_t others = 0;
  for (const Node& node : nodes_) {
    taken += node.share;
    others += node.share_is_set ? 0 : 1;
  }
  for (Node& node : nodes_) {
    if (!node.share_is_set) node.share = (1 - taken) / static_cast<double>(others);
  }
  for (NodeId node = 0; node < nodes_.size(); ++node)
    restart_mining(node);
}

void MiningWorld::stop_mining() {
  mining_stopped_ = true;
}

void MiningWorld::run_for(Duration duration) {
  const Instant end = now_ + duration;
  while (!events_.empty() && events_.top().at <= end)
    step();
  now_ = end;
}

void MiningWorld::step() {
  const Event event = events_.top();
  events_.pop();
  if (event.kind == Kind::found && (event.mining != nodes_[event.node].mining || mining_stopped_))
    return;
  now_ = event.at;
  trace_ =
      (trace_ ^ static_cast<std::uint64_t>(now_.time_since_epoch().count())) * 0x9e3779b97f4a7c15 +
      event.node + (static_cast<std::uint64_t>(event.block) << 32);
  switch (event.kind) {
    case Kind::block_comes:
      return take(event.node, event.block, event.from);
    case Kind::branch_asked:
      return send_branch(event.node, event.from, event.block);
    case Kind::found:
      return find_block(event.node);
  }
}

void MiningWorld::push(Event event, Duration after) {
  event.at = now_ + after;
  event.number = events_pushed_++;
  events_.push(event);
}

std::uint64_t MiningWorld::seconds() const noexcept {
  return begins_s + static_cast<std::uint64_t>(
                        std::chrono::floor<std::chrono::seconds>(now_).time_since_epoch().count());
}

Duration MiningWorld::latency(NodeId from, NodeId to) const {
  for (const Link& link : nodes_[from].links) {
    if (link.peer == to) return link.latency;
  }
  return Duration::min();
}

bool MiningWorld::has(const Node& node, BlockId block) const {
  return block < node.has.size() && node.has[block];
}

/// Nothing arrives between nodes that have no link any more.
void MiningWorld::send(NodeId from, NodeId to, BlockId block) {
  const Duration after = latency(from, to);
  if (after < Duration()) return;
  push({.node = to, .from = from, .block = block, .kind = Kind::block_comes}, after);
}

void MiningWorld::send_to_all(NodeId from, BlockId block, NodeId but) {
  for (const Link& link : nodes_[from].links) {
    // What would come to who has it already changes nothing.
    if (link.peer != but && !has(nodes_[link.peer], block))
      push({.node = link.peer, .from = from, .block = block, .kind = Kind::block_comes},
           link.latency);
  }
}

/// Hashing has no memory: with each new tip the time until a find is drawn again.
void MiningWorld::restart_mining(NodeId id) {
  Node& node = nodes_[id];
  ++node.mining;
  if (mining_stopped_ || node.share <= 0) return;
  const double hashes = blocks_[node.strategy->tip(*this, id)].hashes_next;
  const double wait_s = -std::log1p(-prng_.unit()) * hashes / (options_.hashes_per_s * node.share);
  push({.mining = node.mining, .node = id, .kind = Kind::found},
       std::chrono::duration_cast<Duration>(std::chrono::duration<double>(wait_s)));
}

void MiningWorld::find_block(NodeId id) {
  Node& node = nodes_[id];
  const BlockId parent = node.strategy->tip(*this, id);
  const Block& before = blocks_[parent];
  Header header;
  header.number = before.header.number + 1;
  header.parent = before.hash;
  header.timestamp = seconds();
  // Two miners' blocks differ.
  store_be(header.coinbase.bytes.data(), id);
  // Times of blocks that come in a hurry run ahead; who is too early waits until he may.
  const std::uint64_t earliest = std::max(header.timestamp, before.header.timestamp + 1) -
                                 rules_.parameters().future_limit_s();
  if (earliest > seconds()) {
    push({.mining = node.mining, .node = id, .kind = Kind::found},
         std::chrono::seconds(earliest - seconds()));
    return;
  }
  const bool is_prepared = rules_.prepare(header, before.header).has_value();
  ASSERT(is_prepared);
  const auto block = static_cast<BlockId>(blocks_.size());
  blocks_.push_back(
      {.header = header, .hash = header.hash(), .parent = parent, .miner = id, .found = now_});
  blocks_.back().hashes_next = as_double(rules_.next_difficulty(header, header.timestamp));
  ids_.emplace(blocks_.back().hash, block);
  checked_.push_back(0);
  node.forks.add(blocks_[block].hash, blocks_[parent].hash, rules_.work_of(header));
  node.has.resize(block + 1);
  node.has[block] = true;
  settle(node);
  node.strategy->found(*this, id, block);
}

/// Once for all nodes, whose clocks are one.
bool MiningWorld::checks_out(BlockId id) {
  if (checked_[id] == 0) {
    const Block& block = blocks_[id];
    const auto checked = rules_.check(block.header, blocks_[block.parent].header, seconds());
    checked_[id] = checked ? 1 : 2;
  }
  return checked_[id] == 1;
}

void MiningWorld::take(NodeId id, BlockId block, NodeId from) {
  Node& node = nodes_[id];
  if (has(node, block)) return;
  const Block& its = blocks_[block];
  // No strategy here makes a block that is wrong.
  const bool is_good = checks_out(block);
  ASSERT(is_good);
  const Hash before = node.forks.head().hash;
  const auto added = node.forks.add(its.hash, its.header.parent, rules_.work_of(its.header));
  if (added == ForkChoice::Added::unknown_parent) {
    // Who has the parent among the orphans has asked for it.
    const bool is_asked = node.orphans.contains(its.header.parent);
    Bytes name(sizeof block);
    store_be(name.data(), block);
    node.orphans.add({its.hash, its.header.parent, from, std::move(name)}, now_);
    const Duration after = latency(id, from);
    if (!is_asked && after >= Duration())
      push({.node = from, .from = id, .block = its.parent, .kind = Kind::branch_asked}, after);
    return;
  }
  if (node.has.size() <= block) node.has.resize(blocks_.size());
  node.has[block] = true;
  delays_s_ += std::chrono::duration<double>(now_ - its.found).count();
  ++delays_counted_;
  if (added == ForkChoice::Added::new_head) {
    const BranchTip* common = node.forks.find(node.forks.common_ancestor(before, its.hash));
    node.deepest = std::max(node.deepest, node.forks.find(before)->number - common->number);
  }
  node.strategy->heard(*this, id, block, from);
  for (const Orphan& child : node.orphans.take_children(its.hash))
    take(id, load_be<BlockId>(child.bytes.data()), static_cast<NodeId>(child.peer));
  settle(node);
}

/// From where both have the same on, as a sync by a locator finds it; in one answer.
void MiningWorld::send_branch(NodeId from, NodeId to, BlockId last) {
  std::vector<BlockId> branch;
  for (BlockId at = last; !has(nodes_[to], at); at = blocks_[at].parent)
    branch.push_back(at);
  for (; !branch.empty(); branch.pop_back())
    send(from, to, branch.back());
}

void MiningWorld::settle(Node& node) {
  const BranchTip& head = node.forks.head();
  const std::uint64_t root = node.forks.find(node.forks.root())->number;
  if (head.number - root < 2 * options_.settle_depth) return;
  node.forks.settle(blocks_[ancestor(id_of(head.hash), options_.settle_depth)].hash);
}

BlockId MiningWorld::ancestor(BlockId from, std::uint64_t depth) const {
  for (; depth > 0; --depth)
    from = blocks_[from].parent;
  return from;
}

BlockId MiningWorld::common_ancestor(BlockId a, BlockId b) const {
  while (a != b) {
    BlockId& higher = blocks_[a].header.number >= blocks_[b].header.number ? a : b;
    higher = blocks_[higher].parent;
  }
  return a;
}

std::size_t MiningWorld::nodes_at(BlockId wanted) {
  std::size_t count = 0;
  for (const Node& node : nodes_)
    count += node.forks.head().hash == blocks_[wanted].hash ? 1 : 0;
  return count;
}

Duration MiningWorld::mean_delay() const noexcept {
  if (delays_counted_ == 0) return Duration();
  const std::chrono::duration<double> mean(delays_s_ / static_cast<double>(delays_counted_));
  return std::chrono::duration_cast<Duration>(mean);
}

}  // namespace kith::ledger::sim
