// Bitswap: blocks from peers and for peers (ipfs/specs src/bitswap-protocol.md, all versions).
//
//   streams of a peer -> read_stream -> BitswapClient <-> Scheduler      (who is asked for what)
//                            |          BitswapServer <- LocalBlocks     (who is answered what)
//                            v
//                   hash on env.pool -> LocalBlocks -> who waits, who asked us
//
//   pump: polls both engines -> wantlists and replies -> two streams of ours to each peer
//
// A block is hashed before anything sees it, stored before anyone is told of it, and answered to
// other peers that want it. Wants and replies have a stream of their own, so that a want never
// stands behind blocks; each is opened when there is something to say and closed after
// stream_idle_timeout.
//
// Limits: limits.hpp. What is being hashed and stored is bounded in bytes; a stream isn't read on
// meanwhile. A peer that sends blocks nobody asked for is disconnected (bitswap_client.hpp).
//
// Ownership: owns its tasks; close_shielded() must have returned before it dies, and every session
// dies before it. Loop thread only.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include <kith/exchange/bitswap_client.hpp>
#include <kith/exchange/bitswap_server.hpp>
#include <kith/exchange/local_blocks.hpp>
#include <kith/exchange/message_room.hpp>
#include <kith/exchange/network.hpp>
#include <kith/port/env.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>

namespace kith::exchange {

struct BitswapOptions {
  ServerOptions server;
  /// Bytes of messages that are being hashed and stored, of all peers. One message is always let
  /// through.
  std::uint64_t processing_bytes_max = exchange::processing_bytes_max;
  /// Blocks fetched ahead that are kept in memory until they are asked for.
  std::uint64_t ahead_bytes_max = exchange::ahead_bytes_max;
  /// Whether blocks are given to others at all.
  bool serve = true;
  /// Whether this peer may have this block; every one may if empty.
  MayHave may_have;
};

/// What `stats bitswap` shows.
struct BitswapStats {
  ClientStats client;
  std::uint64_t blocks_sent = 0;
  std::uint64_t data_sent = 0;
  std::vector<Cid> wantlist;
  std::vector<PeerId> partners;  ///< who wants something of us
};

class BitswapSession;

class Bitswap final : private NetworkObserver {
 public:
  Bitswap(port::Env& env, Network& network, LocalBlocks& blocks, BitswapOptions options = {});
  ~Bitswap() override;
  Bitswap(const Bitswap&) = delete;
  Bitswap& operator=(const Bitswap&) = delete;

  /// Registers the protocols and begins.
  void start();
  /// Ends all streams and tasks; waiting gets return Errc::closed.
  Task<void> close_shielded();

  /// One request's view: what belongs to one cat, get or pin. It dies before this.
  std::unique_ptr<BitswapSession> new_session();

  /// Blocks that came into the store another way (add, import): who waits for them gets them.
  void notify_new_blocks(std::span<const ipld::Block> blocks);

  BitswapStats stats() const;
  /// What a peer wants of us.
  std::vector<Cid> wants_of(const PeerId& peer) const { return server_.wants_of(peer); }
  const BitswapClient& client() const noexcept { return client_; }
  const BitswapServer& server() const noexcept { return server_; }

 private:
  friend class BitswapSession;
  using Waiter = port::OneShot<ipld::Block>;

  /// A reply whose blocks are being read from the store.
  struct Prepared {
    explicit Prepared(port::Clock& clock) : ready(clock) {}
    Reply reply;
    BitswapMessage message;
    port::OneShot<bool> ready;
    bool given_up = false;
  };
  struct Link;
  struct Outbound {
    std::unique_ptr<net::Stream> stream;
    BitswapVersion version = BitswapVersion::v1_2_0;
    Link* link = nullptr;  ///< whose replies they are, told when a part has gone
  };
  /// Our side of one connected peer, shared by the tasks that write to it.
  struct Link {
    Link(PeerId id, port::Clock& clock) : peer(id), wants_wake(clock), replies_wake(clock) {}
    PeerId peer;
    port::Event wants_wake;
    port::Event replies_wake;
    std::deque<std::shared_ptr<Prepared>> replies;
    Instant moved{};                  ///< when it last took a part of them, or had none
    Outbound* replies_out = nullptr;  ///< while they are written
    bool gone = false;
    bool writing_wants = false;
    bool writing_replies = false;
  };

  template <class Value>
  using HashMap = std::unordered_map<Multihash, Value, multiformats::SeededHash>;
  struct Ahead {
    ipld::Block block;
    std::list<Multihash>::iterator place;
  };
  /// What a session wants ahead and must be looked up in the store first.
  struct Check {
    std::deque<Cid> cids;
    /// What came into the store while it was looked for there.
    std::set<Multihash> came;
  };

  void on_connected(const PeerId& peer) override;
  void on_disconnected(const PeerId& peer) override;

  Task<void> serve_stream(std::unique_ptr<net::Stream> stream);
  Task<void> read_stream(net::Stream& stream);
  Task<void> take_message(PeerId peer, Buffer bytes);
  Task<void> accept_blocks(PeerId peer, std::vector<BlockPayload> payloads, std::uint64_t bytes);
  Task<void> answer_wants(PeerId peer, std::vector<Cid> cids);
  Task<void> take_blocks(PeerId peer, std::vector<BlockPayload> payloads, std::uint64_t bytes);
  Task<void> verify_and_store(PeerId peer, std::vector<BlockPayload> payloads);
  bool hand_to_waiter(const ipld::Block& block);
  void deliver(const ipld::Block& block);
  void fail(const Cid& cid, const Error& error);
  void punish(const PeerId& peer);

  Task<void> pump();
  void wake_pump();
  void hand_out_replies();
  Instant take_back_room();
  Task<void> prepare(std::shared_ptr<Prepared> prepared);
  Task<void> write_wants(std::shared_ptr<Link> link);
  Task<void> write_wants_until_idle(std::shared_ptr<Link> link);
  Task<void> ask_again_later(std::shared_ptr<Link> link);
  void give_up_replies(Link& link);
  Task<void> write_replies(std::shared_ptr<Link> link);
  Task<void> write_replies_until_idle(std::shared_ptr<Link> link);
  Task<void> open(PeerId peer, Outbound& out);
  Task<void> open_patiently(std::shared_ptr<Link> link, Outbound& out);
  Task<void> send_reply(std::shared_ptr<Link> link, Outbound& out, const Prepared& prepared);
  Task<void> send(Outbound& out, const BitswapMessage& message);
  void note_progress(const Outbound& out);
  Task<void> send_pieces(Outbound& out, const std::vector<Buffer>& pieces);

  std::shared_ptr<Waiter> waiter_for(const Cid& cid);
  std::optional<ipld::Block> take_ahead(const Multihash& hash);
  void want(JobId job, const Cid& cid, bool first);
  Task<void> check_prefetched(JobId job);

  port::Env& env_;
  port::Logger log_;
  Network& network_;
  LocalBlocks& blocks_;
  BitswapOptions options_;
  BitswapClient client_;
  BitswapServer server_;

  std::map<PeerId, std::shared_ptr<Link>> links_;
  /// In the order of their coming, which an order by address wouldn't repeat.
  std::map<std::uint64_t, net::Stream*> inbound_;
  std::uint64_t next_inbound_ = 0;
  std::size_t streams_served_ = 0;
  port::Event stream_ended_;

  multiformats::SeededHash hash_;
  // By multihash, as the store has it.
  HashMap<std::shared_ptr<Waiter>> waiters_;
  /// Verified and on its way into the store.
  HashMap<std::size_t> storing_;
  HashMap<Ahead> ahead_;
  /// Of all that is in ahead_; the oldest first.
  std::list<Multihash> ahead_order_;
  std::uint64_t ahead_bytes_ = 0;
  std::size_t sessions_ = 0;
  std::map<JobId, Check> to_check_;

  MessageRoom coming_in_{incoming_bytes_max, incoming_bytes_per_peer_max};
  std::uint64_t processing_bytes_ = 0;
  port::Event processing_room_;
  bool pump_dirty_ = false;
  port::Event pump_wake_;
  bool closing_ = false;
  std::uint64_t blocks_sent_ = 0;
  std::uint64_t data_sent_ = 0;
  port::TaskGroup tasks_;
};

/// The blocks of one request, from the store or from peers. prefetch order is scheduling order; a
/// get goes before all that is only prefetched. Dropping the session takes back its wants.
class BitswapSession final : public ipld::BlockSource {
 public:
  /// Made by Bitswap::new_session.
  BitswapSession(Bitswap& bitswap, JobId job);
  ~BitswapSession() override;

  /// Errc::timed_out, Errc::cancelled, Errc::closed, Errc::refused for a digest that proves too
  /// little, or what the store answered.
  Task<ipld::Block> get(Cid cid, Instant deadline = never) override;
  void prefetch(std::span<const Cid> cids) override;
  Task<bool> has(Cid cid) override;

  TransferStatus status() const;

 private:
  using Waiter = std::shared_ptr<Bitswap::Waiter>;
  Task<ipld::Block> find(Cid cid, Waiter waiter, Instant deadline);
  Task<ipld::Block> fetch(Cid cid, Waiter waiter, std::string damage, Instant deadline);

  Bitswap& bitswap_;
  JobId job_;
  struct Getting {
    std::size_t waiting = 0;
    std::string damage;  ///< why it can't be read here, if it is here
  };
  std::unordered_map<Multihash, Getting> getting_;
};

}  // namespace kith::exchange
