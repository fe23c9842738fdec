#include <gtest/gtest.h>

#include <kith/crypto/tls/libp2p_certificate.hpp>
#include <kith/net/multistream_session.hpp>
#include <kith/net/security/noise_error.hpp>
#include <kith/net/security/noise_stream.hpp>
#include <kith/net/security/tls_stream.hpp>
#include <kith/net/upgrade_test.hpp>
#include <kith/sim/testing.hpp>

namespace kith::net {
namespace {

using testing::key_of;
using testing::options_of;
using testing::Pair;
using testing::peer_of;

Task<void> echo_once(Connection& connection, port::Clock& clock) {
  KITH_CO_TRY(auto raw, co_await connection.accept_stream());
  std::function<bool(std::string_view)> supports = [](std::string_view id) {
    return id == "/echo";
  };
  KITH_CO_TRY(auto stream,
              co_await negotiate_inbound(clock, std::move(raw), std::move(supports), never));
  for (;;) {
    KITH_CO_TRY(const Buffer part, co_await stream->read_buffer(SIZE_MAX));
    if (part.empty()) break;
    KITH_CO_CHECK(co_await stream->write(part));
  }
  co_return co_await stream->close_write();
}

Task<void> exchange(sim::World& world, Pair& pair, std::size_t size) {
  pair.tasks.spawn(echo_once(**pair.far, world.clock()));
  KITH_CO_TRY(auto raw, co_await (*pair.near)->open_stream(never));
  auto stream = NegotiatedStream::lazy(world.clock(), std::move(raw), "/echo");
  const Bytes sent(size, 7);
  KITH_CO_CHECK(co_await stream->write(sent));
  KITH_CO_CHECK(co_await stream->close_write());
  KITH_CO_TRY(const Bytes got, co_await port::read_to_end(*stream, 2 * size));
  EXPECT_EQ(got, sent);
  co_return Result<void>{};
}

TEST(Upgrade, MakesAConnectionThatCarriesStreams) {
  sim::run_seeds(1, 20, [](sim::World& world) -> Task<void> {
    Pair pair(world);
    auto [near_stream, far_stream] = world.connect(pair.dialer, pair.listener);
    UpgradeOptions dial = options_of(Direction::outbound, key_of(1));
    dial.expected_peer = peer_of(key_of(2));
    UpgradeOptions listen = options_of(Direction::inbound, key_of(2));
    KITH_CO_CHECK(co_await pair.upgrade_both(std::move(near_stream), std::move(far_stream),
                                             std::move(dial), std::move(listen)));
    KITH_CO_REQUIRE(pair.near && pair.far);
    Connection& near = **pair.near;
    Connection& far = **pair.far;
    EXPECT_EQ(near.remote_peer(), peer_of(key_of(2)));
    EXPECT_EQ(far.remote_peer(), peer_of(key_of(1)));
    EXPECT_EQ(far.local_peer(), peer_of(key_of(2)));
    EXPECT_EQ(far.remote_key(), key_of(1).public_key());
    EXPECT_EQ(near.security(), "/noise");
    EXPECT_EQ(near.muxer(), "/yamux/1.0.0");
    pair.run();
    KITH_CO_CHECK(co_await exchange(world, pair, 100'000));
    EXPECT_GT(near.stats().bytes_received, 100'000u);
    EXPECT_GT(near.stats().round_trip, 0s);
    KITH_CO_CHECK(co_await pair.finish());
    EXPECT_TRUE(pair.near_end->is(Errc::closed));
    EXPECT_TRUE(pair.far_end->is(Errc::closed));
    co_return Result<void>{};
  });
}

TEST(Upgrade, IsRepeatable) {
  sim::expect_repeatable(7, [](sim::World& world) -> Task<void> {
    Pair pair(world);
    KITH_CO_CHECK(co_await pair.start(world));
    KITH_CO_CHECK(co_await exchange(world, pair, 50'000));
    co_return co_await pair.finish();
  });
}

class OneByte final : public testing::StreamDecorator {
 public:
  using StreamDecorator::StreamDecorator;
  Task<std::size_t> read_some(MutableBytes into, Instant deadline) override {
    return inner_->read_some(into.first(1), deadline);
  }
};

TEST(Upgrade, WorksWhenEachReadGivesASingleByte) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Pair pair(world);
    auto [near_stream, far_stream] = world.connect(pair.dialer, pair.listener);
    auto near_slow = std::make_unique<OneByte>(std::move(near_stream));
    auto far_slow = std::make_unique<OneByte>(std::move(far_stream));
    UpgradeOptions dial = options_of(Direction::outbound, key_of(1));
    UpgradeOptions listen = options_of(Direction::inbound, key_of(2));
    KITH_CO_CHECK(co_await pair.upgrade_both(std::move(near_slow), std::move(far_slow),
                                             std::move(dial), std::move(listen)));
    KITH_CO_REQUIRE(pair.near && pair.far);
    pair.run();
    KITH_CO_CHECK(co_await exchange(world, pair, 3000));
    co_return co_await pair.finish();
  });
}

/// Is reset once so many bytes have come or gone.
class ResetsAfter final : public testing::StreamDecorator {
 public:
  ResetsAfter(port::StreamPtr inner, std::size_t bytes)
      : StreamDecorator(std::move(inner)), left_(bytes) {}
  Task<std::size_t> read_some(MutableBytes into, Instant deadline) override {
    KITH_CO_TRY(const std::size_t size, co_await inner_->read_some(into, deadline));
    KITH_CO_CHECK(count(size));
    co_return size;
  }
  Task<void> write(ByteView bytes, Instant deadline) override {
    const std::size_t whole = bytes.size();
    bytes = bytes.first(std::min(bytes.size(), left_));
    KITH_CO_CHECK(co_await inner_->write(bytes, deadline));
    co_return count(whole);
  }

 private:
  Result<void> count(std::size_t size) {
    if (size < left_) {
      left_ -= size;
      return {};
    }
    left_ = 0;
    inner_->reset();
    return std::unexpected(Errc::reset);
  }
  std::size_t left_;
};

Task<void> try_until_reset(sim::World& world, std::size_t& bytes, bool& survived) {
  Pair pair(world);
  auto [near_stream, far_stream] = world.connect(pair.dialer, pair.listener);
  auto faulty = std::make_unique<ResetsAfter>(std::move(near_stream), bytes);
  UpgradeOptions dial = options_of(Direction::outbound, key_of(1));
  UpgradeOptions listen = options_of(Direction::inbound, key_of(2));
  KITH_CO_CHECK(co_await pair.upgrade_both(std::move(faulty), std::move(far_stream),
                                           std::move(dial), std::move(listen)));
  if (!pair.near) {
    EXPECT_FALSE(pair.near.error().is(Errc::timed_out));
    pair.tasks.cancel();
    co_return Result<void>{};
  }
  if (!pair.far) co_return Result<void>{};
  pair.run();
  auto exchanged = co_await exchange(world, pair, 400);
  survived = exchanged.has_value();
  (*pair.near)->close();
  (*pair.far)->close();
  co_return co_await pair.tasks.join_shielded();
}

TEST(Upgrade, EndsWithAnErrorWhereverTheStreamIsReset) {
  bool survived = false;
  std::size_t bytes = 1;
  for (; !survived && bytes < 5000; bytes += 7)
    sim::run_test(bytes, try_until_reset, bytes, survived);
  // Some prefix was enough for the whole exchange, so every shorter one was tried.
  EXPECT_TRUE(survived);
  EXPECT_GT(bytes, 1000u);
}

TEST(Upgrade, GivesUpOnAPeerThatSaysNothing) {
  for (Direction direction : {Direction::inbound, Direction::outbound}) {
    sim::run_test(
        1,
        +[](sim::World& world, Direction& side) -> Task<void> {
          sim::Node& one = world.add_node();
          sim::Node& two = world.add_node();
          auto [near, far] = world.connect(one, two);
          UpgradeOptions options = options_of(side, key_of(1), world.now() + 10s);
          auto upgraded = co_await upgrade(one.env(), std::move(near), std::move(options));
          KITH_CO_REQUIRE(!upgraded);
          EXPECT_TRUE(upgraded.error().is(Errc::timed_out));
          EXPECT_EQ(world.now(), sim::world_begin + 10s);
          co_return Result<void>{};
        },
        direction);
  }
}

TEST(Upgrade, RefusesAnotherPeerThanItDialed) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Pair pair(world);
    auto [near_stream, far_stream] = world.connect(pair.dialer, pair.listener);
    UpgradeOptions dial = options_of(Direction::outbound, key_of(1));
    dial.expected_peer = peer_of(key_of(3));
    UpgradeOptions listen = options_of(Direction::inbound, key_of(2));
    KITH_CO_CHECK(co_await pair.upgrade_both(std::move(near_stream), std::move(far_stream),
                                             std::move(dial), std::move(listen)));
    KITH_CO_REQUIRE(!pair.near && !pair.far);
    EXPECT_TRUE(pair.near.error().is(NoiseError::unexpected_peer));
    co_return Result<void>{};
  });
}

/// A dialer as older implementations are: it lists no muxers in Noise and negotiates afterwards.
Task<void> dial_without_extension(port::Env& env, port::StreamPtr stream, bool& agreed) {
  std::vector<std::string> security{"/tls/1.0.0", "/noise"};
  KITH_CO_TRY(Negotiated chosen, co_await multistream_propose(*stream, std::move(security), never));
  EXPECT_EQ(chosen.protocol, "/noise");
  NoiseConfig config{.initiator = true, .identity = key_of(1)};
  env.random.fill(config.static_key.mutable_bytes());
  env.random.fill(config.ephemeral_key.mutable_bytes());
  KITH_CO_TRY(auto secure, co_await noise_handshake(std::move(stream), std::move(config),
                                                    std::move(chosen.rest), never));
  EXPECT_EQ(secure->muxer(), "");
  std::vector<std::string> muxers{"/mplex/6.7.0", "/yamux/1.0.0"};
  KITH_CO_TRY(Negotiated muxer, co_await multistream_propose(*secure, std::move(muxers), never));
  agreed = muxer.protocol == "/yamux/1.0.0";
  co_return Result<void>{};
}

TEST(Upgrade, NegotiatesTheMuxerWithAPeerThatDoesntListItsMuxersEarly) {
  sim::run_seeds(1, 10, [](sim::World& world) -> Task<void> {
    Pair pair(world);
    auto [near_stream, far_stream] = world.connect(pair.dialer, pair.listener);
    bool agreed = false;
    pair.tasks.spawn(dial_without_extension(pair.dialer.env(), std::move(near_stream), agreed));
    UpgradeOptions listen = options_of(Direction::inbound, key_of(2));
    auto upgraded = co_await upgrade(pair.listener.env(), std::move(far_stream), std::move(listen));
    EXPECT_TRUE(upgraded.has_value());
    KITH_CO_CHECK(co_await pair.tasks.join_shielded());
    EXPECT_TRUE(agreed);
    co_return Result<void>{};
  });
}

// TLS.

constexpr SecureProtocol noise = SecureProtocol::noise;
constexpr SecureProtocol tls = SecureProtocol::tls;
using Order = std::vector<SecureProtocol>;

/// What a dialer and a listener with these orders agree on; nothing if they don't.
Task<void> agree(sim::World& world, const Order& near_order, const Order& far_order,
                 std::string& agreed) {
  Pair pair(world);
  auto [near_stream, far_stream] = world.connect(pair.dialer, pair.listener);
  UpgradeOptions dial = options_of(Direction::outbound, key_of(1), near_order);
  dial.expected_peer = peer_of(key_of(2));
  UpgradeOptions listen = options_of(Direction::inbound, key_of(2), far_order);
  KITH_CO_CHECK(co_await pair.upgrade_both(std::move(near_stream), std::move(far_stream),
                                           std::move(dial), std::move(listen)));
  EXPECT_EQ(pair.near.has_value(), pair.far.has_value());
  if (!pair.near || !pair.far) co_return Result<void>{};
  EXPECT_EQ((*pair.near)->security(), (*pair.far)->security());
  EXPECT_EQ((*pair.near)->remote_peer(), peer_of(key_of(2)));
  EXPECT_EQ((*pair.far)->remote_peer(), peer_of(key_of(1)));
  EXPECT_EQ((*pair.far)->remote_key(), key_of(1).public_key());
  pair.run();
  KITH_CO_CHECK(co_await exchange(world, pair, 100'000));
  agreed = (*pair.near)->security();
  co_return co_await pair.finish();
}

TEST(Upgrade, TakesTheDialersFirstSecureChannelThatTheListenerSpeaks) {
  struct Case {
    Order near;
    Order far;
    std::string agreed;
  };
  const Case cases[] = {{{noise, tls}, {noise, tls}, "/noise"},
                        {{tls, noise}, {noise, tls}, "/tls/1.0.0"},
                        {{tls, noise}, {noise}, "/noise"},
                        {{noise, tls}, {tls}, "/tls/1.0.0"},
                        {{tls}, {noise}, ""}};
  for (const Case& each : cases) {
    std::string agreed;
    sim::run_test(1, agree, each.near, each.far, agreed);
    EXPECT_EQ(agreed, each.agreed);
  }
}

Task<void> dial_another_over_tls(sim::World& world) {
  Pair pair(world);
  auto [near_stream, far_stream] = world.connect(pair.dialer, pair.listener);
  UpgradeOptions dial = options_of(Direction::outbound, key_of(1), Order{tls});
  dial.expected_peer = peer_of(key_of(3));
  UpgradeOptions listen = options_of(Direction::inbound, key_of(2), Order{tls});
  KITH_CO_CHECK(co_await pair.upgrade_both(std::move(near_stream), std::move(far_stream),
                                           std::move(dial), std::move(listen)));
  KITH_CO_REQUIRE(!pair.near && !pair.far);
  EXPECT_TRUE(pair.near.error().is(TlsPeerError::unexpected_peer));
  // The alert comes, unless the end of the connection overtakes it.
  EXPECT_TRUE(pair.far.error().is(crypto::TlsAlert::bad_certificate) ||
              pair.far.error().is(TlsPeerError::handshake_cut));
  co_return Result<void>{};
}

TEST(Upgrade, RefusesAnotherPeerThanItDialedOverTls) {
  sim::run_test(1, dial_another_over_tls);
}

Task<void> try_tls_until_reset(sim::World& world, std::size_t& bytes, bool& survived) {
  Pair pair(world);
  auto [near_stream, far_stream] = world.connect(pair.dialer, pair.listener);
  auto faulty = std::make_unique<ResetsAfter>(std::move(near_stream), bytes);
  UpgradeOptions dial = options_of(Direction::outbound, key_of(1), Order{tls});
  UpgradeOptions listen = options_of(Direction::inbound, key_of(2), Order{tls});
  KITH_CO_CHECK(co_await pair.upgrade_both(std::move(faulty), std::move(far_stream),
                                           std::move(dial), std::move(listen)));
  if (!pair.near) {
    EXPECT_FALSE(pair.near.error().is(Errc::timed_out));
    pair.tasks.cancel();
    co_return Result<void>{};
  }
  if (!pair.far) co_return Result<void>{};
  pair.run();
  auto exchanged = co_await exchange(world, pair, 400);
  survived = exchanged.has_value();
  (*pair.near)->close();
  (*pair.far)->close();
  co_return co_await pair.tasks.join_shielded();
}

TEST(Upgrade, EndsWithAnErrorWhereverAStreamWithTlsIsReset) {
  bool survived = false;
  std::size_t bytes = 1;
  for (; !survived && bytes < 9000; bytes += 13)
    sim::run_test(bytes, try_tls_until_reset, bytes, survived);
  EXPECT_TRUE(survived);
  EXPECT_GT(bytes, 2000u);
}

/// A dialer that leaves the muxer to multistream-select, as older implementations do.
Task<void> dial_with_tls_by_hand(port::Env& env, port::StreamPtr stream,
                                 std::vector<std::string> offered, bool& agreed) {
  std::vector<std::string> security{"/tls/1.0.0"};
  KITH_CO_TRY(Negotiated chosen, co_await multistream_propose(*stream, std::move(security), never));
  auto certificate = crypto::make_libp2p_certificate(
      key_of(1), [&env](MutableBytes out) { env.random.fill(out); });
  crypto::TlsCredentials credentials;
  credentials.chain.push_back(certificate->certificate);
  credentials.key = std::move(certificate->key);
  const crypto::TlsConfig tls_config{.side = crypto::TlsSide::client,
                                     .trust = crypto::TlsTrust::verifier,
                                     .credentials = &credentials,
                                     .protocols = std::move(offered)};
  TlsHandshakeConfig config{.now = env.wall.now()};
  KITH_CO_TRY(config.context, crypto::TlsContext::make(tls_config));
  KITH_CO_TRY(auto secure, co_await tls_handshake(std::move(stream), std::move(config),
                                                  std::move(chosen.rest), never));
  EXPECT_EQ(secure->muxer(), "");
  std::vector<std::string> muxers{"/mplex/6.7.0", "/yamux/1.0.0"};
  KITH_CO_TRY(Negotiated muxer, co_await multistream_propose(*secure, std::move(muxers), never));
  agreed = muxer.protocol == "/yamux/1.0.0";
  co_return Result<void>{};
}

Task<void> listen_for_tls_by_hand(sim::World& world, const std::vector<std::string>& offered,
                                  bool& agreed) {
  Pair pair(world);
  auto [near_stream, far_stream] = world.connect(pair.dialer, pair.listener);
  pair.tasks.spawn(
      dial_with_tls_by_hand(pair.dialer.env(), std::move(near_stream), std::move(offered), agreed));
  UpgradeOptions listen = options_of(Direction::inbound, key_of(2), Order{noise, tls});
  auto upgraded = co_await upgrade(pair.listener.env(), std::move(far_stream), std::move(listen));
  KITH_CO_CHECK(co_await pair.tasks.join_shielded());
  EXPECT_EQ(upgraded.has_value(), agreed);
  co_return Result<void>{};
}

TEST(Upgrade, NegotiatesTheMuxerWithATlsPeerThatOffersNoMuxerByAlpn) {
  using Texts = std::vector<std::string>;
  for (const Texts& offered :
       {Texts{"libp2p"}, Texts{}, Texts{"/mplex/6.7.0", "libp2p"}, Texts{"h2"}}) {
    bool agreed = false;
    sim::run_test(1, listen_for_tls_by_hand, offered, agreed);
    EXPECT_EQ(agreed, offered != Texts{"h2"});
  }
}

/// Says that it speaks TLS, and then part of what TLS would, and no more.
Task<void> stall_in_tls(sim::World& world, std::size_t& bytes, std::optional<Error>& why) {
  Pair pair(world);
  auto [near_stream, far_stream] = world.connect(pair.dialer, pair.listener);
  UpgradeOptions listen = options_of(Direction::inbound, key_of(2), Order{tls});
  listen.deadline = world.now() + 10s;
  pair.tasks.spawn(testing::upgrade_into(pair.listener.env(), std::move(far_stream),
                                         std::move(listen), pair.far));
  std::vector<std::string> security{"/tls/1.0.0"};
  KITH_CO_TRY(Negotiated chosen,
              co_await multistream_propose(*near_stream, std::move(security), never));
  const Bytes hello = *from_hex("16030100c8010000c40303");
  const ByteView part = ByteView(hello).first(bytes);
  if (!part.empty()) KITH_CO_CHECK(co_await near_stream->write(part));
  KITH_CO_CHECK(co_await pair.tasks.join_shielded());
  if (!pair.far) why = pair.far.error();
  EXPECT_EQ(world.now(), sim::world_begin + 10s);
  co_return Result<void>{};
}

TEST(Upgrade, GivesUpOnAPeerThatStallsWithinTls) {
  for (std::size_t bytes = 0; bytes <= 11; ++bytes) {
    std::optional<Error> why;
    sim::run_test(1, stall_in_tls, bytes, why);
    EXPECT_TRUE(why && why->is(Errc::timed_out));
  }
}

}  // namespace
}  // namespace kith::net
