// What one unit costs the scheduler, from wanting to receiving, by the number of sources.
#include <deque>

#include <benchmark/benchmark.h>

#include <kith/transfer/scheduler.hpp>

namespace kith::transfer {
namespace {

void fetch_units(benchmark::State& state) {
  Scheduler scheduler;
  Instant now = Instant(1000s);
  const JobId job = scheduler.add_job(now);
  for (std::int64_t i = 0; i < state.range(0); ++i)
    scheduler.add_source(true, now);
  std::deque<Action> asked;
  std::uint64_t next = 0;
  for (auto _ : state) {
    while (scheduler.units() < 256)
      scheduler.want(job, UnitId{next++}, now);
    for (const Action& action : scheduler.poll(now)) {
      if (action.kind == Action::Kind::probe) scheduler.has(action.source, action.unit);
      if (action.kind == Action::Kind::fetch) asked.push_back(action);
    }
    now += 100us;
    if (asked.empty()) continue;
    scheduler.received(asked.front().source, asked.front().unit, 262'144, now);
    asked.pop_front();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(fetch_units)->Arg(1)->Arg(8)->Arg(64);

}  // namespace
}  // namespace kith::transfer
