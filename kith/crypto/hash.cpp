#include <initializer_list>

#include <openssl/evp.h>
#include <sodium.h>

#include <kith/crypto/detail/blake.hpp>
#include <kith/crypto/detail/keccak.hpp>
#include <kith/crypto/detail/openssl.hpp>
#include <kith/crypto/hash.hpp>

namespace kith::crypto {
namespace {

// No failure below can come from the data: with fetched functions and contexts in place OpenSSL
// fails only when memory is gone, hence the ASSERTs.

EVP_MD* fetched(const char* name) noexcept {
  EVP_MD* function = EVP_MD_fetch(detail::openssl_context(), name, nullptr);
  ASSERT(function != nullptr);
  return function;
}

/// The functions of OpenSSL, looked up by name once in the life of the process.
struct Functions {
  EVP_MD* sha256 = fetched("SHA2-256");
  EVP_MD* sha512 = fetched("SHA2-512");
  EVP_MD* sha1 = fetched("SHA1");
  EVP_MD* sha3_224 = fetched("SHA3-224");
  EVP_MD* sha3_256 = fetched("SHA3-256");
  EVP_MD* sha3_384 = fetched("SHA3-384");
  EVP_MD* sha3_512 = fetched("SHA3-512");
  EVP_MD* shake_256 = fetched("SHAKE-256");
  EVP_MD* ripemd160 = fetched("RIPEMD160");
};

const Functions& functions() noexcept {
  static const Functions all;
  return all;
}

/// One context a thread for SHA-256, which is nearly all the work, and one for the rest: changing
/// the function of a context costs an allocation.
struct Contexts {
  detail::MdContext sha256{EVP_MD_CTX_new()};
  detail::MdContext other{EVP_MD_CTX_new()};
};

Contexts& contexts() noexcept {
  thread_local Contexts mine;
  return mine;
}

void start(EVP_MD_CTX* context, const EVP_MD* function) noexcept {
  ASSERT(EVP_DigestInit_ex2(context, function, nullptr) == 1);
}

void digest_parts(EVP_MD_CTX* context, const EVP_MD* function,
                  std::initializer_list<ByteView> parts, MutableBytes digest) noexcept {
  start(context, function);
  for (const ByteView part : parts) {
    ASSERT(EVP_DigestUpdate(context, part.data(), part.size()) == 1);
  }
  ASSERT(EVP_DigestFinal_ex(context, digest.data(), nullptr) == 1);
}

void openssl_digest(const EVP_MD* function, ByteView data, MutableBytes digest) noexcept {
  digest_parts(contexts().other.get(), function, {data}, digest);
}

void shake_256(ByteView data, MutableBytes digest) noexcept {
  EVP_MD_CTX* context = contexts().other.get();
  start(context, functions().shake_256);
  ASSERT(EVP_DigestUpdate(context, data.data(), data.size()) == 1);
  ASSERT(EVP_DigestFinalXOF(context, digest.data(), digest.size()) == 1);
}

void blake2b(ByteView data, MutableBytes digest) noexcept {
  detail::sodium_ready();
  ASSERT(crypto_generichash_blake2b(digest.data(), digest.size(), detail::address_of(data),
                                    data.size(), nullptr, 0) == 0);
}

bool is_blake2b(std::uint64_t code) noexcept {
  return code >= hash_code::blake2b_160 && code <= hash_code::blake2b_512;
}
bool is_blake2s(std::uint64_t code) noexcept {
  return code >= hash_code::blake2s_160 && code <= hash_code::blake2s_256;
}

/// The function's own digest length in bytes; 0 for identity and for codes we don't know.
std::size_t natural_size(std::uint64_t code) noexcept {
  switch (code) {
    case hash_code::sha1:
      return 20;
    case hash_code::sha3_224:
    case hash_code::keccak_224:
      return 28;
    case hash_code::sha2_256:
    case hash_code::dbl_sha2_256:
    case hash_code::sha3_256:
    case hash_code::keccak_256:
    case hash_code::blake3:
      return 32;
    case hash_code::sha3_384:
    case hash_code::keccak_384:
      return 48;
    case hash_code::sha2_512:
    case hash_code::sha3_512:
    case hash_code::keccak_512:
    case hash_code::shake_256:
      return 64;
    default:
      if (is_blake2b(code)) return static_cast<std::size_t>(code - hash_code::blake2b_160) + 20;
      if (is_blake2s(code)) return static_cast<std::size_t>(code - hash_code::blake2s_160) + 20;
      return 0;
  }
}

/// Fills `digest`, whose size is the function's own, or any for blake3.
void compute(std::uint64_t code, ByteView data, MutableBytes digest) noexcept {
  switch (code) {
    case hash_code::sha2_256:
      return std::ranges::copy(sha256(data), digest.begin()), void();
    case hash_code::dbl_sha2_256:
      return std::ranges::copy(sha256(sha256(data)), digest.begin()), void();
    case hash_code::sha1:
      return openssl_digest(functions().sha1, data, digest);
    case hash_code::sha2_512:
      return openssl_digest(functions().sha512, data, digest);
    case hash_code::sha3_224:
      return openssl_digest(functions().sha3_224, data, digest);
    case hash_code::sha3_256:
      return openssl_digest(functions().sha3_256, data, digest);
    case hash_code::sha3_384:
      return openssl_digest(functions().sha3_384, data, digest);
    case hash_code::sha3_512:
      return openssl_digest(functions().sha3_512, data, digest);
    case hash_code::shake_256:
      return shake_256(data, digest);
    case hash_code::keccak_224:
    case hash_code::keccak_256:
    case hash_code::keccak_384:
    case hash_code::keccak_512:
      return detail::keccak(data, digest);
    case hash_code::blake3:
      return detail::blake3(data, digest);
    default:
      if (is_blake2b(code)) return blake2b(data, digest);
      ASSERT(is_blake2s(code));
      return detail::blake2s(data, digest);
  }
}

Result<Digest> identity(ByteView data) {
  if (data.size() > digest_bytes_max) return std::unexpected(Errc::limit_exceeded);
  Digest digest;
  std::ranges::copy(data, digest.resize(data.size()).begin());
  return digest;
}

}  // namespace

Sha256Digest sha256(ByteView data) noexcept {
  Sha256Digest digest;
  digest_parts(contexts().sha256.get(), functions().sha256, {data}, digest);
  return digest;
}

Sha256Digest sha256(ByteView first, ByteView second) noexcept {
  Sha256Digest digest;
  digest_parts(contexts().sha256.get(), functions().sha256, {first, second}, digest);
  return digest;
}

Sha512Digest sha512(ByteView data) noexcept {
  Sha512Digest digest;
  openssl_digest(functions().sha512, data, digest);
  return digest;
}

Sha1Digest sha1(ByteView data) noexcept {
  Sha1Digest digest;
  openssl_digest(functions().sha1, data, digest);
  return digest;
}

Ripemd160Digest ripemd160(ByteView data) noexcept {
  Ripemd160Digest digest;
  openssl_digest(functions().ripemd160, data, digest);
  return digest;
}

Keccak256Digest keccak256(ByteView data) noexcept {
  Keccak256Digest digest;
  detail::keccak(data, digest);
  return digest;
}

void Sha256::Free::operator()(evp_md_ctx_st* context) const noexcept {
  EVP_MD_CTX_free(context);
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  start(context_.get(), functions().sha256);
}

void Sha256::update(ByteView data) noexcept {
  ASSERT(EVP_DigestUpdate(context_.get(), data.data(), data.size()) == 1);
}

Sha256Digest Sha256::finish() noexcept {
  Sha256Digest digest;
  ASSERT(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1);
  start(context_.get(), functions().sha256);
  return digest;
}

bool hash_known(std::uint64_t code) noexcept {
  return code == hash_code::identity || natural_size(code) != 0;
}

Result<Digest> hash(std::uint64_t code, ByteView data) {
  if (code == hash_code::identity) return identity(data);
  const std::size_t size = natural_size(code);
  if (size == 0) return std::unexpected(Errc::unsupported);
  Digest digest;
  compute(code, data, digest.resize(size));
  return digest;
}

Result<Digest> hash(std::uint64_t code, ByteView data, std::size_t digest_bytes) {
  if (code == hash_code::identity) {
    if (digest_bytes != data.size()) return std::unexpected(Errc::invalid_argument);
    return identity(data);
  }
  const std::size_t natural = natural_size(code);
  if (natural == 0) return std::unexpected(Errc::unsupported);
  const std::size_t longest = code == hash_code::blake3 ? digest_bytes_max : natural;
  if (digest_bytes == 0 || digest_bytes > longest) return std::unexpected(Errc::invalid_argument);

  Digest full;
  compute(code, data, full.resize(std::max(natural, digest_bytes)));
  Digest digest;
  std::ranges::copy(full.view().first(digest_bytes), digest.resize(digest_bytes).begin());
  return digest;
}

}  // namespace kith::crypto
