// Blocks that might come, one after the other, with calls and overrides (eth_simulateV1 of
// execution-apis). For .cpp files of rpc/ alone.
#pragma once

#include <kith/ledger/chain/chain.hpp>
#include <kith/ledger/rpc/detail/rpc_params.hpp>

namespace kith::ledger::detail {

/// Simulates what `param` says on the state after that block.
RpcResult<json::array> simulate(const Chain& chain, const Hash& base, const Param& param);

}  // namespace kith::ledger::detail
