#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <kith/ledger/consensus/bft_driver/bft_parameters.hpp>

namespace kith::ledger {
namespace {

const std::string contract = R"("contract": "0x00000000000000000000000000000000000b0b01")";
const std::string key_a = std::string(63, '0') + "1";
const std::string key_b = std::string(63, '0') + "2";

Result<BftParameters> read(const std::string& inner) {
  return read_bft_parameters(boost::json::parse(R"({"chainId": 7, "bft": )" + inner + "}"));
}
std::string fault_of(const std::string& inner) {
  const auto got = read(inner);
  return got ? "" : got.error().message();
}

TEST(BftParameters, HaveDefaults) {
  const auto got = read("{" + contract + "}");
  ASSERT_TRUE(got.has_value()) << got.error().message();
  EXPECT_EQ(got->epoch_length, 600U);
  EXPECT_EQ(got->block_time_s, 1U);
  EXPECT_TRUE(got->empty_blocks);
  EXPECT_EQ(got->empty_block_interval_s, 60U);
  EXPECT_EQ(got->leader_timeout, 2s);
  EXPECT_EQ(got->notarization_timeout, 3s);
  EXPECT_TRUE(got->validators.empty());
  EXPECT_EQ(got->future_limit_s(), 16U);
}

TEST(BftParameters, AreReadFromNumbersAndTexts) {
  const auto got = read(R"({"epochLength": "0x14", "blockTime": 5, "emptyBlocks": false,
      "emptyBlockInterval": "300", "leaderTimeout": 700, "notarizationTimeout": 900, )" +
                        contract + R"(, "validators": [
      {"key": "0x)" + key_a +
                        R"(", "stake": "1000",
       "operator": "0x00000000000000000000000000000000000000aa"},
      {"key": ")" + key_b +
                        R"(", "stake": 7,
       "operator": "0x00000000000000000000000000000000000000bb"}]})");
  ASSERT_TRUE(got.has_value()) << got.error().message();
  EXPECT_EQ(got->epoch_length, 20U);
  EXPECT_EQ(got->block_time_s, 5U);
  EXPECT_FALSE(got->empty_blocks);
  EXPECT_EQ(got->empty_block_interval_s, 300U);
  EXPECT_EQ(got->leader_timeout, 700ms);
  EXPECT_EQ(got->notarization_timeout, 900ms);
  EXPECT_EQ(got->contract, Address::of_number(0xb0b01));
  ASSERT_EQ(got->validators.size(), 2U);
  EXPECT_EQ(got->validators[0].key[31], 1);
  EXPECT_EQ(got->validators[0].stake, 1000U);
  EXPECT_EQ(got->validators[1].operated_by, Address::of_number(0xbb));
  EXPECT_EQ(got->first_set()->total(), 1007U);
}

TEST(BftParameters, AreRefusedByName) {
  const auto one = [](const std::string& rule) {
    return fault_of("{" + contract + ", " + rule + "}");
  };
  const auto names = [](const std::string& fault, const char* what) {
    return fault.find(what) != std::string::npos;
  };
  EXPECT_TRUE(names(fault_of("{}"), "contract"));
  EXPECT_TRUE(names(fault_of("7"), "config.bft"));
  EXPECT_TRUE(
      names(fault_of(R"({"contract": "0x0000000000000000000000000000000000000000"})"), "contract"));
  const std::pair<const char*, const char*> wrong[] = {
      {R"("epochLength": 1)", "epochLength"},
      {R"("epochLength": 1000001)", "epochLength"},
      {R"("epochLength": -5)", "epochLength"},
      {R"("blockTime": 0)", "blockTime"},
      {R"("blockTime": 0.5)", "blockTime"},
      {R"("blockTime": "0.5")", "blockTime"},
      {R"("blockTime": 3601)", "blockTime"},
      {R"("emptyBlocks": 0)", "emptyBlocks"},
      {R"("emptyBlocks": null)", "emptyBlocks"},
      {R"("blockTime": 10, "emptyBlockInterval": 9)", "emptyBlockInterval"},
      {R"("leaderTimeout": 49)", "leaderTimeout"},
      {R"("leaderTimeout": "0xffffffffffffffff")", "leaderTimeout"},
      {R"("leaderTimeout": 3000)", "notarizationTimeout"},
      {R"("notarizationTimeout": 600001)", "notarizationTimeout"},
      {R"("epochlength": 600)", "epochlength"},
      {R"("validators": {})", "validators"},
      {R"("validators": [{"key": "0x01", "stake": 1, "operator": "0x00000000000000000000000000000000000000aa"}])",
       "key"},
  };
  for (const auto& [rule, what] : wrong)
    EXPECT_TRUE(names(one(rule), what)) << rule << " gave: " << one(rule);
}

TEST(BftParameters, TheFirstSetIsASet) {
  const auto with = [](const std::string& key, const std::string& stake,
                       const std::string& more = "") {
    return R"({"key": ")" + key + R"(", "stake": )" + stake +
           R"(, "operator": "0x00000000000000000000000000000000000000aa")" + more + "}";
  };
  const auto set = [](const std::string& list) {
    return fault_of("{" + contract + R"(, "validators": [)" + list + "]}");
  };
  EXPECT_EQ(set(with(key_a, "1") + "," + with(key_b, "2")), "");
  EXPECT_NE(set(with(key_a, "1") + "," + with(key_a, "2")).find("twice"), std::string::npos);
  EXPECT_NE(set(with(key_a, "0")).find("no stake"), std::string::npos);
  EXPECT_NE(set(with(key_a, "-1")).find("larger than"), std::string::npos);
  EXPECT_NE(set(with(key_a, "1", R"(, "weight": 3)")).find("weight"), std::string::npos);
}

TEST(BftParameters, EachBlockIsOfOneEpoch) {
  const BftParameters of{.epoch_length = 10, .contract = Address::of_number(1), .validators = {}};
  EXPECT_EQ(of.epoch_of(0), 0U);
  EXPECT_EQ(of.epoch_of(1), 0U);
  EXPECT_EQ(of.epoch_of(10), 0U);
  EXPECT_EQ(of.epoch_of(11), 1U);
  EXPECT_EQ(of.epoch_after(0), 0U);
  EXPECT_EQ(of.epoch_after(9), 0U);
  EXPECT_EQ(of.epoch_after(10), 1U);
  EXPECT_FALSE(of.is_epoch_end(0));
  EXPECT_TRUE(of.is_epoch_end(10));
  EXPECT_FALSE(of.is_epoch_end(11));
  EXPECT_EQ(of.block_before(1), 10U);
  EXPECT_EQ(of.last_block_of(1), 20U);
}

}  // namespace
}  // namespace kith::ledger
