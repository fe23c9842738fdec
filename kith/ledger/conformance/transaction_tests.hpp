// The official transaction tests: bytes that are a transaction in some forks and none in others
// (ethereum/tests, TransactionTests).
//
//   { NAME: { txbytes, result: { FORK: { hash, sender, intrinsicGas } | { exception } } } }
//
// Thread: any.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <kith/base/result.hpp>
#include <kith/ledger/evm/revision.hpp>

namespace kith::ledger {

struct TransactionTestOutcome {
  std::string name;
  Revision revision = newest_revision;
  bool passed = false;
  std::string fault;  ///< why it didn't pass
};

/// Runs every case of a file's text and tells of each. An error is of the text.
Result<void> run_transaction_tests(std::string_view text,
                                   const std::function<void(const TransactionTestOutcome&)>& tell);

}  // namespace kith::ledger
