// Whether bytes have the hash they are known by.
#pragma once

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/crypto/hash.hpp>
#include <kith/multiformats/multihash.hpp>

namespace kith::store::detail {

/// Errc::unsupported if we don't know the function.
inline Result<bool> matches(const multiformats::Multihash& hash, ByteView data) {
  ByteView digest = hash.digest();
  auto code = static_cast<std::uint64_t>(hash.function());
  KITH_TRY(crypto::Digest computed, crypto::hash(code, data, digest.size()));
  return equal(computed.view(), digest);
}

}  // namespace kith::store::detail
