#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <protozero/pbf_writer.hpp>

#include <kith/base/protobuf_reader.hpp>
#include <kith/ipld/dag_cbor.hpp>
#include <kith/names/ipns_record.hpp>
#include <kith/names/limits.hpp>

namespace kith::names {
namespace {

using multiformats::PeerId;
using protozero::pbf_wire_type;

constexpr std::string_view signature_prefix = "ipns-signature:";

class Domain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "ipns"; }
  std::string message(int code) const override {
    switch (static_cast<IpnsError>(code)) {
      case IpnsError::too_long:
        return "the IPNS record is longer than 10 KiB";
      case IpnsError::bad_encoding:
        return "that is no IPNS record";
      case IpnsError::unsigned_record:
        return "the IPNS record lacks signatureV2 or data";
      case IpnsError::bad_data:
        return "the data of the IPNS record makes no sense";
      case IpnsError::unknown_validity:
        return "the IPNS record has an unknown kind of validity";
      case IpnsError::copies_differ:
        return "the IPNS record contradicts itself";
      case IpnsError::no_key:
        return "the IPNS record lacks its public key";
      case IpnsError::other_key:
        return "the IPNS record is signed by another key than its name's";
      case IpnsError::bad_signature:
        return "the signature of the IPNS record is wrong";
    }
    return "unknown error";
  }
};
constinit const Domain domain;

/// Takes a text apart; what doesn't fit is remembered.
class TextReader {
 public:
  explicit TextReader(std::string_view text) noexcept : rest_(text) {}

  bool fine() const noexcept { return fine_; }
  void refuse() noexcept { fine_ = false; }
  bool at_end() const noexcept { return rest_.empty(); }

  bool take(char wanted) noexcept {
    if (!rest_.starts_with(wanted)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char wanted) noexcept { fine_ = take(wanted) && fine_; }
  bool at_digit() const noexcept {
    return !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9';
  }
  unsigned digit() noexcept {
    fine_ = at_digit() && fine_;
    if (!fine_) return 0;
    const auto value = static_cast<unsigned>(rest_.front() - '0');
    rest_.remove_prefix(1);
    return value;
  }
  /// Of so many digits, at most `most`.
  unsigned number(int digits, unsigned most) noexcept {
    unsigned value = 0;
    for (int i = 0; i < digits; ++i)
      value = 10 * value + digit();
    fine_ = value <= most && fine_;
    return value;
  }

 private:
  std::string_view rest_;
  bool fine_ = true;
};

std::chrono::seconds take_date(TextReader& in) {
  const std::chrono::year year(static_cast<int>(in.number(4, 9999)));
  in.expect('-');
  const std::chrono::month month(in.number(2, 12));
  in.expect('-');
  const std::chrono::day day(in.number(2, 31));
  const std::chrono::year_month_day date(year, month, day);
  if (!date.ok()) in.refuse();
  return std::chrono::sys_days(date).time_since_epoch();
}

/// Behind a point.
std::uint32_t take_nanoseconds(TextReader& in) {
  std::uint32_t value = 0;
  std::uint32_t unit = 100'000'000;
  do {
    value += in.digit() * unit;
    unit /= 10;
  } while (in.fine() && in.at_digit());
  return value;
}

std::chrono::seconds take_hours_and_minutes(TextReader& in) {
  const std::chrono::hours hours(in.number(2, 23));
  in.expect(':');
  return hours + std::chrono::minutes(in.number(2, 59));
}

/// How far the clock there is ahead of UTC.
std::chrono::seconds take_offset(TextReader& in) {
  if (in.take('Z')) return std::chrono::seconds(0);
  if (in.take('+')) return take_hours_and_minutes(in);
  in.expect('-');
  return -take_hours_and_minutes(in);
}

/// The fields of an IpnsEntry, as they lie in it. An empty one is as good as none.
struct Entry {
  ByteView value, signature_v1, validity, public_key, signature, data;
  std::uint64_t validity_type = 0, sequence = 0, ttl = 0;

  ByteView* bytes(protozero::pbf_tag_type tag) noexcept {
    switch (tag) {
      case 1:
        return &value;
      case 2:
        return &signature_v1;
      case 4:
        return &validity;
      case 7:
        return &public_key;
      case 8:
        return &signature;
      case 9:
        return &data;
      default:
        return nullptr;
    }
  }
  std::uint64_t* number(protozero::pbf_tag_type tag) noexcept {
    switch (tag) {
      case 3:
        return &validity_type;
      case 5:
        return &sequence;
      case 6:
        return &ttl;
      default:
        return nullptr;
    }
  }
};

Decoded<Entry> read_entry(ByteView encoded) {
  Entry entry;
  try {
    ProtobufReader reader(encoded);
    while (reader.next()) {
      // As protobuf's own readers do, a field of another type is passed over.
      ByteView* bytes = entry.bytes(reader.tag());
      std::uint64_t* number = entry.number(reader.tag());
      if (bytes != nullptr && reader.wire_type() == pbf_wire_type::length_delimited) {
        *bytes = reader.get_bytes();
      } else if (number != nullptr && reader.wire_type() == pbf_wire_type::varint) {
        *number = reader.get_uint64();
      } else {
        reader.skip();
      }
    }
  } catch (const protozero::exception&) {
    return std::unexpected(IpnsError::bad_encoding);
  }
  return entry;
}

std::optional<std::uint64_t> number_in(const ipld::Value& data, std::string_view key) {
  const ipld::Value* found = data.find(key);
  const auto* number = found == nullptr ? nullptr : found->get<ipld::Integer>();
  if (number == nullptr || number->negative) return std::nullopt;
  return number->argument;
}

const Bytes* bytes_in(const ipld::Value& data, std::string_view key) {
  const ipld::Value* found = data.find(key);
  return found == nullptr ? nullptr : found->get<Bytes>();
}

Decoded<IpnsContent> content_of(const ipld::Value& data) {
  // A list's values have numbers for keys, so that one has none of these.
  const Bytes* value = bytes_in(data, "Value");
  const Bytes* validity = bytes_in(data, "Validity");
  auto type = number_in(data, "ValidityType");
  auto sequence = number_in(data, "Sequence");
  if (value == nullptr || validity == nullptr || !type || !sequence) {
    return std::unexpected(IpnsError::bad_data);
  }
  if (*type != 0) return std::unexpected(IpnsError::unknown_validity);
  auto end = EndOfLife::parse(as_text(*validity));
  if (!end) return std::unexpected(IpnsError::bad_data);
  IpnsContent content{*value, *end, *sequence};
  if (data.find("TTL") == nullptr) return content;
  auto ttl = number_in(data, "TTL");
  if (!ttl || *ttl > static_cast<std::uint64_t>(Duration::max().count())) {
    return std::unexpected(IpnsError::bad_data);
  }
  content.ttl = Duration(*ttl);
  return content;
}

bool copies_agree(const Entry& entry, const ipld::Value& data) {
  if (entry.value.empty() && entry.signature_v1.empty()) return true;
  return equal(entry.value, *bytes_in(data, "Value")) &&
         equal(entry.validity, *bytes_in(data, "Validity")) &&
         entry.validity_type == number_in(data, "ValidityType") &&
         entry.sequence == number_in(data, "Sequence") && entry.ttl == number_in(data, "TTL");
}

Bytes signed_bytes(ByteView data) {
  Bytes bytes = to_bytes(signature_prefix);
  append(bytes, data);
  return bytes;
}

void add_bytes(protozero::pbf_writer& writer, protozero::pbf_tag_type tag, ByteView bytes) {
  if (!bytes.empty()) writer.add_bytes(tag, as_text(bytes).data(), bytes.size());
}

}  // namespace

const ErrorDomain& error_domain(IpnsError) noexcept {
  return domain;
}

EndOfLife EndOfLife::at(WallTime time) noexcept {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time.time_since_epoch());
  const Duration rest = time.time_since_epoch() - seconds;
  return {seconds.count(), static_cast<std::uint32_t>(rest.count())};
}

std::optional<EndOfLife> EndOfLife::parse(std::string_view text) {
  TextReader in(text);
  std::chrono::seconds time = take_date(in);
  in.expect('T');
  time += take_hours_and_minutes(in);
  in.expect(':');
  time += std::chrono::seconds(in.number(2, 59));
  const std::uint32_t nanoseconds = in.take('.') ? take_nanoseconds(in) : 0;
  time -= take_offset(in);
  if (!in.fine() || !in.at_end()) return std::nullopt;
  return EndOfLife{time.count(), nanoseconds};
}

std::string EndOfLife::to_string() const {
  using namespace std::chrono;
  const std::chrono::seconds whole(seconds);
  const auto date = floor<days>(whole);
  const year_month_day day(sys_days{date});
  const hh_mm_ss time(whole - date);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count(),
                     nanoseconds);
}

Decoded<IpnsRecord> decode_ipns_record(ByteView encoded) {
  if (encoded.size() > ipns_record_bytes_max) return std::unexpected(IpnsError::too_long);
  KITH_TRY(Entry entry, read_entry(encoded));
  if (entry.signature.empty() || entry.data.empty()) {
    return std::unexpected(IpnsError::unsigned_record);
  }
  auto data = ipld::decode_dag_cbor(entry.data, ipld::Strictness::historical);
  if (!data) return std::unexpected(IpnsError::bad_data);
  KITH_TRY(IpnsContent content, content_of(*data));
  if (!copies_agree(entry, *data)) return std::unexpected(IpnsError::copies_differ);
  return IpnsRecord{std::move(content), to_bytes(entry.data), to_bytes(entry.signature),
                    to_bytes(entry.public_key)};
}

Decoded<void> verify_ipns_record(const IpnsRecord& record, const PeerId& name) {
  ByteView encoded = record.public_key;
  if (encoded.empty()) encoded = name.inline_public_key().value_or(ByteView());
  if (encoded.empty()) return std::unexpected(IpnsError::no_key);
  auto key = crypto::PublicKey::decode(encoded);
  if (!key || PeerId::from_public_key(*key) != name) return std::unexpected(IpnsError::other_key);
  if (!key->verify(signed_bytes(record.data), record.signature)) {
    return std::unexpected(IpnsError::bad_signature);
  }
  return {};
}

Bytes encode_ipns_record(const IpnsRecord& record) {
  std::string encoded;
  protozero::pbf_writer writer(encoded);
  add_bytes(writer, 7, record.public_key);
  add_bytes(writer, 8, record.signature);
  add_bytes(writer, 9, record.data);
  return to_bytes(encoded);
}

Result<IpnsRecord> sign_ipns_record(const crypto::PrivateKey& key, IpnsContent content) {
  const std::string validity = content.end.to_string();
  const bool sound =
      EndOfLife::parse(validity) == content.end && content.ttl.value_or(Duration(0)) >= Duration(0);
  if (!sound) return std::unexpected(IpnsError::bad_data);
  auto number = [](std::uint64_t value) { return ipld::Value(ipld::Integer{false, value}); };
  ipld::Map map = {{"Value", ipld::Value(content.value)},
                   {"Validity", ipld::Value(to_bytes(validity))},
                   {"ValidityType", number(0)},
                   {"Sequence", number(content.sequence)}};
  if (content.ttl) {
    map.push_back({"TTL", number(static_cast<std::uint64_t>(content.ttl->count()))});
  }
  KITH_TRY(Bytes data, ipld::encode_dag_cbor(ipld::Value(std::move(map))));
  KITH_TRY(Bytes signature, key.sign(signed_bytes(data)));
  IpnsRecord record{std::move(content), std::move(data), std::move(signature), {}};
  const PeerId name = PeerId::from_public_key(key.public_key());
  if (!name.inline_public_key()) record.public_key = to_bytes(key.public_key().encoded());
  if (encode_ipns_record(record).size() > ipns_record_bytes_max) {
    return std::unexpected(IpnsError::too_long);
  }
  return record;
}

Bytes ipns_routing_key(const PeerId& name) {
  Bytes key = to_bytes("/ipns/");
  append(key, name.bytes());
  return key;
}

}  // namespace kith::names
