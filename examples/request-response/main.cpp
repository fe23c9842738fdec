// A protocol of requests and responses: what time is it there?
//   request-response            answers
//   request-response ADDRESS    asks
#include <ctime>
#include <iostream>

#include <kith/host/program.hpp>
#include <kith/host/request.hpp>

using namespace kith;

constexpr const char* protocol = "/kith/example/clock/1.0.0";

Task<Bytes> answer(multiformats::PeerId, Buffer question) {
  if (as_text(question) != "time") co_return std::unexpected(Errc::unsupported);
  co_return to_bytes(std::to_string(std::time(nullptr)));
}

Task<void> serve(host::Host& host) {
  host::serve_requests(host, protocol, answer);
  std::cout << host.addresses()[0].to_string() << std::endl;
  co_return co_await host::wait_for_interrupt(host);
}

Task<void> ask(host::Host& host, std::string address) {
  KITH_CO_TRY(multiformats::PeerId peer, co_await host.connect(address));
  KITH_CO_TRY(Buffer time, co_await host::request(host, peer, protocol, to_bytes("time")));
  std::cout << as_text(time) << std::endl;
  co_return Result<void>{};
}

int main(int argc, char** argv) {
  host::ProgramOptions options;
  options.host.listen = {*multiformats::Multiaddr::parse("/ip4/127.0.0.1/udp/0/quic-v1")};
  if (argc < 2) return run_program(std::move(options), serve);
  return run_program(std::move(options), [&](host::Host& host) { return ask(host, argv[1]); });
}
