#include <gtest/gtest.h>

#include <kith/ipld/content.hpp>
#include <kith/unixfs/hamt.hpp>
#include <kith/unixfs/node.hpp>

namespace kith::unixfs {
namespace {

TEST(Metadata, ATimeBeyondWhatCanBeCountedIsTheLastOrTheFirst) {
  auto seconds = [](std::int64_t count) { return WallTime(std::chrono::seconds(count)); };
  using Time = Metadata::Time;
  EXPECT_EQ((Time{9'000'000'000, 5}.wall_time()), seconds(9'000'000'000) + 5ns);
  EXPECT_EQ((Time{-9'000'000'000, 5}.wall_time()), seconds(-9'000'000'000) + 5ns);
  EXPECT_EQ((Time{9'223'372'035, 999'999'999}.wall_time()), seconds(9'223'372'036) - 1ns);
  for (std::int64_t far : {std::int64_t{9'223'372'036}, std::int64_t{9'300'000'000}, INT64_MAX}) {
    EXPECT_EQ((Time{far, 999'999'999}.wall_time()), seconds(9'223'372'036)) << far;
    EXPECT_EQ((Time{-far, 999'999'999}.wall_time()), WallTime()) << far;
  }
  EXPECT_EQ((Time{INT64_MIN, 0}.wall_time()), WallTime());
}

using multiformats::Cid;
using multiformats::Codec;

const Cid some = Cid::parse("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku").value();
const Cid dag_pb = Cid::v1(Codec::dag_pb, some.hash());

/// A block with this message and links.
Bytes block_of(const NodeData& data, std::vector<ipld::DagPbLink> links = {}) {
  Bytes message = encode_data(data);
  return ipld::encode_dag_pb({std::move(links), message});
}

UnixfsError error_of(const Bytes& block) {
  auto node = parse_node(dag_pb, block);
  EXPECT_FALSE(node);
  return node ? UnixfsError{} : node.error();
}

NodeData file_of(std::uint64_t size, std::vector<std::uint64_t> block_sizes) {
  NodeData data;
  data.type = NodeType::file;
  data.file_size = size;
  data.block_sizes = std::move(block_sizes);
  return data;
}

TEST(UnixfsNode, EncodesAsTheSpecificationSays) {
  NodeData data;
  data.type = NodeType::hamt_shard;
  data.data = as_bytes("bits");
  data.hash_type = 0x22;
  data.fanout = 256;
  data.metadata = {0100644, Metadata::Time{-1, 5}};
  Bytes message = encode_data(data);
  EXPECT_EQ(to_hex(message),
            "0805"
            "120462697473"
            "2822"
            "308002"
            "38a48302"
            "4210"
            "08ffffffffffffffffff01"
            "1505000000");
  auto again = decode_data(message);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->metadata, data.metadata);
  EXPECT_EQ(again->metadata.permissions(), 0644u);
  EXPECT_EQ(again->fanout, 256u);
  EXPECT_EQ(to_hex(encode_data(file_of(3, {1, 2}))),
            "0802"
            "1803"
            "2001"
            "2002");
}

TEST(UnixfsNode, LeavesOutWhatSaysNothing) {
  NodeData data;
  data.type = NodeType::directory;
  data.metadata = {0, Metadata::Time{0, 0}};
  EXPECT_EQ(to_hex(encode_data(data)),
            "08014202"
            "0800")
      << "no mode, but a time: 1970";
}

TEST(UnixfsNode, ReadsAsProtobufDoes) {
  // Packed numbers, a field twice (the last counts), unknown fields of each wire type.
  auto data = decode_data(from_hex("0801"
                                   "0802"
                                   "22020102"
                                   "2003"
                                   "9a0601ff"
                                   "980605"
                                   "a50601020304"
                                   "1806")
                              .value());
  ASSERT_TRUE(data);
  EXPECT_EQ(data->type, NodeType::file);
  EXPECT_EQ(data->block_sizes, (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(data->file_size, 6u);
}

TEST(UnixfsNode, RefusesBadMessages) {
  auto error = [](std::string_view hex) { return decode_data(from_hex(hex).value()).error(); };
  EXPECT_EQ(error(""), UnixfsError::not_unixfs) << "no type";
  EXPECT_EQ(error("1800"), UnixfsError::not_unixfs) << "no type";
  EXPECT_EQ(error("0806"), UnixfsError::unknown_type);
  EXPECT_EQ(error("0801120501"), UnixfsError::not_unixfs) << "cut";
  EXPECT_EQ(error("0801"
                  "4200"),
            UnixfsError::bad_mtime)
      << "no seconds";
  EXPECT_EQ(error("0801"
                  "4207"
                  "0801"
                  "1500000000"),
            UnixfsError::bad_mtime);
  EXPECT_EQ(error("0801"
                  "4207"
                  "0801"
                  "1500ca9a3b"),
            UnixfsError::bad_mtime);
}

TEST(UnixfsNode, AFilesSizesMustAgree) {
  ipld::DagPbLink link{some, {}, {}};
  EXPECT_TRUE(parse_node(dag_pb, block_of(file_of(5, {2, 3}), {link, link})));
  EXPECT_EQ(error_of(block_of(file_of(5, {2, 3}), {link})), UnixfsError::links_mismatch);
  EXPECT_EQ(error_of(block_of(file_of(2, {2}), {link, link})), UnixfsError::links_mismatch);
  EXPECT_EQ(error_of(block_of(file_of(6, {2, 3}), {link, link})), UnixfsError::size_mismatch);
  EXPECT_EQ(error_of(block_of(file_of(1, {UINT64_MAX, 2}), {link, link})),
            UnixfsError::size_mismatch);
  link.name = "";
  EXPECT_TRUE(parse_node(dag_pb, block_of(file_of(2, {2}), {link})));
  link.name = "name";
  EXPECT_EQ(error_of(block_of(file_of(2, {2}), {link})), UnixfsError::named_link);
  NodeData both = file_of(7, {2});
  both.data = as_bytes("12345");
  EXPECT_EQ(parse_node(dag_pb, block_of(both, {{some, {}, {}}}))->size, 7u);
}

TEST(UnixfsNode, TypesHaveTheirRules) {
  NodeData data;
  data.type = NodeType::symlink;
  data.data = as_bytes("target");
  EXPECT_EQ(parse_node(dag_pb, block_of(data))->size, 6u);
  EXPECT_EQ(error_of(block_of(data, {{some, {}, {}}})), UnixfsError::has_children);
  data.type = NodeType::metadata;
  EXPECT_EQ(error_of(block_of(data)), UnixfsError::unknown_type);
  data = {};
  data.type = NodeType::hamt_shard;
  data.hash_type = 0x22;
  for (std::uint64_t fanout : {0, 1, 4, 24, 255, 2048}) {
    data.fanout = fanout;
    EXPECT_EQ(error_of(block_of(data)), UnixfsError::bad_shard) << fanout;
  }
  data.fanout = 1024;
  EXPECT_TRUE(parse_node(dag_pb, block_of(data)));
  data.hash_type = 0x12;
  EXPECT_EQ(error_of(block_of(data)), UnixfsError::bad_shard);
}

TEST(UnixfsNode, OnlyRawAndDagPbAreUnixfs) {
  EXPECT_EQ(parse_node(some, as_bytes("anything"))->size, 8u);
  Cid cbor = Cid::v1(Codec::dag_cbor, some.hash());
  EXPECT_EQ(parse_node(cbor, as_bytes("a")).error(), UnixfsError::not_unixfs);
  EXPECT_EQ(error_of({}), UnixfsError::not_unixfs) << "the empty node has no data";
  EXPECT_EQ(error_of(from_hex("0a00").value()), UnixfsError::not_unixfs);
  // Invalid vectors of the specification.
  for (std::string_view hex :
       {"0a050001020304", "0a03010203",
        "12240a2212207521fe19c374a97759226dc5c0c8e674e73950e81b211f7dd3b6b30883a08a51",
        "120e0a09015500050001020304120161120e0a09015500050001020304120161"}) {
    EXPECT_EQ(error_of(from_hex(hex).value()), UnixfsError::not_unixfs) << hex;
  }
}

TEST(UnixfsNode, SumsOfClaimedSizesDoNotOverflow) {
  NodeData data;
  data.type = NodeType::directory;
  std::uint64_t huge = (std::uint64_t{1} << 63) - 1;
  Bytes block = block_of(data, {{some, "a", huge}, {some, "b", huge}, {some, "c", huge}});
  EXPECT_EQ(parse_node(dag_pb, block)->cumulative_size, UINT64_MAX);
}

TEST(UnixfsNode, NamesThatNoDiskShouldSee) {
  for (std::string_view name : {"a", "...", " ", "ą", "a\\b", "-"})
    EXPECT_TRUE(name_is_safe(name)) << name;
  using namespace std::string_view_literals;
  for (std::string_view name : {""sv, "."sv, ".."sv, "a/b"sv, "/"sv, "a\0b"sv})
    EXPECT_FALSE(name_is_safe(name)) << name;
  EXPECT_FALSE(name_is_safe(std::string(5000, 'a')));
}

}  // namespace
}  // namespace kith::unixfs
