// A room (gossipsub), where all read what one types.   pubsub ROOM [ADDRESS of somebody in it]
#include <iostream>

#include <kith/host/lines.hpp>
#include <kith/host/program.hpp>

using namespace kith;

Task<void> hear(pubsub::Subscription& room) {
  for (;;) {
    KITH_CO_TRY(const pubsub::Received said, co_await room.next());
    std::cout << said.from.to_string() << ": " << as_text(said.message->data()) << std::endl;
  }
}

Task<void> talk(host::Host& host, std::vector<std::string> words) {
  KITH_CO_TRY(auto room, host.pubsub().subscribe(words[1]));
  std::cout << "pubsub " << words[1] << " " << host.addresses()[0].to_string() << std::endl;
  if (words.size() > 2) KITH_CO_CHECK(co_await host.connect(words[2]));
  port::TaskGroup hearing(host.env().executor, host.env().clock);
  hearing.spawn(hear(*room));
  KITH_CO_TRY(host::Lines lines, host::Lines::open(host));
  for (auto line = co_await lines.next(); line && *line; line = co_await lines.next())
    co_await host.pubsub().publish(words[1], to_bytes(**line));
  hearing.cancel();
  co_return co_await hearing.join_shielded();
}

int main(int argc, char** argv) {
  host::ProgramOptions options;
  options.host.pubsub.emplace();
  options.host.listen = {*multiformats::Multiaddr::parse("/ip4/127.0.0.1/udp/0/quic-v1")};
  std::vector<std::string> words(argv, argv + argc);
  if (words.size() < 2) words.push_back("lobby");
  return run_program(std::move(options), [&](host::Host& host) { return talk(host, words); });
}
