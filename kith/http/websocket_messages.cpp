#include <algorithm>

#include <kith/http/websocket_messages.hpp>

namespace kith::http {

WebSocketMessages::WebSocketMessages(port::Env& env, port::Stream& stream, WebSocketRole role,
                                     const WebSocketMessagesLimits& limits)
    : env_(env),
      stream_(stream),
      role_(role),
      limits_(limits),
      receiver_(role, limits.message_bytes_max, WebSocketKind::any),
      heard_(env.clock.now()),
      queued_(env.clock),
      written_(env.clock) {}

Task<std::optional<std::string>> WebSocketMessages::read() {
  for (;;) {
    while (raw_begin_ < raw_.size()) {
      const MutableBytes rest = MutableBytes(raw_).subspan(raw_begin_);
      KITH_CO_CHECK(take(rest));
      if (const auto code = receiver_.closed()) {
        if (websocket_closed_well(*code)) co_return std::nullopt;
        co_return std::unexpected(WebSocketError::peer_complains);
      }
      if (std::exchange(message_ended_, false)) co_return std::exchange(message_, {});
    }
    raw_.resize(websocket_read_bytes_max);
    raw_begin_ = raw_.size();
    const MutableBytes room = raw_;
    KITH_CO_TRY(const std::size_t size, co_await stream_.read_some(room));
    raw_.resize(size);
    raw_begin_ = 0;
    heard_ = env_.clock.now();
    // Without a close frame, as browsers and killed programs leave.
    if (size == 0) co_return std::nullopt;
  }
}

/// Up to the end of a message or a control frame.
Result<void> WebSocketMessages::take(MutableBytes received) {
  auto step = receiver_.next(received, env_.clock.now());
  if (!step) {
    close(websocket_close_code(step.error()));
    return std::unexpected(step.error());
  }
  raw_begin_ += step->taken;
  message_ += as_text(step->payload);
  message_ended_ = step->ends_message;
  if (!step->control) return {};
  if (step->control->opcode == WebSocketOpcode::close) close(websocket_close_normal);
  if (step->control->opcode != WebSocketOpcode::ping || closing_) return {};
  // Only the latest one is answered (section 5.5.3), so that pings don't pile up.
  std::erase_if(frames_, [](const Frame& one) { return one.opcode == WebSocketOpcode::pong; });
  queue({WebSocketOpcode::pong, std::string(as_text(step->control->payload))});
  return {};
}

bool WebSocketMessages::send(std::string text) {
  if (closing_ || ended_ || text.size() > limits_.waiting_bytes_max - waiting_bytes_) return false;
  queue({WebSocketOpcode::text, std::move(text)});
  return true;
}

void WebSocketMessages::queue(Frame frame) {
  if (frame.opcode == WebSocketOpcode::text) waiting_bytes_ += frame.payload.size();
  frames_.push_back(std::move(frame));
  queued_.notify_all();
}

Task<void> WebSocketMessages::wait_for_room(std::size_t bytes) {
  while (!ended_ && !closing_ && waiting_bytes_ >= bytes)
    KITH_CO_CHECK(co_await written_.wait());
  if (ended_ || closing_) co_return std::unexpected(Errc::closed);
  co_return Result<void>{};
}

void WebSocketMessages::close(std::uint16_t code) {
  if (std::exchange(closing_, true)) return;
  std::array<std::uint8_t, 2> payload;
  store_be(payload.data(), code);
  queue({WebSocketOpcode::close, std::string(as_text(payload))});
  written_.notify_all();
}

Task<void> WebSocketMessages::run() {
  auto written = co_await write_all();
  ended_ = true;
  written_.notify_all();
  if (written) {
    written = co_await stream_.close_write(env_.clock.now() + limits_.write_timeout);
  }
  if (!written) stream_.reset();
  co_return written;
}

/// Up to the close frame.
Task<void> WebSocketMessages::write_all() {
  for (;;) {
    while (frames_.empty()) {
      auto waited = co_await queued_.wait(env_.clock.now() + limits_.ping_interval);
      if (waited) continue;
      if (!waited.error().is(Errc::timed_out)) co_return waited;
      if (env_.clock.now() - heard_ >= 2 * limits_.ping_interval)
        co_return std::unexpected(Errc::timed_out);
      queue({WebSocketOpcode::ping, {}});
    }
    Frame frame = std::move(frames_.front());
    frames_.pop_front();
    const bool last = frame.opcode == WebSocketOpcode::close;
    const std::size_t counted = frame.opcode == WebSocketOpcode::text ? frame.payload.size() : 0;
    KITH_CO_CHECK(co_await write(std::move(frame)));
    waiting_bytes_ -= counted;
    written_.notify_all();
    if (last) co_return Result<void>{};
  }
}

/// In pieces, so that who reads slowly but steadily gets a long message.
Task<void> WebSocketMessages::write(Frame frame) {
  std::optional<WebSocketMask> mask;
  Bytes masked;
  ByteView rest = as_bytes(frame.payload);
  if (role_ == WebSocketRole::client) {
    env_.random.fill(mask.emplace());
    masked.resize(rest.size());
    websocket_mask_copy(masked, rest, *mask);
    rest = masked;
  }
  const WebSocketFrameHead head(frame.opcode, rest.size(), mask);
  for (ByteView start = head.bytes(); !start.empty() || !rest.empty(); start = {}) {
    const ByteView piece = rest.first(std::min(rest.size(), websocket_sent_message_bytes_max));
    const ByteView pieces[] = {start, piece};
    const std::span<const ByteView> all = pieces;
    const Instant deadline = env_.clock.now() + limits_.write_timeout;
    KITH_CO_CHECK(co_await stream_.write_all(all, deadline));
    rest = rest.subspan(piece.size());
  }
  co_return Result<void>{};
}

}  // namespace kith::http
