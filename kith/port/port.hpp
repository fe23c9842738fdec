// port: the outside world as interfaces. Everything above this module sees time, randomness,
// network, files, workers and the log only through an Env; io/ implements it with the machine, sim/
// with a virtual world, and node code can't tell.
//
//   task.hpp         Task<T>: what every coroutine of ours returns       task_group.hpp  who starts
//   a task owns it clock.hpp        Clock, timers, WallClock, sleep                     event.hpp
//   waiting: Event, OneShot<T>, Channel<T> stream.hpp       Stream: bytes both ways, with deadlines
//   net.hpp         TCP, UDP, multicast, names, interfaces file_system.hpp  FileSystem, File (for
//   workers)                      key_value.hpp   KeyValue (for workers) work_pool.hpp    WorkPool:
//   what burns time or blocks                 log.hpp         levels by module random.hpp
//   CryptoRandom                                        env.hpp         all of them together
//
// Threads: one event loop runs every coroutine; nothing here is locked. FileSystem and KeyValue
// block, so they are called from WorkPool jobs alone. Cancellation: a cancelled task's next wait of
// any kind returns Errc::cancelled at once, and so does every later one; waits that clean up say
// "shielded" in their name.
#pragma once

#include <kith/port/clock.hpp>
#include <kith/port/env.hpp>
#include <kith/port/event.hpp>
#include <kith/port/file_system.hpp>
#include <kith/port/key_value.hpp>
#include <kith/port/log.hpp>
#include <kith/port/net.hpp>
#include <kith/port/random.hpp>
#include <kith/port/stream.hpp>
#include <kith/port/task.hpp>
#include <kith/port/task_group.hpp>
#include <kith/port/work_pool.hpp>
