// SecureStream: a stream whose bytes nobody can read or change on their way, between two peers who
// have proven who they are. What a muxer runs on; Noise and TLS implement it. Loop thread only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <kith/crypto/keys.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/port/stream.hpp>

namespace kith::net {

/// What the handshake found out about the peer.
struct PeerIdentity {
  crypto::PublicKey key;
  multiformats::PeerId peer;
};

class SecureStream : public port::Stream {
 public:
  virtual const PeerIdentity& remote() const noexcept = 0;
  /// "/noise" or "/tls/1.0.0".
  virtual std::string_view protocol() const noexcept = 0;
  /// Agreed on during the handshake; empty if it is still to be negotiated.
  virtual const std::string& muxer() const noexcept = 0;

  /// Encrypts `bytes` behind what was queued before, without waiting; they aren't referred to
  /// afterwards. Together with flush() this is write(), cut where a muxer wants it cut.
  virtual Result<void> queue(ByteView bytes) = 0;
  /// Bytes that wait for flush(), on the wire's side.
  virtual std::size_t queued_bytes() const noexcept = 0;
  /// Writes what was queued. What is queued meanwhile waits for the next flush.
  virtual Task<void> flush(Instant deadline = never) = 0;

  /// Gives what was received already back to the reader: the next read returns it first.
  virtual void unread(Buffer bytes) = 0;

  /// Of the stream below, since the handshake began.
  virtual std::uint64_t wire_bytes_received() const noexcept = 0;
  virtual std::uint64_t wire_bytes_sent() const noexcept = 0;
};

}  // namespace kith::net
