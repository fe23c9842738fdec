#include <kith/base/assert.hpp>
#include <kith/crypto/detail/tls_keys.hpp>
#include <kith/crypto/detail/tls_state.hpp>
#include <kith/crypto/tls/engine.hpp>

#if defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>

#include <sys/auxv.h>
#endif

namespace kith::crypto {
namespace {

using detail::TlsContextState;
using detail::TlsEngineState;

bool has_aes_hardware() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#elif defined(__aarch64__) && defined(__linux__)
  return (getauxval(AT_HWCAP) & HWCAP_AES) != 0;
#else
  return false;
#endif
}

const char* tls13_ciphers() noexcept {
  return has_aes_hardware()
             ? "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
             : "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384";
}

const char* tls12_ciphers() noexcept {
  return has_aes_hardware() ? "ECDHE+AESGCM:ECDHE+CHACHA20" : "ECDHE+CHACHA20:ECDHE+AESGCM";
}

/// RFC 7301, 3.2: the first of the client's list that is ours too. The specification of libp2p's
/// muxers by ALPN asks for the client's order.
int choose_protocol(SSL* ssl, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* list, unsigned int list_size, void* context) noexcept {
  (void)ssl;
  const auto& ours = static_cast<const TlsContextState*>(context)->protocols;
  ByteView rest(list, list_size);
  while (!rest.empty() && rest.front() < rest.size()) {
    const ByteView offered = rest.subspan(1, rest.front());
    rest = rest.subspan(1 + offered.size());
    if (std::ranges::find(ours, as_text(offered)) == ours.end()) continue;
    *chosen = offered.data();
    *chosen_size = static_cast<unsigned char>(offered.size());
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/// Shows the chain to the session's verifier.
Result<void> ask_verifier(const TlsVerifier& verifier, const STACK_OF(X509) * presented) {
  const int count = presented == nullptr ? 0 : sk_X509_num(presented);
  if (count <= 0) return std::unexpected(TlsError::no_certificate);
  if (static_cast<std::size_t>(count) > tls_chain_length_max) {
    return std::unexpected(TlsError::too_long);
  }
  std::vector<Bytes> chain;
  for (int i = 0; i < count; ++i)
    chain.push_back(detail::der_of(sk_X509_value(presented, i)));
  const std::vector<ByteView> views(chain.begin(), chain.end());
  return verifier(views);
}

int verify_chain(X509_STORE_CTX* store, void*) noexcept {
  const auto* ssl = static_cast<const SSL*>(
      X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  TlsEngineState& state = TlsEngineState::of(ssl);
  auto verdict = ask_verifier(state.session.verifier, X509_STORE_CTX_get0_untrusted(store));
  if (verdict) return 1;
  state.refusal = std::move(verdict).error();
  X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);  // the alert bad_certificate
  return 0;
}

Result<void> use_protocols(SSL_CTX* context, TlsContextState& state) {
  if (state.protocols.empty()) return {};
  if (state.protocols.size() > tls_alpn_protocols_max) {
    return std::unexpected(Errc::invalid_argument);
  }
  Bytes list;
  for (const std::string& protocol : state.protocols) {
    if (protocol.empty() || protocol.size() > tls_alpn_bytes_max) {
      return std::unexpected(Errc::invalid_argument);
    }
    list.push_back(static_cast<std::uint8_t>(protocol.size()));
    append(list, as_bytes(protocol));
  }
  if (state.side == TlsSide::server) {
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, &state);
    return {};
  }
  // Of all functions this one says 0 when it went well.
  if (SSL_CTX_set_alpn_protos(context, list.data(), static_cast<unsigned>(list.size())) != 0) {
    return std::unexpected(TlsError::internal);
  }
  return {};
}

Result<void> use_credentials(SSL_CTX* context, const TlsCredentials& credentials) {
  if (credentials.chain.empty() || credentials.chain.size() > tls_chain_length_max) {
    return std::unexpected(TlsError::bad_credentials);
  }
  for (const Bytes& der : credentials.chain) {
    const detail::X509Pointer certificate = detail::read_x509(der);
    const bool own = &der == &credentials.chain.front();
    if (certificate == nullptr ||
        (own ? SSL_CTX_use_certificate(context, certificate.get())
             : static_cast<int>(SSL_CTX_add1_chain_cert(context, certificate.get()))) != 1) {
      return std::unexpected(TlsError::bad_credentials);
    }
  }
  const detail::Pkey key = detail::read_private_key(credentials.key);
  if (key == nullptr || SSL_CTX_use_PrivateKey(context, key.get()) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return std::unexpected(TlsError::bad_credentials);
  }
  return {};
}

Result<void> use_trust(SSL_CTX* context, const TlsConfig& config) {
  constexpr int required = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  SSL_CTX_set_verify_depth(context, static_cast<int>(tls_chain_length_max));
  switch (config.trust) {
    case TlsTrust::anybody:
      SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
      return {};
    case TlsTrust::verifier:
      SSL_CTX_set_verify(context, required, nullptr);
      SSL_CTX_set_cert_verify_callback(context, verify_chain, nullptr);
      return {};
    case TlsTrust::roots:
      break;
  }
  SSL_CTX_set_verify(context, required, nullptr);
  if (config.system_roots && SSL_CTX_set_default_verify_paths(context) != 1) {
    return std::unexpected(TlsError::internal);
  }
  for (const Bytes& der : config.roots) {
    const detail::X509Pointer root = detail::read_x509(der);
    if (root == nullptr || X509_STORE_add_cert(SSL_CTX_get_cert_store(context), root.get()) != 1) {
      return std::unexpected(TlsError::bad_credentials);
    }
  }
  return {};
}

bool set_rules(SSL_CTX* context, bool also_tls12) noexcept {
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  // An idle connection keeps no record buffers; its chain is the one that it was given.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_max_cert_list(context, static_cast<long>(tls_handshake_bytes_max));
  SSL_CTX_set_security_level(context, 2);  // 112 bits
  return SSL_CTX_set_num_tickets(context, 0) == 1 &&
         SSL_CTX_set_min_proto_version(context, also_tls12 ? TLS1_2_VERSION : TLS1_3_VERSION) ==
             1 &&
         SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
         SSL_CTX_set_ciphersuites(context, tls13_ciphers()) == 1 &&
         SSL_CTX_set_cipher_list(context, tls12_ciphers()) == 1 &&
         SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384") == 1;
}

}  // namespace

TlsContext::TlsContext() : state_(std::make_unique<TlsContextState>()) {}
TlsContext::~TlsContext() = default;

Result<std::shared_ptr<const TlsContext>> TlsContext::make(const TlsConfig& config) {
  const detail::ErrorQueueGuard guard;
  std::shared_ptr<TlsContext> made(new TlsContext);
  TlsContextState& state = *made->state_;
  state.side = config.side;
  state.trust = config.trust;
  state.protocols = config.protocols;
  const bool server = config.side == TlsSide::server;
  SSL_CTX* context = SSL_CTX_new_ex(detail::openssl_context(), nullptr,
                                    server ? TLS_server_method() : TLS_client_method());
  state.context.reset(context);
  if (context == nullptr || !set_rules(context, config.also_tls12)) {
    return std::unexpected(TlsError::internal);
  }
  KITH_CHECK(use_protocols(context, state));
  if (server && config.credentials == nullptr) return std::unexpected(TlsError::bad_credentials);
  if (config.credentials != nullptr) KITH_CHECK(use_credentials(context, *config.credentials));
  KITH_CHECK(use_trust(context, config));
  return made;
}

}  // namespace kith::crypto
