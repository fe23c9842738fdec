// The protocols that a multiaddr is made of (github.com/multiformats/multiaddr, protocols.csv).
//
// All that go-multiaddr knows and the deprecated ones of the table; "ipfs" is another name for
// "p2p". Codes are multicodec's. Pure. Thread: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace kith::multiformats {

enum class Protocol : std::uint32_t {
  ip4 = 4,
  tcp = 6,
  dccp = 33,
  ip6 = 41,
  ip6zone = 42,
  ipcidr = 43,
  dns = 53,
  dns4 = 54,
  dns6 = 55,
  dnsaddr = 56,
  sctp = 132,
  udp = 273,
  p2p_webrtc_star = 275,
  p2p_webrtc_direct = 276,
  p2p_stardust = 277,
  webrtc_direct = 280,
  webrtc = 281,
  p2p_circuit = 290,
  udt = 301,
  utp = 302,
  unix_socket = 400,  ///< "unix", which compilers define as a macro
  p2p = 421,
  https = 443,
  onion = 444,
  onion3 = 445,
  garlic64 = 446,
  garlic32 = 447,
  tls = 448,
  sni = 449,
  noise = 454,
  quic = 460,
  quic_v1 = 461,
  webtransport = 465,
  certhash = 466,
  ws = 477,
  wss = 478,
  p2p_websocket_star = 479,
  http = 480,
  http_path = 481,
  memory = 777,
  plaintextv2 = 7367777,
};

/// What a protocol's value is, and so its binary and text form.
///
///   kind        binary                        text
enum class ValueKind : std::uint8_t {
  none,       // nothing                       nothing
  ip4,        // 4 bytes                       dotted quad, no leading zeros
  ip6,        // 16 bytes                      RFC 5952
  port,       // 2 bytes                       decimal
  cidr,       // 1 byte                        decimal
  zone,       // length, UTF-8                 as it is, without "/"
  name,       // length, UTF-8                 as it is, without "/"; at most dns_name_bytes_max
  path,       // length, UTF-8 from the "/"    the rest of the multiaddr: always last
  peer_id,    // length, multihash             base58btc; a CID is read too
  onion,      // 10 bytes and a port           base32 ":" decimal, the port isn't 0
  onion3,     // 35 bytes and a port           likewise
  garlic64,   // length, 386 bytes or more     base64 with I2P's alphabet, padded
  garlic32,   // length, 32 or 35 and more     base32
  certhash,   // length, multihash             multibase, base64url when written
  http_path,  // length, bytes                 percent-encoded, RFC 3986 segment-nz
  memory,     // 8 bytes                       decimal
};

struct ProtocolInfo {
  Protocol protocol;
  std::string_view name;
  ValueKind kind;
};

/// Bytes of a value of fixed size, 0 for none, nothing for values with a length before them.
constexpr std::optional<std::size_t> fixed_value_bytes(ValueKind kind) noexcept {
  switch (kind) {
    case ValueKind::none:
      return 0;
    case ValueKind::ip4:
      return 4;
    case ValueKind::ip6:
      return 16;
    case ValueKind::port:
      return 2;
    case ValueKind::cidr:
      return 1;
    case ValueKind::onion:
      return 12;
    case ValueKind::onion3:
      return 37;
    case ValueKind::memory:
      return 8;
    default:
      return std::nullopt;
  }
}

/// The whole table, by code.
std::span<const ProtocolInfo> all_protocols() noexcept;

/// The row of a code or name, or null. The name "ipfs" finds p2p.
const ProtocolInfo* find_protocol(std::uint64_t code) noexcept;
const ProtocolInfo* find_protocol(std::string_view name) noexcept;

/// The name of a protocol of the enum.
std::string_view protocol_name(Protocol protocol) noexcept;

}  // namespace kith::multiformats
