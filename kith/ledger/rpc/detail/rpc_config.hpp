// Which rules a chain has now and will have (EIP-7910), and what names them (EIP-2124, 6122). For
// .cpp files of rpc/ alone.
#pragma once

#include <kith/ledger/chain/chain.hpp>
#include <kith/ledger/rpc/detail/rpc_params.hpp>

namespace kith::ledger::detail {

/// Of the rules in force at that block.
std::uint32_t fork_id(const Hash& genesis, const ForkSchedule& schedule, std::uint64_t number,
                      std::uint64_t timestamp);
json::object chain_config(const Chain& chain, std::uint64_t head_timestamp);

}  // namespace kith::ledger::detail
