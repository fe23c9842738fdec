#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/http/tls_stream.hpp>

namespace kith::http {

/// The right to write, held by the call that is inside.
class TlsStream::Turn {
 public:
  explicit Turn(TlsStream& stream) noexcept : stream_(stream) {
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
  TlsStream& stream_;
};

TlsStream::TlsStream(port::Clock& clock, port::StreamPtr inner, crypto::TlsEngine engine,
                     Buffer received)
    : clock_(clock),
      inner_(std::move(inner)),
      engine_(std::move(engine)),
      received_(std::move(received)),
      turn_(clock) {}

// Reading.

Task<std::size_t> TlsStream::read_some(MutableBytes into, Instant deadline) {
  for (;;) {
    if (read_failure_) co_return std::unexpected(*read_failure_);
    if (engine_.ended()) co_return std::size_t{0};
    if (received_.empty()) {
      KITH_CO_TRY(const bool more, co_await fill(deadline));
      if (!more) read_failure_ = Errc::end_of_stream;
      continue;
    }
    ByteView in = received_;
    auto size = engine_.read(in, into);
    received_.remove_prefix(received_.size() - in.size());
    if (received_.empty()) received_ = Buffer();
    if (!size) read_failure_ = size.error();
    // An alert, or the answer to a key update.
    if (engine_.pending_bytes() != 0 && !writing_ && !write_failure_) {
      auto answered = co_await answer();
      if (!answered && !read_failure_) read_failure_ = answered.error();
    }
    if (size && *size != 0) co_return *size;
  }
}

/// Reads once. False at the end of the stream below.
Task<bool> TlsStream::fill(Instant deadline) {
  KITH_CO_TRY(received_, co_await inner_->read_buffer(read_bytes_, deadline));
  if (received_.size() == read_bytes_) {
    read_bytes_ = std::min(2 * read_bytes_, tls_read_bytes_max);
  } else if (received_.size() < read_bytes_ / 4) {
    read_bytes_ = std::max(read_bytes_ / 4, tls_read_bytes_min);
  }
  co_return !received_.empty();
}

Task<void> TlsStream::answer() {
  const Turn turn(*this);
  co_return co_await flush(clock_.now() + tls_answer_timeout);
}

// Writing.

/// Reader and writer share the way out; the reader needs it next to never.
Task<void> TlsStream::wait_for_turn(Instant deadline) {
  while (writing_)
    KITH_CO_CHECK(co_await turn_.wait(deadline));
  if (write_failure_) co_return std::unexpected(*write_failure_);
  if (closed_) co_return std::unexpected(Errc::closed);
  co_return Result<void>{};
}

Task<void> TlsStream::flush(Instant deadline) {
  Bytes out = engine_.take_output();
  if (out.empty()) co_return Result<void>{};
  // Also if this task is dropped while it waits.
  write_failure_ = Errc::cancelled;
  auto written = co_await inner_->write(out, deadline);
  write_failure_.reset();
  if (!written) write_failure_ = written.error();
  engine_.recycle(std::move(out));
  co_return written;
}

Task<void> TlsStream::write(ByteView bytes, Instant deadline) {
  const ByteView pieces[] = {bytes};
  const std::span<const ByteView> all = pieces;
  co_return co_await write_all(all, deadline);
}

Task<void> TlsStream::write_all(std::span<const ByteView> pieces, Instant deadline) {
  KITH_CO_CHECK(co_await wait_for_turn(deadline));
  const Turn turn(*this);
  for (ByteView piece : pieces) {
    while (!piece.empty()) {
      const ByteView part = piece.first(std::min(piece.size(), tls_batch_bytes));
      KITH_CO_CHECK(engine_.add(part));
      piece = piece.subspan(part.size());
      if (engine_.pending_bytes() >= tls_batch_bytes) KITH_CO_CHECK(co_await flush(deadline));
    }
  }
  co_return co_await flush(deadline);
}

Task<void> TlsStream::close_write(Instant deadline) {
  auto mine = co_await wait_for_turn(deadline);
  if (!mine && mine.error().is(Errc::closed)) co_return Result<void>{};
  if (!mine) co_return mine;
  const Turn turn(*this);
  closed_ = true;
  engine_.close();
  KITH_CO_CHECK(co_await flush(deadline));
  co_return co_await inner_->close_write(deadline);
}

Task<std::unique_ptr<TlsStream>> tls_handshake(port::Clock& clock, port::StreamPtr stream,
                                               std::shared_ptr<const crypto::TlsContext> context,
                                               crypto::TlsSession session, Buffer received,
                                               Instant deadline) {
  KITH_CO_TRY(crypto::TlsEngine engine,
              crypto::TlsEngine::start(std::move(context), std::move(session)));
  Result<void> advanced{};
  for (;;) {
    const Bytes output = engine.take_output();
    if (!output.empty()) {
      auto written = co_await stream->write(output, deadline);
      if (advanced && !written) advanced = written;
    }
    if (!advanced) {
      // What was said to the peer shall reach it.
      static_cast<void>(co_await stream->close_write(deadline));
      co_return std::unexpected(advanced.error());
    }
    if (engine.finished()) break;
    if (received.empty()) {
      KITH_CO_TRY(received, co_await stream->read_buffer(tls_read_bytes_min, deadline));
      if (received.empty()) co_return std::unexpected(Errc::end_of_stream);
    }
    ByteView in = received;
    advanced = engine.advance(in);
    received.remove_prefix(received.size() - in.size());
  }
  co_return std::make_unique<TlsStream>(clock, std::move(stream), std::move(engine),
                                        std::move(received));
}

}  // namespace kith::http
