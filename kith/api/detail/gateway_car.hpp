// CarBlocks: the blocks of an archive that proves what a content path leads to
// (specs.ipfs.tech/http-gateways/trustless-gateway, IPIP-0402, IPIP-0412).
//
//   the blocks of the way, from the root on       then, by dag-scope:
//   with the shards that had to be asked            block    the block at its end
//                                                   entity   a file's blocks (or those of a range
//                                                            of its bytes), a directory's shards
//                                                   all      everything below
//
// Where a path leads nowhere, the blocks of the way alone prove that.
//
// Depth first, in the order of links. Without duplicates each block comes once. Identity CIDs are
// followed and never given out. Memory: links seen and not yet followed, and the CIDs given
// (CarLimits); no tree, however it repeats itself, makes it walk on without giving blocks out. Loop
// thread. Errors: IpldError (too_many beyond the limits), UnixfsError, those of the source.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include <kith/api/detail/gateway_request.hpp>
#include <kith/api/gateway_limits.hpp>
#include <kith/ipld/block.hpp>
#include <kith/unixfs/hamt.hpp>
#include <kith/unixfs/node.hpp>

namespace kith::api::gateway {

struct CarLimits {
  std::size_t parts_max = gateway_parts_max;
  std::size_t blocks_max = gateway_archive_blocks_max;
};

class CarBlocks {
 public:
  /// `way`: what was got while the path was followed. `end`: where it led, if anywhere; `rest`:
  /// steps inside of that block. The source outlives this.
  CarBlocks(ipld::BlockSource& source, std::vector<multiformats::Cid> way,
            std::optional<ipld::Block> end, std::vector<std::string> rest, CarParameters parameters,
            CarLimits limits = {});

  /// The next block; nothing at the end.
  Task<std::optional<ipld::Block>> next();

 private:
  struct Part {
    multiformats::Cid cid;
    std::size_t depth = 0;
    std::uint64_t offset = 0;         ///< in the file
    std::uint64_t size = 0;           ///< as the parent claims
    unixfs::HamtPosition position{};  ///< of a shard
    bool requested = false;
  };

  /// What hangs below the end of the way.
  enum class Below : std::uint8_t { nothing, file, shards, everything };

  Result<void> begin_below();
  Result<void> begin_entity();
  Result<void> begin_all();
  Task<std::optional<ipld::Block>> next_below();
  Result<void> open(const Part& part, const ipld::Block& block);
  Result<void> open_file_part(const Part& part, const unixfs::Node& node);
  Result<void> open_shard(const Part& part, const unixfs::Node& node);
  Result<void> push(std::vector<Part> parts);
  bool adds_nothing(const Part& part) const;
  void request_ahead();
  /// False if it came before and mustn't come again.
  Result<bool> give(const multiformats::Cid& cid);

  ipld::BlockSource& source_;
  CarParameters parameters_;
  CarLimits limits_;
  std::deque<multiformats::Cid> way_;
  std::optional<ipld::Block> end_;
  std::vector<std::string> rest_;
  bool end_reached_ = false;
  std::unordered_set<multiformats::Cid> given_;

  Below below_ = Below::nothing;
  /// The next one last.
  std::vector<Part> parts_;
  unixfs::HamtShape shape_;
  ByteRange range_;
  /// Parts of a file that were opened and lie wholly in the range: a second visit adds nothing,
  /// while one that lies on the range's border is opened again elsewhere.
  std::unordered_set<multiformats::Cid> opened_;
};

}  // namespace kith::api::gateway
