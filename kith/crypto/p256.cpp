#include <openssl/ec.h>
#include <openssl/obj_mac.h>

#include <kith/base/assert.hpp>
#include <kith/crypto/detail/openssl.hpp>
#include <kith/crypto/p256.hpp>

namespace kith::crypto {
namespace {

using detail::Release;

constexpr std::size_t number_bytes = 32;

/// The curve and its numbers, made once and only read from then on.
struct Curve {
  EC_GROUP* group =
      EC_GROUP_new_by_curve_name_ex(detail::openssl_context(), nullptr, NID_X9_62_prime256v1);
  const BIGNUM* order = group == nullptr ? nullptr : EC_GROUP_get0_order(group);
  const BIGNUM* prime = group == nullptr ? nullptr : EC_GROUP_get0_field(group);
};

const Curve& curve() noexcept {
  static const Curve* const made = new Curve;
  ASSERT(made->group != nullptr);
  return *made;
}

/// What a verification needs, kept by each thread: making them takes longer than using them.
class Workspace {
 public:
  bool verify(ByteView hash, ByteView r, ByteView s, ByteView x, ByteView y) noexcept {
    if (key_ == nullptr || sum_ == nullptr || context_ == nullptr) return false;
    BN_CTX_start(context_.get());
    const bool verified = verify_in_frame(hash, r, s, x, y);
    BN_CTX_end(context_.get());
    return verified;
  }

 private:
  /// Null if memory is gone.
  BIGNUM* number(ByteView bytes) noexcept {
    ASSERT(bytes.size() == number_bytes);
    BIGNUM* const made = BN_CTX_get(context_.get());
    return made == nullptr ? nullptr : BN_bin2bn(bytes.data(), number_bytes, made);
  }

  bool verify_in_frame(ByteView hash_bytes, ByteView r_bytes, ByteView s_bytes, ByteView x_bytes,
                       ByteView y_bytes) noexcept {
    const auto& [group, order, prime] = curve();
    BN_CTX* const context = context_.get();
    BIGNUM* const hash = number(hash_bytes);
    BIGNUM* const r = number(r_bytes);
    BIGNUM* const s = number(s_bytes);
    BIGNUM* const x = number(x_bytes);
    BIGNUM* const y = number(y_bytes);
    if (hash == nullptr || r == nullptr || s == nullptr || x == nullptr || y == nullptr)
      return false;
    if (BN_is_zero(r) || BN_is_zero(s) || BN_cmp(r, order) >= 0 || BN_cmp(s, order) >= 0 ||
        BN_cmp(x, prime) >= 0 || BN_cmp(y, prime) >= 0)
      return false;
    // Refuses what isn't on the curve.
    if (EC_POINT_set_affine_coordinates(group, key_.get(), x, y, context) != 1) return false;
    // The point (hash G + r key) / s has r for its x.
    if (BN_mod_inverse(s, s, order, context) == nullptr ||
        BN_mod_mul(hash, hash, s, order, context) != 1 ||
        BN_mod_mul(y, r, s, order, context) != 1 ||
        EC_POINT_mul(group, sum_.get(), hash, key_.get(), y, context) != 1 ||
        EC_POINT_is_at_infinity(group, sum_.get()) == 1 ||
        EC_POINT_get_affine_coordinates(group, sum_.get(), x, nullptr, context) != 1)
      return false;
    return BN_nnmod(x, x, order, context) == 1 && BN_cmp(x, r) == 0;
  }

  std::unique_ptr<EC_POINT, Release<EC_POINT_free>> key_{EC_POINT_new(curve().group)};
  std::unique_ptr<EC_POINT, Release<EC_POINT_free>> sum_{EC_POINT_new(curve().group)};
  std::unique_ptr<BN_CTX, Release<BN_CTX_free>> context_{BN_CTX_new_ex(detail::openssl_context())};
};

}  // namespace

bool p256_verify(ByteView hash, ByteView r, ByteView s, ByteView x, ByteView y) noexcept {
  const detail::ErrorQueueGuard guard;
  thread_local Workspace workspace;
  return workspace.verify(hash, r, s, x, y);
}

}  // namespace kith::crypto
