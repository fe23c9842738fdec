// The message of identify and identify push: who a peer is, where it listens, what it speaks.
// Specification: libp2p/specs identify/README.md; signed peer records RFC/0002 and RFC/0003.
//
//   Identify    1 publicKey  2 listenAddrs*  3 protocols*  4 observedAddr  5 protocolVersion  6
//   agentVersion
//               8 signedPeerRecord (an envelope)
//   PeerRecord  1 peer id    2 seq           3 addresses* { 1 multiaddr }
//
// A message may come in parts, each with a length before it, which are merged as protobuf merges:
// single fields by the last, repeated ones appended. The envelope's domain on the wire is
// "libp2p-peer-record" (RFC/0003 prints another), its payload type 0x03 0x01. Pure. Limits:
// limits.hpp. What a peer can get wrong in a list (an address that we can't read) is left out; only
// a broken protobuf is an error.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/crypto/keys.hpp>
#include <kith/multiformats/multiaddr.hpp>
#include <kith/multiformats/peer_id.hpp>

namespace kith::net {

struct IdentifyMessage {
  std::optional<Bytes> public_key;  ///< encoded
  std::vector<multiformats::Multiaddr> listen_addresses;
  std::vector<std::string> protocols;
  std::optional<multiformats::Multiaddr> observed_address;
  std::string protocol_version;
  std::string agent;
  Bytes signed_record;  ///< an envelope, not yet opened; empty if none
};

/// Merges one part into `message`. Errc::corrupt if it is no protobuf, Errc::limit_exceeded if a
/// list grows too long.
Result<void> merge_identify_part(ByteView part, IdentifyMessage& message);

/// The message in parts of at most identify_own_message_bytes_max, at most identify_parts_max of
/// them: what doesn't fit is left out, last protocols first.
std::vector<Bytes> encode_identify(const IdentifyMessage& message);

struct PeerRecord {
  multiformats::PeerId peer;
  std::uint64_t sequence = 0;
  std::vector<multiformats::Multiaddr> addresses;
};

/// A record signed by `key`, as an envelope's bytes.
Result<Bytes> seal_peer_record(const crypto::PrivateKey& key, std::uint64_t sequence,
                               const std::vector<multiformats::Multiaddr>& addresses);

/// Opens an envelope and checks that it is a peer record signed by the peer that it names. Errors
/// of crypto::open_envelope, Errc::corrupt for a payload that is none, Errc::refused for another
/// peer's.
Result<PeerRecord> open_peer_record(ByteView envelope);

}  // namespace kith::net
