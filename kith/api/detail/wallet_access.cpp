#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/text.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/api/detail/wallet_access.hpp>

namespace kith::api {

using namespace ledger;
using crypto::Secret;
using crypto::SecretArray;

Error bad(std::string text) {
  return {Errc::invalid_argument, std::move(text)};
}

Result<bool> wants_json(const Request& request) {
  KITH_TRY(const std::string encoding, encoding_of(request));
  return encoding == "json" || request.flag("json");
}

Result<void> tell(ClientContext& context, const Request& request, const json::object& value,
                  std::string_view text) {
  KITH_TRY(const bool as_json, wants_json(request));
  if (as_json) return context.terminal.out(json::serialize(value) + "\n");
  return context.terminal.out(text);
}

crypto::RandomFill random_of(ClientContext& context) {
  return [&random = context.env.random](MutableBytes out) { random.fill(out); };
}

Wallet wallet_of(ClientContext& context, const Request& request) {
  return {context.env.files, random_of(context), context.home + "/wallet",
          request.flag("light") ? light_cost : standard_cost};
}

std::string secret_of(const Account& account) {
  return account.path ? "the mnemonic" : account.address.to_checksum();
}

Result<Account> account_named(const Wallet& wallet, const std::string& who) {
  if (!who.empty()) return wallet.find(who);
  KITH_TRY(const Accounts accounts, wallet.accounts());
  if (accounts.all.size() == 1) return accounts.all[0];
  return std::unexpected(bad(accounts.all.empty()
                                 ? "the wallet has no account: `wallet new` makes one"
                                 : "which account? `wallet ls` lists them"));
}

std::optional<Asked> passphrase_given(ClientContext& context, const Request& request) {
  if (request.flag("no-passphrase")) return Asked{Secret(), true};
  if (!request.given("passphrase-file") || !context.passphrase) return std::nullopt;
  return Asked{context.passphrase->clone(), false};
}

Task<Asked> passphrase_of(ClientContext& context, const Request& request, SecretInput& input,
                          std::string what) {
  if (auto given = passphrase_given(context, request)) co_return *std::move(given);
  const std::string question = fmt::format("Passphrase of {}", what);
  KITH_CO_TRY(Secret typed, co_await input.ask(question));
  co_return Asked{std::move(typed), false};
}

Task<SecretArray<32>> unlock(ClientContext& context, const Request& request, const Account& account,
                             std::string what) {
  if (!what.empty() && context.terminal.err_is_terminal()) {
    KITH_CO_CHECK(context.terminal.err(
        fmt::format("{} signs {}\n", account.address.to_checksum(), printable(what))));
  }
  SecretInput input(context);
  KITH_CO_TRY(const Asked asked,
              co_await passphrase_of(context, request, input, secret_of(account)));
  const Wallet wallet = wallet_of(context, request);
  const auto work = [&] { return wallet.key(account, asked.passphrase.view()); };
  co_return co_await port::run_on(context.env.pool, work);
}

U256 fee_max(const Transaction& one) {
  const auto product = [](const U256& a, const U256& b) {
    const U256 all = a * b;
    return !b.is_zero() && all / b != a ? U256::max() : all;
  };
  const U256 blob_gas = U256(131072) * U256(one.blob_hashes.size());
  bool overflow = false;
  const U256 sum =
      U256::add(product(one.max_fee, one.gas_limit), product(one.max_blob_fee, blob_gas), overflow);
  return overflow ? U256::max() : sum;
}

std::vector<OptionSpec> with_passphrase(std::vector<OptionSpec> options) {
  using enum OptionKind;
  options.push_back({"passphrase-file", 0, text,
                     "File with the passphrase; else it is asked for, or the next line of standard "
                     "input.",
                     ""});
  options.push_back({"no-passphrase", 0, flag, "The empty passphrase.", ""});
  return options;
}

}  // namespace kith::api
