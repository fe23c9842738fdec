// Blocks as values of the data model and back, whatever their codec: raw (bytes), dag-pb, dag-cbor,
// dag-json.
//
// A dag-pb block is a map {"Data": bytes, "Links": [{"Hash": link, "Name": text, "Tsize": int}]},
// as its specification says; nothing else can be written as dag-pb. Pure; any thread. Errors:
// IpldError, among them unknown_codec and not_representable.
#pragma once

#include <kith/ipld/value.hpp>

namespace kith::ipld {

/// True for the codecs named above.
bool codec_known(multiformats::Codec codec) noexcept;

Decoded<Value> decode_value(multiformats::Codec codec, ByteView block,
                            Strictness strictness = Strictness::historical);

Decoded<Bytes> encode_value(multiformats::Codec codec, const Value& value);

}  // namespace kith::ipld
