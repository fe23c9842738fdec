#include <algorithm>
#include <span>

#include <kith/ledger/wallet/detail/sealed_json.hpp>
#include <kith/ledger/wallet/limits.hpp>
#include <kith/ledger/wallet/transaction_json.hpp>

namespace kith::ledger {
namespace {

namespace json = boost::json;
using Type = Transaction::Type;

constexpr std::string_view transaction_fields[] = {"type",
                                                   "chainId",
                                                   "nonce",
                                                   "gas",
                                                   "gasLimit",
                                                   "gasPrice",
                                                   "maxFeePerGas",
                                                   "maxPriorityFeePerGas",
                                                   "to",
                                                   "from",
                                                   "value",
                                                   "data",
                                                   "input",
                                                   "accessList",
                                                   "maxFeePerBlobGas",
                                                   "blobVersionedHashes",
                                                   "authorizationList"};
constexpr std::string_view authorization_fields[] = {"chainId", "address", "nonce",
                                                     "yParity", "r",       "s"};

/// The first thing that is wrong.
struct Fault {
  std::string what;

  void set(std::string text) {
    if (what.empty()) what = std::move(text);
  }
};

/// A JSON value, and where it stands. What isn't as it should be reads as nothing, and is
/// remembered.
class Node {
 public:
  Node(const json::value* value, std::string where, Fault& fault)
      : value_(value), where_(std::move(where)), fault_(&fault) {}

  bool there() const noexcept { return value_ != nullptr && !value_->is_null(); }
  bool is_null() const noexcept { return value_ != nullptr && value_->is_null(); }

  void bad(std::string_view expected) const {
    fault_->set(where_ + ": " + (value_ == nullptr ? "missing" : std::string(expected)));
  }

  std::string_view text(std::string_view expected) const {
    const json::string* text = value_ != nullptr ? value_->if_string() : nullptr;
    if (text == nullptr) return bad(expected), std::string_view();
    return {text->data(), text->size()};
  }
  U256 number() const {
    constexpr std::string_view expected = "a number expected, decimal or with 0x";
    if (value_ != nullptr && value_->is_int64() && value_->get_int64() >= 0)
      return static_cast<std::uint64_t>(value_->get_int64());
    if (value_ != nullptr && value_->is_uint64()) return value_->get_uint64();
    const auto number = U256::parse(text(expected));
    if (!number) bad(expected);
    return number.value_or(0);
  }
  std::uint64_t small_number() const {
    const U256 read = number();
    if (!read.fits_64()) bad("the number is larger than 64 bits");
    return read.low();
  }
  Bytes bytes() const {
    constexpr std::string_view expected = "bytes expected, as hexadecimal with 0x";
    const std::string_view digits = text(expected);
    auto read = digits.starts_with("0x") ? from_hex(digits.substr(2)) : std::nullopt;
    if (!read) bad(expected);
    return std::move(read).value_or(Bytes());
  }
  Address address() const {
    constexpr std::string_view expected = "an address expected, its checksum right";
    const auto read = Address::parse(text(expected));
    if (!read) bad(expected);
    return read.value_or(Address());
  }
  Hash hash() const {
    constexpr std::string_view expected = "32 bytes expected, as hexadecimal with 0x";
    const auto read = Hash::parse(text(expected));
    if (!read) bad(expected);
    return read.value_or(Hash());
  }
  /// Calls each(node) with what a list has.
  template <class Each>
  void for_each(Each each) const {
    const json::array* list = value_ != nullptr ? value_->if_array() : nullptr;
    if (list == nullptr) return bad("a list expected");
    for (std::size_t i = 0; i < list->size(); ++i)
      each(Node(&(*list)[i], where_ + "[" + std::to_string(i) + "]", *fault_));
  }
  Node operator[](std::string_view key) const {
    const json::object* object = value_ != nullptr ? value_->if_object() : nullptr;
    return {object != nullptr ? object->if_contains(key) : nullptr,
            where_.empty() ? std::string(key) : where_ + "." + std::string(key), *fault_};
  }
  /// An object with no other fields than these.
  void expect_fields(std::span<const std::string_view> known) const {
    const json::object* object = value_ != nullptr ? value_->if_object() : nullptr;
    if (object == nullptr) return fault_->set(where_ + (where_.empty() ? "" : ": ") + "no object");
    for (const auto& [key, value] : *object) {
      const std::string_view name(key.data(), key.size());
      if (std::ranges::find(known, name) == known.end())
        fault_->set((*this)[name].where_ + ": there is no such field");
    }
  }

 private:
  const json::value* value_;
  std::string where_;
  Fault* fault_;
};

Authorization read_authorization(const Node& node, bool is_signed) {
  node.expect_fields(authorization_fields);
  Authorization one;
  one.chain_id = node["chainId"].number();
  one.address = node["address"].address();
  one.nonce = node["nonce"].small_number();
  if (!is_signed) return one;
  one.parity = node["yParity"].number();
  one.r = node["r"].number();
  one.s = node["s"].number();
  if (one.parity > U256(1)) node["yParity"].bad("0 or 1 expected");
  return one;
}

AccessListEntry read_access(const Node& node) {
  constexpr std::string_view fields[] = {"address", "storageKeys"};
  node.expect_fields(fields);
  AccessListEntry entry;
  entry.address = node["address"].address();
  node["storageKeys"].for_each(
      [&](const Node& key) { entry.keys.push_back(key.hash().to_word()); });
  return entry;
}

Type type_of(const Node& node) {
  if (const Node type = node["type"]; type.there()) {
    const U256 number = type.number();
    if (number > U256(static_cast<std::uint64_t>(Type::set_code))) {
      type.bad("the types are 0 to 4");
      return Type::legacy;
    }
    return static_cast<Type>(number.low());
  }
  if (node["authorizationList"].there()) return Type::set_code;
  if (node["blobVersionedHashes"].there() || node["maxFeePerBlobGas"].there()) return Type::blob;
  if (!node["gasPrice"].there()) return Type::dynamic_fee;
  return node["accessList"].there() ? Type::access_list : Type::legacy;
}

void expect_fields_of_type(const Node& node, Type type) {
  const auto only = [&](std::string_view key, bool belongs) {
    if (!belongs && node[key].there()) node[key].bad("it doesn't belong to this type");
  };
  only("gasPrice", type <= Type::access_list);
  only("maxFeePerGas", type >= Type::dynamic_fee);
  only("maxPriorityFeePerGas", type >= Type::dynamic_fee);
  only("accessList", type >= Type::access_list);
  only("maxFeePerBlobGas", type == Type::blob);
  only("blobVersionedHashes", type == Type::blob);
  only("authorizationList", type == Type::set_code);
}

/// Of two names of one field, the one that is there.
Node either(const Node& node, std::string_view first, std::string_view second) {
  if (!node[second].there()) return node[first];
  if (node[first].there()) node[second].bad("it is there under its other name, too");
  return node[second];
}

void read_fees(const Node& node, Transaction& into) {
  if (!into.has_tip()) {
    into.max_fee = into.max_priority_fee = node["gasPrice"].number();
    return;
  }
  into.max_fee = node["maxFeePerGas"].number();
  into.max_priority_fee = node["maxPriorityFeePerGas"].number();
  if (into.max_priority_fee > into.max_fee)
    node["maxPriorityFeePerGas"].bad("it is larger than maxFeePerGas");
}

void read_recipient(const Node& node, Transaction& into) {
  if (node["to"].there()) {
    into.to = node["to"].address();
  } else if (into.type >= Type::blob) {
    node["to"].bad("a transaction of this type needs a recipient");
  } else if (into.data.empty()) {
    // What creates a contract has its code. Without, somebody forgot whom the money is for.
    node["to"].bad("neither a recipient nor a contract's code");
  }
}

void read_lists(const Node& node, Transaction& into) {
  if (const Node list = node["accessList"]; list.there())
    list.for_each([&](const Node& one) { into.access_list.push_back(read_access(one)); });
  if (into.type == Type::blob) {
    into.max_blob_fee = node["maxFeePerBlobGas"].number();
    const Node hashes = node["blobVersionedHashes"];
    hashes.for_each([&](const Node& one) { into.blob_hashes.push_back(one.hash()); });
    if (into.blob_hashes.empty()) hashes.bad("at least one expected");
  }
  if (into.type == Type::set_code) {
    const Node list = node["authorizationList"];
    list.for_each(
        [&](const Node& one) { into.authorizations.push_back(read_authorization(one, true)); });
    if (into.authorizations.empty()) list.bad("at least one expected");
  }
}

UnsignedTransaction read_transaction(const Node& node) {
  node.expect_fields(transaction_fields);
  UnsignedTransaction read;
  Transaction& into = read.transaction;
  into.type = type_of(node);
  expect_fields_of_type(node, into.type);
  const Node chain = node["chainId"];
  if (into.type != Type::legacy || !chain.is_null()) into.chain_id = chain.small_number();
  into.nonce = node["nonce"].small_number();
  into.gas_limit = either(node, "gas", "gasLimit").small_number();
  read_fees(node, into);
  if (const Node value = node["value"]; value.there()) into.value = value.number();
  if (const Node data = either(node, "data", "input"); data.there()) into.data = data.bytes();
  read_recipient(node, into);
  read_lists(node, into);
  if (node["from"].there()) read.from = node["from"].address();
  return read;
}

template <class Read>
auto parse(std::string_view text, Read read) -> Result<decltype(read(std::declval<Node>()))> {
  if (text.size() > transaction_json_bytes_max) return std::unexpected(Errc::limit_exceeded);
  const auto document = detail::parse_document(text);
  if (!document) return std::unexpected(Error(WalletError::bad_transaction, "no JSON"));
  Fault fault;
  auto made = read(Node(&*document, "", fault));
  if (!fault.what.empty())
    return std::unexpected(Error(WalletError::bad_transaction, std::move(fault.what)));
  return made;
}

}  // namespace

Result<UnsignedTransaction> parse_transaction(std::string_view json) {
  return parse(json, read_transaction);
}

Result<Authorization> parse_authorization(std::string_view json) {
  return parse(json, [](const Node& node) { return read_authorization(node, false); });
}

}  // namespace kith::ledger
