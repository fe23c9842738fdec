// Which secure channels a node speaks, and what its handshakes share. Loop thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include <kith/crypto/keys.hpp>
#include <kith/crypto/tls/engine.hpp>
#include <kith/port/random.hpp>

namespace kith::net {

enum class SecureProtocol : std::uint8_t { noise, tls };

/// "/noise", "/tls/1.0.0"
std::string_view protocol_id(SecureProtocol protocol) noexcept;

class SecureChannels {
 public:
  /// `order`: those that are spoken, the one to propose first before the other.
  SecureChannels(crypto::PrivateKey identity, std::vector<SecureProtocol> order)
      : identity_(std::move(identity)), order_(std::move(order)) {}
  SecureChannels(const SecureChannels&) = delete;
  SecureChannels& operator=(const SecureChannels&) = delete;

  const crypto::PrivateKey& identity() const noexcept { return identity_; }
  const std::vector<SecureProtocol>& order() const noexcept { return order_; }

  /// What TLS handshakes of this side share, with ALPN for yamux. Made, and with it the
  /// certificate, when it is first asked for: a node that never speaks TLS pays nothing.
  /// TlsError::internal, CryptoError::internal.
  Result<std::shared_ptr<const crypto::TlsContext>> tls_context(crypto::TlsSide side,
                                                                port::CryptoRandom& random);

 private:
  crypto::PrivateKey identity_;
  std::vector<SecureProtocol> order_;
  crypto::TlsCredentials credentials_;
  std::shared_ptr<const crypto::TlsContext> client_;
  std::shared_ptr<const crypto::TlsContext> server_;
};

}  // namespace kith::net
