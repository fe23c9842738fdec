#include <algorithm>
#include <map>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <kith/ledger/rpc/subscriptions.hpp>

namespace kith::ledger {
namespace {

namespace json = boost::json;

BlockName block(std::uint64_t number) {
  return {number, Hash::from_word(number)};
}

std::string topic(std::uint64_t number) {
  return Hash::from_word(number).to_hex();
}

json::object log(std::uint64_t address, std::vector<std::uint64_t> topics) {
  json::array list;
  for (const std::uint64_t one : topics)
    list.push_back(json::value(topic(one)));
  return {{"address", Address::of_number(address).to_hex()}, {"topics", list}, {"data", "0x"}};
}

/// A chain that answers from a table, and a connection to it.
struct Line {
  explicit Line(std::size_t max = subscriptions_max) : subscriptions(max) {}

  std::string answer(std::string_view text) {
    const json::value request = json::parse(text);
    const std::string method(request.at("method").as_string());
    asked.push_back(method);
    json::object out{{"jsonrpc", "2.0"}, {"id", request.at("id")}};
    const auto found = answers.find(method + json::serialize(request.at("params")));
    if (found != answers.end()) {
      out["result"] = found->second;
    } else {
      out["error"] = json::object{{"code", -32000}, {"message", "unknown"}};
    }
    return json::serialize(out);
  }
  RpcHandler chain() {
    return [this](std::string_view text) { return answer(text); };
  }

  std::string says(std::string_view request) {
    Subscriptions::Answer answer = subscriptions.handle(request, chain());
    last_begun = answer.begun;
    return answer.text;
  }
  /// Its id; it has begun.
  std::string subscribed(const std::string& params) {
    const std::string answer =
        says(R"({"jsonrpc":"2.0","id":7,"method":"eth_subscribe","params":[)" + params + "]}");
    subscriptions.begin(last_begun);
    return std::string(json::parse(answer).at("result").as_string());
  }
  /// "0x1:result" of each notification.
  std::vector<std::string> told(const HeadChange& change, const std::vector<Hash>& pending = {},
                                const std::optional<std::string>& syncing = std::nullopt) {
    const RpcHandler asks = chain();
    const ChainNews news(asks, change, pending, syncing, subscriptions.kinds());
    faults = news.faults().size();
    std::vector<std::string> all;
    for (const std::string& text : subscriptions.tell(news)) {
      const json::value whole = json::parse(text);
      EXPECT_EQ(whole.at("jsonrpc"), "2.0");
      EXPECT_EQ(whole.at("method"), "eth_subscription");
      const json::value& params = whole.at("params");
      all.push_back(std::string(params.at("subscription").as_string()) + ":" +
                    json::serialize(params.at("result")));
    }
    return all;
  }
  void has_block(std::uint64_t number, const json::array& logs = {}) {
    const std::string hash = block(number).hash.to_hex();
    answers["eth_getHeaderByHash[\"" + hash + "\"]"] = json::object{{"number", number}};
    answers["eth_getLogs[{\"blockHash\":\"" + hash + "\"}]"] = logs;
  }

  std::map<std::string, json::value> answers;
  std::vector<std::string> asked;
  Subscriptions subscriptions;
  std::vector<std::string> last_begun;
  std::size_t faults = 0;
};

using Texts = std::vector<std::string>;

TEST(Subscriptions, TellOfNewHeadsInTheirOrder) {
  Line line;
  line.has_block(1);
  line.has_block(2);
  const std::string id = line.subscribed("\"newHeads\"");
  EXPECT_EQ(line.told({{block(9)}, {block(1), block(2)}}),
            (Texts{id + ":{\"number\":1}", id + ":{\"number\":2}"}));
}

TEST(Subscriptions, TellOfLogsThatMatchAndTakeThoseOfALostBlockBackFirst) {
  Line line;
  line.has_block(1, {log(5, {1, 2}), log(6, {1})});
  line.has_block(2, {log(5, {3})});
  const std::string of_address =
      line.subscribed("\"logs\",{\"address\":\"" + Address::of_number(5).to_hex() + "\"}");
  const std::string of_topic =
      line.subscribed("\"logs\",{\"topics\":[[\"" + topic(1) + "\",\"" + topic(9) + "\"]]}");
  const std::string of_second =
      line.subscribed("\"logs\",{\"topics\":[null,\"" + topic(2) + "\"]}");
  const std::string all = line.subscribed("\"logs\"");
  Texts summary;
  for (const std::string& one : line.told({{block(1)}, {block(2)}})) {
    const json::value result = json::parse(one.substr(one.find(':') + 1));
    summary.push_back(one.substr(0, one.find(':')) +
                      (result.at("removed").as_bool() ? " takes back " : " tells ") +
                      std::string(result.at("address").as_string().back() == '5' ? "5" : "6"));
  }
  EXPECT_EQ(summary, (Texts{of_address + " takes back 5", of_address + " tells 5",
                            of_topic + " takes back 5", of_topic + " takes back 6",
                            of_second + " takes back 5", all + " takes back 5",
                            all + " takes back 6", all + " tells 5"}));
  EXPECT_EQ(std::ranges::count(line.asked, "eth_getLogs"), 2) << "once a block";
}

TEST(Subscriptions, TellOfWaitingTransactionsByHashOrWhole) {
  Line line;
  const Hash known = Hash::from_word(1);
  const Hash gone = Hash::from_word(2);
  line.answers["eth_getTransactionByHash[\"" + known.to_hex() + "\"]"] = json::object{{"nonce", 1}};
  line.answers["eth_getTransactionByHash[\"" + gone.to_hex() + "\"]"] = nullptr;
  const std::string hashes = line.subscribed("\"newPendingTransactions\"");
  EXPECT_EQ(line.told({}, {known, gone}),
            (Texts{hashes + ":\"" + known.to_hex() + "\"", hashes + ":\"" + gone.to_hex() + "\""}));
  EXPECT_EQ(line.asked.size(), 0U) << "hashes are known";
  const std::string whole = line.subscribed("\"newPendingTransactions\",true");
  EXPECT_EQ(line.told({}, {known, gone}).back(), whole + ":{\"nonce\":1}");
}

TEST(Subscriptions, TellOfSyncing) {
  Line line;
  const std::string id = line.subscribed("\"syncing\"");
  EXPECT_EQ(line.told({}, {}, "false"), Texts{id + ":false"});
  EXPECT_EQ(line.told({{}, {block(1)}}), Texts());
}

TEST(Subscriptions, AreSilentBeforeTheirIdIsOnTheWayAndAfterTheirEnd) {
  Line line;
  line.has_block(1);
  const HeadChange change{{}, {block(1)}};
  const std::string answer =
      line.says(R"({"jsonrpc":"2.0","id":"a","method":"eth_subscribe","params":["newHeads"]})");
  EXPECT_EQ(answer, R"({"jsonrpc":"2.0","id":"a","result":"0x1"})");
  EXPECT_EQ(line.told(change), Texts());
  line.subscriptions.begin({"0x1"});
  EXPECT_EQ(line.told(change).size(), 1U);
  const std::string ends =
      R"({"jsonrpc":"2.0","id":2,"method":"eth_unsubscribe","params":["0x1"]})";
  EXPECT_EQ(line.says(ends), R"({"jsonrpc":"2.0","id":2,"result":true})");
  EXPECT_EQ(line.told(change), Texts());
  EXPECT_EQ(json::parse(line.says(ends)).at("error").at("message"), "subscription not found");
  EXPECT_FALSE(line.subscriptions.kinds().any());
}

TEST(Subscriptions, StandInBatchesBesideOtherRequests) {
  Line line;
  line.answers["eth_chainId[]"] = "0x7a69";
  EXPECT_EQ(
      line.says(R"([{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]},)"
                R"({"jsonrpc":"2.0","id":2,"method":"eth_subscribe","params":["newHeads"]},)"
                R"({"jsonrpc":"2.0","method":"eth_subscribe","params":["logs"]}])"),
      R"([{"jsonrpc":"2.0","id":1,"result":"0x7a69"},{"jsonrpc":"2.0","id":2,"result":"0x1"}])");
  EXPECT_EQ(line.last_begun, (Texts{"0x1"}));
  EXPECT_FALSE(line.subscriptions.kinds().logs) << "nobody was told its id";
}

TEST(Subscriptions, AreRefusedWithAReason) {
  Line line(1);
  const auto error = [&](const std::string& method, const std::string& params) {
    const json::value answer = json::parse(line.says(R"({"jsonrpc":"2.0","id":1,"method":")" +
                                                     method + "\",\"params\":[" + params + "]}"));
    return answer.at("error").at("code").to_number<int>();
  };
  EXPECT_EQ(error("eth_subscribe", ""), -32602);
  EXPECT_EQ(error("eth_subscribe", "1"), -32602);
  EXPECT_EQ(error("eth_subscribe", "\"newShoes\""), -32601);
  EXPECT_EQ(error("eth_subscribe", "\"logs\",{\"address\":\"0x1\"}"), -32602);
  EXPECT_EQ(error("eth_subscribe", "\"newPendingTransactions\",\"yes\""), -32602);
  EXPECT_EQ(error("eth_unsubscribe", ""), -32602);
  line.subscribed("\"newHeads\"");
  EXPECT_EQ(error("eth_subscribe", "\"newHeads\""), -32005);
}

TEST(Subscriptions, LeaveOutWhatCannotBeFoundAnyMore) {
  Line line;
  line.has_block(2);
  line.subscribed("\"newHeads\"");
  line.subscribed("\"logs\"");
  EXPECT_EQ(line.told({{}, {block(1), block(2)}}), Texts{"0x1:{\"number\":2}"});
  EXPECT_EQ(line.faults, 2U);
}

}  // namespace
}  // namespace kith::ledger
