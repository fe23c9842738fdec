// A room (gossipsub), where all read what one types.   pubsub ROOM [ADDRESS of somebody in it]
#include <iostream>

#include <kith/host/lines.hpp>
#include <kith/host/program.hpp>

using namespace kith;

void hear(const pubsub::Received& said) {
  std::cout << said.from.to_string() << ": " << as_text(said.message->data()) << std::endl;
}

Task<void> talk(host::Host& host, std::vector<std::string> words) {
  KITH_CO_CHECK(host.subscribe(words[0], hear));
  std::cout << "pubsub " << words[0] << " " << host.addresses()[0].to_string() << std::endl;
  if (words.size() > 1) KITH_CO_CHECK(co_await host.connect(words[1]));
  KITH_CO_TRY(host::Lines lines, host::Lines::open(host));
  while (auto line = co_await lines.next())
    co_await host.pubsub().publish(words[0], to_bytes(*line));
  co_return Result<void>{};
}

int main(int argc, char** argv) {
  host::ProgramOptions options;
  options.host.pubsub.emplace();
  options.host.listen = {*multiformats::Multiaddr::parse("/ip4/127.0.0.1/udp/0/quic-v1")};
  std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty()) words.push_back("lobby");
  return run_program(std::move(options), [&](host::Host& host) { return talk(host, words); });
}
