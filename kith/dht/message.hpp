// The messages of the Kademlia DHT (libp2p/specs kad-dht/README.md, "RPC messages").
//
//   +-----------------+------------------+
//   | varint length   | protobuf Message |   requests one way, answers the other, on one stream
//   +-----------------+------------------+
//
//   Message  1 type   2 key   3 Record   8 closer Peer*   9 provider Peer*   10 (unused)
//   Record   1 key    2 value   5 time received, as text
//   Peer     1 id     2 multiaddr*   3 connection
//
//   type          request                   answer
//   put_value     key, record               the same
//   get_value     key                       record if there is one, closer
//   add_provider  key, providers            none
//   get_providers key                       providers, closer
//   find_node     key: a peer id            closer, the peer itself first
//   ping          -                         the same; others send it, we don't
//
// A message without a type is a put_value, as protobuf has it. What is well-formed and means
// nothing to us (a peer id or an address that is none) is left out, and peers beyond the limits
// are passed over; a field of the wrong type, an unknown message type, a key, value or record that
// is too long fail the message. Limits: limits.hpp. Pure. Thread: any.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/dht/limits.hpp>
#include <kith/multiformats/multiaddr.hpp>
#include <kith/multiformats/peer_id.hpp>

namespace kith::dht {

enum class MessageError {
  bad_encoding = 1,  ///< no protobuf, or a field of the wrong type
  unknown_type,      ///< a type of message that isn't listed above
  too_long,          ///< a key or a value beyond the limits
};
const ErrorDomain& error_domain(MessageError) noexcept;

/// The numbers are those on the wire.
enum class MessageType : std::uint8_t {
  put_value = 0,
  get_value = 1,
  add_provider = 2,
  get_providers = 3,
  find_node = 4,
  ping = 5,
};
std::string_view to_string(MessageType type) noexcept;

/// What the sender knows of its connection to a peer; nobody relies on it.
enum class Connectedness : std::uint8_t {
  not_connected = 0,
  connected = 1,
  can_connect = 2,
  cannot_connect = 3,
};

struct Peer {
  multiformats::PeerId id;
  std::vector<multiformats::Multiaddr> addresses;
  Connectedness connection = Connectedness::not_connected;

  friend bool operator==(const Peer&, const Peer&) = default;
};

struct Record {
  Bytes key;
  Bytes value;
  std::string time_received;  ///< set by who has stored it; for people

  friend bool operator==(const Record&, const Record&) = default;
};

struct Message {
  MessageType type = MessageType::ping;
  Bytes key;
  std::optional<Record> record;
  std::vector<Peer> closer;
  std::vector<Peer> providers;

  friend bool operator==(const Message&, const Message&) = default;
};

/// Reads a message without its length.
std::expected<Message, MessageError> decode_message(ByteView encoded);

/// The bytes of a message without its length. Key, record and the peers' number are within the
/// limits (asserted).
Bytes encode_message(const Message& message);

/// How many bytes a peer takes in a message.
std::size_t encoded_size(const Peer& peer) noexcept;

}  // namespace kith::dht
