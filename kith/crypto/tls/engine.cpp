#include <openssl/x509v3.h>

#include <kith/base/assert.hpp>
#include <kith/crypto/detail/tls_state.hpp>
#include <kith/crypto/tls/engine.hpp>

namespace kith::crypto {
namespace {

using detail::TlsEngineState;

/// What the peer's chain must be valid for.
bool set_expectations(SSL* ssl, TlsSide side, const TlsSession& session) {
  X509_VERIFY_PARAM* rules = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_time(
      rules,
      std::chrono::duration_cast<std::chrono::seconds>(session.now.time_since_epoch()).count());
  if (side == TlsSide::server || session.host.empty()) return true;
  X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  const std::unique_ptr<ASN1_OCTET_STRING, detail::Release<ASN1_OCTET_STRING_free>> address(
      a2i_IPADDRESS(session.host.c_str()));
  if (address != nullptr) {
    return X509_VERIFY_PARAM_set1_ip(rules, ASN1_STRING_get0_data(address.get()),
                                     static_cast<std::size_t>(ASN1_STRING_length(address.get()))) ==
           1;
  }
  return X509_VERIFY_PARAM_set1_host(rules, session.host.data(), session.host.size()) == 1 &&
         SSL_set_tlsext_host_name(ssl, session.host.c_str()) == 1;
}

/// Notes why OpenSSL's call went wrong, unless it only wants more bytes.
void note_outcome(TlsEngineState& state, int returned) {
  const bool too_many = state.late_messages > tls_late_messages_max;
  const bool too_long = !state.finished && state.handshake_bytes == tls_handshake_bytes_max;
  if (too_many) {
    state.failure = TlsError::too_many_messages;
  } else if (too_long) {
    state.failure = TlsError::too_long;
  } else if (const int kind = SSL_get_error(state.ssl.get(), returned);
             kind == SSL_ERROR_ZERO_RETURN) {
    state.ended = true;
  } else if (kind != SSL_ERROR_WANT_READ) {
    state.failure = tls_failure(state);
  }
  ERR_clear_error();
}

void write_record(TlsEngineState& state, ByteView plain) {
  ERR_clear_error();
  std::size_t written = 0;
  const int returned = SSL_write_ex(state.ssl.get(), plain.data(), plain.size(), &written);
  if (returned != 1) note_outcome(state, returned);
}

void write_open_record(TlsEngineState& state) {
  if (state.open.empty()) return;
  if (!state.failure) write_record(state, state.open);
  state.open.clear();
}

}  // namespace

TlsEngine::TlsEngine(std::unique_ptr<TlsEngineState> state) noexcept : state_(std::move(state)) {}
TlsEngine::TlsEngine(TlsEngine&&) noexcept = default;
TlsEngine& TlsEngine::operator=(TlsEngine&&) noexcept = default;
TlsEngine::~TlsEngine() = default;

Result<TlsEngine> TlsEngine::start(std::shared_ptr<const TlsContext> context, TlsSession session) {
  const detail::TlsContextState& shared = *context->state_;
  ASSERT(shared.trust != TlsTrust::verifier || session.verifier);
  ERR_clear_error();
  auto state = std::make_unique<TlsEngineState>();
  state->ssl.reset(SSL_new(shared.context.get()));
  SSL* ssl = state->ssl.get();
  BIO* bio = ssl == nullptr ? nullptr : detail::new_engine_bio(*state);
  if (bio == nullptr) return std::unexpected(TlsError::internal);
  SSL_set_bio(ssl, bio, bio);
  SSL_set_app_data(ssl, state.get());
  SSL_set_msg_callback(ssl, detail::count_late_messages);
  if (!set_expectations(ssl, shared.side, session)) return std::unexpected(TlsError::internal);
  if (shared.side == TlsSide::client) {
    SSL_set_connect_state(ssl);
  } else {
    SSL_set_accept_state(ssl);
  }
  state->context = std::move(context);
  state->session = std::move(session);
  TlsEngine engine(std::move(state));
  ByteView nothing;
  KITH_CHECK(engine.advance(nothing));
  return engine;
}

Result<void> TlsEngine::advance(ByteView& in) {
  TlsEngineState& state = *state_;
  if (state.failure) return std::unexpected(*state.failure);
  if (state.finished) return {};
  ERR_clear_error();
  state.in = in;
  const int returned = SSL_do_handshake(state.ssl.get());
  in = std::exchange(state.in, {});
  if (returned == 1) {
    state.finished = true;
    // The verifier may hold much, and has had its say.
    state.session = {};
    return {};
  }
  note_outcome(state, returned);
  if (state.ended) state.failure = TlsAlert::user_canceled;
  if (state.failure) return std::unexpected(*state.failure);
  return {};
}

bool TlsEngine::finished() const noexcept {
  return state_->finished;
}

Result<std::size_t> TlsEngine::read(ByteView& in, MutableBytes into) {
  TlsEngineState& state = *state_;
  ASSERT(!into.empty());
  if (state.failure) return std::unexpected(*state.failure);
  ASSERT(state.finished);
  ERR_clear_error();
  state.in = in;
  std::size_t total = 0;
  while (total < into.size() && !state.ended && !state.failure) {
    std::size_t size = 0;
    const int returned =
        SSL_read_ex(state.ssl.get(), into.data() + total, into.size() - total, &size);
    if (returned != 1) {
      note_outcome(state, returned);
      break;
    }
    total += size;
  }
  in = std::exchange(state.in, {});
  // What came before the fault was the peer's; the fault is the next call's.
  if (total == 0 && state.failure) return std::unexpected(*state.failure);
  return total;
}

const std::optional<Error>& TlsEngine::failure() const noexcept {
  return state_->failure;
}

bool TlsEngine::ended() const noexcept {
  return state_->ended;
}

Result<void> TlsEngine::add(ByteView plain) {
  TlsEngineState& state = *state_;
  if (state.failure) return std::unexpected(*state.failure);
  if (state.closed) return std::unexpected(TlsError::closed);
  ASSERT(state.finished);
  while (!plain.empty()) {
    if (state.open.empty() && plain.size() >= tls_record_bytes_max) {
      write_record(state, plain.first(tls_record_bytes_max));
      plain = plain.subspan(tls_record_bytes_max);
    } else {
      const std::size_t part = std::min(plain.size(), tls_record_bytes_max - state.open.size());
      append(state.open, plain.first(part));
      plain = plain.subspan(part);
      if (state.open.size() == tls_record_bytes_max) write_open_record(state);
    }
    if (state.failure) return std::unexpected(*state.failure);
  }
  return {};
}

void TlsEngine::close() {
  TlsEngineState& state = *state_;
  if (std::exchange(state.closed, true) || state.failure || !state.finished) return;
  write_open_record(state);
  ERR_clear_error();
  SSL_shutdown(state.ssl.get());
  ERR_clear_error();
}

std::size_t TlsEngine::pending_bytes() const noexcept {
  const std::size_t open = state_->open.size();
  return state_->out.size() + (open == 0 ? 0 : open + tls_record_overhead_bytes);
}

Bytes TlsEngine::take_output() {
  TlsEngineState& state = *state_;
  write_open_record(state);
  state.last_output_bytes = state.out.size();
  // A busy connection keeps the memory of its open record, a quiet one doesn't.
  if (state.out.size() < state.open.capacity() / 8) Bytes().swap(state.open);
  return std::exchange(state.out, {});
}

void TlsEngine::recycle(Bytes taken) noexcept {
  const bool well_used = taken.size() >= taken.capacity() / 8;
  if (!well_used || state_->out.capacity() != 0) return;
  taken.clear();
  state_->out = std::move(taken);
}

std::string_view TlsEngine::protocol() const noexcept {
  const unsigned char* chosen = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(state_->ssl.get(), &chosen, &size);
  return as_text({chosen, size});
}

std::string_view TlsEngine::version() const noexcept {
  return SSL_get_version(state_->ssl.get());
}

std::string_view TlsEngine::cipher() const noexcept {
  return SSL_get_cipher_name(state_->ssl.get());
}

}  // namespace kith::crypto
