#include <gtest/gtest.h>

#include <kith/http/websocket_messages.hpp>
#include <kith/port/task_group.hpp>
#include <kith/sim/testing.hpp>

namespace kith::http {
namespace {

using sim::World;
using Limits = WebSocketMessagesLimits;

/// Two ends, both with their writers; or one end and a peer that writes its bytes by hand.
struct Pair {
  explicit Pair(World& in, const Limits& limits = {}, bool by_hand = false)
      : world(in),
        near_node(in.add_node()),
        far_node(in.add_node()),
        streams(in.connect(near_node, far_node)),
        hand(*streams.first),
        client(near_node.env(), *streams.first, WebSocketRole::client, {}),
        server(far_node.env(), *streams.second, WebSocketRole::server, limits),
        writers(in.executor(), in.clock()) {
    writers.spawn(server.run());
    if (!by_hand) writers.spawn(client.run());
  }

  /// A frame with a mask of nothing.
  static std::string frame(WebSocketOpcode opcode, std::string_view payload, bool last = true) {
    const WebSocketFrameHead head(opcode, payload.size(), WebSocketMask{}, last);
    return std::string(as_text(head.bytes())).append(payload);
  }
  /// What the server has sent, up to its end.
  Task<std::string> received() {
    KITH_CO_TRY(const Bytes all, co_await port::read_to_end(hand, 1 << 20, world.now() + 5min));
    co_return to_hex(all);
  }

  World& world;
  sim::Node& near_node;
  sim::Node& far_node;
  decltype(std::declval<World&>().connect(near_node, far_node)) streams;
  port::Stream& hand;
  WebSocketMessages client;
  WebSocketMessages server;
  port::TaskGroup writers;
};

Task<void> read_to_end(WebSocketMessages& from, std::vector<std::string>& into,
                       Result<void>& outcome) {
  for (;;) {
    auto message = co_await from.read();
    if (!message) {
      outcome = std::unexpected(message.error());
      break;
    }
    if (!*message) break;
    into.push_back(**std::move(message));
  }
  co_return Result<void>{};
}

TEST(WebSocketMessages, ComeWholeInBothDirections) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Pair pair(world);
    const std::vector<std::string> sent = {"{}", "", std::string(3'000'000, 'x'), "last"};
    for (const std::string& text : sent) {
      EXPECT_TRUE(pair.client.send(text));
      EXPECT_TRUE(pair.server.send(text));
    }
    pair.client.close();
    std::vector<std::string> at_server, at_client;
    Result<void> server_end, client_end;
    port::TaskGroup readers(world.executor(), world.clock());
    readers.spawn(read_to_end(pair.server, at_server, server_end));
    readers.spawn(read_to_end(pair.client, at_client, client_end));
    KITH_CO_CHECK(co_await readers.join_shielded());
    KITH_CO_CHECK(co_await pair.writers.join_shielded());
    EXPECT_TRUE(at_server == sent && at_client == sent);
    EXPECT_TRUE(server_end.has_value() && client_end.has_value());
    EXPECT_FALSE(pair.server.send("too late"));
    co_return Result<void>{};
  });
}

TEST(WebSocketMessages, AreJoinedFromFragmentsBetweenWhichPingsAreAnswered) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Pair pair(world, {}, true);
    using enum WebSocketOpcode;
    const std::string sent = Pair::frame(text, "{\"a\"", false) + Pair::frame(ping, "x") +
                             Pair::frame(continuation, ":1", false) +
                             Pair::frame(continuation, "}") + Pair::frame(binary, "[]") +
                             Pair::frame(close, "\x03\xe8");
    KITH_CO_CHECK(co_await pair.hand.write(as_bytes(sent)));
    std::vector<std::string> got;
    Result<void> end;
    KITH_CO_CHECK(co_await read_to_end(pair.server, got, end));
    EXPECT_EQ(got, (std::vector<std::string>{"{\"a\":1}", "[]"}));
    EXPECT_TRUE(end.has_value());
    KITH_CO_TRY(const std::string answered, co_await pair.received());
    EXPECT_EQ(answered, "8a0178880203e8");
    co_return co_await pair.writers.join_shielded();
  });
}

TEST(WebSocketMessages, OfTooManyBytesEndIt) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Pair pair(world, Limits{.message_bytes_max = 4}, true);
    const std::string sent = Pair::frame(WebSocketOpcode::text, "1234", false) +
                             Pair::frame(WebSocketOpcode::continuation, "5");
    KITH_CO_CHECK(co_await pair.hand.write(as_bytes(sent)));
    std::vector<std::string> got;
    Result<void> end;
    KITH_CO_CHECK(co_await read_to_end(pair.server, got, end));
    EXPECT_TRUE(got.empty());
    EXPECT_TRUE(!end && end.error().is(WebSocketError::message_too_large));
    KITH_CO_TRY(const std::string answered, co_await pair.received());
    EXPECT_EQ(answered, "880203f1");
    co_return co_await pair.writers.join_shielded();
  });
}

TEST(WebSocketMessages, WaitOnlyUpToALimit) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Pair pair(world, Limits{.waiting_bytes_max = 1000}, true);
    EXPECT_TRUE(pair.server.send(std::string(600, 'x')));
    EXPECT_FALSE(pair.server.send(std::string(401, 'x')));
    EXPECT_TRUE(pair.server.send(std::string(400, 'x')));
    EXPECT_EQ(pair.server.waiting_bytes(), 1000U);
    KITH_CO_CHECK(co_await pair.server.wait_for_room(1));
    EXPECT_EQ(pair.server.waiting_bytes(), 0U);
    pair.server.close();
    auto closed = co_await pair.server.wait_for_room(1);
    EXPECT_TRUE(!closed && closed.error().is(Errc::closed));
    co_return co_await pair.writers.join_shielded();
  });
}

TEST(WebSocketMessages, EndWithAPeerThatTakesNothing) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Pair pair(world, Limits{.waiting_bytes_max = 64 << 20}, true);
    EXPECT_TRUE(pair.server.send(std::string(32 << 20, 'x')));
    const Instant begun = world.now();
    auto message = co_await pair.server.read();
    EXPECT_FALSE(message.has_value());
    EXPECT_LT(world.now() - begun, websocket_write_timeout + 5s);
    co_return co_await pair.writers.join_shielded();
  });
}

TEST(WebSocketMessages, EndWithAPeerThatAnswersNoPing) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Pair pair(world, {}, true);
    const Instant begun = world.now();
    auto message = co_await pair.server.read();
    EXPECT_FALSE(message.has_value());
    EXPECT_LT(world.now() - begun, 2 * websocket_ping_interval + 5s);
    co_return co_await pair.writers.join_shielded();
  });
}

TEST(WebSocketMessages, StayWithAPeerThatAnswersPings) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Pair pair(world);
    std::vector<std::string> at_server, at_client;
    Result<void> server_end, client_end;
    port::TaskGroup readers(world.executor(), world.clock());
    readers.spawn(read_to_end(pair.server, at_server, server_end));
    readers.spawn(read_to_end(pair.client, at_client, client_end));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 10min));
    EXPECT_TRUE(pair.client.send("still here"));
    pair.client.close();
    KITH_CO_CHECK(co_await readers.join_shielded());
    EXPECT_EQ(at_server, std::vector<std::string>{"still here"});
    EXPECT_TRUE(server_end.has_value() && client_end.has_value());
    co_return co_await pair.writers.join_shielded();
  });
}

}  // namespace
}  // namespace kith::http
