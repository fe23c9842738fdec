// What the loop, the sockets and the workers cost. Both ends run on one loop, so a round trip here
// is two wake-ups of one thread, and the throughput is that of one core that sends and receives.
#include <filesystem>
#include <span>
#include <stdlib.h>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <kith/io/io.hpp>
#include <kith/port/port.hpp>

namespace kith::io {
namespace {

using port::Env;
using port::TaskGroup;
using StreamPointer = std::unique_ptr<port::TcpStream>;
using ListenerPointer = std::unique_ptr<port::TcpListener>;

/// Runs `body`, a Task<void>(port::Env&, benchmark::State&), which loops over the state itself.
template <class Body>
void on_loop(benchmark::State& state, Body body) {
  auto runtime = Runtime::create();
  if (!runtime) return state.SkipWithError(runtime.error().message().c_str());
  Result<void> outcome = runtime->run(body(runtime->env(), state));
  if (!outcome) state.SkipWithError(outcome.error().message().c_str());
}

struct Pair {
  StreamPointer near;
  StreamPointer far;
};

Task<Pair> connected_pair(Env& env) {
  port::Endpoint any{port::IpAddress::loopback(port::IpFamily::v4), 0};
  KITH_CO_TRY(ListenerPointer listener, env.net.listen_tcp(any, {}));
  port::TcpDialOptions options;
  Pair pair;
  KITH_CO_TRY(pair.near, co_await env.net.dial_tcp(listener->local_endpoint(), options, never));
  KITH_CO_TRY(pair.far, co_await listener->accept());
  co_return std::move(pair);
}

Task<void> echo(port::Stream& stream, std::size_t buffer_bytes) {
  Bytes buffer(buffer_bytes);
  for (;;) {
    KITH_CO_TRY(std::size_t size, co_await stream.read_some(buffer));
    if (size == 0) co_return Result<void>{};
    KITH_CO_CHECK(co_await stream.write(ByteView(buffer).first(size)));
  }
}

Task<void> swallow(port::Stream& stream) {
  Bytes buffer(256 * 1024);
  for (;;) {
    KITH_CO_TRY(std::size_t size, co_await stream.read_some(buffer));
    if (size == 0) co_return Result<void>{};
  }
}

Task<void> round_trips(Env& env, benchmark::State& state) {
  auto message_bytes = static_cast<std::size_t>(state.range(0));
  bool with_deadline = state.range(1) != 0;
  KITH_CO_TRY(Pair pair, co_await connected_pair(env));
  TaskGroup group(env.executor, env.clock);
  // Reads ask for more than comes, as a session's do: a full buffer costs one more look.
  group.spawn(echo(*pair.far, 2 * message_bytes));
  Bytes message(message_bytes, 1);
  for (auto round : state) {
    (void)round;
    Instant deadline = with_deadline ? env.clock.now() + 30s : never;
    KITH_CO_CHECK(co_await pair.near->write(message, deadline));
    KITH_CO_CHECK(co_await port::read_exactly(*pair.near, message, deadline));
  }
  KITH_CO_CHECK(co_await pair.near->close_write());
  state.SetItemsProcessed(state.iterations());
  co_return co_await group.join_shielded();
}

void tcp_round_trip(benchmark::State& state) {
  on_loop(state, round_trips);
}
BENCHMARK(tcp_round_trip)
    ->ArgNames({"bytes", "deadline"})
    ->Args({64, 0})
    ->Args({64, 1})
    ->Args({16384, 0});

Task<void> throughput(Env& env, benchmark::State& state) {
  KITH_CO_TRY(Pair pair, co_await connected_pair(env));
  TaskGroup group(env.executor, env.clock);
  group.spawn(swallow(*pair.far));
  // A gather write as a muxer makes it: short headers and long payloads.
  auto pieces_count = static_cast<std::size_t>(state.range(0));
  Bytes header(12, 1);
  Bytes payload(16 * 1024, 2);
  std::vector<ByteView> pieces;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < pieces_count; ++i) {
    pieces.push_back(header);
    pieces.push_back(payload);
    bytes += header.size() + payload.size();
  }
  std::span<const ByteView> all = pieces;
  for (auto round : state) {
    (void)round;
    KITH_CO_CHECK(co_await pair.near->write_all(all));
  }
  KITH_CO_CHECK(co_await pair.near->close_write());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
  co_return co_await group.join_shielded();
}

void tcp_throughput(benchmark::State& state) {
  on_loop(state, throughput);
}
BENCHMARK(tcp_throughput)->ArgName("frames")->Arg(1)->Arg(8)->Arg(32);

Task<void> connects(Env& env, benchmark::State& state) {
  port::Endpoint any{port::IpAddress::loopback(port::IpFamily::v4), 0};
  KITH_CO_TRY(ListenerPointer listener, env.net.listen_tcp(any, {}));
  port::TcpDialOptions options;
  for (auto round : state) {
    (void)round;
    KITH_CO_TRY(StreamPointer near,
                co_await env.net.dial_tcp(listener->local_endpoint(), options, never));
    KITH_CO_TRY(StreamPointer far, co_await listener->accept());
  }
  state.SetItemsProcessed(state.iterations());
  co_return Result<void>{};
}

void tcp_connect(benchmark::State& state) {
  on_loop(state, connects);
}
BENCHMARK(tcp_connect);

Task<void> do_jobs(Env& env, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    std::function<void()> nothing = [] {};
    KITH_CO_CHECK(co_await env.pool.run(std::move(nothing)));
  }
  co_return Result<void>{};
}

Task<void> pool_round_trips(Env& env, benchmark::State& state) {
  auto tasks = static_cast<std::size_t>(state.range(0));
  constexpr std::size_t jobs_each = 10;
  TaskGroup group(env.executor, env.clock);
  for (auto round : state) {
    (void)round;
    for (std::size_t i = 0; i < tasks; ++i)
      group.spawn(do_jobs(env, jobs_each));
    KITH_CO_CHECK(co_await group.join());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(tasks * jobs_each));
  co_return Result<void>{};
}

void work_pool_round_trip(benchmark::State& state) {
  on_loop(state, pool_round_trips);
}
BENCHMARK(work_pool_round_trip)->ArgName("tasks")->Arg(1)->Arg(100)->Arg(2000)->UseRealTime();

/// A store in a folder of its own, with a number of entries in it; null if that fails.
class BenchStore {
 public:
  explicit BenchStore(std::uint64_t entries) {
    std::string path = (std::filesystem::temp_directory_path() / "kith-bench-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) return;
    path_ = path;
    port::KeyValueOptions options;
    options.namespaces = {"entries"};
    auto opened = LmdbFactory().open(path_, options);
    if (!opened) return;
    store_ = std::move(*opened);
    for (; next_ < entries;)
      if (!commit(1000, port::Durability::unsynced)) store_.reset();
    if (!store_->sync()) store_.reset();
  }
  BenchStore(const BenchStore&) = delete;
  BenchStore& operator=(const BenchStore&) = delete;
  ~BenchStore() {
    store_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  port::KeyValue* operator->() { return store_.get(); }

  /// Entries as an index of hashes has them: 32 scattered bytes to 24.
  Result<void> commit(std::size_t count, port::Durability durability) {
    port::Batch batch;
    std::uint8_t value[24] = {};
    for (std::size_t i = 0; i < count; ++i) {
      Bytes key = key_of(next_++);
      batch.put(0, key, value);
    }
    return store_->commit(batch, durability);
  }

  static Bytes key_of(std::uint64_t number) {
    Bytes key(32);
    Prng(number).fill(key);
    return key;
  }

 private:
  std::string path_;
  std::unique_ptr<port::KeyValue> store_;
  std::uint64_t next_ = 0;
};

void key_value_put(benchmark::State& state) {
  BenchStore store(0);
  auto count = static_cast<std::size_t>(state.range(0));
  auto durability = state.range(1) != 0 ? port::Durability::synced : port::Durability::unsynced;
  for (auto round : state) {
    (void)round;
    auto done = store.commit(count, durability);
    if (!done) state.SkipWithError(done.error().message().c_str());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(key_value_put)
    ->ArgNames({"batch", "synced"})
    ->Args({1, 0})
    ->Args({100, 0})
    ->Args({1, 1})
    ->Args({1000, 1})
    ->UseRealTime();

void key_value_get(benchmark::State& state) {
  constexpr std::uint64_t entries = 100'000;
  BenchStore store(entries);
  Prng prng(1);
  for (auto round : state) {
    (void)round;
    auto snapshot = store->snapshot();
    auto value = (*snapshot)->get(0, BenchStore::key_of(prng.below(entries)));
    if (!value || !*value) state.SkipWithError("an entry is missing");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(key_value_get);

Task<void> yields(Env&, benchmark::State& state) {
  for (auto round : state) {
    (void)round;
    KITH_CO_CHECK(co_await port::yield());
  }
  state.SetItemsProcessed(state.iterations());
  co_return Result<void>{};
}

void loop_yield(benchmark::State& state) {
  on_loop(state, yields);
}
BENCHMARK(loop_yield);

}  // namespace
}  // namespace kith::io
