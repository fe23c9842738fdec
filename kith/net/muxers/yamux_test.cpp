#include <map>

#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/net/muxers/yamux.hpp>

namespace kith::net {
namespace {

struct Collect final : YamuxSink {
  void put(ByteView bytes) override { append(out, bytes); }
  Bytes out;
};

constexpr Instant start = Instant(1000s);

Bytes frame(std::uint8_t type, std::uint16_t flags, std::uint32_t stream, std::uint32_t length,
            ByteView payload = {}) {
  Bytes out(yamux_header_bytes);
  out[1] = type;
  store_be(out.data() + 2, flags);
  store_be(out.data() + 4, stream);
  store_be(out.data() + 8, length);
  append(out, payload);
  return out;
}
Bytes data(std::uint16_t flags, std::uint32_t stream, ByteView payload) {
  return frame(0, flags, stream, static_cast<std::uint32_t>(payload.size()), payload);
}

enum : std::uint16_t { syn = 1, ack = 2, fin = 4, rst = 8 };

/// One side, and the small language of the tests.
struct Side {
  explicit Side(Yamux::Role role = Yamux::Role::server, YamuxLimits limits = {},
                Budget* memory = nullptr)
      : core(role, limits, memory, start) {
    sent();
  }

  Result<void> gets(Bytes bytes) { return core.receive(Buffer::adopt(std::move(bytes)), start); }
  /// What it has to send now.
  Bytes sent(std::size_t bytes_max = 1 << 20) {
    Collect sink;
    core.produce(bytes_max, start, sink);
    return std::move(sink.out);
  }
  YamuxStreamId accept() { return core.accept(&owner).value(); }
  YamuxStreamId open() { return core.open(&owner, start).value(); }
  std::string read(YamuxStreamId id) {
    Bytes out(1000);
    out.resize(core.read(id, out, start));
    return std::string(as_text(out));
  }

  Yamux core;
  int owner = 0;
};

bool is(const Result<void>& result, YamuxError error) {
  return !result && result.error().is(error);
}

TEST(Yamux, BeginsWithAPingToLearnTheRoundTrip) {
  Yamux core(Yamux::Role::client, {}, nullptr, start);
  Collect sink;
  core.produce(1000, start, sink);
  EXPECT_EQ(sink.out, frame(2, syn, 0, 1));
  EXPECT_EQ(core.round_trip(), 0s);
  ASSERT_TRUE(core.receive(Buffer::adopt(frame(2, ack, 0, 1)), start + 30ms));
  EXPECT_EQ(core.round_trip(), 30ms);
}

TEST(Yamux, EchoesPings) {
  Side side;
  ASSERT_TRUE(side.gets(frame(2, syn, 0, 77)));
  EXPECT_EQ(side.sent(), frame(2, ack, 0, 77));
}

TEST(Yamux, SendsSynWithTheFirstData) {
  Side client(Yamux::Role::client);
  const auto id = client.open();
  EXPECT_EQ(id, 1u);
  const ByteView pieces[] = {as_bytes("he"), as_bytes(""), as_bytes("llo")};
  ASSERT_TRUE(client.core.write(id, pieces));
  EXPECT_TRUE(client.core.writing(id));
  EXPECT_EQ(client.sent(), data(syn, 1, as_bytes("hello")));
  EXPECT_FALSE(client.core.writing(id));
  EXPECT_EQ(client.open(), 3u);
  EXPECT_EQ(client.sent(), frame(1, syn, 3, 0));
  EXPECT_EQ(Side(Yamux::Role::server).open(), 2u);
}

TEST(Yamux, AcknowledgesAStreamOnceItIsAccepted) {
  Side server;
  ASSERT_TRUE(server.gets(data(syn, 1, as_bytes("hi"))));
  EXPECT_TRUE(server.sent().empty());
  const auto id = server.accept();
  EXPECT_EQ(server.sent(), frame(1, ack, 1, 0));
  EXPECT_EQ(server.read(id), "hi");
}

TEST(Yamux, ClosesEachDirectionForItself) {
  Side server;
  ASSERT_TRUE(server.gets(data(syn | fin, 1, as_bytes("question"))));
  const auto id = server.accept();
  EXPECT_EQ(server.core.read_end(id), std::nullopt);
  EXPECT_EQ(server.read(id), "question");
  ASSERT_TRUE(server.core.read_end(id));
  EXPECT_TRUE(server.core.read_end(id)->has_value());
  const ByteView answer[] = {as_bytes("answer")};
  ASSERT_TRUE(server.core.write(id, answer));
  EXPECT_EQ(server.sent(), data(ack, 1, as_bytes("answer")));
  server.core.close_write(id);
  EXPECT_EQ(server.sent(), frame(1, fin, 1, 0));
  EXPECT_TRUE(server.core.write(id, answer).error().is(Errc::closed));
  server.core.release(id, start);
  EXPECT_EQ(server.core.streams_inbound(), 0u);
}

TEST(Yamux, TakesEmptyDataFramesWithAndWithoutFlags) {
  Side server;
  ASSERT_TRUE(server.gets(data(syn, 1, {})));
  const auto id = server.accept();
  ASSERT_TRUE(server.gets(data(0, 1, {})));
  EXPECT_EQ(server.core.read_end(id), std::nullopt);
  ASSERT_TRUE(server.gets(data(fin, 1, {})));
  EXPECT_TRUE(server.core.read_end(id).has_value());
}

TEST(Yamux, AResetEndsBothDirectionsAndDropsTheData) {
  Side server;
  ASSERT_TRUE(server.gets(data(syn, 1, as_bytes("hi"))));
  const auto id = server.accept();
  ASSERT_TRUE(server.gets(frame(1, rst, 1, 0)));
  EXPECT_TRUE(server.core.read_end(id)->error().is(Errc::reset));
  EXPECT_TRUE(server.core.write_error(id)->is(Errc::reset));
  auto touched = server.core.next_touched();
  ASSERT_TRUE(touched);
  EXPECT_TRUE(touched->readable && touched->writable);
  // And a reset after the peer's end leaves what it had sent.
  ASSERT_TRUE(server.gets(data(syn | fin, 3, as_bytes("whole"))));
  const auto other = server.accept();
  ASSERT_TRUE(server.gets(frame(1, rst, 3, 0)));
  EXPECT_EQ(server.read(other), "whole");
  EXPECT_TRUE(server.core.read_end(other)->has_value());
  EXPECT_TRUE(server.core.write_error(other)->is(Errc::reset));
}

TEST(Yamux, AResetOfOursTellsThePeerUnlessItKnowsNothingOfTheStream) {
  Side client(Yamux::Role::client);
  const auto unknown = client.open();
  client.core.reset(unknown);
  EXPECT_TRUE(client.sent().empty());
  const auto known = client.open();
  client.sent();
  client.core.reset(known);
  EXPECT_EQ(client.sent(), frame(1, rst, known, 0));
  // What was on its way is dropped.
  EXPECT_TRUE(client.gets(data(ack, known, as_bytes("late"))));
  EXPECT_EQ(client.core.buffered_bytes(known), 0u);
}

TEST(Yamux, ToleratesFramesOfStreamsThatAreNotThere) {
  Side server;
  EXPECT_TRUE(server.gets(data(0, 7, as_bytes("nobody"))));
  EXPECT_TRUE(server.gets(frame(1, ack, 8, 100)));
  EXPECT_TRUE(server.gets(frame(1, fin, 9, 0)));
  EXPECT_TRUE(server.gets(frame(1, rst, 9, 0)));
  EXPECT_TRUE(server.gets(frame(1, 0xfff0, 9, 0)));
  EXPECT_FALSE(server.core.wants_output());
  ASSERT_TRUE(server.gets(data(syn, 9, as_bytes("later"))));
  // Ids need not rise: go-yamux gives them out before it sends.
  ASSERT_TRUE(server.gets(data(syn, 5, as_bytes("earlier"))));
  EXPECT_EQ(server.accept(), 9u);
  EXPECT_EQ(server.accept(), 5u);
}

TEST(Yamux, EndsTheConnectionOfAPeerThatBreaksTheProtocol) {
  const Bytes go_away = frame(3, 0, 0, 1);
  auto check = [&](Bytes bytes, YamuxError error) {
    Side server;
    ASSERT_TRUE(is(server.gets(std::move(bytes)), error));
    EXPECT_EQ(server.sent(), go_away);
    EXPECT_FALSE(server.core.wants_output());
    EXPECT_TRUE(server.gets(frame(2, syn, 0, 1)).error().is(Errc::closed));
  };
  Bytes version = frame(2, syn, 0, 1);
  version[0] = 1;
  check(version, YamuxError::bad_version);
  check(frame(4, 0, 0, 0), YamuxError::bad_type);
  check(frame(1, syn, 2, 0), YamuxError::bad_stream_id);
  check(frame(1, syn, 0, 0), YamuxError::bad_stream_id);
  Bytes twice = frame(1, syn, 1, 0);
  append(twice, frame(1, syn, 1, 0));
  check(twice, YamuxError::duplicate_stream);
  // Told from the header alone, before any of the data is there.
  check(frame(0, syn, 1, yamux_window_bytes_initial + 1), YamuxError::window_overrun);
}

TEST(Yamux, CountsWhatIsUnreadInTheWindow) {
  Side server;
  const Bytes half(yamux_window_bytes_initial / 2, 1);
  ASSERT_TRUE(server.gets(data(syn, 1, half)));
  ASSERT_TRUE(server.gets(data(0, 1, half)));
  const auto id = server.accept();
  server.sent();
  EXPECT_EQ(server.core.buffered_bytes(id), yamux_window_bytes_initial);
  Bytes into(half.size() - 1);
  EXPECT_EQ(server.core.read(id, into, start), into.size());
  EXPECT_TRUE(server.sent().empty());
  Bytes one(1);
  EXPECT_EQ(server.core.read(id, one, start), 1u);
  EXPECT_EQ(server.sent(), frame(1, 0, 1, yamux_window_bytes_initial / 2));
  EXPECT_TRUE(is(server.gets(frame(0, 0, 1, yamux_window_bytes_initial / 2 + 1)),
                 YamuxError::window_overrun));
}

TEST(Yamux, StopsSendingAtTheEndOfThePeersWindow) {
  Side client(Yamux::Role::client);
  const auto id = client.open();
  const Bytes much(yamux_window_bytes_initial + 1000, 1);
  const ByteView pieces[] = {much};
  ASSERT_TRUE(client.core.write(id, pieces));
  const Bytes sent = client.sent();
  const std::size_t frames = (yamux_window_bytes_initial + yamux_frame_payload_bytes_max - 1) /
                             yamux_frame_payload_bytes_max;
  EXPECT_EQ(sent.size(), yamux_window_bytes_initial + frames * yamux_header_bytes);
  EXPECT_TRUE(client.core.writing(id));
  EXPECT_FALSE(client.core.wants_output());
  ASSERT_TRUE(client.gets(frame(1, ack, id, 600)));
  EXPECT_EQ(client.sent(), data(0, id, Bytes(600, 1)));
  ASSERT_TRUE(client.gets(frame(1, 0, id, UINT32_MAX)));
  ASSERT_TRUE(client.gets(frame(1, 0, id, UINT32_MAX)));
  EXPECT_EQ(client.sent(), data(0, id, Bytes(400, 1)));
  EXPECT_FALSE(client.core.writing(id));
}

TEST(Yamux, SharesTheConnectionBetweenStreams) {
  Side client(Yamux::Role::client);
  const Bytes much(200'000, 1);
  const ByteView pieces[] = {much};
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(client.core.write(client.open(), pieces));
  const Bytes sent = client.sent(3 * (yamux_frame_payload_bytes_max + yamux_header_bytes));
  for (std::uint32_t i = 0; i < 3; ++i) {
    const std::size_t at = i * (yamux_frame_payload_bytes_max + yamux_header_bytes);
    EXPECT_EQ(load_be<std::uint32_t>(sent.data() + at + 4), 2 * i + 1);
    EXPECT_EQ(load_be<std::uint32_t>(sent.data() + at + 8), yamux_frame_payload_bytes_max);
  }
}

/// Reads `windows` whole windows, each `between` after the one before.
void use_up_windows(Side& server, YamuxStreamId id, int windows, Duration between) {
  Instant now = start;
  for (int i = 0; i < windows; ++i) {
    now += between;
    for (std::uint64_t left = server.core.receive_window(id) / 2 + 1; left != 0;) {
      const Bytes part(std::min<std::uint64_t>(left, 60'000), 1);
      if (!server.core.receive(Buffer::adopt(data(0, id, part)), now)) return;
      Bytes into(part.size());
      left -= server.core.read(id, into, now);
    }
    server.sent();
  }
}

TEST(Yamux, GrowsAWindowThatIsUsedUpWithinFourRoundTrips) {
  Side server;
  ASSERT_TRUE(server.core.receive(Buffer::adopt(frame(2, ack, 0, 1)), start + 10ms));
  ASSERT_TRUE(server.gets(frame(1, syn, 1, 0)));
  const auto id = server.accept();
  use_up_windows(server, id, 3, 50ms);
  EXPECT_EQ(server.core.receive_window(id), yamux_window_bytes_initial);
  use_up_windows(server, id, 3, 1ms);
  EXPECT_GT(server.core.receive_window(id), yamux_window_bytes_initial);
  use_up_windows(server, id, 20, 1ms);
  EXPECT_EQ(server.core.receive_window(id), YamuxLimits{}.window_bytes_max);
}

TEST(Yamux, GrowsWindowsOnlyAsFarAsMemoryAllows) {
  Budget memory(8 << 20);
  YamuxLimits limits;
  limits.memory_bytes_max = 6 << 20;
  {
    Side server(Yamux::Role::server, limits, &memory);
    ASSERT_TRUE(server.core.receive(Buffer::adopt(frame(2, ack, 0, 1)), start + 10ms));
    for (std::uint32_t id : {1, 3, 5}) {
      ASSERT_TRUE(server.gets(frame(1, syn, id, 0)));
      server.accept();
      use_up_windows(server, id, 20, 1ms);
      EXPECT_LE(memory.used(), limits.memory_bytes_max);
    }
    EXPECT_EQ(server.core.receive_window(1), 4u << 20);
    EXPECT_EQ(server.core.receive_window(3), 2u << 20);
    EXPECT_EQ(memory.used(), server.core.memory_bytes());
    server.core.release(1, start);
    EXPECT_LT(memory.used(), 3u << 20);
  }
  EXPECT_EQ(memory.used(), 0u);
}

TEST(Yamux, CountsAStreamInASecondBudgetUntilItIsGone) {
  Budget all(1 << 20);
  Budget of_protocol(10'000);
  {
    Side server(Yamux::Role::server, {}, &all);
    ASSERT_TRUE(server.gets(data(syn, 1, Bytes(1000))));
    ASSERT_TRUE(server.gets(data(syn, 3, Bytes(1000))));
    const auto id = server.accept();
    const auto other = server.accept();
    EXPECT_TRUE(server.core.charge_to(id, of_protocol));
    EXPECT_GE(of_protocol.used(), 1000u);
    EXPECT_LT(of_protocol.used(), 2000u);
    EXPECT_LT(of_protocol.used(), all.used());
    ASSERT_TRUE(server.gets(data(0, 1, Bytes(8000))));
    EXPECT_GE(of_protocol.used(), 9000u);
    // What finds no room in either resets the stream, and gives back what it had.
    ASSERT_TRUE(server.gets(data(0, 1, Bytes(5000))));
    auto end = server.core.read_end(id);
    ASSERT_TRUE(end.has_value());
    EXPECT_TRUE(!*end && end->error().is(Errc::limit_exceeded));
    server.core.release(id, start);
    EXPECT_EQ(of_protocol.used(), 0u);
    // The other one, of no budget but the connection's, goes on.
    ASSERT_TRUE(server.gets(data(0, 3, Bytes(50'000))));
    EXPECT_EQ(server.core.buffered_bytes(other), 51'000u);
    EXPECT_FALSE(server.core.charge_to(other, of_protocol));
    EXPECT_EQ(of_protocol.used(), 0u);
  }
  EXPECT_EQ(all.used(), 0u);
}

TEST(Yamux, GivesNoStreamMoreMemoryThanItsLimit) {
  YamuxLimits limits;
  limits.stream_memory_bytes_max = 5000;
  Side server(Yamux::Role::server, limits);
  ASSERT_TRUE(server.gets(data(syn, 1, Bytes(4000))));
  ASSERT_TRUE(server.gets(data(syn, 3, Bytes(4000))));
  const auto id = server.accept();
  const auto other = server.accept();
  ASSERT_TRUE(server.gets(data(0, 1, Bytes(1000))));
  EXPECT_TRUE(server.core.read_end(id).has_value());
  EXPECT_FALSE(server.core.read_end(other).has_value());
  EXPECT_EQ(server.core.buffered_bytes(other), 4000u);
}

TEST(Yamux, ResetsAStreamWhoseDataFindsNoMemory) {
  Budget memory(100'000);
  Side server(Yamux::Role::server, {}, &memory);
  const Bytes part(60'000, 1);
  ASSERT_TRUE(server.gets(data(syn, 1, part)));
  ASSERT_TRUE(server.gets(data(syn, 3, part)));
  const auto first = server.accept();
  const auto second = server.accept();
  EXPECT_EQ(server.core.buffered_bytes(first), part.size());
  EXPECT_TRUE(server.core.read_end(second)->error().is(Errc::limit_exceeded));
  Bytes expected = frame(1, rst, 3, 0);
  append(expected, frame(1, ack, 1, 0));
  EXPECT_EQ(server.sent(), expected);
}

TEST(Yamux, RefusesStreamsBeyondItsLimits) {
  YamuxLimits limits;
  limits.streams_inbound_max = 300;
  Side server(Yamux::Role::server, limits);
  std::uint32_t id = 1;
  for (std::size_t i = 0; i < yamux_accept_backlog_max; ++i, id += 2)
    ASSERT_TRUE(server.gets(frame(1, syn, id, 0)));
  EXPECT_TRUE(server.sent().empty());
  ASSERT_TRUE(server.gets(frame(1, syn, id, 0)));
  EXPECT_EQ(server.sent(), frame(1, rst, id, 0));
  while (server.core.can_accept())
    server.accept();
  server.sent();
  for (id += 2; server.core.streams_inbound() < 300; id += 2)
    ASSERT_TRUE(server.gets(frame(1, syn, id, 0)));
  ASSERT_TRUE(server.gets(frame(1, syn, id, 0)));
  EXPECT_EQ(server.sent(), frame(1, rst, id, 0));
}

TEST(Yamux, EndsTheConnectionOfAPeerThatOnlyOpensAndResetsStreams) {
  Side server;
  Result<void> fed{};
  std::uint32_t id = 1;
  // Refused ones, whose resets nobody reads.
  for (; fed && id < 100'000; id += 2)
    fed = server.gets(frame(1, syn, id, 0));
  EXPECT_TRUE(is(fed, YamuxError::flooded));
  EXPECT_LE(id, 2 * (yamux_resets_queued_max + yamux_accept_backlog_max) + 3);

  // Opened and reset at once: nothing is left of them.
  Side other;
  for (id = 1; id < 20'000; id += 2) {
    Bytes both = frame(1, syn, id, 0);
    append(both, frame(1, rst, id, 0));
    ASSERT_TRUE(other.gets(both));
  }
  EXPECT_EQ(other.core.streams_inbound(), 0u);
  EXPECT_FALSE(other.core.can_accept());
  EXPECT_EQ(other.core.memory_bytes(), 0u);
}

TEST(Yamux, OpensNoMoreStreamsThanThePeerAcknowledges) {
  Side client(Yamux::Role::client);
  for (std::size_t i = 0; i < yamux_ack_backlog_max; ++i)
    client.open();
  EXPECT_FALSE(client.core.can_open());
  EXPECT_TRUE(client.core.open(&client.owner, start).error().is(Errc::limit_exceeded));
  ASSERT_TRUE(client.gets(frame(1, ack, 1, 0)));
  EXPECT_TRUE(client.core.can_open());
  EXPECT_EQ(client.open(), 2 * yamux_ack_backlog_max + 1);
  client.core.reset(3);
  EXPECT_TRUE(client.core.can_open());
}

TEST(Yamux, SaysGoodbyeAfterEverythingElse) {
  Side client(Yamux::Role::client);
  const auto id = client.open();
  const ByteView pieces[] = {as_bytes("last words")};
  ASSERT_TRUE(client.core.write(id, pieces));
  client.core.go_away(YamuxGoAway::normal);
  Bytes expected = data(syn, id, as_bytes("last words"));
  append(expected, frame(3, 0, 0, 0));
  EXPECT_EQ(client.sent(), expected);
  EXPECT_TRUE(client.core.open(&client.owner, start).error().is(Errc::closed));
  ASSERT_TRUE(client.gets(frame(1, syn, 2, 0)));
  EXPECT_EQ(client.sent(), frame(1, rst, 2, 0));
}

TEST(Yamux, HearsThePeersGoodbye) {
  Side client(Yamux::Role::client);
  const auto id = client.open();
  ASSERT_TRUE(client.gets(frame(3, 0, 0, 0)));
  EXPECT_TRUE(client.core.remote_going_away());
  EXPECT_TRUE(client.core.open(&client.owner, start).error().is(Errc::closed));
  EXPECT_EQ(client.core.write_error(id), std::nullopt);
  EXPECT_TRUE(is(Side().gets(frame(3, 0, 0, 1)), YamuxError::remote_protocol_error));
  EXPECT_TRUE(is(Side().gets(frame(3, 0, 0, 2)), YamuxError::remote_internal_error));
  EXPECT_TRUE(is(Side().gets(frame(3, 0, 0, 9)), YamuxError::remote_internal_error));
}

TEST(Yamux, FindsOutThatThePeerIsDead) {
  Side side;  // its first ping is out
  EXPECT_EQ(side.core.deadline(), start + yamux_ping_timeout);
  // Anything that comes is a sign of life.
  ASSERT_TRUE(side.core.receive(Buffer::adopt(frame(1, 0, 99, 0)), start + 20s));
  EXPECT_EQ(side.core.deadline(), start + 20s + yamux_ping_timeout);
  EXPECT_TRUE(side.core.on_deadline(start + yamux_ping_timeout));
  EXPECT_TRUE(is(side.core.on_deadline(side.core.deadline()), YamuxError::keep_alive_timeout));
  EXPECT_FALSE(side.core.wants_output());
}

TEST(Yamux, PingsASilentPeerAgain) {
  Side side;
  ASSERT_TRUE(side.gets(frame(2, ack, 0, 1)));
  EXPECT_EQ(side.core.deadline(), start + yamux_ping_interval);
  EXPECT_TRUE(side.core.on_deadline(start + yamux_ping_interval));
  EXPECT_EQ(side.sent(), frame(2, syn, 0, 2));
}

TEST(Yamux, AnOwnerThatClosedItsSideLeavesWithoutAReset) {
  Side client(Yamux::Role::client);
  const auto id = client.open();
  client.core.close_write(id);
  EXPECT_EQ(client.sent(), frame(1, syn | fin, id, 0));
  client.core.release(id, start);
  EXPECT_TRUE(client.sent().empty());
  ASSERT_TRUE(client.gets(data(ack, id, as_bytes("unwanted"))));
  EXPECT_TRUE(client.sent().empty());
  EXPECT_EQ(client.core.streams_outbound(), 1u);
  ASSERT_TRUE(client.gets(frame(1, fin, id, 0)));
  EXPECT_EQ(client.core.streams_outbound(), 0u);
  EXPECT_EQ(client.core.memory_bytes(), 0u);
}

/// A write of which the peer's window let only the first part go.
YamuxStreamId half_written(Side& client, const Bytes& message) {
  const auto id = client.open();
  const ByteView pieces[] = {message};
  EXPECT_TRUE(client.core.write(id, pieces));
  client.sent();
  EXPECT_TRUE(client.core.writing(id));
  return id;
}

TEST(Yamux, AMessageThatWasCutNeverLooksComplete) {
  const Bytes message(yamux_window_bytes_initial + 1000, 1);
  Side client(Yamux::Role::client);
  const auto id = half_written(client, message);
  client.core.cancel_write(id);
  const ByteView more[] = {as_bytes("more")};
  auto written = client.core.write(id, more);
  EXPECT_TRUE(!written && written.error().is(Errc::reset));
  client.core.close_write(id);
  EXPECT_EQ(client.sent(), frame(1, rst, id, 0));
  // The end that was asked for while the write went on doesn't come after half of it either.
  Side other(Yamux::Role::client);
  const auto second = half_written(other, message);
  other.core.close_write(second);
  other.core.cancel_write(second);
  EXPECT_EQ(other.sent(), frame(1, rst, second, 0));
}

TEST(Yamux, AStreamWhoseWriteWasGivenUpCanStillBeRead) {
  const Bytes message(yamux_window_bytes_initial + 1000, 1);
  Side client(Yamux::Role::client);
  const auto id = half_written(client, message);
  client.core.cancel_write(id);
  ASSERT_TRUE(client.gets(data(ack, id, as_bytes("wait"))));
  EXPECT_EQ(client.read(id), "wait");
  client.core.release(id, start);
  EXPECT_EQ(client.sent(), frame(1, rst, id, 0));
}

TEST(Yamux, AStreamThatLingersIsResetWhenTooMuchComesOrItTakesTooLong) {
  Side client(Yamux::Role::client);
  for (int i = 0; i < 2; ++i)
    client.core.close_write(client.open());
  client.sent();
  client.core.release(1, start);
  client.core.release(3, start + 1s);
  ASSERT_TRUE(client.gets(data(ack, 1, Bytes(yamux_linger_bytes_max, 0))));
  EXPECT_TRUE(client.sent().empty());
  ASSERT_TRUE(client.gets(data(0, 1, Bytes(1, 0))));
  EXPECT_EQ(client.sent(), frame(1, rst, 1, 0));
  ASSERT_TRUE(client.gets(frame(2, ack, 0, 1)));
  ASSERT_TRUE(client.core.on_deadline(start + 1s + yamux_linger_time));
  EXPECT_EQ(client.core.streams_outbound(), 0u);
  Collect sink;
  client.core.produce(1000, start, sink);
  EXPECT_EQ(Bytes(sink.out.end() - 12, sink.out.end()), frame(1, rst, 3, 0));
}

TEST(YamuxQueue, HoldsLittleMoreThanWhatIsSentInSmallPieces) {
  YamuxQueue queue;
  const Buffer slab = Buffer::allocate(64 * 1024);
  for (std::size_t i = 0; i < 50'000; ++i)
    queue.append(slab.slice(i, 1));
  EXPECT_EQ(queue.size(), 50'000u);
  EXPECT_LT(queue.memory_bytes(), 60'000u);
}

TEST(YamuxQueue, GivesBackWhatWasPutIn) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Prng prng(seed);
    YamuxQueue queue;
    Bytes in, out;
    for (int step = 0; step < 300; ++step) {
      if (prng.chance(0.5)) {
        Buffer piece = Buffer::allocate(prng.below(prng.chance(0.2) ? 20'000 : 50) + 1);
        prng.fill(piece.mutable_bytes());
        piece = piece.slice(0, prng.below(piece.size()) + 1);
        append(in, piece);
        queue.append(std::move(piece));
      } else if (prng.chance(0.5)) {
        append(out, queue.pop(prng.below(5000) + 1));
      } else {
        Bytes part(prng.below(5000));
        part.resize(queue.read(part));
        append(out, part);
      }
      ASSERT_EQ(queue.size(), in.size() - out.size());
    }
    while (!queue.empty())
      append(out, queue.pop(SIZE_MAX));
    ASSERT_EQ(in, out) << seed;
  }
}

// Two cores over a wire that cuts as it likes, against a model that is two strings a stream.

struct Model {
  std::uint8_t at(std::uint32_t id, bool from_client, std::uint64_t offset) const {
    return static_cast<std::uint8_t>(offset * 31 + id * 7 + (offset >> 8) +
                                     (from_client ? 128 : 0));
  }
};

struct App {
  bool from_client = false;
  Bytes pending;
  std::array<ByteView, 2> pieces;
  std::uint64_t taken = 0;    ///< bytes of ours that the core has sent
  std::uint64_t offered = 0;  ///< and those that it was given
  std::uint64_t read = 0;
  bool closed = false;
  bool peer_ended = false;
  bool dead = false;  ///< reset by either side
};

class Simulation {
 public:
  explicit Simulation(std::uint64_t seed)
      : prng_(seed),
        sides_{Yamux(Yamux::Role::client, limits(), nullptr, start),
               Yamux(Yamux::Role::server, limits(), nullptr, start)} {}

  void run(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) {
      now_ += Duration(prng_.below(3'000'000));
      step(prng_.below(2));
    }
    settle();
  }

 private:
  static YamuxLimits limits() {
    YamuxLimits limits;
    limits.window_bytes_max = 1 << 20;
    return limits;
  }

  void step(std::size_t side) {
    Yamux& core = sides_[side];
    switch (prng_.below(12)) {
      case 0:
        if (apps_[side].size() < 20 && core.can_open()) {
          const auto id = core.open(this, now_).value();
          apps_[side][id].from_client = side == 0;
        }
        return;
      case 1:
        if (auto id = core.accept(this)) apps_[side][*id].from_client = side == 0;
        return;
      case 2:
      case 3:
      case 4:
        transfer(side, prng_.chance(0.3) ? prng_.below(100) + 12 : prng_.below(300'000) + 12);
        return;
      default:
        break;
    }
    if (apps_[side].empty()) return;
    auto chosen = std::next(apps_[side].begin(),
                            static_cast<std::ptrdiff_t>(prng_.below(apps_[side].size())));
    act(core, chosen->first, chosen->second);
  }

  void act(Yamux& core, YamuxStreamId id, App& app) {
    switch (prng_.below(12)) {
      default:
        return read(core, id, app, prng_.below(100'000) + 1);
      case 0:
      case 1:
      case 2:
      case 3:
        return write(core, id, app);
      case 4:
        // Also while a write goes on: the end comes after it.
        core.close_write(id);
        app.closed = true;
        return;
      case 5:
        if (prng_.chance(0.1)) {
          core.reset(id);
          app.dead = true;
        }
        return;
      case 6:
        // A write that its owner gives up breaks the stream for good.
        if (prng_.chance(0.1) && core.writing(id)) {
          core.cancel_write(id);
          if (prng_.chance(0.5)) {
            core.reset(id);
          } else {
            core.close_write(id);
          }
          app.dead = true;
        }
        return;
    }
  }

  void write(Yamux& core, YamuxStreamId id, App& app) {
    if (core.writing(id)) return;
    if (core.write_error(id)) {
      app.dead |= !app.closed;
      return;
    }
    app.pending.resize(prng_.below(prng_.chance(0.1) ? 600'000 : 2000));
    for (std::uint8_t& byte : app.pending)
      byte = model_.at(id, app.from_client, app.offered++);
    const std::size_t cut = prng_.below(app.pending.size() + 1);
    app.pieces = {ByteView(app.pending).first(cut), ByteView(app.pending).subspan(cut)};
    ASSERT_TRUE(core.write(id, app.pieces));
  }

  void read(Yamux& core, YamuxStreamId id, App& app, std::size_t size) {
    ASSERT_LE(core.buffered_bytes(id), core.receive_window(id));
    if (prng_.chance(0.5)) {
      const Buffer part = core.read_buffer(id, size, now_);
      check(id, app, part);
    } else {
      Bytes into(size);
      const std::size_t got = core.read(id, into, now_);
      check(id, app, ByteView(into).first(got));
    }
    if (auto end = core.read_end(id)) {
      if (*end) app.peer_ended = true;
      if (!*end) app.dead = true;
    }
  }

  void check(YamuxStreamId id, App& app, ByteView got) {
    const bool as_sent = std::ranges::all_of(got, [&](std::uint8_t byte) {
      return byte == model_.at(id, !app.from_client, app.read++);
    });
    ASSERT_TRUE(as_sent) << "stream " << id << " before byte " << app.read;
  }

  void transfer(std::size_t from, std::size_t bytes_max) {
    Collect sink;
    sides_[from].produce(bytes_max, now_, sink);
    ASSERT_LE(sink.out.size(), bytes_max);
    append(wire_[from], sink.out);
    const std::size_t part = prng_.below(wire_[from].size() + 1);
    Yamux& to = sides_[1 - from];
    for (ByteView rest = ByteView(wire_[from]).first(part); !rest.empty();) {
      const std::size_t cut = prng_.chance(0.1) ? 1 : prng_.below(rest.size()) + 1;
      ASSERT_TRUE(to.receive(Buffer::copy_of(rest.first(cut)), now_));
      rest = rest.subspan(cut);
    }
    wire_[from].erase(wire_[from].begin(), wire_[from].begin() + static_cast<std::ptrdiff_t>(part));
  }

  /// Everything moves until nothing does; then the model says what must have come.
  void settle() {
    for (int round = 0; round < 120 && !testing::Test::HasFailure(); ++round) {
      now_ += 1ms;
      for (std::size_t side : {0, 1}) {
        while (auto id = sides_[side].accept(this))
          apps_[side][*id].from_client = side == 0;
        transfer(side, 1 << 20);
        for (auto& [id, app] : apps_[side])
          read(sides_[side], id, app, 1 << 20);
      }
    }
    for (auto& [id, near] : apps_[0]) {
      ASSERT_TRUE(apps_[1].contains(id) || near.dead) << id;
      if (!apps_[1].contains(id)) continue;
      App& far = apps_[1][id];
      if (near.dead || far.dead) continue;
      EXPECT_EQ(near.offered, far.read) << id;
      EXPECT_EQ(far.offered, near.read) << id;
      EXPECT_EQ(near.closed, far.peer_ended) << id;
      EXPECT_EQ(far.closed, near.peer_ended) << id;
    }
    for (std::size_t side : {0, 1}) {
      while (sides_[side].next_touched()) {
      }
      for (auto& [id, app] : apps_[side])
        sides_[side].release(id, now_);
    }
    for (int round = 0; round < 50; ++round) {
      for (std::size_t side : {0, 1}) {
        transfer(side, 1 << 20);
        while (auto id = sides_[side].accept(this))
          sides_[side].release(*id, now_);
      }
    }
    for (Yamux& side : sides_) {
      EXPECT_EQ(side.streams_inbound(), 0u);
      EXPECT_EQ(side.streams_outbound(), 0u);
      EXPECT_EQ(side.memory_bytes(), 0u);
      EXPECT_TRUE(side.can_open());
    }
  }

  Prng prng_;
  Instant now_ = start;
  Model model_;
  std::array<Yamux, 2> sides_;
  std::array<Bytes, 2> wire_;
  std::array<std::map<YamuxStreamId, App>, 2> apps_;
};

TEST(Yamux, DoesWhatTwoStringsAStreamWouldDo) {
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    SCOPED_TRACE(seed);
    Simulation(seed).run(1000);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace kith::net
