// Hash functions: SHA-2-256 for everything, and the other functions that a CID may name.
//
// hash(code, data) covers the functions that IPFS implementations accept in a CID; the codes are
// multicodec's (github.com/multiformats/multicodec, table.csv). How short a digest may be is the
// business of whoever checks CIDs, not of this file.
//
// Every function here is safe on any thread; each thread keeps its contexts, so that a call
// allocates nothing after the thread's first. The incremental Sha256 belongs to one thread at a
// time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include <kith/base/assert.hpp>
#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/crypto/limits.hpp>

struct evp_md_ctx_st;

namespace kith::crypto {

using Sha1Digest = std::array<std::uint8_t, 20>;
using Sha256Digest = std::array<std::uint8_t, 32>;
using Sha512Digest = std::array<std::uint8_t, 64>;
using Keccak256Digest = std::array<std::uint8_t, 32>;
using Ripemd160Digest = std::array<std::uint8_t, 20>;

Sha256Digest sha256(ByteView data) noexcept;
/// SHA-256 of the two one after the other.
Sha256Digest sha256(ByteView first, ByteView second) noexcept;
Sha512Digest sha512(ByteView data) noexcept;
/// For content and protocols that demand it (git, torrents); it resists no attacker.
Sha1Digest sha1(ByteView data) noexcept;
/// The original Keccak padding, as Ethereum uses it: not SHA3-256.
Keccak256Digest keccak256(ByteView data) noexcept;
/// Of Bitcoin's and Ethereum's formats.
Ripemd160Digest ripemd160(ByteView data) noexcept;

/// SHA-256 of data that comes in pieces.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept = default;
  Sha256& operator=(Sha256&&) noexcept = default;
  ~Sha256() = default;

  void update(ByteView data) noexcept;

  /// The digest of all that was added; the object then starts anew.
  Sha256Digest finish() noexcept;

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const noexcept;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// Multicodec codes of the functions that hash() knows.
namespace hash_code {
inline constexpr std::uint64_t identity = 0x00;
inline constexpr std::uint64_t sha1 = 0x11;
inline constexpr std::uint64_t sha2_256 = 0x12;
inline constexpr std::uint64_t sha2_512 = 0x13;
inline constexpr std::uint64_t sha3_512 = 0x14;
inline constexpr std::uint64_t sha3_384 = 0x15;
inline constexpr std::uint64_t sha3_256 = 0x16;
inline constexpr std::uint64_t sha3_224 = 0x17;
inline constexpr std::uint64_t shake_256 = 0x19;
inline constexpr std::uint64_t keccak_224 = 0x1a;
inline constexpr std::uint64_t keccak_256 = 0x1b;
inline constexpr std::uint64_t keccak_384 = 0x1c;
inline constexpr std::uint64_t keccak_512 = 0x1d;
inline constexpr std::uint64_t blake3 = 0x1e;
inline constexpr std::uint64_t dbl_sha2_256 = 0x56;
/// blake2b-160 .. blake2b-512, one code per byte of digest.
inline constexpr std::uint64_t blake2b_160 = 0xb214;
inline constexpr std::uint64_t blake2b_256 = 0xb220;
inline constexpr std::uint64_t blake2b_512 = 0xb240;
/// blake2s-160 .. blake2s-256, likewise.
inline constexpr std::uint64_t blake2s_160 = 0xb254;
inline constexpr std::uint64_t blake2s_256 = 0xb260;
}  // namespace hash_code

/// A digest of any of the functions: up to digest_bytes_max bytes, kept inside the object.
class Digest {
 public:
  Digest() = default;

  ByteView view() const noexcept { return {bytes_.data(), size_}; }
  operator ByteView() const noexcept { return view(); }
  const std::uint8_t* data() const noexcept { return bytes_.data(); }
  std::size_t size() const noexcept { return size_; }

  /// Makes room for `size` bytes of zero, and gives them to be written.
  MutableBytes resize(std::size_t size) noexcept {
    ASSERT(size <= digest_bytes_max);
    bytes_.fill(0);
    size_ = static_cast<std::uint8_t>(size);
    return {bytes_.data(), size};
  }

  friend bool operator==(const Digest& a, const Digest& b) noexcept {
    return equal(a.view(), b.view());
  }

 private:
  std::array<std::uint8_t, digest_bytes_max> bytes_{};
  std::uint8_t size_ = 0;
};

/// True if hash() knows the function.
bool hash_known(std::uint64_t code) noexcept;

/// The digest of `data` in the function's own length (32 bytes for blake3, 64 for shake-256).
/// Errc::unsupported for a code that isn't listed above; Errc::limit_exceeded for identity of more
/// than digest_bytes_max bytes.
Result<Digest> hash(std::uint64_t code, ByteView data);

/// The same, cut to its first `digest_bytes` bytes; blake3 alone also yields more than its own
/// length. Errc::invalid_argument if the function can't give a digest of that length.
Result<Digest> hash(std::uint64_t code, ByteView data, std::size_t digest_bytes);

}  // namespace kith::crypto
