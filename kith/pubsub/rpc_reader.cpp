#include <algorithm>
#include <cstring>

#include <kith/base/varint.hpp>
#include <kith/pubsub/rpc_reader.hpp>

namespace kith::pubsub {
namespace {
constexpr std::size_t read_bytes = 16 * 1024;
}  // namespace

Task<void> RpcReader::fill(Instant deadline) {
  KITH_CO_TRY(held_, co_await stream_.read_buffer(read_bytes, deadline));
  if (held_.empty()) co_return std::unexpected(Errc::end_of_stream);
  co_return Result<void>{};
}

Task<std::size_t> RpcReader::read_length() {
  std::uint8_t prefix[varint_bytes_max];
  std::size_t size = 0;
  for (;;) {
    if (held_.empty()) {
      const Instant deadline = size == 0 ? never : room_.freed.clock().now() + rpc_timeout;
      Result<void> filled = co_await fill(deadline);
      if (!filled && size == 0 && filled.error().is(Errc::end_of_stream))
        co_return std::unexpected(Errc::closed);
      KITH_CO_CHECK(filled);
    }
    prefix[size++] = held_.view()[0];
    held_.remove_prefix(1);
    auto length = decode_varint(ByteView(prefix, size));
    if (length) {
      if (length->value > rpc_bytes_max) co_return std::unexpected(Errc::limit_exceeded);
      co_return static_cast<std::size_t>(length->value);
    }
    if (length.error() != VarintError::truncated) co_return std::unexpected(length.error());
  }
}

Task<Buffer> RpcReader::next() {
  KITH_CO_TRY(const std::size_t length, co_await read_length());
  if (length > held_.size()) co_return co_await read_parts(length);
  Buffer whole = held_.slice(0, length);
  held_.remove_prefix(length);
  co_return whole;
}

Task<void> RpcReader::hold(std::size_t bytes, Reservation& held) {
  for (;;) {
    auto its = room_.by_peer.find(peer_);
    const std::size_t has = its == room_.by_peer.end() ? 0 : its->second;
    if (has + bytes <= reading_bytes_per_peer_max) {
      if (auto taken = Reservation::take(room_.budget, bytes)) {
        held = *std::move(taken);
        room_.by_peer[peer_] = has + bytes;
        co_return Result<void>{};
      }
    }
    KITH_CO_CHECK(co_await room_.freed.wait());
  }
}

void RpcReader::let_go(Reservation& held) {
  if (const std::size_t bytes = held.amount(); bytes > 0) {
    auto its = room_.by_peer.find(peer_);
    its->second -= bytes;
    if (its->second == 0) room_.by_peer.erase(its);
  }
  held.release();
  room_.freed.notify_all();
}

Task<Buffer> RpcReader::read_parts(std::size_t length) {
  Instant deadline = room_.freed.clock().now() + rpc_timeout;
  Buffer rpc = Buffer::allocate(std::min(length, rpc_first_bytes));
  Reservation held;
  std::size_t have = 0;
  Result<void> outcome;
  while (outcome && have < length) {
    if (held_.empty()) outcome = co_await fill(deadline);
    if (outcome && have == rpc.size()) {
      // What is there already counts twice for a moment, and must not be waited for by itself.
      const std::size_t size = std::min(length, 2 * have);
      Reservation larger;
      let_go(held);
      const Instant asked = room_.freed.clock().now();
      outcome = co_await hold(size, larger);
      deadline += room_.freed.clock().now() - asked;
      if (!outcome) break;
      held = std::move(larger);
      Buffer grown = Buffer::allocate(size);
      std::memcpy(grown.mutable_bytes().data(), rpc.data(), have);
      rpc = std::move(grown);
    }
    const std::size_t part = std::min(held_.size(), rpc.size() - have);
    if (part == 0) continue;
    std::memcpy(rpc.mutable_bytes().data() + have, held_.data(), part);
    held_.remove_prefix(part);
    have += part;
  }
  let_go(held);
  if (!outcome) co_return std::unexpected(outcome.error());
  co_return rpc;
}

}  // namespace kith::pubsub
