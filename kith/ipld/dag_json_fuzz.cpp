// Strategy: the input is a block. Invariants: what decodes becomes canonical in one step, and says
// the same in dag-cbor.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/ipld/dag_cbor.hpp>
#include <kith/ipld/dag_json.hpp>

namespace kith::fuzz {

using ipld::Strictness;

namespace {

void tell(Kinds& kinds, const ipld::Value& value) {
  kinds.reached_if(value.is_null(), "null");
  kinds.reached_if(value.get<bool>() != nullptr, "bool");
  if (const auto* integer = value.get<ipld::Integer>())
    kinds.reached(integer->negative ? "negative" : "integer");
  kinds.reached_if(value.get<double>() != nullptr, "float");
  kinds.reached_if(value.get<std::string>() != nullptr, "text");
  kinds.reached_if(value.get<Bytes>() != nullptr, "bytes");
  kinds.reached_if(value.get<multiformats::Cid>() != nullptr, "link");
  if (const auto* list = value.get<ipld::List>()) {
    kinds.reached("list");
    for (const ipld::Value& one : *list)
      tell(kinds, one);
  }
  if (const auto* map = value.get<ipld::Map>()) {
    kinds.reached("map");
    for (const ipld::MapEntry& entry : *map)
      tell(kinds, entry.value);
  }
}

}  // namespace

Kinds kinds_dag_json{"null",  "bool", "integer", "negative",      "float", "text",
                     "bytes", "list", "map",     "not canonical", "link"};

void fuzz_dag_json(ByteView input) {
  auto value = ipld::decode_dag_json(input, Strictness::historical);
  auto strict = ipld::decode_dag_json(input, Strictness::canonical);
  if (value) {
    tell(kinds_dag_json, *value);
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
