// The messages of Bitswap (ipfs/specs src/bitswap-protocol.md).
//
//   +-----------------+------------------+
//   | varint length   | protobuf Message |   ... one after the other on a stream
//   +-----------------+------------------+
//
//   Message:  1 wantlist { 1 entries { 1 cid, 2 priority, 3 cancel, 4 want type, 5 send dont have
//   },
//                          2 full }
//             2 blocks (bytes; 1.0.0 only)            3 payload { 1 CID prefix, 2 data }
//             (from 1.1.0) 4 presences { 1 cid, 2 type } (1.2.0)   5 pending bytes (1.2.0)
//
// Every form is understood whatever the version of the stream, as boxo does; the version says which
// form is written. A block has no CID of its own on the wire: who receives it hashes it. Decoding
// copies no block: its data are windows onto the message. Unknown fields are skipped; a field of
// the wrong type, an entry without a valid CID and a block above ipld::block_bytes_max fail the
// message. Limits: limits.hpp. Pure; any thread.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include <kith/base/buffer.hpp>
#include <kith/exchange/limits.hpp>
#include <kith/multiformats/cid.hpp>

namespace kith::exchange {

using multiformats::Cid;

enum class BitswapError {
  bad_encoding = 1,   ///< no protobuf, or a field of the wrong type
  bad_cid,            ///< an entry without a CID, or with bytes that are none
  bad_prefix,         ///< a block whose prefix is no CID prefix
  block_too_large,    ///< above ipld::block_bytes_max
  too_many_entries,   ///< a limit of limits.hpp
  message_too_large,  ///< above message_bytes_max
};
const ErrorDomain& error_domain(BitswapError) noexcept;

enum class BitswapVersion : std::uint8_t { v1_0_0, v1_1_0, v1_2_0 };

/// Newest first, as they are offered; the last is 1.0.0 under its first name.
inline constexpr std::string_view bitswap_protocols[] = {
    "/ipfs/bitswap/1.2.0", "/ipfs/bitswap/1.1.0", "/ipfs/bitswap/1.0.0", "/ipfs/bitswap"};

/// The version that a protocol id stands for; nothing if it isn't one of bitswap_protocols.
std::optional<BitswapVersion> bitswap_version(std::string_view protocol) noexcept;

enum class WantType : std::uint8_t { block, have };

struct Want {
  Cid cid;
  std::int32_t priority = 1;  ///< higher is sooner
  WantType type = WantType::block;
  bool cancel = false;
  bool send_dont_have = false;

  friend bool operator==(const Want&, const Want&) = default;
};

struct BlockPayload {
  multiformats::CidPrefix prefix;
  Buffer data;
};

enum class Presence : std::uint8_t { have, dont_have };

struct BlockPresence {
  Cid cid;
  Presence presence = Presence::have;

  friend bool operator==(const BlockPresence&, const BlockPresence&) = default;
};

struct BitswapMessage {
  std::vector<Want> wants;
  bool full = false;  ///< the wants replace those sent before
  std::vector<BlockPayload> blocks;
  std::vector<BlockPresence> presences;
  std::int32_t pending_bytes = 0;  ///< what the sender still has queued for the receiver

  bool empty() const noexcept {
    return wants.empty() && !full && blocks.empty() && presences.empty();
  }
};

/// Reads a message without its length prefix.
std::expected<BitswapMessage, BitswapError> decode_message(const Buffer& message);

/// The pieces of the message, its length prefix first; block data are not copied. 1.0.0 and 1.1.0
/// carry no want types, presences and pending bytes: 1.0.0 and 1.1.0 peers get want-blocks only.
std::vector<Buffer> encode_message(const BitswapMessage& message, BitswapVersion version);

/// Bytes that a want or a presence takes in a message, at most.
std::size_t want_bytes(const Cid& cid) noexcept;
std::size_t presence_bytes(const Cid& cid) noexcept;

}  // namespace kith::exchange
