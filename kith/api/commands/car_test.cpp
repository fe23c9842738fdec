// How `dag import` goes through an archive: what it holds in memory has two bounds.
#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <kith/api/command.hpp>
#include <kith/ipld/car.hpp>
#include <kith/ipld/content.hpp>
#include <kith/node/home.hpp>
#include <kith/node/node.hpp>
#include <kith/sim/testing.hpp>

namespace kith::api {
namespace {

using multiformats::Cid;

const std::string folder = "/home";

/// As car.cpp has them, with what a read may bring beyond.
constexpr std::size_t blocks_held_max = 16 * 1024;
constexpr std::uint64_t bytes_held_max = std::uint64_t{8} << 20;
constexpr std::size_t piece_bytes = 64 * 1024;

struct Archive {
  Bytes bytes;
  std::vector<Cid> cids;
  std::vector<std::size_t> ends;  ///< of each block's section
};

/// Different blocks of a size.
Archive archive_of(std::size_t count, std::size_t block_bytes) {
  Archive archive;
  archive.bytes = ipld::encode_car_header({});
  Bytes content(block_bytes);
  for (std::size_t i = 0; i < count; ++i) {
    store_be(content.data(), static_cast<std::uint32_t>(i));
    auto block = ipld::make_block({.version = 1}, Buffer::copy_of(content));
    append(archive.bytes, ipld::encode_car_section_start(block->cid, content.size()));
    append(archive.bytes, content);
    archive.cids.push_back(block->cid);
    archive.ends.push_back(archive.bytes.size());
  }
  return archive;
}

/// Hands out an archive in pieces, and looks each time how many of the blocks that it has handed
/// out aren't in the store yet.
class WatchedArchive final : public InputTree {
 public:
  WatchedArchive(const Archive& archive, store::BlockStore& store)
      : archive_(archive), store_(store) {}

  Task<std::optional<InputEntry>> next() override {
    if (std::exchange(opened_, true)) co_return std::optional<InputEntry>();
    co_return std::optional(InputEntry());
  }

  Task<Buffer> read(std::size_t size_max) override {
    auto all = std::ranges::upper_bound(archive_.ends, at_);
    const auto handed_out = static_cast<std::size_t>(all - archive_.ends.begin());
    std::vector<Cid> asked(archive_.cids.begin(),
                           archive_.cids.begin() + static_cast<std::ptrdiff_t>(handed_out));
    KITH_CO_TRY(std::vector<bool> here, co_await store_.has_many(std::move(asked)));
    const auto held = static_cast<std::size_t>(std::ranges::count(here, false));
    held_max = std::max(held_max, held);
    const std::size_t size = std::min({size_max, piece_bytes, archive_.bytes.size() - at_});
    const ByteView piece = ByteView(archive_.bytes).subspan(at_, size);
    at_ += size;
    co_return Buffer::copy_of(piece);
  }

  std::size_t held_max = 0;

 private:
  const Archive& archive_;
  store::BlockStore& store_;
  std::size_t at_ = 0;
  bool opened_ = false;
};

class Counter final : public Output {
 public:
  Task<void> value(json::value value) override {
    if (const json::value* stats = value.as_object().if_contains("Stats"))
      blocks = stats->at("BlockCount").to_number<std::size_t>();
    co_return Result<void>{};
  }
  Task<void> bytes(ByteView) override { co_return Result<void>{}; }
  void announce_length(std::uint64_t) override {}
  Task<void> flush() override { co_return Result<void>{}; }

  std::size_t blocks = 0;
};

/// Imports the archive; returns how many blocks were held at most.
Task<std::size_t> import(sim::World& world, const Archive& archive) {
  port::Env& env = world.add_node().env();
  KITH_CO_CHECK(node::init_home(env, folder, {}));
  KITH_CO_TRY(node::Home home, node::Home::open(env, folder, {}));
  node::NodeOptions offline;
  offline.online = false;
  KITH_CO_TRY(std::unique_ptr<node::Node> node,
              co_await node::Node::start(env, std::move(home), std::move(offline)));
  CommandTable table = make_command_table();
  const Command& command = *table.find("dag import");
  Request::Raw options = {{"stats", "true"}, {"pin-roots", "false"}};
  KITH_CO_TRY(Request request, Request::make(command, {}, options));
  auto watched = std::make_shared<WatchedArchive>(archive, node->store());
  request.files = watched;
  Context context{env, node.get(), folder, "kith"};
  Counter counter;
  auto imported = co_await command.run(context, request, counter);
  EXPECT_TRUE(imported.has_value()) << imported.error().message();
  EXPECT_EQ(counter.blocks, archive.cids.size());
  KITH_CO_CHECK(co_await node->stop_shielded());
  co_return watched->held_max;
}

Task<void> holds_few_tiny_blocks(sim::World& world) {
  const Archive archive = archive_of(2 * blocks_held_max, 4);
  KITH_CO_REQUIRE(archive.bytes.size() < bytes_held_max);
  KITH_CO_TRY(const std::size_t held, co_await import(world, archive));
  EXPECT_LT(held, blocks_held_max);
  EXPECT_GT(held, blocks_held_max / 2) << "they are stored many at a time";
  co_return Result<void>{};
}
TEST(DagImport, HoldsNoMoreTinyBlocksThanItMay) {
  sim::run_test(1, holds_few_tiny_blocks);
}

Task<void> holds_few_bytes(sim::World& world) {
  constexpr std::size_t block_bytes = 16 * 1024;
  const Archive archive = archive_of(3 * bytes_held_max / block_bytes, block_bytes);
  KITH_CO_TRY(const std::size_t held, co_await import(world, archive));
  EXPECT_LT(held * block_bytes, bytes_held_max);
  EXPECT_GT(held * block_bytes, bytes_held_max / 2);
  co_return Result<void>{};
}
TEST(DagImport, HoldsNoMoreBytesThanItMay) {
  sim::run_test(1, holds_few_bytes);
}

}  // namespace
}  // namespace kith::api
