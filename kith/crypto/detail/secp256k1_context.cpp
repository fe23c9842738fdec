#include <sodium.h>

#include <kith/base/assert.hpp>
#include <kith/crypto/detail/secp256k1_context.hpp>
#include <kith/crypto/random.hpp>
#include <kith/crypto/secret.hpp>

namespace kith::crypto::detail {
namespace {

// Later versions need neither flag, earlier ones abort without them.
// NOLINTNEXTLINE(misc-redundant-expression)
constexpr unsigned context_flags = SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY;

}  // namespace

const secp256k1_context* secp256k1_shared_context() noexcept {
  static const secp256k1_context* const made = [] {
    secp256k1_context* fresh = secp256k1_context_create(context_flags);
    SecretArray<32> seed;
    crypto_fill(seed.mutable_bytes());
    ASSERT(secp256k1_context_randomize(fresh, seed.data()) == 1);
    return fresh;
  }();
  return made;
}

}  // namespace kith::crypto::detail
