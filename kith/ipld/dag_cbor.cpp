#include <algorithm>
#include <bit>
#include <cmath>

#include <kith/ipld/dag_cbor.hpp>
#include <kith/ipld/limits.hpp>

namespace kith::ipld {
namespace {

using multiformats::Cid;

enum Major : unsigned { positive, negative, bytes, text, list, map, tag, simple };
constexpr std::uint64_t link_tag = 42;

using Visit = std::function<void(const Cid&)>;

std::unexpected<IpldError> fail(IpldError error) {
  return std::unexpected(error);
}

/// RFC 8949 appendix D.
double from_half(std::uint64_t half) noexcept {
  int exponent = static_cast<int>(half >> 10 & 0x1f);
  auto mantissa = static_cast<double>(half & 0x3ff);
  double value = exponent == 0    ? std::ldexp(mantissa, -24)
                 : exponent != 31 ? std::ldexp(mantissa + 1024, exponent - 25)
                                  : std::numeric_limits<double>::infinity();
  return half & 0x8000 ? -value : value;
}

class Reader {
 public:
  Reader(ByteView in, const Visit* visit) noexcept : in_(in), visit_(visit) {}

  ByteView rest() const noexcept { return in_; }

  /// Reads a value; into `out` unless that is null.
  Decoded<void> read(Value* out, std::size_t depth) {
    if (depth > value_depth_max) return fail(IpldError::too_deep);
    if (++values_ > values_max) return fail(IpldError::too_many);
    KITH_TRY(Head head, read_head());
    switch (head.major) {
      case positive:
      case negative:
        put(out, Integer{head.major == negative, head.argument});
        return {};
      case bytes: {
        KITH_TRY(ByteView content, take(head.argument));
        if (out != nullptr) *out = Value(to_bytes(content));
        return {};
      }
      case text: {
        KITH_TRY(std::string_view content, take_text(head.argument));
        if (out != nullptr) *out = Value(std::string(content));
        return {};
      }
      case list:
        return read_list(out, head.argument, depth);
      case map:
        return read_map(out, head.argument, depth);
      case tag:
        return read_link(out, head.argument);
      default:
        return read_simple(out, head);
    }
  }

 private:
  struct Head {
    unsigned major;
    unsigned info;  ///< the five lower bits
    std::uint64_t argument;
  };

  template <class T>
  static void put(Value* out, T value) {
    if (out != nullptr) *out = Value(std::move(value));
  }

  Decoded<ByteView> take(std::uint64_t size) {
    if (size > in_.size()) return fail(IpldError::truncated);
    ByteView taken = in_.first(static_cast<std::size_t>(size));
    in_ = in_.subspan(taken.size());
    return taken;
  }

  Decoded<std::string_view> take_text(std::uint64_t size) {
    KITH_TRY(ByteView content, take(size));
    if (!is_utf8(as_text(content))) return fail(IpldError::bad_text);
    return as_text(content);
  }

  Decoded<Head> read_head() {
    KITH_TRY(ByteView first, take(1));
    unsigned initial = first[0];
    Head head{initial >> 5, initial & 31, initial & 31};
    if (head.info < 24) return head;
    // 28 to 30 are reserved, 31 is of indefinite length or a break.
    if (head.info > 27) return fail(IpldError::unsupported);
    KITH_TRY(ByteView argument, take(std::uint64_t{1} << (head.info - 24)));
    head.argument = 0;
    for (std::uint8_t byte : argument)
      head.argument = head.argument << 8 | byte;
    return head;
  }

  Decoded<void> read_list(Value* out, std::uint64_t count, std::size_t depth) {
    List values;
    for (std::uint64_t i = 0; i < count; ++i) {
      // One at a time: a length is believed only as far as there are bytes.
      if (out != nullptr) values.emplace_back();
      KITH_CHECK(read(out != nullptr ? &values.back() : nullptr, depth + 1));
    }
    put(out, std::move(values));
    return {};
  }

  Decoded<void> read_map(Value* out, std::uint64_t count, std::size_t depth) {
    Map entries;
    std::vector<std::string_view> keys;
    for (std::uint64_t i = 0; i < count; ++i) {
      if (++values_ > values_max) return fail(IpldError::too_many);
      KITH_TRY(Head head, read_head());
      if (head.major != text) return fail(IpldError::malformed);
      KITH_TRY(std::string_view key, take_text(head.argument));
      keys.push_back(key);
      if (out != nullptr) entries.push_back({std::string(key), {}});
      KITH_CHECK(read(out != nullptr ? &entries.back().value : nullptr, depth + 1));
    }
    std::ranges::sort(keys);
    if (std::ranges::adjacent_find(keys) != keys.end()) return fail(IpldError::duplicate);
    put(out, std::move(entries));
    return {};
  }

  Decoded<void> read_link(Value* out, std::uint64_t number) {
    if (number != link_tag) return fail(IpldError::unsupported);
    KITH_TRY(Head head, read_head());
    if (head.major != bytes) return fail(IpldError::bad_link);
    KITH_TRY(ByteView content, take(head.argument));
    if (content.empty() || content[0] != 0) return fail(IpldError::bad_link);
    auto cid = Cid::from_bytes(content.subspan(1));
    if (!cid) return fail(IpldError::bad_link);
    if (visit_ != nullptr) (*visit_)(*cid);
    put(out, *std::move(cid));
    return {};
  }

  Decoded<void> read_simple(Value* out, const Head& head) {
    switch (head.info) {
      case 20:
      case 21:
        put(out, head.info == 21);
        return {};
      case 22:
        put(out, std::monostate());
        return {};
      case 25:
        return read_float(out, from_half(head.argument));
      case 26:
        return read_float(out, std::bit_cast<float>(static_cast<std::uint32_t>(head.argument)));
      case 27:
        return read_float(out, std::bit_cast<double>(head.argument));
      default:
        return fail(IpldError::unsupported);
    }
  }

  Decoded<void> read_float(Value* out, double value) {
    if (!std::isfinite(value)) return fail(IpldError::bad_number);
    put(out, value);
    return {};
  }

  ByteView in_;
  const Visit* visit_;
  std::size_t values_ = 0;
};

class Writer {
 public:
  Decoded<void> write(const Value& value, std::size_t depth) {
    if (depth > value_depth_max) return fail(IpldError::too_deep);
    return std::visit([&](const auto& held) { return write_as(held, depth); }, value.storage());
  }

  Bytes out;

 private:
  void head(unsigned major, std::uint64_t argument) {
    auto top = static_cast<std::uint8_t>(major << 5);
    if (argument < 24) {
      out.push_back(static_cast<std::uint8_t>(top | argument));
      return;
    }
    unsigned width = argument >> 32 != 0 ? 3 : argument >> 16 != 0 ? 2 : argument >> 8 != 0 ? 1 : 0;
    out.push_back(static_cast<std::uint8_t>(top | (24 + width)));
    for (unsigned i = 1U << width; i-- > 0;)
      out.push_back(static_cast<std::uint8_t>(argument >> (8 * i)));
  }

  Decoded<void> write_as(std::monostate, std::size_t) {
    head(simple, 22);
    return {};
  }
  Decoded<void> write_as(bool held, std::size_t) {
    head(simple, held ? 21 : 20);
    return {};
  }
  Decoded<void> write_as(Integer held, std::size_t) {
    head(held.negative ? negative : positive, held.argument);
    return {};
  }
  Decoded<void> write_as(double held, std::size_t) {
    if (!std::isfinite(held)) return fail(IpldError::bad_number);
    std::uint8_t number[8];
    store_be(number, std::bit_cast<std::uint64_t>(held));
    out.push_back(simple << 5 | 27);
    append(out, number);
    return {};
  }
  Decoded<void> write_as(const std::string& held, std::size_t) {
    if (!is_utf8(held)) return fail(IpldError::bad_text);
    head(text, held.size());
    append(out, as_bytes(held));
    return {};
  }
  Decoded<void> write_as(const Bytes& held, std::size_t) {
    head(bytes, held.size());
    append(out, held);
    return {};
  }
  Decoded<void> write_as(const Cid& held, std::size_t) {
    if (held.empty()) return fail(IpldError::bad_link);
    head(tag, link_tag);
    head(bytes, held.bytes().size() + 1);
    out.push_back(0);
    append(out, held.bytes());
    return {};
  }
  Decoded<void> write_as(const List& held, std::size_t depth) {
    head(list, held.size());
    for (const Value& value : held)
      KITH_CHECK(write(value, depth + 1));
    return {};
  }
  Decoded<void> write_as(const Map& held, std::size_t depth) {
    std::vector<const MapEntry*> sorted;
    for (const MapEntry& entry : held)
      sorted.push_back(&entry);
    std::ranges::sort(sorted, [](const MapEntry* a, const MapEntry* b) {
      if (a->key.size() != b->key.size()) return a->key.size() < b->key.size();
      return a->key < b->key;
    });
    head(map, held.size());
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      if (i > 0 && sorted[i]->key == sorted[i - 1]->key) return fail(IpldError::duplicate);
      KITH_CHECK(write_as(sorted[i]->key, depth));
      KITH_CHECK(write(sorted[i]->value, depth + 1));
    }
    return {};
  }
};

}  // namespace

Decoded<Value> take_dag_cbor(ByteView& in) {
  Value value;
  Reader reader(in, nullptr);
  KITH_CHECK(reader.read(&value, 0));
  in = reader.rest();
  return value;
}

Decoded<Value> decode_dag_cbor(ByteView block, Strictness strictness) {
  if (block.size() > block_bytes_max) return fail(IpldError::too_large);
  ByteView in = block;
  KITH_TRY(Value value, take_dag_cbor(in));
  if (!in.empty()) return fail(IpldError::trailing_bytes);
  if (strictness == Strictness::canonical) {
    KITH_TRY(Bytes again, encode_dag_cbor(value));
    if (!equal(again, block)) return fail(IpldError::not_canonical);
  }
  return value;
}

Decoded<Bytes> encode_dag_cbor(const Value& value) {
  Writer writer;
  KITH_CHECK(writer.write(value, 0));
  return std::move(writer.out);
}

Decoded<void> for_each_dag_cbor_link(ByteView block, const Visit& visit) {
  if (block.size() > block_bytes_max) return fail(IpldError::too_large);
  Reader reader(block, &visit);
  KITH_CHECK(reader.read(nullptr, 0));
  if (!reader.rest().empty()) return fail(IpldError::trailing_bytes);
  return {};
}

}  // namespace kith::ipld
