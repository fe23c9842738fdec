#include <gtest/gtest.h>

#include <kith/host/host.hpp>
#include <kith/sim/testing.hpp>

namespace kith::host {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;

crypto::PrivateKey key_of(std::uint8_t number) {
  std::array<std::uint8_t, 32> seed{};
  seed[0] = number;
  return crypto::PrivateKey::from_ed25519_seed(seed);
}

HostOptions listening() {
  HostOptions options;
  options.listen.push_back(*Multiaddr::parse("/ip4/0.0.0.0/tcp/4001"));
  options.agent = "test/1";
  return options;
}

/// An address at which other machines reach the host.
Multiaddr address_of(const Host& host) {
  for (const Multiaddr& address : host.addresses()) {
    if (!address.is_loopback()) return address;
  }
  return {};
}

Task<void> two_hosts_meet(sim::World& world) {
  sim::Node& near_node = world.add_node();
  sim::Node& far_node = world.add_node();
  KITH_CO_TRY(std::unique_ptr<Host> near, co_await Host::start(near_node.env(), key_of(1)));
  KITH_CO_TRY(std::unique_ptr<Host> far,
              co_await Host::start(far_node.env(), key_of(2), listening()));
  EXPECT_TRUE(near->addresses().empty());
  const Multiaddr address = address_of(*far);
  EXPECT_EQ(address.peer_id(), far->peer());

  KITH_CO_TRY(PeerId peer, co_await near->connect(address));
  EXPECT_EQ(peer, far->peer());
  KITH_CO_TRY(PeerInfo info, co_await near->identify(peer));
  EXPECT_EQ(info.agent, "test/1");
  EXPECT_TRUE(std::ranges::binary_search(info.protocols, net::ping_protocol));
  EXPECT_EQ(std::ranges::count(info.addresses, address.without_peer_id()), 1);
  KITH_CO_REQUIRE(info.observed_address.has_value());
  EXPECT_EQ(*info.observed_address, far->connections().at(0).remote_address);
  KITH_CO_TRY(std::vector<Duration> round_trips, co_await near->ping(peer, 3));
  EXPECT_EQ(round_trips.size(), 3u);

  KITH_CO_CHECK(co_await near->connect(address));
  EXPECT_EQ(near->connections().size(), 1u);
  EXPECT_TRUE(near->disconnect(peer));
  KITH_CO_CHECK(co_await port::sleep_for(near_node.env().clock, 5s));
  EXPECT_FALSE(near->disconnect(peer));
  auto gone = co_await near->identify(peer);
  EXPECT_TRUE(!gone && gone.error().is(Errc::not_found));
  KITH_CO_CHECK(co_await near->close_shielded());
  KITH_CO_CHECK(co_await far->close_shielded());
  co_return Result<void>{};
}
TEST(Host, ConnectsIdentifiesAndPings) {
  sim::run_seeds(1, 5, two_hosts_meet);
}

Task<void> meets_over_websocket(sim::World& world) {
  sim::Node& near_node = world.add_node();
  sim::Node& far_node = world.add_node();
  KITH_CO_TRY(std::unique_ptr<Host> near, co_await Host::start(near_node.env(), key_of(1)));
  HostOptions options = listening();
  options.listen = {*Multiaddr::parse("/ip4/0.0.0.0/tcp/80/ws")};
  KITH_CO_TRY(std::unique_ptr<Host> far,
              co_await Host::start(far_node.env(), key_of(2), std::move(options)));
  KITH_CO_TRY(PeerId peer, co_await near->connect(address_of(*far)));
  KITH_CO_TRY(std::vector<Duration> round_trips, co_await near->ping(peer, 1));
  EXPECT_EQ(round_trips.size(), 1u);
  EXPECT_TRUE(near->connections().at(0).remote_address.has(multiformats::Protocol::ws));
  KITH_CO_CHECK(co_await near->close_shielded());
  KITH_CO_CHECK(co_await far->close_shielded());
  co_return Result<void>{};
}
TEST(Host, MeetsPeersOverWebSocket) {
  sim::run_test(1, meets_over_websocket);
}

Task<void> serve_shout(std::unique_ptr<net::Stream> stream) {
  KITH_CO_TRY(Bytes said, co_await port::read_to_end(*stream, 100));
  said.push_back('!');
  KITH_CO_CHECK(co_await stream->write(said));
  co_return co_await stream->close_write();
}

Task<void> speaks_a_protocol(sim::World& world) {
  sim::Node& near_node = world.add_node();
  sim::Node& far_node = world.add_node();
  KITH_CO_TRY(std::unique_ptr<Host> near, co_await Host::start(near_node.env(), key_of(1)));
  KITH_CO_TRY(std::unique_ptr<Host> far,
              co_await Host::start(far_node.env(), key_of(2), listening()));
  far->handle("/shout/1.0.0", serve_shout);
  KITH_CO_TRY(PeerId peer, co_await near->connect(address_of(*far)));
  KITH_CO_TRY(std::unique_ptr<net::Stream> stream,
              co_await near->open_stream(peer, "/shout/1.0.0"));
  ByteView hello = as_bytes("hello");
  KITH_CO_CHECK(co_await stream->write(hello));
  KITH_CO_CHECK(co_await stream->close_write());
  KITH_CO_TRY(Bytes answer, co_await port::read_to_end(*stream, 100));
  EXPECT_EQ(as_text(answer), "hello!");

  far->stop_handling("/shout/1.0.0");
  KITH_CO_TRY(stream, co_await near->open_stream(peer, "/shout/1.0.0"));
  KITH_CO_CHECK(co_await stream->close_write());
  auto refused = co_await stream->read_buffer(1);
  EXPECT_FALSE(refused.has_value());
  stream.reset();
  KITH_CO_CHECK(co_await near->close_shielded());
  KITH_CO_CHECK(co_await far->close_shielded());
  co_return Result<void>{};
}
TEST(Host, CarriesAProtocolOfTheProgramsOwn) {
  sim::run_seeds(1, 5, speaks_a_protocol);
}

Task<void> hold(std::unique_ptr<net::Stream> stream, std::size_t& serving) {
  ++serving;
  auto end = co_await stream->read_buffer(1);
  EXPECT_FALSE(end.has_value());
  --serving;
  co_return Result<void>{};
}

Task<void> closes_in_order(sim::World& world) {
  sim::Node& near_node = world.add_node();
  sim::Node& far_node = world.add_node();
  KITH_CO_TRY(std::unique_ptr<Host> near, co_await Host::start(near_node.env(), key_of(1)));
  KITH_CO_TRY(std::unique_ptr<Host> far,
              co_await Host::start(far_node.env(), key_of(2), listening()));
  std::size_t serving = 0;
  far->handle("/hold", [&serving](std::unique_ptr<net::Stream> stream) {
    return hold(std::move(stream), serving);
  });
  KITH_CO_TRY(PeerId peer, co_await near->connect(address_of(*far)));
  KITH_CO_TRY(std::unique_ptr<net::Stream> stream, co_await near->open_stream(peer, "/hold"));
  KITH_CO_CHECK(co_await stream->write({}));
  KITH_CO_CHECK(co_await port::sleep_for(near_node.env().clock, 5s));
  EXPECT_EQ(serving, 1u);
  KITH_CO_CHECK(co_await far->close_shielded());
  EXPECT_EQ(serving, 0u);
  KITH_CO_CHECK(co_await far->close_shielded());
  stream.reset();
  KITH_CO_CHECK(co_await near->close_shielded());
  co_return Result<void>{};
}
TEST(Host, HasEndedItsHandlersWhenItIsClosed) {
  sim::run_test(1, closes_in_order);
}

Task<void> refuses_bad_addresses(sim::World& world) {
  sim::Node& node = world.add_node();
  KITH_CO_TRY(std::unique_ptr<Host> host, co_await Host::start(node.env(), key_of(1), listening()));
  Multiaddr without_peer = *Multiaddr::parse("/ip4/10.0.0.9/tcp/1");
  auto connected = co_await host->connect(without_peer);
  EXPECT_TRUE(!connected && connected.error().is(Errc::invalid_argument));
  // The port is taken, and what had been started is closed again.
  auto second = co_await Host::start(node.env(), key_of(2), listening());
  KITH_CO_REQUIRE(!second.has_value());
  EXPECT_NE(second.error().message().find("/ip4/0.0.0.0/tcp/4001"), std::string::npos);
  KITH_CO_CHECK(co_await host->close_shielded());
  co_return Result<void>{};
}
TEST(Host, SaysWhichAddressIsBad) {
  sim::run_test(1, refuses_bad_addresses);
}

Task<void> connect_nowhere(Host& host) {
  Multiaddr nowhere = *Multiaddr::parse("/ip4/10.0.0.9/tcp/1").value().with_peer_id(host.peer());
  KITH_CO_CHECK(co_await host.connect(std::move(nowhere)));
  co_return Result<void>{};
}

Task<void> throw_it(Host&) {
  KITH_CO_CHECK(co_await port::yield());
  throw std::runtime_error("no");
}

Task<void> never_ends(Host& host) {
  co_return co_await port::sleep_until(host.env().clock, never);
}

Task<void> closes_whatever_happens(sim::World& world) {
  port::Env& env = world.add_node().env();
  auto failed = co_await with_host(env, key_of(1), listening(), connect_nowhere);
  EXPECT_TRUE(!failed && failed.error().is(net::SwarmError::dial_self));
  // Each time the port is free again.
  std::string thrown;
  try {
    co_await with_host(env, key_of(1), listening(), throw_it);
  } catch (const std::runtime_error& error) {
    thrown = error.what();
  }
  EXPECT_EQ(thrown, "no");
  port::TaskGroup tasks(env.executor, env.clock);
  tasks.spawn(with_host(env, key_of(1), listening(), never_ends));
  KITH_CO_CHECK(co_await port::sleep_for(env.clock, 1s));
  auto taken = co_await with_host(env, key_of(2), listening(), never_ends);
  EXPECT_FALSE(taken.has_value());
  tasks.cancel();
  KITH_CO_CHECK(co_await tasks.join_shielded());
  KITH_CO_TRY(std::unique_ptr<Host> last, co_await Host::start(env, key_of(1), listening()));
  KITH_CO_CHECK(co_await last->close_shielded());
  co_return Result<void>{};
}
TEST(Host, IsClosedHoweverItsBodyEnds) {
  sim::run_test(1, closes_whatever_happens);
}

Task<void> forgets_to_close(sim::World& world) {
  KITH_CO_TRY(std::unique_ptr<Host> host,
              co_await Host::start(world.add_node().env(), key_of(1), listening()));
  host.reset();
  co_return Result<void>{};
}
TEST(HostDeathTest, SaysThatItWasNotClosed) {
  EXPECT_DEATH(sim::run_test(1, forgets_to_close), "close_shielded\\(\\) first");
}

Task<void> count_seconds(port::Env& env, int& seconds) {
  for (;;) {
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, 1s));
    ++seconds;
  }
}

Task<void> runs_tasks(sim::World& world) {
  port::Env& env = world.add_node().env();
  KITH_CO_TRY(std::unique_ptr<Host> host, co_await Host::start(env, key_of(1)));
  int seconds = 0;
  EXPECT_TRUE(host->spawn(count_seconds(env, seconds)));
  KITH_CO_CHECK(co_await port::sleep_for(env.clock, 3500ms));
  EXPECT_EQ(seconds, 3);
  KITH_CO_CHECK(co_await host->close_shielded());
  EXPECT_FALSE(host->spawn(count_seconds(env, seconds)));
  KITH_CO_CHECK(co_await port::sleep_for(env.clock, 10s));
  EXPECT_EQ(seconds, 3);
  co_return Result<void>{};
}
TEST(Host, RunsTasksUntilItCloses) {
  sim::run_test(1, runs_tasks);
}

Task<void> hears_a_topic(sim::World& world) {
  HostOptions options = listening();
  options.pubsub.emplace();
  KITH_CO_TRY(std::unique_ptr<Host> near,
              co_await Host::start(world.add_node().env(), key_of(1), options));
  KITH_CO_TRY(std::unique_ptr<Host> far,
              co_await Host::start(world.add_node().env(), key_of(2), options));
  std::vector<std::string> heard;
  auto hear = [&heard](const pubsub::Received& said) {
    heard.emplace_back(as_text(said.message->data()));
  };
  KITH_CO_CHECK(near->subscribe("room", hear));
  auto refused = near->subscribe("", hear);
  EXPECT_TRUE(!refused && refused.error().is(Errc::invalid_argument));
  KITH_CO_CHECK(co_await near->connect(address_of(*far)));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 5s));
  KITH_CO_CHECK(co_await far->pubsub().publish("room", to_bytes("good")));
  KITH_CO_CHECK(co_await far->pubsub().publish("room", to_bytes("evening")));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 5s));
  EXPECT_EQ(heard, (std::vector<std::string>{"good", "evening"}));
  KITH_CO_CHECK(co_await near->close_shielded());
  auto closed = near->subscribe("room", hear);
  EXPECT_FALSE(closed.has_value());
  KITH_CO_CHECK(co_await far->close_shielded());
  co_return Result<void>{};
}
TEST(Host, HandsOnWhatIsSaidInATopic) {
  sim::run_test(1, hears_a_topic);
}

Task<void> takes_posted_work(sim::World& world) {
  port::Env& env = world.add_node().env();
  KITH_CO_TRY(std::unique_ptr<Host> host, co_await Host::start(env, key_of(1)));
  std::string order;
  host->post([&order] { order += "1"; });
  host->post([&order] { order += "2"; });
  EXPECT_EQ(order, "");
  KITH_CO_CHECK(co_await port::yield());
  EXPECT_EQ(order, "12");
  // What comes too late is dropped, also if the host is gone by then.
  host->post([&order] { order += "3"; });
  KITH_CO_CHECK(co_await host->close_shielded());
  host->post([&order] { order += "4"; });
  host.reset();
  KITH_CO_CHECK(co_await port::yield());
  EXPECT_EQ(order, "12");
  co_return Result<void>{};
}
TEST(Host, DoesPostedWorkInOrderUntilItCloses) {
  sim::run_test(1, takes_posted_work);
}

}  // namespace
}  // namespace kith::host
