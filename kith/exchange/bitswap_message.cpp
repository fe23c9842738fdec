#include <algorithm>
#include <limits>

#include <kith/base/protobuf_reader.hpp>
#include <kith/base/varint.hpp>
#include <kith/exchange/bitswap_message.hpp>

namespace kith::exchange {
namespace {

using multiformats::CidPrefix;
using protozero::pbf_wire_type;

constexpr std::uint32_t bytes_field(std::uint32_t number) noexcept {
  return protozero::tag_and_type(number, pbf_wire_type::length_delimited);
}
constexpr std::uint32_t number_field(std::uint32_t number) noexcept {
  return protozero::tag_and_type(number, pbf_wire_type::varint);
}

template <class T>
using Read = std::expected<T, BitswapError>;

/// Fails on a field that we know with a type that it can't have; protozero would assert.
bool known_with_wrong_type(const ProtobufReader& reader, std::uint32_t last_known) noexcept {
  return reader.tag() <= last_known;
}

Read<Cid> read_cid(ByteView bytes) {
  auto cid = Cid::from_bytes(bytes);
  if (!cid) return std::unexpected(BitswapError::bad_cid);
  return *std::move(cid);
}

Read<Want> read_want(ByteView bytes) {
  Want want;
  // proto3 leaves a priority of 0 out.
  want.priority = 0;
  ProtobufReader reader(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case bytes_field(1): {
        KITH_TRY(want.cid, read_cid(reader.get_bytes()));
        break;
      }
      case number_field(2):
        want.priority = reader.get_int32();
        break;
      case number_field(3):
        want.cancel = reader.get_uint64() != 0;
        break;
      case number_field(4):
        want.type = reader.get_uint64() == 1 ? WantType::have : WantType::block;
        break;
      case number_field(5):
        want.send_dont_have = reader.get_uint64() != 0;
        break;
      default:
        if (known_with_wrong_type(reader, 5)) return std::unexpected(BitswapError::bad_encoding);
        reader.skip();
    }
  }
  if (want.cid.empty()) return std::unexpected(BitswapError::bad_cid);
  return want;
}

Read<void> read_wantlist(ByteView bytes, BitswapMessage& out) {
  ProtobufReader reader(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case bytes_field(1): {
        if (out.wants.size() == message_wants_max) {
          return std::unexpected(BitswapError::too_many_entries);
        }
        KITH_TRY(Want want, read_want(reader.get_bytes()));
        out.wants.push_back(std::move(want));
        break;
      }
      case number_field(2):
        out.full = reader.get_uint64() != 0;
        break;
      default:
        if (known_with_wrong_type(reader, 2)) return std::unexpected(BitswapError::bad_encoding);
        reader.skip();
    }
  }
  return {};
}

/// The window of `message` that shows `part`, which lies in it.
Buffer window_onto(const Buffer& message, ByteView part) {
  if (part.empty()) return Buffer();
  Buffer window =
      message.slice(static_cast<std::size_t>(part.data() - message.data()), part.size());
  // A small block must not keep a large message in memory.
  if (part.size() < message.memory_bytes() / 2) return Buffer::copy_of(part);
  return window;
}

Read<void> add_block(const CidPrefix& prefix, ByteView data, const Buffer& message,
                     BitswapMessage& out) {
  if (data.size() > ipld::block_bytes_max) return std::unexpected(BitswapError::block_too_large);
  if (out.blocks.size() == message_blocks_max) {
    return std::unexpected(BitswapError::too_many_entries);
  }
  out.blocks.push_back({prefix, window_onto(message, data)});
  return {};
}

Read<void> read_payload(ByteView bytes, const Buffer& message, BitswapMessage& out) {
  std::optional<ByteView> prefix;
  ByteView data;
  ProtobufReader reader(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case bytes_field(1):
        prefix = reader.get_bytes();
        break;
      case bytes_field(2):
        data = reader.get_bytes();
        break;
      default:
        if (known_with_wrong_type(reader, 2)) return std::unexpected(BitswapError::bad_encoding);
        reader.skip();
    }
  }
  if (!prefix) return std::unexpected(BitswapError::bad_prefix);
  auto parsed = CidPrefix::from_bytes(*prefix);
  if (!parsed) return std::unexpected(BitswapError::bad_prefix);
  return add_block(*parsed, data, message, out);
}

Read<void> read_presence(ByteView bytes, BitswapMessage& out) {
  Cid cid;
  std::uint64_t type = 0;
  ProtobufReader reader(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case bytes_field(1): {
        KITH_TRY(cid, read_cid(reader.get_bytes()));
        break;
      }
      case number_field(2):
        type = reader.get_uint64();
        break;
      default:
        if (known_with_wrong_type(reader, 2)) return std::unexpected(BitswapError::bad_encoding);
        reader.skip();
    }
  }
  if (cid.empty()) return std::unexpected(BitswapError::bad_cid);
  // A type of a later version says nothing to us.
  if (type > 1) return {};
  if (out.presences.size() == message_presences_max) {
    return std::unexpected(BitswapError::too_many_entries);
  }
  out.presences.push_back({cid, type == 0 ? Presence::have : Presence::dont_have});
  return {};
}

Read<void> read_message(const Buffer& message, BitswapMessage& out) {
  // Data without prefix is what 1.0.0 knows: a CID of version 0.
  constexpr CidPrefix v0_prefix{0, multiformats::Codec::dag_pb, multiformats::Codec::sha2_256, 32};
  ProtobufReader reader(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case bytes_field(1):
        KITH_CHECK(read_wantlist(reader.get_bytes(), out));
        break;
      case bytes_field(2):
        KITH_CHECK(add_block(v0_prefix, reader.get_bytes(), message, out));
        break;
      case bytes_field(3):
        KITH_CHECK(read_payload(reader.get_bytes(), message, out));
        break;
      case bytes_field(4):
        KITH_CHECK(read_presence(reader.get_bytes(), out));
        break;
      case number_field(5):
        out.pending_bytes = std::max(reader.get_int32(), 0);
        break;
      default:
        if (known_with_wrong_type(reader, 5)) return std::unexpected(BitswapError::bad_encoding);
        reader.skip();
    }
  }
  return {};
}

// Writing. Field numbers are below 16, so a tag is one byte.

void put_number(Bytes& out, std::uint32_t number, std::uint64_t value) {
  if (value == 0) return;
  out.push_back(static_cast<std::uint8_t>(number << 3));
  append_varint(out, value);
}

void put_header(Bytes& out, std::uint32_t number, std::size_t size) {
  out.push_back(static_cast<std::uint8_t>(number << 3 | 2));
  append_varint(out, size);
}

void put_bytes(Bytes& out, std::uint32_t number, ByteView value) {
  put_header(out, number, value.size());
  append(out, value);
}

/// Protobuf writes a negative number as its 64 bits, in ten bytes; ours are never negative, and a
/// caller's become 0, the least urgent.
std::uint64_t wire_number(std::int32_t value) noexcept {
  return value < 0 ? 0 : static_cast<std::uint64_t>(value);
}

void put_want(Bytes& out, const Want& want, BitswapVersion version) {
  Bytes entry;
  entry.reserve(want_bytes(want.cid));
  put_bytes(entry, 1, want.cid.bytes());
  put_number(entry, 2, wire_number(want.priority));
  put_number(entry, 3, want.cancel);
  if (version == BitswapVersion::v1_2_0) {
    put_number(entry, 4, want.type == WantType::have);
    put_number(entry, 5, want.send_dont_have);
  }
  put_bytes(out, 1, entry);
}

void put_presence(Bytes& out, const BlockPresence& presence) {
  Bytes entry;
  entry.reserve(presence_bytes(presence.cid));
  put_bytes(entry, 1, presence.cid.bytes());
  put_number(entry, 2, presence.presence == Presence::dont_have);
  put_bytes(out, 4, entry);
}

/// What stands before a block's data.
void put_block_header(Bytes& out, const BlockPayload& block, BitswapVersion version) {
  if (version == BitswapVersion::v1_0_0) {
    put_header(out, 2, block.data.size());
    return;
  }
  Bytes fields;
  put_bytes(fields, 1, block.prefix.to_bytes());
  put_header(fields, 2, block.data.size());
  put_header(out, 3, fields.size() + block.data.size());
  append(out, fields);
}

class BitswapErrors final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "bitswap"; }
  std::string message(int code) const override {
    switch (static_cast<BitswapError>(code)) {
      case BitswapError::bad_encoding:
        return "not a Bitswap message";
      case BitswapError::bad_cid:
        return "an entry without a valid CID";
      case BitswapError::bad_prefix:
        return "a block without a valid CID prefix";
      case BitswapError::block_too_large:
        return "a block above 2 MiB";
      case BitswapError::too_many_entries:
        return "too many entries in one message";
      case BitswapError::message_too_large:
        return "a message above 4 MiB";
    }
    return "unknown Bitswap error";
  }
};

}  // namespace

const ErrorDomain& error_domain(BitswapError) noexcept {
  static constinit BitswapErrors domain;
  return domain;
}

std::optional<BitswapVersion> bitswap_version(std::string_view protocol) noexcept {
  if (protocol == bitswap_protocols[0]) return BitswapVersion::v1_2_0;
  if (protocol == bitswap_protocols[1]) return BitswapVersion::v1_1_0;
  if (protocol == bitswap_protocols[2] || protocol == bitswap_protocols[3]) {
    return BitswapVersion::v1_0_0;
  }
  return std::nullopt;
}

std::expected<BitswapMessage, BitswapError> decode_message(const Buffer& message) {
  if (message.size() > message_bytes_max) return std::unexpected(BitswapError::message_too_large);
  BitswapMessage out;
  try {
    KITH_CHECK(read_message(message, out));
  } catch (const protozero::exception&) {
    return std::unexpected(BitswapError::bad_encoding);
  }
  return out;
}

std::vector<Buffer> encode_message(const BitswapMessage& message, BitswapVersion version) {
  std::vector<Buffer> pieces(1);  // the length comes first and is known last
  Bytes head;
  if (!message.wants.empty() || message.full) {
    Bytes wantlist;
    for (const Want& want : message.wants)
      put_want(wantlist, want, version);
    put_number(wantlist, 2, message.full);
    put_bytes(head, 1, wantlist);
  }
  if (version == BitswapVersion::v1_2_0) {
    for (const BlockPresence& presence : message.presences)
      put_presence(head, presence);
    put_number(head, 5, wire_number(message.pending_bytes));
  }
  for (const BlockPayload& block : message.blocks) {
    put_block_header(head, block, version);
    pieces.push_back(Buffer::adopt(std::move(head)));
    pieces.push_back(block.data);
    head.clear();
  }
  if (!head.empty()) pieces.push_back(Buffer::adopt(std::move(head)));
  std::size_t size = 0;
  for (const Buffer& piece : pieces)
    size += piece.size();
  Bytes length;
  append_varint(length, size);
  pieces.front() = Buffer::adopt(std::move(length));
  return pieces;
}

std::size_t want_bytes(const Cid& cid) noexcept {
  // Tags and lengths of the entry and the CID, the priority, three flags.
  return cid.bytes().size() + 2 * 4 + 6 + 3 * 2;
}

std::size_t presence_bytes(const Cid& cid) noexcept {
  return cid.bytes().size() + 2 * 4 + 2;
}

}  // namespace kith::exchange
