// BftHost: what a bft chain's driver (consensus/bft_driver) sees of a node: its chain, through the
// desks, and other validators, through their streams. And what a node that is behind needs of
// finality: which block it may take for final, by whose certificate.
//
// Loop thread only; what it asks the chain runs on workers.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <kith/ledger/consensus/bft_driver/bft_consensus.hpp>
#include <kith/ledger/consensus/bft_driver/bft_driver.hpp>
#include <kith/ledger/network/bft_streams.hpp>
#include <kith/ledger/network/chain_desk.hpp>
#include <kith/ledger/network/finality_store.hpp>
#include <kith/ledger/sync/eth_messages.hpp>

namespace kith::ledger {

/// All outlive the host.
struct BftParts {
  Chain& chain;
  ChainDesk& desk;
  TxDesk& pool;
  const BftConsensus& rules;
  FinalityStore& finality;
  /// Runs a change of the chain, when no other one runs.
  std::function<Task<Taking>(std::function<Result<Taking>()> work)> change;
  /// Gets a block that isn't here.
  std::function<void(const Hash& block)> want;
  /// A block is final, and this is its certificate: the one who built it tells everybody.
  std::function<void(Block block, Bytes certificate)> publish;
};

class BftHost final : public BftChain, public BftNetwork {
 public:
  /// `folder` is the driver's; `key` the node's identity, or nothing for one who follows.
  static Result<std::unique_ptr<BftHost>> make(port::Env& env, net::Swarm* swarm, BftParts parts,
                                               std::string folder, const Hash& vote_domain,
                                               std::optional<crypto::PrivateKey> key,
                                               FindPeer find_peer);
  ~BftHost() override;

  void start();
  Task<void> close_shielded();

  BftDriver& driver() noexcept { return *driver_; }
  /// Who gets what blocks that are built here pay.
  void set_coinbase(const Address& coinbase) noexcept { coinbase_ = coinbase; }

  // For who is behind; on workers.

  /// The proof of finality that answers a request: the newest of that block's epoch, if it is of
  /// that block or a later one.
  Finality answer(const GetFinality& request) const;
  /// Whether the certificate makes the block of that number final; our last final block is of its
  /// epoch, or ends the one before. What it proves.
  std::optional<BlockName> judge(const FinalityProof& proof) const;
  std::optional<bft::CertificatePtr> read_certificate(ByteView encoded) const;
  /// The blocks up to that one, which have been synced, are final. As a change.
  Result<Taking> finalize_synced(const BlockName& block, const bft::Certificate& certificate);

  // BftChain.
  Task<BftBlock> block(Hash hash) override;
  Task<BftBlock> finalized() override;
  Task<Hash> final_hash(std::uint64_t number) override;
  Task<std::shared_ptr<const bft::ValidatorSet>> validators_after(Hash block) override;
  Task<bft::CertificatePtr> last_finalization(bft::Epoch epoch) override;
  bool has_transactions() override { return parts_.pool.has_pending(); }
  Task<Hash> build(Hash parent, Instant deadline) override;
  Task<bft::PayloadVerdict> verify(Hash block, Hash parent) override;
  Task<void> finalize(BftBlock block, bft::CertificatePtr certificate) override;
  void wanted(const Hash& block) override { parts_.want(block); }

  // BftNetwork.
  void send(const bft::ValidatorKey& to, const Buffer& message) override;
  void publish(const Hash& block) override;
  void broke_rules(const bft::ValidatorKey& who) override;

 private:
  BftHost(port::Env& env, BftParts parts)
      : env_(env), log_(env.log, "bft"), parts_(std::move(parts)) {}

  Result<std::shared_ptr<const bft::ValidatorSet>> set_of(bft::Epoch epoch) const;
  Result<bft::ValidatorSet> set_in_state_after(const Hash& block) const;
  Result<Taking> build_now(const Hash& parent, Instant deadline, Block& built);
  Result<bft::PayloadVerdict> verify_now(const Hash& hash, const Hash& parent);
  Result<Taking> finalize_now(const BlockName& block, const bft::Certificate& certificate);
  void accuse(const BftAccusation& accusation);
  Task<void> take_block(bft::ValidatorKey from, Buffer encoded);

  port::Env& env_;
  port::Logger log_;
  BftParts parts_;
  Hash vote_domain_;
  std::unique_ptr<BftKeys> keys_;
  std::unique_ptr<BftStreams> streams_;
  std::unique_ptr<BftDriver> driver_;
  Address coinbase_;
  std::optional<Block> built_;  ///< the newest one of ours
};

}  // namespace kith::ledger
