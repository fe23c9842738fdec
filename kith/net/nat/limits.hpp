// What finding out about our own reachability, and opening ports, may cost. AutoNAT's numbers are
// go-libp2p's.
#pragma once

#include <cstddef>
#include <cstdint>

#include <kith/base/time.hpp>

namespace kith::net {

// AutoNAT, both versions.
inline constexpr std::size_t autonat_v1_message_bytes_max = 4096;
inline constexpr std::size_t autonat_v2_message_bytes_max = 8192;
inline constexpr std::size_t autonat_dial_back_bytes_max = 1024;
/// Of the other side that are looked at; further ones are passed over.
inline constexpr std::size_t autonat_v1_addresses_max = 16;
inline constexpr std::size_t autonat_v2_addresses_max = 50;
/// That we ask about at a time.
inline constexpr std::size_t autonat_v2_addresses_asked_max = 10;
inline constexpr std::size_t autonat_status_text_bytes_max = 256;

// Serving v1: so many dials in an interval, and of one peer.
inline constexpr std::size_t autonat_v1_dials_max = 30;
inline constexpr std::size_t autonat_v1_dials_per_peer_max = 3;
inline constexpr Duration autonat_v1_interval = 1min;
inline constexpr Duration autonat_v1_dial_timeout = 15s;
inline constexpr Duration autonat_v1_stream_timeout = 60s;
static_assert(autonat_v1_dials_per_peer_max <= autonat_v1_dials_max);
static_assert(autonat_v1_dial_timeout < autonat_v1_stream_timeout);

// Serving v2: requests in a minute, of one peer, and such that cost the asker data.
inline constexpr std::size_t autonat_v2_requests_max = 60;
inline constexpr std::size_t autonat_v2_requests_per_peer_max = 12;
inline constexpr std::size_t autonat_v2_data_requests_max = 12;
inline constexpr Duration autonat_v2_interval = 1min;
inline constexpr std::size_t autonat_v2_requests_at_once_per_peer_max = 2;
/// What the asker has to send before an address is dialed that isn't its own: more than a handshake
/// costs whoever is there.
inline constexpr std::uint64_t autonat_v2_data_bytes_least = 30'000;
inline constexpr std::uint64_t autonat_v2_data_bytes_most = 100'000;
/// One message of it, and how little of it is a nuisance.
inline constexpr std::size_t autonat_v2_data_chunk_bytes = 4096;
inline constexpr std::size_t autonat_v2_data_chunk_least = 100;
/// Waited before such a dial, at most, so that many who ask at once don't all strike at once.
inline constexpr Duration autonat_v2_dial_wait_max = 3s;
inline constexpr Duration autonat_v2_stream_timeout = 15s;
inline constexpr Duration autonat_v2_dial_timeout = 10s;
inline constexpr Duration autonat_v2_dial_back_timeout = 5s;
/// Dials that both versions may have under way.
inline constexpr std::size_t autonat_dials_at_once_max =
    autonat_v1_dials_max * autonat_v1_addresses_max + autonat_v2_requests_max;
static_assert(autonat_v2_data_bytes_least < autonat_v2_data_bytes_most);
static_assert(autonat_v2_data_chunk_bytes < autonat_v2_message_bytes_max);

// Asking.
inline constexpr Duration autonat_start_delay = 15s;
inline constexpr Duration autonat_retry_interval = 90s;
inline constexpr Duration autonat_refresh_interval = 15min;
inline constexpr Duration autonat_request_timeout = 30s;
/// The same peer isn't asked again before.
inline constexpr Duration autonat_peer_interval = 90s;
inline constexpr int autonat_confidence_max = 3;
/// Addresses of ours whose reachability is known, one by one.
inline constexpr std::size_t reachability_addresses_max = 50;
/// Of the last so many answers the difference of yes and no must be this, to believe it, and to
/// rest.
inline constexpr std::size_t reachability_answers_kept = 5;
inline constexpr int reachability_believed_from = 2;
inline constexpr int reachability_settled_from = 3;
inline constexpr Duration reachability_probe_interval = 1h;
/// Addresses that nobody wants to dial, and those whose answers contradict, are left alone so long.
inline constexpr Duration reachability_rest_interval = 10min;
inline constexpr int reachability_refusals_max = 5;
static_assert(reachability_settled_from <= static_cast<int>(reachability_answers_kept));

// What others say of where we are.
inline constexpr std::size_t observers_wanted = 4;
/// Of each kind: IPv4 or IPv6, TCP or QUIC.
inline constexpr std::size_t observed_addresses_per_local_max = 3;

// Port mapping.
inline constexpr Duration port_mapping_lifetime = 1h;
/// What a gateway says about lifetimes beyond these isn't believed.
inline constexpr Duration port_mapping_lifetime_least = 2min;
inline constexpr Duration port_mapping_lifetime_most = 24h;
inline constexpr std::size_t port_mappings_max = 16;
inline constexpr Duration gateway_look_interval = 10min;
inline constexpr Duration gateway_retry_interval = 2min;
/// RFC 6886 section 3.1 begins with 250 ms and doubles; after so many tries nobody is there.
inline constexpr Duration nat_pmp_first_timeout = 250ms;
inline constexpr int nat_pmp_tries = 5;
/// To find out what a router speaks, so that other protocols have their turn soon.
inline constexpr int gateway_look_tries = 3;
inline constexpr std::size_t gateway_datagram_bytes_max = 1100;
inline constexpr std::size_t gateways_max = 4;
/// For all mappings together, at the end.
inline constexpr Duration give_back_timeout = 2s;

// UPnP. A router's answers, and what of them is looked at.
inline constexpr std::size_t ssdp_answer_bytes_max = 2048;
inline constexpr std::size_t ssdp_answer_fields_max = 32;
inline constexpr Duration ssdp_patience = 2s;
inline constexpr int ssdp_tries = 2;
/// Datagrams that are read in one search, ours or not.
inline constexpr std::size_t ssdp_answers_max = 64;
inline constexpr std::size_t device_url_bytes_max = 256;
/// A description with all its devices has 4 to 8 KiB.
inline constexpr std::size_t upnp_document_bytes_max = 64 * 1024;
inline constexpr std::size_t xml_elements_max = 1024;
inline constexpr std::size_t xml_depth_max = 16;
inline constexpr std::size_t xml_name_bytes_max = 64;
inline constexpr std::size_t xml_text_bytes_max = 1024;
inline constexpr std::size_t igd_services_max = 4;
inline constexpr Duration upnp_request_timeout = 5s;
/// Other ports that are tried if somebody else has ours outside.
inline constexpr int upnp_other_ports_max = 3;
static_assert(gateway_look_tries <= nat_pmp_tries);
static_assert(xml_name_bytes_max <= xml_text_bytes_max);
static_assert(xml_text_bytes_max <= upnp_document_bytes_max);
static_assert(device_url_bytes_max <= ssdp_answer_bytes_max);
static_assert(port_mapping_lifetime_least < port_mapping_lifetime);
static_assert(port_mapping_lifetime <= port_mapping_lifetime_most);

}  // namespace kith::net
