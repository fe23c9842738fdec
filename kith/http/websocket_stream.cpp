#include <algorithm>
#include <cstring>

#include <kith/base/assert.hpp>
#include <kith/http/error.hpp>
#include <kith/http/websocket_stream.hpp>
#include <kith/port/prefixed_stream.hpp>

namespace kith::http {

/// The right to write, held by the call that is inside.
class WebSocketStream::Turn {
 public:
  explicit Turn(WebSocketStream& stream) noexcept : stream_(stream) {
    ASSERT(!stream_.writing_);
    stream_.writing_ = true;
  }
  ~Turn() {
    stream_.writing_ = false;
    stream_.turn_.notify_one();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  WebSocketStream& stream_;
};

WebSocketStream::WebSocketStream(port::Env& env, port::StreamPtr inner, WebSocketRole role,
                                 Buffer received)
    : env_(env),
      inner_(std::move(inner)),
      role_(role),
      receiver_(role),
      received_(std::move(received)),
      turn_(env.clock) {}

// Reading.

Task<std::size_t> WebSocketStream::read_some(MutableBytes into, Instant deadline) {
  KITH_CO_TRY(const MutableBytes payload, co_await read_payload(into, deadline));
  const bool elsewhere = !payload.empty() && payload.data() != into.data();
  if (elsewhere) std::memmove(into.data(), payload.data(), payload.size());
  co_return payload.size();
}

Task<Buffer> WebSocketStream::read_buffer(std::size_t size_max, Instant deadline) {
  const std::size_t size = std::min(size_max, read_bytes_);
  Buffer buffer = Buffer::allocate(size);
  const MutableBytes room = buffer.mutable_bytes();
  KITH_CO_TRY(const MutableBytes payload, co_await read_payload(room, deadline));
  const auto before = static_cast<std::size_t>(payload.data() - room.data());
  if (before + payload.size() == size) {
    read_bytes_ = std::min(2 * read_bytes_, websocket_read_bytes_max);
  } else if (payload.size() < read_bytes_ / 4) {
    read_bytes_ = std::max(read_bytes_ / 4, websocket_read_bytes_min);
  }
  if (payload.empty()) co_return Buffer();
  co_return std::move(buffer).slice(before, payload.size()).compacted();
}

/// Reads once or more, and returns the payload where it lies in `room`; empty at the end.
Task<MutableBytes> WebSocketStream::read_payload(MutableBytes room, Instant deadline) {
  for (;;) {
    if (read_failure_) co_return std::unexpected(*read_failure_);
    if (receiver_.closed()) co_return ended();
    std::size_t size = std::min(room.size(), received_.size());
    if (size != 0) {
      std::memcpy(room.data(), received_.data(), size);
      received_.remove_prefix(size);
      if (received_.empty()) received_ = Buffer();
    } else {
      KITH_CO_TRY(size, co_await inner_->read_some(room, deadline));
      if (size == 0 && receiver_.inside_message()) read_failure_ = Errc::end_of_stream;
      if (size == 0 && !read_failure_) co_return room.first(0);
    }
    auto payload = decode(room.first(size));
    if (!payload) read_failure_ = payload.error();
    if (pong_ || close_due_) {
      auto answered = co_await answer();
      if (!answered && !read_failure_) read_failure_ = answered.error();
    }
    if (payload && !payload->empty()) co_return *payload;
  }
}

/// The payload within what was received, in one piece: what frames stand between moves up.
Result<MutableBytes> WebSocketStream::decode(MutableBytes received) {
  MutableBytes found;
  while (!received.empty()) {
    auto step = receiver_.next(received, env_.clock.now());
    if (!step) {
      close_due_ = websocket_close_code(step.error());
      return std::unexpected(step.error());
    }
    received = received.subspan(step->taken);
    if (found.empty()) {
      found = step->payload;
    } else if (!step->payload.empty()) {
      std::memmove(found.data() + found.size(), step->payload.data(), step->payload.size());
      found = {found.data(), found.size() + step->payload.size()};
    }
    if (!step->control) continue;
    if (step->control->opcode == WebSocketOpcode::ping) pong_ = to_bytes(step->control->payload);
    if (step->control->opcode == WebSocketOpcode::close) close_due_ = websocket_close_normal;
  }
  return found;
}

/// What a reader is told once the peer's close frame has come.
Result<MutableBytes> WebSocketStream::ended() {
  if (!websocket_closed_well(*receiver_.closed()))
    return std::unexpected(WebSocketError::peer_complains);
  return MutableBytes();
}

// Writing.

/// Masks of a client, each for one frame: nobody can guess them (RFC 6455, section 10.3).
std::optional<WebSocketMask> WebSocketStream::next_mask() {
  if (role_ == WebSocketRole::server) return std::nullopt;
  WebSocketMask mask;
  if (masks_.empty()) {
    masks_.resize(websocket_masks_drawn * mask.size());
    env_.random.fill(masks_);
  }
  std::ranges::copy_n(masks_.end() - static_cast<std::ptrdiff_t>(mask.size()), mask.size(),
                      mask.begin());
  masks_.resize(masks_.size() - mask.size());
  return mask;
}

/// Reader and writer share the way out; neither holds it for longer than a message.
Task<void> WebSocketStream::wait_for_turn(Instant deadline) {
  while (writing_)
    KITH_CO_CHECK(co_await turn_.wait(deadline));
  if (write_failure_) co_return std::unexpected(*write_failure_);
  if (close_sent_) co_return std::unexpected(Errc::closed);
  co_return Result<void>{};
}

Task<void> WebSocketStream::write(ByteView bytes, Instant deadline) {
  const ByteView pieces[] = {bytes};
  const std::span<const ByteView> all = pieces;
  co_return co_await write_all(all, deadline);
}

Task<void> WebSocketStream::write_all(std::span<const ByteView> pieces, Instant deadline) {
  KITH_CO_CHECK(co_await wait_for_turn(deadline));
  const Turn turn(*this);
  std::vector<ByteView> message;
  std::size_t size = 0;
  for (ByteView piece : pieces) {
    while (!piece.empty()) {
      const ByteView part =
          piece.first(std::min(piece.size(), websocket_sent_message_bytes_max - size));
      message.push_back(part);
      size += part.size();
      piece = piece.subspan(part.size());
      if (size < websocket_sent_message_bytes_max) continue;
      const std::span<const ByteView> whole = message;
      KITH_CO_CHECK(co_await write_message(whole, size, deadline));
      message.clear();
      size = 0;
    }
  }
  const std::span<const ByteView> rest = message;
  if (size != 0) KITH_CO_CHECK(co_await write_message(rest, size, deadline));
  co_return co_await send_answers();
}

Task<void> WebSocketStream::write_message(std::span<const ByteView> pieces, std::size_t size,
                                          Instant deadline) {
  const std::optional<WebSocketMask> mask = next_mask();
  const WebSocketFrameHead head(WebSocketOpcode::binary, size, mask);
  std::vector<ByteView> frame = {head.bytes()};
  Buffer masked;
  if (mask) {
    masked = Buffer::allocate(size);
    std::size_t at = 0;
    for (ByteView piece : pieces) {
      websocket_mask_copy(masked.mutable_bytes().subspan(at), piece, *mask, at);
      at += piece.size();
    }
    frame.push_back(masked);
  } else {
    frame.insert(frame.end(), pieces.begin(), pieces.end());
  }
  const std::span<const ByteView> all = frame;
  co_return co_await put(all, deadline);
}

Task<void> WebSocketStream::put(std::span<const ByteView> pieces, Instant deadline) {
  // Also if this task is dropped while it waits.
  write_failure_ = Errc::cancelled;
  auto written = co_await inner_->write_all(pieces, deadline);
  write_failure_.reset();
  if (!written) write_failure_ = written.error();
  co_return written;
}

/// Sends what the peer waits for, if nobody else is about to.
Task<void> WebSocketStream::answer() {
  if (writing_ || write_failure_) co_return Result<void>{};
  const Turn turn(*this);
  co_return co_await send_answers();
}

Task<void> WebSocketStream::send_answers() {
  const Instant deadline = env_.clock.now() + websocket_control_timeout;
  if (close_due_ && !close_sent_) KITH_CO_CHECK(co_await send_close(*close_due_, deadline));
  if (pong_ && !close_sent_) {
    const Bytes payload = *std::exchange(pong_, std::nullopt);
    const Bytes frame = websocket_control_frame(WebSocketOpcode::pong, payload, next_mask());
    const ByteView pieces[] = {frame};
    const std::span<const ByteView> all = pieces;
    KITH_CO_CHECK(co_await put(all, deadline));
  }
  if (!close_sent_ || !receiver_.closed() || std::exchange(inner_closed_, true)) {
    co_return Result<void>{};
  }
  co_return co_await inner_->close_write(deadline);
}

Task<void> WebSocketStream::send_close(std::uint16_t code, Instant deadline) {
  close_sent_ = true;
  const Bytes frame = websocket_close_frame(code, next_mask());
  const ByteView pieces[] = {frame};
  const std::span<const ByteView> all = pieces;
  co_return co_await put(all, deadline);
}

Task<void> WebSocketStream::close_write(Instant deadline) {
  auto mine = co_await wait_for_turn(deadline);
  if (!mine && mine.error().is(Errc::closed)) co_return Result<void>{};
  if (!mine) co_return mine;
  const Turn turn(*this);
  KITH_CO_CHECK(co_await send_close(websocket_close_normal, deadline));
  co_return co_await send_answers();
}

// The opening handshake.

namespace {

struct ReceivedHead {
  std::string text;
  Bytes raw;    ///< all that was read
  Buffer rest;  ///< the end of it, behind the head
};

Task<void> read_head(port::Stream& stream, Buffer received, ReceivedHead& into, Instant deadline) {
  HeadScanner scanner(HeadScanner::Kind::head, websocket_handshake_bytes_max);
  for (;;) {
    append(into.raw, received);
    auto taken = scanner.feed(received);
    if (!taken) co_return std::unexpected(taken.error());
    received.remove_prefix(*taken);
    if (scanner.done()) break;
    KITH_CO_TRY(received, co_await stream.read_buffer(small_read_bytes, deadline));
    if (received.empty()) co_return std::unexpected(Errc::end_of_stream);
  }
  into.text = scanner.text();
  into.rest = std::move(received);
  co_return Result<void>{};
}

/// Says why not; whether the client hears it doesn't matter.
Task<void> refuse(port::Stream& stream, ResponseHead answer, Instant deadline) {
  const std::string text = to_text(answer);
  KITH_CO_CHECK(co_await stream.write(as_bytes(text), deadline));
  co_return co_await stream.close_write(deadline);
}

ResponseHead answer_to_fault(const Error& why) {
  ResponseHead answer;
  answer.status = status_of(why);
  answer.headers = {{"Content-Length", "0"}, {"Connection", "close"}};
  return answer;
}

Result<ResponseHead> judge(const RequestHead& request, const WebSocketDoor& door) {
  KITH_TRY(ResponseHead answer, answer_websocket(request));
  if (door.allows && !door.allows(request)) return std::unexpected(WebSocketError::not_allowed);
  return answer;
}

}  // namespace

Task<std::unique_ptr<WebSocketStream>> websocket_connect(port::Env& env, port::StreamPtr stream,
                                                         std::string host, std::string target,
                                                         Instant deadline) {
  std::array<std::uint8_t, 16> random;
  env.random.fill(random);
  const std::string key = websocket_key(random);
  const std::string request = to_text(websocket_request(std::move(host), std::move(target), key));
  KITH_CO_CHECK(co_await stream->write(as_bytes(request), deadline));
  ReceivedHead head;
  Buffer nothing;
  KITH_CO_CHECK(co_await read_head(*stream, std::move(nothing), head, deadline));
  auto answer = parse_response_head(head.text, websocket_handshake_fields_max);
  if (!answer) co_return std::unexpected(answer.error());
  KITH_CO_CHECK(check_websocket_answer(*answer, key));
  co_return std::make_unique<WebSocketStream>(env, std::move(stream), WebSocketRole::client,
                                              std::move(head.rest));
}

Task<std::unique_ptr<WebSocketStream>> websocket_accept(port::Env& env, port::StreamPtr stream,
                                                        Buffer received, WebSocketDoor door,
                                                        Instant deadline) {
  ReceivedHead head;
  auto read = co_await read_head(*stream, std::move(received), head, deadline);
  Result<RequestHead> request = std::unexpected(Errc::end_of_stream);
  if (read) {
    auto parsed = parse_request_head(head.text, websocket_handshake_fields_max);
    if (parsed) {
      request = *std::move(parsed);
    } else {
      read = std::unexpected(Error(parsed.error()));
    }
  }
  if (!read) {
    const Error& why = read.error();
    ResponseHead answer = answer_to_fault(why);
    if (&why.domain() == &error_domain(HttpError{}))
      static_cast<void>(co_await refuse(*stream, std::move(answer), deadline));
    co_return std::unexpected(why);
  }
  if (!asks_for_websocket(*request) && door.plain) {
    door.plain(port::with_prefix(std::move(stream), Buffer::adopt(std::move(head.raw))));
    co_return std::unexpected(WebSocketError::no_upgrade);
  }
  auto answer = judge(*request, door);
  if (!answer) {
    const Error& why = answer.error();
    ResponseHead refusal = refuse_websocket(static_cast<WebSocketError>(why.code()));
    static_cast<void>(co_await refuse(*stream, std::move(refusal), deadline));
    co_return std::unexpected(why);
  }
  const std::string text = to_text(*answer);
  KITH_CO_CHECK(co_await stream->write(as_bytes(text), deadline));
  co_return std::make_unique<WebSocketStream>(env, std::move(stream), WebSocketRole::server,
                                              std::move(head.rest));
}

}  // namespace kith::http
