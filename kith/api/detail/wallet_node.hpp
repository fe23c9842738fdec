// How the wallet's commands ask a node: which one, for how long, and what is shown meanwhile. Loop
// thread only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <kith/api/command.hpp>
#include <kith/api/detail/ethereum_node.hpp>
#include <kith/ledger/primitives/u256.hpp>

namespace kith::api {

using NodeWork = Task<void> (*)(ClientContext& context, const Request& request, EthereumNode& node);

/// Does the work with the node that --rpc-url names, or else with the chain of this home's daemon
/// that --chain names, and ends the connection. Who is not there is told with what to try.
Task<void> with_node(ClientContext& context, const Request& request, NodeWork work);
/// The options that with_node reads.
std::vector<OptionSpec> with_node_options(std::vector<OptionSpec> options);

/// The quantity that it is; nothing for a refusal and for nonsense.
std::optional<ledger::U256> quantity_of_answer(const NodeAnswer& answer);

/// "1.5 ether"
std::string in_ether(const ledger::U256& wei);

/// A line on the terminal that says what is waited for, and goes away with the object. Programs and
/// files get none.
class StatusLine {
 public:
  StatusLine(ClientContext& context, const Request& request);
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;
  ~StatusLine();

  void show(std::string_view text);

 private:
  Terminal& terminal_;
  bool is_shown_;
  bool is_drawn_ = false;
};

// The part of the group that asks nodes; add_wallet_commands adds it to the rest.
void add_wallet_send_commands(CommandTable& table);
void add_wallet_chain_commands(CommandTable& table);

}  // namespace kith::api
