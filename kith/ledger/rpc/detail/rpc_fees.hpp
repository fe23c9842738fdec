// What transactions paid lately, and what a new one should (eth_gasPrice, eth_maxPriorityFeePerGas,
// eth_feeHistory). For .cpp files of rpc/ alone.
#pragma once

#include <kith/ledger/chain/chain.hpp>
#include <kith/ledger/rpc/detail/rpc_params.hpp>
#include <kith/ledger/rpc/rpc.hpp>

namespace kith::ledger::detail {

/// What most of the last blocks' transactions tipped; the default if there were none.
RpcResult<U256> suggested_tip(const Chain& chain, const RpcOptions& options);
/// The base fee of the block after the head; zero on a chain without one.
RpcResult<U256> coming_base_fee(const Chain& chain);
RpcResult<U256> coming_blob_fee(const Chain& chain);
RpcResult<json::object> fee_history(const Chain& chain, std::uint64_t blocks, std::uint64_t newest,
                                    const std::vector<double>& percentiles);

}  // namespace kith::ledger::detail
