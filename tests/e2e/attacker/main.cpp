// kith-attacker IP PORT: connects to a libp2p peer, proves an identity of its own as Noise wants
// it, and then carries bytes: stdin goes out encrypted, what comes is decrypted to stdout. So a
// test in any language can send a peer whatever frames it likes, past all that our own muxer would
// never do. Ends when either side does.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <poll.h>
#include <unistd.h>

#include <kith/io/runtime.hpp>
#include <kith/net/limits.hpp>
#include <kith/net/multistream_session.hpp>
#include <kith/net/muxers/yamux.hpp>
#include <kith/net/security/noise_stream.hpp>
#include <kith/port/task_group.hpp>
#include <kith/port/work_pool.hpp>

namespace {

using namespace kith;

constexpr std::size_t read_bytes = 256 * 1024;
/// How long a worker waits for input before it looks whether it should still.
constexpr int wait_milliseconds = 50;

struct Place {
  std::string ip;
  std::string port;
};

Task<std::unique_ptr<net::NoiseStream>> secured(port::Env& env, Place place, Instant deadline) {
  auto ip = port::IpAddress::parse(place.ip);
  if (!ip) co_return std::unexpected(Errc::invalid_argument);
  const port::Endpoint remote{*ip, static_cast<std::uint16_t>(std::atoi(place.port.c_str()))};
  port::TcpDialOptions options;
  KITH_CO_TRY(auto stream, co_await env.net.dial_tcp(remote, options, deadline));
  std::vector<std::string> protocols{std::string(net::noise_protocol)};
  KITH_CO_TRY(net::Negotiated agreed,
              co_await net::multistream_propose(*stream, std::move(protocols), deadline));
  std::array<std::uint8_t, 32> seed{};
  env.random.fill(seed);
  net::NoiseConfig config{.initiator = true,
                          .identity = crypto::PrivateKey::from_ed25519_seed(seed),
                          .muxers = {std::string(net::yamux_protocol)}};
  env.random.fill(config.static_key.mutable_bytes());
  env.random.fill(config.ephemeral_key.mutable_bytes());
  co_return co_await net::noise_handshake(std::move(stream), std::move(config),
                                          std::move(agreed.rest), deadline);
}

/// What there is of stdin: nothing yet (no bytes), or nothing any more (no buffer).
Result<std::optional<Bytes>> read_stdin() {
  pollfd waiting{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  if (::poll(&waiting, 1, wait_milliseconds) <= 0) return Bytes();
  Bytes bytes(read_bytes);
  const ssize_t size = ::read(STDIN_FILENO, bytes.data(), bytes.size());
  if (size <= 0) return std::nullopt;
  bytes.resize(static_cast<std::size_t>(size));
  return bytes;
}

Task<void> send(port::Env& env, net::NoiseStream& stream, port::TaskGroup& receiving) {
  for (;;) {
    auto bytes = co_await port::run_on(env.pool, read_stdin);
    if (!bytes || !*bytes) break;
    if ((*bytes)->empty()) continue;
    auto sent = co_await stream.write(**bytes);
    if (!sent) break;
  }
  receiving.cancel();
  co_return Result<void>{};
}

Task<void> receive(net::NoiseStream& stream, port::TaskGroup& sending) {
  for (;;) {
    auto part = co_await stream.read_buffer(read_bytes);
    if (!part || part->empty()) break;
    if (std::fwrite(part->view().data(), 1, part->size(), stdout) != part->size()) break;
    std::fflush(stdout);
  }
  sending.cancel();
  co_return Result<void>{};
}

Task<void> run(port::Env& env, Place place) {
  const Instant deadline = env.clock.now() + net::handshake_timeout;
  KITH_CO_TRY(auto stream, co_await secured(env, std::move(place), deadline));
  std::fputs("connected\n", stderr);
  port::TaskGroup sending(env.executor, env.clock);
  port::TaskGroup receiving(env.executor, env.clock);
  sending.spawn(send(env, *stream, receiving));
  receiving.spawn(receive(*stream, sending));
  KITH_CO_CHECK(co_await receiving.join_shielded());
  KITH_CO_CHECK(co_await sending.join_shielded());
  co_return Result<void>{};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: kith-attacker IP PORT\n", stderr);
    return 2;
  }
  auto runtime = kith::io::Runtime::create();
  if (!runtime) return 1;
  auto ran = runtime->run(run(runtime->env(), {argv[1], argv[2]}));
  if (ran) return 0;
  std::fprintf(stderr, "kith-attacker: %s\n", ran.error().message().c_str());
  return 1;
}
