// PackFiles: the pack files of one store as files: a bounded set of them kept open, reading and
// scanning records. It knows nothing of the index. Thread: any.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>

#include <kith/base/buffer.hpp>
#include <kith/port/file_system.hpp>
#include <kith/store/format.hpp>

namespace kith::store::detail {

struct ScanOutcome {
  std::uint64_t end = 0;            ///< behind the last good record, or where the scan began
  std::uint64_t skipped_bytes = 0;  ///< in which no good record was found, up to `end`
};

/// Is given each good record's place, header and data; false ends the scan. `after_gap` is true
/// once bytes had to be skipped: what is found then might be the inside of another record's data.
using RecordVisitor = std::function<Result<bool>(std::uint64_t offset, const RecordHeader& header,
                                                 ByteView record, bool after_gap)>;

/// Visits the good records of [from, to) of a pack file; skips what isn't one.
Result<ScanOutcome> scan_records(port::File& file, std::uint64_t from, std::uint64_t to,
                                 const RecordVisitor& visit);

class PackFiles {
 public:
  /// `root` is the store's folder.
  PackFiles(port::FileSystem& files, std::string root, std::size_t open_max);

  std::string path(PackId pack) const { return root_ + "/" + pack_name(pack); }
  std::string folder() const { return root_ + "/packs"; }

  /// The pack, open for reading.
  Result<std::shared_ptr<port::File>> open(PackId pack);
  /// Forgets an open file, before the pack is removed or made anew.
  void forget(PackId pack);

  /// Reads a whole record, checks that it is `key`'s and that its checksums are right, and returns
  /// its data. Errc::corrupt, with the file's name, if not.
  Result<Buffer> read_record(const PackExtent& extent, const Multihash& key);
  /// Reads a part of a record's data, unchecked. The range must lie inside.
  Result<Buffer> read_range(const PackExtent& extent, const Multihash& key, std::uint32_t offset,
                            std::uint32_t size);

 private:
  struct Open {
    PackId pack;
    std::shared_ptr<port::File> file;
  };

  port::FileSystem& files_;
  std::string root_;
  std::size_t open_max_;
  std::mutex mutex_;
  std::list<Open> open_;  // most recently used first
};

}  // namespace kith::store::detail
