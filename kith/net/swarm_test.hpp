// What tests of the swarm begin with: a peer on a simulated node, whose network is watched and can
// be made to fail, and a foreign peer that speaks yamux by hand.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <kith/net/identify.hpp>
#include <kith/net/ping.hpp>
#include <kith/net/swarm.hpp>
#include <kith/net/upgrade_test.hpp>
#include <kith/sim/testing.hpp>

namespace kith::net::testing {

/// Fails accepting `failures` times before it goes on.
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

/// Notes what a node dials and looks up.
class WatchedNet final : public port::Net {
 public:
  explicit WatchedNet(port::Env& env) : net_(env.net), clock_(env.clock) {}

  struct Dial {
    Instant at;
    port::Endpoint remote;
  };
  std::vector<Dial> dials;
  std::vector<std::string> lookups;
  std::size_t lookups_at_once = 0;
  int accept_failures = 0;

  std::size_t dials_to(const port::Endpoint& remote) const {
    return static_cast<std::size_t>(std::ranges::count(dials, remote, &Dial::remote));
  }

  Task<std::unique_ptr<port::TcpStream>> dial_tcp(port::Endpoint remote,
                                                  port::TcpDialOptions options,
                                                  Instant deadline) override {
    dials.push_back({clock_.now(), remote});
    return net_.dial_tcp(remote, options, deadline);
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
    note_lookup(name);
    auto found = co_await net_.resolve(std::move(name), family, deadline);
    --running_;
    co_return found;
  }
  Task<std::vector<std::string>> resolve_txt(std::string name, Instant deadline) override {
    note_lookup(name);
    auto found = co_await net_.resolve_txt(std::move(name), deadline);
    --running_;
    co_return found;
  }
  Result<std::vector<port::InterfaceAddress>> interfaces() override { return net_.interfaces(); }

 private:
  void note_lookup(const std::string& name) {
    lookups.push_back(name);
    lookups_at_once = std::max(lookups_at_once, ++running_);
  }

  port::Net& net_;
  port::Clock& clock_;
  std::size_t running_ = 0;
};

inline port::Env with_net(const port::Env& env, port::Net& net) {
  return {env.executor, env.clock,      env.wall, env.prng, env.random,   net,
          env.files,    env.key_values, env.pool, env.log,  env.buggifier};
}

/// A peer on one simulated node: swarm, identify, ping.
struct Peer {
  Peer(sim::Node& at, std::uint8_t number, SwarmLimits limits = {},
       ConnectionGater* gater = nullptr)
      : node(at),
        net(node.env()),
        own_env(with_net(node.env(), net)),
        swarm(own_env, key_of(number), store, limits, gater),
        identify(own_env, swarm, "test/1", "ipfs/0.1.0"),
        ping(own_env, swarm) {
    auto listening = swarm.listen(*multiformats::Multiaddr::parse("/ip4/0.0.0.0/tcp/4001"));
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
  WatchedNet net;
  port::Env own_env;
  PeerStore store;
  Swarm swarm;
  Identify identify;
  Ping ping;
};

/// Closes all of them. The last thing that a test does.
template <class... Peers>
Task<void> close_all(Peers&... peers) {
  for (Peer* peer : {&peers...})
    KITH_CO_CHECK(co_await peer->close());
  co_return Result<void>{};
}

inline Task<void> connect_into(Swarm& swarm, multiformats::PeerId peer,
                               std::vector<multiformats::Multiaddr> addresses, Instant deadline,
                               std::optional<Result<ConnectionId>>& into) {
  into = co_await swarm.connect(peer, std::move(addresses), deadline);
  co_return Result<void>{};
}

}  // namespace kith::net::testing
