#include <algorithm>
#include <string>

#include <kith/net/resolve.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;
using multiformats::Protocol;

constexpr std::string_view txt_prefix = "dnsaddr=";

/// What stands behind the first component.
Multiaddr behind_name(const Multiaddr& address) {
  Multiaddr rest;
  auto parts = address.components();
  auto at = parts.begin();
  std::size_t first = (*at).bytes.size();
  auto decoded = Multiaddr::from_bytes(address.bytes().subspan(first));
  return decoded ? *decoded : rest;
}

bool ends_with(const Multiaddr& address, const Multiaddr& end) {
  ByteView all = address.bytes();
  ByteView tail = end.bytes();
  return tail.size() <= all.size() && equal(all.last(tail.size()), tail);
}

Task<std::vector<Multiaddr>> resolve_ip(port::Net& net, Multiaddr address, Protocol kind,
                                        std::string name, Instant deadline) {
  std::optional<port::IpFamily> family;
  if (kind == Protocol::dns4) family = port::IpFamily::v4;
  if (kind == Protocol::dns6) family = port::IpFamily::v6;
  auto found = co_await net.resolve(std::move(name), family, deadline);
  std::vector<Multiaddr> addresses;
  if (!found) {
    if (found.error().is(Errc::cancelled)) co_return std::unexpected(found.error());
    co_return addresses;
  }
  for (const port::IpAddress& ip : *found) {
    if (addresses.size() >= resolved_addresses_max) break;
    if (auto with_ip = address.with_ip(ip.bytes())) addresses.push_back(*with_ip);
  }
  co_return addresses;
}

}  // namespace

Task<std::vector<Multiaddr>> resolve_address(port::Net& net, Multiaddr address,
                                             std::optional<PeerId> peer, Instant deadline) {
  std::vector<Multiaddr> done;
  std::vector<std::pair<Multiaddr, int>> open;
  open.emplace_back(std::move(address), 0);
  while (!open.empty() && done.size() < resolved_addresses_max) {
    auto [current, depth] = std::move(open.back());
    open.pop_back();
    std::optional<multiformats::Component> name = current.dns_name();
    if (!name) {
      done.push_back(std::move(current));
      continue;
    }
    if (depth >= resolve_depth_max) continue;
    std::string host = name->value_text();
    Protocol kind = name->protocol;
    if (kind != Protocol::dnsaddr) {
      KITH_CO_TRY(std::vector<Multiaddr> found,
                  co_await resolve_ip(net, current, kind, std::move(host), deadline));
      std::ranges::move(found, std::back_inserter(done));
      continue;
    }
    std::string record = "_dnsaddr." + host;
    auto texts = co_await net.resolve_txt(std::move(record), deadline);
    if (!texts) {
      if (texts.error().is(Errc::cancelled)) co_return std::unexpected(texts.error());
      continue;
    }
    Multiaddr suffix = behind_name(current);
    for (const std::string& text : *texts) {
      if (!text.starts_with(txt_prefix) || open.size() >= resolved_addresses_max) continue;
      auto found = Multiaddr::parse(std::string_view(text).substr(txt_prefix.size()));
      if (!found || !ends_with(*found, suffix)) continue;
      if (peer && found->peer_id() && *found->peer_id() != *peer) continue;
      open.emplace_back(*found, depth + 1);
    }
  }
  co_return done;
}

}  // namespace kith::net
