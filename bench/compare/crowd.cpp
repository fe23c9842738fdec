// Many libp2p peers in one process, each connected to the same one and then idle, to see how fast
// that one takes them in and what a connection costs it.
//
//   crowd COUNT MULTIADDR [AT_ONCE [noise|tls]]     prints "connected SECONDS" when all are; ends
//   at SIGTERM
//
// All peers are made before the first one dials; AT_ONCE of them dial at a time, one without it.
// Connected is who knows by identify whom it has reached.
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <kith/host/program.hpp>
#include <kith/port/task_group.hpp>

#include "arguments.hpp"

namespace {

using kith::host::Host;
using kith::multiformats::Multiaddr;

using Crowd = std::vector<std::unique_ptr<Host>>;

struct Options {
  std::size_t count = 0;
  std::size_t at_once = 1;
  std::optional<kith::net::SecureProtocol> security;
  std::optional<Multiaddr> address;
};

kith::Task<void> make(kith::port::Env& env, Crowd& crowd, const Options& options) {
  kith::host::HostOptions host_options;
  if (options.security) host_options.transports.security = {*options.security};
  while (crowd.size() < options.count) {
    KITH_CO_TRY(kith::crypto::PrivateKey identity, kith::host::new_identity(env));
    KITH_CO_TRY(std::unique_ptr<Host> host,
                co_await Host::start(env, std::move(identity), host_options));
    crowd.push_back(std::move(host));
  }
  co_return kith::Result<void>{};
}

/// Takes the next peer that nobody has taken, until there is none.
struct Gathering {
  const Crowd& crowd;
  const Multiaddr& address;
  std::size_t next = 0;
  kith::Result<void> outcome{};
};

kith::Task<void> connect(Host& host, const Multiaddr& address) {
  KITH_CO_TRY(kith::multiformats::PeerId peer, co_await host.connect(address));
  // Both sides are done with each other only when both have said who they are.
  KITH_CO_TRY(kith::host::PeerInfo info, co_await host.identify(peer));
  co_return kith::Result<void>{};
}

kith::Task<void> connect_some(Gathering& gathering) {
  while (gathering.outcome && gathering.next < gathering.crowd.size()) {
    Host& host = *gathering.crowd[gathering.next++];
    auto connected = co_await connect(host, gathering.address);
    if (!connected) gathering.outcome = connected;
  }
  co_return kith::Result<void>{};
}

kith::Task<void> gather(kith::port::Env& env, Crowd& crowd, const Options& options) {
  KITH_CO_CHECK(co_await make(env, crowd, options));
  Gathering gathering{.crowd = crowd, .address = *options.address};
  const kith::Instant begun = env.clock.now();
  kith::port::TaskGroup dialers(env.executor, env.clock);
  for (std::size_t i = 0; i < options.at_once; ++i)
    dialers.spawn(connect_some(gathering));
  auto joined = co_await dialers.join();
  if (!joined) dialers.cancel();
  co_await dialers.join_shielded();
  if (!joined) co_return joined;
  if (!gathering.outcome) co_return gathering.outcome;
  const std::chrono::duration<double> took = env.clock.now() - begun;
  std::printf("connected %.6f\n", took.count());
  std::fflush(stdout);
  co_return kith::Result<void>{};
}

kith::Task<void> stand_around(Host& host, const Options& options) {
  Crowd crowd;
  auto gathered = co_await gather(host.env(), crowd, options);
  if (gathered) gathered = co_await kith::host::wait_for_interrupt(host);
  for (const std::unique_ptr<Host>& one : crowd)
    co_await one->close_shielded();
  co_return gathered;
}

bool parse(int argc, char** argv, Options& options) {
  if (argc < 3 || argc > 5 || !compare::parse_number(argv[1], options.count)) return false;
  if (argc > 3 && !compare::parse_positive(argv[3], options.at_once)) return false;
  const std::string security = argc > 4 ? argv[4] : "";
  if (security == "tls") options.security = kith::net::SecureProtocol::tls;
  if (security == "noise") options.security = kith::net::SecureProtocol::noise;
  auto address = Multiaddr::parse(argv[2]);
  if (!address) return false;
  options.address = *std::move(address);
  return security.empty() || options.security.has_value();
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    std::fputs("usage: crowd COUNT MULTIADDR [AT_ONCE [noise|tls]]\n", stderr);
    return 2;
  }
  kith::io::raise_descriptor_limit();
  return kith::host::run_program({}, [&](Host& host) { return stand_around(host, options); });
}
