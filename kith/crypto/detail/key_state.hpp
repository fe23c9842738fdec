// What stands behind a PublicKey and a PrivateKey: one class a key type, each in its own file.
#pragma once

#include <memory>
#include <optional>

#include <kith/crypto/keys.hpp>
#include <kith/crypto/secret.hpp>

namespace kith::crypto::detail {

using PublicState = std::shared_ptr<const PublicKeyState>;
using PrivateState = std::shared_ptr<const PrivateKeyState>;

class PublicKeyState {
 public:
  PublicKeyState(KeyType type, ByteView data);
  PublicKeyState(const PublicKeyState&) = delete;
  PublicKeyState& operator=(const PublicKeyState&) = delete;
  virtual ~PublicKeyState() = default;

  KeyType type() const noexcept { return type_; }
  ByteView encoded() const noexcept { return encoded_; }
  ByteView data() const noexcept { return encoded().subspan(data_offset_); }

  virtual bool verify(ByteView message, ByteView signature) const noexcept = 0;

 private:
  KeyType type_;
  Bytes encoded_;
  std::size_t data_offset_;
};

class PrivateKeyState {
 public:
  PrivateKeyState(PublicState public_state, ByteView data);
  PrivateKeyState(const PrivateKeyState&) = delete;
  PrivateKeyState& operator=(const PrivateKeyState&) = delete;
  virtual ~PrivateKeyState() = default;

  const PublicKey& public_key() const noexcept { return public_key_; }
  ByteView encoded() const noexcept { return encoded_; }
  ByteView data() const noexcept { return encoded().subspan(data_offset_); }

  virtual Result<Bytes> sign(ByteView message) const = 0;

 private:
  PublicKey public_key_;
  Secret encoded_;
  std::size_t data_offset_;
};

/// How often a random number may be out of range before we call the source broken. The chance of
/// one miss is below 2^-31.
inline constexpr int random_tries_max = 16;

Result<PublicState> ed25519_public(ByteView data);
Result<PrivateState> ed25519_private(ByteView data);
PrivateState ed25519_from_seed(std::span<const std::uint8_t, 32> seed);

Result<PublicState> secp256k1_public(ByteView data);
Result<PrivateState> secp256k1_private(ByteView data);
Result<PrivateState> secp256k1_generate(const RandomFill& random);

Result<PublicState> ecdsa_public(ByteView data);
Result<PrivateState> ecdsa_private(ByteView data);
Result<PrivateState> ecdsa_generate(const RandomFill& random);

Result<PublicState> rsa_public(ByteView data);
Result<PrivateState> rsa_private(ByteView data);
Result<PrivateState> rsa_generate(std::size_t bits);

}  // namespace kith::crypto::detail
