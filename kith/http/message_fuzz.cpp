// Strategy: the first byte is a size of pieces, the rest is what a client sends: request after
// request, as the server reads them. Invariants: in pieces it reads the same as in one; payload is
// never more than came; whatever is accepted has one framing.
#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/http/message.hpp>
#include <kith/http/uri.hpp>

namespace kith::fuzz {
namespace {

struct Reading {
  Bytes payload;
  std::size_t requests = 0;
  std::optional<http::HttpError> error;
};

/// Hands out the input piece by piece.
struct Feed {
  ByteView input;
  std::size_t piece;
  std::size_t at = 0;
  ByteView front() const { return input.subspan(at).first(std::min(piece, input.size() - at)); }
};

bool read_body(Feed& feed, http::Framing framing, Reading& reading) {
  http::BodyDecoder decoder(framing);
  while (!decoder.done()) {
    ByteView in = feed.front();
    auto step = decoder.next(in);
    if (!step) {
      reading.error = step.error();
      return false;
    }
    ASSERT(step->framing + step->payload <= in.size());
    append(reading.payload, in.subspan(step->framing, step->payload));
    decoder.take(step->payload);
    feed.at += step->framing + step->payload;
    if (in.empty() && !decoder.done()) return false;
  }
  return true;
}

Reading read(ByteView input, std::size_t piece) {
  Reading reading;
  Feed feed{input, piece};
  for (;;) {
    http::HeadScanner scanner(http::HeadScanner::Kind::head);
    while (!scanner.done()) {
      ByteView in = feed.front();
      if (in.empty()) return reading;
      auto used = scanner.feed(in);
      if (!used) {
        reading.error = used.error();
        return reading;
      }
      feed.at += *used;
    }
    auto head = http::parse_request_head(scanner.text());
    if (!head) {
      reading.error = head.error();
      return reading;
    }
    (void)http::check_host(*head);
    auto target = http::parse_target(head->method, head->target);
    if (target) {
      ASSERT(target->path.size() <= head->target.size());
      ASSERT(http::Query::parse(target->query.to_string())->pairs() == target->query.pairs());
    }
    auto framing = http::request_framing(*head);
    if (!framing) {
      reading.error = framing.error();
      return reading;
    }
    ++reading.requests;
    if (!read_body(feed, *framing, reading)) return reading;
  }
}

}  // namespace

void fuzz_http_request(ByteView input) {
  if (input.empty()) return;
  std::size_t piece = std::size_t{input[0]} + 1;
  ByteView sent = input.subspan(1);
  Reading whole = read(sent, SIZE_MAX);
  Reading pieces = read(sent, piece);
  ASSERT(whole.requests == pieces.requests);
  ASSERT(whole.payload == pieces.payload);
  ASSERT(whole.error == pieces.error);
  ASSERT(whole.payload.size() <= sent.size());
  // The same bytes as a response's head, and as a field with parameters.
  (void)http::parse_response_head(as_text(sent));
  (void)http::parse_parameterized(as_text(sent));
}

}  // namespace kith::fuzz
