#include <cstdlib>

#include <kith/base/assert.hpp>
#include <kith/sim/detail/host.hpp>
#include <kith/sim/node.hpp>
#include <kith/sim/random.hpp>
#include <kith/sim/world.hpp>

namespace kith::sim {
namespace {

/// Labels of the generators that a node's life is given.
enum Purpose : std::uint64_t { for_env, for_random, for_host, for_pool, for_buggifier, purposes };

std::vector<port::IpAddress> default_addresses(NodeId id) {
  auto byte = [id](int shift) { return static_cast<std::uint8_t>(id >> shift); };
  return {port::IpAddress::v4({10, byte(16), byte(8), byte(0)}),
          port::IpAddress::v6(
              {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, byte(24), byte(16), byte(8), byte(0)})};
}

port::LogLevels levels_of(const std::string& text) {
  auto levels = port::LogLevels::parse(text);
  ASSERT(levels.has_value());
  return *std::move(levels);
}

}  // namespace

struct Node::Life {
  Life(Node& node, std::uint64_t seed)
      : prng(generator(seed, for_env)),
        random(generator(seed, for_random)),
        buggifier(node.world_.seed(), generator(seed, for_buggifier)),
        host(node.world_.net(),
             HostOptions{node.id_, node.options_.addresses, node.options_.segment},
             generator(seed, for_host)),
        files(node.disk()),
        key_values(node.disk()),
        pool(node.world_.clock(), node.world_.tracer(), generator(seed, for_pool),
             node.options_.work_pool, node.id_),
        env{.executor = node.world_.executor(node.id_),
            .clock = node.world_.clock(),
            .wall = *node.wall_,
            .prng = prng,
            .random = random,
            .net = host,
            .files = files,
            .key_values = key_values,
            .pool = pool,
            .log = *node.log_,
            .buggifier = node.world_.options().buggify ? &buggifier : nullptr},
        tasks(node.world_.executor(node.id_), node.world_.clock()) {}

  static Prng generator(std::uint64_t seed, Purpose purpose) { return Prng(mix(seed, purpose)); }

  Prng prng;
  SeededRandom random;
  SeededBuggifier buggifier;
  Host host;
  SimFileSystem files;
  SimKeyValueFactory key_values;
  SimWorkPool pool;
  port::Env env;
  port::TaskGroup tasks;
};

/// The disk says in the middle of a job that the power fails or the program is killed; the node
/// dies as soon as that has ended.
struct Node::DiskFailure final : port::Timer {
  explicit DiskFailure(Node& of) : node(of) {}
  void happens(Crash what) {
    how = what;
    node.world_.clock().arm(*this, node.world_.now());
  }
  void on_fire() override {
    if (node.up()) node.kill(how);
  }
  Node& node;
  Crash how = Crash::power;
};

Node::Node(World& world, NodeId id, NodeOptions options)
    : world_(world), id_(id), options_(std::move(options)) {
  if (options_.name.empty()) options_.name = "n" + std::to_string(id);
  if (options_.addresses.empty()) options_.addresses = default_addresses(id);
  const char* wanted = std::getenv("KITH_LOG");
  log_ = std::make_unique<NodeLog>(
      world.clock(), options_.name,
      levels_of(wanted != nullptr ? wanted : world.options().log_levels), wanted != nullptr);
  wall_ = std::make_unique<VirtualWallClock>(world.clock(), options_.wall_skew);
  disk_ = std::make_unique<Disk>(Prng(mix(mix(world.seed(), id), 'd')), options_.disk, wall_.get(),
                                 &world.tracer());
  disk_failure_ = std::make_unique<DiskFailure>(*this);
  disk_->faults().on_crash([this] { disk_failure_->happens(Crash::power); });
  disk_->faults().on_kill([this] {
    // Until the node dies, the job that goes on must not do anything more.
    lives_.back()->files.die();
    lives_.back()->key_values.die();
    disk_failure_->happens(Crash::process);
  });
  begin_life();
}

Node::~Node() {
  world_.clock().disarm(*disk_failure_);
}

void Node::begin_life() {
  std::uint64_t seed = mix(mix(world_.seed(), id_), lives_.size());
  lives_.push_back(std::make_unique<Life>(*this, seed));
  world_.net().attach(lives_.back()->host);
}

port::Env& Node::env() {
  ASSERT(up());
  return lives_.back()->env;
}

Host& Node::host() {
  ASSERT(up());
  return lives_.back()->host;
}

port::IpAddress Node::address(port::IpFamily family) const {
  for (const port::IpAddress& address : options_.addresses) {
    if (address.family() == family) return address;
  }
  ASSERT(!"the node has no address of this family");
  return {};
}

void Node::set_addresses(std::vector<port::IpAddress> addresses) {
  options_.addresses = addresses;
  world_.net().move(host(), std::move(addresses));
}

void Node::spawn(Task<void> task) {
  ASSERT(up());
  const heap::Scope scope(id_);
  bool spawned = lives_.back()->tasks.spawn(std::move(task));
  ASSERT(spawned);
}

bool Node::up() const noexcept {
  return lives_.back()->host.alive();
}

void Node::kill(Crash how) {
  ASSERT(up());
  Life& life = *lives_.back();
  world_.trace(mix(id_, static_cast<std::uint64_t>(how)));
  world_.clock().disarm(*disk_failure_);
  world_.net().detach(life.host, how == Crash::power);
  life.pool.die();
  life.files.die();
  life.key_values.die();
  if (how == Crash::power) disk_->crash();
  life.tasks.cancel();
}

void Node::restart() {
  ASSERT(!up());
  begin_life();
}

void Node::set_wall_skew(Duration skew) {
  wall_->set_skew(skew);
}

void Node::cancel_all() noexcept {
  for (auto& life : lives_)
    life->tasks.cancel();
}

std::size_t Node::live_tasks() const noexcept {
  std::size_t count = 0;
  for (const auto& life : lives_)
    count += life->tasks.size();
  return count;
}

}  // namespace kith::sim
