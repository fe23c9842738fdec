#include <boost/json.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <kith/api/detail/account_history.hpp>

namespace kith::api {
namespace {

using ledger::Address;
using ledger::Hash;
using ledger::U256;

const Address own = Address::of_number(0xa);
const Address other = Address::of_number(0xb);

std::string hash_text(int number) {
  return Hash::from_word(U256(static_cast<std::uint64_t>(number))).to_hex();
}

/// `to` is JSON: a quoted address, or null.
std::string transaction(int number, const Address& from, const std::string& to, int nonce = 0) {
  return fmt::format(R"({{"hash":"{}","from":"{}","to":{},"value":"0x64","nonce":"{:#x}"}})",
                     hash_text(number), from.to_hex(), to, nonce);
}

std::string quoted(const Address& address) {
  return '"' + address.to_hex() + '"';
}

json::value block(const std::string& transactions, std::string_view number = "0x5") {
  return json::parse(fmt::format(R"({{"number":"{}","timestamp":"0x3c","transactions":[{}]}})",
                                 number, transactions));
}

std::vector<Hash> hashes(const std::vector<HistoryEntry>& entries) {
  std::vector<Hash> all;
  for (const HistoryEntry& entry : entries)
    all.push_back(entry.hash);
  return all;
}

Hash hash(int number) {
  return Hash::parse(hash_text(number)).value();
}

TEST(AccountHistory, HasABlocksTransactionsFromTheLast) {
  std::vector<HistoryEntry> entries;
  const std::string all = transaction(1, own, quoted(other)) + "," +
                          transaction(2, other, quoted(Address::of_number(0xc))) + "," +
                          transaction(3, other, quoted(own)) + "," + transaction(4, own, "null");
  ASSERT_TRUE(add_from_block(block(all), 5, own, entries));
  EXPECT_EQ(hashes(entries), (std::vector{hash(4), hash(3), hash(1)}));
  EXPECT_FALSE(entries[0].counterpart(own));
  EXPECT_EQ(entries[1].counterpart(own), other);
  EXPECT_EQ(entries[2].counterpart(own), other);
  EXPECT_EQ(entries[2].value, U256(100));
  EXPECT_EQ(entries[2].block, 5u);
  EXPECT_EQ(entries[2].time_s, 60u);
}

TEST(AccountHistory, TakesNothingForABlockThatIsNone) {
  std::vector<HistoryEntry> entries;
  EXPECT_FALSE(add_from_block(block("", "0x6"), 5, own, entries));
  EXPECT_FALSE(add_from_block(block("7"), 5, own, entries));
  EXPECT_FALSE(add_from_block(block(R"("0x12")"), 5, own, entries));
  EXPECT_FALSE(add_from_block(block(transaction(1, own, "\"0x12\"")), 5, own, entries));
  EXPECT_FALSE(add_from_block(json::value("block"), 5, own, entries));
  EXPECT_FALSE(
      add_from_block(json::parse(R"({"number":"0x5","timestamp":"0x0"})"), 5, own, entries));
  EXPECT_FALSE(add_from_block(
      json::parse(R"({"number":"0x5","timestamp":"0x10000000000000000","transactions":[]})"), 5,
      own, entries));
  EXPECT_TRUE(entries.empty());
}

TEST(AccountHistory, HasWhatWaitsByItsNonce) {
  std::vector<HistoryEntry> entries;
  const std::string content =
      fmt::format(R"({{"pending":{{"9":{},"10":{}}},"queued":{{"12":{}}}}})",
                  transaction(1, own, quoted(other), 9), transaction(2, own, quoted(other), 10),
                  transaction(3, own, quoted(other), 12));
  ASSERT_TRUE(add_waiting(json::parse(content), own, entries));
  EXPECT_EQ(hashes(entries), (std::vector{hash(3), hash(2), hash(1)}));
  EXPECT_TRUE(entries[0].has_gap);
  EXPECT_FALSE(entries[1].has_gap);
  EXPECT_FALSE(entries[1].block);
  EXPECT_FALSE(add_waiting(json::parse(content), other, entries));
  EXPECT_FALSE(add_waiting(json::value(1), own, entries));
  EXPECT_FALSE(add_waiting(json::parse(R"({"pending":[]})"), own, entries));
  EXPECT_TRUE(add_waiting(json::parse("{}"), own, entries));
}

TEST(AccountHistory, LearnsOfItsReceiptHowItWent) {
  std::vector<HistoryEntry> entries;
  ASSERT_TRUE(add_from_block(block(transaction(1, own, quoted(other))), 5, own, entries));
  HistoryEntry& entry = entries[0];
  const auto receipt = [](int number, std::string_view rest) {
    return json::parse(fmt::format(R"({{"transactionHash":"{}",{}}})", hash_text(number), rest));
  };
  EXPECT_FALSE(add_receipt(receipt(2, R"("gasUsed":"0x1","status":"0x1")"), entry));
  EXPECT_FALSE(add_receipt(receipt(1, R"("status":"0x1")"), entry));
  EXPECT_FALSE(entry.succeeded);
  ASSERT_TRUE(add_receipt(
      receipt(1, R"("gasUsed":"0x5208","effectiveGasPrice":"0xa","status":"0x0")"), entry));
  EXPECT_EQ(entry.fee, U256(210'000));
  EXPECT_EQ(entry.succeeded, false);
}

TEST(AccountHistory, IsToldToPeopleAndPrograms) {
  std::vector<HistoryEntry> entries;
  ASSERT_TRUE(add_from_block(block(transaction(1, own, quoted(other))), 5, own, entries));
  HistoryEntry& entry = entries[0];
  entry.fee = U256(21'000'000'000'000);
  entry.succeeded = true;
  EXPECT_EQ(line_of(entry, own),
            fmt::format("       5  1970-01-01T00:01:00Z  out   {}  0.0000000000000001 ether, "
                        "fee 0.000021  success  {}\n",
                        other.to_checksum(), hash_text(1)));
  EXPECT_EQ(line_of(entry, other).find("fee"), std::string::npos);
  const json::object value = value_of(entry, other);
  EXPECT_EQ(value.at("direction"), json::value("in"));
  EXPECT_EQ(value.at("value"), json::value("100"));
  EXPECT_EQ(value.at("status"), json::value("success"));
  entry.time_s = UINT64_MAX;
  EXPECT_TRUE(value_of(entry, own).at("time").is_null());
  entry.block.reset();
  EXPECT_EQ(value_of(entry, own).at("status"), json::value("pending"));
  EXPECT_TRUE(value_of(entry, own).at("block").is_null());
}

}  // namespace
}  // namespace kith::api
