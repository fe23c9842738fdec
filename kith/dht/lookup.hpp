// Lookup: finds the peers nearest to a key by asking ever nearer ones (libp2p/specs
// kad-dht/README.md, "Peer routing"; alpha, beta and the follow-up as go-libp2p-kad-dht has them).
//
//   heard --next()--> asked --answered()--> answered (brings further candidates)
//                       \---failed()------> failed
//
// Asked are the nearest first, at most alpha at once. Once the beta nearest have answered the rest
// of the k nearest are asked all at once, since who stores something with them, or asks each for
// what it has, wants all of them; the lookup is done when they have answered. If one of these
// answers brings nearer peers, it goes on. A peer that is slow to answer counts as one that has
// failed until it does.
//
// Against an eclipse: of one IpGroup only the nearest `group_max` candidates count, and the group
// is that of the address at which a peer answered once it has. Sixty ids that were ground to be the
// nearest ones, but sit in three networks, are nine. What a liar can do else is to name peers that
// don't exist: those are asked and fail, up to asked_max in all. Of peers that only one has told of
// told_by_one_max count at a time, until they answer or others tell of them, too.
// Pure: the caller asks, tells how it went, and says what time it is.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include <kith/base/time.hpp>
#include <kith/dht/ip_group.hpp>
#include <kith/dht/key.hpp>
#include <kith/dht/limits.hpp>

namespace kith::dht {

struct LookupOptions {
  std::size_t wanted = bucket_size;            ///< k
  std::size_t width = lookup_width;            ///< alpha
  std::size_t resiliency = lookup_resiliency;  ///< beta
  std::size_t others = lookup_others;          ///< asked first, wherever they are in the table
  std::size_t asked_max = lookup_asked_max;
  std::size_t group_max = group_in_lookup_max;
  Duration slow_after = lookup_slow_after;
};

class Lookup {
 public:
  struct Candidate {
    PeerId peer;
    std::vector<IpGroup> groups;
  };

  /// `self` is never asked.
  Lookup(Key target, const PeerId& self, LookupOptions options = {})
      : target_(target), self_(Key::of(self)), options_(options) {}

  /// Peers that are known from the beginning.
  void add(std::span<const Candidate> candidates);
  /// A hint: asked before all others, wherever it is (somebody who is likely to have what is looked
  /// for).
  void ask_first(const Candidate& candidate);

  /// Whom to ask now; nothing if all that may be asked are, or the lookup is done.
  std::optional<PeerId> next(Instant now);
  /// Told once for each that next() gave. `seen_at`: the groups of the address at which it is,
  /// nothing if that isn't known.
  void answered(const PeerId& peer, std::optional<std::vector<IpGroup>> seen_at,
                std::span<const Candidate> closer);
  void failed(const PeerId& peer);

  /// Nothing more needs to be asked; who is still being asked needn't be awaited.
  bool done(Instant now) const;
  /// When next() and done() may answer otherwise without being told anything.
  Instant deadline(Instant now) const;

  /// The nearest that have answered, at most k, the nearest first.
  std::vector<PeerId> nearest() const;
  struct Near {
    PeerId peer;
    Key away;
  };
  /// The nearest that count, at most so many, whether they have answered or not.
  std::vector<Near> known(Instant now, std::size_t count) const;
  /// The beta nearest have answered: what is left is to ask the rest of the k nearest.
  bool follows_up(Instant now) const { return nearest_answered(now, options_.resiliency); }
  std::size_t asked() const noexcept { return asked_; }
  std::size_t answers() const noexcept { return answers_; }
  /// How many peers told of one another until the nearest that has answered was known: 1 if we knew
  /// it ourselves, 0 if nobody has answered.
  std::size_t hops() const;

 private:
  enum class State : std::uint8_t { heard, asked, answered, failed };
  struct Entry {
    PeerId peer;
    Key away;
    std::vector<IpGroup> groups;
    std::optional<std::uint32_t> only_teller;  ///< nothing if we knew it, or two have told of it
    State state = State::heard;
    bool first = false;
    std::size_t hops = 1;
    Instant asked_at{};

    bool slow(Instant now, Duration after) const {
      return state == State::asked && now - asked_at >= after;
    }
  };
  class Room;

  Entry* insert(const Candidate& candidate, std::size_t hops,
                std::optional<std::uint32_t> teller = std::nullopt);
  Entry* find(const PeerId& peer);
  /// Calls `visit(entry)` for those that count, the nearest first, until it returns false.
  template <class Visit>
  void each_counted(Instant now, const Visit& visit) const;
  bool nearest_answered(Instant now, std::size_t count) const;

  Key target_;
  Key self_;
  LookupOptions options_;
  std::vector<Entry> entries_;  ///< by distance
  std::size_t asked_ = 0;
  std::size_t answers_ = 0;
  std::size_t waiting_ = 0;  ///< in state asked
  std::size_t firsts_ = 0;   ///< heard, and to be asked first
};

}  // namespace kith::dht
