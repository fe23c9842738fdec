#include <algorithm>
#include <cstring>

#include <kith/base/assert.hpp>
#include <kith/crypto/hash.hpp>
#include <kith/http/websocket.hpp>
#include <kith/multiformats/multibase.hpp>

namespace kith::http {
namespace {

constexpr std::string_view accept_suffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::string_view version = "13";
constexpr std::size_t key_bytes = 16;

constexpr std::uint8_t final_bit = 0x80;
constexpr std::uint8_t reserved_mask = 0x70;
constexpr std::uint8_t opcode_mask = 0x0f;
constexpr std::uint8_t masked_bit = 0x80;
constexpr std::uint8_t length_mask = 0x7f;
constexpr std::uint8_t length_16 = 126;
constexpr std::uint8_t length_64 = 127;

class Domain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "websocket"; }
  std::string message(int code) const override {
    switch (static_cast<WebSocketError>(code)) {
      case WebSocketError::no_upgrade:
        return "an HTTP request, and none for a WebSocket";
      case WebSocketError::bad_request:
        return "malformed request for a WebSocket";
      case WebSocketError::unsupported_version:
        return "this version of WebSocket isn't supported";
      case WebSocketError::not_allowed:
        return "this WebSocket isn't allowed";
      case WebSocketError::bad_answer:
        return "the server doesn't open a WebSocket";
      case WebSocketError::reserved_bits:
        return "a WebSocket frame with reserved bits";
      case WebSocketError::unknown_opcode:
        return "a WebSocket frame of unknown kind";
      case WebSocketError::bad_mask:
        return "a WebSocket frame masked against the rules";
      case WebSocketError::bad_length:
        return "a WebSocket frame with a malformed length";
      case WebSocketError::bad_control_frame:
        return "a WebSocket control frame in parts or too long";
      case WebSocketError::bad_close:
        return "a malformed WebSocket close frame";
      case WebSocketError::bad_continuation:
        return "WebSocket frames out of order";
      case WebSocketError::text_message:
        return "a WebSocket message of text";
      case WebSocketError::message_too_large:
        return "the WebSocket message is too large";
      case WebSocketError::flooded:
        return "too many WebSocket frames without data";
      case WebSocketError::peer_complains:
        return "the other side closed the WebSocket for a fault";
    }
    return "unknown error";
  }
};
constinit const Domain domain;

std::string base64(ByteView bytes) {
  return multiformats::base_encode(multiformats::Base::base64pad, bytes).value_or(std::string());
}

bool is_key(std::string_view text) {
  if (text.size() != base64(std::array<std::uint8_t, key_bytes>{}).size()) return false;
  const auto decoded = multiformats::base_decode(multiformats::Base::base64pad, text);
  return decoded && decoded->size() == key_bytes;
}

/// The value of a field that must be there once.
std::optional<std::string_view> only(const Headers& headers, std::string_view name) {
  const std::vector<std::string_view> values = headers.all(name);
  return values.size() == 1 ? std::optional(values.front()) : std::nullopt;
}

/// Codes that may stand in a close frame (section 7.4).
bool may_be_sent(std::uint16_t code) noexcept {
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

/// The mask as it lies over bytes of which the first is the payload's `offset`th, twice.
std::uint64_t mask_word(const WebSocketMask& mask, std::uint64_t offset) noexcept {
  std::array<std::uint8_t, 8> turned;
  for (std::size_t i = 0; i < turned.size(); ++i)
    turned[i] = mask[(offset + i) % mask.size()];
  std::uint64_t word = 0;
  std::memcpy(&word, turned.data(), turned.size());
  return word;
}

/// From `from` to `to`, which are the same or don't overlap.
void apply_mask(std::uint8_t* to, const std::uint8_t* from, std::size_t size,
                const WebSocketMask& mask, std::uint64_t offset) noexcept {
  const std::uint64_t word = mask_word(mask, offset);
  std::size_t at = 0;
  for (; at + sizeof(word) <= size; at += sizeof(word)) {
    std::uint64_t value = 0;
    std::memcpy(&value, from + at, sizeof(value));
    value ^= word;
    std::memcpy(to + at, &value, sizeof(value));
  }
  for (; at < size; ++at)
    to[at] = from[at] ^ mask[(offset + at) % mask.size()];
}

}  // namespace

const ErrorDomain& error_domain(WebSocketError) noexcept {
  return domain;
}

// The opening handshake.

std::string websocket_key(const std::array<std::uint8_t, 16>& random) {
  return base64(random);
}

std::string websocket_accept(std::string_view key) {
  return base64(crypto::sha1(as_bytes(std::string(key).append(accept_suffix))));
}

RequestHead websocket_request(std::string host, std::string target, std::string key) {
  RequestHead head{.method = "GET", .target = std::move(target), .headers = {}};
  head.headers = {{"Host", std::move(host)},
                  {"Upgrade", "websocket"},
                  {"Connection", "Upgrade"},
                  {"Sec-WebSocket-Key", std::move(key)},
                  {"Sec-WebSocket-Version", std::string(version)}};
  return head;
}

bool asks_for_websocket(const RequestHead& head) noexcept {
  return head.headers.has_token("upgrade", "websocket");
}

std::expected<ResponseHead, WebSocketError> answer_websocket(const RequestHead& request) {
  if (!asks_for_websocket(request)) return std::unexpected(WebSocketError::no_upgrade);
  const Headers& headers = request.headers;
  const auto framing = request_framing(request);
  const bool no_body =
      framing && (framing->kind == Framing::Kind::none ||
                  (framing->kind == Framing::Kind::length && framing->length == 0));
  if (request.method != "GET" || request.version_minor == 0 || !check_host(request) || !no_body ||
      !headers.has_token("connection", "upgrade"))
    return std::unexpected(WebSocketError::bad_request);
  if (only(headers, "sec-websocket-version") != version)
    return std::unexpected(WebSocketError::unsupported_version);
  const std::optional<std::string_view> key = only(headers, "sec-websocket-key");
  if (!key || !is_key(*key)) return std::unexpected(WebSocketError::bad_request);
  ResponseHead answer;
  answer.status = 101;
  answer.headers = {{"Upgrade", "websocket"},
                    {"Connection", "Upgrade"},
                    {"Sec-WebSocket-Accept", websocket_accept(*key)}};
  return answer;
}

ResponseHead refuse_websocket(WebSocketError why) {
  ResponseHead answer;
  answer.status = 400;
  if (why == WebSocketError::no_upgrade || why == WebSocketError::unsupported_version) {
    answer.status = 426;
    answer.headers.add("Upgrade", "websocket");
    answer.headers.add("Sec-WebSocket-Version", std::string(version));
  }
  if (why == WebSocketError::not_allowed) answer.status = 403;
  answer.headers.add("Content-Length", "0");
  answer.headers.add("Connection", answer.status == 426 ? "Upgrade, close" : "close");
  return answer;
}

std::expected<void, WebSocketError> check_websocket_answer(const ResponseHead& answer,
                                                           std::string_view key) {
  const Headers& headers = answer.headers;
  // We offered neither extensions nor subprotocols.
  const bool fits = answer.status == 101 && headers.has_token("upgrade", "websocket") &&
                    headers.has_token("connection", "upgrade") &&
                    only(headers, "sec-websocket-accept") == websocket_accept(key) &&
                    !headers.has("sec-websocket-extensions") &&
                    !headers.has("sec-websocket-protocol");
  if (!fits) return std::unexpected(WebSocketError::bad_answer);
  return {};
}

// Frames.

bool websocket_closed_well(std::uint16_t code) noexcept {
  return code == websocket_close_normal || code == websocket_close_going_away ||
         code == websocket_close_none;
}

std::uint16_t websocket_close_code(WebSocketError why) noexcept {
  switch (why) {
    case WebSocketError::text_message:
      return websocket_close_unsupported;
    case WebSocketError::message_too_large:
      return websocket_close_too_large;
    case WebSocketError::flooded:
      return websocket_close_policy;
    default:
      return websocket_close_protocol_error;
  }
}

void websocket_mask(MutableBytes bytes, const WebSocketMask& mask, std::uint64_t offset) noexcept {
  apply_mask(bytes.data(), bytes.data(), bytes.size(), mask, offset);
}

void websocket_mask_copy(MutableBytes to, ByteView from, const WebSocketMask& mask,
                         std::uint64_t offset) noexcept {
  ASSERT(to.size() >= from.size());
  apply_mask(to.data(), from.data(), from.size(), mask, offset);
}

WebSocketFrameHead::WebSocketFrameHead(WebSocketOpcode opcode, std::uint64_t payload_bytes,
                                       const std::optional<WebSocketMask>& mask,
                                       bool last) noexcept {
  storage_[0] = static_cast<std::uint8_t>(opcode) | (last ? final_bit : 0);
  if (payload_bytes < length_16) {
    storage_[1] = static_cast<std::uint8_t>(payload_bytes);
  } else if (payload_bytes <= UINT16_MAX) {
    storage_[1] = length_16;
    store_be(&storage_[2], static_cast<std::uint16_t>(payload_bytes));
    size_ += sizeof(std::uint16_t);
  } else {
    storage_[1] = length_64;
    store_be(&storage_[2], payload_bytes);
    size_ += sizeof(std::uint64_t);
  }
  if (!mask) return;
  storage_[1] |= masked_bit;
  std::ranges::copy(*mask, storage_.begin() + static_cast<std::ptrdiff_t>(size_));
  size_ += mask->size();
}

Bytes websocket_control_frame(WebSocketOpcode opcode, ByteView payload,
                              const std::optional<WebSocketMask>& mask) {
  ASSERT(payload.size() <= websocket_control_bytes_max);
  const WebSocketFrameHead head(opcode, payload.size(), mask);
  Bytes frame = to_bytes(head.bytes());
  append(frame, payload);
  if (mask) websocket_mask(MutableBytes(frame).subspan(head.bytes().size()), *mask);
  return frame;
}

Bytes websocket_close_frame(std::uint16_t code, const std::optional<WebSocketMask>& mask) {
  std::array<std::uint8_t, 2> payload;
  store_be(payload.data(), code);
  return websocket_control_frame(WebSocketOpcode::close, payload, mask);
}

std::expected<WebSocketReceiver::Step, WebSocketError> WebSocketReceiver::next(MutableBytes in,
                                                                               Instant now) {
  Step step;
  while (step.taken < in.size()) {
    if (close_code_) {
      step.taken = in.size();
      break;
    }
    if (payload_left_ == 0) {
      const std::size_t missing = head_bytes() - head_size_;
      const std::size_t size = std::min(missing, in.size() - step.taken);
      std::memcpy(&head_[head_size_], &in[step.taken], size);
      head_size_ += size;
      step.taken += size;
      if (size < missing) break;
      // With the first two bytes it is known how many more there are.
      if (head_size_ == 2) {
        auto fine = check_start();
        if (!fine) return std::unexpected(fine.error());
        if (head_bytes() > head_size_) continue;
      }
      auto read = read_head(now);
      if (!read) return std::unexpected(read.error());
      if (!is_control() && payload_left_ == 0 && !continued_) {
        step.ends_message = true;
        break;
      }
    } else {
      const auto size =
          static_cast<std::size_t>(std::min<std::uint64_t>(payload_left_, in.size() - step.taken));
      const MutableBytes part = in.subspan(step.taken, size);
      if (role_ == WebSocketRole::server) websocket_mask(part, mask_, payload_offset_);
      step.taken += size;
      payload_left_ -= size;
      payload_offset_ += size;
      if (!is_control()) {
        step.payload = part;
        step.ends_message = payload_left_ == 0 && !continued_;
        break;
      }
      std::memcpy(&control_[control_size_], part.data(), size);
      control_size_ += size;
    }
    if (is_control() && head_size_ == 0 && payload_left_ == 0) {
      auto fine = end_control();
      if (!fine) return std::unexpected(fine.error());
      step.control = Control{opcode_, ByteView(control_).first(control_size_)};
      break;
    }
  }
  return step;
}

/// How long the head is, as far as is known.
std::size_t WebSocketReceiver::head_bytes() const noexcept {
  std::size_t size = 2;
  if (head_size_ < size) return size;
  const std::uint8_t length = head_[1] & length_mask;
  if (length == length_16) size += sizeof(std::uint16_t);
  if (length == length_64) size += sizeof(std::uint64_t);
  if ((head_[1] & masked_bit) != 0) size += mask_.size();
  return size;
}

/// What the first two bytes say.
std::expected<void, WebSocketError> WebSocketReceiver::check_start() const noexcept {
  if ((head_[0] & reserved_mask) != 0) return std::unexpected(WebSocketError::reserved_bits);
  if (((head_[1] & masked_bit) != 0) != (role_ == WebSocketRole::server))
    return std::unexpected(WebSocketError::bad_mask);
  const bool last = (head_[0] & final_bit) != 0;
  switch (static_cast<WebSocketOpcode>(head_[0] & opcode_mask)) {
    case WebSocketOpcode::continuation:
      if (!continued_) return std::unexpected(WebSocketError::bad_continuation);
      return {};
    case WebSocketOpcode::text:
      if (kind_ == WebSocketKind::binary) return std::unexpected(WebSocketError::text_message);
      [[fallthrough]];
    case WebSocketOpcode::binary:
      if (continued_) return std::unexpected(WebSocketError::bad_continuation);
      return {};
    case WebSocketOpcode::close:
    case WebSocketOpcode::ping:
    case WebSocketOpcode::pong:
      if (!last || (head_[1] & length_mask) > websocket_control_bytes_max)
        return std::unexpected(WebSocketError::bad_control_frame);
      return {};
  }
  return std::unexpected(WebSocketError::unknown_opcode);
}

/// A head has come as a whole.
std::expected<void, WebSocketError> WebSocketReceiver::read_head(Instant now) noexcept {
  std::uint64_t length = head_[1] & length_mask;
  std::size_t at = 2;
  if (length == length_16) {
    length = load_be<std::uint16_t>(&head_[at]);
    at += sizeof(std::uint16_t);
    if (length < length_16) return std::unexpected(WebSocketError::bad_length);
  } else if (length == length_64) {
    length = load_be<std::uint64_t>(&head_[at]);
    at += sizeof(std::uint64_t);
    if (length <= UINT16_MAX || length >> 63 != 0)
      return std::unexpected(WebSocketError::bad_length);
  }
  if (role_ == WebSocketRole::server) std::memcpy(mask_.data(), &head_[at], mask_.size());
  opcode_ = static_cast<WebSocketOpcode>(head_[0] & opcode_mask);
  head_size_ = 0;
  payload_left_ = length;
  payload_offset_ = 0;
  if (is_control()) {
    control_size_ = 0;
    return count_idle(now);
  }
  if (!continued_) message_bytes_ = 0;
  continued_ = (head_[0] & final_bit) == 0;
  if (length > message_bytes_max_ - message_bytes_)
    return std::unexpected(WebSocketError::message_too_large);
  message_bytes_ += length;
  if (length == 0) return count_idle(now);
  return {};
}

std::expected<void, WebSocketError> WebSocketReceiver::count_idle(Instant now) noexcept {
  if (now - idle_since_ >= websocket_idle_frames_interval) {
    idle_since_ = now;
    idle_frames_ = 0;
  }
  if (++idle_frames_ > websocket_idle_frames_max) return std::unexpected(WebSocketError::flooded);
  return {};
}

/// A control frame has come as a whole.
std::expected<void, WebSocketError> WebSocketReceiver::end_control() noexcept {
  if (opcode_ != WebSocketOpcode::close) return {};
  if (control_size_ == 0) {
    close_code_ = websocket_close_none;
    return {};
  }
  if (control_size_ == 1) return std::unexpected(WebSocketError::bad_close);
  const auto code = load_be<std::uint16_t>(control_.data());
  if (!may_be_sent(code)) return std::unexpected(WebSocketError::bad_close);
  close_code_ = code;
  return {};
}

}  // namespace kith::http
