// What tests of QUIC begin with: peers with a QuicTransport each on nodes of a simulated world.
#pragma once

#include <gtest/gtest.h>

#include <kith/net/transports/quic.hpp>
#include <kith/port/task_group.hpp>
#include <kith/sim/testing.hpp>

namespace kith::net::testing {

inline crypto::PrivateKey quic_key_of(std::uint8_t number) {
  std::array<std::uint8_t, 32> seed{};
  seed[0] = number;
  return crypto::PrivateKey::from_ed25519_seed(seed);
}

/// A transport that listens at 0.0.0.0, port 4001, and whoever comes.
struct QuicPeer {
  QuicPeer(sim::Node& its_node, std::uint8_t number) : node(its_node), key(quic_key_of(number)) {
    transport = std::make_unique<QuicTransport>(node.env(), key);
  }

  void listen(std::string_view at = "/ip4/0.0.0.0/udp/4001/quic-v1") {
    auto bound = transport->listen(*multiformats::Multiaddr::parse(at));
    EXPECT_TRUE(bound.has_value()) << bound.error().message();
    listener = *std::move(bound);
  }
  multiformats::PeerId id() const {
    return multiformats::PeerId::from_public_key(key.public_key());
  }
  multiformats::Multiaddr address() const {
    return *multiformats::Multiaddr::parse("/ip4/" + node.address().to_string() +
                                           "/udp/4001/quic-v1");
  }
  Task<void> close() {
    if (listener != nullptr) listener->close();
    co_return co_await transport->close_shielded();
  }

  sim::Node& node;
  crypto::PrivateKey key;
  std::unique_ptr<QuicTransport> transport;
  std::unique_ptr<Listener> listener;
};

inline Task<void> quic_accept_into(QuicPeer& peer, ConnectionTerms terms,
                                   Result<std::unique_ptr<Connection>>& into) {
  auto incoming = co_await peer.listener->accept();
  if (!incoming) {
    into = std::unexpected(incoming.error());
  } else {
    into = co_await (*incoming)->upgrade(terms);
  }
  co_return Result<void>{};
}

inline Task<void> quic_run_into(Connection& connection, std::optional<Error>& into) {
  auto ended = co_await connection.run();
  into = ended.error();
  co_return Result<void>{};
}

/// Two peers and a connection between them.
struct QuicPair {
  explicit QuicPair(sim::World& the_world)
      : world(the_world),
        dialer(world.add_node(), 1),
        listener(world.add_node(), 2),
        tasks(world.executor(), world.clock()) {}

  Task<void> start(ConnectionTerms near_terms = {}, ConnectionTerms far_terms = {}) {
    listener.listen();
    near_terms.deadline = far_terms.deadline = world.now() + 10s;
    tasks.spawn(quic_accept_into(listener, far_terms, far));
    near = co_await dialer.transport->dial(listener.id(), listener.address(), near_terms);
    KITH_CO_CHECK(co_await tasks.join_shielded());
    if (!near) co_return std::unexpected(near.error());
    if (!far) co_return std::unexpected(far.error());
    tasks.spawn(quic_run_into(**near, near_end));
    tasks.spawn(quic_run_into(**far, far_end));
    co_return Result<void>{};
  }

  struct Streams {
    std::unique_ptr<MuxedStream> near, far;
  };
  /// A stream of the dialer's, with one byte to make it known, which is read.
  Task<Streams> open() {
    Streams both;
    KITH_CO_TRY(both.near, co_await (*near)->open_stream(world.now() + 10s));
    KITH_CO_CHECK(co_await both.near->write(as_bytes("!")));
    KITH_CO_TRY(both.far, co_await (*far)->accept_stream());
    std::uint8_t first = 0;
    KITH_CO_CHECK(co_await both.far->read_some({&first, 1}));
    co_return both;
  }

  /// Closes from the dialer's side and waits for both ends.
  Task<void> finish() {
    if (near && *near) (*near)->close();
    KITH_CO_CHECK(co_await tasks.join_shielded());
    if (near) near->reset();
    if (far) far->reset();
    KITH_CO_CHECK(co_await dialer.close());
    co_return co_await listener.close();
  }

  sim::World& world;
  QuicPeer dialer;
  QuicPeer listener;
  Result<std::unique_ptr<Connection>> near = std::unexpected(Errc::busy);
  Result<std::unique_ptr<Connection>> far = std::unexpected(Errc::busy);
  std::optional<Error> near_end;
  std::optional<Error> far_end;
  port::TaskGroup tasks;
};

}  // namespace kith::net::testing
