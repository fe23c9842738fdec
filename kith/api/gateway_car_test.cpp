#include <gtest/gtest.h>

#include <kith/api/gateway_fixture.hpp>
#include <kith/ipld/car.hpp>
#include <kith/ipld/content.hpp>
#include <kith/unixfs/hamt.hpp>
#include <kith/unixfs/node.hpp>

namespace kith::api::testing {
namespace {

using http::Headers;
using multiformats::Cid;
using multiformats::Codec;
using sim::World;
using Cids = std::vector<Cid>;

struct Archive {
  Cids roots;
  Cids blocks;
  bool complete = false;
};

/// Reads an archive, and checks each block against its CID.
Archive read_archive(std::string_view bytes) {
  Archive archive;
  ipld::CarReader reader;
  reader.feed(Buffer::copy_of(as_bytes(bytes)));
  reader.end();
  while (true) {
    auto block = reader.next();
    archive.complete = block.has_value();
    if (!block || !*block) break;
    EXPECT_TRUE(ipld::verify((*block)->cid, (*block)->data).has_value());
    archive.blocks.push_back((*block)->cid);
  }
  archive.roots = reader.roots();
  return archive;
}

Task<Archive> archive_at(Site& site, std::string target, Headers headers = {}) {
  KITH_CO_TRY(Answer answer, co_await site.get(std::move(target), std::move(headers)));
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_FALSE(answer.broken);
  Archive archive = read_archive(answer.body);
  EXPECT_TRUE(archive.complete);
  co_return archive;
}

std::string at(const Cid& cid, std::string_view behind = {}) {
  return "/ipfs/" + cid.to_string() + std::string(behind);
}

/// Chunks that differ.
std::string chunks(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i)
    text += std::string(256, static_cast<char>('A' + i));
  return text;
}

Cids leaves(Site& site, std::string_view text) {
  Cids list;
  for (std::size_t place = 0; place < text.size(); place += 256)
    list.push_back(site.add_file(text.substr(place, 256)));
  return list;
}

Cids operator+(Cids a, const Cids& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// A root with a directory with a file of five chunks, and another file.
struct Tree {
  explicit Tree(Site& site)
      : text(chunks(4) + "zz"),
        file(site.add_file(text)),
        parts(leaves(site, text)),
        other(site.add_file("other")),
        inner(site.add_directory({{"five", file}, {"other", other}})),
        root(site.add_directory({{"inner", inner}, {"other", other}})) {}
  std::string text;
  Cid file;
  Cids parts;
  Cid other;
  Cid inner;
  Cid root;
};

TEST(GatewayCar, ProvesAPathAndSendsWhatIsBelow) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Tree tree(site);
    KITH_CO_TRY(Archive all, co_await archive_at(site, at(tree.root, "/inner?format=car")));
    EXPECT_EQ(all.blocks, (Cids{tree.root, tree.inner, tree.file} + tree.parts + Cids{tree.other}));
    EXPECT_EQ(all.roots, Cids{tree.inner});
    Headers headers{{"Accept", "application/vnd.ipld.car"}};
    KITH_CO_TRY(Archive file, co_await archive_at(site, at(tree.root, "/inner/five"), headers));
    EXPECT_EQ(file.blocks, (Cids{tree.root, tree.inner, tree.file} + tree.parts));
    co_return co_await site.end();
  });
}

// IPIP-0402: who can't be shown what is at a path is shown that nothing is there.
TEST(GatewayCar, ProvesThatAPathLeadsNowhere) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Tree tree(site);
    const Cids nothing{*Cid::parse("bafkqaaa")};
    const std::pair<std::string_view, Cids> ways[] = {
        {"/no", {tree.root}},
        {"/no/no", {tree.root}},
        {"/inner/no", {tree.root, tree.inner}},
        {"/inner/five/no", {tree.root, tree.inner, tree.file}},
        {"/other/no", {tree.root, tree.other}},
    };
    for (const auto& [path, blocks] : ways) {
      for (std::string_view scope : {"", "&dag-scope=block", "&dag-scope=entity", "&car-dups=y"}) {
        std::string target = at(tree.root, std::string(path) + "?format=car" + std::string(scope));
        KITH_CO_TRY(Archive absent, co_await archive_at(site, target));
        EXPECT_EQ(absent.roots, nothing) << target;
        EXPECT_EQ(absent.blocks, blocks) << target;
      }
    }
    std::string target = at(tree.root, "/inner/no?format=car");
    KITH_CO_TRY(Answer answer, co_await site.get(target, {}, "HEAD"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("X-Ipfs-Roots"), tree.root.to_string());
    // What isn't here proves nothing.
    const Cid elsewhere =
        *Cid::parse("bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi");
    KITH_CO_TRY(Answer missing, co_await site.get(at(elsewhere, "/no?format=car")));
    EXPECT_NE(missing.status, 200);
    co_return co_await site.end();
  });
}

TEST(GatewayCar, SaysWhatItIs) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Tree tree(site);
    std::string target = at(tree.root, "/inner?format=car");
    for (const char* method : {"GET", "HEAD"}) {
      KITH_CO_TRY(Answer answer, co_await site.get(target, {}, method));
      EXPECT_EQ(answer.status, 200);
      EXPECT_EQ(answer.header("Content-Type"),
                "application/vnd.ipld.car; version=1; order=dfs; dups=n");
      EXPECT_EQ(answer.header("Content-Disposition"),
                "attachment; filename=\"" + tree.root.to_string() + "_inner.car\"");
      EXPECT_EQ(answer.header("X-Content-Type-Options"), "nosniff");
      EXPECT_EQ(answer.header("Accept-Ranges"), "none");
      EXPECT_EQ(answer.header("Cache-Control"), "public, max-age=29030400, immutable");
      EXPECT_EQ(answer.header("X-Ipfs-Roots"),
                tree.root.to_string() + ',' + tree.inner.to_string());
    }
    std::vector<std::string> etags;
    for (const char* query : {"?format=car", "?format=car&dag-scope=block",
                              "?format=car&dag-scope=entity", "?format=car&entity-bytes=0:9",
                              "?format=car&entity-bytes=0:*", "?format=car&car-dups=y"}) {
      KITH_CO_TRY(Answer answer, co_await site.get(at(tree.root, "/inner/five") + query));
      std::string etag = answer.header("Etag");
      EXPECT_EQ(std::ranges::count(etags, etag), 0) << query;
      etags.push_back(etag);
    }
    co_return co_await site.end();
  });
}

TEST(GatewayCar, EndsWhereItsScopeDoes) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Tree tree(site);
    std::string inner = at(tree.root, "/inner?format=car&dag-scope=");
    std::string file = at(tree.root, "/inner/five?format=car&dag-scope=");
    Cids way{tree.root, tree.inner};
    KITH_CO_TRY(Archive block, co_await archive_at(site, inner + "block"));
    EXPECT_EQ(block.blocks, way);
    KITH_CO_TRY(Archive entity, co_await archive_at(site, inner + "entity"));
    EXPECT_EQ(entity.blocks, way);
    KITH_CO_TRY(block, co_await archive_at(site, file + "block"));
    EXPECT_EQ(block.blocks, way + Cids{tree.file});
    KITH_CO_TRY(entity, co_await archive_at(site, file + "entity"));
    EXPECT_EQ(entity.blocks, way + Cids{tree.file} + tree.parts);
    co_return co_await site.end();
  });
}

TEST(GatewayCar, SendsTheBlocksOfARangeAndNoOthers) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Tree tree(site);
    struct Case {
      std::string_view bytes;
      std::size_t first;
      std::size_t last;
    };
    // The cases of the conformance suite: 1,026 bytes in four chunks of 256 and one of 2.
    for (const Case& it : {Case{"0:*", 0, 5}, Case{"512:*", 2, 5}, Case{"512:1023", 2, 4},
                           Case{"512:-256", 2, 4}, Case{"-5:*", 3, 5}, Case{"-9999:*", 0, 5},
                           Case{"-9999:-3", 0, 4}, Case{"0:0", 0, 1}, Case{"-1:3", 0, 0}}) {
      std::string target = at(tree.file, "?format=car&entity-bytes=" + std::string(it.bytes));
      KITH_CO_TRY(Archive archive, co_await archive_at(site, std::move(target)));
      Cids expected{tree.file};
      expected.insert(expected.end(), tree.parts.begin() + static_cast<std::ptrdiff_t>(it.first),
                      tree.parts.begin() + static_cast<std::ptrdiff_t>(it.last));
      EXPECT_EQ(archive.blocks, expected) << it.bytes;
    }
    // Of a directory it means all that is needed to list it.
    KITH_CO_TRY(Archive folder, co_await archive_at(site, at(tree.inner,
                                                             "?format=car&entity-bytes="
                                                             "0:3")));
    EXPECT_EQ(folder.blocks, Cids{tree.inner});
    co_return co_await site.end();
  });
}

TEST(GatewayCar, NeedsNoBlockOutsideOfTheRange) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Tree tree(site);
    site.blocks.here.remove(tree.parts[1]);
    std::string target = at(tree.file, "?format=car&entity-bytes=600:*");
    KITH_CO_TRY(Archive archive, co_await archive_at(site, std::move(target)));
    EXPECT_EQ(archive.blocks, (Cids{tree.file, tree.parts[2], tree.parts[3], tree.parts[4]}));
    co_return co_await site.end();
  });
}

TEST(GatewayCar, SendsTheShardsThatLeadToAnEntryOrListThemAll) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Cid file = site.add_file("x");
    std::vector<std::pair<std::string, Cid>> entries;
    for (int i = 0; i < 1000; ++i)
      entries.emplace_back(std::to_string(i) + ".txt", file);
    std::size_t before = site.blocks.here.size();
    Cid root = site.add_directory(entries, true);
    std::size_t shards = site.blocks.here.size() - before;
    KITH_CO_REQUIRE(shards > 100);
    std::string scope = "?format=car&dag-scope=";
    KITH_CO_TRY(Archive way, co_await archive_at(site, at(root, "/685.txt" + scope + "block")));
    EXPECT_EQ(way.blocks.front(), root);
    EXPECT_EQ(way.blocks.back(), file);
    EXPECT_EQ(way.blocks.size(), 3u);
    KITH_CO_TRY(Archive list, co_await archive_at(site, at(root, scope + "entity")));
    EXPECT_EQ(list.blocks.size(), shards);
    EXPECT_EQ(std::ranges::count(list.blocks, file), 0);
    KITH_CO_TRY(Archive all, co_await archive_at(site, at(root, scope + "all")));
    EXPECT_EQ(all.blocks.size(), shards + 1);
    co_return co_await site.end();
  });
}

TEST(GatewayCar, SendsABlockOnceOrAsOftenAsItIsLinked) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    std::string zeros(1024, '0');
    Cid file = site.add_file(zeros);
    Cid leaf = site.add_file(zeros.substr(0, 256));
    Cid root = site.add_directory({{"a", file}, {"b", file}});
    KITH_CO_TRY(Archive once, co_await archive_at(site, at(root, "?format=car")));
    EXPECT_EQ(once.blocks, (Cids{root, file, leaf}));
    Cids each{file, leaf, leaf, leaf, leaf};
    for (bool by_header : {false, true}) {
      Headers headers;
      if (by_header) headers.add("Accept", "application/vnd.ipld.car;order=dfs;dups=y");
      std::string target = at(root, by_header ? "" : "?format=car&car-dups=y");
      KITH_CO_TRY(Archive often, co_await archive_at(site, std::move(target), std::move(headers)));
      EXPECT_EQ(often.blocks, Cids{root} + each + each);
    }
    co_return co_await site.end();
  });
}

TEST(GatewayCar, LeavesIdentityBlocksOut) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    std::string target = "/ipfs/bafkqaf3imvwgy3zaneqgc3janfxgy2lomvscay3jmqfa?format=car";
    KITH_CO_TRY(Archive archive, co_await archive_at(site, target + "&car-dups=y"));
    EXPECT_TRUE(archive.blocks.empty());
    KITH_CO_TRY(Archive probe, co_await archive_at(site, "/ipfs/bafkqaaa?format=car"));
    EXPECT_EQ(probe.roots, Cids{*Cid::parse("bafkqaaa")});
    Cid small = *Cid::parse("bafkqaaa");
    Cid root = site.add_directory({{"small", small}});
    KITH_CO_TRY(Archive folder, co_await archive_at(site, at(root, "?format=car")));
    EXPECT_EQ(folder.blocks, Cids{root});
    co_return co_await site.end();
  });
}

TEST(GatewayCar, FollowsLinksOfOtherCodecsWhereThePathEndsInOne) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Cid one = site.add_file("one");
    Cid two = site.add_file("two");
    std::string text = "{\"a\":{\"x\":{\"/\":\"" + one.to_string() + "\"}},\"b\":{\"/\":\"" +
                       two.to_string() + "\"}}";
    Cid root = site.add_block(Codec::dag_json, as_bytes(text));
    KITH_CO_TRY(Archive all, co_await archive_at(site, at(root, "?format=car")));
    EXPECT_EQ(all.blocks, (Cids{root, one, two}));
    KITH_CO_TRY(Archive entity,
                co_await archive_at(site, at(root, "?format=car&dag-scope=entity")));
    EXPECT_EQ(entity.blocks, Cids{root});
    KITH_CO_TRY(Archive through, co_await archive_at(site, at(root, "/b?format=car")));
    EXPECT_EQ(through.blocks, (Cids{root, two}));
    KITH_CO_TRY(Archive inside, co_await archive_at(site, at(root, "/a?format=car")));
    EXPECT_EQ(inside.blocks, (Cids{root, one}));
    co_return co_await site.end();
  });
}

TEST(GatewayCar, HasAStatusForAMissingEndAndBreaksOffForAMissingLeaf) {
  sim::run_test(1, [](World& world) -> Task<void> {
    GatewayOptions options;
    options.no_fetch = true;
    Site site(world, options);
    Tree tree(site);
    site.blocks.here.remove(tree.parts[2]);
    KITH_CO_TRY(Answer cut, co_await site.get(at(tree.file, "?format=car")));
    EXPECT_TRUE(cut.broken);
    site.blocks.here.remove(tree.file);
    for (const char* method : {"GET", "HEAD"}) {
      KITH_CO_TRY(Answer gone, co_await site.get(at(tree.file, "?format=car"), {}, method));
      EXPECT_EQ(gone.status, 404);
    }
    co_return co_await site.end();
  });
}

/// A file whose nodes have the same child twice: 2^levels leaves in a few blocks.
Cid add_doubled_file(Site& site, std::size_t levels, Cids& blocks) {
  Cid below = site.add_file("leaf");
  std::uint64_t size = 4;
  blocks.push_back(below);
  for (std::size_t i = 0; i < levels; ++i) {
    unixfs::NodeData data;
    data.type = unixfs::NodeType::file;
    data.block_sizes = {size, size};
    size *= 2;
    data.file_size = size;
    Bytes message = unixfs::encode_data(data);
    ipld::DagPbNode node;
    node.links = {{below, "", size}, {below, "", size}};
    node.data = message;
    below = site.add_block(Codec::dag_pb, ipld::encode_dag_pb(node));
    blocks.push_back(below);
  }
  std::ranges::reverse(blocks);
  return below;
}

TEST(GatewayCar, IsNotSentRoundByATreeThatRepeatsItself) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Cids blocks;
    Cid root = add_doubled_file(site, 40, blocks);
    for (const char* query :
         {"?format=car", "?format=car&dag-scope=entity", "?format=car&entity-bytes=3:-3"}) {
      site.blocks.got.clear();
      KITH_CO_TRY(Archive archive, co_await archive_at(site, at(root, query)));
      EXPECT_EQ(archive.blocks, blocks) << query;
      EXPECT_LT(site.blocks.got.size(), 4 * blocks.size()) << query;
    }
    co_return co_await site.end();
  });
}

TEST(GatewayCar, BreaksOffWhereItWouldHaveToRememberTooMuch) {
  sim::run_test(1, [](World& world) -> Task<void> {
    GatewayOptions options;
    options.archive_blocks_max = 4;
    Site site(world, options);
    Cid file = site.add_file(chunks(8));
    KITH_CO_TRY(Answer cut, co_await site.get(at(file, "?format=car")));
    EXPECT_TRUE(cut.broken);
    Archive archive = read_archive(cut.body);
    // The reset may overtake what was sent before it.
    EXPECT_LE(archive.blocks.size(), 4U);
    // With duplicates nothing has to be remembered.
    KITH_CO_TRY(Archive all, co_await archive_at(site, at(file, "?format=car&car-dups=y")));
    EXPECT_EQ(all.blocks.size(), 9U);
    co_return co_await site.end();
  });
}

TEST(GatewayCar, BoundsTheLinksThatItHasSeenAndNotFollowed) {
  sim::run_test(1, [](World& world) -> Task<void> {
    GatewayOptions options;
    options.parts_max = 7;
    Site site(world, options);
    KITH_CO_TRY(Archive seven,
                co_await archive_at(site, at(site.add_file(chunks(7)), "?format=car")));
    EXPECT_EQ(seven.blocks.size(), 8U);
    KITH_CO_TRY(Answer cut, co_await site.get(at(site.add_file(chunks(8)), "?format=car")));
    EXPECT_TRUE(cut.broken);
    co_return co_await site.end();
  });
}

}  // namespace
}  // namespace kith::api::testing
