#include <gtest/gtest.h>

#include <kith/net/test_peer.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;
using Addresses = std::vector<Multiaddr>;
using Peer = TestPeer;

/// Pushes `message` from one peer to another as a peer that lies may.
Task<void> push(Peer& from, PeerId to, IdentifyMessage message) {
  std::vector<ProtocolId> protocols = {ProtocolId(identify_push_protocol)};
  Instant deadline = from.soon();
  KITH_CO_TRY(std::unique_ptr<Stream> stream,
              co_await from.swarm.open_stream(to, std::move(protocols), deadline));
  for (const Bytes& part : encode_identify(message))
    KITH_CO_CHECK(co_await port::write_message(*stream, part, deadline));
  KITH_CO_CHECK(co_await stream->close_write(deadline));
  // Its end says that it was read.
  auto end = co_await stream->read_buffer(1, deadline);
  EXPECT_FALSE(end.has_value());
  co_return Result<void>{};
}

const Multiaddr loopback_address = address("/ip4/127.0.0.1/tcp/5001");
const Multiaddr local_address = address("/ip4/192.168.1.1/tcp/80");
const Multiaddr global_address = address("/ip4/203.0.113.5/tcp/4001");

/// What is known of a peer that announces all kinds of addresses, and is itself at `ip`.
Task<void> announces_everything(sim::World& world, const std::string& ip, Addresses& learned) {
  Peer one(world.add_node(at("198.51.100.1")), 1);
  Peer two(world.add_node(at(ip)), 2);
  KITH_CO_CHECK(co_await two.swarm.connect(one.id(), one.addresses(), two.soon()));
  KITH_CO_CHECK(co_await port::sleep_for(one.env().clock, 5s));
  IdentifyMessage message;
  message.listen_addresses = {loopback_address, local_address, global_address};
  KITH_CO_TRY(message.signed_record,
              seal_peer_record(two.swarm.identity(), UINT64_MAX, message.listen_addresses));
  KITH_CO_CHECK(co_await push(two, one.id(), message));
  learned = one.store.addresses(two.id(), one.env().wall.now());
  std::ranges::sort(learned);
  KITH_CO_CHECK(co_await one.close());
  KITH_CO_CHECK(co_await two.close());
  co_return Result<void>{};
}

TEST(Identify, TakesNoAddressOfOurOwnMachineOrNetworkFromAStranger) {
  Addresses learned;
  const std::string stranger = "198.51.100.2";
  sim::run_test(1, announces_everything, stranger, learned);
  EXPECT_EQ(learned, Addresses{global_address});
}

TEST(Identify, TakesAddressesOfOurNetworkFromANeighbour) {
  Addresses learned;
  const std::string neighbour = "192.168.1.2";
  sim::run_test(1, announces_everything, neighbour, learned);
  EXPECT_EQ(learned, (Addresses{local_address, global_address}));
}

/// A peer behind port forwarding: its machine has only a private address, and is reached at
/// another.
Task<void> forwarded_port(sim::World& world) {
  Peer one(world.add_node(at("198.51.100.1")), 1);
  Peer two(world.add_node(at("198.51.100.2")), 2);
  const Addresses outside = two.addresses();
  two.net.shown = {"192.168.7.7"};
  KITH_CO_TRY(ConnectionId id, co_await one.swarm.connect(two.id(), outside, one.soon()));
  KITH_CO_CHECK(co_await one.identify.wait(id, one.soon()));
  one.swarm.disconnect(two.id());
  KITH_CO_CHECK(co_await port::sleep_for(one.env().clock, 5s));
  EXPECT_FALSE(one.swarm.connected(two.id()));
  KITH_CO_CHECK(co_await one.swarm.connect(two.id(), {}, one.soon()));
  KITH_CO_CHECK(co_await one.close());
  KITH_CO_CHECK(co_await two.close());
  co_return Result<void>{};
}
TEST(Identify, APeerIsDialedAgainWhereItWasReached) {
  sim::run_seeds(1, 5, forwarded_port);
}

// What we tell.

/// What `of` answers to `asker`.
Task<IdentifyMessage> ask(Swarm& asker, PeerId of, Instant deadline) {
  std::vector<ProtocolId> protocols = {ProtocolId(identify_protocol)};
  KITH_CO_TRY(std::unique_ptr<Stream> stream,
              co_await asker.open_stream(of, std::move(protocols), deadline));
  port::BufferedReader reader(*stream);
  IdentifyMessage message;
  for (;;) {
    auto part = co_await reader.read_message(identify_message_bytes_max, deadline);
    if (!part && part.error().is(Errc::closed)) break;
    if (!part) co_return std::unexpected(part.error());
    KITH_CO_CHECK(merge_identify_part(*part, message));
  }
  KITH_CO_CHECK(co_await stream->close_write(deadline));
  co_return message;
}

Task<PeerRecord> ask_record(Swarm& asker, PeerId of, Instant deadline) {
  KITH_CO_TRY(IdentifyMessage message, co_await ask(asker, of, deadline));
  auto record = open_peer_record(message.signed_record);
  if (record) EXPECT_EQ(record->addresses, message.listen_addresses);
  co_return record;
}

const std::vector<std::string> own_ips = {"127.0.0.1", "192.168.1.3", "198.51.100.3"};
const Multiaddr own_loopback = address("/ip4/127.0.0.1/tcp/4001");
const Multiaddr own_local = address("/ip4/192.168.1.3/tcp/4001");
const Multiaddr own_global = address("/ip4/198.51.100.3/tcp/4001");

Task<void> tells_by_scope(sim::World& world) {
  Peer one(world.add_node(at("198.51.100.3")), 1);
  Peer stranger(world.add_node(at("198.51.100.4")), 2);
  Peer neighbour(world.add_node(at("192.168.1.5")), 3);
  Peer inside(one.node, 4, {}, nullptr, 4002);
  one.net.shown = own_ips;
  const Addresses where = {own_global};
  KITH_CO_CHECK(co_await stranger.swarm.connect(one.id(), where, one.soon()));
  KITH_CO_CHECK(co_await neighbour.swarm.connect(one.id(), where, one.soon()));
  KITH_CO_CHECK(co_await inside.swarm.connect(one.id(), {own_loopback}, one.soon()));
  KITH_CO_TRY(PeerRecord to_stranger, co_await ask_record(stranger.swarm, one.id(), one.soon()));
  EXPECT_EQ(to_stranger.addresses, Addresses{own_global});
  KITH_CO_TRY(PeerRecord to_neighbour, co_await ask_record(neighbour.swarm, one.id(), one.soon()));
  EXPECT_EQ(to_neighbour.addresses, (Addresses{own_local, own_global}));
  KITH_CO_TRY(PeerRecord to_inside, co_await ask_record(inside.swarm, one.id(), one.soon()));
  EXPECT_EQ(to_inside.addresses, (Addresses{own_loopback, own_local, own_global}));
  EXPECT_EQ(to_stranger.sequence, to_inside.sequence);
  for (Peer* peer : {&one, &stranger, &neighbour, &inside})
    KITH_CO_CHECK(co_await peer->close());
  co_return Result<void>{};
}
TEST(Identify, TellsEachPeerTheAddressesThatMeanSomethingToIt) {
  sim::run_seeds(1, 3, tells_by_scope);
}

Task<void> asked_often(sim::World& world) {
  Peer one(world.add_node(at("198.51.100.3")), 1);
  Peer two(world.add_node(at("198.51.100.4")), 2);
  KITH_CO_CHECK(co_await two.swarm.connect(one.id(), {own_global}, one.soon()));
  KITH_CO_CHECK(co_await port::sleep_for(one.env().clock, 5s));
  KITH_CO_TRY(IdentifyMessage first, co_await ask(two.swarm, one.id(), one.soon()));
  std::size_t looks = one.net.looks;
  KITH_CO_TRY(IdentifyMessage again, co_await ask(two.swarm, one.id(), one.soon()));
  EXPECT_EQ(again.signed_record, first.signed_record);
  EXPECT_EQ(one.net.looks, looks) << "the machine isn't asked for each peer that asks";

  one.net.shown = {"198.51.100.9"};
  KITH_CO_CHECK(co_await port::sleep_for(one.env().clock, identify_look_interval + 5s));
  KITH_CO_TRY(PeerRecord moved, co_await ask_record(two.swarm, one.id(), one.soon()));
  EXPECT_EQ(moved.addresses, Addresses{address("/ip4/198.51.100.9/tcp/4001")});
  auto before = open_peer_record(first.signed_record);
  KITH_CO_REQUIRE(before.has_value());
  EXPECT_GT(moved.sequence, before->sequence);
  KITH_CO_CHECK(co_await one.close());
  KITH_CO_CHECK(co_await two.close());
  co_return Result<void>{};
}
TEST(Identify, SignsARecordOnceForEachChangeOfItsAddresses) {
  sim::run_test(1, asked_often);
}

// Pushes.

/// Counts the pushes that come instead of taking them.
std::shared_ptr<std::size_t> count_pushes(Peer& at) {
  auto count = std::make_shared<std::size_t>(0);
  at.swarm.handle(ProtocolId(identify_push_protocol),
                  [count](std::unique_ptr<Stream> stream) -> Task<void> {
                    ++*count;
                    co_await port::read_to_end(*stream, 100'000);
                    co_return co_await stream->close_write();
                  });
  return count;
}

Task<void> moves(sim::World& world) {
  Peer one(world.add_node(at("198.51.100.3")), 1);
  Peer two(world.add_node(at("198.51.100.4")), 2);
  KITH_CO_CHECK(co_await two.swarm.connect(one.id(), one.addresses(), two.soon()));
  KITH_CO_CHECK(co_await port::sleep_for(one.env().clock, 5s));
  one.net.shown = {"198.51.100.3", "203.0.113.9"};
  KITH_CO_CHECK(co_await port::sleep_for(one.env().clock, identify_look_interval + 5s));
  const Multiaddr fresh = address("/ip4/203.0.113.9/tcp/4001");
  EXPECT_EQ(std::ranges::count(two.store.addresses(one.id(), two.env().wall.now()), fresh), 1);
  one.net.shown = {"198.51.100.3"};
  KITH_CO_CHECK(co_await port::sleep_for(one.env().clock, identify_look_interval + 5s));
  EXPECT_EQ(std::ranges::count(two.store.addresses(one.id(), two.env().wall.now()), fresh), 0);
  KITH_CO_CHECK(co_await one.close());
  KITH_CO_CHECK(co_await two.close());
  co_return Result<void>{};
}
TEST(Identify, PushesWhenTheMachineHasOtherAddresses) {
  sim::run_seeds(1, 3, moves);
}

Task<void> says_at_once(sim::World& world) {
  Peer one(world.add_node(at("198.51.100.3")), 1);
  Peer two(world.add_node(at("198.51.100.4")), 2);
  KITH_CO_CHECK(co_await two.swarm.connect(one.id(), one.addresses(), two.soon()));
  KITH_CO_CHECK(co_await port::sleep_for(one.env().clock, 5s));
  one.node.set_addresses({*port::IpAddress::parse("203.0.113.9")});
  KITH_CO_CHECK(co_await port::sleep_for(one.env().clock, 3s));
  const Multiaddr fresh = address("/ip4/203.0.113.9/tcp/4001");
  EXPECT_EQ(std::ranges::count(two.store.addresses(one.id(), two.env().wall.now()), fresh), 1);
  KITH_CO_CHECK(co_await one.close());
  KITH_CO_CHECK(co_await two.close());
  co_return Result<void>{};
}
TEST(Identify, PushesAtOnceWhenTheMachineSaysThatItMoved) {
  sim::run_seeds(1, 3, says_at_once);
}

Task<void> pushes_what_is_news(sim::World& world) {
  Peer one(world.add_node(at("198.51.100.3")), 1);
  Peer stranger(world.add_node(at("198.51.100.4")), 2);
  Peer neighbour(world.add_node(at("192.168.1.5")), 3);
  auto to_stranger = count_pushes(stranger);
  auto to_neighbour = count_pushes(neighbour);
  KITH_CO_CHECK(co_await stranger.swarm.connect(one.id(), one.addresses(), one.soon()));
  KITH_CO_CHECK(co_await neighbour.swarm.connect(one.id(), one.addresses(), one.soon()));
  KITH_CO_CHECK(co_await port::sleep_for(one.env().clock, 3 * identify_look_interval));
  EXPECT_EQ(*to_stranger + *to_neighbour, 0u) << "nothing has changed";
  one.net.shown = {"198.51.100.3", "192.168.1.3"};
  KITH_CO_CHECK(co_await port::sleep_for(one.env().clock, 3 * identify_look_interval));
  EXPECT_EQ(*to_stranger, 0u) << "it isn't told of private addresses";
  EXPECT_EQ(*to_neighbour, 1u);

  // Three changes in a row are one push.
  for (const char* more : {"/a", "/b", "/c"})
    one.swarm.handle(more, [](std::unique_ptr<Stream>) -> Task<void> { co_return Result<void>{}; });
  KITH_CO_CHECK(co_await port::sleep_for(one.env().clock, 3 * identify_look_interval));
  EXPECT_EQ(*to_stranger, 1u);
  EXPECT_EQ(*to_neighbour, 2u);
  for (Peer* peer : {&one, &stranger, &neighbour})
    KITH_CO_CHECK(co_await peer->close());
  co_return Result<void>{};
}
TEST(Identify, PushesOnceAndOnlyToWhomItIsNews) {
  sim::run_seeds(1, 3, pushes_what_is_news);
}

/// A second connection to a peer that is connected already: it dials while we aren't looking.
Task<void> two_connections(sim::World& world) {
  Peer one(world.add_node(at("198.51.100.3")), 1);
  Peer two(world.add_node(at("198.51.100.4")), 2);
  auto pushes = count_pushes(two);
  auto dial = [](Peer& from, PeerId to, Addresses addresses) -> Task<void> {
    co_await from.swarm.connect(to, std::move(addresses), from.soon());
    co_return Result<void>{};
  };
  port::TaskGroup dials(one.env().executor, one.env().clock);
  dials.spawn(dial(one, two.id(), two.addresses()));
  dials.spawn(dial(two, one.id(), one.addresses()));
  co_await dials.join_shielded();
  KITH_CO_CHECK(co_await port::sleep_for(one.env().clock, 1s));
  std::size_t connections = one.swarm.connections_of(two.id()).size();
  one.swarm.handle("/a", [](std::unique_ptr<Stream>) -> Task<void> { co_return Result<void>{}; });
  KITH_CO_CHECK(co_await port::sleep_for(one.env().clock, 3s));
  EXPECT_EQ(*pushes, 1u) << "on " << connections << " connections";
  world.trace(connections);
  KITH_CO_CHECK(co_await one.close());
  KITH_CO_CHECK(co_await two.close());
  co_return Result<void>{};
}
TEST(Identify, PushesToAPeerOnceOnHoweverManyConnections) {
  sim::run_seeds(1, 10, two_connections);
}

Task<void> push_flood(sim::World& world) {
  Peer one(world.add_node(at("198.51.100.3")), 1);
  Peer two(world.add_node(at("198.51.100.4")), 2);
  KITH_CO_CHECK(co_await two.swarm.connect(one.id(), one.addresses(), two.soon()));
  KITH_CO_CHECK(co_await port::sleep_for(one.env().clock, 5s));
  IdentifyMessage message;
  for (std::size_t i = 1; i <= 2 * identify_pushes_taken_max; ++i) {
    message.agent = "flood/" + std::to_string(i);
    co_await push(two, one.id(), message);
  }
  EXPECT_EQ(one.store.agent(two.id()), "flood/" + std::to_string(identify_pushes_taken_max));
  KITH_CO_CHECK(co_await port::sleep_for(one.env().clock, identify_pushes_taken_interval));
  message.agent = "calm/1";
  KITH_CO_CHECK(co_await push(two, one.id(), message));
  EXPECT_EQ(one.store.agent(two.id()), "calm/1");
  KITH_CO_CHECK(co_await one.close());
  KITH_CO_CHECK(co_await two.close());
  co_return Result<void>{};
}
TEST(Identify, TakesPushesAtABoundedRate) {
  sim::run_test(1, push_flood);
}

// What we learn.

Task<void> observed_by_many(sim::World& world) {
  Peer one(world.add_node(at("198.51.100.3")), 1);
  sim::Node& shared = world.add_node(at("198.51.100.4"));
  Peer two(shared, 2);
  Peer three(shared, 3, {}, nullptr, 4002);
  Peer four(world.add_node(at("203.0.113.4")), 4);
  for (Peer* peer : {&two, &three, &four}) {
    KITH_CO_TRY(ConnectionId id,
                co_await one.swarm.connect(peer->id(), peer->addresses(), one.soon()));
    KITH_CO_CHECK(co_await one.identify.wait(id, one.soon()));
  }
  std::vector<Identify::Observed> observed = one.identify.observed_addresses();
  KITH_CO_REQUIRE(observed.size() == 1);
  EXPECT_EQ(observed[0].address, own_global);
  EXPECT_EQ(observed[0].peers, 3u);
  EXPECT_EQ(observed[0].networks, 2u) << "two of them are one machine";
  for (Peer* peer : {&one, &two, &three, &four})
    KITH_CO_CHECK(co_await peer->close());
  co_return Result<void>{};
}
TEST(Identify, CountsThePeersAndNetworksThatSeeUsSomewhere) {
  sim::run_test(1, observed_by_many);
}

Task<void> records(sim::World& world) {
  Peer one(world.add_node(at("198.51.100.3")), 1);
  Peer two(world.add_node(at("198.51.100.4")), 2);
  KITH_CO_CHECK(co_await two.swarm.connect(one.id(), one.addresses(), two.soon()));
  KITH_CO_CHECK(co_await port::sleep_for(one.env().clock, 5s));
  const Addresses first = {address("/ip4/203.0.113.1/tcp/1")};
  const Addresses second = {address("/ip4/203.0.113.2/tcp/2")};
  const Addresses third = {address("/ip4/203.0.113.3/tcp/3")};
  constexpr std::uint64_t late = UINT64_MAX - 1;
  auto known = [&one, &two] { return one.store.addresses(two.id(), one.env().wall.now()); };

  IdentifyMessage message;
  KITH_CO_TRY(message.signed_record, seal_peer_record(two.swarm.identity(), late, first));
  KITH_CO_CHECK(co_await push(two, one.id(), message));
  EXPECT_EQ(known(), first);
  const Bytes newest = message.signed_record;

  KITH_CO_TRY(message.signed_record, seal_peer_record(two.swarm.identity(), late - 1, second));
  message.listen_addresses = second;
  KITH_CO_CHECK(co_await push(two, one.id(), message));
  EXPECT_EQ(known(), first) << "older than what it said before";
  EXPECT_EQ(one.store.signed_record(two.id()), newest);

  KITH_CO_TRY(message.signed_record, seal_peer_record(key_of(9), UINT64_MAX, second));
  message.listen_addresses = third;
  KITH_CO_CHECK(co_await push(two, one.id(), message));
  EXPECT_EQ(known(), third) << "a record of somebody else says nothing, the list does";
  EXPECT_EQ(one.store.signed_record(two.id()), newest);

  message = {};
  message.public_key = to_bytes(key_of(9).public_key().encoded());
  message.listen_addresses = first;
  message.agent = "somebody/else";
  KITH_CO_CHECK(co_await push(two, one.id(), message));
  EXPECT_EQ(known(), third) << "a message with another key isn't believed at all";
  EXPECT_EQ(one.store.agent(two.id()), "test/1");
  KITH_CO_CHECK(co_await one.close());
  KITH_CO_CHECK(co_await two.close());
  co_return Result<void>{};
}
TEST(Identify, BelievesOnlyThePeersOwnAndNewestRecord) {
  sim::run_test(1, records);
}

Task<void> many_protocols(sim::World& world) {
  Peer one(world.add_node(at("198.51.100.3")), 1);
  for (int i = 0; i < 300; ++i) {
    one.swarm.handle("/protocol/" + std::to_string(i) + "/" + std::string(30, 'x'),
                     [](std::unique_ptr<Stream>) -> Task<void> { co_return Result<void>{}; });
  }
  Peer two(world.add_node(at("198.51.100.4")), 2);
  KITH_CO_TRY(ConnectionId id, co_await two.swarm.connect(one.id(), {own_global}, two.soon()));
  KITH_CO_CHECK(co_await two.identify.wait(id, two.soon()));
  EXPECT_EQ(two.store.protocols(one.id()), one.swarm.protocols());
  EXPECT_EQ(two.store.addresses(one.id(), two.env().wall.now()), Addresses{own_global});
  KITH_CO_CHECK(co_await one.close());
  KITH_CO_CHECK(co_await two.close());
  co_return Result<void>{};
}
TEST(Identify, TellsMoreThanFitsIntoOnePart) {
  sim::run_seeds(1, 3, many_protocols);
}

// What we dial.

Task<void> own_address_of_another(sim::World& world) {
  Peer one(world.add_node(), 1);
  const PeerId other = PeerId::from_public_key(key_of(9).public_key());
  one.store.add_addresses(other, one.addresses(), AddressSource::identify, one.env().wall.now());
  std::uint64_t before = world.net().packets_delivered();
  auto dialed = co_await one.swarm.connect(other, {}, one.soon());
  EXPECT_TRUE(!dialed && dialed.error().is(SwarmError::dial_self));
  EXPECT_EQ(world.net().packets_delivered(), before);
  KITH_CO_CHECK(co_await one.close());
  co_return Result<void>{};
}
TEST(Swarm, DoesNotDialItselfWhoeverIsSaidToBeThere) {
  sim::run_test(1, own_address_of_another);
}

Task<void> neighbours_on_one_machine(sim::World& world) {
  Peer one(world.add_node(), 1);
  PeerStore store;
  Swarm other(one.env(), key_of(2), store);
  KITH_CO_CHECK(other.listen(address("/ip4/127.0.0.1/tcp/4002")));
  KITH_CO_CHECK(
      co_await one.swarm.connect(other.local_peer(), other.listen_addresses(), one.soon()));
  EXPECT_TRUE(one.swarm.connected(other.local_peer()));
  KITH_CO_CHECK(co_await other.close_shielded());
  KITH_CO_CHECK(co_await one.close());
  co_return Result<void>{};
}
TEST(Swarm, DialsANeighbourOnTheSameMachine) {
  sim::run_test(1, neighbours_on_one_machine);
}

Task<void> name_of_a_neighbour(sim::World& world) {
  Peer one(world.add_node(at("198.51.100.1")), 1);
  Peer two(world.add_node(at("10.0.0.2")), 2);
  world.net().add_name("stranger.example", two.node.address());
  const Multiaddr name = address("/dns4/stranger.example/tcp/4001");
  WallTime now = one.env().wall.now();
  one.store.add_addresses(two.id(), {name}, AddressSource::identify, now);
  auto dialed = co_await one.swarm.connect(two.id(), {}, one.soon());
  EXPECT_TRUE(!dialed && dialed.error().is(SwarmError::no_transport));
  EXPECT_EQ(two.swarm.connection_count(), 0u);

  // Who gives us the name means it.
  KITH_CO_CHECK(co_await one.swarm.connect(two.id(), {name}, one.soon()));
  one.swarm.disconnect(two.id());
  KITH_CO_CHECK(co_await port::sleep_for(one.env().clock, 5s));
  one.store.set_addresses(two.id(), {}, AddressSource::connected, now);
  KITH_CO_CHECK(co_await one.swarm.connect(two.id(), {}, one.soon()));
  KITH_CO_CHECK(co_await one.close());
  KITH_CO_CHECK(co_await two.close());
  co_return Result<void>{};
}
TEST(Swarm, AStrangersNameDoesNotLeadIntoOurNetwork) {
  sim::run_test(1, name_of_a_neighbour);
}

/// What is believed of where a peer says that it sees us.
Task<void> seen_at(sim::World& world, std::vector<Multiaddr>& said, Addresses& believed) {
  Peer one(world.add_node(at("198.51.100.3")), 1);
  Peer two(world.add_node(at("203.0.113.4")), 2);
  KITH_CO_TRY(const ConnectionId id,
              co_await one.swarm.connect(two.id(), two.addresses(), one.soon()));
  KITH_CO_CHECK(co_await one.identify.wait(id, one.soon()));
  for (const Multiaddr& where : said) {
    IdentifyMessage message;
    message.observed_address = where;
    KITH_CO_CHECK(co_await push(two, one.id(), message));
    for (const Identify::Observed& observed : one.identify.observed_addresses())
      believed.push_back(observed.address);
  }
  std::ranges::sort(believed);
  believed.erase(std::unique(believed.begin(), believed.end()), believed.end());
  KITH_CO_CHECK(co_await one.close());
  co_return co_await two.close();
}
TEST(Identify, IsSeenNowhereWhereItsConnectionCantBe) {
  const Multiaddr behind_nat = address("/ip4/203.0.113.77/tcp/5555");
  std::vector<Multiaddr> said = {behind_nat, address("/ip4/203.0.113.9/udp/4001/quic-v1"),
                                 address("/ip4/203.0.113.9/tcp/443/tls/ws"),
                                 address("/ip4/203.0.113.9/tcp/4001/http"),
                                 address("/ip6/2600::1/tcp/4001")};
  Addresses believed;
  sim::run_test(1, seen_at, said, believed);
  EXPECT_EQ(believed, Addresses{behind_nat});
}

}  // namespace
}  // namespace kith::net
