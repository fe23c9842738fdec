#include <set>

#include <boost/json.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <kith/api/detail/remote.hpp>
#include <kith/api/detail/sentence.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/api/detail/waiting.hpp>
#include <kith/api/rpc.hpp>
#include <kith/http/client.hpp>
#include <kith/port/task_group.hpp>
#include <kith/sim/testing.hpp>

namespace kith::api::testing {
namespace {

using http::Headers;
using sim::World;

constexpr std::uint16_t test_port = 5001;
constexpr int many_values = 100'000;

json::value numbered(int number) {
  json::object value;
  value["N"] = number;
  return value;
}

// Commands that need no node.

Task<void> run_count(Context&, const Request& request, Output& output) {
  json::object value;
  value["Count"] = request.arguments().size();
  value["First"] = request.argument(0);
  value["Last"] = request.arguments().back();
  co_return co_await output.value(std::move(value));
}

Task<void> run_fail(Context&, const Request&, Output&) {
  co_return std::unexpected(say("it went wrong"));
}

Task<void> run_half(Context&, const Request&, Output& output) {
  KITH_CO_CHECK(co_await output.value(numbered(1)));
  co_return std::unexpected(say("it went wrong later"));
}

Task<void> run_late(Context& context, const Request&, Output& output) {
  KITH_CO_CHECK(co_await output.value(numbered(1)));
  KITH_CO_CHECK(co_await output.value(numbered(2)));
  KITH_CO_CHECK(co_await port::sleep_for(context.env.clock, 10min));
  co_return co_await output.value(numbered(3));
}

Task<void> run_many(Context&, const Request&, Output& output) {
  for (int i = 0; i < many_values; ++i)
    KITH_CO_CHECK(co_await output.value(numbered(i)));
  co_return Result<void>{};
}

Task<void> run_nothing(Context&, const Request&, Output&) {
  co_return Result<void>{};
}

Task<void> run_whole(Context&, const Request&, Output& output) {
  co_return co_await output.value(numbered(1));
}

Task<void> run_stream(Context&, const Request&, Output& output) {
  output.announce_stream();
  co_return co_await output.value(numbered(1));
}

Task<void> run_cut_short(Context&, const Request&, Output& output) {
  output.announce_length(1000);
  co_return std::unexpected(say("nothing came"));
}

/// One transfer, which stands still.
Task<void> run_transfers(Context&, const Request&, Output& output) {
  json::object transfer;
  transfer["BlocksReceived"] = 0;
  transfer["Waiting"] = "waiting for a block";
  json::object value;
  value["Transfers"] = json::array({transfer});
  co_return co_await output.value(std::move(value));
}

CommandTable make_table() {
  CommandTable table;
  const auto add = [&table](std::string path, auto* run) {
    table.add({.path = std::move(path), .where = Where::anywhere, .streams = true, .run = run});
  };
  table.add({.path = "count",
             .arguments = {{.name = "key", .variadic = true, .from_stdin = true}},
             .options = {{"depth", 0, OptionKind::integer, "How deep.", ""}},
             .where = Where::anywhere,
             .run = run_count});
  add("fail", run_fail);
  add("half", run_half);
  add("late", run_late);
  add("many", run_many);
  add("nothing", run_nothing);
  table.add({.path = "stats transfers",
             .arguments = {{.name = "id"}},
             .where = Where::anywhere,
             .run = run_transfers});
  table.add({.path = "whole", .where = Where::anywhere, .run = run_whole});
  table.add({.path = "stream", .where = Where::anywhere, .run = run_stream});
  table.add({.path = "cut short",
             .where = Where::anywhere,
             .output = OutputKind::bytes,
             .run = run_cut_short});
  table.add(*make_command_table().find("commands"));
  table.add({.path = "slow fetch", .where = Where::anywhere, .transfers = true, .run = run_late});
  return table;
}

struct Answer {
  int status = 0;
  Headers headers;
  std::string body;
  std::string stream_error;

  std::string header(std::string_view name) const {
    return std::string(headers.get(name).value_or("(none)"));
  }
};

Task<void> break_off(http::ResponseWriter& response) {
  KITH_CO_CHECK(co_await response.write(as_bytes("{")));
  co_return std::unexpected(Errc::closed);
}

/// A daemon's RPC on one node, a client on another.
struct Site {
  explicit Site(World& world, RpcOptions options = {})
      : far(world.add_node()),
        near(world.add_node()),
        table(make_table()),
        rpc(table, Context{far.env(), nullptr, "/home", "kith"}, std::move(options)),
        server(far.env(), {},
               [this](http::Request& request, http::ResponseWriter& response) {
                 const bool broken = far.env().clock.now() < transfers_broken_until;
                 if (broken && request.path.ends_with("transfers")) return break_off(response);
                 return rpc.serve(request, response);
               }),
        client(near.env(), {}) {
    EXPECT_TRUE(server.listen(far.endpoint(test_port)).has_value());
  }

  http::ClientRequest request(std::string path) const {
    http::ClientRequest made;
    made.host = far.address().to_string();
    made.port = test_port;
    made.target = "/api/v0/" + path;
    return made;
  }
  std::string own_origin() const {
    return fmt::format("http://{}:{}", far.address().to_string(), test_port);
  }

  Task<Answer> send(http::ClientRequest call) {
    KITH_CO_TRY(http::ResponsePtr response, co_await client.send(std::move(call)));
    Answer answer;
    answer.status = response->status;
    answer.headers = response->headers;
    KITH_CO_TRY(Bytes body, co_await http::read_all(*response, 64 * 1024 * 1024));
    answer.body = as_text(body);
    answer.stream_error = response->trailers().get("X-Stream-Error").value_or("");
    co_return answer;
  }
  Task<Answer> post(std::string path, Headers headers = {}, std::string method = "POST") {
    http::ClientRequest call = request(std::move(path));
    call.headers = std::move(headers);
    call.method = std::move(method);
    co_return co_await send(std::move(call));
  }
  /// What the server says to these bytes.
  Task<std::string> post_raw(std::string text) {
    KITH_CO_TRY(auto stream, co_await near.env().net.dial_tcp(far.endpoint(test_port), {}, never));
    KITH_CO_CHECK(co_await stream->write(as_bytes(text)));
    KITH_CO_TRY(Bytes all, co_await port::read_to_end(*stream, 64 * 1024 * 1024));
    co_return std::string(as_text(all));
  }
  Task<void> end() {
    KITH_CO_CHECK(co_await client.close());
    co_return co_await server.stop(1s);
  }

  Instant transfers_broken_until{};
  sim::Node& far;
  sim::Node& near;
  CommandTable table;
  Rpc rpc;
  http::Server server;
  http::Client client;
};

TEST(Rpc, RunsACommandAndSaysWhatItIs) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    KITH_CO_TRY(Answer answer, co_await site.post("count?arg=a&arg=b"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("Content-Type"), "application/json");
    EXPECT_EQ(answer.body, "{\"Count\":2,\"First\":\"a\",\"Last\":\"b\"}\n");
    EXPECT_EQ(answer.stream_error, "");
    KITH_CO_TRY(Answer nothing, co_await site.post("nothing"));
    EXPECT_EQ(nothing.status, 200);
    EXPECT_EQ(nothing.body, "");
    co_return co_await site.end();
  });
}

TEST(Rpc, RefusesOtherMethodsUnknownCommandsAndWrongArguments) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    for (std::string method : {"GET", "PUT", "DELETE"}) {
      KITH_CO_TRY(Answer answer, co_await site.post("count?arg=a", {}, method));
      EXPECT_EQ(answer.status, 405) << method;
      EXPECT_EQ(answer.header("Allow"), "OPTIONS, POST");
      EXPECT_EQ(answer.body, "405 - Method Not Allowed\n");
    }
    KITH_CO_TRY(Answer options, co_await site.post("count", {}, "OPTIONS"));
    EXPECT_EQ(options.status, 204);
    EXPECT_EQ(options.header("Allow"), "OPTIONS, POST");
    KITH_CO_TRY(Answer unknown, co_await site.post("no/such/command"));
    EXPECT_EQ(unknown.status, 404);
    EXPECT_EQ(unknown.body, "404 page not found\n");
    for (std::string wrong : {"count", "count?arg=a&depth=deep", "count?arg=a&timeout=soon"}) {
      KITH_CO_TRY(Answer answer, co_await site.post(wrong));
      EXPECT_EQ(answer.status, 400) << wrong;
      EXPECT_EQ(answer.header("Content-Type"), "text/plain; charset=utf-8");
      EXPECT_NE(answer.body, "\n");
    }
    co_return co_await site.end();
  });
}

TEST(Rpc, TellsAFailureBeforeItsOutputAndOneAfterIt) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    KITH_CO_TRY(Answer before, co_await site.post("fail"));
    EXPECT_EQ(before.status, 500);
    EXPECT_EQ(before.header("Content-Type"), "application/json");
    EXPECT_EQ(before.body, "{\"Message\":\"it went wrong\",\"Code\":0,\"Type\":\"error\"}\n");
    KITH_CO_TRY(Answer after, co_await site.post("half"));
    EXPECT_EQ(after.status, 200);
    EXPECT_EQ(after.header("Trailer"), "X-Stream-Error");
    EXPECT_EQ(after.header("X-Chunked-Output"), "1");
    EXPECT_EQ(after.body, "{\"N\":1}\n");
    EXPECT_EQ(after.stream_error, "it went wrong later");
    KITH_CO_TRY(Answer timed_out, co_await site.post("late?timeout=5s"));
    EXPECT_EQ(timed_out.body, "{\"N\":1}\n{\"N\":2}\n");
    EXPECT_NE(timed_out.stream_error.find("no answer within 5s"), std::string::npos);
    co_return co_await site.end();
  });
}

TEST(Rpc, ACommandThatHadNoTimeToBeginFails) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    for (std::string timeout : {"0", "0s"}) {
      KITH_CO_TRY(Answer answer, co_await site.post("late?timeout=" + timeout));
      EXPECT_EQ(answer.status, 500) << timeout;
      EXPECT_NE(answer.body.find("no answer within " + timeout), std::string::npos) << answer.body;
    }
    co_return co_await site.end();
  });
}

TEST(Rpc, AnnouncesTrailersWhereThereIsRoomForThem) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    KITH_CO_TRY(Answer nothing, co_await site.post("nothing"));
    EXPECT_EQ(nothing.header("Content-Length"), "0");
    EXPECT_FALSE(nothing.headers.has("Trailer"));
    KITH_CO_TRY(Answer chunked, co_await site.post("whole"));
    EXPECT_EQ(chunked.header("Trailer"), "X-Stream-Error");
    EXPECT_FALSE(chunked.headers.has("Content-Length"));
    co_return co_await site.end();
  });
}

TEST(Rpc, SaysOfACommandThatFailedNothingOfItsOutput) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    KITH_CO_TRY(Answer answer, co_await site.post("cut/short"));
    EXPECT_EQ(answer.status, 500);
    EXPECT_FALSE(answer.headers.has("X-Content-Length"));
    co_return co_await site.end();
  });
}

TEST(Rpc, MarksValuesThatComeOneByOne) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    KITH_CO_TRY(Answer whole, co_await site.post("whole"));
    EXPECT_FALSE(whole.headers.has("X-Chunked-Output"));
    KITH_CO_TRY(Answer stream, co_await site.post("stream"));
    EXPECT_EQ(stream.header("X-Chunked-Output"), "1");
    EXPECT_EQ(stream.body, whole.body);
    co_return co_await site.end();
  });
}

TEST(Rpc, RefusesAnEncodingThatItHasNot) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    for (std::string name : {"encoding", "enc"}) {
      KITH_CO_TRY(Answer json, co_await site.post(fmt::format("whole?{}=json", name)));
      EXPECT_EQ(json.status, 200);
      KITH_CO_TRY(Answer xml, co_await site.post(fmt::format("whole?{}=xml", name)));
      EXPECT_EQ(xml.status, 400);
      EXPECT_NE(xml.body.find("\"xml\" should be json or text"), std::string::npos) << xml.body;
    }
    co_return co_await site.end();
  });
}

TEST(Rpc, AnswersForItsPrefixWithoutASlashToo) {
  EXPECT_TRUE(is_rpc_path("/api/v0"));
  EXPECT_TRUE(is_rpc_path("/api/v0/cat"));
  EXPECT_FALSE(is_rpc_path("/api/v01"));
  EXPECT_FALSE(is_rpc_path("/api"));
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    for (std::string target : {"/api/v0", "/api/v0/"}) {
      http::ClientRequest post = site.request("");
      post.target = target;
      KITH_CO_TRY(Answer answer, co_await site.send(std::move(post)));
      EXPECT_EQ(answer.status, 404) << target;
    }
    http::ClientRequest get = site.request("");
    get.target = "/api/v0";
    get.method = "GET";
    KITH_CO_TRY(Answer refused, co_await site.send(std::move(get)));
    EXPECT_EQ(refused.status, 405);
    EXPECT_EQ(refused.header("Allow"), "OPTIONS, POST");
    co_return co_await site.end();
  });
}

void collect_paths(const json::value& of, const std::string& above, std::set<std::string>& paths) {
  for (const json::value& command : list_of(of, "Subcommands")) {
    const std::string path = above + text_of(command, "Name");
    EXPECT_TRUE(paths.insert(path).second) << path << " twice";
    if (path == "ls") {
      EXPECT_EQ(json_text(list_of(command, "Options")[0]), R"({"Names":["headers","v"]})");
      EXPECT_TRUE(list_of(command, "Subcommands").empty());
    }
    collect_paths(command, path + " ", paths);
  }
}

TEST(Rpc, ListsItsCommandsAsATree) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    KITH_CO_TRY(Answer answer, co_await site.post("commands"));
    EXPECT_EQ(answer.status, 200);
    const json::value root = json::parse(answer.body);
    EXPECT_EQ(text_of(root, "Name"), "kith");
    EXPECT_NE(answer.body.find(R"({"Names":["timeout"]})"), std::string::npos);
    std::set<std::string> paths;
    collect_paths(root, "", paths);
    const CommandTable table = make_command_table();
    for (const auto& [path, command] : table.all())
      EXPECT_TRUE(paths.contains(path)) << path;
    co_return co_await site.end();
  });
}

TEST(Rpc, RefusesPagesOfForeignOrigins) {
  sim::run_test(1, [](World& world) -> Task<void> {
    RpcOptions options;
    options.allowed_origins = {"https://friend.example"};
    Site site(world, options);
    const std::string own = site.own_origin();
    const std::vector<std::pair<Headers, int>> cases = {
        {Headers{}, 200},
        {Headers{{"Origin", own}}, 200},
        {Headers{{"Referer", own + "/webui/"}}, 200},
        {Headers{{"Origin", "https://friend.example"}}, 200},
        {Headers{{"Origin", "https://friend.example"}, {"Referer", own + "/"}}, 200},
        {Headers{{"Origin", "https://evil.example"}}, 403},
        {Headers{{"Origin", "null"}}, 403},
        {Headers{{"Origin", own + ".evil.example"}}, 403},
        {Headers{{"Referer", "https://evil.example/" + own}}, 403},
        {Headers{{"Referer", "nonsense"}}, 403},
        {Headers{{"Origin", own}, {"Referer", "https://evil.example/"}}, 403},
        {Headers{{"User-Agent", "curl/8.0"}}, 200},
        // A browser says where its page comes from, if it lets a page post at all.
        {Headers{{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"}}, 403},
        {Headers{{"User-Agent", "Mozilla/5.0"}, {"Origin", own}}, 200},
        {Headers{{"User-Agent", "Mozilla/5.0 Electron/30.0"}}, 200},
    };
    for (const auto& [headers, status] : cases) {
      KITH_CO_TRY(Answer answer, co_await site.post("count?arg=a", headers));
      EXPECT_EQ(answer.status, status)
          << answer.headers.get("Access-Control-Allow-Origin").value_or("") << ' '
          << headers.get("Origin").value_or("-") << ' ' << headers.get("Referer").value_or("-")
          << ' ' << headers.get("User-Agent").value_or("-");
      EXPECT_EQ(answer.headers.has("Access-Control-Allow-Origin"),
                status == 200 && headers.has("Origin"));
    }
    KITH_CO_TRY(
        Answer preflight,
        co_await site.post("count", Headers{{"Origin", "https://evil.example"}}, "OPTIONS"));
    EXPECT_EQ(preflight.status, 204);
    EXPECT_FALSE(preflight.headers.has("Access-Control-Allow-Origin"));
    co_return co_await site.end();
  });
}

TEST(Rpc, ServesOnlyWhoHasASecretForThePathIfThereAreAny) {
  sim::run_test(1, [](World& world) -> Task<void> {
    RpcOptions options;
    options.authorizations = Authorizations({{"bearer:one", {"/api/v0/count", "/api/v0/late"}},
                                             {"basic:me:my:word", {"/api/v0"}},
                                             {"plain", {}},
                                             {"magic:x", {"/api/v0"}},
                                             {"", {"/api/v0"}}});
    Site site(world, options);
    const std::string own = site.own_origin();
    const std::vector<std::tuple<std::string, Headers, int>> cases = {
        {"count?arg=a", {{"Authorization", "Bearer one"}}, 200},
        {"nothing", {{"Authorization", "Bearer one"}}, 403},
        {"version", {{"Authorization", "Bearer one"}}, 404},  // let in, but there is none here
        {"nothing", {{"Authorization", "Basic bWU6bXk6d29yZA=="}}, 200},
        {"version", {{"Authorization", "Bearer plain"}}, 404},
        {"count?arg=a", {{"Authorization", "Bearer plain"}}, 403},
        {"version", {}, 403},
        {"nothing", {}, 403},
        {"nothing", {{"Authorization", ""}}, 403},
        {"nothing", {{"Authorization", "Bearer "}}, 403},
        {"nothing", {{"Authorization", "magic:x"}}, 403},
        {"nothing", {{"Authorization", "Bearer x"}}, 403},
        {"nothing", {{"Authorization", "basic bWU6bXk6d29yZA=="}}, 403},
        {"nothing", {{"Authorization", "Basic bWU6bXk6d29yZA"}}, 403},
        {"no/such/command", {}, 403},
        // A secret doesn't open the door to foreign pages.
        {"nothing",
         {{"Authorization", "Basic bWU6bXk6d29yZA=="}, {"Origin", "https://evil.example"}},
         403},
        {"nothing", {{"Authorization", "Basic bWU6bXk6d29yZA=="}, {"Origin", own}}, 200},
    };
    for (const auto& [path, headers, status] : cases) {
      KITH_CO_TRY(Answer answer, co_await site.post(path, headers));
      EXPECT_EQ(answer.status, status) << path << ' ' << headers.get("Authorization").value_or("-");
    }
    for (std::string method : {"POST", "GET", "OPTIONS"}) {
      KITH_CO_TRY(Answer answer, co_await site.post("nothing", {}, method));
      EXPECT_EQ(answer.status, 403) << method;
      EXPECT_EQ(answer.header("Content-Type"), "text/plain; charset=utf-8");
      EXPECT_EQ(answer.body,
                "Kubo RPC Access Denied: Please provide a valid authorization token as defined in "
                "the API.Authorizations configuration.\n");
    }
    co_return co_await site.end();
  });
}

TEST(Rpc, RefusesEverybodyIfNoSecretMakesSense) {
  sim::run_test(1, [](World& world) -> Task<void> {
    RpcOptions options;
    options.authorizations = Authorizations({{"magic:x", {"/api/v0"}}});
    Site site(world, options);
    KITH_CO_TRY(Answer answer, co_await site.post("nothing"));
    EXPECT_EQ(answer.status, 403);
    co_return co_await site.end();
  });
}

TEST(Rpc, KnowsAForeignNameThatLeadsHereFromItsOwn) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    const auto post = [](std::string host, std::string more) {
      return fmt::format(
          "POST /api/v0/count?arg=a HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{}"
          "Content-Length: 0\r\n\r\n",
          host, more);
    };
    // A program may come by any name, as `kith --api /dns4/...` does.
    KITH_CO_TRY(std::string named, co_await site.post_raw(post("node.example:5001", "")));
    EXPECT_TRUE(named.starts_with("HTTP/1.1 200")) << named;
    KITH_CO_TRY(std::string local, co_await site.post_raw(post(
                                       "localhost:5001", "Origin: http://localhost:5001\r\n")));
    EXPECT_TRUE(local.starts_with("HTTP/1.1 200")) << local;
    // DNS rebinding: a page of evil.example, whose name leads here by now.
    KITH_CO_TRY(
        std::string rebound,
        co_await site.post_raw(post("evil.example:5001", "Origin: http://evil.example:5001\r\n")));
    EXPECT_TRUE(rebound.starts_with("HTTP/1.1 403")) << rebound;
    co_return co_await site.end();
  });
}

TEST(Rpc, SendsWhatACommandSaidWhileItWaits) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    const Instant begun = world.now();
    KITH_CO_TRY(http::ResponsePtr response, co_await site.client.send(site.request("late")));
    std::string got;
    while (got.size() < 16) {
      KITH_CO_TRY(Buffer part, co_await response->read_buffer());
      KITH_CO_REQUIRE(!part.empty());
      got += as_text(part);
    }
    EXPECT_EQ(got, "{\"N\":1}\n{\"N\":2}\n");
    EXPECT_LE(world.now() - begun, 1s);
    KITH_CO_TRY(Bytes rest, co_await http::read_all(*response, 1024));
    EXPECT_EQ(as_text(rest), "{\"N\":3}\n");
    EXPECT_GE(world.now() - begun, 10min);
    co_return co_await site.end();
  });
}

TEST(Rpc, GathersValuesThatComeTogether) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    KITH_CO_TRY(std::string all,
                co_await site.post_raw("POST /api/v0/many HTTP/1.1\r\nHost: [::1]\r\n"
                                       "Connection: close\r\n"
                                       "Content-Length: 0\r\n\r\n"));
    std::size_t payload = 0;
    for (int i = 0; i < many_values; ++i)
      payload += json::serialize(numbered(i)).size() + 1;
    EXPECT_TRUE(all.ends_with("\r\n0\r\n\r\n"));
    EXPECT_GE(all.size(), payload);
    // A chunk's frame takes at least 6 bytes: a write for each value would show.
    EXPECT_LE(all.size(), payload + payload / 100);
    co_return co_await site.end();
  });
}

/// A body as go-ipfs-cmds sends arguments: the lines of one file.
http::ClientRequest with_body(http::ClientRequest call, const std::string& lines) {
  const std::string boundary = "----boundary";
  std::string body = "--" + boundary +
                     "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"stdin\"\r\n"
                     "Content-Type: application/octet-stream\r\n\r\n" +
                     lines + "\r\n--" + boundary + "--\r\n";
  call.headers.set("Content-Type", "multipart/form-data; boundary=" + boundary);
  call.body_bytes = body.size();
  call.body = std::make_unique<http::MemoryBody>(Buffer::copy_of(as_bytes(body)));
  return call;
}

TEST(Rpc, TakesArgumentsFromTheBody) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    KITH_CO_TRY(Answer answer,
                co_await site.send(with_body(site.request("count?arg=a"), "b\r\n\nc\nd")));
    EXPECT_EQ(answer.body, "{\"Count\":4,\"First\":\"a\",\"Last\":\"d\"}\n");
    std::string lines;
    for (int i = 1; i <= 50'000; ++i)
      lines += fmt::format("bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2{:06}\n", i);
    KITH_CO_TRY(Answer many, co_await site.send(with_body(site.request("count"), lines)));
    EXPECT_NE(many.body.find("\"Count\":50000"), std::string::npos) << many.body;
    EXPECT_NE(many.body.find("km2050000\""), std::string::npos) << many.body;
    KITH_CO_TRY(Answer none, co_await site.send(with_body(site.request("count"), "\n\n")));
    EXPECT_EQ(none.status, 400);
    lines.assign(2 * (rpc_body_arguments_max + 1), '\n');
    for (std::size_t i = 0; i < lines.size(); i += 2)
      lines[i] = 'x';
    KITH_CO_TRY(Answer refused, co_await site.send(with_body(site.request("count"), lines)));
    EXPECT_EQ(refused.status, 400);
    EXPECT_NE(refused.body.find("more arguments than a call may have"), std::string::npos);
    co_return co_await site.end();
  });
}

// The other side: what the command line sends and shows.

class TestTerminal final : public Terminal {
 public:
  Result<void> out(std::string_view) override { return {}; }
  Result<void> err(std::string_view text) override {
    said += text;
    return {};
  }
  bool out_is_terminal() const override { return false; }
  bool err_is_terminal() const override { return false; }
  int columns() const override { return 80; }
  std::string said;
};

class TestRenderer final : public Renderer {
 public:
  Result<void> value(const json::value& value) override {
    values.push_back(value);
    return {};
  }
  Result<void> bytes(ByteView) override { return {}; }
  Result<void> finish(bool) override { return {}; }
  std::vector<json::value> values;
};

std::string api_of(const Site& site) {
  return fmt::format("/ip4/{}/tcp/{}", site.far.address().to_string(), test_port);
}

TEST(Remote, SendsAnyNumberOfArguments) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    const Command& command = *site.table.find("count");
    for (std::size_t count : {1U, 50'000U}) {
      std::vector<std::string> arguments;
      for (std::size_t i = 1; i <= count; ++i)
        arguments.push_back(fmt::format("a-name-of-some-length-{}", i));
      KITH_CO_TRY(Request request, Request::make(command, std::move(arguments), {}));
      TestTerminal terminal;
      TestRenderer renderer;
      RenderContext context{site.near.env(), terminal, request, "kith"};
      KITH_CO_CHECK(co_await run_remote(context, command, api_of(site), renderer));
      KITH_CO_REQUIRE(renderer.values.size() == 1);
      EXPECT_EQ(renderer.values[0].at("Count").to_number<std::size_t>(), count);
      EXPECT_EQ(text_of(renderer.values[0], "First"), "a-name-of-some-length-1");
      EXPECT_EQ(text_of(renderer.values[0], "Last"),
                fmt::format("a-name-of-some-length-{}", count));
    }
    co_return co_await site.end();
  });
}

TEST(Remote, GoesOnWatchingATransferThatItCouldNotSeeAtFirst) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    site.transfers_broken_until = world.now() + 10s;
    const Command& command = *site.table.find("slow fetch");
    KITH_CO_TRY(Request request, Request::make(command, {}, {}));
    TestTerminal terminal;
    TestRenderer renderer;
    RenderContext context{site.near.env(), terminal, request, "kith"};
    KITH_CO_CHECK(co_await run_remote(context, command, api_of(site), renderer));
    EXPECT_EQ(renderer.values.size(), 3U);
    EXPECT_NE(terminal.said.find("waiting for a block"), std::string::npos) << terminal.said;
    co_return co_await site.end();
  });
}

}  // namespace
}  // namespace kith::api::testing
