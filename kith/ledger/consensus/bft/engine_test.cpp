#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include <kith/ledger/consensus/bft/engine.hpp>
#include <kith/ledger/consensus/bft/test_validators.hpp>

namespace kith::ledger::bft {
namespace {

using enum VoteKind;

Options quick() {
  Options options;
  options.genesis = test_hash(1);
  options.leader_timeout = 20ms;
  options.notarization_timeout = 30ms;
  options.retry_interval = 40ms;
  options.fetch_timeout = 5ms;
  return options;
}

/// Four, of whom any three are a quorum and any two more than a third; the last, whose stake is
/// less, leads none of the first four views.
std::shared_ptr<const ValidatorSet> four() {
  for (std::uint64_t last = 50;; ++last) {
    const std::uint64_t stakes[] = {100, 100, 100, last};
    auto set = test_set(stakes);
    LeaderSchedule schedule(*set, 0);
    bool leads = false;
    for (View view = 1; view <= 4; ++view)
      leads = leads || schedule.leader(view) == 3;
    if (!leads) return set;
  }
}

ValidatorIndex leader_of(View view) {
  const auto set = four();
  return LeaderSchedule(*set, 0).leader(view);
}

/// One engine of the four, the last if it isn't said. What it is told by the others is the test's
/// word.
class Rig {
 public:
  explicit Rig(Options its_options = quick(), ValidatorIndex who = 3)
      : options(its_options), self(who), schedule_(*set, options.epoch), signer_(who) {
    EXPECT_TRUE(boot());
  }

  /// From the log, as after a crash.
  Decoded<void> boot() {
    engine =
        std::make_unique<Engine>(set, options, verifier, is_observer ? nullptr : &signer_, self);
    Actions started;
    const auto result = engine->start(log, started);
    take(started);
    return result;
  }
  void observe() {
    is_observer = true;
    log.clear();
    ASSERT_TRUE(boot());
  }

  ValidatorIndex leader(View view) { return schedule_.leader(view); }
  /// The others, the leader of the view, if it is one of them, first.
  std::vector<ValidatorIndex> others(View view = 1) {
    std::vector<ValidatorIndex> all;
    if (leader(view) != self) all.push_back(leader(view));
    for (ValidatorIndex i = 0; i < 4; ++i) {
      if (i != self && i != leader(view)) all.push_back(i);
    }
    return all;
  }

  Received say(const Vote& vote) {
    Actions out;
    const Received came = engine->receive(vote.by, vote, out);
    take(out);
    return came;
  }
  Received give(const CertificatePtr& certificate,
                std::optional<ValidatorIndex> from = std::nullopt) {
    Actions out;
    const Received came = engine->receive(from.value_or(others()[0]), certificate, out);
    take(out);
    return came;
  }
  Received give(ValidatorIndex from, const Message& message) {
    Actions out;
    const Received came = engine->receive(from, message, out);
    take(out);
    return came;
  }
  Received propose(const Proposal& about) {
    return say(fake_vote(notarize, about, leader(about.view)));
  }
  void judge(const Proposal& about, PayloadVerdict verdict = PayloadVerdict::valid) {
    Actions out;
    engine->verdict(about, verdict, out);
    take(out);
  }
  void built(View view, const std::optional<Hash>& payload) {
    Actions out;
    engine->built(view, payload, out);
    take(out);
  }
  void fire(Timer timer, std::optional<View> view = std::nullopt) {
    Actions out;
    engine->timer(timer, view.value_or(engine->view()), out);
    take(out);
  }

  CertificatePtr certificate(VoteKind kind, const Proposal& about) {
    return fake_certificate(kind, about, others());
  }

  /// The view's proposal, judged valid, is notarized by the others, and so here.
  Proposal notarized_view() {
    const Proposal about = next();
    propose(about);
    judge(about);
    for (const ValidatorIndex one : others(about.view))
      say(fake_vote(notarize, about, one));
    return about;
  }
  void finalized_view() {
    const Proposal about = notarized_view();
    for (const ValidatorIndex one : others(about.view))
      say(fake_vote(finalize, about, one));
  }
  /// What an honest leader of the current view would propose if the view before was notarized.
  Proposal next() const {
    const View view = engine->view();
    return {view, view - 1, test_hash(view * 10)};
  }

  /// The last action of that type since the last clear(); null if there was none.
  template <class T>
  const T* last() const {
    for (auto at = actions.rbegin(); at != actions.rend(); ++at) {
      if (const T* one = std::get_if<T>(&*at)) return one;
    }
    return nullptr;
  }
  template <class T>
  std::size_t number_of() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        actions, [](const Action& one) { return std::holds_alternative<T>(one); }));
  }
  /// Votes of that kind sent since clear().
  std::vector<Vote> sent(VoteKind kind) const {
    std::vector<Vote> found;
    for (const Action& action : actions) {
      const Send* send = std::get_if<Send>(&action);
      const Vote* vote = send == nullptr ? nullptr : std::get_if<Vote>(&send->message);
      if (vote != nullptr && vote->kind() == kind) found.push_back(*vote);
    }
    return found;
  }
  template <class M>
  std::vector<std::pair<M, ValidatorBits>> messages() const {
    std::vector<std::pair<M, ValidatorBits>> found;
    for (const Action& action : actions) {
      const Send* send = std::get_if<Send>(&action);
      if (send == nullptr) continue;
      if (const M* one = std::get_if<M>(&send->message)) found.emplace_back(*one, send->to);
    }
    return found;
  }
  std::optional<Duration> armed(Timer timer) const {
    for (auto at = actions.rbegin(); at != actions.rend(); ++at) {
      const Arm* arm = std::get_if<Arm>(&*at);
      if (arm != nullptr && arm->timer == timer) return arm->after;
    }
    return std::nullopt;
  }
  std::uint64_t times(Transition transition) const {
    return engine->counts()[static_cast<std::size_t>(transition)];
  }
  void clear() { actions.clear(); }

  Options options;
  std::shared_ptr<const ValidatorSet> set = four();
  ValidatorIndex self;
  bool is_observer = false;
  FakeVerifier verifier;
  std::unique_ptr<Engine> engine;
  Actions actions;
  std::vector<Record> log;
  std::vector<Vote> cast;  ///< over all restarts

 private:
  /// What holds always: a vote is in the log, durably, before it is sent, and contradicts none
  /// before it.
  void take(const Actions& made) {
    for (const Action& action : made) {
      if (const Persist* persist = std::get_if<Persist>(&action)) {
        if (persist->replaces_all) log.clear();
        log.push_back(persist->record);
        if (const Vote* vote = std::get_if<Vote>(&persist->record)) {
          EXPECT_TRUE(persist->wait || vote->by != self ||
                      times(Transition::own_vote_came_back) > 0);
          for (const Vote& before : cast)
            EXPECT_FALSE(votes_conflict(before, *vote));
          cast.push_back(*vote);
        }
      } else if (const Send* send = std::get_if<Send>(&action)) {
        if (const Vote* vote = std::get_if<Vote>(&send->message))
          EXPECT_NE(std::ranges::find(cast, *vote), cast.end()) << "sent before it was logged";
        EXPECT_TRUE(is_observer || !send->to.test(self));
        EXPECT_TRUE(decode_message(encode_message(send->message)));
      }
      actions.push_back(action);
    }
  }

  LeaderSchedule schedule_;
  FakeSigner signer_;
};

TEST(BftEngine, BeginsItsLogByWhoseItIs) {
  const Rig rig;
  ASSERT_FALSE(rig.actions.empty());
  const Persist* first = std::get_if<Persist>(&rig.actions.front());
  ASSERT_NE(first, nullptr);
  EXPECT_TRUE(first->wait && first->replaces_all);
  EXPECT_EQ(std::get<Snapshot>(first->record).set, rig.set->hash());
  EXPECT_EQ(rig.engine->view(), 1U);
  EXPECT_EQ(rig.armed(Timer::leader), 20ms);
  EXPECT_EQ(rig.armed(Timer::notarization), 30ms);
}

TEST(BftEngine, TheLeaderBuildsOnWhatIsNotarizedAndProposes) {
  Rig rig(quick(), leader_of(1));
  ASSERT_NE(rig.last<Build>(), nullptr);
  EXPECT_EQ(rig.last<Build>()->parent, (Proposal{0, 0, test_hash(1)}));
  rig.built(1, test_hash(10));
  ASSERT_EQ(rig.sent(notarize).size(), 1U);
  EXPECT_EQ(rig.sent(notarize)[0].says.about, (Proposal{1, 0, test_hash(10)}));
  rig.built(1, test_hash(11));
  EXPECT_EQ(rig.sent(notarize).size(), 1U) << "it proposes once";
}

TEST(BftEngine, ALeaderThatCantBuildGivesItsViewUp) {
  Rig rig(quick(), leader_of(1));
  rig.built(1, std::nullopt);
  EXPECT_EQ(rig.sent(nullify).size(), 1U);
  rig.built(1, test_hash(10));
  EXPECT_TRUE(rig.sent(notarize).empty());
}

TEST(BftEngine, NotarizesWhatTheApplicationCallsValid) {
  Rig rig;
  const Proposal about = rig.next();
  EXPECT_EQ(rig.propose(about), Received::taken);
  ASSERT_NE(rig.last<Verify>(), nullptr);
  EXPECT_EQ(rig.last<Verify>()->proposal, about);
  EXPECT_EQ(rig.last<Verify>()->parent.payload, test_hash(1));
  EXPECT_TRUE(rig.sent(notarize).empty()) << "before the verdict";
  rig.judge({about.view, about.parent, test_hash(99)});
  EXPECT_TRUE(rig.sent(notarize).empty()) << "a verdict on something else";
  rig.judge(about);
  EXPECT_EQ(rig.sent(notarize).size(), 1U);
  rig.judge(about);
  EXPECT_EQ(rig.sent(notarize).size(), 1U);
}

TEST(BftEngine, OnlyTheLeadersVoteIsAProposal) {
  Rig rig;
  const Proposal about = rig.next();
  rig.say(fake_vote(notarize, about, rig.others()[1]));
  EXPECT_EQ(rig.last<Verify>(), nullptr);
}

TEST(BftEngine, OfTwoProposalsTheFirstCounts) {
  Rig rig;
  const Proposal first = rig.next();
  Proposal second = first;
  second.payload = test_hash(666);
  rig.propose(first);
  rig.propose(second);
  ASSERT_NE(rig.last<Accuse>(), nullptr);
  EXPECT_EQ(rig.last<Accuse>()->evidence->accused(), rig.leader(1));
  EXPECT_TRUE(rig.last<Accuse>()->evidence->is_valid(*rig.set, rig.verifier));
  rig.judge(second);
  EXPECT_TRUE(rig.sent(notarize).empty());
  rig.judge(first);
  EXPECT_EQ(rig.sent(notarize).size(), 1U);
}

TEST(BftEngine, AnInvalidPayloadIsNullifiedAtOnce) {
  Rig rig;
  rig.propose(rig.next());
  rig.judge(rig.next(), PayloadVerdict::invalid);
  EXPECT_EQ(rig.sent(nullify).size(), 1U);
  EXPECT_EQ(rig.armed(Timer::retry), 40ms);
  rig.judge(rig.next(), PayloadVerdict::valid);
  EXPECT_TRUE(rig.sent(notarize).empty()) << "no vote to notarize after one to nullify";
}

TEST(BftEngine, AnUnavailablePayloadIsAskedForAgainAndMayStillCome) {
  Rig rig;
  const Proposal about = rig.next();
  rig.propose(about);
  rig.judge(about, PayloadVerdict::unavailable);
  EXPECT_EQ(rig.number_of<Verify>(), 1U);
  rig.fire(Timer::leader);
  EXPECT_EQ(rig.number_of<Verify>(), 2U);
  EXPECT_TRUE(rig.sent(nullify).empty()) << "the proposal was there in time";
  rig.judge(about, PayloadVerdict::unavailable);
  rig.fire(Timer::leader);
  EXPECT_EQ(rig.number_of<Verify>(), 2U);
  rig.judge(about);
  EXPECT_EQ(rig.sent(notarize).size(), 1U);
}

TEST(BftEngine, NullifiesWhenNoProposalComesInTime) {
  Rig rig;
  rig.fire(Timer::leader);
  EXPECT_EQ(rig.sent(nullify).size(), 1U);
  EXPECT_EQ(rig.armed(Timer::retry), 40ms);
  rig.fire(Timer::notarization);
  EXPECT_EQ(rig.sent(nullify).size(), 1U);
  rig.propose(rig.next());
  EXPECT_EQ(rig.last<Verify>(), nullptr) << "too late to be voted for";
}

TEST(BftEngine, NullifiesWhenNoNotarizationComesInTimeThoughItVotedForIt) {
  Rig rig;
  const Proposal about = rig.next();
  rig.propose(about);
  rig.judge(about);
  rig.fire(Timer::leader);
  EXPECT_TRUE(rig.sent(nullify).empty());
  rig.fire(Timer::notarization);
  EXPECT_EQ(rig.sent(nullify).size(), 1U);
}

TEST(BftEngine, TimersOfOtherViewsAreLate) {
  Rig rig;
  rig.notarized_view();
  rig.clear();
  rig.fire(Timer::leader, 1);
  rig.fire(Timer::notarization, 1);
  rig.fire(Timer::retry, 1);
  rig.fire(Timer::leader, 3);
  EXPECT_TRUE(rig.actions.empty());
}

TEST(BftEngine, ANotarizationIsPassedOnFinalizedAndLeftBehind) {
  Rig rig;
  const Proposal about = rig.notarized_view();
  ASSERT_NE(rig.last<Notarized>(), nullptr);
  EXPECT_TRUE(certificate_is_valid(*rig.last<Notarized>()->certificate, *rig.set, rig.verifier));
  EXPECT_EQ(rig.messages<CertificatePtr>().size(), 1U);
  ASSERT_EQ(rig.sent(finalize).size(), 1U);
  EXPECT_EQ(rig.sent(finalize)[0].says.about, about);
  EXPECT_EQ(rig.engine->view(), 2U);
}

TEST(BftEngine, AQuorumOfVotesToFinalizeIsFinal) {
  Rig rig;
  const Proposal about = rig.notarized_view();
  for (const ValidatorIndex one : {0, 1}) {
    if (one < static_cast<int>(rig.others().size()))
      rig.say(fake_vote(finalize, about, rig.others()[static_cast<std::size_t>(one)]));
    EXPECT_EQ(rig.last<Finalized>() != nullptr, one == 1) << "with our own they are three of four";
  }
  EXPECT_EQ(rig.engine->final_proposal(), about);
  EXPECT_TRUE(certificate_is_valid(*rig.engine->finalization(), *rig.set, rig.verifier));
}

TEST(BftEngine, ACertificateGoesToThoseWhoMayNotHaveIt) {
  Rig rig;
  const Proposal about = rig.next();
  const auto others = rig.others();
  // One is in the next view already, another has voted to finalize.
  rig.say(fake_vote(nullify, {2, 0, {}}, others[0]));
  rig.say(fake_vote(finalize, about, others[1]));
  rig.clear();
  rig.give(rig.certificate(notarize, about), others[0]);
  const auto passed_on = rig.messages<CertificatePtr>();
  ASSERT_EQ(passed_on.size(), 1U);
  EXPECT_TRUE(passed_on[0].second.test(others[2]));
  EXPECT_EQ(passed_on[0].second.count(), 1U);
}

TEST(BftEngine, DoesntFinalizeWhatItVotedToNullify) {
  Rig rig;
  rig.fire(Timer::leader);
  rig.give(rig.certificate(notarize, rig.next()));
  EXPECT_EQ(rig.engine->view(), 2U) << "it goes on all the same";
  EXPECT_TRUE(rig.sent(finalize).empty());
  EXPECT_EQ(rig.times(Transition::finalize_withheld), 1U);
}

TEST(BftEngine, DoesntFinalizeAViewThatIsKnownNullified) {
  Rig rig;
  const Proposal about = rig.next();
  rig.give(rig.certificate(nullify, about));
  rig.give(rig.certificate(notarize, about));
  EXPECT_TRUE(rig.sent(finalize).empty());
}

TEST(BftEngine, FinalizesAViewThatItJumpedOver) {
  Rig rig;
  const Proposal about{2, 0, test_hash(20)};
  rig.give(rig.certificate(nullify, {4, 0, {}}));
  EXPECT_EQ(rig.engine->view(), 5U);
  rig.give(rig.certificate(notarize, about));
  ASSERT_EQ(rig.sent(finalize).size(), 1U);
  EXPECT_EQ(rig.engine->view(), 5U);
  EXPECT_EQ(rig.times(Transition::finalize_cast_late), 1U);
  EXPECT_TRUE(rig.messages<CertificatePtr>().size() == 1) << "only what led on is passed on";
}

TEST(BftEngine, NeverNotarizesInAViewThatItLeft) {
  Rig rig;
  const Proposal about = rig.next();
  rig.propose(about);
  rig.give(rig.certificate(nullify, about));
  rig.judge(about);
  EXPECT_TRUE(rig.sent(notarize).empty());
  EXPECT_EQ(rig.times(Transition::verdict_too_late), 1U);
}

TEST(BftEngine, AProposalThatComesEarlyIsJudgedInItsView) {
  Rig rig;
  const Proposal about{2, 0, test_hash(20)};
  rig.propose(about);
  EXPECT_EQ(rig.last<Verify>(), nullptr);
  rig.give(rig.certificate(nullify, {1, 0, {}}));
  ASSERT_NE(rig.last<Verify>(), nullptr);
  EXPECT_EQ(rig.last<Verify>()->proposal, about);
}

TEST(BftEngine, WaitsForTheNotarizationOfAProposalsParent) {
  Rig rig;
  const Proposal parent = rig.next();
  rig.give(rig.certificate(nullify, parent));
  rig.clear();
  const Proposal about{2, 1, test_hash(20)};
  rig.propose(about);
  EXPECT_EQ(rig.last<Verify>(), nullptr);
  const auto asked = rig.messages<Request>();
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_TRUE(asked[0].second.test(rig.leader(2))) << "who proposes on it has it";
  EXPECT_EQ(asked[0].first.items, (std::vector<Request::Item>{{1, Request::notarization}}));
  rig.judge(about);
  EXPECT_TRUE(rig.sent(notarize).empty()) << "no verdict was asked for";
  rig.give(rig.leader(2), Response{0, {rig.certificate(notarize, parent)}});
  ASSERT_NE(rig.last<Verify>(), nullptr);
  EXPECT_EQ(rig.last<Verify>()->parent, parent);
}

TEST(BftEngine, WaitsForTheNullificationsThatAProposalSkips) {
  Rig rig;
  rig.notarized_view();
  rig.give(rig.certificate(nullify, {3, 0, {}}));
  ASSERT_EQ(rig.engine->view(), 4U);
  rig.clear();
  const Proposal about{4, 0, test_hash(40)};
  rig.propose(about);
  EXPECT_EQ(rig.last<Verify>(), nullptr);
  ASSERT_EQ(rig.messages<Request>().size(), 1U);
  EXPECT_EQ(rig.messages<Request>()[0].first.items,
            (std::vector<Request::Item>{{1, Request::nullification}, {2, Request::nullification}}));
  rig.give(rig.certificate(nullify, {2, 0, {}}));
  EXPECT_EQ(rig.last<Verify>(), nullptr);
  rig.give(rig.certificate(nullify, {1, 0, {}}));
  EXPECT_NE(rig.last<Verify>(), nullptr);
}

TEST(BftEngine, AsksAnotherIfTheFirstDoesntAnswer) {
  Rig rig;
  rig.give(rig.certificate(nullify, {1, 0, {}}));
  rig.propose({2, 1, test_hash(20)});
  EXPECT_EQ(rig.armed(Timer::fetch), 5ms);
  std::set<ValidatorIndex> asked;
  for (int i = 0; i < 4; ++i) {
    const auto requests = rig.messages<Request>();
    ASSERT_EQ(requests.size(), 1U);
    requests[0].second.for_each([&](ValidatorIndex one) { asked.insert(one); });
    rig.clear();
    rig.fire(Timer::fetch);
  }
  EXPECT_EQ(asked.size(), 3U);
}

TEST(BftEngine, AProposalBesideWhatIsFinalIsNullifiedAtOnce) {
  Rig rig;
  rig.finalized_view();
  rig.give(rig.certificate(nullify, {2, 0, {}}));
  rig.clear();
  rig.propose({3, 0, test_hash(30)});
  EXPECT_EQ(rig.sent(nullify).size(), 1U);
  EXPECT_EQ(rig.last<Verify>(), nullptr);
}

TEST(BftEngine, WhatBecameFinalMeanwhileIsNoLongerBesideIt) {
  Rig rig;
  rig.give(rig.certificate(nullify, {1, 0, {}}));
  rig.give(rig.certificate(nullify, {2, 0, {}}));
  const Proposal about{3, 0, test_hash(30)};
  rig.propose(about);
  ASSERT_NE(rig.last<Verify>(), nullptr);
  // More than a third lies: view 1 is nullified and final. We don't vote beside it all the same.
  rig.give(rig.certificate(finalize, {1, 0, test_hash(10)}));
  rig.judge(about);
  EXPECT_TRUE(rig.sent(notarize).empty());
}

TEST(BftEngine, BuildsOnTheNewestNotarizedParentThatItCanReach) {
  Rig rig(quick(), leader_of(4));
  if (rig.last<Build>() != nullptr) rig.clear();
  const Proposal first{1, 0, test_hash(10)};
  rig.give(rig.certificate(notarize, first));
  rig.give(rig.certificate(nullify, {3, 0, {}}));
  ASSERT_EQ(rig.engine->view(), 4U);
  EXPECT_FALSE(rig.last<Build>() != nullptr && rig.last<Build>()->view == 4) << "view 2 is open";
  ASSERT_FALSE(rig.messages<Request>().empty());
  EXPECT_EQ(rig.messages<Request>().back().first.items,
            (std::vector<Request::Item>{{2, Request::either}}));
  rig.give(rig.certificate(nullify, {2, 0, {}}));
  ASSERT_NE(rig.last<Build>(), nullptr);
  EXPECT_EQ(rig.last<Build>()->view, 4U);
  EXPECT_EQ(rig.last<Build>()->parent, first);
}

TEST(BftEngine, GivesUpWithALeaderThatGivesUp) {
  Rig rig;
  rig.say(fake_vote(nullify, rig.next(), rig.others()[1]));
  EXPECT_TRUE(rig.sent(nullify).empty()) << "of somebody else";
  rig.say(fake_vote(nullify, rig.next(), rig.leader(1)));
  EXPECT_EQ(rig.sent(nullify).size(), 1U);
  EXPECT_EQ(rig.engine->view(), 2U) << "three of four";
}

TEST(BftEngine, DoesntWaitForALeaderThatWasntHeard) {
  Options options = quick();
  options.skip_views = 4;
  Rig rig(options);
  // One, who leads now and then, says nothing. What it leads is nullified by the others.
  const ValidatorIndex mute = rig.others()[2];
  const auto by_others = [&](VoteKind kind, const Proposal& about) {
    for (const ValidatorIndex one : rig.others())
      if (one != mute) rig.say(fake_vote(kind, about, one));
  };
  bool skipped = false;
  View parent = 0;
  for (View view = 1; view < 40 && !skipped; ++view) {
    ASSERT_EQ(rig.engine->view(), view);
    rig.clear();
    if (rig.leader(view) == mute) {
      rig.fire(Timer::leader);
      by_others(nullify, {view, 0, {}});
    } else if (rig.leader(view) == rig.self) {
      rig.built(view, test_hash(view));
      by_others(notarize, {view, parent, test_hash(view)});
      parent = view;
    } else {
      rig.propose({view, parent, test_hash(view)});
      rig.judge({view, parent, test_hash(view)});
      by_others(notarize, {view, parent, test_hash(view)});
      parent = view;
    }
    skipped = rig.times(Transition::nullify_inactive_leader) > 0;
  }
  EXPECT_TRUE(skipped);
  EXPECT_EQ(rig.leader(rig.engine->view()), mute);
  EXPECT_EQ(rig.sent(nullify).size(), 1U) << "without waiting";
}

TEST(BftEngine, TimeOutsGrowWithWhatIsNotFinalUpToACap) {
  Options options = quick();
  options.timeout_growth_views = 2;
  options.timeout_growth_max = 5;
  Rig rig(options);
  std::vector<std::int64_t> times;
  for (View view = 1; view <= 14; ++view) {
    times.push_back(*rig.armed(Timer::notarization) / 30ms);
    rig.give(rig.certificate(nullify, {view, 0, {}}));
  }
  EXPECT_EQ(times, (std::vector<std::int64_t>{1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 5, 5, 5, 5}));
  rig.give(rig.certificate(finalize, {20, 0, test_hash(1)}));
  EXPECT_EQ(rig.armed(Timer::notarization), 30ms);
}

TEST(BftEngine, SaysAgainThatItNullifiesAndHowItGotHere) {
  Rig rig;
  rig.notarized_view();
  rig.fire(Timer::leader);
  rig.clear();
  rig.fire(Timer::retry);
  EXPECT_EQ(rig.sent(nullify).size(), 1U);
  ASSERT_EQ(rig.messages<CertificatePtr>().size(), 1U);
  EXPECT_EQ(rig.messages<CertificatePtr>()[0].first->kind(), notarize);
  EXPECT_EQ(rig.messages<CertificatePtr>()[0].first->view(), 1U);
  EXPECT_EQ(rig.armed(Timer::retry), 40ms);
  rig.clear();
  rig.fire(Timer::retry);
  EXPECT_EQ(rig.sent(nullify).size(), 1U);
  EXPECT_EQ(rig.armed(Timer::retry), 40ms) << "always the same: nothing doubles";
}

TEST(BftEngine, SaysAgainWhatItFinalizesIfNothingElseWould) {
  Rig rig;
  const Proposal first = rig.notarized_view();
  const Proposal second = rig.notarized_view();
  for (View view = 3; view <= 5; ++view)
    rig.give(rig.certificate(nullify, {view, 0, {}}));
  rig.fire(Timer::leader);
  rig.clear();
  rig.fire(Timer::retry);
  ASSERT_EQ(rig.sent(finalize).size(), 2U);
  EXPECT_EQ(rig.sent(finalize)[0].says.about, second);
  EXPECT_EQ(rig.sent(finalize)[1].says.about, first);
}

TEST(BftEngine, WhoIsStuckIsHelpedOnceInATurn) {
  Rig rig;
  const ValidatorIndex stuck = rig.others()[2];
  rig.finalized_view();
  rig.notarized_view();
  ASSERT_EQ(rig.engine->view(), 3U);
  rig.clear();
  rig.say(fake_vote(nullify, {1, 0, {}}, stuck));
  const auto help = rig.messages<Response>();
  ASSERT_EQ(help.size(), 1U);
  EXPECT_EQ(help[0].second.count(), 1U);
  EXPECT_TRUE(help[0].second.test(stuck));
  ASSERT_EQ(help[0].first.certificates.size(), 2U);
  EXPECT_EQ(help[0].first.certificates[0]->kind(), finalize);
  EXPECT_EQ(help[0].first.certificates[1]->view(), 2U);
  rig.say(fake_vote(nullify, {1, 0, {}}, stuck));
  EXPECT_EQ(rig.messages<Response>().size(), 1U);
  rig.fire(Timer::leader);
  rig.fire(Timer::retry);
  rig.say(fake_vote(nullify, {1, 0, {}}, stuck));
  EXPECT_EQ(rig.messages<Response>().size(), 2U);

  Rig other;
  for (const CertificatePtr& one : help[0].first.certificates)
    other.give(one);
  EXPECT_EQ(other.engine->view(), 3U) << "it is what one needs";
}

TEST(BftEngine, AsksWhenMoreThanAThirdIsAhead) {
  Rig rig;
  rig.clear();
  const View far = 1000;
  rig.say(fake_vote(nullify, {far, 0, {}}, rig.others()[0]));
  EXPECT_TRUE(rig.messages<Request>().empty()) << "one may lie";
  rig.say(fake_vote(nullify, {far + 1, 0, {}}, rig.others()[1]));
  const auto asked = rig.messages<Request>();
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_TRUE(asked[0].second.test(rig.others()[1]));
  EXPECT_EQ(asked[0].first.items,
            (std::vector<Request::Item>{{1, Request::either}, {far, Request::either}}));
  EXPECT_LT(rig.engine->views_held(), 10U);
}

TEST(BftEngine, AFinalizationLeadsFarAhead) {
  Rig rig;
  rig.notarized_view();
  rig.give(rig.certificate(finalize, {1'000'000, 999'999, test_hash(5)}));
  EXPECT_EQ(rig.engine->view(), 1'000'001U);
  EXPECT_EQ(rig.engine->final_proposal().payload, test_hash(5));
  EXPECT_LE(rig.engine->views_held(), rig.options.evidence_views + 2U);
  EXPECT_EQ(rig.give(rig.certificate(finalize, {5, 4, test_hash(9)})), Received::useless);
}

TEST(BftEngine, CertificatesTooFarFromWhatIsFinalMakeItAskForMore) {
  Options options = quick();
  options.open_views_max = 10;
  Rig rig(options);
  rig.clear();
  EXPECT_EQ(rig.give(rig.certificate(nullify, {11, 0, {}})), Received::useless);
  EXPECT_EQ(rig.engine->view(), 1U);
  ASSERT_EQ(rig.messages<Request>().size(), 1U);
  EXPECT_EQ(rig.messages<Request>()[0].first.items[0].view, 1U) << "that is final for who is there";
}

TEST(BftEngine, TheLastViewThatThereIsRoomForWaitsForItsLeader) {
  Options options = quick();
  options.open_views_max = 4;
  Rig rig(options);
  for (View view = 1; view <= 3; ++view)
    rig.give(rig.certificate(nullify, {view, 0, {}}));
  ASSERT_EQ(rig.engine->view(), 4U);
  rig.clear();
  rig.fire(Timer::leader);
  rig.fire(Timer::notarization);
  EXPECT_TRUE(rig.sent(nullify).empty());
  EXPECT_EQ(rig.number_of<Arm>(), 1U) << "one retry timer";
  rig.give(rig.certificate(nullify, {4, 0, {}}));
  EXPECT_EQ(rig.engine->view(), 4U) << "however others think of it";
  // Its leader comes at last.
  Rig waiting(options);
  for (View view = 1; view <= 3; ++view)
    waiting.give(waiting.certificate(nullify, {view, 0, {}}));
  waiting.fire(Timer::leader);
  const Proposal about{4, 0, test_hash(40)};
  waiting.propose(about);
  waiting.judge(about, PayloadVerdict::unavailable);
  waiting.clear();
  waiting.fire(Timer::retry);
  EXPECT_EQ(waiting.number_of<Verify>(), 1U);
  waiting.judge(about);
  for (const ValidatorIndex one : waiting.others(4)) {
    waiting.say(fake_vote(notarize, about, one));
    waiting.say(fake_vote(finalize, about, one));
  }
  EXPECT_EQ(waiting.engine->final_proposal(), about);
  EXPECT_EQ(waiting.engine->view(), 5U);
}

TEST(BftEngine, GoesWhereCertificatesLeadOnceThereIsRoom) {
  Options options = quick();
  options.open_views_max = 4;
  Rig rig(options);
  for (View view = 1; view <= 4; ++view)
    rig.give(rig.certificate(nullify, {view, 0, {}}));
  ASSERT_EQ(rig.engine->view(), 4U);
  rig.give(rig.certificate(finalize, {2, 0, test_hash(20)}));
  EXPECT_EQ(rig.engine->view(), 5U);
}

TEST(BftEngine, ARestartMakesNoRoom) {
  Options options = quick();
  options.open_views_max = 4;
  Rig rig(options);
  for (View view = 1; view <= 4; ++view)
    rig.give(rig.certificate(nullify, {view, 0, {}}));
  // Of views beyond, too, as votes make them.
  for (View view = 5; view <= 6; ++view) {
    for (const ValidatorIndex one : rig.others())
      rig.say(fake_vote(nullify, {view, 0, {}}, one));
  }
  ASSERT_TRUE(rig.boot());
  EXPECT_EQ(rig.engine->view(), 4U);
  rig.give(rig.certificate(finalize, {1, 0, test_hash(10)}));
  EXPECT_EQ(rig.engine->view(), 5U) << "as far as there is room";
  rig.give(rig.certificate(finalize, {3, 0, test_hash(30)}));
  EXPECT_EQ(rig.engine->view(), 7U);
}

TEST(BftEngine, NullifiesWhatWasTheLastViewOnceItIsNoLonger) {
  Options options = quick();
  options.open_views_max = 4;
  Rig rig(options);
  for (View view = 1; view <= 3; ++view)
    rig.give(rig.certificate(nullify, {view, 0, {}}));
  rig.fire(Timer::notarization);
  EXPECT_TRUE(rig.sent(nullify).empty());
  rig.give(rig.certificate(finalize, {1, 0, test_hash(10)}));
  rig.fire(Timer::retry);
  EXPECT_EQ(rig.sent(nullify).size(), 2U) << "cast, and said again";
  EXPECT_EQ(rig.times(Transition::nullify_at_notarization_timeout), 1U);
}

TEST(BftEngine, WhoHasNoRoomAsksForWhatIsFinal) {
  Options options = quick();
  options.open_views_max = 4;
  Rig rig(options);
  for (View view = 1; view <= 4; ++view)
    rig.give(rig.certificate(nullify, {view, 0, {}}));
  rig.clear();
  for (const ValidatorIndex one : rig.others())
    rig.say(fake_vote(nullify, {5, 0, {}}, one));
  ASSERT_EQ(rig.messages<Request>().size(), 1U);
  EXPECT_EQ(rig.messages<Request>()[0].first.items,
            (std::vector<Request::Item>{{1, Request::either}, {4, Request::either}}));
}

TEST(BftEngine, HoldsABoundedNumberOfViews) {
  Options options = quick();
  options.open_views_max = 50;
  options.window = 5;
  Rig rig(options);
  for (View view = 1; view <= 200; ++view) {
    rig.give(rig.certificate(nullify, {view, 0, {}}));
    for (const ValidatorIndex one : rig.others()) {
      for (const View ahead : {view + 1, view + 5, view + 6, view + 100, view_max - 1})
        rig.say(fake_vote(nullify, {ahead, 0, {}}, one));
    }
    EXPECT_LE(rig.engine->views_held(), 50U + 5 + options.evidence_views + 1);
  }
}

TEST(BftEngine, ForgetsVotesOfOldViewsAndKeepsTheirCertificates) {
  Options options = quick();
  options.vote_views = 3;
  Rig rig(options);
  for (View view = 1; view <= 10; ++view)
    rig.give(rig.certificate(nullify, {view, 0, {}}));
  EXPECT_EQ(rig.say(fake_vote(notarize, {2, 0, test_hash(9)}, rig.others()[0])), Received::useless);
  EXPECT_EQ(rig.times(Transition::vote_after_release), 1U);
  const Response all = rig.engine->answer(
      {0, {{2, Request::either}, {5, Request::nullification}, {9, Request::notarization}}});
  ASSERT_EQ(all.certificates.size(), 2U);
  EXPECT_EQ(all.certificates[0]->view(), 2U);
  EXPECT_EQ(all.certificates[1]->view(), 5U);
  rig.give(rig.certificate(finalize, {8, 0, test_hash(80)}));
  const Response now =
      rig.engine->answer({0, {{2, Request::either}, {5, Request::either}, {9, Request::either}}});
  ASSERT_EQ(now.certificates.size(), 2U) << "a finalization in place of what it passed";
  EXPECT_EQ(now.certificates[0]->kind(), finalize);
  EXPECT_EQ(now.certificates[1]->view(), 9U);
}

TEST(BftEngine, AnswersAPeerSoOftenInATurn) {
  Rig rig;
  rig.notarized_view();
  rig.clear();
  const Request asked{0, {{1, Request::either}}};
  for (unsigned i = 0; i < 2 * requests_per_turn_max; ++i)
    rig.give(rig.others()[0], asked);
  EXPECT_EQ(rig.messages<Response>().size(), requests_per_turn_max);
  EXPECT_EQ(rig.give(rig.others()[1], asked), Received::taken);
  EXPECT_EQ(rig.give(rig.others()[1], Request{0, {{7, Request::either}}}), Received::useless);
}

TEST(BftEngine, RefusesFalseVotesAndCertificates) {
  Rig rig;
  Vote vote = fake_vote(nullify, {1, 0, {}}, rig.others()[0]);
  vote.signature[0] ^= 1;
  EXPECT_EQ(rig.say(vote), Received::invalid);
  EXPECT_EQ(rig.say(fake_vote(notarize, {40'000, 3, {}}, rig.others()[1], 0)), Received::taken);
  vote = fake_vote(notarize, {50'000, 3, {}}, rig.others()[1]);
  vote.signature[0] ^= 1;
  EXPECT_EQ(rig.say(vote), Received::invalid);
  EXPECT_EQ(rig.give(0, fake_vote(nullify, {1, 0, {}}, 4)), Received::invalid);
  EXPECT_EQ(rig.give(0, fake_vote(notarize, {0, 0, {}}, 1)), Received::invalid);
  EXPECT_EQ(rig.give(4, fake_vote(nullify, {1, 0, {}}, 1)), Received::useless);
  EXPECT_EQ(rig.give(0, fake_vote(nullify, {1, 0, {}}, 1, 7)), Received::useless)
      << "of another epoch";

  const std::vector<ValidatorIndex> of_two{rig.others()[0], rig.others()[1]};
  EXPECT_EQ(rig.give(fake_certificate(nullify, {1, 0, {}}, of_two)), Received::invalid);
  EXPECT_EQ(rig.give(fake_certificate(nullify, {1, 0, {}}, rig.others(), 7)), Received::useless);
  Certificate forged = *rig.certificate(notarize, {1, 0, test_hash(10)});
  forged.says.about.payload = test_hash(11);
  EXPECT_EQ(rig.give(std::make_shared<const Certificate>(forged)), Received::invalid);
  EXPECT_EQ(rig.give(0, Response{0, {std::make_shared<const Certificate>(forged)}}),
            Received::invalid);
  EXPECT_EQ(rig.engine->view(), 1U);
  EXPECT_TRUE(rig.cast.empty());
}

TEST(BftEngine, ASecondVoteOfAValidatorDoesntCount) {
  Rig rig;
  const Proposal about = rig.next();
  const auto others = rig.others();
  Proposal other = about;
  other.payload = test_hash(66);
  rig.say(fake_vote(notarize, other, others[1]));
  rig.say(fake_vote(notarize, about, others[1]));
  rig.say(fake_vote(notarize, about, others[0]));
  rig.say(fake_vote(notarize, about, others[2]));
  EXPECT_EQ(rig.engine->view(), 1U);
  rig.judge(about);
  EXPECT_EQ(rig.engine->view(), 2U);
}

TEST(BftEngine, AccusesOfEachConflictOnce) {
  const auto accused_of = [](const Vote& a, const Vote& b) {
    Rig rig;
    const auto by = rig.others()[1];
    const auto again = [&](const Vote& vote) {
      return fake_vote(vote.kind(), vote.says.about, by);
    };
    rig.say(again(a));
    rig.say(again(b));
    rig.say(again(b));
    EXPECT_LE(rig.number_of<Accuse>(), 1U);
    if (const Accuse* accuse = rig.last<Accuse>()) {
      EXPECT_TRUE(accuse->evidence->is_valid(*rig.set, rig.verifier));
      EXPECT_EQ(Evidence::decode(accuse->evidence->encode()), *accuse->evidence);
    }
    return rig.number_of<Accuse>() == 1;
  };
  const Proposal x{2, 1, test_hash(1)};
  const Proposal y{2, 1, test_hash(2)};
  EXPECT_TRUE(accused_of(fake_vote(notarize, x, 0), fake_vote(notarize, y, 0)));
  EXPECT_TRUE(accused_of(fake_vote(finalize, x, 0), fake_vote(finalize, y, 0)));
  EXPECT_TRUE(accused_of(fake_vote(finalize, x, 0), fake_vote(nullify, y, 0)));
  EXPECT_TRUE(accused_of(fake_vote(nullify, x, 0), fake_vote(finalize, y, 0)));
  EXPECT_FALSE(accused_of(fake_vote(notarize, x, 0), fake_vote(nullify, y, 0)));
  EXPECT_FALSE(accused_of(fake_vote(notarize, x, 0), fake_vote(finalize, y, 0)));
}

TEST(BftEngine, FindsEvidenceInCertificatesAndAfterFinality) {
  Rig rig;
  const auto others = rig.others();
  Proposal other = rig.next();
  other.payload = test_hash(66);
  rig.say(fake_vote(notarize, other, others[1]));
  rig.give(rig.certificate(notarize, rig.next()));
  ASSERT_NE(rig.last<Accuse>(), nullptr);
  EXPECT_EQ(rig.last<Accuse>()->evidence->accused(), others[1]);

  Rig late;
  late.finalized_view();
  late.clear();
  late.say(fake_vote(nullify, {1, 0, {}}, late.others()[2]));
  ASSERT_NE(late.last<Accuse>(), nullptr) << "it finalized that view";
}

// Logs.

TEST(BftEngine, AVoteOfOursThatIsntInTheLogBindsUs) {
  Rig rig;
  Proposal other = rig.next();
  other.payload = test_hash(66);
  rig.give(rig.others()[0], fake_vote(notarize, other, rig.self));
  EXPECT_EQ(rig.times(Transition::own_vote_came_back), 1U);
  rig.propose(rig.next());
  rig.judge(rig.next());
  EXPECT_TRUE(rig.sent(notarize).empty());
  rig.fire(Timer::notarization);
  EXPECT_EQ(rig.sent(nullify).size(), 1U) << "that contradicts nothing";
}

TEST(BftEngine, AVoteToNullifyThatComesBackIsNotFollowedByOneToNotarize) {
  Rig rig;
  rig.propose(rig.next());
  rig.give(rig.others()[0], fake_vote(nullify, rig.next(), rig.self));
  rig.judge(rig.next());
  EXPECT_TRUE(rig.sent(notarize).empty());
}

TEST(BftEngine, GoesOnInTheNewestViewThatItVotedIn) {
  Rig rig;
  rig.log.emplace_back(fake_vote(nullify, {5, 0, {}}, rig.self));
  rig.cast.push_back(std::get<Vote>(rig.log.back()));
  ASSERT_TRUE(rig.boot());
  EXPECT_EQ(rig.engine->view(), 5U);
}

TEST(BftEngine, ALogOfAnotherChainEpochSetOrValidatorIsRefused) {
  Rig rig;
  rig.notarized_view();
  const auto started_with = [&](Options options, ValidatorIndex self) {
    FakeSigner signer(self);
    Engine engine(rig.set, options, rig.verifier, &signer, self);
    Actions out;
    const auto result = engine.start(rig.log, out);
    return result ? BftError{} : result.error();
  };
  EXPECT_EQ(started_with(rig.options, rig.self), BftError{});
  Options other = rig.options;
  other.epoch = 1;
  EXPECT_EQ(started_with(other, rig.self), BftError::other_log);
  other = rig.options;
  other.genesis = test_hash(5);
  EXPECT_EQ(started_with(other, rig.self), BftError::other_log);
  EXPECT_EQ(started_with(rig.options, rig.others()[0]), BftError::other_log);
  rig.log.erase(rig.log.begin());
  EXPECT_EQ(started_with(rig.options, rig.self), BftError::other_log) << "without its beginning";
  rig.log = {Snapshot{0,
                      rig.set->hash(),
                      rig.options.genesis,
                      {fake_vote(nullify, {view_max - 1, 0, {}}, rig.self)},
                      {}}};
  EXPECT_EQ(started_with(rig.options, rig.self), BftError::corrupt);
}

TEST(BftEngine, SaysAfterARestartWhatItMayNotHaveSaid) {
  Rig rig;
  rig.notarized_view();
  const Proposal about = rig.next();
  rig.propose(about);
  rig.judge(about);
  rig.clear();
  ASSERT_TRUE(rig.boot());
  EXPECT_EQ(rig.engine->view(), 2U);
  ASSERT_EQ(rig.sent(finalize).size(), 1U);
  EXPECT_EQ(rig.sent(finalize)[0].view(), 1U);
  ASSERT_EQ(rig.sent(notarize).size(), 1U);
  EXPECT_EQ(rig.sent(notarize)[0].says.about, about);
  EXPECT_TRUE(rig.armed(Timer::notarization));
  rig.fire(Timer::leader);
  rig.clear();
  ASSERT_TRUE(rig.boot());
  EXPECT_EQ(rig.sent(nullify).size(), 1U);
  EXPECT_EQ(rig.armed(Timer::retry), 40ms);
}

/// The notarization was logged, and then it stopped.
void forget_since_the_notarization(Rig& rig) {
  const auto is_notarization = [](const Record& record) {
    const CertificatePtr* one = std::get_if<CertificatePtr>(&record);
    return one != nullptr && (*one)->kind() == notarize;
  };
  while (!is_notarization(rig.log.back()))
    rig.log.pop_back();
  std::erase_if(rig.cast, [](const Vote& vote) { return vote.kind() == finalize; });
  rig.clear();
}

TEST(BftEngine, FinalizesAfterARestartWhatItHadNoTimeFor) {
  Rig rig;
  rig.notarized_view();
  forget_since_the_notarization(rig);
  ASSERT_TRUE(rig.boot());
  EXPECT_EQ(rig.engine->view(), 2U);
  EXPECT_EQ(rig.sent(finalize).size(), 1U);
}

TEST(BftEngine, FinalizesItAlsoInTheLastViewThatThereIsRoomFor) {
  Options options = quick();
  options.open_views_max = 2;
  Rig rig(options);
  rig.give(rig.certificate(nullify, {1, 0, {}}));
  rig.give(rig.certificate(notarize, {2, 0, test_hash(20)}));
  EXPECT_EQ(rig.sent(finalize).size(), 1U);
  forget_since_the_notarization(rig);
  ASSERT_TRUE(rig.boot());
  EXPECT_EQ(rig.engine->view(), 2U);
  EXPECT_EQ(rig.sent(finalize).size(), 1U);
  ASSERT_TRUE(rig.boot());
  EXPECT_EQ(rig.sent(finalize).size(), 2U) << "and says so again";
}

/// Everything that can be voted in three views happens, and the opposite of it after a restart.
void story(Rig& rig, bool contrary) {
  for (int i = 0; i < 3; ++i) {
    const View view = rig.engine->view();
    Proposal about{view, view - 1, test_hash(view * 10 + contrary)};
    if (contrary && i == 1) rig.fire(Timer::leader);
    if (!contrary && i == 2) rig.fire(Timer::leader);
    rig.propose(about);
    rig.judge(about);
    rig.built(view, about.payload);
    if (contrary) rig.fire(Timer::notarization);
    for (const ValidatorIndex one : rig.others(view)) {
      if (i < 2) rig.say(fake_vote(notarize, about, one));
      if (i == 2) rig.say(fake_vote(nullify, about, one));
    }
    if (i == 0) {
      for (const ValidatorIndex one : rig.others(view))
        rig.say(fake_vote(finalize, about, one));
    }
  }
}

TEST(BftEngine, MayStopAfterEachActionAndNeverVotesTwice) {
  Rig whole;
  story(whole, false);
  const Actions all = whole.actions;
  ASSERT_GT(all.size(), 20U);
  for (std::size_t done = 1; done <= all.size(); ++done) {
    // The log, and what was sent, when it stopped behind that action; of what needn't be durable
    // yet nothing is there, or all.
    for (const bool keeps_tail : {true, false}) {
      Rig rig;
      rig.log.clear();
      rig.clear();
      std::size_t durable = 0;
      for (std::size_t i = 0; i < done; ++i) {
        const Persist* persist = std::get_if<Persist>(&all[i]);
        if (persist == nullptr) continue;
        if (persist->replaces_all) rig.log.clear();
        rig.log.push_back(persist->record);
        if (const Vote* vote = std::get_if<Vote>(&persist->record)) rig.cast.push_back(*vote);
        if (persist->wait) durable = rig.log.size();
      }
      if (!keeps_tail) rig.log.resize(durable);
      ASSERT_TRUE(rig.boot()) << done;
      // Rig::take() compares each vote with all before the restart.
      story(rig, true);
      ASSERT_TRUE(rig.boot());
      story(rig, false);
    }
  }
}

TEST(BftEngine, ItsLogDoesntGrowWithoutEnd) {
  Options options = quick();
  options.log_bytes = 10'000;
  Rig rig(options);
  std::size_t most = 0;
  View parent = 0;
  for (View view = 1; view <= 400; ++view) {
    const Proposal about{view, parent, test_hash(view)};
    rig.give(rig.certificate(notarize, about));
    if (view % 3 == 0) rig.give(rig.certificate(finalize, about));
    parent = view;
    most = std::max(most, encode_frame(rig.log).size());
  }
  EXPECT_LT(most, 20'000U);
  EXPECT_GT(rig.times(Transition::snapshot_written), 5U);
  const Proposal was_final = rig.engine->final_proposal();
  ASSERT_TRUE(rig.boot());
  EXPECT_EQ(rig.engine->view(), 401U);
  EXPECT_EQ(rig.engine->final_proposal(), was_final);
}

TEST(BftEngine, ASnapshotHoldsTheVotesAndCertificatesThatStillCount) {
  Options options = quick();
  options.log_bytes = 1;
  Rig rig(options);
  const Proposal first = rig.notarized_view();
  rig.fire(Timer::leader);  // nullify(2)
  rig.give(rig.certificate(nullify, {2, 0, {}}));
  rig.give(rig.certificate(finalize, first));  // and with it a snapshot
  ASSERT_EQ(rig.log.size(), 1U);
  const Snapshot& snapshot = std::get<Snapshot>(rig.log[0]);
  EXPECT_EQ(snapshot.votes, (std::vector<Vote>{fake_vote(nullify, {2, 0, {}}, rig.self)}));
  EXPECT_EQ(snapshot.certificates.size(), 2U);
  ASSERT_TRUE(rig.boot());
  EXPECT_EQ(rig.engine->view(), 3U);
  rig.give(rig.certificate(notarize, {2, 1, test_hash(20)}));
  EXPECT_EQ(rig.sent(finalize).size(), 1U) << "of view 1 alone";
}

// Others.

TEST(BftEngine, WhoHasNoVoteFollows) {
  Rig rig;
  rig.observe();
  rig.propose(rig.next());
  EXPECT_EQ(rig.last<Verify>(), nullptr);
  rig.give(rig.certificate(notarize, rig.next()));
  rig.give(rig.certificate(finalize, {1, 0, test_hash(10)}));
  EXPECT_EQ(rig.engine->view(), 2U);
  EXPECT_NE(rig.last<Finalized>(), nullptr);
  rig.clear();
  rig.fire(Timer::leader);
  rig.fire(Timer::notarization);
  rig.fire(Timer::retry);
  EXPECT_EQ(rig.messages<Request>().size(), 1U) << "it asks";
  EXPECT_TRUE(rig.cast.empty());
  ASSERT_TRUE(rig.boot());
  EXPECT_EQ(rig.engine->view(), 2U);
}

TEST(BftEngine, WhoCantNullifyAsksAllTheSame) {
  Rig rig;
  // Our key is in use elsewhere, and has finalized the view.
  rig.give(rig.others()[0], fake_vote(finalize, rig.next(), rig.self));
  rig.clear();
  rig.fire(Timer::notarization);
  EXPECT_TRUE(rig.sent(nullify).empty());
  EXPECT_EQ(rig.armed(Timer::retry), 40ms);
  rig.fire(Timer::retry);
  EXPECT_EQ(rig.messages<Request>().size(), 1U);

  Rig observer;
  observer.observe();
  observer.say(fake_vote(nullify, {2, 0, {}}, observer.leader(2)));
  observer.give(observer.certificate(nullify, {1, 0, {}}));
  observer.clear();
  observer.fire(Timer::notarization);
  EXPECT_EQ(observer.armed(Timer::retry), 40ms);
}

TEST(BftEngine, OneAloneIsAQuorum) {
  FakeSigner signer(0);
  FakeVerifier verifier;
  Engine engine(test_set(1), quick(), verifier, &signer, 0);
  Actions out;
  ASSERT_TRUE(engine.start({}, out));
  for (View view = 1; view <= 300; ++view) {
    ASSERT_EQ(engine.view(), view);
    out.clear();
    if (view % 7 == 0)
      engine.timer(Timer::notarization, view, out);
    else
      engine.built(view, test_hash(view), out);
    EXPECT_TRUE(std::ranges::none_of(
        out, [](const Action& one) { return std::holds_alternative<Send>(one); }));
  }
  EXPECT_EQ(engine.final_proposal().view, 300U);
}

TEST(BftEngine, FourWithRealKeysAgree) {
  std::vector<crypto::PrivateKey> keys;
  std::vector<Validator> validators;
  for (std::uint8_t i = 0; i < 4; ++i) {
    std::array<std::uint8_t, 32> seed{};
    seed[0] = i;
    keys.push_back(crypto::PrivateKey::from_ed25519_seed(seed));
    validators.push_back({{}, 10U + i});
    std::ranges::copy(keys.back().public_key().data(), validators.back().key.begin());
  }
  const auto set = std::make_shared<const ValidatorSet>(*ValidatorSet::make(validators));
  const Options options = quick();
  const Ed25519Verifier verifier(options.genesis, *set);
  std::vector<std::unique_ptr<Ed25519Signer>> signers(4);
  std::vector<std::unique_ptr<Engine>> engines(4);
  for (const crypto::PrivateKey& key : keys) {
    ValidatorKey bytes{};
    std::ranges::copy(key.public_key().data(), bytes.begin());
    const ValidatorIndex i = *set->find(bytes);
    signers[i] = std::make_unique<Ed25519Signer>(options.genesis, key);
    engines[i] = std::make_unique<Engine>(set, options, verifier, signers[i].get(), i);
  }
  std::deque<std::tuple<ValidatorIndex, ValidatorIndex, Bytes>> wire;
  std::array<int, 4> finals{};
  const auto carry_out = [&](ValidatorIndex i, const Actions& first) {
    std::deque<Actions> left{first};
    for (; !left.empty(); left.pop_front()) {
      for (const Action& action : left.front()) {
        Actions more;
        if (const Send* send = std::get_if<Send>(&action)) {
          send->to.for_each(
              [&](ValidatorIndex to) { wire.emplace_back(i, to, encode_message(send->message)); });
        } else if (const Build* build = std::get_if<Build>(&action)) {
          engines[i]->built(build->view, test_hash(build->view), more);
        } else if (const Verify* verify = std::get_if<Verify>(&action)) {
          engines[i]->verdict(verify->proposal, PayloadVerdict::valid, more);
        } else if (std::holds_alternative<Finalized>(action)) {
          ++finals[i];
        }
        if (!more.empty()) left.push_back(std::move(more));
      }
    }
  };
  for (ValidatorIndex i = 0; i < 4; ++i) {
    Actions out;
    ASSERT_TRUE(engines[i]->start({}, out));
    carry_out(i, out);
  }
  for (int i = 0; i < 400 && !wire.empty(); ++i) {
    const auto [from, to, bytes] = wire.front();
    wire.pop_front();
    Actions out;
    const auto message = decode_message(bytes);
    ASSERT_TRUE(message);
    EXPECT_NE(engines[to]->receive(from, *message, out), Received::invalid);
    carry_out(to, out);
  }
  for (const int times : finals)
    EXPECT_GT(times, 3);
}

}  // namespace
}  // namespace kith::ledger::bft
