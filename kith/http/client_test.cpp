#include <gtest/gtest.h>

#include <kith/http/client.hpp>
#include <kith/http/multipart.hpp>
#include <kith/http/server.hpp>
#include <kith/port/task_group.hpp>
#include <kith/sim/testing.hpp>

namespace kith::http {
namespace {

using sim::World;

constexpr std::uint16_t test_port = 5001;

struct Site {
  Site(World& world, Handler handler, ServerLimits limits = {})
      : far(world.add_node()),
        near(world.add_node()),
        server(far.env(), limits, std::move(handler)),
        client(near.env(), {}) {
    EXPECT_TRUE(server.listen(far.endpoint(test_port)).has_value());
  }

  ClientRequest request(std::string target) {
    ClientRequest made;
    made.host = far.address().to_string();
    made.port = test_port;
    made.target = std::move(target);
    return made;
  }

  Task<void> end() {
    KITH_CO_CHECK(co_await client.close());
    co_return co_await server.stop(1s);
  }

  sim::Node& far;
  sim::Node& near;
  Server server;
  Client client;
};

/// `size` bytes that differ from place to place, made as they are read.
class PatternBody final : public BodyReader {
 public:
  explicit PatternBody(std::size_t size, std::size_t piece = 50'000) : size_(size), piece_(piece) {}
  static std::uint8_t at(std::size_t place) { return static_cast<std::uint8_t>(place * 31 >> 3); }
  Task<Buffer> read_buffer(std::size_t size_max, Instant) override {
    Buffer part = Buffer::allocate(std::min({piece_, size_max, size_ - made_}));
    for (std::uint8_t& byte : part.mutable_bytes())
      byte = at(made_++);
    co_return part;
  }
  std::size_t made() const { return made_; }

 private:
  std::size_t size_;
  std::size_t piece_;
  std::size_t made_ = 0;
};

Task<std::size_t> check_pattern(BodyReader& body) {
  std::size_t place = 0;
  bool same = true;
  for (;;) {
    KITH_CO_TRY(Buffer part, co_await body.read_buffer());
    if (part.empty()) break;
    for (std::uint8_t byte : part.view())
      same = same && byte == PatternBody::at(place++);
  }
  EXPECT_TRUE(same);
  co_return place;
}

constexpr std::size_t big = 3'000'000;

/// Sends back what comes, while it comes.
Task<void> mirror(Request& request, ResponseWriter& response) {
  request.body.allow(UINT64_MAX);
  response.headers.add("Trailer", "X-Stream-Error");
  KITH_CO_CHECK(co_await response.flush());
  for (;;) {
    KITH_CO_TRY(Buffer part, co_await request.body.read_buffer());
    if (part.empty()) break;
    KITH_CO_CHECK(co_await response.write(part));
  }
  response.trailers.add("X-Stream-Error", "none");
  co_return Result<void>{};
}

TEST(HttpClient, StreamsBothWaysAtOnce) {
  sim::run_seeds(1, 5, [](World& world) -> Task<void> {
    Site site(world, mirror);
    for (bool announced : {false, true}) {
      ClientRequest request = site.request("/");
      request.body = std::make_unique<PatternBody>(big);
      if (announced) request.body_bytes = big;
      KITH_CO_TRY(ResponsePtr response, co_await site.client.send(std::move(request)));
      EXPECT_EQ(response->status, 200);
      KITH_CO_TRY(std::size_t size, co_await check_pattern(*response));
      EXPECT_EQ(size, big);
      EXPECT_EQ(response->trailers().get("x-stream-error"), "none");
    }
    co_return co_await site.end();
  });
}

TEST(HttpClient, ReusesItsConnection) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Handler hello = [](Request& request, ResponseWriter& response) -> Task<void> {
      co_return co_await response.send(200, "text/plain", as_bytes(request.path));
    };
    Site site(world, hello);
    for (int i = 0; i < 3; ++i) {
      ClientRequest request = site.request("/x");
      KITH_CO_TRY(ResponsePtr response, co_await site.client.send(std::move(request)));
      KITH_CO_TRY(Bytes body, co_await read_all(*response, 100));
      EXPECT_EQ(as_text(body), "/x");
      EXPECT_EQ(site.server.connections(), 1u);
    }
    // The server gives the idle connection up; the client notices and dials again.
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), idle_timeout + 5s));
    EXPECT_EQ(site.server.connections(), 0u);
    ClientRequest request = site.request("/y");
    KITH_CO_TRY(ResponsePtr response, co_await site.client.send(std::move(request)));
    KITH_CO_TRY(Bytes body, co_await read_all(*response, 100));
    EXPECT_EQ(as_text(body), "/y");
    co_return co_await site.end();
  });
}

TEST(HttpClient, ReadsAnEarlyAnswerToAnUploadNobodyWants) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Handler refusing = [](Request&, ResponseWriter& response) -> Task<void> {
      co_return co_await response.send(403, "text/plain", as_bytes("no"));
    };
    Site site(world, refusing);
    ClientRequest request = site.request("/");
    request.body = std::make_unique<PatternBody>(SIZE_MAX);
    KITH_CO_TRY(ResponsePtr response, co_await site.client.send(std::move(request)));
    EXPECT_EQ(response->status, 403);
    KITH_CO_TRY(Bytes body, co_await read_all(*response, 100));
    EXPECT_EQ(as_text(body), "no");
    co_return co_await site.end();
  });
}

/// Writes for ever and counts.
struct Endless {
  Task<void> handle(Request&, ResponseWriter& response) {
    Bytes part(16 * 1024);
    for (;;) {
      auto sent = co_await response.write(part);
      if (!sent) {
        ended_with = sent.error();
        co_return sent;
      }
      written += part.size();
    }
  }
  std::size_t written = 0;
  std::optional<Error> ended_with;
};

TEST(HttpServer, WaitsForAClientThatDoesNotRead) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Endless endless;
    Handler handler = [&endless](Request& request, ResponseWriter& response) {
      return endless.handle(request, response);
    };
    Site site(world, handler);
    ClientRequest request = site.request("/");
    KITH_CO_TRY(ResponsePtr response, co_await site.client.send(std::move(request)));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 60s));
    std::size_t before = endless.written;
    EXPECT_LE(before, 2u * 1024 * 1024) << "a window at most";
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 60s));
    EXPECT_EQ(endless.written, before);
    for (std::size_t got = 0; got < 300'000;) {
      KITH_CO_TRY(Buffer part, co_await response->read_buffer());
      got += part.size();
    }
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 60s));
    EXPECT_GT(endless.written, before);
    // Dropping the response tells the server.
    response.reset();
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
    EXPECT_TRUE(endless.ended_with.has_value());
    EXPECT_EQ(site.server.connections(), 0u);
    co_return co_await site.end();
  });
}

TEST(HttpServer, ReadsNoFurtherThanItsHandler) {
  sim::run_test(1, [](World& world) -> Task<void> {
    port::Event go_on(world.clock());
    std::size_t got = 0;
    Handler late = [&go_on, &got](Request& request, ResponseWriter&) -> Task<void> {
      request.body.allow(UINT64_MAX);
      KITH_CO_CHECK(co_await go_on.wait());
      KITH_CO_TRY(got, co_await check_pattern(request.body));
      co_return Result<void>{};
    };
    Site site(world, late);
    auto body = std::make_unique<PatternBody>(2 * big);
    PatternBody& upload = *body;
    ClientRequest request = site.request("/");
    request.body = std::move(body);
    auto response = co_await site.client.send(std::move(request), world.now() + 60s);
    EXPECT_TRUE(!response && response.error().is(Errc::timed_out));
    EXPECT_LT(upload.made(), big);
    // The timed-out request was reset, which the handler hears of when it reads on.
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
    go_on.notify_all();
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
    EXPECT_EQ(site.server.requests_in_flight(), 0u);
    EXPECT_EQ(got, 0u);
    co_return co_await site.end();
  });
}

TEST(HttpClient, SaysWhomItCannotReachAndWhatToTry) {
  sim::run_test(1, [](World& world) -> Task<void> {
    sim::Node& near = world.add_node();
    sim::Node& far = world.add_node();
    ClientOptions options;
    options.unreachable_hint = "is the daemon running?";
    Client client(near.env(), options);
    ClientRequest request;
    request.host = far.address().to_string();
    request.port = 5001;
    auto response = co_await client.send(std::move(request));
    KITH_CO_REQUIRE(!response.has_value());
    std::string message = response.error().message();
    EXPECT_NE(message.find("can't reach " + far.address().to_string() + ":5001"), std::string::npos)
        << message;
    EXPECT_NE(message.find("is the daemon running?"), std::string::npos) << message;
    EXPECT_TRUE(response.error().is_errno(ECONNREFUSED));
    co_return co_await client.close();
  });
}

TEST(HttpClient, TellsAResponseThatBreaksOff) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Handler breaking = [](Request&, ResponseWriter& response) -> Task<void> {
      KITH_CO_CHECK(co_await response.write(as_bytes("half")));
      co_return std::unexpected(Errc::corrupt);
    };
    Site site(world, breaking);
    ClientRequest request = site.request("/");
    auto response = co_await site.client.send(std::move(request));
    if (response) {
      auto body = co_await read_all(**response, 100);
      EXPECT_TRUE(!body && body.error().is(Errc::reset));
    } else {
      EXPECT_TRUE(response.error().is(Errc::reset));
    }
    co_return co_await site.end();
  });
}

/// A file that can't be read to its end.
class BrokenBody final : public BodyReader {
 public:
  Task<Buffer> read_buffer(std::size_t, Instant) override {
    if (given_) co_return std::unexpected(Error::from_errno(EIO, "read file"));
    given_ = true;
    co_return Buffer::copy_of(as_bytes("some"));
  }

 private:
  bool given_ = false;
};

TEST(HttpClient, TellsWhyAnUploadFailedAndLeavesNoHalfOfIt) {
  sim::run_test(1, [](World& world) -> Task<void> {
    bool took_it_for_whole = false;
    Handler reading = [&took_it_for_whole](Request& request, ResponseWriter&) -> Task<void> {
      KITH_CO_TRY(Bytes body, co_await read_all(request.body, 1000));
      took_it_for_whole = true;
      co_return Result<void>{};
    };
    Site site(world, reading);
    ClientRequest request = site.request("/");
    request.body = std::make_unique<BrokenBody>();
    auto response = co_await site.client.send(std::move(request));
    EXPECT_TRUE(!response && response.error().is_errno(EIO));
    KITH_CO_CHECK(co_await site.end());
    EXPECT_FALSE(took_it_for_whole);
    co_return Result<void>{};
  });
}

TEST(HttpClient, UploadsATreeAsMultipart) {
  sim::WorldOptions options;
  options.shuffle_ready = true;
  for (std::uint64_t seed = 1; seed <= 10; ++seed)
    sim::run_test_with(seed, options, [](World& world) -> Task<void> {
      Handler adding = [](Request& request, ResponseWriter& response) -> Task<void> {
        request.body.allow(UINT64_MAX);
        auto boundary = multipart_boundary(request.headers.get("content-type").value_or(""));
        if (!boundary) co_return std::unexpected(boundary.error());
        MultipartReader reader(request.body, *boundary);
        for (;;) {
          KITH_CO_TRY(std::optional<MultipartReader::Part> part, co_await reader.next_part());
          if (!part) break;
          KITH_CO_TRY(std::size_t size, co_await check_pattern(reader));
          std::string line = part->info.path + ' ' + std::to_string(size) + '\n';
          KITH_CO_CHECK(co_await response.write(as_bytes(line)));
        }
        co_return Result<void>{};
      };
      Site site(world, adding);
      std::size_t next = 0;
      auto give = [&next]() -> Task<std::optional<MultipartBody::Part>> {
        if (next == 3) co_return std::nullopt;
        MultipartBody::Part part;
        part.info.path = "f" + std::to_string(next);
        part.body = std::make_unique<PatternBody>(next++ * 1'000'000);
        co_return std::move(part);
      };
      ClientRequest request = site.request("/api/v0/add");
      auto body = std::make_unique<MultipartBody>(make_boundary(site.near.env().random), give);
      request.headers.add("Content-Type", body->content_type());
      request.body = std::move(body);
      KITH_CO_TRY(ResponsePtr response, co_await site.client.send(std::move(request)));
      KITH_CO_TRY(Bytes answer, co_await read_all(*response, 1000));
      EXPECT_EQ(as_text(answer), "f0 0\nf1 1000000\nf2 2000000\n");
      co_return co_await site.end();
    });
}

}  // namespace
}  // namespace kith::http
