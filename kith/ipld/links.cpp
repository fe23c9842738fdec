#include <kith/ipld/dag_cbor.hpp>
#include <kith/ipld/dag_json.hpp>
#include <kith/ipld/dag_pb.hpp>
#include <kith/ipld/links.hpp>

namespace kith::ipld {
namespace {

using multiformats::Cid;
using multiformats::Codec;

void visit_links(const Value& value, const std::function<void(const Cid&)>& visit) {
  if (const Cid* cid = value.get<Cid>()) visit(*cid);
  if (const List* list = value.get<List>()) {
    for (const Value& inner : *list)
      visit_links(inner, visit);
  }
  if (const Map* map = value.get<Map>()) {
    for (const MapEntry& entry : *map)
      visit_links(entry.value, visit);
  }
}

}  // namespace

Decoded<void> for_each_link(Codec codec, ByteView block,
                            const std::function<void(const Cid&)>& visit) {
  switch (codec) {
    case Codec::raw:
      return {};
    case Codec::dag_pb: {
      KITH_TRY(DagPbNode node, decode_dag_pb(block));
      for (const DagPbLink& link : node.links)
        visit(link.hash);
      return {};
    }
    case Codec::dag_cbor:
      return for_each_dag_cbor_link(block, visit);
    case Codec::dag_json: {
      KITH_TRY(Value value, decode_dag_json(block, Strictness::historical));
      visit_links(value, visit);
      return {};
    }
    default:
      return std::unexpected(IpldError::unknown_codec);
  }
}

Decoded<std::vector<Cid>> links_of(Codec codec, ByteView block) {
  std::vector<Cid> links;
  KITH_CHECK(for_each_link(codec, block, [&](const Cid& cid) { links.push_back(cid); }));
  return links;
}

}  // namespace kith::ipld
