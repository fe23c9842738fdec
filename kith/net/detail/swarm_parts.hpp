// What a Swarm keeps of each connection, listener and dial. Only swarm*.cpp sees it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <kith/net/dial_queue.hpp>
#include <kith/net/swarm.hpp>
#include <kith/net/transports/transport.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>

namespace kith::net {

struct Swarm::Link {
  Link(ConnectionId its_id, Admitted admitted, port::Env& env)
      : id(its_id),
        grant(std::move(admitted.grant)),
        connection(std::move(admitted.connection)),
        tasks(env.executor, env.clock) {}

  /// Open in both directions, and about to be.
  std::size_t streams() const noexcept {
    const ConnectionStats stats = connection->stats();
    return stats.streams_inbound + stats.streams_outbound + outbound_opening;
  }

  /// The smaller the better: direct, through a relay, through one that carries little.
  int detour() const noexcept {
    if (connection->limited()) return 2;
    return connection->remote_address().is_relayed() ? 1 : 0;
  }

  ConnectionId id;
  std::unique_ptr<ConnectionGrant> grant;
  std::unique_ptr<Connection> connection;
  port::TaskGroup tasks;  ///< accepting streams, and a handler for each that was granted
  /// Streams may outlive their connection.
  std::shared_ptr<StreamRecords> open_streams = std::make_shared<StreamRecords>();
  std::size_t outbound_opening = 0;
  Instant opened_at{};
  Instant idle_since{};
};

/// What is listened on; in doors_, and in the hands of the task that accepts.
struct Swarm::Door {
  multiformats::Multiaddr given;  ///< to listen()
  std::unique_ptr<Listener> listener;
};

/// A dial of one peer: its attempts race, the first connection wins, the others are given up. Any
/// number of tasks wait for it, and add addresses to it; when none is left it is given up. It is in
/// dials_ until its outcome is known.
struct Swarm::Dial {
  Dial(Swarm& swarm, multiformats::PeerId to, bool only_unrelayed);
  /// Of which backoff doesn't count: a hole is punched where a dial has failed before.
  Dial(Swarm& swarm, multiformats::PeerId to, std::optional<Direction> its_punching);
  /// Addresses that somebody who asks for the dial knows.
  void add(std::vector<multiformats::Multiaddr> addresses);

  multiformats::PeerId peer;
  Instant deadline;
  std::vector<multiformats::Multiaddr> given;
  DialQueue queue;
  std::optional<Direction> punching;  ///< ConnectionTerms
  bool directly = false;
  bool unrelayed = false;  ///< only a connection through no relay will do
  std::size_t waiting = 0;
  std::optional<Admitted> winner;
  std::vector<std::string> failures;
  port::Event progress;  ///< something of the above has changed
  port::OneShot<ConnectionId> done;
  port::TaskGroup tasks;  ///< attempts and look-ups
};

/// A task that waits for a dial.
class Swarm::DialWaiter {
 public:
  explicit DialWaiter(std::shared_ptr<Dial> dial) : dial_(std::move(dial)) { ++dial_->waiting; }
  DialWaiter(const DialWaiter&) = delete;
  DialWaiter& operator=(const DialWaiter&) = delete;
  ~DialWaiter() {
    if (--dial_->waiting == 0) dial_->progress.notify_all();
  }

 private:
  std::shared_ptr<Dial> dial_;
};

/// One attempt of a dial, from when the queue gave it out; its end, whatever it is, tells the
/// queue.
class Swarm::DialAttempt {
 public:
  DialAttempt(Dial& dial, const multiformats::Multiaddr& address) noexcept
      : dial_(&dial), relayed_(address.is_relayed()) {}
  DialAttempt(DialAttempt&& other) noexcept
      : dial_(std::exchange(other.dial_, nullptr)), relayed_(other.relayed_) {}
  DialAttempt& operator=(DialAttempt&&) = delete;
  ~DialAttempt() {
    if (dial_ == nullptr) return;
    dial_->queue.attempt_ended(relayed_);
    dial_->progress.notify_all();
  }

 private:
  Dial* dial_;
  bool relayed_;
};

}  // namespace kith::net
