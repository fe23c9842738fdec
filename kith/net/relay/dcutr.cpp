#include <algorithm>
#include <optional>
#include <string>

#include <protozero/pbf_writer.hpp>

#include <kith/base/protobuf_reader.hpp>
#include <kith/net/relay/dcutr.hpp>
#include <kith/net/relay/limits.hpp>

namespace kith::net {

using multiformats::Multiaddr;

Result<HolePunchMessage> decode_hole_punch(ByteView bytes) {
  using protozero::pbf_wire_type;
  using protozero::tag_and_type;
  if (bytes.size() > dcutr_message_bytes_max) return std::unexpected(Errc::limit_exceeded);
  HolePunchMessage message;
  std::optional<std::uint64_t> type;
  try {
    ProtobufReader reader(bytes);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case tag_and_type(1, pbf_wire_type::varint):
          type = reader.get_uint64();
          break;
        case tag_and_type(2, pbf_wire_type::length_delimited): {
          auto address = Multiaddr::from_bytes(reader.get_bytes());
          const bool taken =
              address && !address->is_relayed() && message.addresses.size() < dcutr_addresses_max;
          if (taken) message.addresses.push_back(*std::move(address));
          break;
        }
        default:
          reader.skip();
      }
    }
  } catch (const protozero::exception&) {
    return std::unexpected(Errc::corrupt);
  }
  using Type = HolePunchMessage::Type;
  const bool known = type && (*type == static_cast<std::uint64_t>(Type::connect) ||
                              *type == static_cast<std::uint64_t>(Type::sync));
  if (!known) return std::unexpected(Errc::corrupt);
  message.type = static_cast<Type>(*type);
  return message;
}

Bytes encode(const HolePunchMessage& message) {
  std::string out;
  protozero::pbf_writer writer(out);
  writer.add_uint32(1, static_cast<std::uint32_t>(message.type));
  std::size_t count = 0;
  for (const Multiaddr& address : message.addresses) {
    constexpr std::size_t key_and_length_bytes = 4;
    const std::size_t size = address.bytes().size() + key_and_length_bytes;
    if (address.is_relayed()) continue;
    if (++count > dcutr_addresses_max || out.size() + size > dcutr_message_bytes_max) break;
    writer.add_bytes(2, as_text(address.bytes()).data(), address.bytes().size());
  }
  return to_bytes(out);
}

HolePunchMessage HolePunchInitiator::begin(std::vector<Multiaddr> own, Instant now) {
  begun_ = now;
  return {.type = HolePunchMessage::Type::connect, .addresses = std::move(own)};
}

Result<void> HolePunchInitiator::answered(HolePunchMessage message, Instant now) {
  const bool usable = message.type == HolePunchMessage::Type::connect && !message.addresses.empty();
  if (!usable) return std::unexpected(Errc::refused);
  targets_ = std::move(message.addresses);
  round_trip_ = std::clamp(now - begun_, Duration{0}, dcutr_round_trip_max);
  return {};
}

Result<HolePunchMessage> HolePunchResponder::asked(HolePunchMessage message,
                                                   std::vector<Multiaddr> own) {
  const bool usable = message.type == HolePunchMessage::Type::connect && !message.addresses.empty();
  if (!usable || own.empty()) return std::unexpected(Errc::refused);
  targets_ = std::move(message.addresses);
  return HolePunchMessage{.type = HolePunchMessage::Type::connect, .addresses = std::move(own)};
}

Result<void> HolePunchResponder::synced(const HolePunchMessage& message) {
  if (message.type != HolePunchMessage::Type::sync) return std::unexpected(Errc::refused);
  return {};
}

}  // namespace kith::net
