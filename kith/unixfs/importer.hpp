// Importing files: bytes in, blocks out, root returned.
//
//   source --read--> chunker --> groups of chunks --hashed on all workers--> tree --> sink
//
// The loop reads, cuts (rolling hashes run on a worker) and assembles in order; leaves are made on
// the workers, many at a time. Data that is read and not yet taken by the sink is at most about
// import_bytes_in_flight_max, whatever the file's size; a slow sink slows reading down. Leaving a
// task cancelled ends its jobs first. Loop thread. Errors: those of source and sink, UnixfsError.
#pragma once

#include <cstdint>
#include <functional>

#include <kith/ipld/block.hpp>
#include <kith/port/env.hpp>
#include <kith/port/stream.hpp>
#include <kith/unixfs/node.hpp>
#include <kith/unixfs/options.hpp>

namespace kith::unixfs {

/// Where a file's bytes come from, once and in order.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// At least one byte and at most `size_max`, or nothing at the end.
  virtual Task<Buffer> read(std::size_t size_max) = 0;
};

/// A stream to its end.
class StreamSource final : public ByteSource {
 public:
  explicit StreamSource(port::Stream& stream) noexcept : stream_(stream) {}
  Task<Buffer> read(std::size_t size_max) override;

 private:
  port::Stream& stream_;
};

/// A file from its start, read by a worker.
class FileSource final : public ByteSource {
 public:
  FileSource(port::File& file, port::WorkPool& pool) noexcept : file_(file), pool_(pool) {}
  Task<Buffer> read(std::size_t size_max) override;

 private:
  port::File& file_;
  port::WorkPool& pool_;
  std::uint64_t offset_ = 0;
};

/// Bytes that are here.
class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(Buffer content) noexcept : content_(std::move(content)) {}
  Task<Buffer> read(std::size_t size_max) override;

 private:
  Buffer content_;
};

struct ImportedFile {
  multiformats::Cid cid;
  std::uint64_t size = 0;
  std::uint64_t cumulative_size = 0;
};

/// Told how many bytes of the file are in blocks that the sink has; never less than before.
using ImportProgress = std::function<void(std::uint64_t bytes)>;

/// Imports one file. Without a sink it only computes the root. Blocks are handed to the sink
/// children first, so that the root is last; they are durable after sink->flush(), which is the
/// caller's. A file whose root would be a raw leaf gets a dag-pb root if it has metadata.
Task<ImportedFile> import_file(port::Env& env, ipld::BlockSink* sink, ImportOptions options,
                               ByteSource& source, Metadata metadata = {},
                               ImportProgress progress = {});

}  // namespace kith::unixfs
