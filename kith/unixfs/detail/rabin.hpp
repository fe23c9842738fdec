// Arithmetic of Rabin fingerprints: polynomials over GF(2), modulo one of degree 53.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include <kith/unixfs/limits.hpp>

namespace kith::unixfs::detail {

/// IPFS's irreducible polynomial: bit n is the coefficient of x^n.
inline constexpr std::uint64_t rabin_polynomial = 17437180132763653;
inline constexpr unsigned rabin_degree = 53;
static_assert(std::bit_width(rabin_polynomial) == rabin_degree + 1);

/// Appends a byte to a polynomial below the modulus: hash * x^8 + byte.
constexpr std::uint64_t rabin_append(std::uint64_t hash, std::uint8_t byte) noexcept {
  hash = hash << 8 | byte;
  for (unsigned bit = 63; bit >= rabin_degree; --bit) {
    if (hash >> bit & 1) hash ^= rabin_polynomial << (bit - rabin_degree);
  }
  return hash;
}

struct RabinTables {
  /// What the byte that leaves the window has added.
  std::array<std::uint64_t, 256> leaving;
  /// What cancels the eight bits above the degree, and adds their remainder.
  std::array<std::uint64_t, 256> reduction;
};

constexpr RabinTables make_rabin_tables() noexcept {
  RabinTables tables{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::uint64_t hash = rabin_append(0, static_cast<std::uint8_t>(byte));
    for (unsigned i = 1; i < rabin_window_bytes; ++i)
      hash = rabin_append(hash, 0);
    tables.leaving[byte] = hash;
    // byte * x^53 is byte * x^45 with eight more zero bits, and below 2^53 before those.
    std::uint64_t high = std::uint64_t{byte} << rabin_degree;
    tables.reduction[byte] = high | rabin_append(std::uint64_t{byte} << (rabin_degree - 8), 0);
  }
  return tables;
}

inline constexpr RabinTables rabin_tables = make_rabin_tables();

}  // namespace kith::unixfs::detail
