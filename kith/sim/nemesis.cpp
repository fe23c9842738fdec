#include <algorithm>

#include <fmt/format.h>

#include <kith/base/assert.hpp>
#include <kith/sim/nemesis.hpp>

namespace kith::sim {

Nemesis::Nemesis(World& world, std::vector<NodeId> nodes, NemesisOptions options)
    : world_(world),
      prng_(mix(world.seed(), 'N')),
      nodes_(std::move(nodes)),
      options_(std::move(options)) {
  ASSERT(nodes_.size() >= 2);
}

Nemesis::~Nemesis() {
  world_.clock().disarm(*this);
}

void Nemesis::begin() {
  next_ = world_.now() + between(options_.pause_min, options_.pause_max);
  arm();
}

void Nemesis::stop() {
  world_.clock().disarm(*this);
  next_ = never;
  hurt_.clear();
  world_.net().heal();
  for (auto& [until, node] : std::exchange(down_, {}))
    options_.restart(world_.node(node - 1));
  tell("all is healed");
}

void Nemesis::on_fire() {
  end_due();
  if (next_ <= world_.now()) {
    strike();
    next_ = world_.now() + between(options_.pause_min, options_.pause_max);
  }
  arm();
}

void Nemesis::arm() {
  Instant at = next_;
  if (!hurt_.empty()) at = std::min(at, hurt_.begin()->first);
  if (!down_.empty()) at = std::min(at, down_.begin()->first);
  world_.clock().arm(*this, at);
}

void Nemesis::end_due() {
  while (!hurt_.empty() && hurt_.begin()->first <= world_.now()) {
    const Hurt hurt = hurt_.begin()->second;
    hurt_.erase(hurt_.begin());
    if (hurt.stalled) {
      world_.net().end_stall(hurt.one, hurt.other);
    } else {
      world_.net().end_cut(hurt.one, hurt.other);
    }
  }
  while (!down_.empty() && down_.begin()->first <= world_.now()) {
    const NodeId node = down_.begin()->second;
    down_.erase(down_.begin());
    tell(fmt::format("{} is back", world_.node(node - 1).name()));
    options_.restart(world_.node(node - 1));
  }
}

void Nemesis::strike() {
  const auto fault = static_cast<Fault>(prng_.below(faults));
  if (fault == Fault::crash) return crash();
  if (fault == Fault::isolation) return cut({draw_node()}, fault);
  if (fault != Fault::partition) return cut_pair(fault);
  std::vector<NodeId> group;
  for (NodeId node : nodes_) {
    if (prng_.chance(0.5)) group.push_back(node);
  }
  cut(group, fault);
}

void Nemesis::cut(const std::vector<NodeId>& group, Fault fault) {
  const Instant until = world_.now() + between(options_.fault_min, options_.fault_max);
  for (NodeId node : group) {
    for (NodeId other : nodes_) {
      if (std::ranges::find(group, other) != group.end()) continue;
      world_.net().cut(node, other);
      hurt_.emplace(until, Hurt{.one = node, .other = other, .stalled = false});
    }
  }
  ++counts_[static_cast<std::size_t>(fault)];
  tell(fmt::format("{} of {} cut off", group.size(), nodes_.size()));
}

void Nemesis::cut_pair(Fault fault) {
  const NodeId one = draw_node();
  const NodeId other = draw_node();
  if (one == other) return;
  ++counts_[static_cast<std::size_t>(fault)];
  const Duration time = between(options_.fault_min, options_.fault_max);
  const char* what = "reset";
  if (fault == Fault::clog) {
    what = "clogged";
    world_.net().clog(one, other, time);
  } else if (fault == Fault::stall) {
    what = "stalled";
    world_.net().stall(one, other);
    hurt_.emplace(world_.now() + time, Hurt{.one = one, .other = other, .stalled = true});
  } else {
    world_.net().reset(one, other);
  }
  tell(fmt::format("n{} to n{} {}", one, other, what));
}

void Nemesis::crash() {
  Node& node = world_.node(draw_node() - 1);
  if (down_.size() >= options_.nodes_down_max || !node.up()) return;
  const Crash how = prng_.chance(0.5) ? Crash::power : Crash::process;
  const Instant until = world_.now() + between(options_.fault_min, options_.fault_max);
  ++counts_[static_cast<std::size_t>(Fault::crash)];
  tell(fmt::format("{} {}", node.name(), how == Crash::power ? "loses power" : "is killed"));
  options_.crash(node, how);
  down_.emplace(until, node.id());
}

Duration Nemesis::between(Duration least, Duration most) {
  return Duration(prng_.between(least.count(), most.count()));
}

NodeId Nemesis::draw_node() {
  return nodes_[prng_.below(nodes_.size())];
}

void Nemesis::tell(std::string what) {
  const double at = std::chrono::duration<double>(world_.now() - world_begin).count();
  story_ += fmt::format("{:9.3f} s: {}\n", at, what);
  world_.tracer().add(std::string_view(what));
}

}  // namespace kith::sim
