// wallet new, import, ls, address, label, export, rm, sign, verify: accounts of a ledger and what
// they sign, without a chain or a daemon.
#include <algorithm>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/command.hpp>
#include <kith/api/detail/secret_input.hpp>
#include <kith/api/detail/text.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/api/detail/wallet_access.hpp>
#include <kith/api/detail/wallet_node.hpp>
#include <kith/ledger/wallet/limits.hpp>
#include <kith/ledger/wallet/signing.hpp>
#include <kith/ledger/wallet/transaction_json.hpp>
#include <kith/ledger/wallet/typed_data.hpp>
#include <kith/ledger/wallet/wallet.hpp>

namespace kith::api {
namespace {

using namespace ledger;
using crypto::Secret;
using crypto::SecretArray;

constexpr std::size_t message_bytes_max = 64 << 20;
constexpr std::size_t secret_file_bytes_max = 64 * 1024;

/// Standard input for "-".
Task<Bytes> read_input(ClientContext& context, std::string path, std::size_t size_max) {
  if (path != "-") co_return port::read_file(context.env.files, path, size_max);
  KITH_CO_TRY(io::StandardInput input, io::StandardInput::open(context.env));
  co_return co_await input.read_all(size_max);
}

// passphrases

Task<Asked> new_passphrase(ClientContext& context, const Request& request, SecretInput& input) {
  auto given = passphrase_given(context, request);
  if (!given) {
    KITH_CO_TRY(Secret first, co_await input.ask("New passphrase"));
    if (SecretInput::is_terminal()) {
      KITH_CO_TRY(const Secret again, co_await input.ask("The same again"));
      if (again != first) co_return std::unexpected(bad("the two passphrases differ"));
    }
    given = Asked{std::move(first), false};
  }
  if (given->passphrase.empty() && !given->may_be_empty) {
    co_return std::unexpected(
        bad("the passphrase is empty; --no-passphrase, if whoever gets hold of the file may have "
            "the key"));
  }
  co_return *std::move(given);
}

/// Of the mnemonic itself (BIP-39).
Result<Secret> mnemonics_passphrase(ClientContext& context, const Request& request) {
  const std::string path = request.text("mnemonic-passphrase-file");
  if (path.empty()) return Secret();
  KITH_TRY(Bytes read, port::read_file(context.env.files, path, secret_file_bytes_max));
  const Secret content(std::move(read));
  std::string_view text = as_text(content.view());
  while (text.ends_with('\n') || text.ends_with('\r'))
    text.remove_suffix(1);
  if (text.empty()) {
    // A pipe would read so, and an empty passphrase gives accounts as any other does.
    return std::unexpected(bad(fmt::format("{} is empty", path)));
  }
  return Secret(as_bytes(text));
}

Result<std::optional<KeyPath>> path_of(const Request& request) {
  const std::string text = request.text("path");
  if (text.empty()) return std::nullopt;
  auto path = KeyPath::parse(text);
  if (!path) return std::unexpected(path.error().with_context("--path"));
  return *std::move(path);
}

// accounts

json::object value_of(const Account& account) {
  json::object value{{"address", account.address.to_checksum()}, {"label", account.label}};
  if (account.path) {
    value["path"] = account.path->to_string();
  } else {
    value["file"] = account.file;
  }
  return value;
}

std::string line_of(const Account& account) {
  const std::string where = account.path
                                ? account.path->to_string()
                                : printable(account.file.substr(account.file.rfind('/') + 1));
  const std::string label = account.label.empty() ? "" : "  " + printable(account.label);
  return fmt::format("{}  {}{}\n", account.address.to_checksum(), where, label);
}

// new

std::string words_to_write_down(const Secret& words) {
  std::string text =
      "\nThese words are the wallet. Write them down in this order, on paper, and tell nobody:\n"
      "whoever has them has what is in it, and without them it is lost with this folder.\n\n";
  std::string_view rest = as_text(words.view());
  for (int number = 1; !rest.empty(); ++number) {
    const std::string_view word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    const bool ends_line = number % 4 == 0 || rest.empty();
    text += fmt::format("{:>4} {:<{}}{}", number, word, ends_line ? 0 : 9, ends_line ? "\n" : "");
  }
  return text;
}

Task<void> make_mnemonic(ClientContext& context, const Request& request, SecretInput& input) {
  Wallet wallet = wallet_of(context, request);
  KITH_CO_TRY(const auto path, path_of(request));
  KITH_CO_TRY(Secret extra, mnemonics_passphrase(context, request));
  const auto words = static_cast<std::size_t>(request.integer("words").value_or(0));
  KITH_CO_TRY(Mnemonic mnemonic, Mnemonic::generate(words, random_of(context)));
  const OpenMnemonic open{std::move(mnemonic), std::move(extra)};
  KITH_CO_TRY(const Asked asked, co_await new_passphrase(context, request, input));
  const auto work = [&] {
    return wallet.set_mnemonic(open, path.value_or(KeyPath::of_account(0)), asked.view(),
                               request.text("label"));
  };
  KITH_CO_TRY(const Account account, co_await port::run_on(context.env.pool, work));
  const Secret shown = open.mnemonic.words();
  json::object value = value_of(account);
  value["mnemonic"] = as_text(shown.view());
  co_return tell(context, request, value, line_of(account) + words_to_write_down(shown));
}

Task<void> derive_account(ClientContext& context, const Request& request, SecretInput& input) {
  Wallet wallet = wallet_of(context, request);
  KITH_CO_TRY(const auto path, path_of(request));
  KITH_CO_TRY(const Asked asked, co_await passphrase_of(context, request, input, "the mnemonic"));
  const auto work = [&] {
    return wallet.derive(path, asked.passphrase.view(), request.text("label"));
  };
  KITH_CO_TRY(const Account account, co_await port::run_on(context.env.pool, work));
  co_return tell(context, request, value_of(account), line_of(account));
}

Task<void> keep_key(ClientContext& context, const Request& request, const SecretArray<32>& key,
                    const Asked& asked) {
  Wallet wallet = wallet_of(context, request);
  const auto work = [&] {
    return wallet.add_key(key, asked.view(), request.text("label"), context.env.wall.now());
  };
  KITH_CO_TRY(const Account account, co_await port::run_on(context.env.pool, work));
  co_return tell(context, request, value_of(account), line_of(account));
}

Task<void> make_key(ClientContext& context, const Request& request, SecretInput& input) {
  KITH_CO_TRY(const Asked asked, co_await new_passphrase(context, request, input));
  SecretArray<32> key;
  do {
    context.env.random.fill(key.mutable_bytes());
  } while (!address_of(key));
  co_return co_await keep_key(context, request, key, asked);
}

Task<void> run_new(ClientContext& context, const Request& request) {
  // What can't be told must not be made.
  KITH_CO_CHECK(wants_json(request));
  KITH_CO_CHECK(check_label(request.text("label")));
  SecretInput input(context);
  if (request.flag("single")) {
    for (const char* option : {"words", "path", "mnemonic-passphrase-file"}) {
      if (request.given(option)) {
        co_return std::unexpected(
            bad(fmt::format("--{} is of a mnemonic, which --single does without", option)));
      }
    }
    co_return co_await make_key(context, request, input);
  }
  KITH_CO_TRY(const bool has_mnemonic, wallet_of(context, request).has_mnemonic());
  if (!has_mnemonic) co_return co_await make_mnemonic(context, request, input);
  for (const char* option : {"words", "mnemonic-passphrase-file"}) {
    if (request.given(option)) {
      co_return std::unexpected(bad(fmt::format(
          "--{}: the wallet has its mnemonic; without it, the next account is derived from that "
          "(or use --single, or another --home)",
          option)));
    }
  }
  co_return co_await derive_account(context, request, input);
}

// import

/// A secret from the file that was named, or asked for.
Task<Secret> secret_input(ClientContext& context, const Request& request, SecretInput& input,
                          std::string what) {
  const std::string path = request.argument(0);
  if (path.empty()) co_return co_await input.ask(what);
  KITH_CO_TRY(Bytes read, port::read_file(context.env.files, path, secret_file_bytes_max));
  co_return Secret(std::move(read));
}

Result<SecretArray<32>> key_of_text(const Secret& secret) {
  std::string_view text = as_text(secret.view());
  const auto is_space = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  while (!text.empty() && is_space(text.back()))
    text.remove_suffix(1);
  while (!text.empty() && is_space(text.front()))
    text.remove_prefix(1);
  if (text.starts_with("0x")) text.remove_prefix(2);
  auto digits = text.size() == 64 ? from_hex(text) : std::nullopt;
  if (!digits) return std::unexpected(bad("a private key has 64 hexadecimal digits"));
  const Secret bytes(*std::move(digits));
  SecretArray<32> key(bytes.view().first<32>());
  if (!address_of(key)) return std::unexpected(WalletError::bad_key);
  return key;
}

Task<OpenMnemonic> ask_mnemonic(ClientContext& context, const Request& request,
                                SecretInput& input) {
  KITH_CO_TRY(Secret extra, mnemonics_passphrase(context, request));
  KITH_CO_TRY(const Secret words, co_await secret_input(context, request, input, "Mnemonic"));
  KITH_CO_TRY(Mnemonic mnemonic, Mnemonic::parse(as_text(words.view())));
  co_return OpenMnemonic{std::move(mnemonic), std::move(extra)};
}

Task<void> import_mnemonic(ClientContext& context, const Request& request, SecretInput& input) {
  Wallet wallet = wallet_of(context, request);
  KITH_CO_TRY(const auto path, path_of(request));
  const KeyPath chosen = path.value_or(KeyPath::of_account(0));
  KITH_CO_TRY(const bool has_mnemonic, wallet.has_mnemonic());
  if (has_mnemonic && !request.flag("single")) {
    co_return std::unexpected(
        bad("the wallet has a mnemonic; with --single the key at --path is kept by itself (or use "
            "another --home)"));
  }
  KITH_CO_TRY(const OpenMnemonic open, co_await ask_mnemonic(context, request, input));
  KITH_CO_TRY(const SecretArray<32> key, open.key(chosen));
  KITH_CO_TRY(const Asked asked, co_await new_passphrase(context, request, input));
  if (request.flag("single")) co_return co_await keep_key(context, request, key, asked);
  const auto work = [&] {
    return wallet.set_mnemonic(open, chosen, asked.view(), request.text("label"));
  };
  KITH_CO_TRY(const Account account, co_await port::run_on(context.env.pool, work));
  co_return tell(context, request, value_of(account), line_of(account));
}

Task<void> import_keystore(ClientContext& context, const Request& request, SecretInput& input) {
  const std::string path = request.argument(0);
  if (path.empty()) {
    co_return std::unexpected(
        bad("what? A keystore file, or --key or --mnemonic, which are asked for"));
  }
  KITH_CO_TRY(const Bytes text, port::read_file(context.env.files, path, keystore_bytes_max));
  auto keystore = Keystore::parse(as_text(text));
  if (!keystore) co_return std::unexpected(keystore.error().with_context(path));
  KITH_CO_TRY(const Asked asked, co_await passphrase_of(context, request, input, path));
  const auto work = [&] { return keystore->secret(asked.passphrase.view()); };
  KITH_CO_TRY(const SecretArray<32> key, co_await port::run_on(context.env.pool, work));
  co_return co_await keep_key(context, request, key, asked);
}

Task<void> run_import(ClientContext& context, const Request& request) {
  // What can't be told must not be made.
  KITH_CO_CHECK(wants_json(request));
  KITH_CO_CHECK(check_label(request.text("label")));
  SecretInput input(context);
  if (request.flag("key") && request.flag("mnemonic"))
    co_return std::unexpected(bad("--key and --mnemonic are two things: take one"));
  if (request.flag("mnemonic")) co_return co_await import_mnemonic(context, request, input);
  if (!request.flag("key")) co_return co_await import_keystore(context, request, input);
  KITH_CO_TRY(const Secret typed, co_await secret_input(context, request, input, "Private key"));
  KITH_CO_TRY(const SecretArray<32> key, key_of_text(typed));
  KITH_CO_TRY(const Asked asked, co_await new_passphrase(context, request, input));
  co_return co_await keep_key(context, request, key, asked);
}

// ls, address, label

Task<void> run_ls(ClientContext& context, const Request& request) {
  KITH_CO_TRY(const Accounts accounts, wallet_of(context, request).accounts());
  json::array values;
  std::string text;
  for (const Account& account : accounts.all) {
    values.push_back(value_of(account));
    text += line_of(account);
  }
  for (const std::string& fault : accounts.unreadable)
    KITH_CO_CHECK(context.terminal.err(printable(fault) + "\n"));
  co_return tell(context, request, {{"accounts", std::move(values)}}, text);
}

Task<void> run_address(ClientContext& context, const Request& request) {
  SecretInput input(context);
  std::optional<Address> address;
  if (request.flag("key")) {
    KITH_CO_TRY(const Secret typed, co_await secret_input(context, request, input, "Private key"));
    KITH_CO_TRY(const SecretArray<32> key, key_of_text(typed));
    address = address_of(key);
  } else if (request.flag("mnemonic")) {
    KITH_CO_TRY(const auto path, path_of(request));
    KITH_CO_TRY(const OpenMnemonic open, co_await ask_mnemonic(context, request, input));
    KITH_CO_TRY(const SecretArray<32> key, open.key(path.value_or(KeyPath::of_account(0))));
    address = address_of(key);
  } else {
    const Wallet wallet = wallet_of(context, request);
    KITH_CO_TRY(const Account account, account_named(wallet, request.argument(0)));
    address = account.address;
  }
  const std::string text = address->to_checksum();
  co_return tell(context, request, {{"address", text}}, text + "\n");
}

Task<void> run_label(ClientContext& context, const Request& request) {
  Wallet wallet = wallet_of(context, request);
  KITH_CO_TRY(const Account account, wallet.find(request.argument(0)));
  co_return wallet.set_label(account, request.argument(1));
}

// export, rm

Task<std::string> keystore_text(ClientContext& context, const Request& request, Wallet& wallet,
                                const Account& account, SecretInput& input) {
  if (!account.path) {
    KITH_CO_TRY(const Bytes text,
                port::read_file(context.env.files, account.file, keystore_bytes_max));
    co_return std::string(as_text(text));
  }
  KITH_CO_TRY(const Asked asked, co_await passphrase_of(context, request, input, "the mnemonic"));
  const auto work = [&]() -> Result<std::string> {
    KITH_TRY(const SecretArray<32> key, wallet.key(account, asked.passphrase.view()));
    KITH_TRY(const Keystore keystore, Keystore::make(key, {asked.passphrase.view(), true},
                                                     standard_cost, random_of(context)));
    return keystore.to_json() + "\n";
  };
  co_return co_await port::run_on(context.env.pool, work);
}

Task<Secret> key_text(ClientContext& context, const Request& request, Wallet& wallet,
                      const Account& account, SecretInput& input) {
  KITH_CO_TRY(const Asked asked,
              co_await passphrase_of(context, request, input, secret_of(account)));
  const auto work = [&] { return wallet.key(account, asked.passphrase.view()); };
  KITH_CO_TRY(const SecretArray<32> key, co_await port::run_on(context.env.pool, work));
  std::string text = "0x" + to_hex(key) + "\n";
  Secret copy(as_bytes(text));
  crypto::wipe(text);
  co_return copy;
}

Task<Secret> mnemonic_text(ClientContext& context, const Request& request, Wallet& wallet,
                           SecretInput& input) {
  KITH_CO_TRY(const Asked asked, co_await passphrase_of(context, request, input, "the mnemonic"));
  const auto work = [&] { return wallet.mnemonic(asked.passphrase.view()); };
  KITH_CO_TRY(const OpenMnemonic open, co_await port::run_on(context.env.pool, work));
  if (!open.passphrase.empty()) {
    KITH_CO_CHECK(context.terminal.err(
        "The keys are made of these words and of a passphrase of their own, which isn't shown.\n"));
  }
  const Secret words = open.mnemonic.words();
  Secret line(words.size() + 1);
  std::ranges::copy(words.view(), line.mutable_bytes().begin());
  line.mutable_bytes().back() = '\n';
  co_return line;
}

Task<void> run_export(ClientContext& context, const Request& request) {
  Wallet wallet = wallet_of(context, request);
  SecretInput input(context);
  const std::string to = request.text("output");
  if (!to.empty() && context.env.files.info(to)) {
    co_return std::unexpected(
        Error(Errc::already_exists, fmt::format("{}, which is left alone", to)));
  }
  Secret content;
  if (request.flag("mnemonic")) {
    if (!request.argument(0).empty())
      co_return std::unexpected(bad("--mnemonic is of the wallet, not of one account"));
    KITH_CO_TRY(content, co_await mnemonic_text(context, request, wallet, input));
  } else {
    KITH_CO_TRY(const Account account, account_named(wallet, request.argument(0)));
    if (request.flag("key")) {
      KITH_CO_TRY(content, co_await key_text(context, request, wallet, account, input));
    } else {
      KITH_CO_TRY(const std::string text,
                  co_await keystore_text(context, request, wallet, account, input));
      content = Secret(as_bytes(text));
    }
  }
  if (to.empty()) co_return context.terminal.out(as_text(content.view()));
  co_return port::replace_file(context.env.files, to, content, 0600);
}

Task<void> run_rm(ClientContext& context, const Request& request) {
  Wallet wallet = wallet_of(context, request);
  const bool whole = request.flag("mnemonic");
  Account account;
  if (!whole) {
    if (request.argument(0).empty()) co_return std::unexpected(bad("which account?"));
    KITH_CO_TRY(account, wallet.find(request.argument(0)));
  }
  if (!request.flag("force")) {
    if (!SecretInput::is_terminal()) {
      co_return std::unexpected(
          bad("what is removed is lost unless there is a copy: --force, if that is meant"));
    }
    SecretInput input(context);
    const std::string question =
        fmt::format("Remove {}? Without a copy its money is lost. Type yes to go on",
                    whole ? "the mnemonic and all its accounts" : account.address.to_checksum());
    KITH_CO_TRY(const Secret answer, co_await input.ask_openly(question));
    if (as_text(answer.view()) != "yes")
      co_return std::unexpected(Error(Errc::refused, "nothing was removed"));
  }
  co_return whole ? wallet.remove_mnemonic() : wallet.remove(account);
}

// sign, verify

/// What can be signed that isn't a transaction, as its hash.
struct Signed {
  Hash hash;
  std::string what;  ///< for a person
};

/// The fields of typed data that was read, which has no others than its types say.
std::string summary_of(const TypedData& data, std::string_view text) {
  json::parse_options options;
  options.max_depth = typed_data_depth_max;
  const json::value document = json::parse({text.data(), text.size()}, {}, options);
  std::string told = "typed data, " + data.primary_type;
  if (data.message_hash) told += ": " + json::serialize(document.at("message"));
  return told + ", for " + json::serialize(document.at("domain"));
}

/// From the message, --file or --typed-data; `argument` is the message's number.
Task<Signed> thing_to_sign(ClientContext& context, const Request& request, std::size_t argument) {
  if (const std::string path = request.text("typed-data"); !path.empty()) {
    KITH_CO_TRY(const Bytes text, co_await read_input(context, path, typed_data_bytes_max));
    auto data = TypedData::parse(as_text(text));
    if (!data) co_return std::unexpected(data.error().with_context(path));
    co_return Signed{data->signing_hash(), summary_of(*data, as_text(text))};
  }
  Bytes message;
  if (const std::string path = request.text("file"); !path.empty()) {
    KITH_CO_TRY(message, co_await read_input(context, path, message_bytes_max));
  } else if (request.arguments().size() > argument) {
    message = to_bytes(request.argument(argument));
  } else {
    co_return std::unexpected(
        bad("nothing to sign: a message, --file, --typed-data or --transaction"));
  }
  if (request.flag("hex")) {
    std::string_view digits = as_text(message);
    while (digits.ends_with('\n') || digits.ends_with('\r'))
      digits.remove_suffix(1);
    if (digits.starts_with("0x")) digits.remove_prefix(2);
    auto bytes = from_hex(digits);
    if (!bytes) co_return std::unexpected(bad("--hex: the message isn't hexadecimal"));
    message = *std::move(bytes);
  }
  co_return Signed{personal_message_hash(message),
                   fmt::format("a message of {} bytes", message.size())};
}

/// One thing is signed, and a passphrase can't come from where the thing does.
Result<void> check_what_to_sign(const Request& request, std::size_t argument) {
  int things = request.arguments().size() > argument ? 1 : 0;
  bool from_input = false;
  for (const char* option : {"file", "typed-data", "transaction", "authorization"}) {
    if (request.text(option).empty()) continue;
    ++things;
    from_input = from_input || request.text(option) == "-";
  }
  if (things > 1) return std::unexpected(bad("several things to sign: take one"));
  if (from_input && !request.flag("no-passphrase") && !request.given("passphrase-file")) {
    return std::unexpected(
        bad("standard input is what is signed, so the passphrase has to come from a file: "
            "--passphrase-file"));
  }
  return {};
}

std::string summary_of(const Transaction& one) {
  return fmt::format("a transaction on {}: nonce {}, {} wei {}, fee of at most {} wei",
                     one.chain_id ? fmt::format("chain {}", *one.chain_id) : "every chain",
                     one.nonce, one.value.to_decimal(),
                     one.to ? "to " + one.to->to_checksum() : "to a new contract",
                     fee_max(one).to_decimal());
}

Task<void> sign_transaction(ClientContext& context, const Request& request) {
  const std::string path = request.text("transaction");
  KITH_CO_TRY(const Bytes text, co_await read_input(context, path, transaction_json_bytes_max));
  auto read = parse_transaction(as_text(text));
  if (!read) co_return std::unexpected(read.error().with_context(path));
  std::string who = request.text("from");
  if (who.empty() && read->from) who = read->from->to_hex();
  const Wallet wallet = wallet_of(context, request);
  KITH_CO_TRY(const Account account, account_named(wallet, who));
  if (read->from && *read->from != account.address) {
    co_return std::unexpected(
        bad(fmt::format("the transaction is {}'s, not {}'s", read->from->to_checksum(),
                        account.address.to_checksum())));
  }
  Transaction& transaction = read->transaction;
  const std::string summary = summary_of(transaction);
  KITH_CO_TRY(const SecretArray<32> key, co_await unlock(context, request, account, summary));
  if (!transaction.sign(key)) co_return std::unexpected(WalletError::bad_key);
  const std::string raw = "0x" + to_hex(transaction.encode());
  const json::object value{{"address", account.address.to_checksum()},
                           {"hash", transaction.hash().to_hex()},
                           {"raw", raw}};
  co_return tell(context, request, value, raw + "\n");
}

Task<void> sign_authorization(ClientContext& context, const Request& request) {
  const std::string path = request.text("authorization");
  KITH_CO_TRY(const Bytes text, co_await read_input(context, path, transaction_json_bytes_max));
  auto read = parse_authorization(as_text(text));
  if (!read) co_return std::unexpected(read.error().with_context(path));
  const Wallet wallet = wallet_of(context, request);
  KITH_CO_TRY(const Account account, account_named(wallet, request.text("from")));
  const std::string what = fmt::format(
      "that it runs the code of {} from now on, on {}", read->address.to_checksum(),
      read->chain_id.is_zero() ? "every chain" : "chain " + read->chain_id.to_decimal());
  KITH_CO_TRY(const SecretArray<32> key, co_await unlock(context, request, account, what));
  if (!read->sign(key)) co_return std::unexpected(WalletError::bad_key);
  const json::object value{{"chainId", read->chain_id.to_hex()},
                           {"address", read->address.to_hex()},
                           {"nonce", U256(read->nonce).to_hex()},
                           {"yParity", read->parity.to_hex()},
                           {"r", read->r.to_hex()},
                           {"s", read->s.to_hex()}};
  co_return context.terminal.out(json::serialize(value) + "\n");
}

Task<void> run_sign(ClientContext& context, const Request& request) {
  KITH_CO_CHECK(check_what_to_sign(request, 0));
  if (!request.text("transaction").empty()) co_return co_await sign_transaction(context, request);
  if (!request.text("authorization").empty())
    co_return co_await sign_authorization(context, request);
  KITH_CO_TRY(const Signed thing, co_await thing_to_sign(context, request, 0));
  const Wallet wallet = wallet_of(context, request);
  KITH_CO_TRY(const Account account, account_named(wallet, request.text("from")));
  KITH_CO_TRY(const SecretArray<32> key, co_await unlock(context, request, account, thing.what));
  const auto signature = sign(thing.hash, key);
  if (!signature) co_return std::unexpected(WalletError::bad_key);
  const std::string text = signature_text(*signature);
  const json::object value{{"address", account.address.to_checksum()},
                           {"hash", thing.hash.to_hex()},
                           {"signature", text}};
  co_return tell(context, request, value, text + "\n");
}

/// Nothing if nobody signed it.
Result<std::optional<Address>> signer_of_raw(std::string_view text) {
  if (text.starts_with("0x")) text.remove_prefix(2);
  const auto bytes = from_hex(text);
  if (!bytes) return std::unexpected(bad("--transaction isn't hexadecimal"));
  KITH_TRY(const Transaction transaction, Transaction::decode(*bytes));
  const auto sender = transaction.sender();
  return sender ? std::optional(*sender) : std::nullopt;
}

Task<void> run_verify(ClientContext& context, const Request& request) {
  std::optional<Address> expected = Address::parse(request.argument(0));
  if (!expected) {
    KITH_CO_TRY(const Account account, wallet_of(context, request).find(request.argument(0)));
    expected = account.address;
  }
  std::optional<Address> signer;
  if (const std::string raw = request.text("transaction"); !raw.empty()) {
    KITH_CO_TRY(signer, signer_of_raw(raw));
  } else {
    KITH_CO_TRY(const Signature signature, parse_signature(request.argument(1)));
    KITH_CO_TRY(const Signed thing, co_await thing_to_sign(context, request, 2));
    signer = strict_signer_of(thing.hash, signature);
  }
  if (!signer) co_return std::unexpected(Error(Errc::refused, "this is nobody's signature of it"));
  if (*signer != *expected) {
    co_return std::unexpected(
        Error(Errc::refused, fmt::format("it isn't {}'s signature; if it is of just this, it is "
                                         "{}'s",
                                         expected->to_checksum(), signer->to_checksum())));
  }
  const std::string text = signer->to_checksum();
  co_return tell(context, request, {{"address", text}}, fmt::format("signed by {}\n", text));
}

// the table

std::vector<OptionSpec> of_new_accounts(std::vector<OptionSpec> options) {
  using enum OptionKind;
  options.push_back({"label", 'l', text, "What the account is called.", ""});
  options.push_back(
      {"path", 0, text, "Of the key in the mnemonic's tree, for example m/44'/60'/0'/0/0.", ""});
  options.push_back({"single", 0, flag, "Keep the key in a file of its own.", ""});
  options.push_back({"mnemonic-passphrase-file", 0, text,
                     "File with the passphrase that belongs to the mnemonic itself (BIP-39).", ""});
  options.push_back({"light", 0, flag,
                     "Opening takes milliseconds instead of a second, and guessing as well.", ""});
  return with_passphrase(std::move(options));
}

void add_account_commands(CommandTable& table) {
  using enum OptionKind;
  table.add(
      {.path = "wallet new",
       .tagline = "Make an account.",
       .description =
           "The first one comes with a mnemonic: words from which all accounts of the wallet can "
           "be made again, on this machine or by any other wallet. They are shown once: write "
           "them down. Each further call derives the next account from them.\n\n"
           "With --single the account has a key of its own instead, in a keystore file that geth "
           "and other wallets read. Its only copies are those that you make of the file.\n\n"
           "Keys lie encrypted in $home/wallet. No daemon is needed, and no network.",
       .options = of_new_accounts({{"words", 'w', integer, "12, 15, 18, 21 or 24.", "12"}}),
       .examples = {{"wallet new --label savings", "A mnemonic and its first account."},
                    {"wallet new --single --passphrase-file secret", "A keystore file."}},
       .where = Where::client,
       .run_client = run_new});
  table.add(
      {.path = "wallet import",
       .tagline = "Take over an account of another wallet.",
       .description =
           "From a keystore file, whose passphrase stays the account's; or a private key or a "
           "mnemonic, each asked for, read from standard input, or from the file that is named. "
           "Never type them as arguments of a command: other users see those, and shells keep "
           "them.",
       .arguments = {{.name = "file",
                      .required = false,
                      .help = "A keystore file, or one with the key or the words."}},
       .options = of_new_accounts({{"key", 'k', flag, "A private key, as hexadecimal.", ""},
                                   {"mnemonic", 'm', flag, "A mnemonic of English words.", ""}}),
       .examples = {{"wallet import UTC--2024-02-29T12-34-56.0Z--9858...", "A file of geth's."},
                    {"wallet import --mnemonic --path \"m/44'/60'/0'/0/1\"",
                     "Asks for the words, and keeps them with their second account."}},
       .where = Where::client,
       .run_client = run_import});
  table.add({.path = "wallet ls",
             .tagline = "List the accounts.",
             .description = "Address, path in the mnemonic's tree or file, label.",
             .where = Where::client,
             .run_client = run_ls});
  table.add({.path = "wallet address",
             .tagline = "Print an account's address.",
             .description = "With --key or --mnemonic, of a secret that is asked for or in the "
                            "file that is named, and that isn't kept: to see whether it is the "
                            "right one.",
             .arguments = {{.name = "account",
                            .required = false,
                            .help = "Address or label; without, the only account. With --key or "
                                    "--mnemonic: the file."}},
             .options = {{"key", 'k', flag, "Of a private key.", ""},
                         {"mnemonic", 'm', flag, "Of a mnemonic.", ""},
                         {"path", 0, text, "Of the key in the mnemonic's tree.", ""},
                         {"mnemonic-passphrase-file", 0, text,
                          "File with the passphrase that belongs to the mnemonic (BIP-39).", ""}},
             .where = Where::client,
             .run_client = run_address});
  table.add({.path = "wallet label",
             .tagline = "Call an account something else.",
             .arguments = {{.name = "account", .help = "Address or label."},
                           {.name = "label", .required = false, .help = "Without, it has none."}},
             .where = Where::client,
             .run_client = run_label});
}

void add_key_commands(CommandTable& table) {
  using enum OptionKind;
  table.add(
      {.path = "wallet export",
       .tagline = "Write an account's key, for a copy or another wallet.",
       .description =
           "As a keystore file, which is encrypted with the account's passphrase. --key and "
           "--mnemonic print what is in no way protected any more.",
       .arguments = {{.name = "account",
                      .required = false,
                      .help = "Address or label; without, the only account."}},
       .options = with_passphrase(
           {{"output", 'o', text, "A new file, readable by you alone; else standard output.", ""},
            {"key", 'k', flag, "The private key itself, as hexadecimal.", ""},
            {"mnemonic", 'm', flag, "The wallet's mnemonic.", ""}}),
       .where = Where::client,
       .run_client = run_export});
  table.add(
      {.path = "wallet rm",
       .tagline = "Remove an account.",
       .description = "Its key is gone with its file. One that was derived can be derived "
                      "again as long as there is the mnemonic.",
       .arguments = {{.name = "account", .required = false, .help = "Address or label."}},
       .options = {{"mnemonic", 'm', flag, "The mnemonic with all accounts derived from it.", ""},
                   {"force", 'f', flag, "Don't ask.", ""}},
       .where = Where::client,
       .run_client = run_rm});
}

void add_signing_commands(CommandTable& table) {
  using enum OptionKind;
  table.add(
      {.path = "wallet sign",
       .tagline = "Sign a message, typed data or a transaction.",
       .description =
           "A message is signed as personal_sign does (EIP-191), so that it can't be mistaken for "
           "a transaction. Typed data is the JSON of eth_signTypedData_v4 (EIP-712). A transaction "
           "is the JSON of eth_sendTransaction, of any type up to 4, with nonce, gas, fees and "
           "chain, which nothing here knows; what is printed can be sent by any node.",
       .arguments = {{.name = "message",
                      .required = false,
                      .help = "Text, whose bytes are signed."}},
       .options = with_passphrase(
           {{"from", 0, text, "The account: address or label. Without, the only one.", ""},
            {"file", 0, text,
             "The message is this file's content, byte for byte (-: standard "
             "input).",
             ""},
            {"hex", 0, flag, "The message is written as hexadecimal.", ""},
            {"typed-data", 0, text, "File with typed data.", ""},
            {"transaction", 0, text, "File with a transaction.", ""},
            {"authorization", 0, text,
             "File with {\"chainId\", \"address\", \"nonce\"}: the account is to run that "
             "contract's code (EIP-7702).",
             ""}}),
       .examples = {{"wallet sign --from savings \"I was here\"", "A message."},
                    {"wallet sign --transaction tx.json",
                     "Prints what `eth_sendRawTransaction` takes."}},
       .where = Where::client,
       .run_client = run_sign});
  table.add(
      {.path = "wallet verify",
       .tagline = "Check who signed something.",
       .description = "Fails if it wasn't that account.",
       .arguments = {{.name = "account", .help = "Address or label."},
                     {.name = "signature",
                      .required = false,
                      .help = "65 bytes as hexadecimal; none with --transaction."},
                     {.name = "message", .required = false, .help = "What was signed."}},
       .options = {{"file", 0, text, "The message is this file's content (-: standard input).", ""},
                   {"hex", 0, flag, "The message is written as hexadecimal.", ""},
                   {"typed-data", 0, text, "File with typed data.", ""},
                   {"transaction", 0, text, "A signed transaction, as hexadecimal.", ""}},
       .where = Where::client,
       .run_client = run_verify});
}

}  // namespace

void add_wallet_commands(CommandTable& table) {
  table.describe_group("wallet", "Keep accounts of a ledger, sign with them, and send.");
  add_account_commands(table);
  add_key_commands(table);
  add_signing_commands(table);
  add_wallet_send_commands(table);
  add_wallet_chain_commands(table);
}

}  // namespace kith::api
