// libp2p's TLS over a stream: the handshake's session, and the SecureStream that it gives.
// Specification: libp2p/specs tls/tls.md; ALPN: connections/inlined-muxer-negotiation.md. What is
// under it: crypto/tls/engine.hpp, crypto/tls/libp2p_certificate.hpp.
//
// Both sides prove their identity by a certificate. ALPN settles the muxer, unless it gives
// "libp2p" or, by a peer that doesn't use it, nothing: then it is negotiated afterwards. The
// dialer sends no server name.
//
// Received records are gathered until they are whole and decrypted together into memory that is
// handed out, whose size follows what comes, as the reads of the socket do; a silent connection
// keeps none. Sending encrypts up to 256 KiB before it is handed to the stream below.
//
// A dialer's handshake ends before the listener has looked at its certificate: a refusal is told to
// the first read. The end of the stream below inside a record is Errc::end_of_stream; between two
// it is the end, with or without the peer's goodbye: yamux has one of its own. Loop thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <kith/crypto/tls/engine.hpp>
#include <kith/net/security/secure_stream.hpp>
#include <kith/net/security/tls_error.hpp>
#include <kith/port/stream.hpp>

namespace kith::net {

inline constexpr std::string_view tls_protocol = "/tls/1.0.0";
/// What ALPN gives where the muxer isn't settled by it.
inline constexpr std::string_view tls_alpn_libp2p = "libp2p";

struct TlsHandshakeConfig {
  /// Its trust is TlsTrust::verifier.
  std::shared_ptr<const crypto::TlsContext> context{};
  /// Any other peer is refused: TlsPeerError::unexpected_peer.
  std::optional<multiformats::PeerId> expected_peer{};
  /// At which the peer's certificate must be valid.
  WallTime now{};
};

class TlsStream final : public SecureStream {
 public:
  /// `engine` has finished its handshake. `received`: what was read beyond it.
  TlsStream(port::StreamPtr inner, crypto::TlsEngine engine, PeerIdentity remote, ByteView received,
            std::uint64_t handshake_bytes_received, std::uint64_t handshake_bytes_sent);

  const PeerIdentity& remote() const noexcept override { return remote_; }
  std::string_view protocol() const noexcept override { return tls_protocol; }
  const std::string& muxer() const noexcept override { return muxer_; }

  Task<std::size_t> read_some(MutableBytes into, Instant deadline = never) override;
  Task<Buffer> read_buffer(std::size_t size_max, Instant deadline = never) override;
  Task<void> write(ByteView bytes, Instant deadline = never) override;
  Task<void> write_all(std::span<const ByteView> pieces, Instant deadline = never) override;
  Task<void> close_write(Instant deadline = never) override;
  void reset() noexcept override { inner_->reset(); }

  Result<void> queue(ByteView bytes) override { return engine_.add(bytes); }
  std::size_t queued_bytes() const noexcept override { return engine_.pending_bytes(); }
  Task<void> flush(Instant deadline = never) override;
  void unread(Buffer bytes) override;
  std::uint64_t wire_bytes_received() const noexcept override { return bytes_received_; }
  std::uint64_t wire_bytes_sent() const noexcept override { return bytes_sent_; }

 private:
  ByteView held() const noexcept { return slab_.view().subspan(start_, end_ - start_); }
  void make_room(std::size_t record_bytes);
  Task<bool> fill(Instant deadline);
  void decrypt(std::size_t whole_bytes);

  port::StreamPtr inner_;
  crypto::TlsEngine engine_;
  PeerIdentity remote_;
  std::string muxer_;
  std::optional<Error> failure_;  ///< of the receiving side, for good

  Buffer plain_;  ///< decrypted, not handed out yet
  Buffer slab_;   ///< [start_, end_) of it was read and isn't decrypted
  std::size_t start_ = 0;
  std::size_t end_ = 0;
  std::size_t read_bytes_;
  std::uint64_t bytes_received_;
  std::uint64_t bytes_sent_;
};

/// Runs the handshake over `stream`. `received`: what was read from it already. The stream dies
/// with a handshake that fails: TlsError, TlsAlert, CertificateError, TlsPeerError,
/// Errc::end_of_stream, timed_out.
Task<std::unique_ptr<TlsStream>> tls_handshake(port::StreamPtr stream, TlsHandshakeConfig config,
                                               Buffer received, Instant deadline);

}  // namespace kith::net
