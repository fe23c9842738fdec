#include <gtest/gtest.h>

#include <kith/exchange/test_network.hpp>
#include <kith/sim/testing.hpp>

namespace kith::exchange {
namespace {

using namespace testing;

TEST(Bitswap, FetchesABlockFromAPeer) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    Peer near(net);
    Peer far(net);
    std::vector<ipld::Block> blocks = random_blocks(1, 100'000);
    far.blocks.add(blocks);
    net.connect(near.host, far.host);
    auto session = near.bitswap->new_session();
    KITH_CO_TRY(ipld::Block block, co_await session->get(blocks[0].cid));
    EXPECT_TRUE(equal(block.data, blocks[0].data));
    EXPECT_TRUE(near.blocks.holds(blocks));
    EXPECT_EQ(near.bitswap->stats().client.blocks_received, 1U);
    EXPECT_EQ(near.bitswap->stats().client.data_received, 100'000U);
    EXPECT_EQ(far.bitswap->stats().blocks_sent, 1U);
    EXPECT_EQ(far.bitswap->stats().data_sent, 100'000U);
    EXPECT_TRUE(near.bitswap->stats().wantlist.empty());
    EXPECT_EQ(near.host.found_useful, std::set<PeerId>{far.id()});
    EXPECT_TRUE(far.host.found_useful.empty());
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, far));
    co_return Result<void>{};
  });
}

constexpr std::size_t block_bytes = 256 * 1024;

/// 250 Mbit/s and 60 ms there and back.
constexpr sim::LinkOptions fat_long_link{.latency = 30ms,
                                         .jitter = Duration(0),
                                         .bytes_per_second = 31'250'000,
                                         .window_bytes = 16 * 1024 * 1024};

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

TEST(Bitswap, FillsAFatLongLinkFromOnePeer) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    world.net().set_links(fat_long_link);
    TestNet net(world);
    Peer near(net);
    Peer far(net);
    std::vector<ipld::Block> blocks = random_blocks(256, block_bytes);
    far.blocks.add(blocks);
    net.connect(near.host, far.host);
    auto session = near.bitswap->new_session();
    const Instant begun = world.now();
    KITH_CO_CHECK(co_await read_all(*session, blocks, 64));
    const double rate = 64.0 * 1024 * 1024 / seconds(world.now() - begun);
    EXPECT_GE(rate, 0.8 * 31'250'000) << "took " << seconds(world.now() - begun) << " s";
    EXPECT_EQ(near.bitswap->stats().client.duplicate_blocks, 0U);
    EXPECT_EQ(near.bitswap->stats().client.blocks_received, 256U);
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, far));
    co_return Result<void>{};
  });
}

TEST(Bitswap, FetchesFromFourPeersAtOnce) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    world.net().set_links(fat_long_link);
    TestNet net(world);
    Peer near(net);
    Peer a(net), b(net), c(net), d(net);
    std::vector<ipld::Block> blocks = random_blocks(256, block_bytes);
    for (Peer* peer : {&a, &b, &c, &d}) {
      peer->blocks.add(blocks);
      net.connect(near.host, peer->host);
    }
    auto session = near.bitswap->new_session();
    const Instant begun = world.now();
    KITH_CO_CHECK(co_await read_all(*session, blocks, 128));
    const double rate = 64.0 * 1024 * 1024 / seconds(world.now() - begun);
    EXPECT_GE(rate, 2 * 31'250'000) << "took " << seconds(world.now() - begun) << " s";
    EXPECT_LE(near.bitswap->stats().client.duplicate_blocks, 4U);
    for (const PeerStatus& peer : session->status().peers)
      EXPECT_GE(peer.source.units, 32U);
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, a, b, c, d));
    co_return Result<void>{};
  });
}

TEST(Bitswap, DoesNotWaitForASlowPeer) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    world.net().set_links(fat_long_link);
    TestNet net(world);
    Peer near(net);
    Peer fast(net), slow(net);
    sim::LinkOptions slow_link = fat_long_link;
    slow_link.bytes_per_second = 100'000;
    world.net().set_link(near.host.node().id(), slow.host.node().id(), slow_link);
    std::vector<ipld::Block> blocks = random_blocks(256, block_bytes);
    for (Peer* peer : {&fast, &slow}) {
      peer->blocks.add(blocks);
      net.connect(near.host, peer->host);
    }
    auto session = near.bitswap->new_session();
    const Instant begun = world.now();
    KITH_CO_CHECK(co_await read_all(*session, blocks, 64));
    EXPECT_LE(seconds(world.now() - begun), 4.5);
    EXPECT_LE(near.bitswap->stats().client.duplicate_blocks, 8U);
    EXPECT_LE(near.bitswap->client().scheduler().stats().second_fetches, 8U);
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, fast, slow));
    co_return Result<void>{};
  });
}

TEST(Bitswap, GoesOnWithoutAPeerThatStalls) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    world.net().set_links(fat_long_link);
    TestNet net(world);
    Peer near(net);
    Peer good(net), stalling(net);
    std::vector<ipld::Block> blocks = random_blocks(256, block_bytes);
    for (Peer* peer : {&good, &stalling}) {
      peer->blocks.add(blocks);
      net.connect(near.host, peer->host);
    }
    auto session = near.bitswap->new_session();
    const Instant begun = world.now();
    std::vector<ipld::Block> head(blocks.begin(), blocks.begin() + 64);
    KITH_CO_CHECK(co_await read_all(*session, head, 32));
    world.net().stall(near.host.node().id(), stalling.host.node().id());
    KITH_CO_CHECK(co_await read_all(*session, blocks, 64));
    EXPECT_LE(seconds(world.now() - begun), 6);
    EXPECT_TRUE(near.blocks.holds(blocks));
    EXPECT_GE(near.bitswap->client().scheduler().stats().stalls, 1U);
    world.net().heal();
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, good, stalling));
    co_return Result<void>{};
  });
}

TEST(Bitswap, DropsWhatALiarSends) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    world.net().set_links(fat_long_link);
    TestNet net(world);
    Peer near(net);
    Peer good(net), liar(net);
    std::vector<ipld::Block> blocks = random_blocks(256, block_bytes);
    std::vector<ipld::Block> wrong = random_blocks(256, block_bytes, 99);
    for (Peer* peer : {&good, &liar}) {
      peer->blocks.add(blocks);
      net.connect(near.host, peer->host);
    }
    // It begins honestly.
    for (std::size_t i = 10; i < blocks.size(); ++i)
      liar.blocks.lies.emplace(blocks[i].cid, wrong[i].data);
    auto session = near.bitswap->new_session();
    const Instant begun = world.now();
    KITH_CO_CHECK(co_await read_all(*session, blocks, 64));
    EXPECT_TRUE(near.blocks.holds(blocks));
    EXPECT_EQ(near.blocks.size(), 256U);
    EXPECT_GE(near.bitswap->stats().client.unasked_blocks, 1U);
    EXPECT_LE(near.bitswap->stats().client.unasked_blocks, unasked_blocks_max + 1);
    EXPECT_LE(seconds(world.now() - begun), 4);
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, good, liar));
    co_return Result<void>{};
  });
}

TEST(Bitswap, WaitsOutALiarUntilAnHonestPeerComes) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    Peer near(net);
    Peer good(net), liar(net);
    std::vector<ipld::Block> blocks = random_blocks(20, 50'000);
    std::vector<ipld::Block> wrong = random_blocks(20, 50'000, 99);
    for (std::size_t i = 0; i < blocks.size(); ++i)
      liar.blocks.lies.emplace(blocks[i].cid, wrong[i].data);
    good.blocks.add(blocks);
    liar.blocks.add(blocks);
    net.connect(near.host, liar.host);
    auto session = near.bitswap->new_session();
    session->prefetch(cids_of(blocks));
    const Instant deadline = world.now() + 3min;
    Result<ipld::Block> none = co_await session->get(blocks[0].cid, deadline);
    EXPECT_TRUE(!none && none.error().is(Errc::timed_out));
    // Tried again and again, it lied once too often.
    EXPECT_EQ(near.host.disconnects, 1U);
    EXPECT_EQ(near.blocks.size(), 0U);
    net.connect(near.host, good.host);
    KITH_CO_CHECK(co_await read_all(*session, blocks, 20));
    EXPECT_TRUE(near.blocks.holds(blocks));
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, good, liar));
    co_return Result<void>{};
  });
}

TEST(Bitswap, GoesOnWithThoseWhoStayWhenAPeerLeaves) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    world.net().set_links(fat_long_link);
    TestNet net(world);
    Peer near(net);
    Peer stays(net), leaves(net);
    std::vector<ipld::Block> blocks = random_blocks(256, block_bytes);
    for (Peer* peer : {&stays, &leaves}) {
      peer->blocks.add(blocks);
      net.connect(near.host, peer->host);
    }
    auto session = near.bitswap->new_session();
    const Instant begun = world.now();
    std::vector<ipld::Block> head(blocks.begin(), blocks.begin() + 64);
    KITH_CO_CHECK(co_await read_all(*session, head, 32));
    net.disconnect(near.id(), leaves.id());
    KITH_CO_CHECK(co_await read_all(*session, blocks, 64));
    EXPECT_LE(seconds(world.now() - begun), 4);
    EXPECT_LE(near.bitswap->stats().client.duplicate_blocks, 2U);
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, stays, leaves));
    co_return Result<void>{};
  });
}

TEST(Bitswap, AnImportAnswersWhoWaitsForTheBlockHere) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    Peer near(net), far(net);
    net.connect(near.host, far.host);
    std::vector<ipld::Block> blocks = random_blocks(1, 1000);
    auto session = near.bitswap->new_session();
    near.host.node().spawn([](Peer& peer, std::vector<ipld::Block> new_blocks) -> Task<void> {
      KITH_CO_CHECK(co_await port::sleep_for(peer.host.node().env().clock, 3s));
      peer.blocks.add(new_blocks);
      peer.bitswap->notify_new_blocks(new_blocks);
      co_return Result<void>{};
    }(near, blocks));
    KITH_CO_TRY(ipld::Block block, co_await session->get(blocks[0].cid));
    EXPECT_TRUE(equal(block.data, blocks[0].data));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
    EXPECT_TRUE(far.bitswap->wants_of(near.id()).empty());
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, far));
    co_return Result<void>{};
  });
}

TEST(Bitswap, GivesABlockThatIsAddedWhileItWasLookedForToWhoWaits) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    Peer near(net);
    near.blocks.lookup_takes = 2s;
    std::vector<ipld::Block> blocks = random_blocks(2, 1000);
    auto session = near.bitswap->new_session();
    near.host.node().spawn([](Peer& peer, std::vector<ipld::Block> new_blocks) -> Task<void> {
      KITH_CO_CHECK(co_await port::sleep_for(peer.host.node().env().clock, 1s));
      peer.blocks.add(new_blocks);
      peer.bitswap->notify_new_blocks(new_blocks);
      co_return Result<void>{};
    }(near, blocks));
    // One is looked up for a get, the other since it is wanted ahead.
    session->prefetch(std::span(&blocks[1].cid, 1));
    KITH_CO_TRY(ipld::Block block, co_await session->get(blocks[0].cid, world.now() + 1min));
    EXPECT_TRUE(equal(block.data, blocks[0].data));
    KITH_CO_TRY(ipld::Block ahead, co_await session->get(blocks[1].cid, world.now() + 1min));
    EXPECT_TRUE(equal(ahead.data, blocks[1].data));
    EXPECT_TRUE(near.bitswap->stats().wantlist.empty());
    session.reset();
    KITH_CO_CHECK(co_await close_all(near));
    co_return Result<void>{};
  });
}

TEST(Bitswap, CancelsItsWantsWhenASessionEnds) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    Peer near(net), far(net);
    net.connect(near.host, far.host);
    std::vector<ipld::Block> blocks = random_blocks(10, 1000);
    auto session = near.bitswap->new_session();
    session->prefetch(cids_of(blocks));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
    EXPECT_EQ(far.bitswap->wants_of(near.id()).size(), 10U);
    EXPECT_EQ(near.bitswap->stats().wantlist.size(), 10U);
    session.reset();
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
    EXPECT_EQ(far.bitswap->wants_of(near.id()).size(), 0U);
    EXPECT_TRUE(near.bitswap->stats().wantlist.empty());
    KITH_CO_CHECK(co_await close_all(near, far));
    co_return Result<void>{};
  });
}

TEST(Bitswap, FetchesABlockOnceForTwoSessions) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    Peer near(net), far(net);
    net.connect(near.host, far.host);
    std::vector<ipld::Block> blocks = random_blocks(30, 100'000);
    far.blocks.add(blocks);
    auto one = near.bitswap->new_session();
    auto two = near.bitswap->new_session();
    two->prefetch(cids_of(blocks));
    KITH_CO_CHECK(co_await read_all(*one, blocks, 30));
    KITH_CO_CHECK(co_await read_all(*two, blocks, 30));
    EXPECT_EQ(far.bitswap->stats().blocks_sent, 30U);
    one.reset();
    two.reset();
    KITH_CO_CHECK(co_await close_all(near, far));
    co_return Result<void>{};
  });
}

Task<void> fetch_ahead(sim::World& world, BitswapSession& session, Cid cid) {
  session.prefetch(std::span(&cid, 1));
  co_return co_await port::sleep_for(world.clock(), 1s);
}

TEST(Bitswap, KeepsTheLatestOfWhatWasFetchedAhead) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    BitswapOptions options;
    options.ahead_bytes_max = 2000;
    Peer near(net, std::move(options));
    Peer far(net);
    net.connect(near.host, far.host);
    const std::vector<ipld::Block> blocks = random_blocks(3, 1000);
    far.blocks.add(blocks);
    const Cid a = blocks[0].cid;
    const Cid b = blocks[1].cid;
    const Cid c = blocks[2].cid;
    auto session = near.bitswap->new_session();
    // `a` is taken, lost, and comes again after `b`: its first coming mustn't count any more.
    KITH_CO_CHECK(co_await fetch_ahead(world, *session, a));
    KITH_CO_CHECK(co_await session->get(a));
    near.blocks.remove(a);
    KITH_CO_CHECK(co_await fetch_ahead(world, *session, b));
    KITH_CO_CHECK(co_await fetch_ahead(world, *session, a));
    KITH_CO_CHECK(co_await fetch_ahead(world, *session, c));
    const std::size_t reads = near.blocks.reads;
    KITH_CO_CHECK(co_await session->get(a));
    KITH_CO_CHECK(co_await session->get(c));
    EXPECT_EQ(near.blocks.reads, reads) << "these two are in memory";
    KITH_CO_CHECK(co_await session->get(b));
    EXPECT_EQ(near.blocks.reads, reads + 1) << "the oldest made room";
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, far));
    co_return Result<void>{};
  });
}

Task<void> get_whatever(BitswapSession& session, Cid cid) {
  static_cast<void>(co_await session.get(cid));
  co_return Result<void>{};
}

Task<void> doubtful_block(sim::World& world) {
  TestNet net(world);
  Peer near(net), far(net);
  net.connect(near.host, far.host);
  const std::vector<ipld::Block> blocks = random_blocks(2, 1000);
  near.blocks.add(blocks);
  far.blocks.add({blocks[1]});
  for (const ipld::Block& block : blocks)
    near.blocks.unreadable.insert(block.cid);
  auto session = near.bitswap->new_session();
  for (const ipld::Block& block : blocks) {
    auto told = co_await session->get(block.cid);
    EXPECT_TRUE(!told && told.error().is(Errc::corrupt));
  }
  // From then on others are asked, and whoever waits hears why.
  {
    port::TaskGroup reading(world.executor(), world.clock());
    reading.spawn(get_whatever(*session, blocks[0].cid));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
    EXPECT_TRUE(describe(session->status()).ends_with("has it, and here stored data is damaged"))
        << describe(session->status());
    reading.cancel();
    co_await reading.join_shielded();
  }
  // The first becomes good again here, the second is had from somebody else.
  near.blocks.unreadable.erase(blocks[0].cid);
  const std::vector<Cid> cids = cids_of(blocks);
  session->prefetch(cids);
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
  for (const ipld::Block& block : blocks) {
    auto got = co_await session->get(block.cid, world.now() + 10s);
    EXPECT_TRUE(got && equal(got->data, block.data));
  }
  EXPECT_EQ(far.bitswap->stats().blocks_sent, 1U);
  session.reset();
  co_return co_await close_all(near, far);
}

TEST(Bitswap, ReadsWhatIsGoodAgainAndFetchesWhatIsNot) {
  sim::run_test(1, doubtful_block);
}

TEST(Bitswap, GoesOnAfterARestartWithoutFetchingAgain) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    Peer near(net), far(net);
    net.connect(near.host, far.host);
    std::vector<ipld::Block> blocks = random_blocks(100, 50'000);
    far.blocks.add(blocks);
    std::vector<ipld::Block> head(blocks.begin(), blocks.begin() + 40);
    auto session = near.bitswap->new_session();
    KITH_CO_CHECK(co_await read_all(*session, head, 10));
    session.reset();
    KITH_CO_CHECK(co_await close_all(near));
    net.disconnect(near.id(), far.id());
    near.bitswap = std::make_unique<Bitswap>(near.host.node().env(), near.host, near.blocks);
    near.bitswap->start();
    const std::uint64_t before = far.bitswap->stats().blocks_sent;
    net.connect(near.host, far.host);
    session = near.bitswap->new_session();
    KITH_CO_CHECK(co_await read_all(*session, blocks, 10));
    EXPECT_EQ(far.bitswap->stats().blocks_sent - before, 100 - near.blocks.size() + 60);
    EXPECT_EQ(near.bitswap->stats().client.blocks_received, 60U);
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, far));
    co_return Result<void>{};
  });
}

TEST(Bitswap, SpeaksEveryOldVersion) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    for (std::string_view protocol : bitswap_protocols) {
      Peer near(net);
      std::set<net::ProtocolId> only;
      only.emplace(protocol);
      Peer old_peer(net, {}, only);
      // 1.0.0 knows CIDs of version 0 alone.
      std::vector<ipld::Block> blocks;
      for (const ipld::Block& block : random_blocks(20, 30'000))
        blocks.push_back({*cid_of(block.data, Codec::dag_pb).to_v0(), block.data});
      old_peer.blocks.add({blocks.begin(), blocks.end() - 1});
      net.connect(near.host, old_peer.host);
      auto session = near.bitswap->new_session();
      const std::vector<ipld::Block> there(blocks.begin(), blocks.end() - 1);
      KITH_CO_CHECK(co_await read_all(*session, there, 8));
      EXPECT_TRUE(near.blocks.holds(there));
      // Silence is all that such a peer says about what it lacks.
      const Instant deadline = world.now() + 10s;
      Result<ipld::Block> none = co_await session->get(blocks.back().cid, deadline);
      EXPECT_TRUE(!none && none.error().is(Errc::timed_out));
      session.reset();
      // The old one can fetch, too.
      auto other = old_peer.bitswap->new_session();
      near.blocks.add(blocks);
      KITH_CO_TRY(ipld::Block back, co_await other->get(blocks.back().cid));
      EXPECT_TRUE(equal(back.data, blocks.back().data));
      other.reset();
      KITH_CO_CHECK(co_await close_all(near, old_peer));
      net.disconnect(near.id(), old_peer.id());
    }
    co_return Result<void>{};
  });
}

TEST(Bitswap, TellsWhoWaitsThatTheStoreFailed) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    Peer near(net), far(net);
    net.connect(near.host, far.host);
    std::vector<ipld::Block> blocks = random_blocks(1, 1000);
    far.blocks.add(blocks);
    near.blocks.fault = Error::from_errno(28, "write");
    auto session = near.bitswap->new_session();
    Result<ipld::Block> block = co_await session->get(blocks[0].cid);
    EXPECT_TRUE(!block && block.error().is_errno(28));
    EXPECT_TRUE(world.logs().contains("can't store")) << world.logs();
    // With room again, so is the block.
    near.blocks.fault.reset();
    KITH_CO_CHECK(co_await session->get(blocks[0].cid));
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, far));
    co_return Result<void>{};
  });
}

TEST(Bitswap, LogsNoFaultWhenTheStoreIsStopped) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    Peer near(net), far(net);
    net.connect(near.host, far.host);
    std::vector<ipld::Block> blocks = random_blocks(1, 1000);
    far.blocks.add(blocks);
    near.blocks.fault = Errc::cancelled;
    auto session = near.bitswap->new_session();
    Result<ipld::Block> block = co_await session->get(blocks[0].cid);
    EXPECT_TRUE(!block && block.error().is(Errc::cancelled));
    EXPECT_FALSE(world.logs().contains("can't store")) << world.logs();
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, far));
    co_return Result<void>{};
  });
}

TEST(Bitswap, AsksAPeerAgainThatTookNoStreamForAWhile) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    Peer near(net), far(net);
    std::vector<ipld::Block> blocks = random_blocks(1, 1000);
    far.blocks.add(blocks);
    near.host.opens_to_fail = open_failures_max;
    net.connect(near.host, far.host);
    auto session = near.bitswap->new_session();
    const Instant begun = world.now();
    session->prefetch(cids_of(blocks));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), open_failures_max * reopen_delay));
    EXPECT_EQ(describe(session->status()),
              "waiting for " + blocks[0].cid.to_string() +
                  ": 1 connected peer takes no questions now and is asked again soon");
    KITH_CO_TRY(ipld::Block block, co_await session->get(blocks[0].cid, begun + 1min));
    EXPECT_TRUE(equal(block.data, blocks[0].data));
    EXPECT_GE(world.now() - begun, ask_again_after);
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, far));
    co_return Result<void>{};
  });
}

TEST(Bitswap, AReplyWaitsForAStream) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    Peer near(net), far(net);
    std::vector<ipld::Block> blocks = random_blocks(1, 1000);
    far.blocks.add(blocks);
    far.host.opens_to_fail = open_failures_max - 1;
    net.connect(near.host, far.host);
    auto session = near.bitswap->new_session();
    const Instant begun = world.now();
    KITH_CO_TRY(ipld::Block block, co_await session->get(blocks[0].cid, begun + 1min));
    EXPECT_TRUE(equal(block.data, blocks[0].data));
    EXPECT_LE(world.now() - begun, open_failures_max * reopen_delay);
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, far));
    co_return Result<void>{};
  });
}

TEST(Bitswap, AnswersAndAsksOnAfterThePeerHasEndedAnIdleStream) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    Peer near(net), far(net);
    std::vector<ipld::Block> blocks = random_blocks(5, 1000);
    far.blocks.add(blocks);
    net.connect(near.host, far.host);
    auto session = near.bitswap->new_session();
    for (const ipld::Block& block : blocks) {
      const Instant begun = world.now();
      KITH_CO_CHECK(co_await session->get(block.cid, begun + 1min));
      EXPECT_LT(world.now() - begun, 1s);
      KITH_CO_CHECK(co_await port::sleep_for(world.clock(), stream_idle_timeout / 2));
      net.reset_streams(near.id(), far.id());
    }
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, far));
    co_return Result<void>{};
  });
}

TEST(Bitswap, HoldsLittleForAPeerThatBeginsMessagesAndEndsNone) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    Peer near(net), far(net);
    net.connect(near.host, far.host);
    // All but the last byte.
    Bytes begun;
    append_varint(begun, message_bytes_max);
    begun.resize(begun.size() + message_bytes_max - 1);
    const std::size_t fitting = incoming_bytes_per_peer_max / message_bytes_max;
    std::vector<std::unique_ptr<net::Stream>> streams;
    std::size_t refused = 0;
    for (std::size_t i = 0; i < fitting + 4; ++i) {
      std::vector<net::ProtocolId> protocols = {net::ProtocolId(bitswap_protocols[0])};
      KITH_CO_TRY(auto stream,
                  co_await far.host.open_stream(near.id(), protocols, world.now() + 10s));
      auto written = co_await stream->write(begun, world.now() + 10s);
      refused += written ? 0 : 1;
      streams.push_back(std::move(stream));
    }
    EXPECT_EQ(refused, 4U);
    // Who brings no more is cut off, and the room is free again.
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 2 * message_timeout));
    auto late = co_await streams.front()->write(as_bytes("x"), world.now() + 10s);
    EXPECT_FALSE(late.has_value());
    std::vector<net::ProtocolId> protocols = {net::ProtocolId(bitswap_protocols[0])};
    KITH_CO_TRY(auto stream,
                co_await far.host.open_stream(near.id(), protocols, world.now() + 10s));
    auto again = co_await stream->write(begun, world.now() + 10s);
    EXPECT_TRUE(again.has_value());
    streams.clear();
    stream.reset();
    co_return co_await close_all(near, far);
  });
}

TEST(Bitswap, ForgivesBlocksOfAPeerThatItStoppedAsking) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    Peer near(net), far(net);
    std::vector<ipld::Block> blocks = random_blocks(12, 1000);
    net.connect(near.host, far.host);
    auto session = near.bitswap->new_session();
    session->prefetch(cids_of(blocks));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
    EXPECT_EQ(far.bitswap->wants_of(near.id()).size(), 12U);
    // The stream that said the wants breaks, and no other comes about.
    near.host.opens_to_fail = open_failures_max;
    net.reset_streams(near.id(), far.id());
    const std::vector<ipld::Block> more = random_blocks(1, 1000, 5);
    session->prefetch(cids_of(more));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), open_failures_max * reopen_delay));
    EXPECT_EQ(session->status().paused, 1U);
    far.blocks.add(blocks);
    far.bitswap->notify_new_blocks(blocks);
    KITH_CO_CHECK(co_await read_all(*session, blocks, 20));
    EXPECT_EQ(near.bitswap->stats().client.unasked_blocks, 0U);
    EXPECT_EQ(near.host.disconnects, 0U);
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, far));
    co_return Result<void>{};
  });
}

TEST(Bitswap, SendsALargeBlockOverAThinLink) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    sim::LinkOptions thin = fat_long_link;
    thin.bytes_per_second = 16'000;
    thin.window_bytes = 64 * 1024;
    world.net().set_links(thin);
    TestNet net(world);
    Peer near(net), far(net);
    std::vector<ipld::Block> blocks = random_blocks(1, ipld::block_bytes_max);
    far.blocks.add(blocks);
    net.connect(near.host, far.host);
    auto session = near.bitswap->new_session();
    KITH_CO_TRY(ipld::Block block, co_await session->get(blocks[0].cid, world.now() + 5min));
    EXPECT_TRUE(equal(block.data, blocks[0].data));
    EXPECT_EQ(far.bitswap->stats().blocks_sent, 1U);
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, far));
    co_return Result<void>{};
  });
}

TEST(Bitswap, LeavesPeersAloneThatDontSpeakIt) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    Peer near(net);
    std::set<net::ProtocolId> only;
    only.emplace("/none");
    Peer mute(net, {}, only);
    net.connect(near.host, mute.host);
    std::vector<ipld::Block> blocks = random_blocks(1, 1000);
    auto session = near.bitswap->new_session();
    const Instant deadline = world.now() + 5s;
    Result<ipld::Block> none = co_await session->get(blocks[0].cid, deadline);
    EXPECT_TRUE(!none && none.error().is(Errc::timed_out));
    session->prefetch(cids_of(blocks));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
    EXPECT_EQ(session->status().waiting, Waiting::no_sources);
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, mute));
    co_return Result<void>{};
  });
}

TEST(Bitswap, AnswersIdentityCidsItselfAndRefusesDigestsThatProveLittle) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    Peer near(net);
    auto session = near.bitswap->new_session();
    const Bytes data = to_bytes("inline");
    const Cid inline_cid = Cid::v1(Codec::raw, *Multihash::wrap(Codec::identity, data));
    KITH_CO_TRY(ipld::Block block, co_await session->get(inline_cid));
    EXPECT_EQ(as_text(block.data), "inline");
    const Cid weak = Cid::v1(Codec::raw, *Multihash::wrap(Codec::sha2_256, Bytes(4, 1)));
    Result<ipld::Block> refused = co_await session->get(weak);
    EXPECT_TRUE(!refused && refused.error().is(Errc::refused));
    session.reset();
    KITH_CO_CHECK(co_await close_all(near));
    co_return Result<void>{};
  });
}

/// Links of any kind, peers that come, go, stall and lie; one has everything and stays.
TEST(Bitswap, GetsEverythingInAnyWorldWithOneGoodPeer) {
  sim::run_seeds(1, 25, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    Prng& prng = world.prng();
    Peer near(net), good(net), flaky(net), liar(net), poor(net);
    std::vector<ipld::Block> blocks =
        random_blocks(prng.between(1, 120), prng.between(1, 40'000), world.seed());
    std::vector<ipld::Block> wrong = random_blocks(blocks.size(), 20'000, world.seed() + 1000);
    for (Peer* peer : {&good, &flaky, &liar})
      peer->blocks.add(blocks);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      if (prng.chance(0.5)) poor.blocks.add({blocks[i]});
      if (prng.chance(0.7)) liar.blocks.lies.emplace(blocks[i].cid, wrong[i].data);
    }
    for (Peer* peer : {&good, &flaky, &liar, &poor})
      net.connect(near.host, peer->host);
    near.host.node().spawn([](TestNet& a_net, Peer& here, Peer& there) -> Task<void> {
      sim::World& its_world = a_net.world();
      for (int i = 0; i < 20; ++i) {
        const Duration pause = std::chrono::milliseconds(its_world.prng().between(1, 500));
        KITH_CO_CHECK(co_await port::sleep_for(its_world.clock(), pause));
        if (its_world.prng().chance(0.5)) {
          a_net.disconnect(here.id(), there.id());
        } else {
          a_net.connect(here.host, there.host);
        }
      }
      co_return Result<void>{};
    }(net, near, flaky));
    auto session = near.bitswap->new_session();
    KITH_CO_CHECK(co_await read_all(*session, blocks, prng.between(1, 64)));
    EXPECT_TRUE(near.blocks.holds(blocks));
    session.reset();
    // The churn ends before its nodes do.
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 15s));
    KITH_CO_CHECK(co_await close_all(near, good, flaky, liar, poor));
    co_return Result<void>{};
  });
}

TEST(Bitswap, RepeatsARunFromItsSeed) {
  sim::expect_repeatable(3, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    Peer near(net), a(net), b(net);
    std::vector<ipld::Block> blocks = random_blocks(60, 20'000);
    for (Peer* peer : {&a, &b}) {
      peer->blocks.add(blocks);
      net.connect(near.host, peer->host);
    }
    auto session = near.bitswap->new_session();
    KITH_CO_CHECK(co_await read_all(*session, blocks, 16));
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, a, b));
    co_return Result<void>{};
  });
}

}  // namespace
}  // namespace kith::exchange
