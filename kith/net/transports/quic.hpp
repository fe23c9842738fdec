// QUIC version 1 as a transport of libp2p: /ip4/A/udp/P/quic-v1.
// Specification: libp2p/specs quic/README.md and tls/tls.md; RFC 9000, 9001, 9002.
//
// Both sides present a certificate that proves their identity (crypto/tls/libp2p_certificate.hpp),
// ALPN "libp2p"; streams are QUIC's bidirectional ones, with application error code 0 for every
// end, as go-libp2p. The packets, their encryption, loss recovery, CUBIC and pacing are ngtcp2's,
// the handshake is GnuTLS's.
//
// One socket an address family, that listens and dials: what is dialed goes out from where we
// listen, so that a NAT shows one mapping for both. Datagrams go to connections by connection id. A
// stranger costs a few KiB until its Incoming is upgraded; when many are half open, newcomers must
// show first that they receive at their address (Retry). Unknown versions are answered with
// version negotiation, datagrams of connections that aren't there with a stateless reset.
//
// Peers may change their address; a connection goes on when the new one is proven.
// Not here: 0-RTT, datagram frames, unidirectional streams, version 2, draft 29.
//
// Limits: quic_limits.hpp. Ownership and threads: transport.hpp.
#pragma once

#include <memory>

#include <kith/crypto/keys.hpp>
#include <kith/net/transports/transport.hpp>
#include <kith/port/env.hpp>

namespace kith::net {

enum class QuicError {
  tls_failed = 1,      ///< GnuTLS can't be set up: out of memory, or no randomness
  unexpected_peer,     ///< the peer is another one than we dialed
  handshake_failed,    ///< TLS: nothing in common, or a message that is malformed
  protocol_violation,  ///< the peer broke QUIC's rules
  remote_error,        ///< the peer ended the connection because of an error
  idle_timeout,        ///< nothing came for quic_idle_timeout
  version,             ///< the peer doesn't speak version 1
};
const ErrorDomain& error_domain(QuicError) noexcept;

/// What connections say of themselves: TLS is inside, and so are streams.
inline constexpr std::string_view quic_security_protocol = "/tls/1.0.0";
inline constexpr std::string_view quic_protocol = "/quic-v1";

class QuicTransport final : public Transport {
 public:
  /// Nothing is made until it is first listened on or dialed, which may fail with
  /// QuicError::tls_failed or CryptoError::internal then.
  QuicTransport(port::Env& env, crypto::PrivateKey identity);
  /// After close_shielded(), if anything was listened on or dialed (asserted).
  ~QuicTransport() override;

  std::string_view name() const noexcept override { return "quic-v1"; }
  bool dials(const multiformats::Multiaddr& address) const override;
  bool listens(const multiformats::Multiaddr& address) const override;
  Result<std::unique_ptr<Listener>> listen(const multiformats::Multiaddr& address) override;
  Task<std::unique_ptr<Connection>> dial(multiformats::PeerId peer, multiformats::Multiaddr address,
                                         ConnectionTerms terms) override;
  Task<void> close_shielded() override;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace kith::net
