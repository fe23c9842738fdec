#include <gtest/gtest.h>

#include <kith/net/multistream_session.hpp>
#include <kith/net/security/noise_error.hpp>
#include <kith/net/upgrade.hpp>
#include <kith/port/task_group.hpp>
#include <kith/sim/testing.hpp>

namespace kith::net {
namespace {

using crypto::PrivateKey;
using multiformats::PeerId;

PrivateKey key_of(std::uint8_t seed) {
  std::array<std::uint8_t, 32> bytes{};
  bytes.fill(seed);
  return PrivateKey::from_ed25519_seed(bytes);
}

PeerId peer_of(const PrivateKey& key) {
  return PeerId::from_public_key(key.public_key());
}

UpgradeOptions options_of(Direction direction, const PrivateKey& key, Instant deadline = never) {
  UpgradeOptions options{.direction = direction, .identity = key};
  options.deadline = deadline;
  return options;
}

Task<void> upgrade_into(port::Env& env, port::StreamPtr stream, UpgradeOptions options,
                        Result<std::unique_ptr<Connection>>& into, port::Event& done) {
  into = co_await upgrade(env, std::move(stream), std::move(options));
  done.notify_all();
  co_return Result<void>{};
}

/// Two upgrades against each other; what each side got.
struct Pair {
  explicit Pair(sim::World& world)
      : dialer(world.add_node()),
        listener(world.add_node()),
        done(world.clock()),
        tasks(world.executor(), world.clock()) {}

  Task<void> upgrade_both(sim::World& world, UpgradeOptions near_options,
                          UpgradeOptions far_options) {
    auto [near_stream, far_stream] = world.connect(dialer, listener);
    tasks.spawn(
        upgrade_into(dialer.env(), std::move(near_stream), std::move(near_options), near, done));
    tasks.spawn(
        upgrade_into(listener.env(), std::move(far_stream), std::move(far_options), far, done));
    co_return co_await tasks.join_shielded();
  }

  sim::Node& dialer;
  sim::Node& listener;
  Result<std::unique_ptr<Connection>> near = std::unexpected(Errc::busy);
  Result<std::unique_ptr<Connection>> far = std::unexpected(Errc::busy);
  port::Event done;
  port::TaskGroup tasks;
};

Task<void> echo_once(Connection& connection, port::Clock& clock) {
  KITH_CO_TRY(auto raw, co_await connection.accept_stream());
  std::function<bool(std::string_view)> supports = [](std::string_view id) {
    return id == "/echo";
  };
  KITH_CO_TRY(auto stream,
              co_await negotiate_inbound(clock, std::move(raw), std::move(supports), never));
  for (;;) {
    KITH_CO_TRY(Buffer part, co_await stream->read_buffer(SIZE_MAX));
    if (part.empty()) break;
    KITH_CO_CHECK(co_await stream->write(part));
  }
  co_return co_await stream->close_write();
}

TEST(Upgrade, MakesAConnectionThatCarriesStreams) {
  sim::run_seeds(1, 20, [](sim::World& world) -> Task<void> {
    Pair pair(world);
    const PrivateKey near_key = key_of(1);
    const PrivateKey far_key = key_of(2);
    UpgradeOptions dial = options_of(Direction::outbound, near_key);
    dial.expected_peer = peer_of(far_key);
    UpgradeOptions listen = options_of(Direction::inbound, far_key);
    KITH_CO_CHECK(co_await pair.upgrade_both(world, std::move(dial), std::move(listen)));
    KITH_CO_REQUIRE(pair.near && pair.far);
    Connection& near = **pair.near;
    Connection& far = **pair.far;
    EXPECT_EQ(near.remote_peer(), peer_of(far_key));
    EXPECT_EQ(far.remote_peer(), peer_of(near_key));
    EXPECT_EQ(far.remote_key(), near_key.public_key());
    EXPECT_EQ(near.security(), "/noise");
    EXPECT_EQ(near.muxer(), "/yamux/1.0.0");

    pair.tasks.spawn(near.run());
    pair.tasks.spawn(far.run());
    pair.tasks.spawn(echo_once(far, world.clock()));
    KITH_CO_TRY(auto raw, co_await near.open_stream(never));
    auto stream = NegotiatedStream::lazy(world.clock(), std::move(raw), "/echo");
    const Bytes sent(100'000, 7);
    KITH_CO_CHECK(co_await stream->write(sent));
    KITH_CO_CHECK(co_await stream->close_write());
    KITH_CO_TRY(const Bytes got, co_await port::read_to_end(*stream, 200'000));
    EXPECT_EQ(got, sent);
    EXPECT_GT(near.stats().bytes_received, 100'000u);
    near.close();
    co_return co_await pair.tasks.join_shielded();
  });
}

}  // namespace
}  // namespace kith::net
