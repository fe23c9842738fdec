// The messages of circuit relay v2: what a client and a relay, and a relay and the peer it leads
// to, say to each other, and the voucher of a reservation. Specification: libp2p/specs
// relay/circuit-v2.md.
//
//   HopMessage   1 type {0 reserve, 1 connect, 2 status}  2 Peer  3 Reservation  4 Limit  5 status
//   StopMessage  1 type {0 connect, 1 status}             2 Peer  3 Limit        4 status
//   Peer         1 id         2 addresses*
//   Reservation  1 expire     2 addresses*   3 voucher
//   Limit        1 duration s 2 data bytes
//   Voucher      1 relay      2 peer         3 expiration     in an envelope of domain
//                "libp2p-relay-rsvp" and payload type 0x0302
//
// A type must be there and known, a peer must have an id that is one, and what a type needs must be
// there; else the message is corrupt. Addresses that can't be read, and those beyond
// relay_addresses_max, are left out. A status that isn't known is kept as it is: it is no OK. Of
// fields that are there twice the last counts. Pure. Limits: limits.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/crypto/keys.hpp>
#include <kith/multiformats/multiaddr.hpp>
#include <kith/multiformats/peer_id.hpp>

namespace kith::net {

inline constexpr std::string_view hop_protocol = "/libp2p/circuit/relay/0.2.0/hop";
inline constexpr std::string_view stop_protocol = "/libp2p/circuit/relay/0.2.0/stop";

enum class RelayStatus : std::uint32_t {
  unused = 0,
  ok = 100,
  reservation_refused = 200,
  resource_limit_exceeded = 201,
  permission_denied = 202,
  connection_failed = 203,
  no_reservation = 204,
  malformed_message = 400,
  unexpected_message = 401,
};
/// "NO_RESERVATION"; "unknown status" for one that isn't among these.
std::string_view to_string(RelayStatus status) noexcept;

struct RelayedPeer {
  multiformats::PeerId id;
  std::vector<multiformats::Multiaddr> addresses;
};

struct ReservationMessage {
  std::uint64_t expires_unix_s = 0;
  /// Of the relay, with its /p2p but without /p2p-circuit.
  std::vector<multiformats::Multiaddr> addresses;
  Bytes voucher;  ///< an envelope, not yet opened; empty if none
};

/// What a circuit may carry; 0 is no limit.
struct CircuitLimit {
  std::uint32_t duration_s = 0;
  std::uint64_t data_bytes = 0;  ///< in each direction
  bool operator==(const CircuitLimit&) const = default;
};

struct HopMessage {
  enum class Type : std::uint8_t { reserve = 0, connect = 1, status = 2 };
  Type type{};
  std::optional<RelayedPeer> peer{};  ///< there if the type is connect
  std::optional<ReservationMessage> reservation{};
  std::optional<CircuitLimit> limit{};
  RelayStatus status = RelayStatus::unused;  ///< set if the type is status
};

struct StopMessage {
  enum class Type : std::uint8_t { connect = 0, status = 1 };
  Type type{};
  std::optional<RelayedPeer> peer{};  ///< there if the type is connect
  std::optional<CircuitLimit> limit{};
  RelayStatus status = RelayStatus::unused;  ///< set if the type is status
};

/// Errc::corrupt; Errc::limit_exceeded if it is longer than relay_message_bytes_max.
Result<HopMessage> decode_hop(ByteView message);
Result<StopMessage> decode_stop(ByteView message);
/// At most relay_message_bytes_max: addresses that don't fit are left out, last first.
Bytes encode(const HopMessage& message);
Bytes encode(const StopMessage& message);

/// A relay's signed word that it serves a peer until then.
struct Voucher {
  multiformats::PeerId relay;
  multiformats::PeerId peer;
  std::uint64_t expires_unix_s = 0;
};
/// As an envelope, signed by the relay's key.
Result<Bytes> seal_voucher(const crypto::PrivateKey& relay, const multiformats::PeerId& peer,
                           std::uint64_t expires_unix_s);
/// Errors of crypto::open_envelope, Errc::corrupt for a payload that is none, Errc::refused if
/// somebody else signed it than the relay that it names.
Result<Voucher> open_voucher(ByteView envelope);

}  // namespace kith::net
