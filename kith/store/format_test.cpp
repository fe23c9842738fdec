#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <kith/store/detail/crc32c.hpp>
#include <kith/store/format.hpp>
#include <kith/store/store_test.hpp>

namespace kith::store {
namespace {

using testing::block_of;

TEST(Crc32c, GivesTheCheckValueOfRfc3720) {
  EXPECT_EQ(detail::crc32c(as_bytes("123456789")), 0xe3069283U);
  EXPECT_EQ(detail::crc32c(Bytes(32)), 0x8a9136aaU);
  EXPECT_EQ(detail::crc32c(Bytes(32, 0xff)), 0x62a8ab43U);
  EXPECT_EQ(detail::crc32c_portable(as_bytes("123456789")), 0xe3069283U);
}

RC_GTEST_PROP(Crc32c, IsTheSameByTablesAndInPieces, (const Bytes& data)) {
  std::uint32_t whole = detail::crc32c(data);
  RC_ASSERT(whole == detail::crc32c_portable(data));
  auto cut = *rc::gen::inRange<std::size_t>(0, data.size() + 1);
  std::uint32_t first = detail::crc32c(ByteView(data).first(cut));
  RC_ASSERT(whole == detail::crc32c(ByteView(data).subspan(cut), first));
}

Bytes record_of(const NewBlock& block) {
  Bytes bytes;
  append_record_header(bytes, block.hash, block.data);
  append(bytes, block.data);
  return bytes;
}

TEST(Record, HasTheBytesThatTheHeaderCommentSays) {
  auto key = *Multihash::wrap(multiformats::Codec::sha2_256, Bytes(32, 7));
  Bytes bytes;
  append_record_header(bytes, key, as_bytes("abc"));
  EXPECT_EQ(to_hex(bytes),
            "6b426c6b"
            "3de4e157"
            "01"
            "22"
            "0000"
            "03000000"
            "b73f4b36"
            "1220"
            "0707070707070707070707070707070707070707070707070707070707070707");
}

TEST(Record, ReadsBackWhatWasWritten) {
  NewBlock block = block_of(1, 100);
  Bytes bytes = record_of(block);
  auto header = decode_record(bytes);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->key, block.hash);
  EXPECT_EQ(header->total_bytes(), bytes.size());
  EXPECT_TRUE(equal(ByteView(bytes).subspan(header->data_offset), block.data));
}

TEST(Record, NoticesEveryFlippedBitAndEveryCut) {
  Bytes bytes = record_of(block_of(1, 40));
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    Bytes bad = bytes;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_FALSE(decode_record(bad)) << bit;
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    auto cut = decode_record(ByteView(bytes).first(size));
    ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error(), FormatError::truncated);
  }
}

TEST(PackHeader, ReadsBackAndNoticesEveryFlippedBit) {
  Bytes bytes = encode_pack_header(77);
  EXPECT_EQ(decode_pack_header(bytes), PackId{77});
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    Bytes bad = bytes;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_FALSE(decode_pack_header(bad));
  }
}

TEST(PackName, ReadsBackAndRefusesOthers) {
  EXPECT_EQ(pack_name(1), "packs/00000001.pack");
  EXPECT_EQ(parse_pack_name("00000001.pack"), PackId{1});
  EXPECT_EQ(parse_pack_name("4294967295.pack"), PackId{4294967295U});
  for (std::string_view bad : {"1.pack", "00000000.pack", "4294967296.pack", "00000001.pack.new",
                               "0000000x.pack", "-0000001.pack", ".pack", ""}) {
    EXPECT_FALSE(parse_pack_name(bad)) << bad;
  }
}

template <class Row, class Encode, class Decode>
void expect_strict(const Row& row, Encode encode, Decode decode, bool last_is_free = false) {
  Bytes bytes = encode(row);
  auto back = decode(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, row);
  for (std::size_t size = 0; size < bytes.size() && !last_is_free; ++size)
    EXPECT_FALSE(decode(ByteView(bytes).first(size))) << size;
  bytes.push_back(0);
  if (!last_is_free) {
    EXPECT_FALSE(decode(bytes));
  }
}

TEST(IndexValues, ReadBackAndRefuseCutsAndLeftovers) {
  auto extent = [](const Extent& value) { return encode_extent(value); };
  expect_strict(Extent(PackExtent{9, 300, 262144}), extent, decode_extent);
  expect_strict(Extent(FileExtent{1234567, std::uint64_t{1} << 40, 7}), extent, decode_extent);
  expect_strict(PackInfo{100000, 12, 3000, 4000, true}, encode_pack_info, decode_pack_info);
  expect_strict(StateRow{5, 6, 7}, encode_state, decode_state);
  expect_strict(FileRow{{1, -2, 3, 4}, 5, "/a/b"}, encode_file_row, decode_file_row, true);
}

TEST(IndexValues, RefuseWhatIsNeverWritten) {
  EXPECT_FALSE(decode_extent(encode_extent(PackExtent{0, 300, 1})));
  EXPECT_FALSE(decode_extent(encode_extent(PackExtent{1, 31, 1})));
  EXPECT_FALSE(decode_extent(encode_extent(FileExtent{1, 1, ipld::block_bytes_max + 1})));
  EXPECT_EQ(decode_extent(Bytes{3, 1, 1, 1}).error(), FormatError::unknown_kind);
  EXPECT_FALSE(decode_pack_info(encode_pack_info({31, 0, 0, 0, false})));
  EXPECT_FALSE(decode_pack_info(encode_pack_info({100, 1, 60, 69, false})));
  EXPECT_FALSE(decode_file_row(encode_file_row({{}, 0, ""})));
}

}  // namespace
}  // namespace kith::store
