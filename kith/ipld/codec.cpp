#include <algorithm>

#include <kith/ipld/codec.hpp>
#include <kith/ipld/dag_cbor.hpp>
#include <kith/ipld/dag_json.hpp>
#include <kith/ipld/dag_pb.hpp>

namespace kith::ipld {
namespace {

using multiformats::Cid;
using multiformats::Codec;

Value value_of(const DagPbLink& link) {
  Map entries;
  entries.push_back({"Hash", Value(link.hash)});
  if (link.name) entries.push_back({"Name", Value(std::string(*link.name))});
  if (link.tsize) entries.push_back({"Tsize", Value(Integer{false, *link.tsize})});
  return Value(std::move(entries));
}

Decoded<Value> decode_pb_value(ByteView block, Strictness strictness) {
  KITH_TRY(DagPbNode node, decode_dag_pb(block));
  if (strictness == Strictness::canonical && !equal(encode_dag_pb(node), block)) {
    return std::unexpected(IpldError::not_canonical);
  }
  Map entries;
  if (node.data) entries.push_back({"Data", Value(to_bytes(*node.data))});
  List links;
  links.reserve(node.links.size());
  for (const DagPbLink& link : node.links)
    links.push_back(value_of(link));
  entries.push_back({"Links", Value(std::move(links))});
  return Value(std::move(entries));
}

/// The link that a value describes; its name lies in the value.
Decoded<DagPbLink> link_of(const Value& value) {
  const Map* entries = value.get<Map>();
  if (entries == nullptr) return std::unexpected(IpldError::not_representable);
  DagPbLink link;
  for (const MapEntry& entry : *entries) {
    if (const Cid* hash = entry.value.get<Cid>(); hash != nullptr && entry.key == "Hash") {
      link.hash = *hash;
    } else if (const auto* name = entry.value.get<std::string>();
               name != nullptr && entry.key == "Name") {
      link.name = *name;
    } else if (const auto* tsize = entry.value.get<Integer>();
               tsize != nullptr && entry.key == "Tsize" && !tsize->negative && tsize->to_int64()) {
      link.tsize = tsize->argument;
    } else {
      return std::unexpected(IpldError::not_representable);
    }
  }
  if (link.hash.empty()) return std::unexpected(IpldError::not_representable);
  return link;
}

Decoded<Bytes> encode_pb_value(const Value& value) {
  const Map* entries = value.get<Map>();
  if (entries == nullptr) return std::unexpected(IpldError::not_representable);
  DagPbNode node;
  const List* links = nullptr;
  for (const MapEntry& entry : *entries) {
    if (const Bytes* data = entry.value.get<Bytes>(); data != nullptr && entry.key == "Data") {
      node.data = *data;
    } else if (const List* list = entry.value.get<List>();
               list != nullptr && entry.key == "Links") {
      links = list;
    } else {
      return std::unexpected(IpldError::not_representable);
    }
  }
  if (links == nullptr) return std::unexpected(IpldError::not_representable);
  for (const Value& link : *links) {
    KITH_TRY(DagPbLink read, link_of(link));
    node.links.push_back(std::move(read));
  }
  // Sorting is for whoever makes a node; a value that says another order is a mistake.
  if (!std::ranges::is_sorted(node.links, {}, &DagPbLink::name_or_empty)) {
    return std::unexpected(IpldError::not_canonical);
  }
  return encode_dag_pb(node);
}

}  // namespace

bool codec_known(Codec codec) noexcept {
  return codec == Codec::raw || codec == Codec::dag_pb || codec == Codec::dag_cbor ||
         codec == Codec::dag_json;
}

Decoded<Value> decode_value(Codec codec, ByteView block, Strictness strictness) {
  switch (codec) {
    case Codec::raw:
      return Value(to_bytes(block));
    case Codec::dag_pb:
      return decode_pb_value(block, strictness);
    case Codec::dag_cbor:
      return decode_dag_cbor(block, strictness);
    case Codec::dag_json:
      return decode_dag_json(block, strictness);
    default:
      return std::unexpected(IpldError::unknown_codec);
  }
}

Decoded<Bytes> encode_value(Codec codec, const Value& value) {
  switch (codec) {
    case Codec::raw:
      if (const Bytes* content = value.get<Bytes>()) return *content;
      return std::unexpected(IpldError::not_representable);
    case Codec::dag_pb:
      return encode_pb_value(value);
    case Codec::dag_cbor:
      return encode_dag_cbor(value);
    case Codec::dag_json:
      return encode_dag_json(value);
    default:
      return std::unexpected(IpldError::unknown_codec);
  }
}

}  // namespace kith::ipld
