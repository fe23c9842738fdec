// Scheduler: decides what is asked of whom, for every kind of source.
//
// Jobs want units (blocks, pieces) in an order; sources (peers) have some of them. The exchange
// that owns a Scheduler tells it what happens and carries out its actions:
//
//   want(job, unit) ... add_source() ...        -> probe: ask whether it has the unit
//   has / lacks / received / progress / tick    -> fetch: ask for the unit
//                                               -> drop:  take back what was asked
//
// The rules:
// - Each source has a window of bytes that follows its bandwidth x delay (pace.hpp), shared by all
//   jobs. The source that would deliver soonest takes the next unit; one that is so slow that the
//   others would be there before it takes a later unit, or none.
// - Within a job units go in order of wanting; between jobs, the one that was given the fewest
//   bytes is next.
// - A source that delivered a unit of a job, or said that it has one (a member of the job), is
//   asked for the others outright, until it lacked too many; then it is asked first whether it has
//   them. A unit that no member is left for is searched for among all sources.
// - A source that brings nothing for longer than its own pace explains is stalled: its units go to
//   others, it gets no new ones, and its wants stay open, so that what comes late still counts. A
//   single unit that was overtaken for as long is treated alike. Units count, and bytes of one in
//   proportion; what a source only says doesn't.
// - While the unit that a job needs next is late or nobody's, and few sources hold the job, others
//   are asked now and then whether they do.
// - A unit is fetched twice only if it is late, or its source would take more than twice as long as
//   an idle one: the end of a job doesn't wait for its slowest source.
// - A source that wants units of a job itself is a fellow: it has few now, and more soon. It is
//   asked ahead about the units that come next and says so when it has one; it isn't asked for what
//   it hasn't announced, unless it turns out to have all that it is asked about. A job with fellows
//   fetches the rarest of its next units first, in an order of its own, so that fellows come to
//   hold different units, exchange them, and leave who has all of them to send each a few times.
//   What somebody waits for goes first after a moment. What waits at a crowded source moves over to
//   an idle fellow that has it. Fellows are few, and one that is of no use for long makes room for
//   one that comes. It isn't trusted for that, and has no claim to another's place until it
//   announces or sends something.
//
//   a unit at a source:   (none) -> asked -> has -> fetching -> (received by the job, forgotten)
//                                     |              |  |
//                                     v              |  v
//                                   lacks <----------+ lost (stalled or overtaken)
//
// Invariants: a unit is pending in each of its jobs exactly while no source that counts fetches it;
// bytes in flight of a source are the sum over its flights; actions never name a source that was
// removed. Limits: limits.hpp. Ids are never used again. Pure: no clock, no randomness; time never
// goes back.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <kith/transfer/pace.hpp>

namespace kith::transfer {

enum class UnitId : std::uint64_t {};
enum class SourceId : std::uint64_t {};
enum class JobId : std::uint64_t {};

struct Action {
  enum class Kind : std::uint8_t { probe, fetch, drop };
  Kind kind;
  SourceId source;
  UnitId unit;
  /// The unit's place in its job's order: lower is sooner. For probe and fetch.
  std::int64_t rank = 0;

  friend bool operator==(const Action&, const Action&) = default;
};

/// Why a job's first missing unit isn't here.
enum class Waiting : std::uint8_t {
  nothing,     ///< nothing is missing
  no_sources,  ///< nobody is connected
  searching,   ///< sources have been asked and haven't answered
  nobody_has,  ///< every source said that it doesn't have it
  fetching,    ///< it is under way
  stalled,     ///< who has it has stopped sending
  queued,      ///< someone has it and is busy with what was asked before
};

struct SourceStatus {
  SourceId source{};
  std::uint64_t units = 0;  ///< received for this job
  std::uint64_t bytes = 0;
  std::size_t in_flight = 0;  ///< of all jobs
  std::uint64_t in_flight_bytes = 0;
  std::uint64_t window_bytes = 0;
  double bytes_per_second = 0;
  Duration latency{0};
  bool stalled = false;
};

struct JobStatus {
  std::uint64_t units_wanted = 0;  ///< ever
  std::uint64_t units_received = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t duplicates = 0;
  double bytes_per_second = 0;  ///< of the last seconds
  std::vector<SourceStatus> sources;
  Waiting waiting = Waiting::nothing;
  std::optional<UnitId> waiting_unit;
  std::vector<SourceId> waiting_for;  ///< who was asked for it, or stalled with it
};

struct SchedulerStats {
  std::uint64_t probes = 0;
  std::uint64_t fetches = 0;
  std::uint64_t second_fetches = 0;  ///< of units that were under way already
  std::uint64_t stalls = 0;
  std::uint64_t overtaken = 0;
};

class Scheduler {
 public:
  /// `seed` sets the order among units that are equally rare; each node needs one of its own.
  explicit Scheduler(std::uint64_t seed = 0) noexcept : seed_(seed) {}

  JobId add_job(Instant now);
  /// Takes back what only this job wanted.
  void remove_job(JobId job);

  /// Wants a unit after all that the job wants already; `first`: before all that were wanted
  /// without it. Wanting a unit again changes nothing, but `first` moves it.
  void want(JobId job, UnitId unit, Instant now, bool first = false);
  /// The job doesn't want it any more.
  void forget(JobId job, UnitId unit);

  /// `answers`: it says whether it has what it is asked about.
  SourceId add_source(bool answers, Instant now);
  void remove_source(SourceId source);
  void set_answers(SourceId source, bool answers);

  // What a source says. About units that nobody wants, nothing happens.

  void has(SourceId source, UnitId unit);
  void lacks(SourceId source, UnitId unit, Instant now);
  /// Ends the unit. False if nobody wanted it (any more).
  bool received(SourceId source, UnitId unit, std::uint64_t bytes, Instant now);
  /// Some bytes of a unit have come.
  void progress(SourceId source, std::uint64_t bytes, Instant now);
  /// The unit came another way.
  void obtained(UnitId unit);
  /// A unit came that was received already.
  void duplicate(SourceId source, Instant now);
  /// The source turned out to have a unit that the job is done with: it may have the rest.
  void holds(SourceId source, JobId job);
  /// The source wants units of this job for itself.
  void shares(SourceId source, JobId job);
  /// Who wants the unit.
  std::vector<JobId> jobs_of(UnitId unit) const;

  Instant next_deadline() const;
  /// Does what is due, assigns what can be assigned, and returns what there is to do.
  std::vector<Action> poll(Instant now);

  bool wanted(UnitId unit) const { return units_.contains(unit); }
  JobStatus status(JobId job, Instant now) const;
  SourceStatus source_status(SourceId source) const;
  /// The jobs that this source has brought something for.
  std::vector<JobId> jobs_served_by(SourceId source) const;
  const SchedulerStats& stats() const noexcept { return stats_; }
  std::size_t units() const noexcept { return units_.size(); }

 private:
  enum class State : std::uint8_t { asked, has, lacks, fetching, lost };
  struct Link {
    SourceId source;
    State state;
    /// The source knows of our wish and may act on it later.
    bool open = false;
    bool said_lacks = false;
  };
  struct Claim {
    JobId job;
    std::int64_t rank;
  };
  struct Unit {
    std::vector<Claim> claims;
    std::vector<Link> links;
    std::size_t live = 0;   ///< fetches that count
    std::size_t asked = 0;  ///< links that are asked
    std::size_t blind = 0;
    Instant urgent_since = never;  ///< somebody waits for it
    /// Sources before these have been asked: those that answer, and those that don't.
    SourceId search_from{};
    SourceId blind_from{};
    Link* find(SourceId source) noexcept;
    const Link* find(SourceId source) const noexcept;
  };
  struct Flight {
    Pace::Sent sent;
    std::uint64_t bytes = 0;  ///< what the unit was guessed at
    std::uint64_t number = 0;
    Instant expected_at{};
    bool guessed = false;  ///< expected_at says nothing: the source was unmeasured
    Instant deadline{};
    bool counts = true;  ///< not lost, not blind
    bool blind = false;
    bool unannounced = false;  ///< asked without knowing that it has it
  };
  struct Source {
    Pace pace;
    bool answers = true;
    bool stalled = false;
    Instant stalled_at{};
    Instant active_at{};               ///< when it brought something, or was given work while idle
    Instant bytes_at{};                ///< when anything came last
    std::uint64_t progress_bytes = 0;  ///< that came since its last unit
    std::uint64_t awake_bytes = 0;     ///< that came since it stalled
    std::map<UnitId, Flight> flights;
    std::map<std::uint64_t, UnitId> flight_order;
    std::uint64_t in_flight_bytes = 0;
    std::uint64_t next_flight = 0;
    std::uint64_t newest_received = 0;  ///< number of the newest flight that came, plus one
    std::deque<std::pair<Instant, UnitId>> probes;
    std::size_t probes_open = 0;
    std::unordered_set<UnitId> links;
    std::size_t member_of = 0;
  };
  struct Member {
    std::uint64_t units = 0;
    std::uint64_t bytes = 0;
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::uint32_t held_in_a_row = 0;  ///< of what it was asked about
    bool holds_all = false;           ///< as far as that tells, whatever it wants itself
    bool trusted() const noexcept { return misses <= hits + misses_forgiven; }
  };
  struct Fellow {
    /// The rank up to which it has been asked about units.
    std::int64_t asked_until = std::numeric_limits<std::int64_t>::min();
    /// How long the job had lacked something when this was of use last, or came.
    Duration useful_at{};
  };
  /// Bytes by second, for a rate that people see.
  struct Meter {
    static constexpr std::size_t slots = 5;
    std::uint64_t bytes[slots]{};
    std::int64_t second = 0;
    void add(std::uint64_t size, Instant now) noexcept;
    double rate(Instant now, Instant since) const noexcept;
  };
  struct Job {
    Instant begun{};
    std::unordered_map<UnitId, std::int64_t> ranks;  ///< of all that is missing
    std::map<std::int64_t, UnitId> open;             ///< the same, in order
    std::map<std::int64_t, UnitId> pending;          ///< of these, what nobody fetches
    std::map<SourceId, Member> members;
    std::map<SourceId, Fellow> fellows;
    std::set<SourceId> former_fellows;  ///< that were of no use
    Duration lacking{};                 ///< how long it has lacked something, all in all
    bool lacked = false;                ///< at the end of the last poll
    std::int64_t next_rank = 0;
    std::int64_t next_first_rank = -(std::int64_t{1} << 40);
    double unit_bytes = static_cast<double>(unit_bytes_guess);
    std::uint64_t charge = 0;  ///< bytes it was given
    std::uint64_t units_wanted = 0;
    std::uint64_t units_received = 0;
    std::uint64_t bytes_received = 0;
    std::uint64_t duplicates = 0;
    Meter meter;
    SourceId sample_from{};
    Instant sample_at{};
    Instant search_again_at{};
  };
  struct Choice {
    JobId job;
    UnitId unit;
    bool instead = false;  ///< of whoever fetches it now
  };
  struct Remaining {
    Duration duration = Duration::max();
    Instant due = never;
  };

  void act(Action::Kind kind, SourceId source, UnitId unit, std::int64_t rank = 0);
  Member& join(Job& job, SourceId source);
  bool make_place(Job& job);
  void note_use(JobId job, SourceId source);
  Link& link(Unit& unit, UnitId id, SourceId source);
  void set_state(Unit& unit, Link& link, State state);
  void unlink(Unit& unit, UnitId id, SourceId source);
  void close_links(Unit& unit, UnitId id, std::optional<SourceId> except);
  void end_unit(UnitId id, std::optional<SourceId> except);
  void drop_claim(JobId job, UnitId id);

  void count(Unit& unit, UnitId id, Flight& flight, bool counts);
  void take_back(Unit& unit, UnitId id);
  void start_flight(SourceId source, UnitId id, JobId for_job, bool blind, Instant now);
  void end_flight(Source& source, Unit& unit, UnitId id);
  void lose(SourceId source, UnitId id);
  void revive(SourceId id, Source& source, Instant now);
  void stall(SourceId id, Source& source, Instant now);
  void forget_flights(SourceId id, Source& source);
  Instant stall_deadline(const Source& source) const;
  Instant overtaken_deadline(const Source& source) const;

  void tick(Instant now);
  void tick_source(SourceId id, Source& source, Instant now);
  std::optional<UnitId> unit_in_need(const Job& job, Instant now) const;
  void tick_job(Job& job, Instant now);
  void greet(SourceId source, Instant now);

  void assign(Instant now);
  bool has_room(const Source& source, std::uint64_t unit_bytes) const;
  std::vector<JobId> jobs_by_charge() const;
  std::optional<Choice> choose(SourceId id, const Source& source) const;
  std::optional<UnitId> choose_pending(const Job& job, SourceId id, const Source& source) const;
  Remaining remaining(const Unit& unit, UnitId id, Instant now) const;
  std::optional<Choice> choose_late(SourceId id, const Source& source, Instant now,
                                    bool& others_may);
  std::optional<UnitId> choose_rarest(const Job& job, SourceId id) const;
  std::size_t holders(const Unit& unit) const;
  bool is_urgent(const Unit& unit) const noexcept;
  static bool has_announced(const Unit& unit, SourceId id);
  static bool trusts(const Job& job, SourceId id);
  bool could_fetch(const Job& job, SourceId id, const Link* link) const;
  bool moves_over(const Job& job, const Unit& unit, UnitId id);
  std::size_t units_to_skip(const Job& job, SourceId id, const Source& source) const;
  void ask_untrusted(Instant now);
  void ask_fellows(Job& job, Instant now);
  void search(Job& job, Instant now);
  bool has_prospect(const Job& job, const Unit& unit) const;
  void probe(Job& job, UnitId id, Unit& unit, SourceId source_id, Source& source, Instant now);
  void probe_next(Job& job, UnitId id, SourceId& from, std::size_t count, Instant now);
  void fetch_blindly(const Job& job, UnitId id, Instant now);

  std::uint64_t seed_;
  Instant now_{};  ///< of the present poll
  std::unordered_map<UnitId, Unit> units_;
  std::map<SourceId, Source> sources_;
  std::map<JobId, Job> jobs_;
  std::vector<Action> actions_;
  std::vector<SourceId> newcomers_;
  std::uint64_t next_source_ = 1;
  std::uint64_t next_job_ = 1;
  Instant late_at_ = never;  ///< when a unit under way gets late enough for a second source
  SchedulerStats stats_;
};

}  // namespace kith::transfer
