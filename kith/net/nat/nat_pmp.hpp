// NAT-PMP: asking the router for a port (RFC 6886). The messages, and where the router is.
//
//   to port 5351     0 | 0                                          what is your public address?
//                    0 | 1 udp, 2 tcp | 0 0 | inside | outside | lifetime s     16, 16, 32 bits
//   from there       0 | 128 + opcode | result | seconds since it began | ...
//                        its address, or: inside | outside | lifetime s
//
// A lifetime of 0 with the outside port 0 ends a mapping. Pure. Limits: limits.hpp.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/base/time.hpp>
#include <kith/net/nat/ip_transport.hpp>
#include <kith/port/ip.hpp>

namespace kith::net {

inline constexpr std::uint16_t nat_pmp_port = 5351;

enum class NatPmpError {
  unsupported_version = 1,
  not_authorized,
  network_failure,
  out_of_resources,
  unsupported_opcode,
  other,
};
const ErrorDomain& error_domain(NatPmpError) noexcept;

struct NatPmpMapping {
  IpTransport transport = IpTransport::tcp;
  std::uint16_t inside = 0;
  std::uint16_t outside = 0;
  std::uint32_t lifetime_s = 0;
  bool operator==(const NatPmpMapping&) const = default;
};
struct NatPmpAddress {
  port::IpAddress outside;
  std::uint32_t epoch_s = 0;
  bool operator==(const NatPmpAddress&) const = default;
};
using NatPmpAnswer = std::variant<NatPmpAddress, NatPmpMapping>;

Bytes nat_pmp_ask_address();
Bytes nat_pmp_ask_mapping(const NatPmpMapping& wanted);
/// NatPmpError as the router says; Errc::corrupt for what is no answer.
Result<NatPmpAnswer> decode_nat_pmp(ByteView datagram);

/// The routers of default routes, of Linux's table of IPv4 routes (proc(5), /proc/net/route); at
/// most gateways_max.
std::vector<port::IpAddress> gateways_of_routes(std::string_view table);

}  // namespace kith::net
