// NetworkSize: how many peers serve a DHT, estimated from lookups. Peers' places are spread evenly,
// so of n peers the i-th nearest to a place is i / (n + 1) of the keyspace away from it on average.
// The slope of the line through what was found at each rank, by least squares, is 1 / (n + 1), as
// go-libp2p-kad-dht's netsize has it. Here the medians of the lookups are what the line goes
// through, and not their averages: whoever bends less than half of the lookups doesn't move it far.
//
// And what follows from it: how near a peer must be to be one of the k nearest. Pure.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <vector>

#include <kith/base/time.hpp>
#include <kith/dht/key.hpp>
#include <kith/dht/limits.hpp>

namespace kith::dht {

/// A distance as a share of the keyspace, from 0 to 1.
double share_of_keyspace(const Key& away) noexcept;

class NetworkSize {
 public:
  /// Of lookups that find `wanted` peers.
  explicit NetworkSize(std::size_t wanted = bucket_size) : wanted_(wanted) {}

  /// What a lookup that came to its end has found, the nearest first. One that found fewer than
  /// wanted says nothing; a second one of the same place takes the first one's place.
  void add(const Key& target, std::span<const PeerId> nearest, Instant now);
  /// Nothing before size_samples_min lookups of the last size_sample_age_max.
  std::optional<double> estimate(Instant now) const;
  /// How many of them there are.
  std::size_t samples(Instant now) const;

 private:
  struct Sample {
    Key target;
    Instant at;
    std::vector<double> away;  ///< by rank
  };
  std::size_t wanted_;
  std::deque<Sample> samples_;  ///< the oldest first, at most size_samples_max
};

/// Distances, as shares of the keyspace, in a network of so many peers.
struct Nearness {
  /// A peer that is nearer is one of the k nearest in nine of ten networks.
  double one = 0;
  /// The average of the k nearest is less in five of six networks: if those that are known are as
  /// near, they are likely to be all. go's bound is met more often, which leaves more of them out.
  double average = 0;
  /// Nearer than this they aren't by chance, but in one of a thousand networks.
  double average_least = 0;

  static Nearness in_network_of(double peers, std::size_t wanted);
};

}  // namespace kith::dht
