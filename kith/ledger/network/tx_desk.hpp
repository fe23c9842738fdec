// TxDesk: the transactions that wait for one chain's blocks, and what is to be said of them among
// peers: the pool, its journal, the announcer and the fetcher (txpool/), behind one lock.
//
//   JSON-RPC ── send() ──┐                         ┌── answer()         to those who ask
//   peers ── on_news() ──┤ pool, journal, fetcher, ├── news_for()       what a peer is to be told
//   peers ── on_reply() ─┤ announcer               ├── take_requests()  what a peer is to be asked
//   chain ── on_head() ──┘                         └── best()           for the next block
//
// A local transaction is in the journal, and so outlives the process, when send() returns; a power
// failure can take those of the last moment, since sync() is for its owner to call now and then.
//
// Thread: any, at the same time; calls read the state and recover signers, so they are for workers.
// `changed`, if there is one, is called in whichever thread it was, without the lock, when there is
// something to be told or asked; it mustn't call back.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include <kith/ledger/rpc/pending.hpp>
#include <kith/ledger/txpool/tx_announcer.hpp>
#include <kith/ledger/txpool/tx_fetcher.hpp>
#include <kith/ledger/txpool/tx_journal.hpp>
#include <kith/ledger/txpool/tx_pool.hpp>
#include <kith/port/clock.hpp>

namespace kith::ledger {

struct TxDeskOptions {
  PoolOptions pool = {};
  /// For tables whose keys strangers choose.
  std::uint64_t seed = 0;
};

class TxDesk final : public PendingTransactions {
 public:
  /// The journal may be null: local transactions die with the process then. The clock, and the
  /// journal, outlive it. What is in the journal goes into the pool.
  TxDesk(TxDeskOptions options, PoolHead head, TxJournal* journal, port::Clock& clock);

  void set_listener(std::function<void()> changed) { changed_ = std::move(changed); }

  // Of JSON-RPC.
  RpcResult<Hash> send(const Transaction& transaction) override;
  std::optional<Waiting> find(const Hash& hash) const override;
  std::uint64_t next_nonce(const Address& address, std::uint64_t nonce) const override;
  Content content() const override;

  // Of the chain.

  /// The chain has a new head. Errors as of TxPool::on_head: nothing has changed then.
  Result<void> on_head(PoolHead head, const PoolHeadChange& change);
  BestTransactions best(const U256& base_fee) const;
  /// Whether some could be in the next block. Never waits.
  bool has_pending() const noexcept { return has_pending_; }
  PoolStatus status() const;
  /// Those that became pending since the last call, for who has subscribed.
  std::vector<Hash> take_pending();
  /// Lets go of what has waited too long.
  void on_time();
  /// Local transactions outlive a power failure when this returns; rewrites the journal if most of
  /// it is old.
  Result<void> sync();

  // Of peers.

  /// False if there are too many, or it is one.
  bool add_peer(GossipPeer peer, bool is_preferred);
  void remove_peer(GossipPeer peer);
  /// The peer has announced these.
  TxFetcher::Heard on_news(GossipPeer peer, const TxAnnouncement& announcement);
  /// The peer's answer to a request. What it did wrong.
  std::vector<TxFault> on_reply(GossipPeer peer, const TxReply& reply);
  void on_request_failed(GossipPeer peer, std::uint64_t id);
  /// The message that answers a request.
  Bytes answer(const TxRequest& request) const;
  /// What is to be asked of whom now; each is under way from then on.
  std::vector<TxFetcher::Fetch> take_requests();
  /// When take_requests() or on_time() may have something to do without another call.
  Instant next_deadline() const;
  /// The next message for each of these that has something to hear.
  struct News {
    GossipPeer peer;
    Bytes message;
  };
  std::vector<News> news_for(std::span<const GossipPeer> peers);

 private:
  struct Recovered {
    PoolTransactionPointer transaction;
    Hash hash;
  };

  void load_journal();
  Result<TxPool::Added> add(PoolTransactionPointer made, TransactionOrigin origin, Instant now);
  void take_events();
  void tell() const;

  TxJournal* journal_;
  port::Clock& clock_;
  std::function<void()> changed_;

  mutable std::mutex mutex_;  ///< of what follows
  TxPool pool_;
  TxFetcher fetcher_;
  TxAnnouncer announcer_;
  std::vector<Hash> pending_;
  /// Hashes of the latest blocks' transactions: nobody needs to fetch them.
  HashFilter included_;
  bool journal_grew_ = false;
  std::atomic<bool> has_pending_ = false;
};

}  // namespace kith::ledger
