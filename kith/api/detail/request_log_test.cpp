#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <kith/api/detail/request_log.hpp>

namespace kith::api {
namespace {

const WallTime start(1'780'000'000s);

TEST(RequestLog, HasKubosForm) {
  RequestLog log;
  const std::uint64_t cat = log.begin("cat", {"bafy"}, {{"offset", "3"}}, start);
  log.begin("swarm peers", {}, {}, start + 1s);
  log.end(cat, start + 2500ms);
  EXPECT_EQ(
      boost::json::serialize(log.report(start + 3s)),
      R"([{"StartTime":"2026-05-28T20:26:40Z","EndTime":"2026-05-28T20:26:42Z","Active":false,)"
      R"("Command":"cat","Options":{"offset":"3"},"Args":["bafy"],"ID":0,"Seconds":2.5E0},)"
      R"({"StartTime":"2026-05-28T20:26:41Z","EndTime":"0001-01-01T00:00:00Z","Active":true,)"
      R"("Command":"swarm/peers","Options":{},"Args":[],"ID":1,"Seconds":2E0}])");
}

TEST(RequestLog, ForgetsWhatHasEndedLongAgo) {
  RequestLog log;
  log.end(log.begin("id", {}, {}, start), start);
  log.begin("cat", {}, {}, start);
  EXPECT_EQ(log.report(start + 12h - 1s).size(), 2u);
  EXPECT_EQ(log.report(start + 12h).size(), 1u);
  log.end(log.begin("id", {}, {}, start), start);
  log.set_keep_time(1s, start + 2s);
  EXPECT_EQ(log.size(), 1u);
  log.end(log.begin("id", {}, {}, start + 3s), start + 3s);
  EXPECT_EQ(log.size(), 2u);
  log.clear_ended();
  EXPECT_EQ(log.size(), 1u) << "what runs stays";
}

TEST(RequestLog, HoldsSoManyAndSoMuchOfEach) {
  RequestLog log;
  for (std::size_t i = 0; i < ended_requests_max + 100; ++i)
    log.end(log.begin("id", {}, {}, start), start);
  EXPECT_EQ(log.size(), ended_requests_max);
  EXPECT_EQ(log.report(start).back().at("ID"), ended_requests_max + 99);
  log.clear_ended();
  log.begin("cat", {std::string(2000, 'x'), "y"}, {{"a", "b"}}, start);
  const boost::json::array report = log.report(start);
  EXPECT_EQ(report[0].at("Args").as_array().size(), 1u);
  EXPECT_EQ(report[0].at("Args").at(0).as_string().size(), request_text_bytes_max);
  EXPECT_TRUE(report[0].at("Options").as_object().empty());
}

}  // namespace
}  // namespace kith::api
