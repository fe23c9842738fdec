// StateKeeper: keeps a Dht's state in two files between its runs (state_file.hpp).
//
//   PATH.records    the table's peers and the records held for others: written anew every
//                   records_save_interval, and at the end. What a crash takes of it others have
//                   too.
//   PATH.provided   what this node provides and when it is due: a change is added within
//                   provided_save_interval, and the file written anew when most of it is outdated.
//
// A file is replaced by a whole one that is on the medium, so a crash leaves the old or the new
// one; of the last frames that were added it may take any. What can't be read is told of in the log
// and left out. After a failed write (the disk is full) everything is written anew a minute later;
// the old file stays until then.
// All disk work is on the pool, and the loop encodes some hundred records at a time. The Dht
// outlives it; close_shielded() must have returned before it is destroyed. Loop thread only.
#pragma once

#include <string>

#include <kith/dht/dht.hpp>

namespace kith::dht {

class StateKeeper {
 public:
  StateKeeper(port::Env& env, Dht& dht, std::string path);
  StateKeeper(const StateKeeper&) = delete;
  StateKeeper& operator=(const StateKeeper&) = delete;

  /// Reads what is there. Blocks: before the Dht is started.
  void load();
  void start() { tasks_.spawn(loop()); }
  /// Writes down the last state, of a Dht that is closed.
  Task<void> close_shielded();

  /// Both files, now.
  Task<void> save();

 private:
  struct Replacement;

  void load_file(const std::string& path, bool& rewrite);
  Task<void> loop();
  Task<void> save_records();
  Task<void> save_provided();
  Task<void> append_changes();
  Task<void> rewrite_provided();
  Task<void> write(Replacement& file, Bytes bytes);
  /// Puts it in the old one's place, or removes what there is of it after a failure.
  Task<void> finish(Replacement& file, Result<void> outcome);
  Task<void> fill_with_records(Replacement& file);
  Task<void> fill_with_provided(Replacement& file);
  void tell(const Result<void>& outcome);

  port::Env& env_;
  port::Logger log_;
  Dht& dht_;
  std::string path_;
  bool failed_ = false;
  Instant records_at_{};
  /// The file of what is provided can't be added to.
  bool rewrite_ = true;
  std::uint64_t end_ = 0;
  std::uint64_t rewritten_bytes_ = 0;
  port::TaskGroup tasks_;
};

}  // namespace kith::dht
