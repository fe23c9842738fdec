#include <algorithm>

#include <kith/http/body.hpp>
#include <kith/http/error.hpp>

namespace kith::http {

Task<Buffer> MemoryBody::read_buffer(std::size_t size_max, Instant) {
  std::size_t size = std::min(size_max, rest_.size());
  Buffer part = rest_.slice(0, size);
  rest_.remove_prefix(size);
  co_return part;
}

Task<Bytes> read_all(BodyReader& body, std::size_t size_max, Instant deadline) {
  Bytes all;
  for (;;) {
    KITH_CO_TRY(Buffer part, co_await body.read_buffer(large_read_bytes, deadline));
    if (part.empty()) co_return all;
    if (part.size() > size_max - all.size()) co_return std::unexpected(HttpError::body_too_large);
    append(all, part);
  }
}

}  // namespace kith::http
