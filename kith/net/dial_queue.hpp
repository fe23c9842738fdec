// DialQueue: which addresses of one peer are tried, in what order and when, and which names are
// looked up for them (RFC 8305, "Happy Eyeballs"). Pure; the caller says what time it is.
//
//   add ─┬─ names ─────────> next_name ──> look-up ──> resolved ─┐
//        └─ IP addresses ──> ranked (address_rank.hpp) <─────────┘
//                              └──> next_attempt ──> attempt ──> attempt_ended
//
// Nothing waits for a name: what is known is tried at once, and what a name stands for takes its
// place among the addresses that are still to be tried. An attempt begins when its delay after the
// one before it is over, or when all before it have ended; at most `attempts_max` go on at a time.
// Circuits through relays stand in a queue of their own, which begins circuit_attempt_delay after
// the first attempt: however many addresses of a peer are dead, they don't wait for all of them.
//
// Strangers write addresses and DNS records, so all that one dial costs is limited for the dial as
// a whole: dial_addresses_max attempts, dial_lookups_max look-ups, resolve_depth_max names one
// behind the other. What is beyond is left out, as are repetitions, addresses of other peers, and
// such as no transport of ours can dial. A name from a stranger only leads to public addresses: it
// may be made to stand for a neighbour of ours (address_scope.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <kith/base/time.hpp>
#include <kith/multiformats/multiaddr.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/net/address_rank.hpp>
#include <kith/net/limits.hpp>

namespace kith::net {

/// What is to be done with an address.
enum class DialChoice : std::uint8_t {
  go,
  leave_alone,   ///< for a while: it failed lately
  ourselves,     ///< never: it is our own
  no_transport,  ///< never: it is of a kind that is turned off
};

class DialQueue {
 public:
  /// An address that begins with a name, how many names led to it, and whether the first of them
  /// came from somebody who may know our network.
  struct Name {
    multiformats::Multiaddr address;
    int depth = 0;
    bool trusted = true;
  };
  using Choose = std::function<DialChoice(const multiformats::Multiaddr&)>;

  DialQueue(multiformats::PeerId peer, std::size_t attempts_max, Choose choose)
      : peer_(peer),
        choose_(std::move(choose)),
        direct_{.running_max = attempts_max},
        circuits_{.running_max = dial_circuits_at_once} {}

  void add(std::vector<multiformats::Multiaddr> addresses, bool trusted);

  /// What to look up now; each is answered with resolved().
  std::optional<Name> next_name();
  void resolved(const Name& name, std::vector<multiformats::Multiaddr> found);

  /// What to try now, without /p2p; each is answered with attempt_ended().
  std::optional<multiformats::Multiaddr> next_attempt(Instant now);
  /// When next_attempt should be asked again if nothing else happens; `never` if that changes
  /// nothing.
  Instant next_attempt_at() const noexcept;
  void attempt_ended(bool relayed = false) noexcept { --(relayed ? circuits_ : direct_).running; }

  /// Nothing goes on and nothing is left to do.
  bool exhausted() const noexcept {
    return direct_.over() && circuits_.over() && names_.empty() && looking_up_ == 0;
  }
  /// Addresses that were offered by add(), whatever became of them.
  std::size_t offered() const noexcept { return offered_; }
  /// Of those, and of what names stand for, how often it was chosen so.
  std::size_t left_alone() const noexcept { return left_alone_; }
  std::size_t ourselves() const noexcept { return ourselves_; }

 private:
  /// Those that are tried one after the other.
  struct Lane {
    std::vector<RankedAddress> pending{};
    std::size_t running = 0;
    std::size_t running_max = 0;
    Instant last_begun{};

    bool over() const noexcept { return pending.empty() && running == 0; }
    /// As far as this lane is concerned.
    Instant next_at() const noexcept;
    multiformats::Multiaddr begin(Instant now);
  };
  Instant next_circuit_at() const noexcept;
  void sort_in(std::vector<multiformats::Multiaddr> addresses, int depth, bool trusted);
  bool wants(const multiformats::Multiaddr& address);

  multiformats::PeerId peer_;
  Choose choose_;
  std::size_t offered_ = 0;
  std::size_t left_alone_ = 0;
  std::size_t ourselves_ = 0;

  std::deque<Name> names_;
  std::set<std::pair<multiformats::Multiaddr, bool>> names_seen_;  ///< and whether trusted
  std::size_t lookups_ = 0;                                        ///< begun
  std::size_t looking_up_ = 0;

  Lane direct_;
  Lane circuits_;
  std::set<multiformats::Multiaddr> seen_;  ///< what came into one of them
  std::optional<Instant> first_begun_{};
};

}  // namespace kith::net
