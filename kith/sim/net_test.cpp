#include <errno.h>
#include <gtest/gtest.h>

#include <kith/port/port.hpp>
#include <kith/sim/testing.hpp>

namespace kith::sim {
namespace {

using port::Endpoint;
using port::IpAddress;

/// Round numbers, so that times can be said exactly. No short reads, no jitter.
WorldOptions plain() {
  WorldOptions options;
  options.network.short_read = 0;
  return options;
}

constexpr LinkOptions plain_link{
    .latency = 10ms, .jitter = Duration(0), .bytes_per_second = 1'000'000, .window_bytes = 100'000};

Task<std::unique_ptr<port::TcpStream>> dial(Node& from, Endpoint remote, Instant deadline = never) {
  port::TcpDialOptions options;
  co_return co_await from.env().net.dial_tcp(remote, options, deadline);
}

TEST(Tcp, RefusesADialWithoutListenerAfterOneRoundTrip) {
  run_test_with(1, plain(), [](World& world) -> Task<void> {
    world.net().set_links(plain_link);
    Node& near = world.add_node();
    Node& far = world.add_node();
    auto stream = co_await dial(near, far.endpoint(9));
    EXPECT_TRUE(!stream && stream.error().is_errno(ECONNREFUSED));
    EXPECT_EQ(world.now() - world_begin, 20ms);
    co_return Result<void>{};
  });
}

TEST(Tcp, LosesADialToNowhereUntilItsDeadline) {
  run_test_with(1, plain(), [](World& world) -> Task<void> {
    Node& near = world.add_node();
    Node& far = world.add_node();
    Endpoint nowhere{*IpAddress::parse("192.0.2.1"), 80};
    Instant deadline = world.now() + 5s;
    auto stream = co_await dial(near, nowhere, deadline);
    EXPECT_TRUE(!stream && stream.error().is(Errc::timed_out));
    EXPECT_EQ(world.now(), deadline);

    KITH_CO_TRY(auto listener, far.env().net.listen_tcp(far.endpoint(80), {}));
    world.net().cut_one_way(far.id(), near.id());
    stream = co_await dial(near, far.endpoint(80), world.now() + 2s);
    EXPECT_TRUE(!stream && stream.error().is(Errc::timed_out));
    stream = co_await dial(near, far.endpoint(80));
    EXPECT_TRUE(!stream && stream.error().is_errno(ETIMEDOUT));
    EXPECT_EQ(world.now(), deadline + 2s + 127s);
    co_return Result<void>{};
  });
}

TEST(Tcp, TriesADialAgainWhenTheWayIsClear) {
  World world(1, plain());
  world.net().set_links(plain_link);
  Node& near = world.add_node();
  Node& far = world.add_node();
  auto listener = far.env().net.listen_tcp(far.endpoint(80), {}).value();
  world.net().isolate(near.id());
  std::optional<Duration> took;
  near.spawn([](Node& from, Endpoint to, std::optional<Duration>& after) -> Task<void> {
    KITH_CO_TRY(auto stream, co_await dial(from, to));
    after = from.env().clock.now() - world_begin;
    co_return Result<void>{};
  }(near, far.endpoint(80), took));
  world.run_for(1500ms);
  world.net().heal();
  world.run_until([&took] { return took.has_value(); });
  EXPECT_EQ(took, 3s + 20ms) << "the third SYN leaves after 1 s and 2 s more";
}

TEST(Tcp, TakesNoMoreThanItsWindowFromAWriterWhoseReaderStops) {
  run_test_with(1, plain(), [](World& world) -> Task<void> {
    world.net().set_links(plain_link);
    auto [writer, reader] = world.connect(world.add_node(), world.add_node());
    Bytes half(plain_link.window_bytes / 2);
    KITH_CO_CHECK(co_await writer->write(half));
    KITH_CO_CHECK(co_await writer->write(half));
    Bytes one(1);
    auto blocked = co_await writer->write(one, world.now() + 60s);
    EXPECT_TRUE(!blocked && blocked.error().is(Errc::timed_out));
    // Room is known one latency after the read.
    Bytes into(1000);
    KITH_CO_TRY(std::size_t got, co_await reader->read_some(into));
    EXPECT_EQ(got, into.size());
    Instant read_at = world.now();
    KITH_CO_CHECK(co_await writer->write(one));
    EXPECT_EQ(world.now() - read_at, plain_link.latency);
    co_return Result<void>{};
  });
}

Task<void> write_much(port::Stream& stream, std::size_t size) {
  Bytes part(10'000);
  for (std::size_t done = 0; done < size; done += part.size())
    KITH_CO_CHECK(co_await stream.write(part));
  co_return co_await stream.close_write();
}

/// How long a megabyte takes over a link.
Duration megabyte_over(const LinkOptions& link) {
  World world(1, plain());
  world.net().set_links(link);
  Node& near = world.add_node();
  auto [writer, reader] = world.connect(near, world.add_node());
  near.spawn(write_much(*writer, 1'000'000));
  auto got = world.run(port::read_to_end(*reader, 1'000'000));
  EXPECT_TRUE(got.has_value() && got->size() == 1'000'000);
  return world.now() - world_begin;
}

TEST(Tcp, IsAsFastAsTheLinkOrTheWindowAllows) {
  LinkOptions link = plain_link;
  EXPECT_EQ(megabyte_over(link), 1s + 10ms) << "rate, and one latency";
  link.latency = 500ms;
  // Ten windows, and from one to the next a round trip and the first piece's 10 ms.
  Duration windows = megabyte_over(link);
  EXPECT_GT(windows, 9 * 1s);
  EXPECT_LT(windows, 11 * 1s);
}

TEST(Tcp, SharesALinkBetweenItsStreams) {
  World world(1, plain());
  world.net().set_links(plain_link);
  Node& near = world.add_node();
  Node& far = world.add_node();
  auto [writer_1, reader_1] = world.connect(near, far);
  auto [writer_2, reader_2] = world.connect(near, far);
  near.spawn(write_much(*writer_1, 1'000'000));
  near.spawn(write_much(*writer_2, 1'000'000));
  far.spawn([](port::Stream& stream) -> Task<void> {
    KITH_CO_TRY(Bytes all, co_await port::read_to_end(stream, 1'000'000));
    co_return Result<void>{};
  }(*reader_1));
  auto got = world.run(port::read_to_end(*reader_2, 1'000'000));
  EXPECT_TRUE(got.has_value());
  EXPECT_GT(world.now() - world_begin, 1900ms);
}

TEST(Tcp, ClosesEachDirectionAlone) {
  run_test(1, [](World& world) -> Task<void> {
    auto [near, far] = world.connect(world.add_node(), world.add_node());
    KITH_CO_CHECK(co_await near->write(as_bytes("question")));
    KITH_CO_CHECK(co_await near->close_write());
    KITH_CO_CHECK(co_await near->close_write());
    auto late = co_await near->write(as_bytes("more"));
    EXPECT_TRUE(!late && late.error().is(Errc::closed));
    KITH_CO_TRY(Bytes question, co_await port::read_to_end(*far, 100));
    EXPECT_EQ(as_text(question), "question");
    KITH_CO_CHECK(co_await far->write(as_bytes("answer")));
    KITH_CO_CHECK(co_await far->close_write());
    far.reset();
    KITH_CO_TRY(Bytes answer, co_await port::read_to_end(*near, 100));
    EXPECT_EQ(as_text(answer), "answer");
    co_return Result<void>{};
  });
}

TEST(Tcp, TellsAReaderAndAWriterOfAReset) {
  run_seeds(1, 10, [](World& world) -> Task<void> {
    auto [near, far] = world.connect(world.add_node(), world.add_node());
    near->reset();
    Bytes into(10);
    auto own = co_await near->read_some(into);
    EXPECT_TRUE(!own && own.error().is(Errc::reset));
    auto read = co_await far->read_some(into);
    EXPECT_TRUE(!read && read.error().is(Errc::reset));
    auto written = co_await far->write(into);
    EXPECT_TRUE(!written && written.error().is(Errc::reset));
    co_return Result<void>{};
  });
}

TEST(Tcp, ResetsTheOtherSideWhenAnOpenStreamIsDropped) {
  run_test(1, [](World& world) -> Task<void> {
    auto [near, far] = world.connect(world.add_node(), world.add_node());
    near.reset();
    Bytes into(10);
    auto read = co_await far->read_some(into);
    EXPECT_TRUE(!read && read.error().is(Errc::reset));
    co_return Result<void>{};
  });
}

TEST(Tcp, HoldsBackBehindACutAndGoesOnAfterHealing) {
  World world(1, plain());
  world.net().set_links(plain_link);
  Node& near = world.add_node();
  Node& far = world.add_node();
  auto [writer, reader] = world.connect(near, far);
  world.net().cut(near.id(), far.id());
  ASSERT_TRUE(world.run(writer->write(as_bytes("hello"))).has_value());
  Bytes into(10);
  auto early = world.run(reader->read_some(into, world.now() + 60s));
  EXPECT_TRUE(early.error().is(Errc::timed_out));
  world.net().heal();
  auto got = world.run(reader->read_some(into, world.now() + 1s));
  EXPECT_EQ(got.value_or(0), 5u);
}

TEST(Tcp, GivesUpOnAPeerThatStaysBehindACut) {
  World world(1, plain());
  Node& near = world.add_node();
  Node& far = world.add_node();
  auto [writer, reader] = world.connect(near, far);
  world.net().cut(near.id(), far.id());
  ASSERT_TRUE(world.run(writer->write(as_bytes("hello"))).has_value());
  Bytes into(10);
  auto failed = world.run(writer->read_some(into));
  EXPECT_TRUE(failed.error().is_errno(ETIMEDOUT));
  EXPECT_GE(world.now() - world_begin, 15min);
  // The other side has heard of nothing, and never will unless it sends.
  auto waits = world.run(reader->read_some(into));
  EXPECT_TRUE(waits.error().is(Errc::timed_out));
  world.net().heal();
  ASSERT_TRUE(world.run(reader->write(as_bytes("still there?"))).has_value());
  EXPECT_TRUE(world.run(reader->read_some(into)).error().is(Errc::reset));
}

TEST(Tcp, DeliversLateOverACloggedLinkAndNeverOverAStalledOne) {
  World world(1, plain());
  world.net().set_links(plain_link);
  Node& near = world.add_node();
  Node& far = world.add_node();
  auto [writer, reader] = world.connect(near, far);
  world.net().clog(near.id(), far.id(), 30s);
  ASSERT_TRUE(world.run(writer->write(as_bytes("hello"))).has_value());
  Bytes into(10);
  EXPECT_EQ(world.run(reader->read_some(into)).value_or(0), 5u);
  EXPECT_EQ(world.now() - world_begin, 30s);
  world.net().stall(near.id(), far.id());
  ASSERT_TRUE(world.run(writer->write(as_bytes("again"))).has_value());
  EXPECT_TRUE(world.run(reader->read_some(into)).error().is(Errc::timed_out));
  world.net().heal();
  EXPECT_EQ(world.run(reader->read_some(into)).value_or(0), 5u);
}

TEST(Network, EndsEachFaultOfALinkAlone) {
  World world(1, plain());
  world.net().set_links(plain_link);
  Node& near = world.add_node();
  Node& far = world.add_node();
  auto [writer, reader] = world.connect(near, far);
  const auto arrives = [&](Duration within) {
    Bytes into(10);
    return world.run(reader->read_some(into, world.now() + within)).has_value();
  };
  world.net().clog(near.id(), far.id(), 100s);
  world.net().clog(near.id(), far.id(), 1s);
  for (int i = 0; i < 2; ++i) {
    world.net().cut(near.id(), far.id());
    world.net().stall(near.id(), far.id());
  }
  ASSERT_TRUE(world.run(writer->write(as_bytes("hello"))).has_value());
  EXPECT_FALSE(arrives(10s)) << "clogged, cut twice and stalled twice";
  world.net().end_cut(near.id(), far.id());
  world.net().end_stall(near.id(), far.id());
  EXPECT_FALSE(arrives(10s)) << "clogged, cut and stalled";
  world.net().end_cut(near.id(), far.id());
  EXPECT_FALSE(arrives(10s)) << "clogged and stalled";
  world.net().cut(near.id(), far.id());
  world.net().end_stall(near.id(), far.id());
  EXPECT_FALSE(arrives(10s)) << "clogged and cut";
  world.net().end_cut(near.id(), far.id());
  EXPECT_FALSE(arrives(10s)) << "clogged";
  EXPECT_TRUE(arrives(100s));
  EXPECT_EQ(world.now() - world_begin, 100s);
}

TEST(Tcp, EndsAcceptWhenTheListenerCloses) {
  World world(1);
  Node& node = world.add_node();
  Node& other = world.add_node();
  auto listener = node.env().net.listen_tcp(node.endpoint(0), {}).value();
  Endpoint endpoint = listener->local_endpoint();
  EXPECT_NE(endpoint.port, 0);
  EXPECT_TRUE(node.env().net.listen_tcp(endpoint, {}).error().is_errno(EADDRINUSE));
  Endpoint any{IpAddress::any(port::IpFamily::v4), endpoint.port};
  EXPECT_TRUE(node.env().net.listen_tcp(any, {}).error().is_errno(EADDRINUSE));
  EXPECT_TRUE(node.env().net.listen_tcp(other.endpoint(1), {}).error().is_errno(EADDRNOTAVAIL));
  std::optional<Error> why;
  node.spawn([](port::TcpListener& on, std::optional<Error>& into) -> Task<void> {
    auto accepted = co_await on.accept();
    if (!accepted) into = accepted.error();
    co_return Result<void>{};
  }(*listener, why));
  world.run_for(1s);
  EXPECT_FALSE(why.has_value());
  listener->close();
  world.run_for(0s);
  EXPECT_TRUE(why && why->is(Errc::closed));
  EXPECT_TRUE(world.run(dial(other, endpoint)).error().is_errno(ECONNREFUSED));
}

TEST(Tcp, KeepsDialsWaitingWhileTheBacklogIsFull) {
  World world(1);
  Node& server = world.add_node();
  Node& client = world.add_node();
  port::TcpListenOptions options;
  options.backlog = 2;
  auto listener = server.env().net.listen_tcp(server.endpoint(80), options).value();
  auto one = world.run(dial(client, server.endpoint(80)));
  auto two = world.run(dial(client, server.endpoint(80)));
  ASSERT_TRUE(one && two);
  world.run_for(1s);
  auto three = world.run(dial(client, server.endpoint(80), world.now() + 1s));
  EXPECT_TRUE(three.error().is(Errc::timed_out));
  auto accepted = world.run(listener->accept());
  EXPECT_TRUE(accepted.has_value());
  three = world.run(dial(client, server.endpoint(80), world.now() + 1s));
  EXPECT_TRUE(three.has_value());
}

Task<void> dial_into(Node& from, port::TcpDialOptions options, Endpoint to,
                     std::unique_ptr<port::TcpStream>& into) {
  KITH_CO_TRY(into, co_await from.env().net.dial_tcp(to, options, never));
  co_return Result<void>{};
}

TEST(Tcp, MakesOneConnectionOfTwoCrossingDials) {
  World world(1, plain());
  world.net().set_links(plain_link);
  Node& a = world.add_node();
  Node& b = world.add_node();
  port::TcpListenOptions shared;
  shared.reuse_port = true;
  auto at_a = a.env().net.listen_tcp(a.endpoint(4001), shared).value();
  auto at_b = b.env().net.listen_tcp(b.endpoint(4001), shared).value();
  std::unique_ptr<port::TcpStream> from_a;
  std::unique_ptr<port::TcpStream> from_b;
  port::TcpDialOptions options_a;
  options_a.local = a.endpoint(4001);
  port::TcpDialOptions options_b;
  options_b.local = b.endpoint(4001);
  a.spawn(dial_into(a, options_a, b.endpoint(4001), from_a));
  world.run_for(5ms);
  b.spawn(dial_into(b, options_b, a.endpoint(4001), from_b));
  world.run_for(1s);
  ASSERT_TRUE(from_a && from_b);
  EXPECT_EQ(world.net().connections(), 1u);
  ASSERT_TRUE(world.run(from_a->write(as_bytes("x"))).has_value());
  Bytes into(1);
  EXPECT_EQ(world.run(from_b->read_some(into)).value_or(0), 1u);
}

TEST(Tcp, DialsFromAListeningPortOrAnyOtherIfThatIsTaken) {
  World world(1);
  Node& a = world.add_node();
  Node& b = world.add_node();
  auto listener = b.env().net.listen_tcp(b.endpoint(80), {}).value();
  port::TcpDialOptions options;
  options.local = a.endpoint(4001);
  auto first = world.run(a.env().net.dial_tcp(b.endpoint(80), options, never)).value();
  auto second = world.run(a.env().net.dial_tcp(b.endpoint(80), options, never)).value();
  EXPECT_EQ(first->local_endpoint(), a.endpoint(4001));
  EXPECT_NE(second->local_endpoint().port, 4001);
}

TEST(Tcp, StaysInsideTheNodeOnLoopback) {
  World world(1);
  Node& a = world.add_node();
  Node& b = world.add_node();
  Endpoint loopback{IpAddress::loopback(port::IpFamily::v4), 5001};
  auto listener = a.env().net.listen_tcp(loopback, {}).value();
  EXPECT_TRUE(world.run(dial(b, loopback)).error().is_errno(ECONNREFUSED));
  EXPECT_TRUE(world.run(dial(b, a.endpoint(5001))).error().is_errno(ECONNREFUSED));
  world.net().isolate(a.id());
  auto stream = world.run(dial(a, loopback));
  ASSERT_TRUE(stream.has_value());
  EXPECT_TRUE((*stream)->local_endpoint().address.is_loopback());
}

Task<void> collect(port::UdpSocket& socket, std::vector<std::string>& into) {
  for (;;) {
    Bytes datagram(2000);
    KITH_CO_TRY(auto got, co_await socket.receive(datagram));
    into.emplace_back(as_text(ByteView(datagram).first(got.size)));
  }
}

Task<void> send_numbers(port::UdpSocket& socket, Endpoint to, int count) {
  for (int i = 0; i < count; ++i) {
    std::string text = std::to_string(1000 + i);
    ByteView bytes = as_bytes(text);
    KITH_CO_CHECK(co_await socket.send(to, bytes));
  }
  co_return Result<void>{};
}

std::vector<std::string> thousand_datagrams(std::uint64_t seed, LinkOptions link) {
  World world(seed);
  world.net().set_links(link);
  Node& a = world.add_node();
  Node& b = world.add_node();
  auto from = a.env().net.bind_udp(a.endpoint(0), {}).value();
  auto to = b.env().net.bind_udp(b.endpoint(5353), {}).value();
  std::vector<std::string> got;
  b.spawn(collect(*to, got));
  EXPECT_TRUE(world.run(send_numbers(*from, b.endpoint(5353), 1000)).has_value());
  world.run_to_rest();
  world.finish();
  return got;
}

TEST(Udp, ArrivesInOrderOverAGoodLink) {
  auto got = thousand_datagrams(1, plain_link);
  ASSERT_EQ(got.size(), 1000u);
  EXPECT_TRUE(std::ranges::is_sorted(got));
}

TEST(Udp, IsLostDoubledAndOvertakenAsTheLinkSays) {
  LinkOptions link = plain_link;
  link.loss = 0.2;
  auto got = thousand_datagrams(1, link);
  EXPECT_NEAR(static_cast<double>(got.size()), 800, 50);
  link.loss = 0;
  link.duplicate = 0.1;
  got = thousand_datagrams(1, link);
  EXPECT_NEAR(static_cast<double>(got.size()), 1100, 40);
  EXPECT_EQ(std::set<std::string>(got.begin(), got.end()).size(), 1000u);
  link.duplicate = 0;
  link.reorder = 0.1;
  got = thousand_datagrams(1, link);
  EXPECT_EQ(got.size(), 1000u);
  EXPECT_FALSE(std::ranges::is_sorted(got));
  EXPECT_EQ(got, thousand_datagrams(1, link));
  EXPECT_NE(got, thousand_datagrams(2, link));
}

TEST(Udp, ReachesThoseOfTheSegmentThatJoinedTheGroup) {
  World world(1);
  world.net().set_links(plain_link);
  NodeOptions elsewhere;
  elsewhere.segment = 7;
  Node* nodes[] = {&world.add_node(), &world.add_node(), &world.add_node(),
                   &world.add_node(elsewhere)};
  Endpoint group{*IpAddress::parse("224.0.0.251"), 5353};
  Endpoint any{IpAddress::any(port::IpFamily::v4), 5353};
  std::vector<std::unique_ptr<port::UdpSocket>> sockets;
  std::vector<std::string> got[4];
  for (std::size_t i = 0; i < 4; ++i) {
    sockets.push_back(nodes[i]->env().net.bind_udp(any, {.reuse = true}).value());
    if (i != 1) ASSERT_TRUE(sockets[i]->join_multicast(group.address, 0).has_value());
    nodes[i]->spawn(collect(*sockets[i], got[i]));
  }
  ASSERT_TRUE(sockets[0]->set_multicast(network_interface, 255).has_value());
  ASSERT_TRUE(world.run(send_numbers(*sockets[0], group, 1)).has_value());
  world.run_to_rest();
  EXPECT_EQ(got[0].size(), 1u) << "own datagrams come back";
  EXPECT_EQ(got[1].size(), 0u) << "hasn't joined";
  EXPECT_EQ(got[2].size(), 1u);
  EXPECT_EQ(got[3].size(), 0u) << "another segment";
  world.finish();
}

Task<void> batches(World& world, const bool& coalesce) {
  world.net().set_links(plain_link);
  Node& near = world.add_node();
  Node& far = world.add_node();
  port::UdpOptions options;
  options.coalesce = coalesce;
  KITH_CO_TRY(auto from, near.env().net.bind_udp(near.endpoint(1), {}));
  KITH_CO_TRY(auto to, far.env().net.bind_udp(far.endpoint(2), options));
  const port::OutgoingDatagrams batch[] = {
      {.to = far.endpoint(2), .bytes = as_bytes("abcabcab"), .segment_bytes = 3},
      {.to = far.endpoint(2), .bytes = as_bytes("xyz"), .ecn = port::Ecn::capable_1}};
  KITH_CO_CHECK(co_await from->send_batch(batch));
  KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 1s));

  std::vector<Bytes> memory(10, Bytes(100));
  std::vector<port::IncomingDatagrams> came;
  for (Bytes& into : memory)
    came.push_back({.into = into});
  KITH_CO_TRY(std::size_t filled, co_await to->receive_batch(came));
  std::vector<std::string> texts;
  for (const port::IncomingDatagrams& one : std::span(came).first(filled))
    texts.emplace_back(as_text(ByteView(one.into).first(one.size)));
  using Texts = std::vector<std::string>;
  EXPECT_EQ(texts, coalesce ? Texts({"abcabcab", "xyz"}) : Texts({"abc", "abc", "ab", "xyz"}));
  EXPECT_EQ(came[0].segment_bytes, coalesce ? 3u : 0u);
  EXPECT_EQ(came[0].ecn, port::Ecn::not_capable);
  EXPECT_EQ(came[filled - 1].ecn, port::Ecn::capable_1);
  EXPECT_EQ(came[0].from, from->local_endpoint());
  auto none = co_await to->receive_batch(came, world.now() + 1s);
  EXPECT_TRUE(!none && none.error().is(Errc::timed_out));
  co_return Result<void>{};
}

TEST(Udp, SendsAndTakesBatches) {
  run_test_with(1, plain(), batches, false);
}

TEST(Udp, TakesDatagramsThatComeTogether) {
  run_test_with(1, plain(), batches, true);
}

Task<void> last_hop(World& world) {
  NodeOptions elsewhere;
  elsewhere.segment = 1;
  Node& near = world.add_node();
  Node& neighbour = world.add_node();
  Node& far = world.add_node(elsewhere);
  KITH_CO_TRY(auto from, near.env().net.bind_udp(near.endpoint(1), {}));
  for (Node* node : {&neighbour, &far}) {
    KITH_CO_TRY(auto to, node->env().net.bind_udp(node->endpoint(2), {}));
    for (int hops : {1, 2}) {
      const port::OutgoingDatagrams one[] = {
          {.to = node->endpoint(2), .bytes = as_bytes("x"), .hops = hops}};
      KITH_CO_CHECK(co_await from->send_batch(one));
      Bytes into(10);
      auto came = co_await to->receive(into, world.now() + 5s);
      EXPECT_EQ(came.has_value(), node == &neighbour || hops == 2);
    }
  }
  co_return Result<void>{};
}

TEST(Udp, GoesNoFurtherThanItsHops) {
  run_test(1, last_hop);
}

Task<void> moving(World& world) {
  Node& one = world.add_node();
  Node& two = world.add_node();
  KITH_CO_TRY(auto watch, one.env().net.watch_interfaces());
  auto nothing = co_await watch->changed(world.now() + 10s);
  EXPECT_TRUE(!nothing && nothing.error().is(Errc::timed_out));
  const IpAddress before = one.address();
  const IpAddress after = *IpAddress::parse("192.0.2.9");
  one.set_addresses({after});
  KITH_CO_CHECK(co_await watch->changed());
  KITH_CO_TRY(auto interfaces, one.env().net.interfaces());
  EXPECT_EQ(interfaces.back().address, after);
  KITH_CO_TRY(auto listener, one.env().net.listen_tcp({after, 80}, {}));
  KITH_CO_TRY(auto found, co_await dial(two, {after, 80}));
  auto gone = co_await dial(two, {before, 80}, world.now() + 5s);
  EXPECT_TRUE(!gone && gone.error().is(Errc::timed_out));
  EXPECT_FALSE((co_await watch->changed(world.now() + 1s)).has_value());
  co_return Result<void>{};
}

TEST(Interfaces, AreWatched) {
  run_test(1, moving);
}

TEST(Udp, CutsWhatIsLongerAndRefusesWhatIsTooLong) {
  run_test(1, [](World& world) -> Task<void> {
    world.net().set_links(plain_link);
    Node& a = world.add_node();
    KITH_CO_TRY(auto one, a.env().net.bind_udp(a.endpoint(0), {}));
    KITH_CO_TRY(auto two, a.env().net.bind_udp(a.endpoint(0), {}));
    Endpoint to = two->local_endpoint();
    KITH_CO_CHECK(co_await one->send(to, as_bytes("hello")));
    Bytes small(2);
    KITH_CO_TRY(auto got, co_await two->receive(small));
    EXPECT_EQ(got.size, 2u);
    EXPECT_EQ(got.from, one->local_endpoint());
    Bytes large(70'000);
    auto refused = co_await one->send(to, large);
    EXPECT_TRUE(!refused && refused.error().is_errno(EMSGSIZE));
    auto nothing = co_await two->receive(small, world.now() + 1s);
    EXPECT_TRUE(!nothing && nothing.error().is(Errc::timed_out));
    co_return Result<void>{};
  });
}

TEST(Names, AreWhatTheTestSays) {
  run_test(1, [](World& world) -> Task<void> {
    Node& node = world.add_node();
    port::Net& net = node.env().net;
    world.net().add_name("a.example", *IpAddress::parse("192.0.2.1"));
    world.net().add_name("a.example", *IpAddress::parse("2001:db8::1"));
    world.net().add_txt("_dnsaddr.a.example", "dnsaddr=/ip4/192.0.2.1");
    KITH_CO_TRY(auto both, co_await net.resolve("A.Example.", std::nullopt, never));
    EXPECT_EQ(both.size(), 2u);
    KITH_CO_TRY(auto six, co_await net.resolve("a.example", port::IpFamily::v6, never));
    EXPECT_EQ(six.size(), 1u);
    KITH_CO_TRY(auto texts, co_await net.resolve_txt("_dnsaddr.a.example", never));
    EXPECT_EQ(texts, std::vector<std::string>{"dnsaddr=/ip4/192.0.2.1"});
    auto none = co_await net.resolve("b.example", std::nullopt, never);
    EXPECT_TRUE(!none && none.error().is(Errc::not_found));
    world.net().mute_name("c.example");
    auto mute = co_await net.resolve("c.example", std::nullopt, world.now() + 3s);
    EXPECT_TRUE(!mute && mute.error().is(Errc::timed_out));
    co_return Result<void>{};
  });
}

TEST(Interfaces, AreLoopbackAndOneCard) {
  World world(1);
  Node& node = world.add_node();
  auto all = node.env().net.interfaces().value();
  ASSERT_EQ(all.size(), 4u);
  EXPECT_TRUE(all[0].loopback);
  EXPECT_EQ(all[2].address.to_string(), "10.0.0.1");
  EXPECT_EQ(all[3].address.to_string(), "fd00::1");
  EXPECT_TRUE(all[2].multicast);
  EXPECT_EQ(all[2].prefix_bits, 8);
}

}  // namespace
}  // namespace kith::sim
