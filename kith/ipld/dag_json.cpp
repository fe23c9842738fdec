#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include <kith/ipld/dag_json.hpp>
#include <kith/ipld/limits.hpp>
#include <kith/multiformats/multibase.hpp>

namespace kith::ipld {
namespace {

using multiformats::Base;
using multiformats::Cid;

std::unexpected<IpldError> fail(IpldError error) {
  return std::unexpected(error);
}

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

void append_utf8(std::string& out, std::uint32_t point) {
  if (point < 0x80) {
    out.push_back(static_cast<char>(point));
  } else if (point < 0x800) {
    out.push_back(static_cast<char>(0xc0 | point >> 6));
    out.push_back(static_cast<char>(0x80 | (point & 0x3f)));
  } else if (point < 0x10000) {
    out.push_back(static_cast<char>(0xe0 | point >> 12));
    out.push_back(static_cast<char>(0x80 | (point >> 6 & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (point & 0x3f)));
  } else {
    out.push_back(static_cast<char>(0xf0 | point >> 18));
    out.push_back(static_cast<char>(0x80 | (point >> 12 & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (point >> 6 & 0x3f)));
    out.push_back(static_cast<char>(0x80 | (point & 0x3f)));
  }
}

class Reader {
 public:
  explicit Reader(std::string_view in) noexcept : in_(in) {}

  Decoded<Value> read_whole() {
    KITH_TRY(Value value, read(0));
    skip_space();
    if (at_ != in_.size()) return fail(IpldError::trailing_bytes);
    return value;
  }

 private:
  void skip_space() noexcept {
    while (at_ < in_.size() && std::string_view(" \t\r\n").contains(in_[at_]))
      ++at_;
  }

  /// The next character that isn't white space, not taken; NUL at the end.
  char peek() noexcept {
    skip_space();
    return at_ < in_.size() ? in_[at_] : '\0';
  }

  bool take(char expected) noexcept {
    if (peek() != expected || at_ >= in_.size()) return false;
    ++at_;
    return true;
  }

  std::unexpected<IpldError> unexpected_here() const {
    return fail(at_ >= in_.size() ? IpldError::truncated : IpldError::malformed);
  }

  Decoded<Value> read(std::size_t depth) {
    if (depth > value_depth_max) return fail(IpldError::too_deep);
    if (++values_ > values_max) return fail(IpldError::too_many);
    char first = peek();
    if (first == '{') return read_map(depth);
    if (first == '[') return read_list(depth);
    if (first == '"') {
      KITH_TRY(std::string text, read_text());
      return Value(std::move(text));
    }
    if (first == '-' || is_digit(first)) return read_number();
    if (take_word("true")) return Value(true);
    if (take_word("false")) return Value(false);
    if (take_word("null")) return Value();
    return unexpected_here();
  }

  bool take_word(std::string_view word) noexcept {
    if (!in_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  std::size_t take_digits() noexcept {
    std::size_t start = at_;
    while (at_ < in_.size() && is_digit(in_[at_]))
      ++at_;
    return at_ - start;
  }

  Decoded<Value> read_number() {
    std::size_t start = at_;
    bool is_negative = in_[at_] == '-';
    if (is_negative) ++at_;
    std::size_t digits_at = at_;
    std::size_t digits = take_digits();
    if (digits == 0) return unexpected_here();
    if (digits > 1 && in_[digits_at] == '0') return fail(IpldError::malformed);
    bool is_float = false;
    if (at_ < in_.size() && in_[at_] == '.') {
      is_float = true;
      ++at_;
      if (take_digits() == 0) return unexpected_here();
    }
    if (at_ < in_.size() && (in_[at_] == 'e' || in_[at_] == 'E')) {
      is_float = true;
      ++at_;
      if (at_ < in_.size() && (in_[at_] == '+' || in_[at_] == '-')) ++at_;
      if (take_digits() == 0) return unexpected_here();
    }
    if (is_float) return parse_float(in_.substr(start, at_ - start));
    return parse_integer(is_negative, in_.substr(digits_at, digits));
  }

  static Decoded<Value> parse_float(std::string_view text) {
    double value = 0;
    auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (fault != std::errc{} || !std::isfinite(value)) return fail(IpldError::bad_number);
    return Value(value);
  }

  static Decoded<Value> parse_integer(bool is_negative, std::string_view digits) {
    // -2^64 has a magnitude of its own that doesn't fit.
    if (is_negative && digits == "18446744073709551616") return Value(Integer{true, UINT64_MAX});
    std::uint64_t magnitude = 0;
    auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), magnitude);
    if (fault != std::errc{}) return fail(IpldError::bad_number);
    if (is_negative && magnitude != 0) return Value(Integer{true, magnitude - 1});
    return Value(Integer{false, magnitude});
  }

  Decoded<std::uint32_t> read_hex4() {
    if (in_.size() - at_ < 4) return fail(IpldError::truncated);
    std::uint32_t unit = 0;
    auto [end, fault] = std::from_chars(in_.data() + at_, in_.data() + at_ + 4, unit, 16);
    if (fault != std::errc{} || end != in_.data() + at_ + 4) return fail(IpldError::malformed);
    at_ += 4;
    return unit;
  }

  Decoded<void> read_escape(std::string& out) {
    if (at_ >= in_.size()) return fail(IpldError::truncated);
    char kind = in_[at_++];
    constexpr std::string_view names = "\"\\/bfnrt";
    constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
    std::size_t known = names.find(kind);
    if (known != std::string_view::npos) {
      out.push_back(meanings[known]);
      return {};
    }
    if (kind != 'u') return fail(IpldError::malformed);
    KITH_TRY(std::uint32_t point, read_hex4());
    if (point >= 0xd800 && point < 0xdc00) {
      if (!take_word("\\u")) return fail(IpldError::bad_text);
      KITH_TRY(std::uint32_t low, read_hex4());
      if (low < 0xdc00 || low > 0xdfff) return fail(IpldError::bad_text);
      point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    } else if (point >= 0xdc00 && point < 0xe000) {
      return fail(IpldError::bad_text);
    }
    append_utf8(out, point);
    return {};
  }

  Decoded<std::string> read_text() {
    ++at_;
    std::string out;
    while (true) {
      std::size_t end = in_.find_first_of("\"\\", at_);
      if (end == std::string_view::npos) return fail(IpldError::truncated);
      std::string_view plain = in_.substr(at_, end - at_);
      if (std::ranges::any_of(plain, [](char c) { return static_cast<std::uint8_t>(c) < 0x20; })) {
        return fail(IpldError::malformed);
      }
      out += plain;
      at_ = end + 1;
      if (in_[end] == '"') break;
      KITH_CHECK(read_escape(out));
    }
    if (!is_utf8(out)) return fail(IpldError::bad_text);
    return out;
  }

  Decoded<Value> read_list(std::size_t depth) {
    ++at_;
    List values;
    if (take(']')) return Value(std::move(values));
    do {
      KITH_TRY(Value value, read(depth + 1));
      values.push_back(std::move(value));
    } while (take(','));
    if (!take(']')) return unexpected_here();
    return Value(std::move(values));
  }

  Decoded<Value> read_map(std::size_t depth) {
    ++at_;
    Map entries;
    if (take('}')) return Value(std::move(entries));
    do {
      if (++values_ > values_max) return fail(IpldError::too_many);
      if (peek() != '"') return unexpected_here();
      KITH_TRY(std::string key, read_text());
      if (!take(':')) return unexpected_here();
      KITH_TRY(Value value, read(depth + 1));
      entries.push_back({std::move(key), std::move(value)});
    } while (take(','));
    if (!take('}')) return unexpected_here();
    std::vector<std::string_view> keys;
    for (const MapEntry& entry : entries)
      keys.push_back(entry.key);
    std::ranges::sort(keys);
    if (std::ranges::adjacent_find(keys) != keys.end()) return fail(IpldError::duplicate);
    return interpret(std::move(entries));
  }

  /// A link, bytes or a map.
  static Decoded<Value> interpret(Map entries) {
    if (entries[0].key != "/") return Value(std::move(entries));
    if (const auto* text = entries[0].value.get<std::string>()) {
      if (entries.size() != 1) return fail(IpldError::reserved);
      auto cid = Cid::parse(*text);
      if (!cid) return fail(IpldError::bad_link);
      return Value(*std::move(cid));
    }
    const Map* inner = entries[0].value.get<Map>();
    if (inner == nullptr || inner->empty() || (*inner)[0].key != "bytes") {
      return Value(std::move(entries));
    }
    const auto* text = (*inner)[0].value.get<std::string>();
    if (text == nullptr) return Value(std::move(entries));
    if (entries.size() != 1 || inner->size() != 1) return fail(IpldError::reserved);
    auto content = multiformats::base_decode(Base::base64, *text);
    if (!content) return fail(IpldError::malformed);
    return Value(*std::move(content));
  }

  std::string_view in_;
  std::size_t at_ = 0;
  std::size_t values_ = 0;
};

/// The shortest digits that read back, laid out as ECMAScript does, with a point if nothing else
/// says that it is a float.
std::string format_float(double value) {
  char buffer[32];
  auto [end, fault] =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  bool is_negative = text.starts_with('-');
  if (is_negative) text.remove_prefix(1);
  std::size_t e = text.find('e');
  int exponent = std::atoi(std::string(text.substr(e + 1)).c_str());
  std::string digits(text.substr(0, e));
  std::erase(digits, '.');
  auto count = static_cast<int>(digits.size());
  std::string out = is_negative ? "-" : "";
  if (exponent >= 21 || exponent < -6) {
    out += digits.substr(0, 1);
    if (count > 1) out += "." + digits.substr(1);
    return out + fmt::format("e{}{}", exponent < 0 ? "-" : "+", std::abs(exponent));
  }
  if (exponent < 0)
    return out + "0." + std::string(static_cast<std::size_t>(-exponent) - 1, '0') + digits;
  if (count <= exponent + 1) {
    int missing = exponent + 1 - count;
    auto zeros = static_cast<std::size_t>(missing);
    return out + digits + std::string(zeros, '0') + ".0";
  }
  auto point = static_cast<std::size_t>(exponent) + 1;
  return out + digits.substr(0, point) + "." + digits.substr(point);
}

std::string format_integer(Integer value) {
  if (!value.negative) return fmt::format("{}", value.argument);
  if (value.argument == UINT64_MAX) return "-18446744073709551616";
  return fmt::format("-{}", value.argument + 1);
}

class Writer {
 public:
  Decoded<void> write(const Value& value, std::size_t depth) {
    if (depth > value_depth_max) return fail(IpldError::too_deep);
    return std::visit([&](const auto& held) { return write_as(held, depth); }, value.storage());
  }

  std::string out;

 private:
  Decoded<void> write_as(std::monostate, std::size_t) {
    out += "null";
    return {};
  }
  Decoded<void> write_as(bool held, std::size_t) {
    out += held ? "true" : "false";
    return {};
  }
  Decoded<void> write_as(Integer held, std::size_t) {
    out += format_integer(held);
    return {};
  }
  Decoded<void> write_as(double held, std::size_t) {
    if (!std::isfinite(held)) return fail(IpldError::bad_number);
    out += format_float(held);
    return {};
  }
  Decoded<void> write_as(const std::string& held, std::size_t) {
    if (!is_utf8(held)) return fail(IpldError::bad_text);
    constexpr std::string_view special = "\"\\\b\f\n\r\t";
    constexpr std::string_view names = "\"\\bfnrt";
    out += '"';
    for (char c : held) {
      std::size_t known = special.find(c);
      if (known != std::string_view::npos) {
        out += '\\';
        out += names[known];
      } else if (static_cast<std::uint8_t>(c) < 0x20) {
        out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
      } else {
        out += c;
      }
    }
    out += '"';
    return {};
  }
  Decoded<void> write_as(const Bytes& held, std::size_t) {
    auto text = multiformats::base_encode(Base::base64, held);
    if (!text) return fail(IpldError::not_representable);
    out += R"({"/":{"bytes":")" + *text + R"("}})";
    return {};
  }
  Decoded<void> write_as(const Cid& held, std::size_t) {
    if (held.empty()) return fail(IpldError::bad_link);
    out += R"({"/":")" + held.to_string() + R"("})";
    return {};
  }
  Decoded<void> write_as(const List& held, std::size_t depth) {
    out += '[';
    for (std::size_t i = 0; i < held.size(); ++i) {
      if (i > 0) out += ',';
      KITH_CHECK(write(held[i], depth + 1));
    }
    out += ']';
    return {};
  }
  Decoded<void> write_as(const Map& held, std::size_t depth) {
    std::vector<const MapEntry*> sorted = sort(held);
    if (is_reserved(sorted)) return fail(IpldError::reserved);
    out += '{';
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      if (i > 0 && sorted[i]->key == sorted[i - 1]->key) return fail(IpldError::duplicate);
      if (i > 0) out += ',';
      KITH_CHECK(write_as(sorted[i]->key, depth));
      out += ':';
      KITH_CHECK(write(sorted[i]->value, depth + 1));
    }
    out += '}';
    return {};
  }

  static std::vector<const MapEntry*> sort(const Map& map) {
    std::vector<const MapEntry*> sorted;
    for (const MapEntry& entry : map)
      sorted.push_back(&entry);
    std::ranges::sort(sorted, {}, &MapEntry::key);
    return sorted;
  }

  /// A map that would read back as a link or as bytes, or as a faulty one.
  static bool is_reserved(const std::vector<const MapEntry*>& sorted) {
    if (sorted.empty() || sorted[0]->key != "/") return false;
    if (sorted[0]->value.get<std::string>() != nullptr) return true;
    const Map* inner = sorted[0]->value.get<Map>();
    if (inner == nullptr || inner->empty()) return false;
    const MapEntry* first = sort(*inner)[0];
    return first->key == "bytes" && first->value.get<std::string>() != nullptr;
  }
};

}  // namespace

Decoded<Value> decode_dag_json(ByteView block, Strictness strictness) {
  if (block.size() > block_bytes_max) return fail(IpldError::too_large);
  KITH_TRY(Value value, Reader(as_text(block)).read_whole());
  if (strictness == Strictness::canonical) {
    KITH_TRY(Bytes again, encode_dag_json(value));
    if (!equal(again, block)) return fail(IpldError::not_canonical);
  }
  return value;
}

Decoded<Bytes> encode_dag_json(const Value& value) {
  Writer writer;
  KITH_CHECK(writer.write(value, 0));
  return to_bytes(as_bytes(writer.out));
}

}  // namespace kith::ipld
