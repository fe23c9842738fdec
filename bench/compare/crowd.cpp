// Many libp2p peers in one process, each connected to the same one and then idle, to see what a
// connection costs that one.
//
//   crowd COUNT MULTIADDR     prints "connected" when all are; ends at SIGTERM
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <kith/host/program.hpp>

namespace {

using kith::host::Host;
using kith::multiformats::Multiaddr;

using Crowd = std::vector<std::unique_ptr<Host>>;

kith::Task<void> gather(kith::port::Env& env, Crowd& crowd, std::size_t count, Multiaddr address) {
  while (crowd.size() < count) {
    KITH_CO_TRY(kith::crypto::PrivateKey identity, kith::host::new_identity(env));
    KITH_CO_TRY(std::unique_ptr<Host> host, co_await Host::start(env, std::move(identity)));
    crowd.push_back(std::move(host));
    Host& last = *crowd.back();
    KITH_CO_TRY(kith::multiformats::PeerId peer, co_await last.connect(address));
    // Both sides are done with each other only when both have said who they are.
    KITH_CO_TRY(kith::host::PeerInfo info, co_await last.identify(peer));
  }
  std::puts("connected");
  std::fflush(stdout);
  co_return kith::Result<void>{};
}

kith::Task<void> stand_around(Host& host, std::size_t count, Multiaddr address) {
  Crowd crowd;
  auto gathered = co_await gather(host.env(), crowd, count, std::move(address));
  if (gathered) gathered = co_await kith::host::wait_for_interrupt(host);
  for (const std::unique_ptr<Host>& one : crowd)
    co_await one->close_shielded();
  co_return gathered;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t count = 0;
  auto address = argc == 3 ? Multiaddr::parse(argv[2]) : Multiaddr::parse("");
  if (argc != 3 || !address ||
      std::from_chars(argv[1], argv[1] + std::strlen(argv[1]), count).ec != std::errc()) {
    std::fputs("usage: crowd COUNT MULTIADDR\n", stderr);
    return 2;
  }
  kith::io::raise_descriptor_limit();
  return kith::host::run_program({},
                                 [&](Host& host) { return stand_around(host, count, *address); });
}
