// The write-ahead log of a validator: what it must not forget, so that it never votes twice.
//
//   frame     length of the content (4, big-endian), first four bytes of its SHA-256, content
//   content   RLP, a list of records
//   record    [1, vote]           one of our own, logged before it is sent
//             [2, certificate]    of a view that isn't final, or the newest finalization
//             [3, epoch, set's hash, genesis' payload, [vote, ...], [certificate, ...]]
//                                 a snapshot: all that the records before it still mean
//
// The storage is the caller's. All records since the last sync are one frame, and a frame is synced
// before the next is written: so that nothing but the last one can be torn. A log begins with a
// snapshot; a snapshot that replaces all is written as a new file which takes the old one's place
// in one step (write, sync, rename, sync the folder).
//
// A crash may leave the last frame in any state: it is cut off, since nothing that it says was
// acted on. A bad frame before a good one is another thing: votes that were sent are lost, and
// BftError::corrupt keeps the validator from voting until its operator knows why. Who has lost its
// log follows without a signer until the next epoch. Pure. Thread: any.
#pragma once

#include <span>
#include <variant>
#include <vector>

#include <kith/ledger/consensus/bft/message.hpp>

namespace kith::ledger::bft {

struct Snapshot {
  Epoch epoch = 0;
  Hash set;      ///< ValidatorSet::hash()
  Hash genesis;  ///< what the epoch's first proposals build on
  std::vector<Vote> votes;
  std::vector<CertificatePtr> certificates;

  friend bool operator==(const Snapshot& a, const Snapshot& b);
};

using Record = std::variant<Vote, CertificatePtr, Snapshot>;

/// As the log has them: in one frame, so that all or none of them are there after a crash.
Bytes encode_frame(std::span<const Record> records);

struct JournalContents {
  std::vector<Record> records;
  /// Where the last whole frame ends: the caller cuts the file there before it appends.
  std::size_t whole_bytes = 0;
};
/// All records of the whole frames. BftError::corrupt if a frame is damaged and the one behind it
/// isn't, or if something else than records is in a whole one.
Decoded<JournalContents> decode_journal(ByteView input);

/// How many bytes the record takes in a frame, to within a few: for the decision when to prune.
std::size_t record_bytes(const Record& record) noexcept;

}  // namespace kith::ledger::bft
