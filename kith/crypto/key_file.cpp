#include <array>

#include <sodium.h>

#include <kith/crypto/detail/openssl.hpp>
#include <kith/crypto/key_file.hpp>

namespace kith::crypto {
namespace {

constexpr std::array<std::uint8_t, 8> magic = {'k', 'i', 't', 'h', 'k', 'e', 'y', 0};
constexpr std::uint8_t version = 1;

constexpr std::size_t version_at = magic.size();
constexpr std::size_t reserved_at = version_at + 1;
constexpr std::size_t passes_at = 12;
constexpr std::size_t memory_at = 16;
constexpr std::size_t salt_at = 20;
constexpr std::size_t nonce_at = 36;
constexpr std::size_t header_bytes = 60;
constexpr std::size_t tag_bytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
static_assert(nonce_at - salt_at == crypto_pwhash_argon2id_SALTBYTES);
static_assert(header_bytes - nonce_at == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
static_assert(key_file_memory_kib_min * 1024 == crypto_pwhash_argon2id_MEMLIMIT_MIN);

using FileKey = SecretArray<crypto_aead_xchacha20poly1305_ietf_KEYBYTES>;

bool within(KeyFileCost cost, KeyFileLimits limits) noexcept {
  return cost.passes >= crypto_pwhash_argon2id_OPSLIMIT_MIN && cost.passes <= limits.passes_max &&
         cost.memory_kib >= key_file_memory_kib_min && cost.memory_kib <= limits.memory_kib_max;
}

Result<FileKey> derive(ByteView passphrase, const std::uint8_t* salt, KeyFileCost cost) {
  FileKey key;
  const std::size_t memory_bytes = std::size_t{cost.memory_kib} * 1024;
  if (crypto_pwhash_argon2id(key.data(), key.size(),
                             reinterpret_cast<const char*>(detail::address_of(passphrase)),
                             passphrase.size(), salt, cost.passes, memory_bytes,
                             crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0) {
    return std::unexpected(CryptoError::internal);
  }
  return key;
}

Result<PrivateKey> open_sealed(ByteView content, ByteView passphrase, KeyFileLimits limits) {
  if (content.size() <= version_at) return std::unexpected(CryptoError::bad_encoding);
  if (content[version_at] != version) return std::unexpected(Errc::unsupported);
  if (content.size() < header_bytes + tag_bytes) return std::unexpected(CryptoError::bad_encoding);
  for (std::size_t i = reserved_at; i < passes_at; ++i) {
    if (content[i] != 0) return std::unexpected(CryptoError::bad_encoding);
  }
  const KeyFileCost cost{load_be<std::uint32_t>(content.data() + passes_at),
                         load_be<std::uint32_t>(content.data() + memory_at)};
  if (!within(cost, limits)) return std::unexpected(CryptoError::costs_too_much);

  detail::sodium_ready();
  KITH_TRY(const FileKey key, derive(passphrase, content.data() + salt_at, cost));
  const ByteView cipher = content.subspan(header_bytes);
  Secret plain(cipher.size() - tag_bytes);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          plain.mutable_bytes().data(), nullptr, nullptr, cipher.data(), cipher.size(),
          content.data(), header_bytes, content.data() + nonce_at, key.data()) != 0) {
    return std::unexpected(CryptoError::wrong_passphrase);
  }
  return PrivateKey::decode(plain);
}

}  // namespace

Secret encode_key_file(const PrivateKey& key) {
  return Secret(key.encoded());
}

Result<Bytes> seal_key_file(const PrivateKey& key, ByteView passphrase, const RandomFill& random,
                            KeyFileCost cost) {
  if (passphrase.empty() || passphrase.size() > passphrase_bytes_max ||
      !within(cost, KeyFileLimits{})) {
    return std::unexpected(Errc::invalid_argument);
  }
  detail::sodium_ready();
  const ByteView plain = key.encoded();
  Bytes out(header_bytes + plain.size() + tag_bytes);
  std::ranges::copy(magic, out.begin());
  out[version_at] = version;
  store_be(out.data() + passes_at, cost.passes);
  store_be(out.data() + memory_at, cost.memory_kib);
  random(MutableBytes(out).subspan(salt_at, header_bytes - salt_at));

  KITH_TRY(const FileKey file_key, derive(passphrase, out.data() + salt_at, cost));
  crypto_aead_xchacha20poly1305_ietf_encrypt(out.data() + header_bytes, nullptr, plain.data(),
                                             plain.size(), out.data(), header_bytes, nullptr,
                                             out.data() + nonce_at, file_key.data());
  return out;
}

bool key_file_is_sealed(ByteView content) noexcept {
  return content.size() >= magic.size() && equal(content.first(magic.size()), magic);
}

Result<PrivateKey> open_key_file(ByteView content, std::optional<ByteView> passphrase,
                                 KeyFileLimits limits) {
  if (content.size() > key_file_bytes_max) return std::unexpected(Errc::limit_exceeded);
  if (!key_file_is_sealed(content)) return PrivateKey::decode(content);
  if (!passphrase) return std::unexpected(CryptoError::needs_passphrase);
  if (passphrase->size() > passphrase_bytes_max) return std::unexpected(Errc::limit_exceeded);
  return open_sealed(content, *passphrase, limits);
}

}  // namespace kith::crypto
