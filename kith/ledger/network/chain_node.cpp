#include <algorithm>

#include <boost/asio/post.hpp>
#include <boost/json.hpp>

#include <kith/ledger/consensus/staking/staking.hpp>
#include <kith/ledger/network/block_news.hpp>
#include <kith/ledger/network/chain_node.hpp>
#include <kith/ledger/rpc/detail/rpc_values.hpp>

namespace kith::ledger {
namespace {

std::uint64_t draw(port::Env& env) {
  std::array<std::uint8_t, 8> seed;
  env.random.fill(seed);
  return load_be<std::uint64_t>(seed.data());
}

}  // namespace

Task<std::unique_ptr<ChainNode>> ChainNode::open(port::Env& env,
                                                 std::optional<ChainNetwork> network,
                                                 ChainNodeOptions options) {
  ChainFilesOptions of_files{
      .folder = options.folder,
      .archive = options.archive,
      .seed = draw(env),
      .now_s = [&wall = env.wall] {
        const auto since = std::chrono::floor<std::chrono::seconds>(wall.now().time_since_epoch());
        return static_cast<std::uint64_t>(since.count());
      }};
  auto opens = [&env, &of_files] { return ChainFiles::open(env, of_files); };
  KITH_CO_TRY(auto files, co_await port::run_on(env.pool, std::move(opens)));
  std::unique_ptr<ChainNode> node(
      new ChainNode(env, network, std::move(options), std::move(files)));
  auto begins = [&node, seed = draw(env)] { return node->begin(seed); };
  auto begun = co_await port::run_on(env.pool, std::move(begins));
  if (begun && node->files_->bft) begun = node->begin_bft();
  if (!begun) {
    node->closed_ = true;
    co_return std::unexpected(begun.error());
  }
  node->start();
  co_return node;
}

ChainNode::ChainNode(port::Env& env, std::optional<ChainNetwork> network, ChainNodeOptions options,
                     std::unique_ptr<ChainFiles> files)
    : env_(env),
      log_(env.log, "chain"),
      network_(network),
      options_(std::move(options)),
      files_(std::move(files)),
      change_ended_(env.clock),
      head_changed_(env.clock),
      alive_(std::make_shared<bool>(true)),
      news_event_(env.clock),
      sync_event_(env.clock),
      mining_changed_(env.clock),
      tasks_(env.executor, env.clock) {}

ChainNode::~ChainNode() {
  ASSERT(closed_);
}

/// On a worker.
Result<void> ChainNode::begin(std::uint64_t seed) {
  Chain& chain = *files_->chain;
  KITH_TRY(head_, read_head());
  KITH_TRY(const Header header, chain.header(head_.name.hash));
  KITH_TRY(std::shared_ptr<StateReader> state, chain.state(head_.name.hash));
  TxDeskOptions of_pool{.pool = options_.pool, .seed = seed};
  of_pool.pool.chain_id = chain.schedule().chain_id;
  if (chain.schedule().base_fee == BaseFeeRule::fixed) {
    // Nobody bids where gas has a price that stays.
    of_pool.pool.price_limit = 0;
    of_pool.pool.base_fee_min = header.base_fee.value_or(0);
  }
  pool_ = std::make_unique<TxDesk>(std::move(of_pool),
                                   PoolHead::after(header, chain.schedule(), std::move(state)),
                                   files_->journal.get(), env_.clock);
  pool_->set_listener([this] { post_news(); });
  SyncOptions of_sync;
  if (files_->bft) of_sync.mode = SyncMode::to_target;
  sync_ = std::make_unique<SyncDesk>(chain, files_->rules(), of_sync, env_.clock, seed + 1);
  if (files_->pow)
    files_->pow->follow([this](std::uint64_t number) { return sync_->branch_hash(number); });
  desk_ = std::make_unique<ChainDesk>(chain, *pool_, ForkRule(seed ^ 0x9e3779b97f4a7c15));
  RpcNode node;
  node.syncing_to = [this] {
    const std::lock_guard lock(target_mutex_);
    return syncing_to_;
  };
  node.peer_count = [this] { return static_cast<std::uint64_t>(peer_count_.load()); };
  RpcOptions of_rpc;
  of_rpc.client_version = options_.client_version;
  if (chain.schedule().base_fee == BaseFeeRule::fixed) of_rpc.default_tip = 0;
  rpc_ = std::make_unique<ChainRpc>(chain, pool_.get(), std::move(node), of_rpc);
  rpc_->add("eth_mining", [this](const boost::json::array&) -> RpcResult<boost::json::value> {
    return boost::json::value(is_mining_.load());
  });
  rpc_->add("eth_hashrate", [this](const boost::json::array&) -> RpcResult<boost::json::value> {
    const double rate = hash_rate_.load();
    return boost::json::value(detail::quantity(static_cast<std::uint64_t>(rate)));
  });
  return {};
}

Result<void> ChainNode::begin_bft() {
  BftParts parts{.chain = *files_->chain,
                 .desk = *desk_,
                 .pool = *pool_,
                 .rules = *files_->bft,
                 .finality = *files_->finality,
                 .change = [this](auto work) { return change(std::move(work)); },
                 .want = [this](const Hash& hash) { want_block(hash); },
                 .publish =
                     [this](Block block, Bytes certificate) {
                       tasks_.spawn(publish(std::move(block), std::move(certificate)));
                     }};
  std::optional<crypto::PrivateKey> key;
  net::Swarm* swarm = network_ ? &network_->swarm : nullptr;
  // A validator is known by its node's identity, which has to be of that kind.
  if (swarm != nullptr && swarm->identity().type() == crypto::KeyType::ed25519)
    key = swarm->identity();
  KITH_TRY(bft_, BftHost::make(env_, swarm, std::move(parts), options_.folder + "/validator",
                               files_->vote_domain, std::move(key), options_.find_peer));
  bft_->set_coinbase(options_.coinbase);
  return {};
}

void ChainNode::start() {
  tasks_.spawn(make_durable());
  tasks_.spawn(news_loop());
  if (!network_) return;
  tasks_.spawn(sync_with_peers());
  ChainTalk& talk = *this;
  peers_ = std::make_unique<ChainPeers>(
      env_, network_->swarm, network_->identify, files_->chain->genesis(), talk,
      ChainPeerOptions{.news_bytes_max = announcement_bytes_max + 1,
                       .request_bytes_max = request_bytes_max + 1});
  peers_->start();
  if (bft_) {
    bft_->start();
    tasks_.spawn(seek_finality());
  }
  blocks_topic_ = chain_protocol(files_->chain->genesis(), "blocks/1");
  network_->pubsub.set_validator(
      blocks_topic_, [this](pubsub::Received got) { return on_gossip(std::move(got)); },
      gossip_at_once_max);
  // What a message is for is done when it is judged; a subscription is what makes it come.
  auto subscribed = network_->pubsub.subscribe(blocks_topic_, 1);
  if (subscribed) {
    subscription_ = *std::move(subscribed);
  } else {
    KITH_LOG_WARN(log_, "{}: new blocks aren't heard by gossip: {}", options_.name,
                  subscribed.error().message());
  }
}

Task<void> ChainNode::close_shielded() {
  closed_ = true;
  *alive_ = false;
  stop_mining();
  tasks_.cancel();
  if (network_ && !blocks_topic_.empty()) {
    network_->pubsub.set_validator(blocks_topic_, {});
    subscription_.reset();
  }
  if (bft_ && network_) co_await bft_->close_shielded();
  if (peers_) co_await peers_->close_shielded();
  co_await tasks_.join_shielded();
  // One that a validator has begun.
  while (is_changing_)
    co_await change_ended_.wait_shielded();
  const Result<void> kept = pool_->sync();
  const Result<void> synced = files_->chain->sync();
  co_return kept ? synced : kept;
}

Result<ChainNode::Head> ChainNode::read_head() const {
  const Chain& chain = *files_->chain;
  Head head;
  head.name = chain.head();
  head.finalized = chain.finalized();
  KITH_TRY(head.weight, chain.total_weight(head.name.hash));
  KITH_TRY(const Header header, chain.header(head.name.hash));
  head.timestamp = header.timestamp;
  return head;
}

// Changes of the chain.

/// One after the other, so that they don't fill the workers with waiters.
Task<Taking> ChainNode::change(std::function<Result<Taking>()> work) {
  while (is_changing_)
    KITH_CO_CHECK(co_await change_ended_.wait());
  is_changing_ = true;
  Head head;
  auto job = [this, &work, &head]() -> Result<Taking> {
    KITH_TRY(Taking taking, work());
    KITH_TRY(head, read_head());
    sync_->set_local();
    return taking;
  };
  auto taking = co_await port::run_on(env_.pool, std::move(job));
  is_changing_ = false;
  change_ended_.notify_all();
  if (taking) on_change(*taking, head);
  co_return taking;
}

void ChainNode::on_change(const Taking& taking, const Head& head) {
  head_ = head;
  if (taking.head.added.empty() && taking.head.removed.empty()) return;
  if (!taking.head.removed.empty()) {
    KITH_LOG_INFO(log_, "{}: another branch is the chain from block {} on, {} blocks go",
                  options_.name, taking.head.removed.back().number, taking.head.removed.size());
  }
  if (listener_) listener_(taking.head, {});
  head_changed_.notify_all();
  if (bft_) bft_->driver().on_transactions();
  wake_news();
  wake_sync();
}

/// A block that came by gossip: it is passed on once its header and its body are right, before it
/// is run.
Task<pubsub::Verdict> ChainNode::on_gossip(pubsub::Received received) {
  using enum pubsub::Verdict;
  if (closed_ || received.from == network_->swarm.local_peer()) co_return accept;
  auto reads = [&received]() -> Result<std::optional<BlockNews>> {
    return BlockNews::decode(received.message->data());
  };
  KITH_CO_TRY(std::optional<BlockNews> news, co_await port::run_on(env_.pool, std::move(reads)));
  if (!news) co_return reject;
  if (bft_) co_return co_await on_final_block(*std::move(news));
  if (!news->proof.empty()) co_return reject;
  auto keeps = [this, &news] { return desk_->keep(news->block); };
  KITH_CO_TRY(const Taking taking, co_await change(std::move(keeps)));
  switch (taking.verdict) {
    case Taking::Verdict::taken:
      tasks_.spawn(choose(std::move(news->block)));
      co_return accept;
    case Taking::Verdict::unknown_parent: {
      Orphan orphan{.hash = news->block.header.hash(),
                    .parent = news->block.header.parent,
                    .peer = std::hash<multiformats::PeerId>()(received.from),
                    .bytes = news->block.encode()};
      orphans_.add(std::move(orphan), env_.clock.now());
      co_return ignore;
    }
    case Taking::Verdict::known:
    case Taking::Verdict::not_yet:
      co_return ignore;
    case Taking::Verdict::refused:
      co_return reject;
  }
  co_return ignore;
}

/// Of a bft chain: with the certificate that it is final.
Task<pubsub::Verdict> ChainNode::on_final_block(BlockNews news) {
  using enum pubsub::Verdict;
  const Hash hash = news.block.header.hash();
  const std::uint64_t number = news.block.header.number;
  std::optional<BlockName> proven;
  Taking taking;
  auto keeps = [&]() -> Result<Taking> {
    taking.verdict = Taking::Verdict::known;
    if (number <= files_->chain->finalized().number) return taking;
    proven = bft_->judge({number, news.proof});
    if (!proven || proven->hash != hash) return taking;
    KITH_TRY(taking, desk_->keep(news.block));
    return taking;
  };
  KITH_CO_CHECK(co_await change(std::move(keeps)));
  // Of an epoch that isn't ours it can't be told; it comes by sync.
  if (!proven) co_return ignore;
  if (proven->hash != hash) co_return reject;
  if (taking.verdict == Taking::Verdict::refused) co_return reject;
  if (taking.verdict == Taking::Verdict::unknown_parent) {
    wake_sync();
    co_return ignore;
  }
  bft_->driver().on_block(hash);
  if (const auto certificate = bft_->read_certificate(news.proof))
    bft_->driver().on_certificate(*certificate);
  co_return accept;
}

Task<void> ChainNode::choose(Block block) {
  const Hash hash = block.header.hash();
  auto takes = [this, &block] { return desk_->take(block); };
  KITH_CO_TRY(const Taking taking, co_await change(std::move(takes)));
  if (taking.verdict == Taking::Verdict::refused) {
    KITH_LOG_WARN(log_, "{}: block {} {} is wrong: {}", options_.name, block.header.number,
                  hash.to_hex(), Error(taking.why->why.reason).message());
    co_return Result<void>{};
  }
  co_return co_await take_orphans(hash);
}

/// Those that came before that block.
Task<void> ChainNode::take_orphans(Hash parent) {
  for (Orphan& orphan : orphans_.take_children(parent)) {
    auto block = Block::decode(orphan.bytes);
    if (block) tasks_.spawn(choose(*std::move(block)));
  }
  co_return Result<void>{};
}

Task<void> ChainNode::publish(Block block, Bytes proof) {
  if (!network_) co_return Result<void>{};
  const BlockNews news{std::move(block), std::move(proof)};
  Bytes message = news.encode();
  // A larger one is fetched by those who are told of the new head.
  if (message.size() > gossiped_block_bytes_max) co_return Result<void>{};
  auto sent = co_await network_->pubsub.publish(blocks_topic_, std::move(message));
  if (!sent && !sent.error().is(Errc::cancelled))
    KITH_LOG_DEBUG(log_, "{}: a block isn't gossiped: {}", options_.name, sent.error().message());
  co_return Result<void>{};
}

Task<Taking> ChainNode::import(std::vector<Block> blocks) {
  auto takes = [this, &blocks] { return desk_->take_all(blocks); };
  co_return co_await change(std::move(takes));
}

// Transactions.

void ChainNode::wake_news() {
  news_wanted_ = true;
  news_event_.notify_all();
}

/// From any thread; many at once are one.
void ChainNode::post_news() {
  if (news_posted_.exchange(true)) return;
  boost::asio::post(env_.executor, [alive = alive_, this]() noexcept {
    if (!*alive) return;
    news_posted_ = false;
    wake_news();
  });
}

/// Those of them who haven't been told of our head.
std::vector<GossipPeer> ChainNode::behind_in_news(const std::vector<GossipPeer>& peers) {
  std::vector<GossipPeer> behind;
  for (const GossipPeer peer : peers) {
    const auto state = peer_states_.find(peer);
    if (state == peer_states_.end() || state->second.told_head == head_.name.hash) continue;
    state->second.told_head = head_.name.hash;
    behind.push_back(peer);
  }
  return behind;
}

/// What peers are to be told and asked, and who listens here.
Task<void> ChainNode::news_loop() {
  struct Round {
    std::vector<TxDesk::News> news;
    std::optional<Bytes> head;
    std::vector<TxFetcher::Fetch> requests;
    std::vector<Hash> pending;
    Instant deadline = never;
  };
  for (;;) {
    news_wanted_ = false;
    std::vector<GossipPeer> idle = peers_ ? peers_->idle() : std::vector<GossipPeer>();
    const std::vector<GossipPeer> without_head = behind_in_news(idle);
    auto works = [this, &idle, &without_head]() -> Result<Round> {
      Round round;
      if (!without_head.empty()) {
        KITH_TRY(round.head, sync_->new_head());
      }
      pool_->on_time();
      round.news = pool_->news_for(idle);
      round.requests = pool_->take_requests();
      round.pending = pool_->take_pending();
      round.deadline = pool_->next_deadline();
      return round;
    };
    KITH_CO_TRY(Round round, co_await port::run_on(env_.pool, std::move(works)));
    for (const GossipPeer peer : without_head)
      peers_->tell(peer, *round.head);
    for (TxDesk::News& one : round.news)
      peers_->tell(one.peer, std::move(one.message));
    for (TxFetcher::Fetch& wanted : round.requests)
      tasks_.spawn(fetch(std::move(wanted)));
    if (!round.pending.empty() && listener_) listener_({}, round.pending);
    if (!round.pending.empty() && bft_) bft_->driver().on_transactions();
    KITH_CO_CHECK(co_await port::sleep_for(env_.clock, news_interval));
    while (!news_wanted_) {
      auto waited = co_await news_event_.wait(round.deadline);
      if (!waited && !waited.error().is(Errc::timed_out)) co_return waited;
      if (!waited) break;
    }
  }
}

/// Asks a peer for transactions that it has announced.
Task<void> ChainNode::fetch(TxFetcher::Fetch wanted) {
  const GossipPeer peer = wanted.peer;
  const std::uint64_t id = wanted.request.id;
  auto answer = co_await peers_->ask(peer, wanted.request.encode(), gossip_message_bytes_max,
                                     env_.clock.now() + answer_timeout);
  if (!answer && answer.error().is(Errc::cancelled)) co_return std::unexpected(answer.error());
  struct Outcome {
    std::vector<TxFault> faults;
    bool is_wrong = false;
  };
  auto works = [this, &answer, peer, id]() -> Result<Outcome> {
    if (!answer) {
      pool_->on_request_failed(peer, id);
      return Outcome();
    }
    const auto message = decode_tx_message(*answer);
    const TxReply* reply = message ? std::get_if<TxReply>(&*message) : nullptr;
    if (reply == nullptr) {
      pool_->on_request_failed(peer, id);
      return Outcome{{}, true};
    }
    return Outcome{pool_->on_reply(peer, *reply), false};
  };
  KITH_CO_TRY(const Outcome outcome, co_await port::run_on(env_.pool, std::move(works)));
  if (outcome.is_wrong) fault(peer, "its answer isn't one", fault_points_max);
  for (std::size_t i = 0; i < outcome.faults.size(); ++i)
    fault(peer, "its transactions aren't those that were asked for", fault_points);
  wake_news();
  co_return Result<void>{};
}

Task<void> ChainNode::make_durable() {
  Hash synced = head_.name.hash;
  for (;;) {
    KITH_CO_CHECK(co_await port::sleep_for(env_.clock, journal_sync_interval));
    auto syncs = [this, synced]() -> Result<void> {
      KITH_CHECK(pool_->sync());
      if (files_->chain->head().hash != synced) KITH_CHECK(files_->chain->sync());
      return {};
    };
    synced = head_.name.hash;
    const auto done = co_await port::run_on(env_.pool, std::move(syncs));
    if (!done && done.error().is(Errc::cancelled)) co_return done;
    if (!done) {
      KITH_LOG_ERROR(log_, "{}: can't be made durable: {}", options_.name, done.error().message());
    }
  }
}

// Peers.

Task<Bytes> ChainNode::greeting() {
  auto makes = [this] { return sync_->greeting(); };
  co_return co_await port::run_on(env_.pool, std::move(makes));
}

Task<void> ChainNode::on_greeting(GossipPeer peer, Buffer message) {
  peer_states_[peer] = {};
  const auto found = peers_->find(peer);
  const bool is_preferred = found && found->is_outbound;
  auto adds = [this, peer, is_preferred, &message]() -> Result<void> {
    KITH_CHECK(sync_->on_greeting(peer, message));
    if (pool_->add_peer(peer, is_preferred)) return {};
    return std::unexpected(Errc::limit_exceeded);
  };
  KITH_CO_CHECK(co_await port::run_on(env_.pool, std::move(adds)));
  peer_count_ = peers_->size();
  wake_news();
  wake_sync();
  co_return Result<void>{};
}

Task<void> ChainNode::on_news(GossipPeer peer, Buffer message) {
  if (!is_new_head(message)) co_return co_await on_announcement(peer, std::move(message));
  auto works = [this, peer, &message]() -> Result<std::optional<BlockName>> {
    return sync_->on_new_head(peer, message);
  };
  KITH_CO_TRY(const std::optional<BlockName> head,
              co_await port::run_on(env_.pool, std::move(works)));
  if (!head) {
    fault(peer, "what it says isn't of this protocol", fault_points_max);
    co_return std::unexpected(Errc::corrupt);
  }
  const auto state = peer_states_.find(peer);
  if (state != peer_states_.end()) state->second.head = *head;
  wake_sync();
  co_return Result<void>{};
}

Task<void> ChainNode::on_announcement(GossipPeer peer, Buffer message) {
  struct Outcome {
    TxFetcher::Heard heard;
    bool is_wrong = false;
  };
  auto works = [this, peer, &message]() -> Result<Outcome> {
    const auto read = decode_tx_message(message);
    const TxAnnouncement* news = read ? std::get_if<TxAnnouncement>(&*read) : nullptr;
    if (news == nullptr) return Outcome{{}, true};
    return Outcome{pool_->on_news(peer, *news), false};
  };
  KITH_CO_TRY(const Outcome outcome, co_await port::run_on(env_.pool, std::move(works)));
  if (outcome.is_wrong) fault(peer, "what it says isn't of this protocol", fault_points_max);
  if (outcome.heard.flooded > 0) fault(peer, "it announces too much", fault_points);
  wake_news();
  co_return Result<void>{};
}

Task<Bytes> ChainNode::on_request(Buffer request) {
  auto works = [this, &request]() -> Result<Bytes> {
    const auto read = decode_tx_message(request);
    if (const TxRequest* asked = read ? std::get_if<TxRequest>(&*read) : nullptr)
      return pool_->answer(*asked);
    const auto other = decode_eth_message(request);
    const GetFinality* finality = other ? std::get_if<GetFinality>(&*other) : nullptr;
    if (finality != nullptr && bft_) return bft_->answer(*finality).encode();
    return sync_->answer(request);
  };
  co_return co_await port::run_on(env_.pool, std::move(works));
}

void ChainNode::on_idle(GossipPeer /*peer*/) {
  wake_news();
}

void ChainNode::on_gone(GossipPeer peer) {
  peer_states_.erase(peer);
  peer_count_ = peers_->size();
  tasks_.spawn(forget_peer(peer));
}

Task<void> ChainNode::forget_peer(GossipPeer peer) {
  auto forgets = [this, peer]() -> Result<void> {
    pool_->remove_peer(peer);
    sync_->remove_peer(peer);
    return {};
  };
  auto forgotten = co_await port::run_on(env_.pool, std::move(forgets));
  wake_sync();
  co_return forgotten;
}

void ChainNode::fault(GossipPeer peer, std::string_view what, int points) {
  const auto found = peer_states_.find(peer);
  if (found == peer_states_.end()) return;
  found->second.faults += points;
  if (found->second.faults >= fault_points_max) peers_->ban(peer, what);
}

std::vector<ChainPeers::Peer> ChainNode::peers() const {
  auto all = peers_ ? peers_->peers() : std::vector<ChainPeers::Peer>();
  for (ChainPeers::Peer& peer : all) {
    const auto state = peer_states_.find(peer.number);
    if (state != peer_states_.end()) peer.head = state->second.head;
  }
  return all;
}

std::optional<BftStatus> ChainNode::validation() const {
  if (!bft_) return std::nullopt;
  return bft_->driver().status();
}

Result<ChainNode::KeyProof> ChainNode::prove_key(const Address& account) const {
  if (!bft_ || !network_)
    return std::unexpected(Error(Errc::unsupported, "nobody validates this chain: it is mined"));
  const crypto::PrivateKey& identity = network_->swarm.identity();
  const auto key = validator_key_of(network_->swarm.local_peer());
  if (!key || identity.type() != crypto::KeyType::ed25519) {
    return std::unexpected(Error(Errc::unsupported,
                                 "a validator's identity must be an Ed25519 key, as `init` makes "
                                 "it, and this node's isn't"));
  }
  return KeyProof{*key, staking::sign_proof(identity, files_->vote_domain, account)};
}

Task<ChainReport> ChainNode::status() {
  ChainReport status;
  status.name = options_.name;
  status.consensus = files_->consensus;
  status.chain_id = files_->chain->schedule().chain_id;
  status.genesis = files_->chain->genesis();
  status.head = head_.name;
  status.head_time = head_.timestamp;
  status.total_weight = head_.weight;
  status.finalized = head_.finalized;
  status.peers = peers_ ? peers_->size() : 0;
  status.syncing_to = syncing_to_;
  if (mining_) status.mining_for = mining_->coinbase;
  status.hashes_per_second = hash_rate_;
  status.blocks_mined = blocks_mined_;
  status.validation = validation();
  auto asks = [this]() -> Result<PoolStatus> { return pool_->status(); };
  KITH_CO_TRY(status.pool, co_await port::run_on(env_.pool, std::move(asks)));
  co_return status;
}

}  // namespace kith::ledger
