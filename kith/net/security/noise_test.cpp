#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/base/varint.hpp>
#include <kith/net/security/noise_handshake.hpp>
#include <kith/net/security/noise_stream.hpp>
#include <kith/net/security/noise_transport.hpp>
#include <kith/port/task_group.hpp>
#include <kith/sim/testing.hpp>

namespace kith::net {

/// Opens what only a test may touch.
struct NoiseTransportTest {
  static void set_nonce(NoiseSealer& sealer, std::uint64_t nonce) { sealer.nonce_ = nonce; }
  static void set_nonce(NoiseOpener& opener, std::uint64_t nonce) { opener.nonce_ = nonce; }
};

namespace {

using crypto::PrivateKey;
using multiformats::PeerId;

Bytes hex(std::string_view text) {
  return from_hex(text).value();
}

crypto::X25519Secret secret_of(ByteView bytes) {
  return crypto::X25519Secret(bytes.first<32>());
}

struct Vector {
  std::string_view prologue, init_static, init_ephemeral, resp_static, resp_ephemeral, hash;
  std::vector<std::pair<std::string_view, std::string_view>> messages;
};

// Noise_XX_25519_ChaChaPoly_SHA256 of the two public collections: cacophony's (public domain) and
// snow's (Apache-2.0 or MIT).
const Vector cacophony{
    "4a6f686e2047616c74",
    "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
    "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
    "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
    "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
    "c8e5f64e846193be2a834104c2a009868d6c9f3bd3c186299888b488b2f1f58e",
    {{"4c756477696720766f6e204d69736573",
      "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79444c756477696720766f6e204d6973"
      "6573"},
     {"4d757272617920526f746862617264",
      "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f14480884381cbad1f276e038c48378ffce2b6"
      "5285e08d6b68aaa3629a5a8639392490e5b9bd5269c2f1e4f488ed8831161f19b7815528f8982ffe09be9b5c412f"
      "8a0db50f8814c7194e83f23dbd8d162c9326ad"},
     {"462e20412e20486179656b",
      "c7195ffacac1307ff99046f219750fc47693e23c3cb08b89c2af808b444850a80ae475b9df0f169ae80a89be0865"
      "b57f58c9fea0d4ec82a286427402f113e4b6ae769a1d95941d49b25030"},
     {"4361726c204d656e676572", "96763ed773f8e47bb3712f0e29b3060ffc956ffc146cee53d5e1df"},
     {"4a65616e2d426170746973746520536179",
      "3e40f15f6f3a46ae446b253bf8b1d9ffb6ed9b174d272328ff91a7e2e5c79c07f5"},
     {"457567656e2042f6686d20766f6e2042617765726b",
      "eb3f3515110702e047a6c9da4478b6ead94873c11c0f2d710ddb3f09fce024b3a58502ae3f"}}};
const Vector snow{
    "5468657265206973206e6f20726967687420616e642077726f6e672e2054686572652773206f6e6c792066756e2061"
    "6e6420626f72696e672e",
    "7dec208517a3b81a2861d7a71266d5d6dc944c5a8816634a86fe63198a0148ee",
    "a32daf21e93c0131495ce1d903181fde81cc46937daaeb990bae7c992709421e",
    "4d0aed5098e3b4ef20357e9f686ce66204c792b358da2e475017d6c485304881",
    "4eece0f195d026db035ff987597c429d3ad3bcc2944df37d649528951b2a27c5",
    "",
    {{"d03c489139e645d0711a3c9e810d776b46a84912463fafa87b884eebf242dc34",
      "f9fa868ba97ab8a2686deccfaad5a484ee10a5bb85e3d1dce015a84797f92818d03c489139e645d0711a3c9e810d"
      "776b46a84912463fafa87b884eebf242dc34"},
     {"d8190a92f7dc0c93dbea9118ba8055751fb7c6590c416ffbd419964132b99a85",
      "8c4e6fdb7d09d501a86f7eca5c234522751706ed409182c05cdf5f827d4dae47b81c6c5f43b025692c24391eefee"
      "725c17d8cb0fbe3e4abb8aedf42c4fd2592d4ea48ac08989d6ae8b4adae08b2c34087c808c7aa55a63c02b0fab9e"
      "930612336bd43eaea04d3c670a0a146691aa9cc9d357872320dc735dbc48580cffb553db"},
     {"77891b19dcb92ef7c055b672c4a5aa7fdf1c84146b8b303459022729473ce254",
      "933ca6b5ed60df3df66121f0ab49a09e49efa45c613a86a3cecbf4c535cef2f83f72b42837b18e3572f2fdc2b74c"
      "331e2368a545cef54bdca081678ab0e9dd5348122459e0c034c851984d88ce610963d43cde6cfe73a67fbd5a63e8"
      "bfca96d0"},
     {"d7efdf988072881941db045a42882433817555128fbf5663e56081712ec7d212",
      "54ef0ff0629e1aaa7685a2806ab111cba76b52331f2642276736f415868eacb69ab2577f3bda0cbf72f879685f6e"
      "d25f"},
     {"dd7bf01a588bafb52c6cfba952e5d8fe35cc2b3f92b4730ae2474615157345ce",
      "356be70f110306d5c699bb834bb9d58d909e325924dfbec972e406e6f294dc63e1daebefe8a62a334facc8048ab4"
      "ad66"}}};

void check_vector(const Vector& vector) {
  NoiseXX initiator(true, secret_of(hex(vector.init_static)), secret_of(hex(vector.init_ephemeral)),
                    hex(vector.prologue));
  NoiseXX responder(false, secret_of(hex(vector.resp_static)),
                    secret_of(hex(vector.resp_ephemeral)), hex(vector.prologue));
  for (std::size_t i = 0; i < 3; ++i) {
    NoiseXX& writer = i % 2 == 0 ? initiator : responder;
    NoiseXX& reader = i % 2 == 0 ? responder : initiator;
    Bytes message;
    ASSERT_TRUE(writer.write(hex(vector.messages[i].first), message));
    EXPECT_EQ(to_hex(message), vector.messages[i].second);
    EXPECT_EQ(to_hex(reader.read(message).value()), vector.messages[i].first);
  }
  ASSERT_TRUE(initiator.finished() && responder.finished());
  EXPECT_EQ(initiator.handshake_hash(), responder.handshake_hash());
  if (!vector.hash.empty()) EXPECT_EQ(to_hex(initiator.handshake_hash()), vector.hash);
  EXPECT_EQ(initiator.remote_static(), responder.local_static());
  EXPECT_EQ(responder.remote_static(), initiator.local_static());

  const NoiseKeys near = initiator.split();
  const NoiseKeys far = responder.split();
  NoiseSealer sealers[] = {NoiseSealer(near.send), NoiseSealer(far.send)};
  NoiseOpener openers[] = {NoiseOpener(far.receive), NoiseOpener(near.receive)};
  for (std::size_t i = 3; i < vector.messages.size(); ++i) {
    // The fourth message is the responder's.
    const std::size_t side = i % 2 == 0 ? 0 : 1;
    ASSERT_TRUE(sealers[side].add(hex(vector.messages[i].first)));
    Bytes message = sealers[side].take().value();
    EXPECT_EQ(to_hex(ByteView(message).subspan(noise_length_bytes)), vector.messages[i].second);
    EXPECT_EQ(to_hex(openers[side].open(message).value()), vector.messages[i].first);
  }
}

TEST(NoiseXX, GivesCacophonysMessages) {
  check_vector(cacophony);
}
TEST(NoiseXX, GivesSnowsMessages) {
  check_vector(snow);
}

PrivateKey key_of(std::uint8_t seed) {
  std::array<std::uint8_t, 32> bytes{};
  bytes.fill(seed);
  return PrivateKey::from_ed25519_seed(bytes);
}

PeerId peer_of(const PrivateKey& key) {
  return PeerId::from_public_key(key.public_key());
}

NoiseConfig config_of(bool initiator, PrivateKey identity, std::uint64_t seed = 1) {
  NoiseConfig config{.initiator = initiator, .identity = std::move(identity)};
  Prng prng(seed * 2 + (initiator ? 1 : 0));
  prng.fill(config.static_key.mutable_bytes());
  prng.fill(config.ephemeral_key.mutable_bytes());
  return config;
}

/// Runs two handshakes against each other, `step` bytes at a time, and returns the first error.
std::optional<Error> shake(NoiseHandshake& a, NoiseHandshake& b, std::size_t step = SIZE_MAX) {
  Bytes to_a, to_b;
  while (!a.finished() || !b.finished()) {
    append(to_b, a.take_output());
    append(to_a, b.take_output());
    if (to_a.empty() && to_b.empty()) return Errc::end_of_stream;
    for (auto [bytes, machine] : {std::pair(&to_b, &b), std::pair(&to_a, &a)}) {
      const std::size_t part = std::min(step, bytes->size());
      auto taken = machine->feed(ByteView(*bytes).first(part));
      if (!taken) return taken.error();
      bytes->erase(bytes->begin(), bytes->begin() + static_cast<std::ptrdiff_t>(*taken));
    }
  }
  return std::nullopt;
}

TEST(NoiseHandshake, ProvesBothPeersWithEveryKindOfKey) {
  Prng prng(5);
  auto random = [&prng](MutableBytes out) { prng.fill(out); };
  for (auto type : {crypto::KeyType::ed25519, crypto::KeyType::secp256k1, crypto::KeyType::ecdsa,
                    crypto::KeyType::rsa}) {
    const PrivateKey near_key = PrivateKey::generate(type, random).value();
    const PrivateKey far_key = key_of(2);
    NoiseConfig near_config = config_of(true, near_key);
    near_config.expected_peer = peer_of(far_key);
    auto near = NoiseHandshake::start(std::move(near_config)).value();
    auto far = NoiseHandshake::start(config_of(false, far_key)).value();
    ASSERT_EQ(shake(near, far), std::nullopt);
    const NoiseOutcome at_near = near.take_outcome();
    const NoiseOutcome at_far = far.take_outcome();
    EXPECT_EQ(at_near.remote_peer, peer_of(far_key));
    EXPECT_EQ(at_far.remote_peer, peer_of(near_key));
    EXPECT_EQ(at_far.remote_key, near_key.public_key());
    EXPECT_TRUE(at_near.keys.send == at_far.keys.receive);
    EXPECT_TRUE(at_near.keys.receive == at_far.keys.send);
    EXPECT_EQ(at_near.muxer, "");
  }
}

TEST(NoiseHandshake, TakesASingleByteAtATime) {
  auto near = NoiseHandshake::start(config_of(true, key_of(1))).value();
  auto far = NoiseHandshake::start(config_of(false, key_of(2))).value();
  EXPECT_EQ(shake(near, far, 1), std::nullopt);
}

TEST(NoiseHandshake, LeavesWhatFollowsItsLastMessage) {
  auto near = NoiseHandshake::start(config_of(true, key_of(1))).value();
  auto far = NoiseHandshake::start(config_of(false, key_of(2))).value();
  ASSERT_TRUE(far.feed(near.take_output()));
  ASSERT_TRUE(near.feed(far.take_output()));
  Bytes last = near.take_output();
  const std::size_t whole = last.size();
  append(last, as_bytes("more"));
  EXPECT_EQ(far.feed(last).value(), whole);
  EXPECT_TRUE(far.finished());
}

struct MuxerCase {
  std::vector<std::string> near, far;
  std::optional<std::string> chosen;
};

TEST(NoiseHandshake, ChoosesTheFirstOfTheInitiatorsMuxersThatBothSpeak) {
  const MuxerCase cases[] = {
      // The specification's example.
      {{"/yamux/1.0.0", "/mplex/6.7.0"}, {"/mplex/6.7.0", "/yamux/1.0.0"}, "/yamux/1.0.0"},
      {{"/x", "/y"}, {"/y"}, "/y"},
      {{"/y"}, {}, ""},
      {{}, {"/y"}, ""},
      {{"/x"}, {"/y"}, std::nullopt},
  };
  for (const MuxerCase& each : cases) {
    NoiseConfig near_config = config_of(true, key_of(1));
    NoiseConfig far_config = config_of(false, key_of(2));
    near_config.muxers = each.near;
    far_config.muxers = each.far;
    auto near = NoiseHandshake::start(std::move(near_config)).value();
    auto far = NoiseHandshake::start(std::move(far_config)).value();
    auto error = shake(near, far);
    if (!each.chosen) {
      ASSERT_TRUE(error);
      EXPECT_TRUE(error->is(NoiseError::no_common_muxer));
      continue;
    }
    ASSERT_FALSE(error);
    EXPECT_EQ(near.take_outcome().muxer, *each.chosen);
    EXPECT_EQ(far.take_outcome().muxer, *each.chosen);
  }
}

TEST(NoiseHandshake, RefusesAnotherPeerThanItDialed) {
  NoiseConfig config = config_of(true, key_of(1));
  config.expected_peer = peer_of(key_of(3));
  auto near = NoiseHandshake::start(std::move(config)).value();
  auto far = NoiseHandshake::start(config_of(false, key_of(2))).value();
  auto error = shake(near, far);
  ASSERT_TRUE(error);
  EXPECT_TRUE(error->is(NoiseError::unexpected_peer));
}

/// A responder that says `payload`, whatever it is; what the initiator makes of it.
template <class MakePayload>
Error answer_with(MakePayload make_payload) {
  auto near = NoiseHandshake::start(config_of(true, key_of(1))).value();
  const NoiseConfig config = config_of(false, key_of(2));
  NoiseXX far(false, config.static_key, config.ephemeral_key);
  const Bytes first = near.take_output();
  EXPECT_TRUE(far.read(ByteView(first).subspan(noise_length_bytes)));
  Bytes message;
  EXPECT_TRUE(far.write(make_payload(far.local_static()), message));
  Bytes framed(noise_length_bytes);
  store_be(framed.data(), static_cast<std::uint16_t>(message.size()));
  append(framed, message);
  auto taken = near.feed(framed);
  return taken ? Error(Errc::busy) : taken.error();
}

Bytes field(std::uint8_t number, ByteView value) {
  Bytes out{static_cast<std::uint8_t>(number << 3 | 2)};
  append_varint(out, value.size());
  append(out, value);
  return out;
}

Bytes payload_of(ByteView key, ByteView signature) {
  Bytes payload = field(1, key);
  append(payload, field(2, signature));
  return payload;
}

Bytes signature_of(const PrivateKey& key, std::string_view prefix,
                   const crypto::X25519Public& static_key) {
  Bytes text = to_bytes(prefix);
  append(text, static_key);
  return key.sign(text).value();
}

constexpr std::string_view prefix = "noise-libp2p-static-key:";

TEST(NoiseHandshake, TellsEachFaultOfThePayload) {
  const PrivateKey key = key_of(2);
  const ByteView encoded = key.public_key().encoded();
  // The rule itself, so that the faults below are what makes the difference; unknown fields, and
  // those of another type, are skipped.
  EXPECT_TRUE(answer_with([&](const auto& key_share) {
                Bytes payload = payload_of(encoded, signature_of(key, prefix, key_share));
                append(payload, field(9, as_bytes("new")));
                payload.push_back(10 << 3);
                payload.push_back(1);
                append(payload, field(4, field(1, as_bytes("certhash"))));
                return payload;
              }).is(Errc::busy));

  EXPECT_TRUE(answer_with([&](const auto&) {
                return payload_of(encoded, signature_of(key, prefix, {}));
              }).is(NoiseError::bad_signature));
  EXPECT_TRUE(answer_with([&](const auto& key_share) {
                return payload_of(encoded, signature_of(key, "other:", key_share));
              }).is(NoiseError::bad_signature));
  EXPECT_TRUE(answer_with([&](const auto& key_share) {
                return payload_of(encoded, signature_of(key_of(3), prefix, key_share));
              }).is(NoiseError::bad_signature));
  EXPECT_TRUE(answer_with([&](const auto& key_share) {
                return payload_of(to_bytes("no key"), signature_of(key, prefix, key_share));
              }).is(NoiseError::bad_identity_key));
  EXPECT_TRUE(
      answer_with([&](const auto&) { return field(1, encoded); }).is(NoiseError::missing_identity));
  EXPECT_TRUE(answer_with([&](const auto&) { return Bytes{}; }).is(NoiseError::missing_identity));
  EXPECT_TRUE(answer_with([&](const auto& key_share) {
                Bytes payload = payload_of(encoded, signature_of(key, prefix, key_share));
                payload.pop_back();
                return payload;
              }).is(NoiseError::bad_payload));
  EXPECT_TRUE(answer_with([&](const auto& key_share) {
                Bytes payload = payload_of(encoded, signature_of(key, prefix, key_share));
                Bytes muxers;
                for (std::size_t i = 0; i <= noise_muxers_max; ++i)
                  append(muxers, field(2, as_bytes("/m")));
                append(payload, field(4, muxers));
                return payload;
              }).is(NoiseError::bad_payload));
}

TEST(NoiseHandshake, RefusesMessagesThatAreTooLongTooShortOrChanged) {
  auto far = [] { return NoiseHandshake::start(config_of(false, key_of(2))).value(); };
  auto near = NoiseHandshake::start(config_of(true, key_of(1))).value();
  auto long_one = far();
  EXPECT_TRUE(long_one.feed(hex("ffff")).error().is(NoiseError::message_too_long));
  auto short_one = far();
  EXPECT_TRUE(short_one
                  .feed(hex("001f00000000000000000000000000000000000000000000000000000000000000"
                            "00"))
                  .error()
                  .is(NoiseError::message_too_short));
  auto empty_one = far();
  EXPECT_TRUE(empty_one.feed(hex("0000")).error().is(NoiseError::message_too_short));
  // A key share of zeros gives a secret of zeros.
  auto zero_one = far();
  Bytes zeros(noise_length_bytes + 32);
  zeros[1] = 32;
  EXPECT_TRUE(zero_one.feed(zeros).error().is(NoiseError::bad_key_share));

  auto peer = far();
  ASSERT_TRUE(peer.feed(near.take_output()));
  const Bytes second = peer.take_output();
  for (std::size_t i = noise_length_bytes + 32; i < second.size(); ++i) {
    Bytes changed = second;
    changed[i] ^= 1;
    auto fresh = NoiseHandshake::start(config_of(true, key_of(1))).value();
    auto fed = fresh.feed(changed);
    ASSERT_FALSE(fed);
    EXPECT_TRUE(fed.error().is(NoiseError::decryption_failed));
  }
}

struct Channel {
  crypto::HkdfKey key;
  NoiseSealer sealer{key};
  NoiseOpener opener{key};
};

TEST(NoiseTransport, CutsLongDataIntoWholeMessages) {
  Channel channel;
  const Bytes data(200'000, 9);
  ASSERT_TRUE(channel.sealer.add(ByteView(data).first(10)));
  ASSERT_TRUE(channel.sealer.add(ByteView(data).subspan(10)));
  Bytes sealed = channel.sealer.take().value();
  EXPECT_EQ(sealed.size(), data.size() + 4 * (noise_length_bytes + crypto::aead_tag_bytes));
  Bytes got;
  for (MutableBytes rest = sealed; !rest.empty();) {
    const std::size_t whole = NoiseOpener::message_bytes(rest);
    append(got, channel.opener.open(rest.first(whole)).value());
    rest = rest.subspan(whole);
  }
  EXPECT_EQ(got, data);
  EXPECT_TRUE(channel.sealer.take().value().empty());
}

TEST(NoiseTransport, RefusesMessagesChangedRepeatedOrCut) {
  Channel channel;
  ASSERT_TRUE(channel.sealer.add(as_bytes("hello")));
  const Bytes sealed = channel.sealer.take().value();
  for (std::size_t i = noise_length_bytes; i < sealed.size(); ++i) {
    Bytes changed = sealed;
    changed[i] ^= 0x80;
    EXPECT_TRUE(NoiseOpener(channel.key).open(changed).error().is(NoiseError::decryption_failed));
  }
  Bytes once = sealed;
  Bytes again = sealed;
  EXPECT_TRUE(channel.opener.open(once));
  EXPECT_TRUE(channel.opener.open(again).error().is(NoiseError::decryption_failed));
  Bytes no_tag = hex("000f000000000000000000000000000000");
  EXPECT_TRUE(NoiseOpener(channel.key).open(no_tag).error().is(NoiseError::message_too_short));
}

TEST(NoiseTransport, EndsWhenItsNoncesDo) {
  Channel channel;
  NoiseTransportTest::set_nonce(channel.sealer, UINT64_MAX - 1);
  NoiseTransportTest::set_nonce(channel.opener, UINT64_MAX - 1);
  ASSERT_TRUE(channel.sealer.add(as_bytes("last")));
  Bytes last = channel.sealer.take().value();
  EXPECT_TRUE(channel.opener.open(last));
  ASSERT_TRUE(channel.sealer.add(as_bytes("one more")));
  EXPECT_TRUE(channel.sealer.take().error().is(NoiseError::nonces_exhausted));
  EXPECT_TRUE(channel.opener.open(last).error().is(NoiseError::nonces_exhausted));
}

// Sessions.

Task<void> shake_into(port::StreamPtr stream, NoiseConfig config,
                      Result<std::unique_ptr<NoiseStream>>& into, Instant deadline) {
  into = co_await noise_handshake(std::move(stream), std::move(config), Buffer(), deadline);
  co_return Result<void>{};
}

Task<void> send_pieces(port::Stream& stream, const Bytes& data, std::uint64_t seed) {
  Prng prng(seed);
  for (ByteView rest = data; !rest.empty();) {
    const ByteView part = rest.first(std::min<std::size_t>(rest.size(), prng.below(150'000) + 1));
    KITH_CO_CHECK(co_await stream.write(part));
    rest = rest.subspan(part.size());
  }
  co_return co_await stream.close_write();
}

TEST(NoiseStream, CarriesDataBothWaysWhateverTheStreamDoesToIt) {
  sim::run_seeds(1, 20, [](sim::World& world) -> Task<void> {
    sim::Node& one = world.add_node();
    sim::Node& two = world.add_node();
    auto [near_raw, far_raw] = world.connect(one, two);
    Result<std::unique_ptr<NoiseStream>> near = std::unexpected(Errc::busy);
    Result<std::unique_ptr<NoiseStream>> far = std::unexpected(Errc::busy);
    port::TaskGroup tasks(world.executor(), world.clock());
    tasks.spawn(shake_into(std::move(near_raw), config_of(true, key_of(1)), near, never));
    tasks.spawn(shake_into(std::move(far_raw), config_of(false, key_of(2)), far, never));
    KITH_CO_CHECK(co_await tasks.join_shielded());
    KITH_CO_REQUIRE(near && far);
    Bytes up(300'000);
    Bytes down(700'000);
    world.prng().fill(up);
    world.prng().fill(down);
    tasks.spawn(send_pieces(**near, up, world.seed()));
    tasks.spawn(send_pieces(**far, down, world.seed() + 1));
    KITH_CO_TRY(const Bytes got_down, co_await port::read_to_end(**near, 1'000'000));
    KITH_CO_TRY(const Bytes got_up, co_await port::read_to_end(**far, 1'000'000));
    EXPECT_TRUE(got_up == up);
    EXPECT_TRUE(got_down == down);
    EXPECT_EQ((*near)->wire_bytes_sent(), (*far)->wire_bytes_received());
    co_return co_await tasks.join_shielded();
  });
}

TEST(NoiseStream, GivesUpOnAPeerThatStallsInTheHandshake) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    sim::Node& one = world.add_node();
    sim::Node& two = world.add_node();
    auto [near, far] = world.connect(one, two);
    const Instant deadline = world.now() + 10s;
    NoiseConfig config = config_of(true, key_of(1));
    auto outcome = co_await noise_handshake(std::move(near), std::move(config), Buffer(), deadline);
    KITH_CO_REQUIRE(!outcome);
    EXPECT_TRUE(outcome.error().is(Errc::timed_out));
    EXPECT_EQ(world.now(), deadline);
    co_return Result<void>{};
  });
}

}  // namespace
}  // namespace kith::net
