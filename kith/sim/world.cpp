#include <cstdio>
#include <filesystem>

#include <fmt/format.h>

#include <kith/base/assert.hpp>
#include <kith/sim/world.hpp>

namespace kith::sim {
namespace {

/// How long the tasks of a world that ends may take to unwind, in virtual time.
constexpr Duration unwind_time_max = 10min;
/// More handlers at one instant than any honest program needs: two tasks wake each other for ever.
constexpr std::uint64_t handlers_max = 50'000'000;

std::size_t count_threads() {
  std::error_code error;
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task", error)) {
    static_cast<void>(entry);
    ++count;
  }
  return count;
}

}  // namespace

World::World(std::uint64_t seed, WorldOptions options)
    : seed_(seed),
      options_(std::move(options)),
      threads_(count_threads()),
      prng_(mix(seed, 'w')),
      queue_(options_.shuffle_ready ? std::optional(Prng(mix(seed, 'q'))) : std::nullopt),
      network_(std::make_unique<Network>(clock_, trace_, mix(seed, 'n'), options_.network)) {
  heap::begin();
}

World::~World() {
  finish();
}

Node& World::add_node(NodeOptions options) {
  auto id = static_cast<NodeId>(nodes_.size() + 1);
  nodes_.push_back(std::make_unique<Node>(*this, id, std::move(options)));
  return *nodes_.back();
}

void World::run_ready() {
  std::uint64_t handlers = 0;
  while (queue_.run_one()) {
    ++handlers;
    ASSERT(handlers < handlers_max);
  }
  if (handlers > 0) trace_.add(handlers);
}

bool World::jump(Instant limit) {
  std::optional<Instant> next = clock_.next();
  if (!next || *next > limit) return false;
  clock_.advance(std::max(*next, clock_.now()));
  trace_.add(static_cast<std::uint64_t>(clock_.now().time_since_epoch().count()));
  return true;
}

bool World::run_until(const std::function<bool()>& done, Instant deadline) {
  do {
    run_ready();
    if (done()) return true;
  } while (jump(deadline));
  if (deadline != never && deadline > now()) {
    clock_.advance(deadline);
    run_ready();
  }
  return done();
}

void World::run_for(Duration duration) {
  run_until([] { return false; }, now() + duration);
}

bool World::run_to_rest(Instant deadline) {
  run_ready();
  while (jump(deadline))
    run_ready();
  return !clock_.next().has_value();
}

std::optional<Error> World::drive(Task<void> task, Duration limit) {
  port::TaskGroup group(executor(), clock_);
  group.spawn(std::move(task));
  auto ended = [&group] { return group.size() == 0; };
  if (run_until(ended, now() + limit)) return std::nullopt;
  const char* why = clock_.next() ? "the task took too long" : "the task waits and nothing happens";
  group.cancel();
  run_until(ended, now() + unwind_time_max);
  if (group.size() != 0) std::fprintf(stderr, "a cancelled task does not end\n%s", logs().c_str());
  ASSERT(group.size() == 0);
  return Error(Errc::timed_out, fmt::format("{} (seed {})", why, seed_));
}

void World::finish() {
  if (finished_) return;
  finished_ = true;
  for (auto& node : nodes_)
    node->cancel_all();
  auto ended = [this] {
    return std::ranges::all_of(nodes_, [](auto& node) { return node->live_tasks() == 0; });
  };
  if (!run_until(ended, now() + unwind_time_max)) {
    for (auto& node : nodes_) {
      if (node->live_tasks() == 0) continue;
      std::fprintf(stderr, "%s: %zu tasks do not end (seed %llu)\n%s", node->name().c_str(),
                   node->live_tasks(), static_cast<unsigned long long>(seed_),
                   node->log().text().c_str());
    }
    ASSERT(!"tasks that were cancelled have not ended");
  }
  network_->drop_everything();
  ASSERT(network_->connections() == 0);
  ASSERT(queue_.empty());
  ASSERT(clock_.armed_timers() == 0);
  ASSERT(count_threads() == threads_);
}

std::string World::logs() {
  std::string all;
  for (auto& node : nodes_)
    all += node->log().text();
  return all;
}

}  // namespace kith::sim
