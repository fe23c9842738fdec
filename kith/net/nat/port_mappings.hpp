// PortMappings: what a router has done for this node, whatever it was asked by; for people.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <kith/base/time.hpp>
#include <kith/net/nat/ip_transport.hpp>
#include <kith/port/ip.hpp>

namespace kith::net {

struct PortMappings {
  struct One {
    IpTransport transport{};
    std::uint16_t inside = 0;
    std::uint16_t outside = 0;
    Instant until{};
  };
  /// "NAT-PMP", say; empty while no router answers.
  std::string_view protocol{};
  std::optional<port::IpAddress> router{};
  /// Where the router says that it is; may be private, if it stands behind another one.
  std::optional<port::IpAddress> outside{};
  std::vector<One> mappings{};  ///< in force
  std::string last_failure{};
};

}  // namespace kith::net
