#pragma once

#include <cstdint>

namespace kith::net {

/// What a port is of.
enum class IpTransport : std::uint8_t { udp = 1, tcp = 2 };

}  // namespace kith::net
