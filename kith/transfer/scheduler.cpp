#include <algorithm>
#include <limits>
#include <utility>

#include <kith/base/assert.hpp>
#include <kith/transfer/scheduler.hpp>

namespace kith::transfer {
namespace {

/// How fast a job's idea of its units' size follows what comes. It rises faster than it falls: a
/// few small nodes before large leaves must not open the window for all of them.
constexpr double size_rise = 1.0 / 2;
constexpr double size_fall = 1.0 / 8;

constexpr std::int64_t rank_free = 0;

std::int64_t second_of(Instant now) noexcept {
  return std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
}

}  // namespace

Scheduler::Link* Scheduler::Unit::find(SourceId source) noexcept {
  auto found = std::ranges::find(links, source, &Link::source);
  return found == links.end() ? nullptr : &*found;
}

const Scheduler::Link* Scheduler::Unit::find(SourceId source) const noexcept {
  auto found = std::ranges::find(links, source, &Link::source);
  return found == links.end() ? nullptr : &*found;
}

void Scheduler::Meter::add(std::uint64_t size, Instant now) noexcept {
  const std::int64_t present = second_of(now);
  for (std::int64_t i = std::max(second + 1, present - static_cast<std::int64_t>(slots) + 1);
       i <= present; ++i)
    bytes[static_cast<std::size_t>(i) % slots] = 0;
  second = std::max(second, present);
  bytes[static_cast<std::size_t>(present) % slots] += size;
}

double Scheduler::Meter::rate(Instant now, Instant since) const noexcept {
  const std::int64_t present = second_of(now);
  const std::int64_t first = present - static_cast<std::int64_t>(slots) + 1;
  std::uint64_t sum = 0;
  for (std::int64_t i = first; i <= std::min(second, present); ++i)
    sum += i > second - static_cast<std::int64_t>(slots)
               ? bytes[static_cast<std::size_t>(i) % slots]
               : 0;
  const Instant from = std::max(since, Instant(std::chrono::seconds(first)));
  const double span = std::chrono::duration<double>(now - from).count();
  return span > 0 ? static_cast<double>(sum) / std::max(span, 0.1) : 0;
}

// Jobs and units.

JobId Scheduler::add_job(Instant now) {
  const JobId id{next_job_++};
  Job job;
  job.begun = now;
  job.sample_at = now + sample_interval;
  job.search_again_at = now + search_again_after;
  // A newcomer is not owed what others were given before it came.
  std::optional<std::uint64_t> least;
  for (const auto& [_, other] : jobs_) {
    if (!other.open.empty()) least = std::min(least.value_or(other.charge), other.charge);
  }
  job.charge = least.value_or(0);
  jobs_.emplace(id, std::move(job));
  return id;
}

void Scheduler::remove_job(JobId id) {
  auto found = jobs_.find(id);
  if (found == jobs_.end()) return;
  std::vector<UnitId> units;
  for (const auto& [_, unit] : found->second.open)
    units.push_back(unit);
  for (UnitId unit : units)
    drop_claim(id, unit);
  for (const auto& [source, _] : found->second.members)
    --sources_.at(source).member_of;
  jobs_.erase(found);
}

void Scheduler::want(JobId job_id, UnitId id, Instant now, bool first) {
  Job& job = jobs_.at(job_id);
  auto known = job.ranks.find(id);
  if (known != job.ranks.end() && (!first || known->second < 0)) return;
  const std::int64_t rank = first ? job.next_first_rank++ : job.next_rank++;
  Unit& unit = units_[id];
  if (known != job.ranks.end()) {
    job.open.erase(known->second);
    job.pending.erase(known->second);
    std::ranges::find(unit.claims, job_id, &Claim::job)->rank = rank;
    known->second = rank;
  } else {
    if (job.open.empty()) {
      job.sample_at = now + sample_interval;
      job.search_again_at = now + search_again_after;
    }
    job.ranks.emplace(id, rank);
    unit.claims.push_back({job_id, rank});
    ++job.units_wanted;
    for (const Link& link : unit.links) {
      if (link.state == State::has || link.state == State::fetching) join(job, link.source);
    }
  }
  if (first) {
    unit.urgent_since = std::min(unit.urgent_since, now);
    // It stands before all that fellows were asked about.
    for (auto& [_, fellow] : job.fellows)
      fellow.asked_until = std::min(fellow.asked_until, rank);
  }
  job.open.emplace(rank, id);
  if (unit.live == 0) job.pending.emplace(rank, id);
}

void Scheduler::forget(JobId job, UnitId unit) {
  if (jobs_.at(job).ranks.contains(unit)) drop_claim(job, unit);
}

void Scheduler::drop_claim(JobId job_id, UnitId id) {
  Job& job = jobs_.at(job_id);
  auto rank = job.ranks.find(id);
  job.open.erase(rank->second);
  job.pending.erase(rank->second);
  job.ranks.erase(rank);
  Unit& unit = units_.at(id);
  std::erase_if(unit.claims, [&](const Claim& claim) { return claim.job == job_id; });
  if (unit.claims.empty()) end_unit(id, std::nullopt);
}

/// The unit is over: takes back what others were asked, and leaves every table.
void Scheduler::end_unit(UnitId id, std::optional<SourceId> except) {
  Unit& unit = units_.at(id);
  for (const Claim& claim : unit.claims) {
    Job& job = jobs_.at(claim.job);
    job.ranks.erase(id);
    job.open.erase(claim.rank);
    job.pending.erase(claim.rank);
  }
  unit.claims.clear();
  close_links(unit, id, except);
  units_.erase(id);
}

void Scheduler::close_links(Unit& unit, UnitId id, std::optional<SourceId> except) {
  while (!unit.links.empty()) {
    const Link link = unit.links.back();
    if (link.open && link.source != except) act(Action::Kind::drop, link.source, id);
    unlink(unit, id, link.source);
  }
}

// Sources.

SourceId Scheduler::add_source(bool answers, Instant now) {
  const SourceId id{next_source_++};
  Source source;
  source.answers = answers;
  source.active_at = now;
  sources_.emplace(id, std::move(source));
  newcomers_.push_back(id);
  return id;
}

std::vector<JobId> Scheduler::jobs_served_by(SourceId source) const {
  std::vector<JobId> served;
  for (const auto& [id, job] : jobs_) {
    auto member = job.members.find(source);
    if (member != job.members.end() && member->second.units > 0) served.push_back(id);
  }
  return served;
}

void Scheduler::remove_source(SourceId id) {
  auto found = sources_.find(id);
  if (found == sources_.end()) return;
  const std::vector<UnitId> linked(found->second.links.begin(), found->second.links.end());
  for (UnitId unit : linked)
    unlink(units_.at(unit), unit, id);
  ASSERT(found->second.flights.empty() && found->second.in_flight_bytes == 0);
  for (auto& [_, job] : jobs_) {
    job.members.erase(id);
    job.fellows.erase(id);
    job.former_fellows.erase(id);
  }
  std::erase(newcomers_, id);
  std::erase_if(actions_, [&](const Action& action) { return action.source == id; });
  sources_.erase(found);
}

void Scheduler::set_answers(SourceId source, bool answers) {
  sources_.at(source).answers = answers;
}

Scheduler::Member& Scheduler::join(Job& job, SourceId source) {
  auto [member, added] = job.members.try_emplace(source);
  if (added) ++sources_.at(source).member_of;
  return member->second;
}

Scheduler::Link& Scheduler::link(Unit& unit, UnitId id, SourceId source) {
  if (Link* known = unit.find(source)) return *known;
  sources_.at(source).links.insert(id);
  return unit.links.emplace_back(source, State::lacks, false);
}

void Scheduler::set_state(Unit& unit, Link& link, State state) {
  if (link.state == state) return;
  if (link.state == State::asked) {
    --unit.asked;
    Source& source = sources_.at(link.source);
    if (--source.probes_open == 0) source.probes.clear();
  }
  if (state == State::asked) {
    ++unit.asked;
    ++sources_.at(link.source).probes_open;
  }
  link.state = state;
}

void Scheduler::unlink(Unit& unit, UnitId id, SourceId source_id) {
  Source& source = sources_.at(source_id);
  end_flight(source, unit, id);
  Link* link = unit.find(source_id);
  set_state(unit, *link, State::lacks);
  std::swap(*link, unit.links.back());
  unit.links.pop_back();
  source.links.erase(id);
}

// Flights.

/// Makes a flight count as fetching its unit, or not.
void Scheduler::count(Unit& unit, UnitId id, Flight& flight, bool counts) {
  if (flight.counts == counts) return;
  flight.counts = counts;
  if (counts) {
    if (unit.live++ > 0) return;
    for (const Claim& claim : unit.claims)
      jobs_.at(claim.job).pending.erase(claim.rank);
  } else {
    if (--unit.live > 0) return;
    for (const Claim& claim : unit.claims)
      jobs_.at(claim.job).pending.emplace(claim.rank, id);
  }
}

void Scheduler::start_flight(SourceId source_id, UnitId id, JobId job_id, bool blind, Instant now) {
  Source& source = sources_.at(source_id);
  Unit& unit = units_.at(id);
  Job& job = jobs_.at(job_id);
  Link& link = this->link(unit, id, source_id);
  Flight flight;
  flight.unannounced = link.state != State::has;
  flight.bytes = static_cast<std::uint64_t>(job.unit_bytes);
  flight.sent = source.pace.sent(source.in_flight_bytes, flight.bytes, now);
  flight.expected_at = now + source.pace.expected(source.in_flight_bytes);
  flight.guessed = !source.pace.measured();
  flight.deadline = flight.expected_at + source.pace.patience();
  flight.number = source.next_flight++;
  flight.counts = false;
  flight.blind = blind;
  set_state(unit, link, State::fetching);
  link.open = true;
  if (source.flights.empty()) {
    source.active_at = now;
    source.progress_bytes = 0;
  }
  source.in_flight_bytes += flight.bytes;
  source.flight_order.emplace(flight.number, id);
  Flight& kept = source.flights.emplace(id, flight).first->second;
  if (unit.live > 0) ++stats_.second_fetches;
  if (blind) {
    ++unit.blind;
  } else {
    count(unit, id, kept, true);
  }
  job.charge += flight.bytes;
  ++stats_.fetches;
  // Among fellows the order of units is free, and the source may choose what it has sent the least.
  const bool in_order = job.fellows.empty() || is_urgent(unit);
  act(Action::Kind::fetch, source_id, id, in_order ? job.ranks.at(id) : rank_free);
}

void Scheduler::end_flight(Source& source, Unit& unit, UnitId id) {
  auto found = source.flights.find(id);
  if (found == source.flights.end()) return;
  count(unit, id, found->second, false);
  if (found->second.blind) --unit.blind;
  source.in_flight_bytes -= found->second.bytes;
  source.flight_order.erase(found->second.number);
  source.flights.erase(found);
}

/// The unit goes to others; should it still come from here, it is welcome.
void Scheduler::lose(SourceId source_id, UnitId id) {
  Source& source = sources_.at(source_id);
  Unit& unit = units_.at(id);
  Flight& flight = source.flights.at(id);
  count(unit, id, flight, false);
  // It may have begun blind and its source have learned to answer since.
  if (std::exchange(flight.blind, false)) --unit.blind;
  set_state(unit, *unit.find(source_id), State::lost);
}

/// Whoever fetches the unit is asked for it no more.
void Scheduler::take_back(Unit& unit, UnitId id) {
  std::vector<SourceId> from;
  for (const Link& link : unit.links) {
    if (link.state == State::fetching) from.push_back(link.source);
  }
  for (SourceId source : from) {
    if (unit.find(source)->open) act(Action::Kind::drop, source, id);
    unlink(unit, id, source);
  }
}

void Scheduler::stall(SourceId id, Source& source, Instant now) {
  std::vector<UnitId> units;
  units.reserve(source.flights.size());
  for (const auto& [unit, _] : source.flights)
    units.push_back(unit);
  source.pace.stalled();
  ++stats_.stalls;
  if (source.answers) {
    source.stalled = true;
    source.stalled_at = now;
    source.awake_bytes = 0;
    for (UnitId unit : units)
      lose(id, unit);
    return;
  }
  // Silence is how an old peer says that it lacks something.
  for (UnitId unit_id : units) {
    Unit& unit = units_.at(unit_id);
    end_flight(source, unit, unit_id);
    set_state(unit, *unit.find(id), State::lacks);
    for (const Claim& claim : unit.claims) {
      Job& job = jobs_.at(claim.job);
      if (auto member = job.members.find(id); member != job.members.end()) ++member->second.misses;
    }
  }
}

/// The source gives a sign of life.
void Scheduler::revive(SourceId id, Source& source, Instant now) {
  source.active_at = now;
  if (!source.stalled) return;
  source.stalled = false;
  source.pace.revived();
  for (auto& [unit_id, flight] : source.flights) {
    Unit& unit = units_.at(unit_id);
    flight.expected_at = now + source.pace.expected(source.in_flight_bytes);
    flight.deadline = flight.expected_at + source.pace.patience();
    if (unit.live > 0) continue;
    set_state(unit, *unit.find(id), State::fetching);
    count(unit, unit_id, flight, true);
  }
}

void Scheduler::forget_flights(SourceId id, Source& source) {
  while (!source.flights.empty()) {
    const UnitId unit = source.flights.begin()->first;
    unlink(units_.at(unit), unit, id);
  }
}

// What sources say.

void Scheduler::has(SourceId source_id, UnitId id) {
  auto source = sources_.find(source_id);
  if (source == sources_.end()) return;
  auto found = units_.find(id);
  if (found == units_.end()) return;
  Unit& unit = found->second;
  for (const Claim& claim : unit.claims)
    join(jobs_.at(claim.job), source_id);
  Link& link = this->link(unit, id, source_id);
  for (const Claim& claim : unit.claims) {
    Job& job = jobs_.at(claim.job);
    // It lacked the unit when we asked, and has fetched it since.
    if (link.said_lacks) shares(source_id, claim.job);
    // Who stalled with what it announced before is of no use.
    const bool is_new = link.state == State::asked || link.state == State::lacks;
    if (is_new && !source->second.stalled) note_use(claim.job, source_id);
    if (link.state != State::asked) continue;
    Member& member = job.members.at(source_id);
    if (++member.held_in_a_row < fellow_proven_units) continue;
    member.holds_all = true;
    job.fellows.erase(source_id);
    job.former_fellows.erase(source_id);
  }
  if (link.state == State::fetching || link.state == State::lost) return;
  set_state(unit, link, State::has);
  // An answered question is closed on the other side, too.
  link.open = false;
}

void Scheduler::lacks(SourceId source_id, UnitId id, Instant now) {
  auto source = sources_.find(source_id);
  if (source == sources_.end()) return;
  auto found = units_.find(id);
  if (found == units_.end()) return;
  Unit& unit = found->second;
  Link& link = this->link(unit, id, source_id);
  if (link.state == State::fetching || link.state == State::lost) {
    revive(source_id, source->second, now);
    end_flight(source->second, unit, id);
    for (const Claim& claim : unit.claims) {
      Job& job = jobs_.at(claim.job);
      if (auto member = job.members.find(source_id); member != job.members.end()) {
        ++member->second.misses;
      }
    }
  }
  link.said_lacks = true;
  for (const Claim& claim : unit.claims) {
    Job& job = jobs_.at(claim.job);
    auto member = job.members.find(source_id);
    if (member == job.members.end()) continue;
    member->second.held_in_a_row = 0;
    member->second.holds_all = false;
  }
  set_state(unit, link, State::lacks);
}

bool Scheduler::received(SourceId source_id, UnitId id, std::uint64_t bytes, Instant now) {
  auto source = sources_.find(source_id);
  if (source != sources_.end()) {
    revive(source_id, source->second, now);
    source->second.progress_bytes = 0;
    source->second.bytes_at = now;
  }
  auto found = units_.find(id);
  if (found == units_.end()) return false;
  Unit& unit = found->second;
  const std::uint64_t cost = std::max(bytes, unit_cost_min);
  if (source != sources_.end()) {
    Source& from = source->second;
    auto flight = from.flights.find(id);
    if (flight != from.flights.end()) {
      if (flight->second.counts || flight->second.blind) {
        from.pace.received(flight->second.sent, cost, now);
      }
      from.newest_received = std::max(from.newest_received, flight->second.number + 1);
    }
  }
  const Link* known = unit.find(source_id);
  const bool lacked = known != nullptr && known->said_lacks;
  for (const Claim& claim : unit.claims) {
    Job& job = jobs_.at(claim.job);
    if (lacked) shares(source_id, claim.job);
    note_use(claim.job, source_id);
    if (source != sources_.end()) {
      Member& member = join(job, source_id);
      ++member.units;
      ++member.hits;
      member.bytes += bytes;
    }
    ++job.units_received;
    job.bytes_received += bytes;
    job.meter.add(bytes, now);
    const double difference = static_cast<double>(cost) - job.unit_bytes;
    job.unit_bytes += difference * (difference > 0 ? size_rise : size_fall);
  }
  for (const Link& link : unit.links) {
    if (link.source == source_id) continue;
    Source& other = sources_.at(link.source);
    auto flight = other.flights.find(id);
    if (flight == other.flights.end() || flight->second.blind) continue;
    if (flight->second.guessed || flight->second.expected_at < now) {
      other.pace.beaten(flight->second.sent, now);
    }
  }
  end_unit(id, source_id);
  return true;
}

void Scheduler::progress(SourceId source_id, std::uint64_t bytes, Instant now) {
  auto found = sources_.find(source_id);
  if (found == sources_.end()) return;
  Source& source = found->second;
  bytes = std::min(bytes, progress_bytes_max - source.progress_bytes);
  source.progress_bytes += bytes;
  source.bytes_at = now;
  if (source.stalled) {
    source.awake_bytes += bytes;
    if (source.awake_bytes >= progress_awake_bytes) revive(source_id, source, now);
    return;
  }
  const double rate =
      std::max(progress_rate_min, source.pace.bytes_per_second() * progress_rate_share);
  const std::chrono::duration<double> bought(static_cast<double>(bytes) / rate);
  source.active_at = std::min(now, source.active_at + std::chrono::duration_cast<Duration>(bought));
}

void Scheduler::obtained(UnitId unit) {
  if (units_.contains(unit)) end_unit(unit, std::nullopt);
}

void Scheduler::duplicate(SourceId source_id, Instant now) {
  auto source = sources_.find(source_id);
  if (source == sources_.end()) return;
  revive(source_id, source->second, now);
  source->second.progress_bytes = 0;
  for (auto& [_, job] : jobs_) {
    if (job.members.contains(source_id)) ++job.duplicates;
  }
}

void Scheduler::holds(SourceId source, JobId job) {
  auto found = jobs_.find(job);
  if (found != jobs_.end() && sources_.contains(source)) join(found->second, source);
}

void Scheduler::shares(SourceId source, JobId job_id) {
  auto found = jobs_.find(job_id);
  auto known = sources_.find(source);
  if (found == jobs_.end() || known == sources_.end() || !known->second.answers) return;
  Job& job = found->second;
  if (job.fellows.contains(source)) return;
  auto member = job.members.find(source);
  if (member != job.members.end() && member->second.holds_all) return;
  if (job.fellows.size() >= fellows_max) {
    // Or useless ones would take turns, and keep out others all the same.
    if (job.former_fellows.contains(source) || !make_place(job)) return;
  }
  job.former_fellows.erase(source);
  job.fellows.emplace(source, Fellow{.useful_at = job.lacking});
}

/// Takes its place from the fellow that has been of no use for longest, if that is too long.
bool Scheduler::make_place(Job& job) {
  // Whoever fetches something for the job stalls soon, or brings it.
  const auto is_at_work = [&](SourceId id) {
    return std::ranges::any_of(sources_.at(id).flights, [&](const auto& flight) {
      return flight.second.counts && job.ranks.contains(flight.first);
    });
  };
  auto idlest = job.fellows.end();
  for (auto at = job.fellows.begin(); at != job.fellows.end(); ++at) {
    if (at->second.useful_at + fellow_idle_max > job.lacking) continue;
    if (idlest != job.fellows.end() && at->second.useful_at >= idlest->second.useful_at) continue;
    if (!is_at_work(at->first)) idlest = at;
  }
  if (idlest == job.fellows.end()) return false;
  job.former_fellows.insert(idlest->first);
  job.fellows.erase(idlest);
  return true;
}

/// The source has announced or sent a unit of the job.
void Scheduler::note_use(JobId job_id, SourceId source) {
  Job& job = jobs_.at(job_id);
  if (auto fellow = job.fellows.find(source); fellow != job.fellows.end()) {
    fellow->second.useful_at = job.lacking;
  } else if (job.former_fellows.contains(source) &&
             (job.fellows.size() < fellows_max || make_place(job))) {
    job.former_fellows.erase(source);
    job.fellows.emplace(source, Fellow{.useful_at = job.lacking});
  }
}

std::vector<JobId> Scheduler::jobs_of(UnitId unit) const {
  std::vector<JobId> jobs;
  if (auto found = units_.find(unit); found != units_.end()) {
    for (const Claim& claim : found->second.claims)
      jobs.push_back(claim.job);
  }
  return jobs;
}

void Scheduler::act(Action::Kind kind, SourceId source, UnitId unit, std::int64_t rank) {
  actions_.push_back({kind, source, unit, rank});
}

// Time.

Instant Scheduler::stall_deadline(const Source& source) const {
  for (const auto& [_, flight] : source.flights) {
    if (flight.counts || flight.blind) return source.active_at + source.pace.patience();
  }
  return never;
}

/// When the oldest unit that others have overtaken has waited long enough.
Instant Scheduler::overtaken_deadline(const Source& source) const {
  for (const auto& [number, unit] : source.flight_order) {
    if (number + 1 >= source.newest_received) break;
    const Flight& flight = source.flights.at(unit);
    if (flight.counts || flight.blind) return flight.deadline;
  }
  return never;
}

Instant Scheduler::next_deadline() const {
  Instant next = late_at_;
  for (const auto& [_, source] : sources_) {
    if (!source.probes.empty()) next = std::min(next, source.probes.front().first);
    if (source.stalled) {
      next = std::min(next, source.stalled_at + second_chance_after);
    } else if (!source.flights.empty()) {
      next = std::min({next, stall_deadline(source), overtaken_deadline(source)});
    }
  }
  if (sources_.empty()) return next;
  for (const auto& [_, job] : jobs_) {
    if (job.open.empty()) continue;
    if (job.members.size() < holders_wanted) next = std::min(next, job.sample_at);
    if (!job.pending.empty()) next = std::min(next, job.search_again_at);
  }
  return next;
}

void Scheduler::tick(Instant now) {
  for (auto& [id, source] : sources_)
    tick_source(id, source, now);
  for (auto& [_, job] : jobs_)
    tick_job(job, now);
}

void Scheduler::tick_source(SourceId id, Source& source, Instant now) {
  source.pace.relax(now);
  while (!source.probes.empty() && source.probes.front().first <= now) {
    const UnitId unit_id = source.probes.front().second;
    source.probes.pop_front();
    auto unit = units_.find(unit_id);
    if (unit == units_.end()) continue;
    Link* link = unit->second.find(id);
    if (link != nullptr && link->state == State::asked) {
      set_state(unit->second, *link, State::lacks);
    }
  }
  if (source.stalled) {
    if (now < source.stalled_at + second_chance_after) return;
    forget_flights(id, source);
    source.stalled = false;
    source.active_at = now;
  } else if (stall_deadline(source) <= now) {
    stall(id, source, now);
  } else {
    std::vector<UnitId> late;
    for (const auto& [number, unit] : source.flight_order) {
      if (number + 1 >= source.newest_received) break;
      const Flight& flight = source.flights.at(unit);
      if ((flight.counts || flight.blind) && flight.deadline <= now) late.push_back(unit);
    }
    for (UnitId unit_id : late) {
      ++stats_.overtaken;
      Unit& unit = units_.at(unit_id);
      if (!source.answers) {
        end_flight(source, unit, unit_id);
        set_state(unit, *unit.find(id), State::lacks);
      } else {
        lose(id, unit_id);
      }
    }
  }
}

/// What the job would be glad of another source for.
std::optional<UnitId> Scheduler::unit_in_need(const Job& job, Instant now) const {
  if (!job.pending.empty()) return job.pending.begin()->second;
  const UnitId first = job.open.begin()->second;
  return remaining(units_.at(first), first, now).due < now ? std::optional(first) : std::nullopt;
}

void Scheduler::tick_job(Job& job, Instant now) {
  if (job.open.empty() || sources_.empty()) return;
  if (job.members.size() < holders_wanted && job.sample_at <= now) {
    job.sample_at = now + sample_interval;
    if (auto unit = unit_in_need(job, now)) {
      probe_next(job, *unit, job.sample_from, samples_at_a_time, now);
      if (sources_.lower_bound(job.sample_from) == sources_.end()) job.sample_from = SourceId{};
    }
  }
  if (job.pending.empty() || job.search_again_at > now) return;
  job.search_again_at = now + search_again_after;
  std::size_t looked_at = 0;
  for (const auto& [_, id] : job.pending) {
    if (++looked_at > searched_units_max) break;
    Unit& unit = units_.at(id);
    if (has_prospect(job, unit)) continue;
    std::vector<SourceId> again;
    for (const Link& link : unit.links) {
      if (link.state == State::lacks ||
          (link.state == State::lost && !sources_.at(link.source).stalled)) {
        again.push_back(link.source);
      }
    }
    for (SourceId source : again)
      unlink(unit, id, source);
    unit.search_from = SourceId{};
    unit.blind_from = SourceId{};
  }
}

std::vector<Action> Scheduler::poll(Instant now) {
  for (auto& [_, job] : jobs_) {
    if (job.lacked) job.lacking += now - now_;
  }
  now_ = now;
  tick(now);
  for (SourceId newcomer : std::exchange(newcomers_, {}))
    greet(newcomer, now);
  assign(now);
  ask_untrusted(now);
  for (auto& [_, job] : jobs_) {
    ask_fellows(job, now);
    search(job, now);
    job.lacked = !job.open.empty();
  }
  return std::exchange(actions_, {});
}

}  // namespace kith::transfer
