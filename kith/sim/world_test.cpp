#include <gtest/gtest.h>

#include <kith/port/port.hpp>
#include <kith/sim/testing.hpp>

namespace kith::sim {
namespace {

Task<void> echo(Node& node, port::TcpListener& listener) {
  static_cast<void>(node);
  KITH_CO_TRY(std::unique_ptr<port::TcpStream> stream, co_await listener.accept());
  for (;;) {
    KITH_CO_TRY(Buffer part, co_await stream->read_buffer(1000));
    if (part.empty()) break;
    KITH_CO_CHECK(co_await stream->write(part));
  }
  co_return co_await stream->close_write();
}

Task<void> dials_and_echoes(World& world) {
  Node& server = world.add_node();
  Node& client = world.add_node();
  KITH_CO_TRY(auto listener, server.env().net.listen_tcp(server.endpoint(4001), {}));
  server.spawn(echo(server, *listener));
  Instant begin = world.now();
  port::TcpDialOptions options;
  port::Endpoint remote = server.endpoint(4001);
  KITH_CO_TRY(auto stream, co_await client.env().net.dial_tcp(remote, options, never));
  Duration latency = world.net().link_options(client.id(), server.id()).latency;
  EXPECT_EQ(world.now() - begin, 2 * latency);
  Bytes sent(300'000);
  world.prng().fill(sent);
  KITH_CO_CHECK(co_await stream->write(sent));
  KITH_CO_CHECK(co_await stream->close_write());
  KITH_CO_TRY(Bytes got, co_await port::read_to_end(*stream, sent.size()));
  EXPECT_TRUE(equal(got, sent));
  co_return Result<void>{};
}

TEST(World, CarriesAStreamThereAndBack) {
  run_seeds(1, 20, dials_and_echoes);
}

TEST(World, RepeatsARunFromItsSeed) {
  EXPECT_NE(expect_repeatable(1, dials_and_echoes), expect_repeatable(2, dials_and_echoes));
}

}  // namespace
}  // namespace kith::sim
