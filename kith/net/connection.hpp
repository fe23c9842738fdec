// Connection: a secured, multiplexed link to one peer whose identity has been proven. The seam of
// the network: Noise and yamux over TCP, QUIC, memory and the simulated connection all implement
// it.
//
// Whoever makes a Connection owns it and awaits run() in a task of its own; streams open and come
// in only while run() goes on. Afterwards every stream that is still held by someone answers
// Errc::reset or Errc::closed, and may be destroyed before or after the Connection itself. Loop
// thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include <kith/base/budget.hpp>
#include <kith/base/time.hpp>
#include <kith/crypto/keys.hpp>
#include <kith/multiformats/multiaddr.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/port/stream.hpp>

namespace kith::net {

enum class Direction : std::uint8_t { inbound, outbound };

/// Counters of one connection since it was made; bytes are those of the wire, below encryption.
struct ConnectionStats {
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_sent = 0;
  std::size_t streams_inbound = 0;   ///< open now
  std::size_t streams_outbound = 0;  ///< open now
  Duration round_trip{0};            ///< smoothed, 0 until measured
  Instant opened_at{};
};

/// A stream of a connection, before a protocol has been agreed on. Its reset() reaches the other
/// side.
class MuxedStream : public port::Stream {
 public:
  virtual Direction direction() const noexcept = 0;
  /// Bytes that it keeps in memory: what it has received and nobody has read yet.
  virtual std::size_t buffered_bytes() const noexcept = 0;
  /// Counts its memory in this budget too, from now on until the stream has ended. Once; the budget
  /// lives as long as the connection. False if there is no room: then the stream must be given up.
  virtual bool charge_to(Budget& budget) noexcept = 0;
};

class Connection {
 public:
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual ~Connection() = default;

  /// Moves bytes until the connection has ended, and returns why: Errc::closed after a clean end on
  /// either side, else the fault. If the calling task is cancelled it closes at once. Called
  /// exactly once.
  virtual Task<void> run() = 0;

  /// Errc::limit_exceeded when the peer or we allow no more, Errc::closed once it ends.
  virtual Task<std::unique_ptr<MuxedStream>> open_stream(Instant deadline) = 0;

  /// The next stream that the peer opens. Errc::closed once it ends.
  virtual Task<std::unique_ptr<MuxedStream>> accept_stream() = 0;

  /// Says goodbye, lets what is queued go out for at most a second, and ends run(). Idempotent.
  virtual void close() noexcept = 0;

  /// No stream can be opened any more: close() was called, the peer has said goodbye, or it ended.
  /// Streams that are open may go on for a while.
  virtual bool closing() const noexcept = 0;
  virtual Direction direction() const noexcept = 0;
  /// It leads through a relay that carries little, and not for long: streams are opened on it only
  /// by who says that they will do (StreamOptions, swarm.hpp).
  virtual bool limited() const noexcept { return false; }
  virtual const multiformats::PeerId& local_peer() const noexcept = 0;
  virtual const multiformats::PeerId& remote_peer() const noexcept = 0;
  virtual const crypto::PublicKey& remote_key() const noexcept = 0;
  /// Without /p2p part.
  virtual const multiformats::Multiaddr& local_address() const noexcept = 0;
  virtual const multiformats::Multiaddr& remote_address() const noexcept = 0;
  /// "/noise", "/yamux/1.0.0": what was agreed on, for people.
  virtual std::string_view security() const noexcept = 0;
  virtual std::string_view muxer() const noexcept = 0;
  virtual ConnectionStats stats() const noexcept = 0;
};

}  // namespace kith::net
