// Engine: its inputs, the views, and what is done in them. Votes and certificates are in
// engine_votes.cpp, the log in engine_log.cpp.
#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/ledger/consensus/bft/detail/round.hpp>

namespace kith::ledger::bft {

Engine::Engine(std::shared_ptr<const ValidatorSet> set, const Options& options,
               const Verifier& verifier, Signer* signer, ValidatorIndex self)
    : set_(std::move(set)),
      options_(options),
      verifier_(verifier),
      signer_(signer),
      self_(self),
      schedule_(*set_, options.epoch),
      final_{.payload = options.genesis},
      others_(ValidatorBits::first(set_->size())),
      last_voted_(set_->size()),
      answered_(set_->size()) {
  ASSERT(signer == nullptr || self < set_->size());
  if (is_validator()) others_.clear(self_);
}

Engine::~Engine() = default;

Received Engine::receive(ValidatorIndex from, const Message& message, Actions& out) {
  if (view_ == 0 || from >= set_->size()) return Received::useless;
  out_ = &out;
  Received came = Received::useless;
  if (const Vote* vote = std::get_if<Vote>(&message))
    came = on_vote(from, *vote);
  else if (const CertificatePtr* certificate = std::get_if<CertificatePtr>(&message))
    came = on_certificate(from, *certificate);
  else if (const Request* asked = std::get_if<Request>(&message))
    came = on_request(from, *asked);
  else
    came = on_response(from, std::get<Response>(message));
  settle();
  return came;
}

void Engine::timer(Timer timer, View view, Actions& out) {
  if (view_ == 0 || view != view_) return;
  out_ = &out;
  switch (timer) {
    case Timer::leader:
      on_leader_timeout();
      break;
    case Timer::notarization:
      on_notarization_timeout();
      break;
    case Timer::retry:
      on_retry();
      break;
    case Timer::fetch:
      if (!request_open_) break;
      request_open_ = false;
      pursue();
      notice_being_behind(next_asked_);
      break;
  }
  settle();
}

void Engine::on_leader_timeout() {
  if (stage_ == Stage::unavailable && !asked_again_) {
    asked_again_ = true;
    count(Transition::verify_asked_again);
    ask_to_verify(*current().proposal);
  }
  // Who leads may build until the others' patience for a notarization ends.
  if (!current().proposal && !is_self(leader_)) give_up(Transition::nullify_at_leader_timeout);
}

void Engine::on_notarization_timeout() {
  if (current().own_vote(VoteKind::nullify)) return;
  give_up(Transition::nullify_at_notarization_timeout);
  // Who can't vote to nullify asks, again and again.
  start_to_retry();
}

/// Votes may be lost, and so may the certificate that led us here and leads those here who aren't.
void Engine::on_retry() {
  count(Transition::nullify_retried);
  helped_ = {};
  std::ranges::fill(answered_, std::uint8_t{0});
  CertificatePtr entry = finalization_;
  if (const Round* before = find(view_ - 1); before != nullptr && view_ - 1 > final_.view) {
    entry = before->certificate(VoteKind::nullify);
    if (!entry) entry = before->certificate(VoteKind::notarize);
  }
  ValidatorBits behind = others_;
  others_.for_each([&](ValidatorIndex i) {
    if (last_voted_[i] >= view_) behind.clear(i);
  });
  if (entry) send(entry, behind);
  finalize_again();
  // What was held back in the last view may be due now: something has become final since.
  if (!is_last_view()) give_up(Transition::nullify_at_notarization_timeout);
  Round& now = current();
  if (now.own_vote(VoteKind::nullify)) {
    send(*now.own_vote(VoteKind::nullify), others_);
  } else {
    if (now.own_vote(VoteKind::notarize)) send(*now.own_vote(VoteKind::notarize), others_);
    if (stage_ == Stage::unavailable) ask_to_verify(*now.proposal);
    pursue();
    request(next_asked_, open_ends());
  }
  arm(Timer::retry, options_.retry_interval);
}

/// Where nothing new is notarized, nothing else makes the newest of what could be final so; and
/// where there is no room, nothing else makes any.
void Engine::finalize_again() {
  constexpr int views_most = 8;
  int sent = 0;
  for (View view = view_; view > final_.view && sent < views_most; --view) {
    Round* round = find(view);
    if (round == nullptr || !round->own_vote(VoteKind::finalize)) continue;
    count(Transition::finalize_sent_again);
    send(*round->own_vote(VoteKind::finalize), others_);
    ++sent;
  }
}

void Engine::built(View view, const std::optional<Hash>& payload, Actions& out) {
  out_ = &out;
  if (view_ == 0 || view != view_ || stage_ != Stage::building || current().has_voted()) {
    count(Transition::built_too_late);
    return;
  }
  stage_ = Stage::none;
  if (!payload || build_parent_.view < final_.view) {
    count(Transition::build_refused);
    give_up(Transition::nullify_for_own_build);
  } else {
    count(Transition::built);
    count(Transition::notarize_cast);
    cast(VoteKind::notarize, {view_, build_parent_.view, *payload});
  }
  settle();
}

void Engine::verdict(const Proposal& proposal, PayloadVerdict verdict, Actions& out) {
  out_ = &out;
  const bool waits = stage_ == Stage::asked || stage_ == Stage::unavailable;
  if (!waits || proposal.view != view_ || current().proposal != proposal || current().has_voted()) {
    count(Transition::verdict_too_late);
    return;
  }
  switch (verdict) {
    case PayloadVerdict::valid:
      count(Transition::payload_valid);
      stage_ = Stage::none;
      if (proposal.parent < final_.view) {
        count(Transition::proposal_against_finality);
        give_up(Transition::nullify_for_proposal);
      } else {
        count(Transition::notarize_cast);
        cast(VoteKind::notarize, proposal);
      }
      break;
    case PayloadVerdict::invalid:
      count(Transition::payload_invalid);
      stage_ = Stage::none;
      give_up(Transition::nullify_for_proposal);
      break;
    case PayloadVerdict::unavailable:
      count(Transition::payload_unavailable);
      stage_ = Stage::unavailable;
      break;
  }
  settle();
}

// Views.

Engine::Round* Engine::find(View view) noexcept {
  if (view < oldest_ || view - oldest_ >= rounds_.size()) return nullptr;
  return rounds_[view - oldest_].get();
}

const Engine::Round* Engine::find(View view) const noexcept {
  return const_cast<Engine*>(this)->find(view);
}

/// The view is oldest_ or beyond, and within the limits of what we take.
Engine::Round& Engine::obtain(View view) {
  ASSERT(view >= oldest_);
  while (view - oldest_ >= rounds_.size())
    rounds_.push_back(nullptr);
  std::unique_ptr<Round>& at = rounds_[view - oldest_];
  if (at) return *at;
  if (spare_.empty()) {
    at = std::make_unique<Round>();
  } else {
    at = std::move(spare_.back());
    spare_.pop_back();
  }
  at->reset(view, schedule_.leader(view), view < released_below_ ? 0 : set_->size());
  return *at;
}

void Engine::forget_below(View view) {
  bool any = false;
  while (!rounds_.empty() && oldest_ < view) {
    if (rounds_.front() && spare_.size() < options_.window)
      spare_.push_back(std::move(rounds_.front()));
    rounds_.pop_front();
    ++oldest_;
    any = true;
  }
  if (rounds_.empty()) oldest_ = std::max(oldest_, view);
  if (any) count(Transition::views_pruned);
}

/// Of views that lie far back, and that nothing final has passed, certificates are enough.
void Engine::release_votes() {
  const View below = view_ > options_.vote_views ? view_ - options_.vote_views : 0;
  for (View view = std::max({released_below_, oldest_, final_.view + 1}); view < below; ++view) {
    Round* round = find(view);
    if (round == nullptr || round->slots.empty()) continue;
    round->release_votes();
    count(Transition::votes_released);
  }
  released_below_ = std::max(released_below_, below);
}

void Engine::enter(View view) {
  if (view > view_ + 1 || view_ == 0) {
    if (view_ != 0) count(Transition::jumped);
    followed_since_ = view;
  }
  view_ = view;
  leader_ = schedule_.leader(view);
  stage_ = Stage::none;
  asked_again_ = false;
  helped_ = {};
  std::ranges::fill(answered_, std::uint8_t{0});
  request_open_ = false;
  request_first_ = true;
  retrying_ = false;
  release_votes();
  begin_view();
}

void Engine::begin_view() {
  arm(Timer::leader, grown(options_.leader_timeout));
  arm(Timer::notarization, grown(options_.notarization_timeout));
  const Round& now = current();
  if (leader_is_inactive(leader_)) return give_up(Transition::nullify_inactive_leader);
  if (!now.slots.empty() && now.slots[leader_].has[slot_of(VoteKind::nullify)] && !is_self(leader_))
    return give_up(Transition::nullify_with_leader);
  pursue();
}

/// It is the leader that is silent, and not we who are deaf: a certificate of the view before led
/// here, so a quorum was heard in it.
bool Engine::leader_is_inactive(ValidatorIndex leader) const {
  return is_validator() && !is_self(leader) && view_ > followed_since_ + options_.skip_views &&
         last_voted_[leader] + options_.skip_views < view_;
}

Duration Engine::grown(Duration timeout) const noexcept {
  const std::uint64_t open = view_ - 1 - final_.view;
  const std::uint64_t times = 1 + open / std::max(options_.timeout_growth_views, 1U);
  return timeout * static_cast<std::int64_t>(
                       std::min<std::uint64_t>(times, std::max(options_.timeout_growth_max, 1U)));
}

// What is done in a view.

/// Tries again what waits for certificates.
void Engine::pursue() {
  if (!is_validator() || stage_ != Stage::none || current().has_voted()) return;
  if (is_self(leader_))
    try_to_build();
  else
    consider_proposal();
}

/// The parent is the newest notarized payload from which nullifications lead here.
void Engine::try_to_build() {
  std::vector<Request::Item> missing;
  View at = view_ - 1;
  for (; at > final_.view && missing.size() < request_views_max; --at) {
    const Round* round = find(at);
    if (round != nullptr && round->certificate(VoteKind::notarize)) break;
    if (round == nullptr || !round->certificate(VoteKind::nullify))
      missing.push_back({at, Request::either});
  }
  if (!missing.empty()) {
    count(Transition::build_waits_for_certificates);
    std::ranges::reverse(missing);
    return request(next_asked_, std::move(missing));
  }
  count(Transition::build_asked);
  stage_ = Stage::building;
  build_parent_ = notarized_in(at);
  out_->push_back(Build{view_, build_parent_});
}

const Proposal& Engine::notarized_in(View view) const {
  return view == final_.view ? final_ : find(view)->certificate(VoteKind::notarize)->says.about;
}

/// What the rules want to be in our hands before we vote for it.
std::vector<Request::Item> Engine::missing_for(const Proposal& proposal) const {
  std::vector<Request::Item> missing;
  const auto has = [&](View view, VoteKind kind) {
    const Round* round = find(view);
    return round != nullptr && round->certificate(kind);
  };
  if (proposal.parent > final_.view && !has(proposal.parent, VoteKind::notarize))
    missing.push_back({proposal.parent, Request::notarization});
  for (View view = proposal.parent + 1; view < proposal.view; ++view) {
    if (missing.size() == request_views_max) break;
    if (!has(view, VoteKind::nullify)) missing.push_back({view, Request::nullification});
  }
  return missing;
}

void Engine::consider_proposal() {
  const std::optional<Proposal> proposal = current().proposal;
  if (!proposal) return;
  if (proposal->parent < final_.view) {
    count(Transition::proposal_against_finality);
    return give_up(Transition::nullify_for_proposal);
  }
  if (auto missing = missing_for(*proposal); !missing.empty()) {
    count(Transition::verify_waits_for_certificates);
    return request(leader_, std::move(missing));
  }
  count(Transition::verify_asked);
  ask_to_verify(*proposal);
}

void Engine::ask_to_verify(const Proposal& proposal) {
  if (proposal.parent < final_.view) return;
  stage_ = Stage::asked;
  out_->push_back(Verify{proposal, notarized_in(proposal.parent)});
}

/// Logs the vote, sends it, and counts it when settle() comes to it.
void Engine::cast(VoteKind kind, const Proposal& about) {
  Round& round = obtain(about.view);
  ASSERT(!round.own_vote(kind));
  const Statement says{options_.epoch, kind, about};
  const Vote vote{says, self_, signer_->sign(says)};
  round.own_vote(kind) = vote;
  persist(vote, true);
  send(vote, others_);
  new_votes_.push_back(vote);
}

void Engine::give_up(Transition why) {
  if (!is_validator()) return;
  stage_ = Stage::none;
  start_to_retry();
  Round& now = current();
  if (now.own_vote(VoteKind::nullify) || now.own_vote(VoteKind::finalize)) return;
  // Beyond it there is no room: only its leader, or somebody who knows more, leads out of it.
  if (is_last_view()) return count(Transition::nullify_held_back);
  count(why);
  cast(VoteKind::nullify, {view_, 0, {}});
}

void Engine::start_to_retry() {
  if (!retrying_) arm(Timer::retry, options_.retry_interval);
  retrying_ = true;
}

// Others.

void Engine::send(Message message, const ValidatorBits& to) {
  if (!to.none()) out_->push_back(Send{std::move(message), to});
}

void Engine::arm(Timer timer, Duration after) {
  out_->push_back(Arm{timer, view_, after});
}

/// More than a third has voted beyond our view: somebody honest holds what leads there.
void Engine::notice_being_behind(ValidatorIndex hint) {
  if (request_open_) return;
  std::uint64_t ahead = 0;
  for (std::size_t i = 0; i < set_->size(); ++i) {
    if (last_voted_[i] > view_) ahead += (*set_)[static_cast<ValidatorIndex>(i)].stake;
  }
  if (!set_->has_one_honest(ahead)) return;
  count(Transition::behind_noticed);
  std::vector<Request::Item> items = open_ends();
  if (last_voted_[hint] > view_ + 1) items.push_back({last_voted_[hint] - 1, Request::either});
  request(hint, std::move(items));
}

/// What leads out of this view, and what is final instead of the first view that isn't here:
/// without it there may be no room to go on.
std::vector<Request::Item> Engine::open_ends() const {
  std::vector<Request::Item> items;
  if (final_.view + 1 < view_) items.push_back({final_.view + 1, Request::either});
  items.push_back({view_, Request::either});
  return items;
}

/// It is stuck in a view that we have left. Once in a turn, whatever it says.
void Engine::help(ValidatorIndex from, View stuck_at) {
  if (is_self(from)) return;
  if (helped_.test(from)) return count(Transition::straggler_waits);
  helped_.set(from);
  std::vector<CertificatePtr> found;
  if (stuck_at <= final_.view) offer(found, finalization_);
  for (const View view : {stuck_at, view_ - 1}) {
    const Round* round = view > final_.view ? find(view) : nullptr;
    if (round == nullptr) continue;
    offer(found, round->certificate(VoteKind::notarize));
    offer(found, round->certificate(VoteKind::nullify));
  }
  if (found.empty()) return;
  count(Transition::straggler_helped);
  ValidatorBits to;
  to.set(from);
  send(Response{options_.epoch, std::move(found)}, to);
}

void Engine::offer(std::vector<CertificatePtr>& into, const CertificatePtr& certificate) const {
  if (certificate && into.size() < response_certificates_max &&
      std::ranges::find(into, certificate) == into.end())
    into.push_back(certificate);
}

/// One at a time: the first choice, and then in turn.
void Engine::request(ValidatorIndex first_choice, std::vector<Request::Item> items) {
  if (request_open_ || others_.none()) return;
  ValidatorIndex target = first_choice;
  if (!request_first_ || !others_.test(target)) {
    do {
      next_asked_ = static_cast<ValidatorIndex>((next_asked_ + 1U) % set_->size());
    } while (!others_.test(next_asked_));
    target = next_asked_;
  }
  count(request_first_ ? Transition::request_sent : Transition::request_sent_again);
  request_open_ = true;
  request_first_ = false;
  ValidatorBits to;
  to.set(target);
  send(Request{options_.epoch, std::move(items)}, to);
  arm(Timer::fetch, options_.fetch_timeout);
}

Received Engine::on_request(ValidatorIndex from, const Request& request) {
  if (request.epoch != options_.epoch) {
    count(Transition::other_epoch);
    return Received::useless;
  }
  if (answered_[from] >= requests_per_turn_max) {
    count(Transition::request_over_limit);
    return Received::useless;
  }
  ++answered_[from];
  Response found = answer(request);
  if (found.certificates.empty()) {
    count(Transition::request_unanswerable);
    return Received::useless;
  }
  count(Transition::request_answered);
  ValidatorBits to;
  to.set(from);
  send(std::move(found), to);
  return Received::taken;
}

Response Engine::answer(const Request& request) const {
  Response found{options_.epoch, {}};
  for (const Request::Item& item : request.items) {
    if (item.view <= final_.view) {
      offer(found.certificates, finalization_);
      continue;
    }
    const Round* round = find(item.view);
    if (round == nullptr) continue;
    if ((item.wanted & Request::notarization) != 0)
      offer(found.certificates, round->certificate(VoteKind::notarize));
    if ((item.wanted & Request::nullification) != 0)
      offer(found.certificates, round->certificate(VoteKind::nullify));
  }
  return found;
}

}  // namespace kith::ledger::bft
