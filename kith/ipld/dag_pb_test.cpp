#include <gtest/gtest.h>

#include <kith/ipld/content.hpp>
#include <kith/ipld/dag_pb.hpp>
#include <kith/ipld/limits.hpp>

namespace kith::ipld {
namespace {

using multiformats::Cid;
using multiformats::CidPrefix;
using multiformats::Codec;

const Cid some = Cid::from_bytes(from_hex("015500050001020304").value()).value();

Decoded<DagPbNode> decode(std::string_view hex) {
  static Bytes block;  // what is decoded refers to it
  block = from_hex(hex).value();
  return decode_dag_pb(block);
}

IpldError error_of(std::string_view hex) {
  auto node = decode(hex);
  EXPECT_FALSE(node) << hex;
  return node ? IpldError{} : node.error();
}

TEST(DagPb, EmptyBlockIsANodeWithoutLinksAndData) {
  auto node = decode_dag_pb({});
  ASSERT_TRUE(node);
  EXPECT_TRUE(node->links.empty());
  EXPECT_FALSE(node->data);
  EXPECT_TRUE(encode_dag_pb(*node).empty());
  // The CIDs of the specification, section "Zero-length blocks".
  EXPECT_EQ(cid_of({0, Codec::dag_pb, Codec::sha2_256, 32}, {})->to_string(),
            "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n");
  EXPECT_EQ(cid_of({1, Codec::dag_pb, Codec::sha2_256, 32}, {})->to_string(),
            "bafybeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku");
}

TEST(DagPb, TellsAbsentFromEmpty) {
  EXPECT_FALSE(decode("120b0a09015500050001020304")->data);
  EXPECT_EQ(decode("0a00")->data->size(), 0u);
  EXPECT_FALSE(decode("120b0a09015500050001020304")->links[0].name);
  EXPECT_EQ(decode("120d0a090155000500010203041200")->links[0].name, "");
  EXPECT_EQ(decode("120d0a090155000500010203041800")->links[0].tsize, 0u);
}

TEST(DagPb, TakesDataBeforeAndAfterLinksAndWritesItAfter) {
  std::string link = "120b0a09015500050001020304";
  EXPECT_EQ(decode("0a0301020"
                   "3" +
                   link)
                ->links.size(),
            1u);
  auto node = decode("0a03010203" + link);
  EXPECT_EQ(to_hex(encode_dag_pb(*node)), link + "0a03010203");
  EXPECT_EQ(error_of(link + "0a03010203" + link), IpldError::not_canonical);
}

TEST(DagPb, RefusesWhatTheSpecificationForbids) {
  EXPECT_EQ(error_of("0a000a00"), IpldError::duplicate);
  EXPECT_EQ(error_of("12160a090155000500010203040a09015500050001020304"), IpldError::duplicate);
  EXPECT_EQ(error_of("120d12000a09015500050001020304"), IpldError::not_canonical) << "name first";
  EXPECT_EQ(error_of("1200"), IpldError::bad_link);
  EXPECT_EQ(error_of("12020a00"), IpldError::bad_link);
  EXPECT_EQ(error_of("1a00"), IpldError::malformed) << "field 3";
  EXPECT_EQ(error_of("0800"), IpldError::malformed) << "data as a number";
  EXPECT_EQ(error_of("0a0501"), IpldError::malformed) << "cut";
  EXPECT_EQ(error_of("0a8100ff"), IpldError::not_canonical) << "a padded length";
  EXPECT_EQ(error_of("12150a0901550005000102030418ffffffffffffffffff01"), IpldError::malformed);
}

TEST(DagPb, SortsLinksWhenItWritesAndNotWhenItReads) {
  DagPbNode node;
  node.links = {{some, "b", 1}, {some, "a", 2}, {some, "", 3}, {some, "a", 4}, {some, {}, 5}};
  Bytes block = encode_dag_pb(node);
  EXPECT_EQ(block.size(), dag_pb_size(node));
  auto read = decode_dag_pb(block);
  ASSERT_TRUE(read);
  std::vector<std::uint64_t> order;
  for (const DagPbLink& link : read->links)
    order.push_back(link.tsize.value());
  EXPECT_EQ(order, (std::vector<std::uint64_t>{3, 5, 2, 4, 1}));
  auto unsorted = decode(
      "12"
      "0e"
      "0a09015500050001020304"
      "120162"
      "12"
      "0e"
      "0a09015500050001020304"
      "120161");
  EXPECT_EQ(unsorted->links[0].name, "b");
}

TEST(DagPb, RefusesBlocksAboveTheLimit) {
  Bytes block(block_bytes_max + 1);
  EXPECT_EQ(decode_dag_pb(block).error(), IpldError::too_large);
}

}  // namespace
}  // namespace kith::ipld
