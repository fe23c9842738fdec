#include <gtest/gtest.h>

#include <kith/net/resolve.hpp>
#include <kith/sim/testing.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;
using Texts = std::vector<std::string>;

constexpr std::string_view alice = "/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
constexpr std::string_view bob = "/p2p/12D3KooWKRyzVWW6ChFjQjK4miCty85Niy48tpPV95XdKu1BcvMA";

Task<Texts> resolved(sim::World& world, std::string text) {
  Multiaddr address = *Multiaddr::parse(text);
  const Instant deadline = world.now() + 5s;
  KITH_CO_TRY(const std::vector<Multiaddr> found,
              co_await resolve_name(world.node(0).env().net, std::move(address), deadline));
  Texts texts;
  for (const Multiaddr& one : found)
    texts.push_back(one.to_string());
  co_return texts;
}

TEST(Resolve, PutsAddressesInPlaceOfAName) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    world.add_node();
    world.net().add_name("both.example", *port::IpAddress::parse("192.0.2.1"));
    world.net().add_name("both.example", *port::IpAddress::parse("2001:db8::1"));
    KITH_CO_TRY(const Texts four, co_await resolved(world, "/dns4/both.example/tcp/1"));
    EXPECT_EQ(four, Texts{"/ip4/192.0.2.1/tcp/1"});
    KITH_CO_TRY(const Texts six, co_await resolved(world, "/dns6/both.example/tcp/1"));
    EXPECT_EQ(six, Texts{"/ip6/2001:db8::1/tcp/1"});
    std::string with_peer = "/dns/both.example/tcp/1/ws" + std::string(alice);
    KITH_CO_TRY(const Texts any, co_await resolved(world, std::move(with_peer)));
    EXPECT_EQ(any, (Texts{"/ip4/192.0.2.1/tcp/1/ws" + std::string(alice),
                          "/ip6/2001:db8::1/tcp/1/ws" + std::string(alice)}));
    co_return Result<void>{};
  });
}

TEST(Resolve, KeepsTheNameThatTlsAsksFor) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    world.add_node();
    world.net().add_name("a.example", *port::IpAddress::parse("192.0.2.1"));
    const std::string peer(alice);
    const Texts secured = {"/ip4/192.0.2.1/tcp/443/tls/sni/a.example/ws" + peer};
    for (const char* end : {"/wss", "/tls/ws", "/tls/sni/a.example/ws"}) {
      std::string text = std::string("/dns4/a.example/tcp/443") + end + peer;
      KITH_CO_TRY(const Texts found, co_await resolved(world, std::move(text)));
      EXPECT_EQ(found, secured) << end;
    }
    KITH_CO_TRY(const Texts other,
                co_await resolved(world, "/dns4/a.example/tcp/443/tls/sni/b.example/ws"));
    EXPECT_EQ(other, Texts{"/ip4/192.0.2.1/tcp/443/tls/sni/b.example/ws"});
    KITH_CO_TRY(const Texts plain, co_await resolved(world, "/dns4/a.example/tcp/80/ws"));
    EXPECT_EQ(plain, Texts{"/ip4/192.0.2.1/tcp/80/ws"});
    co_return Result<void>{};
  });
}

TEST(Resolve, TakesTheAnswersOfADnsaddrThatEndAsTheQuestionDoes) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    world.add_node();
    const std::string name = "_dnsaddr.boot.example";
    world.net().add_txt(name, "dnsaddr=/ip4/192.0.2.1/tcp/1" + std::string(alice));
    world.net().add_txt(name, "dnsaddr=/ip4/192.0.2.2/tcp/1" + std::string(bob));
    world.net().add_txt(name, "dnsaddr=/dnsaddr/eu.boot.example" + std::string(alice));
    world.net().add_txt(name, "dnsaddr=/ip4/192.0.2.3/tcp/1");
    world.net().add_txt(name, "dnsaddr=not an address");
    world.net().add_txt(name, "v=spf1 -all");
    std::string of_alice = "/dnsaddr/boot.example" + std::string(alice);
    KITH_CO_TRY(const Texts hers, co_await resolved(world, std::move(of_alice)));
    EXPECT_EQ(hers, (Texts{"/ip4/192.0.2.1/tcp/1" + std::string(alice),
                           "/dnsaddr/eu.boot.example" + std::string(alice)}));
    KITH_CO_TRY(const Texts all, co_await resolved(world, "/dnsaddr/boot.example"));
    EXPECT_EQ(all.size(), 4u);
    co_return Result<void>{};
  });
}

TEST(Resolve, SaysWhyThereIsNoAnswer) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    world.add_node();
    auto unknown = co_await resolved(world, "/dns4/unknown.example/tcp/1");
    EXPECT_TRUE(!unknown && unknown.error().is(Errc::not_found));
    auto no_text = co_await resolved(world, "/dnsaddr/unknown.example");
    EXPECT_TRUE(!no_text && no_text.error().is(Errc::not_found));
    world.net().mute_name("mute.example");
    const Instant begin = world.now();
    auto mute = co_await resolved(world, "/dns4/mute.example/tcp/1");
    EXPECT_TRUE(!mute && mute.error().is(Errc::timed_out));
    EXPECT_EQ(world.now() - begin, 5s);
    auto no_name = co_await resolved(world, "/ip4/192.0.2.1/tcp/1");
    EXPECT_TRUE(!no_name && no_name.error().is(Errc::invalid_argument));
    co_return Result<void>{};
  });
}

}  // namespace
}  // namespace kith::net
