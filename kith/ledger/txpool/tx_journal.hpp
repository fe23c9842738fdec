// TxJournal: the local transactions on disk, so that they outlive a restart. Peers' ones come
// again.
//
//   file     records, one behind the other; it only grows until it is written anew (rotate)
//   record   RLP list of the transaction's encoding and the first four bytes of its Keccak-256
//
// A transaction counts once sync() has returned. What a crash leaves behind that isn't whole is cut
// off when the file is opened; a damaged record in its middle is passed over. Writing anew replaces
// the file at once: after a crash it is the old one or the new one.
//
// Transactions are given back as they were sent: who signed them has to be found again, and they
// may have been included meanwhile. Thread: calls block, so they are for workers; one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <kith/base/result.hpp>
#include <kith/ledger/txpool/pool_rules.hpp>
#include <kith/port/file_system.hpp>

namespace kith::ledger {

struct JournalContent {
  std::vector<Transaction> transactions;
  /// Where the last whole record ends.
  std::size_t good_bytes = 0;
  /// Records before that, which are damaged.
  std::size_t damaged = 0;
};
/// Never fails: what can't be read is passed over. One transaction may be there several times.
JournalContent decode_journal(ByteView file);

class TxJournal {
 public:
  /// Opens the file, or makes it and its folder. Errc::limit_exceeded if it is larger than
  /// `bytes_max`: then it isn't ours.
  static Result<std::unique_ptr<TxJournal>> open(port::FileSystem& files, std::string path,
                                                 std::size_t bytes_max = journal_bytes_max);

  /// What was in the file when it was opened; once.
  JournalContent take_loaded() { return std::move(loaded_); }

  /// Errc::limit_exceeded if the file would become too large: it is to be written anew.
  Result<void> append(const Transaction& transaction);
  /// All that was appended survives a crash when this returns.
  Result<void> sync();

  /// Whether most of it may be old, or a failure has left it in doubt.
  bool wants_rotation() const noexcept;
  /// The journal has these transactions alone from now on, durably. After an error it has these or
  /// what it had, and goes on.
  Result<void> rotate(std::span<const PoolTransactionPointer> transactions);

  std::uint64_t bytes() const noexcept { return end_; }

 private:
  TxJournal(port::FileSystem& files, std::string path, std::size_t bytes_max)
      : files_(files), path_(std::move(path)), bytes_max_(bytes_max) {}
  /// Opens the file, reads it, and cuts off what isn't whole.
  Result<JournalContent> recover();

  port::FileSystem& files_;
  std::string path_;
  std::size_t bytes_max_;
  /// Null after a failure that could not be made good.
  std::unique_ptr<port::File> file_;
  JournalContent loaded_;
  std::uint64_t end_ = 0;
  std::uint64_t rotated_bytes_ = 0;
  bool in_doubt_ = false;
  bool name_in_doubt_ = false;
};

}  // namespace kith::ledger
