#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <kith/multiformats/limits.hpp>
#include <kith/multiformats/multibase.hpp>

namespace kith::multiformats {
namespace {

struct Vector {
  Base base;
  std::string text;
};

// The files' rows are `name, "text"`; the first row has the bytes in place of a text.
std::vector<Vector> vectors(const std::string& file) {
  std::ifstream in(KITH_SOURCE_DIR "/tests/vectors/multiformats/multibase/" + file);
  std::vector<Vector> out;
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    std::size_t comma = line.find(',');
    std::size_t quote = line.find('"');
    if (quote == std::string::npos) continue;
    auto base = base_from_name(line.substr(0, comma));
    EXPECT_TRUE(base.has_value()) << line;
    out.push_back({*base, line.substr(quote + 1, line.rfind('"') - quote - 1)});
  }
  return out;
}

void expect_both_ways(const std::string& file, std::string_view value, std::size_t count) {
  auto rows = vectors(file);
  EXPECT_EQ(rows.size(), count) << file;
  for (const Vector& row : rows) {
    EXPECT_EQ(multibase_encode(row.base, as_bytes(value)), row.text);
    auto decoded = multibase_decode(row.text);
    ASSERT_TRUE(decoded.has_value()) << row.text;
    EXPECT_EQ(decoded->base, row.base);
    EXPECT_EQ(as_text(decoded->bytes), value) << row.text;
  }
}

TEST(Multibase, FollowsTheSpecificationsVectors) {
  using namespace std::string_view_literals;
  expect_both_ways("basic.csv", "yes mani !", 23);
  expect_both_ways("leading_zero.csv", "\0yes mani !"sv, 23);
  expect_both_ways("two_leading_zeros.csv", "\0\0yes mani !"sv, 23);
}

TEST(Multibase, TakesEitherCaseWhereTheSpecificationSaysSo) {
  auto rows = vectors("case_insensitivity.csv");
  EXPECT_EQ(rows.size(), 12u);
  for (const Vector& row : rows) {
    auto decoded = multibase_decode(row.text);
    ASSERT_TRUE(decoded.has_value()) << row.text;
    EXPECT_EQ(as_text(decoded->bytes), "hello world");
  }
}

// RFC 9285 section 4.3 and 4.4.
TEST(Multibase, FollowsTheVectorsOfBase45) {
  EXPECT_EQ(base_encode(Base::base45, as_bytes("AB")), "BB8");
  EXPECT_EQ(base_encode(Base::base45, as_bytes("Hello!!")), "%69 VD92EX0");
  EXPECT_EQ(base_encode(Base::base45, as_bytes("base-45")), "UJCLQE7W581");
  EXPECT_EQ(as_text(*base_decode(Base::base45, "QED8WEX0")), "ietf!");
  EXPECT_EQ(base_decode(Base::base45, "GGW").error(), MultiformatsError::not_canonical);
  EXPECT_EQ(base_decode(Base::base45, ":::").error(), MultiformatsError::not_canonical);
  EXPECT_EQ(base_decode(Base::base45, "A").error(), MultiformatsError::bad_text_length);
}

// rfcs/Proquint.md, and the addresses of the original paper.
TEST(Multibase, FollowsTheExamplesOfProquint) {
  EXPECT_EQ(multibase_encode(Base::proquint, *from_hex("7f000001")), "pro-lusab-babad");
  EXPECT_EQ(multibase_encode(Base::proquint, *from_hex("3f54dcc1")), "pro-gutih-tugad");
  EXPECT_EQ(to_hex(multibase_decode("pro-gutuk-bisog")->bytes), "3f760723");
  EXPECT_EQ(multibase_encode(Base::proquint, *from_hex("7f")).error(),
            MultiformatsError::not_representable);
  for (auto text : {"plusab-babad", "pro-lusab-", "pro-lusabbabad", "pro-lusab_babad", "pro-lusae",
                    "pro-lusab-babad-"}) {
    EXPECT_FALSE(multibase_decode(text).has_value()) << text;
  }
}

// rfcs/Base10.md, rfcs/Base36.md
TEST(Multibase, KeepsLeadingZeroBytesOfNumbers) {
  EXPECT_EQ(multibase_encode(Base::base10, *from_hex("0000ff")), "900255");
  EXPECT_EQ(to_hex(multibase_decode("90256")->bytes), "000100");
  EXPECT_EQ(multibase_encode(Base::base36, *from_hex("0000ff")), "k0073");
  EXPECT_EQ(to_hex(multibase_decode("K074")->bytes), "000100");
}

TEST(Multibase, RefusesWhatNoEncoderWrites) {
  EXPECT_EQ(multibase_decode("").error(), MultiformatsError::empty);
  EXPECT_EQ(multibase_decode("Qabc").error(), MultiformatsError::unknown_base);
  EXPECT_EQ(multibase_decode("1abc").error(), MultiformatsError::unknown_base);
  EXPECT_EQ(multibase_decode("z0").error(), MultiformatsError::bad_character);
  EXPECT_EQ(multibase_decode("zabl").error(), MultiformatsError::bad_character);
  EXPECT_EQ(multibase_decode("f123").error(), MultiformatsError::bad_text_length);
  EXPECT_EQ(multibase_decode("0101").error(), MultiformatsError::bad_text_length);
  EXPECT_EQ(multibase_decode("ba").error(), MultiformatsError::bad_text_length);
  EXPECT_EQ(multibase_decode("bab").error(), MultiformatsError::not_canonical);
  EXPECT_EQ(multibase_decode("mAB").error(), MultiformatsError::not_canonical);
  EXPECT_EQ(multibase_decode("mAA==").error(), MultiformatsError::bad_character);
  EXPECT_EQ(multibase_decode("MAA=").error(), MultiformatsError::bad_text_length);
  EXPECT_EQ(multibase_decode("MA===").error(), MultiformatsError::bad_text_length);
  EXPECT_EQ(multibase_decode("M====").error(), MultiformatsError::bad_text_length);
  EXPECT_EQ(multibase_decode("MA=A=").error(), MultiformatsError::bad_character);
  EXPECT_EQ(multibase_decode("uA+").error(), MultiformatsError::bad_character);
  EXPECT_EQ(multibase_decode("mAA\n").error(), MultiformatsError::bad_character);
  EXPECT_EQ(multibase_decode("\xf0\x9f\x9a\x80\xf0\x9f").error(), MultiformatsError::bad_character);
  EXPECT_EQ(multibase_decode("\xf0\x9f\x9a\x80z").error(), MultiformatsError::bad_character);
}

TEST(Multibase, BoundsTheBasesThatTakeQuadraticTime) {
  for (Base base : {Base::base10, Base::base36, Base::base58btc}) {
    Bytes most(positional_bytes_max, 0xff);
    auto text = base_encode(base, most);
    ASSERT_TRUE(text.has_value());
    EXPECT_LE(text->size(), positional_text_bytes_max);
    EXPECT_EQ(base_decode(base, *text), most);
    most.push_back(0xff);
    EXPECT_EQ(base_encode(base, most).error(), MultiformatsError::too_long);
    EXPECT_EQ(base_decode(base, std::string(positional_text_bytes_max + 1, '1')).error(),
              MultiformatsError::too_long);
  }
  EXPECT_EQ(base_decode(Base::base58btc, std::string(positional_bytes_max + 1, '1')).error(),
            MultiformatsError::too_long);
}

RC_GTEST_PROP(Multibase, RoundTripsInEveryBase, (Bytes bytes)) {
  for (const BaseInfo& info : all_bases()) {
    auto text = multibase_encode(info.base, bytes);
    if (info.base == Base::proquint && bytes.size() % 2 != 0) {
      RC_ASSERT(!text.has_value());
      continue;
    }
    RC_ASSERT(text.has_value());
    auto decoded = multibase_decode(*text);
    RC_ASSERT(decoded.has_value());
    RC_ASSERT((decoded->base == info.base));
    RC_ASSERT((decoded->bytes == bytes));
  }
}

// Texts made of a base's own characters, so that many are accepted.
RC_GTEST_PROP(Multibase, AcceptsOneTextAValue, ()) {
  for (const BaseInfo& info : all_bases()) {
    auto sample = base_encode(info.base, *rc::gen::arbitrary<Bytes>());
    if (!sample || sample->empty()) continue;
    auto text = *rc::gen::container<std::string>(rc::gen::elementOf(*sample));
    auto decoded = base_decode(info.base, text);
    if (decoded) RC_ASSERT((base_encode(info.base, *decoded) == text));
  }
}

}  // namespace
}  // namespace kith::multiformats
