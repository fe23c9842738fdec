// Strategy: the input is a block. Invariants: what is canonical encodes to itself; what is
// historical becomes canonical in one step; both see the same links; dag-json says the same value,
// if it can.
#include <kith/base/assert.hpp>
#include <kith/ipld/dag_cbor.hpp>
#include <kith/ipld/dag_json.hpp>
#include <kith/ipld/test_value_kinds.hpp>

namespace kith::fuzz {

using ipld::Strictness;

Kinds kinds_dag_cbor(value_kinds, {"not canonical", "link"});

void fuzz_dag_cbor(ByteView input) {
  std::size_t links = 0;
  auto visited = ipld::for_each_dag_cbor_link(input, [&](const auto&) { ++links; });
  auto value = ipld::decode_dag_cbor(input, Strictness::historical);
  ASSERT(visited.has_value() == value.has_value());
  auto strict = ipld::decode_dag_cbor(input, Strictness::canonical);
  if (value) {
    tell_value(kinds_dag_cbor, *value);
    kinds_dag_cbor.reached_if(!strict, "not canonical");
  }
  if (!value) {
    ASSERT(!strict);
    return;
  }
  auto canonical = ipld::encode_dag_cbor(*value);
  ASSERT(canonical);
  ASSERT(strict.has_value() == equal(*canonical, input));
  auto again = ipld::decode_dag_cbor(*canonical, Strictness::canonical);
  ASSERT(again && ipld::encode_dag_cbor(*again) == *canonical);
  auto json = ipld::encode_dag_json(*value);
  if (!json) return;
  auto from_json = ipld::decode_dag_json(*json, Strictness::canonical);
  ASSERT(from_json && ipld::encode_dag_cbor(*from_json) == *canonical);
}

}  // namespace kith::fuzz
