#include <algorithm>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/command.hpp>
#include <kith/api/detail/sentence.hpp>
#include <kith/api/detail/text.hpp>
#include <kith/api/detail/wallet_access.hpp>
#include <kith/api/detail/wallet_node.hpp>
#include <kith/http/uri.hpp>
#include <kith/ledger/primitives/amount.hpp>
#include <kith/port/file_system.hpp>

namespace kith::api {
namespace {

/// Where a daemon says that its chains are.
constexpr std::string_view local_file = "chain-rpc";
constexpr std::size_t local_file_bytes_max = 4'096;

Result<NodeAddress> local_node(ClientContext& context, const std::string& chain) {
  auto read = port::read_file(context.env.files, fmt::format("{}/{}", context.home, local_file),
                              local_file_bytes_max);
  if (!read) {
    return std::unexpected(
        say(fmt::format("there is no node to ask: no daemon with a chain runs on this home. Start "
                        "`{} daemon`, or name a node by --rpc-url, such as http://127.0.0.1:8545",
                        context.program)));
  }
  std::string_view url = as_text(*read);
  while (url.ends_with('\n') || url.ends_with('/'))
    url.remove_suffix(1);
  auto address = NodeAddress::parse(url);
  if (!address) return std::unexpected(address.error().with_context(std::string(local_file)));
  if (!chain.empty()) address->target = "/" + http::percent_encode(chain);
  return address;
}

Result<NodeAddress> node_address(ClientContext& context, const Request& request) {
  const std::string url = request.text("rpc-url");
  const std::string chain = request.text("chain");
  if (url.empty()) return local_node(context, chain);
  if (!chain.empty()) {
    return std::unexpected(
        bad("--chain is of this home's daemon, --rpc-url of any node: take one"));
  }
  return NodeAddress::parse(url);
}

}  // namespace

Task<void> with_node(ClientContext& context, const Request& request, NodeWork work) {
  KITH_CO_TRY(NodeAddress address, node_address(context, request));
  const bool named = request.given("rpc-url");
  const std::string hint =
      named ? "check --rpc-url, and that the node is running"
            : fmt::format("is `{} daemon` running? --rpc-url names another node", context.program);
  EthereumNode node(context.env, std::move(address), hint);
  auto outcome = co_await work(context, request, node);
  co_await node.close();
  co_return outcome;
}

std::vector<OptionSpec> with_node_options(std::vector<OptionSpec> options) {
  using enum OptionKind;
  options.push_back({"rpc-url", 'r', text,
                     "The node that is asked, by Ethereum's JSON-RPC over HTTP, for example "
                     "http://127.0.0.1:8545. Without, the daemon on this home.",
                     ""});
  options.push_back(
      {"chain", 0, text, "The daemon's chain of that name. Without, the only one.", ""});
  return options;
}

std::optional<ledger::U256> quantity_of_answer(const NodeAnswer& answer) {
  return answer ? quantity_of(*answer) : std::nullopt;
}

std::string in_ether(const ledger::U256& wei) {
  return ledger::format_amount(wei) + " ether";
}

StatusLine::StatusLine(ClientContext& context, const Request& request)
    : terminal_(context.terminal),
      is_shown_(context.terminal.err_is_terminal() && !wants_json(request).value_or(true)) {}

StatusLine::~StatusLine() {
  if (is_drawn_) static_cast<void>(terminal_.err("\r\x1b[K"));
}

void StatusLine::show(std::string_view text) {
  if (!is_shown_) return;
  is_drawn_ = true;
  const auto width = static_cast<std::size_t>(std::max(20, terminal_.columns() - 1));
  static_cast<void>(terminal_.err(fmt::format("\r\x1b[K{}", fitting(text, width))));
}

}  // namespace kith::api
