// What several files of Dht share, and only they see.
#pragma once

#include <functional>
#include <set>

#include <kith/dht/dht.hpp>

namespace kith::dht {

/// One lookup, and what is asked in it.
struct Dht::Run {
  Run(port::Env& env, Message what, const PeerId& self, const LookupOptions& options)
      : target(Key::of(what.key)),
        request(std::move(what)),
        lookup(target, self, options),
        changed(env.clock),
        asking(env.executor, env.clock, lookup_asked_max) {}

  Key target;
  Message request;
  Lookup lookup;
  /// Told of each answer; false ends the lookup.
  std::function<bool(const PeerId& from, const Message& answer)> on_answer{};
  bool enough = false;
  port::Event changed;
  port::TaskGroup asking;
};

/// A key that is told of by itself, for the statistics.
class Dht::Alone {
 public:
  explicit Alone(Dht& dht) : dht_(dht), since_(dht.env_.clock.now()) { ++dht_.telling_; }
  ~Alone() {
    --dht_.telling_;
    ++dht_.told_alone_;
    dht_.told_alone_time_ += dht_.env_.clock.now() - since_;
  }
  Alone(const Alone&) = delete;
  Alone& operator=(const Alone&) = delete;

 private:
  Dht& dht_;
  Instant since_;
};

/// Content that is told of while the lookup still runs (dht_optimistic.cpp). It may outlive the
/// call that began it.
struct Dht::Early {
  Early(port::Env& env, Message what, Nearness how_near)
      : message(std::move(what)),
        near(how_near),
        changed(env.clock),
        stores(env.executor, env.clock, 2 * lookup_candidates_max) {}

  std::size_t left() const noexcept { return begun.size() - ended; }

  Message message;
  Nearness near;
  /// Who has been told, or is being.
  std::set<PeerId> begun{};
  std::size_t ended = 0;
  std::size_t stored = 0;
  bool in_background = false;
  port::Event changed;
  port::TaskGroup stores;
};

}  // namespace kith::dht
