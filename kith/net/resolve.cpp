#include <algorithm>
#include <array>
#include <string>

#include <kith/net/resolve.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;
using multiformats::Protocol;

constexpr std::string_view txt_prefix = "dnsaddr=";

/// What stands behind the first component.
Multiaddr behind_name(const Multiaddr& address) {
  auto parts = address.components();
  const std::size_t first = (*parts.begin()).bytes.size();
  return Multiaddr::from_bytes(address.bytes().subspan(first)).value_or(Multiaddr());
}

bool ends_with(const Multiaddr& address, const Multiaddr& end) {
  ByteView all = address.bytes();
  ByteView tail = end.bytes();
  return tail.size() <= all.size() && equal(all.last(tail.size()), tail);
}

/// `resolved` with the name that it came from where TLS is to ask for it: a WebSocket address that
/// names no other (/tls/ws, /wss) becomes /tls/sni/<name>/ws.
Multiaddr keep_name(Multiaddr resolved, std::string_view name) {
  if (resolved.has(Protocol::sni)) return resolved;
  const Multiaddr address = resolved.without_peer_id();
  Multiaddr start = address.decapsulate(Protocol::wss);
  if (start == address) {
    start = address.decapsulate(Protocol::ws).decapsulate(Protocol::tls);
    const std::vector<Protocol> parts = address.protocols();
    constexpr std::array secure = {Protocol::tls, Protocol::ws};
    if (parts.size() < 2 || !std::ranges::equal(std::span(parts).last(2), secure)) return resolved;
  }
  auto secured = start.with(Protocol::tls);
  if (secured) secured = secured->with(Protocol::sni, name);
  if (secured) secured = secured->with(Protocol::ws);
  if (const auto peer = resolved.peer_id(); peer && secured) secured = secured->with_peer_id(*peer);
  return secured.value_or(std::move(resolved));
}

Task<std::vector<Multiaddr>> resolve_ip(port::Net& net, Multiaddr address, Protocol kind,
                                        std::string name, Instant deadline) {
  std::optional<port::IpFamily> family;
  if (kind == Protocol::dns4) family = port::IpFamily::v4;
  if (kind == Protocol::dns6) family = port::IpFamily::v6;
  KITH_CO_TRY(const std::vector<port::IpAddress> found,
              co_await net.resolve(name, family, deadline));
  std::vector<Multiaddr> addresses;
  for (const port::IpAddress& ip : found) {
    if (auto with_ip = address.with_ip(ip.bytes())) {
      addresses.push_back(keep_name(*std::move(with_ip), name));
    }
  }
  co_return addresses;
}

Task<std::vector<Multiaddr>> resolve_dnsaddr(port::Net& net, Multiaddr address, std::string name,
                                             Instant deadline) {
  std::string record = "_dnsaddr." + name;
  KITH_CO_TRY(const std::vector<std::string> texts,
              co_await net.resolve_txt(std::move(record), deadline));
  co_return dnsaddr_answers(address, texts);
}

}  // namespace

std::vector<Multiaddr> dnsaddr_answers(const Multiaddr& address,
                                       std::span<const std::string> texts) {
  const Multiaddr suffix = behind_name(address);
  std::vector<Multiaddr> addresses;
  for (const std::string& text : texts) {
    if (!text.starts_with(txt_prefix)) continue;
    auto found = Multiaddr::parse(std::string_view(text).substr(txt_prefix.size()));
    if (found && ends_with(*found, suffix)) addresses.push_back(*std::move(found));
  }
  return addresses;
}

Task<std::vector<Multiaddr>> resolve_name(port::Net& net, Multiaddr address, Instant deadline) {
  std::optional<multiformats::Component> name = address.dns_name();
  if (!name) co_return std::unexpected(Errc::invalid_argument);
  const Protocol kind = name->protocol;
  std::string host = name->value_text();
  if (kind == Protocol::dnsaddr) {
    co_return co_await resolve_dnsaddr(net, std::move(address), std::move(host), deadline);
  }
  co_return co_await resolve_ip(net, std::move(address), kind, std::move(host), deadline);
}

}  // namespace kith::net
