// What stands behind a TlsContext and a TlsEngine.
#pragma once

#include <memory>
#include <optional>

#include <openssl/ssl.h>

#include <kith/crypto/detail/openssl.hpp>
#include <kith/crypto/tls/engine.hpp>

namespace kith::crypto::detail {

struct TlsContextState {
  std::unique_ptr<SSL_CTX, Release<SSL_CTX_free>> context;
  TlsSide side = TlsSide::client;
  TlsTrust trust = TlsTrust::roots;
  std::vector<std::string> protocols;
};

struct TlsEngineState {
  std::shared_ptr<const TlsContext> context;
  std::unique_ptr<SSL, Release<SSL_free>> ssl;
  TlsSession session;

  ByteView in{};  ///< what the call in progress was given and OpenSSL hasn't taken
  Bytes out{};    ///< records
  Bytes open{};   ///< plaintext of the record that isn't full yet
  std::size_t last_output_bytes = 0;

  std::optional<Error> failure{};
  std::optional<Error> refusal{};  ///< the verifier's
  std::size_t handshake_bytes = 0;
  std::size_t late_messages = 0;
  bool finished = false;
  bool ended = false;   ///< by the peer
  bool closed = false;  ///< by us

  static TlsEngineState& of(const SSL* ssl) noexcept {
    return *static_cast<TlsEngineState*>(SSL_get_app_data(ssl));
  }
};

/// The stream of bytes that OpenSSL sees: reads take from TlsEngineState::in, writes go to its out.
BIO* new_engine_bio(TlsEngineState& state) noexcept;

/// What the entries of OpenSSL's error queue mean; empties it.
Error tls_failure(TlsEngineState& state);

/// Counts what comes after the handshake; for SSL_set_msg_callback.
void count_late_messages(int sent, int version, int kind, const void* message, std::size_t size,
                         SSL* ssl, void* argument) noexcept;

}  // namespace kith::crypto::detail
