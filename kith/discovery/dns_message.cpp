#include <algorithm>
#include <map>

#include <kith/base/assert.hpp>
#include <kith/discovery/dns_message.hpp>

namespace kith::discovery {
namespace {

constexpr std::size_t header_bytes = 12;
constexpr std::uint8_t pointer_tag = 0xc0;
/// What 14 bits of a pointer can reach.
constexpr std::size_t pointer_limit = 0x4000;
constexpr std::uint16_t flag_response = 0x8000;
constexpr std::uint16_t flag_authoritative = 0x0400;
constexpr std::uint16_t flag_truncated = 0x0200;
/// Above the class: unicast response in a question, cache flush in a record.
constexpr std::uint16_t top_bit = 0x8000;

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

class DnsErrorDomain final : public ErrorDomain {
 public:
  std::string_view name() const noexcept override { return "dns"; }
  std::string message(int code) const override {
    switch (static_cast<DnsError>(code)) {
      case DnsError::truncated:
        return "the DNS message ends in the middle";
      case DnsError::too_long:
        return "the DNS message is too long";
      case DnsError::bad_label:
        return "a DNS name has a label of an unknown kind";
      case DnsError::bad_pointer:
        return "a DNS name has a pointer that leads nowhere";
      case DnsError::name_too_long:
        return "a DNS name is too long";
      case DnsError::bad_data:
        return "a DNS record's data doesn't fit its type";
      case DnsError::too_many:
        return "the DNS message has too many parts";
      case DnsError::trailing_bytes:
        return "something stands behind the DNS message";
    }
    return "unknown DNS error";
  }
};

}  // namespace

const ErrorDomain& error_domain(DnsError) noexcept {
  static const DnsErrorDomain domain;
  return domain;
}

// Names.

std::optional<DnsName> DnsName::parse(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  DnsName name;
  while (!text.empty()) {
    std::size_t end = text.find('.');
    std::string_view label = text.substr(0, end);
    if (label.empty() || label.size() > dns_label_bytes_max) return std::nullopt;
    name.wire_.push_back(static_cast<char>(label.size()));
    name.wire_ += label;
    if (name.wire_bytes() > dns_name_bytes_max) return std::nullopt;
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
    if (text.empty()) return std::nullopt;
  }
  return name;
}

DnsName DnsName::of(std::string_view text) {
  std::optional<DnsName> name = parse(text);
  ASSERT(name.has_value());
  return *std::move(name);
}

std::optional<DnsName> DnsName::under(std::string_view label, const DnsName& parent) {
  if (label.empty() || label.size() > dns_label_bytes_max) return std::nullopt;
  DnsName name;
  name.wire_.push_back(static_cast<char>(label.size()));
  name.wire_ += label;
  name.wire_ += parent.wire_;
  if (name.wire_bytes() > dns_name_bytes_max) return std::nullopt;
  return name;
}

std::string_view DnsName::first_label() const noexcept {
  if (wire_.empty()) return {};
  return std::string_view(wire_).substr(1, static_cast<std::uint8_t>(wire_[0]));
}

DnsName DnsName::parent() const {
  DnsName rest;
  if (!wire_.empty()) rest.wire_ = wire_.substr(1 + first_label().size());
  return rest;
}

std::string DnsName::to_string() const {
  std::string text;
  std::string_view rest = wire_;
  while (!rest.empty()) {
    auto size = static_cast<std::uint8_t>(rest[0]);
    for (char c : rest.substr(1, size)) {
      auto byte = static_cast<std::uint8_t>(c);
      if (c == '.' || c == '\\') {
        text += {'\\', c};
      } else if (byte <= ' ' || byte >= 0x7f) {
        std::string digits = std::to_string(1000 + byte);
        text += '\\' + digits.substr(1);
      } else {
        text += c;
      }
    }
    text += '.';
    rest.remove_prefix(1 + size);
  }
  return text.empty() ? "." : text;
}

bool operator==(const DnsName& a, const DnsName& b) noexcept {
  // Length bytes are below 'A', so that folding leaves them alone.
  static_assert(dns_label_bytes_max < 'A');
  return std::ranges::equal(a.wire_, b.wire_, {}, lower, lower);
}

DnsType DnsRecord::type() const noexcept {
  struct Types {
    DnsType operator()(const DnsAddress4&) const noexcept { return DnsType::a; }
    DnsType operator()(const DnsAddress6&) const noexcept { return DnsType::aaaa; }
    DnsType operator()(const DnsPointer&) const noexcept { return DnsType::ptr; }
    DnsType operator()(const DnsText&) const noexcept { return DnsType::txt; }
    DnsType operator()(const DnsService&) const noexcept { return DnsType::srv; }
    DnsType operator()(const DnsOther& other) const noexcept { return DnsType{other.type}; }
  };
  return std::visit(Types{}, data);
}

// Reading.

class DnsReader {
 public:
  explicit DnsReader(ByteView whole) : whole_(whole) {}

  Result<DnsMessage> read();

 private:
  Result<void> need(std::size_t count, std::size_t end) const {
    if (end - at_ < count) return std::unexpected(DnsError::truncated);
    return {};
  }
  template <class T>
  Result<T> number() {
    KITH_CHECK(need(sizeof(T), whole_.size()));
    T value = load_be<T>(whole_.data() + at_);
    at_ += sizeof(T);
    return value;
  }
  Result<DnsName> name(std::size_t end);
  Result<DnsQuestion> question();
  Result<DnsRecord> record();
  Result<DnsData> data(std::uint16_t type, std::size_t end);
  Result<DnsText> text(std::size_t end);
  Result<DnsService> service(std::size_t end);
  Result<void> section(std::size_t count, std::vector<DnsRecord>& into);

  ByteView whole_;
  std::size_t at_ = 0;
  std::size_t texts_ = 0;
};

/// Names may end in a pointer; what stands in place ends before `end`, what it leads to may not.
Result<DnsName> DnsReader::name(std::size_t end) {
  DnsName name;
  std::size_t at = at_;
  std::size_t segment = at_;
  std::size_t pointers = 0;
  for (;;) {
    if (at >= end) return std::unexpected(DnsError::truncated);
    std::uint8_t tag = whole_[at];
    if ((tag & pointer_tag) == pointer_tag) {
      if (end - at < 2) return std::unexpected(DnsError::truncated);
      std::size_t target = load_be<std::uint16_t>(whole_.data() + at) % pointer_limit;
      if (pointers == 0) at_ = at + 2;
      // Before the segment that it stands in: so it can't go round in circles.
      bool backwards = target >= header_bytes && target < segment;
      if (!backwards || ++pointers > dns_pointers_max) {
        return std::unexpected(DnsError::bad_pointer);
      }
      at = segment = target;
      end = whole_.size();
      continue;
    }
    if ((tag & pointer_tag) != 0) return std::unexpected(DnsError::bad_label);
    ++at;
    if (tag == 0) break;
    if (end - at < tag) return std::unexpected(DnsError::truncated);
    if (name.wire_bytes() + 1 + tag > dns_name_bytes_max) {
      return std::unexpected(DnsError::name_too_long);
    }
    name.wire_.append(as_text(whole_.subspan(at - 1, 1 + tag)));
    at += tag;
  }
  if (pointers == 0) at_ = at;
  return name;
}

Result<DnsQuestion> DnsReader::question() {
  DnsQuestion question;
  KITH_TRY(question.name, name(whole_.size()));
  KITH_TRY(auto type, number<std::uint16_t>());
  KITH_TRY(auto qclass, number<std::uint16_t>());
  question.type = DnsType{type};
  question.qclass = qclass & static_cast<std::uint16_t>(~top_bit);
  question.unicast_response = (qclass & top_bit) != 0;
  return question;
}

Result<DnsRecord> DnsReader::record() {
  DnsRecord record;
  KITH_TRY(record.name, name(whole_.size()));
  KITH_TRY(auto type, number<std::uint16_t>());
  KITH_TRY(auto rclass, number<std::uint16_t>());
  KITH_TRY(record.ttl_seconds, number<std::uint32_t>());
  KITH_TRY(auto size, number<std::uint16_t>());
  KITH_CHECK(need(size, whole_.size()));
  record.rclass = rclass & static_cast<std::uint16_t>(~top_bit);
  record.cache_flush = (rclass & top_bit) != 0;
  std::size_t end = at_ + size;
  KITH_TRY(record.data, data(type, end));
  if (at_ != end) return std::unexpected(DnsError::bad_data);
  return record;
}

Result<DnsData> DnsReader::data(std::uint16_t type, std::size_t end) {
  ByteView bytes = whole_.subspan(at_, end - at_);
  switch (DnsType{type}) {
    case DnsType::a: {
      DnsAddress4 address{};
      if (bytes.size() != address.size()) return std::unexpected(DnsError::bad_data);
      std::ranges::copy(bytes, address.begin());
      at_ = end;
      return address;
    }
    case DnsType::aaaa: {
      DnsAddress6 address{};
      if (bytes.size() != address.size()) return std::unexpected(DnsError::bad_data);
      std::ranges::copy(bytes, address.begin());
      at_ = end;
      return address;
    }
    case DnsType::ptr: {
      KITH_TRY(DnsName target, name(end));
      return DnsPointer{std::move(target)};
    }
    case DnsType::txt:
      return text(end);
    case DnsType::srv:
      return service(end);
    default:
      at_ = end;
      return DnsOther{type, to_bytes(bytes)};
  }
}

Result<DnsText> DnsReader::text(std::size_t end) {
  DnsText text;
  while (at_ < end) {
    std::size_t size = whole_[at_++];
    KITH_CHECK(need(size, end));
    if (++texts_ > dns_texts_max) return std::unexpected(DnsError::too_many);
    text.strings.emplace_back(as_text(whole_.subspan(at_, size)));
    at_ += size;
  }
  // RFC 6763 section 6.1: no data and one empty string say the same.
  if (text.strings.size() == 1 && text.strings[0].empty()) text.strings.clear();
  return text;
}

Result<DnsService> DnsReader::service(std::size_t end) {
  KITH_CHECK(need(6, end));
  DnsService service;
  KITH_TRY(service.priority, number<std::uint16_t>());
  KITH_TRY(service.weight, number<std::uint16_t>());
  KITH_TRY(service.port, number<std::uint16_t>());
  KITH_TRY(service.target, name(end));
  return service;
}

Result<void> DnsReader::section(std::size_t count, std::vector<DnsRecord>& into) {
  for (std::size_t i = 0; i < count; ++i) {
    KITH_TRY(DnsRecord one, record());
    into.push_back(std::move(one));
  }
  return {};
}

Result<DnsMessage> DnsReader::read() {
  if (whole_.size() > dns_message_bytes_max) return std::unexpected(DnsError::too_long);
  DnsMessage message;
  KITH_TRY(message.id, number<std::uint16_t>());
  KITH_TRY(auto flags, number<std::uint16_t>());
  message.response = (flags & flag_response) != 0;
  message.opcode = static_cast<std::uint8_t>((flags >> 11) & 0xf);
  message.authoritative = (flags & flag_authoritative) != 0;
  message.truncated = (flags & flag_truncated) != 0;
  message.response_code = static_cast<std::uint8_t>(flags & 0xf);
  KITH_TRY(std::size_t questions, number<std::uint16_t>());
  KITH_TRY(std::size_t answers, number<std::uint16_t>());
  KITH_TRY(std::size_t authorities, number<std::uint16_t>());
  KITH_TRY(std::size_t additionals, number<std::uint16_t>());
  bool many =
      questions > dns_questions_max || answers + authorities + additionals > dns_records_max;
  if (many) return std::unexpected(DnsError::too_many);
  for (std::size_t i = 0; i < questions; ++i) {
    KITH_TRY(DnsQuestion one, question());
    message.questions.push_back(std::move(one));
  }
  KITH_CHECK(section(answers, message.answers));
  KITH_CHECK(section(authorities, message.authorities));
  KITH_CHECK(section(additionals, message.additionals));
  if (at_ != whole_.size()) return std::unexpected(DnsError::trailing_bytes);
  return message;
}

Result<DnsMessage> decode_dns(ByteView whole) {
  return DnsReader(whole).read();
}

// Writing.

namespace {

class DnsWriter {
 public:
  template <class T>
  void number(T value) {
    std::size_t at = out_.size();
    out_.resize(at + sizeof(T));
    store_be<T>(out_.data() + at, value);
  }

  void name(const DnsName& name) {
    ByteView rest = name.labels();
    while (!rest.empty()) {
      std::string key(as_text(rest));
      std::ranges::transform(key, key.begin(), lower);
      auto [known, fresh] = places_.try_emplace(std::move(key), out_.size());
      if (!fresh && known->second < pointer_limit) {
        number(static_cast<std::uint16_t>(known->second | (std::size_t{pointer_tag} << 8)));
        return;
      }
      std::size_t label = 1 + std::size_t{rest[0]};
      append(out_, rest.first(label));
      rest = rest.subspan(label);
    }
    out_.push_back(0);
  }

  void question(const DnsQuestion& question) {
    name(question.name);
    number(static_cast<std::uint16_t>(question.type));
    number(static_cast<std::uint16_t>(question.qclass | (question.unicast_response ? top_bit : 0)));
  }

  void record(const DnsRecord& record) {
    name(record.name);
    number(static_cast<std::uint16_t>(record.type()));
    number(static_cast<std::uint16_t>(record.rclass | (record.cache_flush ? top_bit : 0)));
    number(record.ttl_seconds);
    number(std::uint16_t{0});
    std::size_t start = out_.size();
    std::visit([this](const auto& data) { write(data); }, record.data);
    std::size_t size = out_.size() - start;
    ASSERT(size <= 0xffff);
    store_be(out_.data() + start - 2, static_cast<std::uint16_t>(size));
  }

  Bytes take() { return std::move(out_); }

 private:
  void write(const DnsAddress4& address) { append(out_, address); }
  void write(const DnsAddress6& address) { append(out_, address); }
  void write(const DnsPointer& pointer) { name(pointer.target); }
  void write(const DnsText& text) {
    for (const std::string& string : text.strings) {
      ASSERT(string.size() <= dns_text_bytes_max);
      out_.push_back(static_cast<std::uint8_t>(string.size()));
      append(out_, as_bytes(string));
    }
    if (text.strings.empty()) out_.push_back(0);
  }
  void write(const DnsService& service) {
    number(service.priority);
    number(service.weight);
    number(service.port);
    name(service.target);
  }
  void write(const DnsOther& other) { append(out_, other.data); }

  Bytes out_;
  /// Where a name's end, in lower case, was written first.
  std::map<std::string, std::size_t> places_;
};

}  // namespace

Bytes encode_dns(const DnsMessage& message) {
  DnsWriter writer;
  writer.number(message.id);
  writer.number(static_cast<std::uint16_t>(
      (message.response ? flag_response : 0) | ((message.opcode & 0xf) << 11) |
      (message.authoritative ? flag_authoritative : 0) | (message.truncated ? flag_truncated : 0) |
      (message.response_code & 0xf)));
  for (std::size_t count : {message.questions.size(), message.answers.size(),
                            message.authorities.size(), message.additionals.size()}) {
    ASSERT(count <= 0xffff);
    writer.number(static_cast<std::uint16_t>(count));
  }
  for (const DnsQuestion& question : message.questions)
    writer.question(question);
  for (const auto* section : {&message.answers, &message.authorities, &message.additionals}) {
    for (const DnsRecord& record : *section)
      writer.record(record);
  }
  return writer.take();
}

}  // namespace kith::discovery
