// How fast bytes go through yamux alone, and through Noise and yamux over a pipe in memory; the
// AEAD's own rate (crypto_bench) is the limit of the latter: each byte is sealed and opened once.
#include <benchmark/benchmark.h>

#include <kith/net/muxers/yamux_connection.hpp>
#include <kith/net/security/noise_stream.hpp>
#include <kith/sim/world.hpp>

namespace kith::net {
namespace {

struct Forward final : YamuxSink {
  void put(ByteView some) override { append(bytes, some); }
  Bytes bytes;
};

/// Frames of `state.range(0)` bytes from one core to the other, with their window updates.
void yamux_frames(benchmark::State& state) {
  const Instant now(1s);
  Yamux near(Yamux::Role::client, {}, nullptr, now);
  Yamux far(Yamux::Role::server, {}, nullptr, now);
  int owner = 0;
  const auto id = near.open(&owner, now).value();
  const Bytes payload(static_cast<std::size_t>(state.range(0)), 1);
  const ByteView pieces[] = {payload};
  Forward up, down;
  std::int64_t frames = 0;
  for (auto _ : state) {
    if (!near.write(id, pieces)) state.SkipWithError("write");
    near.produce(1 << 20, now, up);
    Buffer chunk = Buffer::adopt(std::exchange(up.bytes, {}));
    if (!far.receive(std::move(chunk), now)) state.SkipWithError("receive");
    if (far.can_accept()) far.accept(&owner);
    while (!far.read_buffer(id, SIZE_MAX, now).empty()) {
    }
    while (far.next_touched() || near.next_touched()) {
    }
    far.produce(1 << 20, now, down);
    if (!near.receive(Buffer::adopt(std::exchange(down.bytes, {})), now)) state.SkipWithError("up");
    ++frames;
  }
  state.SetItemsProcessed(frames);
  state.SetBytesProcessed(frames * state.range(0));
}
BENCHMARK(yamux_frames)->Arg(100)->Arg(16 << 10)->Arg(64000);

/// Seal and open again, in batches as a connection makes them.
void noise_transport(benchmark::State& state) {
  crypto::HkdfKey key;
  NoiseSealer sealer(key);
  NoiseOpener opener(key);
  const Bytes payload(static_cast<std::size_t>(state.range(0)), 1);
  for (auto _ : state) {
    if (!sealer.add(payload)) state.SkipWithError("add");
    Bytes sealed = sealer.take().value();
    for (MutableBytes rest = sealed; !rest.empty();) {
      const std::size_t whole = NoiseOpener::message_bytes(rest);
      if (!opener.open(rest.first(whole))) state.SkipWithError("open");
      rest = rest.subspan(whole);
    }
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}
BENCHMARK(noise_transport)->Arg(1400)->Arg(64000)->Arg(192 << 10);

/// One direction of a pipe: bytes go over as they are, one copy on the way out.
class Pipe final : public port::Stream {
 public:
  explicit Pipe(port::Clock& clock) : readable_(clock), writable_(clock) {}
  ~Pipe() override { reset(); }
  void join(Pipe& other) { other_ = &other, other.other_ = this; }

  Task<std::size_t> read_some(MutableBytes into, Instant deadline) override {
    while (held_.size() == taken_) {
      if (ended_) co_return std::size_t{0};
      KITH_CO_CHECK(co_await readable_.wait(deadline));
    }
    const std::size_t size = std::min(into.size(), held_.size() - taken_);
    std::memcpy(into.data(), held_.data() + taken_, size);
    taken_ += size;
    if (taken_ == held_.size()) {
      held_.clear();
      taken_ = 0;
      writable_.notify_all();
    }
    co_return size;
  }
  Task<void> write(ByteView bytes, Instant deadline) override {
    while (other_ != nullptr && !other_->held_.empty())
      KITH_CO_CHECK(co_await other_->writable_.wait(deadline));
    if (other_ == nullptr) co_return std::unexpected(Errc::reset);
    append(other_->held_, bytes);
    other_->readable_.notify_all();
    co_return Result<void>{};
  }
  Task<void> close_write(Instant) override {
    if (other_ != nullptr) other_->end();
    co_return Result<void>{};
  }
  void reset() noexcept override {
    if (other_ != nullptr) {
      other_->other_ = nullptr;
      other_->end();
    }
    other_ = nullptr;
    end();
  }

 private:
  void end() noexcept {
    ended_ = true;
    readable_.notify_all();
    writable_.notify_all();
  }
  Pipe* other_ = nullptr;
  Bytes held_;
  std::size_t taken_ = 0;
  bool ended_ = false;
  port::Event readable_;
  port::Event writable_;
};

std::unique_ptr<YamuxConnection> connection(port::Env& env, std::unique_ptr<Pipe> pipe,
                                            Direction direction) {
  std::array<std::uint8_t, 32> seed{};
  const auto key = crypto::PrivateKey::from_ed25519_seed(seed).public_key();
  NoiseOutcome outcome{key, multiformats::PeerId::from_public_key(key), "", {}};
  auto secure = std::make_unique<NoiseStream>(std::move(pipe), std::move(outcome), Buffer(), 0, 0);
  return std::make_unique<YamuxConnection>(env, std::move(secure), ConnectionFacts{direction},
                                           YamuxLimits{}, nullptr);
}

Task<void> sink_all(Connection& connection, std::uint64_t& got) {
  KITH_CO_TRY(auto stream, co_await connection.accept_stream());
  for (;;) {
    KITH_CO_TRY(const Buffer part, co_await stream->read_buffer(SIZE_MAX));
    if (part.empty()) break;
    got += part.size();
  }
  co_return Result<void>{};
}

Task<void> send_all(port::Executor executor, port::Clock& clock, Connection& near, Connection& far,
                    std::size_t streams, std::size_t each, std::size_t at_once) {
  port::TaskGroup tasks(executor, clock);
  tasks.spawn(near.run());
  tasks.spawn(far.run());
  port::TaskGroup sinks(executor, clock);
  std::uint64_t got = 0;
  std::vector<std::unique_ptr<MuxedStream>> open;
  for (std::size_t i = 0; i < streams; ++i) {
    sinks.spawn(sink_all(far, got));
    KITH_CO_TRY(auto stream, co_await near.open_stream(never));
    open.push_back(std::move(stream));
  }
  const Bytes block(at_once, 1);
  for (std::size_t sent = 0; sent < each; sent += at_once) {
    for (auto& stream : open)
      KITH_CO_CHECK(co_await stream->write(block));
  }
  for (auto& stream : open)
    KITH_CO_CHECK(co_await stream->close_write());
  KITH_CO_CHECK(co_await sinks.join_shielded());
  near.close();
  KITH_CO_CHECK(co_await tasks.join_shielded());
  ASSERT(got >= streams * each);
  co_return Result<void>{};
}

/// range(0) streams, each writing range(1) bytes at a time.
void noise_yamux(benchmark::State& state) {
  const auto streams = static_cast<std::size_t>(state.range(0));
  const auto at_once = static_cast<std::size_t>(state.range(1));
  const std::size_t each = (std::size_t{16} << 20) / streams;
  for (auto _ : state) {
    sim::World world(1);
    port::Env& env = world.add_node().env();
    auto one = std::make_unique<Pipe>(env.clock);
    auto two = std::make_unique<Pipe>(env.clock);
    one->join(*two);
    auto near = connection(env, std::move(one), Direction::outbound);
    auto far = connection(env, std::move(two), Direction::inbound);
    auto sent =
        world.run(send_all(world.executor(), env.clock, *near, *far, streams, each, at_once));
    if (!sent) state.SkipWithError("failed");
    near.reset();
    far.reset();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * streams * each));
}
BENCHMARK(noise_yamux)->Args({1, 256 << 10})->Args({1, 16 << 10})->Args({16, 64 << 10});

}  // namespace
}  // namespace kith::net
