#include <string_view>

#include <kith/base/assert.hpp>
#include <kith/net/security/noise_xx.hpp>

namespace kith::net {
namespace {

// As long as a hash, so it begins as the hash itself (section 5.2, InitializeSymmetric).
constexpr std::string_view protocol_name = "Noise_XX_25519_ChaChaPoly_SHA256";
static_assert(protocol_name.size() == std::tuple_size_v<crypto::Sha256Digest>);

crypto::X25519Public public_at(ByteView bytes) noexcept {
  crypto::X25519Public key;
  std::copy_n(bytes.begin(), key.size(), key.begin());
  return key;
}

}  // namespace

std::array<std::uint8_t, crypto::aead_nonce_bytes> noise_nonce(std::uint64_t counter) noexcept {
  std::array<std::uint8_t, crypto::aead_nonce_bytes> nonce{};
  store_le(nonce.data() + 4, counter);
  return nonce;
}

NoiseXX::NoiseXX(bool initiator, crypto::X25519Secret static_key,
                 crypto::X25519Secret ephemeral_key, ByteView prologue)
    : initiator_(initiator),
      static_(static_key),
      ephemeral_(ephemeral_key),
      static_public_(crypto::x25519_public(static_)),
      ephemeral_public_(crypto::x25519_public(ephemeral_)) {
  std::ranges::copy(protocol_name, hash_.begin());
  chaining_key_ = crypto::HkdfKey(hash_);
  mix_hash(prologue);
}

void NoiseXX::mix_hash(ByteView data) noexcept {
  hash_ = crypto::sha256(hash_, data);
}

void NoiseXX::mix_key(ByteView input) noexcept {
  crypto::SecretArray<64> keys;
  crypto::hkdf_sha256(chaining_key_, input, {}, keys.mutable_bytes());
  chaining_key_ = crypto::HkdfKey(keys.view().first<32>());
  cipher_key_ = crypto::HkdfKey(keys.view().last<32>());
  nonce_ = 0;
}

Result<void> NoiseXX::mix_dh(const crypto::X25519Secret& secret, const crypto::X25519Public& peer) {
  auto shared = crypto::x25519(secret, peer);
  if (!shared) return std::unexpected(NoiseError::bad_key_share);
  mix_key(*shared);
  return {};
}

void NoiseXX::seal_and_hash(ByteView plain, Bytes& out) {
  const std::size_t start = out.size();
  append(out, plain);
  if (cipher_key_) {
    out.resize(out.size() + crypto::aead_tag_bytes);
    const MutableBytes sealed = MutableBytes(out).subspan(start);
    const auto tag = sealed.last<crypto::aead_tag_bytes>();
    crypto::Sealer sealer(crypto::AeadKind::chacha20_poly1305, *cipher_key_);
    sealer.seal(noise_nonce(nonce_++), hash_, sealed.first(plain.size()), tag);
  }
  mix_hash(ByteView(out).subspan(start));
}

Result<Bytes> NoiseXX::open_and_hash(ByteView cipher) {
  if (!cipher_key_) {
    mix_hash(cipher);
    return to_bytes(cipher);
  }
  if (cipher.size() < crypto::aead_tag_bytes) {
    return std::unexpected(NoiseError::message_too_short);
  }
  Bytes plain = to_bytes(cipher.first(cipher.size() - crypto::aead_tag_bytes));
  crypto::Opener opener(crypto::AeadKind::chacha20_poly1305, *cipher_key_);
  if (!opener.open(noise_nonce(nonce_++), hash_, plain, cipher.last<crypto::aead_tag_bytes>())) {
    return std::unexpected(NoiseError::decryption_failed);
  }
  mix_hash(cipher);
  return plain;
}

Result<void> NoiseXX::write(ByteView payload, Bytes& out) {
  ASSERT(!finished() && writes_next());
  if (messages_ < 2) {
    append(out, ephemeral_public_);
    mix_hash(ephemeral_public_);
  }
  if (messages_ == 1) {
    KITH_CHECK(mix_dh(ephemeral_, remote_ephemeral_));
    seal_and_hash(static_public_, out);
    KITH_CHECK(mix_dh(static_, remote_ephemeral_));
  } else if (messages_ == 2) {
    seal_and_hash(static_public_, out);
    KITH_CHECK(mix_dh(static_, remote_ephemeral_));
  }
  seal_and_hash(payload, out);
  ++messages_;
  return {};
}

Result<Bytes> NoiseXX::read(ByteView message) {
  ASSERT(!finished() && !writes_next());
  if (messages_ < 2) {
    if (message.size() < crypto::x25519_bytes) {
      return std::unexpected(NoiseError::message_too_short);
    }
    remote_ephemeral_ = public_at(message);
    message = message.subspan(crypto::x25519_bytes);
    mix_hash(remote_ephemeral_);
  }
  if (messages_ > 0) {
    if (messages_ == 1) KITH_CHECK(mix_dh(ephemeral_, remote_ephemeral_));
    constexpr std::size_t sealed_bytes = crypto::x25519_bytes + crypto::aead_tag_bytes;
    if (message.size() < sealed_bytes) return std::unexpected(NoiseError::message_too_short);
    KITH_TRY(const Bytes remote_static, open_and_hash(message.first(sealed_bytes)));
    remote_static_ = public_at(remote_static);
    message = message.subspan(sealed_bytes);
    KITH_CHECK(mix_dh(ephemeral_, remote_static_));
  }
  KITH_TRY(Bytes payload, open_and_hash(message));
  ++messages_;
  return payload;
}

NoiseKeys NoiseXX::split() const {
  ASSERT(finished());
  crypto::SecretArray<64> keys;
  crypto::hkdf_sha256(chaining_key_, {}, {}, keys.mutable_bytes());
  const crypto::HkdfKey first(keys.view().first<32>());
  const crypto::HkdfKey second(keys.view().last<32>());
  return initiator_ ? NoiseKeys{first, second} : NoiseKeys{second, first};
}

}  // namespace kith::net
