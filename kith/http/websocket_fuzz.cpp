// Strategy: the first byte is our role and a size of pieces, the rest is what the peer sends.
// Invariants: in pieces it reads the same as in one, also where text is taken; payload is never
// more than came; what is read, sent again by our own encoder, reads the same.
#include <algorithm>
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/http/websocket.hpp>

namespace kith::fuzz {

Kinds kinds_websocket_frame{"a message",
                            "masked",
                            "unmasked",
                            "length of 16 bits",
                            "length of 64 bits",
                            "an empty message",
                            "ping",
                            "pong",
                            "close",
                            "close without code",
                            "bytes behind close",
                            "a refused frame",
                            "text",
                            "ping within a message"};

namespace {

using namespace http;

constexpr Instant now = Instant(1000s);

struct Reading {
  Bytes payload;
  std::vector<Bytes> controls;
  std::optional<WebSocketError> error;
  std::optional<std::uint16_t> closed;
  bool inside = false;
  std::size_t messages = 0;
  bool operator==(const Reading&) const = default;
};

Reading read(WebSocketRole role, ByteView input, std::size_t piece_bytes,
             WebSocketKind kind = WebSocketKind::binary) {
  Reading reading;
  WebSocketReceiver receiver(role, websocket_message_bytes_max, kind);
  Bytes bytes = to_bytes(input);
  for (MutableBytes rest = bytes; !rest.empty() && !reading.error;) {
    MutableBytes piece = rest.first(std::min(piece_bytes, rest.size()));
    rest = rest.subspan(piece.size());
    while (!piece.empty()) {
      auto step = receiver.next(piece, now);
      if (!step) {
        reading.error = step.error();
        break;
      }
      ASSERT(step->taken > 0 && step->taken <= piece.size());
      ASSERT(step->payload.empty() ||
             step->payload.data() + step->payload.size() == piece.data() + step->taken);
      append(reading.payload, step->payload);
      if (step->ends_message) ++reading.messages;
      if (step->control) {
        reading.controls.push_back(
            websocket_control_frame(step->control->opcode, step->control->payload, std::nullopt));
        if (step->control->opcode == WebSocketOpcode::ping)
          kinds_websocket_frame.reached_if(receiver.inside_message(), "ping within a message");
      }
      piece = piece.subspan(step->taken);
    }
  }
  reading.closed = receiver.closed();
  reading.inside = receiver.inside_message();
  return reading;
}

void see(const Reading& reading, WebSocketRole role, ByteView input) {
  kinds_websocket_frame.reached_if(reading.error.has_value(), "a refused frame");
  kinds_websocket_frame.reached_if(reading.closed == websocket_close_none, "close without code");
  for (const Bytes& control : reading.controls) {
    kinds_websocket_frame.reached_if(control[0] == 0x89, "ping");
    kinds_websocket_frame.reached_if(control[0] == 0x8a, "pong");
    kinds_websocket_frame.reached_if(control[0] == 0x88, "close");
  }
  if (reading.closed && input.size() > 30)
    kinds_websocket_frame.reached_if(input.back() == 0xff, "bytes behind close");
  if (reading.error || input.size() < 2) return;
  kinds_websocket_frame.reached_if(role == WebSocketRole::server, "masked");
  kinds_websocket_frame.reached_if(role == WebSocketRole::client, "unmasked");
  kinds_websocket_frame.reached_if(!reading.payload.empty() && !reading.inside, "a message");
  if (input[0] != 0x82) return;
  kinds_websocket_frame.reached_if((input[1] & 0x7f) == 0, "an empty message");
  kinds_websocket_frame.reached_if((input[1] & 0x7f) == 126, "length of 16 bits");
  kinds_websocket_frame.reached_if((input[1] & 0x7f) == 127 && input.size() > 14,
                                   "length of 64 bits");
}

}  // namespace

void fuzz_websocket_frame(ByteView input) {
  if (input.empty()) return;
  const WebSocketRole role = (input[0] & 1) != 0 ? WebSocketRole::server : WebSocketRole::client;
  const std::size_t piece_bytes = 1 + (input[0] >> 1);
  input = input.subspan(1);
  const Reading whole = read(role, input, SIZE_MAX);
  ASSERT(whole.payload.size() <= input.size());
  ASSERT(read(role, input, piece_bytes) == whole);
  see(whole, role, input);
  const Reading any = read(role, input, SIZE_MAX, WebSocketKind::any);
  ASSERT(read(role, input, piece_bytes, WebSocketKind::any) == any);
  if (whole.error != WebSocketError::text_message) {
    ASSERT(any == whole);
  } else {
    kinds_websocket_frame.reached_if(any.messages > whole.messages, "text");
  }

  Bytes again = to_bytes(
      WebSocketFrameHead(WebSocketOpcode::binary, whole.payload.size(), std::nullopt).bytes());
  append(again, whole.payload);
  ASSERT(read(WebSocketRole::client, again, SIZE_MAX).payload == whole.payload);
}

}  // namespace kith::fuzz
