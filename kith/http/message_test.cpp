#include <gtest/gtest.h>

#include <kith/http/message.hpp>

namespace kith::http {
namespace {

/// A head through scanner and parser, in pieces of this size.
std::expected<RequestHead, HttpError> read_request(std::string_view text,
                                                   std::size_t piece = SIZE_MAX) {
  HeadScanner scanner(HeadScanner::Kind::head);
  for (std::size_t at = 0; at < text.size();) {
    std::string_view part = text.substr(at, piece);
    auto used = scanner.feed(as_bytes(part));
    if (!used) return std::unexpected(used.error());
    at += *used;
    if (scanner.done()) {
      EXPECT_EQ(at, text.size());
      return parse_request_head(scanner.text());
    }
  }
  ADD_FAILURE() << "incomplete: " << text;
  return std::unexpected(HttpError::bad_start_line);
}

std::string with(std::string_view fields) {
  return "GET / HTTP/1.1\r\nHost: x\r\n" + std::string(fields) + "\r\n";
}

TEST(RequestHead, ReadsTheExampleOfRfc9112) {
  std::string text =
      "\r\nGET /hello.txt HTTP/1.1\r\nUser-Agent: curl/7.64.1\r\nHost: www.example.com\r\n"
      "Accept-Language: en, mi\r\nX:\r\nY: \t a \t b \t\r\n\r\n";
  for (std::size_t piece : {std::size_t{1}, std::size_t{7}, std::string::npos}) {
    auto head = read_request(text, piece);
    ASSERT_TRUE(head.has_value());
    EXPECT_EQ(head->method, "GET");
    EXPECT_EQ(head->target, "/hello.txt");
    EXPECT_EQ(head->headers.get("HOST"), "www.example.com");
    EXPECT_EQ(head->headers.get("x"), "");
    EXPECT_EQ(head->headers.get("y"), "a \t b");
    EXPECT_TRUE(head->headers.has_token("accept-language", "MI"));
  }
}

TEST(RequestHead, RefusesWhatRfc9112Refuses) {
  struct Case {
    std::string text;
    HttpError error;
  };
  using enum HttpError;
  const Case cases[] = {
      {"GET / HTTP/1.1\nHost: x\r\n\r\n", bad_line_ending},
      {"GET / HTTP/1.1\r\nHost: x\n\r\n", bad_line_ending},
      {"GET / HTTP/1.1\r\nHost: x\r\n\n", bad_line_ending},
      {"GET / HTTP/1.1\r\nHost: x\ry: z\r\n\r\n", bad_line_ending},
      {"GET / HTTP/1.1\r\nHost: x\r\r\n\r\n", bad_line_ending},
      {"\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n", bad_start_line},
      {"GET /\r\n\r\n", bad_start_line},
      {"GET  / HTTP/1.1\r\n\r\n", bad_start_line},
      {"GET / a HTTP/1.1\r\n\r\n", bad_start_line},
      {"GET /\ta HTTP/1.1\r\n\r\n", bad_start_line},
      {" GET / HTTP/1.1\r\n\r\n", bad_start_line},
      {"G(T / HTTP/1.1\r\n\r\n", bad_start_line},
      {"GET / HTTP/1.1 \r\n\r\n", bad_start_line},
      {"GET / http/1.1\r\n\r\n", bad_start_line},
      {"GET / HTTP/11\r\n\r\n", bad_start_line},
      {"GET / HTTP/1.10\r\n\r\n", bad_start_line},
      {"PRI * HTTP/2.0\r\n\r\n", unsupported_version},
      {with("A : b\r\n"), bad_field},
      {with("A\r\n"), bad_field},
      {with(": b\r\n"), bad_field},
      {with("A: b\r\n c\r\n"), bad_field},
      {with(std::string("A: b\0c\r\n", 8)), bad_field},
      {with("A: b\x7f\r\n"), bad_field},
      {with("A\xc3\xbc: b\r\n"), bad_field},
  };
  for (const Case& one : cases) {
    for (std::size_t piece : {std::size_t{1}, std::string::npos}) {
      auto head = read_request(one.text, piece);
      ASSERT_FALSE(head.has_value()) << one.text;
      EXPECT_EQ(head.error(), one.error) << one.text;
    }
  }
  EXPECT_TRUE(read_request(with("A: \xc3\xbc\r\n")).has_value());
  EXPECT_EQ(read_request("GET / HTTP/1.7\r\n\r\n")->version_minor, 1);
}

TEST(RequestHead, HasLimitsOfBytesAndFields) {
  std::string fields;
  for (std::size_t i = 1; i < head_fields_max; ++i)
    fields += "A: b\r\n";
  EXPECT_TRUE(read_request(with(fields)).has_value());
  EXPECT_EQ(read_request(with(fields + "A: b\r\n")).error(), HttpError::head_too_large);
  EXPECT_EQ(read_request(with("A: " + std::string(head_bytes_max, 'a') + "\r\n")).error(),
            HttpError::head_too_large);
}

TEST(RequestHead, NeedsOneHost) {
  EXPECT_TRUE(check_host(*read_request(with(""))).has_value());
  EXPECT_TRUE(check_host(*read_request("GET / HTTP/1.0\r\n\r\n")).has_value());
  EXPECT_FALSE(check_host(*read_request("GET / HTTP/1.1\r\n\r\n")).has_value());
  EXPECT_FALSE(check_host(*read_request(with("Host: y\r\n"))).has_value());
  EXPECT_FALSE(check_host(*read_request("GET / HTTP/1.1\r\nHost: a b\r\n\r\n")).has_value());
  EXPECT_FALSE(check_host(*read_request("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n")).has_value());
}

TEST(Framing, IsOneLengthOrChunkedOrRefused) {
  auto framing = [](std::string fields) { return request_framing(*read_request(with(fields))); };
  EXPECT_EQ(framing("")->kind, Framing::Kind::none);
  EXPECT_EQ(framing("Content-Length: 007\r\n")->length, 7u);
  EXPECT_EQ(framing("Transfer-Encoding: Chunked\r\n")->kind, Framing::Kind::chunked);
  for (const char* refused :
       {"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\nContent-Length: 4\r\n", "Content-Length: 3\r\nContent-Length: 3\r\n",
        "Content-Length: 3, 3\r\n", "Content-Length: +3\r\n", "Content-Length: -3\r\n",
        "Content-Length: 0x3\r\n", "Content-Length: 3 4\r\n", "Content-Length:\r\n",
        "Content-Length: 9223372036854775808\r\n", "Content-Length: 99999999999999999999\r\n",
        "Transfer-Encoding: chunked, identity\r\n", "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: \"chunked\"\r\n", "Transfer-Encoding:\r\n"}) {
    auto answer = framing(refused);
    ASSERT_FALSE(answer.has_value()) << refused;
    EXPECT_EQ(answer.error(), HttpError::bad_framing) << refused;
  }
  EXPECT_EQ(framing("Transfer-Encoding: gzip, chunked\r\n").error(), HttpError::unsupported_coding);
  auto old = read_request("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(request_framing(*old).error(), HttpError::bad_framing);
}

TEST(ResponseHead, IsReadWithItsFraming) {
  auto head = parse_response_head("HTTP/1.1 200 All right\r\nContent-Length: 2\r\n");
  ASSERT_TRUE(head.has_value());
  EXPECT_EQ(head->status, 200);
  EXPECT_EQ(head->reason, "All right");
  EXPECT_EQ(response_framing(*head, false)->length, 2u);
  EXPECT_EQ(response_framing(*head, true)->kind, Framing::Kind::none);
  for (const char* bodiless : {"HTTP/1.1 204 \r\n", "HTTP/1.1 304\r\n", "HTTP/1.0 100 x\r\n"}) {
    head = parse_response_head(bodiless);
    ASSERT_TRUE(head.has_value()) << bodiless;
    EXPECT_EQ(response_framing(*head, false)->kind, Framing::Kind::none);
  }
  head = parse_response_head("HTTP/1.0 200 OK\r\n");
  EXPECT_EQ(response_framing(*head, false)->kind, Framing::Kind::until_close);
  for (const char* bad : {"HTTP/1.1 20 OK\r\n", "HTTP/1.1 2000\r\n", "HTTP/1.1 2x0 OK\r\n",
                          "HTTP/1.1  200 OK\r\n", "ICY 200 OK\r\n", "HTTP/1.1 099 x\r\n", ""})
    EXPECT_FALSE(parse_response_head(bad).has_value()) << bad;
}

struct Decoded {
  std::string payload;
  std::size_t used = 0;
  bool done = false;
  Headers trailers;
};

std::expected<Decoded, HttpError> decode(Framing framing, std::string_view text,
                                         std::size_t piece = SIZE_MAX) {
  BodyDecoder decoder(framing);
  Decoded out;
  while (!decoder.done()) {
    std::string_view part = text.substr(out.used, piece);
    auto step = decoder.next(as_bytes(part));
    if (!step) return std::unexpected(step.error());
    out.payload += part.substr(step->framing, step->payload);
    decoder.take(step->payload);
    out.used += step->framing + step->payload;
    if (part.empty()) break;
  }
  out.done = decoder.done();
  out.trailers = decoder.trailers();
  return out;
}

constexpr Framing chunked{Framing::Kind::chunked, 0};

TEST(BodyDecoder, ReadsChunksWithExtensionsAndTrailers) {
  std::string text =
      "4\r\nWiki\r\n005;a=b;c=\"d\"\r\npedia\r\nE\r\n in\r\n\r\nchunks.\r\n0;last\r\n"
      "X-Stream-Error: none\r\n\r\nnext";
  for (std::size_t piece : {std::size_t{1}, std::size_t{3}, std::string::npos}) {
    auto body = decode(chunked, text, piece);
    ASSERT_TRUE(body.has_value());
    EXPECT_TRUE(body->done);
    EXPECT_EQ(body->payload, "Wikipedia in\r\n\r\nchunks.");
    EXPECT_EQ(body->trailers.get("x-stream-error"), "none");
    EXPECT_EQ(text.substr(body->used), "next");
  }
}

TEST(BodyDecoder, ReadsALengthAndNoMore) {
  auto body = decode({Framing::Kind::length, 3}, "abcdef");
  EXPECT_EQ(body->payload, "abc");
  EXPECT_TRUE(body->done);
  EXPECT_TRUE(decode({Framing::Kind::length, 0}, "x")->done);
  EXPECT_FALSE(decode({Framing::Kind::length, 3}, "ab")->done);
}

TEST(BodyDecoder, RefusesBrokenChunks) {
  for (const char* broken :
       {"\r\n", "x\r\n", "-1\r\n", "+1\r\n", "0x1\r\n", " 1\r\n", "1 \r\na\r\n", "1\na\r\n",
        "1\ra\r\n", "1\r\nab\r\n", "1\r\na\n", "1\r\na0\r\n\r\n", "1;a\nb\r\na\r\n",
        "1;\x01\r\na\r\n", "1000000000000000\r\n", "ffffffffffffffff\r\n",
        "0000000000000001\r\na\r\n"}) {
    for (std::size_t piece : {std::size_t{1}, std::string::npos}) {
      auto body = decode(chunked, broken, piece);
      ASSERT_FALSE(body.has_value()) << broken;
      EXPECT_EQ(body.error(), HttpError::bad_chunk) << broken;
    }
  }
  EXPECT_EQ(decode(chunked, "0\r\nA: b\n\r\n").error(), HttpError::bad_line_ending);
  EXPECT_EQ(decode(chunked, "0\r\nA b\r\n\r\n").error(), HttpError::bad_field);
  EXPECT_EQ(decode(chunked, "0\r\nA: " + std::string(trailer_bytes_max, 'a')).error(),
            HttpError::head_too_large);
}

TEST(BodyDecoder, BoundsExtensionsOfAChunkAndOfABody) {
  std::string extension(chunk_extension_bytes_max, 'e');
  EXPECT_TRUE(decode(chunked, "1;" + extension + "\r\na\r\n0\r\n\r\n").has_value());
  EXPECT_FALSE(decode(chunked, "1;" + extension + "e\r\na\r\n0\r\n\r\n").has_value());
  std::string many;
  for (std::size_t i = 0; i <= chunk_extensions_bytes_max / chunk_extension_bytes_max; ++i)
    many += "1;" + extension + "\r\na\r\n";
  EXPECT_FALSE(decode(chunked, many).has_value());
}

TEST(Headers, CannotSmuggleLines) {
  ResponseHead head;
  head.headers.add("X-Stream-Error", "first\r\nSet-Cookie: a\nb");
  head.headers.add("bad name", "x");
  EXPECT_EQ(to_text(head), "HTTP/1.1 200 OK\r\nX-Stream-Error: first  Set-Cookie: a b\r\n\r\n");
}

TEST(HttpDate, IsTheOneOfRfc9110) {
  EXPECT_EQ(http_date(WallTime(784111777s)), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(http_date(WallTime(Duration(0))), "Thu, 01 Jan 1970 00:00:00 GMT");
}

TEST(ParameterizedValue, ReadsQuotedTokenAndExtendedParameters) {
  auto value = parse_parameterized(
      R"(Form-Data; NAME="a;\"b"; x = y ; path="C:\dir"; filename=ignored; filename*=UTF-8''%c3%bc;)");
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(value->value, "form-data");
  EXPECT_EQ(value->get("name"), "a;\"b");
  EXPECT_EQ(value->get("x"), "y");
  EXPECT_EQ(value->get("path"), R"(C:\dir)");
  EXPECT_EQ(value->get("filename"), "\xc3\xbc");
  for (const char* bad : {"", ";a=b", "a; b", "a; \"b\"=c", "a; b=\"c", "a; b=\"c\" d"})
    EXPECT_FALSE(parse_parameterized(bad).has_value()) << bad;
}

}  // namespace
}  // namespace kith::http
