// TLS 1.3 as a pure engine: bytes of the wire in, bytes for the wire out, no socket and no clock.
// Under it lies OpenSSL, which shows nowhere here; over it stand libp2p's TLS, wss and https.
// Specification: RFC 8446; ALPN: RFC 7301; TLS 1.2, where it is asked for: RFC 5246 with ECDHE and
// AEADs alone.
//
//   advance(in) until finished()  ->  read(in, into), add(plain), take_output()  ->  close()
//        \__ send take_output() after each call, also after an error: it holds the alert __/
//
// A TlsContext holds what connections share (certificate, roots, protocols), a TlsEngine is one
// connection and keeps its context alive. Ciphers: AES-128-GCM first where the CPU has it in
// hardware, else ChaCha20-Poly1305. No session tickets, resumption, early data, renegotiation,
// compression. What the peer's certificate must be is TlsTrust's; with `verifier`, the caller's
// function sees the chain in the middle of the handshake, so that its no reaches the peer.
//
// Bounds (limits.hpp): bytes of the handshake, messages after it, length of the chain. Received
// bytes are kept by the caller, but for one record; what waits to be sent is its to bound by
// pending_bytes(), to which a peer adds at most an answer to each of tls_late_messages_max.
// The first error is the last: every later call returns it. Any thread, one at a time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/base/time.hpp>
#include <kith/crypto/tls/credentials.hpp>
#include <kith/crypto/tls/error.hpp>
#include <kith/crypto/tls/limits.hpp>

namespace kith::crypto {

namespace detail {
struct TlsContextState;
struct TlsEngineState;
}  // namespace detail

enum class TlsSide : std::uint8_t { client, server };

enum class TlsTrust : std::uint8_t {
  anybody,   ///< a server asks for no certificate; a client takes whichever it gets, unread
  verifier,  ///< the peer must have a certificate, which TlsSession::verifier judges
  roots,     ///< its chain must lead to a root of TlsConfig; a server's must name the host
};

struct TlsConfig {
  TlsSide side = TlsSide::client;
  TlsTrust trust = TlsTrust::roots;
  /// A server needs some; a client's are sent if the server asks. Read by make() alone.
  const TlsCredentials* credentials = nullptr;
  /// What both speak, best first, up to tls_alpn_protocols_max; empty: no ALPN. A server takes the
  /// first of the client's that is among them, and refuses a client that offers none of them, but
  /// not one that offers nothing.
  std::vector<std::string> protocols{};
  bool also_tls12 = false;
  /// The roots of the operating system, read from its files by make().
  bool system_roots = false;
  std::vector<Bytes> roots{};  ///< more of them, DER
};

class TlsContext {
 public:
  /// TlsError::bad_credentials; Errc::invalid_argument for protocols that ALPN can't carry;
  /// TlsError::internal.
  static Result<std::shared_ptr<const TlsContext>> make(const TlsConfig& config);
  ~TlsContext();

 private:
  friend class TlsEngine;
  TlsContext();
  std::unique_ptr<detail::TlsContextState> state_;
};

/// Judges the peer's chain (DER, the peer's own certificate first, not empty); its error is the
/// handshake's. It may not use the engine that calls it.
using TlsVerifier = std::function<Result<void>(std::span<const ByteView> chain)>;

struct TlsSession {
  /// A client's: the name or IP address that the server's certificate must be for; a name is also
  /// sent (SNI). Empty: none is sent, and with TlsTrust::roots none is asked for.
  std::string host{};
  /// The time at which TlsTrust::roots has certificates be valid.
  WallTime now{};
  TlsVerifier verifier{};  ///< with TlsTrust::verifier
};

class TlsEngine {
 public:
  /// A client's first message then waits in take_output(). TlsError::internal.
  static Result<TlsEngine> start(std::shared_ptr<const TlsContext> context, TlsSession session);
  TlsEngine(TlsEngine&&) noexcept;
  TlsEngine& operator=(TlsEngine&&) noexcept;
  ~TlsEngine();

  /// Goes on with the handshake and takes from the front of `in` what belongs to it: all, unless
  /// finished(). TlsError, TlsAlert, the verifier's error.
  Result<void> advance(ByteView& in);
  bool finished() const noexcept;

  /// After the handshake: takes from the front of `in` and decrypts into `into`, which isn't empty.
  /// Returns how much plaintext that gave; 0 if it took all of `in` and needs more, or if ended().
  /// TlsError, TlsAlert; a client learns here that the server refuses its certificate.
  Result<std::size_t> read(ByteView& in, MutableBytes into);
  /// The first error, if there was one: read() may first hand out what came before it.
  const std::optional<Error>& failure() const noexcept;
  /// The peer has said that nothing more follows. Without it, the end of the stream below may be
  /// somebody else's doing.
  bool ended() const noexcept;

  /// After the handshake: encrypts a copy of `plain`. It is gathered into records as long as can
  /// be; the last one stays open until take_output(). TlsError::closed, or the earlier error.
  Result<void> add(ByteView plain);
  /// Says that nothing more follows. Reading goes on.
  void close();

  /// What take_output() would give, in bytes.
  std::size_t pending_bytes() const noexcept;
  /// All that waits to be sent.
  Bytes take_output();
  /// Gives back what take_output() gave, to be filled again: a busy connection then allocates
  /// nothing, and one that gets quiet drops it.
  void recycle(Bytes taken) noexcept;

  /// After the handshake: what ALPN chose, empty if nothing.
  std::string_view protocol() const noexcept;
  /// "TLSv1.3" and "TLS_AES_128_GCM_SHA256", say.
  std::string_view version() const noexcept;
  std::string_view cipher() const noexcept;

 private:
  explicit TlsEngine(std::unique_ptr<detail::TlsEngineState> state) noexcept;
  std::unique_ptr<detail::TlsEngineState> state_;
};

}  // namespace kith::crypto
