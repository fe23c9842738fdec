// The blocks of a chain that stay, one after the other, and their receipts: in files that only
// grow.
//
//   blocks, receipts   records one behind the other: length (4, big-endian), the first four bytes
//   of the
//                      content's SHA-256, content
//   index              for each block where its two records begin (8 + 8, big-endian)
//
// A block counts once sync() has returned: then its records are on the medium, and after them the
// index. What a crash leaves behind that isn't whole is cut off when the files are opened. Blocks
// are taken away at the end alone, by going back. Numbers begin with the first block's, which is
// the chain's genesis.
//
// Thread: calls block, so they are for workers; reads are safe from several at once, the rest is of
// one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <kith/base/result.hpp>
#include <kith/port/file_system.hpp>

namespace kith::ledger {

/// A record's content at most: a block of 8 MiB, and the receipts of what it can log.
inline constexpr std::size_t record_bytes_max = 256 << 20;

/// Where settled blocks are.
class BlockLog {
 public:
  virtual ~BlockLog() = default;

  /// How many blocks there are, those that aren't synced among them.
  virtual std::uint64_t count() const = 0;

  /// The next block. Errc::limit_exceeded if a part is larger than record_bytes_max.
  virtual Result<void> append(ByteView block, ByteView receipts) = 0;
  /// All that was appended survives a crash when this returns.
  virtual Result<void> sync() = 0;
  /// Takes away all but the first `count`, durably.
  virtual Result<void> truncate(std::uint64_t count) = 0;

  /// Errc::not_found if there is no such block.
  virtual Result<Bytes> block(std::uint64_t number) const = 0;
  virtual Result<Bytes> receipts(std::uint64_t number) const = 0;
};

/// Of a chain that needn't outlive the process.
class MemoryBlocks final : public BlockLog {
 public:
  std::uint64_t count() const override;
  Result<void> append(ByteView block, ByteView receipts) override;
  Result<void> sync() override { return {}; }
  Result<void> truncate(std::uint64_t count) override;
  Result<Bytes> block(std::uint64_t number) const override;
  Result<Bytes> receipts(std::uint64_t number) const override;

 private:
  struct Entry {
    Bytes block;
    Bytes receipts;
  };
  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
};

class BlockFiles final : public BlockLog {
 public:
  /// Opens the files in that folder, or makes them and the folder.
  static Result<std::unique_ptr<BlockFiles>> open(port::FileSystem& files, std::string folder);

  std::uint64_t count() const override;
  Result<void> append(ByteView block, ByteView receipts) override;
  Result<void> sync() override;
  Result<void> truncate(std::uint64_t count) override;
  /// Errc::corrupt if it isn't what was written.
  Result<Bytes> block(std::uint64_t number) const override;
  Result<Bytes> receipts(std::uint64_t number) const override;

 private:
  struct Place {
    std::uint64_t block;
    std::uint64_t receipts;
  };

  BlockFiles() = default;
  /// As the index has it.
  Result<Place> place(std::uint64_t number) const;
  Result<Place> find(std::uint64_t number) const;
  Result<void> recover();
  Result<bool> is_whole(const Place& place) const;
  Result<void> cut_data(std::uint64_t count);

  std::unique_ptr<port::File> blocks_;
  std::unique_ptr<port::File> receipts_;
  std::unique_ptr<port::File> index_;
  mutable std::mutex mutex_;  ///< of what follows
  std::uint64_t indexed_ = 0;
  std::vector<Place> unsynced_;
  std::uint64_t blocks_end_ = 0;
  std::uint64_t receipts_end_ = 0;
};

}  // namespace kith::ledger
