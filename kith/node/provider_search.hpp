// ProviderSearch: finds more peers for transfers that stand still: when no connected peer has the
// wanted block for a second, the routers are asked who has it, and a few of those are dialed. A
// search that brought nothing is made again later, each time after a longer wait.
//
// Only the block that a transfer waits for is looked for; who has it usually has the rest. The
// swarm, the router and whoever is looked for outlive it. Loop thread only.
#pragma once

#include <cstdint>
#include <map>

#include <kith/exchange/bitswap_client.hpp>
#include <kith/net/swarm.hpp>
#include <kith/port/env.hpp>
#include <kith/port/task_group.hpp>
#include <kith/routing/routing.hpp>

namespace kith::node {

/// How long a transfer stands still before its first search.
inline constexpr Duration provider_search_delay = 1s;
inline constexpr Duration provider_search_pause = 10s;
inline constexpr Duration provider_search_pause_max = 5min;
inline constexpr Duration provider_search_timeout = 1min;
/// Of one search: providers that are enough, as many of which are dialed at a time, and providers
/// that wait to be dialed. Anybody can say that somebody provides, so those that don't answer don't
/// count. Searches at once.
inline constexpr std::size_t provider_connections_enough = 10;
inline constexpr std::size_t provider_candidates_max = 1'000;
inline constexpr std::size_t provider_searches_max = 8;

class ProviderSearch {
 public:
  ProviderSearch(port::Env& env, net::Swarm& swarm, routing::Routing& routing);
  ProviderSearch(const ProviderSearch&) = delete;
  ProviderSearch& operator=(const ProviderSearch&) = delete;

  /// Looks at a transfer, every second or so; begins a search if it is time for one.
  void look(std::uint64_t transfer, const exchange::TransferStatus& status);
  /// The transfer has ended.
  void forget(std::uint64_t transfer) { looked_at_.erase(transfer); }

  /// Gives up what is under way. Before the swarm is closed.
  Task<void> close_shielded();

  std::uint64_t searches() const noexcept { return searches_; }

 private:
  struct Seen {
    std::uint64_t blocks = 0;
    Instant moved_at{};
    Instant next{};
    Duration pause = provider_search_pause;
  };

  struct Dialing;

  Task<void> search(multiformats::Multihash content);
  Task<void> dial_some(Dialing& dialing);
  Task<void> dial(multiformats::PeerId peer, Instant deadline);

  port::Env& env_;
  port::Logger log_;
  net::Swarm& swarm_;
  routing::Routing& routing_;
  std::map<std::uint64_t, Seen> looked_at_;
  std::uint64_t searches_ = 0;
  port::TaskGroup tasks_;
};

}  // namespace kith::node
