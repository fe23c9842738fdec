// io: the real side of port/: the machine. Seen by host/, node/, programs and tests; nobody else
// knows whether a node runs on it or in sim/.
//
//   runtime.hpp      Runtime: the event loop, its clock and workers, the network; env() is all of
//   it file_system.hpp  PosixFileSystem: files, without a loop if need be lmdb.hpp LmdbFactory:
//   port::KeyValue on LMDB, and how it keeps its promise in a crash log.hpp          StderrLog
//   random.hpp  SystemRandom limits.hpp       the numbers
//
// Threads: the loop's (who calls Runtime::run) and the workers'. Asio, sockets and LMDB sit in
// detail/ and in .cpp files. Invariant: no exception leaves.
#pragma once

#include <kith/io/file_system.hpp>
#include <kith/io/lmdb.hpp>
#include <kith/io/log.hpp>
#include <kith/io/random.hpp>
#include <kith/io/runtime.hpp>
