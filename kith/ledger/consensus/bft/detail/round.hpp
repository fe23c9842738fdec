// What an Engine knows of one view.
#pragma once

#include <kith/ledger/consensus/bft/engine.hpp>

namespace kith::ledger::bft {

struct Engine::Round {
  /// What is voted for, and by how much stake.
  struct Subject {
    Proposal about;
    std::array<std::uint64_t, vote_kinds> weight{};
  };
  /// A validator's first vote of each kind.
  struct Slot {
    std::array<Signature, vote_kinds> signature;
    std::array<std::uint16_t, vote_kinds> subject{};
    std::array<bool, vote_kinds> has{};
    bool accused = false;
  };

  View view = 0;
  ValidatorIndex leader = 0;
  std::vector<Slot> slots;  ///< by validator; empty once the view lies so far back
  std::vector<Subject> subjects;
  std::array<CertificatePtr, vote_kinds> certificates;
  std::array<std::optional<Vote>, vote_kinds> own;
  std::optional<Proposal> proposal;  ///< what the leader voted for first
  ValidatorBits holders;             ///< who sent us a certificate that leads on from here

  void reset(View its_view, ValidatorIndex its_leader, std::size_t validators) {
    view = its_view;
    leader = its_leader;
    slots.assign(validators, Slot{});
    subjects.clear();
    certificates = {};
    own = {};
    proposal.reset();
    holders = {};
  }

  void release_votes() {
    slots.clear();
    slots.shrink_to_fit();
    subjects.clear();
  }

  const CertificatePtr& certificate(VoteKind kind) const { return certificates[slot_of(kind)]; }
  std::optional<Vote>& own_vote(VoteKind kind) { return own[slot_of(kind)]; }
  bool has_voted() const { return own[0] || own[1] || own[2]; }

  std::uint16_t subject_of(const Proposal& about) {
    for (std::size_t i = 0; i < subjects.size(); ++i) {
      if (subjects[i].about == about) return static_cast<std::uint16_t>(i);
    }
    subjects.push_back({about, {}});
    return static_cast<std::uint16_t>(subjects.size() - 1);
  }

  /// What stands in the slot.
  Vote vote(Epoch epoch, ValidatorIndex by, VoteKind kind) const {
    const Slot& slot = slots[by];
    const std::size_t k = slot_of(kind);
    return {{epoch, kind, subjects[slot.subject[k]].about}, by, slot.signature[k]};
  }
};

}  // namespace kith::ledger::bft
