// What a Swarm keeps of each connection, listener and dial. Only swarm*.cpp sees it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <kith/net/swarm.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>

namespace kith::net {

struct Swarm::Link {
  Link(ConnectionId its_id, Admitted admitted, port::Env& env)
      : id(its_id),
        grant(std::move(admitted.grant)),
        connection(std::move(admitted.connection)),
        tasks(env.executor, env.clock) {}

  ConnectionId id;
  std::unique_ptr<ConnectionGrant> grant;
  std::unique_ptr<Connection> connection;
  port::TaskGroup tasks;  ///< accepting streams, and a handler for each that was granted
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
  std::optional<Admitted> winner;
  std::vector<std::string> failures;
  std::size_t skipped_by_backoff = 0;
  std::size_t running = 0;
  port::Event progress;
  port::TaskGroup attempts;
};

}  // namespace kith::net
