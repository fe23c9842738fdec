#include <gtest/gtest.h>

#include <kith/api/chain_rpc.hpp>
#include <kith/http/client.hpp>
#include <kith/http/websocket_messages.hpp>
#include <kith/http/websocket_stream.hpp>
#include <kith/port/task_group.hpp>
#include <kith/sim/testing.hpp>

namespace kith::api {
namespace {

using sim::World;

constexpr std::uint16_t port_number = 8545;

struct Got {
  int status = 0;
  std::string body;
  http::Headers headers;
};

/// A chain that says what it was asked, on one node; who asks, on another.
struct Site {
  explicit Site(World& in, ChainRpcOptions options = {})
      : world(in),
        far(in.add_node()),
        near(in.add_node()),
        rpc(
            far.env(), [this](std::string_view request) { return answer(request); },
            std::move(options)),
        server(far.env(), chain_rpc_server_limits(),
               [this](http::Request& request, http::ResponseWriter& response) {
                 return rpc.serve(request, response);
               }),
        client(near.env(), {}) {
    EXPECT_TRUE(server.listen(far.endpoint(port_number)).has_value());
  }

  std::string answer(std::string_view request) {
    if (request.starts_with("mine")) rpc.tell({{}, {{++height, ledger::Hash()}}}, {});
    if (request.find("eth_getHeaderByHash") != std::string_view::npos)
      return R"({"result":{"number":")" + std::string(header_filler, '0') + "\"}}";
    if (request == "big") return std::string(20 << 20, 'x');
    return "<" + std::string(request) + ">";
  }

  Task<Got> ask(std::string method, std::string body, http::Headers headers) {
    http::ClientRequest request;
    request.method = std::move(method);
    request.host = far.address().to_string();
    request.port = port_number;
    request.headers = std::move(headers);
    request.body_bytes = body.size();
    if (!body.empty())
      request.body = std::make_unique<http::MemoryBody>(Buffer::copy_of(as_bytes(body)));
    KITH_CO_TRY(http::ResponsePtr response, co_await client.send(std::move(request)));
    KITH_CO_TRY(const Bytes read, co_await http::read_all(*response, 64 << 20));
    co_return Got{response->status, std::string(as_text(read)), response->headers};
  }
  Task<Got> post(std::string body) {
    http::Headers headers{{"Content-Type", "application/json"}};
    co_return co_await ask("POST", std::move(body), std::move(headers));
  }
  /// The status of a request that is sent as it is.
  Task<int> raw(std::string text) {
    KITH_CO_TRY(auto stream, co_await dialed());
    text += "\r\n";
    KITH_CO_CHECK(co_await stream->write(as_bytes(text)));
    KITH_CO_CHECK(co_await stream->close_write());
    KITH_CO_TRY(const Bytes whole, co_await port::read_to_end(*stream, 1 << 20, soon()));
    co_return std::stoi(std::string(as_text(whole).substr(9, 3)));
  }
  Task<std::unique_ptr<port::TcpStream>> dialed() {
    port::TcpDialOptions options;
    co_return co_await near.env().net.dial_tcp(far.endpoint(port_number), options, soon());
  }
  Instant soon() const { return world.now() + 1min; }

  Task<void> end() {
    KITH_CO_CHECK(co_await client.close());
    rpc.close_connections();
    KITH_CO_CHECK(co_await server.stop(1s));
    co_return co_await rpc.stop();
  }

  World& world;
  sim::Node& far;
  sim::Node& near;
  std::uint64_t height = 0;
  std::size_t header_filler = 1;
  ChainRpcServer rpc;
  http::Server server;
  http::Client client;
};

/// The client's end of a WebSocket.
struct Line {
  explicit Line(Site& at) : site(at), writing(at.world.executor(), at.world.clock()) {}

  Task<void> open() {
    KITH_CO_TRY(stream, co_await site.dialed());
    const std::string request = http::to_text(
        http::websocket_request(site.far.address().to_string(), "/", http::websocket_key({})));
    KITH_CO_CHECK(co_await stream->write(as_bytes(request)));
    std::string head;
    while (!head.ends_with("\r\n\r\n")) {
      KITH_CO_TRY(const Buffer part, co_await stream->read_buffer(1, site.soon()));
      if (part.empty()) co_return std::unexpected(Errc::end_of_stream);
      head += as_text(part);
    }
    EXPECT_TRUE(head.starts_with("HTTP/1.1 101 ")) << head;
    messages.emplace(site.near.env(), *stream, http::WebSocketRole::client,
                     http::WebSocketMessagesLimits{.message_bytes_max = 64 << 20});
    writing.spawn(messages->run());
    co_return Result<void>{};
  }
  Task<std::string> ask(std::string text) {
    EXPECT_TRUE(messages->send(std::move(text)));
    co_return co_await next();
  }
  /// "(end)" at the end.
  Task<std::string> next() {
    KITH_CO_TRY(auto message, co_await messages->read());
    co_return message.value_or("(end)");
  }
  Task<void> end() {
    messages->close();
    for (;;) {
      auto message = co_await messages->read();
      if (!message || !*message) break;
    }
    writing.cancel();
    co_return co_await writing.join_shielded();
  }

  Site& site;
  std::unique_ptr<port::TcpStream> stream;
  std::optional<http::WebSocketMessages> messages;
  port::TaskGroup writing;
};

constexpr std::string_view subscribes =
    R"({"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]})";
constexpr std::string_view told =
    R"({"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":"0x1",)"
    R"("result":{"number":"0"}}})";

TEST(ChainRpcServer, AnswersWhatIsPosted) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    KITH_CO_TRY(const Got got, co_await site.post("{}"));
    EXPECT_EQ(got.status, 200);
    EXPECT_EQ(got.body, "<{}>");
    EXPECT_EQ(got.headers.get("Content-Type"), "application/json");
    EXPECT_FALSE(got.headers.has("Access-Control-Allow-Origin"));
    KITH_CO_TRY(const Got alive, co_await site.ask("GET", "", {}));
    EXPECT_EQ(alive.status, 200);
    EXPECT_EQ(alive.body, "");
    co_return co_await site.end();
  });
}

TEST(ChainRpcServer, RefusesWhatIsNoCall) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    for (const char* type : {"text/plain", "application/x-www-form-urlencoded", ""}) {
      http::Headers headers{{"Content-Type", type}};
      KITH_CO_TRY(const Got got, co_await site.ask("POST", "{}", std::move(headers)));
      EXPECT_EQ(got.status, 415) << type;
    }
    KITH_CO_TRY(const Got put, co_await site.ask("PUT", "{}", {}));
    EXPECT_EQ(put.status, 405);
    std::string large((5 << 20) + 1, ' ');
    KITH_CO_TRY(const Got too_large, co_await site.post(std::move(large)));
    EXPECT_EQ(too_large.status, 413);
    std::string largest(5 << 20, ' ');
    KITH_CO_TRY(const Got fits, co_await site.post(std::move(largest)));
    EXPECT_EQ(fits.status, 200);
    co_return co_await site.end();
  });
}

TEST(ChainRpcServer, RefusesNamesThatAreNotItsOwn) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    const std::string socket =
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (const char* host : {"127.0.0.1:8545", "[::1]:8545", "localhost", "LOCALHOST:1"}) {
      KITH_CO_TRY(const int status,
                  co_await site.raw("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n"));
      EXPECT_EQ(status, 200) << host;
    }
    for (const char* host : {"evil.example", "localhost.evil.example:8545"}) {
      const std::string start = "GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n";
      KITH_CO_TRY(const int status, co_await site.raw(start));
      EXPECT_EQ(status, 403) << host;
      KITH_CO_TRY(const int of_socket, co_await site.raw(start + socket));
      EXPECT_EQ(of_socket, 403) << host;
    }
    // A page may open a WebSocket anywhere: its origin tells.
    const std::string start = "GET / HTTP/1.1\r\nHost: localhost\r\n" + socket + "Origin: ";
    for (const char* origin : {"https://evil.example", "http://localhost.evil.example", "null"}) {
      KITH_CO_TRY(const int status, co_await site.raw(start + origin + "\r\n"));
      EXPECT_EQ(status, 403) << origin;
    }
    KITH_CO_TRY(const int own, co_await site.raw(start + "http://localhost:3000\r\n"));
    EXPECT_EQ(own, 101);
    co_return co_await site.end();
  });
}

TEST(ChainRpcServer, TellsBrowsersWhichPagesMayAsk) {
  sim::run_test(1, [](World& world) -> Task<void> {
    ChainRpcOptions options;
    options.allowed_origins = {"https://wallet.example"};
    Site site(world, std::move(options));
    for (const char* origin : {"https://wallet.example", "https://evil.example"}) {
      http::Headers headers{{"Origin", origin},
                            {"Access-Control-Request-Method", "POST"},
                            {"Access-Control-Request-Headers", "content-type"}};
      KITH_CO_TRY(const Got got, co_await site.ask("OPTIONS", "", std::move(headers)));
      EXPECT_EQ(got.status, 200);
      const bool may = got.headers.has("Access-Control-Allow-Origin");
      EXPECT_EQ(may, std::string_view(origin) == "https://wallet.example");
      EXPECT_EQ(got.headers.has("Access-Control-Allow-Headers"), may);
    }
    KITH_CO_CHECK(co_await site.end());
    ChainRpcOptions open;
    open.allowed_origins = {"*"};
    Site any(world, std::move(open));
    http::Headers headers{{"Origin", "https://x.example"}, {"Content-Type", "application/json"}};
    KITH_CO_TRY(const Got got, co_await any.ask("POST", "{}", std::move(headers)));
    EXPECT_EQ(got.headers.get("Access-Control-Allow-Origin"), "*");
    co_return co_await any.end();
  });
}

TEST(ChainRpcServer, TalksByWebSocketAndTellsWhoSubscribed) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Line listens(site), silent(site);
    KITH_CO_CHECK(co_await listens.open());
    KITH_CO_CHECK(co_await silent.open());
    EXPECT_EQ(site.rpc.websockets(), 2U);
    KITH_CO_TRY(const std::string echo, co_await listens.ask("{}"));
    EXPECT_EQ(echo, "<{}>");
    KITH_CO_TRY(const std::string id, co_await listens.ask(std::string(subscribes)));
    EXPECT_EQ(id, R"({"jsonrpc":"2.0","id":1,"result":"0x1"})");
    // What happens in anybody's call, by HTTP too, is told.
    KITH_CO_CHECK(co_await site.post("mine"));
    KITH_CO_TRY(const std::string first, co_await listens.next());
    EXPECT_EQ(first, told);
    KITH_CO_TRY(const std::string mined, co_await silent.ask("mine"));
    EXPECT_EQ(mined, "<mine>");
    KITH_CO_TRY(const std::string second, co_await listens.next());
    EXPECT_EQ(second, told);
    KITH_CO_CHECK(co_await listens.end());
    KITH_CO_CHECK(co_await site.post("mine"));
    KITH_CO_CHECK(co_await silent.end());
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
    EXPECT_EQ(site.rpc.websockets(), 0U);
    co_return co_await site.end();
  });
}

TEST(ChainRpcServer, AnswersManyCallsOfOneConnection) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Line line(site);
    KITH_CO_CHECK(co_await line.open());
    std::set<std::string> answers;
    for (int i = 0; i < 500; ++i)
      EXPECT_TRUE(line.messages->send(std::to_string(i)));
    for (int i = 0; i < 500; ++i) {
      KITH_CO_TRY(std::string answer, co_await line.next());
      answers.insert(std::move(answer));
    }
    EXPECT_EQ(answers.size(), 500U);
    KITH_CO_CHECK(co_await line.end());
    co_return co_await site.end();
  });
}

TEST(ChainRpcServer, LetsGoWhoDoesNotTakeItsNews) {
  sim::run_test(1, [](World& world) -> Task<void> {
    ChainRpcOptions options;
    options.limits.waiting_bytes_max = 1 << 20;
    Site site(world, std::move(options));
    site.header_filler = 100'000;
    Line line(site);
    KITH_CO_CHECK(co_await line.open());
    KITH_CO_CHECK(co_await line.ask(std::string(subscribes)));
    for (int i = 0; i < 100; ++i)
      KITH_CO_CHECK(co_await site.post("mine"));
    EXPECT_EQ(site.rpc.websockets(), 0U);
    KITH_CO_CHECK(co_await line.end());
    co_return co_await site.end();
  });
}

TEST(ChainRpcServer, LetsGoWhoCannotBeToldAllThatHappened) {
  sim::run_test(1, [](World& world) -> Task<void> {
    ChainRpcOptions options;
    options.limits.news_max = 10;
    Site site(world, std::move(options));
    Line listens(site), silent(site);
    KITH_CO_CHECK(co_await listens.open());
    KITH_CO_CHECK(co_await silent.open());
    KITH_CO_CHECK(co_await listens.ask(std::string(subscribes)));
    for (std::uint64_t i = 0; i < 11; ++i)
      site.rpc.tell({{}, {{i, ledger::Hash()}}}, {});
    site.rpc.wake();
    auto last = co_await listens.next();
    EXPECT_FALSE(last.has_value());
    KITH_CO_TRY(const std::string echo, co_await silent.ask("{}"));
    EXPECT_EQ(echo, "<{}>");
    KITH_CO_CHECK(co_await listens.end());
    KITH_CO_CHECK(co_await silent.end());
    co_return co_await site.end();
  });
}

TEST(ChainRpcServer, HasSoManyWebSockets) {
  sim::run_test(1, [](World& world) -> Task<void> {
    ChainRpcOptions options;
    options.limits.websockets_max = 2;
    Site site(world, std::move(options));
    Line first(site), second(site);
    KITH_CO_CHECK(co_await first.open());
    KITH_CO_CHECK(co_await second.open());
    const std::string asks =
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    KITH_CO_TRY(const int third, co_await site.raw(asks));
    EXPECT_EQ(third, 503);
    KITH_CO_TRY(const Got plain, co_await site.post("{}"));
    EXPECT_EQ(plain.status, 200);
    KITH_CO_CHECK(co_await first.end());
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 5s));
    KITH_CO_TRY(const int again, co_await site.raw(asks));
    EXPECT_EQ(again, 101);
    KITH_CO_CHECK(co_await second.end());
    co_return co_await site.end();
  });
}

TEST(ChainRpcServer, HasRoomForSoManyRequestsAtATime) {
  sim::run_test(1, [](World& world) -> Task<void> {
    ChainRpcOptions options;
    options.limits.all_request_bytes_max = 100;
    Site site(world, std::move(options));
    KITH_CO_TRY(auto slow, co_await site.dialed());
    const ByteView half = as_bytes(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Content-Length: 90\r\n\r\n{");
    KITH_CO_CHECK(co_await slow->write(half));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
    KITH_CO_TRY(const Got got, co_await site.post("{\"id\":\"longer\"}"));
    EXPECT_EQ(got.status, 503);
    // Who is slow has no place for ever.
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1min));
    KITH_CO_TRY(const Got later, co_await site.post("{\"id\":\"longer\"}"));
    EXPECT_EQ(later.status, 200);
    co_return co_await site.end();
  });
}

TEST(ChainRpcServer, RefusesMessagesThatAreNoText) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Line line(site);
    KITH_CO_CHECK(co_await line.open());
    auto got = co_await line.ask("\xff\xfe");
    EXPECT_TRUE(!got && got.error().is(http::WebSocketError::peer_complains));
    KITH_CO_CHECK(co_await line.end());
    co_return co_await site.end();
  });
}

TEST(ChainRpcServer, SaysGoodbyeAtItsEnd) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Line line(site);
    KITH_CO_CHECK(co_await line.open());
    KITH_CO_CHECK(co_await line.ask("{}"));
    site.rpc.close_connections();
    KITH_CO_TRY(const std::string last, co_await line.next());
    EXPECT_EQ(last, "(end)");
    KITH_CO_CHECK(co_await line.end());
    co_return co_await site.end();
  });
}

}  // namespace
}  // namespace kith::api
