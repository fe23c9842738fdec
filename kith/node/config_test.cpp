#include <fstream>
#include <iterator>

#include <boost/json.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <kith/discovery/bootstrap.hpp>
#include <kith/node/config.hpp>

namespace kith::node {
namespace {

TEST(Config, DefaultsReadBackAsSettings) {
  auto settings = read_settings(default_config());
  ASSERT_TRUE(settings.has_value()) << settings.error().message();
  EXPECT_EQ(settings->swarm_addresses.size(), 4u);
  EXPECT_EQ(settings->bootstrap.size(), discovery::default_bootstrap().size());
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
  EXPECT_TRUE(config_get(config, "Nothing.Here").error().is(Errc::not_found));
}

TEST(Config, RefusesKeysThatThereAreNot) {
  for (std::string_view key : {"Foo", "Swam.ConnMgr.HighWater", "Swarm.ConnMgr.HighWatr",
                               "Addresses.API.Deeper", "Import.Nope", "API.Authorizations.me.Nope",
                               "API.HTTPHeaders.A.B", "Gateway.PublicGateways..Paths"}) {
    auto outcome = check_key(key);
    ASSERT_FALSE(outcome) << key;
    EXPECT_NE(outcome.error().message().find(key), std::string::npos);
    boost::json::value config = default_config();
    EXPECT_FALSE(config_set(config, key, "x")) << key;
    EXPECT_EQ(config, default_config());
  }
  for (std::string_view key :
       {"Bootstrap", "Swarm", "Swarm.ConnMgr", "Swarm.RelayClient.Enabled", "Import.CidVersion",
        "Import.Profile", "Datastore.BlockCacheBytes", "Internal.Bitswap.MaxAheadBytes",
        "Experimental.PerfServer", "API.HTTPHeaders.X-Own", "API.Authorizations",
        "API.Authorizations.me.AuthSecret", "Datastore.Spec.mounts.any", "DNS.Resolvers",
        "Gateway.PublicGateways.name.Paths"}) {
    EXPECT_TRUE(check_key(key)) << key;
  }
}

TEST(Config, NamesWithoutAnythingBetweenTheDotsAreNoKeys) {
  boost::json::value config = default_config();
  for (std::string_view key : {"", ".", "..", "Swarm.", ".Swarm", "Swarm..ConnMgr"}) {
    for (const Error& error :
         {config_set(config, key, 1).error(), config_get(config, key).error()}) {
      EXPECT_TRUE(error.is(Errc::invalid_argument)) << key;
      EXPECT_NE(error.message().find(fmt::format("\"{}\"", key)), std::string::npos);
    }
  }
}

TEST(Config, TellsWhichSettingsHaveNoEffect) {
  EXPECT_EQ(read_settings(default_config())->without_effect, std::vector<std::string>());
  for (const Profile& profile : profiles()) {
    boost::json::value config = default_config();
    ASSERT_TRUE(apply_profile(config, profile.name));
    EXPECT_EQ(read_settings(config)->without_effect, std::vector<std::string>()) << profile.name;
  }
  boost::json::value config = boost::json::parse(R"({
      "Swarm": {"ConnMgr": {"HighWater": 50}, "RelayClient": {"Enabled": true},
                "EnableHolePunching": false, "Transports": {"Network": {"WebTransport": true}}},
      "Routing": {"Type": "dht", "Routers": {"x": {}}, "Methods": {"y": {"RouterName": "x"}}},
      "Bitswap": {"ServerEnabled": false}, "Gateway": {"DeserializedResponses": true},
      "Mine": {"own": 1}})");
  const std::vector<std::string> expected = {"Swarm.Transports.Network.WebTransport",
                                             "Routing.Methods.y.RouterName",
                                             "Bitswap.ServerEnabled", "Mine.own"};
  EXPECT_EQ(read_settings(config)->without_effect, expected);
}

TEST(Config, StrangersHaveNothingOverHttpUnlessItSaysSo) {
  EXPECT_FALSE(read_settings(default_config())->gateway_over_libp2p);
  auto settings =
      read_settings(boost::json::parse(R"({"Experimental": {"GatewayOverLibp2p": true}})"));
  ASSERT_TRUE(settings);
  EXPECT_TRUE(settings->gateway_over_libp2p);
  EXPECT_TRUE(settings->without_effect.empty());
}

TEST(Config, ProvidingIsKubosAsFarAsItMeansSomething) {
  auto read = [](std::string_view text) { return read_settings(boost::json::parse(text)); };
  auto settings = read("{}");
  ASSERT_TRUE(settings);
  EXPECT_TRUE(settings->providing.enabled);
  EXPECT_EQ(settings->providing.interval, 22h);
  EXPECT_TRUE(settings->providing.sweep && settings->providing.resume);
  EXPECT_TRUE(settings->providing.optimistic);
  EXPECT_EQ(settings->providing.background_max, 60u);
  settings = read(R"({"Provide": {"Enabled": true, "Strategy": "roots", "DHT": {
      "Interval": "0", "SweepEnabled": false, "ResumeEnabled": false, "MaxWorkers": 3,
      "MaxProvideConnsPerWorker": 5}}, "Experimental": {"OptimisticProvideJobsPoolSize": 7}})");
  ASSERT_TRUE(settings) << settings.error().message();
  EXPECT_EQ(settings->providing.interval, 0s);
  EXPECT_FALSE(settings->providing.sweep || settings->providing.resume);
  EXPECT_FALSE(settings->providing.optimistic) << "as in Kubo, where it is of the sweep";
  EXPECT_EQ(settings->providing.workers, 3u);
  EXPECT_EQ(settings->providing.peers_at_once, 5u);
  EXPECT_EQ(settings->providing.background_max, 7u);
  EXPECT_TRUE(settings->without_effect.empty());
  settings = read(R"({"Provide": {"DHT": {"SweepEnabled": false}},
                      "Experimental": {"OptimisticProvide": true}})");
  EXPECT_TRUE(settings->providing.optimistic);
  settings = read(R"({"Provide": {"DHT": {"KeystoreBatchSize": 5, "OfflineDelay": "1h"},
                                  "Strategy": "pinned+mfs+unique"}})");
  ASSERT_TRUE(settings) << settings.error().message();
  EXPECT_EQ(settings->without_effect,
            std::vector<std::string>(
                {"Provide.Strategy", "Provide.DHT.KeystoreBatchSize", "Provide.DHT.OfflineDelay"}));
  const std::pair<std::string_view, std::string_view> wrong[] = {
      {R"({"Strategy": "some"})", "Provide.Strategy"},
      {R"({"Strategy": "pinned+"})", "Provide.Strategy"},
      {R"({"Strategy": "all+roots"})", "Provide.Strategy"},
      {R"({"Strategy": "roots+unique"})", "Provide.Strategy"},
      {R"({"Strategy": "unique"})", "Provide.Strategy"},
      {R"({"DHT": {"Interval": "0"}})", "Provide.Enabled"},
      {R"({"DHT": {"Interval": "49h"}})", "Provide.DHT.Interval"},
      {R"({"DHT": {"Interval": "1s"}})", "Provide.DHT.Interval"},
      {R"({"DHT": {"Interval": "-1h"}})", "Provide.DHT.Interval"},
      {R"({"DHT": {"MaxWorkers": 0}})", "Provide.DHT.MaxWorkers"},
      {R"({"DHT": {"MaxProvideConnsPerWorker": 0}})", "Provide.DHT.MaxProvideConnsPerWorker"},
      {R"({"Enabled": "yes"})", "Provide.Enabled"}};
  for (const auto& [text, key] : wrong) {
    auto refused = read(fmt::format(R"({{"Provide": {}}})", text));
    ASSERT_FALSE(refused) << text;
    EXPECT_NE(refused.error().message().find(key), std::string::npos) << refused.error().message();
  }
}

TEST(Config, PeersToBeKeptHaveKubosForm) {
  constexpr std::string_view id = "12D3KooWREQGVTFhgjxJUnZ8sRRPpUGrUfHzmg2NpqDd4qnx1vnq";
  boost::json::value config = boost::json::parse(fmt::format(
      R"({{"Peering": {{"Peers": [{{"ID": "{}", "Addrs": ["/ip4/192.0.2.1/tcp/1"]}},
                                  {{"ID": "{}", "Addrs": null}}]}}}})",
      id, id));
  config.at("Peering").at("Peers").at(1).as_object().erase("Addrs");
  auto settings = read_settings(config);
  ASSERT_TRUE(settings) << settings.error().message();
  ASSERT_EQ(settings->peering.size(), 2u);
  EXPECT_EQ(settings->peering[0].peer.to_string(), id);
  EXPECT_EQ(settings->peering[0].addresses.size(), 1u);
  EXPECT_TRUE(settings->peering[1].addresses.empty());
  for (std::string_view wrong :
       {R"({})", R"(["x"])", R"([{"ID": "x"}])", R"([{"Addrs": []}])", R"([{"ID": 7}])"}) {
    config.at("Peering").as_object()["Peers"] = boost::json::parse(wrong);
    auto refused = read_settings(config);
    ASSERT_FALSE(refused) << wrong;
    EXPECT_NE(refused.error().message().find("Peering.Peers"), std::string::npos);
  }
}

TEST(Config, SecureChannelsHaveKubosPriorities) {
  using Order = std::vector<net::SecureProtocol>;
  constexpr auto tls = net::SecureProtocol::tls;
  constexpr auto noise = net::SecureProtocol::noise;
  const std::pair<std::string_view, Order> cases[] = {{"{}", {tls, noise}},
                                                      {R"({"TLS": null})", {tls, noise}},
                                                      {R"({"TLS": 201})", {noise, tls}},
                                                      {R"({"Noise": 99})", {noise, tls}},
                                                      {R"({"Noise": 20, "TLS": 10})", {tls, noise}},
                                                      {R"({"TLS": false})", {noise}},
                                                      {R"({"Noise": false})", {tls}}};
  for (const auto& [text, order] : cases) {
    boost::json::value config = default_config();
    ASSERT_TRUE(config_set(config, "Swarm.Transports.Security", boost::json::parse(text)));
    auto settings = read_settings(config);
    ASSERT_TRUE(settings) << text;
    EXPECT_EQ(settings->transports.security, order) << text;
    EXPECT_TRUE(settings->without_effect.empty());
  }
  for (std::string_view text : {R"({"TLS": true})", R"({"TLS": 0})", R"({"Noise": -1})",
                                R"({"Noise": "100"})", R"({"TLS": false, "Noise": false})"}) {
    boost::json::value config = default_config();
    ASSERT_TRUE(config_set(config, "Swarm.Transports.Security", boost::json::parse(text)));
    auto settings = read_settings(config);
    ASSERT_FALSE(settings) << text;
    EXPECT_NE(settings.error().message().find("Swarm.Transports.Security"), std::string::npos);
  }
}

TEST(Config, SaysHowTheNodeIsReached) {
  const net::ReachOptions by_default = read_settings(default_config())->reachability;
  EXPECT_TRUE(by_default.relays && by_default.relay_client && by_default.relay_service);
  EXPECT_TRUE(by_default.hole_punching && by_default.port_mapping && by_default.autonat_service);
  EXPECT_EQ(by_default.forced, net::Reachability::unknown);
  EXPECT_EQ(by_default.relay_limits.circuit_bytes_max, 131072u);
  const boost::json::value config = boost::json::parse(R"({
      "Swarm": {"DisableNatPortMap": true, "EnableHolePunching": false,
                "RelayClient": {"StaticRelays": [
                  "/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X",
                  "/ip4/192.0.2.2/tcp/4001/p2p/12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X"]},
                "RelayService": {"ConnectionDurationLimit": "5m", "ConnectionDataLimit": 0,
                                 "MaxReservations": 7}},
      "AutoNAT": {"ServiceMode": "legacy-v1", "Throttle": {"PeerLimit": 9}},
      "Internal": {"Libp2pForceReachability": "private"}})");
  const auto settings = read_settings(config);
  ASSERT_TRUE(settings);
  const net::ReachOptions& reach = settings->reachability;
  EXPECT_FALSE(reach.port_mapping || reach.hole_punching || reach.autonat.v2);
  ASSERT_EQ(reach.static_relays.size(), 1u);
  EXPECT_EQ(reach.static_relays[0].addresses.size(), 2u);
  EXPECT_EQ(reach.relay_limits.circuit_duration_max, 5min);
  EXPECT_EQ(reach.relay_limits.circuit_bytes_max, 0u);
  EXPECT_EQ(reach.relay_limits.reservations.all_max, 7u);
  EXPECT_EQ(reach.autonat.dials_per_peer_max, 9u);
  EXPECT_EQ(reach.forced, net::Reachability::unreachable);
  boost::json::value nameless = default_config();
  ASSERT_TRUE(config_set(nameless, "Swarm.RelayClient.StaticRelays",
                         boost::json::array{"/ip4/192.0.2.1/tcp/4001"}));
  EXPECT_FALSE(read_settings(nameless));
}

TEST(Config, TakesPartInTheDhtsAsKuboWould) {
  auto routing_of = [](std::string_view type) {
    boost::json::value config = default_config();
    if (!type.empty()) EXPECT_TRUE(config_set(config, "Routing.Type", boost::json::value(type)));
    auto settings = read_settings(config);
    EXPECT_TRUE(settings) << type;
    return settings ? settings->routing : RoutingSettings();
  };
  EXPECT_FALSE(routing_of("none").enabled);
  for (std::string_view type : {"", "auto", "autoclient", "dht"}) {
    RoutingSettings routing = routing_of(type);
    EXPECT_TRUE(routing.enabled && routing.local_server && !routing.wide_server) << type;
    EXPECT_FALSE(routing.local_loopback);
    EXPECT_EQ(routing.wide_server_if_reachable, type != "autoclient") << type;
  }
  EXPECT_FALSE(routing_of("dhtclient").local_server);
  EXPECT_TRUE(routing_of("dhtserver").wide_server);
  boost::json::value config = default_config();
  EXPECT_TRUE(config_set(config, "Routing.Type", "custom"));
  EXPECT_FALSE(read_settings(config));
  config = default_config();
  EXPECT_TRUE(apply_profile(config, "test"));
  EXPECT_TRUE(read_settings(config)->routing.local_loopback);
  EXPECT_TRUE(apply_profile(config, "default-networking"));
  EXPECT_FALSE(read_settings(config)->routing.local_loopback);
}

TEST(Config, AProfileOfNewFilesGoesBeforeWhatWasThere) {
  boost::json::value config = default_config();
  ASSERT_TRUE(config_set(config, "Import.CidVersion", 1));
  ASSERT_TRUE(config_set(config, "Import.UnixFSChunker", "size-1000"));
  ASSERT_TRUE(apply_profile(config, "unixfs-v0-2015"));
  auto settings = read_settings(config);
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->new_files.options.cid_version, 0);
  EXPECT_EQ(settings->new_files.options.chunker, unixfs::ChunkerSpec::fixed(256 * 1024));
}

TEST(Config, RefusesToChangeTheIdentityOrToGoBelowATextValue) {
  boost::json::value config = default_config();
  EXPECT_TRUE(config_set(config, "Identity.PeerID", "x").error().is(Errc::refused));
  EXPECT_FALSE(config_set(config, "Addresses.API.Deeper", 1).has_value());
}

TEST(Config, NamesTheKeyThatMakesNoSense) {
  boost::json::value config = default_config();
  ASSERT_TRUE(config_set(config, "Swarm.ConnMgr.GracePeriod", "soon").has_value());
  std::string message = read_settings(config).error().message();
  EXPECT_NE(message.find("Swarm.ConnMgr.GracePeriod"), std::string::npos) << message;
}

// Kubo couldn't read such a file.
TEST(Config, TakesATextForAListWhereKuboDoes) {
  for (auto [key, fits] : {std::pair("Addresses.API", true), std::pair("Addresses.Gateway", true),
                           std::pair("Addresses.Swarm", false), std::pair("Bootstrap", false),
                           std::pair("Addresses.Announce", false)}) {
    boost::json::value config = default_config();
    ASSERT_TRUE(config_set(config, key, "/ip4/127.0.0.1/tcp/0").has_value());
    EXPECT_EQ(read_settings(config).has_value(), fits) << key;
  }
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

TEST(Config, LimitsBandwidthInAllByPeerAndByProtocol) {
  boost::json::value config = default_config();
  EXPECT_TRUE(read_settings(config)->bandwidth.none());
  ASSERT_TRUE(config_set(config, "Swarm.Bandwidth",
                         boost::json::parse(R"({"Up": "2MB", "EachPeer": {"Down": 50000},
                             "Protocols": {"/ipfs/bitswap": {"Up": "1MiB"}}})")));
  auto settings = read_settings(config);
  ASSERT_TRUE(settings) << settings.error().message();
  const net::BandwidthLimits& limits = settings->bandwidth;
  EXPECT_EQ(limits.all.up, 2'000'000U);
  EXPECT_EQ(limits.all.down, 0U);
  EXPECT_EQ(limits.each_peer.down, 50'000U);
  EXPECT_EQ(limits.protocols.at("/ipfs/bitswap").up, 1U << 20);
  EXPECT_EQ(swarm_limits(*settings, 4096, std::nullopt)->bandwidth.all.up, 2'000'000U);
  for (std::string_view wrong : {R"({"Up": 10})", R"({"Protocols": {"/a": {"Down": "fast"}}})",
                                 R"({"Protocols": ["/a"]})", R"({"EachPeer": {"Up": -1}})"}) {
    ASSERT_TRUE(config_set(config, "Swarm.Bandwidth", boost::json::parse(wrong)));
    auto read = read_settings(config);
    ASSERT_FALSE(read) << wrong;
    EXPECT_NE(read.error().message().find("Swarm.Bandwidth"), std::string::npos) << wrong;
  }
}

TEST(Config, ReadsPubsubAsKuboDoes) {
  boost::json::value config = default_config();
  const PubSubSettings usual = read_settings(config)->pubsub;
  EXPECT_FALSE(usual.enabled || usual.flood_only);
  EXPECT_TRUE(usual.signing);
  EXPECT_EQ(usual.seen_ttl, 120s);
  EXPECT_EQ(usual.seen_strategy, pubsub::SeenStrategy::last_seen);
  ASSERT_TRUE(config_set(config, "Pubsub.Enabled", true));
  ASSERT_TRUE(config_set(config, "Pubsub.Router", "floodsub"));
  ASSERT_TRUE(config_set(config, "Pubsub.DisableSigning", true));
  ASSERT_TRUE(config_set(config, "Pubsub.SeenMessagesTTL", "10m"));
  ASSERT_TRUE(config_set(config, "Pubsub.SeenMessagesStrategy", "first-seen"));
  auto settings = read_settings(config);
  ASSERT_TRUE(settings) << settings.error().message();
  EXPECT_TRUE(settings->pubsub.enabled && settings->pubsub.flood_only);
  EXPECT_FALSE(settings->pubsub.signing);
  EXPECT_EQ(settings->pubsub.seen_ttl, 10min);
  EXPECT_EQ(settings->pubsub.seen_strategy, pubsub::SeenStrategy::first_seen);
  for (auto [key, value] :
       {std::pair("Pubsub.Router", "random"), std::pair("Pubsub.SeenMessagesTTL", "0s"),
        std::pair("Pubsub.SeenMessagesStrategy", "never")}) {
    boost::json::value other = default_config();
    ASSERT_TRUE(config_set(other, key, value));
    EXPECT_FALSE(read_settings(other)) << key;
  }
}

TEST(Config, ReadsWhoMayUseTheRpc) {
  const auto read = [](std::string_view users) {
    boost::json::value config = default_config();
    EXPECT_TRUE(config_set(config, "API.Authorizations", boost::json::parse(users)));
    return read_settings(config);
  };
  EXPECT_TRUE(read("null")->api_authorizations.empty());
  EXPECT_TRUE(read("{}")->api_authorizations.empty());
  auto settings = read(R"({"a.b": {"AuthSecret": "bearer:x", "AllowedPaths": ["/api/v0/id", "/y"]},
                           "nothing": {}, "none": null})");
  ASSERT_TRUE(settings) << settings.error().message();
  ASSERT_EQ(settings->api_authorizations.size(), 3U);
  EXPECT_EQ(settings->api_authorizations[0].secret, "bearer:x");
  const std::vector<std::string> paths = {"/api/v0/id", "/y"};
  EXPECT_EQ(settings->api_authorizations[0].allowed_paths, paths);
  EXPECT_TRUE(settings->api_authorizations[1].secret.empty());
  for (std::string_view wrong :
       {"[]", R"("bearer:x")", R"({"a": "bearer:x"})", R"({"a": {"AuthSecret": 1}})",
        R"({"a": {"AllowedPaths": "/api/v0"}})", R"({"a": {"AllowedPaths": [1]}})"}) {
    auto refused = read(wrong);
    ASSERT_FALSE(refused) << wrong;
    EXPECT_NE(refused.error().message().find("API.Authorizations"), std::string::npos) << wrong;
  }
}

TEST(Config, SurvivesWritingAndReading) {
  boost::json::value config = default_config();
  EXPECT_EQ(*parse_config(format_json(config)), config);
  EXPECT_FALSE(parse_config("[]").has_value());
  EXPECT_FALSE(parse_config("{\"a\":").has_value());
}

TEST(Config, ReadsDurationsAsKuboDoes) {
  const std::pair<const char*, Duration> durations[] = {
      {"1m30s", 90s},   {"1.5h", 90min},  {"300ms", 300ms},
      {"250us", 250us}, {"default", 20s}, {"", 20s},
  };
  for (const auto& [text, duration] : durations) {
    boost::json::value config = default_config();
    ASSERT_TRUE(config_set(config, "Swarm.ConnMgr.GracePeriod", text).has_value());
    auto settings = read_settings(config);
    ASSERT_TRUE(settings.has_value()) << text;
    EXPECT_EQ(settings->grace_period, duration) << text;
  }
}

boost::json::value kubos_config(const std::string& name) {
  std::ifstream file(std::string(KITH_SOURCE_DIR) + "/tests/vectors/kubo/" + name);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  auto config = parse_config(text);
  EXPECT_TRUE(config.has_value()) << name;
  return config ? *config : boost::json::object();
}

TEST(Config, ReadsWhatKuboWrites) {
  auto settings = read_settings(kubos_config("config-test.json"));
  ASSERT_TRUE(settings.has_value()) << settings.error().message();
  ASSERT_EQ(settings->swarm_addresses.size(), 1u);
  EXPECT_EQ(settings->swarm_addresses[0].to_string(), "/ip4/127.0.0.1/tcp/0");
  EXPECT_TRUE(settings->bootstrap.empty());
  EXPECT_FALSE(settings->mdns);
  EXPECT_EQ(settings->without_effect,
            std::vector<std::string>({"Datastore.Spec.mounts", "Datastore.Spec.type"}));

  settings = read_settings(kubos_config("config-default.json"));
  ASSERT_TRUE(settings.has_value()) << settings.error().message();
  EXPECT_EQ(settings->swarm_addresses.size(), 8u);
  EXPECT_EQ(settings->swarm_addresses[4].to_string(), "/ip4/0.0.0.0/udp/4001/quic-v1/webtransport");
  // "auto"
  EXPECT_EQ(settings->bootstrap.size(), discovery::default_bootstrap().size());
  EXPECT_TRUE(settings->mdns);
  EXPECT_EQ(settings->without_effect.size(), 2u) << "of its datastore, which `init` leaves out";
}

TEST(Config, KeepsWhatKuboKnowsAndWeDoNot) {
  boost::json::value config = kubos_config("config-test.json");
  boost::json::value changed = *parse_config(format_json(config));
  ASSERT_TRUE(config_set(changed, "Swarm.ConnMgr.LowWater", 10).has_value());
  changed.at_pointer("/Swarm/ConnMgr").as_object().erase("LowWater");
  EXPECT_EQ(changed, config);
  EXPECT_EQ(config_get(changed, "Mounts.MFS")->as_string(), "/mfs");
}

}  // namespace
}  // namespace kith::node
