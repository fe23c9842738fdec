#include <algorithm>
#include <cstring>

#include <kith/crypto/tls/libp2p_certificate.hpp>
#include <kith/net/security/limits.hpp>
#include <kith/net/security/tls_stream.hpp>

namespace kith::net {
namespace {

constexpr std::size_t header_bytes = 5;

/// Bytes of the record at the front of `in`, its header included; 0 if the header isn't there yet.
std::size_t record_bytes(ByteView in) noexcept {
  if (in.size() < header_bytes) return 0;
  // Past what a record may have, the header alone is enough for the engine to refuse it.
  const std::size_t body = load_be<std::uint16_t>(in.data() + 3);
  return header_bytes + (body <= tls_record_body_bytes_max ? body : 0);
}

/// Bytes of all records at the front of `in` that are whole.
std::size_t whole_records_bytes(ByteView in) noexcept {
  std::size_t whole = 0;
  for (;;) {
    const ByteView rest = in.subspan(whole);
    const std::size_t next = record_bytes(rest);
    if (next == 0 || next > rest.size()) return whole;
    whole += next;
  }
}

/// Judges the peer's chain and keeps whom it proves.
crypto::TlsVerifier identity_verifier(const TlsHandshakeConfig& config,
                                      std::optional<PeerIdentity>& proven) {
  return [&proven, expected = config.expected_peer,
          now = config.now](std::span<const ByteView> chain) -> Result<void> {
    KITH_TRY(crypto::PublicKey key, crypto::verify_libp2p_chain(chain, now));
    const auto peer = multiformats::PeerId::from_public_key(key);
    if (expected && *expected != peer) return std::unexpected(TlsPeerError::unexpected_peer);
    proven = PeerIdentity{std::move(key), peer};
    return {};
  };
}

}  // namespace

TlsStream::TlsStream(port::StreamPtr inner, crypto::TlsEngine engine, PeerIdentity remote,
                     ByteView received, std::uint64_t handshake_bytes_received,
                     std::uint64_t handshake_bytes_sent)
    : inner_(std::move(inner)),
      engine_(std::move(engine)),
      remote_(std::move(remote)),
      read_bytes_(tls_read_bytes_min),
      bytes_received_(handshake_bytes_received),
      bytes_sent_(handshake_bytes_sent) {
  if (engine_.protocol() != tls_alpn_libp2p) muxer_ = engine_.protocol();
  if (received.empty()) return;
  slab_ = Buffer::copy_of(received);
  end_ = slab_.size();
}

/// Sees to it that the slab has room behind what was read: for the rest of the record that is on
/// its way, and for as much as a read should ask for.
void TlsStream::make_room(std::size_t record) {
  const std::size_t kept = end_ - start_;
  const std::size_t needed = std::max(record, kept + read_bytes_ / 2);
  if (start_ + needed <= slab_.size() && slab_.size() > end_) return;
  const std::size_t wanted = std::max(record, kept + read_bytes_);
  if (wanted <= slab_.size()) {
    std::memmove(slab_.mutable_bytes().data(), slab_.data() + start_, kept);
  } else {
    Buffer fresh = Buffer::allocate(wanted);
    if (kept != 0) std::memcpy(fresh.mutable_bytes().data(), slab_.data() + start_, kept);
    slab_ = std::move(fresh);
  }
  start_ = 0;
  end_ = kept;
}

/// Reads once. False at the end of the stream.
Task<bool> TlsStream::fill(Instant deadline) {
  make_room(std::max(record_bytes(held()), header_bytes));
  const MutableBytes room = slab_.mutable_bytes().subspan(end_);
  KITH_CO_TRY(const std::size_t size, co_await inner_->read_some(room, deadline));
  end_ += size;
  bytes_received_ += size;
  if (size == room.size()) {
    read_bytes_ = std::min(2 * read_bytes_, tls_read_bytes_max);
  } else if (size < read_bytes_ / 4) {
    read_bytes_ = std::max(read_bytes_ / 4, tls_read_bytes_min);
  }
  co_return size != 0;
}

/// Decrypts what is held up to here, which is at least one record.
void TlsStream::decrypt(std::size_t whole_bytes) {
  ByteView in = held().first(whole_bytes);
  Buffer plain = Buffer::allocate(whole_bytes);  // more than it decrypts to
  auto size = engine_.read(in, plain.mutable_bytes());
  failure_ = engine_.failure();
  if (!size) return;
  plain.truncate(*size);
  if (!plain.empty()) plain_ = std::move(plain).compacted();
  start_ += whole_bytes;
  if (start_ == end_) {
    // A silent connection keeps no memory.
    slab_ = Buffer();
    start_ = end_ = 0;
  }
}

Task<Buffer> TlsStream::read_buffer(std::size_t size_max, Instant deadline) {
  while (plain_.empty()) {
    if (failure_) co_return std::unexpected(*failure_);
    if (engine_.ended()) co_return Buffer();
    const std::size_t whole = whole_records_bytes(held());
    if (whole != 0) {
      decrypt(whole);
      continue;
    }
    KITH_CO_TRY(const bool more, co_await fill(deadline));
    if (more) continue;
    if (end_ == start_) co_return Buffer();
    failure_ = Errc::end_of_stream;
  }
  if (plain_.size() <= size_max) co_return std::exchange(plain_, Buffer());
  Buffer part = plain_.slice(0, size_max);
  plain_.remove_prefix(size_max);
  co_return part;
}

Task<std::size_t> TlsStream::read_some(MutableBytes into, Instant deadline) {
  KITH_CO_TRY(Buffer part, co_await read_buffer(into.size(), deadline));
  std::memcpy(into.data(), part.data(), part.size());
  co_return part.size();
}

void TlsStream::unread(Buffer bytes) {
  if (bytes.empty()) return;
  if (plain_.empty()) {
    plain_ = std::move(bytes);
    return;
  }
  Bytes joined = to_bytes(bytes);
  append(joined, plain_);
  plain_ = Buffer::adopt(std::move(joined));
}

Task<void> TlsStream::flush(Instant deadline) {
  Bytes batch = engine_.take_output();
  if (batch.empty()) co_return Result<void>{};
  KITH_CO_CHECK(co_await inner_->write(batch, deadline));
  bytes_sent_ += batch.size();
  engine_.recycle(std::move(batch));
  co_return Result<void>{};
}

Task<void> TlsStream::write(ByteView bytes, Instant deadline) {
  const ByteView pieces[] = {bytes};
  const std::span<const ByteView> all = pieces;
  co_return co_await write_all(all, deadline);
}

Task<void> TlsStream::write_all(std::span<const ByteView> pieces, Instant deadline) {
  for (ByteView piece : pieces) {
    while (!piece.empty()) {
      const std::size_t part = std::min(piece.size(), tls_batch_bytes);
      KITH_CO_CHECK(queue(piece.first(part)));
      piece = piece.subspan(part);
      if (queued_bytes() >= tls_batch_bytes) KITH_CO_CHECK(co_await flush(deadline));
    }
  }
  co_return co_await flush(deadline);
}

Task<void> TlsStream::close_write(Instant deadline) {
  engine_.close();
  KITH_CO_CHECK(co_await flush(deadline));
  co_return co_await inner_->close_write(deadline);
}

Task<std::unique_ptr<TlsStream>> tls_handshake(port::StreamPtr stream, TlsHandshakeConfig config,
                                               Buffer received, Instant deadline) {
  std::optional<PeerIdentity> proven;
  crypto::TlsSession session{.verifier = identity_verifier(config, proven)};
  KITH_CO_TRY(crypto::TlsEngine engine,
              crypto::TlsEngine::start(std::move(config.context), std::move(session)));
  std::uint64_t bytes_received = received.size();
  std::uint64_t bytes_sent = 0;
  ByteView rest = received;
  for (;;) {
    auto advanced = engine.advance(rest);
    const Bytes output = engine.take_output();
    Result<void> written;
    if (!output.empty()) written = co_await stream->write(output, deadline);
    bytes_sent += output.size();
    // That the alert couldn't be sent matters to nobody.
    if (!advanced) co_return std::unexpected(advanced.error());
    if (!written) co_return std::unexpected(written.error());
    if (engine.finished()) break;
    KITH_CO_TRY(received, co_await stream->read_buffer(tls_read_bytes_min, deadline));
    if (received.empty()) co_return std::unexpected(Errc::end_of_stream);
    bytes_received += received.size();
    rest = received;
  }
  if (!proven) co_return std::unexpected(crypto::TlsError::no_certificate);
  co_return std::make_unique<TlsStream>(std::move(stream), std::move(engine), *std::move(proven),
                                        rest, bytes_received, bytes_sent);
}

}  // namespace kith::net
