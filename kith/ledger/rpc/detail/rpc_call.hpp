// Calls that change nothing: arguments, overrides of state and block, and a state to run them on.
// For .cpp files of rpc/ alone.
#pragma once

#include <map>
#include <memory>

#include <kith/ledger/chain/chain.hpp>
#include <kith/ledger/chain/transition.hpp>
#include <kith/ledger/rpc/detail/rpc_params.hpp>

namespace kith::ledger::detail {

/// The gas that a call may use which names none, and at most (geth's --rpc.gascap).
inline constexpr std::uint64_t call_gas_max = 50'000'000;

/// The block that a caller means by number, tag, hash, or {blockNumber | blockHash} (EIP-1898); the
/// head if the parameter isn't there. Nothing if there is no such block.
RpcResult<std::optional<Hash>> find_block(const Chain& chain, const Param& param);
/// The same; it must be there.
RpcResult<Hash> block_of(const Chain& chain, const Param& param);

struct CallArguments {
  Address from;
  Transaction transaction;  ///< without signature
  std::optional<std::uint64_t> gas;
  std::optional<std::uint64_t> nonce;
  bool has_fee = false;
};
/// The transaction object of eth_call and its like.
RpcResult<CallArguments> read_call(const Param& param, std::uint64_t chain_id);

/// Precompiled contracts that overrides have moved.
using MovedContracts = std::map<Address, const Precompile*>;

/// The third parameter of eth_call: what accounts are to have instead. The world is between two
/// transactions.
RpcResult<void> override_state(const Param& param, World& world, MovedContracts& moved);
/// The fourth: what the block is to say instead.
RpcResult<void> override_block(const Param& param, BlockContext& block);

/// "execution reverted" with what the contract says, or how else the call ended.
RpcError call_error(const TransactionResult& result);
std::string revert_reason(ByteView output);

/// A state after some block, on which calls run as if they were in that block. Each begins with
/// the state as it is there.
class CallSite {
 public:
  static RpcResult<CallSite> at(const Chain& chain, const Hash& block);

  const Header& header() const noexcept { return header_; }
  Revision revision() const noexcept { return revision_; }
  BlockContext& block() noexcept { return block_; }
  StateReader& reader() const noexcept { return *reader_; }
  /// Overrides that each call begins with; they are read when a call is run.
  void set_overrides(const Param& overrides) { overrides_ = overrides; }

  using Outcome = std::expected<TransactionResult, InvalidTransaction>;
  /// Runs it with that gas. A tracer may look on.
  RpcResult<Outcome> run(const CallArguments& call, std::uint64_t gas, Tracer* tracer = nullptr);
  /// The sender's balance and nonce, with overrides.
  RpcResult<AccountState> account(const Address& address);

 private:
  CallSite(std::unique_ptr<StateReader> reader, Header header, Revision revision,
           BlockContext block, BlobLimits blobs)
      : reader_(std::move(reader)),
        header_(std::move(header)),
        revision_(revision),
        block_(std::move(block)),
        blobs_(blobs) {}

  std::unique_ptr<StateReader> reader_;
  Header header_;
  Revision revision_;
  BlockContext block_;
  BlobLimits blobs_;
  Param overrides_{nullptr, ""};
};

RpcResult<std::string> call(CallSite& site, const CallArguments& call);
RpcResult<std::uint64_t> estimate_gas(CallSite& site, const CallArguments& call);
RpcResult<json::object> create_access_list(CallSite& site, CallArguments call);

}  // namespace kith::ledger::detail
