// Ethereum's JSON-RPC on a chain (execution-apis; EIP-1474, 1898, 1186, 7910): what wallets,
// libraries and explorers ask. Text in, text out; transports are api/'s.
//
//   eth_*      blocks, transactions, receipts, logs, filters, accounts, proofs, calls, fees
//   net_*, web3_*, txpool_*, debug_getRaw*
//
// `latest` and `pending` are the head; `safe` and `finalized` the last block that consensus has
// made final, the genesis if it makes none so.
//
// Thread: calls block, so they are for workers; any number at the same time.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <kith/ledger/chain/chain.hpp>
#include <kith/ledger/rpc/pending.hpp>

namespace boost::json {
class array;
class value;
}  // namespace boost::json

namespace kith::ledger {

struct RpcOptions {
  std::string client_version = "kith";
  /// What a tip should be when the last blocks tell nothing, in wei.
  U256 default_tip = 1'000'000'000;
  std::uint64_t log_blocks_max = 10'000;  ///< one eth_getLogs looks at
  std::size_t logs_max = 10'000;          ///< one answer has
  std::size_t filters_max = 1'000;        ///< that nobody has asked for lately are forgotten first
  std::size_t batch_max = 1'000;          ///< requests
  std::size_t answer_bytes_max = 25 << 20;  ///< of a batch
};

/// What a node knows besides its chain. Each may be empty.
struct RpcNode {
  /// The block that others have, while this node is still behind.
  std::function<std::optional<BlockName>()> syncing_to;
  std::function<std::uint64_t()> peer_count;
  /// Who has sent a transaction, if it isn't who signed it: for development.
  std::function<std::optional<Address>(const Transaction&)> sender_of;
  /// When the next block will be, which calls on `pending` and estimates see, so that they know of
  /// a time that a developer has set. Without it they see the head's.
  std::function<std::uint64_t()> coming_timestamp{};
};

class ChainRpc {
 public:
  /// All outlive it. Without `pending` nothing can be sent.
  ChainRpc(const Chain& chain, PendingTransactions* pending, RpcNode node, RpcOptions options);
  ~ChainRpc();

  /// A request or a batch of them; the answer, empty if none is due (notifications).
  std::string handle(std::string_view request);

  /// Asks another chain from now on. Nobody else may be asking meanwhile.
  void set_chain(const Chain& chain);

  using Method = std::function<RpcResult<boost::json::value>(const boost::json::array& params)>;
  /// A method that this doesn't have, or another one in its place. Before the first request.
  void add(std::string name, Method method);
  RpcResult<boost::json::value> call(std::string_view method, const boost::json::array& params);

 private:
  class Methods;
  std::string handle_one(const boost::json::value& request);

  RpcOptions options_;
  std::unique_ptr<Methods> own_;
  std::map<std::string, Method, std::less<>> methods_;
};

}  // namespace kith::ledger
