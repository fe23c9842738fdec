// Noise over a stream: the handshake's session, and the SecureStream that it gives.
// Specification: libp2p/specs noise/README.md. What it means is in noise_handshake.hpp and
// noise_transport.hpp; this file moves the bytes.
//
// Received messages are decrypted where they were read and handed out as slices of that memory,
// whose size follows what comes: 2 KiB for a connection that is mostly silent, a whole message of
// 64 KiB for a busy one. Sending copies once, into the buffer in which it encrypts, and hands up to
// 256 KiB at a time to the stream below.
//
// The end of the stream below inside a message is Errc::end_of_stream. It is not authenticated: who
// must know that all has come needs a goodbye of its own, as yamux has one. Loop thread only.
#pragma once

#include <memory>
#include <string>

#include <kith/net/security/noise_handshake.hpp>
#include <kith/net/security/noise_transport.hpp>
#include <kith/net/security/secure_stream.hpp>
#include <kith/port/stream.hpp>

namespace kith::net {

class NoiseStream final : public SecureStream {
 public:
  /// `received`: what was read beyond the handshake.
  NoiseStream(port::StreamPtr inner, NoiseOutcome outcome, Buffer received,
              std::uint64_t handshake_bytes_received, std::uint64_t handshake_bytes_sent);

  const PeerIdentity& remote() const noexcept override { return remote_; }
  std::string_view protocol() const noexcept override { return noise_protocol; }
  const std::string& muxer() const noexcept override { return muxer_; }

  Task<std::size_t> read_some(MutableBytes into, Instant deadline = never) override;
  /// At most one message at a time.
  Task<Buffer> read_buffer(std::size_t size_max, Instant deadline = never) override;
  Task<void> write(ByteView bytes, Instant deadline = never) override;
  Task<void> write_all(std::span<const ByteView> pieces, Instant deadline = never) override;
  Task<void> close_write(Instant deadline = never) override {
    return inner_->close_write(deadline);
  }
  void reset() noexcept override { inner_->reset(); }

  Result<void> queue(ByteView bytes) override { return sealer_.add(bytes); }
  std::size_t queued_bytes() const noexcept override { return sealer_.pending_bytes(); }
  Task<void> flush(Instant deadline = never) override;
  void unread(Buffer bytes) override;
  std::uint64_t wire_bytes_received() const noexcept override { return bytes_received_; }
  std::uint64_t wire_bytes_sent() const noexcept override { return bytes_sent_; }

 private:
  Task<bool> fill(Instant deadline);
  void make_room(std::size_t message_bytes);

  port::StreamPtr inner_;
  PeerIdentity remote_;
  std::string muxer_;
  NoiseSealer sealer_;
  NoiseOpener opener_;
  std::optional<Error> failure_;  ///< of the receiving side, for good

  Buffer plain_;  ///< decrypted, not handed out yet
  Buffer slab_;   ///< [start_, end_) of it was read and isn't decrypted
  std::size_t start_ = 0;
  std::size_t end_ = 0;
  std::size_t read_bytes_ = noise_read_bytes_min;
  std::uint64_t bytes_received_;
  std::uint64_t bytes_sent_;
};

/// Runs the handshake over `stream`. `received`: what was read from it already. The stream dies
/// with a handshake that fails: NoiseError, Errc::end_of_stream, timed_out.
Task<std::unique_ptr<NoiseStream>> noise_handshake(port::StreamPtr stream, NoiseConfig config,
                                                   Buffer received, Instant deadline);

}  // namespace kith::net
