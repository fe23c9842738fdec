// github.com/ipld/codec-fixtures: every value in every codec that can express it, and what decoders
// and encoders must refuse.
#include <map>

#include <gtest/gtest.h>

#include <kith/base/test_fixtures.hpp>
#include <kith/ipld/car.hpp>
#include <kith/ipld/codec.hpp>
#include <kith/ipld/content.hpp>
#include <kith/ipld/dag_cbor.hpp>
#include <kith/ipld/dag_json.hpp>
#include <kith/ipld/links.hpp>

namespace kith::ipld {
namespace {

using multiformats::Cid;
using multiformats::CidPrefix;
using multiformats::Codec;
namespace fs = std::filesystem;

class CodecFixtures : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!testing::unpack_fixture("codec-fixtures", folder_.path())) {
      GTEST_SKIP() << "KITH_FIXTURES names no folder with codec-fixtures.tar.zst";
    }
    root_ = folder_.path() / "codec-fixtures";
  }

  /// The objects of a file of negative fixtures.
  static List cases_of(const fs::path& path) {
    auto value = decode_dag_json(testing::read_test_file(path), Strictness::historical);
    EXPECT_TRUE(value) << path;
    return value ? *value->get<List>() : List();
  }

  testing::TemporaryFolder folder_;
  fs::path root_;
};

TEST_F(CodecFixtures, EncodeToTheSameBlocksFromEveryCodec) {
  std::size_t blocks = 0;
  for (const auto& fixture : fs::directory_iterator(root_ / "fixtures")) {
    if (!fixture.is_directory()) continue;
    std::map<Codec, std::pair<Cid, Bytes>> forms;
    for (const auto& file : fs::directory_iterator(fixture)) {
      Cid cid = Cid::parse(file.path().stem().string()).value();
      forms[cid.codec()] = {cid, testing::read_test_file(file.path())};
    }
    for (const auto& [from, source] : forms) {
      SCOPED_TRACE(fixture.path().filename().string());
      EXPECT_TRUE(verify(source.first, source.second));
      // Some files have the links after the data, or a map as it came.
      auto value = decode_value(from, source.second, Strictness::historical);
      ASSERT_TRUE(value) << error_domain(value.error()).message(static_cast<int>(value.error()));
      for (const auto& [to, target] : forms) {
        ++blocks;
        auto encoded = encode_value(to, *value);
        ASSERT_TRUE(encoded);
        EXPECT_EQ(cid_of(CidPrefix::of(target.first), *encoded).value(), target.first)
            << as_text(*encoded).substr(0, 200);
      }
    }
  }
  EXPECT_GT(blocks, 400u);
}

TEST_F(CodecFixtures, AreCanonical) {
  for (const auto& file : fs::recursive_directory_iterator(root_ / "fixtures")) {
    if (!file.is_regular_file()) continue;
    auto cid = Cid::parse(file.path().stem().string());
    if (!cid) continue;
    Bytes block = testing::read_test_file(file.path());
    EXPECT_TRUE(decode_value(cid->codec(), block, Strictness::canonical)) << file.path();
    EXPECT_TRUE(links_of(cid->codec(), block)) << file.path();
  }
}

TEST_F(CodecFixtures, RefuseWhatDecodersMust) {
  const std::pair<Codec, const char*> codecs[] = {
      {Codec::dag_pb, "dag-pb"}, {Codec::dag_cbor, "dag-cbor"}, {Codec::dag_json, "dag-json"}};
  std::size_t count = 0;
  for (auto [codec, name] : codecs) {
    for (const auto& file : fs::directory_iterator(root_ / "negative-fixtures" / name / "decode")) {
      for (const Value& test : cases_of(file.path())) {
        ++count;
        Bytes block = from_hex(*test.find("hex")->get<std::string>()).value();
        for (Strictness strictness : {Strictness::canonical, Strictness::historical}) {
          EXPECT_FALSE(decode_value(codec, block, strictness))
              << name << ": " << *test.find("name")->get<std::string>();
        }
      }
    }
  }
  EXPECT_GT(count, 10u);
}

TEST_F(CodecFixtures, RefuseWhatDagPbCanNotExpress) {
  std::size_t count = 0;
  for (const auto& file : fs::directory_iterator(root_ / "negative-fixtures/dag-pb/encode")) {
    for (const Value& test : cases_of(file.path())) {
      ++count;
      EXPECT_FALSE(encode_value(Codec::dag_pb, *test.find("dag-json")))
          << *test.find("name")->get<std::string>();
    }
  }
  EXPECT_GT(count, 10u);
}

TEST_F(CodecFixtures, AreAllInTheirCar) {
  CarReader reader;
  reader.feed(Buffer::adopt(testing::read_test_file(root_ / "fixtures.car")));
  reader.end();
  std::size_t blocks = 0;
  while (true) {
    auto block = reader.next();
    ASSERT_TRUE(block);
    if (!*block) break;
    ++blocks;
    EXPECT_TRUE(verify((*block)->cid, (*block)->data)) << (*block)->cid.to_string();
  }
  EXPECT_TRUE(reader.finished());
  EXPECT_GT(blocks, 200u);
}

}  // namespace
}  // namespace kith::ipld
