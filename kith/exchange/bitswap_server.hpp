// BitswapServer: the serving half of Bitswap (ipfs/specs src/bitswap-protocol.md 1.2.0, interaction
// pattern), without stream, clock or store.
//
//   receive(peer, message)     -> CIDs to look up        found(peer, cid, size or nothing)
//   next_reply()               -> what to read and send  sent(peer, bytes)
//   obtained(cid, size)        a new block is in the store: whoever still wants it gets it
//
//   a want:   looking up -> queued -> (taken by a reply, forgotten)
//                 |            ^
//                 v            | obtained
//               absent --------+     (DONT_HAVE said, if asked for)
//
// A want-have for a block of at most have_replace_bytes_max is answered with the block, as boxo
// does; for a larger one with HAVE. Cancels remove a want in any state.
//
// Fairness: replies go to the peer that was given the fewest bytes so far among those that wait; a
// peer that comes back from idleness starts level with them. What was taken and isn't sent is
// bounded for each peer and in all, so a peer that doesn't read holds up nobody else; no more peers
// are served at a time than keep our line busy (upload_pace.hpp), those that let us wait aside,
// which are served besides. Answers without blocks don't wait for that. Within a peer the higher
// priority goes first, then the block that was sent to others the fewest times, then the earlier
// want: peers that fetch the same come to hold different blocks of it, and pass them on.
//
// Overflow: a peer's wants_per_peer_max wants give way to more urgent ones: absent blocks first,
// then queued ones of lower priority; what finds no place is answered DONT_HAVE if that was asked
// for.
//
// What a peer may not have is to it as if it weren't here: DONT_HAVE, and the want is forgotten, so
// that it isn't answered when the block comes. MayHave is asked when a want comes, when the block
// is found, and once more when it goes out, for it may have changed its mind. Pure; one thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include <kith/exchange/bitswap_message.hpp>
#include <kith/exchange/ready_peers.hpp>
#include <kith/exchange/upload_pace.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/multiformats/seeded_hash.hpp>

namespace kith::exchange {

using multiformats::Multihash;
using multiformats::PeerId;

/// What to send to one peer. Whoever takes it calls sent() when that is done or has failed.
struct Reply {
  struct Wanted {
    Cid cid;
    bool send_dont_have = false;  ///< if the block has gone meanwhile
  };
  PeerId peer;
  std::vector<Wanted> blocks;
  std::vector<BlockPresence> presences;
  std::uint64_t bytes = 0;  ///< of blocks and presences, as they count against limits
  std::int32_t pending_bytes = 0;
};

/// What an operator may want to move; the other limits are in limits.hpp.
struct ServerOptions {
  std::uint64_t unsent_bytes_per_peer_max = exchange::unsent_bytes_per_peer_max;
  std::uint64_t unsent_bytes_max = exchange::unsent_bytes_max;
  std::uint64_t have_replace_bytes_max = exchange::have_replace_bytes_max;
};

/// Whether this peer may have this block; every one may if empty.
using MayHave = std::function<bool(const PeerId&, const Cid&)>;

class BitswapServer {
 public:
  explicit BitswapServer(std::uint64_t seed, const ServerOptions& options = {},
                         MayHave may_have = {});

  /// Takes a message's wants and cancels; returns what has to be looked up in the store.
  std::vector<Cid> receive(const PeerId& peer, const BitswapMessage& message);
  /// The answer to a look-up: the block's size if the store has it.
  void found(const PeerId& peer, const Cid& cid, std::optional<std::uint64_t> size);
  /// A block has come into the store.
  void obtained(const Cid& cid, std::uint64_t size);
  bool anybody_wants(const Cid& cid) const { return wanted_by_.contains(cid.hash()); }
  void disconnected(const PeerId& peer);
  /// Who wants the block, at most so many of them.
  std::vector<PeerId> wanters_of(const Cid& cid, std::size_t max) const;

  std::optional<Reply> next_reply(Instant now);
  /// The peer has taken a part of its replies.
  void progress(const PeerId& peer, Instant now);
  void sent(const PeerId& peer, std::uint64_t bytes, Instant now);
  /// The same, but it was never sent.
  void gave_up(const PeerId& peer, std::uint64_t bytes, Instant now);
  /// When to call next_reply() again although nothing has happened.
  Instant next_deadline() const;
  /// Once next_reply() gives nothing: somebody waits, and what others don't take is all that may be
  /// unsent.
  bool short_of_room() const noexcept { return short_of_room_; }

  std::vector<Cid> wants_of(const PeerId& peer) const;
  std::vector<PeerId> peers() const;
  std::uint64_t unsent_bytes() const noexcept { return unsent_bytes_; }
  std::uint64_t refused_wants() const noexcept { return refused_wants_; }

 private:
  enum class State : std::uint8_t { looking_up, absent, queued };
  /// Urgent first: by falling priority, then by coming.
  using Place = std::pair<std::int64_t, std::uint64_t>;
  struct Entry {
    WantType type = WantType::block;
    bool send_dont_have = false;
    State state = State::looking_up;
    Place place;
    std::uint64_t size = 0;
  };
  struct Peer {
    explicit Peer(multiformats::SeededHash hash) : wants(0, hash) {}
    std::unordered_map<Cid, Entry, multiformats::SeededHash> wants;
    std::map<Place, Cid> queue;
    std::map<Place, Cid> absent;
    std::deque<BlockPresence> presences;
    std::uint64_t queued_bytes = 0;
    std::uint64_t unsent_bytes = 0;
    std::uint64_t counted = 0;  ///< of what is unsent, in window_used_
    Instant moved_at{};         ///< when it took something last, while counted isn't 0
    bool slow = false;          ///< it has let us wait: the window doesn't count it
    std::uint64_t served = 0;   ///< bytes, as virtual time
    /// Where it waits, and for how much room; with `served` it is its place there.
    ReadyPeers BitswapServer::* ready = nullptr;
    std::uint64_t bytes_needed = 0;
  };
  struct Wanter {
    PeerId peer;
    Cid cid;
    friend bool operator==(const Wanter&, const Wanter&) = default;
  };
  using Peers = std::unordered_map<PeerId, Peer, multiformats::SeededHash>;

  bool take_want(const PeerId& id, Peer& peer, const Want& want);
  bool make_room(const PeerId& id, Peer& peer, std::int32_t priority);
  bool may_have(const PeerId& id, const Cid& cid) const;
  void deny(const PeerId& id, Peer& peer, const Cid& cid);
  void set_state(Peer& peer, const Cid& cid, Entry& entry, State state);
  void erase(const PeerId& id, Peer& peer, const Cid& cid);
  void clear(const PeerId& id, Peer& peer);
  void say(Peer& peer, const Cid& cid, Presence presence);
  void answer(const PeerId& id, Peer& peer, const Cid& cid, std::uint64_t size);
  void update_ready(const PeerId& id, Peer& peer);
  void drop_if_idle(const PeerId& id);
  bool anybody_ready() const { return !waits_for_window_.empty() || !beside_window_.empty(); }
  std::uint64_t bytes_needed(const Peer& peer) const;
  const ReadyPeers::Place* next_place(std::uint64_t most, bool window_open) const;
  /// Takes it off all that is unsent; returns how much of it the window counted.
  std::uint64_t end_reply(const PeerId& id, std::uint64_t bytes, Instant now);
  void set_aside(Instant now);
  void set_counted(const PeerId& id, Peer& peer, std::uint64_t bytes, Instant moved_at);
  void take_blocks(const PeerId& id, Peer& peer, std::uint64_t most, Reply& reply);
  Cid least_sent(const Peer& peer, std::uint64_t bytes_max) const;
  void count_sent(const Cid& cid);

  const ServerOptions options_;
  const MayHave may_have_;
  multiformats::SeededHash hash_;
  Peers peers_;
  /// By multihash, as the store has it: a block answers wants under any CID of its bytes.
  std::unordered_map<Multihash, std::vector<Wanter>, multiformats::SeededHash> wanted_by_;
  /// Who may take something, if there is room: those who wait for blocks only, and those who let us
  /// wait or wait for presences, too, and are served whatever the window is.
  ReadyPeers waits_for_window_;
  ReadyPeers beside_window_;
  std::unordered_map<Multihash, std::uint32_t, multiformats::SeededHash> sent_counts_;
  std::deque<Multihash> sent_order_;
  UploadPace pace_;
  std::uint64_t window_used_ = 0;
  /// Who has something of the window, longest unmoved first.
  std::set<std::pair<Instant, PeerId>> serving_;
  bool window_full_ = false;  ///< at the last next_reply(), and somebody waited
  bool short_of_room_ = false;
  std::uint64_t virtual_time_ = 0;
  std::uint64_t next_want_ = 0;
  std::uint64_t unsent_bytes_ = 0;
  std::uint64_t refused_wants_ = 0;
};

}  // namespace kith::exchange
