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

/// Connection attempts under way, in all and to one peer.
inline constexpr std::size_t dials_max = 100;
inline constexpr std::size_t dials_per_peer_max = 8;
/// Circuits that are asked for, in all and to one peer. They hold no socket: their relays' dials
/// count above.
inline constexpr std::size_t circuit_dials_max = 64;
inline constexpr std::size_t dial_circuits_at_once = 4;
static_assert(dial_circuits_at_once <= circuit_dials_max);
/// Those of connect_directly, which strangers can bring about (hole punching), beside them.
inline constexpr std::size_t direct_dials_max = 64;

/// One attempt at a TCP connection, and a whole dial with all its look-ups and attempts (go-libp2p
/// has the same).
inline constexpr Duration dial_timeout = 15s;
inline constexpr Duration dial_timeout_local = 5s;
inline constexpr Duration dial_peer_timeout = 60s;
/// Of all the addresses that a peer gives and names lead to, so many are tried in one dial.
inline constexpr std::size_t dial_addresses_max = 100;
/// And so many failures are told.
inline constexpr std::size_t dial_failures_told_max = 16;
/// How long a peer that is reached only through a relay is waited for to come directly.
inline constexpr Duration direct_connection_patience = 15s;
inline constexpr Duration handshake_timeout = 10s;
/// While half of the places of strangers in a handshake are taken. Who says nothing shall not keep
/// all of them, however many addresses it has; this is still ten round trips of a slow line.
inline constexpr Duration handshake_timeout_crowded = 2s;
inline constexpr Duration stream_negotiation_timeout = 10s;
/// How long a listener rests after a failure that it can't explain.
inline constexpr Duration accept_retry_delay = 1s;

/// Names may lead to further names: so deep, and with so many look-ups in one dial and at a time.
inline constexpr int resolve_depth_max = 4;
inline constexpr std::size_t dial_lookups_max = 32;
inline constexpr std::size_t dial_lookups_at_once = 4;
inline constexpr Duration resolve_timeout = 10s;

/// An address that failed is left alone for base + step * failures^2 (as go-libp2p does), at most
/// max.
inline constexpr Duration dial_backoff_base = 5s;
inline constexpr Duration dial_backoff_step = 1s;
inline constexpr Duration dial_backoff_max = 5min;
inline constexpr std::size_t dial_backoff_entries_max = 4096;

/// Networks whose arrivals are counted at once; one of them is some 80 bytes.
inline constexpr std::size_t subnet_rates_max = 4096;

inline constexpr std::size_t protocol_id_bytes_max = 140;

/// Whose bytes are remembered: protocols, and peers that are gone.
inline constexpr std::size_t traffic_protocols_max = 1024;
inline constexpr std::size_t traffic_peers_max = 4096;

// Identify (libp2p/specs identify/README.md): what go and rust send and accept. A message may come
// in parts.
inline constexpr std::size_t identify_message_bytes_max = 8 * 1024;
inline constexpr std::size_t identify_own_message_bytes_max = 4 * 1024;
inline constexpr std::size_t identify_parts_max = 10;
inline constexpr std::size_t identify_protocols_max = 1024;
inline constexpr std::size_t identify_addresses_max = 500;
inline constexpr std::size_t agent_bytes_max = 256;
inline constexpr Duration identify_timeout = 10s;
/// How often our own addresses are looked at, should nobody tell when the interfaces change.
inline constexpr Duration identify_look_interval = 30s;
/// Peers to which a change is pushed at a time; one that doesn't take it holds up the others for
/// identify_timeout.
inline constexpr std::size_t identify_pushes_at_once = 64;
/// Pushes taken on one connection within the interval; further ones are reset unread. Peers have
/// little to push but at their start.
inline constexpr std::size_t identify_pushes_taken_max = 20;
inline constexpr Duration identify_pushes_taken_interval = 1min;
/// Of identify and of identify push, four for each connection.
inline constexpr std::uint64_t identify_streams_per_peer_max = 4 * connections_inbound_per_peer_max;
static_assert(identify_own_message_bytes_max <= identify_message_bytes_max);

// Peer store.
inline constexpr std::size_t peers_max = 20'000;
/// What all that is remembered takes in memory, about. Beyond it peers that aren't connected are
/// forgotten, and if there are none, what connected ones say of themselves isn't kept.
inline constexpr std::size_t peer_store_bytes_max = std::size_t{64} << 20;
/// As it is written down: the least useful peers aren't.
inline constexpr std::size_t peer_store_encoded_bytes_max = std::size_t{16} << 20;
inline constexpr std::size_t addresses_per_peer_max = 64;
/// In memory, about: 64 addresses of a usual length take 7 KiB.
inline constexpr std::size_t address_bytes_per_peer_max = 16 * 1024;
inline constexpr std::size_t protocol_bytes_per_peer_max = 32 * 1024;
inline constexpr std::size_t peer_record_bytes_max = 8 * 1024;
/// How long an address that nobody confirmed again is believed, by who said it. Where a peer has
/// been is where it is found after a week without the program, too.
inline constexpr Duration address_ttl_identify = 24h;
inline constexpr Duration address_ttl_discovered = 10min;
/// Long enough for the dial that it was asked for.
inline constexpr Duration address_ttl_heard = 10min;
inline constexpr Duration address_ttl_connected = 7 * 24h;
inline constexpr Duration address_ttl_given = 7 * 24h;

inline constexpr std::size_t ping_bytes = 32;
/// Two for each connection: a peer that dialed as we did has more than one for a while, and rust
/// keeps a stream for pings on each.
inline constexpr std::uint64_t ping_streams_per_peer_max = 2 * connections_inbound_per_peer_max;
inline constexpr Duration ping_timeout = 10s;

}  // namespace kith::net
