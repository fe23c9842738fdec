// The limits of pubsub, and why they are what they are. What an application may want otherwise is
// in options.hpp; this is what strangers can make us hold.
#pragma once

#include <cstddef>
#include <cstdint>

#include <kith/base/time.hpp>

namespace kith::pubsub {

// On the wire.

/// One RPC without its length prefix: go-libp2p-pubsub reads no longer ones.
inline constexpr std::size_t rpc_bytes_max = 1024 * 1024;
/// A message must fit one RPC.
inline constexpr std::size_t message_bytes_max = rpc_bytes_max - 64;
/// go has no limit of its own; names that people use are far shorter.
inline constexpr std::size_t topic_bytes_max = 1024;
/// The default id is a peer id and eight bytes, a hash has 20 to 64.
inline constexpr std::size_t message_id_bytes_max = 256;
/// Entries of one RPC. An empty one takes two bytes on the wire and some 50 in memory, so that
/// without these an RPC could grow twentyfold.
inline constexpr std::size_t rpc_subscriptions_max = 8192;
inline constexpr std::size_t rpc_messages_max = 8192;
inline constexpr std::size_t rpc_ids_max = 16'384;
inline constexpr std::size_t rpc_grafts_max = 4096;
inline constexpr std::size_t rpc_prunes_max = 4096;
/// Of all prunes of one RPC. Others send 16 with each.
inline constexpr std::size_t unknown_fields_max = 16;  ///< of one message
inline constexpr std::size_t rpc_exchanged_peers_max = 1024;
inline constexpr std::size_t peer_record_bytes_max = 8 * 1024;

// The router.

/// Peers that speak pubsub with us. The swarm has its own, lower limits for most nodes.
inline constexpr std::size_t peers_max = 16'384;
/// Topics that we may be subscribed to.
inline constexpr std::size_t topics_joined_max = 4096;
/// Topics that we publish to without being subscribed: the one that was used longest ago gives way.
inline constexpr std::size_t topics_fanout_max = 1024;
/// What a peer may be subscribed to of what we aren't (CVE-2026-46679 is the lack of this limit);
/// further ones are ignored. What we are subscribed to always counts.
inline constexpr std::size_t topics_per_peer_max = 1024;
/// Of all peers: beyond it the peer with most such topics loses one.
inline constexpr std::size_t foreign_topics_max = 32'768;
/// Messages that are remembered as seen: the one that would be forgotten first gives way.
inline constexpr std::size_t seen_messages_max = 131'072;
/// Messages and their bytes that are kept for those who ask: the oldest give way.
inline constexpr std::size_t cached_messages_max = 16'384;
inline constexpr std::size_t cached_bytes_max = 32 * 1024 * 1024;
/// Messages that wait for a verdict, and their bytes, of all peers; further ones are dropped
/// without blame, and may come again. Go has the same number.
inline constexpr std::size_t pending_messages_max = 8192;
inline constexpr std::size_t pending_bytes_max = 64 * 1024 * 1024;
/// Of which one peer has at most an eighth, or one RPC would leave no room for others.
inline constexpr std::size_t pending_messages_share = pending_messages_max / 8;
inline constexpr std::size_t pending_bytes_share = pending_bytes_max / 8;
/// Of one peer: its next RPC isn't read before there are fewer.
inline constexpr std::size_t pending_messages_per_peer_max = 256;
inline constexpr std::size_t pending_bytes_per_peer_max = 4 * 1024 * 1024;
/// Peers remembered as having sent the same message while it waited.
inline constexpr std::size_t copies_max = 64;
/// Peers that may not come back into one topic's mesh yet: who may soonest gives way.
inline constexpr std::size_t backoffs_per_topic_max = 4096;
/// However long a peer asks us to stay away.
inline constexpr Duration backoff_max = 1h;
/// What a peer doesn't want, by a hash of eight bytes; further ones are ignored.
inline constexpr std::size_t unwanted_per_peer_max = 4096;
/// Ids that a peer may say it doesn't want, within a heartbeat.
inline constexpr std::size_t idontwant_ids_per_heartbeat_max = 1024;
/// Messages that a peer may ask for by IWANT within a heartbeat.
inline constexpr std::size_t iwant_ids_per_heartbeat_max = 5000;
/// And bytes that we answer with.
inline constexpr std::size_t iwant_bytes_per_heartbeat_max = 8 * 1024 * 1024;

// Scores.

/// Peers that have gone and whose bad score is kept: who would be forgotten first gives way.
inline constexpr std::size_t retained_scores_max = 8192;
/// Deliveries that are kept for the counting of late copies.
inline constexpr std::size_t delivery_records_max = 32'768;
/// Addresses of one peer that are counted.
inline constexpr std::size_t addresses_per_peer_max = 8;

// The service.

/// What waits for one peer's stream. Gossip goes first, then messages of others.
inline constexpr std::size_t queued_messages_max = 1024;
inline constexpr std::size_t queued_bytes_max = 4 * 1024 * 1024;
inline constexpr std::size_t queued_gossip_ids_max = 8192;
/// Messages that a subscription holds for a slow reader; further ones are dropped.
inline constexpr std::size_t subscription_queue_default = 128;
/// Validators that run at a time, of all topics and of one (as in go).
inline constexpr std::size_t validations_max = 8192;
inline constexpr std::size_t validations_per_topic_max = 1024;
/// Messages whose signatures are checked in one go.
inline constexpr std::size_t verify_batch_max = 64;
/// Streams of one peer and protocol that are read at a time: an old one may not have heard of its
/// end yet.
inline constexpr std::uint64_t streams_per_peer_max = 2;
/// And of all protocols.
inline constexpr std::size_t readers_per_peer_max = 4;
/// An RPC that has begun comes within this time.
inline constexpr Duration rpc_timeout = 30s;
/// Memory for an RPC that comes in parts starts with this and doubles as it fills.
inline constexpr std::size_t rpc_first_bytes = 16 * 1024;
/// Beyond that first memory, of all peers: who comes later waits, and isn't read meanwhile.
inline constexpr std::size_t reading_bytes_max = 64 * 1024 * 1024;
/// Of one peer, on all its streams.
inline constexpr std::size_t reading_bytes_per_peer_max = 2 * 1024 * 1024;
inline constexpr Duration stream_open_timeout = 20s;
/// The peer takes an RPC within this time, or its stream is given up.
inline constexpr Duration send_timeout = 30s;
/// An IWANT that hasn't gone out after this time is promised nothing.
inline constexpr Duration promise_wait_max = 1min;
/// After a stream has failed, and how often without success.
inline constexpr Duration reopen_delay = 1s;
inline constexpr int open_failures_max = 4;
/// Peers that others told of and that are dialed: at a time, and waiting.
inline constexpr std::size_t exchange_dials_at_once = 8;
inline constexpr std::size_t exchange_dials_waiting_max = 128;
inline constexpr Duration exchange_dial_timeout = 30s;
/// Authors whose highest sequence number is kept: who was heard of longest ago gives way.
inline constexpr std::size_t authors_max = 16'384;
/// What a peer that brought us a new message is worth when connections are trimmed.
inline constexpr std::int32_t useful_peer_value = 10;
inline constexpr Duration useful_peer_half_life = 10min;

static_assert(message_bytes_max < rpc_bytes_max);
static_assert(message_bytes_max <= pending_bytes_per_peer_max);
static_assert(pending_bytes_per_peer_max < pending_bytes_max);
static_assert(message_bytes_max <= cached_bytes_max && message_bytes_max <= queued_bytes_max);
static_assert(pending_messages_per_peer_max < pending_messages_share);
static_assert(pending_bytes_per_peer_max + message_bytes_max <= pending_bytes_share);
static_assert(2 * rpc_bytes_max <= reading_bytes_per_peer_max &&
              reading_bytes_per_peer_max < reading_bytes_max);
static_assert(2 * rpc_bytes_max <= reading_bytes_max && rpc_first_bytes < rpc_bytes_max);
static_assert(validations_per_topic_max <= validations_max);

}  // namespace kith::pubsub
