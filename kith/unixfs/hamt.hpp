// HAMT-sharded directories: entries spread over blocks by the bits of their names' hashes
// (specs.ipfs.tech/unixfs, "dag-pb HAMTDirectory").
//
//   hash of a name (murmur3-x64-64)   | slot in root | slot in child | ...      most significant
//   first a shard's links, by slot          "0A"           a shard of level + 1
//                                     "0Aname.txt"   an entry
//
// A slot with one name is an entry, with more a shard. Reading is strict: parameters equal in all
// shards, slots in order and once, the bitfield as the links say, and each entry where its hash
// puts it, so that no shard can show a name twice or list what a lookup wouldn't find. Pure; any
// thread. Limits: hamt_fanout_max; depth by the hash's 64 bits. Errors: UnixfsError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <kith/base/bytes.hpp>
#include <kith/ipld/dag_pb.hpp>
#include <kith/unixfs/error.hpp>

namespace kith::unixfs {

struct Node;
struct NodeData;

/// The first half of MurmurHash3_x64_128 with seed 0 (multicodec murmur3-x64-64).
std::uint64_t murmur3_x64_64(ByteView data) noexcept;

/// What fanout means for bits and names.
struct HamtShape {
  unsigned fanout = 256;
  unsigned bits = 8;          ///< of the hash that a level takes
  unsigned prefix_chars = 2;  ///< hexadecimal digits before an entry's name

  static Decoded<HamtShape> of_fanout(std::uint64_t fanout);
  /// Of a shard's message: bad_shard for another hash function than murmur3-x64-64, or a fanout
  /// that isn't a power of two between hamt_fanout_min and hamt_fanout_max.
  static Decoded<HamtShape> of(const NodeData& data);

  unsigned levels() const noexcept { return 64 / bits; }
  /// A name's slot at a level below levels().
  unsigned slot(std::uint64_t hash, unsigned level) const noexcept;
  std::string prefix(unsigned slot) const;

  friend bool operator==(const HamtShape&, const HamtShape&) = default;
};

/// Where a shard is: the slots that lead to it.
struct HamtPosition {
  unsigned level = 0;
  std::uint64_t path = 0;  ///< the first level * bits bits of every name below

  HamtPosition below(const HamtShape& shape, unsigned slot) const noexcept;
};

struct HamtLink {
  unsigned slot = 0;
  /// Empty for a shard.
  std::string_view name;
  const ipld::DagPbLink* link = nullptr;

  bool is_shard() const noexcept { return name.empty(); }
};

/// A shard's links by slot. They refer to `node`, which is a shard.
Decoded<std::vector<HamtLink>> read_shard(const Node& node, const HamtShape& shape,
                                          HamtPosition position);

/// What a shard says of a name: the entry, the shard to ask next, or nothing.
std::optional<HamtLink> find_in_shard(const std::vector<HamtLink>& links, const HamtShape& shape,
                                      HamtPosition position, std::string_view name,
                                      std::uint64_t hash);

/// A shard's bitfield: bit n says that slot n has something; the last byte holds slots 0 to 7, and
/// zero bytes at the front are left out.
Bytes hamt_bitfield(const HamtShape& shape, const std::vector<unsigned>& slots);

}  // namespace kith::unixfs
