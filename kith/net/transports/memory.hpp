// Connections between peers of one process: /memory/7. For tests and programs that hold several
// hosts; Noise and yamux as over TCP, and no system call.
//
// Who shall reach each other share a MemoryNetwork. They run on the same loop, and the network
// outlives their swarms.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include <kith/crypto/keys.hpp>
#include <kith/net/transports/transport.hpp>
#include <kith/port/env.hpp>

namespace kith::net {

/// Those that dialed and whom nobody has accepted yet, for each listener.
inline constexpr std::size_t memory_backlog_max = 128;

class MemoryDoor;

/// Who listens at which number.
class MemoryNetwork {
 public:
  MemoryNetwork() = default;
  MemoryNetwork(const MemoryNetwork&) = delete;
  MemoryNetwork& operator=(const MemoryNetwork&) = delete;

 private:
  friend class MemoryDoor;
  friend class MemoryTransport;
  /// A number that nobody has had, for those who don't ask for one.
  std::uint64_t next() noexcept;

  std::map<std::uint64_t, MemoryDoor*> doors_;
  std::uint64_t last_ = 0;
};

class MemoryTransport final : public Transport {
 public:
  MemoryTransport(port::Env& env, crypto::PrivateKey identity, MemoryNetwork& network)
      : env_(env), identity_(std::move(identity)), network_(network) {}

  std::string_view name() const noexcept override { return "memory"; }
  bool dials(const multiformats::Multiaddr& address) const override;
  bool listens(const multiformats::Multiaddr& address) const override { return dials(address); }
  /// /memory/0 chooses a number.
  Result<std::unique_ptr<Listener>> listen(const multiformats::Multiaddr& address) override;
  /// Errc::refused if nobody listens there, or accepts.
  Task<std::unique_ptr<Connection>> dial(multiformats::PeerId peer, multiformats::Multiaddr address,
                                         ConnectionTerms terms) override;

 private:
  port::Env& env_;
  crypto::PrivateKey identity_;
  MemoryNetwork& network_;
};

}  // namespace kith::net
