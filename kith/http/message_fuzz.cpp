// Strategy: the first byte is a size of pieces, the rest is what the other side sends: request
// after request, as the server reads them, or response after response, as the client does (its
// second byte says if they answer a HEAD). Invariants: in pieces it reads the same as in one;
// payload is never more than came; whatever is accepted has one framing.
#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/http/message.hpp>
#include <kith/http/uri.hpp>

namespace kith::fuzz {
namespace {

struct Reading {
  Bytes payload;
  std::size_t messages = 0;
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

/// The lines of the next head; nothing at the input's end or if they are none.
std::optional<http::HeadScanner> read_head(Feed& feed, Reading& reading) {
  http::HeadScanner scanner(http::HeadScanner::Kind::head);
  while (!scanner.done()) {
    ByteView in = feed.front();
    if (in.empty()) return std::nullopt;
    auto used = scanner.feed(in);
    if (!used) {
      reading.error = used.error();
      return std::nullopt;
    }
    feed.at += *used;
  }
  return scanner;
}

Reading read_requests(ByteView input, std::size_t piece) {
  Reading reading;
  Feed feed{input, piece};
  while (auto lines = read_head(feed, reading)) {
    auto head = http::parse_request_head(lines->text());
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
    ++reading.messages;
    if (!read_body(feed, *framing, reading)) return reading;
  }
  return reading;
}

Reading read_responses(ByteView input, std::size_t piece, bool to_head) {
  Reading reading;
  Feed feed{input, piece};
  while (auto lines = read_head(feed, reading)) {
    auto head = http::parse_response_head(lines->text());
    if (!head) {
      reading.error = head.error();
      return reading;
    }
    ASSERT(head->status >= 100 && head->status <= 999);
    auto framing = http::response_framing(*head, to_head);
    if (!framing) {
      reading.error = framing.error();
      return reading;
    }
    ++reading.messages;
    if (!read_body(feed, *framing, reading)) return reading;
  }
  return reading;
}

void check_same(const Reading& whole, const Reading& pieces, ByteView sent) {
  ASSERT(whole.messages == pieces.messages);
  ASSERT(whole.payload == pieces.payload);
  ASSERT(whole.error == pieces.error);
  ASSERT(whole.payload.size() <= sent.size());
}

}  // namespace

void fuzz_http_request(ByteView input) {
  if (input.empty()) return;
  std::size_t piece = std::size_t{input[0]} + 1;
  ByteView sent = input.subspan(1);
  check_same(read_requests(sent, SIZE_MAX), read_requests(sent, piece), sent);
  // The same bytes as a field with parameters.
  (void)http::parse_parameterized(as_text(sent));
}

void fuzz_http_response(ByteView input) {
  if (input.size() < 2) return;
  std::size_t piece = std::size_t{input[0]} + 1;
  const bool to_head = input[1] % 2 == 1;
  ByteView sent = input.subspan(2);
  check_same(read_responses(sent, SIZE_MAX, to_head), read_responses(sent, piece, to_head), sent);
}

}  // namespace kith::fuzz
