#include <gtest/gtest.h>

#include <kith/net/nat/autonat_policy.hpp>
#include <kith/net/nat/nat_mapping.hpp>
#include <kith/net/nat/observed.hpp>
#include <kith/net/nat/reachability.hpp>
#include <kith/net/test_peer.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;

const Instant start{1000s};
const Multiaddr seen = address("/ip4/198.51.100.1/tcp/50000");
const Multiaddr own = address("/ip4/198.51.100.1/tcp/4001");
const Multiaddr victim = address("/ip4/203.0.113.9/tcp/443");
bool any(const Multiaddr&) {
  return true;
}

PeerId peer(std::uint8_t number) {
  return PeerId::from_public_key(key_of(number).public_key());
}

TEST(AutonatPolicy, VersionOneDialsOnlyWhereThePeerIsSeen) {
  const auto targets = autonat_v1_targets(
      seen,
      {own, victim, address("/dns4/example.org/tcp/4001"), address("/ip6/2001:db8::1/tcp/1"), own},
      any);
  EXPECT_EQ(targets, (std::vector{seen, own, address("/ip4/198.51.100.1/tcp/443")}));
  const Multiaddr relayed = *seen.with_peer_id(peer(1))->with(multiformats::Protocol::p2p_circuit);
  EXPECT_TRUE(autonat_v1_targets(relayed, {own}, any).empty());
  std::vector<Multiaddr> many;
  for (int i = 1; i < 2000; ++i)
    many.push_back(address("/ip4/198.51.100.1/tcp/" + std::to_string(i)));
  EXPECT_EQ(autonat_v1_targets(seen, many, any).size(), autonat_v1_addresses_max);
}

TEST(AutonatPolicy, VersionTwoTakesTheFirstThatItDials) {
  const AutonatDialRequest request{.addresses = {std::nullopt, victim, own}, .nonce = 1};
  EXPECT_EQ(autonat_v2_target(request, any), 1u);
  auto not_the_victim = [](const Multiaddr& one) { return one != victim; };
  EXPECT_EQ(autonat_v2_target(request, not_the_victim), 2u);
  auto none = [](const Multiaddr&) { return false; };
  EXPECT_EQ(autonat_v2_target(request, none), std::nullopt);
}

TEST(AutonatPolicy, SomebodyElsesAddressCostsTheAskerData) {
  EXPECT_FALSE(autonat_costs_data(seen, own));
  EXPECT_TRUE(autonat_costs_data(seen, victim));
  EXPECT_TRUE(autonat_costs_data(seen, address("/dns4/example.org/tcp/1")));
}

TEST(DialRates, CountsPeersAndAllOfThemTogether) {
  DialRates rates(5, 2, 1min);
  EXPECT_TRUE(rates.take(peer(1), start));
  EXPECT_TRUE(rates.take(peer(1), start));
  EXPECT_FALSE(rates.take(peer(1), start));
  EXPECT_TRUE(rates.take(peer(2), start));
  EXPECT_TRUE(rates.take(peer(3), start));
  EXPECT_TRUE(rates.take(peer(4), start + 30s));
  EXPECT_FALSE(rates.take(peer(5), start + 59s));
  EXPECT_TRUE(rates.take(peer(5), start + 60s));
}

TEST(OverallReachability, BelievesAYesAtOnceAndANoByAndBy) {
  OverallReachability overall;
  EXPECT_TRUE(overall.record(Reachability::unreachable));
  EXPECT_FALSE(overall.record(Reachability::unreachable));
  EXPECT_TRUE(overall.record(Reachability::reachable));
  EXPECT_EQ(overall.interval(), autonat_retry_interval);
  for (int i = 0; i < 5; ++i)
    EXPECT_FALSE(overall.record(Reachability::reachable));
  EXPECT_EQ(overall.interval(), autonat_refresh_interval);
  for (int i = 0; i < autonat_confidence_max; ++i)
    EXPECT_FALSE(overall.record(Reachability::unreachable));
  EXPECT_TRUE(overall.record(Reachability::unreachable));
  overall.record(Reachability::unreachable);
  overall.record(Reachability::unreachable);
  overall.record(Reachability::unreachable);
  overall.doubt();
  EXPECT_EQ(overall.interval(), autonat_retry_interval);
}

TEST(AddressReachability, OneLiarIsOutvoted) {
  AddressReachability known;
  known.track({own, victim});
  EXPECT_EQ(known.to_ask(start), (std::vector{own, victim}));
  known.record(own, false, start);
  EXPECT_EQ(known.verdict(own), Reachability::unknown);
  EXPECT_EQ(known.to_ask(start), (std::vector{victim, own}));
  for (int i = 0; i < 4; ++i)
    known.record(own, true, start);
  EXPECT_EQ(known.verdict(own), Reachability::reachable);
  // Of what isn't tracked nothing is kept.
  known.record(seen, true, start);
  EXPECT_EQ(known.verdicts().size(), 2u);
  known.track({victim});
  EXPECT_EQ(known.verdict(own), Reachability::unknown);
}

TEST(AddressReachability, RestsWhenItIsSettledTornOrUnwanted) {
  AddressReachability known;
  known.track({own});
  for (int i = 0; i < reachability_settled_from; ++i)
    known.record(own, true, start);
  EXPECT_TRUE(known.to_ask(start + 59min).empty());
  EXPECT_FALSE(known.to_ask(start + 1h).empty());
  AddressReachability torn;
  torn.track({own});
  for (int i = 0; i < 5; ++i)
    torn.record(own, i % 2 == 0, start);
  EXPECT_EQ(torn.verdict(own), Reachability::unknown);
  EXPECT_TRUE(torn.to_ask(start + 9min).empty());
  EXPECT_FALSE(torn.to_ask(start + 10min).empty());
  AddressReachability unwanted;
  unwanted.track({own});
  for (int i = 0; i < reachability_refusals_max; ++i)
    unwanted.refused(own, start);
  EXPECT_TRUE(unwanted.to_ask(start + 9min).empty());
  EXPECT_FALSE(unwanted.to_ask(start + 10min).empty());
}

TEST(AddressReachability, ReportsSinceWhenAVerdictStands) {
  AddressReachability known;
  known.track({own, victim});
  known.record(own, true, start);
  EXPECT_EQ(known.reports()[0].since, std::nullopt);
  known.record(own, true, start + 1min);
  known.record(own, true, start + 2min);
  known.refused(victim, start);
  const auto reports = known.reports();
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0].verdict, Reachability::reachable);
  EXPECT_EQ(reports[0].since, start + 1min);
  EXPECT_EQ(reports[0].asked_at, start + 2min);
  EXPECT_EQ(reports[0].reached, 3u);
  EXPECT_EQ(reports[0].failed, 0u);
  EXPECT_TRUE(reports[1].refused);
  for (int i = 0; i < 5; ++i)
    known.record(own, false, start + 3min);
  EXPECT_EQ(known.reports()[0].verdict, Reachability::unreachable);
  EXPECT_EQ(known.reports()[0].since, start + 3min);
  EXPECT_EQ(known.reports()[0].failed, reachability_answers_kept);
}

Sighting sighting(std::string_view at, std::uint8_t network) {
  return {address("/ip4/192.168.1.2/tcp/4001"), address(at), Bytes{network}};
}

TEST(NatMapping, IsWhatMostWitnessesSee) {
  const std::vector<Multiaddr> inside = {address("/ip4/192.168.1.2/tcp/4001")};
  const Sighting one = sighting("/ip4/198.51.100.1/tcp/4001", 1);
  const Sighting same = sighting("/ip4/198.51.100.1/tcp/4001", 2);
  const Sighting second = sighting("/ip4/198.51.100.1/tcp/50002", 2);
  const Sighting third = sighting("/ip4/198.51.100.1/tcp/50003", 3);
  EXPECT_EQ(nat_mapping({}, inside), NatMapping::unknown);
  EXPECT_EQ(nat_mapping({one, one}, inside), NatMapping::unknown);  // one network
  EXPECT_EQ(nat_mapping({one, same}, inside), NatMapping::endpoint_independent);
  EXPECT_EQ(nat_mapping({one, same, third}, inside), NatMapping::endpoint_independent);
  EXPECT_EQ(nat_mapping({one, second, third}, inside), NatMapping::endpoint_dependent);
  const Sighting straight = sighting("/ip4/192.168.1.2/tcp/4001", 4);
  EXPECT_EQ(nat_mapping({one, second, straight}, inside), NatMapping::none);
}

TEST(AddressReachability, TracksSoManyAndNoMore) {
  AddressReachability known;
  std::vector<Multiaddr> many;
  for (int i = 1; i < 500; ++i)
    many.push_back(address("/ip4/198.51.100.1/tcp/" + std::to_string(i)));
  known.track(many);
  EXPECT_EQ(known.verdicts().size(), reachability_addresses_max);
  EXPECT_EQ(known.to_ask(start).size(), autonat_v2_addresses_asked_max);
}

TEST(ConfirmedAddresses, LiesOfOneNetworkDoNotCount) {
  const std::vector<Identify::Observed> observed = {
      {.address = victim, .peers = 500, .networks = 3},
      {.address = own, .peers = 4, .networks = 4},
      {.address = address("/ip4/127.0.0.1/tcp/4001"), .peers = 9, .networks = 9},
  };
  EXPECT_EQ(confirmed_addresses(observed), std::vector{own});
  EXPECT_EQ(confirmed_addresses(observed, 1), (std::vector{own, victim}));
}

TEST(ConfirmedAddresses, OfOneKindFewCount) {
  std::vector<Identify::Observed> observed;
  for (std::size_t i = 1; i < 50; ++i) {
    observed.push_back({.address = address("/ip4/198.51.100.1/tcp/" + std::to_string(i)),
                        .peers = i,
                        .networks = i});
  }
  const auto confirmed = confirmed_addresses(observed);
  EXPECT_EQ(confirmed.size(), observed_addresses_per_local_max);
  EXPECT_EQ(confirmed.front(), address("/ip4/198.51.100.1/tcp/49"));
}

}  // namespace
}  // namespace kith::net
