#include <gtest/gtest.h>

#include <kith/crypto/tls/test_certificates.hpp>
#include <kith/http/tls_stream.hpp>
#include <kith/port/task_group.hpp>
#include <kith/sim/testing.hpp>

namespace kith::http {
namespace {

using crypto::TlsContext;
using crypto::TlsCredentials;
using crypto::TlsError;
using sim::World;
using TlsPtr = std::unique_ptr<TlsStream>;
using ContextPtr = std::shared_ptr<const TlsContext>;

/// A root, and a server's certificate of it for a.example.
struct Site {
  Site() {
    using namespace crypto::testing;
    const auto root_key = new_key("EC", "P-256");
    const auto key = new_key("EC", "P-256");
    root = make_certificate({.key = root_key.get(), .common_name = "root", .authority = true});
    credentials.chain.push_back(make_certificate({.key = key.get(),
                                                  .signer = root_key.get(),
                                                  .common_name = "a",
                                                  .issuer_name = "root",
                                                  .dns_name = "a.example"}));
    credentials.key = crypto::Secret(private_der_of(key.get()));
  }

  ContextPtr server() const {
    return TlsContext::make({.side = crypto::TlsSide::server,
                             .trust = crypto::TlsTrust::anybody,
                             .credentials = &credentials})
        .value();
  }
  ContextPtr client() const { return TlsContext::make({.roots = {root}}).value(); }

  Bytes root;
  TlsCredentials credentials;
};

Task<void> handshake_into(port::Env& env, port::StreamPtr stream, ContextPtr context,
                          std::string host, Result<TlsPtr>& into) {
  Buffer nothing;
  crypto::TlsSession session{.host = std::move(host), .now = WallTime(1'780'000'000s)};
  into = co_await tls_handshake(env.clock, std::move(stream), std::move(context),
                                std::move(session), std::move(nothing), env.clock.now() + 10s);
  co_return Result<void>{};
}

struct Pair {
  explicit Pair(World& in)
      : world(in),
        near_node(in.add_node()),
        far_node(in.add_node()),
        tasks(in.executor(), in.clock()) {}

  Task<void> open(std::string host) {
    const Site site;
    auto [near_stream, far_stream] = world.connect(near_node, far_node);
    tasks.spawn(handshake_into(near_node.env(), std::move(near_stream), site.client(),
                               std::move(host), client));
    std::string nobody;
    tasks.spawn(handshake_into(far_node.env(), std::move(far_stream), site.server(),
                               std::move(nobody), server));
    co_return co_await tasks.join_shielded();
  }

  World& world;
  sim::Node& near_node;
  sim::Node& far_node;
  port::TaskGroup tasks;
  Result<TlsPtr> client = std::unexpected(Errc::busy);
  Result<TlsPtr> server = std::unexpected(Errc::busy);
};

Task<void> write_into(port::Stream& stream, ByteView bytes, Result<void>& into) {
  into = co_await stream.write(bytes);
  if (into) into = co_await stream.close_write();
  co_return Result<void>{};
}

Task<void> carries_bytes(World& world) {
  Pair pair(world);
  KITH_CO_CHECK(co_await pair.open("a.example"));
  if (!pair.client) co_return std::unexpected(pair.client.error());
  if (!pair.server) co_return std::unexpected(pair.server.error());
  Bytes sent(1'000'000);
  world.prng().fill(sent);
  Result<void> written[2];
  pair.tasks.spawn(write_into(**pair.client, sent, written[0]));
  pair.tasks.spawn(write_into(**pair.server, sent, written[1]));
  KITH_CO_TRY(const Bytes at_server, co_await port::read_to_end(**pair.server, 2'000'000));
  KITH_CO_TRY(const Bytes at_client, co_await port::read_to_end(**pair.client, 2'000'000));
  EXPECT_EQ(at_server, sent);
  EXPECT_EQ(at_client, sent);
  KITH_CO_CHECK(co_await pair.tasks.join_shielded());
  EXPECT_TRUE(written[0].has_value() && written[1].has_value());
  EXPECT_TRUE((co_await (*pair.client)->write(as_bytes("more"))).error().is(Errc::closed));
  co_return Result<void>{};
}
TEST(TlsStream, CarriesBytesBothWaysAtOnceUntilBothClose) {
  sim::run_test(1, carries_bytes);
}

TEST(TlsStream, RefusesAServerOfAnotherNameAndTellsIt) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Pair pair(world);
    KITH_CO_CHECK(co_await pair.open("b.example"));
    EXPECT_TRUE(!pair.client && pair.client.error().is(TlsError::wrong_host));
    // TLS 1.3's server has finished when the client's alert comes.
    if (pair.server) {
      std::array<std::uint8_t, 10> room;
      auto got = co_await (*pair.server)->read_some(room, world.now() + 10s);
      EXPECT_TRUE(!got && &got.error().domain() == &error_domain(crypto::TlsAlert{}));
    }
    co_return Result<void>{};
  });
}

TEST(TlsStream, TellsAGoodbyeFromACut) {
  sim::run_test(1, [](World& world) -> Task<void> {
    const Site site;
    port::TaskGroup tasks(world.executor(), world.clock());
    sim::Node& node = world.add_node();
    sim::Node& other = world.add_node();
    auto [near_stream, far_stream] = world.connect(node, other);
    Result<TlsPtr> client = std::unexpected(Errc::busy);
    Result<TlsPtr> server = std::unexpected(Errc::busy);
    port::TcpStream& wire = *near_stream;
    std::string host = "a.example";
    std::string nobody;
    tasks.spawn(
        handshake_into(node.env(), std::move(near_stream), site.client(), std::move(host), client));
    tasks.spawn(handshake_into(other.env(), std::move(far_stream), site.server(), std::move(nobody),
                               server));
    KITH_CO_CHECK(co_await tasks.join_shielded());
    KITH_CO_REQUIRE(client && server);
    KITH_CO_CHECK(co_await (*client)->write(as_bytes("said")));
    KITH_CO_CHECK(co_await wire.close_write());
    auto got = co_await port::read_to_end(**server, 100);
    EXPECT_TRUE(!got && got.error().is(Errc::end_of_stream));
    co_return Result<void>{};
  });
}

TEST(TlsStream, GivesUpOnAPeerThatSaysNothingAndOneThatSpeaksNoTls) {
  sim::run_test(1, [](World& world) -> Task<void> {
    const Site site;
    sim::Node& node = world.add_node();
    sim::Node& other = world.add_node();
    for (const char* said : {"", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"}) {
      auto [near_stream, far_stream] = world.connect(node, other);
      if (*said != 0) KITH_CO_CHECK(co_await near_stream->write(as_bytes(said)));
      Result<TlsPtr> server = std::unexpected(Errc::busy);
      std::string nobody;
      const Instant begin = world.now();
      KITH_CO_CHECK(co_await handshake_into(other.env(), std::move(far_stream), site.server(),
                                            std::move(nobody), server));
      KITH_CO_REQUIRE(!server.has_value());
      EXPECT_TRUE(server.error().is(Errc::timed_out) || server.error().is(TlsError::not_tls));
      EXPECT_LE(world.now() - begin, 11s);
    }
    co_return Result<void>{};
  });
}

}  // namespace
}  // namespace kith::http
