// Who else is here under this name? (Kademlia)   find NAME [ADDRESS of somebody in the network]
#include <iostream>

#include <kith/host/program.hpp>

using namespace kith;

constexpr const char* protocol = "/kith/example/find/1.0.0";

Task<void> hear(std::unique_ptr<net::Stream> stream) {
  KITH_CO_TRY(Bytes said, co_await port::read_to_end(*stream, 1024));
  std::cout << stream->remote_peer().to_string() << " says " << as_text(said) << std::endl;
  co_return co_await stream->close_write();
}

Task<void> greet(host::Host& host, multiformats::PeerId peer) {
  KITH_CO_TRY(std::unique_ptr<net::Stream> stream, co_await host.open_stream(peer, protocol));
  KITH_CO_CHECK(co_await stream->write(as_bytes("hello")));
  std::cout << "found " << peer.to_string() << std::endl;
  co_return co_await stream->close_write();
}

Task<void> meet(host::Host& host, std::string name) {
  host.handle(protocol, hear);
  std::cout << "find " << name << " " << host.addresses()[0].to_string() << std::endl;
  co_await host.dht().provide(host::rendezvous(name));  // fails as long as nobody else is there
  auto others = host.dht().find_providers(host::rendezvous(name));
  while (auto found = co_await others->next()) {
    if (found->peer != host.peer()) co_await greet(host, found->peer);
  }
  co_return co_await host::wait_for_interrupt(host);
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  host::ProgramOptions options;
  // In the public network: /ip4/0.0.0.0/udp/4001/quic-v1, no loopback, and host::public_peers().
  options.host.listen = {*multiformats::Multiaddr::parse("/ip4/127.0.0.1/udp/0/quic-v1")};
  options.host.dht.emplace().loopback = true;
  if (argc > 2) options.host.dht->bootstrap = {multiformats::Multiaddr::parse(argv[2]).value()};
  return run_program(std::move(options), [&](host::Host& host) { return meet(host, argv[1]); });
}
