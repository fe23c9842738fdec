#include <kith/base/protobuf_reader.hpp>
#include <kith/unixfs/hamt.hpp>
#include <kith/unixfs/limits.hpp>
#include <kith/unixfs/node.hpp>

namespace kith::unixfs {
namespace {

using multiformats::Cid;
using multiformats::Codec;
using protozero::pbf_wire_type;
using protozero::tag_and_type;

constexpr std::uint32_t permission_bits = 07777;
constexpr std::uint32_t nanoseconds_max = 999'999'999;

/// Adds, and answers false if the sum doesn't fit.
bool add_to(std::uint64_t& sum, std::uint64_t more) noexcept {
  return !__builtin_add_overflow(sum, more, &sum);
}

Decoded<Metadata::Time> decode_time(ProtobufReader reader) {
  std::optional<std::int64_t> seconds;
  Metadata::Time time;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case tag_and_type(1, pbf_wire_type::varint):
        seconds = reader.get_int64();
        break;
      case tag_and_type(2, pbf_wire_type::fixed32):
        time.nanoseconds = reader.get_fixed32();
        if (time.nanoseconds == 0 || time.nanoseconds > nanoseconds_max) {
          return std::unexpected(UnixfsError::bad_mtime);
        }
        break;
      default:
        reader.skip();
    }
  }
  if (!seconds) return std::unexpected(UnixfsError::bad_mtime);
  time.seconds = *seconds;
  return time;
}

Decoded<NodeData> decode_fields(ByteView message) {
  NodeData node;
  std::optional<std::uint64_t> type;
  ProtobufReader reader(message);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case tag_and_type(1, pbf_wire_type::varint):
        type = reader.get_uint64();
        break;
      case tag_and_type(2, pbf_wire_type::length_delimited):
        node.data = reader.get_bytes();
        break;
      case tag_and_type(3, pbf_wire_type::varint):
        node.file_size = reader.get_uint64();
        break;
      case tag_and_type(4, pbf_wire_type::varint):
        node.block_sizes.push_back(reader.get_uint64());
        break;
      case tag_and_type(4, pbf_wire_type::length_delimited):
        for (std::uint64_t size : reader.get_packed_uint64())
          node.block_sizes.push_back(size);
        break;
      case tag_and_type(5, pbf_wire_type::varint):
        node.hash_type = reader.get_uint64();
        break;
      case tag_and_type(6, pbf_wire_type::varint):
        node.fanout = reader.get_uint64();
        break;
      case tag_and_type(7, pbf_wire_type::varint):
        node.metadata.mode = reader.get_uint32();
        break;
      case tag_and_type(8, pbf_wire_type::length_delimited): {
        auto time = decode_time(reader.get_message());
        if (!time) return std::unexpected(time.error());
        node.metadata.mtime = *time;
        break;
      }
      default:
        reader.skip();
    }
  }
  if (!type) return std::unexpected(UnixfsError::not_unixfs);
  if (*type > static_cast<std::uint64_t>(NodeType::hamt_shard)) {
    return std::unexpected(UnixfsError::unknown_type);
  }
  node.type = static_cast<NodeType>(*type);
  return node;
}

/// Protobuf's varint, which takes up to 64 bits, and a negative time has all of them.
void append_varint64(Bytes& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    out.push_back(static_cast<std::uint8_t>(value | 0x80));
  out.push_back(static_cast<std::uint8_t>(value));
}

void append_number(Bytes& out, unsigned field, std::uint64_t value) {
  out.push_back(static_cast<std::uint8_t>(field << 3));
  append_varint64(out, value);
}

void append_bytes(Bytes& out, unsigned field, ByteView value) {
  out.push_back(static_cast<std::uint8_t>(field << 3 | 2));
  append_varint64(out, value.size());
  append(out, value);
}

void append_time(Bytes& out, const Metadata::Time& time) {
  Bytes message;
  append_number(message, 1, static_cast<std::uint64_t>(time.seconds));
  if (time.nanoseconds != 0) {
    message.push_back(2 << 3 | 5);
    std::uint8_t fixed[4];
    store_le(fixed, time.nanoseconds);
    append(message, fixed);
  }
  append_bytes(out, 8, message);
}

Decoded<void> check_file(Node& node) {
  if (node.links.size() != node.data.block_sizes.size()) {
    return std::unexpected(UnixfsError::links_mismatch);
  }
  node.size = node.content().size();
  for (std::size_t i = 0; i < node.links.size(); ++i) {
    if (!node.links[i].name_or_empty().empty()) return std::unexpected(UnixfsError::named_link);
    if (!add_to(node.size, node.data.block_sizes[i])) {
      return std::unexpected(UnixfsError::size_mismatch);
    }
  }
  if (node.data.file_size.value_or(0) != node.size) {
    return std::unexpected(UnixfsError::size_mismatch);
  }
  return {};
}

Decoded<void> check_type(Node& node) {
  switch (node.data.type) {
    case NodeType::raw:
    case NodeType::file:
      node.kind = Kind::file;
      return check_file(node);
    case NodeType::directory:
      node.kind = Kind::directory;
      return {};
    case NodeType::hamt_shard: {
      node.kind = Kind::sharded_directory;
      auto shape = HamtShape::of(node.data);
      if (!shape) return std::unexpected(shape.error());
      return {};
    }
    case NodeType::symlink:
      node.kind = Kind::symlink;
      if (!node.links.empty()) return std::unexpected(UnixfsError::has_children);
      node.size = node.content().size();
      return {};
    case NodeType::metadata:
      break;
  }
  return std::unexpected(UnixfsError::unknown_type);
}

}  // namespace

WallTime Metadata::Time::wall_time() const noexcept {
  constexpr std::int64_t reach =
      std::chrono::duration_cast<std::chrono::seconds>(WallTime::max().time_since_epoch()).count();
  if (seconds >= reach) return WallTime(std::chrono::seconds(reach));
  if (seconds <= -reach) return WallTime();
  return WallTime(std::chrono::seconds(seconds) + std::chrono::nanoseconds(nanoseconds));
}

std::optional<std::uint32_t> Metadata::permissions() const noexcept {
  if (!mode) return std::nullopt;
  return *mode & permission_bits;
}

Decoded<NodeData> decode_data(ByteView message) {
  try {
    return decode_fields(message);
  } catch (const protozero::exception&) {
    return std::unexpected(UnixfsError::not_unixfs);
  }
}

Bytes encode_data(const NodeData& data) {
  Bytes out;
  out.reserve(data.data_or_empty().size() + 10 * data.block_sizes.size() + 64);
  append_number(out, 1, static_cast<std::uint64_t>(data.type));
  if (data.data) append_bytes(out, 2, *data.data);
  if (data.file_size) append_number(out, 3, *data.file_size);
  for (std::uint64_t size : data.block_sizes)
    append_number(out, 4, size);
  if (data.hash_type) append_number(out, 5, *data.hash_type);
  if (data.fanout) append_number(out, 6, *data.fanout);
  if (data.metadata.mode.value_or(0) != 0) append_number(out, 7, *data.metadata.mode);
  if (data.metadata.mtime) append_time(out, *data.metadata.mtime);
  return out;
}

Decoded<Node> parse_node(const Cid& cid, ByteView block) {
  Node node;
  if (cid.codec() == Codec::raw) {
    node.data.type = NodeType::raw;
    node.data.data = block;
    node.data.file_size = node.size = node.cumulative_size = block.size();
    return node;
  }
  if (cid.codec() != Codec::dag_pb) return std::unexpected(UnixfsError::not_unixfs);
  auto outer = ipld::decode_dag_pb(block);
  if (!outer || !outer->data) return std::unexpected(UnixfsError::not_unixfs);
  auto data = decode_data(*outer->data);
  if (!data) return std::unexpected(data.error());
  node.links = std::move(outer->links);
  node.data = *std::move(data);
  node.cumulative_size = block.size();
  for (const ipld::DagPbLink& link : node.links) {
    // Sizes of links are hints and may lie; a sum that overflows says nothing more.
    if (!add_to(node.cumulative_size, link.tsize_or_zero())) node.cumulative_size = UINT64_MAX;
  }
  auto checked = check_type(node);
  if (!checked) return std::unexpected(checked.error());
  return node;
}

bool name_is_safe(std::string_view name) noexcept {
  if (name.empty() || name.size() > name_bytes_max || name == "." || name == "..") return false;
  return name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

}  // namespace kith::unixfs
