#include <array>

#include <kith/net/ping.hpp>

namespace kith::net {

namespace {
/// A peer that leaves its ping stream open and says nothing gives it up after this.
constexpr Duration ping_idle = 60s;
}  // namespace

Ping::Ping(port::Env& env, Swarm& swarm) : env_(env), swarm_(swarm) {
  HandlerOptions few;
  few.streams_per_peer_max = ping_streams_per_peer_max;
  swarm_.handle(
      ProtocolId(ping_protocol),
      [this](std::unique_ptr<Stream> stream) { return serve(std::move(stream)); }, few);
}

Task<void> Ping::serve(std::unique_ptr<Stream> stream) {
  std::array<std::uint8_t, ping_bytes> payload;
  for (;;) {
    MutableBytes into = payload;
    auto got = co_await port::read_exactly(*stream, into, env_.clock.now() + ping_idle);
    if (!got && got.error().is(Errc::end_of_stream)) co_return co_await stream->close_write();
    if (!got) co_return std::unexpected(got.error());
    KITH_CO_CHECK(co_await stream->write(payload, env_.clock.now() + ping_timeout));
  }
}

Task<std::unique_ptr<Stream>> Ping::open(multiformats::PeerId peer, Instant deadline) {
  std::vector<ProtocolId> protocols = {ProtocolId(ping_protocol)};
  co_return co_await swarm_.open_stream(peer, std::move(protocols), deadline, {.limited = true});
}

Task<Duration> Ping::round_trip(std::unique_ptr<Stream>& stream, Instant deadline) {
  auto made = co_await round_trip_on(*stream, deadline);
  if (made || !port::ended_by_peer(made.error())) co_return made;
  auto other = swarm_.connection_to(stream->remote_peer());
  if (!other || *other == stream->connection()) co_return made;
  KITH_CO_TRY(stream, co_await open(stream->remote_peer(), deadline));
  co_return co_await round_trip_on(*stream, deadline);
}

Task<Duration> Ping::round_trip_on(Stream& stream, Instant deadline) {
  std::array<std::uint8_t, ping_bytes> sent;
  std::array<std::uint8_t, ping_bytes> returned;
  env_.random.fill(sent);
  Instant begin = env_.clock.now();
  KITH_CO_CHECK(co_await stream.write(sent, deadline));
  MutableBytes into = returned;
  KITH_CO_CHECK(co_await port::read_exactly(stream, into, deadline));
  if (sent != returned) co_return std::unexpected(Errc::corrupt);
  co_return env_.clock.now() - begin;
}

}  // namespace kith::net
