// TCP on the event loop: streams and listeners.
#pragma once

#include <memory>

#include <kith/io/detail/socket_address.hpp>
#include <kith/port/clock.hpp>
#include <kith/port/event.hpp>
#include <kith/port/net.hpp>

namespace kith::io::detail {

/// A connected socket. Reads and writes go straight between the caller's memory and the kernel;
/// several pieces are one sendmsg.
class LoopTcpStream final : public port::TcpStream {
 public:
  LoopTcpStream(TcpSocket socket, port::Clock& clock, const port::Endpoint& local,
                const port::Endpoint& remote) noexcept
      : socket_(std::move(socket)), clock_(clock), local_(local), remote_(remote) {}
  /// No operation may be waiting any more. Unless the writing side was closed, the other side sees
  /// a reset.
  ~LoopTcpStream() override;

  Task<std::size_t> read_some(MutableBytes into, Instant deadline) override;
  Task<void> write(ByteView bytes, Instant deadline) override;
  Task<void> write_all(std::span<const ByteView> pieces, Instant deadline) override;
  Task<void> close_write(Instant deadline) override;
  void reset() noexcept override;
  port::Endpoint local_endpoint() const noexcept override { return local_; }
  port::Endpoint remote_endpoint() const noexcept override { return remote_; }

 private:
  TcpSocket socket_;
  port::Clock& clock_;
  port::Endpoint local_;
  port::Endpoint remote_;
  bool write_closed_ = false;
};

class LoopTcpListener final : public port::TcpListener {
 public:
  LoopTcpListener(TcpAcceptor acceptor, port::Clock& clock, const port::Endpoint& local)
      : acceptor_(std::move(acceptor)), clock_(clock), local_(local), closed_(clock) {}
  /// Nobody may be waiting any more.
  ~LoopTcpListener() override { close(); }

  Task<std::unique_ptr<port::TcpStream>> accept() override;
  port::Endpoint local_endpoint() const noexcept override { return local_; }
  void close() noexcept override;

 private:
  TcpAcceptor acceptor_;
  port::Clock& clock_;
  port::Endpoint local_;
  port::Event closed_;
  std::size_t accepted_in_a_row_ = 0;
};

/// One attempt to connect. Errno errors of connect, Errc::timed_out, Errc::cancelled.
Task<std::unique_ptr<port::TcpStream>> dial_tcp(LoopExecutor executor, port::Clock& clock,
                                                port::Endpoint remote,
                                                std::optional<port::Endpoint> local,
                                                Instant deadline);

Result<std::unique_ptr<port::TcpListener>> listen_tcp(LoopExecutor executor, port::Clock& clock,
                                                      const port::Endpoint& local,
                                                      const port::TcpListenOptions& options);

}  // namespace kith::io::detail
