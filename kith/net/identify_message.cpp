#include <algorithm>

#include <protozero/pbf_writer.hpp>

#include <kith/base/protobuf_reader.hpp>
#include <kith/crypto/envelope.hpp>
#include <kith/net/identify_message.hpp>
#include <kith/net/limits.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;

constexpr std::string_view record_domain = "libp2p-peer-record";
constexpr std::uint8_t record_type[] = {0x03, 0x01};

void add_bytes(protozero::pbf_writer& writer, protozero::pbf_tag_type tag, ByteView bytes) {
  writer.add_bytes(tag, as_text(bytes).data(), bytes.size());
}

Result<void> add_address(ByteView bytes, std::vector<Multiaddr>& addresses) {
  if (addresses.size() >= identify_addresses_max) return std::unexpected(Errc::limit_exceeded);
  auto address = Multiaddr::from_bytes(bytes);
  if (address) addresses.push_back(*std::move(address));
  return {};
}

Result<void> merge_field(ProtobufReader& reader, IdentifyMessage& message) {
  if (reader.wire_type() != protozero::pbf_wire_type::length_delimited) {
    reader.skip();
    return {};
  }
  protozero::pbf_tag_type tag = reader.tag();
  ByteView value = reader.get_bytes();
  switch (tag) {
    case 1:
      message.public_key = to_bytes(value);
      return {};
    case 2:
      return add_address(value, message.listen_addresses);
    case 3:
      if (message.protocols.size() >= identify_protocols_max) {
        return std::unexpected(Errc::limit_exceeded);
      }
      if (value.size() <= protocol_id_bytes_max) message.protocols.emplace_back(as_text(value));
      return {};
    case 4: {
      auto address = Multiaddr::from_bytes(value);
      if (address) message.observed_address = *address;
      return {};
    }
    case 5:
      message.protocol_version = as_text(value.first(std::min(value.size(), agent_bytes_max)));
      return {};
    case 6:
      message.agent = as_text(value.first(std::min(value.size(), agent_bytes_max)));
      return {};
    case 8:
      message.signed_record = to_bytes(value);
      return {};
    default:
      return {};
  }
}

/// Cuts a message into parts: whatever would make the current one too long begins the next.
class PartWriter {
 public:
  void add(protozero::pbf_tag_type tag, ByteView value) {
    std::size_t size = value.size() + 4;
    if (parts_.back().size() + size > identify_own_message_bytes_max) {
      if (parts_.size() == identify_parts_max || size > identify_own_message_bytes_max) return;
      parts_.emplace_back();
    }
    protozero::pbf_writer writer(parts_.back());
    add_bytes(writer, tag, value);
  }

  std::vector<Bytes> finish() const {
    std::vector<Bytes> all;
    for (const std::string& part : parts_)
      all.push_back(to_bytes(part));
    return all;
  }

 private:
  std::vector<std::string> parts_ = {""};
};

Result<PeerRecord> decode_record(ByteView payload) {
  PeerRecord record;
  try {
    ProtobufReader reader(payload);
    while (reader.next()) {
      using protozero::pbf_wire_type;
      using protozero::tag_and_type;
      switch (reader.tag_and_type()) {
        case tag_and_type(1, pbf_wire_type::length_delimited): {
          KITH_TRY(record.peer, PeerId::from_bytes(reader.get_bytes()));
          break;
        }
        case tag_and_type(2, pbf_wire_type::varint):
          record.sequence = reader.get_uint64();
          break;
        case tag_and_type(3, pbf_wire_type::length_delimited): {
          ProtobufReader info = reader.get_message();
          while (info.next(1, pbf_wire_type::length_delimited)) {
            KITH_CHECK(add_address(info.get_bytes(), record.addresses));
          }
          break;
        }
        default:
          reader.skip();
      }
    }
  } catch (const protozero::exception&) {
    return std::unexpected(Errc::corrupt);
  }
  if (record.peer.empty()) return std::unexpected(Errc::corrupt);
  return record;
}

}  // namespace

Result<void> merge_identify_part(ByteView part, IdentifyMessage& message) {
  try {
    ProtobufReader reader(part);
    while (reader.next())
      KITH_CHECK(merge_field(reader, message));
  } catch (const protozero::exception&) {
    return std::unexpected(Errc::corrupt);
  }
  return {};
}

std::vector<Bytes> encode_identify(const IdentifyMessage& message) {
  PartWriter writer;
  if (message.public_key) writer.add(1, *message.public_key);
  writer.add(5, as_bytes(message.protocol_version));
  writer.add(6, as_bytes(message.agent));
  if (message.observed_address) writer.add(4, message.observed_address->bytes());
  for (const Multiaddr& address : message.listen_addresses)
    writer.add(2, address.bytes());
  if (!message.signed_record.empty()) writer.add(8, message.signed_record);
  for (const std::string& protocol : message.protocols)
    writer.add(3, as_bytes(protocol));
  return writer.finish();
}

Result<Bytes> seal_peer_record(const crypto::PrivateKey& key, std::uint64_t sequence,
                               const std::vector<Multiaddr>& addresses) {
  PeerId peer = PeerId::from_public_key(key.public_key());
  std::string payload;
  protozero::pbf_writer writer(payload);
  add_bytes(writer, 1, peer.bytes());
  writer.add_uint64(2, sequence);
  for (const Multiaddr& address : addresses) {
    std::string info;
    protozero::pbf_writer info_writer(info);
    add_bytes(info_writer, 1, address.bytes());
    writer.add_message(3, info);
  }
  return crypto::seal_envelope(key, record_domain, record_type, as_bytes(payload));
}

Result<PeerRecord> open_peer_record(ByteView envelope) {
  KITH_TRY(crypto::Envelope opened, crypto::open_envelope(envelope, record_domain));
  if (!equal(opened.payload_type, record_type)) return std::unexpected(Errc::corrupt);
  KITH_TRY(PeerRecord record, decode_record(opened.payload));
  if (record.peer != PeerId::from_public_key(opened.signer)) return std::unexpected(Errc::refused);
  return record;
}

}  // namespace kith::net
