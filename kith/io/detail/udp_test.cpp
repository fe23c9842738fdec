#include <algorithm>
#include <cstring>
#include <linux/if_tun.h>
#include <sched.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kith/io/detail/fixture.hpp>

namespace kith::io::detail {
namespace {

using port::Endpoint;
using port::Env;
using port::IpAddress;
using port::IpFamily;
using port::TaskGroup;
using port::UdpSocket;
using SocketPointer = std::unique_ptr<UdpSocket>;

Task<void> exchange(Env& env, Endpoint local) {
  KITH_CO_TRY(SocketPointer a, env.net.bind_udp(local, {}));
  KITH_CO_TRY(SocketPointer b, env.net.bind_udp(local, {}));
  Bytes into(100);
  KITH_CO_CHECK(co_await a->send(b->local_endpoint(), as_bytes("hello")));
  KITH_CO_TRY(UdpSocket::Received first, co_await b->receive(into));
  EXPECT_EQ(first.from, a->local_endpoint());
  EXPECT_EQ(as_text(ByteView(into).first(first.size)), "hello");
  KITH_CO_CHECK(co_await b->send(first.from, {}));
  KITH_CO_TRY(UdpSocket::Received empty, co_await a->receive(into));
  EXPECT_EQ(empty.size, 0u);
  Bytes large(5000, 9);
  KITH_CO_CHECK(co_await a->send(b->local_endpoint(), large));
  KITH_CO_TRY(UdpSocket::Received cut, co_await b->receive(into));
  EXPECT_EQ(cut.size, into.size());
  co_return Result<void>{};
}

TEST(Udp, ExchangesDatagrams) {
  run_on_loop([](Env& env) { return exchange(env, loopback4); });
}

TEST(Udp, ExchangesDatagramsOverIpv6) {
  run_on_loop([](Env& env) { return exchange(env, loopback6); });
}

/// Datagrams as they were before they came together.
std::vector<std::string> apart(std::span<const port::IncomingDatagrams> batch) {
  std::vector<std::string> single;
  for (const port::IncomingDatagrams& one : batch) {
    const std::size_t each = one.segment_bytes == 0 ? one.size : one.segment_bytes;
    std::string_view rest = as_text(ByteView(one.into).first(one.size));
    do {
      single.emplace_back(rest.substr(0, each));
      rest.remove_prefix(single.back().size());
    } while (!rest.empty());
  }
  return single;
}

Task<std::vector<std::string>> receive_all(UdpSocket& socket, std::size_t count, Instant deadline,
                                           port::Ecn ecn) {
  std::vector<Bytes> memory(8, Bytes(port::udp_coalesced_bytes_max));
  std::vector<std::string> all;
  while (all.size() < count) {
    std::vector<port::IncomingDatagrams> batch;
    for (Bytes& into : memory)
      batch.push_back({.into = into});
    KITH_CO_TRY(std::size_t filled, co_await socket.receive_batch(batch, deadline));
    EXPECT_TRUE(filled > 0 && filled <= batch.size());
    const auto came = std::span(batch).first(filled);
    for (const port::IncomingDatagrams& one : came)
      EXPECT_EQ(one.ecn, ecn);
    std::ranges::move(apart(came), std::back_inserter(all));
  }
  co_return all;
}

struct BatchCase {
  Endpoint local;
  bool coalesce;
};

Task<void> batches(Env& env, BatchCase in) {
  port::UdpOptions options;
  options.coalesce = in.coalesce;
  KITH_CO_TRY(SocketPointer from, env.net.bind_udp(in.local, {}));
  KITH_CO_TRY(SocketPointer to, env.net.bind_udp(in.local, options));
  const Instant deadline = env.clock.now() + 10s;
  // More than one call's worth, some cut, one of them without a rest.
  std::vector<std::string> wanted;
  std::vector<std::string> texts;
  for (int i = 0; i < 100; ++i)
    texts.push_back(std::to_string(i) + std::string(static_cast<std::size_t>(i), 'x'));
  texts.push_back(std::string(1000, 'a') + std::string(1000, 'b') + std::string(500, 'c'));
  texts.push_back(std::string(1000, 'd') + std::string(1000, 'e'));
  std::vector<port::OutgoingDatagrams> batch;
  for (const std::string& text : texts) {
    port::OutgoingDatagrams one{.to = to->local_endpoint(), .bytes = as_bytes(text)};
    one.ecn = port::Ecn::capable_0;
    one.hops = 3;
    if (text.size() >= 2000) one.segment_bytes = 1000;
    batch.push_back(one);
    const std::size_t each = one.segment_bytes == 0 ? text.size() : one.segment_bytes;
    for (std::size_t at = 0; at < text.size(); at += each)
      wanted.push_back(text.substr(at, each));
  }
  KITH_CO_CHECK(co_await from->send_batch(batch));
  KITH_CO_TRY(auto came, co_await receive_all(*to, wanted.size(), deadline, port::Ecn::capable_0));
  EXPECT_EQ(came, wanted);
  co_return Result<void>{};
}

TEST(Udp, SendsAndTakesBatches) {
  run_on_loop([](Env& env) { return batches(env, {loopback4, false}); });
  run_on_loop([](Env& env) { return batches(env, {loopback6, false}); });
}

TEST(Udp, TakesDatagramsThatComeTogether) {
  run_on_loop([](Env& env) { return batches(env, {loopback4, true}); });
  run_on_loop([](Env& env) { return batches(env, {loopback6, true}); });
}

TEST(Udp, ABatchLosesWhatIsTooLargeAndEndsAtWhatCannotBeSent) {
  run_on_loop([](Env& env) -> Task<void> {
    KITH_CO_TRY(SocketPointer from, env.net.bind_udp(loopback4, {}));
    KITH_CO_TRY(SocketPointer to, env.net.bind_udp(loopback4, {}));
    const Bytes too_long(70'000);
    const Endpoint there = to->local_endpoint();
    const Endpoint nowhere{there.address, 0};
    const port::OutgoingDatagrams batch[] = {{.to = there, .bytes = as_bytes("one")},
                                             {.to = there, .bytes = too_long},
                                             {.to = there, .bytes = as_bytes("three")},
                                             {.to = nowhere, .bytes = as_bytes("four")},
                                             {.to = there, .bytes = as_bytes("five")}};
    auto sent = co_await from->send_batch(batch);
    EXPECT_TRUE(!sent && sent.error().is_errno(EINVAL));
    const Instant deadline = env.clock.now() + 10s;
    KITH_CO_TRY(auto came, co_await receive_all(*to, 2, deadline, port::Ecn::not_capable));
    EXPECT_EQ(came, (std::vector<std::string>{"one", "three"}));
    auto more = co_await receive_all(*to, 1, env.clock.now() + 1ms, port::Ecn::not_capable);
    EXPECT_TRUE(!more && more.error().is(Errc::timed_out));
    to->close();
    port::IncomingDatagrams none[1];
    auto closed = co_await to->receive_batch(none);
    EXPECT_TRUE(!closed && closed.error().is(Errc::closed));
    co_return Result<void>{};
  });
}

TEST(Udp, ReceiveGivesUpAtItsDeadline) {
  run_on_loop([](Env& env) -> Task<void> {
    KITH_CO_TRY(SocketPointer socket, env.net.bind_udp(loopback4, {}));
    Bytes into(10);
    Instant deadline = env.clock.now() + 10ms;
    auto received = co_await socket->receive(into, deadline);
    EXPECT_TRUE(!received && received.error().is(Errc::timed_out));
    EXPECT_GE(env.clock.now(), deadline);
    co_return Result<void>{};
  });
}

Task<void> receive_and_tell(UdpSocket& socket, std::optional<Error>& failure) {
  Bytes into(10);
  auto received = co_await socket.receive(into);
  if (!received) failure = received.error();
  co_return Result<void>{};
}

TEST(Udp, CancellingAndClosingEndAWaitingReceive) {
  run_on_loop([](Env& env) -> Task<void> {
    KITH_CO_TRY(SocketPointer socket, env.net.bind_udp(loopback4, {}));
    std::optional<Error> cancelled;
    TaskGroup first(env.executor, env.clock);
    first.spawn(receive_and_tell(*socket, cancelled));
    KITH_CO_CHECK(co_await settle());
    first.cancel();
    KITH_CO_CHECK(co_await first.join());
    EXPECT_TRUE(cancelled && cancelled->is(Errc::cancelled));
    std::optional<Error> closed;
    TaskGroup second(env.executor, env.clock);
    second.spawn(receive_and_tell(*socket, closed));
    KITH_CO_CHECK(co_await settle());
    socket->close();
    KITH_CO_CHECK(co_await second.join());
    EXPECT_TRUE(closed && closed->is(Errc::closed));
    auto later = co_await socket->send(loopback4, as_bytes("x"));
    EXPECT_TRUE(!later && later.error().is(Errc::closed));
    auto join = socket->join_multicast(*IpAddress::parse("224.0.0.251"), 0);
    EXPECT_TRUE(!join && join.error().is(Errc::closed));
    co_return Result<void>{};
  });
}

TEST(Net, ListsTheLoopbackInterface) {
  run_on_loop([](Env& env) -> Task<void> {
    KITH_CO_TRY(auto interfaces, env.net.interfaces());
    bool found = false;
    for (const port::InterfaceAddress& entry : interfaces) {
      if (entry.address != loopback4.address) continue;
      found = true;
      EXPECT_TRUE(entry.up);
      EXPECT_TRUE(entry.loopback);
      EXPECT_EQ(entry.interface_index, ::if_nametoindex(entry.interface_name.c_str()));
    }
    EXPECT_TRUE(found);
    co_return Result<void>{};
  });
}

/// Two sockets that share a port, as two mDNS responders of one host do; a third one sends.
Task<void> multicast(Env& env, Endpoint any, IpAddress group, std::uint32_t interface) {
  port::UdpOptions shared;
  shared.reuse = true;
  KITH_CO_TRY(SocketPointer one, env.net.bind_udp(any, shared));
  any.port = one->local_endpoint().port;
  KITH_CO_TRY(SocketPointer two, env.net.bind_udp(any, shared));
  KITH_CO_TRY(SocketPointer outsider, env.net.bind_udp(any, shared));
  for (UdpSocket* member : {one.get(), two.get()}) {
    KITH_CO_CHECK(member->join_multicast(group, interface));
    // Joining again is no fault.
    KITH_CO_CHECK(member->join_multicast(group, interface));
  }
  KITH_CO_CHECK(one->set_multicast(interface, 1));
  Endpoint to{group, any.port};
  KITH_CO_CHECK(co_await one->send(to, as_bytes("who is there")));
  Bytes into(100);
  for (UdpSocket* member : {one.get(), two.get()}) {
    KITH_CO_TRY(UdpSocket::Received received,
                co_await member->receive(into, env.clock.now() + 10s));
    EXPECT_EQ(as_text(ByteView(into).first(received.size)), "who is there");
    EXPECT_EQ(received.from.port, any.port);
  }
  // The two have it, so whatever the third would get has been delivered as well.
  auto nothing = co_await outsider->receive(into, env.clock.now() + 1ms);
  EXPECT_TRUE(!nothing && nothing.error().is(Errc::timed_out));
  co_return Result<void>{};
}

TEST(Udp, MulticastReachesAllMembersAndNobodyElse) {
  run_on_loop([](Env& env) {
    return multicast(env, {IpAddress::any(IpFamily::v4), 0}, *IpAddress::parse("239.255.77.1"),
                     ::if_nametoindex("lo"));
  });
}

bool write_file(const char* path, const std::string& text) {
  int file = ::open(path, O_WRONLY | O_CLOEXEC);
  bool written =
      file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (file >= 0) ::close(file);
  return written;
}

/// The loopback interface has no IPv6 multicast route, so this makes a network namespace for the
/// process with an interface that has one. False if the system doesn't let us.
bool enter_namespace_with_interface(const char* name) {
  bool entered = ::unshare(CLONE_NEWNET) == 0 || ::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
  if (!entered) return false;
  // Without it the address counts as tentative for a second.
  if (!write_file("/proc/sys/net/ipv6/conf/default/accept_dad", "0")) return false;
  // Stays open as long as the process: the interface lives with it.
  int tap = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  if (tap < 0) return false;
  ifreq request = {};
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (::ioctl(tap, TUNSETIFF, &request) != 0) return false;
  int control = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  request.ifr_flags = IFF_UP | IFF_RUNNING | IFF_MULTICAST;
  bool up = ::ioctl(control, SIOCSIFFLAGS, &request) == 0;
  ::close(control);
  return up;
}

/// The system gives a fresh interface its address a moment later.
Task<void> multicast_on_fresh_interface(Env& env, const char* name) {
  Instant deadline = env.clock.now() + 10s;
  for (bool ready = false; !ready;) {
    if (env.clock.now() >= deadline) co_return std::unexpected(Errc::timed_out);
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, 1ms));
    KITH_CO_TRY(auto interfaces, env.net.interfaces());
    for (const port::InterfaceAddress& entry : interfaces)
      ready |= entry.interface_name == name && entry.address.is_link_local();
  }
  port::Endpoint any{IpAddress::any(IpFamily::v6), 0};
  IpAddress group = *IpAddress::parse("ff02::fb");
  for (;;) {
    auto outcome = co_await multicast(env, any, group, ::if_nametoindex(name));
    // It is listed before it may be sent from.
    bool tentative = !outcome && outcome.error().is_errno(EADDRNOTAVAIL);
    if (!tentative || env.clock.now() >= deadline) co_return outcome;
    KITH_CO_CHECK(co_await port::sleep_for(env.clock, 1ms));
  }
}

constexpr int exit_code_refused = 77;

/// Runs the test in a network of its own, which has an interface by this name.
void run_in_a_namespace(const char* name, void (*test)()) {
  pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (!enter_namespace_with_interface(name)) ::_exit(exit_code_refused);
    test();
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == exit_code_refused) GTEST_SKIP() << "no network namespaces here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Udp, MulticastReachesAllMembersOverIpv6) {
  run_in_a_namespace("kith0", [] {
    run_on_loop([](Env& env) { return multicast_on_fresh_interface(env, "kith0"); });
  });
}

bool give_address(const char* name, const char* ip) {
  int control = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request = {};
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  auto* address = reinterpret_cast<sockaddr_in*>(&request.ifr_addr);
  address->sin_family = AF_INET;
  bool done = ::inet_pton(AF_INET, ip, &address->sin_addr) == 1 &&
              ::ioctl(control, SIOCSIFADDR, &request) == 0;
  ::close(control);
  return done;
}

Task<void> watch(Env& env) {
  KITH_CO_TRY(auto watch, env.net.watch_interfaces());
  EXPECT_TRUE(give_address("kith1", "192.0.2.7"));
  const Instant deadline = env.clock.now() + 10s;
  // The interface's own coming may be told first.
  for (bool found = false; !found;) {
    KITH_CO_CHECK(co_await watch->changed(deadline));
    KITH_CO_TRY(auto interfaces, env.net.interfaces());
    for (const port::InterfaceAddress& entry : interfaces)
      found |= entry.address == *IpAddress::parse("192.0.2.7");
  }
  std::optional<Error> cancelled;
  TaskGroup group(env.executor, env.clock);
  group.spawn([](port::InterfaceWatch& of, std::optional<Error>& failure) -> Task<void> {
    for (;;) {
      auto changed = co_await of.changed();
      if (changed) continue;
      failure = changed.error();
      co_return Result<void>{};
    }
  }(*watch, cancelled));
  KITH_CO_CHECK(co_await settle());
  group.cancel();
  KITH_CO_CHECK(co_await group.join());
  EXPECT_TRUE(cancelled && cancelled->is(Errc::cancelled));
  co_return Result<void>{};
}

TEST(Net, TellsWhenAnAddressHasCome) {
  run_in_a_namespace("kith1", [] { run_on_loop(watch); });
}

}  // namespace
}  // namespace kith::io::detail
