#include <algorithm>
#include <functional>
#include <iterator>

#include <kith/base/assert.hpp>
#include <kith/multiformats/protocol.hpp>

namespace kith::multiformats {
namespace {

constexpr ProtocolInfo table[] = {
    {Protocol::ip4, "ip4", ValueKind::ip4},
    {Protocol::tcp, "tcp", ValueKind::port},
    {Protocol::dccp, "dccp", ValueKind::port},
    {Protocol::ip6, "ip6", ValueKind::ip6},
    {Protocol::ip6zone, "ip6zone", ValueKind::zone},
    {Protocol::ipcidr, "ipcidr", ValueKind::cidr},
    {Protocol::dns, "dns", ValueKind::name},
    {Protocol::dns4, "dns4", ValueKind::name},
    {Protocol::dns6, "dns6", ValueKind::name},
    {Protocol::dnsaddr, "dnsaddr", ValueKind::name},
    {Protocol::sctp, "sctp", ValueKind::port},
    {Protocol::udp, "udp", ValueKind::port},
    {Protocol::p2p_webrtc_star, "p2p-webrtc-star", ValueKind::none},
    {Protocol::p2p_webrtc_direct, "p2p-webrtc-direct", ValueKind::none},
    {Protocol::p2p_stardust, "p2p-stardust", ValueKind::none},
    {Protocol::webrtc_direct, "webrtc-direct", ValueKind::none},
    {Protocol::webrtc, "webrtc", ValueKind::none},
    {Protocol::p2p_circuit, "p2p-circuit", ValueKind::none},
    {Protocol::udt, "udt", ValueKind::none},
    {Protocol::utp, "utp", ValueKind::none},
    {Protocol::unix_socket, "unix", ValueKind::path},
    {Protocol::p2p, "p2p", ValueKind::peer_id},
    {Protocol::https, "https", ValueKind::none},
    {Protocol::onion, "onion", ValueKind::onion},
    {Protocol::onion3, "onion3", ValueKind::onion3},
    {Protocol::garlic64, "garlic64", ValueKind::garlic64},
    {Protocol::garlic32, "garlic32", ValueKind::garlic32},
    {Protocol::tls, "tls", ValueKind::none},
    {Protocol::sni, "sni", ValueKind::name},
    {Protocol::noise, "noise", ValueKind::none},
    {Protocol::quic, "quic", ValueKind::none},
    {Protocol::quic_v1, "quic-v1", ValueKind::none},
    {Protocol::webtransport, "webtransport", ValueKind::none},
    {Protocol::certhash, "certhash", ValueKind::certhash},
    {Protocol::ws, "ws", ValueKind::none},
    {Protocol::wss, "wss", ValueKind::none},
    {Protocol::p2p_websocket_star, "p2p-websocket-star", ValueKind::none},
    {Protocol::http, "http", ValueKind::none},
    {Protocol::http_path, "http-path", ValueKind::http_path},
    {Protocol::memory, "memory", ValueKind::memory},
    {Protocol::plaintextv2, "plaintextv2", ValueKind::none},
};
static_assert(std::ranges::is_sorted(table, std::ranges::less_equal{}, &ProtocolInfo::protocol));

}  // namespace

std::span<const ProtocolInfo> all_protocols() noexcept {
  return table;
}

const ProtocolInfo* find_protocol(std::uint64_t code) noexcept {
  auto code_of = [](const ProtocolInfo& row) { return static_cast<std::uint64_t>(row.protocol); };
  const ProtocolInfo* row = std::ranges::lower_bound(table, code, {}, code_of);
  return row != std::end(table) && code_of(*row) == code ? row : nullptr;
}

const ProtocolInfo* find_protocol(std::string_view name) noexcept {
  if (name == "ipfs") name = "p2p";
  const ProtocolInfo* row = std::ranges::find(table, name, &ProtocolInfo::name);
  return row != std::end(table) ? row : nullptr;
}

std::string_view protocol_name(Protocol protocol) noexcept {
  const ProtocolInfo* row = find_protocol(static_cast<std::uint64_t>(protocol));
  ASSERT(row != nullptr);
  return row->name;
}

}  // namespace kith::multiformats
