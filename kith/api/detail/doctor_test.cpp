#include <gtest/gtest.h>

#include <kith/api/detail/doctor.hpp>

namespace kith::api {
namespace {

using enum CheckState;

/// A node that has nothing to complain of.
Symptoms healthy() {
  Symptoms one;
  one.wall = WallTime(1'780'000'000s);
  one.running = 1h;
  one.disk_free = 50'000'000'000;
  one.networks = 1;
  one.listening = {"/ip4/0.0.0.0/tcp/4001"};
  one.bootstrap = 4;
  one.bootstrap_connected = 2;
  one.peers = 40;
  one.wide_peers = 90;
  one.nat.listening = {*multiformats::Multiaddr::parse("/ip4/192.168.1.5/tcp/4001")};
  one.nat.overall.verdict = net::Reachability::reachable;
  one.nat.relays = one.nat.relay_client = true;
  one.connections = 40;
  one.connections_max = 800;
  one.descriptors = 50;
  one.descriptors_max = 4096;
  return one;
}

Check check_of(const Symptoms& of, std::string_view name) {
  for (Check& check : examine(of)) {
    if (check.name == name) return check;
  }
  ADD_FAILURE() << "no check of " << name;
  return {};
}

/// Each that isn't well says what to do.
void expect(const Symptoms& of, std::string_view name, CheckState state, std::string_view words) {
  const Check check = check_of(of, name);
  EXPECT_EQ(to_string(check.state), to_string(state)) << name << ": " << check.text;
  EXPECT_NE((check.text + " " + check.advice).find(words), std::string::npos)
      << check.text << " " << check.advice;
  EXPECT_EQ(check.advice.empty(), check.state == ok) << check.text;
}

TEST(Doctor, HasNothingToSayToTheHealthy) {
  for (const Check& check : examine(healthy())) {
    EXPECT_EQ(check.state, ok) << check.name << ": " << check.text;
    EXPECT_EQ(check.advice, "") << check.name;
    EXPECT_NE(check.text, "") << check.name;
  }
  EXPECT_EQ(examine(healthy()).size(), 10u);
}

TEST(Doctor, LooksAtClockAndDisk) {
  Symptoms one = healthy();
  one.wall = WallTime(100s);
  expect(one, "clock", problem, "timedatectl");
  one = healthy();
  one.clock_jump = -2h;
  expect(one, "clock", warning, "set back by 2 h");
  one = healthy();
  one.disk_free = 900'000'000;
  expect(one, "disk", warning, "900 MB free");
  one.disk_free = 1000;
  expect(one, "disk", problem, "Make room");
  one = healthy();
  one.store_bytes = 11'000'000'000;
  one.store_bytes_max = 10'000'000'000;
  expect(one, "disk", warning, "Datastore.StorageMax");
}

TEST(Doctor, LooksAtWhoIsThere) {
  Symptoms one = healthy();
  one.peers = one.bootstrap_connected = 0;
  expect(one, "peers", problem, "none of 4 bootstrap peers answers");
  one.running = 5s;
  expect(one, "peers", ok, "just started");
  one.bootstrap = 0;
  expect(one, "peers", warning, "bootstrap add default");
  one = healthy();
  one.relayed_only = one.peers;
  expect(one, "peers", warning, "by relays");
  one = healthy();
  one.wide_peers = 0;
  expect(one, "dht", warning, "nobody is known");
  one.dht = false;
  expect(one, "dht", ok, "Routing.Type");
}

TEST(Doctor, LooksAtHowTheNodeIsReached) {
  Symptoms one = healthy();
  one.networks = 0;
  expect(one, "network", problem, "no network but itself");
  one = healthy();
  one.not_listening = {"/ip4/0.0.0.0/tcp/4002"};
  expect(one, "listening", warning, "not on /ip4/0.0.0.0/tcp/4002");
  one.listening.clear();
  expect(one, "listening", warning, "Addresses.Swarm");
  one = healthy();
  one.nat.overall.verdict = net::Reachability::unreachable;
  one.nat.relays_wanted = true;
  expect(one, "reachability", warning, "TCP port 4001");
  expect(one, "relays", warning, "StaticRelays");
  one.nat.relays_known = 1;
  expect(one, "relays", warning, "look again in a minute");
  one.nat.reservations.emplace_back();
  one.nat.reservations[0].addresses = one.nat.listening;
  expect(one, "relays", ok, "1 hold a place");
  one.nat.overall.verdict = net::Reachability::unknown;
  EXPECT_EQ(check_of(one, "reachability").state, ok) << "who waits has no problem";
}

TEST(Doctor, LooksAtLimits) {
  Symptoms one = healthy();
  one.bandwidth.all = {2048, 1'000'000};
  expect(one, "bandwidth", warning, "up 2.0 kB/s");
  one.bandwidth.all = {0, 1'000'000};
  expect(one, "bandwidth", ok, "up any, down 1.0 MB/s");
  one.connections = 790;
  expect(one, "limits", warning, "swarm resources");
  one = healthy();
  one.descriptors = 4000;
  expect(one, "limits", warning, "ulimit -n");
  one.connections_max = net::unlimited;
  one.descriptors_max = 0;
  expect(one, "limits", ok, "40 connections");
}

TEST(Doctor, SaysThatAnOfflineNodeIsOffline) {
  Symptoms one = healthy();
  one.online = false;
  expect(one, "network", warning, "--offline");
  EXPECT_EQ(examine(one).size(), 3u);
}

}  // namespace
}  // namespace kith::api
