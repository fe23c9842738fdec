#include <algorithm>

#include <protozero/pbf_writer.hpp>

#include <kith/base/protobuf_reader.hpp>
#include <kith/net/nat/autonat_message.hpp>
#include <kith/net/nat/limits.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;
using protozero::pbf_wire_type;
using protozero::tag_and_type;

constexpr auto text_type = pbf_wire_type::length_delimited;
constexpr auto number_type = pbf_wire_type::varint;
/// What stands around the addresses of a message.
constexpr std::size_t room_for_the_rest = 256;

void add_bytes(protozero::pbf_writer& writer, protozero::pbf_tag_type tag, ByteView bytes) {
  writer.add_bytes(tag, as_text(bytes).data(), bytes.size());
}

template <class Enum>
Enum read_enum(ProtobufReader& reader, Enum other) {
  const std::uint64_t value = reader.get_uint64();
  return value > UINT32_MAX ? other : static_cast<Enum>(value);
}

Result<AutonatV1Dial> read_v1_dial(ProtobufReader reader) {
  AutonatV1Dial dial;
  bool there = false;
  while (reader.next(1, text_type)) {
    there = true;
    ProtobufReader info = reader.get_message();
    while (info.next()) {
      switch (info.tag_and_type()) {
        case tag_and_type(1, text_type): {
          KITH_TRY(dial.peer, PeerId::from_bytes(info.get_bytes()));
          break;
        }
        case tag_and_type(2, text_type): {
          auto address = Multiaddr::from_bytes(info.get_bytes());
          if (address && dial.addresses.size() < autonat_v1_addresses_max)
            dial.addresses.push_back(*std::move(address));
          break;
        }
        default:
          info.skip();
      }
    }
  }
  if (!there) return std::unexpected(Errc::corrupt);
  return dial;
}

AutonatV1Response read_v1_response(ProtobufReader reader) {
  // A status that isn't written is the first: OK, as other readers have it.
  AutonatV1Response response{.status = AutonatV1Status::ok, .text = {}, .address = {}};
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case tag_and_type(1, number_type):
        response.status = read_enum(reader, AutonatV1Status::internal_error);
        break;
      case tag_and_type(2, text_type): {
        const ByteView text = reader.get_bytes();
        response.text = as_text(text.first(std::min(text.size(), autonat_status_text_bytes_max)));
        break;
      }
      case tag_and_type(3, text_type): {
        auto address = Multiaddr::from_bytes(reader.get_bytes());
        if (address) response.address = *std::move(address);
        break;
      }
      default:
        reader.skip();
    }
  }
  return response;
}

AutonatDialRequest read_request(ProtobufReader reader) {
  AutonatDialRequest request;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case tag_and_type(1, text_type): {
        auto address = Multiaddr::from_bytes(reader.get_bytes());
        if (request.addresses.size() >= autonat_v2_addresses_max) break;
        request.addresses.push_back(address ? std::optional(*std::move(address)) : std::nullopt);
        break;
      }
      case tag_and_type(2, pbf_wire_type::fixed64):
        request.nonce = reader.get_fixed64();
        break;
      default:
        reader.skip();
    }
  }
  return request;
}

AutonatDialResponse read_response(ProtobufReader reader) {
  AutonatDialResponse response;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case tag_and_type(1, number_type):
        response.status = read_enum(reader, AutonatStatus::internal_error);
        break;
      case tag_and_type(2, number_type):
        response.index = read_enum(reader, UINT32_MAX);
        break;
      case tag_and_type(3, number_type):
        response.dial_status = read_enum(reader, AutonatDialStatus::unused);
        break;
      default:
        reader.skip();
    }
  }
  return response;
}

AutonatDataRequest read_data_request(ProtobufReader reader) {
  AutonatDataRequest request;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case tag_and_type(1, number_type):
        request.index = read_enum(reader, UINT32_MAX);
        break;
      case tag_and_type(2, number_type):
        request.bytes = reader.get_uint64();
        break;
      default:
        reader.skip();
    }
  }
  return request;
}

AutonatData read_data(ProtobufReader reader) {
  AutonatData data;
  while (reader.next(1, text_type))
    data.bytes = reader.get_bytes().size();
  return data;
}

struct Writer {
  protozero::pbf_writer& out;

  void operator()(const AutonatDialRequest& request) const {
    std::string inner;
    protozero::pbf_writer writer(inner);
    std::size_t room = autonat_v2_message_bytes_max - room_for_the_rest;
    for (const std::optional<Multiaddr>& address : request.addresses) {
      const ByteView bytes = address ? address->bytes() : ByteView{};
      if (bytes.size() + 4 > room) break;
      room -= bytes.size() + 4;
      add_bytes(writer, 1, bytes);
    }
    writer.add_fixed64(2, request.nonce);
    out.add_message(1, inner);
  }
  void operator()(const AutonatDialResponse& response) const {
    std::string inner;
    protozero::pbf_writer writer(inner);
    writer.add_uint32(1, static_cast<std::uint32_t>(response.status));
    writer.add_uint32(2, response.index);
    writer.add_uint32(3, static_cast<std::uint32_t>(response.dial_status));
    out.add_message(2, inner);
  }
  void operator()(const AutonatDataRequest& request) const {
    std::string inner;
    protozero::pbf_writer writer(inner);
    writer.add_uint32(1, request.index);
    writer.add_uint64(2, request.bytes);
    out.add_message(3, inner);
  }
  void operator()(const AutonatData& data) const {
    std::string inner;
    protozero::pbf_writer writer(inner);
    writer.add_bytes(1, std::string(data.bytes, '\0'));
    out.add_message(4, inner);
  }
};

struct V1Writer {
  protozero::pbf_writer& out;

  void operator()(const AutonatV1Dial& dial) const {
    std::string info;
    protozero::pbf_writer info_writer(info);
    if (dial.peer) add_bytes(info_writer, 1, dial.peer->bytes());
    std::size_t room = autonat_v1_message_bytes_max - room_for_the_rest;
    std::size_t count = 0;
    for (const Multiaddr& address : dial.addresses) {
      if (++count > autonat_v1_addresses_max || address.bytes().size() + 4 > room) break;
      room -= address.bytes().size() + 4;
      add_bytes(info_writer, 2, address.bytes());
    }
    std::string inner;
    protozero::pbf_writer writer(inner);
    writer.add_message(1, info);
    out.add_uint32(1, 0);
    out.add_message(2, inner);
  }
  void operator()(const AutonatV1Response& response) const {
    std::string inner;
    protozero::pbf_writer writer(inner);
    writer.add_uint32(1, static_cast<std::uint32_t>(response.status));
    if (!response.text.empty()) writer.add_string(2, response.text);
    if (response.address) add_bytes(writer, 3, response.address->bytes());
    out.add_uint32(1, 1);
    out.add_message(3, inner);
  }
};

}  // namespace

Result<AutonatV1Message> decode_autonat_v1(ByteView message) {
  if (message.size() > autonat_v1_message_bytes_max) return std::unexpected(Errc::limit_exceeded);
  std::uint64_t type = 0;
  std::optional<AutonatV1Dial> dial;
  std::optional<AutonatV1Response> response;
  try {
    ProtobufReader reader(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case tag_and_type(1, number_type):
          type = reader.get_uint64();
          break;
        case tag_and_type(2, text_type): {
          KITH_TRY(dial, read_v1_dial(reader.get_message()));
          break;
        }
        case tag_and_type(3, text_type):
          response = read_v1_response(reader.get_message());
          break;
        default:
          reader.skip();
      }
    }
  } catch (const protozero::exception&) {
    return std::unexpected(Errc::corrupt);
  }
  if (type == 0 && dial) return AutonatV1Message(*std::move(dial));
  if (type == 1 && response) return AutonatV1Message(*std::move(response));
  return std::unexpected(Errc::corrupt);
}

Bytes encode(const AutonatV1Message& message) {
  std::string out;
  protozero::pbf_writer writer(out);
  std::visit(V1Writer{writer}, message);
  return to_bytes(out);
}

Result<AutonatMessage> decode_autonat(ByteView bytes) {
  if (bytes.size() > autonat_v2_message_bytes_max) return std::unexpected(Errc::limit_exceeded);
  std::optional<AutonatMessage> message;
  try {
    ProtobufReader reader(bytes);
    while (reader.next()) {
      const protozero::pbf_tag_type tag = reader.tag();
      if (tag < 1 || tag > 4 || reader.wire_type() != text_type) {
        reader.skip();
        continue;
      }
      if (message) return std::unexpected(Errc::corrupt);
      ProtobufReader inner = reader.get_message();
      if (tag == 1) message = read_request(inner);
      if (tag == 2) message = read_response(inner);
      if (tag == 3) message = read_data_request(inner);
      if (tag == 4) message = read_data(inner);
    }
  } catch (const protozero::exception&) {
    return std::unexpected(Errc::corrupt);
  }
  if (!message) return std::unexpected(Errc::corrupt);
  return *std::move(message);
}

Bytes encode(const AutonatMessage& message) {
  std::string out;
  protozero::pbf_writer writer(out);
  std::visit(Writer{writer}, message);
  return to_bytes(out);
}

Result<std::uint64_t> decode_dial_back(ByteView message) {
  std::optional<std::uint64_t> nonce;
  try {
    ProtobufReader reader(message);
    while (reader.next(1, pbf_wire_type::fixed64))
      nonce = reader.get_fixed64();
  } catch (const protozero::exception&) {
    return std::unexpected(Errc::corrupt);
  }
  if (!nonce) return std::unexpected(Errc::corrupt);
  return *nonce;
}

Bytes encode_dial_back(std::uint64_t nonce) {
  std::string out;
  protozero::pbf_writer writer(out);
  writer.add_fixed64(1, nonce);
  return to_bytes(out);
}

}  // namespace kith::net
