// Strategy: the input is a block. Invariants: what decodes encodes to a block of the same size and
// meaning, which then is canonical; the links are those that for_each_link sees; nothing lies
// outside of the block.
#include <algorithm>
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/ipld/codec.hpp>
#include <kith/ipld/dag_pb.hpp>
#include <kith/ipld/links.hpp>

namespace kith::fuzz {

using multiformats::Codec;

Kinds kinds_dag_pb{"empty block", "links",          "data",    "name",     "empty name",
                   "no name",     "size of a link", "no size", "unsorted", "data before links"};

void fuzz_dag_pb(ByteView input) {
  auto node = ipld::decode_dag_pb(input);
  auto links = ipld::links_of(Codec::dag_pb, input);
  ASSERT(node.has_value() == links.has_value());
  if (!node) return;
  kinds_dag_pb.reached_if(input.empty(), "empty block");
  kinds_dag_pb.reached_if(node->data.has_value(), "data");
  kinds_dag_pb.reached_if(!node->links.empty(), "links");
  for (const ipld::DagPbLink& link : node->links) {
    kinds_dag_pb.reached(!link.name ? "no name" : link.name->empty() ? "empty name" : "name");
    kinds_dag_pb.reached(link.tsize ? "size of a link" : "no size");
  }
  const bool sorted = std::ranges::is_sorted(node->links, {}, &ipld::DagPbLink::name_or_empty);
  kinds_dag_pb.reached_if(!sorted, "unsorted");
  kinds_dag_pb.reached_if(!node->links.empty() && node->data && input.front() == 0x0a,
                          "data before links");
  ASSERT(ipld::dag_pb_size(*node) == input.size());
  ASSERT(links->size() == node->links.size());
  Bytes canonical = ipld::encode_dag_pb(*node);
  ASSERT(canonical.size() == input.size());
  auto again = ipld::decode_dag_pb(canonical);
  ASSERT(again && ipld::encode_dag_pb(*again) == canonical);
  auto value = ipld::decode_value(Codec::dag_pb, canonical, ipld::Strictness::canonical);
  if (!value) return;
  auto encoded = ipld::encode_value(Codec::dag_pb, *value);
  ASSERT(encoded && *encoded == canonical);
}

}  // namespace kith::fuzz
