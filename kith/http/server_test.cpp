#include <gtest/gtest.h>

#include <kith/http/client.hpp>
#include <kith/http/server.hpp>
#include <kith/port/task_group.hpp>
#include <kith/sim/testing.hpp>

namespace kith::http {
namespace {

using sim::World;
using Pieces = std::vector<std::string>;

constexpr std::uint16_t test_port = 5001;

/// A server on one node and a raw connection, or a client, on another.
struct Site {
  explicit Site(World& world, Handler handler, ServerLimits limits = {})
      : world(world),
        far(world.add_node()),
        near(world.add_node()),
        server(far.env(), limits, std::move(handler)) {
    EXPECT_TRUE(server.listen(far.endpoint(test_port)).has_value());
  }

  Task<std::unique_ptr<port::TcpStream>> dial() {
    port::TcpDialOptions options;
    co_return co_await near.env().net.dial_tcp(far.endpoint(test_port), options, never);
  }

  ClientRequest request(std::string target) {
    ClientRequest made;
    made.host = far.address().to_string();
    made.port = test_port;
    made.target = std::move(target);
    return made;
  }

  World& world;
  sim::Node& far;
  sim::Node& near;
  Server server;
};

/// Everything up to the end of the connection.
Task<std::string> read_text(port::Stream& stream, Instant deadline = never) {
  KITH_CO_TRY(Bytes all, co_await port::read_to_end(stream, 1 << 20, deadline));
  co_return std::string(as_text(all));
}

/// Reads until `end` has come, or the end of the connection.
Task<std::string> read_until(port::Stream& stream, std::string end) {
  std::string all;
  while (!all.ends_with(end)) {
    KITH_CO_TRY(Buffer part, co_await stream.read_buffer(1));
    if (part.empty()) break;
    all += as_text(part);
  }
  co_return all;
}

std::string without_date(std::string text) {
  for (;;) {
    std::size_t at = text.find("Date: ");
    if (at == std::string::npos) return text;
    text.erase(at, text.find("\r\n", at) + 2 - at);
  }
}

Task<void> echo(Request& request, ResponseWriter& response) {
  request.body.allow(1 << 20);
  KITH_CO_TRY(Bytes body, co_await read_all(request.body, 1 << 20));
  std::string answer = request.method + ' ' + request.path + ' ' + std::string(as_text(body));
  co_return co_await response.send(200, "text/plain", as_bytes(answer));
}

/// What the server answers to these bytes, which are sent one by one in pieces.
std::string answer_to(const std::string& sent, std::size_t piece_bytes = SIZE_MAX,
                      Handler handler = echo, ServerLimits limits = {}) {
  std::string got;
  struct Plan {
    std::string sent;
    std::size_t piece_bytes;
    Handler handler;
    ServerLimits limits;
  } plan{sent, piece_bytes, std::move(handler), limits};
  sim::run_test(
      1,
      +[](World& world, Plan& with, std::string& into) -> Task<void> {
        Site site(world, with.handler, with.limits);
        KITH_CO_TRY(auto stream, co_await site.dial());
        for (std::size_t at = 0; at < with.sent.size();) {
          std::string piece = with.sent.substr(at, with.piece_bytes);
          at += piece.size();
          auto written = co_await stream->write(as_bytes(piece));
          if (!written) break;
        }
        auto text = co_await read_text(*stream, world.now() + 10min);
        into = text ? *text : text.error().message();
        KITH_CO_CHECK(co_await site.server.stop(1s));
        co_return Result<void>{};
      },
      plan, got);
  return without_date(got);
}

TEST(HttpServer, AnswersARequestWithItsBody) {
  std::string request =
      "POST /a%20b?x=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
  std::string expected =
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 15\r\n"
      "Connection: close\r\n\r\nPOST /a b hello";
  EXPECT_EQ(answer_to(request), expected);
  EXPECT_EQ(answer_to(request, 1), expected);
}

TEST(HttpServer, KeepsTheConnectionAndAnswersPipelinedRequestsInOrder) {
  std::string requests =
      "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
      "POST /2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: "
      "u\r\n\r\n"
      "GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  std::string answers = answer_to(requests);
  std::size_t first = answers.find("GET /1 ");
  std::size_t second = answers.find("POST /2 abc");
  std::size_t third = answers.find("GET /3 ");
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  EXPECT_NE(third, std::string::npos) << answers;
  EXPECT_EQ(answer_to(requests, 1), answers);
}

TEST(HttpServer, DropsABodyThatItsHandlerDidNotRead) {
  Handler lazy = [](Request& request, ResponseWriter& response) -> Task<void> {
    co_return co_await response.send(200, "", as_bytes(request.path));
  };
  std::string answers = answer_to(
      "POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
      "GET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
      SIZE_MAX, lazy);
  EXPECT_TRUE(answers.ends_with("/2")) << answers;
}

TEST(HttpServer, SendsChunksAndTrailers) {
  Handler streaming = [](Request&, ResponseWriter& response) -> Task<void> {
    response.headers.add("Trailer", "X-Stream-Error");
    KITH_CO_CHECK(co_await response.write(as_bytes("one")));
    KITH_CO_CHECK(co_await response.write(as_bytes("")));
    KITH_CO_CHECK(co_await response.write(as_bytes("seventeen letters")));
    response.trailers.add("X-Stream-Error", "it\nbroke");
    co_return Result<void>{};
  };
  EXPECT_EQ(
      answer_to("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", SIZE_MAX, streaming),
      "HTTP/1.1 200 OK\r\nTrailer: X-Stream-Error\r\nTransfer-Encoding: chunked\r\n"
      "Connection: close\r\n\r\n3\r\none\r\n11\r\nseventeen letters\r\n0\r\n"
      "X-Stream-Error: it broke\r\n\r\n");
  EXPECT_EQ(answer_to("GET / HTTP/1.0\r\n\r\n", SIZE_MAX, streaming),
            "HTTP/1.1 200 OK\r\nTrailer: X-Stream-Error\r\nConnection: close\r\n\r\n"
            "oneseventeen letters");
}

TEST(HttpServer, AnswersHeadWithoutBody) {
  EXPECT_EQ(answer_to("HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n"
            "Connection: close\r\n\r\n");
}

TEST(HttpServer, MakesAnAnswerOfAHandlersError) {
  Handler failing = [](Request&, ResponseWriter&) -> Task<void> {
    co_return std::unexpected(Error(Errc::not_found, "pin of something"));
  };
  std::string answer = answer_to("GET / HTTP/1.1\r\nHost: x\r\n\r\n", SIZE_MAX, failing);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 404 Not Found\r\n")) << answer;
  EXPECT_NE(answer.find("pin of something"), std::string::npos);
}

TEST(HttpServer, CutsAResponseThatItsHandlerBrokeOff) {
  Handler failing = [](Request&, ResponseWriter& response) -> Task<void> {
    KITH_CO_CHECK(co_await response.write(as_bytes("half")));
    co_return std::unexpected(Errc::corrupt);
  };
  std::string answer = answer_to("GET / HTTP/1.1\r\nHost: x\r\n\r\n", SIZE_MAX, failing);
  EXPECT_EQ(answer, Error(Errc::reset).message());
}

TEST(HttpServer, HoldsAHandlerToTheLengthItAnnounced) {
  Handler wrong = [](Request&, ResponseWriter& response) -> Task<void> {
    response.headers.set("Content-Length", "3");
    auto written = co_await response.write(as_bytes("four"));
    EXPECT_TRUE(!written && written.error().is(HttpError::wrong_length));
    co_return written;
  };
  EXPECT_EQ(answer_to("GET / HTTP/1.1\r\nHost: x\r\n\r\n", SIZE_MAX, wrong),
            Error(Errc::reset).message());
}

std::string status_line(const std::string& answer) {
  return answer.substr(0, answer.find("\r\n"));
}

TEST(HttpServer, RefusesWhatCouldBeReadInTwoWays) {
  struct Case {
    const char* sent;
    const char* status;
  };
  const Case cases[] = {
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
       "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
       "HTTP/1.1 400 Bad Request"},
      {"GET / HTTP/1.1\nHost: x\n\n", "HTTP/1.1 400 Bad Request"},
      {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request"},
      {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", "HTTP/1.1 505 HTTP Version Not Supported"},
      {"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 501 Not Implemented"},
      {"GET / HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\n\r\n", "HTTP/1.1 417 Expectation Failed"},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
       "HTTP/1.1 400 Bad Request"},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n",
       "HTTP/1.1 413 Content Too Large"},
  };
  for (const Case& one : cases) {
    std::string answer = answer_to(one.sent);
    EXPECT_EQ(status_line(answer), one.status) << one.sent;
    EXPECT_EQ(answer.find("smuggled"), std::string::npos);
  }
  std::string long_head = "GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(70'000, 'a');
  EXPECT_EQ(status_line(answer_to(long_head)), "HTTP/1.1 431 Request Header Fields Too Large");
}

TEST(HttpServer, SaysContinueWhenItsHandlerWantsTheBody) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world, echo);
    KITH_CO_TRY(auto stream, co_await site.dial());
    KITH_CO_CHECK(co_await stream->write(as_bytes(
        "POST /b HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")));
    KITH_CO_TRY(std::string interim, co_await read_until(*stream, "\r\n\r\n"));
    EXPECT_EQ(interim, "HTTP/1.1 100 Continue\r\n\r\n");
    KITH_CO_CHECK(co_await stream->write(as_bytes("data")));
    KITH_CO_TRY(std::string answer, co_await read_until(*stream, "data"));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
    co_return co_await site.server.stop(1s);
  });
}

TEST(HttpServer, ClosesAfterAnAnswerToABodyItNeverAskedFor) {
  Handler refusing = [](Request&, ResponseWriter& response) -> Task<void> {
    co_return co_await response.send(403, "", as_bytes("no"));
  };
  std::string answer =
      answer_to("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n",
                SIZE_MAX, refusing);
  EXPECT_EQ(status_line(answer), "HTTP/1.1 403 Forbidden");
  EXPECT_EQ(answer.find("100 Continue"), std::string::npos);
}

TEST(HttpServer, EndsASlowLoris) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world, echo);
    KITH_CO_TRY(auto stream, co_await site.dial());
    KITH_CO_CHECK(co_await stream->write(as_bytes("GET / HTTP/1.1\r\n")));
    Instant began = world.now();
    for (int i = 0; i < 20 && site.server.connections() > 0; ++i) {
      auto written = co_await stream->write(as_bytes("A: b\r\n"));
      if (!written) break;
      KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
    }
    EXPECT_EQ(site.server.connections(), 0u);
    EXPECT_LT(world.now() - began, head_deadline + 3s);
    KITH_CO_TRY(std::string answer, co_await read_text(*stream));
    EXPECT_EQ(status_line(answer), "HTTP/1.1 408 Request Timeout");
    co_return co_await site.server.stop(1s);
  });
}

TEST(HttpServer, ClosesAnIdleConnectionQuietly) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world, echo);
    KITH_CO_TRY(auto stream, co_await site.dial());
    KITH_CO_TRY(std::string nothing, co_await read_text(*stream));
    EXPECT_EQ(nothing, "");
    EXPECT_GE(world.now() - sim::world_begin, idle_timeout);
    co_return co_await site.server.stop(1s);
  });
}

/// A handler that waits for what never comes, and tells how it ended.
struct Stuck {
  explicit Stuck(port::Clock& clock) : never_comes(clock) {}
  Task<void> handle(Request&, ResponseWriter& response) {
    if (flushes) KITH_CO_CHECK(co_await response.flush());
    ++begun;
    auto waited = co_await never_comes.wait();
    ended_with = waited.error();
    co_return waited;
  }
  Handler handler() {
    return [this](Request& request, ResponseWriter& response) { return handle(request, response); };
  }
  port::Event never_comes;
  bool flushes = false;
  int begun = 0;
  std::optional<Error> ended_with;
};

Task<void> wait_for(World& world, std::function<bool()> done) {
  for (int i = 0; i < 10'000 && !done(); ++i)
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 10ms));
  EXPECT_TRUE(done());
  co_return Result<void>{};
}

/// Ready tasks run in any order.
sim::WorldOptions shuffled() {
  sim::WorldOptions options;
  options.shuffle_ready = true;
  return options;
}

TEST(HttpServer, CancelsAHandlerWhoseClientGoesAway) {
  for (bool flushes : {false, true}) {
    for (bool resets : {false, true}) {
      struct Plan {
        bool flushes;
        bool resets;
      } plan{flushes, resets};
      for (std::uint64_t seed = 1; seed <= 20; ++seed)
        sim::run_test_with(
            seed, shuffled(),
            +[](World& world, Plan& with) -> Task<void> {
              Stuck stuck(world.clock());
              stuck.flushes = with.flushes;
              Site site(world, stuck.handler());
              KITH_CO_TRY(auto stream, co_await site.dial());
              KITH_CO_CHECK(co_await stream->write(as_bytes("GET / HTTP/1.1\r\nHost: x\r\n\r\n")));
              std::function<bool()> begun = [&stuck] { return stuck.begun == 1; };
              KITH_CO_CHECK(co_await wait_for(world, begun));
              Instant left_at = world.now();
              if (!with.resets) KITH_CO_CHECK(co_await stream->close_write());
              stream.reset();
              std::function<bool()> ended = [&stuck] { return stuck.ended_with.has_value(); };
              KITH_CO_CHECK(co_await wait_for(world, ended));
              EXPECT_TRUE(stuck.ended_with->is(Errc::cancelled));
              EXPECT_LT(world.now() - left_at, 1s);
              std::function<bool()> closed = [&site] { return site.server.connections() == 0; };
              KITH_CO_CHECK(co_await wait_for(world, closed));
              EXPECT_EQ(site.server.requests_in_flight(), 0u);
              co_return co_await site.server.stop(1s);
            },
            plan);
    }
  }
}

// What a client sends behind a request isn't read without end, nor does it keep the request alive.
TEST(HttpServer, CancelsAHandlerWhoseClientGoesAwayBehindMoreThanItIsReadFor) {
  for (std::size_t behind : {std::size_t{100}, 16 * inbox_bytes_max}) {
    struct Plan {
      std::size_t behind;
    } plan{behind};
    sim::run_test(
        1,
        +[](World& world, Plan& with) -> Task<void> {
          Stuck stuck(world.clock());
          Site site(world, stuck.handler());
          KITH_CO_TRY(auto stream, co_await site.dial());
          std::string sent = "GET / HTTP/1.1\r\nHost: x\r\n\r\n" + std::string(with.behind, 'G');
          auto written = co_await stream->write(as_bytes(sent), world.now() + 1s);
          EXPECT_EQ(written.has_value(), with.behind < inbox_bytes_max);
          if (written) KITH_CO_CHECK(co_await stream->close_write());
          stream.reset();
          std::function<bool()> ended = [&stuck] { return stuck.ended_with.has_value(); };
          KITH_CO_CHECK(co_await wait_for(world, ended));
          EXPECT_TRUE(stuck.ended_with->is(Errc::cancelled));
          std::function<bool()> closed = [&site] { return site.server.connections() == 0; };
          KITH_CO_CHECK(co_await wait_for(world, closed));
          co_return co_await site.server.stop(1s);
        },
        plan);
  }
}

// As `printf ... | nc -N host port | pv -L 64k`.
TEST(HttpServer, GoesOnAnsweringAClientThatHasClosedItsSideAndReads) {
  sim::run_test(1, [](World& world) -> Task<void> {
    static constexpr std::size_t size = 4 << 20;
    auto big = [](Request&, ResponseWriter& response) -> Task<void> {
      Bytes part(size / 16);
      for (int i = 0; i < 16; ++i)
        KITH_CO_CHECK(co_await response.write(part));
      co_return Result<void>{};
    };
    Site site(world, big);
    KITH_CO_TRY(auto stream, co_await site.dial());
    std::string request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    request += request;
    KITH_CO_CHECK(co_await stream->write(as_bytes(request)));
    KITH_CO_CHECK(co_await stream->close_write());
    std::size_t got = 0;
    for (;;) {
      KITH_CO_TRY(Buffer part, co_await stream->read_buffer(64 * 1024));
      if (part.empty()) break;
      got += part.size();
      KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
    }
    EXPECT_GT(got, 2 * size);
    co_return co_await site.server.stop(1s);
  });
}

TEST(HttpServer, AnswersAClientThatHasClosedItsSide) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world, echo);
    KITH_CO_TRY(auto stream, co_await site.dial());
    KITH_CO_CHECK(co_await stream->write(as_bytes("GET /q HTTP/1.1\r\nHost: x\r\n\r\n")));
    KITH_CO_CHECK(co_await stream->close_write());
    KITH_CO_TRY(std::string answer, co_await read_text(*stream));
    EXPECT_TRUE(answer.ends_with("GET /q ")) << answer;
    co_return co_await site.server.stop(1s);
  });
}

TEST(HttpServer, StopsWithinItsGrace) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Stuck stuck(world.clock());
    Site site(world, stuck.handler());
    KITH_CO_TRY(auto idle, co_await site.dial());
    KITH_CO_TRY(auto busy, co_await site.dial());
    KITH_CO_CHECK(co_await busy->write(as_bytes("GET / HTTP/1.1\r\nHost: x\r\n\r\n")));
    std::function<bool()> begun = [&stuck] { return stuck.begun == 1; };
    KITH_CO_CHECK(co_await wait_for(world, begun));
    Instant asked = world.now();
    KITH_CO_CHECK(co_await site.server.stop(2s));
    EXPECT_EQ(world.now() - asked, 2s);
    EXPECT_TRUE(stuck.ended_with && stuck.ended_with->is(Errc::cancelled));
    KITH_CO_TRY(std::string nothing, co_await read_text(*idle));
    EXPECT_EQ(nothing, "");
    auto refused = co_await site.dial();
    EXPECT_FALSE(refused.has_value());
    co_return Result<void>{};
  });
}

TEST(HttpServer, LetsARequestEndInTheGraceOfAStop) {
  sim::run_test(1, [](World& world) -> Task<void> {
    port::Clock& clock = world.clock();
    Handler slow = [&clock](Request&, ResponseWriter& response) -> Task<void> {
      // The lambda outlives the call: the server keeps it.
      KITH_CO_CHECK(co_await port::sleep_for(clock, 1s));
      co_return co_await response.send(200, "", as_bytes("done"));
    };
    Site site(world, slow);
    KITH_CO_TRY(auto stream, co_await site.dial());
    KITH_CO_CHECK(co_await stream->write(as_bytes("GET / HTTP/1.1\r\nHost: x\r\n\r\n")));
    std::function<bool()> begun = [&site] { return site.server.requests_in_flight() == 1; };
    KITH_CO_CHECK(co_await wait_for(world, begun));
    Instant asked = world.now();
    KITH_CO_CHECK(co_await site.server.stop(5s));
    EXPECT_LT(world.now() - asked, 2s);
    KITH_CO_TRY(std::string answer, co_await read_text(*stream));
    EXPECT_TRUE(answer.ends_with("done")) << answer;
    EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
    co_return Result<void>{};
  });
}

TEST(HttpServer, TellsClientsBeyondItsLimitThatAllOthersAreAtWork) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Stuck stuck(world.clock());
    ServerLimits limits;
    limits.connections_max = 1;
    Site site(world, stuck.handler(), limits);
    KITH_CO_TRY(auto busy, co_await site.dial());
    KITH_CO_CHECK(co_await busy->write(as_bytes("GET / HTTP/1.1\r\nHost: x\r\n\r\n")));
    std::function<bool()> begun = [&stuck] { return stuck.begun == 1; };
    KITH_CO_CHECK(co_await wait_for(world, begun));
    KITH_CO_TRY(auto second, co_await site.dial());
    KITH_CO_CHECK(co_await second->write(as_bytes("GET / HTTP/1.1\r\nHost: x\r\n\r\n")));
    KITH_CO_TRY(std::string answer, co_await read_until(*second, "connections: 1 at a time\n"));
    EXPECT_EQ(status_line(answer), "HTTP/1.1 503 Service Unavailable");
    EXPECT_EQ(site.server.connections(), 1u);
    co_return co_await site.server.stop(0s);
  });
}

/// One address holds all connections that it may, half of them in the middle of a head; whoever
/// asks for something, from there too, is served at once, and the number stays.
Task<void> serves_beside_hoarders(World& world, ServerLimits& limits) {
  constexpr std::size_t hoarded = 6;
  Site site(world, echo, limits);
  std::vector<std::unique_ptr<port::TcpStream>> hoard;
  for (std::size_t i = 0; i < hoarded; ++i) {
    KITH_CO_TRY(auto stream, co_await site.dial());
    if (i % 2 == 1) KITH_CO_CHECK(co_await stream->write(as_bytes("GET / HT")));
    hoard.push_back(std::move(stream));
  }
  std::function<bool()> full = [&] { return site.server.connections() == hoarded; };
  KITH_CO_CHECK(co_await wait_for(world, full));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), give_way_after));
  const Instant asked = world.now();
  for (std::size_t i = 0; i < 2 * hoarded; ++i) {
    KITH_CO_TRY(auto stream, co_await site.dial());
    KITH_CO_CHECK(co_await stream->write(
        as_bytes("GET /here HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")));
    KITH_CO_TRY(std::string answer, co_await read_text(*stream));
    EXPECT_TRUE(answer.ends_with("GET /here ")) << answer;
    EXPECT_LE(site.server.connections(), hoarded + 1);
  }
  EXPECT_LT(world.now() - asked, 10s);
  // Who waited longest went, and nobody else.
  KITH_CO_TRY(std::string nothing, co_await read_text(*hoard[0]));
  EXPECT_EQ(nothing, "");
  KITH_CO_CHECK(co_await hoard[hoarded - 2]->write(
      as_bytes("GET /too HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")));
  KITH_CO_TRY(std::string kept, co_await read_text(*hoard[hoarded - 2]));
  EXPECT_TRUE(kept.ends_with("GET /too ")) << kept;
  co_return co_await site.server.stop(0s);
}

TEST(HttpServer, WhoAsksForNothingGivesWayWhenAllConnectionsAreTaken) {
  ServerLimits limits;
  limits.connections_max = 6;
  sim::run_test(1, serves_beside_hoarders, limits);
}

TEST(HttpServer, WhoAsksForNothingGivesWayWhenAnAddressHasAllItMay) {
  ServerLimits limits;
  limits.connections_per_address_max = 6;
  sim::run_test(1, serves_beside_hoarders, limits);
}

TEST(HttpServer, GivesAHandlerTheRawStream) {
  Handler upgrading = [](Request&, ResponseWriter& response) -> Task<void> {
    response.headers.set("Connection", "Upgrade");
    response.headers.set("Upgrade", "shout");
    KITH_CO_TRY(port::Stream * raw, co_await response.take_over());
    for (;;) {
      KITH_CO_TRY(Buffer part, co_await raw->read_buffer(100));
      if (part.empty()) break;
      KITH_CO_CHECK(co_await raw->write(part));
    }
    KITH_CO_CHECK(co_await raw->write(as_bytes("!")));
    co_return Result<void>{};
  };
  struct Plan {
    Handler handler;
  } plan{upgrading};
  sim::run_test(
      1,
      +[](World& world, Plan& with) -> Task<void> {
        Site site(world, with.handler);
        KITH_CO_TRY(auto stream, co_await site.dial());
        KITH_CO_CHECK(co_await stream->write(as_bytes(
            "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\nhe")));
        KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 3s));
        KITH_CO_CHECK(co_await stream->write(as_bytes("llo")));
        KITH_CO_CHECK(co_await stream->close_write());
        KITH_CO_TRY(std::string answer, co_await read_text(*stream));
        EXPECT_EQ(without_date(answer),
                  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: shout\r\n"
                  "\r\nhello!");
        co_return co_await site.server.stop(1s);
      },
      plan);
}

}  // namespace
}  // namespace kith::http
