#include <set>

#include <gtest/gtest.h>

#include <kith/host/host.hpp>
#include <kith/host/program.hpp>
#include <kith/names/ipns_record.hpp>
#include <kith/sim/testing.hpp>

namespace kith::host {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;
using routing::PeerAddresses;
using routing::RoutingError;

crypto::PrivateKey key_of(std::uint8_t number) {
  std::array<std::uint8_t, 32> seed{};
  seed[0] = number;
  return crypto::PrivateKey::from_ed25519_seed(seed);
}

PeerId id_of(std::uint8_t number) {
  return PeerId::from_public_key(key_of(number).public_key());
}

/// A host that listens, and knows of `others` at first.
HostOptions in_the_dht(std::vector<Multiaddr> others = {}) {
  HostOptions options;
  options.listen.push_back(*Multiaddr::parse("/ip4/0.0.0.0/tcp/4001"));
  options.dht.emplace().bootstrap = std::move(others);
  return options;
}

/// Where other machines reach the host.
std::vector<Multiaddr> address_of(const Host& host) {
  for (const Multiaddr& address : host.addresses()) {
    if (!address.is_loopback()) return {address};
  }
  return {};
}

/// Hosts that know each other by the first one alone.
struct Net {
  explicit Net(sim::World& world) : world(world) {}

  Task<Host*> add(std::optional<HostOptions> options = std::nullopt) {
    std::vector<Multiaddr> first;
    if (!hosts.empty()) first = address_of(*hosts.front());
    HostOptions its = options ? *std::move(options) : in_the_dht();
    if (its.dht && its.dht->bootstrap.empty()) its.dht->bootstrap = std::move(first);
    const auto number = static_cast<std::uint8_t>(hosts.size() + 1);
    KITH_CO_TRY(std::unique_ptr<Host> host,
                co_await Host::start(world.add_node().env(), key_of(number), std::move(its)));
    hosts.push_back(std::move(host));
    co_return hosts.back().get();
  }
  Task<void> close() {
    for (const std::unique_ptr<Host>& host : hosts)
      KITH_CO_CHECK(co_await host->close_shielded());
    co_return Result<void>{};
  }

  sim::World& world;
  std::vector<std::unique_ptr<Host>> hosts;
};

template <class T, class E>
bool fails_with(const Result<T>& result, E error) {
  return !result && result.error().is(error);
}

TEST(HostDht, ConnectsToAPeerOfWhichOnlyTheIdIsKnown) {
  sim::run_seeds(1, 5, [](sim::World& world) -> Task<void> {
    Net net(world);
    KITH_CO_CHECK(co_await net.add());
    KITH_CO_TRY(Host * far, co_await net.add());
    KITH_CO_TRY(Host * near, co_await net.add());
    far->handle("/hello", [](std::unique_ptr<net::Stream> stream) -> Task<void> {
      KITH_CO_CHECK(co_await stream->write(as_bytes("hello")));
      co_return co_await stream->close_write();
    });
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 5s));
    KITH_CO_TRY(PeerId peer, co_await near->connect(far->peer()));
    EXPECT_EQ(peer, far->peer());
    EXPECT_TRUE(near->disconnect(peer));
    // Or by its id as text, or by wanting a stream.
    KITH_CO_TRY(peer, co_await near->connect(far->peer().to_string()));
    EXPECT_EQ(peer, far->peer());
    KITH_CO_TRY(peer, co_await near->connect("/p2p/" + far->peer().to_string()));
    KITH_CO_TRY(Host * last, co_await net.add());
    KITH_CO_TRY(auto stream, co_await last->open_stream(far->peer(), "/hello"));
    KITH_CO_CHECK(co_await stream->close_write());
    KITH_CO_TRY(Bytes said, co_await port::read_to_end(*stream, 100));
    EXPECT_EQ(as_text(said), "hello");
    stream.reset();
    auto nobody = co_await near->connect(id_of(99));
    EXPECT_TRUE(fails_with(nobody, RoutingError::not_found));
    auto nonsense = co_await near->connect("nonsense");
    EXPECT_FALSE(nonsense.has_value());
    co_return co_await net.close();
  });
}

TEST(HostDht, AHostWithoutItKnowsOnlyWhatItIsTold) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Net net(world);
    KITH_CO_TRY(Host * far, co_await net.add());
    KITH_CO_TRY(Host * near, co_await net.add(HostOptions()));
    auto connected = co_await near->connect(far->peer());
    EXPECT_TRUE(fails_with(connected, net::SwarmError::no_addresses));
    KITH_CO_CHECK(co_await near->connect(address_of(*far).front()));
    KITH_CO_CHECK(co_await near->connect(far->peer()));
    co_return co_await net.close();
  });
}

TEST(HostDeathTest, SaysThatItHasNoDht) {
  auto body = [](sim::World& world) -> Task<void> {
    KITH_CO_TRY(auto host, co_await Host::start(world.add_node().env(), key_of(1)));
    host->dht();
    co_return Result<void>{};
  };
  EXPECT_DEATH(sim::run_test(1, body), "HostOptions::dht");
}

TEST(HostDht, FindsAllWhoMeetUnderAName) {
  sim::run_seeds(1, 5, [](sim::World& world) -> Task<void> {
    Net net(world);
    // Nobody is there yet to be told; whoever asks it finds it all the same.
    KITH_CO_TRY(Host * first, co_await net.add());
    auto alone = co_await first->dht().provide(rendezvous("chess"));
    EXPECT_TRUE(fails_with(alone, RoutingError::no_peers));
    std::set<PeerId> players = {first->peer()};
    for (int i = 0; i < 3; ++i) {
      KITH_CO_TRY(Host * player, co_await net.add());
      // At once: it waits until it knows somebody.
      KITH_CO_CHECK(co_await player->dht().provide(rendezvous("chess")));
      players.insert(player->peer());
    }
    KITH_CO_TRY(Host * looking, co_await net.add());
    auto search = looking->dht().find_providers(rendezvous("chess"));
    std::set<PeerId> found;
    auto one = co_await search->next();
    for (; one; one = co_await search->next()) {
      KITH_CO_CHECK(co_await looking->connect(one->peer));
      found.insert(one->peer);
    }
    EXPECT_TRUE(one.error().is(Errc::closed));
    EXPECT_EQ(found, players);
    auto others = looking->dht().find_providers(rendezvous("poker"));
    auto none = co_await others->next();
    EXPECT_TRUE(fails_with(none, Errc::closed));
    // One that was left ends by itself, as does one that the host left.
    search = looking->dht().find_providers(rendezvous("chess"));
    search.reset();
    others = looking->dht().find_providers(rendezvous("chess"));
    KITH_CO_CHECK(co_await net.close());
    auto after = co_await others->next();
    while (after)
      after = co_await others->next();
    EXPECT_TRUE(after.error().is(Errc::closed));
    co_return Result<void>{};
  });
}

TEST(HostDht, StopsProviding) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Net net(world);
    KITH_CO_CHECK(co_await net.add());
    KITH_CO_TRY(Host * host, co_await net.add());
    KITH_CO_CHECK(co_await host->dht().provide(rendezvous("chess")));
    EXPECT_EQ(host->dht().both().local().provided().size(), 1u);
    EXPECT_EQ(host->dht().both().wide().provided().size(), 1u);
    host->dht().stop_providing(rendezvous("chess"));
    EXPECT_EQ(host->dht().both().local().provided().size(), 0u);
    EXPECT_EQ(host->dht().both().wide().provided().size(), 0u);
    co_return co_await net.close();
  });
}

TEST(HostDht, SaysThatNobodyIsThere) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Net net(world);
    KITH_CO_TRY(Host * alone, co_await net.add());
    const Instant begin = world.clock().now();
    auto found = co_await alone->dht().find_peer(id_of(9));
    EXPECT_TRUE(fails_with(found, RoutingError::no_peers));
    auto search = alone->dht().find_providers(rendezvous("chess"));
    auto provider = co_await search->next();
    EXPECT_TRUE(fails_with(provider, RoutingError::no_peers));
    EXPECT_EQ(world.clock().now(), begin) << "there is nobody to wait for";
    // The peer to begin with is down.
    HostOptions hopeful =
        in_the_dht({*Multiaddr::parse("/ip4/10.99.0.1/tcp/4001").value().with_peer_id(id_of(9))});
    KITH_CO_TRY(Host * other, co_await net.add(std::move(hopeful)));
    Instant asked = world.clock().now();
    found = co_await other->dht().find_peer(id_of(8));
    EXPECT_TRUE(fails_with(found, RoutingError::no_peers));
    EXPECT_EQ(world.clock().now() - asked, dht_patience);
    asked = world.clock().now();
    found = co_await other->dht().find_peer(id_of(8));
    EXPECT_TRUE(fails_with(found, RoutingError::no_peers));
    EXPECT_EQ(world.clock().now(), asked) << "it has waited once";
    co_return co_await net.close();
  });
}

// Values.

TEST(HostDht, KeepsPublicKeysAndIpnsRecordsAlone) {
  sim::run_seeds(1, 3, [](sim::World& world) -> Task<void> {
    Net net(world);
    for (int i = 0; i < 3; ++i)
      KITH_CO_CHECK(co_await net.add());
    Host& one = *net.hosts[1];
    Host& other = *net.hosts[2];
    const Bytes name = names::ipns_routing_key(id_of(7));
    auto record = [&one](std::string_view value, std::uint64_t sequence) {
      names::IpnsContent content{to_bytes(value), names::EndOfLife::at(one.env().wall.now() + 24h),
                                 sequence, 1min};
      auto made = names::sign_ipns_record(key_of(7), std::move(content));
      return names::encode_ipns_record(*made);
    };
    const Bytes second = record("/ipfs/bafkqabdumvzxi", 2);
    KITH_CO_CHECK(co_await one.dht().put_value(name, second));
    KITH_CO_TRY(Bytes found, co_await other.dht().get_value(name));
    EXPECT_EQ(found, second);
    auto older = co_await one.dht().put_value(name, record("/ipfs/bafkqaaa", 1));
    EXPECT_TRUE(fails_with(older, RoutingError::older_value));
    auto anothers = co_await one.dht().put_value(names::ipns_routing_key(id_of(8)), second);
    EXPECT_TRUE(fails_with(anothers, RoutingError::bad_value));
    Bytes key = to_bytes("/pk/");
    append(key, id_of(7).bytes());
    Bytes public_key = to_bytes(key_of(7).public_key().encoded());
    KITH_CO_CHECK(co_await one.dht().put_value(key, public_key));
    KITH_CO_TRY(found, co_await other.dht().get_value(key));
    EXPECT_EQ(found, public_key);
    auto unknown = co_await one.dht().put_value(to_bytes("/news/today"), to_bytes("rain"));
    EXPECT_TRUE(fails_with(unknown, RoutingError::unknown_kind));
    auto missing = co_await other.dht().get_value(names::ipns_routing_key(id_of(8)));
    EXPECT_TRUE(fails_with(missing, RoutingError::not_found));
    co_return co_await net.close();
  });
}

/// Short texts, the longer the better.
class NoteValidator final : public routing::Validator {
 public:
  Result<void> check_name(ByteView) const override { return {}; }
  Result<void> check(ByteView, ByteView value, WallTime) const override {
    if (value.size() > 10) return std::unexpected(RoutingError::bad_value);
    return {};
  }
  bool better(ByteView, ByteView a, ByteView b) const override { return a.size() > b.size(); }
};

TEST(HostDht, StoresWhatANetworkOfItsOwnHasAValidatorFor) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Net net(world);
    HostOptions own = in_the_dht();
    own.dht->prefix = "/mine";
    own.dht->validators["note"] = std::make_shared<NoteValidator>();
    for (int i = 0; i < 3; ++i)
      KITH_CO_CHECK(co_await net.add(own));
    KITH_CO_CHECK(co_await net.hosts[1]->dht().put_value(to_bytes("/note/1"), to_bytes("rain")));
    KITH_CO_TRY(Bytes found, co_await net.hosts[2]->dht().get_value(to_bytes("/note/1")));
    EXPECT_EQ(as_text(found), "rain");
    auto too_long = co_await net.hosts[1]->dht().put_value(to_bytes("/note/1"), Bytes(11, 'x'));
    EXPECT_TRUE(fails_with(too_long, RoutingError::bad_value));
    // A stranger is connected, and no part of it.
    KITH_CO_TRY(Host * stranger, co_await net.add());
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 30s));
    EXPECT_FALSE(stranger->connections().empty());
    EXPECT_EQ(stranger->dht().both().local().table().size(), 0u);
    EXPECT_EQ(net.hosts[0]->dht().both().local().table().size(), 2u);
    co_return co_await net.close();
  });
}

TEST(HostDht, RefusesOptionsThatMakeNoSense) {
  DhtOptions good;
  EXPECT_TRUE(Dht::check(good));
  DhtOptions public_notes;
  public_notes.validators["note"] = std::make_shared<NoteValidator>();
  auto refused = Dht::check(public_notes);
  ASSERT_TRUE(fails_with(refused, Errc::invalid_argument));
  EXPECT_NE(refused.error().message().find("note"), std::string::npos);
  public_notes.prefix = "/mine";
  EXPECT_TRUE(Dht::check(public_notes));
  for (const std::string& prefix :
       {std::string(), std::string("/"), std::string("mine"), std::string("/mine/"),
        std::string("/mi ne"), std::string("/mi\nne"),
        "/" + std::string(dht_prefix_bytes_max, 'x')})
    EXPECT_TRUE(fails_with(Dht::check({.prefix = prefix}), Errc::invalid_argument)) << prefix;
  for (const std::string& name : {std::string(), std::string("a/b")}) {
    DhtOptions options{.prefix = "/mine"};
    options.validators[name] = std::make_shared<NoteValidator>();
    EXPECT_TRUE(fails_with(Dht::check(options), Errc::invalid_argument)) << name;
  }
  DhtOptions empty{.prefix = "/mine"};
  empty.validators["note"] = nullptr;
  EXPECT_TRUE(fails_with(Dht::check(empty), Errc::invalid_argument));
  EXPECT_FALSE(public_peers().empty());
}

// Modes.

TEST(HostDht, AnswersAsItsModeSays) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Net net(world);
    HostOptions client = in_the_dht();
    client.dht->mode = DhtMode::client;
    HostOptions server = in_the_dht();
    server.dht->mode = DhtMode::server;
    HostOptions reached = in_the_dht();
    std::vector<net::Reachability> told;
    reached.reach.emplace().forced = net::Reachability::reachable;
    reached.reach->port_mapping = false;
    reached.reach->on_verdict = [&told](net::Reachability now) { told.push_back(now); };
    KITH_CO_TRY(Host * automatic, co_await net.add());
    KITH_CO_TRY(Host * asking, co_await net.add(std::move(client)));
    KITH_CO_TRY(Host * answering, co_await net.add(std::move(server)));
    KITH_CO_TRY(Host * reachable, co_await net.add(std::move(reached)));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 30s));
    EXPECT_FALSE(automatic->dht().serves());
    EXPECT_FALSE(asking->dht().serves());
    EXPECT_TRUE(answering->dht().serves());
    EXPECT_TRUE(reachable->dht().serves());
    EXPECT_EQ(told, std::vector{net::Reachability::reachable}) << "the program is told, too";
    const dht::RoutingTable& table = automatic->dht().both().local().table();
    EXPECT_FALSE(table.contains(asking->peer()));
    EXPECT_TRUE(table.contains(answering->peer()) && table.contains(reachable->peer()));
    co_return co_await net.close();
  });
}

TEST(HostDht, ThatServesIsClosedAgainIfTheHostCantListen) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    port::Env& env = world.add_node().env();
    KITH_CO_TRY(auto first, co_await Host::start(env, key_of(1), in_the_dht()));
    HostOptions options = in_the_dht();
    options.reach.emplace().forced = net::Reachability::reachable;
    options.reach->port_mapping = false;
    auto second = co_await Host::start(env, key_of(2), std::move(options));
    EXPECT_FALSE(second.has_value()) << "the port is taken";
    co_return co_await first->close_shielded();
  });
}

// The end.

Task<void> keep_outcome(Task<PeerAddresses> task, std::optional<Result<PeerAddresses>>& into) {
  into = co_await std::move(task);
  co_return Result<void>{};
}

Task<void> closes_within_a_lookup(sim::World& world, Duration& when, std::size_t& within) {
  Net net(world);
  for (int i = 0; i < 5; ++i)
    KITH_CO_CHECK(co_await net.add());
  KITH_CO_TRY(Host * host, co_await net.add());
  std::optional<Result<PeerAddresses>> looked;
  std::optional<Result<PeerAddresses>> searched;
  port::TaskGroup calls(host->env().executor, host->env().clock);
  auto search = host->dht().find_providers(rendezvous("chess"));
  calls.spawn(keep_outcome(host->dht().find_peer(id_of(99)), looked));
  calls.spawn(keep_outcome(search->next(), searched));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), when));
  const bool early = !looked;
  within += early ? 1 : 0;
  KITH_CO_CHECK(co_await host->close_shielded());
  KITH_CO_CHECK(co_await calls.join());
  KITH_CO_REQUIRE(looked && searched);
  KITH_CO_REQUIRE(!looked->has_value() && !searched->has_value());
  EXPECT_TRUE(!early || looked->error().is(Errc::closed)) << looked->error().message();
  EXPECT_TRUE(searched->error().is(Errc::closed)) << searched->error().message();
  auto late = co_await host->dht().find_peer(id_of(99));
  EXPECT_TRUE(fails_with(late, Errc::closed));
  auto later = host->dht().find_providers(rendezvous("chess"));
  auto none = co_await later->next();
  EXPECT_TRUE(fails_with(none, Errc::closed));
  co_return co_await net.close();
}

TEST(HostDht, EndsWhatIsUnderWayWhenTheHostCloses) {
  // At another moment of the lookup each time.
  std::size_t within = 0;
  for (Duration moment = 0ms; moment <= 40ms; moment += 1ms) {
    SCOPED_TRACE(moment.count());
    sim::run_test(1, closes_within_a_lookup, moment, within);
  }
  EXPECT_GT(within, 10u);
}

TEST(HostDht, ACallThatIsGivenUpEndsAtOnce) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Net net(world);
    KITH_CO_CHECK(co_await net.add());
    KITH_CO_TRY(Host * host, co_await net.add());
    std::optional<Result<PeerAddresses>> looked;
    port::TaskGroup calls(host->env().executor, host->env().clock);
    calls.spawn(keep_outcome(host->dht().find_peer(id_of(99)), looked));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1ms));
    calls.cancel();
    KITH_CO_CHECK(co_await calls.join_shielded());
    KITH_CO_REQUIRE(looked.has_value());
    EXPECT_TRUE(fails_with(*looked, Errc::cancelled));
    co_return co_await net.close();
  });
}

// The machine's own network.

Task<void> meet_on_loopback(Host& first, bool& met) {
  HostOptions options;
  options.listen.push_back(*Multiaddr::parse("/ip4/127.0.0.1/tcp/0"));
  options.dht.emplace().loopback = true;
  options.dht->bootstrap = first.addresses();
  KITH_CO_CHECK(
      co_await with_host(first.env(), key_of(2), options, [&](Host& second) -> Task<void> {
        KITH_CO_CHECK(co_await second.dht().provide(rendezvous("chess")));
        co_return co_await with_host(
            first.env(), key_of(3), options, [&](Host& third) -> Task<void> {
              auto search = third.dht().find_providers(rendezvous("chess"));
              KITH_CO_TRY(PeerAddresses found, co_await search->next());
              EXPECT_EQ(found.peer, second.peer());
              KITH_CO_CHECK(co_await third.connect(found.peer));
              met = true;
              co_return Result<void>{};
            });
      }));
  co_return Result<void>{};
}

TEST(HostDht, WorksOnLoopback) {
  ProgramOptions options;
  options.host.listen.push_back(*Multiaddr::parse("/ip4/127.0.0.1/tcp/0"));
  options.host.dht.emplace().loopback = true;
  bool met = false;
  EXPECT_EQ(
      run_program(std::move(options), [&met](Host& host) { return meet_on_loopback(host, met); }),
      0);
  EXPECT_TRUE(met);
}

}  // namespace
}  // namespace kith::host
