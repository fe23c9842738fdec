// What the wallet's commands share: which account is meant, its passphrase, its key; and how an
// answer is told to a program or to a person. Loop thread only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include <kith/api/command.hpp>
#include <kith/api/detail/secret_input.hpp>
#include <kith/crypto/random.hpp>
#include <kith/crypto/secret.hpp>
#include <kith/ledger/chain/transaction.hpp>
#include <kith/ledger/wallet/keystore.hpp>
#include <kith/ledger/wallet/wallet.hpp>

namespace kith::api {

/// Errc::invalid_argument, of which a person is told the text alone.
Error bad(std::string text);

/// --json or --enc=json. Errc::invalid_argument for an encoding that there isn't.
Result<bool> wants_json(const Request& request);
/// What a command has to say, to a program or to a person.
Result<void> tell(ClientContext& context, const Request& request, const json::object& value,
                  std::string_view text);

crypto::RandomFill random_of(ClientContext& context);
/// That of the home; with --light, files that are written cost little to open.
ledger::Wallet wallet_of(ClientContext& context, const Request& request);
/// The one that was named, or else the only one. Errc::not_found, Errc::invalid_argument.
Result<ledger::Account> account_named(const ledger::Wallet& wallet, const std::string& who);
/// What its passphrase opens, for a question.
std::string secret_of(const ledger::Account& account);

struct Asked {
  crypto::Secret passphrase;
  bool may_be_empty = false;

  ledger::Passphrase view() const { return {passphrase.view(), may_be_empty}; }
};

/// From a file if one was named, whatever KITH_PASSPHRASE says: that is the node's.
std::optional<Asked> passphrase_given(ClientContext& context, const Request& request);
/// That, or else it is asked for as the passphrase of `what`. What SecretInput::ask says.
Task<Asked> passphrase_of(ClientContext& context, const Request& request, SecretInput& input,
                          std::string what);
/// The account's secret key, by its passphrase. Before, a person at a terminal is told `what` it is
/// to sign; nothing of an empty one. What passphrase_of and Wallet::key say.
Task<crypto::SecretArray<32>> unlock(ClientContext& context, const Request& request,
                                     const ledger::Account& account, std::string what);

/// All that the transaction may take beside its value. 2^256 - 1 if it's more.
ledger::U256 fee_max(const ledger::Transaction& one);

/// The options by which passphrase_given is told.
std::vector<OptionSpec> with_passphrase(std::vector<OptionSpec> options);

}  // namespace kith::api
