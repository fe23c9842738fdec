// One QUIC connection: ngtcp2's, with the streams that we hold of it.
//
// receive() takes datagrams and the time, produce() gives datagrams, deadline() says when
// on_deadline() wants to be called, settle() is called after some of these, next_touched() says
// which streams something has happened to. No socket, clock or logger inside; ids and randomness
// come from its QuicHost. Streams, their owners and their errors are as yamux's (muxers/yamux.hpp):
// what is different is told here.
//
//   handshaking -> open -> ended
//
// It ends by close(), by the peer's goodbye, or by a fault; then outcome() says why, and what is
// left to be sent is one goodbye, which goodbye() keeps for a peer that hasn't heard it.
//
// Memory. What is received is copied once and counts in the stream's window, which begins at
// quic_stream_window_bytes and doubles whenever it was used up within four round trips, as the
// budget allows; growth is reserved beforehand, and the connection's window is its initial one and
// what its streams have grown by. It opens again as data comes in order, whoever reads it. What
// came out of order waits inside ngtcp2, within the same windows. What is written is copied,
// counted, and kept until the peer has acknowledged it. A stream that finds no memory left is
// reset.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include <kith/base/budget.hpp>
#include <kith/base/buffer.hpp>
#include <kith/base/result.hpp>
#include <kith/base/time.hpp>
#include <kith/net/transports/quic/detail/quic_queue.hpp>
#include <kith/net/transports/quic/detail/quic_tls.hpp>
#include <kith/net/transports/transport.hpp>
#include <kith/port/net.hpp>

struct ngtcp2_conn;

namespace kith::net::detail {

struct QuicId {
  std::array<std::uint8_t, quic_id_bytes_max> bytes{};
  std::uint8_t size = 0;

  /// At most quic_id_bytes_max (asserted).
  static QuicId of(ByteView from) noexcept;
  ByteView view() const noexcept { return {bytes.data(), size}; }
  auto operator<=>(const QuicId&) const = default;
};
using QuicResetToken = std::array<std::uint8_t, 16>;

/// What a session asks of the endpoint that it belongs to.
class QuicHost {
 public:
  virtual void fill_random(MutableBytes out) = 0;
  /// One more id that datagrams for the session may carry, with the token that resets it.
  virtual QuicId issue_id(QuicResetToken& token) = 0;
  virtual void retire_id(const QuicId& id) = 0;
  /// A datagram that ends in this token ends the session.
  virtual void learn_reset_token(const QuicResetToken& token) = 0;
  virtual void forget_reset_token(const QuicResetToken& token) = 0;

 protected:
  ~QuicHost() = default;
};

/// The first packet of somebody who wants to connect.
struct QuicInitial {
  std::uint32_t version = 0;
  QuicId destination;
  QuicId source;
  QuicId original_destination;  ///< before a Retry, else the same as `destination`
  Bytes token{};                ///< of a Retry; empty without
};

struct QuicSessionOptions {
  Direction direction = Direction::inbound;
  port::Endpoint local{};
  port::Endpoint remote{};
  std::optional<multiformats::PeerId> expected_peer{};
  ConnectionTerms terms{};
  QuicInitial initial{};  ///< inbound
};

/// Where produce() puts datagrams: several connections' in a row may use it.
struct QuicOutput {
  std::vector<std::uint8_t> memory = std::vector<std::uint8_t>(quic_batch_bytes);
  std::vector<port::OutgoingDatagrams> datagrams{};
};

using QuicStreamId = std::int64_t;

class QuicSession {
 public:
  /// QuicError::tls_failed, handshake_failed. The host outlives it.
  static Result<std::unique_ptr<QuicSession>> make(std::shared_ptr<const QuicTls> tls,
                                                   QuicHost& host, QuicSessionOptions options,
                                                   Instant now);
  ~QuicSession();
  QuicSession(const QuicSession&) = delete;
  QuicSession& operator=(const QuicSession&) = delete;

  // The wire.

  void receive(const port::Endpoint& from, ByteView datagram, port::Ecn ecn, Instant now);
  /// Puts at most quic_batch_bytes in place of what is in `into`. True if there may be more.
  bool produce(QuicOutput& into, Instant now);
  /// Something that was written could be sent now, but for windows and pace.
  bool has_ready() const noexcept { return !ready_.empty(); }
  bool wants_output() const noexcept { return wants_output_; }
  Instant deadline() const noexcept;
  void on_deadline(Instant now);
  /// Does what follows from what came.
  void settle(Instant now);
  /// The peer has forgotten the connection.
  void on_reset() noexcept;

  /// Says goodbye, if there was anything to end. Idempotent.
  void close(Instant now) noexcept;
  bool established() const noexcept { return established_; }
  const std::optional<Error>& outcome() const noexcept { return outcome_; }
  /// Nothing is on its way to the peer or waits to be.
  bool idle() const noexcept;
  /// The datagram that ended it; empty if none did.
  const Bytes& goodbye() const noexcept { return goodbye_; }

  const std::optional<crypto::PublicKey>& remote_key() const noexcept { return remote_key_; }
  const multiformats::PeerId& remote_peer() const noexcept { return remote_peer_; }
  port::Endpoint remote_endpoint() const noexcept;
  Duration round_trip() const noexcept;
  std::uint64_t bytes_received() const noexcept { return bytes_received_; }
  std::uint64_t bytes_sent() const noexcept { return bytes_sent_; }

  // Streams: as Yamux.

  struct Touched {
    QuicStreamId id;
    void* owner;
    bool readable;
    bool writable;
  };
  std::optional<Touched> next_touched() noexcept;
  bool can_open() const noexcept;
  Result<QuicStreamId> open(void* owner, Instant now);
  bool can_accept() const noexcept { return !to_accept_.empty(); }
  std::optional<QuicStreamId> accept(void* owner);
  std::size_t buffered_bytes(QuicStreamId id) const noexcept;
  std::size_t read(QuicStreamId id, MutableBytes into, Instant now);
  Buffer read_buffer(QuicStreamId id, std::size_t size_max, Instant now);
  std::optional<Result<void>> read_end(QuicStreamId id) const noexcept;
  Result<void> write(QuicStreamId id, std::span<const ByteView> pieces);
  bool writing(QuicStreamId id) const noexcept;
  void cancel_write(QuicStreamId id) noexcept;
  bool write_torn(QuicStreamId id) const noexcept;
  std::optional<Error> write_error(QuicStreamId id) const noexcept;
  void close_write(QuicStreamId id) noexcept;
  bool charge_to(QuicStreamId id, Budget& budget) noexcept;
  void reset(QuicStreamId id) noexcept;
  void release(QuicStreamId id, Instant now) noexcept;
  QuicReceiveQueue take_received(QuicStreamId id) noexcept;
  template <class Use>
  void for_each_owner(Use use) {
    for (auto& [id, stream] : streams_) {
      if (stream->owner != nullptr) use(id, stream->owner);
    }
  }
  std::size_t streams_inbound() const noexcept { return inbound_; }
  std::size_t streams_outbound() const noexcept { return streams_.size() - inbound_; }
  std::uint64_t memory_bytes() const noexcept { return memory_.used(); }

  // For TLS.

  /// The peer's chain, DER. False refuses it.
  bool on_certificates(std::span<const ByteView> chain) noexcept;

 private:
  struct Callbacks;
  struct Connection;  ///< what needs ngtcp2's headers
  struct Stream {
    explicit Stream(QuicStreamId number, bool from_peer) noexcept
        : id(number), inbound(from_peer) {}
    QuicStreamId id;
    bool inbound;
    bool accepted = false;  ///< or opened by us
    bool gone = false;      ///< ngtcp2 has no more to do with it
    void* owner = nullptr;
    bool readable = false;  ///< to be told by next_touched
    bool writable = false;
    bool touched = false;

    QuicReceiveQueue received;
    bool end_received = false;
    bool stopped = false;  ///< the peer was told to send no more
    std::optional<Error> read_error;
    std::uint64_t window = quic_stream_window_bytes;  ///< what we want it to be
    std::uint64_t credit = quic_stream_window_bytes;  ///< what the peer may still send
    Instant epoch{};                                  ///< when credit was last given
    std::uint64_t charged = 0;
    Budget* also_charged = nullptr;

    QuicSendQueue outgoing;
    bool end_wanted = false;
    bool end_sent = false;
    bool ready = false;    ///< among those that have something to send
    bool blocked = false;  ///< by the peer's window
    std::optional<Error> write_error;
    std::span<const ByteView> writing;
    std::size_t written = 0;  ///< of the first piece
    bool writing_now = false;
    bool write_torn = false;

    bool lingers = false;
    std::uint64_t dropped = 0;  ///< while it lingers
  };

  QuicSession(std::shared_ptr<const QuicTls> tls, QuicHost& host, QuicSessionOptions options,
              Instant now);
  Result<void> start(Instant now);

  Stream* find(QuicStreamId id) const noexcept;
  Stream& owned(QuicStreamId id) const noexcept;
  void end(Error why) noexcept;
  void fail(int code, Instant now) noexcept;
  void write_goodbye(Instant now) noexcept;
  Error peers_reason() const;

  std::ptrdiff_t write_packet(MutableBytes into, port::Endpoint& to, port::Ecn& ecn, Instant now);
  Stream* next_ready() noexcept;
  void sent(Stream& stream, std::size_t size, bool with_end) noexcept;

  Stream* make_stream(QuicStreamId id, bool inbound, Instant now);
  void on_data(QuicStreamId id, ByteView data, bool last);
  void on_stream_reset(QuicStreamId id) noexcept;
  void on_stream_closed(QuicStreamId id, bool with_error) noexcept;
  void on_acknowledged(QuicStreamId id, std::uint64_t offset) noexcept;

  void touch(Stream& stream, bool readable, bool writable) noexcept;
  void make_ready(Stream& stream) noexcept;
  void fill(Stream& stream) noexcept;
  void give_credit(std::uint64_t consumed) noexcept;
  void shrink(Stream& stream) noexcept;
  void after_read(Stream& stream, Instant now);
  bool recharge(Stream& stream) noexcept;
  bool charge(Stream& stream, std::uint64_t amount) noexcept;
  void discharge(Stream& stream, std::uint64_t amount) noexcept;
  void end_reading(Stream& stream, Error why) noexcept;
  void end_writing(Stream& stream, Error why) noexcept;
  void reset_stream(Stream& stream, Error why) noexcept;
  void stop_stream(Stream& stream, Error why) noexcept;
  void find_stopped_writers() noexcept;
  void refresh_statistics() noexcept;
  void erase_if_done(Stream& stream) noexcept;

  std::shared_ptr<const QuicTls> tls_;
  QuicHost& host_;
  QuicSessionOptions options_;
  Budget memory_;
  std::unique_ptr<Connection> connection_;
  QuicTlsSession tls_session_;  ///< null once the handshake is confirmed
  bool tls_done_ = false;
  bool established_ = false;
  bool wants_output_ = false;
  std::optional<Error> outcome_;
  std::optional<Error> certificate_fault_;
  std::optional<crypto::PublicKey> remote_key_;
  multiformats::PeerId remote_peer_;
  Bytes goodbye_;
  Instant time_{};  ///< of the call that is under way
  std::uint64_t bytes_received_ = 0;
  std::uint64_t bytes_sent_ = 0;

  std::unordered_map<QuicStreamId, std::unique_ptr<Stream>> streams_;
  std::size_t inbound_ = 0;
  std::vector<QuicStreamId> to_accept_;
  std::vector<QuicStreamId> touched_;
  std::deque<QuicStreamId> ready_;  ///< have something to send
  std::vector<QuicStreamId> to_reset_;
  std::vector<QuicStreamId> writers_;  ///< whose write waits for room
  struct Lingering {
    Instant until;
    QuicStreamId id;
    std::size_t outgoing_bytes;  ///< not acknowledged when it was put here
  };
  void end_lingering(const Lingering& lingering, Instant now) noexcept;
  std::deque<Lingering> lingering_;  ///< by time

  std::uint64_t growth_ = 0;       ///< of all streams' windows
  std::uint64_t outstanding_ = 0;  ///< credit that hasn't come back as data in order
  std::uint64_t given_ = 0;        ///< credit that the peer may not know of yet
  std::size_t send_bytes_max_ = quic_send_bytes;
  std::size_t outgoing_bytes_ = 0;  ///< of all streams
  Duration round_trip_{0};
  std::uint64_t in_flight_ = 0;
  std::size_t burst_ = 0;  ///< sent since the last pause
};

}  // namespace kith::net::detail
