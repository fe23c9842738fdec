#include "swarm.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <kith/sim/testing.hpp>

namespace kith::scenario {

sim::WorldOptions home_world() {
  sim::WorldOptions options;
  options.network.bytes_per_second_min = 25'000'000;
  options.network.congestion = true;
  options.network.tcp_loss_max = 0.001;
  return options;
}

Swarm::Swarm(std::uint64_t seed, SwarmOptions options)
    : options_(std::move(options)), world_(seed, options_.world) {
  Prng& prng = world_.prng();
  file_ = Buffer::allocate(options_.file_bytes);
  prng.fill(file_.mutable_bytes());
  for (std::size_t i = 0; i < options_.peers; ++i) {
    peers_.push_back(std::make_unique<Peer>(world_, sim::NodeOptions{}, options_.peer));
    world_.net().set_line(peers_.back()->machine().id(), options_.line);
  }
  for (std::size_t i = 0; i < options_.liars; ++i) {
    Lie lie = options_.lies.at(prng.below(options_.lies.size()));
    liars_.push_back(std::make_unique<Liar>(world_, lie));
  }
  make_known();
}

/// Each knows peer 0 and some others, liars among them. Liars know honest peers.
void Swarm::make_known() {
  if (options_.meeting_point) {
    const Multiaddr there = peers_.at(*options_.meeting_point)->address();
    for (std::size_t i = 0; i < peers_.size(); ++i) {
      if (i != *options_.meeting_point) peers_[i]->knows(there);
    }
    return;
  }
  Prng& prng = world_.prng();
  const std::size_t all = peers_.size() + liars_.size();
  for (std::size_t i = 1; i < all; ++i) {
    const bool lies = i >= peers_.size();
    const std::size_t others = lies ? peers_.size() : all;
    std::set<std::size_t> known = {0};
    while (known.size() < std::min(options_.neighbours + 1, others - 1)) {
      std::size_t other = prng.below(others);
      if (other != i) known.insert(other);
    }
    for (std::size_t other : known) {
      const bool liar = other >= peers_.size();
      const Multiaddr address =
          liar ? liars_[other - peers_.size()]->address() : peers_[other]->address();
      if (lies) {
        liars_[i - peers_.size()]->knows(address);
      } else {
        peers_[i]->knows(address);
      }
    }
  }
}

std::uint64_t Swarm::file_blocks() const noexcept {
  const std::size_t leaves =
      (file_.size() + options_.peer.chunk_bytes - 1) / options_.peer.chunk_bytes;
  return leaves > 1 ? leaves + 1 : 1;
}

std::vector<std::size_t> Swarm::draw(std::size_t count) {
  std::vector<std::size_t> all;
  for (std::size_t i = 1; i < peers_.size(); ++i)
    all.push_back(i);
  for (std::size_t i = 0; i < count; ++i)
    std::swap(all[i], all[i + world_.prng().below(all.size() - i)]);
  all.resize(count);
  return all;
}

Swarm::~Swarm() {
  // The tasks of a world that ends refer to the peers.
  world_.finish();
}

void Swarm::begins() {
  for (auto& peer : peers_)
    peer->starts();
  for (auto& liar : liars_)
    liar->starts();
  peers_[0]->adds(file_);
  auto ready = [this] {
    return peers_[0]->root() && std::ranges::all_of(peers_, [](const auto& peer) {
             return peer->node() != nullptr && peer->node()->swarm().connection_count() > 0;
           });
  };
  EXPECT_TRUE(run_until(ready, 2min)) << "the peers do not connect";
}

void Swarm::all_fetch() {
  std::vector<std::pair<Instant, std::size_t>> begins;
  for (std::size_t i = 1; i < peers_.size(); ++i) {
    Duration after(world_.prng().below(options_.begin_within.count() + 1));
    begins.emplace_back(world_.now() + after, i);
  }
  std::ranges::sort(begins);
  for (const auto& [at, index] : begins) {
    world_.run_until([] { return false; }, at);
    peers_[index]->fetches(root(), file_);
  }
}

bool Swarm::run_until(const std::function<bool()>& done, Duration limit) {
  const Instant end = world_.now() + limit;
  while (!testing::Test::HasFailure()) {
    if (world_.run_until(done, std::min(end, world_.now() + check_interval))) return true;
    check();
    if (world_.now() >= end) break;
  }
  return done();
}

void Swarm::check() {
  for (auto& peer : peers_)
    check(*peer);
  watch_the_first();
}

void Swarm::watch_the_first() {
  if (peers_[0]->node() == nullptr) return;
  const exchange::Bitswap& bitswap = peers_[0]->node()->bitswap();
  std::map<Cid, std::size_t> askers;
  const std::vector<PeerId> partners = bitswap.server().peers();
  for (const PeerId& partner : partners) {
    for (const Cid& cid : bitswap.wants_of(partner))
      ++askers[cid];
  }
  askers_max_ = std::max(askers_max_, partners.size());
  for (const auto& [cid, count] : askers)
    askers_of_a_block_max_ = std::max(askers_of_a_block_max_, count);
}

void Swarm::check(Peer& peer) {
  const std::string& name = peer.machine().name();
  const node::MemoryBounds& memory = options_.peer.memory;
  if (peer.node() == nullptr) return;
  const std::size_t connections = peer.node()->swarm().connection_count();
  // Trimming waits for its time, but the limits on connections don't.
  const net::ScopeReport system = peer.node()->swarm().resources().system;
  for (net::Resource resource : net::all_resources)
    EXPECT_LE(system.used[resource], system.limits[resource]) << name;
  std::size_t& most = connections_max_[peer.machine().id()];
  most = std::max(most, connections);
  EXPECT_LE(peer.machine().memory().bytes_max, scenario::memory_bytes_max(memory, most)) << name;
  EXPECT_LE(peer.node()->bitswap().server().unsent_bytes(), memory.unsent) << name;
}

double Swarm::progress() const {
  double sum = 0;
  std::size_t count = 0;
  for (std::size_t i = 1; i < peers_.size(); ++i) {
    if (peers_[i]->gone()) continue;
    sum += peers_[i]->progress();
    ++count;
  }
  return count == 0 ? 1 : sum / static_cast<double>(count);
}

bool Swarm::all_done() const {
  for (std::size_t i = 1; i < peers_.size(); ++i) {
    if (!peers_[i]->gone() && !peers_[i]->done()) return false;
  }
  return true;
}

void Swarm::expect_all_done(Duration limit) {
  if (run_until([this] { return all_done(); }, limit)) return;
  std::string waiting;
  for (std::size_t i = 1; i < peers_.size(); ++i) {
    if (!peers_[i]->gone() && !peers_[i]->done()) waiting += "  " + peers_[i]->describe() + "\n";
  }
  ADD_FAILURE() << "not all are done:\n" << waiting;
}

double Swarm::seed_copies() const {
  return static_cast<double>(peers_[0]->figures().bytes_sent) / static_cast<double>(file_.size());
}

Figures Swarm::total() const {
  Figures all;
  for (const auto& peer : peers_)
    all += peer->figures();
  return all;
}

std::uint64_t Swarm::memory_bytes_max() const {
  std::uint64_t most = 0;
  for (const auto& peer : peers_)
    most = std::max(most, peer->machine().memory().bytes_max);
  return most;
}

double Swarm::seconds(double share) const {
  std::vector<Duration> took;
  for (std::size_t i = 1; i < peers_.size(); ++i) {
    if (peers_[i]->done()) took.push_back(peers_[i]->done_at() - peers_[i]->begun_at());
  }
  if (took.empty()) return 0;
  std::ranges::sort(took);
  auto rank = static_cast<std::size_t>(share * static_cast<double>(took.size() - 1));
  return std::chrono::duration<double>(took[rank]).count();
}

std::string Swarm::summary() const {
  const Figures all = total();
  const double received = static_cast<double>(std::max<std::uint64_t>(1, all.bytes_received));
  return fmt::format(
      "{} peers, {} KiB: {:.1f} s for half of them, {:.1f} s for all; the first sent {:.1f} "
      "copies (at most {} waited for it, {} of them for one block); "
      "{:.1f} % of bytes came twice; {} stalls; {:.1f} MiB of memory at most",
      peers_.size(), file_.size() / 1024, seconds(0.5), seconds(1), seed_copies(), askers_max_,
      askers_of_a_block_max_, 100 * static_cast<double>(all.duplicate_bytes) / received, all.stalls,
      static_cast<double>(memory_bytes_max()) / (1 << 20));
}

void Swarm::tell() const {
  const std::string text = summary();
  testing::Test::RecordProperty(fmt::format("summary_of_{}", world_.seed()), text);
  std::printf("    seed %llu: %s\n", static_cast<unsigned long long>(world_.seed()), text.c_str());
}

namespace {

/// False after a failure, with the command that runs the seed alone.
bool went_well(std::uint64_t seed) {
  if (!testing::Test::HasFailure()) return true;
  const testing::TestInfo& test = *testing::UnitTest::GetInstance()->current_test_info();
  ADD_FAILURE() << fmt::format(
      "seed {} failed; to run it alone:\n"
      "  KITH_SEED={} build/dev/tests/sim/sim_scenarios --gtest_filter={}.{}",
      seed, seed, test.test_suite_name(), test.name());
  return false;
}

void record_hash(std::uint64_t seed, std::uint64_t hash) {
  const std::string text = fmt::format("{:016x}", hash);
  testing::Test::RecordProperty(fmt::format("trace_hash_of_{}", seed), text);
  if (std::getenv("KITH_SEED") != nullptr) std::printf("trace %s\n", text.c_str());
}

}  // namespace

void run_seeds(std::uint64_t first, std::size_t count, const Scenario& scenario, bool twice) {
  const char* one = std::getenv("KITH_SEED");
  if (one != nullptr) first = std::strtoull(one, nullptr, 10);
  if (one != nullptr) count = 1;
  if (one == nullptr) count *= sim::seed_factor();
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const std::uint64_t hash = scenario(seed);
    record_hash(seed, hash);
    if (twice && seed == first && !testing::Test::HasFailure()) {
      EXPECT_EQ(scenario(seed), hash) << "the seed does not repeat";
    }
    if (!went_well(seed)) return;
  }
}

}  // namespace kith::scenario
