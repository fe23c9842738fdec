// TlsStream: plain TLS over some stream, for wss and https, at either side (RFC 8446; what it is
// made of is in crypto/tls/engine.hpp). Who is trusted, and by what certificate, says its context.
//
// Reading decrypts into the caller's buffer. Writing copies once, into records, and hands up to
// tls_batch_bytes at a time to the stream below. The end of the stream below without TLS's own
// goodbye is Errc::end_of_stream: somebody else may have cut it. A write that fails, or is
// cancelled, ends all writing: a part of a record may have gone. Loop thread only.
#pragma once

#include <memory>
#include <optional>

#include <kith/crypto/tls/engine.hpp>
#include <kith/port/clock.hpp>
#include <kith/port/event.hpp>
#include <kith/port/stream.hpp>

namespace kith::http {

/// Plaintext that is encrypted before it is sent.
inline constexpr std::size_t tls_batch_bytes = 256 * 1024;
/// One read of the stream below: what a silent connection holds, and a busy one.
inline constexpr std::size_t tls_read_bytes_min = 2 * 1024;
inline constexpr std::size_t tls_read_bytes_max = 64 * 1024;
/// By when a peer must take the alert that tells it of its fault, or an answer to its key update.
inline constexpr Duration tls_answer_timeout = 10s;

class TlsStream final : public port::Stream {
 public:
  /// After the handshake. `received`: what was read beyond it.
  TlsStream(port::Clock& clock, port::StreamPtr inner, crypto::TlsEngine engine, Buffer received);

  Task<std::size_t> read_some(MutableBytes into, Instant deadline = never) override;
  Task<void> write(ByteView bytes, Instant deadline = never) override;
  Task<void> write_all(std::span<const ByteView> pieces, Instant deadline = never) override;
  Task<void> close_write(Instant deadline = never) override;
  void reset() noexcept override { inner_->reset(); }

 private:
  class Turn;

  Task<bool> fill(Instant deadline);
  Task<void> answer();
  Task<void> wait_for_turn(Instant deadline);
  Task<void> flush(Instant deadline);

  port::Clock& clock_;
  port::StreamPtr inner_;
  crypto::TlsEngine engine_;
  Buffer received_;  ///< and not decrypted
  std::size_t read_bytes_ = tls_read_bytes_min;
  std::optional<Error> read_failure_;

  bool writing_ = false;
  port::Event turn_;  ///< writing_ has become false
  std::optional<Error> write_failure_;
  bool closed_ = false;
};

/// The handshake of the side that `context` is for. `received`: what was read from the stream
/// already. The stream dies with a handshake that fails, after the peer was told why: TlsError,
/// TlsAlert, Errc::end_of_stream, timed_out.
Task<std::unique_ptr<TlsStream>> tls_handshake(port::Clock& clock, port::StreamPtr stream,
                                               std::shared_ptr<const crypto::TlsContext> context,
                                               crypto::TlsSession session, Buffer received,
                                               Instant deadline);

}  // namespace kith::http
