// Addresses and hashes: what the ledger names accounts, code, blocks and transactions by.
//
// A Hash is Keccak-256 everywhere in Ethereum's formats. Thread: any.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include <kith/base/bytes.hpp>
#include <kith/ledger/primitives/u256.hpp>

namespace kith::ledger {

/// The last 20 bytes of the hash of a public key or of what created a contract (Yellow Paper, 4.1).
struct Address {
  static constexpr std::size_t size = 20;

  std::array<std::uint8_t, size> bytes{};

  /// The number's low 20 bytes, as the EVM takes an address from its stack.
  static Address from_word(const U256& word) noexcept {
    Address address;
    const auto big_endian = word.to_be();
    std::memcpy(address.bytes.data(), big_endian.data() + 12, size);
    return address;
  }
  /// Those of the precompiled contracts are small numbers.
  static Address of_number(std::uint64_t number) noexcept { return from_word(number); }
  /// Nothing if there aren't 20 bytes.
  static std::optional<Address> from_bytes(ByteView bytes) noexcept;
  /// "0x" and 40 digits. With digits of both cases the checksum must be right (ERC-55).
  static std::optional<Address> parse(std::string_view text);

  U256 to_word() const noexcept { return U256::from_be(ByteView(bytes)); }
  bool is_zero() const noexcept { return *this == Address(); }
  ByteView view() const noexcept { return bytes; }
  /// "0x" and 40 digits of lower case, as JSON-RPC writes them.
  std::string to_hex() const;
  /// The same for people, the case of the letters being a checksum (ERC-55).
  std::string to_checksum() const;

  friend auto operator<=>(const Address&, const Address&) = default;
};

/// 32 bytes of Keccak-256, and whatever else has that form.
struct Hash {
  static constexpr std::size_t size = 32;

  std::array<std::uint8_t, size> bytes{};

  static Hash from_word(const U256& word) noexcept { return {word.to_be()}; }
  static std::optional<Hash> from_bytes(ByteView bytes) noexcept;
  /// "0x" and 64 digits.
  static std::optional<Hash> parse(std::string_view text);

  U256 to_word() const noexcept { return U256::from_be(bytes.data()); }
  bool is_zero() const noexcept { return *this == Hash(); }
  ByteView view() const noexcept { return bytes; }
  std::string to_hex() const;

  friend auto operator<=>(const Hash&, const Hash&) = default;
};

Hash keccak256(ByteView data) noexcept;

/// Of no bytes: the code of an account without code.
inline constexpr Hash empty_code_hash{{0xc5, 0xd2, 0x46, 0x01, 0x86, 0xf7, 0x23, 0x3c,
                                       0x92, 0x7e, 0x7d, 0xb2, 0xdc, 0xc7, 0x03, 0xc0,
                                       0xe5, 0x00, 0xb6, 0x53, 0xca, 0x82, 0x27, 0x3b,
                                       0x7b, 0xfa, 0xd8, 0x04, 0x5d, 0x85, 0xa4, 0x70}};

/// For unordered tables that strangers fill: who chooses a key's bytes doesn't know the seed.
struct SeededHasher {
  std::uint64_t seed = 0;

  std::size_t operator()(const Address& address) const noexcept {
    std::uint64_t low;
    std::uint64_t middle;
    std::uint32_t high;
    std::memcpy(&low, address.bytes.data(), sizeof low);
    std::memcpy(&middle, address.bytes.data() + 8, sizeof middle);
    std::memcpy(&high, address.bytes.data() + 16, sizeof high);
    return mix(mix(low ^ seed, middle ^ seed << 1), high ^ seed >> 1);
  }
  std::size_t operator()(const Hash& hash) const noexcept { return (*this)(hash.to_word()); }
  std::size_t operator()(const U256& number) const noexcept {
    return mix(mix(number.limb(0) ^ seed, number.limb(1) + ~seed),
               mix(number.limb(2) ^ seed << 7, number.limb(3) + (seed >> 7)));
  }

 private:
  /// Both halves of a product of 128 bits: each bit of it depends on the seed.
  static constexpr std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
    const auto product =
        static_cast<unsigned __int128>(a ^ 0x9e3779b97f4a7c15) * (b ^ 0xd6e8feb86659fd93);
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
};

}  // namespace kith::ledger
