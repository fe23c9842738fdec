// Direct connection upgrade through relay: two peers behind NATs, connected through a relay, agree
// on when both dial the other. The messages, and the exchange as a state machine.
// Specification: libp2p/specs relay/DCUtR.md.
//
//   HolePunch   1 type {100 connect, 300 sync}   2 addresses*
//
//   B, whom the circuit reached                  A, who made it
//   connect, its addresses          ->
//                                   <-           connect, its addresses        B: that took a trip
//   sync                            ->                                         there and back
//   dials after half of that time                dials at once
//
// A is the client of whatever comes about, though B dials too; a QUIC connection is A's, and B
// sends it random datagrams meanwhile. After a failure all of it is done again, three times in all,
// the measuring too.
// A type must be there and known. Addresses that can't be read, those that lead through a relay,
// and those beyond dcutr_addresses_max are left out. Pure. Limits: limits.hpp.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/base/time.hpp>
#include <kith/multiformats/multiaddr.hpp>

namespace kith::net {

inline constexpr std::string_view dcutr_protocol = "/libp2p/dcutr";

struct HolePunchMessage {
  enum class Type : std::uint32_t { connect = 100, sync = 300 };
  Type type{};
  std::vector<multiformats::Multiaddr> addresses{};
};

/// Errc::corrupt; Errc::limit_exceeded if it is longer than dcutr_message_bytes_max.
Result<HolePunchMessage> decode_hole_punch(ByteView message);
/// At most dcutr_message_bytes_max: addresses that don't fit are left out.
Bytes encode(const HolePunchMessage& message);

/// B's side of one attempt.
class HolePunchInitiator {
 public:
  /// What to send now.
  HolePunchMessage begin(std::vector<multiformats::Multiaddr> own, Instant now);
  /// Of the answer. Errc::refused for another message than connect, or one without addresses.
  Result<void> answered(HolePunchMessage message, Instant now);
  /// What to send then.
  static HolePunchMessage sync() { return {.type = HolePunchMessage::Type::sync}; }
  /// When to dial, if sync is sent now. What is measured counts up to dcutr_round_trip_max.
  Instant dial_at(Instant now) const noexcept { return now + round_trip_ / 2; }
  /// Where to.
  const std::vector<multiformats::Multiaddr>& targets() const noexcept { return targets_; }
  Duration round_trip() const noexcept { return round_trip_; }

 private:
  Instant begun_{};
  Duration round_trip_{0};
  std::vector<multiformats::Multiaddr> targets_;
};

/// A's side of one attempt.
class HolePunchResponder {
 public:
  /// Of the first message; gives the answer to send. Errc::refused as above, or if we have no
  /// address to tell.
  Result<HolePunchMessage> asked(HolePunchMessage message,
                                 std::vector<multiformats::Multiaddr> own);
  /// Of the second; then it's time to dial. Errc::refused for another than sync.
  static Result<void> synced(const HolePunchMessage& message);
  const std::vector<multiformats::Multiaddr>& targets() const noexcept { return targets_; }

 private:
  std::vector<multiformats::Multiaddr> targets_;
};

}  // namespace kith::net
