#include <gtest/gtest.h>

#include <kith/net/dial_queue.hpp>
#include <kith/net/limits.hpp>
#include <kith/net/upgrade_test.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;

constexpr Instant start = Instant(1000s);

const multiformats::PeerId alice = testing::peer_of(testing::key_of(1));
const multiformats::PeerId bob = testing::peer_of(testing::key_of(2));

Multiaddr address(std::string_view text) {
  return *Multiaddr::parse(text);
}
/// The n-th of many public addresses.
Multiaddr numbered(int number) {
  return address("/ip4/198.51.100.1/tcp/" + std::to_string(1000 + number));
}
std::vector<Multiaddr> many(int first, int count) {
  std::vector<Multiaddr> all;
  for (int i = first; i < first + count; ++i)
    all.push_back(numbered(i));
  return all;
}

/// A queue, and the small language of the tests.
struct Dial {
  explicit Dial(std::size_t attempts_max = 8, DialQueue::Choose choose = everything)
      : queue(alice, attempts_max, std::move(choose)) {}
  static DialChoice everything(const Multiaddr&) { return DialChoice::go; }

  Dial& with(std::initializer_list<std::string_view> texts) {
    std::vector<Multiaddr> addresses;
    for (std::string_view text : texts)
      addresses.push_back(address(text));
    queue.add(std::move(addresses), true);
    return *this;
  }
  /// What begins `after` the start; empty if nothing does.
  std::string begins(Duration after) {
    auto next = queue.next_attempt(start + after);
    return next ? next->to_string() : "";
  }
  /// The time until the next attempt, for one that asks `after` the start.
  Duration next_in(Duration after) const { return queue.next_attempt_at() - (start + after); }

  DialQueue queue;
};

TEST(DialQueue, BeginsOneAttemptAfterTheOther) {
  Dial dial;
  dial.with({"/ip4/198.51.100.1/tcp/1", "/ip6/2001:db8::1/tcp/1", "/ip4/10.0.0.1/tcp/1",
             "/ip4/127.0.0.1/tcp/1"});
  EXPECT_EQ(dial.begins(0ms), "/ip4/127.0.0.1/tcp/1");
  EXPECT_EQ(dial.begins(0ms), "");
  EXPECT_EQ(dial.next_in(0ms), 30ms);
  EXPECT_EQ(dial.begins(30ms), "/ip4/10.0.0.1/tcp/1");
  EXPECT_EQ(dial.begins(279ms), "");
  EXPECT_EQ(dial.begins(280ms), "/ip6/2001:db8::1/tcp/1");
  EXPECT_EQ(dial.begins(530ms), "/ip4/198.51.100.1/tcp/1");
  EXPECT_EQ(dial.queue.next_attempt_at(), never);
  EXPECT_FALSE(dial.queue.exhausted());
  for (int i = 0; i < 4; ++i)
    dial.queue.attempt_ended();
  EXPECT_TRUE(dial.queue.exhausted());
}

TEST(DialQueue, WaitsForNothingOnceAllAttemptsHaveFailed) {
  Dial dial;
  dial.queue.add(many(1, 3), true);
  EXPECT_EQ(dial.begins(0ms), numbered(1).to_string());
  dial.queue.attempt_ended();
  EXPECT_EQ(dial.begins(5ms), numbered(2).to_string());
  // One that goes on keeps the next one waiting.
  EXPECT_EQ(dial.begins(10ms), "");
  EXPECT_EQ(dial.begins(255ms), numbered(3).to_string());
  dial.queue.attempt_ended();
  dial.queue.attempt_ended();
  EXPECT_TRUE(dial.queue.exhausted());
}

std::string circuit(int number) {
  return numbered(number).to_string() + "/p2p/" + bob.to_string() + "/p2p-circuit";
}

TEST(DialQueue, DoesNotKeepCircuitsWaitingForAllDeadAddresses) {
  Dial dial(2);
  dial.queue.add(many(1, 20), true);
  dial.with({circuit(1), circuit(2)});
  EXPECT_EQ(dial.begins(0ms), numbered(1).to_string());
  EXPECT_EQ(dial.begins(250ms), numbered(2).to_string());
  // No more of them for now, but a circuit has its turn.
  EXPECT_EQ(dial.next_in(250ms), 250ms);
  EXPECT_EQ(dial.begins(499ms), "");
  EXPECT_EQ(dial.begins(500ms), circuit(1));
  EXPECT_EQ(dial.next_in(500ms), 500ms);
  // One that fails makes room for the next; the others' room is theirs.
  dial.queue.attempt_ended(true);
  EXPECT_EQ(dial.begins(600ms), circuit(2));
  EXPECT_EQ(dial.begins(1h), "");
  dial.queue.attempt_ended();
  EXPECT_EQ(dial.begins(1h), numbered(3).to_string());
}

TEST(DialQueue, BeginsWithACircuitWhereThereIsNothingElse) {
  Dial dial;
  dial.with({circuit(1), circuit(2)});
  EXPECT_EQ(dial.begins(0ms), circuit(1));
  EXPECT_EQ(dial.begins(0ms), "");
  EXPECT_EQ(dial.begins(500ms), circuit(2));
  dial.queue.attempt_ended(true);
  dial.queue.attempt_ended(true);
  EXPECT_TRUE(dial.queue.exhausted());
}

TEST(DialQueue, AsksOnlySoManyRelaysAtATime) {
  Dial dial;
  for (int i = 1; i <= 10; ++i)
    dial.with({circuit(i)});
  std::size_t begun = 0;
  while (!dial.begins(1s * (begun + 1)).empty())
    ++begun;
  EXPECT_EQ(begun, dial_circuits_at_once);
}

TEST(DialQueue, LetsOnlySoManyAttemptsGoOnAtATime) {
  Dial dial(2);
  dial.queue.add(many(1, 3), true);
  EXPECT_NE(dial.begins(0s), "");
  EXPECT_NE(dial.begins(1s), "");
  EXPECT_EQ(dial.begins(1h), "");
  EXPECT_EQ(dial.queue.next_attempt_at(), never);
  dial.queue.attempt_ended();
  EXPECT_EQ(dial.begins(1h), numbered(3).to_string());
}

TEST(DialQueue, PutsWhatComesLaterInItsPlace) {
  Dial dial;
  dial.with({"/ip4/198.51.100.1/tcp/1", "/ip4/198.51.100.2/tcp/1", "/dns4/near.example/tcp/1"});
  EXPECT_EQ(dial.begins(0ms), "/ip4/198.51.100.1/tcp/1");
  auto name = dial.queue.next_name();
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->address, address("/dns4/near.example/tcp/1"));
  dial.queue.resolved(*name, {address("/ip4/192.168.0.1/tcp/1")});
  EXPECT_EQ(dial.begins(30ms), "/ip4/192.168.0.1/tcp/1");
  EXPECT_EQ(dial.begins(280ms), "/ip4/198.51.100.2/tcp/1");
}

TEST(DialQueue, IsNotExhaustedWhileANameIsLookedUp) {
  Dial dial;
  dial.with({"/dns4/a.example/tcp/1"});
  EXPECT_FALSE(dial.queue.exhausted());
  EXPECT_EQ(dial.begins(0s), "");
  auto name = dial.queue.next_name();
  EXPECT_FALSE(dial.queue.exhausted());
  dial.queue.resolved(*name, {});
  EXPECT_TRUE(dial.queue.exhausted());
  EXPECT_EQ(dial.queue.offered(), 1u);
}

TEST(DialQueue, TriesNothingTwiceAndNobodyElse) {
  Dial dial;
  const std::string here = "/ip4/198.51.100.1/tcp/1";
  dial.with({here, here, here + "/p2p/" + alice.to_string(),
             "/ip4/198.51.100.2/tcp/1/p2p/" + bob.to_string()});
  EXPECT_EQ(dial.begins(0s), here);
  dial.queue.attempt_ended();
  dial.with({here});
  EXPECT_EQ(dial.begins(1s), "");
  EXPECT_TRUE(dial.queue.exhausted());
}

TEST(DialQueue, LeavesAloneWhatItIsTold) {
  DialChoice choice = DialChoice::leave_alone;
  Dial dial(8, [&choice](const Multiaddr&) { return choice; });
  dial.queue.add({numbered(1)}, true);
  EXPECT_EQ(dial.queue.left_alone(), 1u);
  choice = DialChoice::ourselves;
  dial.queue.add({numbered(2)}, true);
  EXPECT_EQ(dial.queue.ourselves(), 1u);
  EXPECT_TRUE(dial.queue.exhausted());
  // Somebody insists.
  choice = DialChoice::go;
  dial.queue.add({numbered(1)}, true);
  EXPECT_EQ(dial.begins(0s), numbered(1).to_string());
}

TEST(DialQueue, FollowsAStrangersNameToPublicAddressesOnly) {
  Dial dial;
  const Multiaddr strange = address("/dnsaddr/strange.example");
  const std::vector<Multiaddr> found = {address("/ip4/192.168.0.1/tcp/1"),
                                        address("/ip4/127.0.0.1/tcp/1"),
                                        address("/dns4/two.example/tcp/1"), numbered(1)};
  dial.queue.add({strange}, false);
  auto name = dial.queue.next_name();
  ASSERT_TRUE(name.has_value());
  dial.queue.resolved(*name, found);
  EXPECT_EQ(dial.begins(0s), numbered(1).to_string());
  auto second = dial.queue.next_name();
  ASSERT_TRUE(second.has_value());
  dial.queue.resolved(*second, {address("/ip4/10.0.0.1/tcp/1")});
  EXPECT_EQ(dial.begins(1h), "");
  // The user may well mean a neighbour.
  dial.queue.add({strange}, true);
  auto again = dial.queue.next_name();
  ASSERT_TRUE(again.has_value());
  dial.queue.resolved(*again, found);
  EXPECT_EQ(dial.begins(2h), "/ip4/127.0.0.1/tcp/1");
  EXPECT_EQ(dial.begins(3h), "/ip4/192.168.0.1/tcp/1");
}

TEST(DialQueue, TriesSoManyAddressesInAllWhoeverGaveThem) {
  Dial dial;
  dial.queue.add(many(1, 60), true);
  dial.with({"/dnsaddr/a.example", "/dnsaddr/b.example"});
  for (int i : {1000, 2000}) {
    auto name = dial.queue.next_name();
    ASSERT_TRUE(name.has_value());
    dial.queue.resolved(*name, many(i, 60));
  }
  std::size_t tried = 0;
  while (dial.queue.next_attempt(start)) {
    ++tried;
    dial.queue.attempt_ended();
  }
  EXPECT_EQ(tried, dial_addresses_max);
  EXPECT_TRUE(dial.queue.exhausted());
}

TEST(DialQueue, LooksUpSoManyNamesInAllAndAFewAtATime) {
  Dial dial;
  std::vector<Multiaddr> names;
  for (int i = 0; i < 1000; ++i)
    names.push_back(address("/dnsaddr/n" + std::to_string(i) + ".example"));
  dial.queue.add(names, true);
  std::vector<DialQueue::Name> open;
  while (auto name = dial.queue.next_name())
    open.push_back(*std::move(name));
  EXPECT_EQ(open.size(), dial_lookups_at_once);
  std::size_t looked_up = 0;
  while (!open.empty()) {
    ++looked_up;
    // Each leads to more.
    std::vector<Multiaddr> found;
    for (int i = 0; i < 64; ++i)
      found.push_back(address("/dnsaddr/m" + std::to_string(looked_up * 64 + i) + ".example"));
    dial.queue.resolved(open.back(), std::move(found));
    open.pop_back();
    while (auto name = dial.queue.next_name())
      open.push_back(*std::move(name));
  }
  EXPECT_EQ(looked_up, dial_lookups_max);
  EXPECT_TRUE(dial.queue.exhausted());
}

TEST(DialQueue, FollowsNamesOnlySoDeepAndNeverInACircle) {
  Dial dial;
  dial.with({"/dnsaddr/0.example"});
  int depth = 0;
  while (auto name = dial.queue.next_name()) {
    ++depth;
    dial.queue.resolved(*name, {address("/dnsaddr/" + std::to_string(depth) + ".example")});
  }
  EXPECT_EQ(depth, resolve_depth_max);
  EXPECT_TRUE(dial.queue.exhausted());

  Dial circle;
  circle.with({"/dnsaddr/a.example"});
  auto name = circle.queue.next_name();
  circle.queue.resolved(*name, {address("/dnsaddr/a.example")});
  EXPECT_FALSE(circle.queue.next_name().has_value());
}

}  // namespace
}  // namespace kith::net
