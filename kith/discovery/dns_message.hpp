// DNS messages as multicast DNS needs them (RFC 1035 section 4, RFC 2782 SRV, RFC 6762 sections 18
// and 10.2 for the two bits that it takes from the class).
//
//   header     id, flags, four counts          question   name, type, class
//   record     name, type, class, TTL, length, data       name       (length, label)* 0, or a
//   pointer
//
// Strict: a message is read whole or not at all. Nothing may be cut off, no byte may be left over,
// data must have the form that its type asks for, names are at most 255 bytes, pointers lead
// strictly backwards. Data of types unknown here is kept as it is. Reading takes time linear in the
// message's size and memory of at most some hundred bytes a record. Limits: limits.hpp. Errors:
// DnsError. Pure. Thread: any.
#pragma once

#include <array>
#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/discovery/limits.hpp>

namespace kith::discovery {

enum class DnsError {
  truncated = 1,  ///< it ends in the middle
  too_long,       ///< more than dns_message_bytes_max
  bad_label,      ///< a label of a kind that doesn't exist
  bad_pointer,    ///< a pointer that doesn't lead backwards, or too many of them
  name_too_long,
  bad_data,        ///< a record's data isn't what its type asks for
  too_many,        ///< questions, records or texts
  trailing_bytes,  ///< something stands behind the last record
};
const ErrorDomain& error_domain(DnsError) noexcept;

/// A domain name: labels of 1 to 63 bytes each, of any value. Upper and lower case ASCII letters
/// are the same, but kept. The root has no labels.
class DnsName {
 public:
  DnsName() = default;
  /// Reads "_p2p._udp.local" (a final dot may be there); nothing if a label is empty or too long.
  /// There is no escaping: a dot always ends a label.
  static std::optional<DnsName> parse(std::string_view text);
  /// Of a text that is known to be right (asserted).
  static DnsName of(std::string_view text);

  /// This name below `parent`: one label more, of at most 63 bytes. Nothing if it gets too long.
  static std::optional<DnsName> under(std::string_view label, const DnsName& parent);

  bool is_root() const noexcept { return wire_.empty(); }
  /// The label that stands first; empty for the root.
  std::string_view first_label() const noexcept;
  /// Without its first label; the root for the root.
  DnsName parent() const;
  /// Bytes when written without compression.
  std::size_t wire_bytes() const noexcept { return wire_.size() + 1; }
  /// Its labels, each with its length before it, without the 0 at the end.
  ByteView labels() const noexcept { return as_bytes(wire_); }
  /// Labels joined by dots; dots and backslashes in them escaped, unprintable bytes as \ddd.
  std::string to_string() const;

  friend bool operator==(const DnsName& a, const DnsName& b) noexcept;

 private:
  friend class DnsReader;
  std::string wire_;
};

/// Types that have a meaning here; others occur as numbers.
enum class DnsType : std::uint16_t { a = 1, ptr = 12, txt = 16, aaaa = 28, srv = 33, any = 255 };
inline constexpr std::uint16_t dns_class_in = 1;
inline constexpr std::uint16_t dns_class_any = 255;

struct DnsQuestion {
  DnsName name;
  DnsType type = DnsType::any;
  std::uint16_t qclass = dns_class_in;  ///< 15 bits
  bool unicast_response = false;        ///< the bit above them, "QU"
  bool operator==(const DnsQuestion&) const = default;
};

struct DnsPointer {
  DnsName target;
  bool operator==(const DnsPointer&) const = default;
};
struct DnsText {
  std::vector<std::string> strings;  ///< each at most 255 bytes; none is written as one empty one
  bool operator==(const DnsText&) const = default;
};
struct DnsService {
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;
  std::uint16_t port = 0;
  DnsName target;
  bool operator==(const DnsService&) const = default;
};
using DnsAddress4 = std::array<std::uint8_t, 4>;
using DnsAddress6 = std::array<std::uint8_t, 16>;
struct DnsOther {
  std::uint16_t type = 0;
  Bytes data;
  bool operator==(const DnsOther&) const = default;
};
using DnsData = std::variant<DnsAddress4, DnsAddress6, DnsPointer, DnsText, DnsService, DnsOther>;

struct DnsRecord {
  DnsName name;
  std::uint16_t rclass = dns_class_in;  ///< 15 bits
  bool cache_flush = false;             ///< the bit above them
  std::uint32_t ttl_seconds = 0;
  DnsData data;

  DnsType type() const noexcept;
  bool operator==(const DnsRecord&) const = default;
};

struct DnsMessage {
  std::uint16_t id = 0;
  bool response = false;
  std::uint8_t opcode = 0;
  bool authoritative = false;
  bool truncated = false;
  std::uint8_t response_code = 0;
  std::vector<DnsQuestion> questions;
  std::vector<DnsRecord> answers;
  std::vector<DnsRecord> authorities;
  std::vector<DnsRecord> additionals;
  bool operator==(const DnsMessage&) const = default;
};

Result<DnsMessage> decode_dns(ByteView whole);

/// Names are compressed where RFC 1035 and RFC 6762 section 18.14 allow it. The flags that have no
/// field are written as 0. Texts longer than 255 bytes and more than 65,535 bytes of data in a
/// record are the caller's fault (asserted).
Bytes encode_dns(const DnsMessage& message);

}  // namespace kith::discovery
