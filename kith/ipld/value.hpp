// Value: the IPLD data model (ipld.io/docs/data-model): what dag-cbor and dag-json blocks contain.
//
// Integers go from -2^64 to 2^64 - 1, as CBOR's do. A map keeps the order its entries were read or
// put in; encoders bring it into their codec's. Texts are UTF-8. Values made by decoders are at
// most value_depth_max deep and values_max many. Pure. Thread: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <kith/base/bytes.hpp>
#include <kith/ipld/error.hpp>
#include <kith/multiformats/cid.hpp>

namespace kith::ipld {

class Value;
struct MapEntry;
using List = std::vector<Value>;
using Map = std::vector<MapEntry>;

/// As CBOR has it: `argument`, or -1 - argument.
struct Integer {
  bool negative = false;
  std::uint64_t argument = 0;

  static Integer of(std::int64_t value) noexcept {
    return value < 0 ? Integer{true, ~static_cast<std::uint64_t>(value)}
                     : Integer{false, static_cast<std::uint64_t>(value)};
  }
  /// Nothing if it doesn't fit.
  std::optional<std::int64_t> to_int64() const noexcept {
    if (argument > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
    auto value = static_cast<std::int64_t>(argument);
    return negative ? -1 - value : value;
  }
  friend bool operator==(const Integer&, const Integer&) = default;
};

class Value {
 public:
  using Storage = std::variant<std::monostate, bool, Integer, double, std::string, Bytes,
                               multiformats::Cid, List, Map>;

  Value() noexcept;  ///< null
  Value(Storage storage) noexcept;
  Value(const Value& other);
  Value(Value&& other) noexcept;
  Value& operator=(const Value& other);
  Value& operator=(Value&& other) noexcept;
  ~Value();

  bool is_null() const noexcept { return std::holds_alternative<std::monostate>(storage_); }
  /// The value as a T of Storage, or null if it is of another kind.
  template <class T>
  const T* get() const noexcept {
    return std::get_if<T>(&storage_);
  }
  template <class T>
  T* get() noexcept {
    return std::get_if<T>(&storage_);
  }
  const Storage& storage() const noexcept { return storage_; }

  /// A map's value of a key, a list's of a decimal index without leading zeros; null if there is
  /// none.
  const Value* find(std::string_view step) const noexcept;

  friend bool operator==(const Value& a, const Value& b);

 private:
  Storage storage_;
};

struct MapEntry {
  std::string key;
  Value value;
  friend bool operator==(const MapEntry&, const MapEntry&) = default;
};

// Here, because a map's entries are complete only now.
inline Value::Value() noexcept = default;
inline Value::Value(Storage storage) noexcept : storage_(std::move(storage)) {}
inline Value::Value(const Value& other) = default;
inline Value::Value(Value&& other) noexcept = default;
inline Value& Value::operator=(const Value& other) = default;
inline Value& Value::operator=(Value&& other) noexcept = default;
inline Value::~Value() = default;

/// How exactly a block must be written.
enum class Strictness : std::uint8_t {
  /// Only the codec's canonical form: what decodes encodes to the same bytes.
  canonical,
  /// Also what the specifications allow for historical data and for people's input: maps in any
  /// order, longer numbers and lengths than needed, short floats, white space in JSON.
  historical,
};

/// Valid UTF-8: shortest forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text) noexcept;

}  // namespace kith::ipld
