// TCP: two pipes of bytes between two ends. A pipe holds what was written and waits for its turn,
// what is on the way in order of arrival, what has arrived and was not read, and the windows that
// the sender may fill.
#pragma once

#include <array>
#include <memory>
#include <optional>

#include <kith/port/event.hpp>
#include <kith/port/net.hpp>
#include <kith/sim/detail/congestion.hpp>
#include <kith/sim/detail/host.hpp>
#include <kith/sim/detail/queue.hpp>
#include <kith/sim/net.hpp>

namespace kith::sim {

class TcpConnection;

struct Segment {
  enum class Kind : std::uint8_t { data, established, fin, rst };
  Kind kind = Kind::data;
  Instant at{};
  Buffer bytes{};
  bool in_line = false;  ///< it has its turn in the receiver's line
  Congestion::Signal signal = Congestion::Signal::none;
};

/// One direction. Its Timer is the next arrival or, while the way is blocked, the moment at which
/// the sender gives up.
struct Pipe final : port::Timer {
  Pipe(TcpConnection& of, int sending_side, Link& over);

  void on_fire() override;
  void send(Segment::Kind kind, Buffer bytes);
  void send_rst();
  /// Sends what the congestion window allows of what waits for it.
  void send_waiting();
  void acknowledge(const Segment& segment);
  /// Tries again what waited behind a cut.
  void wake();
  void disarm() noexcept;
  void drop_unsent() noexcept;
  std::size_t space() noexcept;
  void consumed(std::size_t size);
  void await_credit();

  struct Credit {
    Instant at{};
    std::size_t size = 0;
    Congestion::Signal signal = Congestion::Signal::none;
  };
  /// Sends on when the news of an arrival has come back.
  struct AckTimer final : port::Timer {
    explicit AckTimer(Pipe& of) : pipe(of) {}
    void on_fire() override;
    Pipe& pipe;
  };
  /// Wakes the writer when the news of a read has come back to it.
  struct CreditTimer final : port::Timer {
    explicit CreditTimer(Pipe& of) : pipe(of) {}
    void on_fire() override;
    Pipe& pipe;
  };

  TcpConnection& connection;
  int side;
  Link& link;
  Queue<Segment> waiting;  ///< for the congestion window
  Queue<Segment> in_flight;
  Queue<Buffer> received;
  Queue<Credit> credits;
  Queue<Credit> acks;
  Congestion congestion;
  std::size_t received_bytes = 0;
  std::size_t outstanding_bytes = 0;
  Instant last_arrival{};
  bool held = false;
  bool fin_received = false;
  port::Event readable;
  port::Event writable;
  CreditTimer credit_timer;
  AckTimer ack_timer;

 private:
  void transmit(Segment segment);
  bool lose(Segment& segment, Instant& arrival);
  Duration round_trip() noexcept;
  /// False while what is due has to wait.
  bool may_arrive(Segment& segment);
};

class TcpConnection final : public std::enable_shared_from_this<TcpConnection> {
 public:
  struct End {
    Host* host;
    port::Endpoint endpoint;
    bool open = false;  ///< a TcpHalf stands for it
    bool write_closed = false;
    std::optional<Error> failure;
  };

  TcpConnection(Network& in, std::uint64_t number, std::array<End, 2> both);
  ~TcpConnection();

  /// Makes the stream object of an end, once.
  std::unique_ptr<TcpHalf> open(int side);
  /// The stream object is gone.
  void release(int side) noexcept;
  void fail(int side, Error why) noexcept;
  void reset(int side) noexcept;
  void host_died(int side, bool lost_power) noexcept;
  void deliver(int from_side, Segment segment);
  void drop() noexcept;

  /// Nothing if the caller has to wait.
  std::optional<Result<std::size_t>> try_read(int side, MutableBytes into);
  std::optional<Result<Buffer>> try_read_buffer(int side, std::size_t size_max);
  /// How many of the bytes were taken; 0: the caller has to wait.
  Result<std::size_t> try_write(int side, ByteView bytes);

  Pipe& outgoing(int side) noexcept { return pipes[side]; }
  Pipe& incoming(int side) noexcept { return pipes[1 - side]; }

  Network& network;
  std::uint64_t id;
  Prng prng;
  std::array<End, 2> ends;
  bool establishing = false;  ///< side 1 has not heard of it yet
  std::array<Pipe, 2> pipes;

 private:
  std::size_t read_size(std::size_t available);
  void establish();
  void forget() noexcept;
};

class TcpHalf final : public port::TcpStream {
 public:
  TcpHalf(std::shared_ptr<TcpConnection> connection, int side) noexcept
      : connection_(std::move(connection)), side_(side) {}
  ~TcpHalf() override { connection_->release(side_); }

  Task<std::size_t> read_some(MutableBytes into, Instant deadline) override;
  Task<Buffer> read_buffer(std::size_t size_max, Instant deadline) override;
  Task<void> write(ByteView bytes, Instant deadline) override;
  Task<void> write_all(std::span<const ByteView> pieces, Instant deadline) override;
  Task<void> close_write(Instant deadline) override;
  void reset() noexcept override { connection_->reset(side_); }
  port::Endpoint local_endpoint() const noexcept override {
    return connection_->ends[side_].endpoint;
  }
  port::Endpoint remote_endpoint() const noexcept override {
    return connection_->ends[1 - side_].endpoint;
  }

 private:
  std::shared_ptr<TcpConnection> connection_;
  int side_;
};

class SimTcpListener final : public port::TcpListener {
 public:
  SimTcpListener(Host& host, port::Endpoint local, std::size_t backlog);
  ~SimTcpListener() override;
  Task<std::unique_ptr<port::TcpStream>> accept() override;
  port::Endpoint local_endpoint() const noexcept override { return local_; }
  void close() noexcept override;

  bool has_place() const noexcept { return pending_.size() < backlog_; }
  void push(std::unique_ptr<TcpHalf> half);

 private:
  friend class Host;
  Host& host_;
  port::Endpoint local_;
  std::size_t backlog_;
  bool closed_ = false;
  std::optional<Error> failure_;
  Queue<std::unique_ptr<TcpHalf>> pending_;
  port::Event acceptable_;
};

}  // namespace kith::sim
