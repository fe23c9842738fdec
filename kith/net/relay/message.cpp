#include <algorithm>
#include <string>

#include <protozero/pbf_writer.hpp>

#include <kith/base/protobuf_reader.hpp>
#include <kith/crypto/envelope.hpp>
#include <kith/net/relay/limits.hpp>
#include <kith/net/relay/message.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;
using protozero::pbf_wire_type;
using protozero::tag_and_type;

constexpr std::string_view voucher_domain = "libp2p-relay-rsvp";
constexpr std::uint8_t voucher_type[] = {0x03, 0x02};
/// What stands around the addresses of a message: everything else of it, and keys and lengths.
constexpr std::size_t room_for_the_rest = 1024;

void add_bytes(protozero::pbf_writer& writer, protozero::pbf_tag_type tag, ByteView bytes) {
  writer.add_bytes(tag, as_text(bytes).data(), bytes.size());
}

void add_addresses(protozero::pbf_writer& writer, const std::vector<Multiaddr>& addresses) {
  std::size_t room = relay_message_bytes_max - room_for_the_rest;
  std::size_t count = 0;
  for (const Multiaddr& address : addresses) {
    const std::size_t size = address.bytes().size() + 4;
    if (size > room || ++count > relay_addresses_max) return;
    room -= size;
    add_bytes(writer, 2, address.bytes());
  }
}

void take_address(ByteView bytes, std::vector<Multiaddr>& into) {
  if (into.size() >= relay_addresses_max) return;
  auto address = Multiaddr::from_bytes(bytes);
  if (address) into.push_back(*std::move(address));
}

Result<RelayedPeer> read_peer(ProtobufReader reader) {
  RelayedPeer peer;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case tag_and_type(1, pbf_wire_type::length_delimited): {
        KITH_TRY(peer.id, PeerId::from_bytes(reader.get_bytes()));
        break;
      }
      case tag_and_type(2, pbf_wire_type::length_delimited):
        take_address(reader.get_bytes(), peer.addresses);
        break;
      default:
        reader.skip();
    }
  }
  if (peer.id.empty()) return std::unexpected(Errc::corrupt);
  return peer;
}

ReservationMessage read_reservation(ProtobufReader reader) {
  ReservationMessage reservation;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case tag_and_type(1, pbf_wire_type::varint):
        reservation.expires_unix_s = reader.get_uint64();
        break;
      case tag_and_type(2, pbf_wire_type::length_delimited):
        take_address(reader.get_bytes(), reservation.addresses);
        break;
      case tag_and_type(3, pbf_wire_type::length_delimited):
        reservation.voucher = to_bytes(reader.get_bytes());
        break;
      default:
        reader.skip();
    }
  }
  return reservation;
}

CircuitLimit read_limit(ProtobufReader reader) {
  CircuitLimit limit;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case tag_and_type(1, pbf_wire_type::varint):
        limit.duration_s = reader.get_uint32();
        break;
      case tag_and_type(2, pbf_wire_type::varint):
        limit.data_bytes = reader.get_uint64();
        break;
      default:
        reader.skip();
    }
  }
  return limit;
}

RelayStatus read_status(ProtobufReader& reader) {
  const std::uint64_t status = reader.get_uint64();
  return status > UINT32_MAX ? RelayStatus::unused : static_cast<RelayStatus>(status);
}

/// What the two messages have in common, whatever the numbers of their fields.
struct Fields {
  std::optional<std::uint64_t> type{};
  std::optional<RelayedPeer> peer{};
  std::optional<ReservationMessage> reservation{};
  std::optional<CircuitLimit> limit{};
  std::optional<RelayStatus> status{};
};
struct FieldNumbers {
  protozero::pbf_tag_type reservation;  ///< 0: there is none
  protozero::pbf_tag_type limit;
  protozero::pbf_tag_type status;
};
constexpr FieldNumbers hop_numbers = {.reservation = 3, .limit = 4, .status = 5};
constexpr FieldNumbers stop_numbers = {.reservation = 0, .limit = 3, .status = 4};

Result<Fields> read_fields(ByteView message, FieldNumbers numbers) {
  if (message.size() > relay_message_bytes_max) return std::unexpected(Errc::limit_exceeded);
  Fields fields;
  try {
    ProtobufReader reader(message);
    while (reader.next()) {
      const protozero::pbf_tag_type tag = reader.tag();
      const bool is_number = reader.wire_type() == pbf_wire_type::varint;
      const bool is_message = reader.wire_type() == pbf_wire_type::length_delimited;
      if (tag == 1 && is_number) {
        fields.type = reader.get_uint64();
      } else if (tag == 2 && is_message) {
        KITH_TRY(fields.peer, read_peer(reader.get_message()));
      } else if (tag == numbers.reservation && is_message) {
        fields.reservation = read_reservation(reader.get_message());
      } else if (tag == numbers.limit && is_message) {
        fields.limit = read_limit(reader.get_message());
      } else if (tag == numbers.status && is_number) {
        fields.status = read_status(reader);
      } else {
        reader.skip();
      }
    }
  } catch (const protozero::exception&) {
    return std::unexpected(Errc::corrupt);
  }
  return fields;
}

void write_peer(protozero::pbf_writer& writer, const RelayedPeer& peer) {
  std::string inner;
  protozero::pbf_writer inner_writer(inner);
  add_bytes(inner_writer, 1, peer.id.bytes());
  add_addresses(inner_writer, peer.addresses);
  writer.add_message(2, inner);
}

void write_limit(protozero::pbf_writer& writer, protozero::pbf_tag_type tag, CircuitLimit limit) {
  std::string inner;
  protozero::pbf_writer inner_writer(inner);
  inner_writer.add_uint32(1, limit.duration_s);
  inner_writer.add_uint64(2, limit.data_bytes);
  writer.add_message(tag, inner);
}

}  // namespace

std::string_view to_string(RelayStatus status) noexcept {
  switch (status) {
    case RelayStatus::unused:
      return "UNUSED";
    case RelayStatus::ok:
      return "OK";
    case RelayStatus::reservation_refused:
      return "RESERVATION_REFUSED";
    case RelayStatus::resource_limit_exceeded:
      return "RESOURCE_LIMIT_EXCEEDED";
    case RelayStatus::permission_denied:
      return "PERMISSION_DENIED";
    case RelayStatus::connection_failed:
      return "CONNECTION_FAILED";
    case RelayStatus::no_reservation:
      return "NO_RESERVATION";
    case RelayStatus::malformed_message:
      return "MALFORMED_MESSAGE";
    case RelayStatus::unexpected_message:
      return "UNEXPECTED_MESSAGE";
  }
  return "unknown status";
}

Result<HopMessage> decode_hop(ByteView message) {
  KITH_TRY(Fields fields, read_fields(message, hop_numbers));
  if (!fields.type || *fields.type > static_cast<std::uint64_t>(HopMessage::Type::status))
    return std::unexpected(Errc::corrupt);
  HopMessage hop{.type = static_cast<HopMessage::Type>(*fields.type),
                 .peer = std::move(fields.peer),
                 .reservation = std::move(fields.reservation),
                 .limit = fields.limit,
                 .status = fields.status.value_or(RelayStatus::unused)};
  if (hop.type == HopMessage::Type::connect && !hop.peer) return std::unexpected(Errc::corrupt);
  if (hop.type == HopMessage::Type::status && !fields.status) return std::unexpected(Errc::corrupt);
  return hop;
}

Result<StopMessage> decode_stop(ByteView message) {
  KITH_TRY(Fields fields, read_fields(message, stop_numbers));
  if (!fields.type || *fields.type > static_cast<std::uint64_t>(StopMessage::Type::status))
    return std::unexpected(Errc::corrupt);
  StopMessage stop{.type = static_cast<StopMessage::Type>(*fields.type),
                   .peer = std::move(fields.peer),
                   .limit = fields.limit,
                   .status = fields.status.value_or(RelayStatus::unused)};
  if (stop.type == StopMessage::Type::connect && !stop.peer) return std::unexpected(Errc::corrupt);
  if (stop.type == StopMessage::Type::status && !fields.status)
    return std::unexpected(Errc::corrupt);
  return stop;
}

Bytes encode(const HopMessage& message) {
  std::string out;
  protozero::pbf_writer writer(out);
  writer.add_uint32(1, static_cast<std::uint32_t>(message.type));
  if (message.peer) write_peer(writer, *message.peer);
  if (message.reservation) {
    std::string inner;
    protozero::pbf_writer inner_writer(inner);
    inner_writer.add_uint64(1, message.reservation->expires_unix_s);
    add_addresses(inner_writer, message.reservation->addresses);
    if (!message.reservation->voucher.empty())
      add_bytes(inner_writer, 3, message.reservation->voucher);
    writer.add_message(3, inner);
  }
  if (message.limit) write_limit(writer, hop_numbers.limit, *message.limit);
  if (message.type == HopMessage::Type::status)
    writer.add_uint32(hop_numbers.status, static_cast<std::uint32_t>(message.status));
  return to_bytes(out);
}

Bytes encode(const StopMessage& message) {
  std::string out;
  protozero::pbf_writer writer(out);
  writer.add_uint32(1, static_cast<std::uint32_t>(message.type));
  if (message.peer) write_peer(writer, *message.peer);
  if (message.limit) write_limit(writer, stop_numbers.limit, *message.limit);
  if (message.type == StopMessage::Type::status)
    writer.add_uint32(stop_numbers.status, static_cast<std::uint32_t>(message.status));
  return to_bytes(out);
}

Result<Bytes> seal_voucher(const crypto::PrivateKey& relay, const PeerId& peer,
                           std::uint64_t expires_unix_s) {
  std::string payload;
  protozero::pbf_writer writer(payload);
  add_bytes(writer, 1, PeerId::from_public_key(relay.public_key()).bytes());
  add_bytes(writer, 2, peer.bytes());
  writer.add_uint64(3, expires_unix_s);
  return crypto::seal_envelope(relay, voucher_domain, voucher_type, as_bytes(payload));
}

Result<Voucher> open_voucher(ByteView envelope) {
  KITH_TRY(const crypto::Envelope opened, crypto::open_envelope(envelope, voucher_domain));
  if (!equal(opened.payload_type, voucher_type)) return std::unexpected(Errc::corrupt);
  Voucher voucher;
  try {
    ProtobufReader reader(opened.payload);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case tag_and_type(1, pbf_wire_type::length_delimited): {
          KITH_TRY(voucher.relay, PeerId::from_bytes(reader.get_bytes()));
          break;
        }
        case tag_and_type(2, pbf_wire_type::length_delimited): {
          KITH_TRY(voucher.peer, PeerId::from_bytes(reader.get_bytes()));
          break;
        }
        case tag_and_type(3, pbf_wire_type::varint):
          voucher.expires_unix_s = reader.get_uint64();
          break;
        default:
          reader.skip();
      }
    }
  } catch (const protozero::exception&) {
    return std::unexpected(Errc::corrupt);
  }
  if (voucher.relay.empty() || voucher.peer.empty()) return std::unexpected(Errc::corrupt);
  if (voucher.relay != PeerId::from_public_key(opened.signer))
    return std::unexpected(Errc::refused);
  return voucher;
}

}  // namespace kith::net
