// A peer on one simulated node, for tests: swarm, identify, ping.
#pragma once

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <kith/net/identify.hpp>
#include <kith/net/ping.hpp>
#include <kith/net/swarm.hpp>
#include <kith/sim/testing.hpp>

namespace kith::net {

inline crypto::PrivateKey key_of(std::uint8_t number) {
  std::array<std::uint8_t, 32> seed{};
  seed[0] = number;
  return crypto::PrivateKey::from_ed25519_seed(seed);
}

inline multiformats::Multiaddr address(std::string_view text) {
  auto parsed = multiformats::Multiaddr::parse(text);
  EXPECT_TRUE(parsed.has_value()) << text;
  return *parsed;
}

/// A node at one address instead of those that it would get: a public one, say.
inline sim::NodeOptions at(std::string_view ip) {
  sim::NodeOptions options;
  options.addresses.push_back(*port::IpAddress::parse(ip));
  return options;
}

/// Fails accepting so many times before it goes on.
class FaultyListener final : public port::TcpListener {
 public:
  FaultyListener(std::unique_ptr<port::TcpListener> inner, int& failures)
      : inner_(std::move(inner)), failures_(failures) {}
  Task<std::unique_ptr<port::TcpStream>> accept() override {
    if (failures_ > 0) {
      --failures_;
      co_return std::unexpected(Error::from_errno(EINVAL));
    }
    co_return co_await inner_->accept();
  }
  port::Endpoint local_endpoint() const noexcept override { return inner_->local_endpoint(); }
  void close() noexcept override { inner_->close(); }

 private:
  std::unique_ptr<port::TcpListener> inner_;
  int& failures_;
};

/// A node's network that notes what it is asked, says of its interfaces what the test wants (a
/// machine behind port forwarding, or one that has moved), and fails to accept if it is told to.
class TestNet final : public port::Net {
 public:
  explicit TestNet(port::Env& env) : net_(env.net), clock_(env.clock) {}

  std::optional<std::vector<std::string>> shown;
  std::size_t looks = 0;

  struct Dial {
    Instant at;
    port::Endpoint remote;
  };
  std::vector<Dial> dials;
  std::size_t half_open = 0;  ///< TCP connections that aren't there yet
  std::size_t half_open_max = 0;
  std::vector<std::string> lookups;
  std::size_t lookups_at_once = 0;
  int accept_failures = 0;
  /// Not everybody dials from where they listen; then two that dial at once get two connections.
  bool reuses_ports = true;

  Result<std::vector<port::InterfaceAddress>> interfaces() override {
    ++looks;
    if (!shown) return net_.interfaces();
    std::vector<port::InterfaceAddress> all;
    for (const std::string& text : *shown) {
      port::IpAddress ip = *port::IpAddress::parse(text);
      all.push_back({"eth0", sim::network_interface, ip, true, ip.is_loopback(), true, 24});
    }
    return all;
  }
  Result<std::unique_ptr<port::InterfaceWatch>> watch_interfaces() override {
    return net_.watch_interfaces();
  }
  std::uint64_t descriptors_max() const noexcept override { return net_.descriptors_max(); }
  Task<std::unique_ptr<port::TcpStream>> dial_tcp(port::Endpoint remote,
                                                  port::TcpDialOptions options,
                                                  Instant deadline) override {
    dials.push_back({clock_.now(), remote});
    if (!reuses_ports) options.local.reset();
    half_open_max = std::max(half_open_max, ++half_open);
    return counted_dial(remote, options, deadline);
  }
  Result<std::unique_ptr<port::TcpListener>> listen_tcp(port::Endpoint local,
                                                        port::TcpListenOptions options) override {
    KITH_TRY(std::unique_ptr<port::TcpListener> inner, net_.listen_tcp(local, options));
    return std::make_unique<FaultyListener>(std::move(inner), accept_failures);
  }
  Result<std::unique_ptr<port::UdpSocket>> bind_udp(port::Endpoint local,
                                                    port::UdpOptions options) override {
    return net_.bind_udp(local, options);
  }
  Task<std::vector<port::IpAddress>> resolve(std::string name, std::optional<port::IpFamily> family,
                                             Instant deadline) override {
    begin_lookup(name);
    auto found = co_await net_.resolve(std::move(name), family, deadline);
    --looking_up_;
    co_return found;
  }
  Task<std::vector<std::string>> resolve_txt(std::string name, Instant deadline) override {
    begin_lookup(name);
    auto found = co_await net_.resolve_txt(std::move(name), deadline);
    --looking_up_;
    co_return found;
  }

 private:
  Task<std::unique_ptr<port::TcpStream>> counted_dial(port::Endpoint remote,
                                                      port::TcpDialOptions options,
                                                      Instant deadline) {
    auto dialed = co_await net_.dial_tcp(remote, options, deadline);
    --half_open;
    co_return dialed;
  }
  void begin_lookup(const std::string& name) {
    lookups.push_back(name);
    lookups_at_once = std::max(lookups_at_once, ++looking_up_);
  }

  port::Net& net_;
  port::Clock& clock_;
  std::size_t looking_up_ = 0;
};

struct TestPeer {
  TestPeer(sim::Node& its_node, std::uint8_t number, SwarmLimits limits = {},
           ConnectionGater* gater = nullptr, std::uint16_t port = 4001)
      : TestPeer(its_node, key_of(number), std::move(limits), gater, port) {}
  TestPeer(sim::Node& its_node, crypto::PrivateKey key, SwarmLimits limits = {},
           ConnectionGater* gater = nullptr, std::uint16_t port = 4001)
      : node(its_node),
        net(node.env()),
        own_env(env_with(net)),
        swarm(own_env, std::move(key), store, std::move(limits), gater),
        identify(own_env, swarm, "test/1", "ipfs/0.1.0"),
        ping(own_env, swarm) {
    auto listening = swarm.listen(address("/ip4/0.0.0.0/tcp/" + std::to_string(port)));
    EXPECT_TRUE(listening.has_value()) << listening.error().message();
  }

  multiformats::PeerId id() const { return swarm.local_peer(); }
  std::vector<multiformats::Multiaddr> addresses() const { return swarm.reachable_addresses(); }
  port::Env& env() { return own_env; }
  Instant soon() { return env().clock.now() + 20s; }

  Task<void> close() {
    co_await swarm.close_shielded();
    co_await identify.close_shielded();
    co_return Result<void>{};
  }

  sim::Node& node;
  TestNet net;
  port::Env own_env;
  PeerStore store;
  Swarm swarm;
  Identify identify;
  Ping ping;

 private:
  port::Env env_with(port::Net& its_net) {
    port::Env& env = node.env();
    return {.executor = env.executor,
            .clock = env.clock,
            .wall = env.wall,
            .prng = env.prng,
            .random = env.random,
            .net = its_net,
            .files = env.files,
            .key_values = env.key_values,
            .pool = env.pool,
            .log = env.log,
            .buggifier = env.buggifier};
  }
};

/// Closes all of them. The last thing that a test does.
template <class... Peers>
Task<void> close_all(Peers&... peers) {
  for (TestPeer* peer : {&peers...})
    KITH_CO_CHECK(co_await peer->close());
  co_return Result<void>{};
}

inline Task<void> connect_into(Swarm& swarm, multiformats::PeerId peer,
                               std::vector<multiformats::Multiaddr> addresses, Instant deadline,
                               std::optional<Result<ConnectionId>>& into) {
  into = co_await swarm.connect(peer, std::move(addresses), deadline);
  co_return Result<void>{};
}

}  // namespace kith::net
