#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/ledger/consensus/bft_driver/detail/epoch_run.hpp>
#include <kith/port/task_group.hpp>

namespace kith::ledger::detail {
namespace {

using namespace bft;

std::unique_ptr<Signer> signer_for(const EpochMeans& means, const EpochPlan& plan) {
  if (!plan.self || !plan.why_not.empty()) return nullptr;
  return means.keys.signer(*plan.self);
}

}  // namespace

EpochRun::EpochRun(const EpochMeans& means, EpochPlan plan)
    : means_(means),
      plan_(std::move(plan)),
      verifier_(means.keys.verifier(*plan_.set)),
      signer_(signer_for(means, plan_)),
      engine_(plan_.set, means.parameters.engine_options(plan_.epoch, plan_.before), *verifier_,
              signer_.get(), plan_.self.value_or(0)),
      wake_(means.env.clock),
      build_wake_(means.env.clock),
      verify_wake_(means.env.clock),
      finalize_wake_(means.env.clock),
      inbox_(plan_.set->size()),
      newest_timestamp_(plan_.final_block.timestamp),
      final_(plan_.final_block),
      final_since_(means.env.clock.now()) {
  for (ViewTimer& timer : timers_)
    timer.run = this;
  rest_timer_.run = this;
}

EpochRun::~EpochRun() {
  for (ViewTimer& timer : timers_)
    means_.env.clock.disarm(timer);
  means_.env.clock.disarm(rest_timer_);
}

Decoded<void> EpochRun::begin() {
  KITH_CHECK(engine_.start(plan_.records, first_actions_));
  plan_.records.clear();
  // It may be in the log alone, and is told anew only if somebody asks.
  to_finalize_ = engine_.finalization();
  return {};
}

Task<void> EpochRun::run() {
  port::TaskGroup others(means_.env.executor, means_.env.clock, 3);
  others.spawn(build_loop());
  others.spawn(verify_loop());
  others.spawn(finalize_loop());
  auto outcome = co_await vote_loop();
  ended_ = true;
  others.cancel();
  co_await others.join_shielded();
  co_return outcome;
}

// What comes from outside.

void EpochRun::take(ValidatorIndex from, Message message, std::size_t bytes) {
  Inbox& inbox = inbox_[from];
  if (inbox.messages.size() >= bft_limits::waiting_messages_max ||
      inbox.bytes + bytes > bft_limits::waiting_bytes_max)
    return;
  inbox.messages.push_back({std::move(message), bytes});
  inbox.bytes += bytes;
  wake_.notify_all();
}

void EpochRun::take(const CertificatePtr& finalization) {
  if (finalization->kind() != VoteKind::finalize) return;
  if (told_ && told_->view() >= finalization->view()) return;
  told_ = finalization;
  wake_.notify_all();
}

void EpochRun::on_block() {
  ++blocks_seen_;
  if (unavailable_ && !is_stale(unavailable_->proposal.view) && !to_verify_)
    to_verify_ = std::exchange(unavailable_, std::nullopt);
  verify_wake_.notify_all();
  build_wake_.notify_all();
  finalize_wake_.notify_all();
}

void EpochRun::on_synced() {
  look_ = true;
  on_block();
}

void EpochRun::on_transactions() {
  update_rest();
  build_wake_.notify_all();
}

// The engine.

Task<void> EpochRun::vote_loop() {
  KITH_CO_CHECK(co_await carry_out(std::exchange(first_actions_, {})));
  after_step();
  while (!ended_) {
    Actions actions;
    if (!step(actions)) {
      KITH_CO_CHECK(co_await wake_.wait());
      continue;
    }
    KITH_CO_CHECK(co_await carry_out(std::move(actions)));
    after_step();
    // Others' work isn't kept waiting by a queue of messages.
    KITH_CO_CHECK(co_await port::yield());
  }
  co_return Result<void>{};
}

/// Gives the engine one thing; false if there is none.
bool EpochRun::step(Actions& actions) {
  for (std::size_t kind = 0; kind < timers_.size(); ++kind) {
    if (!timers_[kind].due) continue;
    timers_[kind].due = false;
    engine_.timer(static_cast<Timer>(kind), timers_[kind].view, actions);
    return true;
  }
  if (built_) {
    const Built made = *std::exchange(built_, std::nullopt);
    engine_.built(made.view, made.block, actions);
    return true;
  }
  if (judged_) {
    const Judged judged = *std::exchange(judged_, std::nullopt);
    engine_.verdict(judged.proposal, judged.verdict, actions);
    return true;
  }
  if (told_) {
    // Whom it came from doesn't matter: it counts by its signatures.
    engine_.receive(0, std::exchange(told_, nullptr), actions);
    return true;
  }
  return step_message(actions);
}

/// Validators take turns: who sends much waits for itself alone.
bool EpochRun::step_message(Actions& actions) {
  for (std::size_t tried = 0; tried < inbox_.size(); ++tried) {
    next_inbox_ = (next_inbox_ + 1) % inbox_.size();
    Inbox& inbox = inbox_[next_inbox_];
    if (inbox.messages.empty()) continue;
    const Waiting next = std::move(inbox.messages.front());
    inbox.messages.pop_front();
    inbox.bytes -= next.bytes;
    const auto from = static_cast<ValidatorIndex>(next_inbox_);
    if (engine_.receive(from, next.message, actions) == Received::invalid)
      means_.network.broke_rules(set()[from].key);
    return true;
  }
  return false;
}

void EpochRun::after_step() {
  if (engine_.view() != seen_view_) {
    seen_view_ = engine_.view();
    unavailable_.reset();
    build_wake_.notify_all();
  }
  update_rest();
}

/// In their order: what comes after a record that must be durable waits for the disk.
Task<void> EpochRun::carry_out(Actions actions) {
  for (Action& action : actions) {
    if (Persist* order = std::get_if<Persist>(&action)) {
      KITH_CO_CHECK(co_await persist(std::move(*order)));
      continue;
    }
    std::visit([this](const auto& one) { on(one); }, action);
  }
  co_return Result<void>{};
}

/// The vote counts for the engine already, so there is no way but to have it durable. Nothing is
/// said meanwhile.
Task<void> EpochRun::persist(Persist order) {
  // Who doesn't vote can learn all of it again.
  if (!signer_) co_return Result<void>{};
  means_.votes.append(std::move(order.record), order.replaces_all);
  while (order.wait) {
    auto synced = co_await means_.votes.sync();
    if (synced) {
      set_trouble(log_trouble_, "");
      break;
    }
    if (synced.error().is(Errc::cancelled)) co_return synced;
    set_trouble(log_trouble_, "the log of votes can't be written, so that nothing is voted for: " +
                                  synced.error().message());
    KITH_CO_CHECK(co_await port::sleep_for(means_.env.clock, bft_limits::retry_interval));
    if (ended_) break;
  }
  co_return Result<void>{};
}

void EpochRun::set_trouble(std::string& place, std::string what) {
  if (what == place) return;
  if (what.empty())
    KITH_LOG_INFO(means_.log, "epoch {}: goes on", plan_.epoch);
  else
    KITH_LOG_ERROR(means_.log, "epoch {}: {}", plan_.epoch, what);
  place = std::move(what);
}

void EpochRun::on(const Persist& /*order*/) {
  ASSERT(false);
}

void EpochRun::on(const Send& order) {
  // A vote whose record never got durable, since the epoch has ended without us.
  if (ended_) return;
  const Buffer encoded = Buffer::adopt(encode_message(order.message));
  order.to.for_each([&](ValidatorIndex to) {
    // An engine that doesn't vote doesn't know which one is us.
    if (to != plan_.self) means_.network.send(set()[to].key, encoded);
  });
}

void EpochRun::on(const Arm& order) {
  ViewTimer& timer = timers_[static_cast<std::size_t>(order.timer)];
  timer.view = order.view;
  timer.after = order.after;
  timer.due = false;
  if (order.timer == Timer::leader || order.timer == Timer::notarization) {
    // No block is built before its time.
    timer.after += newest_timestamp_
                       ? until_due(*newest_timestamp_)
                       : Duration(std::chrono::seconds(means_.parameters.block_time_s));
    if (resting_) return means_.env.clock.disarm(timer);
  }
  arm(timer);
}

void EpochRun::arm(ViewTimer& timer) {
  means_.env.clock.arm(timer, now() + timer.after);
}

void EpochRun::on(const Build& order) {
  to_build_ = order;
  build_wake_.notify_all();
}

void EpochRun::on(const Verify& order) {
  to_verify_ = order;
  verify_wake_.notify_all();
}

void EpochRun::on(const Notarized& told) {
  const Hash& block = told.certificate->says.about.payload;
  newest_timestamp_.reset();
  if (block == candidate_.hash) newest_timestamp_ = candidate_.timestamp;
  if (block == final_.hash) newest_timestamp_ = final_.timestamp;
}

void EpochRun::on(const Finalized& told) {
  to_finalize_ = told.certificate;
  finalize_wake_.notify_all();
}

void EpochRun::on(const Accuse& order) {
  const ValidatorKey& accused = set()[order.evidence->accused()].key;
  KITH_LOG_WARN(means_.log, "epoch {}: validator {} voted against itself in view {}", plan_.epoch,
                to_hex(accused), order.evidence->first.view());
  means_.accuse({*order.evidence, accused});
}

// Building.

Task<void> EpochRun::build_loop() {
  for (;;) {
    while (!to_build_)
      KITH_CO_CHECK(co_await build_wake_.wait());
    const Build order = *std::exchange(to_build_, std::nullopt);
    auto block = co_await build(order);
    if (!block && block.error().is(Errc::cancelled)) co_return std::unexpected(block.error());
    if (is_stale(order.view)) continue;
    if (!block) {
      KITH_LOG_WARN(means_.log, "epoch {}, view {}: no block could be built: {}", plan_.epoch,
                    order.view, block.error().message());
    }
    built_ = Built{order.view, block ? std::optional(*block) : std::nullopt};
    wake_.notify_all();
  }
}

Task<Hash> EpochRun::build(Build order) {
  KITH_CO_TRY(const BftBlock parent, co_await block_when_here(order.parent.payload, order.view));
  // The epoch's last block, until it is final.
  if (means_.parameters.is_epoch_end(parent.number) && parent.hash != plan_.before)
    co_return parent.hash;
  KITH_CO_CHECK(co_await wait_until_due(parent, order.view));
  const Instant deadline = now() + time_to_build();
  KITH_CO_TRY(const Hash made, co_await means_.chain.build(parent.hash, deadline));
  if (is_stale(order.view)) co_return std::unexpected(Errc::closed);
  KITH_CO_TRY(candidate_, co_await means_.chain.block(made));
  means_.network.publish(made);
  co_return made;
}

/// Errc::closed when the view is over before.
Task<BftBlock> EpochRun::block_when_here(Hash hash, View view) {
  while (!is_stale(view)) {
    auto found = co_await means_.chain.block(hash);
    if (found || found.error().is(Errc::cancelled)) co_return found;
    means_.chain.wanted(hash);
    auto waited = co_await build_wake_.wait(now() + bft_limits::retry_interval);
    if (!waited && waited.error().is(Errc::cancelled)) co_return std::unexpected(waited.error());
  }
  co_return std::unexpected(Errc::closed);
}

/// Until a block after that one is due and wanted. Errc::closed when the view is over before.
Task<void> EpochRun::wait_until_due(BftBlock parent, View view) {
  // Where empty blocks aren't wanted, it is waited for the parent to be final, since there is no
  // rest before; but only for so long that this view doesn't fail for it.
  const Instant patience = now() + until_due(parent.timestamp) + time_to_build();
  for (;;) {
    if (is_stale(view)) co_return std::unexpected(Errc::closed);
    const Duration due = until_due(parent.timestamp);
    Instant until = now() + due;
    if (due <= Duration(0)) {
      const bool idle = !means_.parameters.empty_blocks && !means_.chain.has_transactions();
      const bool hopes = idle && engine_.final_proposal().payload != parent.hash &&
                         awake_in_ != view && now() < patience;
      if (may_rest())
        until = never;
      else if (hopes)
        until = patience;
      else
        co_return Result<void>{};
    }
    auto waited = co_await build_wake_.wait(until);
    if (!waited && waited.error().is(Errc::cancelled)) co_return waited;
  }
}

/// Half of what the others wait for, the rest being the network's.
Duration EpochRun::time_to_build() const {
  return means_.parameters.leader_timeout / 2;
}

// Judging.

Task<void> EpochRun::verify_loop() {
  for (;;) {
    while (!to_verify_)
      KITH_CO_CHECK(co_await verify_wake_.wait());
    const Verify order = *std::exchange(to_verify_, std::nullopt);
    const std::uint64_t seen = blocks_seen_;
    auto verdict = co_await judge(order);
    if (!verdict && verdict.error().is(Errc::cancelled)) co_return std::unexpected(verdict.error());
    if (is_stale(order.proposal.view)) continue;
    if (!verdict && !verdict.error().is(Errc::not_found)) {
      KITH_LOG_WARN(means_.log, "epoch {}, view {}: a block can't be judged: {}", plan_.epoch,
                    order.proposal.view, verdict.error().message());
    }
    judged_ = Judged{order.proposal, verdict.value_or(PayloadVerdict::unavailable)};
    if (judged_->verdict == PayloadVerdict::unavailable) {
      unavailable_ = order;
      means_.chain.wanted(order.proposal.payload);
      // It may have come while it was looked for.
      if (seen != blocks_seen_ && !to_verify_)
        to_verify_ = std::exchange(unavailable_, std::nullopt);
    }
    wake_.notify_all();
  }
}

Task<PayloadVerdict> EpochRun::judge(Verify order) {
  const Hash block = order.proposal.payload;
  const Hash parent = order.parent.payload;
  KITH_CO_TRY(const BftBlock before, co_await means_.chain.block(parent));
  const bool is_last = means_.parameters.is_epoch_end(before.number) && parent != plan_.before;
  if (is_last || block == parent)
    co_return is_last&& block == parent ? PayloadVerdict::valid : PayloadVerdict::invalid;
  KITH_CO_TRY(const PayloadVerdict verdict, co_await means_.chain.verify(block, parent));
  if (verdict != PayloadVerdict::valid) co_return verdict;
  KITH_CO_TRY(candidate_, co_await means_.chain.block(block));
  co_return verdict;
}

// Finalizing.

Task<void> EpochRun::finalize_loop() {
  for (;;) {
    if (std::exchange(look_, false)) KITH_CO_CHECK(co_await look_at_chain());
    if (ended_) co_return Result<void>{};
    const CertificatePtr next = to_finalize_;
    if (!next || next == finalized_) {
      KITH_CO_CHECK(co_await finalize_wake_.wait());
      continue;
    }
    auto done = co_await finalize(next);
    if (done) continue;
    if (done.error().is(Errc::cancelled)) co_return done;
    if (done.error().is(Errc::not_found))
      means_.chain.wanted(next->says.about.payload);
    else
      set_trouble(chain_trouble_, "what is final can't be kept: " + done.error().message());
    auto waited = co_await finalize_wake_.wait(now() + bft_limits::retry_interval);
    if (!waited && waited.error().is(Errc::cancelled)) co_return waited;
  }
}

Task<void> EpochRun::finalize(CertificatePtr certificate) {
  KITH_CO_TRY(const BftBlock block, co_await means_.chain.block(certificate->says.about.payload));
  KITH_CO_CHECK(co_await means_.chain.finalize(block, certificate));
  set_trouble(chain_trouble_, "");
  finalized_ = certificate;
  if (block.number > final_.number || block.hash == final_.hash) {
    final_ = block;
    final_since_ = now();
  }
  if (engine_.final_proposal().view + 1 == engine_.view()) newest_timestamp_ = block.timestamp;
  if (block.number >= means_.parameters.last_block_of(plan_.epoch)) {
    ending_ = certificate;
    ended_ = true;
    wake_.notify_all();
  }
  update_rest();
  co_return Result<void>{};
}

/// Whether the chain has become final by a sync, and how far.
Task<void> EpochRun::look_at_chain() {
  auto found = co_await means_.chain.finalized();
  if (!found) {
    if (found.error().is(Errc::cancelled)) co_return std::unexpected(found.error());
    look_ = true;
    co_return co_await port::sleep_for(means_.env.clock, bft_limits::retry_interval);
  }
  if (found->number <= final_.number) co_return Result<void>{};
  final_ = *found;
  final_since_ = now();
  if (final_.number >= means_.parameters.last_block_of(plan_.epoch)) {
    ended_ = true;
    wake_.notify_all();
  }
  update_rest();
  co_return Result<void>{};
}

// Pace.

/// Until a block after one of that time may be built, by the calendar. No clock of others makes it
/// longer than their blocks may be ahead of ours.
Duration EpochRun::until_due(std::uint64_t timestamp) const {
  const BftParameters& rules = means_.parameters;
  const auto most = std::chrono::seconds(rules.future_limit_s() + rules.block_time_s);
  const auto wall = means_.env.wall.now().time_since_epoch();
  const auto wall_s = static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, std::chrono::floor<std::chrono::seconds>(wall).count()));
  if (timestamp > wall_s + rules.future_limit_s()) return most;
  const Duration due = std::chrono::seconds(timestamp + rules.block_time_s);
  return std::clamp<Duration>(due - wall, Duration::zero(), most);
}

bool EpochRun::may_rest() {
  // Who follows hears of nothing unless it asks, and asks when its time-outs are over.
  if (means_.parameters.empty_blocks || !signer_ || awake_in_ == engine_.view() || ended_)
    return false;
  const Proposal& newest = engine_.final_proposal();
  if (newest.view + 1 != engine_.view() || newest.payload != final_.hash) return false;
  if (now() >= final_since_ + std::chrono::seconds(means_.parameters.empty_block_interval_s))
    return false;
  return !means_.chain.has_transactions() && !others_go_on();
}

/// The leader has spoken, or so many that one of them is honest: they have a reason.
bool EpochRun::others_go_on() {
  const View view = engine_.view();
  std::uint64_t going = 0;
  for (std::size_t i = 0; i < set().size(); ++i) {
    const auto index = static_cast<ValidatorIndex>(i);
    if (engine_.heard(index) < view) continue;
    if (index == engine_.leader(view)) return true;
    going += set()[index].stake;
  }
  return set().has_one_honest(going);
}

/// A view that has been woken stays awake: its time-outs have begun to count.
void EpochRun::update_rest() {
  const bool rests = may_rest();
  if (rests == resting_) return;
  resting_ = rests;
  if (rests) rested_in_ = engine_.view();
  ViewTimer& leader = timers_[static_cast<std::size_t>(Timer::leader)];
  ViewTimer& notarization = timers_[static_cast<std::size_t>(Timer::notarization)];
  if (rests) {
    const auto most = std::chrono::seconds(means_.parameters.empty_block_interval_s);
    means_.env.clock.arm(rest_timer_, final_since_ + most);
    for (ViewTimer* timer : {&leader, &notarization})
      means_.env.clock.disarm(*timer);
    return;
  }
  means_.env.clock.disarm(rest_timer_);
  if (rested_in_ == engine_.view()) awake_in_ = engine_.view();
  for (ViewTimer* timer : {&leader, &notarization}) {
    if (timer->view == engine_.view()) arm(*timer);
  }
  build_wake_.notify_all();
}

void EpochRun::describe(BftStatus& into) {
  into.running = true;
  into.epoch = plan_.epoch;
  into.view = engine_.view();
  into.leader = set()[engine_.leader(engine_.view())].key;
  into.final_block = final_;
  for (std::size_t i = 0; i < set().size(); ++i) {
    const auto index = static_cast<ValidatorIndex>(i);
    into.validators.push_back({set()[index].key, set()[index].stake, engine_.heard(index)});
  }
  into.votes = signer_ != nullptr;
  into.why_not = plan_.why_not;
  into.trouble = log_trouble_.empty() ? chain_trouble_ : log_trouble_;
  into.rests = resting_;
}

}  // namespace kith::ledger::detail
