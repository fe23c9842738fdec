// sim: the simulated side of port/. Many nodes in one process and one thread, on virtual time, from
// one seed; crashes, partitions, lost writes and late packets at will.
//
//   world.hpp      World: the loop, run_until, run(task), the hash of events
//   node.hpp       Node: Env, tasks, kill and restart
//   net.hpp        Network: links, partitions, clogs, names
//   disk.hpp       Disk: files and key-value stores, and what a crash leaves of them
//   nemesis.hpp    Nemesis: partitions, clogs, stalls, resets and crashes drawn from the seed
//   fault_plan.hpp FaultPlan: fail or crash in the n-th operation of a disk
//   heap.hpp       whose memory is whose, in programs that count
//   work_pool.hpp  workers that take virtual time      random.hpp  seeded keys, the buggifier
//   testing.hpp    run_test(seed, body) for GoogleTest; not included here
//
// For tests only; nothing in the product links it.
#pragma once

#include <kith/sim/net.hpp>
#include <kith/sim/node.hpp>
#include <kith/sim/random.hpp>
#include <kith/sim/world.hpp>
