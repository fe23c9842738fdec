// The small values of port: addresses, log levels, the bridge to workers.
#include <gtest/gtest.h>

#include <kith/port/port.hpp>
#include <kith/sim/testing.hpp>

namespace kith::port {
namespace {

TEST(IpAddress, ReadsAndWritesItsText) {
  for (const char* text : {"0.0.0.0", "127.0.0.1", "255.255.255.255", "::", "::1", "2001:db8::1",
                           "fe80::1:2:3:4", "::ffff:1.2.3.4"}) {
    auto address = IpAddress::parse(text);
    ASSERT_TRUE(address.has_value()) << text;
    EXPECT_EQ(address->to_string(), text);
    EXPECT_EQ(IpAddress::from_bytes(address->bytes()), *address);
  }
  for (const char* text : {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.4 ", "::1%eth0", "[::1]",
                           "g::1", "01.2.3.4x"}) {
    EXPECT_EQ(IpAddress::parse(text), std::nullopt) << text;
  }
  EXPECT_EQ(IpAddress::parse(std::string_view("1.2.3.4\0", 8)), std::nullopt);
  EXPECT_EQ(IpAddress::from_bytes(Bytes(5)), std::nullopt);
}

TEST(IpAddress, KnowsItsKind) {
  auto ip = [](const char* text) { return *IpAddress::parse(text); };
  EXPECT_TRUE(ip("127.9.9.9").is_loopback());
  EXPECT_TRUE(ip("::1").is_loopback());
  EXPECT_TRUE(ip("::").is_unspecified());
  EXPECT_TRUE(ip("169.254.0.1").is_link_local());
  EXPECT_TRUE(ip("febf::1").is_link_local());
  EXPECT_FALSE(ip("fec0::1").is_link_local());
  for (const char* text : {"10.1.1.1", "172.16.0.1", "172.31.255.255", "192.168.3.4", "100.64.0.1",
                           "100.127.1.1", "fd00::1", "fc00::1"}) {
    EXPECT_TRUE(ip(text).is_private()) << text;
  }
  for (const char* text : {"11.1.1.1", "172.32.0.1", "172.15.0.1", "192.169.0.1", "100.128.0.1",
                           "100.63.0.1", "fe00::1", "2001:db8::1"}) {
    EXPECT_FALSE(ip(text).is_private()) << text;
  }
  EXPECT_TRUE(ip("224.0.0.251").is_multicast());
  EXPECT_TRUE(ip("239.255.255.255").is_multicast());
  EXPECT_FALSE(ip("240.0.0.1").is_multicast());
  EXPECT_TRUE(ip("ff02::fb").is_multicast());
}

TEST(Endpoint, PutsBracketsAroundIpV6) {
  EXPECT_EQ((Endpoint{*IpAddress::parse("1.2.3.4"), 80}).to_string(), "1.2.3.4:80");
  EXPECT_EQ((Endpoint{*IpAddress::parse("::1"), 80}).to_string(), "[::1]:80");
}

TEST(LogLevels, AreReadFromTheirText) {
  auto levels = LogLevels::parse("net=debug,bitswap=trace,warn").value();
  EXPECT_EQ(levels.of("net"), LogLevel::debug);
  EXPECT_EQ(levels.of("bitswap"), LogLevel::trace);
  EXPECT_EQ(levels.of("store"), LogLevel::warn);
  EXPECT_EQ(LogLevels::parse("").value().of("any"), LogLevel::info);
  EXPECT_EQ(LogLevels::parse("off,").value().of("any"), LogLevel::off);
  for (const char* text : {"loud", "net=", "net=loud", "=,x"})
    EXPECT_FALSE(LogLevels::parse(text).has_value()) << text;
}

Task<void> counts_on_a_worker(sim::World& world) {
  sim::Node& node = world.add_node();
  int calls = 0;
  auto work = [&calls]() -> Result<int> {
    ++calls;
    return 42;
  };
  KITH_CO_TRY(int answer, co_await run_on(node.env().pool, work));
  EXPECT_EQ(answer, 42);
  EXPECT_EQ(calls, 1);
  auto fail = []() -> Result<int> { return std::unexpected(Errc::corrupt); };
  auto failed = co_await run_on(node.env().pool, fail);
  EXPECT_TRUE(!failed && failed.error().is(Errc::corrupt));
  co_return Result<void>{};
}

TEST(WorkPool, ReturnsWhatTheWorkReturns) {
  sim::run_seeds(1, 5, counts_on_a_worker);
}

}  // namespace
}  // namespace kith::port
