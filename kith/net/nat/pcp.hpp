// PCP: asking the router for a port (RFC 6887), of which NAT-PMP is the older version. The messages
// of the opcodes ANNOUNCE and MAP, all to and from the router's port 5351.
//
//   2 | opcode           | 0 0        | lifetime s | our address (16)          to the router
//   2 | 128 + opcode | 0 | result     | lifetime s | epoch s | 0 (12)          from there
//   MAP: nonce (12) | protocol | 0 0 0 | inside | outside | outside address (16)
//
// IPv4 addresses are mapped into IPv6. The nonce makes the mapping ours: nobody else can end it.
// A router that only speaks NAT-PMP answers in version 0, which is told apart. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/net/nat/ip_transport.hpp>
#include <kith/port/ip.hpp>

namespace kith::net {

inline constexpr std::size_t pcp_nonce_bytes = 12;
using PcpNonce = std::array<std::uint8_t, pcp_nonce_bytes>;

enum class PcpOpcode : std::uint8_t { announce = 0, map = 1 };

/// The result codes of section 7.4 that tell something; the others are `other`.
enum class PcpError {
  unsupported_version = 1,
  not_authorized = 2,
  malformed_request = 3,
  unsupported_opcode = 4,
  network_failure = 7,
  no_resources = 8,
  unsupported_protocol = 9,
  user_over_quota = 10,
  cannot_provide_external = 11,
  address_mismatch = 12,
  other = 255,
};
const ErrorDomain& error_domain(PcpError) noexcept;

struct PcpMapping {
  PcpNonce nonce{};
  IpTransport transport = IpTransport::tcp;
  std::uint16_t inside = 0;
  port::Endpoint outside{};
  bool operator==(const PcpMapping&) const = default;
};

struct PcpAnswer {
  PcpOpcode opcode{};
  std::optional<PcpError> refusal{};
  std::uint32_t lifetime_s = 0;
  std::uint32_t epoch_s = 0;
  std::optional<PcpMapping> mapping{};  ///< of a MAP; of a refused one what we asked for
  bool operator==(const PcpAnswer&) const = default;
};

Bytes pcp_ask_announce(const port::IpAddress& client);
/// A lifetime of 0 ends the mapping. Only the port of wanted.outside is asked for.
Bytes pcp_ask_mapping(const PcpMapping& wanted, const port::IpAddress& client,
                      std::uint32_t lifetime_s);
/// PcpError::unsupported_version for an answer in another version; Errc::corrupt for what is no
/// answer.
Result<PcpAnswer> decode_pcp(ByteView datagram);

}  // namespace kith::net
