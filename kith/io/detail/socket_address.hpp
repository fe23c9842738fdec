// port::Endpoint to and from the socket calls' addresses, and sockets made the way we want them.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <kith/base/result.hpp>
#include <kith/io/detail/operation.hpp>
#include <kith/port/ip.hpp>

namespace kith::io::detail {

using LoopExecutor = boost::asio::io_context::executor_type;
using Tcp = boost::asio::ip::tcp;
using TcpSocket = Guarded<boost::asio::basic_stream_socket<Tcp, LoopExecutor>>;
using TcpAcceptor = Guarded<boost::asio::basic_socket_acceptor<Tcp, LoopExecutor>>;

struct SocketAddress {
  sockaddr_storage storage = {};
  socklen_t size = sizeof storage;

  SocketAddress() = default;
  explicit SocketAddress(const port::Endpoint& endpoint) noexcept;

  sockaddr* data() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
  /// 0.0.0.0:0 if it is of no family that we know. The scope is kept for link-local addresses only,
  /// so that equal addresses compare equal.
  port::Endpoint endpoint() const noexcept;
};

/// An address of any family; nothing but IP is looked at.
port::Endpoint endpoint_of(const sockaddr* address) noexcept;

inline int domain_of(port::IpFamily family) noexcept {
  return family == port::IpFamily::v4 ? AF_INET : AF_INET6;
}

/// A socket descriptor, closed when this dies unless it is given on.
class Socket {
 public:
  explicit Socket(int number) noexcept : number_(number) {}
  Socket(Socket&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Socket() {
    if (number_ >= 0) ::close(number_);
  }

  /// Non-blocking, not inherited by child processes, IPv6 only if it is IPv6.
  static Result<Socket> open(port::IpFamily family, int type);

  int number() const noexcept { return number_; }
  int release() noexcept { return std::exchange(number_, -1); }

  Result<void> set(int level, int option, int value);
  Result<void> bind(const port::Endpoint& local);
  port::Endpoint local_endpoint() const noexcept;

 private:
  int number_;
};

}  // namespace kith::io::detail
