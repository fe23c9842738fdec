// Block: bytes with the CID that names them. BlockSource: where blocks come from; the store, an
// exchange and what joins them implement it, and DAG walks and UnixFS read through it. Blocks may
// be read on any thread; sources are asked on the loop's.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <kith/base/buffer.hpp>
#include <kith/base/time.hpp>
#include <kith/multiformats/cid.hpp>
#include <kith/port/task.hpp>

namespace kith::ipld {

/// Blocks larger than this are neither made, nor accepted from peers (Bitswap's limit).
inline constexpr std::size_t block_bytes_max = 2 * 1024 * 1024;

struct Block {
  multiformats::Cid cid;
  Buffer data;
};

/// Invariant: a Block that came out of a BlockSource has been verified against its CID, now or when
/// it was stored.
class BlockSource {
 public:
  virtual ~BlockSource() = default;

  /// The block; a source that can fetch waits for it until `deadline`. Errc::not_found from a
  /// source that can't get it, Errc::timed_out, Errc::cancelled, Errc::corrupt.
  virtual Task<Block> get(multiformats::Cid cid, Instant deadline = never) = 0;

  /// Says that these will be asked for soon, in this order, so that a fetching source can have them
  /// under way. Never waits. A source without use for it ignores it.
  virtual void prefetch(std::span<const multiformats::Cid> cids) = 0;

  /// Whether get would answer without asking other peers.
  virtual Task<bool> has(multiformats::Cid cid) = 0;
};

/// Where new blocks go. Durable once flush() has returned.
class BlockSink {
 public:
  virtual ~BlockSink() = default;
  /// Takes the blocks, whose data has been hashed by the caller; waits while too much is under way.
  virtual Task<void> put(std::vector<Block> blocks) = 0;
  virtual Task<void> flush() = 0;
};

}  // namespace kith::ipld
