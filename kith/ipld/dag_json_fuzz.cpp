// Strategy: the input is a block. Invariants: what decodes becomes canonical in one step, and says
// the same in dag-cbor.
#include <kith/base/assert.hpp>
#include <kith/ipld/dag_cbor.hpp>
#include <kith/ipld/dag_json.hpp>
#include <kith/ipld/test_value_kinds.hpp>

namespace kith::fuzz {

using ipld::Strictness;

Kinds kinds_dag_json(value_kinds, {"not canonical", "link"});

void fuzz_dag_json(ByteView input) {
  auto value = ipld::decode_dag_json(input, Strictness::historical);
  auto strict = ipld::decode_dag_json(input, Strictness::canonical);
  if (value) {
    tell_value(kinds_dag_json, *value);
    kinds_dag_json.reached_if(!strict, "not canonical");
  }
  if (!value) {
    ASSERT(!strict);
    return;
  }
  auto canonical = ipld::encode_dag_json(*value);
  // A map that was fine in its own order may be a faulty link once it is sorted.
  if (!canonical) {
    ASSERT(canonical.error() == ipld::IpldError::reserved && !strict);
    return;
  }
  ASSERT(strict.has_value() == equal(*canonical, input));
  auto again = ipld::decode_dag_json(*canonical, Strictness::canonical);
  ASSERT(again && ipld::encode_dag_json(*again) == *canonical);
  auto cbor = ipld::encode_dag_cbor(*value);
  ASSERT(cbor);
  auto from_cbor = ipld::decode_dag_cbor(*cbor, Strictness::canonical);
  ASSERT(from_cbor && ipld::encode_dag_json(*from_cbor) == *canonical);
}

}  // namespace kith::fuzz
