// ChainPeers: who else holds a chain, and the streams with them.
//
//   /kith/chain/GENESIS/peer/1   one stream each way: a greeting, then news, as long as both live
//   /kith/chain/GENESIS/sync/1   a request, an answer, end
//
// GENESIS is the genesis block's hash, 64 hexadecimal digits: who speaks the protocol holds the
// chain. Messages have their length as a varint before them; what is in them is ChainTalk's.
//
// A peer counts from its greeting on until either stream ends; then it is greeted anew, after a
// while. Who breaks the rules is let go and not talked to for ban_time. Loop thread only; must be
// closed before the swarm is.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <kith/ledger/network/limits.hpp>
#include <kith/ledger/primitives/types.hpp>
#include <kith/ledger/state/state_tree.hpp>
#include <kith/ledger/txpool/tx_fetcher.hpp>
#include <kith/net/identify.hpp>
#include <kith/net/swarm.hpp>
#include <kith/port/env.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>

namespace kith::ledger {

/// "/kith/chain/0123.../NAME".
std::string chain_protocol(const Hash& genesis, std::string_view name);

/// What is said and heard. Errors of the peer's own making end the session.
class ChainTalk {
 public:
  virtual ~ChainTalk() = default;
  virtual Task<Bytes> greeting() = 0;
  /// The peer's greeting: an error says why it isn't talked to. From then on it is told news.
  virtual Task<void> on_greeting(GossipPeer peer, Buffer message) = 0;
  /// The next one is read when this one has been dealt with.
  virtual Task<void> on_news(GossipPeer peer, Buffer message) = 0;
  virtual Task<Bytes> on_request(Buffer request) = 0;
  /// All that the peer was told is on the way: it may be told more.
  virtual void on_idle(GossipPeer peer) = 0;
  /// After on_greeting(), whatever it said.
  virtual void on_gone(GossipPeer peer) = 0;
};

struct ChainPeerOptions {
  std::size_t news_bytes_max = 0;     ///< of one message that is heard
  std::size_t request_bytes_max = 0;  ///< likewise
};

class ChainPeers final : private net::SwarmObserver, private net::IdentifyObserver {
 public:
  struct Peer {
    GossipPeer number = 0;
    multiformats::PeerId id;
    bool is_outbound = false;         ///< we dialed it
    std::optional<BlockName> head{};  ///< as it says; ChainNode's to tell
  };

  ChainPeers(port::Env& env, net::Swarm& swarm, net::Identify& identify, const Hash& genesis,
             ChainTalk& talk, ChainPeerOptions options);
  ~ChainPeers() override;
  ChainPeers(const ChainPeers&) = delete;
  ChainPeers& operator=(const ChainPeers&) = delete;

  void start();
  Task<void> close_shielded();

  /// Those whose greeting has been taken.
  std::vector<Peer> peers() const;
  std::optional<Peer> find(GossipPeer peer) const;
  std::size_t size() const noexcept;

  /// Says it to the peer after what waits. False if too much waits, or the peer is gone.
  bool tell(GossipPeer peer, Bytes message);
  /// Whether nothing waits for that peer, so that it can be told more.
  bool is_idle(GossipPeer peer) const;
  /// Those that are idle and greeted.
  std::vector<GossipPeer> idle() const;

  /// Asks and waits for the whole answer. Errors of streams; Errc::closed if the peer is gone.
  Task<Buffer> ask(GossipPeer peer, Bytes request, std::size_t answer_bytes_max, Instant deadline);

  /// Ends the session with a peer; it is greeted anew after a while.
  void drop(GossipPeer peer, std::string_view why);
  /// Ends the session with a peer, its connection too, and doesn't talk to it for a while.
  void ban(GossipPeer peer, std::string_view why);

 private:
  struct Session {
    Session(port::Clock& clock, GossipPeer its, multiformats::PeerId peer)
        : number(its), id(peer), wake(clock) {}
    GossipPeer number;
    multiformats::PeerId id;
    bool is_outbound = false;
    bool greeted = false;
    bool ended = false;
    bool is_writing = false;
    std::deque<Bytes> waiting;
    port::Event wake;
    net::Stream* inbound = nullptr;
  };
  using SessionPtr = std::shared_ptr<Session>;
  class Serving;

  void on_connected(const net::ConnectionInfo& connection) override;
  void on_disconnected(const net::ConnectionInfo& connection, bool last) override;
  void on_identified(const multiformats::PeerId& peer) override;

  bool may_talk_to(const multiformats::PeerId& peer);
  SessionPtr begin(const multiformats::PeerId& peer);
  void end(Session& session);
  Task<void> serve(SessionPtr session);
  Task<void> write_news(Session& session);
  Task<void> take_stream(std::unique_ptr<net::Stream> stream);
  Task<void> read_news(Session& session, net::Stream& stream);
  Task<void> take_request(std::unique_ptr<net::Stream> stream);

  port::Env& env_;
  port::Logger log_;
  net::Swarm& swarm_;
  net::Identify& identify_;
  ChainTalk& talk_;
  ChainPeerOptions options_;
  net::ProtocolId peer_protocol_;
  net::ProtocolId sync_protocol_;
  bool started_ = false;
  GossipPeer last_number_ = 0;
  std::map<multiformats::PeerId, SessionPtr> sessions_;
  std::map<GossipPeer, SessionPtr> by_number_;
  std::map<multiformats::PeerId, Instant> banned_until_;
  std::set<net::Stream*> inbound_;  ///< of peers, that are served
  std::size_t answering_ = 0;
  port::Event answered_;
  port::TaskGroup tasks_;
};

}  // namespace kith::ledger
