#include <thread>

#include <boost/asio/post.hpp>
#include <errno.h>
#include <gtest/gtest.h>

#include <kith/port/port.hpp>
#include <kith/sim/random.hpp>
#include <kith/sim/testing.hpp>

namespace kith::sim {
namespace {

Task<void> echo_one(std::unique_ptr<port::TcpStream> stream) {
  for (;;) {
    KITH_CO_TRY(Buffer part, co_await stream->read_buffer(1000));
    if (part.empty()) break;
    KITH_CO_CHECK(co_await stream->write(part));
  }
  co_return co_await stream->close_write();
}

/// The smallest server worth its name: an accept loop and a task for each connection.
Task<void> echo_server(port::Env& env, port::Endpoint local) {
  KITH_CO_TRY(auto listener, env.net.listen_tcp(local, {}));
  port::TaskGroup connections(env.executor, env.clock, 100);
  Result<void> outcome;
  for (;;) {
    auto stream = co_await listener->accept();
    if (!stream) {
      outcome = std::unexpected(stream.error());
      break;
    }
    connections.spawn(echo_one(*std::move(stream)));
  }
  connections.cancel();
  KITH_CO_CHECK(co_await connections.join_shielded());
  co_return outcome;
}

Task<void> echoes_a_lot(World& world) {
  Node& server = world.add_node();
  Node& client = world.add_node();
  server.spawn(echo_server(server.env(), server.endpoint(4001)));
  co_await port::sleep_for(world.clock(), 1ms);
  Instant begin = world.now();
  port::TcpDialOptions options;
  port::Endpoint remote = server.endpoint(4001);
  KITH_CO_TRY(auto stream, co_await client.env().net.dial_tcp(remote, options, never));
  Duration latency = world.net().link_options(client.id(), server.id()).latency;
  EXPECT_EQ(world.now() - begin, 2 * latency);
  Bytes sent(50'000);
  world.prng().fill(sent);
  KITH_CO_CHECK(co_await stream->write(sent));
  KITH_CO_CHECK(co_await stream->close_write());
  KITH_CO_TRY(Bytes got, co_await port::read_to_end(*stream, sent.size()));
  EXPECT_TRUE(equal(got, sent));
  co_return Result<void>{};
}

TEST(World, CarriesAStreamThereAndBack) {
  run_seeds(1, 20, echoes_a_lot);
}

/// Nodes that chatter, fail, come back, write files and compute, as their seeds say.
Task<void> chatter(Node& node, std::vector<port::Endpoint> peers) {
  port::Env& env = node.env();
  std::unique_ptr<port::File> file;
  {
    KITH_CO_TRY(file, env.files.open("/data/log", port::OpenMode::create));
  }
  for (std::uint64_t round = 0;; ++round) {
    Duration pause(env.prng.below(Duration(2s).count()));
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, pause));
    port::TcpDialOptions options;
    port::Endpoint peer = peers[env.prng.below(peers.size())];
    Instant deadline = env.clock.now() + 3s;
    auto stream = co_await env.net.dial_tcp(peer, options, deadline);
    if (!stream) continue;
    Bytes question(1 + env.prng.below(3000));
    env.random.fill(question);
    auto written = co_await (*stream)->write(question, deadline);
    if (!written) continue;
    Bytes into(question.size());
    auto answered = co_await port::read_exactly(**stream, into, deadline);
    if (!answered) continue;
    EXPECT_TRUE(equal(into, question));
    auto work = [&file, &into, round]() -> Result<void> {
      return file->write_at(round * 100,
                            ByteView(into).first(std::min<std::size_t>(100, into.size())));
    };
    auto worked = co_await port::run_on(env.pool, work);
    if (!worked) co_return worked;
  }
}

void start(World& world, Node& node) {
  std::vector<port::Endpoint> peers;
  for (std::size_t i = 0; i < world.nodes(); ++i)
    peers.push_back(world.node(i).endpoint(4001));
  node.spawn(echo_server(node.env(), node.endpoint(4001)));
  node.spawn(chatter(node, std::move(peers)));
}

std::uint64_t random_scenario(std::uint64_t seed, bool shuffle_ready) {
  WorldOptions options;
  options.shuffle_ready = shuffle_ready;
  World world(seed, options);
  for (int i = 0; i < 8; ++i)
    world.add_node();
  for (std::size_t i = 0; i < world.nodes(); ++i)
    start(world, world.node(i));
  for (int step = 0; step < 40; ++step) {
    world.run_for(Duration(world.prng().below(Duration(3s).count())));
    Node& node = world.node(world.prng().below(world.nodes()));
    Node& other = world.node(world.prng().below(world.nodes()));
    switch (world.prng().below(6)) {
      case 0:
        if (node.up()) node.kill(Crash::power);
        break;
      case 1:
        if (node.up()) node.kill(Crash::process);
        break;
      case 2:
        for (std::size_t i = 0; i < world.nodes(); ++i) {
          if (world.node(i).up()) continue;
          world.node(i).restart();
          start(world, world.node(i));
        }
        break;
      case 3:
        world.net().cut(node.id(), other.id());
        break;
      case 4:
        world.net().clog(node.id(), other.id(), 1s);
        break;
      default:
        world.net().heal();
    }
  }
  EXPECT_GT(world.net().bytes_delivered(), 10'000u);
  world.finish();
  return world.trace_hash();
}

TEST(World, RepeatsARandomScenarioFromItsSeedAndNoOther) {
  std::set<std::uint64_t> hashes;
  std::uint64_t seeds = 10 * seed_factor();
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    std::uint64_t first = random_scenario(seed, false);
    EXPECT_EQ(first, random_scenario(seed, false)) << "seed " << seed;
    hashes.insert(first);
    EXPECT_EQ(random_scenario(seed, true), random_scenario(seed, true)) << "seed " << seed;
  }
  EXPECT_EQ(hashes.size(), seeds);
}

TEST(World, GivesANodeTheSameChoicesWhateverNodesJoin) {
  World small(7);
  World large(7);
  Node& alone = small.add_node();
  Node& first = large.add_node();
  large.add_node().env().prng.next();
  EXPECT_EQ(alone.env().prng.next(), first.env().prng.next());
  Bytes key_alone(32);
  Bytes key_first(32);
  alone.env().random.fill(key_alone);
  first.env().random.fill(key_first);
  EXPECT_EQ(key_alone, key_first);
  Bytes key_second(32);
  large.node(1).env().random.fill(key_second);
  EXPECT_NE(key_second, key_first);
  Node& friend_of_alone = small.add_node();
  EXPECT_EQ(small.net().link_options(alone.id(), friend_of_alone.id()).latency,
            large.net().link_options(first.id(), large.node(1).id()).latency);
}

Task<void> ping_pong(port::Event& mine, port::Event& theirs, std::string& order, char name) {
  for (int i = 0; i < 3; ++i) {
    order += name;
    theirs.notify_one();
    KITH_CO_CHECK(co_await mine.wait());
  }
  theirs.notify_one();
  co_return Result<void>{};
}

TEST(World, PicksWhatRunsNextFromTheSeedIfAsked) {
  std::set<std::string> orders;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    WorldOptions options;
    options.shuffle_ready = true;
    World world(seed, options);
    std::string order;
    for (char name = 'a'; name < 'e'; ++name)
      boost::asio::post(world.executor(), [&order, name] { order += name; });
    world.run_for(0s);
    EXPECT_EQ(order.size(), 4u);
    orders.insert(order);
  }
  EXPECT_GT(orders.size(), 12u) << "of 24 possible";

  World world(1);
  port::Event a(world.clock());
  port::Event b(world.clock());
  std::string order;
  Node& node = world.add_node();
  node.spawn(ping_pong(a, b, order, 'a'));
  node.spawn(ping_pong(b, a, order, 'b'));
  world.run_to_rest();
  EXPECT_EQ(order, "ababab");
  world.finish();
}

TEST(World, SaysWhenATaskWaitsForNothingOrForTooLong) {
  World world(1);
  port::Event nothing(world.clock());
  auto stuck = world.run(nothing.wait());
  ASSERT_FALSE(stuck.has_value());
  EXPECT_TRUE(stuck.error().is(Errc::timed_out));
  EXPECT_NE(stuck.error().message().find("nothing happens"), std::string::npos);
  auto slow = world.run(port::sleep_for(world.clock(), 3h), 1h);
  ASSERT_FALSE(slow.has_value());
  EXPECT_NE(slow.error().message().find("too long"), std::string::npos);
  EXPECT_TRUE(world.run(port::sleep_for(world.clock(), 59min)).has_value());
}

TEST(World, JumpsOverVirtualTimeInNoTime) {
  World world(1);
  Instant before = world.now();
  EXPECT_TRUE(world.run(port::sleep_for(world.clock(), 24h * 365), 24h * 366).has_value());
  EXPECT_EQ(world.now() - before, 24h * 365);
  bool reached = world.run_until([] { return false; }, world.now() + 5s);
  EXPECT_FALSE(reached);
  EXPECT_EQ(world.now() - before, 24h * 365 + 5s);
}

TEST(World, GivesEachNodeItsOwnCalendar) {
  World world(1);
  NodeOptions skewed;
  skewed.wall_skew = -2h;
  Node& right = world.add_node();
  Node& wrong = world.add_node(skewed);
  world.run_for(10s);
  EXPECT_EQ(right.env().wall.now(), wall_begin + 10s);
  EXPECT_EQ(wrong.env().wall.now(), wall_begin + 10s - 2h);
  wrong.set_wall_skew(1h);
  EXPECT_EQ(wrong.env().wall.now(), wall_begin + 10s + 1h);
}

TEST(World, RemembersWhatItsNodesLogged) {
  WorldOptions options;
  options.log_levels = "net=debug,warn";
  World world(1, options);
  Node& node = world.add_node();
  port::Logger net(node.env().log, "net");
  port::Logger other(node.env().log, "other");
  world.run_for(1500ms);
  KITH_LOG_DEBUG(net, "dialing {}", 7);
  KITH_LOG_INFO(other, "not written");
  EXPECT_EQ(world.logs(), "    1.500000 n1 debug net: dialing 7\n");
}

Task<void> writes_on(Node& node, std::uint64_t& rounds, bool& ended) {
  port::Env& env = node.env();
  auto file = env.files.open("/data/f", port::OpenMode::create);
  for (;;) {
    auto work = [&file] { return (*file)->write_at(0, as_bytes("x")); };
    auto worked = co_await port::run_on(env.pool, work);
    if (!worked) break;
    ++rounds;
    auto slept = co_await port::sleep_for(env.clock, 1s);
    if (!slept) break;
  }
  // Clean-up of a dead program reaches nobody any more.
  EXPECT_TRUE((*file)->sync().error().is_errno(EIO));
  EXPECT_TRUE(env.net.listen_tcp(node.endpoint(1), {}).error().is_errno(ENETDOWN));
  EXPECT_TRUE(env.files.open("/data/g", port::OpenMode::create).error().is_errno(EIO));
  ended = true;
  co_return Result<void>{};
}

TEST(Node, EndsItsTasksWhenItIsKilledAndBeginsAnewAfterRestart) {
  for (Crash how : {Crash::power, Crash::process}) {
    World world(3);
    Node& node = world.add_node();
    std::uint64_t rounds = 0;
    bool ended = false;
    node.spawn(writes_on(node, rounds, ended));
    world.run_for(10s);
    EXPECT_GE(rounds, 9u);
    node.kill(how);
    EXPECT_FALSE(node.up());
    node.restart();
    world.run_for(0s);
    EXPECT_TRUE(ended);
    std::uint64_t rounds_before = rounds;
    world.run_for(10s);
    EXPECT_EQ(rounds, rounds_before);
    bool ended_again = false;
    node.spawn(writes_on(node, rounds, ended_again));
    world.run_for(10s);
    EXPECT_GT(rounds, rounds_before);
    EXPECT_FALSE(ended_again);
    node.kill(how);
    world.run_for(1s);
    EXPECT_TRUE(ended_again);
  }
}

TEST(Node, DiesInTheDiskOperationThatThePlanNames) {
  World world(3);
  Node& node = world.add_node();
  std::uint64_t rounds = 0;
  bool ended = false;
  node.disk().faults().crash_at(5);
  node.spawn(writes_on(node, rounds, ended));
  world.run_for(1min);
  EXPECT_FALSE(node.up());
  EXPECT_TRUE(ended);
  EXPECT_EQ(rounds, 4u);
  node.restart();
  EXPECT_TRUE(node.env().files.open("/data/f", port::OpenMode::create).has_value());
}

TEST(Node, IsKilledInTheDiskOperationThatThePlanNamesAndKeepsWhatItWrote) {
  World world(3);
  Node& node = world.add_node();
  std::uint64_t rounds = 0;
  bool ended = false;
  node.disk().faults().kill_at(5);
  node.spawn(writes_on(node, rounds, ended));
  world.run_for(1min);
  EXPECT_FALSE(node.up());
  EXPECT_TRUE(ended);
  EXPECT_EQ(rounds, 4u);
  EXPECT_EQ(node.disk().crashes(), 0u);
  node.restart();
  auto file = node.env().files.open("/data/f", port::OpenMode::read);
  ASSERT_TRUE(file.has_value());
  EXPECT_EQ((*file)->size().value(), 1u);
}

TEST(Node, ResetsItsPeersWhenItsProgramIsKilled) {
  World world(1);
  Node& near = world.add_node();
  Node& far = world.add_node();
  auto [mine, theirs] = world.connect(near, far);
  far.kill(Crash::process);
  Bytes into(1);
  EXPECT_TRUE(world.run(mine->read_some(into)).error().is(Errc::reset));
  EXPECT_LT(world.now() - world_begin, 1s);
  EXPECT_TRUE(world.run(theirs->read_some(into)).error().is(Errc::reset));
}

TEST(Node, FallsSilentWhenItsPowerFailsUntilItIsUpAgain) {
  World world(1);
  Node& near = world.add_node();
  Node& far = world.add_node();
  auto [mine, theirs] = world.connect(near, far);
  far.kill(Crash::power);
  Bytes into(1);
  EXPECT_TRUE(world.run(theirs->read_some(into)).error().is_errno(ENETDOWN));
  ASSERT_TRUE(world.run(mine->write(as_bytes("hello?"))).has_value());
  auto silent = world.run(mine->read_some(into, world.now() + 5min));
  EXPECT_TRUE(silent.error().is(Errc::timed_out));
  // The new life knows nothing of the connection, and says so.
  far.restart();
  EXPECT_TRUE(world.run(mine->read_some(into)).error().is(Errc::reset));
}

TEST(WorkPool, RunsEachJobOnceInAnOrderOfTheSeed) {
  std::set<std::string> orders;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    World world(seed);
    Node& node = world.add_node();
    std::string order;
    for (char name = 'a'; name < 'g'; ++name) {
      node.spawn([](port::WorkPool& pool, std::string& into, char what) -> Task<void> {
        std::function<void()> job = [&into, what] { into += what; };
        co_return co_await pool.run(std::move(job));
      }(node.env().pool, order, name));
    }
    world.run_to_rest();
    EXPECT_GT(world.now(), world_begin);
    std::string sorted = order;
    std::ranges::sort(sorted);
    EXPECT_EQ(sorted, "abcdef");
    orders.insert(order);
  }
  EXPECT_GT(orders.size(), 10u);
}

TEST(WorkPool, NeverRunsAJobThatItCallsCancelledAndAlwaysEndsOthers) {
  int cancelled = 0;
  int done = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    World world(seed);
    Node& node = world.add_node();
    port::TaskGroup group(world.executor(), world.clock());
    struct Outcome {
      bool ran = false;
      std::optional<Result<void>> said;
    };
    std::vector<Outcome> outcomes(6);
    for (Outcome& outcome : outcomes) {
      group.spawn([](port::WorkPool& pool, Outcome& into) -> Task<void> {
        std::function<void()> job = [&into] { into.ran = true; };
        into.said = co_await pool.run(std::move(job));
        co_return Result<void>{};
      }(node.env().pool, outcome));
    }
    world.run_for(Duration(world.prng().below(Duration(2ms).count())));
    group.cancel();
    EXPECT_TRUE(world.run(group.join_shielded()).has_value());
    for (Outcome& outcome : outcomes) {
      if (!outcome.said) continue;  // cancelled before it began
      EXPECT_EQ(outcome.said->has_value(), outcome.ran);
      ++(outcome.ran ? done : cancelled);
    }
  }
  EXPECT_GT(cancelled, 20);
  EXPECT_GT(done, 20);
}

TEST(Buggifier, EnablesAQuarterOfThePlacesAndFiresThereAQuarterOfTheTime) {
  int enabled = 0;
  int fired = 0;
  auto here = std::source_location::current();
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    SeededBuggifier buggifier(seed, Prng(seed));
    bool on = buggifier.enabled(here);
    enabled += on ? 1 : 0;
    for (int i = 0; i < 100; ++i) {
      bool fires = buggifier.fires(here);
      EXPECT_TRUE(on || !fires);
      fired += fires ? 1 : 0;
    }
  }
  EXPECT_NEAR(enabled, 100, 30);
  EXPECT_NEAR(fired, enabled * 25, enabled * 3);
  WorldOptions options;
  options.buggify = false;
  World quiet(1, options);
  EXPECT_FALSE(quiet.add_node().env().buggify());
}

// What the guards are for. A world that ends with something left over must not pass.

Task<void> ignores_cancellation(port::Event& event) {
  for (;;)
    static_cast<void>(co_await event.wait_shielded());
}

TEST(WorldDeathTest, NoticesATaskThatDoesNotEnd) {
  EXPECT_DEATH(
      {
        World world(1);
        port::Event event(world.clock());
        world.add_node().spawn(ignores_cancellation(event));
        world.run_for(0s);
        world.finish();
      },
      "n1: 1 tasks do not end");
}

TEST(WorldDeathTest, NoticesAnOpenConnection) {
  EXPECT_DEATH(
      {
        World world(1);
        Node& node = world.add_node();
        auto streams = world.connect(node, world.add_node());
        world.finish();
      },
      "connections");
}

TEST(WorldDeathTest, NoticesAnArmedTimer) {
  struct Idle final : port::Timer {
    void on_fire() override {}
  };
  EXPECT_DEATH(
      {
        World world(1);
        Idle timer;
        world.clock().arm(timer, world.now() + 24h);
        world.finish();
      },
      "armed_timers");
}

TEST(WorldDeathTest, NoticesAThread) {
  EXPECT_DEATH(
      {
        World world(1);
        std::jthread other([](std::stop_token stop) {
          while (!stop.stop_requested())
            std::this_thread::yield();
        });
        world.finish();
      },
      "threads");
}

}  // namespace
}  // namespace kith::sim
