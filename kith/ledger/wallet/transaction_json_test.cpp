#include <gtest/gtest.h>

#include <kith/ledger/wallet/limits.hpp>
#include <kith/ledger/wallet/transaction_json.hpp>

namespace kith::ledger {
namespace {

using Type = Transaction::Type;

const std::string one = "0x" + std::string(39, '0') + "1";
const std::string to_one = R"("to":")" + one + "\"";
const std::string base = R"("chainId":1,"nonce":7,"gas":21000,)" + to_one;
const std::string with_price = base + R"(,"gasPrice":"0x3b9aca00")";
const std::string with_fees =
    base + R"(,"maxFeePerGas":"30000000000","maxPriorityFeePerGas":1000000000)";
const std::string hash = "0x" + std::string(64, 'a');
const std::string blobs = R"(,"maxFeePerBlobGas":5,"blobVersionedHashes":[")" + hash + "\"]";
const std::string authorization =
    R"({"chainId":"0x0","address":")" + one + R"(","nonce":"1","yParity":"0x1","r":"0x2","s":3})";

UnsignedTransaction read(const std::string& fields) {
  auto read = parse_transaction("{" + fields + "}");
  EXPECT_TRUE(read) << fields << ": " << read.error().message();
  return std::move(read).value_or(UnsignedTransaction());
}

std::string error_of(const std::string& fields) {
  const auto read = parse_transaction("{" + fields + "}");
  EXPECT_FALSE(read) << fields;
  return read ? "" : read.error().message();
}

TEST(TransactionJson, GivesTheFieldsOfEachType) {
  const Transaction legacy = read(with_price + R"(,"value":"1000000000000000000")").transaction;
  EXPECT_EQ(legacy.type, Type::legacy);
  EXPECT_EQ(legacy.chain_id, 1U);
  EXPECT_EQ(legacy.nonce, 7U);
  EXPECT_EQ(legacy.gas_limit, 21000U);
  EXPECT_EQ(legacy.max_fee, U256(1'000'000'000));
  EXPECT_EQ(legacy.value, U256(1'000'000'000'000'000'000));
  EXPECT_EQ(legacy.to, Address::of_number(1));

  const std::string list =
      R"(,"accessList":[{"address":")" + one + R"(","storageKeys":[")" + hash + "\"]}]";
  const Transaction listed = read(with_price + list).transaction;
  EXPECT_EQ(listed.type, Type::access_list);
  ASSERT_EQ(listed.access_list.size(), 1U);
  EXPECT_EQ(listed.access_list[0].keys, std::vector{Hash::parse(hash)->to_word()});

  const Transaction dynamic = read(with_fees + R"(,"data":"0x0102")").transaction;
  EXPECT_EQ(dynamic.type, Type::dynamic_fee);
  EXPECT_EQ(dynamic.max_fee, U256(30'000'000'000));
  EXPECT_EQ(dynamic.max_priority_fee, U256(1'000'000'000));
  EXPECT_EQ(dynamic.data, (Bytes{1, 2}));

  const Transaction blob = read(with_fees + blobs).transaction;
  EXPECT_EQ(blob.type, Type::blob);
  EXPECT_EQ(blob.max_blob_fee, U256(5));
  EXPECT_EQ(blob.blob_hashes, std::vector{*Hash::parse(hash)});

  const Transaction code =
      read(with_fees + R"(,"authorizationList":[)" + authorization + "]").transaction;
  EXPECT_EQ(code.type, Type::set_code);
  ASSERT_EQ(code.authorizations.size(), 1U);
  EXPECT_EQ(code.authorizations[0].nonce, 1U);
  EXPECT_EQ(code.authorizations[0].parity, U256(1));
  EXPECT_EQ(code.authorizations[0].s, U256(3));
}

TEST(TransactionJson, TakesATypeAndOtherNamesOfItsFields) {
  EXPECT_EQ(read(with_price + R"(,"type":"0x1")").transaction.type, Type::access_list);
  EXPECT_EQ(read(with_fees + R"(,"type":2,"input":"0xff")").transaction.data, Bytes{0xff});
  const UnsignedTransaction meant = read(with_price + R"(,"from":")" + one + "\"");
  EXPECT_EQ(meant.from, Address::of_number(1));
  EXPECT_EQ(read(R"("chainId":null,"nonce":0,"gasLimit":"21000","gasPrice":0,)" + to_one)
                .transaction.chain_id,
            std::nullopt);
  const std::string creation =
      R"("chainId":1,"nonce":0,"gas":1,"gasPrice":1,"to":null,"data":"0x00")";
  EXPECT_EQ(read(creation).transaction.to, std::nullopt);
}

TEST(TransactionJson, GuessesNothingThatCostsMoney) {
  EXPECT_TRUE(error_of("").starts_with("chainId: missing"));
  const std::pair<std::string, std::string_view> missing[] = {
      {R"("nonce":7,"gas":21000,"gasPrice":1,)" + to_one, "chainId: missing"},
      {R"("chainId":1,"gas":21000,"gasPrice":1,)" + to_one, "nonce: missing"},
      {R"("chainId":1,"nonce":7,"gasPrice":1,)" + to_one, "gas: missing"},
      {base + R"(,"type":0)", "gasPrice: missing"},
      {base, "maxFeePerGas: missing"},
      {base + R"(,"maxFeePerGas":1)", "maxPriorityFeePerGas: missing"},
      {R"("chainId":1,"nonce":7,"gas":21000,"gasPrice":1)", "to: missing"},
      {R"("chainId":null,"nonce":7,"gas":21000,"type":2,"maxFeePerGas":1,)"
       R"("maxPriorityFeePerGas":1,)" +
           to_one,
       "chainId: "},
      {with_fees + R"(,"type":3)", "maxFeePerBlobGas: missing"},
      {with_fees + R"(,"type":4)", "authorizationList: missing"},
  };
  for (const auto& [fields, told] : missing)
    EXPECT_TRUE(error_of(fields).starts_with(told)) << error_of(fields);
}

TEST(TransactionJson, RefusesWhatDoesNotBelongOrFit) {
  const std::pair<std::string, std::string_view> wrong[] = {
      {with_price + R"(,"gasprice":1)", "gasprice: there is no such field"},
      {with_fees + R"(,"gasPrice":1,"type":2)", "gasPrice: it doesn't belong"},
      {with_price + R"(,"type":0,"accessList":[])", "accessList: it doesn't belong"},
      {with_fees + R"(,"type":5)", "type: "},
      {with_price + R"(,"gasLimit":1)", "gasLimit: "},
      {with_price + R"(,"data":"0x","input":"0x")", "input: "},
      {with_price + R"(,"value":-1)", "value: "},
      {with_price + R"(,"value":1.5)", "value: "},
      {with_price + R"(,"value":"1 ether")", "value: "},
      {with_price + R"(,"value":"")", "value: "},
      {with_price + R"(,"data":"00")", "data: "},
      {with_price + R"(,"from":"0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD827")", "from: "},
      {base + R"(,"maxFeePerGas":1,"maxPriorityFeePerGas":2)", "maxPriorityFeePerGas: "},
      {R"("chainId":"0x10000000000000000","nonce":7,"gas":1,"gasPrice":1,)" + to_one, "chainId: "},
      {R"("chainId":1,"nonce":"18446744073709551616","gas":1,"gasPrice":1,)" + to_one, "nonce: "},
      {with_fees + R"(,"accessList":{})", "accessList: "},
      {with_fees + R"(,"accessList":[1])", "accessList[0]: no object"},
      {with_fees + R"(,"accessList":[{"address":")" + one + R"("}])",
       "accessList[0].storageKeys: missing"},
      {with_fees + R"(,"authorizationList":[])", "authorizationList: at least one"},
      {with_fees + R"(,"authorizationList":[{}])", "authorizationList[0].chainId: missing"},
      {with_fees + R"(,"maxFeePerBlobGas":1,"blobVersionedHashes":[])", "blobVersionedHashes: "},
      {R"("chainId":1,"nonce":7,"gas":1,"maxFeePerGas":1,"maxPriorityFeePerGas":1)" + blobs,
       "to: "},
  };
  for (const auto& [fields, told] : wrong)
    EXPECT_TRUE(error_of(fields).starts_with(told)) << fields << ": " << error_of(fields);
  for (const std::string_view text : {"", "[]", "1", "{", "null"})
    EXPECT_TRUE(parse_transaction(text).error().is(WalletError::bad_transaction)) << text;
  EXPECT_TRUE(parse_transaction(std::string(transaction_json_bytes_max + 1, ' '))
                  .error()
                  .is(Errc::limit_exceeded));
}

TEST(AuthorizationJson, HasTheFieldsThatAreSigned) {
  const auto read =
      parse_authorization(R"({"chainId":0,"address":")" + one + R"(","nonce":"0x5"})").value();
  EXPECT_TRUE(read.chain_id.is_zero());
  EXPECT_EQ(read.address, Address::of_number(1));
  EXPECT_EQ(read.nonce, 5U);
  for (const std::string& text :
       {std::string("{}"), std::string("[]"), R"({"chainId":0,"address":")" + one + "\"}",
        std::string(R"({"chainId":0,"nonce":1,"address":"0x1"})"),
        R"({"chainId":0,"nonce":1,"x":1,"address":")" + one + "\"}"}) {
    EXPECT_TRUE(parse_authorization(text).error().is(WalletError::bad_transaction)) << text;
  }
}

}  // namespace
}  // namespace kith::ledger
