// An engine, validator 0 of four, whose three peers say what the input makes them say, signed:
// votes of every kind for two payloads, certificates of any of them, requests, answers, false
// signatures, in any order; time-outs and the application's answers come when the input likes, and
// the machine stops and starts again.
//
// Invariants, whoever else lies: it never votes twice in a kind for a view, never both nullifies
// and finalizes one, notarizes only what it was told is valid, sends no vote before it is logged,
// never goes back to an earlier view or final payload, and holds a bounded number of views.
#include <fuzz/kinds.hpp>

#include <kith/base/assert.hpp>
#include <kith/ledger/consensus/bft/engine.hpp>
#include <kith/ledger/consensus/bft/test_validators.hpp>

namespace kith::fuzz {

using namespace ledger::bft;

Kinds kinds_bft_engine{"built",     "verified", "nullified", "accused",
                       "restarted", "refused",  "finalized"};

namespace {

constexpr std::size_t steps_max = 2000;

Options options() {
  Options small;
  small.open_views_max = 24;
  small.window = 4;
  small.vote_views = 4;
  small.evidence_views = 2;
  small.skip_views = 5;
  small.log_bytes = 1000;
  return small;
}

class Rig {
 public:
  explicit Rig(ByteView input) : input_(input) { boot(); }

  void run() {
    for (std::size_t i = 0; i < steps_max && !input_.empty(); ++i)
      step();
  }

 private:
  std::uint8_t take() {
    if (input_.empty()) return 0;
    const std::uint8_t byte = input_[0];
    input_ = input_.subspan(1);
    return byte;
  }

  void boot() {
    engine_ = std::make_unique<Engine>(set_, options(), verifier_, &signer_, ValidatorIndex{0});
    Actions actions;
    ASSERT(engine_->start(log_, actions));
    carry_out(actions);
  }

  /// A view near the engine's, one of two payloads, the parent that the high bits say.
  Proposal proposal() {
    const std::uint8_t how = take();
    const View near = engine_->view() + (how & 7);
    const View view = near > 3 ? near - 3 : 1;
    const View back = 1 + (how >> 3 & 7);
    return {view, view > back ? view - back : 0, test_hash(view * 2 + (how >> 6 & 1))};
  }

  CertificatePtr certificate(VoteKind kind, std::uint8_t who) {
    std::vector<ValidatorIndex> by;
    for (ValidatorIndex i = 1; i < 4; ++i) {
      if ((who >> i & 1) == 0) by.push_back(i);
    }
    if (by.empty()) by.push_back(1);
    return fake_certificate(kind, proposal(), by);
  }

  Message message(std::uint8_t what) {
    const auto kind = static_cast<VoteKind>(1 + take() % 3);
    switch (what) {
      case 0:
        return certificate(kind, take());
      case 1:
        return Request{0,
                       {{engine_->view() > 4 ? engine_->view() - take() % 4 : 1, Request::either}}};
      case 2:
        return Response{0, {certificate(kind, take()), certificate(VoteKind::nullify, 0)}};
      default: {
        Vote vote = fake_vote(kind, proposal(), static_cast<ValidatorIndex>(1 + what % 3));
        if (take() >= 250) vote.signature[0] ^= 1;
        return vote;
      }
    }
  }

  void step() {
    Actions actions;
    const std::uint8_t op = take();
    if (op < 200) {
      const auto from = static_cast<ValidatorIndex>(1 + op % 3);
      const Received came = engine_->receive(from, message(op / 4 % 16), actions);
      kinds_bft_engine.reached_if(came == Received::invalid, "refused");
    } else if (op < 230) {
      engine_->timer(static_cast<Timer>(op % 4), engine_->view(), actions);
    } else if (op < 245) {
      if (op % 3 != 0 && verify_) {
        judged_ = verify_->proposal;
        const auto verdict = static_cast<PayloadVerdict>(take() % 3);
        valid_ = verdict == PayloadVerdict::valid;
        engine_->verdict(verify_->proposal, verdict, actions);
      } else {
        own_payload_ = test_hash(1'000'000 + take());
        engine_->built(engine_->view(), op % 2 == 0 ? std::optional(own_payload_) : std::nullopt,
                       actions);
      }
    } else {
      kinds_bft_engine.reached("restarted");
      boot();
      return;
    }
    carry_out(actions);
  }

  void carry_out(const Actions& actions) {
    ASSERT(engine_->view() >= view_ && engine_->final_proposal().view >= final_);
    view_ = engine_->view();
    final_ = engine_->final_proposal().view;
    ASSERT(engine_->views_held() <= 24 + 4 + 2 + 2);
    for (const Action& action : actions)
      std::visit([&](const auto& one) { on(one); }, action);
  }

  void on(const Persist& persist) {
    if (persist.replaces_all) log_.clear();
    log_.push_back(persist.record);
    if (const Vote* vote = std::get_if<Vote>(&persist.record)) on_cast(*vote);
  }
  void on_cast(const Vote& vote) {
    for (const Vote& before : cast_)
      ASSERT(!votes_conflict(before, vote));
    if (vote.kind() == VoteKind::notarize) {
      const bool is_own = vote.says.about.payload == own_payload_;
      ASSERT(is_own || (valid_ && judged_ == vote.says.about));
      kinds_bft_engine.reached(is_own ? "built" : "verified");
    }
    kinds_bft_engine.reached_if(vote.kind() == VoteKind::nullify, "nullified");
    cast_.push_back(vote);
  }
  void on(const Send& sent) {
    ASSERT(!sent.to.test(0) && sent.to.is_within(4) && !sent.to.none());
    ASSERT(decode_message(encode_message(sent.message)));
    if (const Vote* vote = std::get_if<Vote>(&sent.message))
      ASSERT(std::ranges::find(cast_, *vote) != cast_.end());
  }
  void on(const Arm& arm) { ASSERT(arm.after > Duration::zero() && arm.view <= view_); }
  void on(const Build& build) { ASSERT(build.parent.view < build.view); }
  void on(const Verify& verify) {
    ASSERT(verify.parent.view == verify.proposal.parent);
    verify_ = verify;
  }
  void on(const Notarized&) {}
  void on(const Finalized& is_final) {
    ASSERT(is_final.certificate->kind() == VoteKind::finalize);
    kinds_bft_engine.reached("finalized");
  }
  void on(const Accuse& accuse) {
    ASSERT(accuse.evidence->is_valid(*set_, verifier_) && accuse.evidence->accused() != 0);
    kinds_bft_engine.reached("accused");
  }

  ByteView input_;
  std::shared_ptr<const ValidatorSet> set_ = test_set(4);
  FakeVerifier verifier_;
  FakeSigner signer_{0};
  std::unique_ptr<Engine> engine_;
  std::vector<Record> log_;
  std::vector<Vote> cast_;
  std::optional<Verify> verify_;
  Proposal judged_;
  bool valid_ = false;
  ledger::Hash own_payload_;
  View view_ = 0;
  View final_ = 0;
};

}  // namespace

void fuzz_bft_engine(ByteView input) {
  Rig(input).run();
}

}  // namespace kith::fuzz
