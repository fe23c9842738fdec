// IP addresses and endpoints as values. Thread: any.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <kith/base/bytes.hpp>

namespace kith::port {

enum class IpFamily : std::uint8_t { v4, v6 };

class IpAddress {
 public:
  /// 0.0.0.0
  IpAddress() = default;
  static IpAddress v4(std::array<std::uint8_t, 4> bytes) noexcept;
  static IpAddress v6(std::array<std::uint8_t, 16> bytes, std::uint32_t scope = 0) noexcept;
  static IpAddress any(IpFamily family) noexcept;
  static IpAddress loopback(IpFamily family) noexcept;
  /// From 4 or 16 bytes, else nothing.
  static std::optional<IpAddress> from_bytes(ByteView bytes) noexcept;
  /// Dotted quad, or RFC 4291 text without zone and brackets.
  static std::optional<IpAddress> parse(std::string_view text);

  IpFamily family() const noexcept { return family_; }
  bool is_v4() const noexcept { return family_ == IpFamily::v4; }
  /// 4 or 16 bytes in network order.
  ByteView bytes() const noexcept { return {bytes_.data(), is_v4() ? 4u : 16u}; }
  /// Interface index of a link-local IPv6 address; 0 if none.
  std::uint32_t scope() const noexcept { return scope_; }

  bool is_unspecified() const noexcept;
  bool is_loopback() const noexcept;
  /// 169.254/16, fe80::/10
  bool is_link_local() const noexcept;
  /// RFC 1918, 100.64/10, fc00::/7
  bool is_private() const noexcept;
  bool is_multicast() const noexcept;
  /// RFC 5952 text.
  std::string to_string() const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  IpFamily family_ = IpFamily::v4;
  std::array<std::uint8_t, 16> bytes_{};
  std::uint32_t scope_ = 0;
};

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  /// "127.0.0.1:80", "[::1]:80"
  std::string to_string() const;
  auto operator<=>(const Endpoint&) const = default;
};

}  // namespace kith::port
