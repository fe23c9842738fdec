// From bytes to CIDs and back: hashing what a CID's prefix asks for, checking blocks, and reading
// through identity CIDs, whose digest is the content. Thread: any; sources are read on the loop's.
#pragma once

#include <kith/ipld/block.hpp>
#include <kith/ipld/error.hpp>

namespace kith::ipld {

/// The CID that content has under a prefix. Errc::unsupported for a hash function that crypto
/// doesn't know, IpldError::too_large for an identity CID above its limit.
Result<multiformats::Cid> cid_of(const multiformats::CidPrefix& prefix, ByteView content);

/// Hashes and compares. IpldError::hash_mismatch, or cid_of's errors.
Result<void> verify(const multiformats::Cid& cid, ByteView content);

/// A block under its CID.
Result<Block> make_block(const multiformats::CidPrefix& prefix, Buffer content);

/// The content of an identity CID, as a block. `cid` is one.
Block identity_block(const multiformats::Cid& cid);

/// source.get, except for identity CIDs, which hold the block themselves. Also refuses a block
/// larger than block_bytes_max (IpldError::too_large).
Task<Block> get_block(BlockSource& source, multiformats::Cid cid, Instant deadline = never);

/// source.has, except for identity CIDs, which are always here.
Task<bool> has_block(BlockSource& source, multiformats::Cid cid);

/// source.prefetch, for the CIDs that aren't the block themselves.
void prefetch_blocks(BlockSource& source, std::vector<multiformats::Cid> cids);

}  // namespace kith::ipld
