// Reading a genesis and the suites: what isn't as it should be is remembered once, in the document,
// and reads as nothing. For .cpp files of ledger/ alone.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <boost/json.hpp>

#include <kith/base/result.hpp>
#include <kith/ledger/primitives/types.hpp>

namespace kith::ledger::detail {

/// Whose first fault is told.
struct JsonFault {
  std::string what;

  void set(std::string_view expected, std::string_view where) {
    if (what.empty()) what = std::string(where) + ": " + std::string(expected) + " expected";
  }
};

class JsonNode {
 public:
  JsonNode(const boost::json::value* value, JsonFault& fault, std::string where)
      : value_(value), fault_(&fault), where_(std::move(where)) {}

  bool there() const noexcept { return value_ != nullptr && !value_->is_null(); }
  const std::string& where() const noexcept { return where_; }

  JsonNode operator[](std::string_view key) const {
    const auto* object = value_ != nullptr ? value_->if_object() : nullptr;
    return {object != nullptr ? object->if_contains(key) : nullptr, *fault_,
            where_ + "." + std::string(key)};
  }
  JsonNode operator[](std::size_t index) const {
    const auto* array = value_ != nullptr ? value_->if_array() : nullptr;
    return {array != nullptr ? array->if_contains(index) : nullptr, *fault_,
            where_ + "[" + std::to_string(index) + "]"};
  }
  std::size_t size() const noexcept {
    const auto* array = value_ != nullptr ? value_->if_array() : nullptr;
    return array != nullptr ? array->size() : 0;
  }
  /// Calls each(key, node) with what an object has.
  template <class Each>
  void for_each(Each each) const {
    const auto* object = value_ != nullptr ? value_->if_object() : nullptr;
    if (object == nullptr) return;
    for (const auto& [key, value] : *object)
      each(std::string_view(key), JsonNode(&value, *fault_, where_ + "." + std::string(key)));
  }

  /// Something about it isn't as it should be.
  void bad(std::string_view expected, std::string_view within = "") const {
    fault_->set(expected, where_ + "." + std::string(within));
  }

  std::string_view text() const {
    const auto* text = value_ != nullptr ? value_->if_string() : nullptr;
    if (text == nullptr) return fault_->set("text", where_), std::string_view();
    return {text->data(), text->size()};
  }
  /// Also of an empty text or "0x", which are zero.
  U256 number() const {
    if (value_ != nullptr && value_->is_int64())
      return static_cast<std::uint64_t>(value_->get_int64());
    const std::string_view digits = text();
    if (digits.empty() || digits == "0x") return 0;
    const auto read = U256::parse(digits);
    if (!read) fault_->set("a number", where_);
    return read.value_or(0);
  }
  /// A number that is marked as being too large to be one.
  bool is_too_large() const {
    const auto* text = value_ != nullptr ? value_->if_string() : nullptr;
    return text != nullptr && text->starts_with("0x:bigint ");
  }
  /// False if it isn't there.
  bool truth() const noexcept {
    return value_ != nullptr && value_->is_bool() && value_->get_bool();
  }
  std::uint64_t small_number() const {
    const U256 read = number();
    if (!read.fits_64()) fault_->set("a number of 64 bits", where_);
    return read.low();
  }
  Bytes bytes() const {
    std::string_view digits = text();
    if (digits.starts_with("0x")) digits.remove_prefix(2);
    auto read = from_hex(digits);
    if (!read) return fault_->set("bytes", where_), Bytes();
    return *std::move(read);
  }
  Address address() const {
    const auto read = Address::from_bytes(bytes());
    if (!read) fault_->set("an address", where_);
    return read.value_or(Address());
  }
  Hash hash() const {
    const auto read = Hash::from_bytes(bytes());
    if (!read) fault_->set("a hash", where_);
    return read.value_or(Hash());
  }

 private:
  const boost::json::value* value_;
  JsonFault* fault_;
  std::string where_;
};

}  // namespace kith::ledger::detail
