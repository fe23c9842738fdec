// What is known of a file, directory or symlink from its root block alone. Loop thread only.
#pragma once

#include <cstdint>
#include <string>

#include <kith/ipld/block.hpp>
#include <kith/unixfs/node.hpp>

namespace kith::unixfs {

struct Stat {
  multiformats::Cid cid;
  Kind kind = Kind::file;
  std::uint64_t size = 0;             ///< a file's bytes, as claimed; a symlink's target's length
  std::uint64_t cumulative_size = 0;  ///< of all blocks below and this one, as claimed
  std::uint64_t block_size = 0;       ///< of the root block
  std::uint64_t links = 0;            ///< of the root block
  Metadata metadata;
  std::string target;  ///< of a symlink
};

/// Of a block that is here.
Decoded<Stat> stat_of(const ipld::Block& block);
/// Gets the block first.
Task<Stat> stat(ipld::BlockSource& source, multiformats::Cid cid);

}  // namespace kith::unixfs
