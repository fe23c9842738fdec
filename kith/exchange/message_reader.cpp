#include <algorithm>
#include <cstring>

#include <kith/base/varint.hpp>
#include <kith/exchange/message_reader.hpp>

namespace kith::exchange {
namespace {

constexpr std::size_t read_bytes = 64 * 1024;
/// Wantlists stay below this; a message above it that comes in parts holds blocks.
constexpr std::size_t blocks_likely_bytes = 16 * 1024;

}  // namespace

Task<void> MessageReader::fill(Instant deadline) {
  KITH_CO_TRY(held_, co_await stream_.read_buffer(read_bytes, deadline));
  if (held_.empty()) co_return std::unexpected(Errc::end_of_stream);
  co_return Result<void>{};
}

Task<std::size_t> MessageReader::read_length() {
  std::uint8_t prefix[varint_bytes_max];
  std::size_t size = 0;
  for (;;) {
    if (held_.empty()) {
      const Instant deadline = size == 0 ? never : clock_.now() + message_timeout;
      Result<void> filled = co_await fill(deadline);
      if (!filled && size == 0 && filled.error().is(Errc::end_of_stream)) {
        co_return std::unexpected(Errc::closed);
      }
      KITH_CO_CHECK(filled);
    }
    prefix[size++] = held_.view()[0];
    held_.remove_prefix(1);
    auto length = decode_varint(ByteView(prefix, size));
    if (length) {
      if (length->value > message_bytes_max) co_return std::unexpected(Errc::limit_exceeded);
      co_return static_cast<std::size_t>(length->value);
    }
    if (length.error() != VarintError::truncated) co_return std::unexpected(length.error());
  }
}

Task<Buffer> MessageReader::next() {
  static_cast<void>(hold_.resize(0));
  KITH_CO_TRY(const std::size_t length, co_await read_length());
  if (length <= held_.size()) {
    Buffer whole = held_.slice(0, length);
    held_.remove_prefix(length);
    co_return whole;
  }
  // As long as a sender of ours may take.
  const Instant end = clock_.now() + message_timeout + std::chrono::seconds(length / send_rate_min);
  Buffer message;
  std::size_t have = 0;
  while (have < length) {
    if (held_.empty()) {
      const Instant deadline = std::min(end, clock_.now() + message_timeout);
      KITH_CO_CHECK(co_await fill(deadline));
    }
    if (have == message.size()) {
      const std::size_t size = std::min(length, std::max(message_first_bytes, 2 * have));
      if (!hold_.resize(size)) co_return std::unexpected(Errc::limit_exceeded);
      Buffer larger = Buffer::allocate(size);
      if (have > 0) std::memcpy(larger.mutable_bytes().data(), message.data(), have);
      message = std::move(larger);
    }
    const std::size_t part = std::min(held_.size(), message.size() - have);
    std::memcpy(message.mutable_bytes().data() + have, held_.data(), part);
    held_.remove_prefix(part);
    have += part;
    if (length >= blocks_likely_bytes) on_bytes_(part);
  }
  co_return message;
}

}  // namespace kith::exchange
