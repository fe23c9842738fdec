// BitswapClient: the asking half of Bitswap (ipfs/specs src/bitswap-protocol.md 1.2.0, interaction
// pattern), without stream, clock or store.
//
//   want(job, cid)                 -> poll() names peers for whom there is a wantlist to take
//   presences, received, ...       -> the scheduler's state, and so the next wantlists
//
// It turns the scheduler's units into CIDs and its actions into wantlist entries: probe is
// want-have, fetch is want-block, drop is cancel; every want asks for DONT_HAVE. Entries for one
// peer that wait together are merged, so what was wanted and given up before a message left is
// never said.
//
// Blocks come in with the CID that was computed from their bytes. One that we asked this peer for
// is wanted; one whose want we cancelled, or that this peer had sent already, is a duplicate, once;
// anything else is unasked, and more of that than limits.hpp forgives is a reason to disconnect. A
// peer that answers with bytes that don't hash to the CID thus brings unasked blocks.
//
// What a peer did stays with its name for fault_memory: coming back washes nothing off.
//
// Peers of 1.0.0 and 1.1.0 know no want-have and no DONT_HAVE: the scheduler is told, and their
// silence stands for "don't have". Invariant: a wish that a peer may still act on is in its table,
// or was cancelled or answered. Pure; one thread.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include <kith/exchange/bitswap_message.hpp>
#include <kith/exchange/verdict.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/multiformats/seeded_hash.hpp>
#include <kith/transfer/scheduler.hpp>

namespace kith::exchange {

using multiformats::Multihash;
using multiformats::PeerId;
using transfer::JobId;
using transfer::Waiting;

enum class Arrival : std::uint8_t { wanted, duplicate, unasked };

struct PeerStatus {
  PeerId peer;
  transfer::SourceStatus source;
};

/// transfer::JobStatus with names.
struct TransferStatus {
  std::uint64_t blocks_wanted = 0;
  std::uint64_t blocks_received = 0;
  std::uint64_t bytes_received = 0;
  double bytes_per_second = 0;
  std::vector<PeerStatus> peers;
  std::vector<PeerId> left;  ///< brought something and went; the newest last, a few at most
  std::size_t paused = 0;    ///< peers that are connected and can't be asked for now
  Waiting waiting = Waiting::nothing;
  Cid waiting_cid;
  std::vector<PeerId> waiting_for;
  std::string damage;  ///< why what it waits for can't be read here, if it is here
};

/// "waiting for bafy...: asked 3 peers, none has answered yet": why a transfer stands still.
std::string describe(const TransferStatus& status);

struct ClientStats {
  std::uint64_t blocks_received = 0;
  std::uint64_t data_received = 0;
  std::uint64_t duplicate_blocks = 0;
  std::uint64_t duplicate_data = 0;
  std::uint64_t unasked_blocks = 0;
  std::uint64_t unasked_data = 0;
  std::uint64_t messages_received = 0;
};

class BitswapClient {
 public:
  /// `seed` is for tables that strangers fill.
  explicit BitswapClient(std::uint64_t seed);

  JobId add_job(Instant now) { return scheduler_.add_job(now); }
  void remove_job(JobId job);
  /// Wants a block after those that the job wants already, or before them.
  void want(JobId job, const Cid& cid, Instant now, bool first = false);
  void forget(JobId job, const Cid& cid);
  bool wanted(const Cid& cid) const;

  void connected(const PeerId& peer, Instant now);
  void disconnected(const PeerId& peer, Instant now);
  /// The peer took no question. It is asked nothing until connected() is called again; what it
  /// still answers is no fault.
  void pause(const PeerId& peer);
  /// What the peer turned out to speak, when a stream to it has been opened.
  void set_version(const PeerId& peer, BitswapVersion version);

  /// Bytes of a message have come.
  void progress(const PeerId& peer, std::uint64_t bytes, Instant now);
  void presences(const PeerId& peer, const std::vector<BlockPresence>& presences, Instant now);
  /// The peer wants these blocks. Who wants what we fetch is asked when it has some of it.
  void peer_wants(const PeerId& peer, const Cid& cid);
  /// Whether any block can be expected from the peer: what comes otherwise needn't be hashed.
  bool expects(const PeerId& peer) const;
  /// A block whose bytes hash to `cid`.
  Arrival received(const PeerId& peer, const Cid& cid, std::uint64_t bytes, Instant now);
  /// A block that can't have been asked for; says what the peer deserves by now.
  Verdict unasked(const PeerId& peer, std::uint64_t bytes);
  Verdict verdict(const PeerId& peer) const;
  /// The block came another way.
  void obtained(const Cid& cid);
  void count_message() noexcept { ++stats_.messages_received; }

  Instant next_deadline() const { return scheduler_.next_deadline(); }
  /// Lets the scheduler decide, and returns the peers for whom there is something new to take.
  std::vector<PeerId> poll(Instant now);
  bool has_wantlist(const PeerId& peer) const;
  /// The next wantlist for the peer: cancels first, then in order. At most wants_per_message_max.
  std::optional<BitswapMessage> take_wantlist(const PeerId& peer);
  /// A wantlist that was taken can't have arrived: the stream broke. All open wishes go out again.
  void resend(const PeerId& peer);

  TransferStatus status(JobId job, Instant now) const;
  std::vector<Cid> wantlist() const;
  const ClientStats& stats() const noexcept { return stats_; }
  const transfer::Scheduler& scheduler() const noexcept { return scheduler_; }

 private:
  using UnitId = transfer::UnitId;
  using SourceId = transfer::SourceId;
  /// By multihash, as the store has it: CIDs of the same bytes are one wish, under the name that
  /// was asked for first.
  template <class Value>
  using HashMap = std::unordered_map<Multihash, Value, multiformats::SeededHash>;

  struct Wish {
    WantType type = WantType::block;
    std::int32_t priority = 0;
    bool said = false;    ///< in a wantlist that was taken
    bool lacked = false;  ///< it said that it doesn't have it
  };
  struct Peer {
    explicit Peer(multiformats::SeededHash hash)
        : wishes(0, hash), outgoing(0, hash), recent(0, hash) {}
    SourceId source{};
    BitswapVersion version = BitswapVersion::v1_2_0;
    HashMap<Wish> wishes;
    HashMap<Want> outgoing;
    /// Cancelled or received lately: one block more is a duplicate.
    struct Recent {
      std::uint64_t number = 0;
      bool lacked = false;
    };
    HashMap<Recent> recent;
    std::deque<std::pair<std::uint64_t, Multihash>> recent_order;
    std::uint64_t next_recent = 0;
    std::uint64_t unasked_blocks = 0;
    std::uint64_t unasked_bytes = 0;
    bool announced = false;  ///< poll() has named it since the last take
    bool paused = false;     ///< the scheduler doesn't know it
    bool afresh = false;     ///< the next wantlist replaces what it remembers of us
  };

  UnitId unit_of(const Cid& cid);
  Peer* find(const PeerId& peer);
  const Peer* find(const PeerId& peer) const;
  void carry_out(const transfer::Action& action);
  static void remember(Peer& peer, const Multihash& hash, bool lacked);
  void remember_done(const Multihash& hash, UnitId unit);
  void holds_too(const Peer& peer, const Multihash& hash, bool lacked);
  void clean_up();
  void remember_faults(const PeerId& id, const Peer& peer, Instant now);

  multiformats::SeededHash hash_;
  transfer::Scheduler scheduler_;
  HashMap<UnitId> units_;
  std::unordered_map<UnitId, Cid> cids_;
  std::vector<UnitId> ended_;
  /// The jobs of blocks that came lately.
  HashMap<std::vector<JobId>> done_;
  std::deque<Multihash> done_order_;
  /// Who brought something for a job and went.
  std::map<JobId, std::deque<PeerId>> left_;
  std::uint64_t next_unit_ = 1;
  std::unordered_map<PeerId, Peer, multiformats::SeededHash> peers_;
  std::unordered_map<SourceId, PeerId> sources_;
  /// What peers that have gone did.
  struct Faults {
    std::uint64_t blocks = 0;
    std::uint64_t bytes = 0;
    Instant until{};
  };
  std::unordered_map<PeerId, Faults, multiformats::SeededHash> faults_;
  std::deque<std::pair<PeerId, Instant>> faults_order_;
  ClientStats stats_;
};

}  // namespace kith::exchange
