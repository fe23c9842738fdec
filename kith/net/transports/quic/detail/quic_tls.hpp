// What TLS needs of us for QUIC: our certificate, who is trusted, and which ciphers in which order.
// One of these serves all connections of a transport. GnuTLS stays behind it; its randomness is its
// own. Loop thread only.
#pragma once

#include <memory>

#include <kith/base/result.hpp>
#include <kith/crypto/hkdf.hpp>
#include <kith/crypto/keys.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/net/connection.hpp>
#include <kith/port/env.hpp>

struct gnutls_session_int;
struct ngtcp2_crypto_conn_ref;

namespace kith::net::detail {

struct QuicTlsSessionEnd {
  void operator()(gnutls_session_int* session) const noexcept;
};
using QuicTlsSession = std::unique_ptr<gnutls_session_int, QuicTlsSessionEnd>;

/// Whether both sides have said that they speak libp2p (ALPN). Once the handshake is over.
bool agreed_on_protocol(const QuicTlsSession& session) noexcept;

class QuicTls {
 public:
  /// Makes a certificate for `identity`. CryptoError::internal, QuicError::tls_failed.
  static Result<std::shared_ptr<QuicTls>> make(const port::Env& env,
                                               const crypto::PrivateKey& identity);
  ~QuicTls();
  QuicTls(const QuicTls&) = delete;
  QuicTls& operator=(const QuicTls&) = delete;

  /// `reference` leads to the QuicSession, which is asked for its judgement on the peer's
  /// certificate. QuicError::tls_failed.
  Result<QuicTlsSession> session(Direction direction, ngtcp2_crypto_conn_ref& reference) const;

  const multiformats::PeerId& local_peer() const noexcept { return local_peer_; }
  /// The secret that stateless resets of a socket are made of. It is the identity's, so that after
  /// a restart the peers of old connections still hear that these are gone, and the socket's own,
  /// so that no other one of ours can be asked for a reset of a connection that lives (RFC
  /// 9000, 21.11).
  crypto::HkdfKey reset_secret(const port::Endpoint& local) const;
  WallTime wall_now() const noexcept { return wall_.now(); }

 private:
  struct Credentials;
  QuicTls(port::WallClock& wall, multiformats::PeerId local_peer) noexcept;

  port::WallClock& wall_;
  multiformats::PeerId local_peer_;
  crypto::HkdfKey reset_root_;
  std::unique_ptr<Credentials> credentials_;
};

}  // namespace kith::net::detail
