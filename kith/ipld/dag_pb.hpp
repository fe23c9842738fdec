// dag-pb: nodes of links and bytes in protobuf, which UnixFS is made of
// (ipld.io/specs/codecs/dag-pb/spec).
//
//   PBNode  { optional bytes Data = 1; repeated PBLink Links = 2; }      Links are written first
//   PBLink  { bytes Hash = 1; optional string Name = 2; optional uint64 Tsize = 3; }
//
// The decoder is strict: fields of a link in order, nothing twice, nothing unknown, no padded
// varint, links together; only Data may stand before or after them, since both exist. The order of
// links is kept as it is. What decodes from the links-first form with sorted links encodes to the
// same bytes. Pure; any thread. Limits: block_bytes_max. Errors: IpldError.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <kith/base/bytes.hpp>
#include <kith/ipld/error.hpp>
#include <kith/multiformats/cid.hpp>

namespace kith::ipld {

/// One link. Absent and empty names differ in the encoding, and mean the same.
struct DagPbLink {
  multiformats::Cid hash;
  std::optional<std::string_view> name;
  std::optional<std::uint64_t>
      tsize;  ///< cumulative size of what is linked, as claimed; below 2^63

  std::string_view name_or_empty() const noexcept { return name.value_or(std::string_view()); }
  std::uint64_t tsize_or_zero() const noexcept { return tsize.value_or(0); }
  friend bool operator==(const DagPbLink&, const DagPbLink&) = default;
};

/// A node whose names and data lie in memory of somebody else: of the block it was decoded from, or
/// of whoever builds it.
struct DagPbNode {
  std::vector<DagPbLink> links;
  std::optional<ByteView> data;
};

/// Reads a whole block. The node refers to `block`. too_large above block_bytes_max.
Decoded<DagPbNode> decode_dag_pb(ByteView block);

/// Bytes that encode_dag_pb writes.
std::size_t dag_pb_size(const DagPbNode& node) noexcept;

/// Bytes that one more link adds to a node's encoding.
std::size_t dag_pb_link_size(std::size_t hash_bytes, std::optional<std::size_t> name_bytes,
                             std::optional<std::uint64_t> tsize) noexcept;

/// The canonical form: links sorted by name (stably, by bytes), then data. Every link has a hash.
Bytes encode_dag_pb(const DagPbNode& node);

}  // namespace kith::ipld
