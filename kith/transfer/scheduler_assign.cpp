// The scheduler's choices: who gets which unit next, and who is asked about it.
#include <algorithm>
#include <iterator>
#include <utility>

#include <kith/base/assert.hpp>
#include <kith/base/prng.hpp>
#include <kith/transfer/scheduler.hpp>

namespace kith::transfer {
namespace {

/// A second source is asked only if it would deliver in less than the remaining time divided by
/// this, and this margin.
constexpr int late_factor = 2;
constexpr Duration late_margin = 20ms;
/// Where fellows exchange units, a second source is asked only for a job's last units: each is busy
/// with others, and what comes twice is what somebody else doesn't get.
constexpr std::size_t crowded_end_units = 4;

/// Units at the head of a job that a new source is asked about, to learn whether it holds the job.
constexpr std::size_t greeted_units_max = 2;

}  // namespace

bool Scheduler::has_room(const Source& source, std::uint64_t unit_bytes) const {
  return !source.stalled && source.flights.size() < window_units_max &&
         source.in_flight_bytes + unit_bytes <= source.pace.window_bytes(unit_bytes);
}

std::vector<JobId> Scheduler::jobs_by_charge() const {
  std::vector<std::pair<std::uint64_t, JobId>> order;
  for (const auto& [id, job] : jobs_) {
    if (!job.open.empty()) order.emplace_back(job.charge, id);
  }
  std::ranges::sort(order);
  std::vector<JobId> ids;
  ids.reserve(order.size());
  for (const auto& [_, id] : order)
    ids.push_back(id);
  return ids;
}

void Scheduler::assign(Instant now) {
  struct Candidate {
    Duration expected;
    SourceId id;
    const Source* source;
  };
  late_at_ = never;
  std::vector<Candidate> candidates;
  for (const auto& [id, source] : sources_) {
    if (source.member_of > 0 && !source.stalled) {
      candidates.push_back({source.pace.expected(source.in_flight_bytes), id, &source});
    }
  }
  bool look_for_late = true;
  while (!candidates.empty()) {
    auto soonest = std::ranges::min_element(candidates, {}, &Candidate::expected);
    std::optional<Choice> choice = choose(soonest->id, *soonest->source);
    if (!choice && look_for_late) {
      choice = choose_late(soonest->id, *soonest->source, now, look_for_late);
      if (choice) look_for_late = true;
    }
    if (!choice) {
      candidates.erase(soonest);
      continue;
    }
    if (choice->instead) take_back(units_.at(choice->unit), choice->unit);
    start_flight(soonest->id, choice->unit, choice->job, false, now);
    soonest->expected = soonest->source->pace.expected(soonest->source->in_flight_bytes);
  }
}

std::optional<Scheduler::Choice> Scheduler::choose(SourceId id, const Source& source) const {
  for (JobId job_id : jobs_by_charge()) {
    const Job& job = jobs_.at(job_id);
    if (job.pending.empty() || !job.members.contains(id)) continue;
    if (!has_room(source, static_cast<std::uint64_t>(job.unit_bytes))) continue;
    if (auto unit = choose_pending(job, id, source)) return Choice{job_id, *unit};
  }
  return std::nullopt;
}

/// How many units from the front the faster sources will have fetched before this one could.
std::size_t Scheduler::units_to_skip(const Job& job, SourceId id, const Source& source) const {
  if (!source.pace.known()) return 0;
  const Duration own = source.pace.expected(source.in_flight_bytes);
  double others_bytes = 0;
  for (const auto& [other_id, _] : job.members) {
    const Source& other = sources_.at(other_id);
    if (other_id == id || other.stalled || !other.pace.measured()) continue;
    // One with room has been asked before and didn't want any of these.
    if (has_room(other, static_cast<std::uint64_t>(job.unit_bytes))) continue;
    const Duration theirs = other.pace.expected(other.in_flight_bytes);
    if (theirs >= own) continue;
    others_bytes +=
        other.pace.bytes_per_second() * std::chrono::duration<double>(own - theirs).count();
  }
  return static_cast<std::size_t>(std::min(others_bytes / job.unit_bytes, 1e9));
}

/// Whether the source is asked for units of the job that it hasn't announced. One that gave up its
/// place among the fellows is what it was, and has only some of them.
bool Scheduler::trusts(const Job& job, SourceId id) {
  auto member = job.members.find(id);
  return member != job.members.end() && member->second.trusted() && !job.fellows.contains(id) &&
         !job.former_fellows.contains(id);
}

bool Scheduler::has_announced(const Unit& unit, SourceId id) {
  const Link* link = unit.find(id);
  return link != nullptr && link->state == State::has;
}

bool Scheduler::could_fetch(const Job& job, SourceId id, const Link* link) const {
  if (link == nullptr || link->state == State::asked) return trusts(job, id);
  return link->state == State::has;
}

/// Sources that announced the unit and may send it.
std::size_t Scheduler::holders(const Unit& unit) const {
  return static_cast<std::size_t>(std::ranges::count_if(unit.links, [this](const Link& link) {
    return link.state == State::has && !sources_.at(link.source).stalled;
  }));
}

/// Somebody has waited for it long enough that it mustn't be left to chance.
bool Scheduler::is_urgent(const Unit& unit) const noexcept {
  return unit.urgent_since != never && unit.urgent_since + crowded_wait_min <= now_;
}

std::optional<UnitId> Scheduler::choose_rarest(const Job& job, SourceId id) const {
  std::optional<UnitId> best;
  std::pair<std::size_t, std::uint64_t> least;
  std::size_t looked_at = 0;
  for (const auto& [_, unit_id] : job.pending) {
    if (++looked_at > fellow_units_max) break;
    const Unit& unit = units_.at(unit_id);
    if (!could_fetch(job, id, unit.find(id))) continue;
    if (is_urgent(unit)) return unit_id;
    const std::pair key(holders(unit), Prng(seed_ + static_cast<std::uint64_t>(unit_id)).next());
    if (best && key >= least) continue;
    best = unit_id;
    least = key;
  }
  return best;
}

std::optional<UnitId> Scheduler::choose_pending(const Job& job, SourceId id,
                                                const Source& source) const {
  if (!job.fellows.empty()) return choose_rarest(job, id);
  std::size_t to_skip = units_to_skip(job, id, source);
  std::size_t looked_at = 0;
  for (const auto& [_, unit_id] : job.pending) {
    if (++looked_at > scan_units_max) break;
    if (!could_fetch(job, id, units_.at(unit_id).find(id))) continue;
    if (to_skip == 0) return unit_id;
    --to_skip;
  }
  return std::nullopt;
}

/// How long a unit under way will still take, as far as can be told, and since when that is so.
Scheduler::Remaining Scheduler::remaining(const Unit& unit, UnitId id, Instant now) const {
  Remaining least;
  for (const Link& link : unit.links) {
    if (link.state != State::fetching) continue;
    const Flight& flight = sources_.at(link.source).flights.at(id);
    if (!flight.counts) continue;
    // Who is late is expected to be so for as long again.
    const Instant due = flight.guessed ? flight.sent.at : flight.expected_at;
    const Duration theirs = std::chrono::abs(due - now);
    if (theirs < least.duration) least = {theirs, due};
  }
  return least;
}

/// Whether a unit waits only at sources that aren't fellows and send us nothing at all, for longer
/// than they take when nobody else asks.
bool Scheduler::moves_over(const Job& job, const Unit& unit, UnitId id) {
  for (const Link& link : unit.links) {
    if (link.state != State::fetching) continue;
    if (job.fellows.contains(link.source)) return false;
    const Source& source = sources_.at(link.source);
    const Flight& flight = source.flights.at(id);
    Instant due = std::max(flight.sent.at, source.bytes_at) + crowded_wait_min;
    if (!flight.guessed) due = std::max(due, flight.expected_at);
    if (now_ < due) {
      late_at_ = std::min(late_at_, due);
      return false;
    }
  }
  return true;
}

/// A unit under way that this idle source would bring much sooner. `others_may`: whether a slower
/// source could still find one.
std::optional<Scheduler::Choice> Scheduler::choose_late(SourceId id, const Source& source,
                                                        Instant now, bool& others_may) {
  const Duration expected = source.pace.expected(source.in_flight_bytes);
  others_may = false;
  for (JobId job_id : jobs_by_charge()) {
    const Job& job = jobs_.at(job_id);
    auto member = job.members.find(id);
    if (member == job.members.end() ||
        !has_room(source, static_cast<std::uint64_t>(job.unit_bytes))) {
      others_may = true;
      continue;
    }
    // A fellow's queue is full of others' wishes; what it takes then is what counts.
    const bool crowded = !job.fellows.empty();
    const bool at_end = job.open.size() <= crowded_end_units;
    const Duration own =
        late_factor * (crowded ? std::max(expected, source.pace.latency_smoothed()) : expected) +
        late_margin;
    std::size_t looked_at = 0;
    for (const auto& [_, unit_id] : job.open) {
      if (++looked_at > scan_late_units_max) break;
      const Unit& unit = units_.at(unit_id);
      if (unit.live == 0 || unit.live >= fetches_per_unit_max) continue;
      if (crowded && moves_over(job, unit, unit_id)) {
        if (has_announced(unit, id)) return Choice{job_id, unit_id, true};
        others_may = true;
      }
      if (crowded && !at_end && !is_urgent(unit)) continue;
      const Remaining left = remaining(unit, unit_id, now);
      if (left.duration <= own) {
        others_may = others_may || crowded;
        if (job.members.size() == 1) continue;
        late_at_ = std::min(late_at_, left.due + own + Duration(1));
        continue;
      }
      if (could_fetch(job, id, unit.find(id))) return Choice{job_id, unit_id};
      others_may = true;
    }
  }
  return std::nullopt;
}

void Scheduler::probe(Job& job, UnitId id, Unit& unit, SourceId source_id, Source& source,
                      Instant now) {
  Link& link = this->link(unit, id, source_id);
  set_state(unit, link, State::asked);
  link.open = true;
  source.probes.emplace_back(now + source.pace.patience(), id);
  ++stats_.probes;
  act(Action::Kind::probe, source_id, id, job.ranks.at(id));
}

/// Asks up to `count` sources from `from` on about the unit, and moves `from` past them.
void Scheduler::probe_next(Job& job, UnitId id, SourceId& from, std::size_t count, Instant now) {
  Unit& unit = units_.at(id);
  for (auto at = sources_.lower_bound(from); at != sources_.end() && count > 0; ++at) {
    auto& [source_id, source] = *at;
    const bool could = source.answers && !source.stalled && unit.find(source_id) == nullptr;
    // One that is full of questions is waited for: it answers some soon, or they expire.
    if (could && source.probes_open >= probes_per_source_max) return;
    from = SourceId{static_cast<std::uint64_t>(source_id) + 1};
    if (!could) continue;
    probe(job, id, unit, source_id, source, now);
    --count;
  }
}

/// Fetches the unit from sources that can't say whether they have it.
void Scheduler::fetch_blindly(const Job& job, UnitId id, Instant now) {
  Unit& unit = units_.at(id);
  const auto unit_bytes = static_cast<std::uint64_t>(job.unit_bytes);
  for (auto at = sources_.lower_bound(unit.blind_from); at != sources_.end(); ++at) {
    const auto& [source_id, source] = *at;
    const bool could = !source.answers && unit.find(source_id) == nullptr;
    if (could && (unit.blind >= blind_fetches_per_unit_max || !has_room(source, unit_bytes)))
      return;
    unit.blind_from = SourceId{static_cast<std::uint64_t>(source_id) + 1};
    if (could) start_flight(source_id, id, unit.claims.front().job, true, now);
  }
}

/// Whether some source is left that may bring the unit, when its turn comes.
bool Scheduler::has_prospect(const Job& job, const Unit& unit) const {
  for (const Link& link : unit.links) {
    if (link.state == State::has && !sources_.at(link.source).stalled) return true;
  }
  for (const auto& [id, member] : job.members) {
    if (sources_.at(id).stalled || !trusts(job, id)) continue;
    const Link* link = unit.find(id);
    if (link == nullptr || link->state == State::asked) return true;
  }
  return false;
}

/// Fellows hear of the units that come next, so that they say when they have them.
void Scheduler::ask_fellows(Job& job, Instant now) {
  if (job.fellows.empty() || job.open.empty()) return;
  auto last = job.open.begin();
  std::advance(last, std::min(job.open.size(), fellow_units_max) - 1);
  for (auto& [source_id, fellow] : job.fellows) {
    Source& source = sources_.at(source_id);
    if (!source.answers || source.stalled) continue;
    for (auto at = job.open.lower_bound(fellow.asked_until); at != job.open.end(); ++at) {
      if (at->first > last->first || source.probes_open >= probes_per_source_max) break;
      fellow.asked_until = at->first + 1;
      Unit& unit = units_.at(at->second);
      if (unit.find(source_id) == nullptr) probe(job, at->second, unit, source_id, source, now);
    }
  }
}

void Scheduler::search(Job& job, Instant now) {
  std::size_t looked_at = 0;
  // Blind fetches leave the unit pending, so the table stays as it is while we walk it.
  for (const auto& [_, id] : job.pending) {
    if (++looked_at > searched_units_max) break;
    Unit& unit = units_.at(id);
    if (has_prospect(job, unit)) continue;
    if (unit.asked < probes_per_unit_max) {
      probe_next(job, id, unit.search_from, probes_per_unit_max - unit.asked, now);
    }
    fetch_blindly(job, id, now);
  }
}

/// Members that lacked too much are asked first; what they have they are then asked for.
void Scheduler::ask_untrusted(Instant now) {
  for (auto& [_, job] : jobs_) {
    if (job.pending.empty()) continue;
    for (const auto& [source_id, member] : job.members) {
      Source& source = sources_.at(source_id);
      if (member.trusted() || source.stalled || !source.answers) continue;
      std::size_t looked_at = 0;
      for (const auto& [rank, id] : job.pending) {
        if (++looked_at > 2 * searched_units_max) break;
        if (source.probes_open >= probes_per_source_max) break;
        Unit& unit = units_.at(id);
        if (unit.find(source_id) == nullptr) probe(job, id, unit, source_id, source, now);
      }
    }
  }
}

/// A new source is asked about what each job needs next: it may hold all of it.
void Scheduler::greet(SourceId source_id, Instant now) {
  auto found = sources_.find(source_id);
  if (found == sources_.end() || !found->second.answers) return;
  for (auto& [_, job] : jobs_) {
    // Without members, search() asks whom it can.
    if (job.members.empty()) continue;
    std::size_t asked = 0;
    for (const auto& [rank, id] : job.open) {
      if (asked++ == greeted_units_max) break;
      Unit& unit = units_.at(id);
      if (unit.find(source_id) == nullptr) probe(job, id, unit, source_id, found->second, now);
    }
  }
}

// Status.

SourceStatus Scheduler::source_status(SourceId id) const {
  SourceStatus status;
  status.source = id;
  auto found = sources_.find(id);
  if (found == sources_.end()) return status;
  const Source& source = found->second;
  status.in_flight = source.flights.size();
  status.in_flight_bytes = source.in_flight_bytes;
  status.window_bytes = source.pace.window_bytes(unit_bytes_guess);
  status.bytes_per_second = source.pace.bytes_per_second();
  status.latency = source.pace.measured() ? source.pace.latency_smoothed() : Duration(0);
  status.stalled = source.stalled;
  return status;
}

JobStatus Scheduler::status(JobId id, Instant now) const {
  const Job& job = jobs_.at(id);
  JobStatus status;
  status.units_wanted = job.units_wanted;
  status.units_received = job.units_received;
  status.bytes_received = job.bytes_received;
  status.duplicates = job.duplicates;
  status.bytes_per_second = job.meter.rate(now, job.begun);
  for (const auto& [source_id, member] : job.members) {
    SourceStatus source = source_status(source_id);
    source.units = member.units;
    source.bytes = member.bytes;
    status.sources.push_back(source);
  }
  if (job.open.empty()) return status;

  const UnitId first = job.open.begin()->second;
  const Unit& unit = units_.at(first);
  status.waiting_unit = first;
  const auto collect = [&](Waiting why, auto&& applies) {
    for (const Link& link : unit.links) {
      if (applies(link)) status.waiting_for.push_back(link.source);
    }
    status.waiting = why;
    return !status.waiting_for.empty();
  };
  if (sources_.empty()) {
    status.waiting = Waiting::no_sources;
  } else if (collect(Waiting::fetching, [&](const Link& link) {
               return link.state == State::fetching &&
                      sources_.at(link.source).flights.at(first).counts;
             })) {
  } else if (collect(Waiting::stalled, [&](const Link& link) {
               return (link.state == State::has || link.state == State::lost) &&
                      sources_.at(link.source).stalled;
             })) {
  } else if (collect(Waiting::queued, [](const Link& link) { return link.state == State::has; })) {
  } else if (collect(Waiting::searching, [](const Link& link) {
               return link.state == State::asked || link.state == State::fetching;
             })) {
  } else {
    status.waiting = has_prospect(job, unit) ? Waiting::queued : Waiting::nobody_has;
  }
  return status;
}

}  // namespace kith::transfer
