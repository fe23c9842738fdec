#include <algorithm>

#include <arpa/inet.h>

#include <kith/port/ip.hpp>

namespace kith::port {

IpAddress IpAddress::v4(std::array<std::uint8_t, 4> bytes) noexcept {
  IpAddress address;
  std::ranges::copy(bytes, address.bytes_.begin());
  return address;
}

IpAddress IpAddress::v6(std::array<std::uint8_t, 16> bytes, std::uint32_t scope) noexcept {
  IpAddress address;
  address.family_ = IpFamily::v6;
  address.bytes_ = bytes;
  address.scope_ = scope;
  return address;
}

IpAddress IpAddress::any(IpFamily family) noexcept {
  return family == IpFamily::v4 ? v4({}) : v6({});
}

IpAddress IpAddress::loopback(IpFamily family) noexcept {
  if (family == IpFamily::v4) return v4({127, 0, 0, 1});
  std::array<std::uint8_t, 16> bytes{};
  bytes[15] = 1;
  return v6(bytes);
}

std::optional<IpAddress> IpAddress::from_bytes(ByteView bytes) noexcept {
  if (bytes.size() == 4) return v4({bytes[0], bytes[1], bytes[2], bytes[3]});
  if (bytes.size() != 16) return std::nullopt;
  std::array<std::uint8_t, 16> all;
  std::ranges::copy(bytes, all.begin());
  return v6(all);
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.contains('\0')) return std::nullopt;
  std::string copy(text);
  std::array<std::uint8_t, 4> four;
  if (inet_pton(AF_INET, copy.c_str(), four.data()) == 1) return v4(four);
  std::array<std::uint8_t, 16> sixteen;
  if (inet_pton(AF_INET6, copy.c_str(), sixteen.data()) == 1) return v6(sixteen);
  return std::nullopt;
}

bool IpAddress::is_unspecified() const noexcept {
  return std::ranges::all_of(bytes_, [](std::uint8_t byte) { return byte == 0; });
}

bool IpAddress::is_loopback() const noexcept {
  if (is_v4()) return bytes_[0] == 127;
  return bytes_ == loopback(IpFamily::v6).bytes_;
}

bool IpAddress::is_link_local() const noexcept {
  if (is_v4()) return bytes_[0] == 169 && bytes_[1] == 254;
  return bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

bool IpAddress::is_private() const noexcept {
  if (!is_v4()) return (bytes_[0] & 0xfe) == 0xfc;
  return bytes_[0] == 10 || (bytes_[0] == 172 && (bytes_[1] & 0xf0) == 16) ||
         (bytes_[0] == 192 && bytes_[1] == 168) || (bytes_[0] == 100 && (bytes_[1] & 0xc0) == 64);
}

bool IpAddress::is_multicast() const noexcept {
  return is_v4() ? (bytes_[0] & 0xf0) == 0xe0 : bytes_[0] == 0xff;
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes_.data(), text, sizeof text);
}

std::string Endpoint::to_string() const {
  std::string host = address.to_string();
  if (!address.is_v4()) host = "[" + host + "]";
  return host + ":" + std::to_string(port);
}

}  // namespace kith::port
