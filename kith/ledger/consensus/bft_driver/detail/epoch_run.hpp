// EpochRun: one epoch's engine at work (bft_driver.hpp). Four tasks share it: one feeds the engine
// and carries out what it says, in its order; the others build, judge and finalize blocks, as these
// wait for the chain's workers. They talk by what is set here and by the events beside it.
// Loop thread.
#pragma once

#include <array>
#include <deque>
#include <functional>

#include <kith/ledger/consensus/bft_driver/bft_driver.hpp>
#include <kith/ledger/consensus/bft_driver/detail/vote_log.hpp>
#include <kith/port/event.hpp>

namespace kith::ledger::detail {

/// What an epoch begins with.
struct EpochPlan {
  bft::Epoch epoch = 0;
  Hash before;           ///< the block that the epoch's first one builds on
  BftBlock final_block;  ///< the newest final one: that, or one of the epoch
  std::shared_ptr<const bft::ValidatorSet> set;
  std::optional<bft::ValidatorIndex> self;  ///< in the set
  std::string why_not;                      ///< it doesn't vote; empty: it does
  std::vector<bft::Record> records;
};

/// What an epoch works with.
struct EpochMeans {
  port::Env& env;
  const port::Logger& log;
  BftChain& chain;
  BftNetwork& network;
  const BftKeys& keys;
  const BftParameters& parameters;
  VoteLog& votes;
  std::function<void(const BftAccusation&)> accuse;
};

class EpochRun {
 public:
  EpochRun(const EpochMeans& means, EpochPlan plan);
  ~EpochRun();
  EpochRun(const EpochRun&) = delete;
  EpochRun& operator=(const EpochRun&) = delete;

  /// Before run(). An error if the log isn't one to go on with; the object is of no use then.
  bft::Decoded<void> begin();
  /// Returns when the epoch's last block is final, or the chain has gone on without us.
  Task<void> run();

  void take(bft::ValidatorIndex from, bft::Message message, std::size_t bytes);
  void take(const bft::CertificatePtr& finalization);
  void on_block();
  void on_synced();
  void on_transactions();

  const EpochPlan& plan() const noexcept { return plan_; }
  const bft::ValidatorSet& set() const noexcept { return *plan_.set; }
  const bft::Engine& engine() const noexcept { return engine_; }
  /// Of the epoch's last block; null if that came by a sync, or hasn't come.
  const bft::CertificatePtr& ending() const noexcept { return ending_; }
  void describe(BftStatus& into);

 private:
  struct ViewTimer final : port::Timer {
    void on_fire() override {
      due = true;
      run->wake_.notify_all();
    }
    EpochRun* run = nullptr;
    bft::View view = 0;
    Duration after{};
    bool due = false;
  };
  struct RestTimer final : port::Timer {
    void on_fire() override { run->update_rest(); }
    EpochRun* run = nullptr;
  };
  struct Waiting {
    bft::Message message;
    std::size_t bytes = 0;
  };
  struct Inbox {
    std::deque<Waiting> messages;
    std::size_t bytes = 0;
  };
  struct Built {
    bft::View view = 0;
    std::optional<Hash> block;
  };
  struct Judged {
    bft::Proposal proposal;
    bft::PayloadVerdict verdict = bft::PayloadVerdict::unavailable;
  };

  // The engine.
  Task<void> vote_loop();
  bool step(bft::Actions& actions);
  bool step_message(bft::Actions& actions);
  void after_step();
  Task<void> carry_out(bft::Actions actions);
  Task<void> persist(bft::Persist order);
  void on(const bft::Send& order);
  void on(const bft::Arm& order);
  void on(const bft::Build& order);
  void on(const bft::Verify& order);
  void on(const bft::Notarized& told);
  void on(const bft::Finalized& told);
  void on(const bft::Accuse& order);
  void on(const bft::Persist& order);

  // Blocks.
  Task<void> build_loop();
  Task<Hash> build(bft::Build order);
  Task<BftBlock> block_when_here(Hash hash, bft::View view);
  Task<void> wait_until_due(BftBlock parent, bft::View view);
  Task<void> verify_loop();
  Task<bft::PayloadVerdict> judge(bft::Verify order);
  Task<void> finalize_loop();
  Task<void> finalize(bft::CertificatePtr certificate);
  Task<void> look_at_chain();

  // Pace.
  Duration until_due(std::uint64_t timestamp) const;
  Duration time_to_build() const;
  bool may_rest();
  bool others_go_on();
  void update_rest();
  void arm(ViewTimer& timer);

  bool is_stale(bft::View view) const { return ended_ || view != engine_.view(); }
  Instant now() const { return means_.env.clock.now(); }
  void set_trouble(std::string& place, std::string what);

  const EpochMeans& means_;
  EpochPlan plan_;
  std::unique_ptr<bft::Verifier> verifier_;
  std::unique_ptr<bft::Signer> signer_;
  bft::Engine engine_;
  bft::Actions first_actions_;
  bool ended_ = false;
  std::string log_trouble_;
  std::string chain_trouble_;

  port::Event wake_;           ///< the engine has something to do
  port::Event build_wake_;     ///< the builder, or what it waits for may have come
  port::Event verify_wake_;    ///< the judge likewise
  port::Event finalize_wake_;  ///< who finalizes likewise

  std::array<ViewTimer, 4> timers_;
  std::vector<Inbox> inbox_;  ///< by validator
  std::size_t next_inbox_ = 0;
  bft::CertificatePtr told_;  ///< a finalization from elsewhere
  std::optional<Built> built_;
  std::optional<Judged> judged_;

  std::optional<bft::Build> to_build_;
  std::optional<bft::Verify> to_verify_;
  std::optional<bft::Verify> unavailable_;  ///< the last one, asked again when a block comes
  std::uint64_t blocks_seen_ = 0;
  bft::CertificatePtr to_finalize_;
  bft::CertificatePtr finalized_;  ///< the newest that the chain has taken
  bft::CertificatePtr ending_;
  bool look_ = false;  ///< at what the chain says is final

  BftBlock candidate_;  ///< the newest that we built or found valid
  /// The timestamp of the newest notarized block, or final one; nothing: of one that isn't here.
  std::optional<std::uint64_t> newest_timestamp_;
  BftBlock final_;
  Instant final_since_;
  bft::View seen_view_ = 0;
  bool resting_ = false;
  bft::View rested_in_ = 0;
  bft::View awake_in_ = 0;  ///< the view that doesn't rest (any more)
  RestTimer rest_timer_;
};

}  // namespace kith::ledger::detail
