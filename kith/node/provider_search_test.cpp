#include <gtest/gtest.h>

#include <kith/net/test_peer.hpp>
#include <kith/node/provider_search.hpp>

namespace kith::node {
namespace {

using multiformats::Cid;
using multiformats::Multihash;
using multiformats::PeerId;
using routing::PeerAddresses;
using transfer::Waiting;
using Peer = net::TestPeer;

/// Knows who has everything.
class KnowingRouter final : public routing::Routing {
 public:
  explicit KnowingRouter(port::Clock& clock) : clock_(clock) {}

  std::vector<PeerAddresses> providers;
  std::vector<Multihash> asked;

  Task<void> provide(Multihash, Instant) override { co_return Result<void>{}; }
  Task<void> find_providers(Multihash content, routing::OnProvider on_provider, Instant) override {
    asked.push_back(content);
    KITH_CO_CHECK(co_await port::sleep_for(clock_, 10ms));
    for (const PeerAddresses& provider : providers) {
      if (!on_provider(provider)) break;
    }
    co_return Result<void>{};
  }
  Task<PeerAddresses> find_peer(PeerId, Instant) override {
    co_return std::unexpected(routing::RoutingError::not_found);
  }
  Task<std::vector<PeerAddresses>> closest_peers(Bytes, Instant) override {
    co_return std::vector<PeerAddresses>();
  }
  Task<void> put_value(Bytes, Bytes, Instant) override { co_return Result<void>{}; }
  Task<Bytes> get_value(Bytes, Instant) override { co_return Bytes(); }

 private:
  port::Clock& clock_;
};

exchange::TransferStatus waiting(Waiting how, std::uint64_t received = 0) {
  exchange::TransferStatus status;
  status.waiting = how;
  status.blocks_received = received;
  status.waiting_cid = *Cid::parse("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy");
  return status;
}

/// A peer that searches, others that are found.
struct Scene {
  explicit Scene(sim::World& in)
      : world(in),
        one(in.add_node(), 1),
        router(in.clock()),
        search(one.env(), one.swarm, router) {}

  Peer& add_provider() {
    auto number = static_cast<std::uint8_t>(100 + others.size());
    others.push_back(std::make_unique<Peer>(world.add_node(), number));
    Peer& peer = *others.back();
    one.store.add_addresses(peer.id(), peer.addresses(), net::AddressSource::heard,
                            one.env().wall.now());
    router.providers.push_back({peer.id(), peer.addresses()});
    return peer;
  }
  /// Looks at the transfer twice a second for so long.
  Task<void> look_for(Duration time, const exchange::TransferStatus& status) {
    for (Instant end = world.now() + time; world.now() < end;) {
      search.look(1, status);
      KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 500ms));
    }
    co_return Result<void>{};
  }
  Task<void> close() {
    co_await search.close_shielded();
    KITH_CO_CHECK(co_await one.close());
    for (auto& other : others)
      KITH_CO_CHECK(co_await other->close());
    co_return Result<void>{};
  }

  sim::World& world;
  Peer one;
  KnowingRouter router;
  ProviderSearch search;
  std::vector<std::unique_ptr<Peer>> others;
};

TEST(ProviderSearch, ConnectsToProvidersOnceATransferStandsStill) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    Scene scene(world);
    Peer& provider = scene.add_provider();
    KITH_CO_CHECK(co_await scene.look_for(1s, waiting(Waiting::nobody_has)));
    EXPECT_EQ(scene.search.searches(), 0u);
    KITH_CO_CHECK(co_await scene.look_for(2s, waiting(Waiting::nobody_has)));
    EXPECT_EQ(scene.search.searches(), 1u);
    EXPECT_TRUE(scene.one.swarm.connected(provider.id()));
    EXPECT_EQ(scene.router.asked,
              std::vector<Multihash>{waiting(Waiting::nobody_has).waiting_cid.hash()});
    co_return co_await scene.close();
  });
}

TEST(ProviderSearch, LeavesATransferAloneThatMoves) {
  sim::run_test(2, [](sim::World& world) -> Task<void> {
    Scene scene(world);
    KITH_CO_CHECK(co_await scene.look_for(5s, waiting(Waiting::fetching)));
    for (std::uint64_t received = 0; received < 10; ++received)
      KITH_CO_CHECK(co_await scene.look_for(500ms, waiting(Waiting::searching, received)));
    EXPECT_EQ(scene.search.searches(), 0u);
    co_return co_await scene.close();
  });
}

TEST(ProviderSearch, LooksAgainLessAndLessOften) {
  sim::run_test(3, [](sim::World& world) -> Task<void> {
    Scene scene(world);
    KITH_CO_CHECK(co_await scene.look_for(10min, waiting(Waiting::no_sources)));
    // After 1 s, and pauses of 10, 20, 40, 80, 160 and 300 s.
    EXPECT_EQ(scene.search.searches(), 6u);
    KITH_CO_CHECK(co_await scene.look_for(1s, waiting(Waiting::fetching)));
    KITH_CO_CHECK(co_await scene.look_for(3s, waiting(Waiting::no_sources)));
    EXPECT_EQ(scene.search.searches(), 7u) << "it had moved";
    co_return co_await scene.close();
  });
}

TEST(ProviderSearch, StopsWhenEnoughAreConnected) {
  sim::run_test(4, [](sim::World& world) -> Task<void> {
    Scene scene(world);
    // Ten are dialed at once: those that were under way may come on top.
    for (std::size_t i = 0; i < 3 * provider_connections_enough; ++i)
      scene.add_provider();
    KITH_CO_CHECK(co_await scene.look_for(5s, waiting(Waiting::nobody_has)));
    EXPECT_GE(scene.one.swarm.connected_peers().size(), provider_connections_enough);
    EXPECT_LT(scene.one.swarm.connected_peers().size(), 2 * provider_connections_enough);
    co_return co_await scene.close();
  });
}

TEST(ProviderSearch, ProvidersThatAreNotThereHideNobody) {
  sim::run_test(5, [](sim::World& world) -> Task<void> {
    Scene scene(world);
    Peer& provider = scene.add_provider();
    for (std::uint8_t i = 0; i < 3 * provider_connections_enough; ++i) {
      const auto nobody = PeerId::from_public_key(net::key_of(i + 1).public_key());
      const auto nowhere = *multiformats::Multiaddr::parse("/ip4/10.99.0.1/tcp/4001");
      scene.one.store.add_addresses(nobody, {nowhere}, net::AddressSource::heard,
                                    scene.one.env().wall.now());
      scene.router.providers.insert(scene.router.providers.begin(), {nobody, {nowhere}});
    }
    KITH_CO_CHECK(co_await scene.look_for(55s, waiting(Waiting::nobody_has)));
    EXPECT_TRUE(scene.one.swarm.connected(provider.id()));
    co_return co_await scene.close();
  });
}

}  // namespace
}  // namespace kith::node
