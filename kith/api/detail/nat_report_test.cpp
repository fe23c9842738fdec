// What a person is told of how the node is reached.
#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <kith/api/detail/nat_report.hpp>

namespace kith::api {
namespace {

using multiformats::Multiaddr;
using net::NatMapping;
using net::Reachability;

Multiaddr address(std::string_view text) {
  return *Multiaddr::parse(text);
}

multiformats::PeerId peer(std::uint8_t number) {
  std::array<std::uint8_t, 32> seed{};
  seed[0] = number;
  return multiformats::PeerId::from_public_key(
      crypto::PrivateKey::from_ed25519_seed(seed).public_key());
}

/// A node at home that nobody reaches.
NatReport at_home() {
  NatReport report;
  report.now = Instant(1h);
  report.wall = WallTime(1'780'000'000s);
  report.overall = {.verdict = Reachability::unreachable,
                    .since = Instant(1h) - 12min,
                    .by_v1 = true,
                    .answers_v1 = 3};
  report.peers = 9;
  report.listening = {address("/ip4/192.168.1.5/tcp/4001"),
                      address("/ip4/192.168.1.5/udp/4001/quic-v1"),
                      address("/ip4/192.168.1.5/tcp/4001/ws")};
  report.port_mapping = true;
  report.relays = report.relay_client = report.relays_wanted = true;
  report.hole_punching = true;
  return report;
}

std::string advice_of(const NatReport& report) {
  std::string all;
  for (const std::string& one : nat_advice(report))
    all += one + "\n";
  return all;
}

bool says(const NatReport& report, std::string_view words) {
  return advice_of(report).find(words) != std::string::npos;
}

net::RelayReservation held_at(std::uint8_t relay) {
  net::RelayReservation held;
  held.relay = peer(relay);
  held.addresses = {
      address("/ip4/203.0.113.1/tcp/4001/p2p/" + peer(relay).to_string() + "/p2p-circuit")};
  held.expires = WallTime(1'780'003'600s);
  return held;
}

TEST(NatWords, SayWhichPortsToOpenAndWhoHelpsMeanwhile) {
  NatReport report = at_home();
  EXPECT_EQ(report.ports(), "TCP and UDP port 4001");
  EXPECT_EQ(nat_summary(report), "Nobody who tried reached TCP and UDP port 4001 (for 12 min).");
  EXPECT_TRUE(says(report,
                   "Open TCP and UDP port 4001 in your router to 192.168.1.5, or turn on "
                   "automatic port mapping there."));
  EXPECT_TRUE(says(report, "No relay is known yet"));
  report.relays_known = 2;
  EXPECT_TRUE(says(report, "Relays are being asked"));
  report.reservations = {held_at(1)};
  EXPECT_TRUE(says(report, "Or leave it: peers reach you by relay " + peer(1).to_string() + "."));
  report.reservations.push_back(held_at(2));
  EXPECT_TRUE(says(report, "by the relays " + peer(1).to_string() + ", " + peer(2).to_string()));
  EXPECT_EQ(report.relays_held(), 2u);
}

TEST(NatWords, SayWhyARelayDoesNotHelp) {
  NatReport report = at_home();
  report.reservations.emplace_back();
  report.reservations[0].relay = peer(3);
  report.reservations[0].failures = 2;
  report.reservations[0].last_failure = "the relay is full";
  EXPECT_TRUE(says(report, "said: the relay is full."));
  report.relay_client = false;
  EXPECT_TRUE(says(report, "Swarm.RelayClient.Enabled"));
}

TEST(NatWords, SayWhatStandsBetween) {
  NatReport report = at_home();
  report.port_mapping = false;
  EXPECT_TRUE(says(report, "Swarm.DisableNatPortMap"));
  report.port_mapping = true;
  report.router.router = port::IpAddress::parse("192.168.1.1");
  report.router.outside = port::IpAddress::parse("100.64.3.3");
  EXPECT_EQ(report.behind(), "cgnat");
  EXPECT_TRUE(says(report, "shares the address 100.64.3.3 among customers"));
  report.router.outside = port::IpAddress::parse("10.0.0.2");
  EXPECT_EQ(report.behind(), "double-nat");
  EXPECT_TRUE(
      says(report, "Your router (192.168.1.1) stands behind another one (it is at 10.0.0.2"));
  report.router.outside = port::IpAddress::parse("203.0.113.9");
  EXPECT_EQ(report.behind(), "");
  report.router.mappings = {{net::IpTransport::tcp, 4001, 4001, Instant(2h)}};
  EXPECT_TRUE(says(report, "look for a firewall"));
  EXPECT_FALSE(says(report, "another port to each peer"));
  report.mapping = NatMapping::endpoint_dependent;
  EXPECT_TRUE(says(report, "another port to each peer"));
}

TEST(NatWords, SayWhatIsMissingToKnow) {
  NatReport report = at_home();
  report.overall = {};
  EXPECT_EQ(nat_summary(report), "Whether others can reach this node isn't known yet.");
  EXPECT_TRUE(says(report, "Nobody you are connected to tries out addresses"));
  report.peers_asked_v2 = 1;
  EXPECT_TRUE(says(report, "look again in half a minute"));
  report.peers = 0;
  EXPECT_TRUE(says(report, "swarm connect"));
  report.listening.clear();
  EXPECT_TRUE(says(report, "Addresses.Swarm"));
}

TEST(NatWords, SayNothingWhereAllIsWell) {
  NatReport report = at_home();
  report.overall = {.verdict = Reachability::reachable, .since = Instant(1h) - 3min};
  EXPECT_EQ(nat_summary(report), "Others reach this node directly (for 3 min).");
  EXPECT_EQ(advice_of(report), "");
  report.forced = true;
  report.overall.since.reset();
  EXPECT_EQ(nat_summary(report), "Others reach this node directly, by the settings.");
}

TEST(NatValue, HasAFormThatMachinesMayRelyOn) {
  NatReport report = at_home();
  report.addresses = {{.address = address("/ip4/203.0.113.7/tcp/4001"),
                       .verdict = Reachability::unreachable,
                       .failed = 3,
                       .since = Instant(1h) - 10min,
                       .asked_at = Instant(1h)}};
  report.observed = {{address("/ip4/203.0.113.7/tcp/4001"), 5, 4}};
  report.reservations = {held_at(1)};
  report.reservations[0].limit = net::CircuitLimit{120, 131072};
  const json::value value = nat_value(report);
  EXPECT_EQ(value.at("Reachability"), "Private");
  EXPECT_EQ(value.at("By"), "autonat-v1");
  EXPECT_EQ(value.at("Since"), "2026-05-28T20:14:40Z");
  EXPECT_EQ(json::serialize(value.at("Addresses")),
            R"([{"Address":"/ip4/203.0.113.7/tcp/4001","Reachability":"Private","Reached":0,)"
            R"("Failed":3,"Refused":false,"Since":"2026-05-28T20:16:40Z",)"
            R"("Asked":"2026-05-28T20:26:40Z"}])");
  EXPECT_EQ(json::serialize(value.at("Observed")),
            R"([{"Address":"/ip4/203.0.113.7/tcp/4001","Peers":5,"Networks":4,"Believed":true}])");
  const json::value& reservation = value.at("Relays").at("Reservations").at(0);
  EXPECT_EQ(reservation.at("Expires"), "2026-05-28T21:26:40Z");
  EXPECT_EQ(json::serialize(reservation.at("Limit")), R"({"Seconds":120,"Bytes":131072})");
  EXPECT_EQ(json::serialize(value.at("NAT")), R"({"Mapping":"unknown","Behind":""})");
  EXPECT_EQ(value.at("HolePunching").at("Begun"), 0);
}

}  // namespace
}  // namespace kith::api
