#include <algorithm>
#include <cstring>

#include <kith/net/security/noise_stream.hpp>

namespace kith::net {

NoiseStream::NoiseStream(port::StreamPtr inner, NoiseOutcome outcome, Buffer received,
                         std::uint64_t handshake_bytes_received, std::uint64_t handshake_bytes_sent)
    : inner_(std::move(inner)),
      remote_{std::move(outcome.remote_key), outcome.remote_peer},
      muxer_(std::move(outcome.muxer)),
      sealer_(outcome.keys.send),
      opener_(outcome.keys.receive),
      bytes_received_(handshake_bytes_received),
      bytes_sent_(handshake_bytes_sent) {
  if (!received.empty()) {
    // Decrypting writes, so the bytes must be nobody else's.
    slab_ = Buffer::copy_of(received);
    end_ = slab_.size();
  }
}

/// Sees to it that the slab has room behind what was read: for the rest of the message that is on
/// its way, and for as much as a read should ask for.
void NoiseStream::make_room(std::size_t message_bytes) {
  const std::size_t held = end_ - start_;
  const bool fits = message_bytes <= slab_.size() - start_;
  if (fits && slab_.size() - end_ >= std::min(read_bytes_ / 2, noise_read_bytes_min)) return;
  if (fits && message_bytes > held && slab_.size() > end_) return;  // just the rest of it
  if (slab_.unique() && message_bytes <= slab_.size() && read_bytes_ <= slab_.size()) {
    std::memmove(slab_.mutable_bytes().data(), slab_.data() + start_, held);
  } else {
    Buffer fresh = Buffer::allocate(std::max(message_bytes, std::max(read_bytes_, held)));
    if (held != 0) std::memcpy(fresh.mutable_bytes().data(), slab_.data() + start_, held);
    slab_ = std::move(fresh);
  }
  start_ = 0;
  end_ = held;
}

/// Reads once. False at the end of the stream.
Task<bool> NoiseStream::fill(Instant deadline) {
  const ByteView held = slab_.view().subspan(start_, end_ - start_);
  make_room(std::max(NoiseOpener::message_bytes(held), noise_length_bytes));
  const MutableBytes room = slab_.mutable_bytes().subspan(end_);
  KITH_CO_TRY(const std::size_t size, co_await inner_->read_some(room, deadline));
  end_ += size;
  bytes_received_ += size;
  if (size == room.size()) {
    read_bytes_ = std::min(2 * read_bytes_, noise_read_bytes_max);
  } else if (size < read_bytes_ / 4) {
    read_bytes_ = std::max(read_bytes_ / 4, noise_read_bytes_min);
  }
  co_return size != 0;
}

Task<Buffer> NoiseStream::read_buffer(std::size_t size_max, Instant deadline) {
  while (plain_.empty()) {
    if (failure_) co_return std::unexpected(*failure_);
    const std::size_t held = end_ - start_;
    const std::size_t whole = NoiseOpener::message_bytes(slab_.view().subspan(start_, held));
    if (whole == 0 || held < whole) {
      KITH_CO_TRY(const bool more, co_await fill(deadline));
      if (more) continue;
      if (end_ == start_) co_return Buffer();
      failure_ = Errc::end_of_stream;
      continue;
    }
    auto plain = opener_.open(slab_.mutable_bytes().subspan(start_, whole));
    if (!plain) {
      failure_ = plain.error();
      continue;
    }
    plain_ = slab_.slice(start_ + noise_length_bytes, plain->size());
    start_ += whole;
    if (start_ == end_) {
      // What is handed out keeps its memory; a silent connection keeps none.
      slab_ = Buffer();
      start_ = end_ = 0;
    }
  }
  if (plain_.size() <= size_max) co_return std::exchange(plain_, Buffer());
  Buffer part = plain_.slice(0, size_max);
  plain_.remove_prefix(size_max);
  co_return part;
}

Task<std::size_t> NoiseStream::read_some(MutableBytes into, Instant deadline) {
  KITH_CO_TRY(Buffer part, co_await read_buffer(into.size(), deadline));
  std::memcpy(into.data(), part.data(), part.size());
  co_return part.size();
}

void NoiseStream::unread(Buffer bytes) {
  if (bytes.empty()) return;
  if (plain_.empty()) {
    plain_ = std::move(bytes);
    return;
  }
  Bytes joined = to_bytes(bytes);
  append(joined, plain_);
  plain_ = Buffer::adopt(std::move(joined));
}

Task<void> NoiseStream::flush(Instant deadline) {
  KITH_CO_TRY(const Bytes batch, sealer_.take());
  if (batch.empty()) co_return Result<void>{};
  KITH_CO_CHECK(co_await inner_->write(batch, deadline));
  bytes_sent_ += batch.size();
  co_return Result<void>{};
}

Task<void> NoiseStream::write(ByteView bytes, Instant deadline) {
  const ByteView pieces[] = {bytes};
  const std::span<const ByteView> all = pieces;
  co_return co_await write_all(all, deadline);
}

Task<void> NoiseStream::write_all(std::span<const ByteView> pieces, Instant deadline) {
  for (ByteView piece : pieces) {
    while (!piece.empty()) {
      const std::size_t part = std::min(piece.size(), noise_batch_bytes);
      KITH_CO_CHECK(queue(piece.first(part)));
      piece = piece.subspan(part);
      if (queued_bytes() >= noise_batch_bytes) KITH_CO_CHECK(co_await flush(deadline));
    }
  }
  co_return co_await flush(deadline);
}

Task<std::unique_ptr<NoiseStream>> noise_handshake(port::StreamPtr stream, NoiseConfig config,
                                                   Buffer received, Instant deadline) {
  KITH_CO_TRY(NoiseHandshake handshake, NoiseHandshake::start(std::move(config)));
  std::uint64_t bytes_received = received.size();
  std::uint64_t bytes_sent = 0;
  for (;;) {
    const Bytes output = handshake.take_output();
    if (!output.empty()) KITH_CO_CHECK(co_await stream->write(output, deadline));
    bytes_sent += output.size();
    if (handshake.finished()) break;
    if (received.empty()) {
      KITH_CO_TRY(received, co_await stream->read_buffer(noise_read_bytes_min, deadline));
      if (received.empty()) co_return std::unexpected(Errc::end_of_stream);
      bytes_received += received.size();
    }
    KITH_CO_TRY(const std::size_t taken, handshake.feed(received));
    received.remove_prefix(taken);
  }
  co_return std::make_unique<NoiseStream>(std::move(stream), handshake.take_outcome(),
                                          std::move(received), bytes_received, bytes_sent);
}

}  // namespace kith::net
