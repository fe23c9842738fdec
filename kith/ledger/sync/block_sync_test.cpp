#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include <gtest/gtest.h>

#include <kith/ledger/state/trie_root.hpp>
#include <kith/ledger/sync/block_sync.hpp>

namespace kith::ledger {
namespace {

const Hash no_ommers = keccak256(Bytes{0xc0});

/// A tree of blocks whose hashes are made up.
struct Tree {
  struct Block {
    ReceivedHeader header;
    Bytes body;
    U256 total;
    bool is_valid = true;       ///< running it finds no fault
    bool has_bad_seal = false;  ///< checking its header finds one
  };
  using Branch = std::vector<Hash>;  ///< by number, from the genesis on

  explicit Tree(std::uint64_t seed) : random(seed) {
    Block genesis = fresh(0);
    genesis.header.header.transactions_root = empty_trie_root;
    branch_of_genesis = {genesis.header.hash};
    blocks.emplace(genesis.header.hash, genesis);
  }

  Block fresh(std::uint64_t difficulty) {
    Block block;
    block.header.hash = name();
    block.header.header.ommers = no_ommers;
    block.header.header.difficulty = difficulty;
    block.header.header.transactions_root = name();
    block.body = Bytes(1 + random.below(200), 7);
    block.total = difficulty;
    return block;
  }
  Hash name() {
    const std::uint64_t salt = ++names;
    return Hash::from_word(
        {salt, salt * 0x9e3779b97f4a7c15, salt * 0xd6e8feb86659fd93, salt * 0xbf58476d1ce4e5b9});
  }

  Block& at(const Hash& hash) { return blocks.at(hash); }
  const U256& total(const Branch& branch) { return at(branch.back()).total; }

  /// The branch with so many blocks more.
  Branch grown(Branch branch, std::size_t count, std::uint64_t difficulty = 10) {
    for (; count > 0; --count) {
      Block block = fresh(difficulty);
      block.header.header.parent = branch.back();
      block.header.header.number = branch.size();
      if (random.chance(0.1)) block.header.header.transactions_root = empty_trie_root;
      if (const auto empty = empty_body_of(block.header.header)) block.body = *empty;
      block.total = at(branch.back()).total + U256(difficulty);
      branch.push_back(block.header.hash);
      blocks.emplace(block.header.hash, std::move(block));
    }
    return branch;
  }
  static Branch cut(const Branch& branch, std::size_t length) {
    return {branch.begin(), branch.begin() + static_cast<std::ptrdiff_t>(length)};
  }

  Prng random;
  std::uint64_t names = 0;
  std::map<Hash, Block> blocks;
  Branch branch_of_genesis;
};

/// How a peer behaves. What isn't said is honest.
struct Manner {
  bool is_silent = false;
  bool gives_nothing = false;
  bool gives_no_bodies = false;
  std::optional<std::size_t> withholds_body = std::nullopt;  ///< of that number, and only that
  bool gives_wrong_bodies = false;
  bool gives_too_many_headers = false;
  bool gives_unlinked_headers = false;
  bool gives_other_headers = false;
  bool answers_nobody_asked = false;
  bool hides_number = false;      ///< its heads are those of a Status
  std::uint64_t exaggerates = 0;  ///< claims so much more weight
  Duration delay = 50ms;
  std::size_t headers_max = 1000;
  std::size_t bodies_max = 1000;
};

struct World {
  explicit World(std::uint64_t seed, SyncOptions chosen = small(), std::size_t local_blocks = 0)
      : tree(seed), random(seed + 1), options(chosen) {
    ours = tree.grown(tree.branch_of_genesis, local_blocks);
    restart(seed);
  }

  /// Limits that a small chain meets.
  static SyncOptions small() {
    SyncOptions options;
    options.headers_per_request = 16;
    options.bodies_per_request = 16;
    options.bodies_at_first = 2;
    options.window = 48;
    options.unproven_max = 300;
    options.bytes_max = 2'000;
    return options;
  }

  LocalHead local() {
    return {.hash = ours.back(),
            .number = ours.size() - 1,
            .weight = tree.total(ours),
            .final_number = final_number};
  }

  void restart(std::uint64_t seed) {
    const auto block_at = [this](std::uint64_t number) {
      return number < ours.size() ? std::optional(ours[number]) : std::nullopt;
    };
    sync = std::make_unique<BlockSync>(
        options,
        LocalChain{.hash_at = block_at,
                   .total_weight_at = [this](std::uint64_t number) -> std::optional<U256> {
                     if (number >= ours.size()) return std::nullopt;
                     return tree.at(ours[number]).total;
                   },
                   .weight_of = [](const Header& header) { return header.difficulty; }},
        local(), seed);
    events.clear();
    for (auto& [id, peer] : peers)
      sync->add_peer(id, head_of(peer));
  }

  struct Actor {
    Tree::Branch branch;
    Manner manner;
    std::set<Hash> left;  ///< of branches that it was on before
  };

  PeerHead head_of(const Actor& actor) {
    PeerHead head{.hash = actor.branch.back(),
                  .number = actor.branch.size() - 1,
                  .weight = tree.total(actor.branch) + U256(actor.manner.exaggerates)};
    if (actor.manner.hides_number) head.number.reset();
    return head;
  }

  void join(SyncPeer id, Tree::Branch branch, Manner manner = {}) {
    Actor& actor = peers[id] = {std::move(branch), manner, {}};
    ASSERT_TRUE(sync->add_peer(id, head_of(actor)));
  }
  void leave(SyncPeer id) {
    sync->remove_peer(id);
    peers.erase(id);
  }
  void change(SyncPeer id, Tree::Branch branch) {
    Actor& actor = peers.at(id);
    actor.left.insert(actor.branch.begin(), actor.branch.end());
    actor.branch = std::move(branch);
    sync->on_head(id, head_of(actor));
  }

  // What peers answer.

  Headers headers(const Actor& actor, const GetHeaders& asked) {
    Headers reply{.id = asked.id, .headers = {}};
    if (actor.manner.gives_nothing) return reply;
    if (const Hash* hash = std::get_if<Hash>(&asked.start)) {
      if (tree.blocks.contains(*hash)) reply.headers.push_back(tree.at(*hash).header);
      return reply;
    }
    const auto start = std::get<std::uint64_t>(asked.start);
    const std::size_t amount = std::min<std::size_t>(asked.amount, actor.manner.headers_max);
    for (std::uint64_t i = start; i < actor.branch.size() && reply.headers.size() < amount; ++i)
      reply.headers.push_back(tree.at(actor.branch[i]).header);
    if (reply.headers.empty()) return reply;
    if (actor.manner.gives_too_many_headers) {
      while (reply.headers.size() <= asked.amount)
        reply.headers.push_back(reply.headers.back());
    }
    if (actor.manner.gives_unlinked_headers && reply.headers.size() > 2)
      reply.headers[2].header.parent = Hash::from_word(5);
    if (actor.manner.gives_other_headers) ++reply.headers.back().header.number;
    return reply;
  }

  Bodies bodies(const Actor& actor, const GetBodies& asked) {
    Bodies reply{.id = asked.id, .bodies = {}};
    if (actor.manner.gives_nothing || actor.manner.gives_no_bodies) return reply;
    for (const Hash& hash : asked.hashes) {
      const Tree::Block& block = tree.at(hash);
      const Header& header = block.header.header;
      const bool has_it = actor.left.contains(hash) || (header.number < actor.branch.size() &&
                                                        actor.branch[header.number] == hash);
      if (!has_it || actor.manner.withholds_body == header.number) continue;
      if (reply.bodies.size() == actor.manner.bodies_max) break;
      ReceivedBody body{.encoded = block.body,
                        .transactions_root = header.transactions_root,
                        .ommers_hash = header.ommers,
                        .withdrawals_root = header.withdrawals_root};
      if (actor.manner.gives_wrong_bodies) body.transactions_root = Hash::from_word(9);
      reply.bodies.push_back(std::move(body));
    }
    return reply;
  }

  // The driver.

  void send(const SyncRequest& request) {
    const auto found = peers.find(request.peer);
    ASSERT_NE(found, peers.end()) << "asked who has left";
    EXPECT_FALSE(named.contains(request.peer)) << "asked who is out: " << request.peer;
    if (const auto* asked = std::get_if<GetHeaders>(&request.message)) {
      EXPECT_LE(asked->amount, options.headers_per_request + 1);
      EXPECT_EQ(asked->skip, 0U);
    } else {
      const auto& hashes = std::get<GetBodies>(request.message).hashes;
      EXPECT_LE(hashes.size(), options.bodies_per_request);
      EXPECT_FALSE(hashes.empty());
      bodies_asked[request.peer] += hashes.size();
    }
    if (found->second.manner.is_silent) return;
    const Instant at = now + found->second.manner.delay * random.between(50, 150) / 100;
    events.emplace(at, [this, request] {
      const auto actor = peers.find(request.peer);
      if (actor == peers.end()) return;
      if (const auto* asked = std::get_if<GetHeaders>(&request.message)) {
        Headers reply = headers(actor->second, *asked);
        if (actor->second.manner.answers_nobody_asked) reply.id += 1'000'000;
        sync->on_headers(request.peer, reply, now);
      } else {
        sync->on_bodies(request.peer, bodies(actor->second, std::get<GetBodies>(request.message)),
                        now);
      }
    });
  }

  void check(const HeaderBatch& batch) {
    const auto& all = *batch.headers;
    std::size_t valid = 0;
    while (valid < all.size() && !tree.at(all[valid].hash).has_bad_seal)
      ++valid;
    if (batch.parent) EXPECT_EQ(tree.at(all[0].header.parent).header.header, *batch.parent);
    if (!batch.parent) EXPECT_TRUE(known.contains(all[0].header.parent) || is_ours(all[0].header));
    const HeadersRest rest = valid == all.size() ? HeadersRest::none : HeadersRest::wrong;
    events.emplace(now + 5ms,
                   [this, id = batch.id, valid, rest] { sync->on_checked(id, valid, rest, now); });
  }
  bool is_ours(const Header& header) const {
    return header.number <= ours.size() && ours[header.number - 1] == header.parent;
  }

  void import() {
    for (const SyncBlock& one : sync->take_blocks(500, now)) {
      Tree::Block& block = tree.at(one.hash);
      EXPECT_EQ(one.body, block.body);
      EXPECT_TRUE(known.contains(one.header.parent) || is_ours(one.header)) << "out of order";
      known.insert(one.hash);
      ++imported;
      if (!block.is_valid) {
        sync->on_refused(one.hash);
        return;
      }
      if (block.total <= tree.total(ours) && options.mode == SyncMode::by_weight) continue;
      set_head(one.hash);
    }
  }

  void set_head(Hash hash) {
    Tree::Branch branch(tree.at(hash).header.header.number + 1);
    for (std::size_t i = branch.size(); i-- > 0; hash = tree.at(hash).header.header.parent)
      branch[i] = hash;
    ours = std::move(branch);
    sync->set_local(local());
  }

  void bound() {
    const SyncOptions& o = options;
    EXPECT_LE(sync->headers_held(), o.window);
    EXPECT_LE(sync->unproven(), o.unproven_max);
    EXPECT_LE(sync->hashes_held(), o.unproven_max + o.headers_per_request + o.window);
    EXPECT_LE(sync->bytes_held(), o.bytes_max + o.requests_max * o.bodies_per_request * 201);
    EXPECT_LE(sync->in_flight(), o.requests_max + 2 * peers.size() + 2);
  }

  /// All that can be done now.
  void act() {
    for (const SyncRequest& request : sync->next_requests(now)) {
      ++requests;
      send(request);
    }
    while (const auto batch = sync->take_headers())
      check(*batch);
    if (!is_import_held) import();
    for (const SyncFaultReport& report : sync->take_faults()) {
      EXPECT_TRUE(named.emplace(report.peer, report.fault).second) << "named twice";
    }
    bound();
  }

  /// To the next moment at which something happens. False if nothing ever will.
  bool step() {
    act();
    Instant next = sync->next_deadline();
    if (!events.empty()) next = std::min(next, events.begin()->first);
    if (next == never) return false;
    now = std::max(now, next);
    while (!events.empty() && events.begin()->first <= now) {
      const auto event = std::move(events.begin()->second);
      events.erase(events.begin());
      event();
      act();
    }
    return true;
  }

  template <class Done>
  bool run_until(Done done, int steps = 20'000) {
    for (; steps > 0; --steps) {
      if (done()) return true;
      if (!step()) {
        act();
        return done();
      }
    }
    return false;
  }
  bool reaches(const Tree::Branch& branch) {
    return run_until([&] { return ours == branch; });
  }
  void run_out() {
    run_until([] { return false; });
  }

  Tree tree;
  Prng random;
  SyncOptions options;
  Tree::Branch ours;
  std::uint64_t final_number = 0;
  std::map<SyncPeer, Actor> peers;
  std::unique_ptr<BlockSync> sync;
  std::multimap<Instant, std::function<void()>> events;
  std::set<Hash> known;
  std::map<SyncPeer, SyncFault> named;
  bool is_import_held = false;
  std::size_t requests = 0;
  std::map<SyncPeer, std::size_t> bodies_asked;
  std::size_t imported = 0;
  Instant now{1h};
};

using Named = std::map<SyncPeer, SyncFault>;

constexpr SyncPeer alice = 1;
constexpr SyncPeer bob = 2;
constexpr SyncPeer carol = 3;

TEST(BlockSync, GetsAChainFromTheGenesisOn) {
  World world(1);
  const auto best = world.tree.grown(world.ours, 200);
  world.join(alice, best);
  EXPECT_TRUE(world.reaches(best));
  world.run_out();
  EXPECT_EQ(world.imported, 200U);
  EXPECT_TRUE(world.named.empty());
  EXPECT_FALSE(world.sync->progress().has_value());
  EXPECT_EQ(world.sync->bytes_held(), 0U);
  EXPECT_EQ(world.sync->next_deadline(), never);
}

TEST(BlockSync, IsQuietWhenNobodyHasMore) {
  World world(1, World::small(), 20);
  world.join(alice, world.ours);
  world.join(bob, Tree::cut(world.ours, 5));
  world.join(carol, world.tree.grown(Tree::cut(world.ours, 3), 10));
  world.run_out();
  EXPECT_EQ(world.requests, 0U);
}

TEST(BlockSync, AsksForTheNumberOfAHeadThatAStatusTells) {
  World world(2);
  const auto best = world.tree.grown(world.ours, 30);
  world.join(alice, best, {.hides_number = true});
  EXPECT_TRUE(world.reaches(best));
}

TEST(BlockSync, GoesOverToAHeavierBranch) {
  for (const std::size_t fork : {1, 2, 40, 58, 59, 60}) {
    World world(fork, World::small(), 60);
    const auto best = world.tree.grown(Tree::cut(world.ours, fork), 70);
    world.join(alice, best);
    EXPECT_TRUE(world.reaches(best)) << fork;
    // Nothing of what both have is fetched again.
    EXPECT_EQ(world.imported, 70U);
  }
}

TEST(BlockSync, FollowsAChainThatGrows) {
  World world(3);
  auto best = world.tree.grown(world.ours, 50);
  world.join(alice, best);
  world.join(bob, best);
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 10; ++i)
      world.step();
    best = world.tree.grown(best, 5);
    world.change(round % 2 == 0 ? alice : bob, best);
  }
  world.change(alice, best);
  EXPECT_TRUE(world.reaches(best));
  EXPECT_EQ(world.imported, 150U);
  EXPECT_TRUE(world.named.empty());
}

TEST(BlockSync, TellsHowFarItIs) {
  World world(3, World::small(), 10);
  const auto best = world.tree.grown(world.ours, 100);
  world.join(alice, best);
  EXPECT_TRUE(world.run_until([&] { return world.ours.size() > 50; }));
  const auto progress = world.sync->progress();
  ASSERT_TRUE(progress.has_value());
  EXPECT_EQ(progress->from, 10U);
  EXPECT_GE(progress->current, 50U);
  EXPECT_LT(progress->current, 110U);
  EXPECT_EQ(progress->target, 110U);
}

TEST(BlockSync, SpreadsBodiesOverAllWhoHaveThem) {
  SyncOptions options = World::small();
  options.bytes_max = 1 << 20;
  World world(4, options);
  const auto best = world.tree.grown(world.ours, 300);
  for (SyncPeer peer = 1; peer <= 5; ++peer)
    world.join(peer, best);
  EXPECT_TRUE(world.reaches(best));
  EXPECT_EQ(world.bodies_asked.size(), 5U);
}

TEST(BlockSync, AsksSlowPeersForLess) {
  SyncOptions options = World::small();
  options.bytes_max = 1 << 20;
  World world(5, options);
  const auto best = world.tree.grown(world.ours, 400);
  world.join(alice, best, {.delay = 4s});
  world.join(bob, best);
  EXPECT_TRUE(world.reaches(best));
  EXPECT_LT(4 * world.bodies_asked[alice], world.bodies_asked[bob]);
  EXPECT_TRUE(world.named.empty());
}

TEST(BlockSync, StopsAskingWhileNobodyTakesBlocks) {
  World world(6);
  const auto best = world.tree.grown(world.ours, 400);
  world.join(alice, best);
  world.is_import_held = true;
  for (int i = 0; i < 500; ++i)
    world.step();
  EXPECT_LE(world.sync->bytes_held(), 4'000U);
  EXPECT_GT(world.sync->bytes_held(), 1'000U);
  world.is_import_held = false;
  EXPECT_TRUE(world.reaches(best));
}

TEST(BlockSync, WithoutMoreWorkGetsNoBodyAskedFor) {
  // 250 blocks that weigh less than our 60.
  World world(7, World::small(), 60);
  world.join(alice, world.tree.grown(world.tree.branch_of_genesis, 250, 2), {.exaggerates = 1'000});
  world.run_out();
  EXPECT_TRUE(world.bodies_asked.empty());
  EXPECT_EQ(world.named, (Named{{alice, SyncFault::claimed_too_much}}));
  EXPECT_EQ(world.sync->hashes_held(), 0U);
}

TEST(BlockSync, EndsABranchOfLittleWorkThatHasNoEnd) {
  World world(8, World::small(), 60);
  world.join(alice, world.tree.grown(world.tree.branch_of_genesis, 400, 1), {.exaggerates = 1'000});
  world.run_out();
  EXPECT_EQ(world.named, (Named{{alice, SyncFault::too_little_work}}));
  EXPECT_EQ(world.sync->hashes_held(), 0U);
}

TEST(BlockSync, FetchesHeadersAgainThatWereMoreThanItHolds) {
  // They outweigh ours after 240 blocks, and 48 headers are held.
  World world(9, World::small(), 60);
  const auto best = world.tree.grown(Tree::cut(world.ours, 1), 260, 3);
  ASSERT_GT(world.tree.total(best), world.tree.total(world.ours));
  world.join(alice, best);
  world.join(bob, best);
  EXPECT_TRUE(world.reaches(best));
  EXPECT_TRUE(world.named.empty());
}

TEST(BlockSync, GoesOnWithAnotherPeerWhereOneHasLeft) {
  for (int when = 1; when < 60; when += 3) {
    World world(10);
    const auto best = world.tree.grown(world.ours, 200);
    world.join(alice, best);
    world.join(bob, Tree::cut(best, 190));
    for (int i = 0; i < when; ++i)
      world.step();
    world.leave(alice);
    world.join(carol, best);
    EXPECT_TRUE(world.reaches(best)) << when;
    EXPECT_EQ(world.imported, 200U) << when;
    EXPECT_TRUE(world.named.empty());
  }
}

TEST(BlockSync, BeginsAgainFromWhereverTheHeadIs) {
  World world(11);
  const auto best = world.tree.grown(world.ours, 200);
  world.join(alice, best);
  world.join(bob, best);
  for (std::uint64_t round = 0; round < 6; ++round) {
    for (int i = 0; i < 8; ++i)
      world.step();
    world.restart(round);
  }
  EXPECT_TRUE(world.reaches(best));
  EXPECT_LE(world.imported, 200U);
  // Blocks that were taken and got lost.
  world.set_head(best[100]);
  world.sync->restart();
  EXPECT_TRUE(world.reaches(best));
}

TEST(BlockSync, NamesWhoIsSilent) {
  World world(12);
  const auto best = world.tree.grown(world.ours, 40);
  world.join(alice, best, {.is_silent = true, .exaggerates = 5});
  world.join(bob, best);
  EXPECT_TRUE(world.reaches(best));
  EXPECT_TRUE(world.run_until([&] { return world.named.contains(alice); }));
  EXPECT_EQ(world.named, (Named{{alice, SyncFault::unresponsive}}));
}

struct Lie {
  const char* name;
  Manner manner;
  SyncFault fault;
};

TEST(BlockSync, NamesLiarsAndGetsTheChainFromOthers) {
  using enum SyncFault;
  const std::vector<Lie> lies{
      {"nothing", {.gives_nothing = true, .exaggerates = 5}, withholds},
      {"no bodies", {.gives_no_bodies = true}, withholds},
      {"one body less", {.withholds_body = 80}, withholds},
      {"wrong bodies", {.gives_wrong_bodies = true}, wrong_body},
      {"too many", {.gives_too_many_headers = true, .exaggerates = 5}, too_many_headers},
      {"unlinked", {.gives_unlinked_headers = true, .exaggerates = 5}, unlinked_headers},
      {"other headers", {.gives_other_headers = true, .exaggerates = 5}, wrong_headers},
      {"unsolicited", {.answers_nobody_asked = true, .exaggerates = 5}, unsolicited},
      {"too much", {.exaggerates = 1}, claimed_too_much}};
  for (const Lie& lie : lies) {
    World world(13, World::small(), 10);
    const auto best = world.tree.grown(world.ours, 140);
    Manner manner = lie.manner;
    while (manner.withholds_body &&
           empty_body_of(world.tree.at(best[*manner.withholds_body]).header.header))
      ++*manner.withholds_body;
    world.join(alice, best, manner);
    // The liar is asked first, and all alone if it is about bodies that it has shown the headers
    // of.
    if (lie.fault != withholds || lie.manner.gives_nothing) world.join(bob, best);
    world.run_until([&] { return world.named.contains(alice); });
    EXPECT_EQ(world.named, (Named{{alice, lie.fault}})) << lie.name;
    if (!world.peers.contains(bob)) world.join(bob, best);
    EXPECT_TRUE(world.reaches(best)) << lie.name;
    EXPECT_EQ(world.named.size(), 1U) << lie.name;
  }
}

TEST(BlockSync, NamesWhoseHeaderTheDriverRefuses) {
  World world(14);
  const auto best = world.tree.grown(world.ours, 60);
  auto bad = world.tree.grown(Tree::cut(best, 30), 100);
  world.tree.at(bad[45]).has_bad_seal = true;
  world.join(alice, bad);
  world.join(bob, best);
  EXPECT_TRUE(world.reaches(best));
  EXPECT_EQ(world.named, (Named{{alice, SyncFault::bad_header}}));
}

TEST(BlockSync, BansABranchThatWasRefusedAndNamesWhoLedThere) {
  World world(15);
  const auto best = world.tree.grown(world.ours, 60);
  const auto bad = world.tree.grown(Tree::cut(best, 30), 100);
  world.tree.at(bad[45]).is_valid = false;
  world.join(alice, bad);
  EXPECT_TRUE(world.run_until([&] { return !world.named.empty(); }));
  world.join(bob, best);
  EXPECT_TRUE(world.reaches(best));
  EXPECT_EQ(world.named, (Named{{alice, SyncFault::refused_block}}));
  // Who comes with it again is known at once.
  world.join(carol, world.tree.grown(bad, 1));
  world.join(4, Tree::cut(bad, 46));
  const std::size_t before = world.imported;
  world.run_out();
  EXPECT_EQ(world.named.at(carol), SyncFault::refused_block);
  EXPECT_EQ(world.named.at(4), SyncFault::refused_block);
  EXPECT_EQ(world.imported, before);
}

TEST(BlockSync, WaitsForAHeaderThatIsTooEarly) {
  World world(16);
  const auto best = world.tree.grown(world.ours, 10);
  world.join(alice, best);
  for (const SyncRequest& request : world.sync->next_requests(world.now))
    world.send(request);
  world.now += 1s;
  while (!world.events.empty()) {
    world.events.begin()->second();
    world.events.erase(world.events.begin());
  }
  const auto batch = world.sync->take_headers();
  ASSERT_TRUE(batch.has_value());
  EXPECT_FALSE(world.sync->take_headers().has_value());
  EXPECT_EQ(world.sync->hash_of(1), std::nullopt);
  world.sync->on_checked(batch->id + 1, 10, HeadersRest::none, world.now);
  world.sync->on_checked(batch->id, 4, HeadersRest::not_now, world.now);
  EXPECT_EQ(world.sync->hash_of(4), best[4]);
  EXPECT_EQ(world.sync->hash_of(5), std::nullopt);
  EXPECT_TRUE(world.sync->take_faults().empty());
  const Instant then = world.now;
  EXPECT_TRUE(world.reaches(best));
  EXPECT_GE(world.now - then, world.options.retry_delay);
}

TEST(BlockSync, TakesNoPeerTwiceNorTooMany) {
  World world(17);
  for (SyncPeer peer = 0; peer < sync_peers_max; ++peer)
    EXPECT_TRUE(world.sync->add_peer(peer, {}));
  EXPECT_FALSE(world.sync->add_peer(1, {}));
  EXPECT_FALSE(world.sync->add_peer(5'000, {}));
  world.sync->remove_peer(1);
  EXPECT_TRUE(world.sync->add_peer(5'000, {}));
}

TEST(BlockSync, LeavesAWalkerThatIsSlowOnPurpose) {
  World world(18, World::small(), 60);
  // One header at a time, just in time.
  world.join(alice, world.tree.grown(world.tree.branch_of_genesis, 250, 1),
             {.exaggerates = 10'000, .delay = 6s, .headers_max = 2});
  const auto best = world.tree.grown(world.ours, 20);
  world.join(bob, best);
  const Instant begin = world.now;
  EXPECT_TRUE(world.reaches(best));
  EXPECT_LT(world.now - begin, 2min);
}

SyncOptions to_target() {
  SyncOptions options = World::small();
  options.mode = SyncMode::to_target;
  return options;
}

TEST(BlockSync, EndsAtATarget) {
  World world(20, to_target());
  const auto best = world.tree.grown(world.ours, 150);
  world.join(alice, best);
  world.join(bob, Tree::cut(best, 100));
  world.run_out();
  EXPECT_EQ(world.requests, 0U);
  for (const std::uint64_t number : {40, 41, 120}) {
    ASSERT_TRUE(world.sync->set_target({number, best[number]}));
    EXPECT_TRUE(world.reaches(Tree::cut(best, number + 1)));
  }
  // What is nearer than that isn't gone back to.
  EXPECT_TRUE(world.sync->set_target({50, best[50]}));
  world.run_out();
  EXPECT_EQ(world.imported, 120U);
  EXPECT_TRUE(world.named.empty());
  EXPECT_FALSE(world.sync->set_target({1'000, best[120]}));
}

TEST(BlockSync, ATargetThatMovesWhileItIsFetchedIsReached) {
  World world(21, to_target());
  const auto best = world.tree.grown(world.ours, 290);
  world.join(alice, best);
  world.join(bob, best);
  for (std::uint64_t number = 10; number < 290; number += 20) {
    ASSERT_TRUE(world.sync->set_target({number, best[number]}));
    for (int i = 0; i < 6; ++i)
      world.step();
  }
  ASSERT_TRUE(world.sync->set_target({290, best[290]}));
  EXPECT_TRUE(world.reaches(best));
  EXPECT_EQ(world.imported, 290U);
}

TEST(BlockSync, NamesWhoLeadsElsewhereThanToTheTarget) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    World world(seed, to_target());
    const auto best = world.tree.grown(world.ours, 100);
    world.join(alice, world.tree.grown(Tree::cut(best, 50), 80));
    world.join(bob, best, {.delay = 300ms});
    ASSERT_TRUE(world.sync->set_target({100, best[100]}));
    EXPECT_TRUE(world.reaches(best));
    world.run_out();
    EXPECT_EQ(world.imported, 100U);
    if (!world.named.empty()) EXPECT_EQ(world.named, (Named{{alice, SyncFault::wrong_target}}));
  }
}

// Worlds by their seed.

struct Cast {
  Tree::Branch best;
  std::set<SyncPeer> honest;
  std::map<SyncPeer, std::set<SyncFault>> liars;
};

/// A few peers of all sorts, one of them honest and there to stay.
Cast cast_of(World& world) {
  using enum SyncFault;
  Prng& random = world.random;
  Tree& tree = world.tree;
  Cast cast;
  const std::size_t common = random.below(world.ours.size()) + 1;
  cast.best =
      tree.grown(Tree::cut(world.ours, common), world.ours.size() + random.between(60, 150));
  const std::uint64_t weight = tree.total(cast.best).low();
  const auto some = [&](const Tree::Branch& branch) {
    return Tree::cut(branch, random.between(common, branch.size() - 1));
  };
  // A place behind what is of the best chain too, and where less than that is right.
  const auto wrong_place = [&](const Tree::Branch& branch) {
    std::size_t place = 0;
    while (cast.best[place] == branch[place])
      ++place;
    while (place + 1 < branch.size() && tree.at(branch[place]).total < tree.total(cast.best) &&
           random.chance(0.8))
      ++place;
    return place;
  };
  for (SyncPeer id = 1; id <= 2; ++id) {
    world.join(id, cast.best,
               {.hides_number = random.chance(0.3),
                .delay = random.between(20, 900) * 1ms,
                .headers_max = random.between(2, 40),
                .bodies_max = random.between(1, 40)});
    cast.honest.insert(id);
  }
  const auto lie = [&](SyncPeer id, Tree::Branch branch, Manner manner,
                       std::set<SyncFault> faults) {
    manner.delay = random.between(10, 300) * 1ms;
    manner.hides_number = random.chance(0.3);
    // Whoever claims too much may be told by that, where others have shown the headers.
    if (manner.exaggerates > 0) faults.insert(claimed_too_much);
    world.join(id, std::move(branch), manner);
    cast.liars.emplace(id, std::move(faults));
  };
  for (SyncPeer id = 3, end = 3 + random.between(1, 5); id < end; ++id) {
    switch (random.below(16)) {
      case 0:
        world.join(id, some(cast.best), {.delay = 4s});
        cast.honest.insert(id);
        break;
      case 1:  // on another branch, in all innocence
        world.join(id, tree.grown(some(cast.best), 3, 1));
        cast.honest.insert(id);
        break;
      case 2:
        lie(id, cast.best, {.is_silent = true, .exaggerates = 7}, {unresponsive});
        break;
      case 3:
        lie(id, cast.best, {.gives_nothing = true, .exaggerates = 7}, {withholds});
        break;
      case 4:
        lie(id, cast.best, {.gives_wrong_bodies = true, .exaggerates = 7},
            {wrong_body, claimed_too_much});
        break;
      case 5:
        lie(id, cast.best, {.gives_too_many_headers = true, .exaggerates = 7}, {too_many_headers});
        break;
      case 6:
        lie(id, cast.best, {.gives_unlinked_headers = true, .exaggerates = 7},
            {unlinked_headers, claimed_too_much});
        break;
      case 7:
        lie(id, cast.best, {.gives_other_headers = true, .exaggerates = 7}, {wrong_headers});
        break;
      case 8:
        lie(id, some(cast.best), {.exaggerates = weight + 7}, {claimed_too_much});
        break;
      case 9:  // long and light
        lie(id, tree.grown(Tree::cut(world.ours, common), random.between(100, 500), 1),
            {.exaggerates = weight}, {claimed_too_much, too_little_work});
        break;
      case 10: {  // a seal that is none
        const auto bad = tree.grown(some(cast.best), random.between(60, 200), 12);
        tree.at(bad[wrong_place(bad)]).has_bad_seal = true;
        lie(id, bad, {.exaggerates = weight}, {bad_header, claimed_too_much});
        break;
      }
      case 11: {  // heavy, and running it fails
        const auto bad = tree.grown(some(cast.best), random.between(60, 200), 12);
        tree.at(bad[wrong_place(bad)]).is_valid = false;
        lie(id, bad, {.exaggerates = weight}, {refused_block, claimed_too_much});
        break;
      }
      case 12: {  // heavy, and without bodies
        auto branch = tree.grown(Tree::cut(cast.best, common), 20, 100);
        lie(id, branch, {.gives_no_bodies = true, .exaggerates = weight},
            {withholds, claimed_too_much});
        break;
      }
      case 13:  // goes away
        world.join(id, cast.best);
        world.events.emplace(world.now + random.between(1, 5'000) * 1ms,
                             [&world, id] { world.leave(id); });
        break;
      case 14: {  // changes its mind, once
        world.join(id, tree.grown(some(cast.best), 4, 2));
        cast.honest.insert(id);
        world.events.emplace(world.now + random.between(1, 5'000) * 1ms,
                             [&world, id, best = cast.best] { world.change(id, best); });
        break;
      }
      case 15:  // asked for nothing, answers anyway
        lie(id, cast.best, {.answers_nobody_asked = true, .exaggerates = 7},
            {unsolicited, unresponsive});
        break;
    }
  }
  return cast;
}

TEST(BlockSyncWorlds, EndWithTheHonestBestChainAndEveryLiarNamed) {
  constexpr std::uint64_t seeds = 2'500;
  std::map<SyncFault, std::size_t> seen;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    World world(seed, World::small(), seed % 40);
    Cast cast = cast_of(world);
    // It grows on, so that whoever waits with a lie is met.
    const auto all_named = [&] {
      return std::ranges::all_of(
          cast.liars, [&](const auto& liar) { return world.named.contains(liar.first); });
    };
    bool done = false;
    for (int round = 0; round < 40 && !done; ++round) {
      ASSERT_TRUE(world.run_until([&] { return world.ours == cast.best; })) << "seed " << seed;
      if (round == 0 || !all_named()) {
        const Instant then = world.now;
        world.run_until([&] { return world.now >= then + 10s; });
        cast.best = world.tree.grown(cast.best, 3);
        world.change(1, cast.best);
        world.change(2, cast.best);
        for (const auto& [id, faults] : cast.liars) {
          if (world.named.contains(id)) continue;
          // A liar stays ahead.
          world.peers.at(id).manner.exaggerates += 1'000'000;
          world.sync->on_head(id, world.head_of(world.peers.at(id)));
        }
      } else {
        done = true;
      }
    }
    EXPECT_TRUE(done) << "seed " << seed;
    for (const auto& [peer, fault] : world.named) {
      ++seen[fault];
      ASSERT_TRUE(cast.liars.contains(peer))
          << "seed " << seed << " named " << peer << " of " << static_cast<int>(fault);
      ASSERT_TRUE(cast.liars.at(peer).contains(fault))
          << "seed " << seed << " " << peer << " " << static_cast<int>(fault);
    }
    if (HasFailure()) break;
  }
  using enum SyncFault;
  for (const SyncFault fault :
       {unsolicited, too_many_headers, wrong_headers, unlinked_headers, bad_header, too_little_work,
        claimed_too_much, wrong_body, refused_block, withholds, unresponsive})
    EXPECT_GT(seen[fault], 0U) << static_cast<int>(fault);
}

TEST(BlockSyncWorlds, AreTheSameOfTheSameSeed) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::vector<std::size_t> requests;
    std::vector<Named> named;
    for (int time = 0; time < 2; ++time) {
      World world(seed, World::small(), seed);
      const Cast cast = cast_of(world);
      EXPECT_TRUE(world.reaches(cast.best));
      requests.push_back(world.requests);
      named.push_back(world.named);
    }
    EXPECT_EQ(requests[0], requests[1]);
    EXPECT_EQ(named[0], named[1]);
  }
}

}  // namespace
}  // namespace kith::ledger
