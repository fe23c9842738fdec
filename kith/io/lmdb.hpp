// port::KeyValue on LMDB.
//
// How the promise of key_value.hpp is kept. LMDB runs in its safest mode only: each of its
// transactions ends with the data synced before the page that points to it is written and synced.
// MDB_NOSYNC would be quicker, but after a power cut that page may be on the medium without the
// data. Instead, unsynced batches wait in memory, where every later snapshot sees them, and go to
// the medium with the next synced batch, or together once they are many (limits.hpp), all in one
// transaction. So what a crash leaves is whole batches in their order, up to some point at or after
// the last synced one, on any file system; and an unsynced commit costs no system call. Closing the
// store writes out what waits.
//
// Invariants: one object has the folder at a time, in all processes (Errc::busy for others; a lock
// file). A snapshot is used by one thread at a time and dies before its store (asserted).
// Errors: Errc::limit_exceeded when the store is full or has too many snapshots, Errc::corrupt,
// Errc::invalid_argument for keys and namespaces that can't be, else errno errors. The store is
// unchanged after a commit that failed.
#pragma once

#include <kith/port/key_value.hpp>

namespace kith::io {

class LmdbFactory final : public port::KeyValueFactory {
 public:
  /// Makes the folder if it is missing. `size_bytes_max` is address space; the file grows as
  /// needed.
  Result<std::unique_ptr<port::KeyValue>> open(const std::string& path,
                                               const port::KeyValueOptions& options) override;
};

}  // namespace kith::io
