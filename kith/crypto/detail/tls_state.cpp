#include <kith/base/assert.hpp>
#include <kith/crypto/detail/tls_state.hpp>
#include <kith/crypto/tls/error.hpp>

namespace kith::crypto::detail {
namespace {

TlsEngineState& state_of(BIO* bio) noexcept {
  return *static_cast<TlsEngineState*>(BIO_get_data(bio));
}

/// How much of what the caller has OpenSSL may still see.
std::size_t readable_bytes(const TlsEngineState& state) noexcept {
  if (state.late_messages > tls_late_messages_max) return 0;
  if (state.finished) return state.in.size();
  return std::min(state.in.size(), tls_handshake_bytes_max - state.handshake_bytes);
}

int read_bytes(BIO* bio, char* into, std::size_t size, std::size_t* taken) noexcept {
  TlsEngineState& state = state_of(bio);
  BIO_clear_retry_flags(bio);
  const std::size_t part = std::min(size, readable_bytes(state));
  if (part == 0) {
    BIO_set_retry_read(bio);
    *taken = 0;
    return 0;
  }
  std::copy_n(state.in.data(), part, reinterpret_cast<std::uint8_t*>(into));
  state.in = state.in.subspan(part);
  if (!state.finished) state.handshake_bytes += part;
  *taken = part;
  return 1;
}

int write_bytes(BIO* bio, const char* from, std::size_t size, std::size_t* taken) noexcept {
  TlsEngineState& state = state_of(bio);
  if (state.out.capacity() == 0) state.out.reserve(std::max(size, state.last_output_bytes));
  append(state.out, as_bytes({from, size}));
  *taken = size;
  return 1;
}

long control(BIO*, int command, long, void*) noexcept {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* engine_bio_method() noexcept {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "kith");
    ASSERT(made != nullptr);
    BIO_meth_set_read_ex(made, read_bytes);
    BIO_meth_set_write_ex(made, write_bytes);
    BIO_meth_set_ctrl(made, control);
    return made;
  }();
  return method;
}

/// Alerts that came are reasons of their own, their number plus this.
constexpr int alert_reason_base = SSL_AD_REASON_OFFSET;

Error certificate_failure(const TlsEngineState& state) {
  if (state.refusal) return *state.refusal;
  switch (SSL_get_verify_result(state.ssl.get())) {
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return TlsError::expired;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return TlsError::wrong_host;
    default:
      return TlsError::untrusted;
  }
}

Error failure_of_reason(const TlsEngineState& state, int reason) {
  if (reason > alert_reason_base && reason <= alert_reason_base + 255) {
    return static_cast<TlsAlert>(reason - alert_reason_base);
  }
  switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return certificate_failure(state);
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
      return TlsError::not_tls;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_VERSION_TOO_LOW:
      return TlsError::no_common_version;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
      return TlsError::no_common_cipher;
    case SSL_R_NO_APPLICATION_PROTOCOL:
      return TlsError::no_common_protocol;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return TlsError::no_certificate;
    case SSL_R_BAD_SIGNATURE:
      return TlsError::bad_signature;
    case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
    case SSL_R_DIGEST_CHECK_FAILED:
      return TlsError::bad_record;
    case SSL_R_UNEXPECTED_MESSAGE:
    case SSL_R_UNEXPECTED_RECORD:
      return TlsError::unexpected_message;
    case SSL_R_EXCESSIVE_MESSAGE_SIZE:
    case SSL_R_ENCRYPTED_LENGTH_TOO_LONG:
    case SSL_R_DATA_LENGTH_TOO_LONG:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
      return TlsError::too_long;
    case ERR_R_MALLOC_FAILURE:
    case ERR_R_INTERNAL_ERROR:
      return TlsError::internal;
    default:
      return TlsError::protocol_violation;
  }
}

}  // namespace

BIO* new_engine_bio(TlsEngineState& state) noexcept {
  BIO* bio = BIO_new_ex(openssl_context(), engine_bio_method());
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, &state);
  BIO_set_init(bio, 1);
  return bio;
}

Error tls_failure(TlsEngineState& state) {
  Error failure = TlsError::protocol_violation;
  // The first entry of the TLS code itself: those of the code below it come before.
  for (unsigned long code = ERR_get_error(); code != 0; code = ERR_get_error()) {
    if (ERR_GET_LIB(code) != ERR_LIB_SSL) continue;
    failure = failure_of_reason(state, ERR_GET_REASON(code));
    break;
  }
  ERR_clear_error();
  return failure;
}

void count_late_messages(int sent, int, int kind, const void*, std::size_t, SSL* ssl,
                         void*) noexcept {
  TlsEngineState& state = TlsEngineState::of(ssl);
  // TLS 1.2 answers each try at renegotiation with an alert.
  const bool counts = (kind == SSL3_RT_HANDSHAKE && sent == 0) || kind == SSL3_RT_ALERT;
  if (state.finished && counts) ++state.late_messages;
}

}  // namespace kith::crypto::detail
