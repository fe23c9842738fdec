#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <kith/ipld/content.hpp>
#include <kith/unixfs/directory.hpp>
#include <kith/unixfs/directory_reader.hpp>
#include <kith/unixfs/fixture.hpp>
#include <kith/unixfs/hamt.hpp>
#include <kith/unixfs/node.hpp>

namespace kith::unixfs {
namespace {

using multiformats::Cid;
using multiformats::Codec;
using testing::run_on_node;

const Cid some = Cid::parse("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku").value();

TEST(Murmur3, HashesAsTheReferenceDoes) {
  // The first half of SMHasher's MurmurHash3_x64_128 with seed 0.
  EXPECT_EQ(murmur3_x64_64({}), 0u);
  EXPECT_EQ(murmur3_x64_64(as_bytes("hello")), 0xcbd8a7b341bd9b02u);
  EXPECT_EQ(murmur3_x64_64(as_bytes("hello, world")), 0x342fac623a5ebc8eu);
  EXPECT_EQ(murmur3_x64_64(as_bytes("19 Jan 2038 at 3:14:07 AM")), 0xb89e5988b737affcu);
  EXPECT_EQ(murmur3_x64_64(as_bytes("The quick brown fox jumps over the lazy dog.")),
            0xcd99481f9ee902c9u);
}

TEST(HamtShape, TakesBitsFromTheFront) {
  HamtShape shape = HamtShape::of_fanout(256).value();
  EXPECT_EQ(shape.slot(0x0123456789abcdef, 0), 0x01u);
  EXPECT_EQ(shape.slot(0x0123456789abcdef, 7), 0xefu);
  EXPECT_EQ(shape.levels(), 8u);
  EXPECT_EQ(shape.prefix(10), "0A");
  shape = HamtShape::of_fanout(8).value();
  EXPECT_EQ(shape.slot(0xe000000000000000, 0), 7u);
  EXPECT_EQ(shape.slot(0x1fffffffffffffff, 0), 0u);
  EXPECT_EQ(shape.levels(), 21u);
  EXPECT_EQ(shape.prefix(7), "7");
  shape = HamtShape::of_fanout(1024).value();
  EXPECT_EQ(shape.prefix(1023), "3FF");
  EXPECT_EQ(shape.levels(), 6u);
}

TEST(HamtShape, PlacesTheSpecificationsExample) {
  // specs.ipfs.tech/unixfs, "Finding 470.txt in a HAMT with fanout=256".
  HamtShape shape = HamtShape::of_fanout(256).value();
  std::uint64_t hash = murmur3_x64_64(as_bytes("470.txt"));
  EXPECT_EQ(shape.prefix(shape.slot(hash, 0)), "00");
  EXPECT_EQ(shape.prefix(shape.slot(hash, 1)), "6E");
  hash = murmur3_x64_64(as_bytes("742.txt"));
  EXPECT_EQ(shape.prefix(shape.slot(hash, 0)), "00");
  EXPECT_EQ(shape.prefix(shape.slot(hash, 1)), "FF");
}

TEST(HamtShape, LeavesOutZeroBytesAtTheFrontOfABitfield) {
  HamtShape shape = HamtShape::of_fanout(256).value();
  EXPECT_EQ(to_hex(hamt_bitfield(shape, {0})), "01");
  EXPECT_EQ(to_hex(hamt_bitfield(shape, {8, 1})), "0102");
  EXPECT_EQ(hamt_bitfield(shape, {255}).size(), 32u);
  EXPECT_EQ(to_hex(hamt_bitfield(shape, {})), "");
}

/// A directory of `count` names, always sharded.
struct Sharded {
  ImportOptions options;
  ipld::MemoryBlocks blocks;
  Cid root;
  std::map<std::string, Cid> names;

  Sharded(std::size_t count, std::uint64_t fanout) {
    options.hamt_fanout = fanout;
    options.directory_links_max = 1;
    std::vector<DirectoryEntry> entries;
    for (std::size_t i = 0; i < count; ++i) {
      Bytes content = to_bytes(fmt::format("content {}", i));
      Cid cid = ipld::cid_of({}, content).value();
      names[fmt::format("name {}", i)] = cid;
      entries.push_back({fmt::format("name {}", i), cid, content.size()});
    }
    std::vector<ipld::Block> made;
    root = make_directory(options, BlockMaker(options), entries, {}, made)->cid;
    for (ipld::Block& block : made)
      blocks.add(std::move(block));
  }
};

Task<void> list(port::Env&, ipld::MemoryBlocks& blocks, const Cid& root,
                Result<std::vector<ListedEntry>>& all) {
  Result<DirectoryReader> reader = co_await DirectoryReader::open(blocks, root);
  if (!reader) all = std::unexpected(reader.error());
  while (all) {
    auto batch = co_await reader->next_batch();
    if (!batch) all = std::unexpected(batch.error());
    if (!batch || batch->empty()) break;
    all->insert(all->end(), batch->begin(), batch->end());
  }
  co_return Result<void>{};
}

Result<std::vector<ListedEntry>> entries_of(ipld::MemoryBlocks& blocks, const Cid& root) {
  Result<std::vector<ListedEntry>> all;
  run_on_node(1, list, blocks, root, all);
  return all;
}

Task<void> find(port::Env&, ipld::MemoryBlocks& blocks, const Cid& root, std::string& name,
                Result<Cid>& found) {
  KITH_CO_TRY(ipld::Block block, co_await ipld::get_block(blocks, root));
  auto entry = co_await find_entry(blocks, std::move(block), name);
  if (entry) {
    found = entry->cid;
  } else {
    found = std::unexpected(entry.error());
  }
  co_return Result<void>{};
}

Result<Cid> cid_at(ipld::MemoryBlocks& blocks, const Cid& root, std::string name) {
  Result<Cid> found;
  run_on_node(1, find, blocks, root, name, found);
  return found;
}

TEST(Hamt, ListsAndFindsAllItsNames) {
  for (std::uint64_t fanout : {8, 16, 256, 1024}) {
    for (std::size_t count : {2, 10, 300, 3000}) {
      Sharded directory(count, fanout);
      auto entries = entries_of(directory.blocks, directory.root);
      ASSERT_TRUE(entries) << entries.error().message();
      std::map<std::string, Cid> listed;
      for (const ListedEntry& entry : *entries)
        listed[entry.name] = entry.cid;
      EXPECT_EQ(entries->size(), count);
      EXPECT_EQ(listed, directory.names);
      for (std::size_t i = 0; i < count; i += 97) {
        std::string name = fmt::format("name {}", i);
        EXPECT_EQ(cid_at(directory.blocks, directory.root, name).value(), directory.names[name]);
      }
      EXPECT_TRUE(
          cid_at(directory.blocks, directory.root, "other").error().is(UnixfsError::no_such_entry));
    }
  }
}

TEST(Hamt, AsksAheadForItsShards) {
  Sharded directory(3000, 256);
  ASSERT_TRUE(entries_of(directory.blocks, directory.root));
  EXPECT_GE(directory.blocks.prefetched().size(), directory.blocks.size() - 1);
}

TEST(Hamt, LooksAtNoMoreShardsThanTheWayHas) {
  Sharded directory(3000, 256);
  std::uint64_t before = directory.blocks.gets();
  ASSERT_TRUE(cid_at(directory.blocks, directory.root, "name 7"));
  EXPECT_LE(directory.blocks.gets() - before, 3u);
}

// Shards that lie.

struct Liar {
  ipld::MemoryBlocks blocks;

  Cid add(std::vector<ipld::DagPbLink> links, std::vector<unsigned> slots,
          std::uint64_t fanout = 256) {
    NodeData data;
    data.type = NodeType::hamt_shard;
    Bytes bits = hamt_bitfield(HamtShape::of_fanout(fanout).value(), slots);
    data.data = bits;
    data.hash_type = 0x22;
    data.fanout = fanout;
    Bytes message = encode_data(data);
    Buffer block = Buffer::adopt(ipld::encode_dag_pb({std::move(links), message}));
    ipld::Block made = ipld::make_block({1, Codec::dag_pb, Codec::sha2_256, 32}, block).value();
    blocks.add(made);
    return made.cid;
  }
};

TEST(Hamt, RefusesShardsThatContradictThemselves) {
  // "470.txt" belongs into slot 00, then 6E.
  Liar liar;
  auto error_of = [&](const Cid& root) {
    auto entries = entries_of(liar.blocks, root);
    EXPECT_FALSE(entries);
    return !entries && entries.error().is(UnixfsError::bad_shard);
  };
  EXPECT_TRUE(entries_of(liar.blocks, liar.add({{some, "00470.txt", 1}}, {0})));
  EXPECT_TRUE(error_of(liar.add({{some, "01470.txt", 1}}, {1}))) << "a name in another's slot";
  EXPECT_TRUE(error_of(liar.add({{some, "00470.txt", 1}}, {0, 1}))) << "a bit without a link";
  EXPECT_TRUE(error_of(liar.add({{some, "00470.txt", 1}}, {1}))) << "a link without its bit";
  EXPECT_TRUE(error_of(liar.add({{some, "00470.txt", 1}, {some, "00742.txt", 1}}, {0})))
      << "a slot twice";
  EXPECT_TRUE(error_of(liar.add({{some, "0", 1}}, {0}))) << "no prefix";
  EXPECT_TRUE(error_of(liar.add({{some, {}, 1}}, {0}))) << "no name";
  EXPECT_TRUE(error_of(liar.add({{some, "0a", 1}}, {10}))) << "lower case";
  EXPECT_TRUE(error_of(liar.add({{some, "FF", 1}}, {7}, 8))) << "beyond its fanout";
  EXPECT_TRUE(error_of(liar.add({{some, "3FF", 1}, {some, "400", 1}}, {1023}, 1024)));
}

TEST(Hamt, RefusesShardsOfAnotherKindBelow) {
  Liar liar;
  Cid narrow = liar.add({}, {}, 16);
  Cid root = liar.add({{narrow, "00", 1}}, {0});
  EXPECT_TRUE(entries_of(liar.blocks, root).error().is(UnixfsError::bad_shard)) << "another fanout";
  EXPECT_TRUE(cid_at(liar.blocks, root, "470.txt").error().is(UnixfsError::bad_shard));
  ImportOptions options;
  std::vector<ipld::Block> plain;
  ASSERT_TRUE(make_directory(options, BlockMaker(options), {{"a", some, 1}}, {}, plain));
  liar.blocks.add(plain[0]);
  root = liar.add({{plain[0].cid, "00", 1}}, {0});
  EXPECT_TRUE(entries_of(liar.blocks, root).error().is(UnixfsError::bad_shard));
  EXPECT_TRUE(cid_at(liar.blocks, root, "470.txt").error().is(UnixfsError::bad_shard));
  // A file in a shard's place.
  root = liar.add({{Cid::parse("bafkqaaa").value(), "00", 1}}, {0});
  EXPECT_TRUE(entries_of(liar.blocks, root).error().is(UnixfsError::bad_shard));
}

TEST(Hamt, EndsWhereItsHashHasNoMoreBits) {
  // A chain of shards, each in the slot where "470.txt" belongs.
  Liar liar;
  HamtShape shape;
  std::uint64_t hash = murmur3_x64_64(as_bytes("470.txt"));
  Cid below = liar.add({}, {});
  std::string prefix;
  for (unsigned level = 8; level-- > 0;) {
    unsigned slot = shape.slot(hash, level);
    prefix = shape.prefix(slot);
    below = liar.add({{below, prefix, 1}}, {slot});
  }
  EXPECT_TRUE(entries_of(liar.blocks, below).error().is(UnixfsError::too_deep));
  EXPECT_TRUE(cid_at(liar.blocks, below, "470.txt").error().is(UnixfsError::too_deep));
}

TEST(Hamt, EndsWhereShardsOnlyLinkToEachOther) {
  // 1024^5 ways through six blocks, and no entry anywhere.
  Liar liar;
  const HamtShape shape = HamtShape::of_fanout(1024).value();
  Cid below = liar.add({}, {}, shape.fanout);
  for (int level = 0; level < 5; ++level) {
    std::vector<std::string> prefixes;
    std::vector<ipld::DagPbLink> links;
    std::vector<unsigned> slots;
    for (unsigned slot = 0; slot < shape.fanout; ++slot) {
      prefixes.push_back(shape.prefix(slot));
      slots.push_back(slot);
    }
    for (const std::string& prefix : prefixes)
      links.push_back({below, prefix, 1});
    below = liar.add(std::move(links), std::move(slots), shape.fanout);
  }
  EXPECT_TRUE(entries_of(liar.blocks, below).error().is(UnixfsError::too_many));
}

TEST(PlainDirectory, GivesTheFirstOfEqualNames) {
  NodeData data;
  data.type = NodeType::directory;
  Bytes message = encode_data(data);
  Cid other = Cid::parse("bafkqaaa").value();
  // The encoder keeps the order of equal names.
  Buffer bytes = Buffer::adopt(
      ipld::encode_dag_pb({{{some, "a", 1}, {other, "a", 1}, {some, "b", 1}}, message}));
  ipld::MemoryBlocks blocks;
  ipld::Block block = ipld::make_block({1, Codec::dag_pb, Codec::sha2_256, 32}, bytes).value();
  blocks.add(block);
  EXPECT_EQ(entries_of(blocks, block.cid)->size(), 2u);
  EXPECT_EQ(cid_at(blocks, block.cid, "a").value(), some);
  EXPECT_TRUE(cid_at(blocks, block.cid, "c").error().is(UnixfsError::no_such_entry));
}

TEST(MakeDirectory, RefusesBadAndEqualNames) {
  ImportOptions options;
  BlockMaker maker(options);
  std::vector<ipld::Block> blocks;
  auto error_of = [&](std::vector<DirectoryEntry> entries) {
    return make_directory(options, maker, std::move(entries), {}, blocks).error();
  };
  EXPECT_TRUE(
      error_of({{"a", some, 1}, {"b", some, 1}, {"a", some, 1}}).is(UnixfsError::duplicate_name));
  EXPECT_TRUE(error_of({{"..", some, 1}}).is(UnixfsError::bad_name));
  EXPECT_TRUE(make_symlink(maker, "", {}, blocks).error().is(UnixfsError::bad_name));
}

}  // namespace
}  // namespace kith::unixfs
