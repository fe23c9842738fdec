// The limits of the multiformats decoders, all in bytes of input or output.
#pragma once

#include <cstddef>

#include <kith/base/varint.hpp>

namespace kith::multiformats {

/// The longest digest, of an identity hash too (IPIP-0512; boxo's DefaultMaxDigestSize).
inline constexpr std::size_t digest_bytes_max = 128;

/// Function code, length and digest. A length up to 128 takes two bytes.
inline constexpr std::size_t multihash_bytes_max = varint_bytes_max + 2 + digest_bytes_max;

/// Version, codec and multihash.
inline constexpr std::size_t cid_bytes_max = 1 + varint_bytes_max + multihash_bytes_max;

/// The longest text of a CID: in base2, with its prefix.
inline constexpr std::size_t cid_text_bytes_max = 1 + 8 * cid_bytes_max;

/// Public keys up to this size are the peer id themselves (libp2p/specs peer-ids).
inline constexpr std::size_t inline_public_key_bytes_max = 42;

/// Bases 10, 36 and 58 treat the input as one number, which takes quadratic time; so they take
/// this much and no more. The largest value measured costs about 3 ms.
inline constexpr std::size_t positional_bytes_max = 8192;
/// 8192 bytes are at most 19,729 decimal digits.
inline constexpr std::size_t positional_text_bytes_max = 19729;

/// A whole multiaddr. Real ones stay below 400 bytes; garlic64 alone has 387 or more.
inline constexpr std::size_t multiaddr_bytes_max = 1024;
/// The text of the longest address: names have at most 18 characters and there are at most 32 of
/// them, and no value but a short one writes more than three characters a byte (http-path).
inline constexpr std::size_t multiaddr_text_bytes_max = 4 * multiaddr_bytes_max;
inline constexpr std::size_t multiaddr_components_max = 32;
/// A host name with its final dot (RFC 1035 section 2.3.4, without the length bytes).
inline constexpr std::size_t dns_name_bytes_max = 254;

static_assert(digest_bytes_max < 1U << 14, "the digest's length must fit a two-byte varint");
static_assert(cid_bytes_max <= 255, "detail::ShortBytes keeps its size in one byte");
static_assert(cid_bytes_max <= positional_bytes_max, "every CID must have a text in every base");

}  // namespace kith::multiformats
