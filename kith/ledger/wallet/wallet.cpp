#include <algorithm>
#include <cerrno>
#include <map>

#include <fmt/format.h>

#include <kith/ledger/chain/transaction.hpp>
#include <kith/ledger/wallet/detail/sealed_json.hpp>
#include <kith/ledger/wallet/limits.hpp>
#include <kith/ledger/wallet/wallet.hpp>

namespace kith::ledger {
namespace {

namespace json = boost::json;
using crypto::SecretArray;

constexpr std::uint32_t file_mode = 0600;
constexpr std::uint32_t folder_mode = 0700;
constexpr int mnemonic_file_version = 1;
constexpr std::size_t address_digits = 2 * Address::size;

std::string_view text_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  const json::string* text = value != nullptr ? value->if_string() : nullptr;
  return text != nullptr ? std::string_view(text->data(), text->size()) : std::string_view();
}

/// What a crash left of a file that was being written: encrypted, but somebody may have wanted it
/// gone.
bool is_leftover(std::string_view name) {
  const std::size_t at = name.rfind(".new");
  return name.starts_with("UTC--") && at != std::string_view::npos &&
         std::ranges::all_of(name.substr(at + 4), [](char c) { return c >= '0' && c <= '9'; });
}

/// As geth passes over them: hidden files, and what editors leave.
bool is_passed_over(const port::DirectoryEntry& entry) {
  return entry.kind == port::FileKind::directory || entry.name.starts_with('.') ||
         entry.name.ends_with('~') || is_leftover(entry.name);
}

/// For files that don't say, as those of some don't for privacy.
std::optional<Address> address_in_name(std::string_view name) {
  if (name.size() < address_digits) return std::nullopt;
  const auto bytes = from_hex(name.substr(name.size() - address_digits));
  return bytes ? Address::from_bytes(*bytes) : std::nullopt;
}

bool is_missing(const Error& error) {
  return error.is_errno(ENOENT);
}

/// Nothing if the file isn't there.
Result<std::optional<Bytes>> read_if_there(port::FileSystem& files, const std::string& path,
                                           std::size_t size_max) {
  auto content = port::read_file(files, path, size_max);
  if (content) return *std::move(content);
  if (is_missing(content.error())) return std::nullopt;
  return std::unexpected(content.error());
}

Error corrupt(const std::string& path) {
  return {Errc::corrupt, path + " isn't what was written there"};
}

/// The words, a line's end, and the passphrase, which is ASCII.
crypto::Secret plain_of(const OpenMnemonic& open) {
  const crypto::Secret words = open.mnemonic.words();
  crypto::Secret plain(words.size() + 1 + open.passphrase.size());
  const MutableBytes into = plain.mutable_bytes();
  std::ranges::copy(words.view(), into.begin());
  into[words.size()] = '\n';
  std::ranges::copy(open.passphrase.view(), into.subspan(words.size() + 1).begin());
  return plain;
}

std::optional<OpenMnemonic> mnemonic_in(const crypto::Secret& plain) {
  const std::string_view text = as_text(plain.view());
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  auto mnemonic = Mnemonic::parse(text.substr(0, end));
  if (!mnemonic) return std::nullopt;
  return OpenMnemonic{*std::move(mnemonic), crypto::Secret(as_bytes(text.substr(end + 1)))};
}

/// The number of a path that is of_account()'s.
std::optional<std::uint32_t> account_number(const KeyPath& path) {
  if (path.steps.size() != KeyPath::of_account(0).steps.size()) return std::nullopt;
  const std::uint32_t number = path.steps.back();
  if (path != KeyPath::of_account(number)) return std::nullopt;
  return number;
}

}  // namespace

struct Wallet::MnemonicFile {
  Sealed sealed;
  std::vector<Account> accounts;  ///< without labels
};

struct Wallet::Labels {
  std::map<Address, std::string> names;

  std::string of(const Address& address) const {
    const auto found = names.find(address);
    return found == names.end() ? "" : found->second;
  }
};

Result<void> check_label(std::string_view label) {
  const bool is_clean = std::ranges::all_of(
      label, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
  // What isn't UTF-8 couldn't be read from labels.json again.
  const bool is_text = detail::parse_document(json::serialize(json::string(label))).has_value();
  if (label.size() <= label_bytes_max && is_clean && is_text && !label.starts_with("0x")) return {};
  return std::unexpected(
      Error(Errc::invalid_argument,
            fmt::format("a label has at most {} bytes of UTF-8, no control characters, and doesn't "
                        "begin with 0x, as addresses do",
                        label_bytes_max)));
}

Result<SecretArray<32>> OpenMnemonic::key(const KeyPath& path) const {
  KITH_TRY(const Mnemonic::Seed seed, mnemonic.seed(passphrase));
  KITH_TRY(const ExtendedKey root, ExtendedKey::master(seed));
  KITH_TRY(const ExtendedKey key, root.derive(path));
  return key.secret();
}

Wallet::Wallet(port::FileSystem& files, crypto::RandomFill random, std::string folder,
               crypto::ScryptCost cost)
    : files_(files), random_(std::move(random)), folder_(std::move(folder)), cost_(cost) {}

// reading

Result<std::optional<Wallet::MnemonicFile>> Wallet::read_mnemonic() const {
  KITH_TRY(const auto content, read_if_there(files_, mnemonic_file(), wallet_file_bytes_max));
  if (!content) return std::nullopt;
  const auto document = detail::parse_document(as_text(*content));
  const json::object* object = document ? document->if_object() : nullptr;
  if (object == nullptr) return std::unexpected(corrupt(mnemonic_file()));
  const json::value* version = object->if_contains("version");
  if (version == nullptr || *version != mnemonic_file_version) {
    return std::unexpected(
        Error(Errc::unsupported, mnemonic_file() + " is of a later version: use a newer kith"));
  }
  const json::value* crypto = object->if_contains("crypto");
  const json::value* accounts = object->if_contains("accounts");
  if (crypto == nullptr || !crypto->is_object() || accounts == nullptr || !accounts->is_array())
    return std::unexpected(corrupt(mnemonic_file()));
  MnemonicFile file;
  auto sealed = detail::sealed_of(crypto->get_object());
  if (!sealed) return std::unexpected(sealed.error().with_context(mnemonic_file()));
  file.sealed = *std::move(sealed);
  for (const json::value& one : accounts->get_array()) {
    const json::object* entry = one.if_object();
    if (entry == nullptr) return std::unexpected(corrupt(mnemonic_file()));
    const auto address = Address::parse(text_of(*entry, "address"));
    auto path = KeyPath::parse(text_of(*entry, "path"));
    if (!address || !path) return std::unexpected(corrupt(mnemonic_file()));
    file.accounts.push_back({*address, {}, {}, *std::move(path)});
  }
  if (file.accounts.size() > accounts_max) return std::unexpected(Errc::limit_exceeded);
  return file;
}

Result<Wallet::Labels> Wallet::read_labels() const {
  KITH_TRY(const auto content, read_if_there(files_, label_file(), wallet_file_bytes_max));
  Labels labels;
  if (!content) return labels;
  const auto document = detail::parse_document(as_text(*content));
  const json::object* object = document ? document->if_object() : nullptr;
  if (object == nullptr) return std::unexpected(corrupt(label_file()));
  for (const auto& [key, value] : *object) {
    const auto address = Address::parse(std::string_view(key.data(), key.size()));
    if (!address || !value.is_string()) return std::unexpected(corrupt(label_file()));
    labels.names[*address] = std::string_view(value.get_string());
  }
  return labels;
}

Result<void> Wallet::read_keystores(const Labels& labels, Accounts& into) const {
  auto entries = files_.list(keystore_folder());
  if (!entries && is_missing(entries.error())) return {};
  if (!entries) return std::unexpected(entries.error());
  if (entries->size() > accounts_max) {
    return std::unexpected(
        Error(Errc::limit_exceeded,
              fmt::format("{} has more than {} files", keystore_folder(), accounts_max)));
  }
  std::ranges::sort(*entries, {}, &port::DirectoryEntry::name);
  for (const port::DirectoryEntry& entry : *entries) {
    if (is_passed_over(entry)) continue;
    const std::string path = keystore_folder() + "/" + entry.name;
    const auto content = port::read_file(files_, path, keystore_bytes_max);
    auto keystore = content ? Keystore::parse(as_text(*content)) : std::unexpected(content.error());
    if (!keystore) {
      into.unreadable.push_back(keystore.error().with_context(path).message());
      continue;
    }
    const auto address = keystore->address ? keystore->address : address_in_name(entry.name);
    if (address) {
      into.all.push_back({*address, labels.of(*address), path, {}});
    } else {
      into.unreadable.push_back(path + ": neither the file nor its name says of which address");
    }
  }
  return {};
}

Result<Accounts> Wallet::accounts() const {
  Accounts accounts;
  KITH_TRY(const Labels labels, read_labels());
  KITH_TRY(auto derived, read_mnemonic());
  if (derived) {
    for (Account& account : derived->accounts) {
      account.label = labels.of(account.address);
      accounts.all.push_back(std::move(account));
    }
  }
  KITH_CHECK(read_keystores(labels, accounts));
  return accounts;
}

Result<Account> Wallet::find(std::string_view who) const {
  KITH_TRY(Accounts accounts, this->accounts());
  const auto address = Address::parse(who);
  if (who.starts_with("0x") && !address) {
    return std::unexpected(
        Error(Errc::invalid_argument, fmt::format("{} is no address, or its checksum (the case of "
                                                  "its letters) is wrong",
                                                  who)));
  }
  const auto found = std::ranges::find_if(accounts.all, [&](const Account& account) {
    return address ? account.address == *address : !who.empty() && account.label == who;
  });
  if (found != accounts.all.end()) return std::move(*found);
  return std::unexpected(Error(Errc::not_found, fmt::format("{} in {}", who, folder_)));
}

Result<bool> Wallet::has_mnemonic() const {
  const auto info = files_.info(mnemonic_file());
  if (!info && !is_missing(info.error())) return std::unexpected(info.error());
  return info.has_value();
}

Result<SecretArray<32>> Wallet::key(const Account& account, ByteView passphrase) const {
  if (account.path) {
    KITH_TRY(const OpenMnemonic open, mnemonic(passphrase));
    KITH_TRY(SecretArray<32> key, open.key(*account.path));
    if (address_of(key) != account.address) return std::unexpected(corrupt(mnemonic_file()));
    return key;
  }
  KITH_TRY(const Bytes content, port::read_file(files_, account.file, keystore_bytes_max));
  KITH_TRY(Keystore keystore, Keystore::parse(as_text(content)));
  keystore.address = account.address;
  return keystore.secret(passphrase);
}

Result<OpenMnemonic> Wallet::mnemonic(ByteView passphrase) const {
  KITH_TRY(const auto file, read_mnemonic());
  if (!file)
    return std::unexpected(Error(Errc::not_found, fmt::format("a mnemonic in {}", folder_)));
  KITH_TRY(const crypto::Secret plain, file->sealed.open(passphrase));
  // The file's MAC doesn't cover the counter, but the words have their checksum.
  auto open = mnemonic_in(plain);
  if (!open) return std::unexpected(corrupt(mnemonic_file()));
  return *std::move(open);
}

// changing

Result<std::unique_ptr<port::FileLock>> Wallet::begin_change() {
  KITH_CHECK(files_.make_directories(keystore_folder(), folder_mode));
  KITH_CHECK(port::sync_way(files_, keystore_folder()));
  auto lock = files_.lock(folder_ + "/lock");
  if (!lock && lock.error().is(Errc::busy)) {
    return std::unexpected(
        Error(Errc::busy, fmt::format("another program is changing {}", folder_)));
  }
  if (!lock) return lock;
  KITH_TRY(const auto entries, files_.list(keystore_folder()));
  for (const port::DirectoryEntry& entry : entries) {
    if (is_leftover(entry.name)) KITH_CHECK(files_.remove(keystore_folder() + "/" + entry.name));
  }
  return lock;
}

Result<void> Wallet::write_mnemonic(const MnemonicFile& file) {
  json::array accounts;
  for (const Account& account : file.accounts) {
    accounts.push_back(json::object{{"address", account.address.to_checksum()},
                                    {"path", account.path->to_string()}});
  }
  const json::object document{{"version", mnemonic_file_version},
                              {"crypto", detail::to_json(file.sealed)},
                              {"accounts", std::move(accounts)}};
  return port::replace_file(files_, mnemonic_file(), as_bytes(json::serialize(document) + "\n"),
                            file_mode);
}

Result<void> Wallet::write_labels(const Labels& labels) {
  json::object document;
  for (const auto& [address, name] : labels.names)
    document[address.to_checksum()] = name;
  return port::replace_file(files_, label_file(), as_bytes(json::serialize(document) + "\n"),
                            file_mode);
}

Result<void> Wallet::change_label(const Address& address, const std::string& label) {
  KITH_TRY(Labels labels, read_labels());
  if (labels.of(address) == label) return {};
  if (label.empty()) {
    labels.names.erase(address);
  } else {
    labels.names[address] = label;
  }
  return write_labels(labels);
}

Result<void> Wallet::check_new(const Address& address, const std::string& label) const {
  KITH_CHECK(check_label(label));
  KITH_TRY(const Accounts accounts, this->accounts());
  if (accounts.all.size() >= accounts_max) return std::unexpected(Errc::limit_exceeded);
  for (const Account& account : accounts.all) {
    if (account.address == address) {
      return std::unexpected(
          Error(Errc::already_exists, fmt::format("account {}", address.to_checksum())));
    }
    if (!label.empty() && account.label == label) {
      return std::unexpected(
          Error(Errc::already_exists, fmt::format("an account by the label \"{}\"", label)));
    }
  }
  return {};
}

Result<Account> Wallet::add_key(const SecretArray<32>& secret, const Passphrase& passphrase,
                                const std::string& label, WallTime now) {
  KITH_TRY(const Keystore keystore, Keystore::make(secret, passphrase, cost_, random_));
  KITH_TRY(const auto lock, begin_change());
  const Address address = *keystore.address;
  KITH_CHECK(check_new(address, label));
  const std::string path = keystore_folder() + "/" + keystore_file_name(now, address);
  KITH_CHECK(port::replace_file(files_, path, as_bytes(keystore.to_json() + "\n"), file_mode));
  KITH_CHECK(change_label(address, label));
  return Account{address, label, path, {}};
}

Result<Account> Wallet::set_mnemonic(const OpenMnemonic& open, const KeyPath& path,
                                     const Passphrase& passphrase, const std::string& label) {
  KITH_TRY(const SecretArray<32> key, open.key(path));
  const Address address = *address_of(key);
  MnemonicFile file;
  KITH_TRY(file.sealed, Sealed::seal(plain_of(open), passphrase, cost_, random_));
  file.accounts.push_back({address, {}, {}, path});
  KITH_TRY(const auto lock, begin_change());
  KITH_TRY(const bool there, has_mnemonic());
  if (there) {
    return std::unexpected(Error(Errc::already_exists, fmt::format("a mnemonic in {}", folder_)));
  }
  KITH_CHECK(check_new(address, label));
  KITH_CHECK(write_mnemonic(file));
  KITH_CHECK(change_label(address, label));
  return Account{address, label, {}, path};
}

Result<Account> Wallet::derive(const std::optional<KeyPath>& path, ByteView passphrase,
                               const std::string& label) {
  KITH_TRY(const OpenMnemonic open, mnemonic(passphrase));
  KITH_TRY(const auto lock, begin_change());
  KITH_TRY(auto file, read_mnemonic());
  if (!file) return std::unexpected(Errc::not_found);
  std::uint32_t next = 0;
  for (const Account& account : file->accounts) {
    if (const auto number = account_number(*account.path)) next = std::max(next, *number + 1);
  }
  if (next >= KeyPath::hardened) return std::unexpected(Errc::limit_exceeded);
  const KeyPath chosen = path.value_or(KeyPath::of_account(next));
  KITH_TRY(const SecretArray<32> key, open.key(chosen));
  const Address address = *address_of(key);
  KITH_CHECK(check_new(address, label));
  file->accounts.push_back({address, {}, {}, chosen});
  KITH_CHECK(write_mnemonic(*file));
  KITH_CHECK(change_label(address, label));
  return Account{address, label, {}, chosen};
}

Result<void> Wallet::set_label(const Account& account, const std::string& label) {
  KITH_CHECK(check_label(label));
  KITH_TRY(const auto lock, begin_change());
  KITH_TRY(const Accounts accounts, this->accounts());
  const auto taken = std::ranges::find_if(accounts.all, [&](const Account& other) {
    return !label.empty() && other.label == label && other.address != account.address;
  });
  if (taken != accounts.all.end()) {
    return std::unexpected(Error(Errc::already_exists,
                                 fmt::format("{} has that label", taken->address.to_checksum())));
  }
  return change_label(account.address, label);
}

Result<void> Wallet::remove(const Account& account) {
  KITH_TRY(const auto lock, begin_change());
  if (account.path) {
    KITH_TRY(auto file, read_mnemonic());
    if (!file || std::erase_if(file->accounts, [&](const Account& one) {
                   return one.address == account.address;
                 }) == 0) {
      return std::unexpected(Errc::not_found);
    }
    KITH_CHECK(write_mnemonic(*file));
  } else {
    KITH_CHECK(files_.remove(account.file));
    KITH_CHECK(files_.sync_directory(keystore_folder()));
  }
  return change_label(account.address, "");
}

Result<void> Wallet::remove_mnemonic() {
  KITH_TRY(const auto lock, begin_change());
  KITH_TRY(const auto file, read_mnemonic());
  if (!file) return std::unexpected(Errc::not_found);
  KITH_CHECK(files_.remove(mnemonic_file()));
  KITH_CHECK(files_.sync_directory(folder_));
  KITH_TRY(Labels labels, read_labels());
  for (const Account& account : file->accounts)
    labels.names.erase(account.address);
  return write_labels(labels);
}

}  // namespace kith::ledger
