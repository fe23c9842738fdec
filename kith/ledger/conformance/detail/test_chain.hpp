// A suite's chain: the real one, in memory.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <kith/ledger/chain/chain.hpp>
#include <kith/port/memory_key_value.hpp>

namespace kith::ledger::detail {

/// Proofs of work aren't looked at.
class TestChain {
 public:
  explicit TestChain(const Genesis& genesis);

  /// Nothing if it was taken, else why not.
  std::optional<std::string> add(ByteView encoded);
  Hash head() const { return chain_->head().hash; }
  Hash state_root() const { return chain_->header(head())->state_root; }
  /// Why there is no chain, if there is none.
  const std::optional<Error>& fault() const noexcept { return fault_; }

 private:
  std::optional<std::string> become_head(const Hash& hash);

  port::MemoryKeyValue store_;
  MemoryBlocks log_;
  UncheckedSeals rules_;
  std::unique_ptr<Chain> chain_;
  std::optional<Error> fault_;
};

}  // namespace kith::ledger::detail
