// The limits and intervals of the DHT, and why they are what they are. "Amino" is what the public
// IPFS network has agreed on (go-libp2p-kad-dht, amino/defaults.go; ipfs/specs kad-dht.md).
#pragma once

#include <cstddef>
#include <cstdint>

#include <kith/base/time.hpp>
#include <kith/routing/limits.hpp>

namespace kith::dht {

// The wire.

/// What we take as a request. The longest is a PUT_VALUE with a value of value_bytes_max.
inline constexpr std::size_t request_bytes_max = 64 * 1024;
/// What we take as an answer: go fills it with providers up to 4 MiB; 1 MiB has room for 2,000.
inline constexpr std::size_t answer_bytes_max = 1024 * 1024;
/// What we send: rust-libp2p takes no more by default.
inline constexpr std::size_t message_own_bytes_max = 16 * 1024;
/// Peers beyond these in a message are passed over. An honest answer has k closer ones, or one
/// more.
inline constexpr std::size_t closer_peers_max = 40;
inline constexpr std::size_t provider_peers_max = 1024;
/// Likewise addresses of one peer: what we take, and what we tell.
inline constexpr std::size_t addresses_per_peer_max = 32;
inline constexpr std::size_t addresses_told_max = 12;
inline constexpr std::size_t address_bytes_told_max = 640;
/// The key of content (go has the same), and of anything.
inline constexpr std::size_t content_key_bytes_max = 80;
inline constexpr std::size_t key_bytes_max = routing::key_bytes_max;
inline constexpr std::size_t value_bytes_max = routing::value_bytes_max;
inline constexpr std::size_t time_text_bytes_max = 64;
static_assert(content_key_bytes_max <= key_bytes_max);
static_assert(value_bytes_max + 2 * key_bytes_max + 256 <= message_own_bytes_max);
static_assert(message_own_bytes_max <= request_bytes_max);

/// One request to one peer, from the dial to the answer; go has the same for its dials.
inline constexpr Duration request_timeout = 10s;
/// A stream on which no request comes is ended.
inline constexpr Duration stream_idle_timeout = 1min;
/// Streams of one peer that are served at once.
inline constexpr std::uint64_t streams_per_peer_max = 32;

/// An address at which we are seen is told in the wide DHT once peers of so many networks say so
/// (go-libp2p has the same number).
inline constexpr std::size_t observers_needed = 4;

// The table and lookups (Amino).

inline constexpr std::size_t bucket_size = 20;       ///< k
inline constexpr std::size_t lookup_width = 10;      ///< alpha: requests at once
inline constexpr std::size_t lookup_resiliency = 3;  ///< beta: nearest that must have answered
/// Buckets, by the number of leading bits that a peer's key has in common with ours.
inline constexpr std::size_t buckets = 257;
/// Peers of one IP network (of IPv4 a /16, of IPv6 a /32) in a bucket and in the table.
inline constexpr std::size_t group_in_bucket_max = 2;
inline constexpr std::size_t group_in_table_max = 3;
/// And among the peers that a lookup goes by: somebody with addresses in few networks and any
/// number of ground ids can't make up the nearest ones.
inline constexpr std::size_t group_in_lookup_max = 3;
/// Newcomers that wait for a place in a full bucket.
inline constexpr std::size_t bucket_waiting_max = 4;
/// A peer of a full bucket that wasn't heard from for so long is asked, and makes room if it
/// doesn't answer.
inline constexpr Duration peer_doubtful_after = 10min;
inline constexpr std::size_t ip_groups_per_peer_max = 4;
/// Likewise of a peer that a lookup has only heard of, from all who told of it.
inline constexpr std::size_t heard_groups_max = 2 * ip_groups_per_peer_max;

/// Peers that one lookup asks. In a network of a million honest ones it takes about 60.
inline constexpr std::size_t lookup_asked_max = 320;
/// Peers that it keeps in mind; the furthest are forgotten.
inline constexpr std::size_t lookup_candidates_max = 1024;
/// Who hasn't answered after this is awaited further, but holds up nobody.
inline constexpr Duration lookup_slow_after = 2s;
/// With those that are slow.
inline constexpr std::size_t lookup_requests_max = 6 * lookup_width;
/// Peers picked from the whole table that a lookup asks beside the nearest: liars who fill the
/// bucket of a target are not all that it goes by.
inline constexpr std::size_t lookup_others = 3;
/// Peers of an answer that a lookup takes: the one that is looked for, and k.
inline constexpr std::size_t lookup_told_max = bucket_size + 1;
/// Of the peers that only one other has told of so many count until they answer. Who invents peers
/// holds up a lookup with no more than these.
inline constexpr std::size_t told_by_one_max = bucket_size / 4;
static_assert(told_by_one_max * 2 <= lookup_width && lookup_told_max <= closer_peers_max);
static_assert(lookup_resiliency <= bucket_size && group_in_bucket_max <= group_in_table_max);
static_assert(lookup_slow_after < request_timeout);
/// Hops of lookups are counted one by one up to these.
inline constexpr std::size_t hops_counted_max = 15;

/// Lookups at once; further ones wait for their turn.
inline constexpr std::size_t lookups_at_once_max = 16;
/// Without another wish: a lookup that takes longer is given up.
inline constexpr Duration lookup_timeout = 1min;

// Upkeep.

inline constexpr Duration refresh_interval = 10min;
/// Added at random, so that nodes that were started together don't stay together.
inline constexpr Duration refresh_jitter_max = 1min;
/// Between the first peer that comes into an empty table and the refresh that it is a reason for.
inline constexpr Duration newcomer_pause = 1s;
/// A table that holds fewer peers than k is looked after more often, for as long as that helps.
inline constexpr Duration refresh_interval_small = 1min;
/// Buckets beyond are so small that looking for oneself fills them.
inline constexpr std::size_t refreshed_buckets_max = 16;
/// Peers asked whether they are still there, in one refresh, and at a time.
inline constexpr std::size_t checked_per_refresh_max = 64;
inline constexpr std::size_t checks_at_once_max = 10;
/// Peers that stopped answering are asked again after this, then each time after twice as long.
inline constexpr std::size_t lost_peers_max = 128;
inline constexpr Duration lost_peer_retry = 5min;
inline constexpr Duration lost_peer_retry_max = 24h;
inline constexpr std::size_t lost_peers_per_refresh_max = 16;

// Records (Amino).

inline constexpr Duration provider_ttl = 48h;
inline constexpr Duration provider_addresses_ttl = 24h;
inline constexpr Duration reprovide_interval = 22h;
inline constexpr Duration value_ttl = 48h;
// The sweep may be half an interval early or late.
static_assert(reprovide_interval + reprovide_interval / 2 < provider_ttl &&
              provider_addresses_ttl <= provider_ttl);

/// Provider records held for others: of all keys, of one key, of one network and key.
inline constexpr std::size_t provider_records_max = 200'000;
inline constexpr std::size_t provider_record_bytes_max = std::size_t{64} << 20;
inline constexpr std::size_t providers_per_key_max = 256;
inline constexpr std::size_t providers_per_key_and_group_max = 16;
inline constexpr std::size_t value_records_max = 10'000;
inline constexpr std::size_t value_record_bytes_max = std::size_t{16} << 20;
/// Content that this node provides. One key takes about 100 bytes.
inline constexpr std::size_t provided_keys_max = 1'000'000;
/// Peers that are told at once, of one key or of a region's.
inline constexpr std::size_t stores_at_once = bucket_size;
inline constexpr std::size_t stores_at_once_max = 1000;
/// Keys that are told of at once where that is done one by one: half of the lookups that there may
/// be, for the others are looking for something.
inline constexpr std::size_t keys_at_once = lookups_at_once_max / 2;
inline constexpr std::size_t keys_at_once_max = 1000;
inline constexpr Duration reprovide_look_interval = 1min;
/// Content that could be told to nobody is told again after this.
inline constexpr Duration reprovide_retry = 10min;

// Providing before a lookup has ended (dht_optimistic.cpp), with go's numbers.

/// Lookups that the size of the network is estimated from: so many at least, the latest so many at
/// most, and no older ones.
inline constexpr std::size_t size_samples_min = 5;
inline constexpr std::size_t size_samples_max = 150;
inline constexpr Duration size_sample_age_max = 2h;
/// With fewer, some are made for it at each refresh, by nodes that provide something.
inline constexpr std::size_t size_samples_wanted = 16;
inline constexpr std::size_t size_lookups_per_refresh = 4;
/// Of the k peers that are told, whose answers are awaited: three quarters.
inline constexpr std::size_t stores_awaited_percent = 75;
/// If not so many took the record, the lookup is done to its end.
inline constexpr std::size_t stores_enough_percent = 50;
/// Peers that are still being told, of all content, when the caller has gone on.
inline constexpr std::size_t background_stores_max = 60;
inline constexpr std::size_t background_stores_most = 10'000;
static_assert(stores_enough_percent <= stores_awaited_percent);

// The sweep (dht_sweep.cpp).

/// Keys of a region that are told of in one go; further ones are next.
inline constexpr std::size_t sweep_keys_max = 10'000;
/// Lookups to find the peers of a region. Two or three do.
inline constexpr std::size_t sweep_lookups_max = 16;
/// Regions are no smaller than those of a network of four million.
inline constexpr std::size_t sweep_region_bits_max = 17;
/// To tell a peer of all its keys.
inline constexpr Duration sweep_tell_timeout = 2min;
/// Keys that are looked at before other work has its turn.
inline constexpr std::size_t sweep_keys_at_once = 128;
/// Regions of the last interval that are remembered, and keys that are looked at, for ProvideStats.
inline constexpr std::size_t swept_kept_max = 4096;
inline constexpr std::size_t due_counted_max = 100'000;

// What is kept between two runs.

inline constexpr Duration records_save_interval = 15min;
/// A crash takes what was provided for the first time since then.
inline constexpr Duration provided_save_interval = 10s;
inline constexpr Duration state_retry = 1min;
/// Encoded before other work has its turn.
inline constexpr std::size_t state_records_at_once = 256;
/// A frame is closed once it has so many bytes; a single record may lead it beyond.
inline constexpr std::size_t state_frame_bytes = 64 * 1024;
inline constexpr std::size_t state_frame_bytes_max = std::size_t{64} << 20;
/// Changes that are added at least before the file is written anew.
inline constexpr std::size_t state_slack_bytes = std::size_t{1} << 20;
inline constexpr std::size_t state_file_bytes_max = std::size_t{512} << 20;
static_assert((state_records_at_once + providers_per_key_max) * request_bytes_max +
                  state_frame_bytes <=
              state_frame_bytes_max);
static_assert(2 * provided_keys_max * (content_key_bytes_max + 16) + 4 * state_slack_bytes <
              state_file_bytes_max);
static_assert(provider_record_bytes_max + value_record_bytes_max < state_file_bytes_max / 2);
/// Peers of the last run that are asked whether they are still there.
inline constexpr std::size_t restored_peers_max = 1024;

/// Of a search: providers told of, and dials of the peer that is looked for.
inline constexpr std::size_t providers_found_max = 10'000;
inline constexpr std::size_t reach_attempts_max = 8;

}  // namespace kith::dht
