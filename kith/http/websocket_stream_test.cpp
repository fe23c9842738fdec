#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/http/error.hpp>
#include <kith/http/websocket_stream.hpp>
#include <kith/port/task_group.hpp>
#include <kith/sim/testing.hpp>

namespace kith::http {
namespace {

using sim::World;
using WebSocketPtr = std::unique_ptr<WebSocketStream>;

constexpr std::string_view sample_request =
    "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
constexpr WebSocketMask mask = {1, 2, 3, 4};

Task<void> accept_into(port::Env& env, port::StreamPtr stream, WebSocketDoor door, Instant deadline,
                       Result<WebSocketPtr>& into) {
  Buffer nothing;
  into = co_await websocket_accept(env, std::move(stream), std::move(nothing), std::move(door),
                                   deadline);
  co_return Result<void>{};
}

/// Two ends of a WebSocket, or a server's end and a peer that writes its bytes by hand.
struct Pair {
  explicit Pair(World& in)
      : world(in),
        near_node(in.add_node()),
        far_node(in.add_node()),
        tasks(in.executor(), in.clock()) {}

  Task<void> open(WebSocketDoor door = {}) {
    auto [near_stream, far_stream] = world.connect(near_node, far_node);
    port::StreamPtr client_stream = std::move(near_stream);
    tasks.spawn(
        accept_into(far_node.env(), std::move(far_stream), std::move(door), soon(), server));
    std::string host = "example.org";
    std::string target = "/";
    client = co_await websocket_connect(near_node.env(), std::move(client_stream), std::move(host),
                                        std::move(target), soon());
    KITH_CO_CHECK(co_await tasks.join_shielded());
    co_return Result<void>{};
  }

  /// The server's end alone is real; `hand` is what stands in for a client.
  Task<void> open_by_hand() {
    auto [near_stream, far_stream] = world.connect(near_node, far_node);
    hand = std::move(near_stream);
    tasks.spawn(accept_into(far_node.env(), std::move(far_stream), {}, soon(), server));
    KITH_CO_CHECK(co_await hand->write(as_bytes(sample_request)));
    Bytes answer(129);
    MutableBytes into = answer;
    KITH_CO_CHECK(co_await port::read_exactly(*hand, into, soon()));
    EXPECT_TRUE(as_text(answer).ends_with("\r\n\r\n"));
    KITH_CO_CHECK(co_await tasks.join_shielded());
    if (!server) co_return std::unexpected(server.error());
    co_return Result<void>{};
  }

  /// Sends a client's frame.
  Task<void> sends(WebSocketOpcode opcode, std::string payload, bool last = true) {
    const WebSocketFrameHead head(opcode, payload.size(), mask, last);
    Bytes frame = to_bytes(head.bytes());
    append(frame, as_bytes(payload));
    websocket_mask(MutableBytes(frame).subspan(head.bytes().size()), mask);
    co_return co_await hand->write(frame);
  }
  Task<std::string> receives(std::size_t size) {
    Bytes bytes(size);
    MutableBytes into = bytes;
    KITH_CO_CHECK(co_await port::read_exactly(*hand, into, soon()));
    co_return to_hex(bytes);
  }

  Instant soon() const { return world.now() + 20s; }

  World& world;
  sim::Node& near_node;
  sim::Node& far_node;
  port::TaskGroup tasks;
  Result<WebSocketPtr> client = std::unexpected(Errc::busy);
  Result<WebSocketPtr> server = std::unexpected(Errc::busy);
  port::StreamPtr hand;
};

Task<void> write_into(port::Stream& stream, ByteView bytes, Result<void>& into) {
  into = co_await stream.write(bytes);
  co_return Result<void>{};
}

/// Sends bytes both ways at once and expects that they come.
Task<void> exchange(Pair& pair, std::size_t size) {
  Bytes sent(size);
  pair.world.prng().fill(sent);
  Result<void> written[2];
  pair.tasks.spawn(write_into(**pair.client, sent, written[0]));
  pair.tasks.spawn(write_into(**pair.server, sent, written[1]));
  for (port::Stream* end : {static_cast<port::Stream*>(pair.client->get()),
                            static_cast<port::Stream*>(pair.server->get())}) {
    Bytes got;
    while (got.size() < size) {
      KITH_CO_TRY(const Buffer part, co_await end->read_buffer(100'000));
      KITH_CO_REQUIRE(!part.empty());
      append(got, part);
    }
    EXPECT_EQ(got, sent);
  }
  KITH_CO_CHECK(co_await pair.tasks.join_shielded());
  EXPECT_TRUE(written[0].has_value() && written[1].has_value());
  co_return Result<void>{};
}

Task<void> carries_bytes(World& world) {
  Pair pair(world);
  KITH_CO_CHECK(co_await pair.open());
  if (!pair.client) co_return std::unexpected(pair.client.error());
  if (!pair.server) co_return std::unexpected(pair.server.error());
  for (std::size_t size : {1UL, 125UL, 126UL, 65'536UL, 1'000'000UL})
    KITH_CO_CHECK(co_await exchange(pair, size));
  co_return Result<void>{};
}

TEST(WebSocketStream, CarriesBytesBothWaysAtOnce) {
  sim::run_seeds(1, 5, carries_bytes);
}

TEST(WebSocketStream, ReadsIntoRoomOfAnySize) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Pair pair(world);
    KITH_CO_CHECK(co_await pair.open_by_hand());
    KITH_CO_CHECK(co_await pair.sends(WebSocketOpcode::binary, "one ", false));
    KITH_CO_CHECK(co_await pair.sends(WebSocketOpcode::ping, ""));
    KITH_CO_CHECK(co_await pair.sends(WebSocketOpcode::continuation, "two ", false));
    KITH_CO_CHECK(co_await pair.sends(WebSocketOpcode::continuation, ""));
    KITH_CO_CHECK(co_await pair.sends(WebSocketOpcode::binary, "three"));
    std::string got;
    for (std::size_t room = 1; got.size() < 13; ++room) {
      Bytes some(room);
      KITH_CO_TRY(const std::size_t size, co_await (*pair.server)->read_some(some));
      KITH_CO_REQUIRE(size > 0 && size <= room);
      got += as_text(ByteView(some).first(size));
    }
    EXPECT_EQ(got, "one two three");
    co_return Result<void>{};
  });
}

TEST(WebSocketStream, TakesTheFirstMessageInTheHandshakesPacket) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Pair pair(world);
    auto [near_stream, far_stream] = world.connect(pair.near_node, pair.far_node);
    Bytes all = to_bytes(sample_request);
    append(all, WebSocketFrameHead(WebSocketOpcode::binary, 5, mask).bytes());
    Bytes payload = to_bytes(std::string_view("early"));
    websocket_mask(payload, mask);
    append(all, payload);
    KITH_CO_CHECK(co_await near_stream->write(all));
    KITH_CO_CHECK(co_await accept_into(pair.far_node.env(), std::move(far_stream), {}, pair.soon(),
                                       pair.server));
    if (!pair.server) co_return std::unexpected(pair.server.error());
    KITH_CO_TRY(const Buffer got, co_await (*pair.server)->read_buffer(100));
    EXPECT_EQ(as_text(got), "early");
    co_return Result<void>{};
  });
}

TEST(WebSocketStream, EndsOnBothSidesWhenOneCloses) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Pair pair(world);
    KITH_CO_CHECK(co_await pair.open());
    port::Stream& client = **pair.client;
    port::Stream& server = **pair.server;
    KITH_CO_CHECK(co_await server.write(as_bytes("last words")));
    KITH_CO_CHECK(co_await client.write(as_bytes("bye")));
    KITH_CO_CHECK(co_await client.close_write());
    KITH_CO_CHECK(co_await client.close_write());
    EXPECT_TRUE((co_await client.write(as_bytes("more"))).error().is(Errc::closed));
    KITH_CO_TRY(const Bytes heard, co_await port::read_to_end(server, 100, pair.soon()));
    EXPECT_EQ(as_text(heard), "bye");
    // The close frame was answered while it was read.
    EXPECT_TRUE((co_await server.write(as_bytes("more"))).error().is(Errc::closed));
    KITH_CO_TRY(const Bytes words, co_await port::read_to_end(client, 100, pair.soon()));
    EXPECT_EQ(as_text(words), "last words");
    co_return Result<void>{};
  });
}

TEST(WebSocketStream, AnswersTheLatestPingAlone) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Pair pair(world);
    KITH_CO_CHECK(co_await pair.open_by_hand());
    const Bytes first = websocket_control_frame(WebSocketOpcode::ping, as_bytes("1"), mask);
    Bytes both = first;
    append(both, websocket_control_frame(WebSocketOpcode::ping, as_bytes("2"), mask));
    KITH_CO_CHECK(co_await pair.hand->write(both));
    KITH_CO_CHECK(co_await pair.sends(WebSocketOpcode::binary, "x"));
    Bytes some(100);
    KITH_CO_TRY(const std::size_t size, co_await (*pair.server)->read_some(some, pair.soon()));
    EXPECT_EQ(size, 1U);
    KITH_CO_CHECK(co_await (*pair.server)->write(as_bytes("y")));
    KITH_CO_TRY(const std::string got, co_await pair.receives(6));
    EXPECT_EQ(got, "8a0132820179");
    co_return Result<void>{};
  });
}

/// A server that reads for ever, and how that ends.
Task<void> read_all_into(port::Stream& stream, Result<Bytes>& into) {
  into = co_await port::read_to_end(stream, 10 << 20);
  co_return Result<void>{};
}

TEST(WebSocketStream, SendsAPongBehindTheMessageThatIsUnderWay) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Pair pair(world);
    KITH_CO_CHECK(co_await pair.open_by_hand());
    // More than the line takes, so that the writer waits while the ping is read.
    const Bytes much(4 << 20, 'm');
    Result<void> written = std::unexpected(Errc::busy);
    Result<Bytes> read = std::unexpected(Errc::busy);
    pair.tasks.spawn(write_into(**pair.server, much, written));
    pair.tasks.spawn(read_all_into(**pair.server, read));
    KITH_CO_CHECK(co_await pair.sends(WebSocketOpcode::ping, "p"));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 5s));
    EXPECT_FALSE(written.has_value());
    WebSocketReceiver receiver(WebSocketRole::client);
    std::size_t payload = 0;
    bool pong = false;
    while (!pong) {
      Bytes some(100'000);
      KITH_CO_TRY(const std::size_t size, co_await pair.hand->read_some(some, pair.soon()));
      KITH_CO_REQUIRE(size > 0);
      for (MutableBytes rest = MutableBytes(some).first(size); !rest.empty();) {
        auto step = receiver.next(rest, world.now());
        KITH_CO_REQUIRE(step.has_value());
        payload += step->payload.size();
        pong |= step->control && step->control->opcode == WebSocketOpcode::pong;
        rest = rest.subspan(step->taken);
      }
    }
    EXPECT_EQ(payload, much.size());
    KITH_CO_CHECK(co_await pair.hand->close_write());
    KITH_CO_CHECK(co_await pair.tasks.join_shielded());
    EXPECT_TRUE(written.has_value());
    EXPECT_TRUE(read.has_value() && read->empty());
    co_return Result<void>{};
  });
}

/// What the server's reader says to these bytes, and the code that it closes with.
struct Fault {
  Bytes sent;
  Error why = Errc::busy;
  std::string answer{};
};

Task<void> meets_fault(World& world, Fault& fault) {
  Pair pair(world);
  KITH_CO_CHECK(co_await pair.open_by_hand());
  Result<Bytes> read = std::unexpected(Errc::busy);
  pair.tasks.spawn(read_all_into(**pair.server, read));
  KITH_CO_CHECK(co_await pair.hand->write(fault.sent));
  auto answer = co_await pair.receives(4);
  if (answer) fault.answer = *answer;
  KITH_CO_CHECK(co_await pair.tasks.join_shielded());
  KITH_CO_REQUIRE(!read.has_value());
  fault.why = read.error();
  EXPECT_TRUE((co_await (*pair.server)->write(as_bytes("x"))).error().is(Errc::closed));
  co_return Result<void>{};
}

TEST(WebSocketStream, TellsAPeerOfItsFaultAndEnds) {
  Fault unmasked{*from_hex("8200")};
  sim::run_test(1, meets_fault, unmasked);
  EXPECT_TRUE(unmasked.why.is(WebSocketError::bad_mask));
  EXPECT_EQ(unmasked.answer, "880203ea");
  Fault text{*from_hex("818000000000")};
  sim::run_test(1, meets_fault, text);
  EXPECT_TRUE(text.why.is(WebSocketError::text_message));
  EXPECT_EQ(text.answer, "880203eb");
  Fault giant{*from_hex("82ff7fffffffffffffff00000000")};
  sim::run_test(1, meets_fault, giant);
  EXPECT_TRUE(giant.why.is(WebSocketError::message_too_large));
  EXPECT_EQ(giant.answer, "880203f1");
}

TEST(WebSocketStream, CutsOffAPeerThatFloodsItWithPingsOrFragments) {
  Fault pings{};
  const Bytes pong = websocket_control_frame(WebSocketOpcode::pong, {}, mask);
  for (std::size_t i = 0; i <= websocket_idle_frames_max; ++i)
    append(pings.sent, pong);
  sim::run_test(1, meets_fault, pings);
  EXPECT_TRUE(pings.why.is(WebSocketError::flooded));
  EXPECT_EQ(pings.answer, "880203f0");
  Fault fragments{*from_hex("028000000000")};
  for (std::size_t i = 0; i < websocket_idle_frames_max; ++i)
    append(fragments.sent, *from_hex("008000000000"));
  sim::run_test(1, meets_fault, fragments);
  EXPECT_TRUE(fragments.why.is(WebSocketError::flooded));
  EXPECT_EQ(fragments.answer, "880203f0");
}

TEST(WebSocketStream, ReadsItsPeersComplaintAsAnError) {
  Fault complaint{
      *from_hex("888200000000"
                "03ea")};
  sim::run_test(1, meets_fault, complaint);
  EXPECT_TRUE(complaint.why.is(WebSocketError::peer_complains));
  EXPECT_EQ(complaint.answer, "880203e8");
}

TEST(WebSocketStream, TellsAnEndBetweenMessagesFromOneInside) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Pair pair(world);
    KITH_CO_CHECK(co_await pair.open_by_hand());
    KITH_CO_CHECK(co_await pair.sends(WebSocketOpcode::binary, "whole"));
    KITH_CO_CHECK(co_await pair.hand->close_write());
    KITH_CO_TRY(const Bytes got, co_await port::read_to_end(**pair.server, 100, pair.soon()));
    EXPECT_EQ(as_text(got), "whole");
    Pair other(world);
    KITH_CO_CHECK(co_await other.open_by_hand());
    KITH_CO_CHECK(co_await other.sends(WebSocketOpcode::binary, "part", false));
    KITH_CO_CHECK(co_await other.hand->close_write());
    auto part = co_await port::read_to_end(**other.server, 100, other.soon());
    EXPECT_TRUE(!part && part.error().is(Errc::end_of_stream));
    co_return Result<void>{};
  });
}

TEST(WebSocketStream, WritesNothingMoreAfterAWriteThatWasCutShort) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Pair pair(world);
    KITH_CO_CHECK(co_await pair.open_by_hand());
    const Bytes much(4 << 20, 'm');
    auto written = co_await (*pair.server)->write(much, world.now() + 3s);
    EXPECT_TRUE(!written && written.error().is(Errc::timed_out));
    auto more = co_await (*pair.server)->write(as_bytes("x"));
    EXPECT_TRUE(!more && more.error().is(Errc::timed_out));
    EXPECT_FALSE((co_await (*pair.server)->close_write()).has_value());
    co_return Result<void>{};
  });
}

// The handshake against strangers.

struct Visit {
  std::string sent;
  WebSocketDoor door{};
  Error why = Errc::busy;
  std::string answer{};
  Duration took{};
};

Task<void> visits(World& world, Visit& visit) {
  Pair pair(world);
  auto [near_stream, far_stream] = world.connect(pair.near_node, pair.far_node);
  const Instant begin = world.now();
  pair.tasks.spawn(accept_into(pair.far_node.env(), std::move(far_stream), visit.door, begin + 10s,
                               pair.server));
  auto written = co_await near_stream->write(as_bytes(visit.sent));
  auto answer = co_await port::read_to_end(*near_stream, 1000, world.now() + 1min);
  if (answer) visit.answer = as_text(*answer);
  KITH_CO_CHECK(co_await pair.tasks.join_shielded());
  visit.took = world.now() - begin;
  KITH_CO_REQUIRE(!pair.server.has_value());
  visit.why = pair.server.error();
  co_return Result<void>{};
}

TEST(WebSocketHandshake, AnswersAPlainRequestShortly) {
  Visit visit{"GET / HTTP/1.1\r\nHost: x\r\n\r\n"};
  sim::run_test(1, visits, visit);
  EXPECT_TRUE(visit.why.is(WebSocketError::no_upgrade));
  EXPECT_EQ(visit.answer,
            "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Content-Length: 0\r\nConnection: Upgrade, close\r\n\r\n");
}

/// Answers any request with its own first line, in a task of its own.
Task<void> tell_first_line(port::StreamPtr stream) {
  KITH_CO_TRY(const Buffer got, co_await stream->read_buffer(1000));
  const std::string line(as_text(got).substr(0, as_text(got).find('\r')));
  KITH_CO_CHECK(co_await stream->write(as_bytes(line)));
  co_return co_await stream->close_write();
}

Task<void> visits_site(World& world, Visit& visit) {
  port::TaskGroup site(world.executor(), world.clock());
  visit.door.plain = [&site](port::StreamPtr stream) {
    site.spawn(tell_first_line(std::move(stream)));
  };
  KITH_CO_CHECK(co_await visits(world, visit));
  co_return co_await site.join_shielded();
}

TEST(WebSocketHandshake, GivesPlainRequestsToWhoeverServesThemWholly) {
  Visit visit{"GET /page HTTP/1.1\r\nHost: x\r\n\r\n"};
  sim::run_test(1, visits_site, visit);
  EXPECT_TRUE(visit.why.is(WebSocketError::no_upgrade));
  EXPECT_EQ(visit.answer, "GET /page HTTP/1.1");
}

TEST(WebSocketHandshake, RefusesWhatIsNoHttp) {
  Visit visit{"\x13/multistream/1.0.0\n"};
  sim::run_test(1, visits, visit);
  EXPECT_TRUE(visit.why.is(HttpError::bad_line_ending));
  EXPECT_TRUE(visit.answer.starts_with("HTTP/1.1 400 "));
}

TEST(WebSocketHandshake, RefusesAHeadBeyondItsLimits) {
  Visit bytes{"GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(websocket_handshake_bytes_max, 'x')};
  sim::run_test(1, visits, bytes);
  EXPECT_TRUE(bytes.why.is(HttpError::head_too_large));
  Visit fields{"GET / HTTP/1.1\r\nHost: x\r\n"};
  for (std::size_t i = 0; i < websocket_handshake_fields_max; ++i)
    fields.sent += "X: x\r\n";
  fields.sent += "\r\n";
  sim::run_test(1, visits, fields);
  EXPECT_TRUE(fields.why.is(HttpError::head_too_large));
  EXPECT_TRUE(fields.answer.starts_with("HTTP/1.1 431 "));
}

TEST(WebSocketHandshake, RefusesWhomItsPolicyDoesNotWant) {
  Visit visit{std::string(sample_request)};
  visit.door.allows = [](const RequestHead& head) { return head.headers.get("Host") != "x"; };
  sim::run_test(1, visits, visit);
  EXPECT_TRUE(visit.why.is(WebSocketError::not_allowed));
  EXPECT_TRUE(visit.answer.starts_with("HTTP/1.1 403 "));
}

TEST(WebSocketHandshake, EndsAtItsDeadlineHoweverLittleComes) {
  Visit visit{"GET / HTTP/1.1\r\nHost: x\r\n"};
  sim::run_test(1, visits, visit);
  EXPECT_TRUE(visit.why.is(Errc::timed_out));
  EXPECT_LT(visit.took, 11s);
}

TEST(WebSocketHandshake, ClientRefusesAServerThatDoesNotUpgrade) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Pair pair(world);
    auto [near_stream, far_stream] = world.connect(pair.near_node, pair.far_node);
    KITH_CO_CHECK(co_await far_stream->write(as_bytes("HTTP/1.1 200 OK\r\n\r\n")));
    port::StreamPtr stream = std::move(near_stream);
    std::string host = "x";
    std::string target = "/";
    auto refused = co_await websocket_connect(pair.near_node.env(), std::move(stream),
                                              std::move(host), std::move(target), pair.soon());
    EXPECT_TRUE(!refused && refused.error().is(WebSocketError::bad_answer));
    co_return Result<void>{};
  });
}

TEST(WebSocketStream, DoesNotRepeatItsMasks) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Pair pair(world);
    auto [near_stream, far_stream] = world.connect(pair.near_node, pair.far_node);
    Buffer nothing;
    WebSocketStream client(pair.near_node.env(), std::move(near_stream), WebSocketRole::client,
                           std::move(nothing));
    std::set<std::string> masks;
    for (int i = 0; i < 100; ++i) {
      KITH_CO_CHECK(co_await client.write(as_bytes("x")));
      Bytes frame(7);
      MutableBytes into = frame;
      KITH_CO_CHECK(co_await port::read_exactly(*far_stream, into, pair.soon()));
      masks.insert(to_hex(ByteView(frame).subspan(2, 4)));
    }
    EXPECT_EQ(masks.size(), 100U);
    co_return Result<void>{};
  });
}

}  // namespace
}  // namespace kith::http
