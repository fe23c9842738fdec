#include <kith/api/detail/gateway_content.hpp>

namespace kith::api::gateway {

Task<void> MemoryContent::seek(ByteRange range) {
  rest_ =
      bytes_.slice(static_cast<std::size_t>(range.offset), static_cast<std::size_t>(range.length));
  co_return Result<void>{};
}

Task<Buffer> MemoryContent::next() {
  co_return std::exchange(rest_, {});
}

Task<void> FileContent::seek(ByteRange range) {
  reader_.reset();
  unixfs::FileRange part{range.offset, range.length};
  KITH_CO_TRY(unixfs::FileReader reader,
              co_await unixfs::FileReader::open(source_, root_, part, parts_max_));
  reader_.emplace(std::move(reader));
  co_return Result<void>{};
}

Task<Buffer> FileContent::next() {
  co_return co_await reader_->next();
}

}  // namespace kith::api::gateway
