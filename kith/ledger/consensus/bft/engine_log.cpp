// Engine: what it logs, and how it goes on from there.
#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/ledger/consensus/bft/detail/round.hpp>

namespace kith::ledger::bft {
namespace {

/// No log of ours names views further beyond the final one.
constexpr View log_views_max = 1 << 20;

}  // namespace

Decoded<void> Engine::start(std::span<const Record> log, Actions& out) {
  ASSERT(view_ == 0);
  out_ = &out;
  if (log.empty()) {
    count(Transition::started_new);
    Record first = snapshot();
    log_bytes_ = snapshot_bytes_ = record_bytes(first);
    out.push_back(Persist{.record = std::move(first), .wait = true, .replaces_all = true});
    enter(1);
    settle();
    return {};
  }
  KITH_CHECK(replay(log));
  count(Transition::restarted);
  resume();
  settle();
  return {};
}

Decoded<void> Engine::replay(std::span<const Record> log) {
  if (!std::holds_alternative<Snapshot>(log.front())) return std::unexpected(BftError::other_log);
  for (const Record& record : log) {
    KITH_CHECK(std::visit([&](const auto& one) { return restore(one); }, record));
    log_bytes_ += record_bytes(record);
  }
  return {};
}

Decoded<void> Engine::restore(const Snapshot& snapshot) {
  if (snapshot.epoch != options_.epoch || snapshot.set != set_->hash() ||
      snapshot.genesis != options_.genesis)
    return std::unexpected(BftError::other_log);
  // A finalization first: it says which views are near.
  for (const bool finalizations : {true, false}) {
    for (const CertificatePtr& one : snapshot.certificates) {
      if ((one->kind() == VoteKind::finalize) == finalizations) KITH_CHECK(restore(one));
    }
  }
  for (const Vote& one : snapshot.votes)
    KITH_CHECK(restore(one));
  return {};
}

Decoded<void> Engine::restore(const Vote& vote) {
  if (vote.says.epoch != options_.epoch || !is_self(vote.by))
    return std::unexpected(BftError::other_log);
  if (vote.view() <= final_.view) return {};
  if (!vote.says.is_well_formed() || !is_near(vote.view()))
    return std::unexpected(BftError::corrupt);
  obtain(vote.view()).own_vote(vote.kind()) = vote;
  return {};
}

Decoded<void> Engine::restore(const CertificatePtr& certificate) {
  if (certificate->says.epoch != options_.epoch) return std::unexpected(BftError::other_log);
  const View view = certificate->view();
  if (view <= final_.view) return {};
  if (!certificate->says.is_well_formed()) return std::unexpected(BftError::corrupt);
  if (certificate->kind() == VoteKind::finalize) {
    final_ = certificate->says.about;
    finalization_ = certificate;
    forget_below(view + 1);
    return {};
  }
  if (!is_near(view)) return std::unexpected(BftError::corrupt);
  obtain(view).certificates[slot_of(certificate->kind())] = certificate;
  return {};
}

bool Engine::is_near(View view) const noexcept {
  return view - final_.view <= log_views_max;
}

/// The view is the newest that a certificate leads to, so far as there is room, or that we voted
/// in: what led us there was logged before.
void Engine::resume() {
  const View room = final_.view + options_.open_views_max;
  View reached = final_.view + 1;
  for (const auto& round : rounds_) {
    if (!round) continue;
    if (round->has_voted()) reached = std::max(reached, round->view);
    if (!round->certificate(VoteKind::notarize) && !round->certificate(VoteKind::nullify)) continue;
    full_ = full_ || round->view >= room;
    reached = std::max(reached, std::min(round->view + 1, room));
  }
  followed_since_ = view_ = std::max<View>(reached, 1);
  leader_ = schedule_.leader(view_);
  release_votes();
  resume_votes();
  resume_view();
}

/// Votes that may not have been sent are sent, those that were in time to be cast are cast, and all
/// are counted again.
void Engine::resume_votes() {
  const View near = view_ > options_.vote_views ? view_ - options_.vote_views : 0;
  for (View view = std::max(oldest_, final_.view + 1); view <= view_ && is_validator(); ++view) {
    Round* round = find(view);
    if (round == nullptr) continue;
    const CertificatePtr& notarization = round->certificate(VoteKind::notarize);
    const bool had_voted = round->own_vote(VoteKind::finalize).has_value();
    for (const auto& vote : round->own) {
      if (vote) new_votes_.push_back(*vote);
    }
    if (had_voted && view >= near) {
      count(Transition::votes_sent_again);
      send(*round->own_vote(VoteKind::finalize), others_);
    } else if (notarization) {
      consider_finalize(*notarization, *round);
    }
  }
}

void Engine::resume_view() {
  Round& now = current();
  if (now.own_vote(VoteKind::nullify)) {
    retrying_ = true;
    return on_retry();
  }
  if (const auto& vote = now.own_vote(VoteKind::notarize)) {
    count(Transition::votes_sent_again);
    send(*vote, others_);
  }
  begin_view();
}

void Engine::persist(Record record, bool wait) {
  log_bytes_ += record_bytes(record);
  out_->push_back(Persist{.record = std::move(record), .wait = wait});
}

void Engine::snapshot_if_large() {
  if (log_bytes_ < options_.log_bytes || log_bytes_ < 2 * snapshot_bytes_) return;
  count(Transition::snapshot_written);
  Record record = snapshot();
  log_bytes_ = snapshot_bytes_ = record_bytes(record);
  out_->push_back(Persist{.record = std::move(record), .wait = true, .replaces_all = true});
}

Snapshot Engine::snapshot() const {
  Snapshot made{options_.epoch, set_->hash(), options_.genesis, {}, {}};
  if (finalization_) made.certificates.push_back(finalization_);
  for (const auto& round : rounds_) {
    if (!round || round->view <= final_.view) continue;
    for (const CertificatePtr& one : round->certificates) {
      if (one) made.certificates.push_back(one);
    }
    for (const auto& vote : round->own) {
      if (vote) made.votes.push_back(*vote);
    }
  }
  return made;
}

}  // namespace kith::ledger::bft
