// Strategy: the input is a key file; its passphrase, if it is sealed, is "open sesame". Memory and
// passes are bounded low, for speed. Invariants: what opens holds a key that can be written again.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/crypto/key_file.hpp>

namespace kith::fuzz {

Kinds kinds_key_file{"rsa",   "ed25519",   "ecdsa",           "secp256k1",
                     "plain", "encrypted", "wrong passphrase"};

void fuzz_key_file(ByteView input) {
  const crypto::KeyFileLimits limits{.passes_max = 2, .memory_kib_max = 64};
  auto key = crypto::open_key_file(input, as_bytes("open sesame"), limits);
  if (!key) {
    kinds_key_file.reached_if(key.error().is(crypto::CryptoError::wrong_passphrase),
                              "wrong passphrase");
    return;
  }
  kinds_key_file.reached(to_string(key->type()));
  kinds_key_file.reached(input.front() == 'k' ? "encrypted" : "plain");
  const crypto::Secret plain = crypto::encode_key_file(*key);
  ASSERT(*crypto::open_key_file(plain, std::nullopt) == *key);
}

}  // namespace kith::fuzz
