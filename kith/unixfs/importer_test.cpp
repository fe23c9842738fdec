#include <set>
#include <unordered_set>

#include <gtest/gtest.h>

#include <kith/ipld/content.hpp>
#include <kith/ipld/walk.hpp>
#include <kith/sim/testing.hpp>
#include <kith/unixfs/fixture.hpp>
#include <kith/unixfs/limits.hpp>
#include <kith/unixfs/tree_importer.hpp>

namespace kith::unixfs {
namespace {

using multiformats::Cid;
using multiformats::Codec;
using testing::random_bytes;
using testing::read_range;
using testing::run_on_node;

ImportOptions random_options(Prng& prng) {
  ImportOptions options;
  options.cid_version = static_cast<int>(prng.below(2));
  options.raw_leaves = prng.chance(0.5);
  options.layout = prng.chance(0.5) ? Layout::balanced : Layout::trickle;
  options.file_width = prng.between(2, 12);
  if (options.cid_version == 1 && prng.chance(0.3)) options.hash_function = Codec::blake3;
  if (prng.chance(0.3)) options.inline_bytes_max = prng.between(0, 128);
  switch (prng.below(3)) {
    case 0:
      options.chunker = ChunkerSpec::fixed(prng.between(1, 2000));
      break;
    case 1:
      options.chunker = ChunkerSpec::rabin(prng.between(16, 100), 256, prng.between(300, 2000));
      break;
    case 2:
      options.chunker = ChunkerSpec::buzhash();
      break;
  }
  return options;
}

struct RoundTrip {
  ImportOptions options;
  Bytes content;
  Metadata metadata;
  std::uint64_t seed = 0;
  ipld::MemoryBlocks blocks;
  ImportedFile file;
};

Task<void> import_ragged(port::Env& env, RoundTrip& trip) {
  testing::RaggedSource source(trip.content, trip.seed, 3000);
  KITH_CO_TRY(trip.file,
              co_await import_file(env, &trip.blocks, trip.options, source, trip.metadata));
  co_return Result<void>{};
}

/// The size of every block below, counted as often as it is linked.
Task<void> sum_blocks(port::Env&, RoundTrip& trip, std::uint64_t& sum) {
  ipld::DagWalk walk(trip.blocks, trip.file.cid, {.unique = false});
  while (true) {
    KITH_CO_TRY(std::optional<ipld::Block> block, co_await walk.next());
    if (!block) break;
    sum += block->data.size();
  }
  co_return Result<void>{};
}

TEST(Import, AnyContentWithAnyOptionsReadsBackWholeAndInPart) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    Prng prng(seed);
    RoundTrip trip;
    trip.seed = seed;
    trip.options = random_options(prng);
    trip.content = random_bytes(seed, prng.below(prng.chance(0.2) ? 400'000 : 20'000));
    if (prng.chance(0.3)) trip.metadata.mode = 0640;
    run_on_node(seed, import_ragged, trip);
    ASSERT_EQ(trip.file.size, trip.content.size());
    auto whole = read_range(trip.blocks, trip.file.cid);
    ASSERT_TRUE(whole) << whole.error().message();
    ASSERT_EQ(*whole, trip.content);
    for (int i = 0; i < 5; ++i) {
      FileRange range{prng.below(trip.content.size() + 10), prng.below(trip.content.size() + 10)};
      auto part = read_range(trip.blocks, trip.file.cid, range);
      ASSERT_TRUE(part) << part.error().message();
      std::size_t start = std::min<std::size_t>(range.offset, trip.content.size());
      std::size_t size = std::min<std::size_t>(range.length, trip.content.size() - start);
      ASSERT_TRUE(equal(*part, ByteView(trip.content).subspan(start, size)));
    }
    if (!trip.options.inline_bytes_max) {
      std::uint64_t sum = 0;
      run_on_node(seed, sum_blocks, trip, sum);
      EXPECT_EQ(sum, trip.file.cumulative_size);
    }
  }
}

TEST(Import, RootDoesNotDependOnPiecesOrTiming) {
  for (std::string_view chunker : {"size-777", "rabin-64-256-2000"}) {
    std::set<std::string> roots;
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      RoundTrip trip;
      trip.seed = seed;
      trip.options.chunker = ChunkerSpec::parse(chunker).value();
      trip.options.file_width = 5;
      trip.content = random_bytes(99, 100'000);
      run_on_node(seed, import_ragged, trip);
      roots.insert(trip.file.cid.to_string());
    }
    EXPECT_EQ(roots.size(), 1u);
  }
}

TEST(Import, AFileOfOneRawBlockGetsARootForItsMetadata) {
  RoundTrip trip;
  trip.content = to_bytes("small");
  trip.metadata = {0600, Metadata::Time{5, 6}};
  run_on_node(1, import_ragged, trip);
  EXPECT_EQ(trip.file.cid.codec(), Codec::dag_pb);
  const Buffer* block = trip.blocks.find(trip.file.cid);
  ASSERT_NE(block, nullptr);
  Node node = parse_node(trip.file.cid, *block).value();
  EXPECT_EQ(node.data.metadata, trip.metadata);
  EXPECT_EQ(as_text(node.content()), "small");
  // With more than one leaf they stay raw.
  trip.options.chunker = ChunkerSpec::fixed(3);
  run_on_node(1, import_ragged, trip);
  node = parse_node(trip.file.cid, *trip.blocks.find(trip.file.cid)).value();
  ASSERT_EQ(node.links.size(), 2u);
  EXPECT_EQ(node.links[0].hash.codec(), Codec::raw);
  EXPECT_EQ(node.data.metadata, trip.metadata);
}

TEST(Import, InlinedBlocksDoNotReachTheSink) {
  RoundTrip trip;
  trip.content = to_bytes("small");
  trip.options.inline_bytes_max = 32;
  run_on_node(1, import_ragged, trip);
  EXPECT_TRUE(trip.file.cid.is_identity());
  EXPECT_EQ(trip.blocks.size(), 0u);
  EXPECT_EQ(as_text(read_range(trip.blocks, trip.file.cid).value()), "small");
}

/// A sink that takes its time, watches what comes, and fails when told to.
class SlowSink final : public ipld::BlockSink {
 public:
  SlowSink(port::Clock& clock, std::size_t fail_at) : never_(clock), fail_at_(fail_at) {}

  Task<void> put(std::vector<ipld::Block> blocks) override {
    if (++puts_ == fail_at_) co_return std::unexpected(Errc::corrupt);
    (void)co_await never_.wait(never_.clock().now() + 50ms);
    for (const ipld::Block& block : blocks) {
      bytes_ += block.data.size();
      in_put_max_ = std::max(in_put_max_, blocks.size());
      if (block.cid.codec() == Codec::dag_pb) children_were_here(block);
      seen_.insert(block.cid);
    }
    co_return Result<void>{};
  }
  Task<void> flush() override { co_return Result<void>{}; }

  std::uint64_t bytes() const noexcept { return bytes_; }
  std::size_t puts() const noexcept { return puts_; }

 private:
  void children_were_here(const ipld::Block& block) {
    for (const auto& link : parse_node(block.cid, block.data)->links)
      EXPECT_TRUE(seen_.contains(link.hash)) << "a parent before its child";
  }

  port::Event never_;
  std::size_t fail_at_;
  std::size_t puts_ = 0;
  std::size_t in_put_max_ = 0;
  std::uint64_t bytes_ = 0;
  std::unordered_set<Cid> seen_;
};

/// Gives zeros without end, or to `size`; counts, and fails when told to.
class CountingSource final : public ByteSource {
 public:
  CountingSource(std::uint64_t size, std::uint64_t fail_at) : size_(size), fail_at_(fail_at) {}
  Task<Buffer> read(std::size_t size_max) override {
    if (given_ >= fail_at_) co_return std::unexpected(Errc::reset);
    Buffer piece = Buffer::allocate(std::min<std::uint64_t>(size_max, size_ - given_));
    Prng(given_).fill(piece.mutable_bytes());
    given_ += piece.size();
    co_return piece;
  }
  std::uint64_t given() const noexcept { return given_; }

 private:
  std::uint64_t size_;
  std::uint64_t fail_at_;
  std::uint64_t given_ = 0;
};

struct SlowImport {
  ImportOptions options;
  std::uint64_t size = 0;
  std::uint64_t source_fails_at = UINT64_MAX;
  std::size_t sink_fails_at = SIZE_MAX;
  std::uint64_t ahead_max = 0;
  std::uint64_t last_progress = 0;
  std::optional<Error> error;
};

Task<void> import_slowly(port::Env& env, SlowImport& test) {
  SlowSink sink(env.clock, test.sink_fails_at);
  CountingSource source(test.size, test.source_fails_at);
  ImportProgress progress = [&](std::uint64_t bytes) {
    EXPECT_GE(bytes, test.last_progress);
    test.last_progress = bytes;
    test.ahead_max = std::max(test.ahead_max, source.given() - bytes);
  };
  auto file = co_await import_file(env, &sink, test.options, source, {}, progress);
  if (!file) test.error = file.error();
  if (file) EXPECT_EQ(file->size, test.size);
  co_return Result<void>{};
}

TEST(Import, MemoryDoesNotGrowWithTheFile) {
  SlowImport test;
  test.size = 200 * 1024 * 1024;
  run_on_node(1, import_slowly, test);
  EXPECT_FALSE(test.error);
  EXPECT_EQ(test.last_progress, test.size);
  EXPECT_LE(test.ahead_max, import_bytes_in_flight_max + import_group_bytes);
  EXPECT_GT(test.ahead_max, 4 * import_group_bytes) << "and it does read ahead of a slow sink";
}

TEST(Import, TinyChunksCountForWhatTheyCost) {
  SlowImport test;
  test.size = 200'000;
  test.options.chunker = ChunkerSpec::fixed(1);
  run_on_node(1, import_slowly, test);
  EXPECT_FALSE(test.error);
  EXPECT_LE(test.ahead_max,
            import_bytes_in_flight_max / 256 + import_group_bytes / 256 + 1'100'000);
}

TEST(Import, EndsWithTheSourcesError) {
  for (std::uint64_t fails_at : {0, 1, 5'000'000, 60'000'000}) {
    SlowImport test;
    test.size = 100'000'000;
    test.source_fails_at = fails_at;
    run_on_node(fails_at, import_slowly, test);
    ASSERT_TRUE(test.error);
    EXPECT_TRUE(test.error->is(Errc::reset));
  }
}

TEST(Import, EndsWithTheSinksError) {
  for (std::size_t fails_at = 1; fails_at <= 5; ++fails_at) {
    SlowImport test;
    test.size = 30'000'000;
    test.sink_fails_at = fails_at;
    run_on_node(fails_at, import_slowly, test);
    ASSERT_TRUE(test.error);
    EXPECT_TRUE(test.error->is(Errc::corrupt));
  }
}

Task<void> cancel_soon(sim::World& world, Duration& after) {
  port::TaskGroup group(world.executor(), world.clock());
  SlowImport test;
  test.size = 40'000'000;
  sim::Node& node = world.add_node();
  group.spawn(import_slowly(node.env(), test));
  port::Event never_notified(world.clock());
  (void)co_await never_notified.wait(world.now() + after);
  group.cancel();
  KITH_CO_CHECK(co_await group.join_shielded());
  EXPECT_TRUE(test.error && test.error->is(Errc::cancelled));
  co_return Result<void>{};
}

TEST(Import, CanBeCancelledAtAnyTime) {
  for (int i = 0; i < 25; ++i) {
    Duration after = 1ms + i * 5ms;
    sim::run_test(static_cast<std::uint64_t>(i), cancel_soon, after);
  }
}

TEST(Import, RefusesImpossibleOptions) {
  auto refused = [](auto change) {
    ImportOptions options;
    change(options);
    return !options.check();
  };
  EXPECT_FALSE(refused([](ImportOptions&) {}));
  EXPECT_TRUE(refused([](ImportOptions& o) { o.cid_version = 2; }));
  EXPECT_TRUE(refused([](ImportOptions& o) {
    o.cid_version = 0;
    o.hash_function = Codec::blake3;
  }));
  EXPECT_TRUE(refused([](ImportOptions& o) { o.file_width = 1; }));
  EXPECT_TRUE(refused([](ImportOptions& o) { o.file_width = file_width_max + 1; }));
  EXPECT_TRUE(refused([](ImportOptions& o) { o.hamt_fanout = 100; }));
  EXPECT_TRUE(refused([](ImportOptions& o) { o.hash_function = Codec::identity; }));
  EXPECT_TRUE(refused([](ImportOptions& o) { o.hash_function = Codec::raw; }));
  EXPECT_TRUE(
      refused([](ImportOptions& o) { o.chunker = ChunkerSpec::fixed(chunk_bytes_max + 1); }));
}

Task<void> misuse(port::Env& env, std::string& answers) {
  KITH_CO_TRY(auto importer, TreeImporter::create(env, nullptr, {}));
  auto note = [&](const auto& result) { answers += result ? "+" : "-"; };
  MemorySource content(Buffer::copy_of(as_bytes("x")));
  for (std::string path : {"", "/", "..", "a/../b", "a/./b"})
    note(co_await importer->add_file(std::move(path), content));
  note(co_await importer->add_file("a/b", content));
  note(importer->add_directory("a"));
  note(importer->add_directory("a/b"));
  note(importer->add_directory("a/b/c"));
  note(co_await importer->add_file("a", content));
  note(co_await importer->add_symlink("a/b", "target"));
  note(co_await importer->add_symlink("a/empty", ""));
  co_return Result<void>{};
}

TEST(TreeImporter, RefusesBadPathsAndNamesThatClash) {
  std::string answers;
  run_on_node(1, misuse, answers);
  EXPECT_EQ(answers,
            "-----"
            "++---"
            "--");
}

}  // namespace
}  // namespace kith::unixfs
