// What a node remembers of peers between its runs.
#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <kith/net/test_peer.hpp>
#include <kith/node/node.hpp>

namespace kith::node {
namespace {

using Peer = net::TestPeer;

const std::string folder = "/home";
const std::string peers_file = folder + "/peers";

Task<void> make_home(port::Env& env) {
  KITH_CO_CHECK(init_home(env, folder, {}));
  KITH_CO_TRY(boost::json::value config, read_config(env.files, folder));
  KITH_CO_CHECK(
      config_set(config, "Addresses.Swarm", boost::json::parse(R"(["/ip4/0.0.0.0/tcp/4001"])")));
  KITH_CO_CHECK(config_set(config, "Bootstrap", boost::json::array()));
  KITH_CO_CHECK(config_set(config, "Discovery.MDNS.Enabled", false));
  co_return write_config(env.files, folder, config);
}

Task<std::unique_ptr<Node>> start(port::Env& env) {
  KITH_CO_TRY(Home home, Home::open(env, folder, {}));
  NodeOptions options;
  co_return co_await Node::start(env, std::move(home), options);
}

Task<void> restarts(sim::World& world) {
  port::Env& env = world.add_node().env();
  Peer other(world.add_node(), 2);
  KITH_CO_CHECK(co_await make_home(env));
  KITH_CO_TRY(std::unique_ptr<Node> node, co_await start(env));
  KITH_CO_CHECK(co_await node->swarm().connect(other.id(), other.addresses(), other.soon()));
  KITH_CO_CHECK(co_await node->stop_shielded());
  node.reset();
  KITH_CO_CHECK(co_await port::sleep_for(env.clock, 48h));

  KITH_CO_TRY(node, co_await start(env));
  KITH_CO_CHECK(co_await port::sleep_for(env.clock, 10s));
  EXPECT_TRUE(node->swarm().connected(other.id())) << "it dials whom it remembers";
  KITH_CO_CHECK(co_await node->stop_shielded());
  KITH_CO_CHECK(co_await other.close());
  co_return Result<void>{};
}
TEST(PeersFile, ANodeFindsItsPeersAgainAfterARestart) {
  sim::WorldOptions options;
  sim::World world(1, options);
  auto outcome = world.run(restarts(world), 72h);
  EXPECT_TRUE(outcome.has_value()) << outcome.error().message();
  world.finish();
}

Task<void> written_while_running(sim::World& world) {
  port::Env& env = world.add_node().env();
  Peer other(world.add_node(), 2);
  KITH_CO_CHECK(co_await make_home(env));
  KITH_CO_TRY(std::unique_ptr<Node> node, co_await start(env));
  KITH_CO_CHECK(co_await node->swarm().connect(other.id(), other.addresses(), other.soon()));
  KITH_CO_CHECK(co_await port::sleep_for(env.clock, 6min));
  KITH_CO_TRY(Bytes content, port::read_file(env.files, peers_file, 1 << 20));
  net::PeerStore read;
  net::PeerStore::Decoded decoded = read.decode(content, env.wall.now());
  EXPECT_FALSE(decoded.damaged);
  EXPECT_FALSE(read.addresses(other.id(), env.wall.now()).empty());
  KITH_CO_CHECK(co_await node->stop_shielded());
  KITH_CO_CHECK(co_await other.close());
  co_return Result<void>{};
}
TEST(PeersFile, IsWrittenWhileTheNodeRuns) {
  sim::run_test(1, written_while_running);
}

enum class Damage : std::uint8_t { none, garbage, unreadable };

Task<void> starts_with(sim::World& world, Damage& damage) {
  sim::Node& machine = world.add_node();
  port::Env& env = machine.env();
  KITH_CO_CHECK(co_await make_home(env));
  if (damage == Damage::garbage) {
    Bytes garbage(1000, 0xff);
    KITH_CO_CHECK(port::replace_file(env.files, peers_file, garbage));
  }
  if (damage == Damage::unreadable) KITH_CO_CHECK(env.files.make_directories(peers_file));
  KITH_CO_TRY(std::unique_ptr<Node> node, co_await start(env));
  bool warned = machine.log().text().find(peers_file) != std::string::npos;
  EXPECT_EQ(warned, damage != Damage::none) << machine.log().text();
  KITH_CO_CHECK(co_await node->stop_shielded());
  // What couldn't be read isn't overwritten.
  EXPECT_EQ(env.files.info(peers_file + ".unread").has_value(), damage == Damage::unreadable);
  co_return Result<void>{};
}
TEST(PeersFile, IsMissedAloudIfItCannotBeRead) {
  for (Damage damage : {Damage::none, Damage::garbage, Damage::unreadable})
    sim::run_test(1, starts_with, damage);
}

}  // namespace
}  // namespace kith::node
