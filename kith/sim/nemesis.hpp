// Nemesis: faults drawn from the seed, for the safety phase of a scenario. At random moments it
// cuts the network in two, cuts a node off, clogs or stalls the way between two nodes, resets their
// connections, or kills a node (program or power) and starts it again later. Each fault ends by
// itself after a drawn time, whatever else is wrong with the same nodes; stop() ends them all, for
// the liveness phase.
//
//   Nemesis nemesis(world, nodes, {.crash = [&](Node& node, Crash how) { ... },
//                                  .restart = [&](Node& node) { ... }});
//   nemesis.begin();  ... run the world ...  nemesis.stop();  ... expect that all goes well ...
//
// What it has done is said by story(). It dies before the world, and its nodes after it.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <kith/base/prng.hpp>
#include <kith/sim/world.hpp>

namespace kith::sim {

struct NemesisOptions {
  /// From one fault to the next.
  Duration pause_min = 500ms;
  Duration pause_max = 10s;
  /// How long one lasts.
  Duration fault_min = 1s;
  Duration fault_max = 30s;
  /// At a time.
  std::size_t nodes_down_max = 1;
  /// How a node is killed and started again, if it ever is; by default as Node does it.
  std::function<void(Node&, Crash)> crash = [](Node& node, Crash how) { node.kill(how); };
  std::function<void(Node&)> restart = [](Node& node) { node.restart(); };
};

class Nemesis final : private port::Timer {
 public:
  enum class Fault : std::uint8_t { partition, isolation, clog, stall, reset, crash };
  static constexpr std::size_t faults = 6;

  /// `nodes`: at least two, by number.
  Nemesis(World& world, std::vector<NodeId> nodes, NemesisOptions options = {});
  ~Nemesis() override;

  void begin();
  /// Heals the network and starts what is down.
  void stop();

  /// How many of each kind there were.
  std::size_t count(Fault fault) const noexcept { return counts_[static_cast<std::size_t>(fault)]; }
  /// One line a fault, with its time.
  const std::string& story() const noexcept { return story_; }

 private:
  /// A way that is cut or stalled: a clog ends by itself.
  struct Hurt {
    NodeId one;
    NodeId other;
    bool stalled;
  };

  void on_fire() override;
  void strike();
  void cut(const std::vector<NodeId>& group, Fault fault);
  void cut_pair(Fault fault);
  void crash();
  void end_due();
  void arm();
  Duration between(Duration least, Duration most);
  NodeId draw_node();
  void tell(std::string what);

  World& world_;
  Prng prng_;
  std::vector<NodeId> nodes_;
  NemesisOptions options_;
  Instant next_ = never;
  /// Ways that are hurt and nodes that are down, by when that ends.
  std::multimap<Instant, Hurt> hurt_;
  std::multimap<Instant, NodeId> down_;
  std::size_t counts_[faults] = {};
  std::string story_;
};

}  // namespace kith::sim
