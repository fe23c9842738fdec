// Noise against TLS, the way a connection uses them: batches are sealed on one side and opened on
// the other, on one core. And what a handshake costs both sides together.
#include <benchmark/benchmark.h>

#include <kith/net/security/channels.hpp>
#include <kith/net/security/noise_stream.hpp>
#include <kith/net/security/tls_stream.hpp>
#include <kith/port/pipe.hpp>
#include <kith/port/task_group.hpp>
#include <kith/sim/world.hpp>

namespace kith::net {
namespace {

crypto::PrivateKey key_of(std::uint8_t seed) {
  std::array<std::uint8_t, 32> bytes{};
  bytes.fill(seed);
  return crypto::PrivateKey::from_ed25519_seed(bytes);
}

struct Ends {
  std::unique_ptr<SecureStream> near;
  std::unique_ptr<SecureStream> far;
};

Task<void> shake(port::Env& env, port::StreamPtr stream, bool initiator, SecureProtocol protocol,
                 SecureChannels& channels, std::unique_ptr<SecureStream>& into) {
  if (protocol == SecureProtocol::noise) {
    NoiseConfig config{
        .initiator = initiator, .identity = channels.identity(), .muxers = {"/yamux/1.0.0"}};
    env.random.fill(config.static_key.mutable_bytes());
    env.random.fill(config.ephemeral_key.mutable_bytes());
    KITH_CO_TRY(into,
                co_await noise_handshake(std::move(stream), std::move(config), Buffer(), never));
  } else {
    const auto side = initiator ? crypto::TlsSide::client : crypto::TlsSide::server;
    TlsHandshakeConfig config{.now = env.wall.now()};
    KITH_CO_TRY(config.context, channels.tls_context(side, env.random));
    KITH_CO_TRY(into,
                co_await tls_handshake(std::move(stream), std::move(config), Buffer(), never));
  }
  co_return Result<void>{};
}

struct Bench {
  explicit Bench(SecureProtocol its_protocol) : protocol(its_protocol) {}

  Task<void> connect(Ends& ends) {
    auto [near, far] = port::pipe(world.clock());
    port::TaskGroup tasks(world.executor(), world.clock());
    tasks.spawn(shake(node.env(), std::move(near), true, protocol, near_channels, ends.near));
    tasks.spawn(shake(node.env(), std::move(far), false, protocol, far_channels, ends.far));
    co_return co_await tasks.join_shielded();
  }

  SecureProtocol protocol;
  sim::World world{1};
  sim::Node& node = world.add_node();
  SecureChannels near_channels{key_of(1), {protocol}};
  SecureChannels far_channels{key_of(2), {protocol}};
};

Task<void> send(SecureStream& stream, ByteView payload, int times) {
  for (int i = 0; i < times; ++i) {
    KITH_CO_CHECK(stream.queue(payload));
    KITH_CO_CHECK(co_await stream.flush());
  }
  co_return Result<void>{};
}

Task<void> receive(SecureStream& stream, std::size_t size) {
  while (size != 0) {
    KITH_CO_TRY(const Buffer part, co_await stream.read_buffer(SIZE_MAX));
    if (part.empty()) co_return std::unexpected(Errc::end_of_stream);
    size -= part.size();
  }
  co_return Result<void>{};
}

Task<void> carry(Bench& bench, Ends& ends, ByteView payload, int times) {
  port::TaskGroup tasks(bench.world.executor(), bench.world.clock());
  tasks.spawn(send(*ends.near, payload, times));
  tasks.spawn(receive(*ends.far, payload.size() * static_cast<std::size_t>(times)));
  co_return co_await tasks.join_shielded();
}

void stream(benchmark::State& state, SecureProtocol protocol) {
  Bench bench(protocol);
  Ends ends;
  if (!bench.world.run(bench.connect(ends))) state.SkipWithError("handshake");
  const Bytes payload(static_cast<std::size_t>(state.range(0)), 1);
  constexpr int times = 16;
  for (auto _ : state) {
    if (!bench.world.run(carry(bench, ends, payload, times))) state.SkipWithError("carry");
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0) * times);
}
BENCHMARK_CAPTURE(stream, noise, SecureProtocol::noise)->Arg(1400)->Arg(64 << 10)->Arg(192 << 10);
BENCHMARK_CAPTURE(stream, tls, SecureProtocol::tls)->Arg(1400)->Arg(64 << 10)->Arg(192 << 10);

void handshake(benchmark::State& state, SecureProtocol protocol) {
  Bench bench(protocol);
  for (auto _ : state) {
    Ends ends;
    if (!bench.world.run(bench.connect(ends))) state.SkipWithError("handshake");
  }
}
BENCHMARK_CAPTURE(handshake, noise, SecureProtocol::noise);
BENCHMARK_CAPTURE(handshake, tls, SecureProtocol::tls);

}  // namespace
}  // namespace kith::net
