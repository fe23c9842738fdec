// The state of a chain: one version of it on disk, and above it the changes of the blocks that may
// yet be taken back.
//
//     block 7 --- block 8 --- block 9          layers in memory, each the changes of one block
//        |            \------ block 9'
//   state of block 6                           on disk: accounts and storage by hash, trie nodes by
//   path
//        |
//   what blocks 6, 5, ... changed               on disk: the values before, for archives and for
//                                               going back
//
// add() makes a layer of a World's changes and tells the state's root. settle() writes the layers
// up to a block to disk in one batch, with the block's name in it, and forgets the branches that
// don't come of it: after a crash the disk is the state of one block or of the next, never of half
// of one, and the blocks after it are run again. back_to() goes back to an earlier block by the
// values before.
//
// A reader of a state that isn't here can't be had (Errc::not_found): none ever answers with
// another state's values.
//
// Disk: namespaces of a port::KeyValue, all of one store:
//   accounts         hash of the address -> AccountRecord in RLP
//   storage          hash of the address, hash of the key -> the value, big-endian without zeros
//   codes            hash -> the code
//   account nodes    path -> trie node                 storage nodes   hash of the address, path ->
//   node account past     hash of the address, block number -> the record before that block; empty:
//   none storage past     hash of the address, hash of the key, block number -> the value before;
//   empty: 0 block past       block number -> what it changed, for forgetting and for going back
//   meta             "head" -> block number, block hash, state root
//
// Thread: calls block, so they are for workers; any number may read through readers, one at a time
// may add, settle or go back.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include <kith/ledger/evm/world.hpp>
#include <kith/ledger/state/account_record.hpp>
#include <kith/ledger/state/memory_state.hpp>
#include <kith/ledger/state/trie.hpp>
#include <kith/port/key_value.hpp>

namespace kith::ledger {

/// A block, by whose number and hash a state is known.
struct BlockName {
  std::uint64_t number = 0;
  Hash hash;

  friend bool operator==(const BlockName&, const BlockName&) = default;
};

struct StateTreeOptions {
  /// How many blocks' values before are kept; without, all of them (an archive).
  std::optional<std::uint64_t> past_blocks = 128;
};

namespace detail {
struct StateLayer;
class StateView;
}  // namespace detail

class StateTree {
 public:
  /// What port::KeyValueOptions::namespaces must hold from `first_space` on, in this order.
  static std::vector<std::string> namespaces();

  /// Opens what is there. Errc::not_found if nothing is: begin() makes it. Errc::corrupt if it's
  /// nothing that this wrote.
  static Result<std::unique_ptr<StateTree>> open(port::KeyValue& store, port::Namespace first_space,
                                                 const StateTreeOptions& options);
  /// Writes a genesis into an empty store.
  static Result<std::unique_ptr<StateTree>> begin(port::KeyValue& store,
                                                  port::Namespace first_space,
                                                  const StateTreeOptions& options,
                                                  const BlockName& genesis,
                                                  const MemoryState& state);
  ~StateTree();
  StateTree(const StateTree&) = delete;
  StateTree& operator=(const StateTree&) = delete;

  /// The block whose state is on disk.
  BlockName settled() const;
  Result<Hash> root_of(const Hash& block) const;
  /// Whether the state after that block can be read: it is a layer or on disk.
  bool has(const Hash& block) const;

  /// The state after that block. It stays what it was, whatever is settled meanwhile. Used by one
  /// thread at a time. Errc::not_found if it isn't here.
  Result<std::unique_ptr<StateReader>> reader(const Hash& block) const;
  /// The state after a settled block of the past, by the values before. Errc::not_found if they
  /// aren't kept that far. Whether that block is of this chain is for the caller to know.
  Result<std::unique_ptr<StateReader>> past_reader(std::uint64_t number) const;

  /// What a block makes of its parent's state, computed and not yet known by the block's name.
  class Prepared {
   public:
    const Hash& root() const noexcept { return root_; }

   private:
    friend class StateTree;
    Hash root_;
    std::shared_ptr<const detail::StateLayer> layer_;
  };
  /// The world read from a reader of the parent's state, which is here.
  Result<Prepared> prepare(const Hash& parent, World& world) const;
  /// From now on the state after `block`.
  void add(const BlockName& block, const Hash& parent, const Prepared& prepared);
  /// Both at once; tells the root.
  Result<Hash> add(const BlockName& block, const Hash& parent, World& world);

  // For chains that are made for developing, whose states are changed between blocks.
  /// The state after a block that isn't settled, to be added again later.
  Result<Prepared> keep(const Hash& block) const;
  /// That state with what the world, which read from it, has changed: to be added in its place.
  Result<Prepared> altered(const Hash& block, World& world) const;

  /// Writes the states up to that block to disk, where it stays; layers that don't come of it are
  /// forgotten. On the medium when this returns; if it fails, it may have come part of the way.
  Result<void> settle(const Hash& block);
  /// Takes the disk's last block back. Errc::not_found if what was before isn't kept. All layers
  /// are forgotten.
  Result<void> step_back(const BlockName& parent);

  /// Nodes of the trie from its root to the account, and from the storage's root to each key
  /// (EIP-1186). Of blocks that reader() has.
  struct Proof {
    std::optional<AccountRecord> account;
    std::vector<Bytes> account_nodes;
    struct Slot {
      U256 key;
      U256 value;
      std::vector<Bytes> nodes;
    };
    std::vector<Slot> slots;
  };
  Result<Proof> prove(const Hash& block, const Address& address,
                      const std::vector<U256>& keys) const;

 private:
  StateTree(port::KeyValue& store, port::Namespace first_space, const StateTreeOptions& options);
  /// A layer as the state after some block. Several blocks may have the same.
  struct Named {
    BlockName block;
    Hash parent;
    std::shared_ptr<const detail::StateLayer> layer;
  };

  Result<detail::StateView> view_of(const Hash& block) const;
  Result<void> settle_next(const Named& next);
  Result<void> forget_past(port::Snapshot& snapshot, std::uint64_t newest,
                           port::Batch& batch) const;

  port::KeyValue& store_;
  port::Namespace first_space_;
  StateTreeOptions options_;
  mutable std::shared_mutex mutex_;  ///< of what follows
  BlockName settled_;
  Hash settled_root_;
  std::unordered_map<Hash, Named, SeededHasher> layers_;
};

}  // namespace kith::ledger
