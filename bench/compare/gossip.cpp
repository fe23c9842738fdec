// A publisher and some subscribers of gossipsub in one process, who know each other only by way of
// one peer in the middle, to see what it costs that one to check and to forward messages.
//
//   gossip MULTIADDR TOPIC SUBSCRIBERS MESSAGES BYTES
//
// Waits until a first message has come to all, prints "ready", waits for a line of input, sends the
// messages, at most so many ahead of the slowest subscriber that no queue on the way overflows, and
// prints the seconds until all have them all.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <kith/host/lines.hpp>
#include <kith/host/program.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>

#include "arguments.hpp"

namespace {

using namespace std::chrono_literals;
using kith::host::Host;
using kith::multiformats::Multiaddr;
using SubscriptionPtr = std::unique_ptr<kith::pubsub::Subscription>;

/// Fewer than go-libp2p-pubsub's queues hold, which are the shortest: 32.
constexpr std::size_t ahead_max = 16;
constexpr kith::Duration patience = 30s;

struct Options {
  std::string topic;
  std::size_t subscribers = 0;
  std::size_t messages = 0;
  std::size_t bytes = 0;
  std::optional<Multiaddr> address;
};

struct Subscriber {
  std::unique_ptr<Host> host;
  SubscriptionPtr subscription{};
  std::size_t got = 0;
};

struct Flood {
  explicit Flood(Host& publishing)
      : publisher(publishing),
        came(publishing.env().clock),
        tasks(publishing.env().executor, publishing.env().clock) {}

  std::size_t least() const {
    return std::ranges::min_element(subscribers, {}, &Subscriber::got)->got;
  }

  Host& publisher;
  std::vector<Subscriber> subscribers{};
  kith::port::Event came;
  kith::port::TaskGroup tasks;
};

kith::Task<void> count(Flood& flood, std::size_t which) {
  for (;;) {
    KITH_CO_TRY(kith::pubsub::Received one, co_await flood.subscribers[which].subscription->next());
    ++flood.subscribers[which].got;
    flood.came.notify_all();
  }
}

kith::Task<void> gather(Flood& flood, const Options& options) {
  kith::port::Env& env = flood.publisher.env();
  KITH_CO_TRY(kith::multiformats::PeerId middle,
              co_await flood.publisher.connect(*options.address));
  while (flood.subscribers.size() < options.subscribers) {
    KITH_CO_TRY(kith::crypto::PrivateKey identity, kith::host::new_identity(env));
    kith::host::HostOptions host_options;
    host_options.pubsub.emplace();
    KITH_CO_TRY(std::unique_ptr<Host> host,
                co_await Host::start(env, std::move(identity), std::move(host_options)));
    flood.subscribers.push_back({std::move(host)});
    Subscriber& last = flood.subscribers.back();
    KITH_CO_TRY(last.subscription, last.host->pubsub().subscribe(options.topic, ahead_max * 2));
    KITH_CO_TRY(middle, co_await last.host->connect(*options.address));
  }
  for (std::size_t i = 0; i < flood.subscribers.size(); ++i)
    flood.tasks.spawn(count(flood, i));
  co_return kith::Result<void>{};
}

/// Messages until all subscribers are in the mesh of the one in the middle, and have got one.
kith::Task<void> warm_up(Flood& flood, const Options& options) {
  const kith::Instant until = flood.publisher.after(patience);
  while (flood.least() == 0) {
    if (flood.publisher.after(0s) > until)
      co_return std::unexpected(kith::Error(kith::Errc::timed_out, "no message comes through"));
    auto sent =
        co_await flood.publisher.pubsub().publish(options.topic, kith::Bytes(options.bytes));
    KITH_CO_CHECK(co_await kith::port::sleep_for(flood.publisher.env().clock, 250ms));
  }
  // What is under way comes in, and is not counted.
  KITH_CO_CHECK(co_await kith::port::sleep_for(flood.publisher.env().clock, 1s));
  for (Subscriber& one : flood.subscribers)
    one.got = 0;
  co_return kith::Result<void>{};
}

kith::Task<void> send(Flood& flood, const Options& options) {
  for (std::size_t sent = 0; flood.least() < options.messages;) {
    if (sent < options.messages && sent - flood.least() < ahead_max) {
      kith::Bytes data(options.bytes);
      auto id = co_await flood.publisher.pubsub().publish(options.topic, std::move(data));
      if (!id) co_return std::unexpected(id.error());
      ++sent;
      continue;
    }
    KITH_CO_CHECK(co_await flood.came.wait(flood.publisher.after(patience)));
  }
  co_return kith::Result<void>{};
}

kith::Task<void> measure(Flood& flood, const Options& options) {
  KITH_CO_CHECK(co_await gather(flood, options));
  KITH_CO_CHECK(co_await warm_up(flood, options));
  KITH_CO_TRY(kith::host::Lines lines, kith::host::Lines::open(flood.publisher));
  std::puts("ready");
  std::fflush(stdout);
  KITH_CO_TRY(std::optional<std::string> line, co_await lines.next());
  const kith::Instant begun = flood.publisher.after(0s);
  KITH_CO_CHECK(co_await send(flood, options));
  const std::chrono::duration<double> took = flood.publisher.after(0s) - begun;
  std::printf("%.6f\n", took.count());
  std::fflush(stdout);
  co_return kith::Result<void>{};
}

kith::Task<void> run(Host& host, const Options& options) {
  Flood flood(host);
  auto measured = co_await measure(flood, options);
  flood.tasks.cancel();
  co_await flood.tasks.join_shielded();
  for (Subscriber& one : flood.subscribers) {
    one.subscription.reset();
    co_await one.host->close_shielded();
  }
  co_return measured;
}

bool parse(int argc, char** argv, Options& options) {
  if (argc != 6) return false;
  auto address = Multiaddr::parse(argv[1]);
  if (!address) return false;
  options.address = *std::move(address);
  options.topic = argv[2];
  return compare::parse_positive(argv[3], options.subscribers) &&
         compare::parse_positive(argv[4], options.messages) &&
         compare::parse_positive(argv[5], options.bytes);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    std::fputs("usage: gossip MULTIADDR TOPIC SUBSCRIBERS MESSAGES BYTES\n", stderr);
    return 2;
  }
  kith::host::ProgramOptions program;
  program.host.pubsub.emplace();
  return kith::host::run_program(std::move(program),
                                 [&](Host& host) { return run(host, options); });
}
