// wallet send: a transaction made whole by what a node knows of its chain, signed and handed in.
#include <algorithm>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/command.hpp>
#include <kith/api/detail/sentence.hpp>
#include <kith/api/detail/text.hpp>
#include <kith/api/detail/wallet_access.hpp>
#include <kith/api/detail/wallet_node.hpp>
#include <kith/base/duration.hpp>
#include <kith/ledger/primitives/amount.hpp>
#include <kith/ledger/wallet/error.hpp>

namespace kith::api {
namespace {

using namespace ledger;
using crypto::SecretArray;

/// What nodes take of one transaction (geth's txMaxSize), as data.
constexpr std::size_t data_bytes_max = 128 * 1024;
/// More than that no node's suggestion costs: geth stops there, too (--rpc.txfeecap).
constexpr std::uint64_t unasked_fee_max = wei_per_ether;
constexpr Duration first_poll = 100ms;
constexpr Duration last_poll = 2s;
/// So many times a number must be taken by another transaction before that is believed: between two
/// questions a block may have come.
constexpr int taken_polls = 3;

// What is wanted.

struct Wish {
  std::optional<Address> to;  ///< none: a contract is made
  U256 amount;
  Bytes data;
  std::optional<U256> max_fee;
  std::optional<U256> tip;
  std::optional<std::uint64_t> gas_limit;
  std::optional<std::uint64_t> nonce;
  std::optional<Duration> patience;
};

Result<Address> recipient_of(std::string_view text) {
  if (const auto address = Address::parse(text)) return *address;
  const std::string shown = printable(text.substr(0, 100));
  if (!text.starts_with("0x"))
    return std::unexpected(bad(fmt::format("\"{}\" isn't an address: one begins with 0x", shown)));
  if (text.size() != 2 + 2 * Address::size) {
    return std::unexpected(bad(fmt::format(
        "\"{}\" isn't an address: it has {} digits instead of 40", shown, text.size() - 2)));
  }
  if (!from_hex(text.substr(2)))
    return std::unexpected(bad(fmt::format("\"{}\" isn't an address: 0 to 9 and a to f", shown)));
  return std::unexpected(bad(
      fmt::format("{} isn't what somebody copied: the case of its letters is a checksum (ERC-55), "
                  "which is wrong. Is a digit mistyped?",
                  shown)));
}

Result<U256> amount_of(std::string_view what, std::string_view text, EtherUnit plain) {
  if (const auto amount = parse_amount(text, plain)) return *amount;
  const std::string_view examples =
      plain == EtherUnit::wei ? "20gwei, or a number of wei" : "1.5 (of ether), 20gwei or 100wei";
  return std::unexpected(bad(fmt::format("{}: \"{}\" isn't an amount, such as {}", what,
                                         printable(text.substr(0, 100)), examples)));
}

Result<std::optional<U256>> price_option(const Request& request, const std::string& option) {
  const std::string text = request.text(option);
  if (text.empty()) return std::nullopt;
  KITH_TRY(const U256 price, amount_of("--" + option, text, EtherUnit::wei));
  // A fee of 2^64 gas at that price fits 256 bits.
  if (price.bit_width() <= 128) return price;
  return std::unexpected(bad(fmt::format("--{} is too large", option)));
}

Result<std::optional<std::uint64_t>> count_option(const Request& request,
                                                  const std::string& option) {
  const auto value = request.integer(option);
  if (!value) return std::nullopt;
  if (*value < 0) return std::unexpected(bad(fmt::format("--{} isn't below zero", option)));
  return static_cast<std::uint64_t>(*value);
}

Result<Bytes> data_of(const Request& request) {
  const std::string text = request.text("data");
  std::string_view digits = text;
  if (digits.starts_with("0x")) digits.remove_prefix(2);
  auto data = from_hex(digits);
  if (!data) return std::unexpected(bad("--data isn't hexadecimal"));
  if (data->size() <= data_bytes_max) return *std::move(data);
  return std::unexpected(bad("--data is longer than 128 KiB, and no node takes that"));
}

Result<void> check_words(const Request& request, bool creates) {
  const std::size_t words = request.arguments().size();
  if (!creates && words == 0) {
    return std::unexpected(
        bad("to whom? An address; or --create with --data, which makes a contract"));
  }
  if (!creates && words == 1 && !request.given("data")) return std::unexpected(bad("how much?"));
  if (creates && words > 1)
    return std::unexpected(bad("--create makes a contract: it is sent to no address"));
  if (creates && request.text("data").empty())
    return std::unexpected(bad("--create wants the contract's code in --data"));
  return {};
}

Result<Wish> wish_of(const Request& request) {
  KITH_CHECK(wants_json(request));
  const bool creates = request.flag("create");
  KITH_CHECK(check_words(request, creates));
  Wish wish;
  if (!creates) {
    KITH_TRY(wish.to, recipient_of(request.argument(0)));
  }
  if (const std::string amount = request.argument(creates ? 0 : 1); !amount.empty()) {
    KITH_TRY(wish.amount, amount_of("AMOUNT", amount, EtherUnit::ether));
  }
  KITH_TRY(wish.data, data_of(request));
  KITH_TRY(wish.max_fee, price_option(request, "gas-price"));
  KITH_TRY(wish.tip, price_option(request, "priority-gas-price"));
  KITH_TRY(wish.gas_limit, count_option(request, "gas-limit"));
  KITH_TRY(wish.nonce, count_option(request, "nonce"));
  if (request.given("timeout")) {
    KITH_TRY(wish.patience, parse_duration(request.text("timeout")));
  }
  return wish;
}

// What the chain says.

/// What has to be known before a transaction is whole.
struct Standing {
  std::uint64_t chain_id = 0;
  std::uint64_t nonce = 0;
  U256 balance;
  bool has_base_fee = false;
  U256 base_fee;  ///< of the next block
  U256 tip;       ///< what the node would add
  U256 gas_price;
};

std::vector<NodeCall> standing_calls(const Address& account) {
  const std::string who = account.to_hex();
  return {{"eth_chainId", {}},
          {"eth_getTransactionCount", {json::value(who), "pending"}},
          {"eth_getBalance", {json::value(who), "latest"}},
          {"eth_getBlockByNumber", {"latest", false}},
          {"eth_feeHistory", {"0x1", "latest", json::array()}},
          {"eth_maxPriorityFeePerGas", {}},
          {"eth_gasPrice", {}}};
}

/// The last of them is the next block's.
std::optional<U256> coming_base_fee(const NodeAnswer& history) {
  if (!history || !history->is_object()) return std::nullopt;
  const json::value* fees = history->get_object().if_contains("baseFeePerGas");
  if (fees == nullptr || !fees->is_array() || fees->get_array().empty()) return std::nullopt;
  return quantity_of(fees->get_array().back());
}

Task<Standing> standing_of(EthereumNode& node, Address account) {
  KITH_CO_TRY(const std::vector<NodeAnswer> answers,
              co_await node.call_all(standing_calls(account)));
  for (std::size_t i = 0; i < 4; ++i) {
    if (answers[i]) continue;
    co_return std::unexpected(
        say(fmt::format("the node at {} doesn't answer: {}", node.address().authority(),
                        answers[i].error().explained())));
  }
  const auto id = quantity_of(*answers[0]);
  const auto nonce = quantity_of(*answers[1]);
  const auto balance = quantity_of(*answers[2]);
  if (!id || !id->fits_64() || id->is_zero())
    co_return std::unexpected(node.nonsense("a chain id that is no number"));
  if (!nonce || !nonce->fits_64())
    co_return std::unexpected(node.nonsense("a nonce that is no number"));
  if (!balance) co_return std::unexpected(node.nonsense("a balance that is no number"));
  if (!answers[3]->is_object()) co_return std::unexpected(node.nonsense("no latest block"));
  const auto base_fee = quantity_in(*answers[3], "baseFeePerGas");
  Standing standing;
  standing.chain_id = id->low();
  standing.nonce = nonce->low();
  standing.balance = *balance;
  standing.has_base_fee = base_fee.has_value();
  standing.base_fee = coming_base_fee(answers[4]).value_or(base_fee.value_or(0));
  standing.gas_price = quantity_of_answer(answers[6]).value_or(standing.base_fee);
  const U256 rest =
      standing.gas_price > standing.base_fee ? standing.gas_price - standing.base_fee : U256();
  standing.tip = quantity_of_answer(answers[5]).value_or(rest);
  for (const U256& price : {standing.base_fee, standing.tip, standing.gas_price}) {
    if (price.bit_width() > 128)
      co_return std::unexpected(node.nonsense("a price of gas beyond all money"));
  }
  co_return standing;
}

/// Twice the base fee, so that six full blocks may raise it meanwhile, and a tip. A chain whose
/// base fee is 0 is one without fees.
Result<void> set_fees(const Wish& wish, const Standing& standing, Transaction& transaction) {
  if (!standing.has_base_fee) {
    if (wish.tip)
      return std::unexpected(bad("--priority-gas-price: this chain has a gas price alone"));
    transaction.type = Transaction::Type::legacy;
    transaction.max_fee = transaction.max_priority_fee = wish.max_fee.value_or(standing.gas_price);
    return {};
  }
  // No block would have it, and whoever waits for one would wait until the fee has fallen.
  if (wish.max_fee && *wish.max_fee < standing.base_fee) {
    return std::unexpected(bad(fmt::format("--gas-price is below what the chain takes now, {} gwei",
                                           format_amount(standing.base_fee, EtherUnit::gwei))));
  }
  transaction.type = Transaction::Type::dynamic_fee;
  U256 tip = standing.base_fee.is_zero() ? U256() : standing.tip;
  if (wish.max_fee) tip = std::min(tip, *wish.max_fee);
  transaction.max_priority_fee = wish.tip.value_or(tip);
  transaction.max_fee =
      wish.max_fee.value_or(standing.base_fee * U256(2) + transaction.max_priority_fee);
  if (transaction.max_priority_fee <= transaction.max_fee) return {};
  return std::unexpected(bad("--priority-gas-price is a part of --gas-price, and can't be more"));
}

/// Nothing if it needs more than 256 bits.
std::optional<U256> sum_of(const U256& a, const U256& b) {
  bool overflow = false;
  const U256 sum = U256::add(a, b, overflow);
  return overflow ? std::nullopt : std::optional(sum);
}

Error too_poor(const Standing& standing, const std::string& wanted, const U256& total) {
  return say(fmt::format("not enough: the account has {}, and {}: {} are missing",
                         in_ether(standing.balance), wanted, in_ether(total - standing.balance)));
}

Result<void> check_amount(const Standing& standing, const U256& amount) {
  if (amount <= standing.balance) return {};
  return std::unexpected(
      too_poor(standing, fmt::format("{} are to be sent", in_ether(amount)), amount));
}

Result<void> check_cost(const Wish& wish, const Standing& standing,
                        const Transaction& transaction) {
  const U256 fee = fee_max(transaction);
  if (!wish.max_fee && fee > U256(unasked_fee_max)) {
    return std::unexpected(say(fmt::format(
        "the node wants a fee of up to {}, which is more than {}: if that is right, say "
        "so by --gas-price {}",
        in_ether(fee), in_ether(unasked_fee_max), transaction.max_fee.to_decimal())));
  }
  const U256 total = sum_of(transaction.value, fee).value_or(U256::max());
  if (total <= standing.balance) return {};
  return std::unexpected(too_poor(standing,
                                  fmt::format("{} are to be sent, with a fee of at most {}",
                                              in_ether(transaction.value), in_ether(fee)),
                                  total));
}

Task<std::uint64_t> estimated_gas(EthereumNode& node, Address from, Transaction transaction) {
  json::object call{{"from", from.to_hex()}, {"value", transaction.value.to_hex()}};
  if (transaction.to) call["to"] = transaction.to->to_hex();
  if (!transaction.data.empty()) call["data"] = "0x" + to_hex(transaction.data);
  std::vector<NodeCall> calls;
  calls.push_back({"eth_estimateGas", json::array{std::move(call)}});
  KITH_CO_TRY(const std::vector<NodeAnswer> answers, co_await node.call_all(std::move(calls)));
  if (!answers.front()) {
    co_return std::unexpected(
        say("the transaction would fail: " + answers.front().error().explained()));
  }
  const auto gas = quantity_of(*answers.front());
  if (!gas || !gas->fits_64() || gas->is_zero())
    co_return std::unexpected(node.nonsense("an estimate of gas that is no number"));
  co_return gas->low();
}

/// All but its signature, and it can be paid for.
Task<Transaction> whole_transaction(EthereumNode& node, const Wish& wish, Address from) {
  KITH_CO_TRY(const Standing standing, co_await standing_of(node, from));
  Transaction transaction;
  transaction.chain_id = standing.chain_id;
  transaction.nonce = wish.nonce.value_or(standing.nonce);
  transaction.to = wish.to;
  transaction.value = wish.amount;
  transaction.data = wish.data;
  KITH_CO_CHECK(set_fees(wish, standing, transaction));
  KITH_CO_CHECK(check_amount(standing, wish.amount));
  if (wish.gas_limit) {
    transaction.gas_limit = *wish.gas_limit;
  } else {
    KITH_CO_TRY(transaction.gas_limit, co_await estimated_gas(node, from, transaction));
  }
  KITH_CO_CHECK(check_cost(wish, standing, transaction));
  co_return transaction;
}

// What is done.

std::string overview_of(const Account& account, const Transaction& one) {
  const std::string label = account.label.empty() ? "" : "  " + printable(account.label);
  std::string text =
      fmt::format("From    {}{}\nTo      {}\nAmount  {}\n", account.address.to_checksum(), label,
                  one.to ? one.to->to_checksum() : "a new contract", in_ether(one.value));
  if (!one.data.empty()) text += fmt::format("Data    {} bytes\n", one.data.size());
  return text + fmt::format("Fee     at most {} ({} gas at {} gwei)\nChain   {}, nonce {}\n",
                            in_ether(fee_max(one)), one.gas_limit,
                            format_amount(one.max_fee, EtherUnit::gwei), *one.chain_id, one.nonce);
}

Task<void> confirm(ClientContext& context, const Request& request, std::string overview) {
  const bool asks = SecretInput::is_terminal() && !request.flag("yes") && !request.flag("dry-run");
  if (asks || !wants_json(request).value_or(false)) KITH_CO_CHECK(context.terminal.err(overview));
  if (!asks) co_return Result<void>{};
  SecretInput input(context);
  KITH_CO_TRY(const crypto::Secret answer, co_await input.ask_openly("Send it? [y/N]"));
  const std::string_view said = as_text(answer.view());
  if (said == "y" || said == "Y" || said == "yes") co_return Result<void>{};
  co_return std::unexpected(Error(Errc::refused, "nothing was sent"));
}

json::object value_of(const Address& from, const Transaction& one, const Hash& hash,
                      std::string_view status) {
  return {{"hash", hash.to_hex()},
          {"from", from.to_checksum()},
          {"to", one.to ? json::value(one.to->to_checksum()) : json::value(nullptr)},
          {"value", one.value.to_decimal()},
          {"nonce", one.nonce},
          {"chainId", *one.chain_id},
          {"block", nullptr},
          {"status", std::string(status)}};
}

Task<void> hand_in(EthereumNode& node, std::string raw, Hash hash) {
  std::vector<NodeCall> calls;
  calls.push_back({"eth_sendRawTransaction", json::array{json::value(raw)}});
  auto answers = co_await node.call_all(std::move(calls));
  if (!answers) {
    co_return std::unexpected(
        say(fmt::format("{} (the transaction may have been sent: its hash is {})",
                        sentence_of(answers.error()), hash.to_hex())));
  }
  const NodeAnswer& answer = answers->front();
  if (!answer) {
    co_return std::unexpected(
        say("the node doesn't take the transaction: " + answer.error().explained()));
  }
  const auto named = answer->is_string() ? Hash::parse(answer->get_string()) : std::nullopt;
  if (named == hash) co_return Result<void>{};
  co_return std::unexpected(
      node.nonsense(fmt::format("another hash than {}, which was sent", hash.to_hex())));
}

/// What a block made of it.
struct Settled {
  std::uint64_t block = 0;
  bool succeeded = false;
  U256 gas_used;
  U256 fee;
  std::optional<Address> contract;
};

Result<Settled> settled_of(const EthereumNode& node, const json::value& receipt, const Hash& hash) {
  const auto block = quantity_in(receipt, "blockNumber");
  const auto gas = quantity_in(receipt, "gasUsed");
  const auto status = quantity_in(receipt, "status");
  if (hash_in(receipt, "transactionHash") != hash || !block || !block->fits_64() || !gas ||
      !gas->fits_64() || !status)
    return std::unexpected(node.nonsense("no receipt of the transaction"));
  const U256 price = quantity_in(receipt, "effectiveGasPrice").value_or(0);
  if (price.bit_width() > 128)
    return std::unexpected(node.nonsense("a price of gas beyond all money"));
  return Settled{block->low(), !status->is_zero(), *gas, *gas * price,
                 address_in(receipt, "contractAddress")};
}

Task<Settled> wait_for_block(ClientContext& context, const Request& request, EthereumNode& node,
                             const Wish& wish, Address from, std::uint64_t nonce, Hash hash) {
  port::Clock& clock = context.env.clock;
  const Instant begun = clock.now();
  StatusLine line(context, request);
  int taken = 0;
  for (Duration pause = first_poll;; pause = std::min(pause * 2, last_poll)) {
    std::vector<NodeCall> calls;
    calls.push_back({"eth_getTransactionReceipt", json::array{json::value(hash.to_hex())}});
    calls.push_back({"eth_getTransactionCount", json::array{json::value(from.to_hex()), "latest"}});
    KITH_CO_TRY(const std::vector<NodeAnswer> answers, co_await node.call_all(std::move(calls)));
    // A node that has just begun to index says so by an error.
    if (answers[0] && !answers[0]->is_null()) co_return settled_of(node, *answers[0], hash);
    const auto count = quantity_of_answer(answers[1]);
    taken = count && *count > U256(nonce) ? taken + 1 : 0;
    if (taken == taken_polls) {
      co_return std::unexpected(
          say(fmt::format("another transaction of nonce {} is in the chain instead", nonce)));
    }
    const Duration passed = clock.now() - begun;
    if (wish.patience && passed >= *wish.patience) {
      co_return std::unexpected(say(fmt::format("no block has taken the transaction within {}",
                                                format_duration(*wish.patience))));
    }
    line.show(fmt::format("waiting for a block: {}",
                          format_duration(std::chrono::floor<std::chrono::seconds>(passed))));
    KITH_CO_CHECK(co_await port::sleep_for(clock, pause));
  }
}

Result<void> tell_settled(ClientContext& context, const Request& request, json::object value,
                          const Settled& settled) {
  value["block"] = settled.block;
  value["status"] = settled.succeeded ? "success" : "failed";
  value["gasUsed"] = settled.gas_used.to_decimal();
  value["fee"] = settled.fee.to_decimal();
  const bool has_contract = settled.contract && settled.succeeded;
  if (has_contract) value["contract"] = settled.contract->to_checksum();
  std::string text = fmt::format("block {}: {} gas, fee {}\n", settled.block,
                                 settled.gas_used.to_decimal(), in_ether(settled.fee));
  if (has_contract) text += fmt::format("contract {}\n", settled.contract->to_checksum());
  KITH_CHECK(tell(context, request, value, text));
  if (settled.succeeded) return {};
  return std::unexpected(
      say(fmt::format("the transaction failed in block {}: its fee is paid, and nothing else of it "
                      "has happened",
                      settled.block)));
}

Task<void> send(ClientContext& context, const Request& request, EthereumNode& node) {
  KITH_CO_TRY(const Wish wish, wish_of(request));
  const Wallet wallet = wallet_of(context, request);
  KITH_CO_TRY(const Account account, account_named(wallet, request.text("from")));
  KITH_CO_TRY(Transaction transaction, co_await whole_transaction(node, wish, account.address));
  KITH_CO_CHECK(co_await confirm(context, request, overview_of(account, transaction)));
  KITH_CO_TRY(const SecretArray<32> key, co_await unlock(context, request, account, ""));
  if (!transaction.sign(key)) co_return std::unexpected(WalletError::bad_key);
  const Hash hash = transaction.hash();
  const std::string raw = "0x" + to_hex(transaction.encode());
  json::object value = value_of(account.address, transaction, hash, "pending");
  if (request.flag("dry-run")) {
    value["status"] = "signed";
    value["raw"] = raw;
    co_return tell(context, request, value, raw + "\n");
  }
  KITH_CO_CHECK(co_await hand_in(node, raw, hash));
  if (request.flag("async")) co_return tell(context, request, value, hash.to_hex() + "\n");
  if (!wants_json(request).value_or(false))
    KITH_CO_CHECK(context.terminal.out(hash.to_hex() + "\n"));
  const auto settled = co_await wait_for_block(context, request, node, wish, account.address,
                                               transaction.nonce, hash);
  if (settled) co_return tell_settled(context, request, std::move(value), *settled);
  if (settled.error().is(Errc::cancelled)) co_return std::unexpected(settled.error());
  co_return std::unexpected(say(fmt::format("{}; the transaction was sent: {}",
                                            sentence_of(settled.error()), hash.to_hex())));
}

Task<void> run_send(ClientContext& context, const Request& request) {
  // What can't be meant isn't asked about.
  KITH_CO_CHECK(wish_of(request));
  co_return co_await with_node(context, request, send);
}

}  // namespace

void add_wallet_send_commands(CommandTable& table) {
  using enum OptionKind;
  table.add(
      {.path = "wallet send",
       .tagline = "Send money, call a contract, or make one.",
       .description =
           "Asks a node for what a transaction needs, signs it here and hands it in; the key stays "
           "in the wallet. Then it waits for the block that takes it, for as long as --timeout "
           "says, or else until it comes.\n\n"
           "AMOUNT counts in ether, or in the unit behind it: 1.5, 1.5ether, 20gwei, 100wei. "
           "Without --gas-price at most twice the present base fee is paid, and the tip that the "
           "node suggests; nothing on a chain without fees. What is going to happen is shown, and "
           "on a terminal asked about, before anything is signed.\n\n"
           "Options are called as cast calls them.",
       .arguments = {{.name = "to",
                      .required = false,
                      .help = "An address; none with --create. If its letters are of both cases, "
                              "they must be right (ERC-55)."},
                     {.name = "amount", .required = false, .help = "0 if there is --data."}},
       .options = with_passphrase(with_node_options(
           {{"from", 'f', text, "The account: address or label. Without, the only one.", ""},
            {"data", 0, text, "What a contract is called with, as hexadecimal.", ""},
            {"create", 0, flag, "Make a contract: --data is its creation code.", ""},
            {"gas-limit", 0, integer, "How much gas it may use. Without, it is estimated.", ""},
            {"gas-price", 0, text,
             "At most this for each gas: a number of wei, or with a unit (20gwei).", ""},
            {"priority-gas-price", 0, text, "As much of it for the block's author.", ""},
            {"nonce", 0, integer,
             "The transaction's number. Without, the next one; that of one that waits, to take its "
             "place.",
             ""},
            {"async", 0, flag, "Don't wait for a block.", ""},
            {"dry-run", 0, flag, "Print the signed transaction, and don't send it.", ""},
            {"yes", 'y', flag, "Don't ask.", ""}})),
       .examples = {{"wallet send 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 1.5",
                     "One and a half ether."},
                    {"wallet send --rpc-url http://127.0.0.1:8545 0x7099... 20gwei",
                     "By another node than this home's."},
                    {"wallet send --create --data 0x6005600c60003960056000f3...",
                     "A new contract."}},
       .where = Where::client,
       .run_client = run_send});
}

}  // namespace kith::api
