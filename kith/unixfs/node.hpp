// A UnixFS node: the protobuf message in the data of a dag-pb node (specs.ipfs.tech/unixfs).
//
//   Data { required Type = 1; optional bytes Data = 2; optional uint64 filesize = 3;
//          repeated uint64 blocksizes = 4; optional uint64 hashType = 5; optional uint64 fanout =
//          6; optional uint32 mode = 7; optional UnixTime mtime = 8; }
//   UnixTime { required int64 Seconds = 1; optional fixed32 FractionalNanoseconds = 2; }
//
// decode_data reads the message as protobuf does: unknown fields are skipped, numbers may be
// packed. parse_node reads a whole block and checks what its type demands, so that nobody below has
// to: a file's links and sizes agree and add up, a symlink has no links, a shard's parameters are
// sane. Pure; any thread. Errors: UnixfsError.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <kith/base/bytes.hpp>
#include <kith/base/time.hpp>
#include <kith/ipld/dag_pb.hpp>
#include <kith/multiformats/cid.hpp>
#include <kith/unixfs/error.hpp>

namespace kith::unixfs {

enum class NodeType : std::uint8_t {
  raw = 0,  ///< a leaf of a file, of old and in trickle trees
  directory = 1,
  file = 2,
  metadata = 3,  ///< reserved, never used
  symlink = 4,
  hamt_shard = 5,
};

/// Permission bits and modification time, both optional and apart from each other.
struct Metadata {
  /// The permissions are the lower 12 bits; the rest is kept as it is.
  std::optional<std::uint32_t> mode;
  struct Time {
    std::int64_t seconds = 0;       ///< since 1970, negative before
    std::uint32_t nanoseconds = 0;  ///< below 1,000,000,000
    friend bool operator==(const Time&, const Time&) = default;

    /// As far as WallTime counts: a later time is its last second, an earlier one is 1970.
    WallTime wall_time() const noexcept;
  };
  std::optional<Time> mtime;

  bool empty() const noexcept { return !mode && !mtime; }
  /// The bits that have a meaning today.
  std::optional<std::uint32_t> permissions() const noexcept;
  friend bool operator==(const Metadata&, const Metadata&) = default;
};

/// The message. `data` lies in memory of somebody else.
struct NodeData {
  NodeType type = NodeType::file;
  std::optional<ByteView> data;  ///< content, a symlink's target, or a shard's bitfield
  std::optional<std::uint64_t> file_size;
  std::vector<std::uint64_t> block_sizes;
  std::optional<std::uint64_t> hash_type;
  std::optional<std::uint64_t> fanout;
  Metadata metadata;

  ByteView data_or_empty() const noexcept { return data.value_or(ByteView()); }
};

Decoded<NodeData> decode_data(ByteView message);
/// The message as Kubo writes it: fields in order, nothing packed, no zero mode, no zero
/// nanoseconds.
Bytes encode_data(const NodeData& data);

/// What a block is, seen as UnixFS.
enum class Kind : std::uint8_t { file, directory, sharded_directory, symlink };

/// A block that has been read and checked. Views lie in the block's bytes.
struct Node {
  Kind kind = Kind::file;
  /// Of dag-pb; a raw block has none.
  std::vector<ipld::DagPbLink> links;
  NodeData data;
  /// A file's own bytes plus those of all below it; a symlink's target's length; else 0.
  std::uint64_t size = 0;
  /// This block's bytes and the claimed sizes of all links: what a parent calls Tsize.
  std::uint64_t cumulative_size = 0;

  bool is_directory() const noexcept {
    return kind == Kind::directory || kind == Kind::sharded_directory;
  }
  /// A file's bytes in this very block: they come before those of the links.
  ByteView content() const noexcept { return data.data_or_empty(); }
};

/// Reads a block of codec raw or dag-pb. The node refers to `block`.
Decoded<Node> parse_node(const multiformats::Cid& cid, ByteView block);

/// True for a name that an entry may have when it is put on a disk: not empty, ".", "..", no "/"
/// and no NUL, at most name_bytes_max.
bool name_is_safe(std::string_view name) noexcept;

}  // namespace kith::unixfs
