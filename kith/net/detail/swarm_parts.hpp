// What a Swarm keeps of each connection, listener and dial. Only swarm*.cpp sees it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <kith/base/budget.hpp>
#include <kith/net/swarm.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>

namespace kith::net {

/// One more in a counter, for as long as it lives.
class Counted {
 public:
  explicit Counted(std::size_t& counter) noexcept : counter_(counter) { ++counter_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --counter_; }

 private:
  std::size_t& counter_;
};

struct Swarm::Link {
  Link(ConnectionId its_id, std::unique_ptr<Connection> its_connection, port::Env& env,
       std::size_t streams_max)
      : id(its_id),
        connection(std::move(its_connection)),
        tasks(env.executor, env.clock, streams_max + 1) {}

  /// Open in both directions, and about to be.
  std::size_t streams() const noexcept {
    const ConnectionStats stats = connection->stats();
    return stats.streams_inbound + stats.streams_outbound + outbound_opening;
  }

  ConnectionId id;
  std::unique_ptr<Connection> connection;
  port::TaskGroup tasks;  ///< accepting streams, and a handler for each
  std::map<ProtocolId, std::size_t> inbound_streams;
  std::size_t outbound_opening = 0;
  Instant opened_at{};
  Instant idle_since{};
  bool announced = false;
};

struct Swarm::Listener {
  multiformats::Multiaddr address;  ///< with the port in use
  std::unique_ptr<port::TcpListener> socket;
};

/// A dial that any number of tasks wait for. It lives in dials_ until it has ended and nobody waits
/// any more.
struct Swarm::PendingDial {
  PendingDial(port::Env& env, std::vector<multiformats::Multiaddr> addresses)
      : given(std::move(addresses)), done(env.clock) {}

  std::vector<multiformats::Multiaddr> given;
  port::OneShot<ConnectionId> done;
};

/// The attempts of one dial: the first connection wins, the others are given up.
struct Swarm::Race {
  Race(port::Env& env, multiformats::PeerId to, std::size_t attempts_max)
      : peer(to), progress(env.clock), attempts(env.executor, env.clock, attempts_max) {}

  multiformats::PeerId peer;
  std::unique_ptr<Connection> winner;
  std::vector<std::string> failures;
  std::size_t skipped_by_backoff = 0;
  std::size_t running = 0;
  port::Event progress;
  port::TaskGroup attempts;
};

}  // namespace kith::net
