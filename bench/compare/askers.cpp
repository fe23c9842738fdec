// Kademlia peers that ask one server as fast as it answers.
//
//   askers PEERS MULTIADDR QUERIES AT_ONCE
//
// PEERS servers of the local DHT (loopback counts) join by the one at MULTIADDR, so that its table
// is filled; then it prints "ready PEERS_IN_AN_ANSWER", waits for a line, and AT_ONCE streams ask
// it for QUERIES random keys in all, nodes and providers by turns: prints the seconds that took.
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <kith/dht/message.hpp>
#include <kith/dht/swarm_network.hpp>
#include <kith/host/lines.hpp>
#include <kith/host/program.hpp>
#include <kith/port/task_group.hpp>

#include "arguments.hpp"

namespace {

using namespace std::chrono_literals;
using kith::Bytes;
using kith::Task;
using kith::dht::Message;
using kith::dht::MessageType;
using kith::host::Host;
using kith::multiformats::Multiaddr;
using kith::multiformats::PeerId;

constexpr kith::Duration patience = 60s;

struct Options {
  std::size_t peers = 0;
  std::optional<Multiaddr> address;
  std::size_t queries = 0;
  std::size_t at_once = 0;
};

/// One stream of requests and answers.
class Asking {
 public:
  static Task<std::unique_ptr<Asking>> begin(Host& host, PeerId server) {
    KITH_CO_TRY(std::unique_ptr<kith::net::Stream> stream,
                co_await host.open_stream(server, std::string(kith::dht::local_protocol)));
    co_return std::unique_ptr<Asking>(new Asking(host, std::move(stream)));
  }

  Task<Message> ask(MessageType type) {
    Message request;
    request.type = type;
    request.key = random_key();
    const Bytes encoded = kith::dht::encode_message(request);
    KITH_CO_CHECK(co_await kith::port::write_message(*stream_, encoded, host_.after(patience)));
    KITH_CO_TRY(kith::Buffer answer,
                co_await reader_.read_message(kith::dht::answer_bytes_max, host_.after(patience)));
    auto decoded = kith::dht::decode_message(answer.view());
    if (!decoded) co_return std::unexpected(decoded.error());
    co_return *std::move(decoded);
  }

 private:
  Asking(Host& host, std::unique_ptr<kith::net::Stream> stream)
      : host_(host), stream_(std::move(stream)), reader_(*stream_) {}

  /// A sha2-256 multihash, which a peer's id and content's key both may be.
  Bytes random_key() {
    Bytes key(34);
    host_.env().random.fill(key);
    key[0] = 0x12;
    key[1] = 0x20;
    return key;
  }

  Host& host_;
  std::unique_ptr<kith::net::Stream> stream_;
  kith::port::BufferedReader reader_;
};

struct Crowd {
  std::vector<std::unique_ptr<Host>> hosts;
  std::optional<PeerId> server;
  std::vector<std::unique_ptr<Asking>> askings;
  std::size_t left = 0;
  kith::Result<void> outcome{};
};

Task<void> join(kith::port::Env& env, Crowd& crowd, const Options& options) {
  while (crowd.hosts.size() < options.peers) {
    KITH_CO_TRY(kith::crypto::PrivateKey identity, kith::host::new_identity(env));
    kith::host::HostOptions one;
    one.listen = {Multiaddr::parse("/ip4/127.0.0.1/tcp/0").value()};
    one.dht.emplace().loopback = true;
    KITH_CO_TRY(std::unique_ptr<Host> host,
                co_await Host::start(env, std::move(identity), std::move(one)));
    crowd.hosts.push_back(std::move(host));
    KITH_CO_TRY(crowd.server, co_await crowd.hosts.back()->connect(*options.address));
  }
  for (std::size_t i = 0; i < options.at_once; ++i) {
    Host& host = *crowd.hosts[i % crowd.hosts.size()];
    KITH_CO_TRY(std::unique_ptr<Asking> asking, co_await Asking::begin(host, *crowd.server));
    crowd.askings.push_back(std::move(asking));
  }
  co_return kith::Result<void>{};
}

/// Until the server tells as many as an answer holds, or all there are.
Task<std::size_t> fill(Crowd& crowd, Host& host, const Options& options) {
  const std::size_t wanted = std::min(options.peers - 1, kith::dht::bucket_size);
  const kith::Instant until = host.after(patience);
  for (;;) {
    KITH_CO_TRY(Message told, co_await crowd.askings[0]->ask(MessageType::find_node));
    if (told.closer.size() >= wanted || host.after(0s) > until) co_return told.closer.size();
    KITH_CO_CHECK(co_await kith::port::sleep_for(host.env().clock, 100ms));
  }
}

Task<void> keep_asking(Crowd& crowd, Asking& asking) {
  while (crowd.left > 0 && crowd.outcome) {
    const auto type = crowd.left-- % 2 == 0 ? MessageType::find_node : MessageType::get_providers;
    auto told = co_await asking.ask(type);
    if (!told) crowd.outcome = std::unexpected(told.error());
  }
  co_return kith::Result<void>{};
}

Task<void> measure(Crowd& crowd, Host& host, const Options& options) {
  KITH_CO_CHECK(co_await join(host.env(), crowd, options));
  KITH_CO_TRY(std::size_t told, co_await fill(crowd, host, options));
  KITH_CO_TRY(kith::host::Lines lines, kith::host::Lines::open(host));
  std::printf("ready %zu\n", told);
  std::fflush(stdout);
  KITH_CO_TRY(std::optional<std::string> line, co_await lines.next());
  crowd.left = options.queries;
  const kith::Instant begun = host.after(0s);
  kith::port::TaskGroup all(host.env().executor, host.env().clock);
  for (const std::unique_ptr<Asking>& one : crowd.askings)
    all.spawn(keep_asking(crowd, *one));
  auto joined = co_await all.join();
  if (!joined) all.cancel();
  co_await all.join_shielded();
  if (!joined) co_return joined;
  if (!crowd.outcome) co_return crowd.outcome;
  const std::chrono::duration<double> took = host.after(0s) - begun;
  std::printf("%.6f\n", took.count());
  std::fflush(stdout);
  co_return kith::Result<void>{};
}

Task<void> run(Host& host, const Options& options) {
  Crowd crowd;
  auto measured = co_await measure(crowd, host, options);
  crowd.askings.clear();
  for (const std::unique_ptr<Host>& one : crowd.hosts)
    co_await one->close_shielded();
  co_return measured;
}

bool parse(int argc, char** argv, Options& options) {
  if (argc != 5) return false;
  auto address = Multiaddr::parse(argv[2]);
  if (!address) return false;
  options.address = *std::move(address);
  return compare::parse_positive(argv[1], options.peers) &&
         compare::parse_positive(argv[3], options.queries) &&
         compare::parse_positive(argv[4], options.at_once);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    std::fputs("usage: askers PEERS MULTIADDR QUERIES AT_ONCE\n", stderr);
    return 2;
  }
  kith::io::raise_descriptor_limit();
  return kith::host::run_program({}, [&](Host& host) { return run(host, options); });
}
