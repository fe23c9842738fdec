// The file libp2p-resource-limit-overrides.json of a home: limits that the operator wants other
// than those that are computed. go-libp2p's format (its rcmgr.PartialLimitConfig), as Kubo reads
// it:
//
//   { "System": { "ConnsInbound": 100, "Memory": "1073741824" },
//     "PeerDefault": { "StreamsInbound": "unlimited" },
//     "Peer": { "12D3KooW...": { "Conns": "blockAll" } },
//     "Protocol": { "/ipfs/bitswap/1.2.0": { "StreamsInbound": 32 } } }
//
//   scopes   System Transient AllowlistedSystem AllowlistedTransient Conn Stream
//            PeerDefault Peer ProtocolDefault Protocol ProtocolPeerDefault ProtocolPeer
//   values   a whole number, "unlimited" (or -1), "blockAll" (0, -2), "default"
//
// What a named peer's entry doesn't say is as PeerDefault says, what a named protocol's doesn't as
// its own code says or else ProtocolDefault. Scopes of services have no meaning here and are only
// checked; other keys are left alone. Pure.
#pragma once

#include <string_view>

#include <kith/base/result.hpp>
#include <kith/net/resources.hpp>

namespace kith::node {

inline constexpr std::string_view resource_overrides_name = "libp2p-resource-limit-overrides.json";
inline constexpr std::size_t resource_overrides_bytes_max = 1024 * 1024;

/// Errc::invalid_argument names the scope and resource whose value makes no sense.
Result<void> apply_resource_overrides(net::ResourceLimits& limits, std::string_view text);

}  // namespace kith::node
