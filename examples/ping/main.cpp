// ping                    listens, prints its address, answers pings until it's interrupted
// ping ADDRESS [COUNT]    says who is at the address and how far away
#include <chrono>
#include <cstdlib>

#include <fmt/format.h>

#include <kith/host/program.hpp>

using kith::Duration;
using kith::Result;
using kith::Task;
using kith::host::Host;
using kith::multiformats::Multiaddr;
using kith::multiformats::PeerId;

namespace {

Task<void> serve(Host& host) {
  for (const Multiaddr& address : host.addresses())
    fmt::print("{}\n", address.to_string());
  std::fflush(stdout);
  co_return co_await kith::host::wait_for_interrupt(host);
}

Task<void> ping(Host& host, std::string address_text, std::size_t count) {
  KITH_CO_TRY(Multiaddr address, Multiaddr::parse(address_text));
  KITH_CO_TRY(PeerId peer, co_await host.connect(std::move(address)));
  KITH_CO_TRY(kith::host::PeerInfo info, co_await host.identify(peer));
  fmt::print("{} speaks {} protocols\n", info.agent, info.protocols.size());
  KITH_CO_TRY(std::vector<Duration> round_trips, co_await host.ping(peer, count));
  for (Duration one : round_trips)
    fmt::print("{:.3f} ms\n", std::chrono::duration<double, std::milli>(one).count());
  co_return Result<void>{};
}

}  // namespace

int main(int argc, char** argv) {
  kith::host::ProgramOptions options;
  options.host.agent = "ping-example/1";
  if (argc < 2) {
    // /ip4/0.0.0.0/tcp/4001 instead lets other machines in.
    options.host.listen.push_back(*Multiaddr::parse("/ip4/127.0.0.1/tcp/0"));
    return kith::host::run_program(std::move(options), serve);
  }
  std::string address = argv[1];
  std::size_t count = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 3;
  return kith::host::run_program(
      std::move(options), [address, count](Host& host) { return ping(host, address, count); });
}
