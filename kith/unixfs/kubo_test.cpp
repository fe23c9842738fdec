// CIDs that Kubo 0.43.1 gave (`ipfs add`, its legacy profile, options as named here), for what the
// specifications have no vectors of. The content is the key stream of testing::SeededContent.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <kith/unixfs/fixture.hpp>
#include <kith/unixfs/layout.hpp>
#include <kith/unixfs/tree_importer.hpp>

namespace kith::unixfs {
namespace {

using multiformats::Codec;
using testing::root_of;
using testing::run_on_node;
using testing::seeded_bytes;

/// `--cid-version=1` and what follows from it.
ImportOptions legacy(int cid_version = 0) {
  ImportOptions options = ImportOptions::unixfs_v0_2015();
  options.cid_version = cid_version;
  options.raw_leaves = cid_version == 1;
  return options;
}

ImportOptions chunked(std::string_view chunker, int cid_version = 0) {
  ImportOptions options = legacy(cid_version);
  options.chunker = ChunkerSpec::parse(chunker).value();
  return options;
}

ImportOptions trickle(std::string_view chunker = "size-262144", std::size_t width = 174) {
  ImportOptions options = chunked(chunker);
  options.layout = Layout::trickle;
  options.file_width = width;
  return options;
}

std::string root_of_3m(const ImportOptions& options) {
  return root_of(seeded_bytes("kith", 3'000'000), options);
}

TEST(Kubo, ChunksByRabinFingerprints) {
  EXPECT_EQ(root_of_3m(chunked("rabin")), "QmXDq4abfnN6wZPsiPee771pDCAaAw9BcEM9Pv5oTTnNZp");
  EXPECT_EQ(root_of_3m(chunked("rabin-100000")), "QmQMWi32y2wjmJVawSVPAExjxRYSAtBCU4Xw7MR64982BV");
  EXPECT_EQ(root_of_3m(chunked("rabin-1000-4000-16000")),
            "QmXZkg4nWXStvKmeVPPLUe1Vvj2k2c2kiMZXDTE61x6xcb");
  EXPECT_EQ(root_of_3m(chunked("rabin-min:16-avg:1000-max:5000")),
            "QmbrbiVAXNnHShhNfUbsYBgRGFKSvyqcbWyd68Nt84aL9S");
}

TEST(Kubo, ChunksByBuzhash) {
  EXPECT_EQ(root_of_3m(chunked("buzhash")), "QmVAF17Qf63E9KwaZopkyuGqKbSFiP4SKKXydmLfP1ovqv");
}

TEST(Kubo, ChunksBySize) {
  EXPECT_EQ(root_of_3m(legacy()), "QmQY6wo744ejHEPTQjYjzggXuE6US2N5mwgmXqrgZKEVML");
  EXPECT_EQ(root_of_3m(chunked("size-1000")), "QmYVUJLnmaPPHw7gATq4CkfnBNq3CbDNHY5NLErq9cchcu");
  ImportOptions narrow = chunked("size-1000", 1);
  narrow.file_width = 3;
  EXPECT_EQ(root_of_3m(narrow), "bafybeihphsssor63pz6ubntaoyammhv5yg3qfbfmbi6uihmihhlnllccvi");
}

TEST(Kubo, WrapsLeavesOrNot) {
  EXPECT_EQ(root_of_3m(legacy(1)), "bafybeidwyp24cjf5m22zwbojnbjjro75z6xnkcspaollw47zrdy63shcu4");
  ImportOptions raw = legacy();
  raw.raw_leaves = true;
  EXPECT_EQ(root_of_3m(raw), "QmWLG8Fgmn2wsriNvANk9BELiPWjggk4xZzGQLtA7bwqyg");
  ImportOptions wrapped = legacy(1);
  wrapped.raw_leaves = false;
  EXPECT_EQ(root_of_3m(wrapped), "bafybeihupipylrr5f6wgmpyrnvb2ho557bqgcgulg6g4ruygwtducyytvu");
}

TEST(Kubo, BuildsTrickleTrees) {
  EXPECT_EQ(root_of_3m(trickle()), "Qmem3JxYEhP2fsh8aN2FjbQMfF8WMKCccYd9V1D5CHQzZn");
  ImportOptions raw = trickle();
  raw.raw_leaves = true;
  EXPECT_EQ(root_of_3m(raw), "QmWLG8Fgmn2wsriNvANk9BELiPWjggk4xZzGQLtA7bwqyg");
  EXPECT_EQ(root_of_3m(trickle("size-1000", 3)), "QmYKYVgrk98WLjC3rnDWPN9ZUCsY31pySGrUYqWPZLmdQ1");
  EXPECT_EQ(root_of_3m(trickle("size-1000", 2)), "QmNifbNXe6XHPwqE7mtNFdURWChmTeb5L1TQdeaZr1fgEM");
  EXPECT_EQ(root_of(seeded_bytes("kith", 20), trickle()),
            "QmVdGUtDimRNKfGwJScGLGjHxkhgRN3HgkiYDi9YTxMg3B");
  EXPECT_EQ(root_of({}, trickle()), "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH");
  EXPECT_EQ(root_of(seeded_bytes("v0-seed", 47'185'920), trickle()),
            "QmXp57PcVAxGk6u5qyMkHsTL3cYcYDPhESfk6yw5F4J8rm");
}

TEST(Kubo, HashesWithOtherFunctions) {
  const std::pair<Codec, std::string_view> cases[] = {
      {Codec::blake3, "bafyb4ihs6fr2qetpg6s5ulpt4t33dvansrviuyzaomvuuk32hflenbipjy"},
      {Codec::blake2b_256, "bafykbzacedrcenjbr4ocufcap3geyvp5fahwypizssh2qaefjmbw2s4j6p3fe"},
      {Codec::sha3_256, "bafybmigzb7nriycgtyrdxrr34uoyzsp3kmrd2kuzyr3uem4vbovzwcfrki"},
      {Codec::sha2_512,
       "bafybgqev2yuvb6aogqi62iexjfdu6a7cnkzxog5sfjbyaqjro33a5rivjwo34tbnulpjfflmd7zu6elnfscigeva6b"
       "p3"
       "mmmscfvn6xoiqfs3k"},
  };
  for (auto [function, root] : cases) {
    ImportOptions options = legacy(1);
    options.hash_function = function;
    EXPECT_EQ(root_of_3m(options), root);
  }
}

TEST(Kubo, InlinesSmallBlocks) {
  ImportOptions options = legacy();
  options.inline_bytes_max = 32;
  EXPECT_EQ(root_of(seeded_bytes("kith", 20), options),
            "bafyaahakdieaeequ3rkqmntyacamvay45uc2pj3b7fvl4ugudaka");
  options = legacy(1);
  options.inline_bytes_max = 32;
  EXPECT_EQ(root_of(seeded_bytes("kith", 20), options), "bafkqafg4kuddm6aaqdfighhnawt2oypznk7fbva");
  options = chunked("size-30", 1);
  options.inline_bytes_max = 30;
  EXPECT_EQ(root_of(seeded_bytes("kith", 300), options),
            "bafybeigljcrvlkeoadhhfjratlctzjikocxrljabgtylt23itd7445cc4q");
  options.inline_bytes_max = 128;
  options.raw_leaves = false;
  EXPECT_EQ(root_of(seeded_bytes("kith", 300), options),
            "bafybeifd7bpcuatsysehj7euxvqpwjn2im3jsucranwioyixc45ll5hc4q");
}

TEST(Kubo, KeepsModeAndTimeInTheRoot) {
  Bytes two_chunks = seeded_bytes("kith", 600'000);
  Bytes one_chunk = seeded_bytes("kith", 20);
  EXPECT_EQ(root_of(two_chunks, legacy(), nullptr, {0755, {}}),
            "QmQknh2Av6iWyZzU6RjKC7AZ7jDAwK9g3Wf2nHSmLaF53e");
  EXPECT_EQ(root_of(two_chunks, legacy(), nullptr, {0755, Metadata::Time{1234567890, 5}}),
            "QmcjeEHhidXK1xGVd9Znv5pRWDyKb5k5T3yLzsvSHgDo3t");
  EXPECT_EQ(root_of(two_chunks, legacy(), nullptr, {{}, Metadata::Time{-5, 0}}),
            "QmWvwspr9aqgtj2CLkQC8T89eKFnpfvgmu2AeZPYQViUUG");
  EXPECT_EQ(root_of(one_chunk, legacy(), nullptr, {0644, Metadata::Time{1, 0}}),
            "QmXpEeUpkT9vucAjmTkQqrb5sfGKzppRzkXt3DVBNrpC9h");
  EXPECT_EQ(root_of(one_chunk, trickle(), nullptr, {0755, {}}),
            "QmUaP5spUjY3Ju8g7siT4vEsmNWvLsoUvJKZQ4omvn42Dp");
  EXPECT_EQ(root_of(seeded_bytes("kith", 3'000'000), trickle("size-100000"), nullptr,
                    {{}, Metadata::Time{1, 0}}),
            "QmXMMczB2JPmjLCeqo7kYsEwXKkHEQv8S2EsHoS7PqdPTJ");
}

// A tree of four files, a symlink and an empty directory, with modes and times.

enum Keep { nothing, modes, times, both };

Metadata kept(Keep keep, std::uint32_t mode, std::int64_t seconds, std::uint32_t nanoseconds) {
  Metadata metadata;
  if (keep == modes || keep == both) metadata.mode = mode;
  if (keep == times || keep == both) metadata.mtime = {seconds, nanoseconds};
  return metadata;
}

struct TreeCase {
  ImportOptions options;
  Keep keep = nothing;
  bool with_empty = true;
  bool wrap = false;
  std::string root;
  std::vector<std::string> added;
};

Task<void> import_tree(port::Env& env, TreeCase& tree) {
  auto on_added = [&](const AddedNode& node) {
    tree.added.push_back(node.cid.to_string() + " " + node.path);
  };
  KITH_CO_TRY(auto importer, TreeImporter::create(env, nullptr, tree.options, on_added));
  Metadata directory = kept(tree.keep, 0755, 1262304000, 500'000'000);
  Metadata file = kept(tree.keep, 0644, 1577934245, 0);
  // In no order: a directory comes after what is in it, or never.
  MemorySource deep(Buffer::copy_of(as_bytes("ccc")));
  KITH_CO_CHECK(co_await importer->add_file("d/sub/deep/c", deep, file));
  // Kubo keeps no mode for symlinks.
  Metadata link = kept(tree.keep == modes ? nothing : tree.keep, 0, 981173106, 789'000'000);
  KITH_CO_CHECK(co_await importer->add_symlink("d/sub/link", "../a.txt", link));
  MemorySource b(Buffer::copy_of(as_bytes("bb")));
  KITH_CO_CHECK(co_await importer->add_file("d//sub/b.txt", b, file));
  for (std::string_view path : {"d", "d/sub", "d/sub/deep"})
    KITH_CO_CHECK(importer->add_directory(path, directory));
  if (tree.with_empty) KITH_CO_CHECK(importer->add_directory("d/empty/", directory));
  MemorySource big(Buffer::adopt(seeded_bytes("kith", 600'000)));
  KITH_CO_CHECK(co_await importer->add_file("d/big", big, file));
  Metadata private_file = kept(tree.keep, 0600, 1577934245, 0);
  MemorySource a(Buffer::copy_of(as_bytes("a")));
  KITH_CO_CHECK(co_await importer->add_file("d/a.txt", a, private_file));
  KITH_CO_TRY(std::vector<AddedNode> top, co_await importer->finish(tree.wrap));
  EXPECT_EQ(top.size(), 1u);
  tree.root = top.at(0).cid.to_string();
  co_return Result<void>{};
}

std::string root_of_tree(ImportOptions options, Keep keep = nothing, bool with_empty = true,
                         bool wrap = false) {
  TreeCase tree{options, keep, with_empty, wrap, {}, {}};
  // Kubo wraps leaves as soon as there is something to keep.
  if (keep != nothing) tree.options.raw_leaves = false;
  run_on_node(1, import_tree, tree);
  return tree.root;
}

TEST(Kubo, ImportsTrees) {
  EXPECT_EQ(root_of_tree(legacy()), "QmUkmczpgdibFacuqgnm41e2rtDaGDF5LpfvtSe3AAZ2KK");
  EXPECT_EQ(root_of_tree(legacy(1)), "bafybeihws2mfh37pq626vmwwm3dt367dbux2xz4pzzn4gtuqqhq42isiay");
  EXPECT_EQ(root_of_tree(legacy(), nothing, true, true),
            "QmY55446THfHYwhBX7CsEdjPe1xquDsuhMEnomorwwSyAY");
  EXPECT_EQ(root_of_tree(legacy(), nothing, false),
            "QmVsmUHaoNQ5X8rhiEKvzwoxt4nnfX5JJYGH7R3Ua4LkEL");
  ImportOptions inlined = legacy(1);
  inlined.inline_bytes_max = 64;
  EXPECT_EQ(root_of_tree(inlined), "bafybeidgb2ge242stklydremyst47w3hxdubo2zmlbtzjcujcjga6ciyzq");
}

TEST(Kubo, ImportsTreesWithModesAndTimes) {
  EXPECT_EQ(root_of_tree(legacy(), both), "QmSWz6W8fuwd6RWc2ysXbJknCTSRhiDQA9NXmVXeZszgCE");
  EXPECT_EQ(root_of_tree(legacy(), modes), "QmaASJ86qZgS61CAHGNSZh7RrRbTFFqFCmxZM8SDbeuayo");
  EXPECT_EQ(root_of_tree(legacy(1), times),
            "bafybeidrobwpyf6ppkkyaobvelgkmkapyeg2zetylg2jea7an2m6gy4jvi");
}

TEST(Kubo, TellsWhatItAddedInKubosOrder) {
  TreeCase tree{legacy(), both, true, false, {}, {}};
  run_on_node(1, import_tree, tree);
  EXPECT_EQ(tree.added, (std::vector<std::string>{
                            "QmTyXdyixWzbNWziUicXcAPmaqnjfgLGMA9oDMx4n17RfA d/sub/deep/c",
                            "QmeikrdxHZZ9F61HdQpzLomRPDWXrhVjgURdhtqBvvdkFZ d/sub/link",
                            "QmcQuYeP8JhnuxZ7rmyn65iHFySsqzt2rGomDK9iGERiym d/sub/b.txt",
                            "QmYEEmc92tabu5n792jcfWB9bfrHx16zPrxYS692KQk7vT d/big",
                            "QmV4uXUzYHibgQydJWJNa8uK5gpKDFuG5zHWipcYhfTqT7 d/a.txt",
                            "QmXmFE6zAdCUmFCWCLCr1mFXtc6ZbVtnYusjhow7z4tuyh d/empty",
                            "QmVNwtsL5EuusVMvM8LdeKgAf9exzX4itLEBa9qPQTEXqQ d/sub/deep",
                            "Qmaqgy39c8V1iL4YYs93LbY519qnPtF6jfTusdduM2DQXH d/sub",
                            "QmSWz6W8fuwd6RWc2ysXbJknCTSRhiDQA9NXmVXeZszgCE d",
                        }));
}

ImportOptions sharded(std::size_t links_max, std::uint64_t fanout, int cid_version = 0) {
  ImportOptions options = legacy(cid_version);
  options.directory_links_max = links_max;
  options.hamt_fanout = fanout;
  return options;
}

TEST(Kubo, ShardsSmallDirectories) {
  EXPECT_EQ(root_of_tree(sharded(2, 256, 1)),
            "bafybeihfjcf5zgdwrmstnvcuoxscico4h22n4ssza3ggwkuu7melivbw4a");
  EXPECT_EQ(root_of_tree(sharded(2, 16)), "QmSgsh8DD66EwPABz2xaL9cL5X9Dx5o55b7fA2qs94YoWi");
  EXPECT_EQ(root_of_tree(sharded(2, 1024)), "QmRkJCVpb6BCkQ21gefWqdVoJ9mVf4wPKFqQwK31hJb16H");
  EXPECT_EQ(root_of_tree(sharded(2, 8), both), "QmWSeN2ysXeWj4yNjsAruw9sMTsFYHbJKMK6qymaPuJzRq");
}

std::string root_of_many(const ImportOptions& options) {
  BlockMaker maker(options);
  std::vector<DirectoryEntry> entries;
  for (int i = 0; i < 3000; ++i) {
    Buffer content = Buffer::copy_of(as_bytes(fmt::format("{}", i)));
    ipld::Block leaf = make_leaf(options, maker, std::move(content)).value();
    entries.push_back({fmt::format("file number {}.dat", i), leaf.cid, leaf.data.size()});
  }
  std::vector<ipld::Block> blocks;
  return make_directory(options, maker, std::move(entries), {}, blocks)->cid.to_string();
}

TEST(Kubo, ShardsDirectoriesOfSeveralLevels) {
  EXPECT_EQ(root_of_many(sharded(3000, 256)), "QmYcb4V11sjyXjDDhWtyWoHuPsg4RAJ5bm8NVSosVGdZVe");
  EXPECT_EQ(root_of_many(sharded(2999, 256)), "QmQwyyP64fhKjTGmiCBLbbjkaqDLRuevQdppTUNuwMW3zc");
  EXPECT_EQ(root_of_many(sharded(1000, 8, 1)),
            "bafybeignjjmvx2j35gnfhiqwvwcuj6lva3a7xjcpkfbni72kbwfepxgjhq");
  EXPECT_EQ(root_of_many(sharded(1000, 16, 1)),
            "bafybeibl7mg23l25inpfwjkoobinwuxeoea7yikzxsxcj3gdxrw7dtgawu");
  EXPECT_EQ(root_of_many(sharded(1000, 1024, 1)),
            "bafybeia2rha63zcvzwk6f3ynzzgtnnuvhnfludhmhz2hewpcsrrxoqgyey");
}

}  // namespace
}  // namespace kith::unixfs
