// What the tests of crashes share: a machine in a simulated world with a home on its disk, on which
// the program is started, does what a user tells it, is killed or loses power, and comes back.
// Commands are those of the command table, run as the daemon runs them; what a user has been told
// is kept outside of the machine. A command with an `output` saves there what it got. For tests
// only.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <kith/api/command.hpp>
#include <kith/sim/testing.hpp>

namespace kith::api::testing {

/// One command as a user gives it. Files and folders are named in `files`.
struct Call {
  std::string path{};  ///< "dag import"
  std::vector<std::string> arguments{};
  std::vector<std::string> files{};
  Request::Raw options{};
};

/// What the user has seen of a call so far.
struct Seen {
  std::vector<json::value> values;
  Bytes bytes;
  bool ended = false;
  Result<void> outcome = std::unexpected(Errc::closed);

  bool fine() const { return ended && outcome.has_value(); }
  /// A member of each value that has it.
  std::vector<std::string> texts(std::string_view key) const;
};

class Machine {
 public:
  /// A machine with a new home, not started yet.
  explicit Machine(sim::World& world);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  /// One of the user's files, with its folders, as `cp` leaves it: written and not synced.
  void write(const std::string& path, ByteView content);
  /// The same, long ago: the system has written it out since.
  void write_durably(const std::string& path, ByteView content);
  /// One of the files on its disk, if it is there.
  std::optional<Bytes> read(const std::string& path);

  /// Starts the program, and the machine if it is down. The program's error, or Errc::closed if the
  /// machine went down meanwhile.
  Result<void> start();
  /// Ends the program as SIGTERM does.
  void stop();
  /// Kills the program, or takes the machine's power.
  void go_down(sim::Crash how);
  bool up() const { return node_.up(); }
  /// It is up, and so is the program.
  bool running() const { return node_.up() && life_ != nullptr; }

  /// Runs a command until it has ended, or the machine has gone down in it.
  Seen run(Call call);
  /// Only begins it.
  std::shared_ptr<const Seen> begin(Call call);

  /// Where others reach the program, with its peer id.
  std::string address();
  sim::FaultPlan& faults() { return node_.disk().faults(); }
  sim::World& world() { return world_; }

 private:
  struct Life;
  class Recorder;
  class Saver;
  struct Start {
    bool ended = false;
    Result<void> outcome = std::unexpected(Errc::closed);
  };

  void settle();
  Task<void> live(port::Env& env, std::shared_ptr<Start> start);
  Task<void> live_on(port::Env& env, Start& start);
  Task<void> execute(Life& life, Call call, std::shared_ptr<Seen> seen);
  Task<void> execute_in(Life& life, Call& call, Output& output);

  sim::World& world_;
  sim::Node& node_;
  CommandTable table_;
  Life* life_ = nullptr;
  std::uint64_t starts_ = 0;
  std::size_t unwinding_ = 0;  // programs that have not ended yet
};

}  // namespace kith::api::testing
