#include <kith/ledger/wallet/detail/sealed_json.hpp>
#include <kith/ledger/wallet/limits.hpp>

namespace kith::ledger::detail {
namespace {

namespace json = boost::json;

constexpr std::int64_t key_bytes_min = 32;
constexpr std::int64_t key_bytes_max = 1024;

std::unexpected<Error> bad(std::string_view field) {
  return std::unexpected(Error(WalletError::bad_keystore, "\"" + std::string(field) + "\""));
}

std::string_view text_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  const json::string* text = value != nullptr ? value->if_string() : nullptr;
  return text != nullptr ? std::string_view(text->data(), text->size()) : std::string_view();
}

const json::object* object_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr ? value->if_object() : nullptr;
}

/// Zero, which no cost may be, if it isn't a whole number.
std::uint64_t number_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  const std::int64_t* number = value != nullptr ? value->if_int64() : nullptr;
  return number != nullptr && *number > 0 ? static_cast<std::uint64_t>(*number) : 0;
}

Result<Bytes> bytes_of(const json::object& object, std::string_view key) {
  std::string_view digits = text_of(object, key);
  if (digits.starts_with("0x")) digits.remove_prefix(2);
  auto bytes = from_hex(digits);
  if (!bytes || bytes->empty()) return bad(key);
  return *std::move(bytes);
}

Result<crypto::ScryptCost> scrypt_of(const json::object& parameters) {
  const std::uint64_t n = number_of(parameters, "n");
  const std::uint64_t r = number_of(parameters, "r");
  const std::uint64_t p = number_of(parameters, "p");
  // Each first, so that their product can't wrap round.
  if (n > scrypt_work_max || r > scrypt_work_max || p > scrypt_work_max)
    return std::unexpected(WalletError::costs_too_much);
  const crypto::ScryptCost cost{n, static_cast<std::uint32_t>(r), static_cast<std::uint32_t>(p)};
  if (!crypto::is_valid(cost)) return bad("kdfparams");
  return cost;
}

Result<Sealed::Pbkdf2> pbkdf2_of(const json::object& parameters) {
  const std::uint64_t rounds = number_of(parameters, "c");
  if (rounds == 0) return bad("c");
  if (rounds > pbkdf2_rounds_max) return std::unexpected(WalletError::costs_too_much);
  if (text_of(parameters, "prf") != "hmac-sha256") return bad("prf");
  return Sealed::Pbkdf2{static_cast<std::uint32_t>(rounds)};
}

}  // namespace

std::optional<json::value> parse_document(std::string_view text, std::size_t depth_max) {
  json::parse_options options;
  options.max_depth = depth_max;
  boost::system::error_code error;
  json::value value = json::parse({text.data(), text.size()}, error, {}, options);
  if (error) return std::nullopt;
  return value;
}

json::object to_json(const Sealed& sealed) {
  json::object parameters{{"dklen", 32}};
  const auto* scrypt = std::get_if<crypto::ScryptCost>(&sealed.kdf);
  if (scrypt != nullptr) {
    parameters["n"] = static_cast<std::int64_t>(scrypt->n);
    parameters["p"] = scrypt->p;
    parameters["r"] = scrypt->r;
  } else {
    parameters["c"] = std::get<Sealed::Pbkdf2>(sealed.kdf).rounds;
    parameters["prf"] = "hmac-sha256";
  }
  parameters["salt"] = kith::to_hex(sealed.salt);
  return {{"cipher", "aes-128-ctr"},
          {"ciphertext", kith::to_hex(sealed.ciphertext)},
          {"cipherparams", json::object{{"iv", kith::to_hex(sealed.counter)}}},
          {"kdf", scrypt != nullptr ? "scrypt" : "pbkdf2"},
          {"kdfparams", std::move(parameters)},
          {"mac", kith::to_hex(sealed.mac.view())}};
}

Result<Sealed> sealed_of(const json::object& crypto) {
  Sealed sealed;
  if (text_of(crypto, "cipher") != "aes-128-ctr") return bad("cipher");
  const json::object* cipher = object_of(crypto, "cipherparams");
  const json::object* parameters = object_of(crypto, "kdfparams");
  if (cipher == nullptr) return bad("cipherparams");
  if (parameters == nullptr) return bad("kdfparams");
  KITH_TRY(const Bytes counter, bytes_of(*cipher, "iv"));
  if (counter.size() != sealed.counter.size()) return bad("iv");
  std::ranges::copy(counter, sealed.counter.begin());
  KITH_TRY(sealed.ciphertext, bytes_of(crypto, "ciphertext"));
  KITH_TRY(const Bytes mac, bytes_of(crypto, "mac"));
  const auto hash = Hash::from_bytes(mac);
  if (!hash) return bad("mac");
  sealed.mac = *hash;
  KITH_TRY(sealed.salt, bytes_of(*parameters, "salt"));
  if (sealed.salt.size() > keystore_salt_bytes_max) return bad("salt");
  // Only the first 32 bytes are used, and they are the same of every longer key.
  const std::uint64_t key_bytes = number_of(*parameters, "dklen");
  if (key_bytes < key_bytes_min || key_bytes > key_bytes_max) return bad("dklen");
  if (text_of(crypto, "kdf") == "scrypt") {
    KITH_TRY(sealed.kdf, scrypt_of(*parameters));
  } else if (text_of(crypto, "kdf") == "pbkdf2") {
    KITH_TRY(sealed.kdf, pbkdf2_of(*parameters));
  } else {
    return bad("kdf");
  }
  return sealed;
}

}  // namespace kith::ledger::detail
