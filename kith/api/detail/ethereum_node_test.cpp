#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <kith/api/detail/ethereum_node.hpp>
#include <kith/api/detail/sentence.hpp>
#include <kith/http/server.hpp>
#include <kith/sim/testing.hpp>

namespace kith::api {
namespace {

using ledger::U256;
using sim::World;

constexpr std::uint16_t port_number = 8545;

std::string authority_and_target(std::string_view url) {
  const auto address = NodeAddress::parse(url);
  return address ? address->authority() + " " + address->target : sentence_of(address.error());
}

TEST(EthereumNode, IsNamedByAUrl) {
  EXPECT_EQ(authority_and_target("http://127.0.0.1:8545"), "127.0.0.1:8545 /");
  EXPECT_EQ(authority_and_target("http://node.example/v1?key=a"), "node.example:80 /v1?key=a");
  EXPECT_EQ(authority_and_target("http://node.example?key=a"), "node.example:80 /?key=a");
  EXPECT_EQ(authority_and_target("http://[::1]:1/"), "[::1]:1 /");
  for (const char* url :
       {"", "127.0.0.1:8545", "ws://127.0.0.1", "http://", "http://:1", "http://a:", "http://a:0",
        "http://a:65536", "http://a:1x", "http://[::1", "http://[a]", "http://[::1]x",
        "http://user@a", "http://a/#b", "http://a/\r\nb", "http://a b"})
    EXPECT_NE(authority_and_target(url).find("isn't the address of a node"), std::string::npos)
        << url;
  EXPECT_NE(authority_and_target("https://a").find("https:// isn't spoken"), std::string::npos);
}

std::string shown(std::string_view text, std::size_t count) {
  const auto answers = parse_node_answers(text, count);
  if (!answers) return answers.error().is(Errc::corrupt) ? "corrupt" : "another error";
  std::string all;
  for (const NodeAnswer& one : *answers)
    all += (one ? json::serialize(*one) : "refused: " + one.error().words) + ";";
  return all;
}

TEST(NodeAnswers, ComeInTheOrderOfTheCalls) {
  EXPECT_EQ(shown(R"({"jsonrpc":"2.0","id":0,"result":"0x1"})", 1), "\"0x1\";");
  EXPECT_EQ(shown(R"([{"id":1,"result":null},{"id":0,"result":[2]}])", 2), "[2];null;");
  EXPECT_EQ(shown(R"([{"id":1,"error":{"code":-32000,"message":"no"}},{"id":0,"result":1}])", 2),
            "1;refused: no;");
}

TEST(NodeAnswers, MayBeOneErrorForAll) {
  EXPECT_EQ(shown(R"({"id":null,"error":{"code":-32600,"message":"no batches"}})", 2),
            "refused: no batches;refused: no batches;");
}

TEST(NodeAnswers, ThatLeaveSomethingOutAreNone) {
  for (const char* text :
       {"", "x", "1", "null", "{}", "[]", R"({"id":0})", R"({"id":0,"result":1})",
        R"([{"id":0,"result":1}])", R"([{"id":0,"result":1},{"id":0,"result":1}])",
        R"([{"id":0,"result":1},{"id":2,"result":1}])",
        R"([{"id":0,"result":1},{"id":-1,"result":1}])",
        R"([{"id":0,"result":1},{"id":"1","result":1}])", R"([{"id":0,"result":1},{"id":1}])",
        R"([{"id":0,"result":1},7])", R"([{"id":0,"result":1},{"id":1,"result":1}] x)"})
    EXPECT_EQ(shown(text, 2), "corrupt") << text;
  const std::string deep = std::string(1'000, '[') + std::string(1'000, ']');
  EXPECT_EQ(shown(R"({"id":0,"result":)" + deep + "}", 1), "corrupt");
}

TEST(NodeAnswers, SayWhatIsWrongInPrintableWords) {
  EXPECT_EQ(shown(R"({"id":0,"error":{"code":1,"message":"\u001b[31mred\n"}})", 1),
            "refused: \\x1b[31mred\\n;");
  EXPECT_EQ(shown(R"({"id":0,"error":{"code":7}})", 1), "refused: error 7;");
  EXPECT_EQ(shown(R"({"id":0,"error":"no"})", 1), "refused: an error without words;");
  const std::string told =
      shown(R"({"id":0,"error":{"code":1,"message":")" + std::string(100'000, 'a') + "\"}}", 1);
  EXPECT_LT(told.size(), node_words_max + 20);
}

TEST(NodeRefusal, SaysWhatHelps) {
  const NodeRefusal low{-32000, "nonce too low: next nonce 5, tx nonce 4"};
  EXPECT_EQ(low.explained().find(low.words + " ("), 0u);
  EXPECT_NE(low.explained().find("--nonce"), std::string::npos);
  const NodeRefusal replaced{-32000, "replacement transaction underpriced"};
  EXPECT_NE(replaced.explained().find("a tenth higher"), std::string::npos);
  EXPECT_EQ((NodeRefusal{-32000, "something else"}.explained()), "something else");
  EXPECT_TRUE((NodeRefusal{-32601, "x"}.knows_no_such_method()));
}

TEST(NodeValues, AreQuantitiesOrNothing) {
  EXPECT_EQ(quantity_of(json::value("0x1f")), U256(31));
  for (const json::value& value :
       {json::value("31"), json::value(31), json::value("0x"), json::value(nullptr),
        json::value("0x1" + std::string(64, '0')), json::value("0xg")})
    EXPECT_FALSE(quantity_of(value)) << json::serialize(value);
  const json::value object = json::parse(R"({"a":"0x1","b":1,"hash":"0x12","to":null})");
  EXPECT_EQ(quantity_in(object, "a"), U256(1));
  EXPECT_FALSE(quantity_in(object, "b"));
  EXPECT_FALSE(quantity_in(object, "c"));
  EXPECT_FALSE(quantity_in(json::value("a"), "a"));
  EXPECT_FALSE(hash_in(object, "hash"));
  EXPECT_FALSE(address_in(object, "to"));
}

/// A node that answers as it is told to, and who asks it.
struct Site {
  Site(World& world, http::Handler handler)
      : far(world.add_node()),
        near(world.add_node()),
        server(far.env(), {}, std::move(handler)),
        node(near.env(), {far.address().to_string(), port_number, "/name"}, "is it there?") {
    EXPECT_TRUE(server.listen(far.endpoint(port_number)).has_value());
  }
  Task<void> end() {
    KITH_CO_CHECK(co_await node.close());
    co_return co_await server.stop(1s);
  }

  sim::Node& far;
  sim::Node& near;
  http::Server server;
  EthereumNode node;
};

std::vector<NodeCall> two_calls() {
  return {{"eth_chainId", {}}, {"eth_getBalance", {json::value("0xa"), "latest"}}};
}

TEST(EthereumNode, IsAskedSeveralThingsAtOnce) {
  sim::run_test(1, [](World& world) -> Task<void> {
    http::Handler handler = [](http::Request& request,
                               http::ResponseWriter& response) -> Task<void> {
      KITH_CO_TRY(const Bytes body, co_await http::read_all(request.body, 10'000));
      EXPECT_EQ(request.path, "/name");
      EXPECT_EQ(request.headers.get("Content-Type"), "application/json");
      EXPECT_EQ(json::parse(std::string(as_text(body))), json::parse(R"([
        {"jsonrpc":"2.0","id":0,"method":"eth_chainId","params":[]},
        {"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["0xa","latest"]}])"));
      co_return co_await response.send(
          200, "application/json",
          as_bytes(R"([{"id":1,"result":"0x5"},{"id":0,"result":"0x7"}])"));
    };
    Site site(world, handler);
    KITH_CO_TRY(const auto answers, co_await site.node.call_all(two_calls()));
    EXPECT_EQ(quantity_of(answers[0].value()), U256(7));
    EXPECT_EQ(quantity_of(answers[1].value()), U256(5));
    co_return co_await site.end();
  });
}

TEST(EthereumNode, RefusesWhatItRefusesInASentence) {
  sim::run_test(1, [](World& world) -> Task<void> {
    http::Handler handler = [](http::Request&, http::ResponseWriter& response) -> Task<void> {
      // Some send errors with a status of their own.
      co_return co_await response.send(
          400, "application/json",
          as_bytes(R"({"id":0,"error":{"code":-32601,"message":"no such"}})"));
    };
    Site site(world, handler);
    const auto answer = co_await site.node.call("eth_x", {});
    EXPECT_NE(sentence_of(answer.error()).find("refuses eth_x: no such"), std::string::npos);
    co_return co_await site.end();
  });
}

TEST(EthereumNode, ThatSendsTooMuchIsGivenUp) {
  sim::run_test(1, [](World& world) -> Task<void> {
    http::Handler handler = [](http::Request&, http::ResponseWriter& response) -> Task<void> {
      const std::string spaces(64 * 1024, ' ');
      // Until it is cut off.
      for (;;)
        KITH_CO_CHECK(co_await response.write(as_bytes(spaces)));
    };
    Site site(world, handler);
    const auto answers = co_await site.node.call_all(two_calls(), 1 << 20);
    EXPECT_TRUE(answers.error().is(Errc::limit_exceeded));
    EXPECT_NE(sentence_of(answers.error()).find("more than 1 MiB"), std::string::npos);
    co_return co_await site.end();
  });
}

TEST(EthereumNode, ThatSaysNothingIsGivenUpInTime) {
  sim::run_test(1, [](World& world) -> Task<void> {
    http::Handler handler = [&world](http::Request&, http::ResponseWriter&) -> Task<void> {
      co_return co_await port::sleep_for(world.clock(), 1h);
    };
    Site site(world, handler);
    const Instant begun = world.clock().now();
    const auto answer = co_await site.node.call("eth_chainId", {});
    EXPECT_NE(sentence_of(answer.error()).find("gives no answer"), std::string::npos);
    EXPECT_LE(world.clock().now() - begun, node_patience + 1s);
    co_return co_await site.end();
  });
}

TEST(EthereumNode, ThatDripsItsAnswerIsGivenUpInTime) {
  sim::run_test(1, [](World& world) -> Task<void> {
    http::Handler handler = [&world](http::Request&, http::ResponseWriter& response) -> Task<void> {
      for (;;) {
        KITH_CO_CHECK(co_await response.write(as_bytes(" ")));
        KITH_CO_CHECK(co_await response.flush());
        KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
      }
    };
    Site site(world, handler);
    const Instant begun = world.clock().now();
    const auto answer = co_await site.node.call("eth_chainId", {});
    EXPECT_NE(sentence_of(answer.error()).find("gives no answer"), std::string::npos);
    EXPECT_LE(world.clock().now() - begun, node_patience + 1s);
    co_return co_await site.end();
  });
}

TEST(EthereumNode, ThatIsAnotherServerSaysWhatItSays) {
  sim::run_test(1, [](World& world) -> Task<void> {
    http::Handler handler = [](http::Request&, http::ResponseWriter& response) -> Task<void> {
      co_return co_await response.send(404, "text/plain", as_bytes("\x1b[2Jnothing here"));
    };
    Site site(world, handler);
    const auto answer = co_await site.node.call("eth_chainId", {});
    EXPECT_NE(sentence_of(answer.error()).find("answers 404: \\x1b[2Jnothing here"),
              std::string::npos);
    co_return co_await site.end();
  });
}

TEST(EthereumNode, ThatIsNotThereLeavesAHint) {
  sim::run_test(1, [](World& world) -> Task<void> {
    http::Handler handler = [](http::Request&, http::ResponseWriter& response) -> Task<void> {
      co_return co_await response.send(200, "text/plain", as_bytes("hello"));
    };
    Site site(world, handler);
    const auto nonsense = co_await site.node.call("eth_chainId", {});
    EXPECT_NE(sentence_of(nonsense.error()).find("no JSON-RPC"), std::string::npos);
    KITH_CO_CHECK(co_await site.server.stop(0s));
    const auto answer = co_await site.node.call("eth_chainId", {});
    EXPECT_NE(sentence_of(answer.error()).find("is it there?"), std::string::npos);
    co_return co_await site.node.close();
  });
}

}  // namespace
}  // namespace kith::api
