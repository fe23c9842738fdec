// BftDriverState: epochs one after the other, and the messages that belong to none or to another
// than the one that runs (bft_driver.hpp). Loop thread.
#pragma once

#include <deque>
#include <map>

#include <kith/ledger/consensus/bft_driver/detail/epoch_run.hpp>
#include <kith/ledger/consensus/bft_driver/detail/evidence_file.hpp>
#include <kith/port/task_group.hpp>

namespace kith::ledger::detail {

class BftDriverState {
 public:
  BftDriverState(port::Env& env, BftChain& chain, BftNetwork& network, const BftKeys& keys,
                 BftDriverOptions options);
  ~BftDriverState();

  void start();
  Task<void> close_shielded();

  void on_message(const bft::ValidatorKey& from, ByteView message);
  void on_certificate(const bft::CertificatePtr& certificate);
  void on_block();
  void on_synced();
  void on_transactions();
  BftStatus status() const;

 private:
  /// Of the next epoch.
  struct Early {
    bft::ValidatorKey from{};
    bft::Message message;
    std::size_t bytes = 0;
  };
  /// Who is to be told how a past epoch ended.
  struct Behind {
    bft::ValidatorKey who{};
    bft::Epoch epoch = 0;
  };

  Task<void> run();
  Task<void> run_epoch();
  Task<EpochPlan> plan_epoch();
  Task<std::string> may_vote(EpochPlan& plan);
  void open_early();
  Task<void> answer_loop();
  Task<void> evidence_loop();

  void on_current(const bft::ValidatorKey& from, bft::Message message, std::size_t bytes);
  void on_early(const bft::ValidatorKey& from, bft::Message message, std::size_t bytes);
  void on_past(const bft::ValidatorKey& from, bft::Epoch epoch, const bft::Message& message);
  void ask_how_it_ended(const bft::ValidatorKey& from);
  bool may_answer(const bft::ValidatorKey& whom);
  void send(const bft::ValidatorKey& to, const bft::Message& message);
  Task<bft::CertificatePtr> ending_of(bft::Epoch epoch);
  void accuse(const BftAccusation& accusation);
  std::string evidence_path() const { return options_.folder + "/evidence"; }
  Instant now() const { return env_.clock.now(); }

  port::Env& env_;
  port::Logger log_;
  BftChain& chain_;
  BftNetwork& network_;
  const BftKeys& keys_;
  BftDriverOptions options_;
  VoteLog votes_;
  EpochMeans means_;
  bool started_ = false;
  std::unique_ptr<EpochRun> epoch_;
  std::string trouble_;  ///< with beginning an epoch

  std::deque<Early> early_;
  std::size_t early_bytes_ = 0;
  std::map<bft::ValidatorKey, Instant> answered_;
  std::deque<Behind> behind_;
  port::Event behind_wake_;
  std::map<bft::Epoch, bft::CertificatePtr> endings_;
  std::vector<BftAccusation> evidence_;
  bool evidence_changed_ = false;
  port::Event evidence_wake_;
  port::TaskGroup tasks_;
};

}  // namespace kith::ledger::detail
