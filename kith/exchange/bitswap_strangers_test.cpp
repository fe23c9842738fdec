// Bitswap with peers that can't be trusted, or aren't trusted with everything.

#include <deque>

#include <gtest/gtest.h>

#include <kith/exchange/test_network.hpp>
#include <kith/sim/testing.hpp>

namespace kith::exchange {
namespace {

using namespace testing;

/// A host that speaks by hand.
Task<std::unique_ptr<net::Stream>> open_to(TestHost& from, Peer& to, std::string protocol) {
  std::vector<net::ProtocolId> protocols;
  protocols.push_back(std::move(protocol));
  co_return co_await from.open_stream(to.id(), std::move(protocols), never);
}

Task<void> say(net::Stream& stream, BitswapMessage message) {
  const std::vector<Buffer> pieces = encode_message(message, BitswapVersion::v1_2_0);
  const std::vector<ByteView> views(pieces.begin(), pieces.end());
  co_return co_await stream.write_all(views, never);
}

TEST(Bitswap, DisconnectsAPeerThatPushesBlocksNobodyAskedFor) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    Peer near(net);
    TestHost pusher(net);
    net.connect(near.host, pusher);
    KITH_CO_TRY(auto stream, co_await open_to(pusher, near, "/ipfs/bitswap/1.2.0"));
    const std::vector<ipld::Block> blocks = random_blocks(50, 1000);
    Result<void> said;
    for (std::size_t i = 0; said && i < blocks.size(); ++i) {
      BitswapMessage message;
      message.blocks.push_back({multiformats::CidPrefix::of(blocks[i].cid), blocks[i].data});
      said = co_await say(*stream, std::move(message));
      KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
    }
    EXPECT_FALSE(said.has_value());
    EXPECT_EQ(near.host.disconnects, 1U);
    EXPECT_EQ(near.bitswap->stats().client.unasked_blocks, unasked_blocks_max + 1);
    EXPECT_EQ(near.blocks.size(), 0U);
    KITH_CO_CHECK(co_await close_all(near));
    co_return Result<void>{};
  });
}

Task<void> drain(std::unique_ptr<net::Stream> stream) {
  std::uint8_t bytes[1024];
  for (;;) {
    KITH_CO_TRY(const std::size_t got, co_await stream->read_some(bytes, never));
    if (got == 0) co_return Result<void>{};
  }
}

TEST(Bitswap, AnswersTheWantsThatComeWithABlockNobodyAskedFor) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    Peer near(net);
    TestHost pusher(net);
    pusher.handle("/ipfs/bitswap/1.2.0", drain, streams_per_peer_max);
    net.connect(near.host, pusher);
    const std::vector<ipld::Block> blocks = random_blocks(2, 1000);
    near.blocks.add({blocks[0]});
    KITH_CO_TRY(auto stream, co_await open_to(pusher, near, "/ipfs/bitswap/1.2.0"));
    BitswapMessage message;
    message.wants.push_back({blocks[0].cid, 1, WantType::block, false, true});
    message.blocks.push_back({multiformats::CidPrefix::of(blocks[1].cid), blocks[1].data});
    KITH_CO_CHECK(co_await say(*stream, std::move(message)));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 5s));
    EXPECT_EQ(near.bitswap->stats().client.unasked_blocks, 1U);
    EXPECT_EQ(near.bitswap->stats().blocks_sent, 1U);
    EXPECT_TRUE(near.bitswap->wants_of(pusher.peer()).empty());
    stream.reset();
    KITH_CO_CHECK(co_await close_all(near));
    co_return Result<void>{};
  });
}

TEST(Bitswap, ResetsAStreamThatSpeaksNonsense) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    Peer near(net);
    TestHost fool(net);
    net.connect(near.host, fool);
    for (const char* nonsense : {"ffffffff7f00", "0308ffff", "030a01ff"}) {
      KITH_CO_TRY(auto stream, co_await open_to(fool, near, "/ipfs/bitswap/1.2.0"));
      const Bytes bytes = *from_hex(nonsense);
      KITH_CO_CHECK(co_await stream->write(bytes));
      std::uint8_t byte[1];
      Result<std::size_t> read = co_await stream->read_some(byte, world.now() + 10s);
      EXPECT_TRUE(!read && !read.error().is(Errc::timed_out)) << nonsense;
    }
    KITH_CO_CHECK(co_await close_all(near));
    co_return Result<void>{};
  });
}

TEST(Bitswap, SurvivesAFloodOfWantsAndServesOthersMeanwhile) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    Peer server(net), modest(net);
    TestHost flooder(net);
    std::vector<ipld::Block> blocks = random_blocks(20, 100'000);
    server.blocks.add(blocks);
    net.connect(server.host, flooder);
    net.connect(server.host, modest.host);
    KITH_CO_TRY(auto stream, co_await open_to(flooder, server, "/ipfs/bitswap/1.2.0"));
    std::uint64_t number = 0;
    for (int round = 0; round < 5; ++round) {
      BitswapMessage flood;
      for (int i = 0; i < 20'000; ++i) {
        std::uint8_t bytes[8];
        store_be(bytes, number++);
        flood.wants.push_back({cid_of(bytes), 1'000'000, WantType::block, false, true});
      }
      KITH_CO_CHECK(co_await say(*stream, std::move(flood)));
    }
    auto session = modest.bitswap->new_session();
    KITH_CO_CHECK(co_await read_all(*session, blocks, 10));
    EXPECT_LE(server.bitswap->wants_of(flooder.peer()).size(), wants_per_peer_max);
    EXPECT_GE(server.bitswap->server().refused_wants(), 80'000U);
    session.reset();
    net.disconnect(server.id(), flooder.peer());
    EXPECT_TRUE(server.bitswap->wants_of(flooder.peer()).empty());
    stream.reset();
    KITH_CO_CHECK(co_await close_all(server, modest));
    co_return Result<void>{};
  });
}

TEST(Bitswap, SendsABlockThatComesLaterToWhoStillWantsIt) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    Peer near(net), middle(net), origin(net);
    std::vector<ipld::Block> blocks = random_blocks(2, 100'000);
    net.connect(near.host, middle.host);
    auto session = near.bitswap->new_session();
    const Instant deadline = world.now() + 1s;
    Result<ipld::Block> none = co_await session->get(blocks[0].cid, deadline);
    EXPECT_TRUE(!none && none.error().is(Errc::timed_out));

    // `middle` gets the blocks for itself while `near` waits: one from a peer, one by an import.
    session->prefetch(cids_of(blocks));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
    EXPECT_EQ(middle.bitswap->wants_of(near.id()).size(), 2U);
    origin.blocks.add({blocks[0]});
    net.connect(middle.host, origin.host);
    auto other = middle.bitswap->new_session();
    KITH_CO_CHECK(co_await other->get(blocks[0].cid));
    KITH_CO_TRY(ipld::Block first, co_await session->get(blocks[0].cid));
    EXPECT_TRUE(equal(first.data, blocks[0].data));

    middle.blocks.add({blocks[1]});
    const std::vector<ipld::Block> imported = {blocks[1]};
    middle.bitswap->notify_new_blocks(imported);
    KITH_CO_TRY(ipld::Block second, co_await session->get(blocks[1].cid, world.now() + 5s));
    EXPECT_TRUE(equal(second.data, blocks[1].data));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
    EXPECT_TRUE(middle.bitswap->wants_of(near.id()).empty());
    session.reset();
    other.reset();
    KITH_CO_CHECK(co_await close_all(near, middle, origin));
    co_return Result<void>{};
  });
}

TEST(Bitswap, AnImportAnswersWantsForTheSameBytesUnderAnotherCid) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    Peer near(net), far(net);
    net.connect(near.host, far.host);
    const ipld::Block raw = random_blocks(1, 1000)[0];
    const ipld::Block v0 = {*cid_of(raw.data, Codec::dag_pb).to_v0(), raw.data};
    auto here = near.bitswap->new_session();
    auto there = far.bitswap->new_session();
    near.host.node().spawn([](Peer& peer, ipld::Block added, ipld::Block same) -> Task<void> {
      KITH_CO_CHECK(co_await port::sleep_for(peer.host.node().env().clock, 3s));
      // A real store knows both by their multihash.
      peer.blocks.add({added, same});
      const std::vector<ipld::Block> imported = {added};
      peer.bitswap->notify_new_blocks(imported);
      co_return Result<void>{};
    }(near, raw, v0));
    there->prefetch(std::span(&v0.cid, 1));
    KITH_CO_TRY(ipld::Block block, co_await here->get(v0.cid, world.now() + 5s));
    EXPECT_EQ(block.cid, v0.cid);
    KITH_CO_TRY(ipld::Block sent, co_await there->get(v0.cid, world.now() + 5s));
    EXPECT_EQ(sent.cid, v0.cid);
    EXPECT_TRUE(equal(sent.data, raw.data));
    here.reset();
    there.reset();
    KITH_CO_CHECK(co_await close_all(near, far));
    co_return Result<void>{};
  });
}

TEST(Bitswap, GivesUpOnAPeerThatTakesABlockByDrips) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    Peer far(net);
    TestHost sipper(net);
    std::vector<ipld::Block> blocks = random_blocks(1, ipld::block_bytes_max);
    far.blocks.add(blocks);
    // Takes what it is sent, and never so slowly that nothing moves.
    const sim::LinkOptions drip{.latency = 30ms,
                                .jitter = Duration(0),
                                .bytes_per_second = send_rate_min / 2,
                                .window_bytes = 16 * 1024};
    world.net().set_links(drip);
    sipper.handle("/ipfs/bitswap/1.2.0", drain, streams_per_peer_max);
    net.connect(far.host, sipper);
    KITH_CO_TRY(auto stream, co_await open_to(sipper, far, "/ipfs/bitswap/1.2.0"));
    BitswapMessage message;
    message.wants.push_back({blocks[0].cid, 1, WantType::block, false, true});
    KITH_CO_CHECK(co_await say(*stream, std::move(message)));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
    EXPECT_EQ(far.bitswap->server().unsent_bytes(), ipld::block_bytes_max);
    const Duration at_the_floor = std::chrono::seconds(ipld::block_bytes_max / send_rate_min);
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), at_the_floor + 2 * send_timeout));
    EXPECT_EQ(far.bitswap->server().unsent_bytes(), 0U);
    EXPECT_EQ(far.bitswap->stats().blocks_sent, 0U);
    stream.reset();
    KITH_CO_CHECK(co_await close_all(far));
    co_return Result<void>{};
  });
}

TEST(Bitswap, ServesOthersWhileManyTakeNothingOfTheLargeBlocksTheyAskedFor) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    const sim::LinkOptions link{.latency = 10ms,
                                .jitter = Duration(0),
                                .bytes_per_second = 100'000'000,
                                .window_bytes = 64 * 1024};
    world.net().set_links(link);
    TestNet net(world);
    BitswapOptions options;
    options.server.unsent_bytes_max = 4 * ipld::block_bytes_max;
    Peer far(net, options), near(net);
    const std::vector<ipld::Block> blocks = random_blocks(2, ipld::block_bytes_max);
    far.blocks.add(blocks);
    std::deque<TestHost> hoarders;
    std::vector<std::unique_ptr<net::Stream>> held;
    NetworkHandler hold = [&held](std::unique_ptr<net::Stream> stream) -> Task<void> {
      held.push_back(std::move(stream));
      co_return Result<void>{};
    };
    for (std::size_t i = 0; i < 12; ++i) {
      TestHost& hoarder = hoarders.emplace_back(net);
      hoarder.handle("/ipfs/bitswap/1.2.0", hold, streams_per_peer_max);
      net.connect(far.host, hoarder);
      KITH_CO_TRY(auto stream, co_await open_to(hoarder, far, "/ipfs/bitswap/1.2.0"));
      BitswapMessage message;
      message.wants.push_back({blocks[0].cid, 1, WantType::block, false, true});
      KITH_CO_CHECK(co_await say(*stream, std::move(message)));
      held.push_back(std::move(stream));
    }
    // Each is set aside before the next one is served, and given up when no room is left.
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 6 * slow_after));
    EXPECT_GE(far.bitswap->server().unsent_bytes(), 3 * ipld::block_bytes_max);
    net.connect(near.host, far.host);
    auto session = near.bitswap->new_session();
    const Instant begun = world.now();
    KITH_CO_CHECK(co_await session->get(blocks[1].cid));
    EXPECT_LE(world.now() - begun, stalled_patience + slow_after);
    EXPECT_LE(far.bitswap->server().unsent_bytes(), options.server.unsent_bytes_max);
    session.reset();
    held.clear();
    KITH_CO_CHECK(co_await close_all(near, far));
    co_return Result<void>{};
  });
}

TEST(Bitswap, AsksTheOperatorWhoMayHaveWhat) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    Peer near(net);
    std::vector<ipld::Block> blocks = random_blocks(2, 1000);
    BitswapOptions options;
    const Cid denied = blocks[0].cid;
    options.may_have = [denied](const PeerId&, const Cid& cid) { return cid != denied; };
    Peer far(net, std::move(options));
    far.blocks.add(blocks);
    net.connect(near.host, far.host);
    auto session = near.bitswap->new_session();
    KITH_CO_CHECK(co_await session->get(blocks[1].cid));
    const Instant deadline = world.now() + 5s;
    Result<ipld::Block> none = co_await session->get(denied, deadline);
    EXPECT_TRUE(!none && none.error().is(Errc::timed_out));
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, far));
    co_return Result<void>{};
  });
}

TEST(Bitswap, WhoMayNotHaveABlockDoesNotGetItByWaiting) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    TestNet net(world);
    Peer near(net);
    const std::vector<ipld::Block> blocks = random_blocks(2, 1000);
    const std::vector<Cid> cids = cids_of(blocks);
    std::set<Cid> denied = {cids[0]};
    BitswapOptions options;
    options.may_have = [&denied](const PeerId&, const Cid& cid) { return !denied.contains(cid); };
    Peer far(net, std::move(options));
    net.connect(near.host, far.host);
    auto session = near.bitswap->new_session();
    session->prefetch(cids);
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));
    EXPECT_EQ(far.bitswap->wants_of(near.id()), std::vector<Cid>{cids[1]});
    // The operator changes their mind about the other one.
    denied.insert(cids[1]);
    far.blocks.add(blocks);
    far.bitswap->notify_new_blocks(blocks);
    const Instant deadline = world.now() + 5s;
    Result<ipld::Block> none = co_await session->get(cids[0], deadline);
    EXPECT_TRUE(!none && none.error().is(Errc::timed_out));
    EXPECT_EQ(far.bitswap->stats().blocks_sent, 0U);
    EXPECT_TRUE(far.bitswap->wants_of(near.id()).empty());
    session.reset();
    KITH_CO_CHECK(co_await close_all(near, far));
    co_return Result<void>{};
  });
}

}  // namespace
}  // namespace kith::exchange
