// What the relay protocol and hole punching allow. Defaults of the service are go-libp2p's.
#pragma once

#include <cstddef>
#include <cstdint>

#include <kith/base/time.hpp>

namespace kith::net {

/// What go-libp2p reads of one message, and what we read and send.
inline constexpr std::size_t relay_message_bytes_max = 4096;
/// Of one peer or reservation in a message; further ones are passed over.
inline constexpr std::size_t relay_addresses_max = 32;

// The service.
inline constexpr Duration relay_reservation_ttl = 1h;
inline constexpr std::size_t relay_reservations_max = 128;
inline constexpr std::size_t relay_reservations_per_ip_max = 8;
/// Networks of autonomous systems aren't known here: of IPv4 a /16, of IPv6 a /32 stands for one.
inline constexpr std::size_t relay_reservations_per_network_max = 32;
inline constexpr int relay_network_bits_v4 = 16;
inline constexpr int relay_network_bits_v6 = 32;
/// Of one peer, as the one who dials and as the one who is dialed together.
inline constexpr std::size_t relay_circuits_per_peer_max = 16;
inline constexpr Duration relay_circuit_duration_max = 2min;
inline constexpr std::uint64_t relay_circuit_bytes_max = std::uint64_t{128} << 10;
inline constexpr std::size_t relay_buffer_bytes = 2048;
/// Whatever the operator says: what one circuit may take in memory is twice this.
inline constexpr std::size_t relay_buffer_bytes_least = 512;
inline constexpr std::size_t relay_buffer_bytes_most = 64 * 1024;
/// Streams of the hop protocol that one peer may have: its circuits, and a request or two.
inline constexpr std::size_t hop_streams_per_peer_max = relay_circuits_per_peer_max + 4;
inline constexpr Duration hop_request_timeout = 60s;
/// For the stop handshake: opening the stream, and the answer.
inline constexpr Duration stop_handshake_timeout = 30s;
/// How often reservations that have run out are looked for.
inline constexpr Duration relay_sweep_interval = 1min;
static_assert(relay_reservations_per_ip_max <= relay_reservations_per_network_max);
static_assert(relay_reservations_per_network_max <= relay_reservations_max);
static_assert(hop_streams_per_peer_max > relay_circuits_per_peer_max);

// The client.
inline constexpr Duration relay_dial_timeout = 60s;
inline constexpr Duration relay_reserve_timeout = 30s;
/// A reservation is renewed when so much of it is left, or half of it if that is less.
inline constexpr Duration relay_renew_before = 5min;
inline constexpr Duration relay_renew_least = 10s;
/// One that is lost sooner counts as a failure.
inline constexpr Duration relay_reservation_short = 1min;
/// What a relay promises beyond is not believed.
inline constexpr Duration relay_reservation_ttl_most = 24h;
/// Circuits that came by one relay and wait for somebody to take them.
inline constexpr std::size_t circuits_waiting_max = 16;
inline constexpr Duration circuit_accept_timeout = 10s;
/// Stop streams of one relay: circuits that it may bring at a time.
inline constexpr std::size_t stop_streams_per_peer_max = 64;
static_assert(circuits_waiting_max <= stop_streams_per_peer_max);

// Finding relays.
inline constexpr std::size_t auto_relays_wanted = 2;
/// Relays that it remembers to have refused; of the public ones most are full.
inline constexpr std::size_t auto_relay_backoffs_max = 256;
/// A relay that refused, or was lost, is left alone so long, doubled each time.
inline constexpr Duration auto_relay_backoff_base = 30s;
inline constexpr Duration auto_relay_backoff_max = 1h;
inline constexpr Duration auto_relay_look_interval = 30s;
static_assert(auto_relay_backoff_base <= auto_relay_backoff_max);
static_assert(auto_relays_wanted < auto_relay_backoffs_max);

// Hole punching (DCUtR).
inline constexpr std::size_t dcutr_message_bytes_max = 4096;
/// Addresses of the other side that are dialed; further ones are passed over.
inline constexpr std::size_t dcutr_addresses_max = 16;
inline constexpr int dcutr_attempts_max = 3;
/// Waited after an attempt, times its number squared. A peer that was just started punches holes
/// only once it knows where it is seen: go-libp2p looks every five seconds.
inline constexpr Duration dcutr_attempt_pause = 1s;
inline constexpr Duration dcutr_stream_timeout = 60s;
/// Of one attempt at a direct connection.
inline constexpr Duration dcutr_dial_timeout = 10s;
/// What is measured beyond is not believed: the other side would choose when we dial.
inline constexpr Duration dcutr_round_trip_max = 5s;
/// Peers with whom a direct connection is being sought at a time.
inline constexpr std::size_t dcutr_peers_max = 32;
inline constexpr std::size_t dcutr_streams_per_peer_max = 2;

}  // namespace kith::net
