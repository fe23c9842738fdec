// BlockSync: how a node gets the blocks of a chain from many peers that may be slow, dead or liars.
// The messages are eth/68's (eth_messages.hpp).
//
//             a peer says that it has more than we
//     idle ───────────────► searching ──────► extending ──────► its head is reached, or the target
//                      the last block that   headers in batches,       │
//                      both chains have      each checked by the       ▼ bodies from all who have
//                                            driver                      them ──► blocks in order
//
// What is fetched is a segment: the blocks of one branch behind the last one that is ours. Its
// headers come from one peer at a time, the walker: who claims most. When it goes away, or doesn't
// answer, the next one goes on where the segment ends if it has that block, too. Bodies come from
// all peers whose head is far enough. Two ways to choose what to get:
//   by weight    the peer with the most total weight above ours. Until the checked headers weigh
//                more than our head nothing is kept of them but hash and weight, and no body is
//                asked for: a long branch of little work costs its maker all the work there is, and
//                us 64 bytes a block. The headers are fetched again then, by their hashes;
//   to a target  (set_target) a block that consensus has proven final. No body is asked for before
//                the headers have led to just that hash.
//
// Invariants:
//   - blocks come out in order, each on the one before, the first on a block of our chain;
//   - no body is asked for of a header that hasn't been checked and proven (by weight or target);
//   - a block's body is in one request at a time; a peer has at most requests_per_peer for bodies
//     and one of each other kind, and all peers at most requests_max for bodies;
//   - held: unproven_max hashes, window headers and as many of one batch; bodies of bytes_max
//     bytes and what requests_max answers may have beyond what was expected of them;
//   - whoever was told as a fault isn't asked any more; who failed to deliver a body isn't asked
//     for that one for a while; who let a request time out rests, ever longer;
//   - each request is answered, timed out or failed once; an answer to none is a fault.
//
// It hashes nothing: headers' hashes and bodies' roots come with the decoded messages, from a
// worker. What it asks its driver for at once (LocalChain) are short look-ups; what takes longer,
// checking headers and running blocks, the driver takes away and answers when it likes.
//
// What it doesn't do: gossip's blocks (the driver tells their effect as a new local head), states
// without running blocks, orphans.
//
// A pure state machine: fed with events and the time, polled for requests, headers to check, blocks
// and faults after each event, and at next_deadline(), which has come as soon as something was told
// or taken. Thread: one at a time.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <unordered_set>
#include <variant>
#include <vector>

#include <kith/base/prng.hpp>
#include <kith/base/time.hpp>
#include <kith/ledger/state/state_tree.hpp>
#include <kith/ledger/sync/eth_messages.hpp>
#include <kith/ledger/sync/limits.hpp>

namespace kith::ledger {

/// What the driver numbers its peers with.
using SyncPeer = std::uint64_t;

enum class SyncMode : std::uint8_t { by_weight, to_target };

struct SyncOptions {
  SyncMode mode = SyncMode::by_weight;
  Duration request_timeout = 10s;
  /// How long who has failed rests; twice that after the second time, and so on.
  Duration rest = 2s;
  /// Who failed with a body isn't asked for that one for so long.
  Duration retry_delay = 30s;
  /// Without a step forward for so long a segment is given up.
  Duration stall_timeout = 1min;
  /// A walker that has proven nothing gets so long, and a second more for so many headers.
  Duration patience = 30s;
  std::size_t patient_headers_per_second = 64;
  /// Failures in a row of one sort that make a fault.
  unsigned strikes_max = 4;
  std::size_t headers_per_request = 512;
  std::size_t bodies_per_request = 128;
  /// What a new peer is asked for.
  std::size_t bodies_at_first = 8;
  std::size_t requests_per_peer = 3;
  std::size_t requests_max = 16;
  /// Headers held for their bodies; at least twice headers_per_request.
  std::size_t window = 2048;
  /// Hashes of checked headers that prove nothing yet.
  std::size_t unproven_max = 1 << 20;
  std::size_t bytes_max = 64 << 20;
};

/// What a peer did wrong, for whoever scores it. It isn't asked any more.
enum class SyncFault : std::uint8_t {
  unsolicited,         ///< an answer to no request
  too_many_headers,    ///< more than asked for
  wrong_headers,       ///< others than asked for
  unlinked_headers,    ///< that don't follow one another
  bad_header,          ///< the driver has refused it
  too_little_work,     ///< a branch without end that weighs less than ours
  claimed_too_much,    ///< more weight than its chain has
  wrong_target,        ///< another block where consensus has made one final
  wrong_body,          ///< of no block that it was asked for
  refused_block,       ///< its branch holds a block that was refused
  withholds,           ///< it doesn't give what it must have
  contradicts_itself,  ///< its head isn't on its chain, again and again
  unresponsive,        ///< requests time out
};

struct SyncFaultReport {
  SyncPeer peer = 0;
  SyncFault fault = SyncFault::unsolicited;

  friend bool operator==(const SyncFaultReport&, const SyncFaultReport&) = default;
};

/// Where our chain ends.
struct LocalHead {
  Hash hash;
  std::uint64_t number = 0;
  U256 weight;  ///< of the chain up to it
  /// Up to that block no other branch is looked for.
  std::uint64_t final_number = 0;
};

/// What a peer says of itself, in its Status (which has no number) or a NewHead.
struct PeerHead {
  Hash hash;
  std::optional<std::uint64_t> number;
  U256 weight;
};

/// Short look-ups in our chain: each is asked for once an answer at most.
struct LocalChain {
  /// Of the chain's block of that number. Nothing if there is none.
  std::function<std::optional<Hash>(std::uint64_t number)> hash_at;
  /// Of the chain up to that block.
  std::function<std::optional<U256>(std::uint64_t number)> total_weight_at;
  /// Of a block by itself.
  std::function<U256(const Header& header)> weight_of;
};

struct SyncRequest {
  SyncPeer peer = 0;
  std::variant<GetHeaders, GetBodies> message;
};

/// Headers that follow one another and wait for their check.
struct HeaderBatch {
  std::uint64_t id = 0;
  /// Before the first; nothing if it is a block that the driver has or was given.
  std::optional<Header> parent;
  std::shared_ptr<const std::vector<ReceivedHeader>> headers;
};

/// Why a batch isn't right to its end.
enum class HeadersRest : std::uint8_t {
  none,     ///< it is
  wrong,    ///< no node will ever take the header after the valid ones
  not_now,  ///< it can't be told now, or is too early: nobody's fault
};

struct SyncBlock {
  Header header;
  Hash hash;
  Bytes body;  ///< for read_block(); it is the header's
};

struct SyncProgress {
  std::uint64_t from = 0;  ///< our head when it began
  std::uint64_t current = 0;
  std::uint64_t target = 0;  ///< as peers say, or the target
};

class BlockSync {
 public:
  /// `seed` decides between equals.
  BlockSync(const SyncOptions& options, LocalChain chain, const LocalHead& local,
            std::uint64_t seed);

  // What the driver tells.

  /// Our chain has another head: by blocks from here or otherwise.
  void set_local(const LocalHead& local);
  /// In the mode to_target: what consensus has proven final. One below an earlier one is passed
  /// over. False if it is more than unproven_max above our head: then a nearer one comes first.
  bool set_target(const BlockName& target);

  /// False if there are sync_peers_max already, or it is one.
  bool add_peer(SyncPeer peer, const PeerHead& head);
  void on_head(SyncPeer peer, const PeerHead& head);
  void remove_peer(SyncPeer peer);

  void on_headers(SyncPeer peer, const Headers& reply, Instant now);
  void on_bodies(SyncPeer peer, Bodies reply, Instant now);
  /// The request could not be sent, its stream has ended, or its answer can't be read (which is a
  /// fault of its own).
  void on_failed(SyncPeer peer, std::uint64_t id, Instant now);

  /// The verdict on a batch: the first `valid` headers are right. Unknown ids are passed over.
  void on_checked(std::uint64_t id, std::size_t valid, HeadersRest rest, Instant now);
  /// A block, from here or not, is no block of any chain: it and whoever led there is out.
  void on_refused(const Hash& hash);
  /// Blocks that were taken are lost: begin again from our head.
  void restart();

  // What it wants.

  /// What is to be sent now; each is in flight from then on.
  std::vector<SyncRequest> next_requests(Instant now);
  /// When to ask next_requests() again, be it past; `never` if not without another event.
  Instant next_deadline() const noexcept;
  /// One at a time: nothing while another one is out.
  std::optional<HeaderBatch> take_headers();
  /// The next blocks, of about so many bytes, one at least if there is one. Each must end up below
  /// our head (set_local), refused (on_refused) or lost (restart).
  std::vector<SyncBlock> take_blocks(std::size_t bytes_max, Instant now);
  std::vector<SyncFaultReport> take_faults();

  // How it goes.

  /// Nothing while there is nothing to get.
  std::optional<SyncProgress> progress() const;
  /// Of the branch that is being checked, for rules that need an ancestor's hash. Nothing if it is
  /// another number.
  std::optional<Hash> hash_of(std::uint64_t number) const;

  std::size_t bytes_held() const noexcept { return held_; }
  std::size_t headers_held() const noexcept { return segment_.items.size(); }
  std::size_t hashes_held() const noexcept { return segment_.entries.size(); }
  /// Checked headers that prove nothing yet.
  std::size_t unproven() const noexcept;
  std::size_t in_flight() const noexcept { return requests_.size(); }

 private:
  enum class Kind : std::uint8_t { resolve, search, extend, refill, bodies };
  /// What failures are counted by: time-outs, until something comes; heads that were not shown,
  /// until one is; bodies that weren't there, until one is.
  enum class Strike : std::uint8_t { slow, claim, body };
  struct Request {
    SyncPeer peer = 0;
    Kind kind = Kind::bodies;
    Instant sent;
    std::uint64_t segment = 0;
    std::uint64_t number = 0;  ///< of the first header
    std::uint64_t amount = 0;
    Hash hash;                           ///< of a head whose number isn't known
    std::vector<std::uint64_t> numbers;  ///< of bodies
    bool is_walkers = false;             ///< the walker waited for it until it ended
  };
  struct Peer {
    PeerHead head;
    bool is_out = false;  ///< told as a fault
    bool is_resolving = false;
    bool is_walking = false;  ///< has a walker's request, perhaps of a walk that has ended
    Instant resting_until;
    std::array<unsigned, 3> strikes{};
    std::size_t bodies_at_once = 1;
    std::size_t requests_at_once = 1;
    std::size_t body_requests = 0;
    std::deque<std::uint64_t> late;
    /// It has that segment up to that number for sure: it sent the headers.
    std::uint64_t confirmed_segment = 0;
    std::uint64_t confirmed_number = 0;
    /// It can't lengthen that segment.
    std::uint64_t unfit_segment = 0;
    /// It had none of that segment's bodies; it isn't asked for them until then.
    std::uint64_t lacking_segment = 0;
    Instant lacking_until;
  };
  using Peers = std::map<SyncPeer, Peer>;

  struct Entry {
    Hash hash;
    U256 weight;
  };
  struct Failure {
    SyncPeer peer = 0;
    Instant until;
  };
  struct Item {
    ReceivedHeader header;
    std::optional<Bytes> body;
    std::uint64_t request = 0;
    std::vector<Failure> failures;
  };
  struct Source {
    std::uint64_t from = 0;
    SyncPeer peer = 0;
  };
  /// The blocks base + 1 and on: entries of all that are checked, items of the first of them.
  struct Segment {
    std::uint64_t id = 0;  ///< 0: there is none
    std::uint64_t base = 0;
    Hash base_hash;
    U256 weight;  ///< up to its top
    std::uint64_t proven_to = 0;
    bool has_delivered = false;
    std::deque<Entry> entries;
    std::deque<Item> items;
    std::deque<Source> sources;
    std::optional<Header> top_header;
    Instant touched;

    std::uint64_t top() const noexcept { return base + entries.size(); }
    const Hash& top_hash() const noexcept {
      return entries.empty() ? base_hash : entries.back().hash;
    }
    bool is_proven() const noexcept { return proven_to >= top(); }
  };
  struct Walker {
    SyncPeer peer = 0;
    Duration waited{};  ///< for answers, until the last one
    std::uint64_t request = 0;
    bool is_searching = false;
    // While it searches: `low` is a block of both chains, `high` of one.
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    std::uint64_t step = 1;
    bool has_met = false;
  };
  struct Batch {
    HeaderBatch headers;
    SyncPeer peer = 0;
    std::uint64_t segment = 0;
    bool is_out = false;
  };
  struct Delivered {
    Hash hash;
    std::uint64_t number = 0;
    std::uint64_t segment = 0;
    SyncPeer peer = 0;
  };

  // Peers.
  Peer* find(SyncPeer peer);
  bool may_ask(const Peer& peer, Instant now);
  SyncPeer any_of(const std::vector<SyncPeer>& peers);
  void wake_at(Instant at) noexcept { wake_ = std::min(wake_, at); }
  void wake() noexcept { wake_ = Instant::min(); }
  void fault(SyncPeer peer, SyncFault fault);
  void strike(SyncPeer peer, Strike strike, SyncFault why, Instant now);
  void forgive(Peer& peer, Strike strike) noexcept;
  void confirm(SyncPeer peer, std::uint64_t number);
  bool is_confirmed(const Peer& peer, std::uint64_t number) const noexcept;

  // Requests.
  std::uint64_t send(std::vector<SyncRequest>& out, Request request, GetHeaders message,
                     Instant now);
  void send_bodies(std::vector<SyncRequest>& out, SyncPeer peer, std::vector<std::uint64_t> numbers,
                   Instant now);
  std::optional<Request> answered(SyncPeer peer, std::uint64_t id, bool of_bodies);
  /// Out of the table, and of whatever waited for it.
  Request end_request(std::uint64_t id);
  void forget_requests_of(SyncPeer peer);
  void fail(std::uint64_t id, Instant now, bool may_come_late);
  void time_out(Instant now);

  // The walk.
  void resolve_heads(std::vector<SyncRequest>& out, Instant now);
  bool is_candidate(const Peer& peer) const;
  void choose_walker(Instant now);
  bool is_out_of_patience(Instant now);
  void tidy();
  void walk(std::vector<SyncRequest>& out, Instant now);
  void search(std::vector<SyncRequest>& out, Instant now);
  void extend(std::vector<SyncRequest>& out, Instant now);
  void refill(std::vector<SyncRequest>& out, Instant now);
  void on_resolved(SyncPeer peer, const Request& request, const Headers& reply, Instant now);
  void on_probed(SyncPeer peer, const Request& request, const Headers& reply, Instant now);
  void on_extension(SyncPeer peer, const Request& request, const Headers& reply, Instant now);
  void on_refilled(SyncPeer peer, const Request& request, const Headers& reply, Instant now);
  void on_unfit(SyncPeer peer, Instant now);
  bool are_linked(SyncPeer peer, const Request& request, const Headers& reply);
  /// True if the walker has shown all that it has.
  bool end_of_walk(Instant now);

  // The segment.
  void begin_segment(std::uint64_t base, Instant now);
  void drop_segment();
  void drop_unproven();
  bool add_entry(const ReceivedHeader& header, SyncPeer peer);
  void add_item(const ReceivedHeader& header);
  void prove(Instant now);
  void look_for_stall(Instant now);
  SyncPeer source_of(std::uint64_t number) const;
  std::size_t room() const noexcept { return options_.window - segment_.items.size(); }

  // Bodies.
  void ask_for_bodies(std::vector<SyncRequest>& out, Instant now);
  std::vector<SyncPeer> body_peers(Instant now);
  std::vector<std::uint64_t> pick(SyncPeer id, const Peer& peer, std::size_t& planned, Instant now);
  void adapt(Peer& peer, const Request& request, std::size_t got, Instant now);
  Item* item_at(std::uint64_t number);
  void on_missing(Item& item, SyncPeer peer, Instant now);

  SyncOptions options_;
  LocalChain chain_;
  LocalHead local_;
  std::optional<BlockName> target_;
  Prng random_;

  Peers peers_;
  std::map<std::uint64_t, Request> requests_;
  std::size_t body_requests_ = 0;
  bool is_refilling_ = false;
  std::uint64_t ids_ = 0;
  std::uint64_t segments_ = 0;

  Segment segment_;
  std::optional<Walker> walker_;
  std::optional<Batch> batch_;
  std::size_t held_ = 0;        ///< bodies' bytes
  std::size_t expected_ = 512;  ///< of a body, as the last ones were
  std::uint64_t progress_from_ = 0;

  std::deque<Delivered> delivered_;
  std::deque<Hash> banned_order_;
  std::unordered_set<Hash, SeededHasher> banned_;
  std::vector<SyncFaultReport> faults_;
  Instant wake_ = never;
};

}  // namespace kith::ledger
