// LanDialer: connects to the peers that discovery on local networks finds. Their addresses go into
// the peer store for a while; those that aren't connected yet are dialed, a few at a time, as long
// as the swarm has fewer connections than it likes to keep. Limits: limits.hpp. Loop thread only.
#pragma once

#include <deque>
#include <set>

#include <kith/discovery/mdns_service.hpp>
#include <kith/net/swarm.hpp>
#include <kith/port/env.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>

namespace kith::discovery {

class LanDialer {
 public:
  LanDialer(port::Env& env, net::Swarm& swarm);
  LanDialer(const LanDialer&) = delete;
  LanDialer& operator=(const LanDialer&) = delete;

  void found(const FoundPeer& peer);

  /// Gives up what is under way. Before the swarm is closed.
  Task<void> close_shielded();

  std::size_t queued() const noexcept { return queue_.size(); }
  std::size_t dialing() const noexcept { return busy_.size() - queue_.size(); }

 private:
  Task<void> work();

  port::Env& env_;
  port::Logger log_;
  net::Swarm& swarm_;
  std::deque<multiformats::PeerId> queue_;
  /// Queued, or being dialed.
  std::set<multiformats::PeerId> busy_;
  std::size_t workers_ = 0;
  std::size_t idle_ = 0;
  port::Event queued_;
  port::TaskGroup tasks_;
};

}  // namespace kith::discovery
