#include <array>
#include <gnutls/gnutls.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>
#include <span>
#include <vector>

#include <kith/crypto/tls/libp2p_certificate.hpp>
#include <kith/net/transports/quic.hpp>
#include <kith/net/transports/quic/detail/quic_session.hpp>
#include <kith/net/transports/quic/detail/quic_tls.hpp>

namespace kith::net::detail {
namespace {

constexpr std::string_view alpn = "libp2p";

// Of the ciphers the first that the peer has is taken, not the peer's first: GnuTLS is several
// times slower with ChaCha20 than with AES where the processor has instructions for that.
constexpr const char* aes_first =
    "%DISABLE_TLS13_COMPAT_MODE:%SERVER_PRECEDENCE:NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:"
    "+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:"
    "+GROUP-SECP384R1";
constexpr const char* chacha_first =
    "%DISABLE_TLS13_COMPAT_MODE:%SERVER_PRECEDENCE:NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:"
    "+CHACHA20-POLY1305:+AES-128-GCM:+AES-256-GCM:-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:"
    "+GROUP-SECP384R1";

bool has_aes() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  return __builtin_cpu_supports("aes") != 0;
#else
  return true;
#endif
}

/// Those of the peer's chain that are looked at; libp2p wants just one.
constexpr unsigned chain_max = 4;

int verify(gnutls_session_t session) {
  const auto* reference = static_cast<ngtcp2_crypto_conn_ref*>(gnutls_session_get_ptr(session));
  unsigned count = 0;
  const gnutls_datum_t* found = gnutls_certificate_get_peers(session, &count);
  std::vector<ByteView> chain;
  for (unsigned i = 0; found != nullptr && i < count && i < chain_max; ++i)
    chain.emplace_back(found[i].data, found[i].size);
  return static_cast<QuicSession*>(reference->user_data)->on_certificates(chain) ? 0 : -1;
}

gnutls_datum_t datum(ByteView bytes) noexcept {
  return {const_cast<unsigned char*>(bytes.data()), static_cast<unsigned>(bytes.size())};
}

}  // namespace

struct QuicTls::Credentials {
  Credentials() = default;
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;
  ~Credentials() {
    if (certificate != nullptr) gnutls_certificate_free_credentials(certificate);
    if (priorities != nullptr) gnutls_priority_deinit(priorities);
  }

  gnutls_certificate_credentials_t certificate = nullptr;
  gnutls_priority_t priorities = nullptr;
};

void QuicTlsSessionEnd::operator()(gnutls_session_int* session) const noexcept {
  gnutls_deinit(session);
}

QuicTls::QuicTls(port::WallClock& wall, multiformats::PeerId local_peer) noexcept
    : wall_(wall), local_peer_(local_peer), credentials_(std::make_unique<Credentials>()) {}

QuicTls::~QuicTls() = default;

Result<std::shared_ptr<QuicTls>> QuicTls::make(const port::Env& env,
                                               const crypto::PrivateKey& identity) {
  const crypto::RandomFill random = [&env](MutableBytes out) { env.random.fill(out); };
  KITH_TRY(const crypto::Libp2pCertificate own, crypto::make_libp2p_certificate(identity, random));
  std::shared_ptr<QuicTls> made(
      new QuicTls(env.wall, multiformats::PeerId::from_public_key(identity.public_key())));
  crypto::hkdf_sha256({}, identity.encoded(), as_bytes("kith quic stateless reset"),
                      made->reset_root_.mutable_bytes());
  Credentials& credentials = *made->credentials_;
  const gnutls_datum_t certificate = datum(own.certificate);
  const gnutls_datum_t key = datum(own.key.view());
  const bool ready = gnutls_certificate_allocate_credentials(&credentials.certificate) == 0 &&
                     gnutls_certificate_set_x509_key_mem(credentials.certificate, &certificate,
                                                         &key, GNUTLS_X509_FMT_DER) == 0 &&
                     gnutls_priority_init(&credentials.priorities,
                                          has_aes() ? aes_first : chacha_first, nullptr) == 0;
  if (!ready) return std::unexpected(QuicError::tls_failed);
  gnutls_certificate_set_verify_function(credentials.certificate, verify);
  return made;
}

bool agreed_on_protocol(const QuicTlsSession& session) noexcept {
  gnutls_datum_t chosen{};
  return gnutls_alpn_get_selected_protocol(session.get(), &chosen) == 0 && chosen.size != 0;
}

crypto::HkdfKey QuicTls::reset_secret(const port::Endpoint& local) const {
  crypto::HkdfKey secret;
  crypto::hkdf_sha256_expand(reset_root_.view(), as_bytes(local.to_string()),
                             secret.mutable_bytes());
  return secret;
}

Result<QuicTlsSession> QuicTls::session(Direction direction,
                                        ngtcp2_crypto_conn_ref& reference) const {
  const bool client = direction == Direction::outbound;
  const unsigned flags = client ? GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT | GNUTLS_NO_TICKETS
                                : GNUTLS_SERVER | GNUTLS_NO_TICKETS | GNUTLS_NO_AUTO_SEND_TICKET;
  gnutls_session_t raw = nullptr;
  if (gnutls_init(&raw, flags) != 0) return std::unexpected(QuicError::tls_failed);
  QuicTlsSession session(raw);
  const gnutls_datum_t protocol = datum(as_bytes(alpn));
  const bool configured = (client ? ngtcp2_crypto_gnutls_configure_client_session(raw)
                                  : ngtcp2_crypto_gnutls_configure_server_session(raw)) == 0;
  const bool ready =
      configured && gnutls_priority_set(raw, credentials_->priorities) == 0 &&
      gnutls_credentials_set(raw, GNUTLS_CRD_CERTIFICATE, credentials_->certificate) == 0 &&
      gnutls_alpn_set_protocols(raw, &protocol, 1, GNUTLS_ALPN_MANDATORY) == 0;
  if (!ready) return std::unexpected(QuicError::tls_failed);
  gnutls_handshake_set_max_packet_length(raw, quic_handshake_message_bytes_max);
  gnutls_session_set_ptr(raw, &reference);
  if (!client) gnutls_certificate_server_set_request(raw, GNUTLS_CERT_REQUIRE);
  return session;
}

}  // namespace kith::net::detail
