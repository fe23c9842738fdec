#include <gtest/gtest.h>

#include <kith/base/prng.hpp>
#include <kith/http/websocket.hpp>

namespace kith::http {
namespace {

constexpr Instant start = Instant(1000s);
constexpr WebSocketMask mask = {0x37, 0xfa, 0x21, 0x3d};

Bytes hex(std::string_view text) {
  return from_hex(text).value();
}

/// Of a client, if `masked`.
Bytes frame(WebSocketOpcode opcode, std::string_view payload, bool last = true,
            bool masked = true) {
  const auto key = masked ? std::optional(mask) : std::nullopt;
  const WebSocketFrameHead head(opcode, payload.size(), key, last);
  Bytes out = to_bytes(head.bytes());
  append(out, as_bytes(payload));
  if (masked) websocket_mask(MutableBytes(out).subspan(head.bytes().size()), mask);
  return out;
}

Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts)
    append(all, part);
  return all;
}

/// What one side understands of what the other sends, in pieces of some size.
struct Reading {
  explicit Reading(WebSocketRole role, std::uint64_t message_bytes_max = 1000)
      : receiver(role, message_bytes_max) {}

  std::optional<WebSocketError> gets(Bytes bytes, std::size_t piece_bytes = SIZE_MAX,
                                     Instant now = start) {
    for (MutableBytes rest = bytes; !rest.empty();) {
      MutableBytes piece = rest.first(std::min(piece_bytes, rest.size()));
      rest = rest.subspan(piece.size());
      while (!piece.empty()) {
        auto step = receiver.next(piece, now);
        if (!step) return step.error();
        data += as_text(step->payload);
        if (step->control) {
          controls += std::to_string(static_cast<int>(step->control->opcode)) + ':' +
                      std::string(as_text(step->control->payload)) + ' ';
        }
        piece = piece.subspan(step->taken);
      }
    }
    return std::nullopt;
  }

  WebSocketReceiver receiver;
  std::string data;
  std::string controls;
};

std::optional<WebSocketError> server_on(Bytes bytes) {
  return Reading(WebSocketRole::server).gets(std::move(bytes));
}
std::optional<WebSocketError> client_on(Bytes bytes) {
  return Reading(WebSocketRole::client).gets(std::move(bytes));
}

RequestHead good_request() {
  return websocket_request("example.org:4001", "/", "dGhlIHNhbXBsZSBub25jZQ==");
}

WebSocketError refusal_of(const RequestHead& head) {
  auto answer = answer_websocket(head);
  EXPECT_FALSE(answer.has_value());
  return answer ? WebSocketError{} : answer.error();
}

TEST(WebSocketHandshake, AnswersTheKeyOfTheSpecification) {
  EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  std::array<std::uint8_t, 16> random{};
  std::ranges::copy(as_bytes("the sample nonce"), random.begin());
  EXPECT_EQ(websocket_key(random), "dGhlIHNhbXBsZSBub25jZQ==");
}

TEST(WebSocketHandshake, ClientAndServerAgree) {
  auto answer = answer_websocket(good_request());
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(to_text(*answer),
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
  EXPECT_TRUE(check_websocket_answer(*answer, "dGhlIHNhbXBsZSBub25jZQ==").has_value());
  EXPECT_FALSE(check_websocket_answer(*answer, "AAAAAAAAAAAAAAAAAAAAAA==").has_value());
}

TEST(WebSocketHandshake, TakesWhatBrowsersAndProxiesSend) {
  RequestHead head = good_request();
  head.headers.set("Connection", "keep-alive, Upgrade");
  head.headers.set("Upgrade", "WebSocket");
  head.headers.add("Origin", "https://example.net");
  head.headers.add("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits");
  head.headers.add("Sec-WebSocket-Protocol", "chat");
  auto answer = answer_websocket(head);
  ASSERT_TRUE(answer.has_value());
  EXPECT_FALSE(answer->headers.has("Sec-WebSocket-Extensions"));
  EXPECT_FALSE(answer->headers.has("Sec-WebSocket-Protocol"));
}

TEST(WebSocketHandshake, RefusesARequestWithAPartMissingOrDoubled) {
  for (const char* name : {"Host", "Connection", "Sec-WebSocket-Key"}) {
    RequestHead head = good_request();
    head.headers.remove(name);
    EXPECT_EQ(refusal_of(head), WebSocketError::bad_request) << name;
  }
  RequestHead two_keys = good_request();
  two_keys.headers.add("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
  EXPECT_EQ(refusal_of(two_keys), WebSocketError::bad_request);
  for (const char* key : {"", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZTEx", "!!!!"}) {
    RequestHead head = good_request();
    head.headers.set("Sec-WebSocket-Key", key);
    EXPECT_EQ(refusal_of(head), WebSocketError::bad_request) << key;
  }
  RequestHead posted = good_request();
  posted.method = "POST";
  EXPECT_EQ(refusal_of(posted), WebSocketError::bad_request);
  RequestHead old = good_request();
  old.version_minor = 0;
  EXPECT_EQ(refusal_of(old), WebSocketError::bad_request);
  RequestHead with_body = good_request();
  with_body.headers.add("Content-Length", "5");
  EXPECT_EQ(refusal_of(with_body), WebSocketError::bad_request);
}

TEST(WebSocketHandshake, TellsWhatItWantsInstead) {
  RequestHead plain{.method = "GET", .target = "/", .headers = {{"Host", "example.org"}}};
  EXPECT_EQ(refusal_of(plain), WebSocketError::no_upgrade);
  EXPECT_EQ(refuse_websocket(WebSocketError::no_upgrade).status, 426);
  RequestHead future = good_request();
  future.headers.set("Sec-WebSocket-Version", "14");
  EXPECT_EQ(refusal_of(future), WebSocketError::unsupported_version);
  const ResponseHead answer = refuse_websocket(WebSocketError::unsupported_version);
  EXPECT_EQ(answer.status, 426);
  EXPECT_EQ(answer.headers.get("Sec-WebSocket-Version"), "13");
  EXPECT_EQ(refuse_websocket(WebSocketError::bad_request).status, 400);
  EXPECT_EQ(refuse_websocket(WebSocketError::not_allowed).status, 403);
}

TEST(WebSocketHandshake, ClientRefusesAnythingButTheAnswer) {
  const std::string key = "dGhlIHNhbXBsZSBub25jZQ==";
  const ResponseHead good = *answer_websocket(good_request());
  for (const char* name : {"Upgrade", "Connection", "Sec-WebSocket-Accept"}) {
    ResponseHead answer = good;
    answer.headers.remove(name);
    EXPECT_FALSE(check_websocket_answer(answer, key).has_value()) << name;
  }
  ResponseHead ok = good;
  ok.status = 200;
  EXPECT_FALSE(check_websocket_answer(ok, key).has_value());
  // Neither was offered.
  for (const char* name : {"Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol"}) {
    ResponseHead answer = good;
    answer.headers.add(name, "x");
    EXPECT_FALSE(check_websocket_answer(answer, key).has_value()) << name;
  }
}

// Section 5.7, with binary messages in place of text.
TEST(WebSocketFrames, AreThoseOfTheSpecification) {
  const Bytes unmasked = hex("820548656c6c6f");
  const Bytes masked = hex("828537fa213d7f9f4d5158");
  EXPECT_EQ(frame(WebSocketOpcode::binary, "Hello", true, false), unmasked);
  EXPECT_EQ(frame(WebSocketOpcode::binary, "Hello"), masked);
  EXPECT_EQ(websocket_control_frame(WebSocketOpcode::ping, as_bytes("Hello"), std::nullopt),
            hex("890548656c6c6f"));
  EXPECT_EQ(websocket_control_frame(WebSocketOpcode::pong, as_bytes("Hello"), mask),
            hex("8a8537fa213d7f9f4d5158"));
  EXPECT_EQ(to_hex(WebSocketFrameHead(WebSocketOpcode::binary, 256, std::nullopt).bytes()),
            "827e0100");
  EXPECT_EQ(to_hex(WebSocketFrameHead(WebSocketOpcode::binary, 65'536, std::nullopt).bytes()),
            "827f0000000000010000");
  Reading server(WebSocketRole::server);
  EXPECT_EQ(server.gets(masked), std::nullopt);
  EXPECT_EQ(server.data, "Hello");
  Reading client(WebSocketRole::client);
  EXPECT_EQ(client.gets(joined({hex("020348656c"), hex("80026c6f")})), std::nullopt);
  EXPECT_EQ(client.data, "Hello");
}

TEST(WebSocketFrames, HaveTheShortestLengthThereIs) {
  for (std::size_t size : {0UL, 1UL, 125UL, 126UL, 127UL, 65'535UL, 65'536UL, 70'000UL}) {
    const std::string payload(size, 'x');
    Reading server(WebSocketRole::server, 100'000);
    EXPECT_EQ(server.gets(frame(WebSocketOpcode::binary, payload)), std::nullopt) << size;
    EXPECT_EQ(server.data, payload);
    const Bytes head =
        to_bytes(WebSocketFrameHead(WebSocketOpcode::binary, size, std::nullopt).bytes());
    EXPECT_EQ(head.size(), size < 126 ? 2U : size <= 65'535 ? 4U : 10U);
  }
}

TEST(WebSocketFrames, ReadTheSameInPiecesOfAnySize) {
  const Bytes sent =
      joined({frame(WebSocketOpcode::binary, "one", false), frame(WebSocketOpcode::ping, "p"),
              frame(WebSocketOpcode::continuation, std::string(300, 'c'), false),
              frame(WebSocketOpcode::pong, ""), frame(WebSocketOpcode::continuation, ""),
              frame(WebSocketOpcode::binary, "two"),
              websocket_close_frame(websocket_close_normal, mask), Bytes{1, 2, 3}});
  for (std::size_t piece : {1UL, 2UL, 3UL, 7UL, 14UL, 100UL, SIZE_MAX}) {
    Reading server(WebSocketRole::server);
    EXPECT_EQ(server.gets(sent, piece), std::nullopt);
    EXPECT_EQ(server.data, "one" + std::string(300, 'c') + "two") << piece;
    EXPECT_EQ(server.controls, "9:p 10: 8:\x03\xe8 ") << piece;
    EXPECT_EQ(server.receiver.closed(), websocket_close_normal);
    EXPECT_FALSE(server.receiver.inside_message());
  }
}

TEST(WebSocketFrames, OfAnHonestPeerAreNeverInsideAMessageAtTheirEnd) {
  const Bytes sent = frame(WebSocketOpcode::binary, "data");
  for (std::size_t size = 1; size < sent.size(); ++size) {
    Reading server(WebSocketRole::server);
    EXPECT_EQ(server.gets(Bytes(sent.begin(), sent.begin() + static_cast<std::ptrdiff_t>(size))),
              std::nullopt);
    EXPECT_TRUE(server.receiver.inside_message()) << size;
  }
  Reading unfinished(WebSocketRole::server);
  EXPECT_EQ(unfinished.gets(frame(WebSocketOpcode::binary, "data", false)), std::nullopt);
  EXPECT_TRUE(unfinished.receiver.inside_message());
}

TEST(WebSocketFrames, AreRefusedIfTheyBreakTheRules) {
  EXPECT_EQ(server_on(hex("c28000000000")), WebSocketError::reserved_bits);
  EXPECT_EQ(server_on(hex("a28000000000")), WebSocketError::reserved_bits);
  EXPECT_EQ(server_on(hex("928000000000")), WebSocketError::reserved_bits);
  EXPECT_EQ(server_on(hex("838000000000")), WebSocketError::unknown_opcode);
  EXPECT_EQ(server_on(hex("8b8000000000")), WebSocketError::unknown_opcode);
  EXPECT_EQ(server_on(hex("8200")), WebSocketError::bad_mask);
  EXPECT_EQ(client_on(hex("8280")), WebSocketError::bad_mask);
  EXPECT_EQ(client_on(hex("8100")), WebSocketError::text_message);
  EXPECT_EQ(client_on(hex("8000")), WebSocketError::bad_continuation);
  EXPECT_EQ(client_on(hex("02008200")), WebSocketError::bad_continuation);
  EXPECT_EQ(client_on(hex("0900")), WebSocketError::bad_control_frame);
  EXPECT_EQ(client_on(hex("897e")), WebSocketError::bad_control_frame);
  EXPECT_EQ(client_on(hex("897f")), WebSocketError::bad_control_frame);
  EXPECT_EQ(client_on(hex("827e007d")), WebSocketError::bad_length);
  EXPECT_EQ(client_on(hex("827f000000000000ffff")), WebSocketError::bad_length);
  EXPECT_EQ(client_on(hex("827f8000000000000000")), WebSocketError::bad_length);
}

TEST(WebSocketFrames, AreRefusedBeyondTheMessagesLimitBeforeTheirPayloadComes) {
  EXPECT_EQ(client_on(hex("827f7fffffffffffffff")), WebSocketError::message_too_large);
  Reading client(WebSocketRole::client, 10);
  EXPECT_EQ(client.gets(frame(WebSocketOpcode::binary, "123456", false, false)), std::nullopt);
  EXPECT_EQ(client.gets(frame(WebSocketOpcode::continuation, "7890", false, false)), std::nullopt);
  EXPECT_EQ(client.gets(hex("8001")), WebSocketError::message_too_large);
  Reading next(WebSocketRole::client, 10);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(next.gets(frame(WebSocketOpcode::binary, "1234567890", true, false)), std::nullopt);
}

TEST(WebSocketFrames, TellWhyAPeerCloses) {
  auto code_of = [](std::string_view frame_hex) {
    Reading client(WebSocketRole::client);
    EXPECT_EQ(client.gets(hex(frame_hex)), std::nullopt) << frame_hex;
    return client.receiver.closed();
  };
  EXPECT_EQ(code_of("8800"), websocket_close_none);
  EXPECT_EQ(code_of("880203e8"), websocket_close_normal);
  EXPECT_EQ(code_of("880503e9627965"), websocket_close_going_away);
  EXPECT_EQ(code_of("88020bb8"), 3000);
  EXPECT_EQ(code_of("88021387"), 4999);
  EXPECT_EQ(client_on(hex("880103")), WebSocketError::bad_close);
  // 999, 1004, 1005, 1006, 1015, 2999, 5000
  for (const char* code : {"03e7", "03ec", "03ed", "03ee", "03f7", "0bb7", "1388"})
    EXPECT_EQ(client_on(hex(std::string("8802") + code)), WebSocketError::bad_close) << code;
}

TEST(WebSocketFrames, WithoutDataAreLimitedInTime) {
  const std::pair<WebSocketOpcode, bool> kinds[] = {{WebSocketOpcode::ping, true},
                                                    {WebSocketOpcode::pong, true},
                                                    {WebSocketOpcode::binary, true}};
  for (const auto& [opcode, last] : kinds) {
    Reading server(WebSocketRole::server);
    for (std::size_t i = 0; i < websocket_idle_frames_max; ++i)
      EXPECT_EQ(server.gets(frame(opcode, "", last)), std::nullopt);
    EXPECT_EQ(server.gets(frame(opcode, "", last)), WebSocketError::flooded);
  }
  Reading patient(WebSocketRole::server);
  Instant now = start;
  for (std::size_t i = 0; i < 10 * websocket_idle_frames_max; ++i) {
    EXPECT_EQ(patient.gets(frame(WebSocketOpcode::ping, ""), SIZE_MAX, now), std::nullopt);
    now += websocket_idle_frames_interval / (websocket_idle_frames_max / 2);
  }
}

TEST(WebSocketFrames, OfAFragmentedMessageWithoutDataAreLimitedToo) {
  Reading server(WebSocketRole::server);
  EXPECT_EQ(server.gets(frame(WebSocketOpcode::binary, "", false)), std::nullopt);
  for (std::size_t i = 1; i < websocket_idle_frames_max; ++i)
    EXPECT_EQ(server.gets(frame(WebSocketOpcode::continuation, "", false)), std::nullopt);
  EXPECT_EQ(server.gets(frame(WebSocketOpcode::continuation, "", false)), WebSocketError::flooded);
}

TEST(WebSocketMask, IsItsOwnInverseAtAnyOffsetAndLength) {
  Prng prng(1);
  for (std::size_t size = 0; size < 70; ++size) {
    for (std::uint64_t offset = 0; offset < 9; ++offset) {
      Bytes plain(size);
      prng.fill(plain);
      Bytes slowly = plain;
      for (std::size_t i = 0; i < size; ++i)
        slowly[i] ^= mask[(offset + i) % 4];
      Bytes in_place = plain;
      websocket_mask(in_place, mask, offset);
      EXPECT_EQ(in_place, slowly);
      Bytes copied(size);
      websocket_mask_copy(copied, plain, mask, offset);
      EXPECT_EQ(copied, slowly);
      websocket_mask(in_place, mask, offset);
      EXPECT_EQ(in_place, plain);
    }
  }
}

}  // namespace
}  // namespace kith::http
