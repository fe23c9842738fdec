#include <algorithm>

#include <fmt/format.h>

#include <kith/net/ip_network.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;
using multiformats::Protocol;

constexpr std::size_t mapped_bits = 96;

/// What stands before the IPv4 address in an IPv6 address that is one.
bool is_mapped(ByteView address) noexcept {
  constexpr std::array<std::uint8_t, mapped_bits / 8> prefix = {0, 0, 0, 0, 0,    0,
                                                                0, 0, 0, 0, 0xff, 0xff};
  return address.size() == 16 && equal(address.first(prefix.size()), prefix);
}

}  // namespace

port::IpAddress unmapped(const port::IpAddress& address) {
  if (!is_mapped(address.bytes())) return address;
  return *port::IpAddress::from_bytes(address.bytes().last(4));
}

IpNetwork::IpNetwork(ByteView address, std::size_t bits) noexcept : bits_(bits) {
  if (is_mapped(address) && bits >= mapped_bits) {
    address = address.last(4);
    bits_ -= mapped_bits;
  }
  size_ = address.size();
  for (std::size_t i = 0; i < size_; ++i) {
    const std::size_t kept = bits_ > 8 * i ? std::min<std::size_t>(bits_ - 8 * i, 8) : 0;
    bytes_[i] = static_cast<std::uint8_t>(address[i] & (0xff00u >> kept));
  }
}

std::optional<IpNetwork> IpNetwork::of(const Multiaddr& address) {
  auto ip = address.ip();
  if (!ip) return std::nullopt;
  std::size_t bits = 8 * ip->size();
  if (auto cidr = address.find(Protocol::ipcidr)) {
    if (cidr->value[0] > bits) return std::nullopt;
    bits = cidr->value[0];
  }
  return IpNetwork(*ip, bits);
}

Result<IpNetwork> IpNetwork::parse(std::string_view text) {
  auto address = Multiaddr::parse(text);
  std::optional<IpNetwork> network;
  if (address) {
    std::vector<Protocol> protocols = address->protocols();
    bool written_so = protocols.size() == 2 && protocols[1] == Protocol::ipcidr &&
                      (protocols[0] == Protocol::ip4 || protocols[0] == Protocol::ip6);
    if (written_so) network = of(*address);
  }
  if (!network) {
    return std::unexpected(
        Error(Errc::invalid_argument,
              fmt::format("\"{}\" is no address filter such as /ip4/192.168.0.0/ipcidr/16", text)));
  }
  return *network;
}

bool IpNetwork::contains(const Multiaddr& address) const noexcept {
  auto ip = address.ip();
  if (!ip) return false;
  ByteView bytes = is_mapped(*ip) ? ip->last(4) : *ip;
  return bytes.size() == size_ && equal(IpNetwork(bytes, bits_).prefix(), prefix());
}

std::string IpNetwork::to_string() const {
  auto address = port::IpAddress::from_bytes(prefix());
  return fmt::format("/{}/{}/ipcidr/{}", size_ == 4 ? "ip4" : "ip6",
                     address ? address->to_string() : "", bits_);
}

}  // namespace kith::net
