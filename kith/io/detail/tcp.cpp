#include <cerrno>
#include <iterator>

#include <boost/asio/buffer.hpp>
#include <netinet/tcp.h>

#include <kith/io/detail/operation.hpp>
#include <kith/io/detail/tcp.hpp>
#include <kith/io/limits.hpp>

namespace kith::io::detail {

using port::Clock;
using port::Endpoint;
using port::TcpListener;
using port::TcpListenOptions;
using port::TcpStream;

namespace {

struct ReadSome {
  MutableBytes into;
  template <class Completion>
  void operator()(TcpSocket& socket, Completion completion) {
    socket.async_read_some(asio::mutable_buffer(into.data(), into.size()), completion);
  }
  bool enough(std::size_t) noexcept { return true; }
};

struct WriteOne {
  ByteView rest;
  template <class Completion>
  void operator()(TcpSocket& socket, Completion completion) {
    socket.async_write_some(asio::const_buffer(rest.data(), rest.size()), completion);
  }
  bool enough(std::size_t size) noexcept {
    rest = rest.subspan(size);
    return rest.empty();
  }
};

/// What is left of some pieces, as Asio wants to see it; the first piece is never empty.
class PiecesLeft {
 public:
  class const_iterator {
   public:
    using iterator_category = std::bidirectional_iterator_tag;
    using value_type = asio::const_buffer;
    using difference_type = std::ptrdiff_t;
    using pointer = const asio::const_buffer*;
    using reference = asio::const_buffer;

    const_iterator() = default;
    const_iterator(const ByteView* at, const ByteView* first, std::size_t skip) noexcept
        : at_(at), first_(first), skip_(skip) {}
    asio::const_buffer operator*() const noexcept {
      std::size_t skip = at_ == first_ ? skip_ : 0;
      return {at_->data() + skip, at_->size() - skip};
    }
    const_iterator& operator++() noexcept {
      ++at_;
      return *this;
    }
    const_iterator operator++(int) noexcept {
      const_iterator before = *this;
      ++at_;
      return before;
    }
    const_iterator& operator--() noexcept {
      --at_;
      return *this;
    }
    const_iterator operator--(int) noexcept {
      const_iterator before = *this;
      --at_;
      return before;
    }
    bool operator==(const const_iterator& other) const noexcept { return at_ == other.at_; }

   private:
    const ByteView* at_ = nullptr;
    const ByteView* first_ = nullptr;
    std::size_t skip_ = 0;
  };
  using value_type = asio::const_buffer;

  explicit PiecesLeft(std::span<const ByteView> pieces) noexcept : pieces_(pieces) { advance(0); }

  const_iterator begin() const noexcept { return {pieces_.data(), pieces_.data(), skip_}; }
  const_iterator end() const noexcept {
    return {pieces_.data() + pieces_.size(), pieces_.data(), skip_};
  }
  bool empty() const noexcept { return pieces_.empty(); }

  void advance(std::size_t size) noexcept {
    skip_ += size;
    while (!pieces_.empty() && skip_ >= pieces_.front().size()) {
      skip_ -= pieces_.front().size();
      pieces_ = pieces_.subspan(1);
    }
  }

 private:
  std::span<const ByteView> pieces_;
  std::size_t skip_ = 0;
};

struct WritePieces {
  PiecesLeft left;
  template <class Completion>
  void operator()(TcpSocket& socket, Completion completion) {
    socket.async_write_some(left, completion);
  }
  bool enough(std::size_t size) noexcept {
    left.advance(size);
    return left.empty();
  }
};

struct Connect {
  Tcp::endpoint remote;
  template <class Completion>
  void operator()(TcpSocket& socket, Completion completion) {
    socket.async_connect(remote, completion);
  }
  bool enough(std::size_t) noexcept { return true; }
};

struct AwaitConnection {
  template <class Completion>
  void operator()(TcpAcceptor& acceptor, Completion completion) {
    acceptor.async_wait(TcpAcceptor::wait_read, completion);
  }
  bool enough(std::size_t) noexcept { return true; }
};

/// Options of a connection; that one of them can't be set is no reason to give it up.
void tune(Socket& socket) {
  (void)socket.set(IPPROTO_TCP, TCP_NODELAY, 1);
  (void)socket.set(IPPROTO_TCP, TCP_NOTSENT_LOWAT, unsent_bytes_max);
  (void)socket.set(SOL_SOCKET, SO_KEEPALIVE, 1);
  (void)socket.set(IPPROTO_TCP, TCP_KEEPIDLE, keepalive_idle_seconds);
  (void)socket.set(IPPROTO_TCP, TCP_KEEPINTVL, keepalive_interval_seconds);
  (void)socket.set(IPPROTO_TCP, TCP_KEEPCNT, keepalive_probes);
}

Tcp protocol_of(const Endpoint& endpoint) noexcept {
  return endpoint.address.is_v4() ? Tcp::v4() : Tcp::v6();
}

/// Registers the socket with the loop.
template <class Io>
Result<void> hand_over(Socket socket, Io& io, const Endpoint& local) {
  error_code error;
  io.assign(protocol_of(local), socket.number(), error);
  if (error) return std::unexpected(Error::from_errno(error.value()));
  socket.release();
  return {};
}

Tcp::endpoint asio_endpoint(const Endpoint& endpoint) {
  SocketAddress address(endpoint);
  Tcp::endpoint converted;
  converted.resize(address.size);
  std::memcpy(converted.data(), &address.storage, address.size);
  return converted;
}

/// Running out of descriptors or memory passes; the connection stays in the backlog.
bool waits_for_resources(int number) noexcept {
  return number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM;
}

/// Failures of one connection that was given up before we took it: the next may be fine (accept(2),
/// "Error handling").
bool concerns_one_connection(int number) noexcept {
  switch (number) {
    case EINTR:
    case ECONNABORTED:
    case EPERM:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case ETIMEDOUT:
      return true;
    default:
      return false;
  }
}

}  // namespace

LoopTcpStream::~LoopTcpStream() {
  if (!write_closed_) reset();
}

Task<std::size_t> LoopTcpStream::read_some(MutableBytes into, Instant deadline) {
  ASSERT(!into.empty());
  return perform(socket_, clock_, deadline, Errc::reset, ReadSome{into});
}

Task<void> LoopTcpStream::write(ByteView bytes, Instant deadline) {
  return perform<void>(socket_, clock_, deadline, Errc::reset, WriteOne{bytes});
}

Task<void> LoopTcpStream::write_all(std::span<const ByteView> pieces, Instant deadline) {
  return perform<void>(socket_, clock_, deadline, Errc::reset, WritePieces{PiecesLeft(pieces)});
}

Task<void> LoopTcpStream::close_write(Instant) {
  bool cancelled = co_await port::is_cancelled();
  if (cancelled) co_return std::unexpected(Errc::cancelled);
  if (write_closed_) co_return Result<void>{};
  if (!socket_.is_open()) co_return std::unexpected(Errc::reset);
  error_code error;
  (void)socket_.shutdown(TcpSocket::shutdown_send, error);
  // The other side may have reset the connection meanwhile.
  if (error) co_return std::unexpected(Errc::reset);
  write_closed_ = true;
  co_return Result<void>{};
}

void LoopTcpStream::reset() noexcept {
  if (!socket_.is_open()) return;
  linger at_once = {1, 0};
  ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  error_code ignored;
  static_cast<void>(socket_.close(ignored));
}

Task<std::unique_ptr<TcpStream>> LoopTcpListener::accept() {
  for (;;) {
    bool cancelled = co_await port::is_cancelled();
    if (cancelled) co_return std::unexpected(Errc::cancelled);
    if (!acceptor_.is_open()) co_return std::unexpected(Errc::closed);
    if (++accepted_in_a_row_ > accepts_in_a_row_max) {
      accepted_in_a_row_ = 0;
      KITH_CO_CHECK(co_await port::yield());
      continue;
    }
    SocketAddress address;
    Socket socket(::accept4(acceptor_.native_handle(), address.data(), &address.size,
                            SOCK_NONBLOCK | SOCK_CLOEXEC));
    int failure = errno;
    if (socket.number() >= 0) {
      // Its options it has from the listening socket.
      Endpoint local = local_;
      if (local.address.is_unspecified()) local = socket.local_endpoint();
      TcpSocket taken(acceptor_.get_executor());
      // The loop has no memory for it: so much for this connection.
      auto handed_over = hand_over(std::move(socket), taken, local_);
      if (!handed_over) continue;
      co_return std::make_unique<LoopTcpStream>(std::move(taken), clock_, local,
                                                address.endpoint());
    }
    if (failure == EAGAIN || failure == EWOULDBLOCK) {
      accepted_in_a_row_ = 0;
      KITH_CO_CHECK(co_await perform(acceptor_, clock_, never, Errc::closed, AwaitConnection{}));
    } else if (waits_for_resources(failure)) {
      auto waited = co_await closed_.wait(clock_.now() + accept_pause);
      if (!waited && !waited.error().is(Errc::timed_out)) co_return std::unexpected(waited.error());
    } else if (!concerns_one_connection(failure)) {
      co_return std::unexpected(Error::from_errno(failure));
    }
  }
}

void LoopTcpListener::close() noexcept {
  error_code ignored;
  static_cast<void>(acceptor_.close(ignored));
  closed_.notify_all();
}

Task<std::unique_ptr<TcpStream>> dial_tcp(LoopExecutor executor, Clock& clock, Endpoint remote,
                                          std::optional<Endpoint> local, Instant deadline) {
  KITH_CO_TRY(Socket socket, Socket::open(remote.address.family(), SOCK_STREAM));
  if (local) {
    KITH_CO_CHECK(socket.set(SOL_SOCKET, SO_REUSEADDR, 1));
    KITH_CO_CHECK(socket.set(SOL_SOCKET, SO_REUSEPORT, 1));
    KITH_CO_CHECK(socket.bind(*local));
  }
  tune(socket);
  TcpSocket connecting(executor);
  KITH_CO_CHECK(hand_over(std::move(socket), connecting, remote));
  Connect connect{asio_endpoint(remote)};
  auto connected = co_await perform(connecting, clock, deadline, Errc::closed, std::move(connect));
  if (!connected) co_return std::unexpected(connected.error());
  SocketAddress address;
  if (::getsockname(connecting.native_handle(), address.data(), &address.size) != 0)
    co_return std::unexpected(Error::from_errno(errno));
  Endpoint from = address.endpoint();
  auto stream = std::make_unique<LoopTcpStream>(std::move(connecting), clock, from, remote);
  // Dialing a free port of this host can meet itself (a simultaneous open with one end).
  if (from == remote) co_return std::unexpected(Error::from_errno(ECONNREFUSED));
  co_return stream;
}

Result<std::unique_ptr<TcpListener>> listen_tcp(LoopExecutor executor, Clock& clock,
                                                const Endpoint& local,
                                                const TcpListenOptions& options) {
  KITH_TRY(Socket socket, Socket::open(local.address.family(), SOCK_STREAM));
  KITH_CHECK(socket.set(SOL_SOCKET, SO_REUSEADDR, 1));
  tune(socket);
  auto bound = socket.bind(local);
  if (!bound) return std::unexpected(bound.error().with_context("listen on " + local.to_string()));
  if (::listen(socket.number(), options.backlog) != 0)
    return std::unexpected(Error::from_errno(errno, "listen on " + local.to_string()));
  // Only now: two programs of one user that bind with it share the port, and the kernel deals their
  // connections out between them. After listen() it lets dialing sockets join, and no listener of
  // ours (one of a program that sets it before binding, still).
  if (options.reuse_port) KITH_CHECK(socket.set(SOL_SOCKET, SO_REUSEPORT, 1));
  Endpoint chosen = socket.local_endpoint();
  TcpAcceptor acceptor(executor);
  KITH_CHECK(hand_over(std::move(socket), acceptor, local));
  return std::make_unique<LoopTcpListener>(std::move(acceptor), clock, chosen);
}

}  // namespace kith::io::detail
