#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include <kith/base/assert.hpp>
#include <kith/multiformats/detail/ip_text.hpp>
#include <kith/multiformats/detail/multiaddr_value.hpp>
#include <kith/multiformats/detail/utf8.hpp>
#include <kith/multiformats/limits.hpp>
#include <kith/multiformats/multibase.hpp>
#include <kith/multiformats/multihash.hpp>
#include <kith/multiformats/peer_id.hpp>

namespace kith::multiformats::detail {
namespace {

constexpr std::size_t onion_host_bytes = 10;
constexpr std::size_t onion3_host_bytes = 35;
// An I2P destination has a 256-byte key, a 128-byte signing key and a certificate; go-multiaddr
// takes from 386 bytes on.
constexpr std::size_t garlic64_bytes_min = 386;
// An I2P base32 address is a sha2-256; one for an encrypted lease set has 35 bytes or more.
constexpr std::size_t garlic32_bytes = 32;
constexpr std::size_t garlic32_encrypted_bytes_min = 35;

template <class Array>
Array array_of(ByteView bytes) noexcept {
  Array out;
  ASSERT(bytes.size() == out.size());
  std::ranges::copy(bytes, out.begin());
  return out;
}

std::string encoded(Base base, ByteView bytes) {
  auto text = base_encode(base, bytes);
  ASSERT(text.has_value());
  return *std::move(text);
}

bool is_segment(ByteView value) noexcept {
  return !value.empty() && std::ranges::find(value, '/') == value.end() &&
         is_printable_utf8(as_text(value));
}

bool has_port_at_end(ByteView value) noexcept {
  return load_be<std::uint16_t>(value.data() + value.size() - 2) != 0;
}

Bytes big_endian_port(std::uint64_t port) {
  return {static_cast<std::uint8_t>(port >> 8), static_cast<std::uint8_t>(port)};
}

std::optional<Bytes> onion_from_text(std::string_view text, std::size_t host_bytes) {
  std::size_t host_size = host_bytes * 8 / 5;  // both sizes are whole groups of base32
  if (text.size() <= host_size || text[host_size] != ':') return std::nullopt;
  auto bytes = base_decode(Base::base32, text.substr(0, host_size));
  auto port = parse_decimal(text.substr(host_size + 1), 65535);
  if (!bytes || !port) return std::nullopt;
  append(*bytes, big_endian_port(*port));
  return *std::move(bytes);
}

std::string onion_to_text(ByteView value) {
  ByteView host = value.first(value.size() - 2);
  return fmt::format("{}:{}", encoded(Base::base32, host),
                     load_be<std::uint16_t>(value.data() + host.size()));
}

// I2P's base64 has "-" and "~" where RFC 4648 has "+" and "/".
std::optional<Bytes> garlic64_from_text(std::string_view text) {
  std::string standard(text);
  if (standard.find_first_of("+/") != std::string::npos) return std::nullopt;
  std::ranges::replace(standard, '-', '+');
  std::ranges::replace(standard, '~', '/');
  auto bytes = base_decode(Base::base64pad, standard);
  if (!bytes) return std::nullopt;
  return *std::move(bytes);
}

std::string garlic64_to_text(ByteView value) {
  std::string text = encoded(Base::base64pad, value);
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '~');
  return text;
}

bool is_unreserved(unsigned char character) noexcept {
  return (character >= '0' && character <= '9') || (character >= 'a' && character <= 'z') ||
         (character >= 'A' && character <= 'Z') || character == '-' || character == '_' ||
         character == '.' || character == '~';
}

std::optional<Bytes> percent_decode(std::string_view text) {
  Bytes out;
  while (!text.empty()) {
    if (text[0] != '%') {
      out.push_back(static_cast<std::uint8_t>(text[0]));
      text.remove_prefix(1);
      continue;
    }
    auto byte = from_hex(text.substr(1, 2));
    if (!byte || byte->size() != 1) return std::nullopt;
    out.push_back((*byte)[0]);
    text.remove_prefix(3);
  }
  return out;
}

std::string percent_encode(ByteView bytes) {
  std::string out;
  for (std::uint8_t byte : bytes) {
    if (is_unreserved(byte)) {
      out.push_back(static_cast<char>(byte));
    } else {
      out += fmt::format("%{:02X}", byte);
    }
  }
  return out;
}

std::optional<Bytes> any_from_text(ValueKind kind, std::string_view text) {
  auto bytes_of = [](const auto& value) { return Bytes(value.begin(), value.end()); };
  switch (kind) {
    case ValueKind::none:
      return std::nullopt;
    case ValueKind::ip4:
      if (auto address = parse_ip4(text)) return bytes_of(*address);
      return std::nullopt;
    case ValueKind::ip6:
      if (auto address = parse_ip6(text)) return bytes_of(*address);
      return std::nullopt;
    case ValueKind::port:
      if (auto port = parse_decimal(text, 65535)) return big_endian_port(*port);
      return std::nullopt;
    case ValueKind::cidr:
      if (auto bits = parse_decimal(text, 255)) return Bytes{static_cast<std::uint8_t>(*bits)};
      return std::nullopt;
    case ValueKind::zone:
    case ValueKind::name:
    case ValueKind::path:
      return to_bytes(text);
    case ValueKind::peer_id:
      if (auto id = PeerId::parse(text)) return to_bytes(id->bytes());
      return std::nullopt;
    case ValueKind::onion:
      return onion_from_text(text, onion_host_bytes);
    case ValueKind::onion3:
      return onion_from_text(text, onion3_host_bytes);
    case ValueKind::garlic64:
      return garlic64_from_text(text);
    case ValueKind::garlic32:
      if (auto bytes = base_decode(Base::base32, text)) return *std::move(bytes);
      return std::nullopt;
    case ValueKind::certhash:
      if (auto value = multibase_decode(text)) return std::move(value->bytes);
      return std::nullopt;
    case ValueKind::http_path:
      return percent_decode(text);
    case ValueKind::memory: {
      auto number = parse_decimal(text, UINT64_MAX);
      if (!number) return std::nullopt;
      Bytes out(8);
      store_be<std::uint64_t>(out.data(), *number);
      return out;
    }
  }
  return std::nullopt;
}

}  // namespace

bool is_valid_value(ValueKind kind, ByteView value) {
  if (auto size = fixed_value_bytes(kind); size && *size != value.size()) return false;
  switch (kind) {
    case ValueKind::none:
    case ValueKind::ip4:
    case ValueKind::ip6:
    case ValueKind::port:
    case ValueKind::cidr:
    case ValueKind::memory:
      return true;
    case ValueKind::zone:
      return is_segment(value);
    case ValueKind::name:
      return is_segment(value) && value.size() <= dns_name_bytes_max;
    case ValueKind::path:
      return value.size() >= 2 && value.front() == '/' && value.back() != '/' &&
             is_printable_utf8(as_text(value));
    case ValueKind::peer_id:
      return PeerId::from_bytes(value).has_value();
    case ValueKind::onion:
    case ValueKind::onion3:
      return has_port_at_end(value);
    case ValueKind::garlic64:
      return value.size() >= garlic64_bytes_min;
    case ValueKind::garlic32:
      return value.size() == garlic32_bytes || value.size() >= garlic32_encrypted_bytes_min;
    case ValueKind::certhash:
      return Multihash::from_bytes(value).has_value();
    case ValueKind::http_path:
      return !value.empty();
  }
  return false;
}

Decoded<Bytes> value_from_text(ValueKind kind, std::string_view text) {
  auto bytes = any_from_text(kind, text);
  if (!bytes || !is_valid_value(kind, *bytes)) return std::unexpected(MultiformatsError::bad_value);
  return *std::move(bytes);
}

std::string value_to_text(ValueKind kind, ByteView value) {
  switch (kind) {
    case ValueKind::none:
      return {};
    case ValueKind::ip4:
      return to_text(array_of<Ip4>(value));
    case ValueKind::ip6:
      return to_text(array_of<Ip6>(value));
    case ValueKind::port:
      return fmt::to_string(load_be<std::uint16_t>(value.data()));
    case ValueKind::cidr:
      return fmt::to_string(value[0]);
    case ValueKind::zone:
    case ValueKind::name:
    case ValueKind::path:
      return std::string(as_text(value));
    case ValueKind::peer_id:
      return encoded(Base::base58btc, value);
    case ValueKind::onion:
    case ValueKind::onion3:
      return onion_to_text(value);
    case ValueKind::garlic64:
      return garlic64_to_text(value);
    case ValueKind::garlic32:
      return encoded(Base::base32, value);
    case ValueKind::certhash:
      return "u" + encoded(Base::base64url, value);
    case ValueKind::http_path:
      return percent_encode(value);
    case ValueKind::memory:
      return fmt::to_string(load_be<std::uint64_t>(value.data()));
  }
  return {};
}

}  // namespace kith::multiformats::detail
