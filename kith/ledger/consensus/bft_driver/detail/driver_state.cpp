#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/ledger/consensus/bft_driver/detail/driver_state.hpp>

namespace kith::ledger::detail {
namespace {

using namespace bft;

constexpr std::size_t behind_max = 64;

Epoch epoch_of(const Message& message) {
  if (const Vote* vote = std::get_if<Vote>(&message)) return vote->says.epoch;
  if (const auto* certificate = std::get_if<CertificatePtr>(&message))
    return (*certificate)->says.epoch;
  if (const Request* request = std::get_if<Request>(&message)) return request->epoch;
  return std::get<Response>(message).epoch;
}

}  // namespace

BftDriverState::BftDriverState(port::Env& env, BftChain& chain, BftNetwork& network,
                               const BftKeys& keys, BftDriverOptions options)
    : env_(env),
      log_(env.log, "bft"),
      chain_(chain),
      network_(network),
      keys_(keys),
      options_(std::move(options)),
      votes_(env, options_.folder),
      means_{env_,   log_,
             chain_, network_,
             keys_,  options_.parameters,
             votes_, [this](const BftAccusation& accusation) { accuse(accusation); }},
      behind_wake_(env.clock),
      evidence_wake_(env.clock),
      tasks_(env.executor, env.clock) {
  ASSERT(options_.parameters.check());
}

BftDriverState::~BftDriverState() {
  ASSERT(!started_);
}

void BftDriverState::start() {
  ASSERT(!started_ && !tasks_.cancelled());
  started_ = true;
  tasks_.spawn(run());
  tasks_.spawn(answer_loop());
  tasks_.spawn(evidence_loop());
}

Task<void> BftDriverState::close_shielded() {
  if (!started_) co_return Result<void>{};
  started_ = false;
  tasks_.cancel();
  co_return co_await tasks_.join_shielded();
}

// Epochs.

Task<void> BftDriverState::run() {
  for (;;) {
    auto ran = co_await run_epoch();
    epoch_.reset();
    if (ran) continue;
    if (ran.error().is(Errc::cancelled)) co_return ran;
    if (trouble_.empty())
      KITH_LOG_ERROR(log_, "the next epoch can't begin yet: {}", ran.error().message());
    trouble_ = "the next epoch can't begin yet: " + ran.error().message();
    KITH_CO_CHECK(co_await port::sleep_for(env_.clock, bft_limits::retry_interval));
  }
}

Task<void> BftDriverState::run_epoch() {
  KITH_CO_TRY(EpochPlan plan, co_await plan_epoch());
  KITH_CO_TRY(plan.why_not, co_await may_vote(plan));
  trouble_.clear();
  EpochPlan without = plan;
  auto begun = std::make_unique<EpochRun>(means_, std::move(plan));
  if (const auto began = begun->begin(); !began) {
    without.why_not = votes_.path() + ": " + Error(began.error()).message() +
                      "; voting begins again with the next epoch";
    without.records.clear();
    begun = std::make_unique<EpochRun>(means_, std::move(without));
    ASSERT(begun->begin());
  }
  epoch_ = std::move(begun);
  const EpochPlan& runs = epoch_->plan();
  KITH_LOG_INFO(log_, "epoch {} after block {}: {} validators, {}", runs.epoch,
                options_.parameters.block_before(runs.epoch), runs.set->size(),
                runs.why_not.empty() ? "we vote" : runs.why_not);
  open_early();
  KITH_CO_CHECK(co_await epoch_->run());
  const CertificatePtr& ending = epoch_->ending();
  if (!ending) co_return Result<void>{};
  endings_[runs.epoch] = ending;
  if (endings_.size() > bft_limits::finalizations_kept) endings_.erase(endings_.begin());
  co_return Result<void>{};
}

Task<EpochPlan> BftDriverState::plan_epoch() {
  EpochPlan plan;
  KITH_CO_TRY(plan.final_block, co_await chain_.finalized());
  plan.epoch = options_.parameters.epoch_after(plan.final_block.number);
  const std::uint64_t before = options_.parameters.block_before(plan.epoch);
  KITH_CO_TRY(plan.before, co_await chain_.final_hash(before));
  KITH_CO_TRY(plan.set, co_await chain_.validators_after(plan.before));
  if (const auto self = keys_.self()) plan.self = plan.set->find(*self);
  co_return plan;
}

/// Why not, or nothing; and what the log says.
Task<std::string> BftDriverState::may_vote(EpochPlan& plan) {
  if (!keys_.self()) co_return "this node has no validator's key";
  if (!plan.self) co_return "this node is none of the epoch's validators";
  const bool is_new = plan.final_block.number == 0;
  KITH_CO_TRY(VoteLog::Begun begun, co_await votes_.begin(plan.epoch, is_new));
  plan.records = std::move(begun.records);
  if (!begun.may_vote) KITH_LOG_WARN(log_, "epoch {}: {}", plan.epoch, begun.why_not);
  co_return std::move(begun.why_not);
}

/// What came of this epoch before it began here.
void BftDriverState::open_early() {
  early_bytes_ = 0;
  for (Early& one : std::exchange(early_, {})) {
    if (epoch_of(one.message) == epoch_->plan().epoch)
      on_current(one.from, std::move(one.message), one.bytes);
  }
}

// Messages.

void BftDriverState::on_message(const ValidatorKey& from, ByteView message) {
  if (!started_) return;
  auto decoded = message.size() <= message_bytes_max ? decode_message(message)
                                                     : std::unexpected(BftError::too_many);
  if (!decoded) return network_.broke_rules(from);
  const Epoch epoch = epoch_of(*decoded);
  // Between two epochs, and before the first.
  if (!epoch_) return on_early(from, *std::move(decoded), message.size());
  const Epoch ours = epoch_->plan().epoch;
  if (epoch < ours) return on_past(from, epoch, *decoded);
  if (epoch == ours) return on_current(from, *std::move(decoded), message.size());
  ask_how_it_ended(from);
  if (epoch == ours + 1) on_early(from, *std::move(decoded), message.size());
}

void BftDriverState::on_current(const ValidatorKey& from, Message message, std::size_t bytes) {
  if (const auto index = epoch_->set().find(from)) {
    if (index != epoch_->plan().self) epoch_->take(*index, std::move(message), bytes);
    return;
  }
  // Who follows, or was a validator before: it may ask, and no more.
  const Request* request = std::get_if<Request>(&message);
  if (request == nullptr || !may_answer(from)) return;
  Response answer = epoch_->engine().answer(*request);
  if (!answer.certificates.empty()) send(from, std::move(answer));
}

/// Those who switch to an epoch first must not have to say all again.
void BftDriverState::on_early(const ValidatorKey& from, Message message, std::size_t bytes) {
  if (early_.size() >= bft_limits::early_messages_max ||
      early_bytes_ + bytes > bft_limits::early_bytes_max)
    return;
  const auto of_sender =
      std::ranges::count_if(early_, [&](const Early& one) { return one.from == from; });
  if (static_cast<std::size_t>(of_sender) >= bft_limits::early_messages_of_sender_max) return;
  early_.push_back({from, std::move(message), bytes});
  early_bytes_ += bytes;
}

/// Certificates aren't answered: nobody who sends one is behind it.
void BftDriverState::on_past(const ValidatorKey& from, Epoch epoch, const Message& message) {
  if (!std::holds_alternative<Vote>(message) && !std::holds_alternative<Request>(message)) return;
  if (behind_.size() >= behind_max || !may_answer(from)) return;
  behind_.push_back({from, epoch});
  behind_wake_.notify_all();
}

Task<void> BftDriverState::answer_loop() {
  for (;;) {
    while (behind_.empty())
      KITH_CO_CHECK(co_await behind_wake_.wait());
    const Behind next = behind_.front();
    behind_.pop_front();
    auto ending = co_await ending_of(next.epoch);
    if (!ending && ending.error().is(Errc::cancelled)) co_return std::unexpected(ending.error());
    if (ending) send(next.who, *std::move(ending));
  }
}

Task<CertificatePtr> BftDriverState::ending_of(Epoch epoch) {
  if (const auto found = endings_.find(epoch); found != endings_.end()) co_return found->second;
  KITH_CO_TRY(CertificatePtr kept, co_await chain_.last_finalization(epoch));
  if (!kept) co_return std::unexpected(Errc::not_found);
  co_return kept;
}

/// It is in a later epoch, so it knows the last finalization of ours.
void BftDriverState::ask_how_it_ended(const ValidatorKey& from) {
  if (!may_answer(from)) return;
  const View next = epoch_->engine().final_proposal().view + 1;
  send(from, Request{epoch_->plan().epoch, {{next, Request::either}}});
}

bool BftDriverState::may_answer(const ValidatorKey& whom) {
  const auto found = answered_.find(whom);
  if (found != answered_.end()) {
    if (now() < found->second + bft_limits::answer_interval) return false;
    found->second = now();
    return true;
  }
  if (answered_.size() >= bft_limits::answered_max) {
    std::erase_if(answered_, [this](const auto& one) {
      return now() >= one.second + bft_limits::answer_interval;
    });
    if (answered_.size() >= bft_limits::answered_max) return false;
  }
  answered_.emplace(whom, now());
  return true;
}

void BftDriverState::send(const ValidatorKey& to, const Message& message) {
  network_.send(to, Buffer::adopt(encode_message(message)));
}

void BftDriverState::on_certificate(const CertificatePtr& certificate) {
  if (!started_ || !epoch_ || !certificate) return;
  if (certificate->says.epoch == epoch_->plan().epoch) epoch_->take(certificate);
}

void BftDriverState::on_block() {
  if (started_ && epoch_) epoch_->on_block();
}

void BftDriverState::on_synced() {
  if (started_ && epoch_) epoch_->on_synced();
}

void BftDriverState::on_transactions() {
  if (started_ && epoch_) epoch_->on_transactions();
}

// Evidence.

void BftDriverState::accuse(const BftAccusation& accusation) {
  if (std::ranges::find(evidence_, accusation) != evidence_.end()) return;
  evidence_.push_back(accusation);
  if (evidence_.size() > bft_limits::evidence_max) evidence_.erase(evidence_.begin());
  evidence_changed_ = true;
  evidence_wake_.notify_all();
  if (options_.on_evidence) options_.on_evidence(accusation);
}

Task<void> BftDriverState::evidence_loop() {
  auto loaded = co_await port::run_on(
      env_.pool, [this] { return load_evidence(env_.files, evidence_path()); });
  if (loaded) {
    const bool found_before = !evidence_.empty();
    for (const BftAccusation& one : *loaded)
      accuse(one);
    evidence_changed_ = found_before;
  } else if (loaded.error().is(Errc::cancelled)) {
    co_return std::unexpected(loaded.error());
  } else {
    KITH_LOG_WARN(log_, "the evidence that was kept can't be read: {}", loaded.error().message());
  }
  for (;;) {
    while (!evidence_changed_)
      KITH_CO_CHECK(co_await evidence_wake_.wait());
    evidence_changed_ = false;
    const std::vector<BftAccusation> all = evidence_;
    auto saved = co_await port::run_on(env_.pool, [this, &all]() -> Result<void> {
      KITH_CHECK(env_.files.make_directories(options_.folder, 0700));
      return save_evidence(env_.files, evidence_path(), all);
    });
    if (saved) continue;
    if (saved.error().is(Errc::cancelled)) co_return saved;
    KITH_LOG_WARN(log_, "evidence can't be kept: {}", saved.error().message());
    evidence_changed_ = true;
    KITH_CO_CHECK(co_await port::sleep_for(env_.clock, bft_limits::retry_interval));
  }
}

BftStatus BftDriverState::status() const {
  BftStatus status;
  if (epoch_) epoch_->describe(status);
  if (!trouble_.empty()) status.trouble = trouble_;
  return status;
}

}  // namespace kith::ledger::detail
