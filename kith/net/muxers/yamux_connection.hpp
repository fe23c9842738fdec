// YamuxConnection: a net::Connection of yamux over a SecureStream. The protocol is in yamux.hpp;
// here are the tasks that move its bytes and the stream objects.
//
// run() has three tasks: a reader, a writer, and itself, which watches the time. What streams write
// goes from their callers' memory into the secure stream's buffer, up to 192 KiB a batch; what the
// peer sends is handed out as slices of the memory that it was decrypted in.
//
// Streams and connection know each other and may die in either order: whichever dies first tells
// the other. When run() ends every stream that is left answers with the reason; only what the peer
// had sent and ended before can still be read.
//
// A stream that is destroyed while its writing side is open is reset. After close_write() it leaves
// quietly: data that still comes is dropped, and the peer isn't disturbed for up to 30 s (a peer
// that answers a message which its sender doesn't care for sees no reset). Loop thread only.
#pragma once

#include <memory>

#include <kith/base/budget.hpp>
#include <kith/net/connection.hpp>
#include <kith/net/muxers/yamux.hpp>
#include <kith/net/security/secure_stream.hpp>
#include <kith/port/env.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>

namespace kith::net {

/// What a connection is told about itself.
struct ConnectionFacts {
  Direction direction = Direction::inbound;
  multiformats::PeerId local_peer{};
  /// Both without /p2p part.
  multiformats::Multiaddr local_address{};
  multiformats::Multiaddr remote_address{};
  bool limited = false;
};

class YamuxStream;

class YamuxConnection final : public Connection {
 public:
  /// `memory`, if given, outlives the connection.
  YamuxConnection(port::Env& env, std::unique_ptr<SecureStream> secure, ConnectionFacts facts,
                  YamuxLimits limits, Budget* memory);
  ~YamuxConnection() override;

  Task<void> run() override;
  Task<std::unique_ptr<MuxedStream>> open_stream(Instant deadline) override;
  Task<std::unique_ptr<MuxedStream>> accept_stream() override;
  void close() noexcept override;
  bool closing() const noexcept override {
    return phase_ != Phase::open || core_.remote_going_away();
  }

  Direction direction() const noexcept override { return facts_.direction; }
  bool limited() const noexcept override { return facts_.limited; }
  const multiformats::PeerId& local_peer() const noexcept override { return facts_.local_peer; }
  const multiformats::PeerId& remote_peer() const noexcept override {
    return secure_->remote().peer;
  }
  const crypto::PublicKey& remote_key() const noexcept override { return secure_->remote().key; }
  const multiformats::Multiaddr& local_address() const noexcept override {
    return facts_.local_address;
  }
  const multiformats::Multiaddr& remote_address() const noexcept override {
    return facts_.remote_address;
  }
  std::string_view security() const noexcept override { return secure_->protocol(); }
  std::string_view muxer() const noexcept override { return yamux_protocol; }
  ConnectionStats stats() const noexcept override;

 private:
  friend class YamuxStream;

  /// open -> closing (goodbye said, the rest goes out, the peer's end is awaited) -> ended; a fault
  /// goes to failing (the peer is told why) -> ended.
  enum class Phase : std::uint8_t { open, closing, failing, ended };

  Task<void> read_loop();
  Task<void> write_loop();
  Task<void> watch();
  void leave(Phase phase, std::optional<Error> why) noexcept;
  void ended(Error why) noexcept;
  void detach_streams() noexcept;
  /// Wakes whom the core's last step concerns.
  void after_step();

  port::Env& env_;
  std::unique_ptr<SecureStream> secure_;
  ConnectionFacts facts_;
  Yamux core_;
  Instant opened_at_;
  Phase phase_ = Phase::open;
  bool goodbye_sent_ = false;
  bool peer_ended_ = false;
  Instant give_up_at_ = never;
  std::optional<Error> outcome_;
  std::optional<Error> write_failure_;
  std::size_t callers_ = 0;  ///< inside open_stream and accept_stream

  port::Event output_;   ///< the writer has something to do
  port::Event changed_;  ///< the phase, or something of it
  port::Event openable_;
  port::Event acceptable_;
  port::Event callers_left_;
};

/// Whoever holds it calls it from one reading and one writing task at a time (a second one gets
/// Errc::busy and changes nothing), and destroys it when no task is inside.
class YamuxStream final : public MuxedStream {
 public:
  YamuxStream(YamuxConnection& connection, Direction direction);
  ~YamuxStream() override;

  Task<std::size_t> read_some(MutableBytes into, Instant deadline = never) override;
  Task<Buffer> read_buffer(std::size_t size_max, Instant deadline = never) override;
  Task<void> write(ByteView bytes, Instant deadline = never) override;
  Task<void> write_all(std::span<const ByteView> pieces, Instant deadline = never) override;
  Task<void> close_write(Instant deadline = never) override;
  void reset() noexcept override;
  Direction direction() const noexcept override { return direction_; }
  std::size_t buffered_bytes() const noexcept override;
  bool charge_to(Budget& budget) noexcept override;

 private:
  friend class YamuxConnection;
  Task<bool> await_readable(Instant deadline);
  void detach(YamuxQueue received, bool whole, Error why) noexcept;

  YamuxConnection* connection_;  ///< null once it has ended
  YamuxStreamId id_ = 0;
  Direction direction_;
  bool write_closed_ = false;
  bool reading_ = false;  ///< a task is inside a read
  bool writing_ = false;
  // After the connection's end.
  YamuxQueue received_;
  bool whole_ = false;  ///< the peer had ended it: after received_ comes the end
  Error why_ = Errc::closed;
  port::Event readable_;
  port::Event writable_;
};

}  // namespace kith::net
