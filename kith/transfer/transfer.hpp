// transfer: what is fetched from whom, for every kind of source. Pure state machines: no I/O, no
// clock, no randomness. The exchange that owns a Scheduler carries out its actions.
//
//   scheduler.hpp  Scheduler: jobs, units, sources; who is asked for what, and why one waits
//   pace.hpp       Pace: how fast one source is, and its window of bandwidth x delay
//   limits.hpp     every constant
//
// One thread, the owner's.
#pragma once

#include <kith/transfer/scheduler.hpp>
