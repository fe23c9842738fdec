#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>
#include <vector>

#include <kith/ledger/wallet/detail/sealed_json.hpp>
#include <kith/ledger/wallet/limits.hpp>
#include <kith/ledger/wallet/typed_data.hpp>

namespace kith::ledger {
namespace {

namespace json = boost::json;

constexpr std::string_view domain_type = "EIP712Domain";
constexpr std::size_t word_bytes = 32;
using Word = std::array<std::uint8_t, word_bytes>;

/// Where in the document, for a person: written only when something is wrong.
struct Place {
  const Place* parent = nullptr;
  std::string_view name;
  std::size_t index = 0;

  std::string to_string() const {
    if (parent == nullptr) return std::string(name);
    return parent->to_string() +
           (name.empty() ? "[" + std::to_string(index) + "]" : "." + std::string(name));
  }
};

std::unexpected<Error> bad(std::string what) {
  return std::unexpected(Error(WalletError::bad_typed_data, std::move(what)));
}
std::unexpected<Error> bad(const Place& place, std::string_view what) {
  return bad(place.to_string() + ": " + std::string(what));
}

std::string_view view(const json::string& text) {
  return {text.data(), text.size()};
}

bool is_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}
bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

/// As Solidity has names.
bool is_identifier(std::string_view text) noexcept {
  return !text.empty() && is_letter(text[0]) &&
         std::ranges::all_of(text, [](char c) { return is_letter(c) || is_digit(c); });
}

/// Some programs put a colon into the names of their types.
bool is_type_name(std::string_view text) noexcept {
  return !text.empty() && is_letter(text[0]) &&
         std::ranges::all_of(text, [](char c) { return is_letter(c) || is_digit(c) || c == ':'; });
}

/// A number without leading zeros behind a prefix, as in "uint256"; 0 if it isn't there.
unsigned size_behind(std::string_view prefix, std::string_view type) noexcept {
  if (!type.starts_with(prefix)) return 0;
  const std::string_view digits = type.substr(prefix.size());
  unsigned size = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  return whole && digits[0] != '0' ? size : 0;
}

bool is_integer_size(unsigned bits) noexcept {
  return bits > 0 && bits <= 256 && bits % 8 == 0;
}

bool is_atomic(std::string_view type) noexcept {
  const unsigned bytes = size_behind("bytes", type);
  return type == "bool" || type == "address" || type == "string" || type == "bytes" ||
         (bytes > 0 && bytes <= word_bytes) || is_integer_size(size_behind("uint", type)) ||
         is_integer_size(size_behind("int", type));
}

/// "Person[3][]" -> "Person[3]" and no length; nothing if it is no array.
struct ArrayType {
  std::string_view element;
  std::optional<std::size_t> length;
};
std::optional<ArrayType> array_of(std::string_view type) noexcept {
  const std::size_t open = type.rfind('[');
  if (!type.ends_with(']') || open == std::string_view::npos) return std::nullopt;
  ArrayType array{type.substr(0, open), std::nullopt};
  const std::string_view digits = type.substr(open + 1, type.size() - open - 2);
  if (digits.empty()) return array;
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  array.length = length;
  return array;
}

std::string_view innermost(std::string_view type) noexcept {
  while (const auto array = array_of(type))
    type = array->element;
  return type;
}

struct Field {
  std::string name;
  std::string type;
};
using Fields = std::vector<Field>;
using Types = std::map<std::string, Fields, std::less<>>;

Result<Fields> read_fields(std::string_view type, const json::value& value) {
  const json::array* list = value.if_array();
  if (list == nullptr) return bad("types." + std::string(type) + ": a list of fields expected");
  Fields fields;
  std::set<std::string_view> names;
  for (const json::value& one : *list) {
    const json::object* object = one.if_object();
    const json::value* name = object != nullptr ? object->if_contains("name") : nullptr;
    const json::value* kind = object != nullptr ? object->if_contains("type") : nullptr;
    if (name == nullptr || kind == nullptr || !name->is_string() || !kind->is_string())
      return bad("types." + std::string(type) + ": each field has a name and a type");
    if (!is_identifier(view(name->get_string())))
      return bad("types." + std::string(type) + ": a field's name is no identifier");
    if (!names.insert(view(name->get_string())).second)
      return bad("types." + std::string(type) + " has a field twice");
    fields.push_back(
        {std::string(view(name->get_string())), std::string(view(kind->get_string()))});
  }
  return fields;
}

Result<Types> read_types(const json::object& object) {
  if (object.size() > typed_data_types_max) return std::unexpected(Errc::limit_exceeded);
  Types types;
  for (const auto& [key, value] : object) {
    const std::string_view name(key.data(), key.size());
    if (!is_type_name(name) || is_atomic(name))
      return bad("types: a type's name is an identifier, and none of the standard's");
    KITH_TRY(Fields fields, read_fields(name, value));
    types.emplace(name, std::move(fields));
  }
  for (const auto& [name, fields] : types) {
    for (const Field& field : fields) {
      const std::string_view inner = innermost(field.type);
      if (is_atomic(inner) || types.contains(inner)) continue;
      const bool alias = inner == "uint" || inner == "int";
      return bad("types." + name + "." + field.name + ": " +
                 (alias ? "write uint256 or int256 (EIP-712 has no short forms)"
                        : "there is no such type"));
    }
  }
  return types;
}

/// What the standard says of a domain, in its order.
const Fields& domain_fields() {
  static const Fields fields{{"name", "string"},
                             {"version", "string"},
                             {"chainId", "uint256"},
                             {"verifyingContract", "address"},
                             {"salt", "bytes32"}};
  return fields;
}

Fields fields_of_domain(const json::object& domain) {
  Fields there;
  for (const Field& field : domain_fields()) {
    if (domain.contains(field.name)) there.push_back(field);
  }
  return there;
}

Result<U256> magnitude_of(const Place& place, const json::value& value, bool& negative) {
  negative = false;
  if (const auto* number = value.if_uint64()) return U256(*number);
  if (const auto* number = value.if_int64()) {
    negative = *number < 0;
    const auto bits = static_cast<std::uint64_t>(*number);
    return U256(negative ? ~bits + 1 : bits);
  }
  if (value.is_double())
    return bad(place, "write numbers as large as this one, or with a fraction, as text");
  const json::string* text = value.if_string();
  if (text == nullptr) return bad(place, "a number expected");
  std::string_view digits = view(*text);
  negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  const auto number = U256::parse(digits);
  if (!number) return bad(place, "a number expected, decimal or with 0x");
  return *number;
}

Result<Word> unsigned_word(const Place& place, const json::value& value, unsigned bits) {
  bool negative = false;
  KITH_TRY(const U256 number, magnitude_of(place, value, negative));
  if ((negative && !number.is_zero()) || number.bit_width() > bits)
    return bad(place, "the number doesn't fit uint" + std::to_string(bits));
  return number.to_be();
}

Result<Word> signed_word(const Place& place, const json::value& value, unsigned bits) {
  bool negative = false;
  KITH_TRY(const U256 number, magnitude_of(place, value, negative));
  const U256 limit = U256::power_of_two(bits - 1);
  if (number > limit || (!negative && number == limit))
    return bad(place, "the number doesn't fit int" + std::to_string(bits));
  return (negative ? -number : number).to_be();
}

Result<Bytes> bytes_of(const Place& place, const json::value& value) {
  const json::string* text = value.if_string();
  if (text == nullptr || !view(*text).starts_with("0x"))
    return bad(place, "bytes expected, as hexadecimal with 0x");
  auto bytes = from_hex(view(*text).substr(2));
  if (!bytes) return bad(place, "bytes expected, as hexadecimal with 0x");
  return *std::move(bytes);
}

Result<Word> fixed_bytes(const Place& place, const json::value& value, unsigned size) {
  KITH_TRY(const Bytes bytes, bytes_of(place, value));
  if (bytes.size() != size) return bad(place, std::to_string(size) + " bytes expected");
  Word word{};
  std::ranges::copy(bytes, word.begin());
  return word;
}

Result<Word> atomic_word(const Place& place, std::string_view type, const json::value& value) {
  if (type == "string") {
    const json::string* text = value.if_string();
    if (text == nullptr) return bad(place, "text expected");
    return keccak256(as_bytes(view(*text))).bytes;
  }
  if (type == "bytes") {
    KITH_TRY(const Bytes bytes, bytes_of(place, value));
    return keccak256(bytes).bytes;
  }
  if (type == "bool") {
    if (!value.is_bool()) return bad(place, "true or false expected");
    return U256(value.get_bool() ? 1 : 0).to_be();
  }
  if (type == "address") {
    const json::string* text = value.if_string();
    const auto address = text != nullptr ? Address::parse(view(*text)) : std::nullopt;
    if (!address) return bad(place, "an address expected, its checksum right");
    return address->to_word().to_be();
  }
  if (const unsigned bits = size_behind("uint", type)) return unsigned_word(place, value, bits);
  if (const unsigned bits = size_behind("int", type)) return signed_word(place, value, bits);
  return fixed_bytes(place, value, size_behind("bytes", type));
}

class Hasher {
 public:
  explicit Hasher(const Types& types) : types_(types) {}

  /// Objects nest no deeper than the document does.
  Result<Hash> hash_struct(const Place& place, std::string_view type, const json::object& object) {
    const Fields& fields = types_.find(type)->second;
    Bytes data = to_bytes(type_hash(type).view());
    for (const Field& field : fields) {
      const Place inner{&place, field.name};
      const json::value* value = object.if_contains(field.name);
      if (value == nullptr) return bad(inner, "missing");
      KITH_TRY(const Word word, word_of(inner, field.type, *value));
      append(data, word);
    }
    if (object.size() == fields.size()) return keccak256(data);
    const auto extra = std::ranges::find_if(object, [&](const auto& one) {
      return std::ranges::find(fields, std::string_view(one.key()), &Field::name) == fields.end();
    });
    return bad(place, "there is a field \"" + std::string(std::string_view(extra->key())) +
                          "\", which its type doesn't have");
  }

 private:
  Result<Word> word_of(const Place& place, std::string_view type, const json::value& value) {
    if (const auto array = array_of(type)) return array_word(place, *array, value);
    if (!types_.contains(type)) return atomic_word(place, type, value);
    if (value.is_null()) return Word{};
    const json::object* object = value.if_object();
    if (object == nullptr) return bad(place, "an object expected");
    KITH_TRY(const Hash hash, hash_struct(place, type, *object));
    return hash.bytes;
  }

  Result<Word> array_word(const Place& place, const ArrayType& type, const json::value& value) {
    const json::array* list = value.if_array();
    if (list == nullptr) return bad(place, "a list expected");
    if (type.length && list->size() != *type.length)
      return bad(place, "a list of " + std::to_string(*type.length) + " expected");
    Bytes data;
    data.reserve(list->size() * word_bytes);
    for (std::size_t i = 0; i < list->size(); ++i) {
      KITH_TRY(const Word word, word_of({&place, {}, i}, type.element, (*list)[i]));
      append(data, word);
    }
    return keccak256(data).bytes;
  }

  void write_type(std::string& text, std::string_view type) const {
    text += type;
    text += '(';
    bool first = true;
    for (const Field& field : types_.find(type)->second) {
      if (!first) text += ',';
      first = false;
      text += field.type + " " + field.name;
    }
    text += ')';
  }

  /// With those that it refers to, and that these refer to, behind it.
  const Hash& type_hash(std::string_view type) {
    const auto known = type_hashes_.find(type);
    if (known != type_hashes_.end()) return known->second;
    std::set<std::string_view> below;
    std::vector<std::string_view> open{type};
    while (!open.empty()) {
      const std::string_view next = open.back();
      open.pop_back();
      for (const Field& field : types_.find(next)->second) {
        const std::string_view inner = innermost(field.type);
        if (inner != type && types_.contains(inner) && below.insert(inner).second)
          open.push_back(inner);
      }
    }
    std::string text;
    write_type(text, type);
    for (const std::string_view one : below)
      write_type(text, one);
    return type_hashes_.emplace(type, keccak256(as_bytes(text))).first->second;
  }

  const Types& types_;
  std::map<std::string_view, Hash> type_hashes_;
};

const json::object* object_of(const json::object& document, std::string_view key) {
  const json::value* value = document.if_contains(key);
  return value != nullptr ? value->if_object() : nullptr;
}

}  // namespace

Result<TypedData> TypedData::parse(std::string_view text) {
  if (text.size() > typed_data_bytes_max) return std::unexpected(Errc::limit_exceeded);
  const auto read = detail::parse_document(text, typed_data_depth_max);
  const json::object* document = read ? read->if_object() : nullptr;
  if (document == nullptr) return bad("no JSON object");
  const json::object* types_object = object_of(*document, "types");
  const json::object* domain = object_of(*document, "domain");
  const json::value* primary = document->if_contains("primaryType");
  if (types_object == nullptr) return bad("types: an object expected");
  if (domain == nullptr) return bad("domain: an object expected");
  if (primary == nullptr || !primary->is_string()) return bad("primaryType: text expected");
  KITH_TRY(Types types, read_types(*types_object));
  types.try_emplace(std::string(domain_type), fields_of_domain(*domain));
  TypedData data;
  data.primary_type = view(primary->get_string());
  if (!types.contains(data.primary_type)) return bad("primaryType: it isn't among the types");
  Hasher hasher(types);
  KITH_TRY(data.domain_hash, hasher.hash_struct({nullptr, "domain"}, domain_type, *domain));
  if (data.primary_type == domain_type) return data;
  const json::object* message = object_of(*document, "message");
  if (message == nullptr) return bad("message: an object expected");
  KITH_TRY(data.message_hash,
           hasher.hash_struct({nullptr, "message"}, data.primary_type, *message));
  return data;
}

Hash TypedData::signing_hash() const {
  Bytes preimage{0x19, 0x01};
  append(preimage, domain_hash.view());
  if (message_hash) append(preimage, message_hash->view());
  return keccak256(preimage);
}

}  // namespace kith::ledger
