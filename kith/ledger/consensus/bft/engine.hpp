// Engine: one validator's part in deciding, view by view, which payloads follow one another.
// Specification: the Simplex protocol (Chan and Pass, eprint 2023/463), with the rules below;
// docs/decisions/0018-simplex.md says where they differ from the paper's, and why.
//
// A view has a leader (validator_set.hpp), who proposes a payload on a parent. Who may vote what:
//
//   notarize(v, c)   in view v alone, once, before any other vote of v, when c's parent is final or
//                    notarized, each view between the two is nullified (the certificates are in
//                    our hands), and the application says that c is valid
//   nullify(v)       in view v alone, unless finalize(v) was cast: the leader took too long, or
//                    proposed what can't be, or gave up itself, or hasn't been heard for long
//   finalize(v, c)   when c is notarized, unless nullify(v) was cast or the view is known to be
//                    nullified; in a view that has been left, too
//
// A quorum's equal votes are a certificate. A notarization or a nullification of v leads to view
// v + 1 whoever holds it, in whichever view they are; a finalization makes c final, and with it all
// that c builds on. So of two certificates:
//
//   a finalization and a nullification of one view     can't both be: a quorum each, who has
//                                                      an honest validator in common
//   two notarizations of one view                      likewise
//   a notarized payload beyond a final one             builds on it: it can't have skipped its view
//
// and that is all of safety. Every vote of ours is in the log before it is sent (journal.hpp), and
// a vote that is in the log, or that others remind us of, is never contradicted.
//
//            +------------------------- view v ---------------------------+
//   enter -> | waits for the proposal -> asked the application -> notarized | -> v + 1
//            |        | leader timeout       | invalid     | notarization   |
//            |        v                      v             v timeout        |
//            |      nullified: says so again and again, until a certificate | -> v + 1
//            +---------------------------------------------------------------+
//
// Certificates are passed on once by whoever gets one that leads to another view, to those who
// aren't known to have it. What is missing for a proposal's or an own payload's parents is asked
// for by view. Whoever says again nullify(v) is behind and is sent what leads on; who hears of more
// than a third beyond its view asks for it. Time-outs grow with the views that aren't final, up to
// a cap.
//
// What it does not do: build, run, store or send payloads (the application's, which must have a
// payload that it built durable or do without that view), sync blocks, end an epoch: an engine runs
// one epoch, and is dropped when the application sees the epoch's last block final (until then it
// may propose that block's payload again, in as many views as that takes); other messages' epochs
// are the caller's to sort. It knows no clock, thread, disk, network or randomness: the same inputs
// give the same outputs.
//
// Limits: Options, limits.hpp. Views at or below the final one are forgotten, but for
// `evidence_views` whose votes are kept to be compared; of views between the final one and ours,
// votes are kept for the newest `vote_views` and certificates for all, of which there are
// `open_views_max` at most. Thread: one at a time. Nothing here throws; no input from outside
// reaches an ASSERT.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include <kith/base/time.hpp>
#include <kith/ledger/consensus/bft/evidence.hpp>
#include <kith/ledger/consensus/bft/journal.hpp>
#include <kith/ledger/consensus/bft/message.hpp>
#include <kith/ledger/consensus/bft/signing.hpp>
#include <kith/ledger/consensus/bft/transition.hpp>
#include <kith/ledger/consensus/bft/validator_set.hpp>

namespace kith::ledger::bft {

struct Options {
  Epoch epoch = 0;
  /// What the first proposal of the epoch builds on: view 0's payload.
  Hash genesis;

  /// From entering a view until its leader's proposal must be there. Twice the delay of the
  /// network, and the time to build.
  Duration leader_timeout = 2s;
  /// From entering a view until its notarization must be there; beyond leader_timeout.
  Duration notarization_timeout = 3s;
  /// Between two times that the same vote to nullify is said.
  Duration retry_interval = 2s;
  /// Until a certificate that was asked for is asked of somebody else.
  Duration fetch_timeout = 500ms;
  /// The first two grow by their whole length with each so many views that aren't final ...
  std::uint32_t timeout_growth_views = 4;
  /// ... up to so many times: no doubling without end.
  std::uint32_t timeout_growth_max = 8;
  /// A leader that wasn't heard for so many views isn't waited for.
  std::uint32_t skip_views = 32;

  /// Votes up to so many views above ours are kept.
  std::uint32_t window = 32;
  /// Votes of so many views below ours are kept; of older ones certificates alone.
  std::uint32_t vote_views = 32;
  /// Votes of so many final views are kept, to be compared with what comes late.
  std::uint32_t evidence_views = 8;
  /// So far we go beyond the final view. In the last of them nobody votes to nullify: it waits for
  /// its leader. Reached by nothing but a network that nullified all of them in a row for hours;
  /// whoever can't wait for that leader raises it, on more than two thirds of the stake. At
  /// least 2.
  std::uint32_t open_views_max = 8192;
  /// A log that has grown by so much, and by twice its last snapshot, is replaced by one at the
  /// next finalization.
  std::size_t log_bytes = 256 << 10;
};

enum class Timer : std::uint8_t { leader, notarization, retry, fetch };

/// What the application says of a payload.
enum class PayloadVerdict : std::uint8_t {
  valid,
  invalid,      ///< and always will be
  unavailable,  ///< not here yet; the engine asks again once, and the application may come back any
                ///< time
};

/// What came of a message: whoever sent what is invalid broke the protocol.
enum class Received : std::uint8_t { taken, useless, invalid };

// What the caller is to do, in the order in which it was told.

/// Append to the log. With `wait` the record, and all before it, must be durable before the next
/// action is carried out; without, it may be kept back and written in one frame with the next that
/// waits (journal.hpp).
struct Persist {
  Record record;
  bool wait = true;
  bool replaces_all = false;  ///< the log, and what was kept back of it, becomes this (journal.hpp)
};
/// Say it to each of those validators. Nobody minds if it is lost, or comes late or twice.
struct Send {
  Message message;
  ValidatorBits to;
};
/// Call timer() with these two in that time. There is nothing to cancel: late ones are ignored.
struct Arm {
  Timer timer = Timer::leader;
  View view = 0;
  Duration after{};
};
/// Build a payload on that parent and call built(); there is time until the leader timeout.
struct Build {
  View view = 0;
  Proposal parent;
};
/// Say by verdict() whether the payload is a valid child of that parent.
struct Verify {
  Proposal proposal;
  Proposal parent;
};
/// A quorum stands behind the payload; likely, but not certain, to become final.
struct Notarized {
  CertificatePtr certificate;
};
/// The payload, and all that it builds on, is final. Views ascend from one to the next; after a
/// restart the newest may be told again.
struct Finalized {
  CertificatePtr certificate;
};
/// A validator broke the rules.
struct Accuse {
  std::shared_ptr<const Evidence> evidence;
};

using Action = std::variant<Persist, Send, Arm, Build, Verify, Notarized, Finalized, Accuse>;
using Actions = std::vector<Action>;

class Engine {
 public:
  /// A validator of the set, who signs; without a signer somebody who follows and has no vote. The
  /// verifier, and the signer, must outlive the engine.
  Engine(std::shared_ptr<const ValidatorSet> set, const Options& options, const Verifier& verifier,
         Signer* signer = nullptr, ValidatorIndex self = 0);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Begins, or goes on where the log ends; to be called once, before all else. An empty log is a
  /// new one. BftError::other_log if the log isn't this epoch's, set's and validator's, corrupt if
  /// nobody could have written it; the engine is of no use then.
  Decoded<void> start(std::span<const Record> log, Actions& out);

  /// A message of another validator, as the connection says whose it is.
  Received receive(ValidatorIndex from, const Message& message, Actions& out);
  /// A time that was armed is over.
  void timer(Timer timer, View view, Actions& out);
  /// The answer to Build; nothing if it can't be built, which gives the view up.
  void built(View view, const std::optional<Hash>& payload, Actions& out);
  /// The answer to Verify.
  void verdict(const Proposal& proposal, PayloadVerdict verdict, Actions& out);

  /// The certificates that a request is for, so far as they are here: also for who is no validator.
  Response answer(const Request& request) const;

  /// Where we are: 1 at the beginning, 0 before start().
  View view() const noexcept { return view_; }
  /// What is final.
  const Proposal& final_proposal() const noexcept { return final_; }
  /// The certificate of that; null if it is the epoch's genesis.
  const CertificatePtr& finalization() const noexcept { return finalization_; }
  ValidatorIndex leader(View view) { return schedule_.leader(view); }
  /// The newest view in which a validator of the set was heard to vote; 0 if it never was.
  View heard(ValidatorIndex validator) const noexcept { return last_voted_[validator]; }
  /// Views about which something is in memory.
  std::size_t views_held() const noexcept { return rounds_.size(); }
  const TransitionCounts& counts() const noexcept { return counts_; }

 private:
  struct Round;  // detail/round.hpp
  /// What became of the current view's proposal.
  enum class Stage : std::uint8_t { none, asked, unavailable, building };

  void count(Transition transition) noexcept { ++counts_[static_cast<std::size_t>(transition)]; }
  bool is_validator() const noexcept { return signer_ != nullptr; }
  bool is_self(ValidatorIndex i) const noexcept { return is_validator() && i == self_; }

  // Views.
  Round* find(View view) noexcept;
  const Round* find(View view) const noexcept;
  Round& obtain(View view);
  View newest_held() const noexcept { return oldest_ + rounds_.size() - 1; }
  void forget_below(View view);
  void release_votes();

  // The log.
  Decoded<void> replay(std::span<const Record> log);
  Decoded<void> restore(const Snapshot& snapshot);
  Decoded<void> restore(const Vote& vote);
  Decoded<void> restore(const CertificatePtr& certificate);
  bool is_near(View view) const noexcept;
  void resume();
  void resume_votes();
  void resume_view();
  void persist(Record record, bool wait);
  void snapshot_if_large();
  Snapshot snapshot() const;

  // What comes in.
  Received on_vote(ValidatorIndex from, const Vote& vote);
  Received on_old_vote(ValidatorIndex from, const Vote& vote);
  Received on_vote_ahead(ValidatorIndex from, const Vote& vote);
  Received on_certificate(ValidatorIndex from, const CertificatePtr& certificate);
  Received on_request(ValidatorIndex from, const Request& request);
  Received on_response(ValidatorIndex from, const Response& response);
  void on_leader_timeout();
  void on_notarization_timeout();
  void on_retry();
  void finalize_again();

  // Votes and certificates.
  Received on_conflict(const Vote& vote, Round& round);
  void note(const Vote& vote, Round& round);
  void store(const Vote& vote, Round& round);
  void assemble(VoteKind kind, const Proposal& about, Round& round);
  void note_signers(const Certificate& certificate);
  void accuse(const Vote& a, const Vote& b, Round& round);
  void settle();
  void accept(const CertificatePtr& certificate);
  void accept_finalization(const CertificatePtr& certificate);
  void lead_on(View reached, Transition how);
  void go_where_certificates_lead();
  void relay(const CertificatePtr& certificate, const Round& round);
  void consider_finalize(const Certificate& notarization, Round& round);

  // Moves.
  void enter(View view);
  void begin_view();
  Round& current() { return obtain(view_); }
  bool leader_is_inactive(ValidatorIndex leader) const;
  Duration grown(Duration timeout) const noexcept;
  void pursue();
  void try_to_build();
  void consider_proposal();
  void ask_to_verify(const Proposal& proposal);
  std::vector<Request::Item> missing_for(const Proposal& proposal) const;
  const Proposal& notarized_in(View view) const;
  void cast(VoteKind kind, const Proposal& about);
  void give_up(Transition why);
  void start_to_retry();
  bool is_last_view() const noexcept { return view_ - final_.view >= options_.open_views_max; }

  // Others.
  void notice_being_behind(ValidatorIndex hint);
  void help(ValidatorIndex from, View stuck_at);
  std::vector<Request::Item> open_ends() const;
  void request(ValidatorIndex first_choice, std::vector<Request::Item> items);
  void send(Message message, const ValidatorBits& to);
  void arm(Timer timer, Duration after);
  void offer(std::vector<CertificatePtr>& into, const CertificatePtr& certificate) const;

  std::shared_ptr<const ValidatorSet> set_;
  Options options_;
  const Verifier& verifier_;
  Signer* signer_;
  ValidatorIndex self_;
  LeaderSchedule schedule_;
  Actions* out_ = nullptr;  ///< of the input that is being handled

  View view_ = 0;
  ValidatorIndex leader_ = 0;  ///< of view_
  Stage stage_ = Stage::none;
  bool asked_again_ = false;
  Proposal build_parent_;
  View followed_since_ = 0;  ///< from here on we know who was active
  Proposal final_;
  CertificatePtr finalization_;

  View oldest_ = 1;                            ///< of rounds_
  std::deque<std::unique_ptr<Round>> rounds_;  ///< null: nothing is known of it
  std::vector<std::unique_ptr<Round>> spare_;
  View released_below_ = 1;

  ValidatorBits others_;          ///< all but us
  std::vector<View> last_voted_;  ///< by validator, the newest view that it voted in
  ValidatorBits helped_;          ///< in this turn: until the view or the retry timer moves on
  std::vector<std::uint8_t> answered_;  ///< requests by validator, likewise
  bool request_open_ = false;
  bool request_first_ = true;  ///< the next one is the view's first
  bool retrying_ = false;      ///< the view's retry timer runs
  bool full_ = false;          ///< a certificate leads further than open_views_max allows
  ValidatorIndex next_asked_ = 0;

  std::vector<CertificatePtr> new_certificates_;
  std::vector<Vote> new_votes_;  ///< our own
  std::size_t log_bytes_ = 0;
  std::size_t snapshot_bytes_ = 0;
  TransitionCounts counts_{};
};

}  // namespace kith::ledger::bft
