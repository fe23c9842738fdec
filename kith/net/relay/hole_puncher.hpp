// HolePuncher: makes direct connections of relayed ones (libp2p/specs relay/DCUtR.md; the messages
// and their timing are in dcutr.hpp).
//
// Of two that a relay connects, the one that was called begins: it dials what the other says of its
// addresses, and if that fails both dial each other at the same moment, up to dcutr_attempts_max
// times, with pauses that grow. At the last of them it takes the client's part, as go-libp2p does:
// the other may have a listener that took our dial for an ordinary one. What a peer says of its
// addresses counts as far as it is seen through the relay: a peer behind a public relay makes
// nobody dial into a private network. For one peer one upgrade is under way at a time, for all of
// them dcutr_peers_max. New streams go to the direct connection by themselves, and the relayed one
// is closed when it is idle (swarm.hpp). Limits: limits.hpp. Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <vector>

#include <kith/net/identify.hpp>
#include <kith/net/relay/dcutr.hpp>
#include <kith/net/swarm.hpp>

namespace kith::net {

class HolePuncher final : public SwarmObserver {
 public:
  /// Where we may be reached, as far as we know: what others see of us, best first. Those that
  /// lead through relays are left out.
  using Addresses = std::function<std::vector<multiformats::Multiaddr>()>;

  HolePuncher(port::Env& env, Swarm& swarm, Identify& identify, Addresses addresses);
  ~HolePuncher() override;

  /// After the swarm has been closed.
  Task<void> close_shielded();

  struct Counters {
    std::uint64_t begun = 0;
    std::uint64_t dialed = 0;   ///< made direct without any punching
    std::uint64_t punched = 0;  ///< with
    std::uint64_t failed = 0;
  };
  const Counters& counters() const noexcept { return counters_; }

  void on_connected(const ConnectionInfo& connection) override;

 private:
  Task<void> upgrade(ConnectionInfo relayed);
  Task<void> make_direct(const ConnectionInfo& relayed);
  Task<void> punch(const ConnectionInfo& relayed, Direction part);
  Task<void> exchange(Stream& stream, HolePunchInitiator& initiator, Instant deadline);
  Task<void> serve(std::unique_ptr<Stream> stream);
  std::vector<multiformats::Multiaddr> own_addresses(const ConnectionInfo& relayed) const;

  port::Env& env_;
  port::Logger log_;
  Swarm& swarm_;
  Identify& identify_;
  Addresses addresses_;
  std::set<multiformats::PeerId> upgrading_;
  Counters counters_;
  port::TaskGroup tasks_;
};

}  // namespace kith::net
