// Key: a place in the DHT's keyspace, the SHA-256 of a key's bytes or of a peer id's (libp2p/specs
// kad-dht/README.md, "Distance"). Two keys are as far from each other as their XOR, read as a
// number, says; the more leading bits they share, the nearer they are. A value of 32 bytes. Pure.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>

#include <kith/base/bytes.hpp>
#include <kith/multiformats/peer_id.hpp>

namespace kith::dht {

using multiformats::PeerId;

class Key {
 public:
  static constexpr std::size_t bits = 256;

  /// All zeros.
  constexpr Key() = default;
  /// Of the hash of these bytes.
  static Key of(ByteView bytes) noexcept;
  static Key of(const PeerId& peer) noexcept { return of(peer.bytes()); }
  /// Of a hash.
  static Key from_digest(const std::array<std::uint8_t, 32>& digest) noexcept;

  /// How many leading bits both have: bits if they are equal.
  friend std::size_t common_prefix(const Key& a, const Key& b) noexcept {
    for (std::size_t i = 0; i < a.words_.size(); ++i) {
      if (std::uint64_t differing = a.words_[i] ^ b.words_[i]) {
        return 64 * i + static_cast<std::size_t>(std::countl_zero(differing));
      }
    }
    return bits;
  }

  /// The distance between two, as a number to be compared with others.
  friend Key distance(const Key& a, const Key& b) noexcept {
    Key away;
    for (std::size_t i = 0; i < a.words_.size(); ++i)
      away.words_[i] = a.words_[i] ^ b.words_[i];
    return away;
  }

  std::uint64_t leading_bits() const noexcept { return words_[0]; }

  /// The first `count` bits, and zeros behind them.
  Key prefix(std::size_t count) const noexcept {
    Key key;
    for (std::size_t i = 0; i < words_.size() && 64 * i < count; ++i) {
      const std::size_t kept = count - 64 * i;
      key.words_[i] = kept >= 64 ? words_[i] : words_[i] & ~(~std::uint64_t{0} >> kept);
    }
    return key;
  }
  /// The first `count` bits, and ones behind them.
  Key filled(std::size_t count) const noexcept {
    Key key = prefix(count);
    for (std::size_t i = count / 64; i < words_.size(); ++i)
      key.words_[i] |= i == count / 64 ? ~std::uint64_t{0} >> (count % 64) : ~std::uint64_t{0};
    return key;
  }
  /// With this bit, counted from the first, the other way.
  Key flipped(std::size_t bit) const noexcept {
    Key key = *this;
    key.words_[bit / 64] ^= std::uint64_t{1} << (63 - bit % 64);
    return key;
  }

  friend auto operator<=>(const Key&, const Key&) noexcept = default;

 private:
  std::array<std::uint64_t, 4> words_{};  ///< the first has the leading bits
};

}  // namespace kith::dht
