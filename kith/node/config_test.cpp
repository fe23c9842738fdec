#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <kith/node/config.hpp>

namespace kith::node {
namespace {

TEST(Config, DefaultsReadBackAsSettings) {
  auto settings = read_settings(default_config());
  ASSERT_TRUE(settings.has_value()) << settings.error().message();
  EXPECT_EQ(settings->swarm_addresses.size(), 2u);
  EXPECT_EQ(settings->bootstrap.size(), default_bootstrap().size());
  EXPECT_TRUE(settings->mdns);
}

TEST(Config, TheTestProfileStaysOnLoopback) {
  boost::json::value config = default_config();
  ASSERT_TRUE(apply_profile(config, "test").has_value());
  auto settings = read_settings(config);
  ASSERT_TRUE(settings.has_value());
  EXPECT_TRUE(settings->bootstrap.empty());
  EXPECT_FALSE(settings->mdns);
  for (const auto& list :
       {settings->swarm_addresses, settings->api_addresses, settings->gateway_addresses}) {
    for (const auto& address : list)
      EXPECT_TRUE(address.is_loopback()) << address.to_string();
  }
}

TEST(Config, SetsAndGetsDottedKeys) {
  boost::json::value config = default_config();
  ASSERT_TRUE(config_set(config, "Swarm.ConnMgr.HighWater", 200).has_value());
  EXPECT_EQ(config_get(config, "Swarm.ConnMgr.HighWater")->as_int64(), 200);
  EXPECT_EQ(read_settings(config)->high_water, 200u);
  ASSERT_TRUE(config_set(config, "Some.New.Key", "x").has_value());
  EXPECT_TRUE(config_get(config, "Nothing.Here").error().is(Errc::not_found));
}

TEST(Config, RefusesToChangeTheIdentityOrToGoBelowATextValue) {
  boost::json::value config = default_config();
  EXPECT_TRUE(config_set(config, "Identity.PeerID", "x").error().is(Errc::refused));
  EXPECT_FALSE(config_set(config, "Addresses.API.Deeper", 1).has_value());
  EXPECT_FALSE(config_set(config, "Swarm..X", 1).has_value());
}

TEST(Config, NamesTheKeyThatMakesNoSense) {
  boost::json::value config = default_config();
  ASSERT_TRUE(config_set(config, "Swarm.ConnMgr.GracePeriod", "soon").has_value());
  std::string message = read_settings(config).error().message();
  EXPECT_NE(message.find("Swarm.ConnMgr.GracePeriod"), std::string::npos) << message;
}

TEST(Config, BoundsTheMemoryOfTheStoreAndOfBitswap) {
  boost::json::value config = default_config();
  const MemoryBounds usual = read_settings(config)->memory;
  EXPECT_EQ(usual.unsent_per_peer, 2U << 20);
  ASSERT_TRUE(config_set(config, "Internal.Bitswap.MaxOutstandingBytesPerPeer", 1 << 20));
  ASSERT_TRUE(config_set(config, "Datastore.BlockCacheBytes", 0));
  ASSERT_TRUE(config_set(config, "Datastore.MaxUnsyncedBytes", 4 << 20));
  auto settings = read_settings(config);
  ASSERT_TRUE(settings) << settings.error().message();
  EXPECT_EQ(settings->memory.unsent_per_peer, 1U << 20);
  EXPECT_EQ(settings->memory.block_cache, 0U);
  EXPECT_EQ(settings->memory.unsynced_blocks, 4U << 20);
  ASSERT_TRUE(config_set(config, "Datastore.MaxQueuedBytes", "much"));
  auto wrong = read_settings(config);
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message().find("Datastore.MaxQueuedBytes"), std::string::npos);
}

TEST(Config, SurvivesWritingAndReading) {
  boost::json::value config = default_config();
  EXPECT_EQ(*parse_config(format_json(config)), config);
  EXPECT_FALSE(parse_config("[]").has_value());
  EXPECT_FALSE(parse_config("{\"a\":").has_value());
}

TEST(Config, ReadsDurations) {
  boost::json::value config = default_config();
  ASSERT_TRUE(config_set(config, "Swarm.ConnMgr.GracePeriod", "1m30s").has_value());
  EXPECT_EQ(read_settings(config)->grace_period, Duration(90s));
}

}  // namespace
}  // namespace kith::node
