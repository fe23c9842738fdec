// What an engine can do, one by one, and how often it did: a simulation that never took a path has
// not tested it. Counting is an addition. Thread: of the engine.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace kith::ledger::bft {

// clang-format off
#define KITH_BFT_TRANSITIONS(X)                                                                 \
  X(started_new) X(restarted) X(votes_sent_again)                                               \
  X(entered_by_notarization) X(entered_by_nullification) X(entered_by_finalization)             \
  X(jumped) X(view_window_full)                                                                 \
  X(build_asked) X(build_waits_for_certificates) X(built) X(build_refused) X(built_too_late)    \
  X(verify_asked) X(verify_asked_again) X(verify_waits_for_certificates)                        \
  X(proposal_against_finality)                                                                  \
  X(payload_valid) X(payload_invalid) X(payload_unavailable) X(verdict_too_late)                \
  X(notarize_cast) X(finalize_cast) X(finalize_cast_late) X(finalize_withheld)                  \
  X(finalize_sent_again)                                                                        \
  X(nullify_at_leader_timeout) X(nullify_at_notarization_timeout) X(nullify_with_leader)        \
  X(nullify_inactive_leader) X(nullify_for_proposal) X(nullify_for_own_build)                   \
  X(nullify_held_back) X(nullify_retried)                                                       \
  X(notarization_assembled) X(nullification_assembled) X(finalization_assembled)                \
  X(notarization_received) X(nullification_received) X(finalization_received)                   \
  X(certificate_known) X(certificate_bad) X(certificate_too_far) X(certificate_relayed)         \
  X(vote_known) X(vote_bad) X(vote_stale) X(vote_ahead) X(vote_after_release) X(other_epoch)    \
  X(own_vote_came_back)                                                                         \
  X(behind_noticed) X(straggler_helped) X(straggler_waits)                                      \
  X(request_sent) X(request_sent_again) X(request_answered)                                     \
  X(request_unanswerable) X(request_over_limit) X(response_taken)                               \
  X(conflict_notarize) X(conflict_finalize) X(conflict_nullify_finalize)                        \
  X(views_pruned) X(votes_released) X(snapshot_written)
// clang-format on

enum class Transition : std::uint8_t {
#define KITH_BFT_TRANSITION(name) name,
  KITH_BFT_TRANSITIONS(KITH_BFT_TRANSITION)
#undef KITH_BFT_TRANSITION
};

inline constexpr std::array transition_names{
#define KITH_BFT_TRANSITION(name) std::string_view(#name),
    KITH_BFT_TRANSITIONS(KITH_BFT_TRANSITION)
#undef KITH_BFT_TRANSITION
};
inline constexpr std::size_t transitions = transition_names.size();
using TransitionCounts = std::array<std::uint64_t, transitions>;

}  // namespace kith::ledger::bft
