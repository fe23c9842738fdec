#include <array>

#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/crypto/tls/libp2p_certificate.hpp>
#include <kith/net/security/channels.hpp>
#include <kith/net/security/limits.hpp>
#include <kith/net/security/tls_stream.hpp>
#include <kith/port/pipe.hpp>
#include <kith/port/task_group.hpp>
#include <kith/sim/testing.hpp>

namespace kith::net {
namespace {

crypto::PrivateKey key_of(std::uint8_t seed) {
  std::array<std::uint8_t, 32> bytes{};
  bytes.fill(seed);
  return crypto::PrivateKey::from_ed25519_seed(bytes);
}

multiformats::PeerId peer_of(const crypto::PrivateKey& key) {
  return multiformats::PeerId::from_public_key(key.public_key());
}

// libp2p/specs tls/tls.md, the first of its "Test vectors". The others are the certificate's
// tests'.
TEST(TlsHandshake, SeesInACertificateThePeerThatTheSpecificationSees) {
  const Bytes certificate = *from_hex(
      "308201ae30820156a0030201020204499602d2300a06082a8648ce3d040302302031123010060355040a13096c69"
      "627032702e696f310a300806035504051301313020170d3735303130313133303030305a180f3430393630313031"
      "3133303030305a302031123010060355040a13096c69627032702e696f310a300806035504051301313059301306"
      "072a8648ce3d020106082a8648ce3d030107034200040c901d423c831ca85e27c73c263ba132721bb9d7a84c4f03"
      "80b2a6756fd601331c8870234dec878504c174144fa4b14b66a651691606d8173e55bd37e381569ea37c307a3078"
      "060a2b0601040183a25a0101046a3068042408011220a77f1d92fedb59dddaea5a1c4abd1ac2fbde7d7b879ed364"
      "501809923d7c11b90440d90d2769db992d5e6195dbb08e706b6651e024fda6cfb8846694a435519941cac215a820"
      "7792e42849cccc6cd8136c6e4bde92a58c5e08cfd4206eb5fe0bf909300a06082a8648ce3d040302034600304302"
      "1f50f6b6c52711a881778718238f650c9fb48943ae6ee6d28427dc6071ae55e702203625f116a7a454db9c56986c"
      "82a25682f7248ea1cb764d322ea983ed36a31b77");
  auto key = crypto::verify_libp2p_certificate(certificate, WallTime(1'780'000'000s));
  ASSERT_TRUE(key.has_value());
  EXPECT_EQ(multiformats::PeerId::from_public_key(*key).to_string(),
            "12D3KooWM6CgA9iBFZmcYAHA6A2qvbAxqfkmrYiRQuz3XEsk4Ksv");
}

Task<void> shake_into(sim::Node& node, port::StreamPtr stream, crypto::TlsSide side,
                      SecureChannels& channels, Result<std::unique_ptr<TlsStream>>& into) {
  TlsHandshakeConfig config{.now = node.env().wall.now()};
  KITH_CO_TRY(config.context, channels.tls_context(side, node.env().random));
  into = co_await tls_handshake(std::move(stream), std::move(config), Buffer(), never);
  co_return Result<void>{};
}

/// Two ends of a simulated connection with TLS on it.
struct TlsPair {
  explicit TlsPair(sim::World& world)
      : one(world.add_node()), two(world.add_node()), tasks(world.executor(), world.clock()) {}

  Task<void> shake(sim::World& world) {
    auto [near_raw, far_raw] = world.connect(one, two);
    co_return co_await shake_over(std::move(near_raw), std::move(far_raw));
  }
  Task<void> shake_over(port::StreamPtr near_raw, port::StreamPtr far_raw) {
    tasks.spawn(shake_into(one, std::move(near_raw), crypto::TlsSide::client, near_channels, near));
    tasks.spawn(shake_into(two, std::move(far_raw), crypto::TlsSide::server, far_channels, far));
    co_return co_await tasks.join_shielded();
  }

  sim::Node& one;
  sim::Node& two;
  SecureChannels near_channels{key_of(1), {SecureProtocol::tls}};
  SecureChannels far_channels{key_of(2), {SecureProtocol::tls}};
  Result<std::unique_ptr<TlsStream>> near = std::unexpected(Errc::busy);
  Result<std::unique_ptr<TlsStream>> far = std::unexpected(Errc::busy);
  port::TaskGroup tasks;
};

Task<void> send_pieces(port::Stream& stream, const Bytes& data, std::uint64_t seed) {
  Prng prng(seed);
  for (ByteView rest = data; !rest.empty();) {
    const ByteView part = rest.first(std::min<std::size_t>(rest.size(), prng.below(150'000) + 1));
    KITH_CO_CHECK(co_await stream.write(part));
    rest = rest.subspan(part.size());
  }
  co_return co_await stream.close_write();
}

Task<void> carry_both_ways(sim::World& world) {
  TlsPair pair(world);
  KITH_CO_CHECK(co_await pair.shake(world));
  KITH_CO_REQUIRE(pair.near && pair.far);
  TlsStream& near = **pair.near;
  TlsStream& far = **pair.far;
  EXPECT_EQ(near.remote().peer, peer_of(key_of(2)));
  EXPECT_EQ(far.remote().key, key_of(1).public_key());
  EXPECT_EQ(near.muxer(), "/yamux/1.0.0");
  EXPECT_EQ(far.muxer(), "/yamux/1.0.0");
  Bytes up(300'000);
  Bytes down(700'000);
  world.prng().fill(up);
  world.prng().fill(down);
  pair.tasks.spawn(send_pieces(near, up, world.seed()));
  pair.tasks.spawn(send_pieces(far, down, world.seed() + 1));
  KITH_CO_TRY(const Bytes got_down, co_await port::read_to_end(near, 1'000'000));
  KITH_CO_TRY(const Bytes got_up, co_await port::read_to_end(far, 1'000'000));
  EXPECT_TRUE(got_up == up);
  EXPECT_TRUE(got_down == down);
  EXPECT_EQ(near.wire_bytes_sent(), far.wire_bytes_received());
  co_return co_await pair.tasks.join_shielded();
}

TEST(TlsStream, CarriesDataBothWaysWhateverTheStreamDoesToIt) {
  sim::run_seeds(1, 20, carry_both_ways);
}

TEST(TlsStream, QueuesUntilItIsFlushedAndReadsWhatWasGivenBackFirst) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TlsPair pair(world);
    KITH_CO_CHECK(co_await pair.shake(world));
    KITH_CO_REQUIRE(pair.near && pair.far);
    TlsStream& near = **pair.near;
    TlsStream& far = **pair.far;
    KITH_CO_CHECK(near.queue(as_bytes("one ")));
    KITH_CO_CHECK(near.queue(as_bytes("two")));
    EXPECT_EQ(near.queued_bytes(), 7 + crypto::tls_record_overhead_bytes);
    KITH_CO_CHECK(co_await near.flush());
    EXPECT_EQ(near.queued_bytes(), 0u);
    KITH_CO_TRY(Buffer first, co_await far.read_buffer(4));
    EXPECT_EQ(as_text(first), "one ");
    far.unread(std::move(first));
    KITH_CO_TRY(const Buffer both, co_await far.read_buffer(SIZE_MAX));
    EXPECT_EQ(as_text(both), "one two");
    co_return Result<void>{};
  });
}

/// Passes on `left_` bytes of what is written, then ends; `flip_` is the one that it changes.
class Tamperer final : public port::Stream {
 public:
  Tamperer(port::StreamPtr inner, std::size_t left, std::size_t flip = SIZE_MAX)
      : inner_(std::move(inner)), left_(left), flip_(flip) {}
  Task<std::size_t> read_some(MutableBytes into, Instant deadline) override {
    return inner_->read_some(into, deadline);
  }
  Task<void> write(ByteView bytes, Instant deadline) override {
    Bytes part = to_bytes(bytes.first(std::min(bytes.size(), left_)));
    left_ -= part.size();
    if (flip_ < part.size()) part[flip_] ^= 1;
    flip_ -= std::min(flip_, part.size());
    if (!part.empty()) KITH_CO_CHECK(co_await inner_->write(part, deadline));
    if (left_ == 0) KITH_CO_CHECK(co_await inner_->close_write(deadline));
    co_return Result<void>{};
  }
  Task<void> close_write(Instant deadline) override { return inner_->close_write(deadline); }
  void reset() noexcept override { inner_->reset(); }
  void leave(std::size_t bytes) noexcept { left_ = bytes; }

 private:
  port::StreamPtr inner_;
  std::size_t left_;
  std::size_t flip_;
};

Task<void> cut_after(sim::World& world, std::size_t& bytes) {
  TlsPair pair(world);
  auto [near_raw, far_raw] = port::pipe(world.clock());
  auto cutting = std::make_unique<Tamperer>(std::move(near_raw), SIZE_MAX);
  Tamperer& cutter = *cutting;
  KITH_CO_CHECK(co_await pair.shake_over(std::move(cutting), std::move(far_raw)));
  KITH_CO_REQUIRE(pair.near && pair.far);
  cutter.leave(bytes);
  KITH_CO_CHECK(co_await (*pair.near)->write(as_bytes("hello")));
  auto got = co_await port::read_to_end(**pair.far, 100);
  const std::size_t record = 5 + crypto::tls_record_overhead_bytes;
  if (bytes < record) {
    EXPECT_TRUE(!got && got.error().is(Errc::end_of_stream)) << bytes;
  } else {
    KITH_CO_REQUIRE(got.has_value());
    EXPECT_EQ(as_text(*got), "hello");
  }
  co_return Result<void>{};
}

TEST(TlsStream, TellsAnEndWithinARecordFromOneBetweenTwo) {
  for (std::size_t bytes = 1; bytes <= 5 + crypto::tls_record_overhead_bytes; ++bytes)
    sim::run_test(1, cut_after, bytes);
}

TEST(TlsStream, HandsOutWhatCameBeforeABrokenRecordAndThenItsError) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TlsPair pair(world);
    auto [near_raw, far_raw] = port::pipe(world.clock());
    port::Stream& wire = *near_raw;
    KITH_CO_CHECK(co_await pair.shake_over(std::move(near_raw), std::move(far_raw)));
    KITH_CO_REQUIRE(pair.near && pair.far);
    KITH_CO_CHECK(co_await (*pair.near)->write(as_bytes("good")));
    Bytes nonsense = *from_hex("1703030020");
    nonsense.resize(nonsense.size() + 0x20);
    KITH_CO_CHECK(co_await wire.write(nonsense));
    KITH_CO_TRY(const Buffer got, co_await (*pair.far)->read_buffer(SIZE_MAX));
    EXPECT_EQ(as_text(got), "good");
    for (int i = 0; i < 2; ++i) {
      auto next = co_await (*pair.far)->read_buffer(SIZE_MAX);
      EXPECT_TRUE(!next && next.error().is(crypto::TlsError::bad_record));
    }
    co_return Result<void>{};
  });
}

TEST(TlsStream, RefusesARecordThatIsTooLongByItsHeaderAlone) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TlsPair pair(world);
    auto [near_raw, far_raw] = port::pipe(world.clock());
    port::Stream& wire = *near_raw;
    KITH_CO_CHECK(co_await pair.shake_over(std::move(near_raw), std::move(far_raw)));
    KITH_CO_REQUIRE(pair.near && pair.far);
    const Bytes header = *from_hex("170303ffff");
    KITH_CO_CHECK(co_await wire.write(header));
    auto next = co_await (*pair.far)->read_buffer(SIZE_MAX);
    EXPECT_TRUE(!next && next.error().is(crypto::TlsError::too_long));
    co_return Result<void>{};
  });
}

}  // namespace
}  // namespace kith::net
