#include <gtest/gtest.h>

#include <kith/io/io.hpp>
#include <kith/port/port.hpp>

namespace kith::io {
namespace {

Task<void> echo(port::Env& env, std::unique_ptr<port::TcpStream> stream) {
  Bytes buffer(4096);
  for (;;) {
    KITH_CO_TRY(std::size_t size, co_await stream->read_some(buffer));
    if (size == 0) break;
    KITH_CO_CHECK(co_await stream->write(ByteView(buffer).first(size)));
  }
  co_return co_await stream->close_write();
}

Task<void> ping(Runtime& runtime) {
  port::Env& env = runtime.env();
  port::Endpoint any{port::IpAddress::loopback(port::IpFamily::v4), 0};
  port::TcpListenOptions options;
  KITH_CO_TRY(auto listener, env.net.listen_tcp(any, options));
  port::TaskGroup group(env.executor, env.clock);
  port::TcpDialOptions dial;
  KITH_CO_TRY(auto stream, co_await env.net.dial_tcp(listener->local_endpoint(), dial, never));
  KITH_CO_TRY(auto accepted, co_await listener->accept());
  group.spawn(echo(env, std::move(accepted)));
  KITH_CO_CHECK(co_await stream->write(as_bytes("hello")));
  KITH_CO_CHECK(co_await stream->close_write());
  KITH_CO_TRY(Bytes back, co_await port::read_to_end(*stream, 100));
  EXPECT_EQ(as_text(back), "hello");
  co_return co_await group.join_shielded();
}

TEST(Runtime, EchoesOverLoopback) {
  auto runtime = Runtime::create();
  ASSERT_TRUE(runtime) << runtime.error().message();
  auto outcome = runtime->run(ping(*runtime));
  EXPECT_TRUE(outcome) << outcome.error().message();
}

}  // namespace
}  // namespace kith::io
