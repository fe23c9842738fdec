#include <algorithm>
#include <memory>

#include <kith/host/request.hpp>

namespace kith::host {
namespace {

Task<void> serve(port::Clock& clock, std::unique_ptr<net::Stream> stream,
                 std::shared_ptr<const Answer> answer, RequestOptions options) {
  const Instant deadline = clock.now() + options.timeout;
  port::BufferedReader reader(*stream);
  KITH_CO_TRY(Buffer question, co_await reader.read_message(options.request_bytes_max, deadline));
  KITH_CO_TRY(const Bytes response, co_await (*answer)(stream->remote_peer(), std::move(question)));
  if (response.size() > options.response_bytes_max) co_return std::unexpected(Errc::limit_exceeded);
  KITH_CO_CHECK(co_await port::write_message(*stream, response, deadline));
  co_return co_await stream->close_write(deadline);
}

/// As far as it has said.
bool speaks(Host& host, const multiformats::PeerId& peer, const net::ProtocolId& protocol) {
  const std::vector<std::string>& known = host.peer_store().protocols(peer);
  return known.empty() || std::ranges::binary_search(known, protocol);
}

}  // namespace

void serve_requests(Host& host, net::ProtocolId protocol, Answer answer, RequestOptions options) {
  auto shared = std::make_shared<const Answer>(std::move(answer));
  port::Clock& clock = host.env().clock;
  net::StreamHandler handler = [&clock, shared, options](std::unique_ptr<net::Stream> stream) {
    return serve(clock, std::move(stream), shared, options);
  };
  host.handle(std::move(protocol), std::move(handler));
}

Task<Buffer> request(Host& host, multiformats::PeerId peer, net::ProtocolId protocol,
                     Bytes question, RequestOptions options) {
  if (question.size() > options.request_bytes_max) co_return std::unexpected(Errc::limit_exceeded);
  const Instant deadline = host.after(options.timeout);
  KITH_CO_TRY(std::unique_ptr<net::Stream> stream,
              co_await host.open_stream(peer, protocol, deadline));
  KITH_CO_CHECK(co_await port::write_message(*stream, question, deadline));
  KITH_CO_CHECK(co_await stream->close_write(deadline));
  port::BufferedReader reader(*stream);
  auto response = co_await reader.read_message(options.response_bytes_max, deadline);
  if (response) co_return response;
  // A stream that ends before the response has begun is no clean end here, and one that is reset
  // may be so since the peer took the question for part of the negotiation.
  if (response.error().is(Errc::closed)) co_return std::unexpected(Errc::end_of_stream);
  const bool reset = response.error().is(Errc::reset);
  if (reset && !speaks(host, peer, protocol)) {
    co_return std::unexpected(net::SwarmError::protocol_refused);
  }
  co_return std::unexpected(response.error());
}

}  // namespace kith::host
