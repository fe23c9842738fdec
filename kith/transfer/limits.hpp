// The constants of the transfer scheduler.
#pragma once

#include <cstddef>
#include <cstdint>

#include <kith/base/time.hpp>

namespace kith::transfer {

/// What a source may be asked for before anything is known about it. Twice this after one round
/// trip, and so on.
inline constexpr std::uint64_t window_bytes_initial = 512 * 1024;
inline constexpr std::uint64_t window_bytes_max = 64 * 1024 * 1024;
/// A source that works is never asked for fewer units than these at a time.
inline constexpr std::size_t window_units_min = 4;
/// Others remember 1,024 wants of ours (boxo), and want-haves are among them.
inline constexpr std::size_t window_units_max = 768;

/// A unit's size until some have come.
inline constexpr std::uint64_t unit_bytes_guess = 256 * 1024;
/// The least that a unit is counted as, in windows and rates: small units cost their source a
/// look-up.
inline constexpr std::uint64_t unit_cost_min = 16 * 1024;

/// Rates are the best of so many round trips.
inline constexpr std::size_t rate_rounds = 10;
/// How long the smallest latency is believed before the queue at the source is let run empty to
/// measure it anew.
inline constexpr Duration latency_min_age_max = 10s;

/// How long a source may be silent: before anything is known about it, and the bounds afterwards.
inline constexpr Duration patience_initial = 5s;
inline constexpr Duration patience_min = 1s;
inline constexpr Duration patience_max = 20s;
/// What is assumed for an unmeasured source when completion times are compared.
inline constexpr Duration latency_guess = 1s;
/// What a source that was beaten to a unit is believed to take at most, and how the belief fades.
inline constexpr Duration beaten_latency_max = 60s;
inline constexpr Duration beaten_half_life = 10s;
/// Bytes that come and make no unit yet buy their source time: as much as they would take at this
/// share of the rate that it had, or at this rate. So a thin link has the time it needs, and a drip
/// keeps no source awake. So many of them without a unit buy no more (twice a Bitswap message).
inline constexpr double progress_rate_share = 1.0 / 16;
inline constexpr double progress_rate_min = 4 * 1024;
inline constexpr std::uint64_t progress_bytes_max = 8 * 1024 * 1024;
/// A stalled source is awake again when so many have come, or a unit.
inline constexpr std::uint64_t progress_awake_bytes = unit_cost_min;
/// A silent source that is still connected is tried again after this.
inline constexpr Duration second_chance_after = 30s;

/// Units of a job that are searched for at a time, and sources that are asked about one at a time.
inline constexpr std::size_t searched_units_max = 16;
inline constexpr std::size_t probes_per_unit_max = 64;
/// Sources that can't say whether they have something are asked for it outright, so few at a time.
inline constexpr std::size_t blind_fetches_per_unit_max = 4;
/// Questions that one source may have open.
inline constexpr std::size_t probes_per_source_max = 128;
/// Units that every source lacks are asked about again after this.
inline constexpr Duration search_again_after = 30s;
/// More holders are looked for this often while a job has fewer than holders_wanted.
inline constexpr Duration sample_interval = 10s;
inline constexpr std::size_t holders_wanted = 8;
inline constexpr std::size_t samples_at_a_time = 4;

/// Fellows of one job, and the units ahead that they are asked about and that the rarest is chosen
/// from. Less than probes_per_source_max, so that a search finds room.
inline constexpr std::size_t fellows_max = 32;
inline constexpr std::size_t fellow_units_max = 64;
static_assert(fellow_units_max < probes_per_source_max);
/// A fellow that has so many in a row has all of it, and is asked outright.
inline constexpr std::uint32_t fellow_proven_units = 32;
/// A fellow that for so long has announced nothing and sent nothing, while the job lacked
/// something, gives its place to one that comes. An honest one may take patience_max over a single
/// unit and must have begun on another by then.
inline constexpr Duration fellow_idle_max = 30s;
static_assert(fellow_idle_max > patience_max);
/// What somebody waits for since then goes before what is rarer. What waits for so long at a
/// crowded source that sends nothing may go to a fellow instead.
inline constexpr Duration crowded_wait_min = 500ms;

/// A source is asked for what it didn't announce as long as it lacked no more than half of it, and
/// this many.
inline constexpr std::uint64_t misses_forgiven = 4;

/// One unit is fetched from so many sources at most at a time, the second and later ones only when
/// the first is late.
inline constexpr std::size_t fetches_per_unit_max = 3;
/// How far into a job's order an assignment looks.
inline constexpr std::size_t scan_units_max = 1024;
/// How many units under way are looked at for one that is late.
inline constexpr std::size_t scan_late_units_max = 64;

}  // namespace kith::transfer
