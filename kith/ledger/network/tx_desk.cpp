#include <algorithm>

#include <kith/ledger/network/limits.hpp>
#include <kith/ledger/network/tx_desk.hpp>

namespace kith::ledger {
namespace {

RpcError refused(const Error& why) {
  return {RpcCode::server_error, refusal_text(why)};
}

}  // namespace

TxDesk::TxDesk(TxDeskOptions options, PoolHead head, TxJournal* journal, port::Clock& clock)
    : journal_(journal),
      clock_(clock),
      pool_(std::move(options.pool), std::move(head), options.seed),
      fetcher_({}, options.seed),
      announcer_(options.seed),
      included_(included_hashes_max, options.seed) {
  if (journal_ != nullptr) load_journal();
}

/// In the order in which they were sent, so that none waits for one that comes later.
void TxDesk::load_journal() {
  for (Transaction& one : journal_->take_loaded().transactions) {
    const auto sender = one.sender();
    if (!sender) continue;
    // What the chain has meanwhile, or wouldn't take, is left out.
    static_cast<void>(pool_.add(PoolTransaction::make(std::move(one), *sender),
                                TransactionOrigin::local, clock_.now()));
  }
  take_events();
}

void TxDesk::take_events() {
  const PoolEvents events = pool_.take_events();
  for (const PoolTransactionPointer& one : events.pending) {
    announcer_.on_pending(*one);
    if (pending_.size() < pending_told_max) pending_.push_back(one->hash);
  }
  has_pending_ = pool_.status().pending > 0;
}

void TxDesk::tell() const {
  if (changed_) changed_();
}

// JSON-RPC.

RpcResult<Hash> TxDesk::send(const Transaction& transaction) {
  const auto sender = transaction.sender();
  if (!sender) return std::unexpected(RpcError(Error(sender.error())));
  PoolTransactionPointer made = PoolTransaction::make(transaction, *sender);
  const Hash hash = made->hash;
  {
    const std::lock_guard lock(mutex_);
    const auto added = pool_.add(std::move(made), TransactionOrigin::local, clock_.now());
    if (!added) return std::unexpected(refused(added.error()));
    fetcher_.on_have(hash);
    take_events();
    if (journal_ != nullptr) {
      // It stays in the pool all the same: it is on its way already if it was there before.
      const auto kept = journal_->append(transaction);
      if (!kept && !kept.error().is(Errc::limit_exceeded)) {
        return std::unexpected(RpcError(kept.error().with_context(
            "the transaction waits for a block, but couldn't be written to the journal")));
      }
      journal_grew_ = true;
    }
  }
  tell();
  return hash;
}

std::optional<PendingTransactions::Waiting> TxDesk::find(const Hash& hash) const {
  const std::lock_guard lock(mutex_);
  const PoolTransactionPointer found = pool_.find(hash);
  if (!found) return std::nullopt;
  return Waiting{found->transaction, found->sender};
}

std::uint64_t TxDesk::next_nonce(const Address& address, std::uint64_t nonce) const {
  const std::lock_guard lock(mutex_);
  return std::max(nonce, pool_.next_nonce(address).value_or(nonce));
}

PendingTransactions::Content TxDesk::content() const {
  const std::lock_guard lock(mutex_);
  Content all;
  for (const AccountContent& account : pool_.content()) {
    for (const auto& one : account.pending)
      all.pending[account.address][one->transaction.nonce] = one->transaction;
    for (const auto& one : account.queued)
      all.queued[account.address][one->transaction.nonce] = one->transaction;
  }
  return all;
}

// The chain.

Result<void> TxDesk::on_head(PoolHead head, const PoolHeadChange& change) {
  {
    const std::lock_guard lock(mutex_);
    KITH_CHECK(pool_.on_head(std::move(head), change, clock_.now()));
    for (const Hash& hash : change.included) {
      included_.insert(hash);
      fetcher_.on_have(hash);
    }
    take_events();
  }
  tell();
  return {};
}

BestTransactions TxDesk::best(const U256& base_fee) const {
  const std::lock_guard lock(mutex_);
  return pool_.best(base_fee);
}

PoolStatus TxDesk::status() const {
  const std::lock_guard lock(mutex_);
  return pool_.status();
}

std::vector<Hash> TxDesk::take_pending() {
  const std::lock_guard lock(mutex_);
  return std::exchange(pending_, {});
}

void TxDesk::on_time() {
  const std::lock_guard lock(mutex_);
  pool_.on_time(clock_.now());
  take_events();
}

Result<void> TxDesk::sync() {
  const std::lock_guard lock(mutex_);
  if (journal_ == nullptr) return {};
  if (journal_->wants_rotation()) {
    KITH_CHECK(journal_->rotate(pool_.locals()));
  } else if (journal_grew_) {
    KITH_CHECK(journal_->sync());
  }
  journal_grew_ = false;
  return {};
}

// Peers.

bool TxDesk::add_peer(GossipPeer peer, bool is_preferred) {
  const std::lock_guard lock(mutex_);
  if (!fetcher_.add_peer(peer, is_preferred, clock_.now())) return false;
  const auto pending = pool_.pending();
  if (announcer_.add_peer(peer, pending)) return true;
  fetcher_.remove_peer(peer);
  return false;
}

void TxDesk::remove_peer(GossipPeer peer) {
  const std::lock_guard lock(mutex_);
  fetcher_.remove_peer(peer);
  announcer_.remove_peer(peer);
}

TxFetcher::Heard TxDesk::on_news(GossipPeer peer, const TxAnnouncement& announcement) {
  const std::lock_guard lock(mutex_);
  for (const AnnouncedTransaction& one : announcement.transactions)
    announcer_.on_peer_knows(peer, one.hash);
  return fetcher_.on_announcement(
      peer, announcement.transactions,
      [this](const Hash& hash) { return pool_.contains(hash) || included_.contains(hash); },
      clock_.now());
}

std::vector<TxFault> TxDesk::on_reply(GossipPeer peer, const TxReply& reply) {
  TxFetcher::Answer answer;
  std::optional<PoolRules> rules;
  {
    const std::lock_guard lock(mutex_);
    answer = fetcher_.on_reply(peer, reply);
    rules = pool_.rules();
  }
  // Signers are recovered without the lock: that is what takes the time.
  std::vector<Recovered> recovered;
  for (const std::size_t place : answer.wanted) {
    const ReceivedTransaction& one = reply.transactions[place];
    Recovered& made = recovered.emplace_back(nullptr, one.hash);
    if (!rules->check(one.transaction, one.bytes, TransactionOrigin::remote)) continue;
    const auto sender = one.transaction.sender();
    if (sender) made.transaction = PoolTransaction::make(one.transaction, *sender);
  }
  {
    const std::lock_guard lock(mutex_);
    const Instant now = clock_.now();
    for (Recovered& one : recovered) {
      announcer_.on_peer_knows(peer, one.hash);
      const bool is_good = one.transaction != nullptr;
      const auto added = is_good
                             ? pool_.add(std::move(one.transaction), TransactionOrigin::remote, now)
                             : Result<TxPool::Added>(std::unexpected(Error(Errc::refused)));
      if (added) {
        fetcher_.on_have(one.hash);
      } else {
        fetcher_.on_refused(one.hash, now);
      }
    }
    take_events();
  }
  tell();
  return std::move(answer.faults);
}

void TxDesk::on_request_failed(GossipPeer peer, std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  fetcher_.on_request_failed(peer, id);
}

Bytes TxDesk::answer(const TxRequest& request) const {
  std::vector<PoolTransactionPointer> found;
  {
    const std::lock_guard lock(mutex_);
    found = answer_to(request, pool_);
  }
  return encode_reply(request.id, found);
}

std::vector<TxFetcher::Fetch> TxDesk::take_requests() {
  const std::lock_guard lock(mutex_);
  return fetcher_.next_requests(clock_.now());
}

Instant TxDesk::next_deadline() const {
  const std::lock_guard lock(mutex_);
  return std::min(fetcher_.next_deadline(), pool_.next_deadline());
}

std::vector<TxDesk::News> TxDesk::news_for(std::span<const GossipPeer> peers) {
  const std::lock_guard lock(mutex_);
  std::vector<News> all;
  const auto is_there = [this](const Hash& hash) { return pool_.contains(hash); };
  for (const GossipPeer peer : peers) {
    if (!announcer_.has_for(peer)) continue;
    const TxAnnouncement news = announcer_.next_for(peer, is_there);
    if (!news.transactions.empty()) all.push_back({peer, news.encode()});
  }
  return all;
}

}  // namespace kith::ledger
