// Swarm: a network of peers, drawn from a seed, that share one file. What a scenario is written in:
//
//   Swarm swarm(seed, {.peers = 40, .file_bytes = 4 << 20});
//   swarm.begins();                                        // all start and connect; peer 0 adds
//   swarm.all_fetch();
//   swarm.run_until([&] { return swarm.progress() > 0.4; });
//   swarm.peer(7).leaves(Leaving::power);
//   swarm.expect_all_done();
//
// Who knows whom, the file and the links are drawn from the seed. Invariants are checked every
// check_interval of virtual time while the world runs. A failure prints how to run its seed alone.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <kith/sim/world.hpp>

#include "liar.hpp"
#include "peer.hpp"

namespace kith::scenario {

inline constexpr Duration check_interval = 250ms;
inline constexpr Duration patience = 30min;

/// Links that are wide compared with the lines to them, with windows that grow and packets that are
/// lost.
sim::WorldOptions home_world();

struct SwarmOptions {
  std::size_t peers = 40;
  /// Others that each peer knows, beside peer 0.
  std::size_t neighbours = 15;
  /// Instead: the one peer that all others know, and nobody else; they find each other by the DHT.
  std::optional<std::size_t> meeting_point{};
  std::size_t file_bytes = 4 << 20;
  /// Beside the peers, each telling one of these lies. They connect to as many as peers do, and
  /// peers know them.
  std::size_t liars = 0;
  std::vector<Lie> lies{};
  PeerOptions peer{};
  /// Peers begin to fetch within this time.
  Duration begin_within = 5s;
  sim::WorldOptions world = home_world();
  /// Everyone's: 20 Mbit/s up, 100 Mbit/s down.
  sim::LineOptions line{.up_bytes_per_second = 2'500'000, .down_bytes_per_second = 12'500'000};
};

class Swarm {
 public:
  Swarm(std::uint64_t seed, SwarmOptions options);
  ~Swarm();

  sim::World& world() noexcept { return world_; }
  const SwarmOptions& options() const noexcept { return options_; }
  std::size_t size() const noexcept { return peers_.size(); }
  Peer& peer(std::size_t index) { return *peers_.at(index); }
  Liar& liar(std::size_t index) { return *liars_.at(index); }
  std::size_t liars() const noexcept { return liars_.size(); }
  const Buffer& file() const noexcept { return file_; }
  /// Of the file: leaves, and the nodes above them.
  std::uint64_t file_blocks() const noexcept;
  const Cid& root() const { return *peers_[0]->root(); }

  /// Starts everyone, waits until they are connected and peer 0 has added the file.
  void begins();
  /// Everyone but peer 0 begins to fetch, each at a moment of its own.
  void all_fetch();
  /// Peers other than peer 0, drawn from the seed.
  std::vector<std::size_t> draw(std::size_t count);

  /// Runs, and checks the invariants on the way. False after `limit`.
  bool run_until(const std::function<bool()>& done, Duration limit = patience);

  /// The share of all bytes that those who stay have read.
  double progress() const;
  bool all_done() const;
  /// Runs until all that stay are done, and fails if they aren't.
  void expect_all_done(Duration limit = patience);

  /// How many copies of the file peer 0 has sent.
  double seed_copies() const;
  /// Figures of all peers.
  Figures total() const;
  /// The most that one of them ever held in memory; 0 if that isn't counted.
  std::uint64_t memory_bytes_max() const;
  /// Of fetches that are done: the virtual seconds that `share` of them took at most.
  double seconds(double share) const;
  std::string summary() const;
  /// Prints the summary, and records it for the results.
  void tell() const;

 private:
  void make_known();
  void check();
  void check(Peer& peer);
  void watch_the_first();

  SwarmOptions options_;
  sim::World world_;
  Buffer file_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<std::unique_ptr<Liar>> liars_;
  /// How many waited for peer 0 at a time, and how many of them for one block.
  std::size_t askers_max_ = 0;
  std::size_t askers_of_a_block_max_ = 0;
  /// The most that each peer ever had, at the moments of checking.
  std::map<sim::NodeId, std::size_t> connections_max_;
};

/// Runs a seed and returns the hash of what happened.
using Scenario = std::function<std::uint64_t(std::uint64_t)>;

/// Runs KITH_SEED alone if it is set, else so many seeds from `first` on, times KITH_SIM_SEEDS.
/// Stops at the first that fails. The first one is run twice if `twice`: both runs must be the
/// same, event for event. Hashes are recorded as trace_hash_of_<seed>.
void run_seeds(std::uint64_t first, std::size_t count, const Scenario& scenario, bool twice = true);

}  // namespace kith::scenario
