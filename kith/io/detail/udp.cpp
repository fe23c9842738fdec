#include <cerrno>

#include <boost/asio/basic_datagram_socket.hpp>
#include <boost/asio/ip/udp.hpp>
#include <netinet/in.h>

#include <kith/io/detail/operation.hpp>
#include <kith/io/detail/socket_address.hpp>
#include <kith/io/detail/udp.hpp>

namespace kith::io::detail {

using port::Clock;
using port::Endpoint;
using port::IpAddress;
using port::UdpOptions;
using port::UdpSocket;

namespace {

using Udp = asio::ip::udp;
using DatagramSocket = Guarded<asio::basic_datagram_socket<Udp, LoopExecutor>>;

struct ReceiveFrom {
  MutableBytes into;
  Udp::endpoint& from;
  template <class Completion>
  void operator()(DatagramSocket& socket, Completion completion) {
    socket.async_receive_from(asio::mutable_buffer(into.data(), into.size()), from, completion);
  }
  bool enough(std::size_t) noexcept { return true; }
};

struct SendTo {
  Udp::endpoint to;
  ByteView datagram;
  template <class Completion>
  void operator()(DatagramSocket& socket, Completion completion) {
    socket.async_send_to(asio::const_buffer(datagram.data(), datagram.size()), to, completion);
  }
  bool enough(std::size_t) noexcept { return true; }
};

Udp::endpoint asio_endpoint(const Endpoint& endpoint) {
  SocketAddress address(endpoint);
  Udp::endpoint converted;
  converted.resize(address.size);
  std::memcpy(converted.data(), &address.storage, address.size);
  return converted;
}

class LoopUdpSocket final : public UdpSocket {
 public:
  LoopUdpSocket(DatagramSocket socket, Clock& clock, const Endpoint& local) noexcept
      : socket_(std::move(socket)), clock_(clock), local_(local) {}

  Task<Received> receive(MutableBytes into, Instant deadline) override {
    Udp::endpoint from;
    ReceiveFrom start{into, from};
    auto size = co_await perform(socket_, clock_, deadline, Errc::closed, start);
    if (!size) co_return std::unexpected(size.error());
    Received received{endpoint_of(from.data()), *size};
    co_return received;
  }

  Task<void> send(Endpoint to, ByteView datagram) override {
    return perform<void>(socket_, clock_, never, Errc::closed, SendTo{asio_endpoint(to), datagram});
  }

  Result<void> join_multicast(const IpAddress& group, std::uint32_t interface_index) override {
    if (group.is_v4()) {
      ip_mreqn request = {};
      std::memcpy(&request.imr_multiaddr, group.bytes().data(), 4);
      request.imr_ifindex = static_cast<int>(interface_index);
      return set(IPPROTO_IP, IP_ADD_MEMBERSHIP, request);
    }
    ipv6_mreq request = {};
    std::memcpy(&request.ipv6mr_multiaddr, group.bytes().data(), 16);
    request.ipv6mr_interface = interface_index;
    return set(IPPROTO_IPV6, IPV6_JOIN_GROUP, request);
  }

  Result<void> set_multicast(std::uint32_t interface_index, int ttl) override {
    if (local_.address.is_v4()) {
      ip_mreqn through = {};
      through.imr_ifindex = static_cast<int>(interface_index);
      KITH_CHECK(set(IPPROTO_IP, IP_MULTICAST_IF, through));
      KITH_CHECK(set(IPPROTO_IP, IP_MULTICAST_TTL, ttl));
      return set(IPPROTO_IP, IP_MULTICAST_LOOP, 1);
    }
    KITH_CHECK(set(IPPROTO_IPV6, IPV6_MULTICAST_IF, static_cast<int>(interface_index)));
    KITH_CHECK(set(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, ttl));
    return set(IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1);
  }

  Endpoint local_endpoint() const noexcept override { return local_; }

  void close() noexcept override {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  template <class T>
  Result<void> set(int level, int option, const T& value) {
    if (!socket_.is_open()) return std::unexpected(Errc::closed);
    int answer = ::setsockopt(socket_.native_handle(), level, option, &value, sizeof value);
    bool joined_before = answer != 0 && errno == EADDRINUSE;
    if (answer != 0 && !joined_before) return std::unexpected(Error::from_errno(errno));
    return {};
  }

  DatagramSocket socket_;
  Clock& clock_;
  Endpoint local_;
};

}  // namespace

Result<std::unique_ptr<UdpSocket>> bind_udp(LoopExecutor executor, Clock& clock,
                                            const Endpoint& local, const UdpOptions& options) {
  KITH_TRY(Socket socket, Socket::open(local.address.family(), SOCK_DGRAM));
  if (options.reuse) {
    KITH_CHECK(socket.set(SOL_SOCKET, SO_REUSEADDR, 1));
    KITH_CHECK(socket.set(SOL_SOCKET, SO_REUSEPORT, 1));
  }
  // Only the groups that this socket joined, not all that the host is in.
  if (local.address.is_v4()) {
    KITH_CHECK(socket.set(IPPROTO_IP, IP_MULTICAST_ALL, 0));
  } else {
    KITH_CHECK(socket.set(IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0));
  }
  auto bound = socket.bind(local);
  if (!bound) return std::unexpected(bound.error().with_context("bind " + local.to_string()));
  Endpoint chosen = socket.local_endpoint();
  DatagramSocket datagrams(executor);
  error_code error;
  datagrams.assign(local.address.is_v4() ? Udp::v4() : Udp::v6(), socket.number(), error);
  if (error) return std::unexpected(Error::from_errno(error.value()));
  socket.release();
  return std::make_unique<LoopUdpSocket>(std::move(datagrams), clock, chosen);
}

}  // namespace kith::io::detail
