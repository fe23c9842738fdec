// A chain as one node holds it: the blocks that it knows, which of them are the chain, and the
// states after them.
//
//     settled: in files that only grow         not settled: a tree
//     0 --- 1 --- ... --- 812 --------------- 813 --- 814 --- 815   head
//                          |                    \---- 814'
//                 the state on disk            states in memory, blocks on disk
//
// add() takes a block that could be one of the chain by its header and its body, and runs nothing.
// run() finds out whether it is right, on its parent's state. set_head() makes a branch the chain,
// runs what of it hasn't been run, and goes back as far as it takes: when the branch leaves the
// chain below the settled blocks, these are taken back one by one and stay known, so that a branch
// that turns out to be wrong can be left again. finalize() says that a block stays.
//
// Which branch is the better one is for consensus to say (consensus/); the chain tells how heavy
// each is.
//
// Memory: headers of blocks that aren't settled (ChainOptions::unsettled_max), and the changes of
// some hundred blocks. A long branch is settled as it is run.
//
// After a crash the chain opens as it was at some moment after the last finalize() or sync() that
// returned; later blocks may be missing and come again from others.
//
// Thread: calls block, so they are for workers. Questions may be asked by any number of threads,
// changes come one at a time.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include <kith/ledger/chain/block_files.hpp>
#include <kith/ledger/chain/consensus_rules.hpp>
#include <kith/ledger/chain/genesis.hpp>
#include <kith/ledger/chain/processor.hpp>
#include <kith/ledger/state/state_tree.hpp>

namespace kith::ledger {

struct ChainOptions {
  StateTreeOptions state = {};
  /// The head's ancestors are settled this far below it.
  std::uint64_t unsettled_depth = 64;
  /// Only final blocks are settled, whatever the depth.
  bool settles_final_only = false;
  /// Blocks that aren't settled; more are refused (Errc::limit_exceeded).
  std::size_t unsettled_max = 1 << 17;
  /// For tables whose keys strangers choose.
  std::uint64_t seed = 0;
};

/// Why a block, or a branch because of it, can't be the chain.
struct ChainRefusal {
  BlockName block;
  BlockRefusal why;
};

/// What set_head() has done, in this order.
struct HeadChange {
  std::vector<BlockName> removed;  ///< the newest first
  std::vector<BlockName> added;    ///< the oldest first
};

/// What a new block says of itself before its transactions are known.
struct BlockPlan {
  Hash parent;
  std::uint64_t timestamp = 0;  ///< seconds since 1970
  std::uint64_t gas_limit = 0;
  Address coinbase;
  Hash mix_hash;
  U256 difficulty;
  Bytes extra_data;
  /// Instead of the one that follows from the parent: for development alone, as no other node takes
  /// the block.
  std::optional<U256> base_fee = std::nullopt;
};

class BlockBuilder;
namespace detail {
class BlockStore;
}

class Chain {
 public:
  template <class T>
  using Judged = Result<std::expected<T, ChainRefusal>>;

  /// What port::KeyValueOptions::namespaces must hold from `first_space` on, in this order.
  static std::vector<std::string> namespaces();

  /// Opens what is there or begins with the genesis, in that store and that log, which outlive the
  /// chain as the rules do. Errc::invalid_argument if what is there has another genesis;
  /// Errc::corrupt if it isn't what this wrote.
  static Result<std::unique_ptr<Chain>> open(port::KeyValue& store, port::Namespace first_space,
                                             BlockLog& log, const Genesis& genesis,
                                             ConsensusRules& rules, const ChainOptions& options);
  ~Chain();
  Chain(const Chain&) = delete;
  Chain& operator=(const Chain&) = delete;

  // Questions.

  const ForkSchedule& schedule() const noexcept { return schedule_; }
  const Hash& genesis() const noexcept { return genesis_; }
  BlockName head() const;
  BlockName finalized() const;  ///< the genesis if nothing is
  BlockName settled() const;
  /// Of a chain's block: the rules that it ran by.
  Result<Revision> revision_of(const Hash& hash) const;
  /// The rules of a block that comes after that one.
  Result<Revision> revision_after(const Hash& parent, std::uint64_t timestamp) const;

  bool knows(const Hash& hash) const;
  // Of any block that is known; Errc::not_found of others.
  Result<Header> header(const Hash& hash) const;
  Result<Block> block(const Hash& hash) const;
  /// Of the branch from the genesis up to that block.
  Result<U256> total_weight(const Hash& hash) const;
  /// Errc::not_found also if the block hasn't been run.
  Result<std::vector<Receipt>> receipts(const Hash& hash) const;

  /// Of the chain's block of that number.
  Result<Hash> hash_at(std::uint64_t number) const;
  bool is_of_chain(const Hash& hash) const;
  struct TransactionPlace {
    BlockName block;
    std::uint32_t index = 0;
  };
  /// Where in the chain a transaction is. Errc::not_found if it is nowhere.
  Result<TransactionPlace> find_transaction(const Hash& hash) const;

  /// The state after that block. Errc::not_found if it isn't kept, or isn't computed.
  Result<std::unique_ptr<StateReader>> state(const Hash& hash) const;
  bool has_state(const Hash& hash) const;
  /// Of blocks that aren't settled, and of the last settled one.
  Result<StateTree::Proof> prove(const Hash& hash, const Address& address,
                                 const std::vector<U256>& keys) const;
  /// The root of that block's state with what the world, which read from it, has changed.
  Result<Hash> root_with(const Hash& hash, World& world) const;
  /// Ancestors' hashes, as a block after `parent` sees them.
  Result<Hash> ancestor(const Hash& parent, std::uint64_t number) const;

  // Changes.

  enum class Added : std::uint8_t { newly, before };
  /// Takes a block whose parent is known. The reason unknown_parent says nothing against it, nor
  /// does an Error of the consensus' rules.
  Result<std::expected<Added, InvalidBlock>> add(const Block& block);
  /// Runs the block if that hasn't been done. Its parent's state must be here (Errc::not_found).
  /// The senders may be known from a pool. A block that is refused stays known as invalid, and so
  /// does what comes of it.
  Judged<void> run(const Hash& hash, std::span<const Address> senders = {});
  /// Makes the branch of that block, which is known, the chain. If a block of it is refused, the
  /// head is what it was before. An Error (a disk fails) leaves the head where it was, or further
  /// on that way.
  Judged<HeadChange> set_head(const Hash& hash);
  /// The chain's block stays, and with it all before it. Durable when this returns.
  Result<void> finalize(const Hash& hash);
  /// All blocks that were added survive a crash when this returns.
  Result<void> sync();

  /// Begins a block after that one, whose state is here.
  Result<std::unique_ptr<BlockBuilder>> build(const BlockPlan& plan) const;
  /// The builder's finished block, sealed meanwhile: added, and what running it has told is kept.
  /// Errc::invalid_argument if it is another block. The rules of headers are those of its plan, and
  /// aren't asked again.
  Result<std::expected<Added, InvalidBlock>> adopt(const BlockBuilder& builder,
                                                   const Block& sealed);

  // For chains that are made for developing: a state is changed without a block, so that the
  // header's root isn't its root any more. Of a block that isn't settled (Errc::not_found).
  Result<void> alter_state(const Hash& hash, World& world);
  Result<StateTree::Prepared> keep_state(const Hash& hash) const;
  Result<void> restore_state(const Hash& hash, const StateTree::Prepared& kept);

 private:
  /// What running a block has told.
  struct Ran {
    std::vector<Receipt> receipts;
    std::vector<Hash> transactions;
  };
  struct Known {
    std::shared_ptr<const Header> header;
    U256 weight;
    bool invalid = false;
    std::shared_ptr<const Ran> ran;
  };
  struct Cached {
    Hash hash;
    std::shared_ptr<const Block> block;
  };

  Chain(const Genesis& genesis, ConsensusRules& rules, const ChainOptions& options);

  Result<void> agree(const Genesis& genesis);
  Result<void> load_recent();
  Result<void> rerun(std::uint64_t upto);

  Result<std::optional<Known>> find(const Hash& hash) const;
  Result<Known> find_known(const Hash& hash) const;
  Result<std::shared_ptr<const Block>> load(const Hash& hash) const;
  void cache(const Hash& hash, std::shared_ptr<const Block> block) const;
  Revision revision(const Header& header, const U256& parent_weight) const;
  Result<BlockValid> check_after(const Header& header, const Known& parent) const;
  Result<BlockValid> check_ommers(const Block& block) const;
  Result<std::expected<Added, InvalidBlock>> add_with(const Block& block, const Hash& hash,
                                                      std::shared_ptr<const Ran> ran);
  Result<BlockValid> check(const Block& block, const Known& parent) const;
  Judged<void> run_on(const Hash& hash, const Known& known, std::span<const Address> senders);
  void mark_invalid(const Hash& hash);
  std::vector<std::pair<std::uint64_t, Hash>> by_number() const;

  Judged<void> advance(std::span<const Hash> newest_first);
  Result<void> move_head(std::uint64_t fork, std::span<const Hash> oldest_first);
  Result<void> step_back_to(std::uint64_t number);
  Result<void> settle_some(std::uint64_t run);
  Result<void> settle_to(std::uint64_t number);
  Result<void> follow_state();
  Result<void> drop_branches();

  ForkSchedule schedule_;
  ConsensusRules& rules_;
  ChainOptions options_;
  Hash genesis_;
  std::unique_ptr<detail::BlockStore> store_;
  std::unique_ptr<StateTree> states_;

  mutable std::shared_mutex mutex_;  ///< of what follows
  BlockName settled_;
  Known settled_known_;
  BlockName head_;
  BlockName finalized_;
  std::unordered_map<Hash, Known, SeededHasher> tree_;
  /// The chain above the settled block.
  std::deque<Hash> canonical_;
  std::unordered_map<Hash, TransactionPlace, SeededHasher> transactions_;
  mutable std::deque<Cached> cache_;
  mutable std::mutex cache_mutex_;
};

}  // namespace kith::ledger
