// One chain on disk, and the parts that are opened from there:
//
//   genesis.json   how it begins, as geth writes it
//   blocks/        what is settled (chain/block_files.hpp)
//   index/         what isn't, and states; of bft also what makes blocks final
//   transactions   the journal of local transactions (txpool/tx_journal.hpp)
//
// Thread: calls block, so they are for workers; one at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <kith/ledger/chain/chain.hpp>
#include <kith/ledger/consensus/bft_driver/bft_consensus.hpp>
#include <kith/ledger/consensus/pow/pow_consensus.hpp>
#include <kith/ledger/network/finality_store.hpp>
#include <kith/ledger/txpool/tx_journal.hpp>
#include <kith/port/env.hpp>

namespace kith::ledger {

enum class ConsensusKind : std::uint8_t { pow, bft };
std::string_view name_of(ConsensusKind kind) noexcept;

struct ChainFilesOptions {
  std::string folder;
  /// States of all blocks are kept.
  bool archive = false;
  std::uint64_t seed = 0;
  /// Seconds since 1970. Thread: any.
  std::function<std::uint64_t()> now_s;
};

struct ChainFiles {
  /// Errc::invalid_argument if the genesis isn't one, or not of a consensus that is here;
  /// Errc::not_found if there is none; otherwise as of what is opened.
  static Result<std::unique_ptr<ChainFiles>> open(port::Env& env, const ChainFilesOptions& options);

  std::string genesis_text;
  Genesis genesis;
  ConsensusKind consensus = ConsensusKind::pow;
  // Null unless the consensus is that.
  std::unique_ptr<PowConsensus> pow;
  std::unique_ptr<BftConsensus> bft;
  std::unique_ptr<FinalityStore> finality;
  /// Of bft: what votes of this chain begin with.
  Hash vote_domain;
  std::unique_ptr<port::KeyValue> index;
  std::unique_ptr<BlockFiles> blocks;
  std::unique_ptr<Chain> chain;
  std::unique_ptr<TxJournal> journal;

  ConsensusRules& rules() const noexcept {
    return pow ? static_cast<ConsensusRules&>(*pow) : static_cast<ConsensusRules&>(*bft);
  }

 private:
  Result<void> open_consensus(const ChainFilesOptions& options);
};

/// What a genesis says of its consensus, before anything is made of it.
Result<ConsensusKind> consensus_of(std::string_view genesis_text);

}  // namespace kith::ledger
