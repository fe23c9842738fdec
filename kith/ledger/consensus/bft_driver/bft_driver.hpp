// BftDriver: validators' consensus (consensus/bft/engine.hpp) on a chain, epoch after epoch; one
// validator's, or somebody's who follows.
//
//           messages, blocks, syncs                    BftChain   builds, judges, keeps blocks
//     node ------------------------> BftDriver ------>            and certificates
//                                     | Engine         BftNetwork votes out, blocks out
//                                     | log of votes
//
// An epoch is L blocks and one set of validators: those that the staking contract names in the
// state after the last block of the epoch before. Its engine's genesis is that block; what
// validators vote on are blocks' hashes. Once the epoch's last block is notarized it is proposed
// again, in as many views as it takes until it is final; then its engine is dropped and the next
// one begins.
//
//   of a past epoch      whoever votes or asks in one is sent its last finalization, and so notices
//                        that it is behind: it fetches that block, and the node syncs on
//   of the next epoch    is kept, so far as there is room, until that begins
//   of a later one       is dropped; its sender is asked for what ended the epoch that we are in
//
// What is durable when: a vote before it is sent (detail/vote_log.hpp says when a validator may not
// vote, and why); a block that we built before we vote for it, by BftChain::build(); what is final
// when BftChain::finalize() has returned, and only then does an epoch end. While the log can't be
// written, on a full disk say, nothing is said and the engine stands still; it goes on where it was
// once that works again.
//
// Pace: a block is built once its parent's timestamp and a blockTime have passed on this node's
// calendar, and time-outs of views count from there. Without emptyBlocks, while no transaction
// waits here and all is final, the view rests: its leader builds nothing, and the others' time-outs
// to leave it don't run. It ends when transactions come, when the leader proposes or more than a
// third of the stake votes in the view or beyond, and after emptyBlockInterval at the latest. That
// is safe, since nothing of Simplex' safety depends on time: a time-out that comes late is a slow
// clock's. It is live, since every rest ends by itself. What isn't final doesn't rest, as what was
// lost of it is only said again in views that go on.
//
// Keys: a message comes from, and goes to, the Ed25519 key of a node. Validators are named by it;
// who follows needs one, too, to be answered.
//
// Ownership: chain, network, keys and Env outlive the driver; after start() it must be closed by
// close_shielded(). It should be started once the node has synced with whom it reaches: a validator
// who has lost its whole disk looks like a new one until its chain has a final block. Loop thread
// only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <kith/base/buffer.hpp>
#include <kith/crypto/keys.hpp>
#include <kith/ledger/consensus/bft/engine.hpp>
#include <kith/ledger/consensus/bft_driver/bft_parameters.hpp>
#include <kith/port/env.hpp>

namespace kith::ledger {

/// What the driver must know of a block.
struct BftBlock {
  Hash hash;
  std::uint64_t number = 0;
  std::uint64_t timestamp = 0;  ///< seconds since 1970

  friend bool operator==(const BftBlock&, const BftBlock&) = default;
};

/// The chain, as the node has it. Tasks run on the loop and may wait for workers; each ends soon
/// after it is cancelled. Several may run at a time, but for build() and verify(), of which one
/// each runs at a time.
class BftChain {
 public:
  virtual ~BftChain() = default;

  // Questions. An Error other than Errc::not_found is taken for one that passes: it is asked again.

  /// Of a block that is here, run or not. Errc::not_found of others.
  virtual Task<BftBlock> block(Hash hash) = 0;
  /// The newest final one, by finalize() or by a sync; the genesis at first.
  virtual Task<BftBlock> finalized() = 0;
  /// Of the final block of that number, at most finalized()'s.
  virtual Task<Hash> final_hash(std::uint64_t number) = 0;
  /// Who votes on the blocks after that one, which is final and the last of its epoch or the
  /// genesis. An error if the state after it isn't here.
  virtual Task<std::shared_ptr<const bft::ValidatorSet>> validators_after(Hash block) = 0;
  /// Of the epoch's last block, as it was given to finalize() or came with a sync.
  /// Errc::not_found.
  virtual Task<bft::CertificatePtr> last_finalization(bft::Epoch epoch) = 0;
  /// Whether transactions wait that a block after the chain's head could include.
  virtual bool has_transactions() = 0;

  // Work.

  /// Makes a block after that one, with what the headers of such chains say (bft_consensus.hpp),
  /// adds it and has it durable when it returns: after a crash no other one may be built where this
  /// one was voted for. `deadline` is when the block should be there; later is often in vain. Any
  /// Error gives the view up.
  virtual Task<Hash> build(Hash parent, Instant deadline) = 0;
  /// Whether the block is a valid child of that parent; both needn't be here. Runs it.
  /// `unavailable` (or an Error) if that can't be told now: the block or an ancestor isn't here, or
  /// is too far ahead of the clock. At an epoch's end it also compares the header's extraData with
  /// the set that the state after the block names. A block that is `valid` is durable.
  virtual Task<bft::PayloadVerdict> verify(Hash block, Hash parent) = 0;
  /// The block, which is here, and all before it are final; durable, and the certificate with it,
  /// when this returns. Nothing is wrong with a block that is final already. Errors are tried
  /// again.
  virtual Task<void> finalize(BftBlock block, bft::CertificatePtr certificate) = 0;
  /// The driver needs that block, which isn't here: BftDriver::on_block() is to be called when it
  /// is. May be called again and again for the same one, and for one that has just come.
  virtual void wanted(const Hash& block) = 0;
};

/// The way to others.
class BftNetwork {
 public:
  virtual ~BftNetwork() = default;

  /// Best effort; returns at once, and drops what there is no room for.
  virtual void send(const bft::ValidatorKey& to, const Buffer& message) = 0;
  /// A block that we built goes to everybody.
  virtual void publish(const Hash& block) = 0;
  /// Who sent what nobody who plays by the rules sends.
  virtual void broke_rules(const bft::ValidatorKey& who) = 0;
};

/// Who signs, and how signatures are checked.
class BftKeys {
 public:
  virtual ~BftKeys() = default;

  /// Nothing: one who only follows.
  virtual std::optional<bft::ValidatorKey> self() const = 0;
  /// For self(), which stands there in the set.
  virtual std::unique_ptr<bft::Signer> signer(bft::ValidatorIndex self) const = 0;
  virtual std::unique_ptr<bft::Verifier> verifier(const bft::ValidatorSet& set) const = 0;
};

/// Ed25519. `domain` is what a vote of this chain begins with (bft/signing.hpp): the genesis' hash,
/// or what its contract can know in its place. The key must be an Ed25519 key
/// (Errc::invalid_argument).
Result<std::unique_ptr<BftKeys>> make_bft_keys(const Hash& domain,
                                               std::optional<crypto::PrivateKey> key);

/// A validator that broke the rules.
struct BftAccusation {
  bft::Evidence evidence;
  bft::ValidatorKey accused{};

  friend bool operator==(const BftAccusation&, const BftAccusation&) = default;
};

struct BftDriverOptions {
  BftParameters parameters;  ///< within their limits (asserted)
  /// For the log of votes and the evidence; the driver's alone. Made if it isn't there.
  std::string folder;
  /// Told of each piece of evidence when it is found, and of those that are kept when the driver
  /// starts. May be empty.
  std::function<void(const BftAccusation&)> on_evidence;
};

/// How it stands, for people.
struct BftStatus {
  struct Voter {
    bft::ValidatorKey key{};
    std::uint64_t stake = 0;
    bft::View heard = 0;  ///< the newest view of this epoch in which it was heard; 0: not yet
  };

  bool running = false;  ///< what follows but for `trouble` means something
  bft::Epoch epoch = 0;
  bft::View view = 0;
  bft::ValidatorKey leader{};  ///< of the view
  BftBlock final_block;
  std::vector<Voter> validators;
  bool votes = false;
  std::string why_not;  ///< it doesn't vote
  std::string trouble;  ///< what it can't do at the moment and tries again; empty: nothing
  bool rests = false;   ///< no transaction waits, and none needs to be final
};

namespace detail {
class BftDriverState;
}

class BftDriver {
 public:
  BftDriver(port::Env& env, BftChain& chain, BftNetwork& network, const BftKeys& keys,
            BftDriverOptions options);
  /// Must be closed, or not started (asserted).
  ~BftDriver();
  BftDriver(const BftDriver&) = delete;
  BftDriver& operator=(const BftDriver&) = delete;

  void start();
  /// Ends its tasks; nothing is sent or asked any more when it returns. For good.
  Task<void> close_shielded();

  // What the node tells. None of these waits, and all do nothing before start() and after
  // close_shielded(). Messages that there is no room for are dropped.

  /// From the node with that key, as the connection proves.
  void on_message(const bft::ValidatorKey& from, ByteView message);
  /// A finalization from wherever (a sync, gossip); it is checked. Of another epoch it is passed
  /// over.
  void on_certificate(const bft::CertificatePtr& certificate);
  /// A block is here that wasn't.
  void on_block(const Hash& block);
  /// BftChain::finalized() has moved without us.
  void on_synced();
  /// BftChain::has_transactions() may have changed.
  void on_transactions();

  BftStatus status() const;

 private:
  std::unique_ptr<detail::BftDriverState> state_;
};

}  // namespace kith::ledger
