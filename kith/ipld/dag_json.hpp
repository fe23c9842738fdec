// dag-json: the data model in JSON (ipld.io/specs/codecs/dag-json/spec, RFC 8259).
//
//   a link   {"/": "bafy..."}          bytes   {"/": {"bytes": "base64 without padding"}}
//
// Canonical: no white space, maps sorted by the bytes of their keys, numbers and texts in one form
// (floats with a point or an exponent, the shortest that reads back). Whatever the strictness: the
// maps that the format reserves for links and bytes must be those, and no key comes twice. Pure;
// any thread. Limits: block_bytes_max, value_depth_max, values_max. Errors: IpldError.
#pragma once

#include <kith/ipld/value.hpp>

namespace kith::ipld {

Decoded<Value> decode_dag_json(ByteView block, Strictness strictness = Strictness::canonical);

/// reserved for a map that only a link or bytes may look like; else as encode_dag_cbor.
Decoded<Bytes> encode_dag_json(const Value& value);

}  // namespace kith::ipld
