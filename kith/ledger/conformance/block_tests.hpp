// The official blockchain tests: a genesis, blocks that must be taken or refused, and the head and
// state that come of them (ethereum/tests, BlockchainTests; execution-spec-tests,
// blockchain_tests). `kith evm blocktest` and the suites in tests/ run them.
//
//   { NAME: { network, genesisBlockHeader, genesisRLP, pre,
//             blocks: [ { rlp, expectException? } ], lastblockhash, postState | postStateHash } }
//
// Proofs of work aren't looked at. Thread: any.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <kith/base/result.hpp>
#include <kith/ledger/chain/fork_schedule.hpp>

namespace kith::ledger {

struct BlockTestOutcome {
  std::string name;
  std::string network;
  bool passed = false;
  std::string fault;  ///< why it didn't pass
};

/// The rules of a network by the tests' name of it: "Cancun", "BerlinToLondonAt5", ... Nothing if a
/// fork of it isn't known.
std::optional<ForkSchedule> schedule_of_network(std::string_view network);

/// Runs every test of a file's text and tells of each. Networks that aren't known are passed over.
/// An error is of the text: it's no JSON, or none of a blockchain test.
Result<void> run_block_tests(std::string_view text, std::string_view only_name,
                             const std::function<void(const BlockTestOutcome&)>& tell);

}  // namespace kith::ledger
