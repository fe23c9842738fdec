#include <gtest/gtest.h>

#include <kith/net/relay/auto_relay.hpp>
#include <kith/net/relay/server.hpp>
#include <kith/net/relay/test_relay.hpp>

namespace kith::net {
namespace {

using multiformats::PeerId;

/// Some relays, and one that wants to be reached through them.
struct Scene {
  explicit Scene(sim::World& world, std::vector<RelayServiceOptions> options)
      : hidden(world.add_node(at("203.0.113.2")), 100) {
    for (std::size_t i = 0; i < options.size(); ++i) {
      const auto number = static_cast<std::uint8_t>(1 + i);
      relays.push_back(std::make_unique<RelayPeer>(
          world.add_node(at("198.51." + std::to_string(number) + ".1")), number));
      servers.push_back(
          std::make_unique<RelayServer>(relays[i]->env(), relays[i]->swarm, options[i]));
    }
    seeker = std::make_unique<AutoRelay>(hidden.env(), hidden.swarm, *hidden.relays);
  }

  Task<void> connect() {
    for (auto& relay : relays)
      KITH_CO_CHECK(co_await hidden.swarm.connect(relay->id(), relay->addresses(), hidden.soon()));
    co_return co_await pause(2s);
  }
  Task<void> pause(Duration duration) {
    co_return co_await port::sleep_for(hidden.env().clock, duration);
  }
  /// At which relays there is one.
  std::vector<std::size_t> reserved() const {
    std::vector<std::size_t> at;
    for (std::size_t i = 0; i < servers.size(); ++i) {
      if (!servers[i]->reservations().all().empty()) at.push_back(i);
    }
    return at;
  }
  std::size_t told() const {
    std::size_t count = 0;
    for (const multiformats::Multiaddr& one : hidden.swarm.announced_addresses())
      count += one.is_relayed() ? 1 : 0;
    return count;
  }
  Task<void> close() {
    KITH_CO_CHECK(co_await seeker->close_shielded());
    KITH_CO_CHECK(co_await hidden.close());
    for (std::size_t i = 0; i < relays.size(); ++i) {
      KITH_CO_CHECK(co_await relays[i]->close());
      KITH_CO_CHECK(co_await servers[i]->close_shielded());
    }
    co_return Result<void>{};
  }

  RelayPeer hidden;
  std::vector<std::unique_ptr<RelayPeer>> relays;
  std::vector<std::unique_ptr<RelayServer>> servers;
  std::unique_ptr<AutoRelay> seeker;
};

Task<void> holds_two(sim::World& world) {
  Scene scene(world, std::vector<RelayServiceOptions>(4));
  KITH_CO_CHECK(co_await scene.connect());
  KITH_CO_CHECK(co_await scene.pause(1min));
  EXPECT_TRUE(scene.reserved().empty());
  scene.seeker->want_relays(true);
  KITH_CO_CHECK(co_await scene.pause(10s));
  EXPECT_EQ(scene.reserved().size(), auto_relays_wanted);
  EXPECT_EQ(scene.told(), auto_relays_wanted);
  scene.seeker->want_relays(false);
  KITH_CO_CHECK(co_await scene.pause(1s));
  EXPECT_EQ(scene.told(), 0u);
  co_return co_await scene.close();
}

TEST(AutoRelay, HoldsAFewReservationsWhileTheyAreWanted) {
  sim::run_test(1, holds_two);
}

Task<void> replaces_lost(sim::World& world) {
  Scene scene(world, std::vector<RelayServiceOptions>(3));
  KITH_CO_CHECK(co_await scene.connect());
  scene.seeker->want_relays(true);
  KITH_CO_CHECK(co_await scene.pause(10s));
  const std::vector<std::size_t> before = scene.reserved();
  KITH_CO_REQUIRE(before.size() == 2);
  scene.servers[before[0]]->stop();
  scene.relays[before[0]]->swarm.disconnect(scene.hidden.id());
  KITH_CO_CHECK(co_await scene.pause(3min));
  const std::vector<std::size_t> after = scene.reserved();
  EXPECT_EQ(after.size(), 2u);
  EXPECT_EQ(std::ranges::count(after, before[0]), 0);
  EXPECT_EQ(scene.told(), 2u);
  co_return co_await scene.close();
}

TEST(AutoRelay, TakesAnotherForOneThatIsLost) {
  sim::run_test(1, replaces_lost);
}

Task<void> leaves_alone(sim::World& world) {
  RelayServiceOptions full;
  full.reservations.all_max = 0;
  Scene scene(world, {full, full, full, {}});
  KITH_CO_CHECK(co_await scene.connect());
  scene.seeker->want_relays(true);
  KITH_CO_CHECK(co_await scene.pause(30min));
  EXPECT_EQ(scene.reserved(), std::vector<std::size_t>{3});
  std::uint64_t asked = 0;
  for (const auto& server : scene.servers)
    asked += server->counters().refusals;
  EXPECT_GT(asked, 3u);
  EXPECT_LT(asked, 30u);
  co_return co_await scene.close();
}

TEST(AutoRelay, LeavesThoseAloneThatRefuse) {
  sim::run_test(1, leaves_alone);
}

Task<void> all_full(sim::World& world) {
  RelayServiceOptions full;
  full.reservations.all_max = 0;
  constexpr std::size_t relays = 70;
  Scene scene(world, std::vector<RelayServiceOptions>(relays, full));
  KITH_CO_CHECK(co_await scene.connect());
  scene.seeker->want_relays(true);
  KITH_CO_CHECK(co_await scene.pause(4h));
  std::uint64_t most = 0;
  for (const auto& server : scene.servers)
    most = std::max(most, server->counters().refusals);
  EXPECT_GT(most, 1u);
  EXPECT_LE(most, 12u);
  co_return co_await scene.close();
}

TEST(AutoRelay, RemembersWhoRefusedHoweverManyTheyAre) {
  sim::World world(1);
  EXPECT_TRUE(world.run(all_full(world), 5h).has_value());
  world.finish();
}

}  // namespace
}  // namespace kith::net
