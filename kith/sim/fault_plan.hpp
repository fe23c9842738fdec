// FaultPlan: when a disk fails. One plan counts every change to the files and key-value stores of a
// disk, so that a test can stop the machine at each of them:
//
//   for (std::uint64_t n = 0;; ++n) {
//     sim::Disk disk{Prng(seed)};
//     disk.faults().crash_at(n);
//     ... do the work; it fails once the machine has stopped ...
//     bool stopped = disk.faults().crashed();
//     disk.crash();                              // the power comes back
//     ... look at what is left ...
//     if (!stopped) break;                       // the work has fewer operations than n
//   }
//
// Counted are: making, writing, truncating and syncing a file, making, renaming, removing and
// syncing names, changing attributes, commits and syncs of key-value stores. Reads are counted
// apart.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>

#include <kith/base/prng.hpp>
#include <kith/base/result.hpp>

namespace kith::sim {

class FaultPlan {
 public:
  explicit FaultPlan(Prng prng) noexcept : prng_(prng) {}

  /// Operations so far; the next one has this number.
  std::uint64_t operations() const noexcept { return operations_; }
  std::uint64_t reads() const noexcept { return reads_; }

  /// Operation number `operation` fails once with this errno value. A write may have written a
  /// part.
  void fail_at(std::uint64_t operation, int error) noexcept {
    fail_at_ = operation;
    error_ = error;
  }
  /// Read number `read` fails once with this errno value.
  void fail_read_at(std::uint64_t read, int error) noexcept {
    fail_read_at_ = read;
    read_error_ = error;
  }
  /// The power fails in operation number `operation`: it may or may not have happened, its caller
  /// is told EIO, and so is everyone else until Disk::crash.
  void crash_at(std::uint64_t operation) noexcept { crash_at_ = operation; }
  /// The program is killed in operation number `operation`: it may or may not have happened, its
  /// caller is told EIO. Whoever listens by on_kill ends the program's views of the disk.
  void kill_at(std::uint64_t operation) noexcept { kill_at_ = operation; }
  /// From now on every "sync", "sync directory", "sync store" or "commit synced", whichever is
  /// named here, is acknowledged and makes nothing durable, as if the program had left it out: for
  /// tests of tests.
  void forget(std::string what) { forgotten_ = std::move(what); }

  /// Takes back every failure, crash and kill that is still to come.
  void clear() noexcept { fail_at_ = fail_read_at_ = crash_at_ = kill_at_ = none; }

  bool crashed() const noexcept { return crashed_; }
  /// The operation in which the power failed or the program was killed, for messages.
  const std::string& crashed_in() const noexcept { return crashed_in_; }
  /// Called once when the power fails by crash_at.
  void on_crash(std::function<void()> callback) { on_crash_ = std::move(callback); }
  /// Called once when the program is killed by kill_at.
  void on_kill(std::function<void()> callback) { on_kill_ = std::move(callback); }

  // For the disk.

  struct Verdict {
    bool takes_effect = true;
    int error = 0;           ///< what to tell the caller, after the effect
    bool forgotten = false;  ///< nothing becomes durable by it
  };
  Verdict next_operation(std::string_view what, std::string_view where);
  int next_read() noexcept;
  void power_returns() noexcept {
    crashed_ = false;
    crash_at_ = none;
  }
  Prng& prng() noexcept { return prng_; }

 private:
  static constexpr std::uint64_t none = std::numeric_limits<std::uint64_t>::max();

  Prng prng_;
  std::uint64_t operations_ = 0;
  std::uint64_t reads_ = 0;
  std::uint64_t fail_at_ = none;
  std::uint64_t fail_read_at_ = none;
  std::uint64_t crash_at_ = none;
  std::uint64_t kill_at_ = none;
  int error_ = 0;
  int read_error_ = 0;
  bool crashed_ = false;
  std::string crashed_in_;
  std::string forgotten_;
  std::function<void()> on_crash_;
  std::function<void()> on_kill_;
};

}  // namespace kith::sim
