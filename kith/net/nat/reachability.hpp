// Whether this node can be reached, from what other peers say who tried: one verdict for all of it
// (AutoNAT v1, with go-libp2p's confidence), and one for each address (AutoNAT v2).
//
// One peer may lie or fail. Of all of it: a yes counts at once (somebody has dialed us), a no only
// after the confidence in a yes is used up. Of an address: the last reachability_answers_kept
// answers vote, and a majority of reachability_believed_from is believed. Addresses that nobody
// wants to dial, and those whose answers contradict each other, rest for a while. Of more than
// reachability_addresses_max addresses the first count. Pure. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include <kith/base/time.hpp>
#include <kith/multiformats/multiaddr.hpp>
#include <kith/net/nat/limits.hpp>

namespace kith::net {

enum class Reachability : std::uint8_t { unknown, reachable, unreachable };
/// "Public", "Private", "Unknown": as Kubo says.
std::string_view to_string(Reachability reachability) noexcept;

class OverallReachability {
 public:
  Reachability verdict() const noexcept { return verdict_; }
  int confidence() const noexcept { return confidence_; }
  /// What one peer found; unknown if it couldn't say. True if the verdict changed.
  bool record(Reachability found) noexcept;
  /// Our addresses have changed: what was certain is asked again soon.
  void doubt() noexcept;
  /// How long after the last question to ask again.
  Duration interval() const noexcept;

 private:
  Reachability verdict_ = Reachability::unknown;
  int confidence_ = 0;
};

class AddressReachability {
 public:
  /// Which addresses there are to find out about; what is known of others is forgotten.
  void track(const std::vector<multiformats::Multiaddr>& addresses);
  /// What to ask about now, most urgent first, at most autonat_v2_addresses_asked_max.
  std::vector<multiformats::Multiaddr> to_ask(Instant now) const;
  void record(const multiformats::Multiaddr& address, bool reached, Instant now);
  /// The peer that was asked dials no such address.
  void refused(const multiformats::Multiaddr& address, Instant now);

  Reachability verdict(const multiformats::Multiaddr& address) const;
  std::map<multiformats::Multiaddr, Reachability> verdicts() const;

  /// What is known of one address, for people.
  struct Report {
    multiformats::Multiaddr address;
    Reachability verdict = Reachability::unknown;
    /// Of the last answers.
    std::size_t reached = 0;
    std::size_t failed = 0;
    std::optional<Instant> since{};  ///< when the verdict became this
    std::optional<Instant> asked_at{};
    bool refused = false;  ///< those that were asked last dial no such address
  };
  /// In the order in which they are tracked.
  std::vector<Report> reports() const;

 private:
  struct Answer {
    bool reached;
    Instant at;
  };
  struct Known {
    std::deque<Answer> answers;
    std::optional<Instant> since{};
    int refusals = 0;
    Instant refused_at{};
  };
  static int balance(const Known& known) noexcept;
  static Reachability verdict_of(const Known& known) noexcept;
  static bool wants(const Known& known, Instant now) noexcept;

  std::vector<multiformats::Multiaddr> order_;
  std::map<multiformats::Multiaddr, Known> known_;
};

}  // namespace kith::net
