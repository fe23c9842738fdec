// SyncDesk: what a chain's peers have that it hasn't, and what they are given: BlockSync and
// SyncServer (sync/) behind one lock, for workers. Everything that comes from peers is decoded
// here, and so hashed where time may be spent.
//
// Thread: any, at the same time; calls block and compute.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <kith/ledger/chain/chain.hpp>
#include <kith/ledger/sync/block_sync.hpp>
#include <kith/ledger/sync/sync_server.hpp>
#include <kith/port/clock.hpp>

namespace kith::ledger {

class SyncDesk {
 public:
  /// All outlive it. `rules` weighs blocks, and judges headers (check()).
  SyncDesk(const Chain& chain, ConsensusRules& rules, const SyncOptions& options,
           port::Clock& clock, std::uint64_t seed);

  // What is to be done.

  struct Errands {
    std::vector<SyncRequest> requests;
    std::optional<HeaderBatch> headers;  ///< for check()
    std::vector<SyncFaultReport> faults;
    std::optional<SyncProgress> progress;
    Instant deadline = never;
  };
  Errands take_errands();
  /// Blocks that come next, of about so many bytes, as whole ones; the first that is none ends them
  /// and has been told. Each must end up in the chain, refused or lost (restart).
  std::vector<Block> take_blocks(std::size_t bytes_max);

  // What has been done.

  /// The chain's head is another one.
  void set_local();
  void on_refused(const Hash& hash);
  void restart();
  /// What consensus has made final: blocks up to there are got. As of BlockSync::set_target.
  bool set_target(const BlockName& block);
  /// Judges headers; nothing else may judge any meanwhile, as rules may remember.
  void check(const HeaderBatch& batch);

  // Peers.

  /// The greeting for peers.
  Result<Bytes> greeting() const;
  /// An error says why the peer isn't talked to.
  Result<void> on_greeting(SyncPeer peer, ByteView message);
  /// A new head: what the peer says. Nothing if it isn't such a message.
  std::optional<BlockName> on_new_head(SyncPeer peer, ByteView message);
  void remove_peer(SyncPeer peer);
  /// False if it is no answer at all.
  bool on_answer(SyncPeer peer, std::uint64_t id, ByteView message);
  void on_failed(SyncPeer peer, std::uint64_t id);
  /// Errc::invalid_argument if it is no request.
  Result<Bytes> answer(ByteView request) const;
  /// The message that tells peers of our head.
  Result<Bytes> new_head() const;

  /// Of the branch whose headers are being judged: for rules that ask for ancestors.
  std::optional<Hash> branch_hash(std::uint64_t number) const;

 private:
  static Result<LocalHead> local_head(const Chain& chain);

  const Chain& chain_;
  ConsensusRules& rules_;
  port::Clock& clock_;
  SyncServer server_;
  mutable std::mutex mutex_;  ///< of what follows
  BlockSync sync_;
};

/// The kind of message that begins so, for who sorts them.
bool is_new_head(ByteView message) noexcept;

}  // namespace kith::ledger
