#include <map>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <kith/ledger/chain/genesis.hpp>
#include <kith/ledger/consensus/pow/pow_rules.hpp>

namespace kith::ledger {
namespace {

constexpr std::uint64_t begins_s = 1'700'000'000;

Header genesis_header(const U256& difficulty = 16) {
  Header genesis;
  genesis.difficulty = difficulty;
  genesis.timestamp = begins_s;
  return genesis;
}

class NoAncestors final : public Ancestors {
 public:
  Result<Hash> ancestor_hash(const Header&, std::uint64_t) override {
    return std::unexpected(Errc::not_found);
  }
};

/// Changes its key as a function with keys does, every two blocks.
class KeyedHash final : public WorkHash {
 public:
  std::string_view name() const noexcept override { return "keyed"; }
  std::optional<std::uint64_t> key_number(std::uint64_t number) const noexcept override {
    return number == 0 ? 0 : (number - 1) / 2 * 2;
  }
  Result<Hash> hash(const WorkInput& input, const Hash& key) override {
    ++hashes;
    Bytes both = to_bytes(ByteView(input));
    append(both, key.view());
    return keccak256(both);
  }
  Result<std::unique_ptr<NonceSearcher>> searcher(const Hash&) override {
    return std::unexpected(Errc::unsupported);
  }
  int hashes = 0;
};

class World : public Ancestors {
 public:
  explicit World(std::unique_ptr<WorkHash> hash = make_sha256d(), PowParameters parameters = {})
      : rules(PowRules::make(parameters, genesis, std::move(hash), *this).value()) {
    blocks[genesis.hash()] = genesis;
  }

  Result<Hash> ancestor_hash(const Header& from, std::uint64_t number) override {
    Header at = from;
    while (at.number > number)
      at = blocks.at(at.parent);
    EXPECT_EQ(at.number, number);
    return at.hash();
  }

  Header prepared(const Header& parent, std::uint64_t timestamp) {
    Header next;
    next.number = parent.number + 1;
    next.parent = parent.hash();
    next.timestamp = timestamp;
    EXPECT_TRUE(rules.prepare(next, parent));
    return next;
  }

  /// Tries nonces one by one, as someone without a searcher would.
  Header mined(Header next, const Header& parent) {
    const WorkOrder order = rules.order(next, parent).value();
    for (std::uint64_t nonce = 0;; ++nonce) {
      const Hash hash = rules.hash().hash(work_input(order.seal, nonce), order.key).value();
      if (hash.to_word() > order.target) continue;
      store_be(next.nonce.data(), nonce);
      blocks[next.hash()] = next;
      return next;
    }
  }
  Header mine_after(const Header& parent, std::uint64_t timestamp) {
    return mined(prepared(parent, timestamp), parent);
  }

  void expect_fault(PowFault fault, const Header& header, const Header& parent,
                    std::uint64_t now_s) {
    const auto checked = rules.check(header, parent, now_s);
    ASSERT_FALSE(checked);
    EXPECT_TRUE(checked.error().is(fault)) << checked.error().message();
    EXPECT_EQ(is_invalid_work(checked.error()), fault != PowFault::too_early);
  }

  const Header genesis = genesis_header();
  std::map<Hash, Header> blocks;
  PowRules rules;
};

TEST(PowRules, TakeWhatTheyPrepared) {
  World world;
  Header tip = world.genesis;
  for (int i = 0; i < 50; ++i) {
    const Header next = world.mine_after(tip, tip.timestamp + 10);
    ASSERT_TRUE(world.rules.check(next, tip, next.timestamp));
    // On schedule it stays as hard as it began, but for what a compact target cuts off.
    ASSERT_EQ(next.difficulty, 16);
    ASSERT_EQ(world.rules.work_of(next), 16);
    tip = next;
  }
}

TEST(PowRules, TellWhatIsWrong) {
  World world;
  const Header& genesis = world.genesis;
  const Header first = world.mine_after(genesis, begins_s + 10);
  const Header good = world.mine_after(first, begins_s + 20);
  const std::uint64_t now_s = begins_s + 20;
  ASSERT_TRUE(world.rules.check(good, first, now_s));

  Header bad = good;
  bad.number = 3;
  world.expect_fault(PowFault::wrong_number, bad, first, now_s);
  bad = good;
  bad.timestamp = first.timestamp;
  world.expect_fault(PowFault::timestamp_not_later, bad, first, now_s);
  for (const U256& difficulty : {U256(15), U256(17), U256(0), U256::max()}) {
    bad = good;
    bad.difficulty = difficulty;
    world.expect_fault(PowFault::wrong_difficulty, world.mined(bad, first), first, now_s);
  }
  bad = good;
  bad.mix_hash = first.hash();
  world.expect_fault(PowFault::wrong_mix_hash, world.mined(bad, first), first, now_s);
  // Other nonces are too little, but for one in sixteen.
  int too_little = 0;
  for (std::uint64_t nonce = 0; nonce < 160; ++nonce) {
    bad = good;
    store_be(bad.nonce.data(), nonce);
    if (!world.rules.check(bad, first, now_s)) {
      world.expect_fault(PowFault::too_little_work, bad, first, now_s);
      ++too_little;
    }
  }
  EXPECT_GT(too_little, 120);
  EXPECT_LT(too_little, 160);
  // Any other field is in the seal.
  bad = good;
  int refused = 0;
  for (std::uint8_t i = 0; i < 100; ++i) {
    bad.extra_data = {i};
    refused += world.rules.check(bad, first, now_s) ? 0 : 1;
  }
  EXPECT_GT(refused, 70);
}

TEST(PowRules, WhatIsTooEarlyIsGoodLater) {
  World world;
  const Header next = world.mine_after(world.genesis, begins_s + 100);
  EXPECT_EQ(world.rules.parameters().future_limit_s(), 15);
  world.expect_fault(PowFault::too_early, next, world.genesis, begins_s + 84);
  EXPECT_TRUE(world.rules.check(next, world.genesis, begins_s + 85));
  // Only with its work done: nobody shall fill a waiting room for nothing.
  Header unworked = next;
  do {
    store_be(unworked.nonce.data(), load_be<std::uint64_t>(unworked.nonce.data()) + 1);
  } while (world.rules.check(unworked, world.genesis, begins_s + 85));
  world.expect_fault(PowFault::too_little_work, unworked, world.genesis, begins_s);
}

TEST(PowRules, TheMixHashIsTheParentsWork) {
  World world;
  const Header first = world.mine_after(world.genesis, begins_s + 10);
  EXPECT_EQ(first.mix_hash, world.genesis.hash());
  const Header second = world.mine_after(first, begins_s + 20);
  EXPECT_EQ(second.mix_hash, make_sha256d()->hash(work_input(first), Hash()).value());
  EXPECT_EQ(world.rules.work_hash(first).value(), second.mix_hash);
  EXPECT_LE(second.mix_hash.to_word(), target_of_difficulty(first.difficulty));
}

TEST(PowRules, PrepareMovesATimeThatIsTooOld) {
  World world;
  EXPECT_EQ(world.prepared(world.genesis, 0).timestamp, begins_s + 1);
  EXPECT_EQ(world.prepared(world.genesis, begins_s + 7).timestamp, begins_s + 7);
}

TEST(PowRules, KeysAreOfTheBlocksOwnBranch) {
  World world(std::make_unique<KeyedHash>());
  std::vector<Header> chain{world.genesis};
  for (int i = 0; i < 6; ++i)
    chain.push_back(world.mine_after(chain.back(), chain.back().timestamp + 10));
  // Another block 2 makes another key for its children.
  Header branch = chain[1];
  for (int i = 0; i < 4; ++i) {
    const Header next = world.mine_after(branch, branch.timestamp + 11);
    ASSERT_TRUE(world.rules.check(next, branch, next.timestamp));
    branch = next;
  }
  for (std::size_t i = 1; i < chain.size(); ++i)
    EXPECT_TRUE(world.rules.check(chain[i], chain[i - 1], chain[i].timestamp));
  EXPECT_NE(world.rules.order(chain[3], chain[2]).value().key,
            world.rules.order(branch, world.blocks.at(branch.parent)).value().key);
}

TEST(PowRules, HashAParentOnce) {
  auto owned = std::make_unique<KeyedHash>();
  KeyedHash& hash = *owned;
  World world(std::move(owned));
  const Header first = world.mine_after(world.genesis, begins_s + 10);
  const Header second = world.mine_after(first, begins_s + 20);
  ASSERT_TRUE(world.rules.check(first, world.genesis, begins_s + 20));
  hash.hashes = 0;
  ASSERT_TRUE(world.rules.check(second, first, begins_s + 20));
  EXPECT_EQ(hash.hashes, 1);
}

TEST(PowRules, WhatCannotBeCheckedIsNotInvalid) {
  NoAncestors ancestors;
  PowRules rules =
      PowRules::make({}, genesis_header(), std::make_unique<KeyedHash>(), ancestors).value();
  Header next;
  next.number = 1;
  next.timestamp = begins_s + 1;
  ASSERT_TRUE(rules.prepare(next, genesis_header()));
  const auto checked = rules.check(next, genesis_header(), begins_s);
  ASSERT_FALSE(checked);
  EXPECT_TRUE(checked.error().is(Errc::not_found));
  EXPECT_FALSE(is_invalid_work(checked.error()));
}

TEST(PowRules, RefuseAGenesisThatCannotBegin) {
  NoAncestors ancestors;
  const auto make = [&](const Header& genesis, const PowParameters& parameters = {}) {
    return PowRules::make(parameters, genesis, make_sha256d(), ancestors).has_value();
  };
  EXPECT_TRUE(make(genesis_header(2)));
  EXPECT_FALSE(make(genesis_header(1)));
  EXPECT_FALSE(make(genesis_header(0)));
  Header undated = genesis_header();
  undated.timestamp = 0;
  EXPECT_FALSE(make(undated));
  PowParameters parameters;
  parameters.asert.half_life_s = 119;
  EXPECT_FALSE(make(genesis_header(), parameters));
  parameters.asert.half_life_s = 120;
  EXPECT_TRUE(make(genesis_header(), parameters));
}

Result<PowParameters> parse(std::string_view config) {
  return read_pow_parameters(boost::json::parse(config));
}

TEST(PowParameters, ComeOfAGenesis) {
  const PowParameters bare = parse(R"({"chainId": 1, "pow": {}})").value();
  EXPECT_EQ(bare.algorithm, WorkAlgorithm::sha256d);
  EXPECT_EQ(bare.asert.target_spacing_s, 10);
  EXPECT_EQ(bare.asert.half_life_s, 2'880);
  EXPECT_EQ(bare.asert.easiest_target, U256::max() >> 1);
  const PowParameters full = parse(R"({"pow": {"algorithm": "randomx", "targetSpacing": 600,
      "halfLife": "0x2a300", "limit": "0xffff"}})")
                                 .value();
  EXPECT_EQ(full.algorithm, WorkAlgorithm::randomx);
  EXPECT_EQ(full.asert.target_spacing_s, 600);
  EXPECT_EQ(full.asert.half_life_s, 172'800);
  EXPECT_EQ(full.asert.easiest_target, 0xffff);
  EXPECT_EQ(full.future_limit_s(), 300);
  EXPECT_EQ(parse(R"({"pow": {"targetSpacing": 60}})").value().asert.half_life_s, 288 * 60);
}

TEST(PowParameters, TellWhatIsWrong) {
  const auto expect_fault = [](std::string_view config, std::string_view names) {
    const auto read = parse(config);
    ASSERT_FALSE(read) << config;
    EXPECT_NE(read.error().context().find(names), std::string_view::npos) << read.error().message();
  };
  expect_fault(R"({})", "config.pow");
  expect_fault(R"(7)", "config.pow");
  expect_fault(R"({"pow": true})", "config.pow");
  expect_fault(R"({"pow": {"algorithm": "scrypt"}})", "algorithm");
  expect_fault(R"({"pow": {"algorithm": 1}})", "algorithm");
  expect_fault(R"({"pow": {"targetSpacing": 0}})", "targetSpacing");
  expect_fault(R"({"pow": {"targetSpacing": 1}})", "targetSpacing");
  expect_fault(R"({"pow": {"targetSpacing": 86401}})", "targetSpacing");
  expect_fault(R"({"pow": {"targetSpacing": "0x10000000000000000"}})", "targetSpacing");
  expect_fault(R"({"pow": {"targetSpacing": -1}})", "targetSpacing");
  expect_fault(R"({"pow": {"halfLife": 119}})", "halfLife");
  expect_fault(R"({"pow": {"targetSpacing": 100, "halfLife": 399}})", "halfLife");
  expect_fault(R"({"pow": {"halfLife": 31622401}})", "halfLife");
  expect_fault(R"({"pow": {"limit": 0}})", "limit");
  expect_fault(R"({"pow": {"limit": "x"}})", "limit");
  expect_fault(R"({"pow": {"target": 1}})", "target");
}

TEST(PowParameters, AGenesisMayHaveThem) {
  const auto genesis = Genesis::parse(R"({"config": {"chainId": 7, "terminalTotalDifficulty": 0,
      "shanghaiTime": 0, "cancunTime": 0, "pragueTime": 0, "osakaTime": 0,
      "pow": {"algorithm": "sha256d", "targetSpacing": 10}},
      "timestamp": "0x6553f100", "difficulty": "0x20000", "alloc": {}})");
  ASSERT_TRUE(genesis);
  EXPECT_EQ(genesis->schedule.difficulty, DifficultyRule::free);
  EXPECT_EQ(genesis->schedule.revision_at(1, begins_s), Revision::osaka);
  NoAncestors ancestors;
  PowRules rules = PowRules::make({}, genesis->block.header, make_sha256d(), ancestors).value();
  EXPECT_EQ(rules.next_difficulty(genesis->block.header, begins_s),
            difficulty_of_target(CompactTarget::at_most(U256::max() >> 17).target().value()));
}

}  // namespace
}  // namespace kith::ledger
