#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/base/test_fixtures.hpp>
#include <kith/base/varint.hpp>
#include <kith/ipld/car.hpp>
#include <kith/ipld/codec.hpp>
#include <kith/ipld/content.hpp>
#include <kith/ipld/dag_json.hpp>
#include <kith/ipld/limits.hpp>

namespace kith::ipld {
namespace {

using multiformats::Cid;
using multiformats::Codec;

Bytes vector_file(const std::string& name) {
  return testing::read_test_file(std::string(KITH_SOURCE_DIR) + "/tests/vectors/ipld/" + name);
}

struct Archive {
  std::vector<Cid> roots;
  std::vector<Block> blocks;
  std::optional<CarV2Header> v2;
};

/// Reads an archive that comes in pieces of up to `piece_max` bytes.
Decoded<Archive> read(const Bytes& bytes, std::size_t piece_max, bool end = true) {
  CarReader reader;
  Archive archive;
  Prng prng(piece_max);
  std::size_t at = 0;
  while (!reader.finished()) {
    auto block = reader.next();
    if (!block) return std::unexpected(block.error());
    if (*block) {
      archive.blocks.push_back(*std::move(*block));
      continue;
    }
    if (reader.finished()) break;
    std::size_t size = std::min(bytes.size() - at, 1 + prng.below(piece_max));
    if (size == 0) {
      if (!end) return std::unexpected(IpldError::truncated);
      reader.end();
      continue;
    }
    reader.feed(Buffer::copy_of(ByteView(bytes).subspan(at, size)));
    at += size;
  }
  archive.roots = reader.roots();
  archive.v2 = reader.v2();
  return archive;
}

void expect_described(const Archive& archive, const std::string& description_file) {
  Value description =
      decode_dag_json(vector_file(description_file), Strictness::historical).value();
  const List& roots = *description.find("header")->find("roots")->get<List>();
  ASSERT_EQ(archive.roots.size(), roots.size());
  for (std::size_t i = 0; i < roots.size(); ++i)
    EXPECT_EQ(archive.roots[i], *roots[i].get<Cid>());
  const List& blocks = *description.find("blocks")->get<List>();
  ASSERT_EQ(archive.blocks.size(), blocks.size());
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const Block& block = archive.blocks[i];
    EXPECT_EQ(block.cid, *blocks[i].find("cid")->get<Cid>());
    EXPECT_EQ(block.data.size(), blocks[i].find("blockLength")->get<Integer>()->argument);
    EXPECT_TRUE(verify(block.cid, block.data));
    auto content = encode_value(block.cid.codec(), *blocks[i].find("content"));
    ASSERT_TRUE(content);
    EXPECT_TRUE(equal(*content, block.data)) << block.cid.to_string();
  }
}

TEST(Car, ReadsTheSpecificationsArchives) {
  for (std::size_t piece_max : {1, 7, 100, 10'000}) {
    auto one = read(vector_file("carv1-basic.car"), piece_max);
    ASSERT_TRUE(one);
    EXPECT_FALSE(one->v2);
    expect_described(*one, "carv1-basic.json");
    auto two = read(vector_file("carv2-basic.car"), piece_max);
    ASSERT_TRUE(two);
    ASSERT_TRUE(two->v2);
    EXPECT_EQ(two->v2->data_offset, 51u);
    expect_described(*two, "carv2-basic.json");
  }
}

TEST(Car, WritesWhatItReads) {
  Bytes original = vector_file("carv1-basic.car");
  Archive archive = read(original, 64).value();
  Bytes again = encode_car_header(archive.roots);
  for (const Block& block : archive.blocks) {
    append(again, encode_car_section_start(block.cid, block.data.size()));
    append(again, block.data);
  }
  EXPECT_EQ(again, original);
}

TEST(Car, EndsOnlyBetweenSections) {
  Bytes archive = vector_file("carv1-basic.car");
  std::size_t whole = 0;
  for (std::size_t size = 0; size <= archive.size(); ++size)
    whole += read(Bytes(archive.begin(), archive.begin() + static_cast<std::ptrdiff_t>(size)), 64)
                 .has_value();
  EXPECT_EQ(whole, 9u) << "after the header and after each of the eight sections";
  // A version 2 archive says where its data ends.
  archive = vector_file("carv2-basic.car");
  for (std::size_t size = 0; size + 1 < archive.size(); size += 7) {
    Bytes cut(archive.begin(), archive.begin() + static_cast<std::ptrdiff_t>(size));
    if (size < 51 + load_le<std::uint64_t>(archive.data() + 35))
      EXPECT_FALSE(read(cut, 64)) << size;
  }
}

Bytes with_header(std::string_view hex) {
  Bytes body = from_hex(hex).value();
  Bytes out;
  append_varint(out, body.size());
  append(out, body);
  return out;
}

TEST(Car, RefusesImpossibleHeaders) {
  auto error_of = [](Bytes bytes) { return read(bytes, 100).error(); };
  EXPECT_EQ(error_of({}), IpldError::truncated);
  Bytes zero(20);
  EXPECT_EQ(error_of(zero), IpldError::malformed);
  Bytes long_header;
  append_varint(long_header, car_header_bytes_max + 1);
  long_header.resize(20);
  EXPECT_EQ(error_of(long_header), IpldError::too_large);
  // {"roots": [], "version": 3}, then without version, then a root that is a text.
  EXPECT_EQ(error_of(with_header("a265726f6f7473806776657273696f6e03")), IpldError::unsupported);
  EXPECT_EQ(error_of(with_header("a165726f6f7473806776657273696f6e")), IpldError::trailing_bytes);
  EXPECT_EQ(error_of(with_header("a265726f6f7473816161"
                                 "6776657273696f6e01")),
            IpldError::bad_link);
  EXPECT_TRUE(read(with_header("a265726f6f7473806776657273696f6e01"), 100)) << "no roots";
}

TEST(Car, RefusesImpossibleSections) {
  Bytes start = encode_car_header({});
  auto error_of = [&](Bytes section) {
    Bytes archive = start;
    append(archive, section);
    return read(archive, 100).error();
  };
  EXPECT_EQ(error_of({0}), IpldError::malformed) << "an empty section";
  EXPECT_EQ(error_of({3, 1, 2, 3}), IpldError::bad_link);
  EXPECT_EQ(error_of({0x81}), IpldError::truncated);
  EXPECT_EQ(error_of({0x81, 0x00, 0x00}), IpldError::malformed) << "a padded length";
  Bytes huge;
  append_varint(huge, car_section_bytes_max + 1);
  EXPECT_EQ(error_of(huge), IpldError::too_large) << "before its bytes are waited for";
}

TEST(Car, Version2DataStaysInsideItsRange) {
  Bytes archive = vector_file("carv2-basic.car");
  auto changed = [&](std::size_t at, std::uint64_t value) {
    Bytes other = archive;
    store_le(other.data() + 43, std::uint64_t{0});
    store_le(other.data() + at, value);
    return read(other, 100);
  };
  EXPECT_EQ(changed(27, 50).error(), IpldError::malformed) << "data inside of the header";
  EXPECT_EQ(changed(27, UINT64_MAX - 5).error(), IpldError::malformed) << "a sum that overflows";
  EXPECT_EQ(changed(35, 100).error(), IpldError::malformed) << "the range ends inside of a section";
  std::uint64_t size = load_le<std::uint64_t>(archive.data() + 35);
  EXPECT_EQ(changed(35, size + 1).error(), IpldError::malformed) << "the index as a section";
  archive.resize(51 + size);
  EXPECT_TRUE(changed(35, size));
  EXPECT_EQ(changed(35, size + 1).error(), IpldError::truncated);
  EXPECT_EQ(changed(43, 60).error(), IpldError::malformed) << "an index before the data's end";
  // Bytes after the data, such as an index, don't matter.
  Bytes longer = archive;
  longer.resize(longer.size() + 1000, 0xff);
  EXPECT_TRUE(read(longer, 100));
}

TEST(Car, SharesTheMemoryItIsFed) {
  Bytes bytes = vector_file("carv1-basic.car");
  Buffer fed = Buffer::copy_of(bytes);
  CarReader reader;
  reader.feed(fed);
  auto block = reader.next();
  ASSERT_TRUE(block && *block);
  EXPECT_GE((*block)->data.data(), fed.data());
  EXPECT_LT((*block)->data.data(), fed.data() + fed.size());
}

}  // namespace
}  // namespace kith::ipld
