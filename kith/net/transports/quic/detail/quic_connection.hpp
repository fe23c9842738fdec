// QuicConnection: a net::Connection of one QuicSession, and its streams.
//
// Datagrams come and go by its QuicEndpoint, whose loops call receive(), settle() and produce();
// here are the waits of those who use it. Streams and connection may die in either order, and
// behave as YamuxConnection's do, with these differences: a stream that was opened is told to the
// peer with its first bytes, and close() waits for what is queued to be acknowledged.
// Loop thread only.
#pragma once

#include <memory>
#include <set>

#include <kith/net/connection.hpp>
#include <kith/net/transports/quic/detail/quic_session.hpp>
#include <kith/port/env.hpp>
#include <kith/port/event.hpp>

namespace kith::net::detail {

class QuicEndpoint;
class QuicStream;

/// A place among those whose handshake hasn't ended.
class QuicHalfOpen {
 public:
  explicit QuicHalfOpen(std::size_t& count) noexcept : count_(count) { ++count_; }
  ~QuicHalfOpen() { --count_; }
  QuicHalfOpen(const QuicHalfOpen&) = delete;
  QuicHalfOpen& operator=(const QuicHalfOpen&) = delete;

 private:
  std::size_t& count_;
};

class QuicConnection final : public Connection, private QuicHost, private port::Timer {
 public:
  /// `half_open`, of an inbound one, is given back when its handshake has ended.
  static Result<std::unique_ptr<QuicConnection>> make(std::shared_ptr<QuicEndpoint> endpoint,
                                                      QuicSessionOptions options,
                                                      std::unique_ptr<QuicHalfOpen> half_open);
  ~QuicConnection() override;

  /// Returns when it is open; else the reason. Errc::timed_out, cancelled.
  Task<void> handshake(Instant deadline);

  Task<void> run() override;
  Task<std::unique_ptr<MuxedStream>> open_stream(Instant deadline) override;
  Task<std::unique_ptr<MuxedStream>> accept_stream() override;
  void close() noexcept override;
  bool closing() const noexcept override { return phase_ != Phase::open; }
  Direction direction() const noexcept override { return direction_; }
  const multiformats::PeerId& local_peer() const noexcept override { return local_peer_; }
  const multiformats::PeerId& remote_peer() const noexcept override {
    return session_->remote_peer();
  }
  const crypto::PublicKey& remote_key() const noexcept override { return *session_->remote_key(); }
  const multiformats::Multiaddr& local_address() const noexcept override { return local_address_; }
  const multiformats::Multiaddr& remote_address() const noexcept override {
    return remote_address_;
  }
  std::string_view security() const noexcept override;
  std::string_view muxer() const noexcept override;
  ConnectionStats stats() const noexcept override;

  // For the endpoint.

  void receive(const port::Endpoint& from, ByteView datagram, port::Ecn ecn, Instant now);
  /// After what was received at a time.
  void settle(Instant now);
  bool produce(QuicOutput& into, Instant now);
  void on_reset();
  /// A datagram of it couldn't be sent.
  void on_send_error(const Error& why);

  bool queued = false;   ///< among those who want to send
  bool touched = false;  ///< among those who have received

 private:
  friend class QuicStream;
  enum class Phase : std::uint8_t { open, closing, ended };

  QuicConnection(std::shared_ptr<QuicEndpoint> endpoint, const QuicSessionOptions& options,
                 std::unique_ptr<QuicHalfOpen> half_open);

  void fill_random(MutableBytes out) override;
  QuicId issue_id(QuicResetToken& token) override;
  void retire_id(const QuicId& id) override;
  void learn_reset_token(const QuicResetToken& token) override;
  void forget_reset_token(const QuicResetToken& token) override;
  void on_fire() override;

  Task<void> watch();
  void step();
  void rearm();
  void ended(Error why);
  void leave_endpoint();
  void detach_streams() noexcept;

  std::shared_ptr<QuicEndpoint> endpoint_;
  std::unique_ptr<QuicHalfOpen> half_open_;
  port::Env& env_;
  Direction direction_;
  multiformats::PeerId local_peer_;
  multiformats::Multiaddr local_address_;
  multiformats::Multiaddr remote_address_;
  Instant opened_at_;
  std::unique_ptr<QuicSession> session_;
  std::set<QuicId> ids_;
  std::set<QuicResetToken> reset_tokens_;
  bool at_endpoint_ = true;
  bool was_established_ = false;

  Phase phase_ = Phase::open;
  Instant give_up_at_ = never;
  std::optional<Error> outcome_;
  std::size_t callers_ = 0;  ///< inside open_stream and accept_stream

  port::Event changed_;
  port::Event openable_;
  port::Event acceptable_;
  port::Event callers_left_;
};

/// As YamuxStream.
class QuicStream final : public MuxedStream {
 public:
  QuicStream(QuicConnection& connection, Direction direction);
  ~QuicStream() override;

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
  friend class QuicConnection;
  Task<bool> await_readable(Instant deadline);
  void detach(QuicReceiveQueue received, bool whole, Error why) noexcept;
  QuicSession& session() noexcept { return *connection_->session_; }

  QuicConnection* connection_;  ///< null once it has ended
  QuicStreamId id_ = 0;
  Direction direction_;
  bool write_closed_ = false;
  bool reading_ = false;  ///< a task is inside a read
  bool writing_ = false;
  // After the connection's end.
  QuicReceiveQueue received_;
  bool whole_ = false;  ///< the peer had ended it: after received_ comes the end
  Error why_ = Errc::closed;
  port::Event readable_;
  port::Event writable_;
};

}  // namespace kith::net::detail
