#include <algorithm>

#include <kith/net/ip_network.hpp>
#include <kith/net/nat/pcp.hpp>

namespace kith::net {
namespace {

constexpr std::uint8_t version = 2;
constexpr std::uint8_t answers = 128;
constexpr std::size_t header_bytes = 24;
constexpr std::size_t map_bytes = 36;
constexpr std::size_t message_bytes_max = 1100;
/// Protocol numbers of IANA.
constexpr std::uint8_t protocol_tcp = 6;
constexpr std::uint8_t protocol_udp = 17;

class Domain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "pcp"; }
  std::string message(int code) const override {
    switch (static_cast<PcpError>(code)) {
      case PcpError::unsupported_version:
        return "the router speaks another version";
      case PcpError::not_authorized:
        return "the router doesn't let us map this port";
      case PcpError::network_failure:
        return "the router has no address itself";
      case PcpError::no_resources:
      case PcpError::user_over_quota:
        return "the router has no more mappings to give";
      case PcpError::cannot_provide_external:
        return "the router can't give that port";
      case PcpError::address_mismatch:
        return "there is another router on the way";
      case PcpError::malformed_request:
      case PcpError::unsupported_opcode:
      case PcpError::unsupported_protocol:
      case PcpError::other:
        break;
    }
    return "the router says no";
  }
};
constinit const Domain domain;

PcpError error_of(std::uint8_t result) {
  switch (result) {
    case 1:
    case 2:
    case 3:
    case 4:
    case 7:
    case 8:
    case 9:
    case 10:
    case 11:
    case 12:
      return static_cast<PcpError>(result);
    default:
      return PcpError::other;
  }
}

void write_address(const port::IpAddress& address, MutableBytes into) {
  const ByteView bytes = address.bytes();
  if (address.is_v4()) into[10] = into[11] = 0xff;
  std::ranges::copy(bytes, into.last(bytes.size()).begin());
}

Bytes header(PcpOpcode opcode, const port::IpAddress& client, std::uint32_t lifetime_s,
             std::size_t payload_bytes) {
  Bytes message(header_bytes + payload_bytes);
  message[0] = version;
  message[1] = static_cast<std::uint8_t>(opcode);
  store_be(&message[4], lifetime_s);
  write_address(client, MutableBytes(message).subspan(8, 16));
  return message;
}

std::optional<PcpMapping> decode_mapping(ByteView payload) {
  if (payload.size() < map_bytes) return std::nullopt;
  const std::uint8_t protocol = payload[12];
  if (protocol != protocol_tcp && protocol != protocol_udp) return std::nullopt;
  PcpMapping mapping;
  std::ranges::copy(payload.first(pcp_nonce_bytes), mapping.nonce.begin());
  mapping.transport = protocol == protocol_tcp ? IpTransport::tcp : IpTransport::udp;
  mapping.inside = load_be<std::uint16_t>(&payload[16]);
  mapping.outside.port = load_be<std::uint16_t>(&payload[18]);
  mapping.outside.address = unmapped(*port::IpAddress::from_bytes(payload.subspan(20, 16)));
  return mapping;
}

}  // namespace

const ErrorDomain& error_domain(PcpError) noexcept {
  return domain;
}

Bytes pcp_ask_announce(const port::IpAddress& client) {
  return header(PcpOpcode::announce, client, 0, 0);
}

Bytes pcp_ask_mapping(const PcpMapping& wanted, const port::IpAddress& client,
                      std::uint32_t lifetime_s) {
  Bytes message = header(PcpOpcode::map, client, lifetime_s, map_bytes);
  const MutableBytes payload = MutableBytes(message).subspan(header_bytes);
  std::ranges::copy(wanted.nonce, payload.begin());
  payload[12] = wanted.transport == IpTransport::tcp ? protocol_tcp : protocol_udp;
  store_be(&payload[16], wanted.inside);
  store_be(&payload[18], wanted.outside.port);
  // Any address will do, but one of IPv4.
  write_address(port::IpAddress(), payload.subspan(20, 16));
  return message;
}

Result<PcpAnswer> decode_pcp(ByteView datagram) {
  if (datagram.size() < 4 || datagram[1] < answers) return std::unexpected(Errc::corrupt);
  if (datagram[0] != version) return std::unexpected(PcpError::unsupported_version);
  const bool whole = datagram.size() >= header_bytes && datagram.size() <= message_bytes_max;
  if (!whole || datagram.size() % 4 != 0) return std::unexpected(Errc::corrupt);
  const std::uint8_t opcode = datagram[1] - answers;
  if (opcode > static_cast<std::uint8_t>(PcpOpcode::map)) return std::unexpected(Errc::corrupt);
  PcpAnswer answer{.opcode = static_cast<PcpOpcode>(opcode),
                   .lifetime_s = load_be<std::uint32_t>(&datagram[4]),
                   .epoch_s = load_be<std::uint32_t>(&datagram[8])};
  if (datagram[3] != 0) answer.refusal = error_of(datagram[3]);
  if (answer.opcode == PcpOpcode::map) {
    answer.mapping = decode_mapping(datagram.subspan(header_bytes));
    if (!answer.mapping) return std::unexpected(Errc::corrupt);
  }
  return answer;
}

}  // namespace kith::net
