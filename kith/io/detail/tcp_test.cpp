#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <kith/io/detail/fixture.hpp>

namespace kith::io::detail {
namespace {

using port::Env;
using port::IpFamily;
using port::TaskGroup;
using StreamPointer = std::unique_ptr<port::TcpStream>;
using ListenerPointer = std::unique_ptr<port::TcpListener>;

struct Pair {
  StreamPointer dialer;
  StreamPointer acceptor;
};

Task<StreamPointer> dial(Env& env, port::Endpoint remote) {
  port::TcpDialOptions options;
  return env.net.dial_tcp(remote, options, never);
}

Task<Pair> connected_pair(Env& env) {
  KITH_CO_TRY(ListenerPointer listener, env.net.listen_tcp(loopback4, {}));
  Pair pair;
  KITH_CO_TRY(pair.dialer, co_await dial(env, listener->local_endpoint()));
  KITH_CO_TRY(pair.acceptor, co_await listener->accept());
  co_return std::move(pair);
}

/// What a task of a group returned, told to the test.
struct Told {
  bool started = false;
  std::optional<Result<std::size_t>> outcome;
  bool failed_with(Errc code) const {
    return outcome && !outcome->has_value() && outcome->error().is(code);
  }
};

Task<void> read_and_tell(port::Stream& stream, MutableBytes into, Instant deadline, Told& told) {
  told.started = true;
  auto size = co_await stream.read_some(into, deadline);
  told.outcome = size;
  co_return Result<void>{};
}

Task<void> write_and_tell(port::Stream& stream, ByteView bytes, Instant deadline, Told& told) {
  told.started = true;
  auto written = co_await stream.write(bytes, deadline);
  if (written) {
    told.outcome = bytes.size();
  } else {
    told.outcome = std::unexpected(written.error());
  }
  co_return Result<void>{};
}

Task<void> accept_and_tell(port::TcpListener& listener, Told& told) {
  told.started = true;
  auto stream = co_await listener.accept();
  if (stream) {
    told.outcome = std::size_t{1};
  } else {
    told.outcome = std::unexpected(stream.error());
  }
  co_return Result<void>{};
}

Task<void> echo(StreamPointer stream) {
  Bytes buffer(4096);
  for (;;) {
    KITH_CO_TRY(std::size_t size, co_await stream->read_some(buffer));
    if (size == 0) break;
    KITH_CO_CHECK(co_await stream->write(ByteView(buffer).first(size)));
  }
  co_return co_await stream->close_write();
}

Task<void> serve_echo(Env& env, port::TcpListener& listener, std::size_t connections) {
  TaskGroup group(env.executor, env.clock);
  for (std::size_t i = 0; i < connections; ++i) {
    auto stream = co_await listener.accept();
    if (!stream) break;
    group.spawn(echo(std::move(*stream)));
  }
  co_return co_await group.join_shielded();
}

Task<void> talk_to_echo(Env& env, port::Endpoint server, std::size_t number, std::size_t& good) {
  KITH_CO_TRY(StreamPointer stream, co_await dial(env, server));
  Bytes said(1000, static_cast<std::uint8_t>(number));
  for (int round = 0; round < 10; ++round) {
    Bytes heard(said.size());
    KITH_CO_CHECK(co_await stream->write(said));
    KITH_CO_CHECK(co_await port::read_exactly(*stream, heard));
    if (heard != said) co_return std::unexpected(Errc::corrupt);
  }
  KITH_CO_CHECK(co_await stream->close_write());
  KITH_CO_TRY(Bytes rest, co_await port::read_to_end(*stream, 10));
  if (rest.empty()) ++good;
  co_return Result<void>{};
}

Task<void> echo_many(Env& env, port::Endpoint local) {
  constexpr std::size_t connections = 200;
  KITH_CO_TRY(ListenerPointer listener, env.net.listen_tcp(local, {}));
  EXPECT_NE(listener->local_endpoint().port, 0);
  std::size_t good = 0;
  TaskGroup group(env.executor, env.clock);
  group.spawn(serve_echo(env, *listener, connections));
  for (std::size_t i = 0; i < connections; ++i)
    group.spawn(talk_to_echo(env, listener->local_endpoint(), i, good));
  KITH_CO_CHECK(co_await group.join_shielded());
  EXPECT_EQ(good, connections);
  co_return Result<void>{};
}

TEST(Tcp, EchoesOnManyConnections) {
  run_on_loop([](Env& env) { return echo_many(env, loopback4); });
}

TEST(Tcp, EchoesOverIpv6) {
  run_on_loop([](Env& env) { return echo_many(env, loopback6); });
}

TEST(Tcp, TellsBothEndpoints) {
  run_on_loop([](Env& env) -> Task<void> {
    KITH_CO_TRY(Pair pair, co_await connected_pair(env));
    EXPECT_EQ(pair.dialer->remote_endpoint(), pair.acceptor->local_endpoint());
    EXPECT_EQ(pair.dialer->local_endpoint(), pair.acceptor->remote_endpoint());
    EXPECT_EQ(pair.dialer->local_endpoint().address, loopback4.address);
    co_return Result<void>{};
  });
}

TEST(Tcp, HalfCloseEndsOneDirectionOnly) {
  run_on_loop([](Env& env) -> Task<void> {
    KITH_CO_TRY(Pair pair, co_await connected_pair(env));
    KITH_CO_CHECK(co_await pair.dialer->write(as_bytes("question")));
    KITH_CO_CHECK(co_await pair.dialer->close_write());
    KITH_CO_CHECK(co_await pair.dialer->close_write());
    KITH_CO_TRY(Bytes question, co_await port::read_to_end(*pair.acceptor, 100));
    EXPECT_EQ(as_text(question), "question");
    KITH_CO_CHECK(co_await pair.acceptor->write(as_bytes("answer")));
    KITH_CO_CHECK(co_await pair.acceptor->close_write());
    KITH_CO_TRY(Bytes answer, co_await port::read_to_end(*pair.dialer, 100));
    EXPECT_EQ(as_text(answer), "answer");
    // The end stays the end.
    Bytes more(1);
    KITH_CO_TRY(std::size_t size, co_await pair.dialer->read_some(more));
    EXPECT_EQ(size, 0u);
    co_return Result<void>{};
  });
}

TEST(Tcp, DestroyingAfterHalfCloseLosesNothing) {
  run_on_loop([](Env& env) -> Task<void> {
    KITH_CO_TRY(Pair pair, co_await connected_pair(env));
    Bytes sent(100'000, 7);
    KITH_CO_CHECK(co_await pair.dialer->write(sent));
    KITH_CO_CHECK(co_await pair.dialer->close_write());
    pair.dialer.reset();
    KITH_CO_TRY(Bytes got, co_await port::read_to_end(*pair.acceptor, 1'000'000));
    EXPECT_EQ(got, sent);
    co_return Result<void>{};
  });
}

TEST(Tcp, ResetIsSeenByTheOtherSide) {
  run_on_loop([](Env& env) -> Task<void> {
    KITH_CO_TRY(Pair pair, co_await connected_pair(env));
    TaskGroup group(env.executor, env.clock);
    Bytes into(10);
    Told told;
    group.spawn(read_and_tell(*pair.acceptor, into, never, told));
    KITH_CO_CHECK(co_await until([&told] { return told.started; }));
    pair.dialer->reset();
    KITH_CO_CHECK(co_await group.join());
    EXPECT_TRUE(told.failed_with(Errc::reset));
    auto written = co_await pair.acceptor->write(as_bytes("x"));
    EXPECT_FALSE(written);
    if (!written) EXPECT_TRUE(written.error().is(Errc::reset));
    co_return Result<void>{};
  });
}

TEST(Tcp, DestroyingAnOpenStreamResetsIt) {
  run_on_loop([](Env& env) -> Task<void> {
    KITH_CO_TRY(Pair pair, co_await connected_pair(env));
    pair.dialer.reset();
    Bytes into(10);
    auto size = co_await pair.acceptor->read_some(into);
    EXPECT_FALSE(size);
    if (!size) EXPECT_TRUE(size.error().is(Errc::reset));
    co_return Result<void>{};
  });
}

TEST(Tcp, OwnResetEndsWaitingReadsAndWrites) {
  run_on_loop([](Env& env) -> Task<void> {
    KITH_CO_TRY(Pair pair, co_await connected_pair(env));
    TaskGroup group(env.executor, env.clock);
    Bytes into(10);
    Bytes big(64 << 20);
    Told read;
    Told write;
    group.spawn(read_and_tell(*pair.dialer, into, never, read));
    group.spawn(write_and_tell(*pair.dialer, big, never, write));
    KITH_CO_CHECK(co_await settle());
    EXPECT_FALSE(read.outcome);
    EXPECT_FALSE(write.outcome);
    pair.dialer->reset();
    pair.dialer->reset();
    KITH_CO_CHECK(co_await group.join());
    EXPECT_TRUE(read.failed_with(Errc::reset));
    EXPECT_TRUE(write.failed_with(Errc::reset));
    auto later = co_await pair.dialer->close_write();
    EXPECT_FALSE(later);
    co_return Result<void>{};
  });
}

TEST(TcpDeathTest, AStreamThatDiesUnderItsReaderIsNoticed) {
  auto die_too_early = [](Env& env) -> Task<void> {
    KITH_CO_TRY(Pair pair, co_await connected_pair(env));
    TaskGroup group(env.executor, env.clock);
    Bytes into(10);
    Told told;
    group.spawn(read_and_tell(*pair.dialer, into, never, told));
    KITH_CO_CHECK(co_await settle());
    pair.dialer.reset();
    co_return co_await group.join();
  };
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(run_on_loop(die_too_early), "waiting_ == 0");
}

TEST(Tcp, ReadGivesUpAtItsDeadlineAndTheStreamGoesOn) {
  run_on_loop([](Env& env) -> Task<void> {
    KITH_CO_TRY(Pair pair, co_await connected_pair(env));
    Bytes into(10);
    Instant deadline = env.clock.now() + 20ms;
    auto early = co_await pair.dialer->read_some(into, deadline);
    EXPECT_FALSE(early);
    if (!early) EXPECT_TRUE(early.error().is(Errc::timed_out));
    EXPECT_GE(env.clock.now(), deadline);
    EXPECT_EQ(env.clock.armed_timers(), 0u);
    KITH_CO_CHECK(co_await pair.acceptor->write(as_bytes("late")));
    KITH_CO_TRY(std::size_t size, co_await pair.dialer->read_some(into));
    EXPECT_EQ(size, 4u);
    co_return Result<void>{};
  });
}

TEST(Tcp, APassedDeadlineRefusesEvenWhatIsReady) {
  run_on_loop([](Env& env) -> Task<void> {
    KITH_CO_TRY(Pair pair, co_await connected_pair(env));
    KITH_CO_CHECK(co_await pair.acceptor->write(as_bytes("here")));
    Bytes into(10);
    auto size = co_await pair.dialer->read_some(into, env.clock.now());
    EXPECT_FALSE(size);
    if (!size) EXPECT_TRUE(size.error().is(Errc::timed_out));
    co_return Result<void>{};
  });
}

TEST(Tcp, AWriteThatTimesOutLeavesTheWaitingReadAlone) {
  run_on_loop([](Env& env) -> Task<void> {
    KITH_CO_TRY(Pair pair, co_await connected_pair(env));
    TaskGroup group(env.executor, env.clock);
    Bytes into(10);
    Bytes big(64 << 20);
    Told read;
    Told write;
    group.spawn(read_and_tell(*pair.dialer, into, never, read));
    group.spawn(write_and_tell(*pair.dialer, big, env.clock.now() + 20ms, write));
    KITH_CO_CHECK(co_await until([&write] { return write.outcome.has_value(); }));
    EXPECT_TRUE(write.failed_with(Errc::timed_out));
    KITH_CO_CHECK(co_await settle());
    EXPECT_FALSE(read.outcome);
    KITH_CO_CHECK(co_await pair.acceptor->write(as_bytes("abc")));
    KITH_CO_CHECK(co_await group.join());
    EXPECT_TRUE(read.outcome && *read.outcome == 3u);
    co_return Result<void>{};
  });
}

TEST(Tcp, CancellingEndsAWaitingReadAndAllLaterWaits) {
  run_on_loop([](Env& env) -> Task<void> {
    KITH_CO_TRY(Pair pair, co_await connected_pair(env));
    TaskGroup group(env.executor, env.clock);
    Bytes into(10);
    Told told;
    group.spawn(read_and_tell(*pair.dialer, into, env.clock.now() + 1h, told));
    KITH_CO_CHECK(co_await until([&told] { return told.started; }));
    group.cancel();
    KITH_CO_CHECK(co_await group.join());
    EXPECT_TRUE(told.failed_with(Errc::cancelled));
    EXPECT_EQ(env.clock.armed_timers(), 0u);
    co_return Result<void>{};
  });
}

Task<void> wait_twice(port::Stream& stream, Told& first, Told& second) {
  Bytes into(10);
  KITH_CO_CHECK(co_await read_and_tell(stream, into, never, first));
  co_return co_await read_and_tell(stream, into, never, second);
}

TEST(Tcp, ACancelledTasksNextReadIsRefusedThoughBytesAreThere) {
  run_on_loop([](Env& env) -> Task<void> {
    KITH_CO_TRY(Pair pair, co_await connected_pair(env));
    TaskGroup group(env.executor, env.clock);
    Told first;
    Told second;
    group.spawn(wait_twice(*pair.dialer, first, second));
    KITH_CO_CHECK(co_await until([&first] { return first.started; }));
    KITH_CO_CHECK(co_await pair.acceptor->write(as_bytes("there")));
    group.cancel();
    KITH_CO_CHECK(co_await group.join());
    EXPECT_TRUE(second.failed_with(Errc::cancelled));
    co_return Result<void>{};
  });
}

TEST(Tcp, CancellingEndsAWaitingAccept) {
  run_on_loop([](Env& env) -> Task<void> {
    KITH_CO_TRY(ListenerPointer listener, env.net.listen_tcp(loopback4, {}));
    TaskGroup group(env.executor, env.clock);
    Told told;
    group.spawn(accept_and_tell(*listener, told));
    KITH_CO_CHECK(co_await until([&told] { return told.started; }));
    group.cancel();
    KITH_CO_CHECK(co_await group.join());
    EXPECT_TRUE(told.failed_with(Errc::cancelled));
    // The listener still works.
    KITH_CO_TRY(StreamPointer stream, co_await dial(env, listener->local_endpoint()));
    KITH_CO_TRY(StreamPointer accepted, co_await listener->accept());
    co_return Result<void>{};
  });
}

TEST(Tcp, ClosingAListenerEndsAWaitingAccept) {
  run_on_loop([](Env& env) -> Task<void> {
    KITH_CO_TRY(ListenerPointer listener, env.net.listen_tcp(loopback4, {}));
    TaskGroup group(env.executor, env.clock);
    Told told;
    group.spawn(accept_and_tell(*listener, told));
    KITH_CO_CHECK(co_await until([&told] { return told.started; }));
    listener->close();
    KITH_CO_CHECK(co_await group.join());
    EXPECT_TRUE(told.failed_with(Errc::closed));
    auto again = co_await listener->accept();
    EXPECT_FALSE(again);
    co_return Result<void>{};
  });
}

/// A listener of the system whose backlog is full, so that a further connect stays unanswered.
class FullListener {
 public:
  FullListener() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(listener_, 0);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    for (int& filler : fillers_) {
      filler = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      (void)::connect(filler, reinterpret_cast<sockaddr*>(&address), sizeof address);
    }
  }
  FullListener(const FullListener&) = delete;
  FullListener& operator=(const FullListener&) = delete;
  ~FullListener() {
    for (int filler : fillers_)
      ::close(filler);
    ::close(listener_);
  }
  port::Endpoint endpoint() const { return {loopback4.address, port_}; }

 private:
  int listener_;
  int fillers_[4];
  std::uint16_t port_ = 0;
};

Task<void> dial_and_tell(Env& env, port::Endpoint remote, Instant deadline, Told& told) {
  told.started = true;
  port::TcpDialOptions options;
  auto stream = co_await env.net.dial_tcp(remote, options, deadline);
  if (stream) {
    told.outcome = std::size_t{1};
  } else {
    told.outcome = std::unexpected(stream.error());
  }
  co_return Result<void>{};
}

TEST(Tcp, DialGivesUpAtItsDeadline) {
  run_on_loop([](Env& env) -> Task<void> {
    FullListener full;
    Told told;
    KITH_CO_CHECK(co_await dial_and_tell(env, full.endpoint(), env.clock.now() + 20ms, told));
    EXPECT_TRUE(told.failed_with(Errc::timed_out));
    co_return Result<void>{};
  });
}

TEST(Tcp, CancellingEndsAWaitingDial) {
  run_on_loop([](Env& env) -> Task<void> {
    FullListener full;
    Told told;
    TaskGroup group(env.executor, env.clock);
    group.spawn(dial_and_tell(env, full.endpoint(), env.clock.now() + 1h, told));
    KITH_CO_CHECK(co_await until([&told] { return told.started; }));
    group.cancel();
    KITH_CO_CHECK(co_await group.join());
    EXPECT_TRUE(told.failed_with(Errc::cancelled));
    co_return Result<void>{};
  });
}

TEST(Tcp, DialingAClosedPortIsRefused) {
  run_on_loop([](Env& env) -> Task<void> {
    port::Endpoint gone;
    {
      KITH_CO_TRY(ListenerPointer listener, env.net.listen_tcp(loopback4, {}));
      gone = listener->local_endpoint();
    }
    Told told;
    KITH_CO_CHECK(co_await dial_and_tell(env, gone, never, told));
    EXPECT_TRUE(told.outcome && !*told.outcome && told.outcome->error().is_errno(ECONNREFUSED));
    co_return Result<void>{};
  });
}

TEST(Tcp, NeverConnectsToItself) {
  run_on_loop([](Env& env) -> Task<void> {
    // A port that is bound but doesn't listen, dialed from itself.
    KITH_CO_TRY(ListenerPointer listener, env.net.listen_tcp(loopback4, {}));
    port::Endpoint self = listener->local_endpoint();
    listener.reset();
    port::TcpDialOptions options;
    options.local = self;
    auto stream = co_await env.net.dial_tcp(self, options, never);
    EXPECT_FALSE(stream);
    if (!stream) EXPECT_TRUE(stream.error().is_errno(ECONNREFUSED));
    co_return Result<void>{};
  });
}

TEST(Tcp, DialsFromTheListeningPort) {
  run_on_loop([](Env& env) -> Task<void> {
    port::TcpListenOptions shared;
    shared.reuse_port = true;
    KITH_CO_TRY(ListenerPointer ours, env.net.listen_tcp(loopback4, shared));
    KITH_CO_TRY(ListenerPointer theirs, env.net.listen_tcp(loopback4, shared));
    port::TcpDialOptions options;
    options.local = ours->local_endpoint();
    KITH_CO_TRY(StreamPointer stream,
                co_await env.net.dial_tcp(theirs->local_endpoint(), options, never));
    EXPECT_EQ(stream->local_endpoint(), ours->local_endpoint());
    KITH_CO_TRY(StreamPointer accepted, co_await theirs->accept());
    EXPECT_EQ(accepted->remote_endpoint(), ours->local_endpoint());
    // The same pair of ports can't be connected twice: any port will do then.
    KITH_CO_TRY(StreamPointer second,
                co_await env.net.dial_tcp(theirs->local_endpoint(), options, never));
    EXPECT_NE(second->local_endpoint(), ours->local_endpoint());
    co_return Result<void>{};
  });
}

TEST(Tcp, DialsFromAnotherPortIfTheWantedOneIsTaken) {
  run_on_loop([](Env& env) -> Task<void> {
    KITH_CO_TRY(ListenerPointer unshared, env.net.listen_tcp(loopback4, {}));
    KITH_CO_TRY(ListenerPointer theirs, env.net.listen_tcp(loopback4, {}));
    port::TcpDialOptions options;
    options.local = unshared->local_endpoint();
    KITH_CO_TRY(StreamPointer stream,
                co_await env.net.dial_tcp(theirs->local_endpoint(), options, never));
    EXPECT_NE(stream->local_endpoint(), unshared->local_endpoint());
    co_return Result<void>{};
  });
}

TEST(Tcp, RefusesToListenOnATakenPort) {
  run_on_loop([](Env& env) -> Task<void> {
    KITH_CO_TRY(ListenerPointer first, env.net.listen_tcp(loopback4, {}));
    auto second = env.net.listen_tcp(first->local_endpoint(), {});
    EXPECT_FALSE(second);
    if (!second) EXPECT_TRUE(second.error().is_errno(EADDRINUSE));
    co_return Result<void>{};
  });
}

// The kernel would deal connections out between two nodes that both listen with SO_REUSEPORT.
TEST(Tcp, RefusesToShareAListeningPort) {
  run_on_loop([](Env& env) -> Task<void> {
    port::TcpListenOptions shared;
    shared.reuse_port = true;
    KITH_CO_TRY(ListenerPointer first, env.net.listen_tcp(loopback4, shared));
    auto second = env.net.listen_tcp(first->local_endpoint(), shared);
    EXPECT_TRUE(!second && second.error().is_errno(EADDRINUSE));
    port::Endpoint everywhere{port::IpAddress::any(IpFamily::v4), first->local_endpoint().port};
    auto third = env.net.listen_tcp(everywhere, shared);
    EXPECT_TRUE(!third && third.error().is_errno(EADDRINUSE));
    co_return Result<void>{};
  });
}

TEST(Tcp, ListensAgainWhileAConnectionDialedFromThePortLives) {
  run_on_loop([](Env& env) -> Task<void> {
    port::TcpListenOptions shared;
    shared.reuse_port = true;
    KITH_CO_TRY(ListenerPointer ours, env.net.listen_tcp(loopback4, shared));
    KITH_CO_TRY(ListenerPointer theirs, env.net.listen_tcp(loopback4, shared));
    port::TcpDialOptions options;
    options.local = ours->local_endpoint();
    KITH_CO_TRY(StreamPointer stream,
                co_await env.net.dial_tcp(theirs->local_endpoint(), options, never));
    ours.reset();
    auto again = env.net.listen_tcp(*options.local, shared);
    EXPECT_TRUE(again.has_value());
    co_return Result<void>{};
  });
}

Task<void> read_all_slowly(port::Stream& stream, Bytes& got) {
  Bytes part(50'000);
  for (;;) {
    KITH_CO_TRY(std::size_t size, co_await stream.read_some(part));
    if (size == 0) co_return Result<void>{};
    append(got, ByteView(part).first(size));
    KITH_CO_CHECK(co_await port::yield());
  }
}

Task<void> write_pieces(port::Stream& stream, std::span<const ByteView> pieces, bool& done) {
  KITH_CO_CHECK(co_await stream.write_all(pieces));
  done = true;
  co_return co_await stream.close_write();
}

TEST(Tcp, AGatherWriteWaitsForASlowReaderAndArrivesInOrder) {
  run_on_loop([](Env& env) -> Task<void> {
    KITH_CO_TRY(Pair pair, co_await connected_pair(env));
    // Pieces of every size from nothing to 40 kB, 32 MB together.
    Bytes content(32 << 20);
    env.prng.fill(content);
    std::vector<ByteView> pieces;
    ByteView rest = content;
    while (!rest.empty()) {
      std::size_t size = std::min<std::size_t>(rest.size(), env.prng.below(40'000));
      if (env.prng.chance(0.1)) size = 0;
      pieces.push_back(rest.first(size));
      rest = rest.subspan(size);
    }
    pieces.push_back({});
    TaskGroup group(env.executor, env.clock);
    bool done = false;
    group.spawn(write_pieces(*pair.dialer, pieces, done));
    KITH_CO_CHECK(co_await settle());
    EXPECT_FALSE(done);
    Bytes got;
    KITH_CO_CHECK(co_await read_all_slowly(*pair.acceptor, got));
    KITH_CO_CHECK(co_await group.join());
    EXPECT_TRUE(done);
    EXPECT_TRUE(got == content);
    co_return Result<void>{};
  });
}

TEST(Tcp, WritingNothingIsFine) {
  run_on_loop([](Env& env) -> Task<void> {
    KITH_CO_TRY(Pair pair, co_await connected_pair(env));
    KITH_CO_CHECK(co_await pair.dialer->write({}));
    std::span<const ByteView> none;
    KITH_CO_CHECK(co_await pair.dialer->write_all(none));
    const ByteView empty_pieces[] = {{}, {}};
    std::span<const ByteView> empties = empty_pieces;
    KITH_CO_CHECK(co_await pair.dialer->write_all(empties));
    co_return Result<void>{};
  });
}

/// Takes all file descriptors that the process may still have, until it dies.
class NoDescriptorsLeft {
 public:
  NoDescriptorsLeft() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit low = before_;
    low.rlim_cur = std::min<rlim_t>(before_.rlim_cur, 256);
    ::setrlimit(RLIMIT_NOFILE, &low);
    for (int taken = ::dup(0); taken >= 0; taken = ::dup(0))
      taken_.push_back(taken);
  }
  NoDescriptorsLeft(const NoDescriptorsLeft&) = delete;
  NoDescriptorsLeft& operator=(const NoDescriptorsLeft&) = delete;
  ~NoDescriptorsLeft() {
    for (int taken : taken_)
      ::close(taken);
    ::setrlimit(RLIMIT_NOFILE, &before_);
  }

 private:
  rlimit before_;
  std::vector<int> taken_;
};

TEST(Tcp, AcceptWaitsOutALackOfDescriptors) {
  run_on_loop([](Env& env) -> Task<void> {
    KITH_CO_TRY(ListenerPointer listener, env.net.listen_tcp(loopback4, {}));
    KITH_CO_TRY(StreamPointer stream, co_await dial(env, listener->local_endpoint()));
    TaskGroup group(env.executor, env.clock);
    Told told;
    {
      NoDescriptorsLeft none;
      group.spawn(accept_and_tell(*listener, told));
      KITH_CO_CHECK(co_await settle());
      EXPECT_FALSE(told.outcome);
    }
    KITH_CO_CHECK(co_await group.join());
    EXPECT_TRUE(told.outcome && told.outcome->has_value());
    co_return Result<void>{};
  });
}

/// The answer to a yes-no option, over all connected TCP sockets of the process.
std::vector<bool> option_of_connections(int level, int option) {
  std::vector<bool> answers;
  for (int number = 3; number < 256; ++number) {
    sockaddr_storage peer;
    socklen_t size = sizeof peer;
    if (::getpeername(number, reinterpret_cast<sockaddr*>(&peer), &size) != 0) continue;
    if (peer.ss_family != AF_INET) continue;
    int value = 0;
    size = sizeof value;
    ::getsockopt(number, level, option, &value, &size);
    answers.push_back(value != 0);
  }
  return answers;
}

TEST(Tcp, ConnectionsSendAtOnceAndProbeSilentPeers) {
  run_on_loop([](Env& env) -> Task<void> {
    KITH_CO_TRY(Pair pair, co_await connected_pair(env));
    std::vector<bool> both(2, true);
    EXPECT_EQ(option_of_connections(IPPROTO_TCP, TCP_NODELAY), both);
    EXPECT_EQ(option_of_connections(IPPROTO_TCP, TCP_NOTSENT_LOWAT), both);
    EXPECT_EQ(option_of_connections(SOL_SOCKET, SO_KEEPALIVE), both);
    co_return Result<void>{};
  });
}

TEST(Tcp, ChildrenOfTheProcessInheritNoSocket) {
  run_on_loop([](Env& env) -> Task<void> {
    KITH_CO_TRY(Pair pair, co_await connected_pair(env));
    std::size_t inherited = 0;
    for (int number = 3; number < 256; ++number) {
      int flags = ::fcntl(number, F_GETFD);
      sockaddr_storage address;
      socklen_t size = sizeof address;
      bool is_socket =
          flags >= 0 && ::getsockname(number, reinterpret_cast<sockaddr*>(&address), &size) == 0;
      bool ip = is_socket && address.ss_family == AF_INET;
      if (ip && (flags & FD_CLOEXEC) == 0) ++inherited;
    }
    EXPECT_EQ(inherited, 0u);
    co_return Result<void>{};
  });
}

}  // namespace
}  // namespace kith::io::detail
