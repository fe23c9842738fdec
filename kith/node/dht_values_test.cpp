// Which values a node's DHTs keep for others: what Kubo's keep.
#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <kith/names/ipns_record.hpp>
#include <kith/node/node.hpp>
#include <kith/sim/testing.hpp>

namespace kith::node {
namespace {

using multiformats::PeerId;
using routing::RoutingError;

const std::string folder = "/home";

crypto::PrivateKey name_key() {
  std::array<std::uint8_t, 32> seed{};
  seed[0] = 7;
  return crypto::PrivateKey::from_ed25519_seed(seed);
}

Task<std::unique_ptr<Node>> start(port::Env& env) {
  KITH_CO_CHECK(init_home(env, folder, {}));
  KITH_CO_TRY(boost::json::value config, read_config(env.files, folder));
  KITH_CO_CHECK(config_set(config, "Bootstrap", boost::json::array()));
  KITH_CO_CHECK(config_set(config, "Discovery.MDNS.Enabled", false));
  KITH_CO_CHECK(write_config(env.files, folder, config));
  KITH_CO_TRY(Home home, Home::open(env, folder, {}));
  NodeOptions options;
  co_return co_await Node::start(env, std::move(home), options);
}

Task<void> keeps_public_keys_and_ipns(sim::World& world) {
  port::Env& env = world.add_node().env();
  KITH_CO_TRY(std::unique_ptr<Node> node, co_await start(env));
  KITH_CO_REQUIRE(node->dht() != nullptr);
  const PeerId name = PeerId::from_public_key(name_key().public_key());
  names::IpnsContent content{to_bytes("/ipfs/bafkqaaa"), names::EndOfLife::at(env.wall.now() + 24h),
                             1, 5min};
  KITH_CO_TRY(names::IpnsRecord record, names::sign_ipns_record(name_key(), std::move(content)));
  Bytes public_key_name = to_bytes("/pk/");
  append(public_key_name, name.bytes());
  dht::Dht& dht = node->dht()->wide();
  const Instant deadline = env.clock.now() + 1min;
  // There is nobody to tell, but what is valid is kept here.
  auto put = co_await dht.put_value(names::ipns_routing_key(name),
                                    names::encode_ipns_record(record), deadline);
  EXPECT_TRUE(!put && put.error().is(RoutingError::no_peers));
  put = co_await dht.put_value(public_key_name, to_bytes(name_key().public_key().encoded()),
                               deadline);
  EXPECT_TRUE(!put && put.error().is(RoutingError::no_peers));
  EXPECT_EQ(dht.value_records().size(), 2u);
  put = co_await dht.put_value(names::ipns_routing_key(node->peer()),
                               names::encode_ipns_record(record), deadline);
  EXPECT_TRUE(!put && put.error().is(RoutingError::bad_value));
  put = co_await dht.put_value(to_bytes("/news/today"), to_bytes("rain"), deadline);
  EXPECT_TRUE(!put && put.error().is(RoutingError::unknown_kind));
  EXPECT_EQ(dht.value_records().size(), 2u);
  co_return co_await node->stop_shielded();
}

TEST(DhtValues, ArePublicKeysAndIpnsRecordsAlone) {
  sim::run_test(1, keeps_public_keys_and_ipns);
}

}  // namespace
}  // namespace kith::node
