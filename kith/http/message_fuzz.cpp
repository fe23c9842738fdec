// Strategy: the first byte is a size of pieces, the rest is what the other side sends: request
// after request, as the server reads them, or response after response, as the client does (its
// second byte says if they answer a HEAD). Invariants: in pieces it reads the same as in one;
// payload is never more than came; whatever is accepted has one framing.
#include <algorithm>
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/http/message.hpp>
#include <kith/http/uri.hpp>

namespace kith::fuzz {
namespace {}  // namespace

Kinds kinds_http_request{
    "no body",       "a length",      "chunks", "trailers",       "extension of a chunk",
    "absolute form", "asterisk form", "query",  "second request", "two framings"};
Kinds kinds_http_response{"no body",  "a length",  "chunks",         "until the end",
                          "trailers", "to a HEAD", "interim answer", "second answer"};

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

bool read_body(Feed& feed, http::Framing framing, Reading& reading, Kinds& kinds) {
  using Kind = http::Framing::Kind;
  kinds.reached_if(framing.kind == Kind::none, "no body");
  kinds.reached_if(framing.kind == Kind::length && framing.length > 0, "a length");
  kinds.reached_if(framing.kind == Kind::until_close, "until the end");
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
  kinds.reached_if(framing.kind == Kind::chunked && !reading.payload.empty(), "chunks");
  kinds.reached_if(!decoder.trailers().empty(), "trailers");
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
      kinds_http_request.reached_if(!target->authority.empty(), "absolute form");
      kinds_http_request.reached_if(target->raw_path == "*", "asterisk form");
      kinds_http_request.reached_if(!target->query.pairs().empty(), "query");
      ASSERT(target->path.size() <= head->target.size());
      ASSERT(http::Query::parse(target->query.to_string())->pairs() == target->query.pairs());
    }
    auto framing = http::request_framing(*head);
    if (!framing) {
      kinds_http_request.reached_if(
          head->headers.has("content-length") && head->headers.has("transfer-encoding"),
          "two framings");
      reading.error = framing.error();
      return reading;
    }
    kinds_http_request.reached_if(++reading.messages > 1, "second request");
    const std::size_t body = feed.at;
    if (!read_body(feed, *framing, reading, kinds_http_request)) return reading;
    kinds_http_request.reached_if(
        framing->kind == http::Framing::Kind::chunked &&
            as_text(feed.input.subspan(body, feed.at - body)).find(';') != std::string_view::npos,
        "extension of a chunk");
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
    kinds_http_response.reached_if(++reading.messages > 1, "second answer");
    kinds_http_response.reached_if(to_head, "to a HEAD");
    kinds_http_response.reached_if(head->status < 200, "interim answer");
    if (!read_body(feed, *framing, reading, kinds_http_response)) return reading;
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
