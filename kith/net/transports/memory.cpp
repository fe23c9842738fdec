#include <algorithm>
#include <string>

#include <kith/base/assert.hpp>
#include <kith/net/limits.hpp>
#include <kith/net/swarm.hpp>
#include <kith/net/transports/address.hpp>
#include <kith/net/transports/memory.hpp>
#include <kith/net/upgrade.hpp>
#include <kith/port/event.hpp>
#include <kith/port/pipe.hpp>

namespace kith::net {

using multiformats::Multiaddr;

namespace {

Multiaddr memory_address(std::uint64_t number) {
  auto address = Multiaddr::parse("/memory/" + std::to_string(number));
  ASSERT(address.has_value());
  return *std::move(address);
}

std::uint64_t number_of(const Multiaddr& address) {
  std::uint64_t number = 0;
  for (const std::uint8_t byte : address.find(multiformats::Protocol::memory)->value)
    number = (number << 8) | byte;
  return number;
}

/// One that has dialed: its end of the pipe, and who it is to be called.
struct Arrival {
  port::StreamPtr stream;
  Multiaddr remote;
};

class MemoryIncoming final : public Incoming {
 public:
  MemoryIncoming(port::Env& env, crypto::PrivateKey identity, Multiaddr local, Arrival arrival)
      : env_(env),
        identity_(std::move(identity)),
        local_(std::move(local)),
        arrival_(std::move(arrival)) {}

  const Multiaddr& remote_address() const noexcept override { return arrival_.remote; }

  Task<std::unique_ptr<Connection>> upgrade(ConnectionTerms terms) override {
    UpgradeOptions options =
        upgrade_options(Direction::inbound, identity_, local_, arrival_.remote, terms);
    co_return co_await net::upgrade(env_, std::move(arrival_.stream), std::move(options));
  }

 private:
  port::Env& env_;
  crypto::PrivateKey identity_;
  Multiaddr local_;
  Arrival arrival_;
};

}  // namespace

class MemoryDoor final : public Listener {
 public:
  MemoryDoor(port::Env& env, crypto::PrivateKey identity, MemoryNetwork& network,
             std::uint64_t number)
      : env_(env),
        identity_(std::move(identity)),
        network_(network),
        number_(number),
        arrivals_(env.clock, memory_backlog_max) {
    network_.doors_.emplace(number_, this);
  }
  ~MemoryDoor() override { close(); }

  Task<std::unique_ptr<Incoming>> accept() override {
    KITH_CO_TRY(Arrival arrival, co_await arrivals_.pop());
    co_return std::make_unique<MemoryIncoming>(env_, identity_, memory_address(number_),
                                               std::move(arrival));
  }
  std::vector<Multiaddr> addresses() const override { return {memory_address(number_)}; }
  void close() noexcept override {
    if (arrivals_.closed()) return;
    network_.doors_.erase(number_);
    arrivals_.close();
    while (arrivals_.try_pop()) {
    }
  }

  bool knock(Arrival arrival) { return arrivals_.try_push(std::move(arrival)); }

 private:
  port::Env& env_;
  crypto::PrivateKey identity_;
  MemoryNetwork& network_;
  std::uint64_t number_;
  port::Channel<Arrival> arrivals_;
};

std::uint64_t MemoryNetwork::next() noexcept {
  do {
    ++last_;
  } while (doors_.contains(last_));
  return last_;
}

bool MemoryTransport::dials(const Multiaddr& address) const {
  const std::optional<TransportAddress> found = transport_address(address);
  return found && found->kind == TransportKind::memory;
}

Result<std::unique_ptr<Listener>> MemoryTransport::listen(const Multiaddr& address) {
  if (!listens(address)) return std::unexpected(Errc::unsupported);
  std::uint64_t number = number_of(address);
  if (number == 0) number = network_.next();
  if (network_.doors_.contains(number)) return std::unexpected(SwarmError::address_in_use);
  return std::make_unique<MemoryDoor>(env_, identity_, network_, number);
}

Task<std::unique_ptr<Connection>> MemoryTransport::dial(multiformats::PeerId peer,
                                                        Multiaddr address, ConnectionTerms terms) {
  if (!dials(address)) co_return std::unexpected(Errc::unsupported);
  auto door = network_.doors_.find(number_of(address));
  if (door == network_.doors_.end()) co_return std::unexpected(Errc::refused);
  auto [near, far] = port::pipe(env_.clock);
  Multiaddr local = memory_address(network_.next());
  if (!door->second->knock({std::move(far), local})) co_return std::unexpected(Errc::refused);
  UpgradeOptions options =
      upgrade_options(Direction::outbound, identity_, std::move(local), std::move(address), terms);
  options.expected_peer = peer;
  options.deadline = std::min(terms.deadline, env_.clock.now() + handshake_timeout);
  co_return co_await upgrade(env_, std::move(near), std::move(options));
}

}  // namespace kith::net
