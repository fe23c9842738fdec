// Limits of crypto/: what a peer or a file may make us read, hash or allocate.
#pragma once

#include <cstddef>

namespace kith::crypto {

/// The longest digest of hash(), and the longest content that the identity "hash" carries; the
/// bound that IPFS implementations share.
inline constexpr std::size_t digest_bytes_max = 128;

}  // namespace kith::crypto
