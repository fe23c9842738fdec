// The links of a block, whatever its codec. Pure; any thread.
#pragma once

#include <functional>
#include <vector>

#include <kith/ipld/error.hpp>
#include <kith/multiformats/cid.hpp>

namespace kith::ipld {

/// Calls `visit` with every link in the block's order, also those that come twice. raw, dag-pb,
/// dag-cbor and dag-json (historical forms too); unknown_codec for any other. On an error some
/// links may have been visited.
Decoded<void> for_each_link(multiformats::Codec codec, ByteView block,
                            const std::function<void(const multiformats::Cid&)>& visit);

/// The same as a list.
Decoded<std::vector<multiformats::Cid>> links_of(multiformats::Codec codec, ByteView block);

}  // namespace kith::ipld
