// yamux: many streams over one connection.
// Specification: libp2p/specs yamux/README.md, and what go-yamux (libp2p/go-yamux) makes of it.
//
//   0       1       2               4                       8                       12
//   +-------+-------+---------------+-----------------------+-----------------------+
//   | 0     | type  | flags         | stream                | length                |
//   +-------+-------+---------------+-----------------------+-----------------------+
//   type   0 data: length bytes follow      1 window update: length more bytes may be sent
//          2 ping: length is echoed         3 go away: length is why (0 normal, 1 protocol error, 2
//          internal)
//   flags  1 SYN, 2 ACK (of a stream, of a ping)   4 FIN: no more from this side   8 RST
//
// A pure state machine: receive() takes bytes and the time, produce() gives bytes, next_touched()
// says which streams something has happened to, deadline() when on_deadline() wants to be called.
//
// Streams are entries that an owner (the session's stream object) holds from open() or accept() to
// release(). An entry whose owner has closed its writing side and left stays until the peer has
// ended its side too, for at most yamux_linger_time; an owner that leaves before resets the stream.
//
// Windows: a stream's receive window starts at 256 KiB and doubles whenever it was used up within
// four round trips, up to YamuxLimits::window_bytes_max and as far as the memory budget allows.
// What is received and unread counts in the window, so the window bounds what a peer can make us
// hold. Growth is reserved in the budget beforehand; within the first 256 KiB bytes count as they
// come, and a stream that finds no memory left is reset.
//
// What go-yamux tolerates is tolerated: stream ids out of order, frames of streams that aren't
// there (not yet, not any more), unknown flags, data after FIN. Wrong version or type, an id of the
// wrong parity, a SYN for a stream that is there, and data beyond the window end the connection:
// receive() returns the error and a go-away with code 1 is what is left to be sent.
//
// Data is sent round robin, a frame a stream. Thread: any, one at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include <kith/base/budget.hpp>
#include <kith/base/buffer.hpp>
#include <kith/base/bytes.hpp>
#include <kith/base/result.hpp>
#include <kith/base/time.hpp>
#include <kith/net/muxers/limits.hpp>
#include <kith/net/muxers/yamux_queue.hpp>

namespace kith::net {

inline constexpr std::string_view yamux_protocol = "/yamux/1.0.0";

enum class YamuxError {
  bad_version = 1,
  bad_type,
  bad_stream_id,          ///< a SYN with an id that is ours to give
  duplicate_stream,       ///< a SYN for a stream that is there
  window_overrun,         ///< data beyond the receive window
  flooded,                ///< yamux_resets_queued_max refused or reset streams, and none of it read
  remote_protocol_error,  ///< the peer went away and says that we broke the protocol
  remote_internal_error,  ///< the peer went away because of a fault of its own
  keep_alive_timeout,     ///< nothing came for too long after a ping
  no_more_streams,        ///< all 2^31 ids have been used
};
const ErrorDomain& error_domain(YamuxError) noexcept;

using YamuxStreamId = std::uint32_t;

enum class YamuxGoAway : std::uint32_t { normal = 0, protocol_error = 1, internal_error = 2 };

/// Where produce() puts its bytes.
class YamuxSink {
 public:
  virtual void put(ByteView bytes) = 0;

 protected:
  ~YamuxSink() = default;
};

class Yamux {
 public:
  enum class Role : std::uint8_t { client, server };

  /// `memory`, if given, is the parent of this connection's budget and outlives it.
  Yamux(Role role, YamuxLimits limits, Budget* memory, Instant now);
  ~Yamux();
  Yamux(const Yamux&) = delete;
  Yamux& operator=(const Yamux&) = delete;

  // The wire.

  /// Takes bytes of the peer. An error ends the connection: YamuxError.
  Result<void> receive(Buffer bytes, Instant now);
  /// True if produce() has something to give.
  bool wants_output() const noexcept;
  /// Puts whole frames into `sink`, at most `bytes_max` (at least a header) of them.
  void produce(std::size_t bytes_max, Instant now, YamuxSink& sink);
  Instant deadline() const noexcept;
  /// YamuxError::keep_alive_timeout ends the connection.
  Result<void> on_deadline(Instant now);

  /// Takes no new streams from now on, and tells the peer.
  void go_away(YamuxGoAway code) noexcept;
  /// The peer has said goodbye: no new streams, and the end may come at any time.
  bool remote_going_away() const noexcept { return remote_away_ && !failed_; }
  /// Inside of a frame the peer can't have ended the connection on purpose.
  bool inside_frame() const noexcept { return header_size_ != 0 || payload_left_ != 0; }

  // What happened to streams that have an owner.

  struct Touched {
    YamuxStreamId id;
    void* owner;
    bool readable;  ///< data, the end, or an error
    bool writable;  ///< the write was taken or has failed
  };
  std::optional<Touched> next_touched() noexcept;

  // Streams. An id that is passed in must be of an entry with an owner (asserted).

  bool can_open() const noexcept { return unacknowledged_ < yamux_ack_backlog_max; }
  /// Errc::closed once either side goes away, Errc::limit_exceeded if can_open() isn't true,
  /// YamuxError::no_more_streams. `owner` isn't null.
  Result<YamuxStreamId> open(void* owner, Instant now);
  bool can_accept() const noexcept { return !to_accept_.empty(); }
  /// The stream that waits longest, if any.
  std::optional<YamuxStreamId> accept(void* owner);

  std::size_t buffered_bytes(YamuxStreamId id) const noexcept;
  /// Copies out what has come; 0 if there is nothing (see read_end).
  std::size_t read(YamuxStreamId id, MutableBytes into, Instant now);
  /// The same, uncopied.
  Buffer read_buffer(YamuxStreamId id, std::size_t size_max, Instant now);
  /// What comes after the data: nothing if it is still to be waited for, a value at the end of the
  /// stream, else the error.
  std::optional<Result<void>> read_end(YamuxStreamId id) const noexcept;

  /// Offers bytes, which must stay until writing() is false. Not while writing() (asserted).
  /// Errc::closed after close_write, Errc::reset, limit_exceeded.
  Result<void> write(YamuxStreamId id, std::span<const ByteView> pieces);
  bool writing(YamuxStreamId id) const noexcept;
  /// Takes back what wasn't sent of the offered bytes, while writing() (asserted). Nobody knows how
  /// much that was, so the peer must not see an orderly end after it: nothing can be written any
  /// more, and an end that was asked for, or will be, becomes a reset. Reading goes on.
  void cancel_write(YamuxStreamId id) noexcept;
  /// True after cancel_write.
  bool write_torn(YamuxStreamId id) const noexcept { return owned(id).write_torn; }
  /// Why nothing can be written any more.
  std::optional<Error> write_error(YamuxStreamId id) const noexcept;
  void close_write(YamuxStreamId id) noexcept;

  /// Counts what the stream holds and has promised in `budget` too, until its entry is gone. Once a
  /// stream; `budget` outlives this. False if there is no room.
  bool charge_to(YamuxStreamId id, Budget& budget) noexcept;

  /// Ends both directions and tells the peer.
  void reset(YamuxStreamId id) noexcept;
  /// The owner leaves.
  void release(YamuxStreamId id, Instant now) noexcept;
  /// The data of a stream that the peer has ended, for an owner that outlives the connection.
  YamuxQueue take_received(YamuxStreamId id) noexcept;
  template <class Use>
  void for_each_owner(Use use) {
    for (auto& [id, stream] : streams_) {
      if (stream->owner != nullptr) use(id, stream->owner);
    }
  }

  std::size_t streams_inbound() const noexcept { return inbound_; }
  std::size_t streams_outbound() const noexcept { return streams_.size() - inbound_; }
  /// Smoothed; 0 until measured.
  Duration round_trip() const noexcept { return round_trip_; }
  std::uint64_t memory_bytes() const noexcept { return memory_.used(); }
  /// What the peer may have sent and not been read at most, now.
  std::uint32_t receive_window(YamuxStreamId id) const noexcept;

 private:
  struct Stream;
  struct Hook {
    Stream* previous = nullptr;
    Stream* next = nullptr;
    bool linked = false;
  };
  /// An intrusive list of streams; which of their hooks it uses is a member pointer.
  template <Hook Stream::* hook>
  struct List;
  struct Stream {
    explicit Stream(YamuxStreamId number) noexcept : id(number) {}
    YamuxStreamId id;
    bool inbound = false;
    bool accepted = false;      ///< or opened by us
    bool acknowledged = false;  ///< of an outbound one: the peer knows it
    bool syn_unsent = false;
    bool ack_unsent = false;
    bool fin_wanted = false;
    bool fin_sent = false;
    bool fin_received = false;
    bool readable = false;  ///< to be told by next_touched
    bool writable = false;
    void* owner = nullptr;
    std::optional<Error> ended;  ///< reset, by whom and for whatever reason

    YamuxQueue received;
    std::uint32_t window = yamux_window_bytes_initial;  ///< what we want it to be
    std::uint32_t credit = yamux_window_bytes_initial;  ///< what the peer may still send
    std::uint32_t credit_unsent = 0;                    ///< of that, what it doesn't know yet
    Instant epoch{};                                    ///< when credit was last given
    std::uint64_t charged = 0;
    Budget* also_charged = nullptr;

    std::uint32_t send_window = yamux_window_bytes_initial;
    std::span<const ByteView> writing;
    std::size_t written = 0;  ///< of the first piece
    bool writing_now = false;
    bool write_torn = false;  ///< a write was taken back, maybe in the middle

    Instant linger_until{};
    std::size_t dropped = 0;  ///< while it lingers

    Hook control;
    Hook ready;
    Hook touched;
    Hook lingering;
  };
  template <Hook Stream::* hook>
  struct List {
    Stream* first = nullptr;
    Stream* last = nullptr;
    bool empty() const noexcept { return first == nullptr; }
    void push(Stream& stream) noexcept {
      Hook& links = stream.*hook;
      if (links.linked) return;
      links = {last, nullptr, true};
      (last != nullptr ? (last->*hook).next : first) = &stream;
      last = &stream;
    }
    void remove(Stream& stream) noexcept {
      Hook& links = stream.*hook;
      if (!links.linked) return;
      (links.previous != nullptr ? (links.previous->*hook).next : first) = links.next;
      (links.next != nullptr ? (links.next->*hook).previous : last) = links.previous;
      links = {};
    }
    Stream* pop() noexcept {
      Stream* front = first;
      if (front != nullptr) remove(*front);
      return front;
    }
  };
  struct Header;
  struct Output;

  Stream* find(YamuxStreamId id) const noexcept;
  Stream& owned(YamuxStreamId id) const noexcept;
  Result<void> on_header(Instant now);
  Result<void> on_stream_frame(const Header& header, Instant now);
  Result<void> on_syn(const Header& header, Instant now);
  void on_payload(Stream& stream, Buffer bytes);
  void on_fin(Stream& stream);
  void on_ping(const Header& header, Instant now);
  Result<void> on_go_away(const Header& header);
  Result<void> fail(YamuxError error) noexcept;

  void put_session_frames(Output& out, Instant now);
  void put_go_away(Output& out);
  void put_control(Output& out, Stream& stream);
  void put_data(Output& out, Stream& stream);

  void touch(Stream& stream, bool readable, bool writable) noexcept;
  void want_control(Stream& stream) noexcept;
  void want_data(Stream& stream) noexcept;
  bool recharge(Stream& stream) noexcept;
  bool charge(Stream& stream, std::uint64_t amount) noexcept;
  void discharge(Stream& stream, std::uint64_t amount) noexcept;
  void after_read(Stream& stream, Instant now);
  void end(Stream& stream, Error why) noexcept;
  void reset_stream(Stream& stream, Error why) noexcept;
  void acknowledge(Stream& stream) noexcept;
  bool finished(const Stream& stream) const noexcept;
  void erase_if_done(Stream& stream) noexcept;
  void erase(Stream& stream) noexcept;

  Role role_;
  YamuxLimits limits_;
  Budget memory_;
  std::unordered_map<YamuxStreamId, std::unique_ptr<Stream>> streams_;
  std::deque<YamuxStreamId> to_accept_;
  std::size_t inbound_ = 0;
  std::size_t unacknowledged_ = 0;
  std::uint64_t next_id_;

  std::uint8_t header_[yamux_header_bytes];
  std::size_t header_size_ = 0;
  std::uint32_t payload_left_ = 0;
  YamuxStreamId payload_stream_ = 0;
  bool payload_fin_ = false;
  bool failed_ = false;

  List<&Stream::control> control_;  ///< have something other than data to send
  List<&Stream::ready> ready_;      ///< have data and window
  List<&Stream::touched> touched_;
  List<&Stream::lingering> lingering_;
  std::vector<YamuxStreamId> resets_;
  std::deque<std::uint32_t> pongs_;
  std::optional<YamuxGoAway> go_away_unsent_;
  bool local_away_ = false;
  bool remote_away_ = false;

  bool ping_wanted_ = true;
  bool ping_outstanding_ = false;
  std::uint32_t ping_id_ = 0;
  Instant ping_sent_{};
  Instant next_ping_;
  Instant last_received_;
  Duration round_trip_{0};
};

}  // namespace kith::net
