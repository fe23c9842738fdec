// Paths of content, "/ipfs/CID/a/b", and what they lead to (specs.ipfs.tech/unixfs, "UnixFS
// Paths").
//
// "/ipfs/CID/...", "ipfs://CID/..." and "CID/..." are the same; empty steps and "." are dropped,
// ".." takes the step before it back and never leaves the root. Names are bytes; nothing is
// unescaped. Limits: path_bytes_max, path_depth_max. Errors: UnixfsError. Pure. Thread: any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <kith/ipld/block.hpp>
#include <kith/multiformats/cid.hpp>
#include <kith/unixfs/error.hpp>

namespace kith::unixfs {

struct ContentPath {
  multiformats::Cid root;
  std::vector<std::string> steps;

  /// bad_path, or the MultiformatsError of the CID; both with the text.
  static Result<ContentPath> parse(std::string_view text);
  /// "/ipfs/CID/a/b".
  std::string to_string() const;
};

struct Resolved {
  /// The block where the path ends, or that has the rest of the path inside.
  ipld::Block block;
  /// Its size as its parent claims it; 0 for the root.
  std::uint64_t cumulative_size = 0;
  /// What is left of the path when it ends inside a dag-cbor, dag-json or other block; the steps
  /// exist in it.
  std::vector<std::string> rest;
  /// The blocks of the way, from the root to the last one, without the shards of directories.
  std::vector<multiformats::Cid> way;
};

/// Follows a path: names of directories, plain and sharded, names of links of other dag-pb blocks,
/// and IPLD paths inside of dag-cbor and dag-json. Errors (with the path's step as text):
/// no_such_entry, not_a_directory, those of blocks and of the source.
Task<Resolved> resolve(ipld::BlockSource& source, ContentPath path);

/// The same without getting the last block: only its CID, its claimed size and the way are set, and
/// block.data is empty, unless a path inside of it had to be looked at.
Task<Resolved> resolve_link(ipld::BlockSource& source, ContentPath path);

}  // namespace kith::unixfs
