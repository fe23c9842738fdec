#include <algorithm>
#include <cstring>

#include <kith/port/prefixed_stream.hpp>

namespace kith::port {

Task<std::size_t> PrefixedStream::read_some(MutableBytes into, Instant deadline) {
  if (prefix_.empty()) return inner_->read_some(into, deadline);
  return read_prefix(into);
}

Task<Buffer> PrefixedStream::read_buffer(std::size_t size_max, Instant deadline) {
  if (prefix_.empty()) return inner_->read_buffer(size_max, deadline);
  return take_prefix(size_max);
}

Task<std::size_t> PrefixedStream::read_prefix(MutableBytes into) {
  const std::size_t size = std::min(into.size(), prefix_.size());
  std::memcpy(into.data(), prefix_.data(), size);
  prefix_.remove_prefix(size);
  if (prefix_.empty()) prefix_ = Buffer();
  co_return size;
}

Task<Buffer> PrefixedStream::take_prefix(std::size_t size_max) {
  if (prefix_.size() <= size_max) co_return std::exchange(prefix_, Buffer());
  Buffer part = prefix_.slice(0, size_max);
  prefix_.remove_prefix(size_max);
  co_return part;
}

}  // namespace kith::port
