#include <algorithm>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <kith/ipld/content.hpp>
#include <kith/ipld/dag_cbor.hpp>
#include <kith/unixfs/fixture.hpp>
#include <kith/unixfs/limits.hpp>
#include <kith/unixfs/path.hpp>
#include <kith/unixfs/tree.hpp>
#include <kith/unixfs/tree_importer.hpp>

namespace kith::unixfs {
namespace {

using multiformats::Cid;
using multiformats::CidPrefix;
using multiformats::Codec;
using testing::run_on_node;

TEST(ContentPath, HasThreeSpellings) {
  std::string cid = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";
  for (std::string prefix : {"/ipfs/", "ipfs://", ""}) {
    auto path = ContentPath::parse(prefix + cid + "/a//b/./c/../%20");
    ASSERT_TRUE(path);
    EXPECT_EQ(path->to_string(), "/ipfs/" + cid + "/a/b/%20");
  }
  EXPECT_TRUE(ContentPath::parse("/ipfs/" + cid + "/")->steps.empty());
  EXPECT_TRUE(ContentPath::parse(cid + "/a/..")->steps.empty());
}

TEST(ContentPath, DoesNotLeaveItsRoot) {
  std::string cid = "bafkqaaa";
  for (std::string text : {cid + "/..", cid + "/a/../../b", cid + "/../" + cid})
    EXPECT_TRUE(ContentPath::parse(text).error().is(UnixfsError::bad_path)) << text;
  using namespace std::string_literals;
  for (std::string text :
       {std::string(), "/"s, "/ipfs/"s, "/ipns/" + cid, "/ipfs//" + cid, "nonsense"s})
    EXPECT_FALSE(ContentPath::parse(text)) << text;
  std::string deep = cid;
  for (std::size_t i = 0; i <= path_depth_max; ++i)
    deep += "/a";
  EXPECT_TRUE(ContentPath::parse(deep).error().is(UnixfsError::too_deep));
  EXPECT_TRUE(ContentPath::parse(cid + "/" + std::string(path_bytes_max, 'a'))
                  .error()
                  .is(UnixfsError::bad_path));
}

/// A tree with all kinds of entries, some sharded.
struct World {
  ipld::MemoryBlocks blocks;
  Cid root;
  std::string answer;
};

Task<void> import_world(port::Env& env, World& world) {
  ImportOptions options;
  options.directory_links_max = 20;
  KITH_CO_TRY(auto importer, TreeImporter::create(env, &world.blocks, options));
  for (int i = 0; i < 30; ++i) {
    std::string name = fmt::format("many/file {:02}", i);
    MemorySource content(Buffer::copy_of(as_bytes(name)));
    KITH_CO_CHECK(co_await importer->add_file(std::move(name), content, {}));
  }
  MemorySource one(Buffer::copy_of(as_bytes("1")));
  KITH_CO_CHECK(co_await importer->add_file("a/b/one", one, {0600, Metadata::Time{7, 0}}));
  KITH_CO_CHECK(co_await importer->add_symlink("a/link", "b/one"));
  KITH_CO_CHECK(importer->add_directory("empty", {0700, {}}));
  KITH_CO_TRY(std::vector<AddedNode> top, co_await importer->finish(true));
  world.root = top.at(0).cid;
  co_return Result<void>{};
}

Task<void> walk_world(port::Env&, World& world) {
  TreeWalk walk(world.blocks, world.root);
  while (true) {
    auto entry = co_await walk.next();
    if (!entry) {
      world.answer += entry.error().message();
      break;
    }
    if (!*entry) break;
    const Stat& stat = (*entry)->stat;
    world.answer += fmt::format("{} {}", "fdDl"[static_cast<int>(stat.kind)], (*entry) -> path);
    if (stat.kind == Kind::symlink) world.answer += " -> " + stat.target;
    if (stat.metadata.mode) world.answer += fmt::format(" {:o}", *stat.metadata.mode);
    if (stat.metadata.mtime) world.answer += fmt::format(" at {}", stat.metadata.mtime->seconds);
    world.answer += "\n";
  }
  co_return Result<void>{};
}

TEST(TreeWalk, GivesDirectoriesBeforeWhatIsInThem) {
  World world;
  run_on_node(1, import_world, world);
  run_on_node(1, walk_world, world);
  std::string start =
      "d \nd a\nd a/b\nf a/b/one 600 at 7\nl a/link -> b/one\nd empty 700\nD many\n";
  ASSERT_TRUE(world.answer.starts_with(start)) << world.answer;
  // The shards' entries come by hash, all of them.
  std::vector<std::string> rest;
  std::string line;
  std::istringstream lines(world.answer.substr(start.size()));
  while (std::getline(lines, line))
    rest.push_back(line);
  std::ranges::sort(rest);
  ASSERT_EQ(rest.size(), 30u);
  EXPECT_EQ(rest.front(), "f many/file 00");
  EXPECT_EQ(rest.back(), "f many/file 29");
}

Cid add_block(ipld::MemoryBlocks& blocks, Codec codec, Bytes bytes) {
  CidPrefix prefix{1, codec, Codec::sha2_256, 32};
  ipld::Block block = ipld::make_block(prefix, Buffer::adopt(std::move(bytes))).value();
  blocks.add(block);
  return block.cid;
}

Cid add_directory(ipld::MemoryBlocks& blocks, std::vector<ipld::DagPbLink> links) {
  NodeData data;
  data.type = NodeType::directory;
  Bytes message = encode_data(data);
  return add_block(blocks, Codec::dag_pb, ipld::encode_dag_pb({std::move(links), message}));
}

TEST(TreeWalk, EndsAtNamesThatNoDiskShouldSee) {
  using namespace std::string_view_literals;
  for (std::string_view name : {".."sv, "."sv, ""sv, "a/b"sv, "../../etc/passwd"sv, "a\0b"sv}) {
    World world;
    world.root = add_directory(world.blocks, {{Cid::parse("bafkqaaa").value(), name, 0}});
    run_on_node(1, walk_world, world);
    EXPECT_EQ(world.answer, "d \n" + Error(UnixfsError::bad_name).message());
  }
}

TEST(TreeWalk, EndsAtItsDepth) {
  World world;
  world.root = Cid::parse("bafkqaaa").value();
  for (std::size_t i = 0; i <= path_depth_max; ++i)
    world.root = add_directory(world.blocks, {{world.root, "d", 0}});
  run_on_node(1, walk_world, world);
  EXPECT_TRUE(world.answer.ends_with(Error(UnixfsError::too_deep).message()));
}

struct Question {
  std::string path;
  std::string answer;
};

Task<void> ask(port::Env&, World& world, Question& question) {
  KITH_CO_TRY(ContentPath path, ContentPath::parse(world.root.to_string() + question.path));
  auto found = co_await resolve(world.blocks, path);
  if (!found) {
    question.answer = found.error().message();
    co_return Result<void>{};
  }
  question.answer = fmt::format("{}", as_text(found->block.data));
  for (const std::string& step : found->rest)
    question.answer += " | " + step;
  auto link = co_await resolve_link(world.blocks, std::move(path));
  EXPECT_TRUE(link && link->block.cid == found->block.cid);
  EXPECT_EQ(found->way.back(), found->block.cid);
  co_return Result<void>{};
}

std::string answer_of(World& world, std::string path) {
  Question question{std::move(path), {}};
  run_on_node(1, ask, world, question);
  return question.answer;
}

TEST(Resolve, FollowsNamesThroughDirectoriesAndShards) {
  World world;
  run_on_node(1, import_world, world);
  EXPECT_EQ(answer_of(world, "/many/file 17"), "many/file 17");
  EXPECT_EQ(answer_of(world, "/a/../many//file 03"), "many/file 03");
  EXPECT_EQ(answer_of(world, "/many/file 99"), "file 99: no such entry");
  EXPECT_EQ(answer_of(world, "/a/x/y"), "x: no such entry");
  EXPECT_EQ(answer_of(world, "/many/file 17/x"), "x: not a directory");
  EXPECT_EQ(answer_of(world, "/a/link/x"), "x: not a directory") << "links are not followed";
}

TEST(Resolve, GoesOnInsideOtherCodecs) {
  World world;
  Cid leaf = add_block(world.blocks, Codec::raw, to_bytes("leaf"));
  Cid folder = add_directory(world.blocks, {{leaf, "leaf", 4}});
  ipld::Map inner;
  inner.push_back({"folder", ipld::Value(folder)});
  inner.push_back({"number", ipld::Value(ipld::Integer::of(5))});
  ipld::List list;
  list.push_back(ipld::Value(std::move(inner)));
  Bytes cbor = ipld::encode_dag_cbor(ipld::Value(std::move(list))).value();
  world.root = add_block(world.blocks, Codec::dag_cbor, cbor);
  EXPECT_EQ(answer_of(world, "/0/folder/leaf"), "leaf");
  EXPECT_EQ(answer_of(world, "/0/number"), std::string(as_text(cbor)) + " | 0 | number");
  EXPECT_EQ(answer_of(world, "/0/number/x"), "0: no such path");
  EXPECT_EQ(answer_of(world, "/1"), "1: no such path");
  // dag-pb that isn't UnixFS: by name of a link, or as the data model has it.
  ipld::DagPbNode plain;
  plain.links.push_back({leaf, "name", 4});
  world.root = add_block(world.blocks, Codec::dag_pb, ipld::encode_dag_pb(plain));
  EXPECT_EQ(answer_of(world, "/name"), "leaf");
  EXPECT_EQ(answer_of(world, "/Links/0/Hash"), "leaf");
  EXPECT_EQ(answer_of(world, "/other"), "other: no such path");
}

}  // namespace
}  // namespace kith::unixfs
