// How much world a second buys: 1,000 nodes with 8 TCP connections each, over which a 64-byte
// question and its answer travel every virtual second, for 60 of them: 960,000 messages.
#include <benchmark/benchmark.h>

#include <kith/port/port.hpp>
#include <kith/sim/world.hpp>

namespace kith::sim {
namespace {

constexpr std::size_t links = 8;
constexpr std::size_t message_bytes = 64;

Task<void> answer(std::unique_ptr<port::TcpStream> stream) {
  Bytes message(message_bytes);
  for (;;) {
    KITH_CO_CHECK(co_await port::read_exactly(*stream, message));
    KITH_CO_CHECK(co_await stream->write(message));
  }
}

Task<void> serve(Node& node, port::TaskGroup& connections) {
  port::Env& env = node.env();
  KITH_CO_TRY(auto listener, env.net.listen_tcp(node.endpoint(4001), {}));
  for (;;) {
    KITH_CO_TRY(auto stream, co_await listener->accept());
    connections.spawn(answer(std::move(stream)));
  }
}

Task<void> serve_and_join(Node& node) {
  port::TaskGroup connections(node.env().executor, node.env().clock);
  auto outcome = co_await serve(node, connections);
  connections.cancel();
  KITH_CO_CHECK(co_await connections.join_shielded());
  co_return outcome;
}

Task<void> ask(Node& node, port::Endpoint peer, std::uint64_t& messages) {
  port::Env& env = node.env();
  Duration pause(env.prng.below(Duration(1s).count()));
  KITH_CO_CHECK(co_await port::sleep_for(env.clock, pause));
  port::TcpDialOptions options;
  KITH_CO_TRY(auto stream, co_await env.net.dial_tcp(peer, options, never));
  Bytes message(message_bytes);
  Instant next = env.clock.now();
  for (;;) {
    KITH_CO_CHECK(co_await stream->write(message));
    KITH_CO_CHECK(co_await port::read_exactly(*stream, message));
    messages += 2;
    next += 1s;
    KITH_CO_CHECK(co_await port::sleep_until(env.clock, next));
  }
}

void chatter(benchmark::State& state) {
  auto nodes = static_cast<std::size_t>(state.range(0));
  std::uint64_t messages = 0;
  std::uint64_t hash = 0;
  for (auto turn : state) {
    static_cast<void>(turn);
    World world(1);
    for (std::size_t i = 0; i < nodes; ++i)
      world.add_node().spawn(serve_and_join(world.node(i)));
    for (std::size_t i = 0; i < nodes; ++i) {
      for (std::size_t link = 0; link < links; ++link) {
        std::size_t peer = (i + 1 + world.prng().below(nodes - 1)) % nodes;
        world.node(i).spawn(ask(world.node(i), world.node(peer).endpoint(4001), messages));
      }
    }
    world.run_for(60s);
    world.finish();
    hash = world.trace_hash();
  }
  state.counters["messages"] =
      benchmark::Counter(static_cast<double>(messages), benchmark::Counter::kAvgIterations);
  state.counters["messages/s"] =
      benchmark::Counter(static_cast<double>(messages), benchmark::Counter::kIsRate);
  state.SetLabel("hash " + to_hex(ByteView(reinterpret_cast<const std::uint8_t*>(&hash), 8)));
}
BENCHMARK(chatter)->Arg(10)->Arg(100)->Arg(1000)->Unit(benchmark::kMillisecond);

/// Ten thousand tasks that sleep: the clock's heap and the coroutines alone.
Task<void> sleep_often(World& world, std::uint64_t seed) {
  Prng prng(seed);
  for (int i = 0; i < 100; ++i) {
    Duration pause(prng.below(Duration(1s).count()));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), pause));
  }
  co_return Result<void>{};
}

void sleepers(benchmark::State& state) {
  for (auto turn : state) {
    static_cast<void>(turn);
    World world(1);
    Node& node = world.add_node();
    for (int i = 0; i < state.range(0); ++i)
      node.spawn(sleep_often(world, static_cast<std::uint64_t>(i)));
    world.run_to_rest();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0) * 100);
}
BENCHMARK(sleepers)->Arg(100)->Arg(10'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace kith::sim
