#include <algorithm>
#include <cctype>

#include <kith/crypto/hash.hpp>
#include <kith/ledger/primitives/types.hpp>

namespace kith::ledger {
namespace {

constexpr std::string_view prefix = "0x";

std::string hex_of(ByteView bytes) {
  return std::string(prefix) + kith::to_hex(bytes);
}

template <std::size_t Size>
bool read_hex(std::string_view text, std::array<std::uint8_t, Size>& into) {
  if (!text.starts_with(prefix) || text.size() != prefix.size() + 2 * Size) return false;
  const auto bytes = from_hex(text.substr(prefix.size()));
  if (!bytes) return false;
  std::ranges::copy(*bytes, into.begin());
  return true;
}

bool of_both_cases(std::string_view text) {
  return std::ranges::any_of(text, [](unsigned char c) { return std::isupper(c) != 0; }) &&
         std::ranges::any_of(text, [](unsigned char c) { return std::islower(c) != 0; });
}

}  // namespace

std::optional<Address> Address::from_bytes(ByteView from) noexcept {
  if (from.size() != size) return std::nullopt;
  Address address;
  std::ranges::copy(from, address.bytes.begin());
  return address;
}

std::optional<Address> Address::parse(std::string_view text) {
  Address address;
  if (!read_hex(text, address.bytes)) return std::nullopt;
  if (of_both_cases(text.substr(prefix.size())) && address.to_checksum() != text)
    return std::nullopt;
  return address;
}

std::string Address::to_hex() const {
  return hex_of(bytes);
}

std::string Address::to_checksum() const {
  std::string text = to_hex();
  const Hash hash = keccak256(as_bytes(std::string_view(text).substr(prefix.size())));
  for (std::size_t i = 0; i < 2 * size; ++i) {
    const unsigned half = (hash.bytes[i / 2] >> (i % 2 == 0 ? 4 : 0)) & 0xf;
    char& digit = text[prefix.size() + i];
    if (half >= 8) digit = static_cast<char>(std::toupper(static_cast<unsigned char>(digit)));
  }
  return text;
}

std::optional<Hash> Hash::from_bytes(ByteView from) noexcept {
  if (from.size() != size) return std::nullopt;
  Hash hash;
  std::ranges::copy(from, hash.bytes.begin());
  return hash;
}

std::optional<Hash> Hash::parse(std::string_view text) {
  Hash hash;
  if (!read_hex(text, hash.bytes)) return std::nullopt;
  return hash;
}

std::string Hash::to_hex() const {
  return hex_of(bytes);
}

Hash keccak256(ByteView data) noexcept {
  return {crypto::keccak256(data)};
}

}  // namespace kith::ledger
