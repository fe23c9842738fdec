// The messages of AutoNAT: a peer asks another to dial it, to find out whether it can be reached.
// Specifications: libp2p/specs autonat/autonat-v1.md and autonat-v2.md.
//
//   v1 Message   1 type {0 dial, 1 response}  2 { 1 PeerInfo { 1 id  2 addresses* } }
//                3 { 1 status  2 text  3 address }
//   v2 Message   one of  1 DialRequest { 1 addresses*  2 nonce (fixed) }
//                        2 DialResponse { 1 status  2 index  3 dial status }
//                        3 DialDataRequest { 1 index  2 bytes }
//                        4 DialDataResponse { 1 data }
//      DialBack  1 nonce (fixed)        DialBackResponse  1 status
//
// Addresses that can't be read are left out of v1; in v2 they keep their place, since the answer
// names a place. Those beyond the limits are passed over. A message of two kinds is corrupt, as is
// one that lacks what its kind needs. Pure. Limits: limits.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/multiformats/multiaddr.hpp>
#include <kith/multiformats/peer_id.hpp>

namespace kith::net {

inline constexpr std::string_view autonat_v1_protocol = "/libp2p/autonat/1.0.0";
inline constexpr std::string_view autonat_dial_protocol = "/libp2p/autonat/2/dial-request";
inline constexpr std::string_view autonat_dial_back_protocol = "/libp2p/autonat/2/dial-back";

enum class AutonatV1Status : std::uint32_t {
  ok = 0,
  dial_error = 100,
  dial_refused = 101,
  bad_request = 200,
  internal_error = 300,
};

struct AutonatV1Dial {
  std::optional<multiformats::PeerId> peer;
  std::vector<multiformats::Multiaddr> addresses;
};
struct AutonatV1Response {
  AutonatV1Status status = AutonatV1Status::internal_error;
  std::string text;
  std::optional<multiformats::Multiaddr> address;
};
using AutonatV1Message = std::variant<AutonatV1Dial, AutonatV1Response>;

enum class AutonatStatus : std::uint32_t {
  internal_error = 0,
  request_rejected = 100,
  dial_refused = 101,
  ok = 200,
};
enum class AutonatDialStatus : std::uint32_t {
  unused = 0,
  dial_error = 100,
  dial_back_error = 101,
  ok = 200,
};

struct AutonatDialRequest {
  /// In order of preference; nothing where one couldn't be read.
  std::vector<std::optional<multiformats::Multiaddr>> addresses;
  std::uint64_t nonce = 0;
};
struct AutonatDialResponse {
  AutonatStatus status = AutonatStatus::internal_error;
  std::uint32_t index = 0;
  AutonatDialStatus dial_status = AutonatDialStatus::unused;
};
struct AutonatDataRequest {
  std::uint32_t index = 0;
  std::uint64_t bytes = 0;
};
struct AutonatData {
  std::size_t bytes = 0;  ///< of zeros; what they are doesn't matter
};
using AutonatMessage =
    std::variant<AutonatDialRequest, AutonatDialResponse, AutonatDataRequest, AutonatData>;

/// Errc::corrupt; Errc::limit_exceeded if it is longer than autonat_v1_message_bytes_max.
Result<AutonatV1Message> decode_autonat_v1(ByteView message);
Bytes encode(const AutonatV1Message& message);

/// Errc::corrupt; Errc::limit_exceeded if it is longer than autonat_v2_message_bytes_max.
Result<AutonatMessage> decode_autonat(ByteView message);
Bytes encode(const AutonatMessage& message);

/// The nonce. Errc::corrupt.
Result<std::uint64_t> decode_dial_back(ByteView message);
Bytes encode_dial_back(std::uint64_t nonce);

}  // namespace kith::net
