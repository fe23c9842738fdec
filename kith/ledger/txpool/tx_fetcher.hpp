// TxFetcher: which announced transactions are asked for, of whom and when. The sense is that of
// Bitcoin's txrequest.h and geth's fetcher, the messages are eth/68's (tx_messages.hpp).
//
//   announced ──► waiting ──► ready ──► requested ──► has come: forgotten, of all peers
//                 (strangers:            │
//                  they give preferred   └─ not there, cut off, timed out, peer gone:
//                  peers a chance)           the next who has announced it is asked
//
// Invariants:
//   - a hash is in one request at a time, and a peer has one request at a time;
//   - a peer that let a request time out gets no other one before it has answered that;
//   - who has failed with a hash isn't asked for it again while another announcement of it waits;
//   - of a peer no more than announcements_per_peer_max are remembered (a share of
//     announcements_max if there are many peers), and no more than announce_rate a second looked
//     at.
// So a peer that announces what it doesn't have costs a transaction one timeout, and nobody else
// anything. Preferred peers (those that we have dialed, say) are asked first.
//
// A pure state machine: fed with events and the time, polled for requests (next_requests) and a
// deadline. It sends nothing and holds no transactions. Thread: one at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include <kith/base/time.hpp>
#include <kith/ledger/txpool/hash_filter.hpp>
#include <kith/ledger/txpool/limits.hpp>
#include <kith/ledger/txpool/tx_messages.hpp>

namespace kith::ledger {

/// What the caller numbers its peers with.
using GossipPeer = std::uint64_t;

struct TxFetcherOptions {
  Duration request_timeout = 5s;
  /// How long peers that aren't preferred wait for one that is.
  Duration stranger_delay = 500ms;
};

/// What a peer did wrong, for whoever scores it.
enum class TxFault : std::uint8_t {
  unsolicited,   ///< an answer to no request
  unrequested,   ///< a transaction that wasn't asked for, twice, or out of order
  lied_of_type,  ///< it announced it with another type
  lied_of_size,  ///< or size
};

class TxFetcher {
 public:
  /// What became of an announcement's hashes.
  struct Heard {
    std::size_t taken = 0;
    std::size_t known = 0;    ///< here, refused lately, or announced by that peer before
    std::size_t useless = 0;  ///< of a type or size that the pool doesn't take
    std::size_t ignored = 0;  ///< beyond what is remembered of a peer
    std::size_t flooded = 0;  ///< beyond its rate
  };
  struct Fetch {
    GossipPeer peer;
    TxRequest request;
  };
  struct Answer {
    /// Places in the reply of what had been asked for: for the pool.
    std::vector<std::size_t> wanted;
    std::vector<TxFault> faults;
  };

  /// `seed` is for what strangers must not foresee: the order of equals, tables.
  TxFetcher(TxFetcherOptions options, std::uint64_t seed);

  /// False if there are gossip_peers_max already, or it is one.
  bool add_peer(GossipPeer peer, bool is_preferred, Instant now);
  void remove_peer(GossipPeer peer);

  /// `is_known`: whether the pool or the chain has it.
  Heard on_announcement(GossipPeer peer, std::span<const AnnouncedTransaction> announced,
                        const std::function<bool(const Hash&)>& is_known, Instant now);

  /// What is to be sent now; each is in flight from then on.
  std::vector<Fetch> next_requests(Instant now);
  /// When next_requests may have something new without another event; `never` if not at all.
  Instant next_deadline() const noexcept;

  Answer on_reply(GossipPeer peer, const TxReply& reply);
  /// The request could not be sent, or its stream has ended.
  void on_request_failed(GossipPeer peer, std::uint64_t id);

  /// It is in the pool or in the chain: nobody need be asked.
  void on_have(const Hash& hash);
  /// The pool doesn't want it: nobody is asked for a while.
  void on_refused(const Hash& hash, Instant now);

  std::size_t announcements() const noexcept { return announcements_.size(); }
  std::size_t wanted() const noexcept { return wanted_.size(); }
  std::size_t in_flight() const noexcept;

 private:
  using Number = std::uint64_t;  ///< of an announcement; grows

  enum class State : std::uint8_t { waiting, ready, requested, failed };
  struct Announcement {
    AnnouncedTransaction what;
    GossipPeer peer;
    State state = State::waiting;
    Instant ready_at;
  };
  struct Wanted {
    std::vector<Number> announcements;
    bool in_flight = false;
  };
  struct Item {
    AnnouncedTransaction what;
    Number number;
  };
  struct Request {
    std::uint64_t id;
    std::vector<Item> items;
    Instant deadline;
    bool timed_out = false;
  };
  struct Peer {
    bool is_preferred = false;
    std::unordered_map<Hash, Number, SeededHasher> announcements;
    /// Ready, of hashes that nobody is asked for: what it can be asked for now.
    std::set<Number> available;
    std::optional<Request> request;
    std::uint64_t allowance = announce_burst;
    Instant refilled;
  };

  std::size_t share() const noexcept;
  void age_refused(Instant now);
  /// How many hashes of that many it may announce now.
  static std::size_t spend(Peer& peer, std::size_t hashes, Instant now) noexcept;
  void hear(GossipPeer peer, Peer& from, const AnnouncedTransaction& what, Instant now);
  void time_out(Instant now);
  void wake(Instant now);
  std::vector<GossipPeer> idle_peers();
  Request make_request(Peer& peer, Instant now);
  void set_in_flight(Wanted& wanted, bool in_flight);
  /// The announcement's peer may be asked, if nobody is.
  void make_ready(Number number);
  void fail(Number number);
  /// What of these is still asked for by that request will not come by it.
  void give_up(std::span<const Item> items);
  /// It may come yet, by another request.
  void ask_again(std::span<const Item> items);
  bool is_requested(const Item& item) const;
  /// Nobody is left to ask.
  bool is_hopeless(const Wanted& wanted) const;
  /// Out of all tables but that of its hash, which is returned.
  Hash detach(Number number);
  void erase(Number number);
  void forget(const Hash& hash);

  TxFetcherOptions options_;
  std::uint64_t seed_;
  std::map<GossipPeer, Peer> peers_;
  std::unordered_map<Number, Announcement> announcements_;
  std::unordered_map<Hash, Wanted, SeededHasher> wanted_;
  std::set<std::pair<Instant, Number>> waiting_;
  HashFilter refused_;
  Instant refused_aged_;
  Number numbers_ = 0;
  std::uint64_t requests_ = 0;
};

}  // namespace kith::ledger
