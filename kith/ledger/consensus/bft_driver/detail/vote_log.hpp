// VoteLog: the write-ahead log of a validator (consensus/bft/journal.hpp) in a folder of its own,
// and whether one may vote with what is found there.
//
//   lock        held while this object lives: one process votes
//   votes.log   frames of records, of one epoch
//   epoch       "epoch N\n": no vote was cast in an epoch beyond N. Written when the log of N is
//               durable, and before the first vote
//
// So of epoch e one may vote
//
//   with the log of e                                     and goes on where it ends
//   with the log of an earlier epoch, or none, while      no vote of e was ever cast here
//     `epoch` says an earlier one
//   with neither log nor `epoch`, on a chain that has     it is new
//     no final block
//
// and otherwise follows, until an epoch begins of which no vote can have been cast: a log that is
// gone, or older than `epoch`, may have held votes. A log that is damaged before its end stays as
// it is until a person has looked at it, and so does the log of an epoch that the chain hasn't
// reached: the chain has lost blocks.
//
// What a write or a sync leaves behind that failed is in doubt, so the next one replaces the whole
// file. Loop thread; its file calls are the workers'.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <kith/ledger/consensus/bft/journal.hpp>
#include <kith/port/env.hpp>

namespace kith::ledger::detail {

/// Of replacing that file, stopped halfway (port::replace_file). On a worker; nobody may be at it.
void remove_leftovers(port::FileSystem& files, const std::string& path);

class VoteLog {
 public:
  /// Makes the folder when it is used. The Env outlives it.
  VoteLog(port::Env& env, std::string folder);

  struct Begun {
    bool may_vote = false;
    std::string why_not;  ///< for a person
    std::vector<bft::Record> records;
  };
  /// Whether one may vote in that epoch, and what was logged of it. `is_new`: the chain has no
  /// final block but its genesis.
  Task<Begun> begin(bft::Epoch epoch, bool is_new);

  /// For the next sync(); with `replaces_all` instead of all that there is.
  void append(bft::Record record, bool replaces_all);
  /// All that was appended is durable when this returns. After an error nothing is lost: it may be
  /// tried again.
  Task<void> sync();

  std::string path() const { return folder_ + "/votes.log"; }

 private:
  struct Found;

  std::string marker_path() const { return folder_ + "/epoch"; }
  Result<Found> look();
  Begun judge(bft::Epoch epoch, bool is_new, Found found);
  Task<void> write_pending();
  Result<void> write(ByteView bytes, bool whole);
  Result<void> write_marker(bft::Epoch epoch);

  port::Env& env_;
  std::string folder_;
  std::unique_ptr<port::FileLock> lock_;
  std::unique_ptr<port::File> file_;  ///< open for appending; null: to be opened
  bft::Epoch epoch_ = 0;              ///< that began
  bft::Epoch newest_logged_ = 0;      ///< that one, or of the log that was found
  std::optional<bft::Epoch> marker_;
  Bytes content_;  ///< of the file, as far as it is durable
  std::vector<bft::Record> pending_;
  bool replace_ = false;   ///< by what is pending alone
  bool in_doubt_ = false;  ///< the file may hold more, or less, than content_
};

}  // namespace kith::ledger::detail
