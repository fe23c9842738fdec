// Env: the world of one node, handed down by reference. Everything in it outlives the node.
#pragma once

#include <source_location>

#include <kith/base/prng.hpp>
#include <kith/port/clock.hpp>
#include <kith/port/file_system.hpp>
#include <kith/port/key_value.hpp>
#include <kith/port/log.hpp>
#include <kith/port/net.hpp>
#include <kith/port/random.hpp>
#include <kith/port/task.hpp>
#include <kith/port/work_pool.hpp>

namespace kith::port {

/// Makes rare paths common in simulations, as FoundationDB's BUGGIFY does.
class Buggifier {
 public:
  virtual ~Buggifier() = default;
  virtual bool fires(std::source_location place) = 0;
};

struct Env {
  Executor executor;
  Clock& clock;
  WallClock& wall;
  Prng& prng;
  CryptoRandom& random;
  Net& net;
  FileSystem& files;
  KeyValueFactory& key_values;
  WorkPool& pool;
  Log& log;
  Buggifier* buggifier = nullptr;

  /// Always false outside the simulation: `if (env.buggify()) chunk_bytes = 1;`
  bool buggify(std::source_location place = std::source_location::current()) const {
    return buggifier != nullptr && buggifier->fires(place);
  }
};

}  // namespace kith::port
