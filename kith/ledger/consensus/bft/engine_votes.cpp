// Engine: votes that come, certificates that they make or that come whole, and where those lead.
#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/ledger/consensus/bft/detail/round.hpp>

namespace kith::ledger::bft {
Received Engine::on_vote(ValidatorIndex from, const Vote& vote) {
  if (vote.says.epoch != options_.epoch) {
    count(Transition::other_epoch);
    return Received::useless;
  }
  if (!vote.says.is_well_formed() || vote.by >= set_->size()) {
    count(Transition::vote_bad);
    return Received::invalid;
  }
  const View view = vote.view();
  if (view < oldest_ || (view > final_.view && view < released_below_))
    return on_old_vote(from, vote);
  if (view > view_ + options_.window) return on_vote_ahead(from, vote);
  Round& round = obtain(view);
  if (round.slots.empty()) return on_old_vote(from, vote);
  const Round::Slot& slot = round.slots[vote.by];
  const std::size_t kind = slot_of(vote.kind());
  if (slot.has[kind]) {
    if (round.subjects[slot.subject[kind]].about != vote.says.about)
      return on_conflict(vote, round);
    count(Transition::vote_known);
    // It says so again: it is stuck there.
    if (vote.kind() == VoteKind::nullify && view < view_) help(from, view);
    return Received::useless;
  }
  if (!verifier_.verify(vote.says, vote.by, vote.signature)) {
    count(Transition::vote_bad);
    return Received::invalid;
  }
  store(vote, round);
  if (vote.kind() == VoteKind::nullify && view + 1 < view_) help(from, view);
  if (view > view_) notice_being_behind(from);
  return Received::taken;
}

Received Engine::on_old_vote(ValidatorIndex from, const Vote& vote) {
  count(vote.view() < oldest_ ? Transition::vote_stale : Transition::vote_after_release);
  if (vote.kind() == VoteKind::nullify) help(from, vote.view());
  return Received::useless;
}

/// There is no room for it, but it says where its validator is.
Received Engine::on_vote_ahead(ValidatorIndex from, const Vote& vote) {
  if (last_voted_[vote.by] >= vote.view()) return Received::useless;
  if (!verifier_.verify(vote.says, vote.by, vote.signature)) {
    count(Transition::vote_bad);
    return Received::invalid;
  }
  count(Transition::vote_ahead);
  last_voted_[vote.by] = vote.view();
  notice_being_behind(from);
  return Received::taken;
}

/// Its slot has another one of the same kind.
Received Engine::on_conflict(const Vote& vote, Round& round) {
  if (round.slots[vote.by].accused) return Received::useless;
  if (!verifier_.verify(vote.says, vote.by, vote.signature)) {
    count(Transition::vote_bad);
    return Received::invalid;
  }
  accuse(round.vote(options_.epoch, vote.by, vote.kind()), vote, round);
  return Received::taken;
}

/// Keeps a vote that is right, the first of its kind in its slot, and compares it with the others.
void Engine::note(const Vote& vote, Round& round) {
  Round::Slot& slot = round.slots[vote.by];
  const std::size_t kind = slot_of(vote.kind());
  slot.has[kind] = true;
  slot.signature[kind] = vote.signature;
  slot.subject[kind] = round.subject_of(vote.says.about);
  round.subjects[slot.subject[kind]].weight[kind] += (*set_)[vote.by].stake;
  last_voted_[vote.by] = std::max(last_voted_[vote.by], vote.view());
  if (is_self(vote.by) && !round.own_vote(vote.kind()) && vote.view() > final_.view) {
    // From before our log, or by another who has our key: we stand by it all the same.
    count(Transition::own_vote_came_back);
    round.own_vote(vote.kind()) = vote;
    persist(vote, false);
  }
  if (slot.has[slot_of(VoteKind::nullify)] && slot.has[slot_of(VoteKind::finalize)]) {
    accuse(round.vote(options_.epoch, vote.by, VoteKind::nullify),
           round.vote(options_.epoch, vote.by, VoteKind::finalize), round);
  }
}

void Engine::store(const Vote& vote, Round& round) {
  const VoteKind kind = vote.kind();
  if (round.slots.empty() || round.slots[vote.by].has[slot_of(kind)]) return;
  note(vote, round);
  if (vote.view() <= final_.view) return;
  const std::uint16_t subject = round.slots[vote.by].subject[slot_of(kind)];
  if (set_->is_quorum(round.subjects[subject].weight[slot_of(kind)]) && !round.certificate(kind))
    assemble(kind, vote.says.about, round);
  const bool is_of_leader = vote.by == round.leader && !is_self(vote.by);
  if (!is_of_leader) return;
  if (kind == VoteKind::notarize && !round.proposal) {
    round.proposal = vote.says.about;
    if (vote.view() == view_) pursue();
  } else if (kind == VoteKind::nullify && vote.view() == view_) {
    give_up(Transition::nullify_with_leader);
  }
}

void Engine::assemble(VoteKind kind, const Proposal& about, Round& round) {
  auto made = std::make_shared<Certificate>();
  made->says = {options_.epoch, kind, about};
  for (std::size_t i = 0; i < round.slots.size(); ++i) {
    const Round::Slot& slot = round.slots[i];
    if (!slot.has[slot_of(kind)] || round.subjects[slot.subject[slot_of(kind)]].about != about)
      continue;
    made->by.set(static_cast<ValidatorIndex>(i));
    made->signatures.push_back(slot.signature[slot_of(kind)]);
  }
  count(kind == VoteKind::notarize  ? Transition::notarization_assembled
        : kind == VoteKind::nullify ? Transition::nullification_assembled
                                    : Transition::finalization_assembled);
  new_certificates_.push_back(std::move(made));
}

void Engine::accuse(const Vote& a, const Vote& b, Round& round) {
  Round::Slot& slot = round.slots[a.by];
  if (slot.accused) return;
  slot.accused = true;
  count(a.kind() != b.kind()             ? Transition::conflict_nullify_finalize
        : a.kind() == VoteKind::notarize ? Transition::conflict_notarize
                                         : Transition::conflict_finalize);
  out_->push_back(Accuse{std::make_shared<const Evidence>(Evidence::of(a, b))});
}

Received Engine::on_certificate(ValidatorIndex from, const CertificatePtr& certificate) {
  if (certificate->says.epoch != options_.epoch) {
    count(Transition::other_epoch);
    return Received::useless;
  }
  const View view = certificate->view();
  const bool is_final = certificate->kind() == VoteKind::finalize;
  if (view <= final_.view) {
    count(Transition::certificate_known);
    return Received::useless;
  }
  if (!is_final && view - final_.view > options_.open_views_max) {
    count(Transition::certificate_too_far);
    request(from, {{final_.view + 1, Request::either}});
    return Received::useless;
  }
  Round* round = find(view);
  if (round != nullptr && !is_final) round->holders.set(from);
  if (round != nullptr && round->certificate(certificate->kind())) {
    count(Transition::certificate_known);
    return Received::useless;
  }
  if (!certificate_is_valid(*certificate, *set_, verifier_)) {
    count(Transition::certificate_bad);
    return Received::invalid;
  }
  count(is_final                                   ? Transition::finalization_received
        : certificate->kind() == VoteKind::nullify ? Transition::nullification_received
                                                   : Transition::notarization_received);
  note_signers(*certificate);
  new_certificates_.push_back(certificate);
  return Received::taken;
}

/// Its votes are votes as any other: they tell who is where, and who votes twice.
void Engine::note_signers(const Certificate& certificate) {
  const View view = certificate.view();
  Round* round = nullptr;
  if (view >= oldest_ && view >= released_below_ && view <= view_ + options_.window)
    round = &obtain(view);
  const std::size_t kind = slot_of(certificate.kind());
  std::size_t next = 0;
  certificate.by.for_each([&](ValidatorIndex i) {
    const Vote vote{certificate.says, i, certificate.signatures[next++]};
    last_voted_[i] = std::max(last_voted_[i], view);
    if (round == nullptr || round->slots.empty()) return;
    const Round::Slot& slot = round->slots[i];
    if (!slot.has[kind])
      note(vote, *round);
    else if (round->subjects[slot.subject[kind]].about != vote.says.about)
      accuse(round->vote(options_.epoch, i, vote.kind()), vote, *round);
  });
}

Received Engine::on_response(ValidatorIndex from, const Response& response) {
  if (response.certificates.size() > response_certificates_max) return Received::invalid;
  Received came = Received::useless;
  for (const CertificatePtr& one : response.certificates) {
    const Received of_one = on_certificate(from, one);
    if (of_one == Received::invalid) return Received::invalid;
    if (of_one == Received::taken) came = Received::taken;
    settle();
  }
  if (came != Received::taken) return came;
  count(Transition::response_taken);
  // What is still missing may be asked for at once, since this brought something.
  request_open_ = false;
  pursue();
  return came;
}

/// Carries out what follows from votes and certificates, one after the other, so that nothing is
/// changed below the feet of who looks at it.
void Engine::settle() {
  for (;;) {
    if (!new_certificates_.empty()) {
      const CertificatePtr one = std::move(new_certificates_.front());
      new_certificates_.erase(new_certificates_.begin());
      accept(one);
    } else if (!new_votes_.empty()) {
      const Vote one = new_votes_.front();
      new_votes_.erase(new_votes_.begin());
      if (Round* round = find(one.view())) store(one, *round);
    } else {
      return;
    }
  }
}

void Engine::accept(const CertificatePtr& certificate) {
  const View view = certificate->view();
  if (view <= final_.view) return;
  if (certificate->kind() == VoteKind::finalize) return accept_finalization(certificate);
  Round& round = obtain(view);
  CertificatePtr& place = round.certificates[slot_of(certificate->kind())];
  if (place) return;
  place = certificate;
  persist(certificate, false);
  if (certificate->kind() == VoteKind::notarize) {
    out_->push_back(Notarized{certificate});
    if (view >= view_) relay(certificate, round);
    consider_finalize(*certificate, round);
  } else if (view >= view_) {
    relay(certificate, round);
  }
  if (view >= view_)
    lead_on(view, certificate->kind() == VoteKind::notarize ? Transition::entered_by_notarization
                                                            : Transition::entered_by_nullification);
  else
    pursue();
}

/// To those who may need it to go on: whoever votes beyond this view has one.
void Engine::relay(const CertificatePtr& certificate, const Round& round) {
  ValidatorBits to = others_;
  others_.for_each([&](ValidatorIndex i) {
    const bool holds_it = last_voted_[i] > round.view || round.holders.test(i) ||
                          (!round.slots.empty() && round.slots[i].has[slot_of(VoteKind::finalize)]);
    if (holds_it) to.clear(i);
  });
  if (to.none()) return;
  count(Transition::certificate_relayed);
  send(certificate, to);
}

void Engine::consider_finalize(const Certificate& notarization, Round& round) {
  if (!is_validator() || round.own_vote(VoteKind::finalize)) return;
  if (round.own_vote(VoteKind::nullify) || round.certificate(VoteKind::nullify))
    return count(Transition::finalize_withheld);
  count(round.view < view_ ? Transition::finalize_cast_late : Transition::finalize_cast);
  cast(VoteKind::finalize, notarization.says.about);
}

void Engine::lead_on(View reached, Transition how) {
  if (reached + 1 - final_.view > options_.open_views_max) {
    full_ = true;
    return count(Transition::view_window_full);
  }
  count(how);
  enter(reached + 1);
}

void Engine::accept_finalization(const CertificatePtr& certificate) {
  const View view = certificate->view();
  final_ = certificate->says.about;
  finalization_ = certificate;
  persist(certificate, false);
  out_->push_back(Finalized{certificate});
  forget_below(view > options_.evidence_views ? view - options_.evidence_views : 1);
  for (View passed = oldest_; passed <= view; ++passed) {
    Round* round = find(passed);
    if (round == nullptr) continue;
    round->certificates = {};
    round->own = {};
  }
  if (view_ <= view) {
    count(Transition::entered_by_finalization);
    enter(view + 1);
  } else {
    pursue();
  }
  go_where_certificates_lead();
  snapshot_if_large();
}

/// By certificates that came while there was no room, as far as there is some now.
void Engine::go_where_certificates_lead() {
  if (!full_) return;
  full_ = false;
  for (View view = newest_held(); view >= view_; --view) {
    const Round* round = find(view);
    if (round == nullptr) continue;
    const bool is_notarized = round->certificate(VoteKind::notarize) != nullptr;
    if (!is_notarized && !round->certificate(VoteKind::nullify)) continue;
    lead_on(view, is_notarized ? Transition::entered_by_notarization
                               : Transition::entered_by_nullification);
    if (view_ > view) return;
  }
}

}  // namespace kith::ledger::bft
