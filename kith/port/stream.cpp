#include <algorithm>
#include <cerrno>
#include <cstring>

#include <kith/base/varint.hpp>
#include <kith/port/stream.hpp>

namespace kith::port {

Task<Buffer> Stream::read_buffer(std::size_t size_max, Instant deadline) {
  Buffer buffer = Buffer::allocate(std::min<std::size_t>(size_max, 64 * 1024));
  KITH_CO_TRY(std::size_t size, co_await read_some(buffer.mutable_bytes(), deadline));
  buffer.truncate(size);
  co_return std::move(buffer).compacted();
}

Task<void> Stream::write_all(std::span<const ByteView> pieces, Instant deadline) {
  for (ByteView piece : pieces)
    KITH_CO_CHECK(co_await write(piece, deadline));
  co_return Result<void>{};
}

bool ended_by_peer(const Error& why) noexcept {
  return why.is(Errc::reset) || why.is(Errc::closed) || why.is(Errc::end_of_stream) ||
         why.is_errno(EPIPE) || why.is_errno(ECONNRESET);
}

Task<void> read_exactly(Stream& stream, MutableBytes into, Instant deadline) {
  while (!into.empty()) {
    KITH_CO_TRY(std::size_t size, co_await stream.read_some(into, deadline));
    if (size == 0) co_return std::unexpected(Errc::end_of_stream);
    into = into.subspan(size);
  }
  co_return Result<void>{};
}

Task<Bytes> read_to_end(Stream& stream, std::size_t size_max, Instant deadline) {
  Bytes all;
  for (;;) {
    KITH_CO_TRY(Buffer part, co_await stream.read_buffer(64 * 1024, deadline));
    if (part.empty()) co_return all;
    if (part.size() > size_max - all.size()) co_return std::unexpected(Errc::limit_exceeded);
    append(all, part);
  }
}

Task<bool> BufferedReader::fill(Instant deadline) {
  KITH_CO_TRY(Buffer more, co_await stream_.read_buffer(buffer_bytes_, deadline));
  bool got = !more.empty();
  held_ = std::move(more);
  co_return got;
}

Task<Buffer> BufferedReader::read_buffer(std::size_t size_max, Instant deadline) {
  if (held_.empty()) {
    KITH_CO_TRY(bool got, co_await fill(deadline));
    if (!got) co_return Buffer();
  }
  std::size_t size = std::min(size_max, held_.size());
  Buffer part = held_.slice(0, size);
  held_.remove_prefix(size);
  co_return part;
}

Task<void> BufferedReader::read_exactly(MutableBytes into, Instant deadline) {
  while (!into.empty()) {
    if (held_.empty()) {
      KITH_CO_TRY(bool got, co_await fill(deadline));
      if (!got) co_return std::unexpected(Errc::end_of_stream);
    }
    std::size_t size = std::min(into.size(), held_.size());
    std::memcpy(into.data(), held_.data(), size);
    held_.remove_prefix(size);
    into = into.subspan(size);
  }
  co_return Result<void>{};
}

Task<Buffer> BufferedReader::read_message(std::size_t message_bytes_max, Instant deadline) {
  std::uint8_t prefix[varint_bytes_max];
  std::size_t prefix_size = 0;
  std::uint64_t size = 0;
  for (;;) {
    if (held_.empty()) {
      KITH_CO_TRY(bool got, co_await fill(deadline));
      if (!got) co_return std::unexpected(prefix_size == 0 ? Errc::closed : Errc::end_of_stream);
    }
    prefix[prefix_size++] = held_.data()[0];
    held_.remove_prefix(1);
    auto number = decode_varint(ByteView(prefix, prefix_size));
    if (number) {
      size = number->value;
      break;
    }
    if (number.error() != VarintError::truncated) co_return std::unexpected(number.error());
  }
  if (size > message_bytes_max) co_return std::unexpected(Errc::limit_exceeded);
  if (size <= held_.size()) {
    Buffer message = held_.slice(0, size);
    held_.remove_prefix(size);
    co_return message;
  }
  // Memory follows what has arrived, not what the prefix claims.
  Bytes message;
  while (message.size() < size) {
    KITH_CO_TRY(Buffer part, co_await read_buffer(size - message.size(), deadline));
    if (part.empty()) co_return std::unexpected(Errc::end_of_stream);
    append(message, part);
  }
  co_return Buffer::adopt(std::move(message));
}

Task<void> write_message(Stream& stream, ByteView message, Instant deadline) {
  std::uint8_t prefix[varint_bytes_max];
  std::size_t prefix_size = write_varint(prefix, message.size());
  const ByteView pieces[] = {ByteView(prefix, prefix_size), message};
  std::span<const ByteView> all = pieces;
  co_return co_await stream.write_all(all, deadline);
}

}  // namespace kith::port
