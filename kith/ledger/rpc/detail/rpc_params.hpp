// What a caller has sent, and its numbers and bytes in JSON-RPC's writing (EIP-1474): quantities as
// "0x" and digits without leading zeros, bytes as "0x" and pairs of digits. For .cpp files of rpc/
// alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json.hpp>

#include <kith/ledger/primitives/types.hpp>
#include <kith/ledger/rpc/rpc_error.hpp>

namespace kith::ledger::detail {

namespace json = boost::json;

// What goes out.
std::string quantity(const U256& number);
std::string hex(ByteView bytes);
/// A number in 64 digits, as the values of storage are written.
std::string word(const U256& number);
json::object error_object(const RpcError& error);

/// A value of a call, and how its place is called in an error: "argument 0", "argument 0.from".
class Param {
 public:
  Param(const json::value* value, std::string place) : value_(value), place_(std::move(place)) {}

  bool there() const noexcept { return value_ != nullptr && !value_->is_null(); }
  const json::value* value() const noexcept { return value_; }
  const std::string& place() const noexcept { return place_; }
  RpcError bad(std::string_view why) const;
  RpcError missing() const;

  /// Not there if it isn't an object's.
  Param operator[](std::string_view key) const;
  Param operator[](std::size_t index) const;
  /// Of a list; else nothing is there.
  std::size_t size() const noexcept;
  bool is_list() const noexcept { return value_ != nullptr && value_->is_array(); }
  bool is_object() const noexcept { return value_ != nullptr && value_->is_object(); }
  bool is_text() const noexcept { return value_ != nullptr && value_->is_string(); }

  RpcResult<std::string_view> text() const;
  RpcResult<U256> number() const;
  RpcResult<std::uint64_t> small_number() const;
  RpcResult<Bytes> bytes() const;
  RpcResult<Address> address() const;
  RpcResult<Hash> hash() const;
  /// A number of storage: up to 32 bytes, leading zeros welcome.
  RpcResult<U256> key() const;
  /// false if it isn't there.
  RpcResult<bool> truth() const;

 private:
  RpcResult<std::string_view> digits() const;

  const json::value* value_;
  std::string place_;
};

class Params {
 public:
  explicit Params(const json::array& values) : values_(values) {}
  Param operator[](std::size_t index) const;

 private:
  const json::array& values_;
};

}  // namespace kith::ledger::detail
