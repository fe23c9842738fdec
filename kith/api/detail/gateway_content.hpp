// Content: bytes of known number that an answer has, whole or by ranges.
#pragma once

#include <cstdint>
#include <optional>

#include <kith/api/detail/gateway_request.hpp>
#include <kith/base/buffer.hpp>
#include <kith/ipld/block.hpp>
#include <kith/unixfs/reader.hpp>

namespace kith::api::gateway {

class Content {
 public:
  virtual ~Content() = default;
  virtual std::uint64_t size() const noexcept = 0;
  /// What next() gives from here on. The range lies inside of the content.
  virtual Task<void> seek(ByteRange range) = 0;
  /// The next bytes; empty at the range's end.
  virtual Task<Buffer> next() = 0;
};

class MemoryContent final : public Content {
 public:
  explicit MemoryContent(Buffer bytes) noexcept : bytes_(std::move(bytes)) {}
  std::uint64_t size() const noexcept override { return bytes_.size(); }
  Task<void> seek(ByteRange range) override;
  Task<Buffer> next() override;

 private:
  Buffer bytes_;
  Buffer rest_;
};

/// A UnixFS file of which the root block has been looked at.
class FileContent final : public Content {
 public:
  /// The source outlives this.
  FileContent(ipld::BlockSource& source, multiformats::Cid root, std::uint64_t size,
              std::size_t parts_max) noexcept
      : source_(source), root_(std::move(root)), size_(size), parts_max_(parts_max) {}
  std::uint64_t size() const noexcept override { return size_; }
  Task<void> seek(ByteRange range) override;
  Task<Buffer> next() override;

 private:
  ipld::BlockSource& source_;
  multiformats::Cid root_;
  std::uint64_t size_;
  std::size_t parts_max_;
  std::optional<unixfs::FileReader> reader_;
};

}  // namespace kith::api::gateway
