// The CIDs of IPIP-499 and of the UnixFS specification's appendix.
#include <gtest/gtest.h>

#include <kith/ipld/content.hpp>
#include <kith/unixfs/directory.hpp>
#include <kith/unixfs/fixture.hpp>
#include <kith/unixfs/layout.hpp>

namespace kith::unixfs {
namespace {

using testing::root_of;
using testing::seeded_bytes;
using testing::SeededContent;

const ImportOptions v0 = ImportOptions::unixfs_v0_2015();
const ImportOptions v1 = ImportOptions::unixfs_v1_2025();

TEST(Profile, NamesASmallFile) {
  EXPECT_EQ(root_of(to_bytes("hello world"), v0), "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD");
  EXPECT_EQ(root_of(to_bytes("hello world"), v1),
            "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e");
}

TEST(Profile, NamesAFileOfOneChunk) {
  EXPECT_EQ(root_of(seeded_bytes("chunk-v0-seed", 262144), v0),
            "QmWmRj3dFDZdb6ABvbmKhEL6TmPbAfBZ1t5BxsEyJrcZhE");
  EXPECT_EQ(root_of(seeded_bytes("chunk-v1-seed", 1048576), v1),
            "bafkreiacndfy443ter6qr2tmbbdhadvxxheowwf75s6zehscklu6ezxmta");
}

TEST(Profile, NamesAFileOfOneChunkAndAByte) {
  EXPECT_EQ(root_of(seeded_bytes("chunk-v0-seed", 262145), v0),
            "QmYyLxtzZyW22zpoVAtKANLRHpDjZtNeDjQdJrcQNWoRkJ");
  EXPECT_EQ(root_of(seeded_bytes("chunk-v1-seed", 1048577), v1),
            "bafybeigmix7t42i6jacydtquhet7srwvgpizfg7gjbq7627d35mjomtu64");
}

/// The roots of a file that fills one node, and of the same with a byte more.
std::pair<std::string, std::string> roots_around_a_full_node(const ImportOptions& options,
                                                             std::string_view seed) {
  BlockMaker maker(options);
  FileTree full(options, maker);
  FileTree one_more(options, maker);
  SeededContent content(seed, 0);
  std::vector<ipld::Block> blocks;
  for (std::size_t i = 0; i <= options.file_width; ++i) {
    std::size_t size = i < options.file_width ? options.chunker.size_max : 1;
    Buffer chunk = Buffer::allocate(size);
    content.fill(chunk.mutable_bytes());
    ipld::Block leaf = make_leaf(options, maker, std::move(chunk)).value();
    FilePart part{leaf.cid, size, leaf.data.size()};
    if (i < options.file_width) EXPECT_TRUE(full.add(part, blocks));
    EXPECT_TRUE(one_more.add(part, blocks));
  }
  return {full.finish({}, blocks)->cid.to_string(), one_more.finish({}, blocks)->cid.to_string()};
}

TEST(Profile, NamesFilesAroundTheWidthOfANode) {
  auto legacy = roots_around_a_full_node(v0, "v0-seed");
  EXPECT_EQ(legacy.first, "QmUbBALi174SnogsUzLpYbD4xPiBSFANF4iztWCsHbMKh2");
  EXPECT_EQ(legacy.second, "QmV81WL765sC8DXsRhE5fJv2rwhS4icHRaf3J9Zk5FdRnW");
  auto modern = roots_around_a_full_node(v1, "v1-2025-seed");
  EXPECT_EQ(modern.first, "bafybeihmf37wcuvtx4hpu7he5zl5qaf2ineo2lqlfrapokkm5zzw7zyhvm");
  EXPECT_EQ(modern.second, "bafybeibdsi225ugbkmpbdohnxioyab6jsqrmkts3twhpvfnzp77xtzpyhe");
}

/// As Kubo's test makes it: names of seeded letters, content "x".
std::vector<DirectoryEntry> entries_of(const ImportOptions& options, std::string_view seed,
                                       std::size_t count, std::size_t name_bytes,
                                       std::size_t last_name_bytes) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz01234567890-_";
  BlockMaker maker(options);
  ipld::Block file = make_leaf(options, maker, Buffer::copy_of(as_bytes("x"))).value();
  SeededContent content(seed, 0);
  std::vector<DirectoryEntry> entries;
  for (std::size_t i = 0; i < count; ++i) {
    Bytes name(i + 1 < count ? name_bytes : last_name_bytes);
    content.fill(name);
    for (std::uint8_t& letter : name)
      letter = static_cast<std::uint8_t>(letters[letter % letters.size()]);
    entries.push_back({std::string(as_text(name)), file.cid, file.data.size()});
  }
  return entries;
}

MadeNode directory_of(const ImportOptions& options, std::vector<DirectoryEntry> entries) {
  std::vector<ipld::Block> blocks;
  auto made = make_directory(options, BlockMaker(options), std::move(entries), {}, blocks);
  EXPECT_TRUE(made) << made.error().message();
  return made.value_or(MadeNode());
}

TEST(Profile, NamesADirectoryAtTheThreshold) {
  MadeNode legacy = directory_of(v0, entries_of(v0, "hamt-unixfs-v0-2015", 4096, 30, 30));
  EXPECT_EQ(legacy.cid.to_string(), "QmX5GtRk3TSSEHtdrykgqm4eqMEn3n2XhfkFAis5fjyZmN");
  EXPECT_FALSE(legacy.sharded);
  MadeNode modern = directory_of(v1, entries_of(v1, "hamt-unixfs-v1-2025", 4766, 11, 21));
  EXPECT_EQ(modern.cid.to_string(), "bafybeic3h7rwruealwxkacabdy45jivq2crwz6bufb5ljwupn36gicplx4");
  EXPECT_FALSE(modern.sharded);
}

TEST(Profile, ShardsADirectoryOneByteAboveTheThreshold) {
  MadeNode legacy = directory_of(v0, entries_of(v0, "hamt-unixfs-v0-2015", 4033, 31, 31));
  EXPECT_EQ(legacy.cid.to_string(), "QmeMiJzmhpJAUgynAcxTQYek5PPKgdv3qEvFsdV3XpVnvP");
  EXPECT_TRUE(legacy.sharded);
  MadeNode modern = directory_of(v1, entries_of(v1, "hamt-unixfs-v1-2025", 4766, 11, 22));
  EXPECT_EQ(modern.cid.to_string(), "bafybeiegvuterwurhdtkikfhbxcldohmxp566vpjdofhzmnhv6o4freidu");
  EXPECT_TRUE(modern.sharded);
}

TEST(Profile, NamesATrickleTree) {
  // IPIP-499 gives the CID and "45 MiB, 180 leaves", not the content; see kubo_test.cpp for those
  // whose content is known. What can be checked here is the shape.
  ImportOptions trickle = v0;
  trickle.layout = Layout::trickle;
  BlockMaker maker(trickle);
  FileTree tree(trickle, maker);
  std::vector<ipld::Block> blocks;
  ipld::Block leaf = make_leaf(trickle, maker, Buffer::copy_of(as_bytes("leaf"))).value();
  for (int i = 0; i < 180; ++i)
    ASSERT_TRUE(tree.add({leaf.cid, 4, leaf.data.size()}, blocks));
  ASSERT_TRUE(tree.finish({}, blocks));
  ASSERT_EQ(blocks.size(), 2u) << "six leaves in one subtree, below the root";
  Node root = parse_node(blocks[1].cid, blocks[1].data).value();
  EXPECT_EQ(root.links.size(), 175u);
  EXPECT_EQ(root.size, 720u);
}

TEST(UnixfsVectors, EmptyNodes) {
  EXPECT_EQ(directory_of(v0, {}).cid.to_string(), "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn");
  EXPECT_EQ(directory_of(v1, {}).cid.to_string(),
            "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354");
  EXPECT_EQ(root_of({}, v0), "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH");
  EXPECT_EQ(root_of({}, v1), "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku");
  ImportOptions inlined = v1;
  inlined.inline_bytes_max = 32;
  EXPECT_EQ(directory_of(inlined, {}).cid.to_string(), "bafyaabakaieac");
  EXPECT_EQ(root_of({}, inlined), "bafkqaaa");
  ImportOptions wrapped = v1;
  wrapped.raw_leaves = false;
  EXPECT_EQ(root_of({}, wrapped), "bafybeif7ztnhq65lumvvtr4ekcwd2ifwgm3awq4zfr3srh462rwyinlb4y");
}

TEST(UnixfsVectors, FilesOfOneBlock) {
  EXPECT_EQ(root_of(to_bytes("hello world\n"), v1),
            "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4");
  ImportOptions wrapped = v1;
  wrapped.raw_leaves = false;
  ipld::MemoryBlocks blocks;
  std::string root = root_of(to_bytes("Hello from IPFS Gateway Checker\n"), wrapped, &blocks);
  EXPECT_EQ(root, "bafybeifx7yeb55armcsxwwitkymga5xf53dxiarykms3ygqic223w5sk3m");
  EXPECT_EQ(blocks.bytes(), 40u);
}

TEST(UnixfsVectors, Symlink) {
  BlockMaker maker(v0);
  std::vector<ipld::Block> blocks;
  MadeNode link = make_symlink(maker, "foo", {}, blocks).value();
  EXPECT_EQ(link.cid.to_string(), "QmTB8BaCJdCH5H3k7GrxJsxgDNmNYGGR71C58ERkivXoj5");
  EXPECT_EQ(blocks.at(0).data.size(), 9u);
  ipld::Block file = make_leaf(v0, maker, Buffer::copy_of(as_bytes("content\n"))).value();
  EXPECT_EQ(file.cid.to_string(), "Qme2y5HA5kvo2jAx13UsnV5bQJVijiAJCPvaW3JGQWhvJZ");
  MadeNode directory = directory_of(
      v0, {{"foo", file.cid, file.data.size()}, {"bar", link.cid, link.cumulative_size}});
  EXPECT_EQ(directory.cid.to_string(), "QmWvY6FaqFMS89YAQ9NAPjVP4WZKA1qbHbicc9HeSKQTgt");
}

TEST(UnixfsVectors, DirectoryOfTwoFiles) {
  BlockMaker maker(v1);
  ipld::Block ascii =
      make_leaf(v1, maker, Buffer::copy_of(as_bytes("hello application/vnd.ipld.car\n"))).value();
  ASSERT_EQ(ascii.cid.to_string(), "bafkreifkam6ns4aoolg3wedr4uzrs3kvq66p4pecirz6y2vlrngla62mxm");
  ipld::Block hello = make_leaf(v1, maker, Buffer::copy_of(as_bytes("hello world\n"))).value();
  MadeNode inner = directory_of(v1, {{"hello.txt", hello.cid, 12}, {"ascii.txt", ascii.cid, 31}});
  EXPECT_EQ(inner.cid.to_string(), "bafybeiggghzz6dlue3m6nb2dttnbrygxh3lrjl5764f2m4gq7dgzdt55o4");
  EXPECT_EQ(inner.cumulative_size, 110u + 31 + 12);
  MadeNode root = directory_of(v1, {{"subdir", inner.cid, inner.cumulative_size}});
  EXPECT_EQ(root.cid.to_string(), "bafybeietjm63oynimmv5yyqay33nui4y4wx6u3peezwetxgiwvfmelutzu");
}

TEST(UnixfsVectors, IdentityCidsHaveALimit) {
  std::string valid = "bafkqbaab";
  for (int i = 0; i < 128 / 5; ++i)
    valid += "ijbeeqsc";
  valid += "ijbee";
  multiformats::Cid cid = multiformats::Cid::parse(valid).value();
  EXPECT_EQ(as_text(ipld::identity_block(cid).data), std::string(128, 'B'));
  ImportOptions inlined = v1;
  inlined.inline_bytes_max = 128;
  EXPECT_EQ(root_of(Bytes(128, 'B'), inlined), valid);
  EXPECT_FALSE(multiformats::Cid::parse(root_of(Bytes(129, 'A'), inlined))->is_identity());
  inlined.inline_bytes_max = 129;
  EXPECT_FALSE(inlined.check());
}

}  // namespace
}  // namespace kith::unixfs
