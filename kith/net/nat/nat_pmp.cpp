#include <algorithm>
#include <charconv>
#include <optional>

#include <kith/net/nat/limits.hpp>
#include <kith/net/nat/nat_pmp.hpp>

namespace kith::net {
namespace {

constexpr std::uint8_t version = 0;
constexpr std::uint8_t answers = 128;
constexpr std::size_t address_answer_bytes = 12;
constexpr std::size_t mapping_answer_bytes = 16;
constexpr std::size_t mapping_request_bytes = 12;
/// RTF_GATEWAY of route(8).
constexpr std::uint32_t leads_to_gateway = 2;

class Domain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "nat_pmp"; }
  std::string message(int code) const override {
    switch (static_cast<NatPmpError>(code)) {
      case NatPmpError::unsupported_version:
        return "the router speaks another version";
      case NatPmpError::not_authorized:
        return "the router's port mapping is turned off";
      case NatPmpError::network_failure:
        return "the router has no address itself";
      case NatPmpError::out_of_resources:
        return "the router has no more mappings to give";
      case NatPmpError::unsupported_opcode:
        return "the router doesn't know such mappings";
      case NatPmpError::other:
        break;
    }
    return "the router says no";
  }
};
constinit const Domain domain;

/// The columns of a line.
std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find_first_of("\t "), line.size());
    if (end > 0) words.push_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

std::optional<std::uint32_t> hexadecimal(std::string_view text) {
  std::uint32_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, value, 16);
  if (failure != std::errc{} || stop != end) return std::nullopt;
  return value;
}

}  // namespace

const ErrorDomain& error_domain(NatPmpError) noexcept {
  return domain;
}

Bytes nat_pmp_ask_address() {
  return {version, 0};
}

Bytes nat_pmp_ask_mapping(const NatPmpMapping& wanted) {
  Bytes request(mapping_request_bytes);
  request[0] = version;
  request[1] = static_cast<std::uint8_t>(wanted.transport);
  store_be(&request[4], wanted.inside);
  store_be(&request[6], wanted.outside);
  store_be(&request[8], wanted.lifetime_s);
  return request;
}

Result<NatPmpAnswer> decode_nat_pmp(ByteView datagram) {
  if (datagram.size() < 4 || datagram[0] != version || datagram[1] < answers)
    return std::unexpected(Errc::corrupt);
  const auto result = load_be<std::uint16_t>(&datagram[2]);
  if (result > static_cast<std::uint16_t>(NatPmpError::unsupported_opcode))
    return std::unexpected(NatPmpError::other);
  if (result != 0) return std::unexpected(static_cast<NatPmpError>(result));
  const std::uint8_t opcode = datagram[1] - answers;
  if (opcode == 0 && datagram.size() >= address_answer_bytes)
    return NatPmpAddress{*port::IpAddress::from_bytes(datagram.subspan(8, 4)),
                         load_be<std::uint32_t>(&datagram[4])};
  const bool mapping = opcode == static_cast<std::uint8_t>(IpTransport::udp) ||
                       opcode == static_cast<std::uint8_t>(IpTransport::tcp);
  if (!mapping || datagram.size() < mapping_answer_bytes) return std::unexpected(Errc::corrupt);
  return NatPmpMapping{.transport = static_cast<IpTransport>(opcode),
                       .inside = load_be<std::uint16_t>(&datagram[8]),
                       .outside = load_be<std::uint16_t>(&datagram[10]),
                       .lifetime_s = load_be<std::uint32_t>(&datagram[12])};
}

std::vector<port::IpAddress> gateways_of_routes(std::string_view table) {
  std::vector<port::IpAddress> gateways;
  while (!table.empty() && gateways.size() < gateways_max) {
    const std::size_t end = std::min(table.find('\n'), table.size());
    const std::vector<std::string_view> words = words_of(table.substr(0, end));
    table.remove_prefix(std::min(end + 1, table.size()));
    // Iface Destination Gateway Flags ... ; addresses in the machine's own order of bytes.
    if (words.size() < 4) continue;
    const auto destination = hexadecimal(words[1]);
    const auto gateway = hexadecimal(words[2]);
    const auto flags = hexadecimal(words[3]);
    if (!destination || !gateway || !flags) continue;
    if (*destination != 0 || *gateway == 0 || (*flags & leads_to_gateway) == 0) continue;
    std::array<std::uint8_t, 4> bytes{};
    store_le(bytes.data(), *gateway);
    const auto address = port::IpAddress::v4(bytes);
    if (std::ranges::find(gateways, address) == gateways.end()) gateways.push_back(address);
  }
  return gateways;
}

}  // namespace kith::net
