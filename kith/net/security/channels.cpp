#include <kith/crypto/tls/libp2p_certificate.hpp>
#include <kith/net/muxers/yamux.hpp>
#include <kith/net/security/channels.hpp>
#include <kith/net/security/noise_handshake.hpp>
#include <kith/net/security/tls_stream.hpp>

namespace kith::net {

std::string_view protocol_id(SecureProtocol protocol) noexcept {
  return protocol == SecureProtocol::tls ? tls_protocol : noise_protocol;
}

Result<std::shared_ptr<const crypto::TlsContext>> SecureChannels::tls_context(
    crypto::TlsSide side, port::CryptoRandom& random) {
  auto& context = side == crypto::TlsSide::client ? client_ : server_;
  if (context != nullptr) return context;
  if (credentials_.chain.empty()) {
    KITH_TRY(crypto::Libp2pCertificate made,
             crypto::make_libp2p_certificate(identity_,
                                             [&random](MutableBytes out) { random.fill(out); }));
    credentials_.chain.push_back(std::move(made.certificate));
    credentials_.key = std::move(made.key);
  }
  const crypto::TlsConfig config{
      .side = side,
      .trust = crypto::TlsTrust::verifier,
      .credentials = &credentials_,
      .protocols = {std::string(yamux_protocol), std::string(tls_alpn_libp2p)}};
  KITH_TRY(context, crypto::TlsContext::make(config));
  return context;
}

}  // namespace kith::net
