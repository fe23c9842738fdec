// Strategy: the input is an encoded key. Invariants: what decodes encodes to the same bytes, has a
// public key that decodes, and, if it is private and signs, a signature that verifies.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/crypto/keys.hpp>

namespace kith::fuzz {

Kinds kinds_public_key{"rsa", "ed25519", "ecdsa", "secp256k1"};

void fuzz_public_key(ByteView input) {
  auto key = crypto::PublicKey::decode(input);
  if (!key) return;
  kinds_public_key.reached(to_string(key->type()));
  ASSERT(equal(key->encoded(), input));
  ASSERT(*crypto::PublicKey::from_data(key->type(), key->data()) == *key);
  // The key's own bytes stand in for a signature nobody made.
  (void)key->verify(input, key->data());
  (void)key->verify(input, input.first(std::min<std::size_t>(input.size(), 64)));
  ASSERT(!key->verify(input, {}));
}

Kinds kinds_private_key{"rsa", "ed25519", "old form of ed25519", "ecdsa", "secp256k1"};

void fuzz_private_key(ByteView input) {
  auto key = crypto::PrivateKey::decode(input);
  if (!key) return;
  // The old form of Ed25519 keys is the one that changes.
  const bool old_form =
      key->type() == crypto::KeyType::ed25519 && key->encoded().size() != input.size();
  kinds_private_key.reached(old_form ? "old form of ed25519" : to_string(key->type()));
  ASSERT(old_form || equal(key->encoded(), input));
  ASSERT(*crypto::PrivateKey::decode(key->encoded()) == *key);
  ASSERT(*crypto::PublicKey::decode(key->public_key().encoded()) == key->public_key());
  auto signature = key->sign(input);
  if (!signature) return;
  ASSERT(signature->size() <= crypto::signature_bytes_max);
  // RSA "primes" aren't tested for being prime, so theirs may not.
  ASSERT(key->type() == crypto::KeyType::rsa || key->public_key().verify(input, *signature));
}

}  // namespace kith::fuzz
