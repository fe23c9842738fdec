// Runs a block on the state after its parent, and compares what comes of it with what its header
// says (Yellow Paper, 11.3; EIP-779, 2935, 4788, 4895, 6110, 7002, 7251, 7685).
//
// Thread: the world's.
#pragma once

#include <expected>
#include <functional>
#include <vector>

#include <kith/ledger/chain/block.hpp>
#include <kith/ledger/chain/fork_schedule.hpp>
#include <kith/ledger/chain/header_rules.hpp>
#include <kith/ledger/chain/receipt.hpp>
#include <kith/ledger/chain/transition.hpp>
#include <kith/ledger/evm/machine.hpp>

namespace kith::ledger {

/// Who calls contracts for the protocol (EIP-4788).
inline constexpr Address system_address{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                         0xff, 0xff, 0xff, 0xff, 0xff, 0xfe}};

// Contracts that the protocol itself calls (EIP-4788, 2935, 7002, 7251).
extern const Address beacon_roots_address;
extern const Address block_hashes_address;
extern const Address withdrawal_requests_address;
extern const Address consolidation_requests_address;

struct ProcessedBlock {
  std::vector<Receipt> receipts;
  std::uint64_t gas_used = 0;
  std::uint64_t blob_gas_used = 0;
  Bloom bloom;
  Hash receipts_root;
  Hash requests_hash;  ///< from Prague on
};

struct BlockRefusal {
  InvalidBlock reason;
  /// Of the transaction, if it's one's.
  std::optional<Error> cause;
  std::size_t transaction = 0;
};

/// What the EVM sees of a block with that header.
BlockContext block_context(const Header& header, const ForkSchedule& schedule, Revision revision,
                           std::function<Result<Hash>(std::uint64_t number)> hash_of);

class Processor {
 public:
  /// `hash_of` tells the hashes of the block's ancestors. All outlive the processor.
  Processor(const ForkSchedule& schedule, World& world,
            std::function<Result<Hash>(std::uint64_t number)> hash_of);

  /// Who tells the state's root between two transactions; before Byzantium receipts carry it.
  void set_root_of_state(std::function<Result<Hash>()> root) { root_of_state_ = std::move(root); }

  /// Runs all of the block. The world then is the state after it; its root isn't compared here. The
  /// senders may be known already, from a pool that has recovered them.
  Result<std::expected<ProcessedBlock, BlockRefusal>> run(const Block& block,
                                                          std::span<const Address> senders = {});

  // The same in steps, for who makes a block. Of its header what the EVM can ask must be there.
  Result<void> begin(const Header& header);
  /// Why the transaction can't be the block's next one; then it left nothing behind.
  Result<std::expected<void, Error>> apply(const Transaction& transaction, const Address& sender);
  /// With the ommers and withdrawals of the block.
  Result<std::expected<ProcessedBlock, BlockRefusal>> finish(const Block& block);
  /// What the last transaction did.
  const TransactionResult& last() const noexcept { return last_; }
  // For what-if blocks: whatever begin() has made of the header may be changed, transactions may be
  // asked for less, and who watches the machine may be told.
  BlockContext& context() noexcept { return context_; }
  void set_rules(const CallRules& rules) noexcept { rules_ = rules; }
  Machine& machine() noexcept { return machine_; }
  /// What the block used so far.
  std::uint64_t gas_used() const noexcept { return done_.gas_used; }
  const std::vector<Receipt>& receipts() const noexcept { return done_.receipts; }

  /// What the header must say of what has been run: gas, bloom, receipts, requests.
  static BlockValid compare(const ProcessedBlock& processed, const Header& header);

 private:
  Result<BlockValid> after_transactions(const Block& block);
  Result<std::optional<Bytes>> call_system(const Address& contract, ByteView input);
  void reward(const Block& block);

  const ForkSchedule& schedule_;
  World& world_;
  Machine machine_;
  std::function<Result<Hash>(std::uint64_t number)> hash_of_;
  std::function<Result<Hash>()> root_of_state_;
  BlockContext context_;
  BlobLimits blobs_;
  CallRules rules_;
  TransactionResult last_;
  ProcessedBlock done_;
};

}  // namespace kith::ledger
