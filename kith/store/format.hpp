// The store's bytes on disk: pack files and the values of the index. Pure functions; every decoder
// takes any bytes and checks all of them.
//
// A store is a folder:
//
//   lock                 held while a process has the store open
//   packs/00000001.pack  pack files: blocks' bytes, appended, never changed in place
//   index/               the key-value store (port::KeyValue)
//
// A pack file is a header and then records, without gaps unless a write failed or was torn; whoever
// scans looks for the next good record then. Numbers are little-endian.
//
//   pack header, 32 bytes                      record
//   0   8  "kithpack"                          0   4  "kBlk"
//   8   4  version, 1                          4   4  CRC-32C of bytes 8 .. 20 + k
//   12  4  the pack's number                   8   1  kind: 1, a block
//   16 12  zero                                9   1  k, bytes of the key
//   28  4  CRC-32C of bytes 0 .. 28            10  2  zero
//                                              12  4  n, bytes of data, at most 2 MiB
//                                              16  4  CRC-32C of the data
//                                              20  k  key: the block's multihash
//                                              20+k n data
//
// The index has these namespaces ("varint" is base/varint.hpp's; keys are big-endian so that they
// sort):
//
//   blocks     multihash -> extent           CIDs of either version and any codec share bytes
//                0x01 varint pack  varint offset of the record  varint bytes of data
//                0x02 varint file  varint offset in the file    varint bytes of data
//   packs      u32 pack -> 0x01, flags (1: being removed), varint end, varint live blocks,
//                varint live bytes of data, varint live bytes of records
//                `end` is the durable end: what stands behind it was never acknowledged
//   files      u64 file -> 0x01, u64 size, i64 mtime in ns, u64 device, u64 inode,
//                varint live blocks, path (the rest)          one of the user's own files
//   file_ids   sha2-256 of the path -> u64 file               its newest stamp
//   state      "state" -> 0x01, varint next file, varint blocks in files, varint bytes in files
//
// Room for more: a torrent's pieces and roots become namespaces of their own whose values are lists
// of ranges of the blocks above, or further kinds of extent; kinds of record and extent that this
// version doesn't know are refused, not guessed.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <variant>

#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/base/time.hpp>
#include <kith/multiformats/multihash.hpp>
#include <kith/port/file_system.hpp>
#include <kith/store/limits.hpp>

namespace kith::store {

enum class FormatError {
  truncated = 1,  ///< the bytes end inside it
  bad_magic,      ///< no record or pack starts here
  bad_checksum,
  unknown_kind,  ///< a kind or version of a later program
  bad_value,     ///< a field has a value that is never written
};
const ErrorDomain& error_domain(FormatError) noexcept;

template <class T>
using Parsed = std::expected<T, FormatError>;

using PackId = std::uint32_t;
using FileId = std::uint64_t;
using multiformats::Multihash;

/// The path of a pack below the store's folder, "packs/00000001.pack".
std::string pack_name(PackId pack);
/// The number in a name like "00000001.pack"; nothing if it is no pack's name.
std::optional<PackId> parse_pack_name(std::string_view name) noexcept;

Bytes encode_pack_header(PackId pack);
Parsed<PackId> decode_pack_header(ByteView bytes) noexcept;

/// Appends a record's header and key for `data`, which is written after it.
void append_record_header(Bytes& out, const Multihash& key, ByteView data);

constexpr std::uint64_t record_bytes(std::size_t key_bytes, std::uint64_t data_bytes) noexcept {
  return record_header_bytes + key_bytes + data_bytes;
}

/// A record's header and key, read and checked; its data isn't.
struct RecordHeader {
  Multihash key;
  std::uint32_t data_bytes = 0;
  std::uint32_t data_checksum = 0;
  /// Where the data starts, from the record's start.
  std::size_t data_offset = 0;
  std::uint64_t total_bytes() const noexcept { return data_offset + data_bytes; }
};
/// Reads the header and key at the start of `bytes`; what follows isn't looked at.
Parsed<RecordHeader> decode_record_header(ByteView bytes);
/// Reads the whole record at the start of `bytes` and checks its data's checksum.
Parsed<RecordHeader> decode_record(ByteView bytes);

/// Where a block's bytes are.
struct PackExtent {
  PackId pack = 0;
  std::uint64_t offset = 0;  ///< of the record, from the start of the pack file
  std::uint32_t bytes = 0;   ///< of data
  friend bool operator==(const PackExtent&, const PackExtent&) = default;
};
struct FileExtent {
  FileId file = 0;
  std::uint64_t offset = 0;
  std::uint32_t bytes = 0;
  friend bool operator==(const FileExtent&, const FileExtent&) = default;
};
using Extent = std::variant<PackExtent, FileExtent>;

std::uint32_t extent_bytes(const Extent& extent) noexcept;
Bytes encode_extent(const Extent& extent);
Parsed<Extent> decode_extent(ByteView bytes) noexcept;

/// A row of the table of packs.
struct PackInfo {
  std::uint64_t end = pack_header_bytes;
  std::uint64_t live_blocks = 0;
  std::uint64_t live_data_bytes = 0;
  std::uint64_t live_record_bytes = 0;
  bool removing = false;

  std::uint64_t dead_bytes() const noexcept { return end - pack_header_bytes - live_record_bytes; }
  friend bool operator==(const PackInfo&, const PackInfo&) = default;
};
Bytes encode_pack_info(const PackInfo& info);
Parsed<PackInfo> decode_pack_info(ByteView bytes) noexcept;

/// What tells whether a user's file is still the one that was added.
struct FileStamp {
  std::uint64_t size_bytes = 0;
  std::int64_t modified_ns = 0;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;

  static FileStamp of(const port::FileInfo& info) noexcept;
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

/// One of the user's own files.
struct FileRow {
  FileStamp stamp;
  std::uint64_t live_blocks = 0;
  std::string path;
  friend bool operator==(const FileRow&, const FileRow&) = default;
};
Bytes encode_file_row(const FileRow& row);
Parsed<FileRow> decode_file_row(ByteView bytes);

struct StateRow {
  FileId next_file = 1;
  std::uint64_t file_blocks = 0;
  std::uint64_t file_bytes = 0;
  friend bool operator==(const StateRow&, const StateRow&) = default;
};
Bytes encode_state(const StateRow& state);
Parsed<StateRow> decode_state(ByteView bytes) noexcept;

template <std::unsigned_integral T>
Bytes number_key(T number) {
  Bytes key(sizeof(T));
  store_be(key.data(), number);
  return key;
}
template <std::unsigned_integral T>
Parsed<T> decode_number_key(ByteView bytes) noexcept {
  if (bytes.size() != sizeof(T)) return std::unexpected(FormatError::bad_value);
  return load_be<T>(bytes.data());
}

}  // namespace kith::store
