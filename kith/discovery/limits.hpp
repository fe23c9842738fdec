// What mDNS discovery allows. Everything on the local network may be a lie, and may come at line
// rate.
#pragma once

#include <cstddef>
#include <cstdint>

#include <kith/base/time.hpp>

namespace kith::discovery {

// DNS messages (RFC 1035 section 2.3.4, RFC 6762 section 17).
inline constexpr std::size_t dns_name_bytes_max = 255;
inline constexpr std::size_t dns_label_bytes_max = 63;
inline constexpr std::size_t dns_message_bytes_max = 9000;
inline constexpr std::size_t dns_questions_max = 64;
/// Of all three sections together.
inline constexpr std::size_t dns_records_max = 256;
inline constexpr std::size_t dns_text_bytes_max = 255;
/// Character-strings of one message.
inline constexpr std::size_t dns_texts_max = 512;
/// Pointers followed within one name, which has at most 127 labels.
inline constexpr std::size_t dns_pointers_max = 128;

// What we send.
/// A message fits an Ethernet frame, also over IPv6.
inline constexpr std::size_t mdns_message_bytes_max = 1440;
/// The dnsaddr strings of one message, with their length bytes; the rest of the message is smaller
/// than what is left.
inline constexpr std::size_t mdns_texts_bytes_max = 960;
inline constexpr std::size_t mdns_host_addresses_max = 4;
inline constexpr std::size_t mdns_messages_per_response_max = 3;
inline constexpr std::size_t mdns_known_answers_max = 16;
inline constexpr std::size_t mdns_outgoing_max = 256;

/// PTR and TXT records, as rust-libp2p has it; longer than the longest time between two queries, to
/// which their sender answers, too.
inline constexpr std::uint32_t mdns_peer_ttl_seconds = 360;
/// Records that depend on a host's address (RFC 6762 section 10).
inline constexpr std::uint32_t mdns_host_ttl_seconds = 120;
/// In answers to those who are no multicast responders (RFC 6762 section 6.7).
inline constexpr std::uint32_t mdns_legacy_ttl_seconds = 10;

/// The first query waits a little, lest all nodes of a building ask at once after a power cut; the
/// following ones wait 1 s, 2 s, 4 s and so on (RFC 6762 section 5.2).
inline constexpr Duration mdns_first_query_delay_min = 20ms;
inline constexpr Duration mdns_first_query_delay_max = 120ms;
inline constexpr Duration mdns_query_interval_first = 1s;
inline constexpr Duration mdns_query_interval_max = 5min;
/// RFC 6762 section 6: before an answer that others give, too; and if the query goes on in another
/// message (section 7.2).
inline constexpr Duration mdns_response_delay_min = 20ms;
inline constexpr Duration mdns_response_delay_max = 120ms;
inline constexpr Duration mdns_truncated_delay_min = 400ms;
inline constexpr Duration mdns_truncated_delay_max = 500ms;
/// The same records aren't multicast more often.
inline constexpr Duration mdns_response_interval = 1s;
/// Answers to one address alone, in all.
inline constexpr double mdns_unicast_per_second = 4;
inline constexpr double mdns_unicast_burst = 8;

// What we take.
/// Messages read a second, from one address (more exactly, from those of one of many buckets) and
/// in all.
inline constexpr double mdns_received_per_second = 200;
inline constexpr double mdns_received_burst = 1000;
inline constexpr double mdns_source_per_second = 50;
inline constexpr double mdns_source_burst = 200;
inline constexpr std::size_t mdns_source_buckets = 256;
/// TXT records of peers, of which rust-libp2p sends one for each address.
inline constexpr std::size_t mdns_texts_per_message_max = 32;
/// Peers remembered, in all and from one address.
inline constexpr std::size_t mdns_peers_max = 1024;
inline constexpr std::size_t mdns_peers_per_source_max = 64;
inline constexpr std::size_t mdns_addresses_per_peer_max = 16;
/// A peer takes its place for so long at least, so that saying goodbye makes no room for the next
/// lie; and is believed for so long at most.
inline constexpr Duration mdns_peer_place_min = 2min;
inline constexpr Duration mdns_peer_ttl_max = 10min;
/// Peers told of: new ones at this rate, the same one again after a while.
inline constexpr double mdns_found_per_second = 2;
inline constexpr double mdns_found_burst = 100;
inline constexpr Duration mdns_found_again = 1min;

// Interfaces.
inline constexpr std::size_t mdns_interfaces_max = 32;
inline constexpr std::size_t mdns_announced_addresses_max = 24;
inline constexpr Duration mdns_interface_poll_interval = 10s;
inline constexpr Duration mdns_interface_settle_delay = 1s;

// Connecting to who was found.
inline constexpr std::size_t lan_dials_queued_max = 256;
inline constexpr std::size_t lan_dials_at_once = 4;
inline constexpr Duration lan_dial_timeout = 10s;

}  // namespace kith::discovery
