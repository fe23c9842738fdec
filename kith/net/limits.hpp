// What the swarm and its small protocols allow. The wire layers have limits of their own beside
// them.
#pragma once

#include <cstddef>
#include <cstdint>

#include <kith/base/time.hpp>

namespace kith::net {

// Where the operator says nothing (resources.hpp, default_limits). Kubo's defaults where it has
// one.
inline constexpr std::uint64_t memory_bytes_max_default = std::uint64_t{512} << 20;
inline constexpr std::uint64_t descriptors_max_default = 4096;
/// However little memory there is: fewer make a node that can hardly be reached.
inline constexpr std::uint64_t connections_inbound_least = 800;
inline constexpr std::uint64_t connections_inbound_per_peer_max = 8;
inline constexpr std::uint64_t streams_inbound_per_connection_max = 1024;
inline constexpr std::uint64_t streams_inbound_per_peer_max = 2048;
inline constexpr std::uint64_t streams_inbound_per_protocol_max = 8192;
inline constexpr std::uint64_t streams_inbound_per_protocol_and_peer_max = 512;
inline constexpr std::uint64_t memory_bytes_per_connection_max = std::uint64_t{64} << 20;
inline constexpr std::uint64_t memory_bytes_per_peer_max = std::uint64_t{128} << 20;
/// What a connection is counted with before any stream is open; an idle one holds 21 KB (measured).
inline constexpr std::uint64_t connection_base_bytes = 32 * 1024;

/// Inbound connections from one address whose handshake is under way: strangers, so few.
inline constexpr std::size_t handshakes_per_address_max = 32;
/// Connection attempts under way, in all and to one peer.
inline constexpr std::size_t dials_max = 100;
inline constexpr std::size_t dials_per_peer_max = 8;

inline constexpr Duration dial_timeout = 15s;
inline constexpr Duration dial_timeout_local = 5s;
inline constexpr Duration handshake_timeout = 10s;
inline constexpr Duration stream_negotiation_timeout = 10s;

/// Names below /dnsaddr may lead to further names; so deep and to so many addresses.
inline constexpr int resolve_depth_max = 4;
inline constexpr std::size_t resolved_addresses_max = 100;

/// An address that failed is left alone for base + step * failures^2 (as go-libp2p does), at most
/// max.
inline constexpr Duration dial_backoff_base = 5s;
inline constexpr Duration dial_backoff_step = 1s;
inline constexpr Duration dial_backoff_max = 5min;
inline constexpr std::size_t dial_backoff_entries_max = 4096;

inline constexpr std::size_t protocol_id_bytes_max = 140;

// Identify (libp2p/specs identify/README.md): what go and rust send and accept. A message may come
// in parts.
inline constexpr std::size_t identify_message_bytes_max = 8 * 1024;
inline constexpr std::size_t identify_own_message_bytes_max = 4 * 1024;
inline constexpr std::size_t identify_parts_max = 10;
inline constexpr std::size_t identify_protocols_max = 1024;
inline constexpr std::size_t identify_addresses_max = 500;
inline constexpr std::size_t agent_bytes_max = 256;
inline constexpr Duration identify_timeout = 10s;
/// Of identify and of identify push, four for each connection.
inline constexpr std::uint64_t identify_streams_per_peer_max = 4 * connections_inbound_per_peer_max;
static_assert(identify_own_message_bytes_max <= identify_message_bytes_max);

// Peer store.
inline constexpr std::size_t peers_max = 20'000;
inline constexpr std::size_t addresses_per_peer_max = 64;
inline constexpr std::size_t peer_record_bytes_max = 8 * 1024;
/// How long an address that nobody confirmed again is kept, by where it came from.
inline constexpr Duration address_ttl_connected = 24h;
inline constexpr Duration address_ttl_discovered = 10min;
inline constexpr Duration address_ttl_given = 24h;

inline constexpr std::size_t ping_bytes = 32;
/// Two for each connection: a peer that dialed as we did has more than one for a while, and rust
/// keeps a stream for pings on each.
inline constexpr std::uint64_t ping_streams_per_peer_max = 2 * connections_inbound_per_peer_max;
inline constexpr Duration ping_timeout = 10s;

}  // namespace kith::net
