// dag-cbor: the data model in CBOR (ipld.io/specs/codecs/dag-cbor/spec, RFC 8949).
//
// Canonical: integers and lengths as short as can be, maps sorted by length and bytes of their
// keys, floats in 64 bits. Whatever the strictness: only tag 42 (a CID after a zero byte), text
// keys, no indefinite lengths, no NaN, no infinities, no undefined, one value and nothing after it,
// no key twice. Pure; any thread. Limits: block_bytes_max, value_depth_max, values_max. Errors:
// IpldError.
#pragma once

#include <functional>

#include <kith/ipld/value.hpp>

namespace kith::ipld {

Decoded<Value> decode_dag_cbor(ByteView block, Strictness strictness = Strictness::canonical);

/// not_representable never; bad_number, duplicate, bad_text, too_deep for values that no decoder
/// made.
Decoded<Bytes> encode_dag_cbor(const Value& value);

/// Calls `visit` with every link in order, and builds nothing. Takes historical forms.
Decoded<void> for_each_dag_cbor_link(ByteView block,
                                     const std::function<void(const multiformats::Cid&)>& visit);

/// Reads one value at the start of `in` (canonical or not), moves `in` past it.
Decoded<Value> take_dag_cbor(ByteView& in);

}  // namespace kith::ipld
