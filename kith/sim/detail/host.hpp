// Host: the network stack of one life of one node (a restarted node gets a new one). Dead hosts
// stay allocated until the world ends: everything they are asked answers ENETDOWN.
#pragma once

#include <map>
#include <set>
#include <vector>

#include <kith/port/event.hpp>
#include <kith/port/net.hpp>
#include <kith/sim/net.hpp>

namespace kith::sim {

class SimTcpListener;
class SimUdpSocket;
class TcpHalf;

/// As many as a Linux service may have.
inline constexpr std::uint64_t simulated_descriptors_max = 524'288;

struct HostOptions {
  NodeId node = 0;
  std::vector<port::IpAddress> addresses;
  /// Multicast reaches the hosts of the same segment.
  std::uint32_t segment = 0;
};

/// A dial under way. The network knows of it because two sides may dial each other from and to the
/// same ports, which makes one connection (a simultaneous open).
struct DialAttempt {
  DialAttempt(Host& from_host, port::Endpoint from, port::Endpoint to);
  ~DialAttempt();
  /// Waits until `at`. True if the other side's dial has completed this one meanwhile.
  Task<bool> pause(Instant at, Instant deadline, bool complete_already = false);
  Host* host;
  Network& network;
  port::Endpoint local;
  port::Endpoint remote;
  port::Event wake;
  std::unique_ptr<TcpHalf> completed;
};

/// How often the interfaces have changed.
struct InterfaceChanges {
  explicit InterfaceChanges(VirtualClock& clock) : event(clock) {}
  std::uint64_t count = 0;
  mutable port::Event event;
};

class Host final : public port::Net {
 public:
  Host(Network& network, HostOptions options, Prng prng);
  ~Host() override;

  Task<std::unique_ptr<port::TcpStream>> dial_tcp(port::Endpoint remote,
                                                  port::TcpDialOptions options,
                                                  Instant deadline) override;
  Result<std::unique_ptr<port::TcpListener>> listen_tcp(port::Endpoint local,
                                                        port::TcpListenOptions options) override;
  Result<std::unique_ptr<port::UdpSocket>> bind_udp(port::Endpoint local,
                                                    port::UdpOptions options) override;
  Task<std::vector<port::IpAddress>> resolve(std::string name, std::optional<port::IpFamily> family,
                                             Instant deadline) override;
  Task<std::vector<std::string>> resolve_txt(std::string name, Instant deadline) override;
  Result<std::vector<port::InterfaceAddress>> interfaces() override;
  Result<std::unique_ptr<port::InterfaceWatch>> watch_interfaces() override;
  std::uint64_t descriptors_max() const noexcept override { return simulated_descriptors_max; }

  NodeId node() const noexcept { return options_.node; }
  const std::vector<port::IpAddress>& addresses() const noexcept { return options_.addresses; }
  std::uint32_t segment() const noexcept { return options_.segment; }
  Network& network() noexcept { return network_; }
  bool alive() const noexcept { return alive_; }
  void die() noexcept;

  bool owns(const port::IpAddress& address) const noexcept;
  SimTcpListener* listener_at(const port::Endpoint& local) const noexcept;
  void deliver_datagram(port::Endpoint from, port::Endpoint to, ByteView bytes, port::Ecn ecn);
  void set_addresses(std::vector<port::IpAddress> addresses);

 private:
  friend class Network;
  friend class SimTcpListener;
  friend class SimUdpSocket;
  friend class TcpConnection;
  friend struct DialAttempt;

  Result<void> check_alive() const;
  Result<port::Endpoint> local_for(const port::Endpoint& remote,
                                   const std::optional<port::Endpoint>& asked);
  std::uint16_t free_port(bool tcp, const port::IpAddress& address);
  Result<port::Endpoint> bindable(port::Endpoint local, bool tcp);
  Task<Network::Names> ask_names(std::string name, Instant deadline);
  Result<port::Endpoint> dial_endpoint(const port::Endpoint& remote,
                                       const std::optional<port::Endpoint>& asked);
  enum class SynAnswer : std::uint8_t { none, refused, accepted };
  SynAnswer syn_arrives(DialAttempt& attempt, Host& target);
  /// One SYN and its answer; false if there is none.
  Task<bool> exchange_syn(DialAttempt& attempt, Instant deadline);

  Network& network_;
  HostOptions options_;
  InterfaceChanges changes_;
  Prng prng_;
  bool alive_ = true;
  std::uint16_t next_port_;
  std::map<port::Endpoint, SimTcpListener*> listeners_;
  std::multimap<port::Endpoint, SimUdpSocket*> sockets_;
  std::set<std::pair<port::Endpoint, port::Endpoint>> tuples_;
};

}  // namespace kith::sim
