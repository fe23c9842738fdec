// wallet history, balance: what an account did and has on a chain, by a node that knows it.
#include <algorithm>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/command.hpp>
#include <kith/api/detail/account_history.hpp>
#include <kith/api/detail/sentence.hpp>
#include <kith/api/detail/text.hpp>
#include <kith/api/detail/wallet_access.hpp>
#include <kith/api/detail/wallet_node.hpp>

namespace kith::api {
namespace {

using namespace ledger;

constexpr std::int64_t history_blocks_max = 10'000'000;
constexpr std::size_t history_entries_max = 100'000;

/// Of the wallet, or anybody's address.
Result<Address> address_named(ClientContext& context, const Request& request) {
  if (const auto address = Address::parse(request.argument(0))) return *address;
  KITH_TRY(const Account account, account_named(wallet_of(context, request), request.argument(0)));
  return account.address;
}

struct History {
  std::uint64_t chain_id = 0;
  std::uint64_t head = 0;
  std::uint64_t oldest = 0;  ///< the first block that was looked at
  std::string stopped;       ///< why none before it was, though it was asked for
  std::vector<HistoryEntry> entries;
};

bool is_too_large(const NodeAnswer& answer) {
  return !answer && answer.error().words.find("too large") != std::string::npos;
}

/// The blocks first ... first - count + 1. Fewer if an answer would be too large, at least one.
Task<std::vector<NodeAnswer>> read_blocks(EthereumNode& node, std::uint64_t first,
                                          std::size_t count, std::size_t& at_once) {
  for (;;) {
    std::vector<NodeCall> calls;
    for (std::size_t i = 0; i < std::min(count, at_once); ++i) {
      calls.push_back(
          {"eth_getBlockByNumber", json::array{json::value(U256(first - i).to_hex()), true}});
    }
    auto answers = co_await node.call_all(std::move(calls), node_blocks_bytes_max);
    const bool too_large = answers ? std::ranges::any_of(*answers, is_too_large)
                                   : answers.error().is(Errc::limit_exceeded);
    if (!too_large || at_once == 1) co_return answers;
    at_once /= 2;
  }
}

/// Sets History::stopped when it can't go on.
Result<void> add_blocks(EthereumNode& node, const std::vector<NodeAnswer>& answers,
                        std::uint64_t first, const Address& account, History& history) {
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i] || answers[i]->is_null()) {
      history.stopped = answers[i] ? "the node has none before" : answers[i].error().explained();
      return {};
    }
    if (!add_from_block(*answers[i], first - i, account, history.entries))
      return std::unexpected(node.nonsense(fmt::format("no block {}", first - i)));
    history.oldest = first - i;
    if (history.entries.size() >= history_entries_max && history.oldest > 0) {
      history.stopped = fmt::format("{} transactions are enough", history.entries.size());
      return {};
    }
  }
  return {};
}

Task<void> add_receipts(EthereumNode& node, std::vector<HistoryEntry>& entries, StatusLine& line) {
  std::vector<HistoryEntry*> settled;
  for (HistoryEntry& entry : entries) {
    if (entry.block) settled.push_back(&entry);
  }
  for (std::size_t at = 0; at < settled.size();) {
    line.show(fmt::format("receipt {} of {}", at, settled.size()));
    const std::size_t count = std::min(node_batch_max, settled.size() - at);
    std::vector<NodeCall> calls;
    for (std::size_t i = 0; i < count; ++i) {
      calls.push_back(
          {"eth_getTransactionReceipt", json::array{json::value(settled[at + i]->hash.to_hex())}});
    }
    KITH_CO_TRY(const std::vector<NodeAnswer> answers,
                co_await node.call_all(std::move(calls), node_blocks_bytes_max));
    for (std::size_t i = 0; i < count; ++i) {
      if (!answers[i] || answers[i]->is_null()) continue;
      if (!add_receipt(*answers[i], *settled[at + i]))
        co_return std::unexpected(node.nonsense("no receipt of the transaction"));
    }
    at += count;
  }
  co_return Result<void>{};
}

/// Where the chain is, and what waits in the pool.
Task<History> begin_history(EthereumNode& node, Address account) {
  std::vector<NodeCall> calls{{"eth_chainId", {}},
                              {"eth_blockNumber", {}},
                              {"txpool_contentFrom", {json::value(account.to_hex())}}};
  KITH_CO_TRY(const std::vector<NodeAnswer> answers, co_await node.call_all(std::move(calls)));
  const auto id = quantity_of_answer(answers[0]);
  const auto head = quantity_of_answer(answers[1]);
  if (!id || !id->fits_64()) co_return std::unexpected(node.nonsense("no chain id"));
  if (!head || !head->fits_64()) co_return std::unexpected(node.nonsense("no number of a block"));
  History history{id->low(), head->low(), head->low() + 1, {}, {}};
  // Many nodes show their pool to nobody.
  if (answers[2] && !add_waiting(*answers[2], account, history.entries))
    co_return std::unexpected(node.nonsense("no content of a pool"));
  co_return history;
}

Task<History> read_history(ClientContext& context, const Request& request, EthereumNode& node,
                           Address account, std::uint64_t blocks) {
  StatusLine line(context, request);
  KITH_CO_TRY(History history, co_await begin_history(node, account));
  std::size_t at_once = node_batch_max;
  std::uint64_t done = 0;
  const std::uint64_t all = history.head < blocks ? history.head + 1 : blocks;
  while (done < all && history.stopped.empty()) {
    line.show(fmt::format("block {} of {}", done, all));
    const std::uint64_t first = history.head - done;
    KITH_CO_TRY(const std::vector<NodeAnswer> answers,
                co_await read_blocks(node, first, all - done, at_once));
    KITH_CO_CHECK(add_blocks(node, answers, first, account, history));
    done += answers.size();
  }
  if (history.oldest > history.head)
    co_return std::unexpected(say("the node gives no block: " + history.stopped));
  KITH_CO_CHECK(co_await add_receipts(node, history.entries, line));
  co_return history;
}

Task<void> history(ClientContext& context, const Request& request, EthereumNode& node) {
  KITH_CO_TRY(const Address account, address_named(context, request));
  const auto blocks = static_cast<std::uint64_t>(request.integer("blocks").value_or(0));
  KITH_CO_TRY(const History found, co_await read_history(context, request, node, account, blocks));
  if (!found.stopped.empty()) {
    KITH_CO_CHECK(context.terminal.err(
        fmt::format("Only the blocks from {} on: {}\n", found.oldest, found.stopped)));
  }
  json::array list;
  std::string text;
  for (const HistoryEntry& entry : found.entries) {
    list.push_back(value_of(entry, account));
    text += line_of(entry, account);
  }
  const json::object value{{"account", account.to_checksum()},
                           {"chainId", found.chain_id},
                           {"fromBlock", found.oldest},
                           {"toBlock", found.head},
                           {"transactions", std::move(list)}};
  if (text.empty()) {
    text = fmt::format("{}: nothing in the blocks {} to {}\n", account.to_checksum(), found.oldest,
                       found.head);
  }
  co_return tell(context, request, value, text);
}

Task<void> run_history(ClientContext& context, const Request& request) {
  KITH_CO_CHECK(wants_json(request));
  KITH_CO_CHECK(address_named(context, request));
  const std::int64_t blocks = request.integer("blocks").value_or(0);
  if (blocks < 1 || blocks > history_blocks_max)
    co_return std::unexpected(bad(fmt::format("--blocks is from 1 to {}", history_blocks_max)));
  co_return co_await with_node(context, request, history);
}

/// Of the one that was named, or else of all.
Result<std::vector<Account>> accounts_named(ClientContext& context, const Request& request) {
  const std::string who = request.argument(0);
  const Wallet wallet = wallet_of(context, request);
  if (who.empty()) {
    KITH_TRY(Accounts accounts, wallet.accounts());
    if (accounts.all.empty()) KITH_CHECK(account_named(wallet, ""));
    return std::move(accounts.all);
  }
  std::vector<Account> one(1);
  if (auto found = wallet.find(who)) {
    one[0] = *std::move(found);
  } else {
    KITH_TRY(one[0].address, address_named(context, request));
  }
  return one;
}

Task<void> balance(ClientContext& context, const Request& request, EthereumNode& node) {
  KITH_CO_TRY(const std::vector<Account> accounts, accounts_named(context, request));
  json::array list;
  std::string text;
  for (std::size_t at = 0; at < accounts.size();) {
    const std::size_t count = std::min(node_batch_max, accounts.size() - at);
    std::vector<NodeCall> calls;
    for (std::size_t i = 0; i < count; ++i) {
      calls.push_back({"eth_getBalance",
                       json::array{json::value(accounts[at + i].address.to_hex()), "latest"}});
    }
    KITH_CO_TRY(const std::vector<NodeAnswer> answers, co_await node.call_all(std::move(calls)));
    for (std::size_t i = 0; i < count; ++i, ++at) {
      const auto wei = quantity_of_answer(answers[i]);
      if (!wei) co_return std::unexpected(node.nonsense("a balance that is no number"));
      const std::string address = accounts[at].address.to_checksum();
      const std::string label = printable(accounts[at].label);
      list.push_back(json::object{
          {"address", address}, {"label", accounts[at].label}, {"balance", wei->to_decimal()}});
      text +=
          fmt::format("{}  {}{}{}\n", address, in_ether(*wei), label.empty() ? "" : "  ", label);
    }
  }
  co_return tell(context, request, {{"accounts", std::move(list)}}, text);
}

Task<void> run_balance(ClientContext& context, const Request& request) {
  KITH_CO_CHECK(wants_json(request));
  KITH_CO_CHECK(accounts_named(context, request));
  co_return co_await with_node(context, request, balance);
}

}  // namespace

void add_wallet_chain_commands(CommandTable& table) {
  using enum OptionKind;
  table.add(
      {.path = "wallet history",
       .tagline = "Show what an account sent and was sent.",
       .description =
           "The newest first, after those that wait for a block (if the node shows them): block, "
           "time, direction, the other end, amount in ether, fee, how it went, hash. Blocks are "
           "read one by one: what contracts pass on among themselves, and what blocks pay their "
           "authors, stands in none.",
       .arguments = {{.name = "account",
                      .required = false,
                      .help = "Address (anybody's) or label; without, the only account."}},
       .options = with_node_options({{"blocks", 'n', integer, "How many, from the last.", "1000"}}),
       .examples = {{"wallet history savings", "The last 1000 blocks."},
                    {"wallet history -n 50 --json 0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
                     "Somebody else's, for a program."}},
       .where = Where::client,
       .run_client = run_history});
  table.add({.path = "wallet balance",
             .tagline = "Show what accounts have.",
             .description = "In ether; with --json, in wei.",
             .arguments = {{.name = "account",
                            .required = false,
                            .help = "Address (anybody's) or label; without, every account."}},
             .options = with_node_options({}),
             .examples = {{"wallet balance", "All accounts of the wallet."}},
             .where = Where::client,
             .run_client = run_balance});
}

}  // namespace kith::api
