// ChainNode: one chain in one node. It owns what the chain is made of and joins it with those who
// hold it, too: blocks and transactions come and go, the better branch is followed, JSON-RPC is
// answered, blocks are mined if its owner wants that.
//
//                      gossip: new blocks            streams: greeting, heads, announcements,
//                            |                       requests and answers
//                            v                              |
//   JSON-RPC --> TxDesk <-- ChainDesk (workers) <-- BlockSync, ChainPeers (loop)
//                               ^
//                             miner
//
// Whatever touches the chain or the pool runs on workers, changes of the chain one after the other;
// the rest is on the loop. Ownership: children end before it; close_shielded() must have returned
// before it dies, and what it was given outlives it. Loop thread only, but for handle().
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <kith/ledger/consensus/pow/miner.hpp>
#include <kith/ledger/consensus/pow/orphan_pool.hpp>
#include <kith/ledger/network/bft_host.hpp>
#include <kith/ledger/network/block_news.hpp>
#include <kith/ledger/network/chain_desk.hpp>
#include <kith/ledger/network/chain_files.hpp>
#include <kith/ledger/network/chain_peers.hpp>
#include <kith/ledger/network/sync_desk.hpp>
#include <kith/ledger/network/tx_desk.hpp>
#include <kith/ledger/rpc/rpc.hpp>
#include <kith/net/identify.hpp>
#include <kith/net/swarm.hpp>
#include <kith/port/env.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>
#include <kith/pubsub/service.hpp>

namespace kith::ledger {

struct ChainNetwork {
  net::Swarm& swarm;
  net::Identify& identify;
  pubsub::PubSub& pubsub;
};

struct ChainNodeOptions {
  std::string name;
  std::string folder;
  bool archive = false;
  PoolOptions pool = {};
  std::string client_version = "kith";
  /// Who gets what blocks pay that this node makes as a validator.
  Address coinbase = {};
  /// Finds a validator that isn't connected; may be empty.
  FindPeer find_peer = {};
};

struct MiningOptions {
  Address coinbase;
  /// As many as the pool has, but for one that others need, if this is 0.
  std::size_t threads = 0;
  Bytes extra_data = {};
};

/// For people.
struct ChainReport {
  std::string name;
  ConsensusKind consensus = ConsensusKind::pow;
  std::uint64_t chain_id = 0;
  Hash genesis;
  BlockName head;
  std::uint64_t head_time = 0;  ///< seconds since 1970
  BlockName finalized;
  U256 total_weight;
  PoolStatus pool;
  std::size_t peers = 0;
  std::optional<BlockName> syncing_to;
  std::optional<BftStatus> validation;  ///< of a bft chain
  std::optional<Address> mining_for;
  double hashes_per_second = 0;
  std::uint64_t blocks_mined = 0;  ///< since the start
};

class ChainNode final : private ChainTalk {
 public:
  /// What is new, on the loop.
  using Listener = std::function<void(const HeadChange&, const std::vector<Hash>& pending)>;

  /// Opens the chain of that folder. Without a network it stands alone. Errors as of
  /// ChainFiles::open, each with what to try.
  static Task<std::unique_ptr<ChainNode>> open(port::Env& env, std::optional<ChainNetwork> network,
                                               ChainNodeOptions options);
  ~ChainNode() override;
  ChainNode(const ChainNode&) = delete;
  ChainNode& operator=(const ChainNode&) = delete;

  /// Ends all that runs, and makes what there is durable.
  Task<void> close_shielded();

  const std::string& name() const noexcept { return options_.name; }
  const std::string& genesis_text() const noexcept { return files_->genesis_text; }
  const Chain& chain() const noexcept { return *files_->chain; }

  /// JSON-RPC: text in, text out. Thread: any, several at once; computes, so it is for workers.
  std::string handle(std::string_view request) { return rpc_->handle(request); }
  void set_listener(Listener listener) { listener_ = std::move(listener); }

  Task<ChainReport> status();
  /// How a bft chain's validators stand; nothing of another chain.
  std::optional<BftStatus> validation() const;
  /// That this node's key may validate for that account, as the staking contract asks for it.
  struct KeyProof {
    bft::ValidatorKey key{};
    bft::Signature proof{};
  };
  /// Errc::unsupported if the chain has no validators, or the node's identity is no Ed25519 key.
  Result<KeyProof> prove_key(const Address& account) const;
  std::vector<ChainPeers::Peer> peers() const;

  /// Begins to mine, or goes on for somebody else. Errc::unsupported if the chain isn't mined;
  /// Errc::refused if the chain stands alone and has blocks of others, whose work is under way.
  Result<void> mine(MiningOptions options);
  void stop_mining();

  /// Takes blocks that follow one another, as from a file. What has been done before the first that
  /// isn't taken stays.
  Task<Taking> import(std::vector<Block> blocks);

 private:
  ChainNode(port::Env& env, std::optional<ChainNetwork> network, ChainNodeOptions options,
            std::unique_ptr<ChainFiles> files);
  /// What the loop knows of the head.
  struct Head {
    BlockName name;
    BlockName finalized;
    U256 weight;
    std::uint64_t timestamp = 0;
  };

  Result<void> begin(std::uint64_t seed);
  Result<void> begin_bft();
  void start();
  Result<Head> read_head() const;

  // Changes of the chain.
  Task<Taking> change(std::function<Result<Taking>()> work);
  void on_change(const Taking& taking, const Head& head);
  Task<pubsub::Verdict> on_gossip(pubsub::Received received);
  Task<void> choose(Block block);
  Task<void> take_orphans(Hash parent);
  Task<void> publish(Block block, Bytes proof);
  Task<pubsub::Verdict> on_final_block(BlockNews news);

  // Blocks that others have.
  void wake_sync();
  Task<void> sync_with_peers();
  void note_progress(const std::optional<SyncProgress>& progress);
  Task<void> ask_for_blocks(SyncRequest request);
  Task<void> check_headers(HeaderBatch batch);
  Task<void> take_synced();
  Task<void> seek_finality();
  Task<bool> ask_for_finality(GossipPeer peer);
  Task<Taking> finalize_target();
  void want_block(const Hash& hash);
  Task<void> fetch_block(Hash hash);
  Task<bool> fetch_block_from(GossipPeer peer, Hash hash);

  // Transactions.
  void wake_news();
  void post_news();
  std::vector<GossipPeer> behind_in_news(const std::vector<GossipPeer>& peers);
  Task<void> news_loop();
  Task<void> fetch(TxFetcher::Fetch wanted);
  Task<void> on_announcement(GossipPeer peer, Buffer message);
  Task<void> make_durable();

  // Of ChainPeers.
  Task<Bytes> greeting() override;
  Task<void> on_greeting(GossipPeer peer, Buffer message) override;
  Task<void> on_news(GossipPeer peer, Buffer message) override;
  Task<Bytes> on_request(Buffer request) override;
  void on_idle(GossipPeer peer) override;
  void on_gone(GossipPeer peer) override;
  Task<void> forget_peer(GossipPeer peer);
  void fault(GossipPeer peer, std::string_view what, int points);

  // Mining.
  struct Work;
  Task<void> mining_loop();
  Result<std::unique_ptr<Work>> prepare_work(const MiningOptions& options);
  Task<void> mine_one(const MiningOptions& options);
  Task<void> stop_when_stale(NonceSearch& search, Hash parent);

  port::Env& env_;
  port::Logger log_;
  std::optional<ChainNetwork> network_;
  ChainNodeOptions options_;
  std::unique_ptr<ChainFiles> files_;
  std::unique_ptr<TxDesk> pool_;
  std::unique_ptr<ChainDesk> desk_;
  std::unique_ptr<ChainRpc> rpc_;
  std::unique_ptr<SyncDesk> sync_;
  std::unique_ptr<ChainPeers> peers_;
  std::unique_ptr<BftHost> bft_;  ///< of a bft chain
  std::string blocks_topic_;
  std::unique_ptr<pubsub::Subscription> subscription_;
  Listener listener_;

  Head head_;
  bool is_changing_ = false;
  port::Event change_ended_;
  port::Event head_changed_;
  OrphanPool orphans_;

  /// Of each peer that was greeted, which head it was told, and its faults.
  struct PeerState {
    std::optional<BlockName> head;
    Hash told_head;
    int faults = 0;
  };
  std::map<GossipPeer, PeerState> peer_states_;

  std::shared_ptr<bool> alive_;
  std::atomic<bool> news_posted_ = false;
  bool news_wanted_ = false;
  port::Event news_event_;

  /// What consensus says is final and isn't here yet, and why it is.
  struct Target {
    BlockName block;
    bft::CertificatePtr certificate;
  };
  std::optional<Target> target_;
  std::set<Hash> wanted_blocks_;

  bool sync_wanted_ = false;
  bool is_taking_ = false;
  port::Event sync_event_;

  std::optional<MiningOptions> mining_;
  port::Event mining_changed_;
  std::atomic<bool> is_mining_ = false;
  std::atomic<double> hash_rate_ = 0;
  HashRate rate_;
  std::uint64_t hashes_ = 0;
  std::uint64_t blocks_mined_ = 0;

  /// What JSON-RPC's threads ask for.
  std::atomic<std::size_t> peer_count_ = 0;
  mutable std::mutex target_mutex_;
  std::optional<BlockName> syncing_to_;

  port::TaskGroup tasks_;
  bool closed_ = false;
};

}  // namespace kith::ledger
