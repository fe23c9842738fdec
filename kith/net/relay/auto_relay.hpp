// AutoRelay: while this node can't be reached, it holds reservations at a few relays, so that it
// can be reached through them (as go-libp2p's autorelay does).
//
// Relays are the operator's (Swarm.RelayClient.StaticRelays), all of them, or else whoever is
// connected directly and speaks the hop protocol, auto_relays_wanted of them, chosen at random. One
// that refuses, or is lost, makes room for another and is left alone for a while, longer each time.
// The addresses are told by way of the swarm's listeners (client.hpp).
// Limits: limits.hpp. Loop thread only.
#pragma once

#include <map>
#include <vector>

#include <kith/net/relay/client.hpp>
#include <kith/net/swarm.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>

namespace kith::net {

struct StaticRelay {
  multiformats::PeerId peer;
  std::vector<multiformats::Multiaddr> addresses;  ///< without /p2p
};

class AutoRelay final : public SwarmObserver {
 public:
  /// At most auto_relay_backoffs_max of the static relays count. Does nothing until it is told
  /// to.
  AutoRelay(port::Env& env, Swarm& swarm, RelayTransport& transport,
            std::vector<StaticRelay> relays = {});
  ~AutoRelay() override;

  /// Whether relays are wanted: seeks them from now on, or gives all of them up.
  void want_relays(bool wanted);
  bool wants_relays() const noexcept { return wanted_; }

  /// Before the swarm is closed.
  Task<void> close_shielded();

  void on_connected(const ConnectionInfo&) override { changed_.notify_all(); }

 private:
  struct Backoff {
    Instant until{};
    int failures = 0;
  };

  Task<void> run();
  void look();
  void drop_failed();
  void add_some();
  std::vector<multiformats::PeerId> candidates();
  void give_up(const multiformats::PeerId& relay);
  std::size_t places() const noexcept;

  port::Env& env_;
  port::Logger log_;
  Swarm& swarm_;
  RelayTransport& transport_;
  std::vector<StaticRelay> static_;
  bool wanted_ = false;
  std::map<multiformats::PeerId, multiformats::Multiaddr> listening_;  ///< by relay
  std::map<multiformats::PeerId, Backoff> backoff_;
  port::Event changed_;
  port::TaskGroup tasks_;
};

}  // namespace kith::net
