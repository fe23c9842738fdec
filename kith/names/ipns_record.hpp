// IPNS records: what a name says, signed with the name's key.
// Specification: ipfs/specs src/ipns/ipns-record.md.
//
//   IpnsEntry, protobuf                          data, dag-cbor
//   9 data                                       Value         bytes: a path, often /ipfs/CID
//   8 signatureV2: over "ipns-signature:", data  Validity      bytes: RFC 3339
//   7 pubKey, unless the name contains it        ValidityType  0: Validity is when it ends
//   1 value, 2 signatureV1, 3 validityType,      Sequence      the larger, the newer
//   4 validity, 5 sequence, 6 ttl                TTL           ns that it may be cached for
//
// Only data is believed, and what signatureV2 says of it. Fields 1 to 6 are copies for programs of
// before 2021; where there is a value or a signatureV1 they must say the same as data, and that
// signature isn't looked at. As in boxo, a record without TTL is one, data need not be canonical,
// and what else is in it is left alone. Unlike there, one without Value or Sequence is none.
// Pure. Thread: any. Limits: limits.hpp.
#pragma once

#include <compare>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/base/time.hpp>
#include <kith/crypto/keys.hpp>
#include <kith/multiformats/peer_id.hpp>

namespace kith::names {

enum class IpnsError {
  too_long = 1,      ///< past ipns_record_bytes_max
  bad_encoding,      ///< no protobuf of this form
  unsigned_record,   ///< no signatureV2, or no data
  bad_data,          ///< data lacks a field, or has one that makes no sense
  unknown_validity,  ///< a ValidityType other than 0
  copies_differ,     ///< the old fields say something else than data
  no_key,            ///< neither the record nor the name has the public key
  other_key,         ///< the record's key isn't the name's
  bad_signature,
};
const ErrorDomain& error_domain(IpnsError) noexcept;

template <class T>
using Decoded = std::expected<T, IpnsError>;

/// When a record ends. A WallTime doesn't reach as far as records do: to the year 9999.
struct EndOfLife {
  std::int64_t seconds = 0;  ///< since 1970-01-01T00:00:00Z
  std::uint32_t nanoseconds = 0;

  static EndOfLife at(WallTime time) noexcept;
  /// RFC 3339 with any number of decimals, of which nine count. No leap seconds.
  static std::optional<EndOfLife> parse(std::string_view text);
  /// In UTC.
  std::string to_string() const;

  friend auto operator<=>(const EndOfLife&, const EndOfLife&) = default;
};

/// What the name says.
struct IpnsContent {
  Bytes value;
  EndOfLife end;
  std::uint64_t sequence = 0;
  std::optional<Duration> ttl{};

  friend bool operator==(const IpnsContent&, const IpnsContent&) = default;
};

struct IpnsRecord {
  IpnsContent content;
  Bytes data;  ///< content as it was signed, and what else its maker put there
  Bytes signature;
  Bytes public_key;  ///< protobuf; empty if the record doesn't have it

  friend bool operator==(const IpnsRecord&, const IpnsRecord&) = default;
};

/// Reads a record. All errors but those of verify_ipns_record(), which must follow.
Decoded<IpnsRecord> decode_ipns_record(ByteView encoded);

/// Whether the name's key has signed it: no_key, other_key, bad_signature. Its end is another
/// matter.
Decoded<void> verify_ipns_record(const IpnsRecord& record, const multiformats::PeerId& name);

/// Without old fields.
Bytes encode_ipns_record(const IpnsRecord& record);

/// A record of the name that is the key's peer id. IpnsError::too_long; bad_data for an end past
/// the year 9999 or a negative TTL; errors of PrivateKey::sign.
Result<IpnsRecord> sign_ipns_record(const crypto::PrivateKey& key, IpnsContent content);

/// "/ipns/" and the name's bytes: under what a record is stored in the DHT ("Routing Record").
Bytes ipns_routing_key(const multiformats::PeerId& name);

}  // namespace kith::names
