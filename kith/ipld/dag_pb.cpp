#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/base/protobuf_reader.hpp>
#include <kith/base/varint.hpp>
#include <kith/ipld/dag_pb.hpp>
#include <kith/ipld/limits.hpp>

namespace kith::ipld {
namespace {

using multiformats::Cid;

constexpr std::uint8_t data_tag = 1 << 3 | 2;
constexpr std::uint8_t links_tag = 2 << 3 | 2;
constexpr std::uint8_t hash_tag = 1 << 3 | 2;
constexpr std::uint8_t name_tag = 2 << 3 | 2;
constexpr std::uint8_t tsize_tag = 3 << 3;
constexpr std::uint64_t tsize_max = (std::uint64_t{1} << 63) - 1;

std::size_t sized(std::size_t content_bytes) noexcept {
  return 1 + varint_size(content_bytes) + content_bytes;
}

std::size_t link_content_size(std::size_t hash_bytes, std::optional<std::size_t> name_bytes,
                              std::optional<std::uint64_t> tsize) noexcept {
  std::size_t size = sized(hash_bytes);
  if (name_bytes) size += sized(*name_bytes);
  if (tsize) size += 1 + varint_size(*tsize);
  return size;
}

std::size_t link_content_size(const DagPbLink& link) noexcept {
  std::optional<std::size_t> name_bytes;
  if (link.name) name_bytes = link.name->size();
  return link_content_size(link.hash.bytes().size(), name_bytes, link.tsize);
}

void append_sized(Bytes& out, std::uint8_t tag, ByteView content) {
  out.push_back(tag);
  append_varint(out, content.size());
  append(out, content);
}

void append_link(Bytes& out, const DagPbLink& link) {
  ASSERT(!link.hash.empty() && link.tsize_or_zero() <= tsize_max);
  out.push_back(links_tag);
  append_varint(out, link_content_size(link));
  append_sized(out, hash_tag, link.hash.bytes());
  if (link.name) append_sized(out, name_tag, as_bytes(*link.name));
  if (link.tsize) {
    out.push_back(tsize_tag);
    append_varint(out, *link.tsize);
  }
}

Decoded<DagPbLink> decode_link(ProtobufReader reader) {
  DagPbLink link;
  unsigned last = 0;
  while (reader.next()) {
    unsigned tag = reader.tag();
    if (tag == last) return std::unexpected(IpldError::duplicate);
    if (tag < last) return std::unexpected(IpldError::not_canonical);
    last = tag;
    switch (reader.tag_and_type()) {
      case protozero::tag_and_type(1, protozero::pbf_wire_type::length_delimited): {
        auto cid = Cid::from_bytes(reader.get_bytes());
        if (!cid) return std::unexpected(IpldError::bad_link);
        link.hash = *std::move(cid);
        break;
      }
      case protozero::tag_and_type(2, protozero::pbf_wire_type::length_delimited): {
        link.name = as_text(reader.get_bytes());
        break;
      }
      case protozero::tag_and_type(3, protozero::pbf_wire_type::varint): {
        std::uint64_t tsize = reader.get_uint64();
        if (tsize > tsize_max) return std::unexpected(IpldError::bad_number);
        link.tsize = tsize;
        break;
      }
      default:
        return std::unexpected(IpldError::malformed);
    }
  }
  if (link.hash.empty()) return std::unexpected(IpldError::bad_link);
  return link;
}

Decoded<DagPbNode> decode_node(ByteView block) {
  DagPbNode node;
  bool data_after_links = false;
  ProtobufReader reader(block);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protozero::tag_and_type(1, protozero::pbf_wire_type::length_delimited): {
        if (node.data) return std::unexpected(IpldError::duplicate);
        node.data = reader.get_bytes();
        data_after_links = !node.links.empty();
        break;
      }
      case protozero::tag_and_type(2, protozero::pbf_wire_type::length_delimited): {
        if (data_after_links) return std::unexpected(IpldError::not_canonical);
        auto link = decode_link(reader.get_message());
        if (!link) return std::unexpected(link.error());
        node.links.push_back(*std::move(link));
        break;
      }
      default:
        return std::unexpected(IpldError::malformed);
    }
  }
  return node;
}

}  // namespace

Decoded<DagPbNode> decode_dag_pb(ByteView block) {
  if (block.size() > block_bytes_max) return std::unexpected(IpldError::too_large);
  try {
    auto node = decode_node(block);
    // All fields are known and none is left out, so only a padded varint can make a difference.
    if (node && dag_pb_size(*node) != block.size()) {
      return std::unexpected(IpldError::not_canonical);
    }
    return node;
  } catch (const protozero::exception&) {
    return std::unexpected(IpldError::malformed);
  }
}

std::size_t dag_pb_size(const DagPbNode& node) noexcept {
  std::size_t size = 0;
  for (const DagPbLink& link : node.links)
    size += sized(link_content_size(link));
  if (node.data) size += sized(node.data->size());
  return size;
}

std::size_t dag_pb_link_size(std::size_t hash_bytes, std::optional<std::size_t> name_bytes,
                             std::optional<std::uint64_t> tsize) noexcept {
  return sized(link_content_size(hash_bytes, name_bytes, tsize));
}

Bytes encode_dag_pb(const DagPbNode& node) {
  std::vector<const DagPbLink*> sorted;
  sorted.reserve(node.links.size());
  for (const DagPbLink& link : node.links)
    sorted.push_back(&link);
  // Links of one name keep their order: they lie in memory in it.
  std::ranges::sort(sorted, [](const DagPbLink* a, const DagPbLink* b) {
    int order = a->name_or_empty().compare(b->name_or_empty());
    return order != 0 ? order < 0 : a < b;
  });
  Bytes out;
  out.reserve(dag_pb_size(node));
  for (const DagPbLink* link : sorted)
    append_link(out, *link);
  if (node.data) append_sized(out, data_tag, *node.data);
  return out;
}

}  // namespace kith::ipld
