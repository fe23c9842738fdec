// Requests and responses: the commonest protocol of one's own. Each request is a stream: a message
// with its length as a varint before it, and one such message in answer.
//
//   serve_requests(host, "/clock/1.0.0", answer);     // Task<Bytes>(PeerId from, Buffer request)
//   KITH_CO_TRY(Buffer now, co_await request(host, peer, "/clock/1.0.0", question));
//
// Loop thread only.
#pragma once

#include <functional>

#include <kith/host/host.hpp>

namespace kith::host {

struct RequestOptions {
  std::size_t request_bytes_max = 1024 * 1024;
  std::size_t response_bytes_max = 1024 * 1024;
  /// For all of it, from the request's first byte to the response's last.
  Duration timeout = 30s;
};

/// Makes the response; an error resets the stream, which the one who asks sees as Errc::reset.
using Answer = std::function<Task<Bytes>(multiformats::PeerId from, Buffer request)>;

/// Answers each request of the protocol from now on, several at a time. As Host::handle.
void serve_requests(Host& host, net::ProtocolId protocol, Answer answer,
                    RequestOptions options = {});

/// Sends a request and waits for its response. Errors of Host::open_stream and of streams;
/// Errc::timed_out after options.timeout, Errc::limit_exceeded for a longer request or response,
/// Errc::end_of_stream if the peer gives none.
Task<Buffer> request(Host& host, multiformats::PeerId peer, net::ProtocolId protocol,
                     Bytes question, RequestOptions options = {});

}  // namespace kith::host
