// The official state tests: a state, one transaction, and what comes of it in each fork
// (ethereum/tests, GeneralStateTests; execution-spec-tests, state_tests). `kith evm statetest` and
// the suites in tests/ run them.
//
//   { NAME: { env, pre, transaction: { data: [], gasLimit: [], value: [], ... },
//             post: { FORK: [ { hash, logs, indexes: { data, gas, value }, expectException? } ] } }
//             }
//
// A case is one of post's. It passes if the state's root and the hash of the logs are those, and
// the transaction is refused where an exception is expected and only there. Thread: any.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <kith/base/result.hpp>
#include <kith/ledger/evm/revision.hpp>
#include <kith/ledger/evm/tracer.hpp>
#include <kith/ledger/primitives/types.hpp>

namespace kith::ledger {

struct StateTestOutcome {
  std::string name;
  Revision revision = newest_revision;
  std::size_t data = 0;
  std::size_t gas = 0;
  std::size_t value = 0;
  bool passed = false;
  Hash root;
  std::string fault;  ///< why it didn't pass
};

struct StateTestOptions {
  /// Only of this fork.
  std::optional<Revision> only;
  /// Only the test of this name.
  std::string name;
  Tracer* tracer = nullptr;
  /// Where the test doesn't say.
  std::uint64_t chain_id = 1;
  /// BlockContext's.
  std::optional<Address> fee_collector;
};

/// Runs every case of a file's text and tells of each. Forks that aren't known are passed over. An
/// error is of the text: it's no JSON, or none of a state test.
Result<void> run_state_tests(std::string_view text, const StateTestOptions& options,
                             const std::function<void(const StateTestOutcome&)>& tell);

}  // namespace kith::ledger
