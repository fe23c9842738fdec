// A protocol of one's own: messages with their length in front, each returned as it came.
//   echo-protocol                     serves it until it's interrupted
//   echo-protocol ADDRESS TEXT...     sends each text and prints what comes back
#include <fmt/format.h>

#include <kith/host/program.hpp>

using kith::Buffer;
using kith::Errc;
using kith::Result;
using kith::Task;
using kith::host::Host;
using kith::multiformats::Multiaddr;
using kith::multiformats::PeerId;
using kith::net::Stream;

namespace {

constexpr const char* protocol = "/kith/example/echo/1.0.0";
constexpr std::size_t message_bytes_max = 64 * 1024;
constexpr std::chrono::seconds patience{30};

/// One stream, from its opening to its end. Leaving with an error resets it.
Task<void> serve_echo(Host& host, std::unique_ptr<Stream> stream) {
  kith::port::BufferedReader reader(*stream);
  for (;;) {
    auto message = co_await reader.read_message(message_bytes_max, host.after(patience));
    if (!message && message.error().is(Errc::closed)) break;
    if (!message) co_return std::unexpected(message.error());
    KITH_CO_CHECK(co_await kith::port::write_message(*stream, *message, host.after(patience)));
  }
  co_return co_await stream->close_write();
}

Task<void> serve(Host& host) {
  host.handle(protocol, [&host](std::unique_ptr<Stream> stream) {
    return serve_echo(host, std::move(stream));
  });
  for (const Multiaddr& address : host.addresses())
    fmt::print("{}\n", address.to_string());
  std::fflush(stdout);
  co_return co_await kith::host::wait_for_interrupt(host);
}

Task<void> call(Host& host, std::vector<std::string> arguments) {
  KITH_CO_TRY(Multiaddr address, Multiaddr::parse(arguments.front()));
  KITH_CO_TRY(PeerId peer, co_await host.connect(std::move(address)));
  KITH_CO_TRY(std::unique_ptr<Stream> stream, co_await host.open_stream(peer, protocol));
  kith::port::BufferedReader reader(*stream);
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    kith::ByteView text = kith::as_bytes(arguments[i]);
    KITH_CO_CHECK(co_await kith::port::write_message(*stream, text, host.after(patience)));
    KITH_CO_TRY(Buffer answer,
                co_await reader.read_message(message_bytes_max, host.after(patience)));
    fmt::print("{}\n", kith::as_text(answer));
  }
  co_return co_await stream->close_write();
}

}  // namespace

int main(int argc, char** argv) {
  kith::host::ProgramOptions options;
  if (argc < 2) {
    options.host.listen.push_back(*Multiaddr::parse("/ip4/127.0.0.1/tcp/0"));
    return kith::host::run_program(std::move(options), serve);
  }
  std::vector<std::string> arguments(argv + 1, argv + argc);
  return kith::host::run_program(std::move(options),
                                 [&arguments](Host& host) { return call(host, arguments); });
}
