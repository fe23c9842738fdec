#include <kith/base/test_fixtures.hpp>
#include <kith/ledger/wallet/detail/test_vectors.hpp>
#include <kith/ledger/wallet/limits.hpp>
#include <kith/ledger/wallet/signing.hpp>
#include <kith/ledger/wallet/typed_data.hpp>

namespace kith::ledger {
namespace {

namespace json = boost::json;
using testing::secret_of;
using testing::text_of;
using testing::vectors;

/// EIP-712's example.
constexpr std::string_view mail = R"({
  "types": {
    "EIP712Domain": [
      {"name": "name", "type": "string"}, {"name": "version", "type": "string"},
      {"name": "chainId", "type": "uint256"}, {"name": "verifyingContract", "type": "address"}],
    "Person": [{"name": "name", "type": "string"}, {"name": "wallet", "type": "address"}],
    "Mail": [{"name": "from", "type": "Person"}, {"name": "to", "type": "Person"},
             {"name": "contents", "type": "string"}]},
  "primaryType": "Mail",
  "domain": {"name": "Ether Mail", "version": "1", "chainId": 1,
             "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC"},
  "message": {
    "from": {"name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"},
    "to": {"name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"},
    "contents": "Hello, Bob!"}})";

TEST(TypedData, AgreesWithTheStandardsExample) {
  const TypedData data = TypedData::parse(mail).value();
  EXPECT_EQ(data.primary_type, "Mail");
  EXPECT_EQ(data.domain_hash.to_hex(),
            "0xf2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f");
  EXPECT_EQ(data.message_hash->to_hex(),
            "0xc52c0ee5d84264471806290a3f2c4cecfc5490626bf912d01f240d7a274b371e");
  EXPECT_EQ(data.signing_hash().to_hex(),
            "0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2");
}

TEST(TypedData, AgreesWithWhatEthersHashesAndSigns) {
  for (const auto& vector : vectors("typed_data.json").as_array()) {
    const json::object document{{"types", vector.at("types")},
                                {"primaryType", vector.at("primaryType")},
                                {"domain", vector.at("domain")},
                                {"message", vector.at("data")}};
    const auto data = TypedData::parse(json::serialize(document));
    ASSERT_TRUE(data) << text_of(vector.at("name")) << ": " << data.error().message();
    EXPECT_EQ(data->signing_hash().to_hex(), text_of(vector.at("digest")))
        << text_of(vector.at("name"));
    if (const auto* key = vector.as_object().if_contains("privateKey")) {
      EXPECT_EQ(signature_text(sign(data->signing_hash(), secret_of(*key)).value()),
                text_of(vector.at("signature")));
    }
  }
}

/// One field of one type, in a domain without fields.
Result<TypedData> of_field(std::string_view type, std::string_view value) {
  return TypedData::parse(R"({"types":{"T":[{"name":"f","type":")" + std::string(type) +
                          R"("}],"S":[{"name":"n","type":"uint8"}]},"primaryType":"T",)" +
                          R"("domain":{},"message":{"f":)" + std::string(value) + "}}");
}

std::string error_of(std::string_view type, std::string_view value) {
  const auto read = of_field(type, value);
  EXPECT_FALSE(read) << type << " " << value;
  return read ? "" : read.error().message();
}

TEST(TypedData, TakesNumbersInEachFormThatIsInUse) {
  const auto hash = [](std::string_view type, std::string_view value) {
    return of_field(type, value).value().signing_hash();
  };
  EXPECT_EQ(hash("uint256", "255"), hash("uint256", "\"0xff\""));
  EXPECT_EQ(hash("uint256", "255"), hash("uint256", "\"255\""));
  EXPECT_EQ(hash("int16", "-2"), hash("int16", "\"-2\""));
  EXPECT_EQ(hash("uint64", "18446744073709551615"), hash("uint64", "\"0xffffffffffffffff\""));
  EXPECT_EQ(hash("int64", "-9223372036854775808"), hash("int64", "\"-9223372036854775808\""));
  EXPECT_NE(hash("int16", "-2"), hash("int16", "2"));
}

TEST(TypedData, TakesTheLargestAndLeastOfEachSize) {
  for (const std::string_view fits : {"-128", "127", "\"0x7f\""})
    EXPECT_TRUE(of_field("int8", fits).has_value()) << fits;
  for (const std::string_view no : {"-129", "128", "\"0x80\""})
    EXPECT_NE(error_of("int8", no).find("doesn't fit int8"), std::string::npos);
  EXPECT_TRUE(of_field("uint8", "255").has_value());
  for (const std::string_view no : {"256", "-1"})
    EXPECT_NE(error_of("uint8", no).find("doesn't fit uint8"), std::string::npos);
  const std::string least = "\"-" + U256::power_of_two(255).to_decimal() + "\"";
  EXPECT_TRUE(of_field("int256", least).has_value());
  EXPECT_FALSE(of_field("int256", "\"" + U256::power_of_two(255).to_decimal() + "\""));
  EXPECT_TRUE(of_field("uint256", "\"" + U256::max().to_decimal() + "\"").has_value());
}

TEST(TypedData, RefusesValuesThatAreNotOfTheirType) {
  const std::pair<std::string_view, std::string_view> wrong[] = {
      {"uint256", "1.5"},
      {"uint256", "1e30"},
      {"uint256", "true"},
      {"uint256", "null"},
      {"uint256", "\"\""},
      {"uint256", "\"-\""},
      {"uint256", "\"0xg\""},
      {"uint256", "[1]"},
      {"bool", "\"true\""},
      {"bool", "1"},
      {"string", "1"},
      {"string", "null"},
      {"bytes", "\"ff\""},
      {"bytes", "\"0xf\""},
      {"bytes4", "\"0x0102\""},
      {"bytes4", "\"0x0102030405\""},
      {"bytes32", "null"},
      {"address", "\"0x00\""},
      {"address", "\"0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD827\""},
      {"address", "\"0xcD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826\""},
      {"S", "1"},
      {"S", "[]"},
      {"S", "{}"},
      {"S", R"({"n":1,"m":2})"},
      {"uint8[]", "1"},
      {"uint8[]", "{}"},
      {"uint8[]", "null"},
      {"uint8[2]", "[1]"},
      {"uint8[2]", "[1,2,3]"},
      {"uint8[2][]", "[[1,2],[1]]"},
      {"S[]", "[{\"n\":1},2]"},
  };
  for (const auto& [type, value] : wrong)
    EXPECT_TRUE(error_of(type, value).starts_with("message")) << error_of(type, value);
  EXPECT_TRUE(error_of("uint8[2][]", "[[1,2],[1,256]]").starts_with("message.f[1][1]: "));
}

TEST(TypedData, RefusesTypesThatThereAreNot) {
  for (const std::string_view type :
       {"uint",        "int",      "uint7",  "uint264",         "uint0",
        "uint08",      "int512",   "bytes0", "bytes33",         "bytes032",
        "fixed128x18", "Strange",  "",       "uint8[",          "uint8]",
        "uint8[-1]",   "uint8[x]", "[]",     "address payable", "T)(",
        "function"}) {
    EXPECT_TRUE(error_of(type, "1").starts_with("types.")) << type;
  }
  EXPECT_NE(error_of("uint", "1").find("uint256"), std::string::npos);
}

TEST(TypedData, ListsMayBeEmptyAndNested) {
  for (const auto& [type, value] :
       std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"uint8[]", "[]"},
           {"uint8[0]", "[]"},
           {"S[]", R"([{"n":1},{"n":2}])"},
           {"string[2][]", R"([["a","b"],["c","d"]])"}}) {
    EXPECT_TRUE(of_field(type, value).has_value()) << type;
  }
  EXPECT_EQ(of_field("uint8[2]", "[1,2]")->message_hash.has_value(), true);
}

/// Types that refer to themselves: the end of such a list is null.
TEST(TypedData, TakesRecursiveTypes) {
  const auto of_value = [](const std::string& value) {
    return TypedData::parse(
        R"({"types":{"Node":[{"name":"next","type":"Node"},{"name":"n","type":"uint8"}]},)"
        R"("primaryType":"Node","domain":{},"message":)" +
        value + "}");
  };
  EXPECT_TRUE(of_value(R"({"next":{"next":null,"n":2},"n":1})").has_value());
  std::string deep = "null";
  for (std::size_t i = 0; i < typed_data_depth_max + 1; ++i)
    deep = R"({"n":1,"next":)" + deep + "}";
  EXPECT_TRUE(of_value(deep).error().is(WalletError::bad_typed_data));
  // A child by children, with a word of zeros for the null one, as EIP-712 hashes structs.
  const Hash type = keccak256(as_bytes("Node(Node next,uint8 n)"));
  Bytes data = to_bytes(type.view());
  append(data, Hash().view());
  append(data, U256(1).to_be());
  EXPECT_EQ(of_value(R"({"next":null,"n":1})")->message_hash, keccak256(data));
}

TEST(TypedData, TypesReferredToStandBehindByName) {
  const auto data = TypedData::parse(
      R"({"types":{"B":[{"name":"c","type":"C[]"}],"C":[],"A":[{"name":"b","type":"B[2][]"},)"
      R"({"name":"c","type":"C"}]},"primaryType":"A","domain":{},"message":{"b":[],"c":{}}})");
  const auto hash = [](std::string_view text) { return keccak256(as_bytes(text)); };
  Bytes bytes = to_bytes(hash("A(B[2][] b,C c)B(C[] c)C()").view());
  append(bytes, hash("").view());
  append(bytes, keccak256(hash("C()").view()).view());
  EXPECT_EQ(data.value().message_hash, keccak256(bytes));
}

TEST(TypedData, OfTheDomainAloneHasNoMessage) {
  const auto data = TypedData::parse(
      R"({"types":{},"primaryType":"EIP712Domain","domain":{"name":"x"},"message":{}})");
  EXPECT_FALSE(data.value().message_hash);
  Bytes preimage{0x19, 0x01};
  append(preimage, data->domain_hash.view());
  EXPECT_EQ(data->signing_hash(), keccak256(preimage));
}

TEST(TypedData, ADomainWithoutATypeHasTheStandardsFields) {
  const auto of_domain = [](std::string_view domain) {
    return TypedData::parse(R"({"types":{"T":[]},"primaryType":"T","message":{},"domain":)" +
                            std::string(domain) + "}");
  };
  EXPECT_EQ(of_domain(R"({"chainId":1,"name":"a"})")->domain_hash,
            of_domain(R"({"name":"a","chainId":"0x1"})")->domain_hash);
  EXPECT_TRUE(of_domain(R"({"name":"a","colour":"b"})").error().is(WalletError::bad_typed_data));
}

TEST(TypedData, RefusesOtherDocuments) {
  for (const std::string_view text :
       {"", "[]", "{}", "null", R"({"types":{},"primaryType":"T","domain":{},"message":{}})",
        R"({"types":[],"primaryType":"T","domain":{},"message":{}})",
        R"({"types":{"T":{}},"primaryType":"T","domain":{},"message":{}})",
        R"({"types":{"T":[1]},"primaryType":"T","domain":{},"message":{}})",
        R"({"types":{"T":[{"name":"a"}]},"primaryType":"T","domain":{},"message":{"a":1}})",
        R"({"types":{"uint8":[]},"primaryType":"uint8","domain":{},"message":{}})",
        R"({"types":{"T x)U(":[]},"primaryType":"T x)U(","domain":{},"message":{}})",
        R"({"types":{"T":[{"name":"a b","type":"bool"}]},"primaryType":"T","domain":{},)"
        R"("message":{"a b":true}})",
        R"({"types":{"T":[{"name":"a","type":"bool"},{"name":"a","type":"bool"}]},)"
        R"("primaryType":"T","domain":{},"message":{"a":true}})",
        R"({"types":{"T":[]},"primaryType":"T","domain":{}})",
        R"({"types":{"T":[]},"primaryType":"T","message":{}})",
        R"({"types":{"T":[]},"primaryType":1,"domain":{},"message":{}})"}) {
    const auto read = TypedData::parse(text);
    ASSERT_FALSE(read) << text;
    EXPECT_TRUE(read.error().is(WalletError::bad_typed_data)) << text;
  }
  EXPECT_TRUE(TypedData::parse(std::string(typed_data_bytes_max + 1, ' '))
                  .error()
                  .is(Errc::limit_exceeded));
  json::object types;
  for (std::size_t i = 0; i <= typed_data_types_max; ++i)
    types["T" + std::to_string(i)] = json::array();
  const json::object many{
      {"types", types}, {"primaryType", "T0"}, {"domain", json::object()}, {"message", types}};
  EXPECT_TRUE(TypedData::parse(json::serialize(many)).error().is(Errc::limit_exceeded));
}

}  // namespace
}  // namespace kith::ledger
