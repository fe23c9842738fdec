// Two who talk. A call through a relay becomes direct by itself, with a hole in each one's NAT.
//   chat [RELAY]         waits for a call, also at a relay with this address, and says where
//   chat call ADDRESS    calls
#include <iostream>

#include <kith/host/lines.hpp>
#include <kith/host/program.hpp>

using namespace kith;

constexpr const char* protocol = "/kith/example/chat/1.0.0";

Task<void> hear(net::Stream& stream) {
  port::BufferedReader reader(stream);
  for (;;) {
    KITH_CO_TRY(Buffer message, co_await reader.read_message(4096));
    std::cout << "< " << as_text(message) << std::endl;
  }
}

Task<void> talk(host::Host& host, std::unique_ptr<net::Stream> stream) {
  port::TaskGroup hearing(host.env().executor, host.env().clock);
  hearing.spawn(hear(*stream));
  KITH_CO_TRY(host::Lines lines, host::Lines::open(host));
  while (auto line = co_await lines.next()) {
    if (!co_await port::write_message(*stream, as_bytes(*line), host.after(30s))) break;
  }
  co_await stream->close_write(host.after(5s));
  hearing.cancel();
  co_return co_await hearing.join_shielded();
}

Task<void> wait(host::Host& host) {
  host.handle(protocol, [&host](auto stream) { return talk(host, std::move(stream)); });
  KITH_CO_CHECK(co_await port::sleep_for(host.env().clock, 1s));  // the relay answers meanwhile
  for (const multiformats::Multiaddr& address : host.addresses())
    std::cout << "chat call " << address.to_string() << std::endl;
  co_return co_await host::wait_for_interrupt(host);
}

Task<void> call(host::Host& host, std::string address) {
  KITH_CO_TRY(multiformats::PeerId peer, co_await host.connect(address));
  KITH_CO_TRY(std::unique_ptr<net::Stream> stream, co_await host.open_stream(peer, protocol));
  co_return co_await talk(host, std::move(stream));
}

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const bool calls = words.size() == 2 && words[0] == "call";
  host::ProgramOptions options;
  options.host.reach.emplace();
  std::vector<std::string> listen = {"/ip4/0.0.0.0/udp/0/quic-v1", "/ip4/0.0.0.0/tcp/0"};
  if (!calls && !words.empty()) listen.push_back(words[0] + "/p2p-circuit");
  for (const std::string& address : listen)
    options.host.listen.push_back(multiformats::Multiaddr::parse(address).value());
  return run_program(std::move(options),
                     [&](host::Host& host) { return calls ? call(host, words[1]) : wait(host); });
}
