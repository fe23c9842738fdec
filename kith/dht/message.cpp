#include <protozero/pbf_writer.hpp>

#include <kith/base/assert.hpp>
#include <kith/base/protobuf_reader.hpp>
#include <kith/base/varint.hpp>
#include <kith/dht/message.hpp>

namespace kith::dht {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;
using protozero::pbf_wire_type;

constexpr protozero::pbf_tag_type type_field = 1;
constexpr protozero::pbf_tag_type key_field = 2;
constexpr protozero::pbf_tag_type record_field = 3;
constexpr protozero::pbf_tag_type closer_field = 8;
constexpr protozero::pbf_tag_type providers_field = 9;

class Domain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "dht"; }
  std::string message(int code) const override {
    switch (static_cast<MessageError>(code)) {
      case MessageError::bad_encoding:
        return "a message of the DHT is malformed";
      case MessageError::unknown_type:
        return "a message of the DHT is of an unknown type";
      case MessageError::too_long:
        return "a key or value in a message of the DHT is too long";
    }
    return "unknown error";
  }
};
constinit const Domain domain;

/// Ends the decoding; caught in decode_message.
struct Refused {
  MessageError why;
};

ByteView bytes_of(ProtobufReader& reader) {
  if (reader.wire_type() != pbf_wire_type::length_delimited) {
    throw Refused{MessageError::bad_encoding};
  }
  return reader.get_bytes();
}

std::uint64_t number_of(ProtobufReader& reader) {
  if (reader.wire_type() != pbf_wire_type::varint) throw Refused{MessageError::bad_encoding};
  return reader.get_uint64();
}

ByteView bytes_of(ProtobufReader& reader, std::size_t size_max) {
  ByteView bytes = bytes_of(reader);
  if (bytes.size() > size_max) throw Refused{MessageError::too_long};
  return bytes;
}

Peer decode_peer(ByteView encoded) {
  Peer peer;
  ProtobufReader reader(encoded);
  while (reader.next()) {
    switch (reader.tag()) {
      case 1:
        peer.id = PeerId::from_bytes(bytes_of(reader)).value_or(PeerId());
        break;
      case 2: {
        auto address = Multiaddr::from_bytes(bytes_of(reader));
        if (address && peer.addresses.size() < addresses_per_peer_max) {
          peer.addresses.push_back(*std::move(address));
        }
        break;
      }
      case 3: {
        std::uint64_t number = number_of(reader);
        if (number <= static_cast<std::uint64_t>(Connectedness::cannot_connect)) {
          peer.connection = static_cast<Connectedness>(number);
        }
        break;
      }
      default:
        reader.skip();
    }
  }
  return peer;
}

void add_peer(ByteView encoded, std::vector<Peer>& peers, std::size_t most) {
  if (peers.size() >= most) return;
  Peer peer = decode_peer(encoded);
  if (!peer.id.empty()) peers.push_back(std::move(peer));
}

Record decode_record(ByteView encoded) {
  Record record;
  ProtobufReader reader(encoded);
  while (reader.next()) {
    switch (reader.tag()) {
      case 1:
        record.key = to_bytes(bytes_of(reader, key_bytes_max));
        break;
      case 2:
        record.value = to_bytes(bytes_of(reader, value_bytes_max));
        break;
      case 5: {
        ByteView text = bytes_of(reader);
        if (text.size() <= time_text_bytes_max) record.time_received = as_text(text);
        break;
      }
      default:
        reader.skip();
    }
  }
  return record;
}

void decode_field(ProtobufReader& reader, Message& message) {
  switch (reader.tag()) {
    case type_field: {
      std::uint64_t number = number_of(reader);
      if (number > static_cast<std::uint64_t>(MessageType::ping)) {
        throw Refused{MessageError::unknown_type};
      }
      message.type = static_cast<MessageType>(number);
      break;
    }
    case key_field:
      message.key = to_bytes(bytes_of(reader, key_bytes_max));
      break;
    case record_field:
      message.record = decode_record(bytes_of(reader));
      break;
    case closer_field:
      add_peer(bytes_of(reader), message.closer, closer_peers_max);
      break;
    case providers_field:
      add_peer(bytes_of(reader), message.providers, provider_peers_max);
      break;
    default:
      reader.skip();
  }
}

void add_bytes(protozero::pbf_writer& writer, protozero::pbf_tag_type tag, ByteView bytes) {
  writer.add_bytes(tag, as_text(bytes).data(), bytes.size());
}

std::size_t field_size(std::size_t value_bytes) noexcept {
  return 1 + varint_size(value_bytes) + value_bytes;
}

std::size_t inner_size(const Peer& peer) noexcept {
  std::size_t size = field_size(peer.id.bytes().size());
  for (const Multiaddr& address : peer.addresses)
    size += field_size(address.bytes().size());
  if (peer.connection != Connectedness::not_connected) size += 2;
  return size;
}

void write_peers(protozero::pbf_writer& writer, protozero::pbf_tag_type tag,
                 const std::vector<Peer>& peers) {
  for (const Peer& peer : peers) {
    protozero::pbf_writer inner(writer, tag);
    add_bytes(inner, 1, peer.id.bytes());
    for (const Multiaddr& address : peer.addresses)
      add_bytes(inner, 2, address.bytes());
    if (peer.connection != Connectedness::not_connected) {
      inner.add_enum(3, static_cast<std::int32_t>(peer.connection));
    }
  }
}

}  // namespace

const ErrorDomain& error_domain(MessageError) noexcept {
  return domain;
}

std::string_view to_string(MessageType type) noexcept {
  switch (type) {
    case MessageType::put_value:
      return "put value";
    case MessageType::get_value:
      return "get value";
    case MessageType::add_provider:
      return "add provider";
    case MessageType::get_providers:
      return "get providers";
    case MessageType::find_node:
      return "find node";
    case MessageType::ping:
      return "ping";
  }
  return "unknown";
}

std::expected<Message, MessageError> decode_message(ByteView encoded) {
  Message message;
  message.type = MessageType::put_value;
  try {
    ProtobufReader reader(encoded);
    while (reader.next())
      decode_field(reader, message);
  } catch (const Refused& refused) {
    return std::unexpected(refused.why);
  } catch (const protozero::exception&) {
    return std::unexpected(MessageError::bad_encoding);
  }
  return message;
}

Bytes encode_message(const Message& message) {
  ASSERT(message.key.size() <= key_bytes_max);
  ASSERT(message.closer.size() <= closer_peers_max);
  ASSERT(message.providers.size() <= provider_peers_max);
  std::string encoded;
  protozero::pbf_writer writer(encoded);
  writer.add_enum(type_field, static_cast<std::int32_t>(message.type));
  if (!message.key.empty()) add_bytes(writer, key_field, message.key);
  if (message.record) {
    const Record& record = *message.record;
    ASSERT(record.key.size() <= key_bytes_max && record.value.size() <= value_bytes_max);
    protozero::pbf_writer inner(writer, record_field);
    add_bytes(inner, 1, record.key);
    add_bytes(inner, 2, record.value);
    if (!record.time_received.empty()) inner.add_string(5, record.time_received);
  }
  write_peers(writer, closer_field, message.closer);
  write_peers(writer, providers_field, message.providers);
  return to_bytes(encoded);
}

std::size_t encoded_size(const Peer& peer) noexcept {
  return field_size(inner_size(peer));
}

}  // namespace kith::dht
