#include <kith/ledger/rpc/detail/rpc_params.hpp>

namespace kith::ledger::detail {

std::string quantity(const U256& number) {
  return number.to_hex();
}

std::string hex(ByteView bytes) {
  return "0x" + to_hex(bytes);
}

std::string word(const U256& number) {
  return hex(number.to_be());
}

json::object error_object(const RpcError& error) {
  json::object out{{"code", static_cast<int>(error.code)}, {"message", error.message}};
  if (error.data) out["data"] = *error.data;
  return out;
}

RpcError Param::bad(std::string_view why) const {
  return {RpcCode::invalid_params, "invalid " + place_ + ": " + std::string(why)};
}

RpcError Param::missing() const {
  return {RpcCode::invalid_params, "missing value for required " + place_};
}

Param Param::operator[](std::string_view key) const {
  const auto* object = value_ != nullptr ? value_->if_object() : nullptr;
  return {object != nullptr ? object->if_contains(key) : nullptr, place_ + "." + std::string(key)};
}

Param Param::operator[](std::size_t index) const {
  const auto* array = value_ != nullptr ? value_->if_array() : nullptr;
  return {array != nullptr ? array->if_contains(index) : nullptr,
          place_ + "[" + std::to_string(index) + "]"};
}

std::size_t Param::size() const noexcept {
  const auto* array = value_ != nullptr ? value_->if_array() : nullptr;
  return array != nullptr ? array->size() : 0;
}

RpcResult<std::string_view> Param::text() const {
  if (!there()) return std::unexpected(missing());
  const auto* text = value_->if_string();
  if (text == nullptr) return std::unexpected(bad("a string expected"));
  return std::string_view(text->data(), text->size());
}

/// Behind "0x".
RpcResult<std::string_view> Param::digits() const {
  KITH_TRY(const std::string_view whole, text());
  if (!whole.starts_with("0x") && !whole.starts_with("0X"))
    return std::unexpected(bad("hex string without 0x prefix"));
  return whole.substr(2);
}

RpcResult<U256> Param::number() const {
  // Some callers send numbers as JSON has them.
  if (value_ != nullptr && value_->is_int64() && value_->get_int64() >= 0)
    return U256(static_cast<std::uint64_t>(value_->get_int64()));
  KITH_TRY(const std::string_view read, digits());
  if (read.empty()) return std::unexpected(bad("hex string \"0x\" has no digits"));
  const auto number = U256::parse("0x" + std::string(read));
  if (!number) return std::unexpected(bad("a hexadecimal number of at most 256 bits expected"));
  if (read.size() > 1 && read.front() == '0')
    return std::unexpected(bad("hex number with leading zero digits"));
  return *number;
}

RpcResult<std::uint64_t> Param::small_number() const {
  KITH_TRY(const U256 read, number());
  if (!read.fits_64()) return std::unexpected(bad("hex number > 64 bits"));
  return read.low();
}

RpcResult<Bytes> Param::bytes() const {
  KITH_TRY(const std::string_view read, digits());
  if (read.size() % 2 != 0) return std::unexpected(bad("hex string of odd length"));
  auto bytes = from_hex(read);
  if (!bytes) return std::unexpected(bad("invalid hex string"));
  return *std::move(bytes);
}

RpcResult<Address> Param::address() const {
  KITH_TRY(const Bytes read, bytes());
  const auto address = Address::from_bytes(read);
  if (!address) return std::unexpected(bad("an address has 20 bytes"));
  return *address;
}

RpcResult<Hash> Param::hash() const {
  KITH_TRY(const Bytes read, bytes());
  const auto hash = Hash::from_bytes(read);
  if (!hash) return std::unexpected(bad("a hash has 32 bytes"));
  return *hash;
}

RpcResult<U256> Param::key() const {
  KITH_TRY(const std::string_view read, digits());
  const bool odd = read.size() % 2 != 0;
  const auto bytes = from_hex((odd ? "0" : "") + std::string(read));
  if (!bytes) return std::unexpected(bad("unable to decode storage key: invalid hex string"));
  if (bytes->size() > U256::bytes)
    return std::unexpected(
        bad("unable to decode storage key: hex string too long, want at most 32 "
            "bytes"));
  return U256::from_be(ByteView(*bytes));
}

RpcResult<bool> Param::truth() const {
  if (!there()) return false;
  if (!value_->is_bool()) return std::unexpected(bad("true or false expected"));
  return value_->get_bool();
}

Param Params::operator[](std::size_t index) const {
  return {values_.if_contains(index), "argument " + std::to_string(index)};
}

}  // namespace kith::ledger::detail
