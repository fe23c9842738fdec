#include <openssl/pem.h>
#include <openssl/x509.h>

#include <kith/crypto/detail/openssl.hpp>
#include <kith/crypto/detail/tls_keys.hpp>
#include <kith/crypto/tls/credentials.hpp>

namespace kith::crypto {
namespace {

using detail::Pkey;
using detail::X509Pointer;
using BioPointer = std::unique_ptr<BIO, detail::Release<BIO_free_all>>;
using Pkcs8Pointer =
    std::unique_ptr<PKCS8_PRIV_KEY_INFO, detail::Release<PKCS8_PRIV_KEY_INFO_free>>;

std::unexpected<Error> bad(std::string why) {
  return std::unexpected(Error(TlsError::bad_credentials, std::move(why)));
}

bool is_pem(ByteView content) noexcept {
  return as_text(content).find("-----BEGIN ") != std::string_view::npos;
}

BioPointer reader_of(ByteView content) noexcept {
  return BioPointer(BIO_new_mem_buf(content.data(), static_cast<int>(content.size())));
}

/// OpenSSL would ask at the terminal.
int no_passphrase(char*, int, int, void*) noexcept {
  return -1;
}

Result<std::vector<Bytes>> read_chain(ByteView content) {
  std::vector<Bytes> chain;
  if (!is_pem(content)) {
    if (detail::read_x509(content) == nullptr) return bad("the certificate can't be read");
    chain.push_back(to_bytes(content));
    return chain;
  }
  const BioPointer reader = reader_of(content);
  while (reader != nullptr) {
    const X509Pointer next(PEM_read_bio_X509(reader.get(), nullptr, no_passphrase, nullptr));
    if (next == nullptr) break;
    if (chain.size() == tls_chain_length_max) return bad("the certificate's chain is too long");
    chain.push_back(detail::der_of(next.get()));
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (!at_end || chain.empty()) return bad("the certificate can't be read");
  return chain;
}

Pkey read_key(ByteView content) {
  if (!is_pem(content)) return detail::read_private_key(content);
  const BioPointer reader = reader_of(content);
  if (reader == nullptr) return nullptr;
  return Pkey(PEM_read_bio_PrivateKey_ex(reader.get(), nullptr, no_passphrase, nullptr,
                                         detail::openssl_context(), nullptr));
}

Secret pkcs8_of(EVP_PKEY* key) {
  const Pkcs8Pointer info(EVP_PKEY2PKCS8(key));
  const int size = info == nullptr ? 0 : i2d_PKCS8_PRIV_KEY_INFO(info.get(), nullptr);
  if (size <= 0) return {};
  Secret out(static_cast<std::size_t>(size));
  unsigned char* at = out.mutable_bytes().data();
  i2d_PKCS8_PRIV_KEY_INFO(info.get(), &at);
  return out;
}

}  // namespace

Result<TlsCredentials> read_tls_credentials(ByteView chain, ByteView key) {
  const detail::ErrorQueueGuard guard;
  if (chain.size() > tls_credential_bytes_max) return bad("the certificate is too long");
  if (key.size() > tls_credential_bytes_max) return bad("the private key is too long");
  TlsCredentials credentials;
  KITH_TRY(credentials.chain, read_chain(chain));
  const Pkey private_key = read_key(key);
  if (private_key == nullptr) {
    return bad("the private key can't be read (one with a passphrase can't be used)");
  }
  const X509Pointer own = detail::read_x509(credentials.chain.front());
  if (own == nullptr || X509_check_private_key(own.get(), private_key.get()) != 1) {
    return bad("the private key isn't the certificate's");
  }
  credentials.key = pkcs8_of(private_key.get());
  if (credentials.key.empty()) return bad("the private key can't be used");
  return credentials;
}

}  // namespace kith::crypto
