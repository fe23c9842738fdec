#include <chrono>

#include <fmt/format.h>

#include <kith/crypto/aes_ctr.hpp>
#include <kith/ledger/chain/transaction.hpp>
#include <kith/ledger/wallet/detail/sealed_json.hpp>
#include <kith/ledger/wallet/keystore.hpp>
#include <kith/ledger/wallet/limits.hpp>

namespace kith::ledger {
namespace {

namespace json = boost::json;
using crypto::ScryptCost;
using crypto::SecretArray;

constexpr std::size_t salt_bytes = 32;
constexpr int version = 3;

using FileKey = SecretArray<32>;

bool is_within_limits(const ScryptCost& cost) noexcept {
  return crypto::is_valid(cost) && cost.n <= scrypt_work_max && cost.r <= scrypt_work_max &&
         cost.p <= scrypt_work_max && cost.n * cost.r <= scrypt_bytes_max / 128 &&
         cost.n * cost.r * cost.p <= scrypt_work_max;
}

Result<FileKey> key_of(const Sealed& sealed, ByteView passphrase) {
  if (passphrase.size() > passphrase_bytes_max) {
    return std::unexpected(
        Error(Errc::limit_exceeded,
              fmt::format("a passphrase has at most {} bytes", passphrase_bytes_max)));
  }
  FileKey key;
  if (const auto* pbkdf2 = std::get_if<Sealed::Pbkdf2>(&sealed.kdf)) {
    crypto::pbkdf2_hmac_sha256(passphrase, sealed.salt, pbkdf2->rounds, key.mutable_bytes());
    return key;
  }
  const ScryptCost& cost = std::get<ScryptCost>(sealed.kdf);
  if (!is_within_limits(cost)) return std::unexpected(WalletError::costs_too_much);
  KITH_CHECK(crypto::scrypt(passphrase, sealed.salt, cost, key.mutable_bytes()));
  return key;
}

Hash mac_of(const FileKey& key, ByteView ciphertext) {
  crypto::Secret input(16 + ciphertext.size());
  std::ranges::copy(key.view().last<16>(), input.mutable_bytes().begin());
  std::ranges::copy(ciphertext, input.mutable_bytes().begin() + 16);
  return keccak256(input);
}

std::unexpected<Error> bad(std::string what) {
  return std::unexpected(Error(WalletError::bad_keystore, std::move(what)));
}

bool is_version_3(const json::value* value) {
  if (value == nullptr) return false;
  return *value == version || *value == "3";
}

/// With "0x" or without, as files have it.
std::optional<Address> address_in_file(const json::value& value) {
  const json::string* text = value.if_string();
  if (text == nullptr) return std::nullopt;
  std::string_view digits(text->data(), text->size());
  if (digits.starts_with("0x")) digits.remove_prefix(2);
  const auto bytes = from_hex(digits);
  return bytes ? Address::from_bytes(*bytes) : std::nullopt;
}

}  // namespace

Result<Sealed> Sealed::seal(ByteView secret, const Passphrase& passphrase, const ScryptCost& cost,
                            const crypto::RandomFill& random) {
  if (passphrase.bytes.empty() && !passphrase.may_be_empty)
    return std::unexpected(WalletError::empty_passphrase);
  Sealed sealed;
  sealed.kdf = cost;
  sealed.salt.resize(salt_bytes);
  random(sealed.salt);
  random(sealed.counter);
  KITH_TRY(const FileKey key, key_of(sealed, passphrase.bytes));
  sealed.ciphertext = to_bytes(secret);
  crypto::aes_128_ctr(key.view().first<16>(), sealed.counter, sealed.ciphertext);
  sealed.mac = mac_of(key, sealed.ciphertext);
  return sealed;
}

Result<crypto::Secret> Sealed::open(ByteView passphrase) const {
  KITH_TRY(const FileKey key, key_of(*this, passphrase));
  if (!crypto::equal_constant_time(mac_of(key, ciphertext).view(), mac.view()))
    return std::unexpected(WalletError::wrong_passphrase);
  crypto::Secret plain{ByteView(ciphertext)};
  crypto::aes_128_ctr(key.view().first<16>(), counter, plain.mutable_bytes());
  return plain;
}

Result<Keystore> Keystore::parse(std::string_view text) {
  if (text.size() > keystore_bytes_max) return std::unexpected(Errc::limit_exceeded);
  const auto document = detail::parse_document(text);
  const json::object* file = document ? document->if_object() : nullptr;
  if (file == nullptr) return std::unexpected(WalletError::bad_keystore);
  if (!is_version_3(file->if_contains("version"))) return bad("\"version\"");
  Keystore read;
  if (const json::value* address = file->if_contains("address")) {
    read.address = address_in_file(*address);
    if (!read.address) return bad("\"address\"");
  }
  if (const json::value* id = file->if_contains("id"); id != nullptr && id->is_string())
    read.id = std::string_view(id->get_string());
  // MyEtherWallet's files once had it so.
  const json::value* crypto = file->if_contains("crypto");
  if (crypto == nullptr) crypto = file->if_contains("Crypto");
  if (crypto == nullptr || !crypto->is_object()) return bad("\"crypto\"");
  KITH_TRY(read.sealed, detail::sealed_of(crypto->get_object()));
  if (const auto* cost = std::get_if<ScryptCost>(&read.sealed.kdf);
      cost != nullptr && !is_within_limits(*cost)) {
    return std::unexpected(
        Error(WalletError::costs_too_much,
              fmt::format("scrypt with n = {}, r = {}, p = {}", cost->n, cost->r, cost->p)));
  }
  if (read.sealed.ciphertext.size() != FileKey::size()) return bad("\"ciphertext\"");
  return read;
}

std::string Keystore::to_json() const {
  json::object file;
  if (address) file["address"] = kith::to_hex(address->view());
  file["crypto"] = detail::to_json(sealed);
  file["id"] = id;
  file["version"] = version;
  return json::serialize(file);
}

Result<Keystore> Keystore::make(const SecretArray<32>& secret, const Passphrase& passphrase,
                                const ScryptCost& cost, const crypto::RandomFill& random) {
  const auto address = address_of(secret);
  if (!address) return std::unexpected(WalletError::bad_key);
  KITH_TRY(Sealed sealed, Sealed::seal(secret, passphrase, cost, random));
  return Keystore{.address = *address, .id = random_uuid(random), .sealed = std::move(sealed)};
}

Result<SecretArray<32>> Keystore::secret(ByteView passphrase) const {
  KITH_TRY(const crypto::Secret plain, sealed.open(passphrase));
  if (plain.size() != FileKey::size()) return std::unexpected(WalletError::bad_keystore);
  SecretArray<32> key(plain.view().first<32>());
  const auto owner = address_of(key);
  if (!owner) return std::unexpected(WalletError::bad_key);
  if (address && *address != *owner) {
    return std::unexpected(
        Error(Errc::corrupt, fmt::format("the file says that it is {}'s, and its key is {}'s",
                                         address->to_checksum(), owner->to_checksum())));
  }
  return key;
}

std::string keystore_file_name(WallTime now, const Address& address) {
  using namespace std::chrono;
  const sys_time<Duration> moment(now.time_since_epoch());
  const auto day = floor<days>(moment);
  const year_month_day date(day);
  const hh_mm_ss time(moment - day);
  return fmt::format("UTC--{:04}-{:02}-{:02}T{:02}-{:02}-{:02}.{:09}Z--{}",
                     static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()), time.hours().count(),
                     time.minutes().count(), time.seconds().count(), time.subseconds().count(),
                     kith::to_hex(address.view()));
}

std::string random_uuid(const crypto::RandomFill& random) {
  std::array<std::uint8_t, 16> bytes;
  random(bytes);
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
  std::string text = kith::to_hex(bytes);
  for (const std::size_t at : {8, 13, 18, 23})
    text.insert(at, "-");
  return text;
}

}  // namespace kith::ledger
