#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include <boost/asio/basic_datagram_socket.hpp>
#include <boost/asio/ip/udp.hpp>
#include <netinet/in.h>
#include <netinet/udp.h>

#include <kith/io/detail/operation.hpp>
#include <kith/io/detail/socket_address.hpp>
#include <kith/io/detail/udp.hpp>
#include <kith/io/limits.hpp>

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

/// What stands beside a datagram: at most the cut, the ECN bits and the hops.
struct Control {
  alignas(cmsghdr) std::array<std::uint8_t, 3 * CMSG_SPACE(sizeof(int))> bytes{};
};

class ControlWriter {
 public:
  ControlWriter(Control& control, msghdr& header) noexcept : header_(header) {
    header_.msg_control = control.bytes.data();
    header_.msg_controllen = 0;
  }
  template <class T>
  void add(int level, int type, T value) noexcept {
    auto* at = static_cast<std::uint8_t*>(header_.msg_control) + header_.msg_controllen;
    auto* entry = reinterpret_cast<cmsghdr*>(at);
    entry->cmsg_level = level;
    entry->cmsg_type = type;
    entry->cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(CMSG_DATA(entry), &value, sizeof value);
    header_.msg_controllen += CMSG_SPACE(sizeof value);
  }

 private:
  msghdr& header_;
};

/// Entries of a batch as the system wants them.
class OutgoingBatch {
 public:
  OutgoingBatch(std::span<const port::OutgoingDatagrams> batch, bool v4)
      : size_(std::min(batch.size(), port::udp_batch_max)) {
    for (std::size_t i = 0; i < size_; ++i)
      fill(i, batch[i], v4);
  }
  int send(int socket) noexcept {
    return ::sendmmsg(socket, headers_.data(), static_cast<unsigned>(size_), MSG_DONTWAIT);
  }

 private:
  void fill(std::size_t i, const port::OutgoingDatagrams& one, bool v4) {
    addresses_[i].emplace(one.to);
    parts_[i] = {const_cast<std::uint8_t*>(one.bytes.data()), one.bytes.size()};
    msghdr& header = headers_[i].msg_hdr;
    header.msg_name = &addresses_[i]->storage;
    header.msg_namelen = addresses_[i]->size;
    header.msg_iov = &parts_[i];
    header.msg_iovlen = 1;
    ControlWriter control(controls_[i], header);
    const int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
    if (one.segment_bytes != 0 && one.segment_bytes < one.bytes.size())
      control.add(SOL_UDP, UDP_SEGMENT, static_cast<std::uint16_t>(one.segment_bytes));
    if (one.ecn != port::Ecn::not_capable)
      control.add(level, v4 ? IP_TOS : IPV6_TCLASS, static_cast<int>(one.ecn));
    if (one.hops) control.add(level, v4 ? IP_TTL : IPV6_HOPLIMIT, *one.hops);
    if (header.msg_controllen == 0) header.msg_control = nullptr;
  }

  std::size_t size_;
  std::array<mmsghdr, port::udp_batch_max> headers_{};
  std::array<iovec, port::udp_batch_max> parts_{};
  std::array<std::optional<SocketAddress>, port::udp_batch_max> addresses_;
  std::array<Control, port::udp_batch_max> controls_;
};

class IncomingBatch {
 public:
  explicit IncomingBatch(std::span<port::IncomingDatagrams> batch)
      : batch_(batch.first(std::min(batch.size(), port::udp_batch_max))) {
    for (std::size_t i = 0; i < batch_.size(); ++i) {
      parts_[i] = {batch_[i].into.data(), batch_[i].into.size()};
      msghdr& header = headers_[i].msg_hdr;
      header.msg_name = &addresses_[i];
      header.msg_namelen = sizeof addresses_[i];
      header.msg_iov = &parts_[i];
      header.msg_iovlen = 1;
      header.msg_control = controls_[i].bytes.data();
      header.msg_controllen = controls_[i].bytes.size();
    }
  }
  /// How many came, or less than 0 and errno.
  int receive(int socket) noexcept {
    const auto size = static_cast<unsigned>(batch_.size());
    const int came = ::recvmmsg(socket, headers_.data(), size, MSG_DONTWAIT, nullptr);
    for (int i = 0; i < came; ++i)
      take(static_cast<std::size_t>(i));
    return came;
  }

 private:
  void take(std::size_t i) noexcept {
    port::IncomingDatagrams& one = batch_[i];
    msghdr& header = headers_[i].msg_hdr;
    one.size = std::min<std::size_t>(headers_[i].msg_len, one.into.size());
    one.from = endpoint_of(reinterpret_cast<const sockaddr*>(&addresses_[i]));
    one.segment_bytes = 0;
    one.ecn = port::Ecn::not_capable;
    for (cmsghdr* entry = CMSG_FIRSTHDR(&header); entry != nullptr;
         entry = CMSG_NXTHDR(&header, entry)) {
      int value = 0;
      const std::size_t length = entry->cmsg_len - CMSG_LEN(0);
      std::memcpy(&value, CMSG_DATA(entry), std::min(length, sizeof value));
      if (entry->cmsg_level == SOL_UDP && entry->cmsg_type == UDP_GRO) {
        const auto cut = static_cast<std::size_t>(value);
        one.segment_bytes = cut < one.size ? cut : 0;
      } else if ((entry->cmsg_level == IPPROTO_IP && entry->cmsg_type == IP_TOS) ||
                 (entry->cmsg_level == IPPROTO_IPV6 && entry->cmsg_type == IPV6_TCLASS)) {
        one.ecn = static_cast<port::Ecn>(value & 3);
      }
    }
  }

  std::span<port::IncomingDatagrams> batch_;
  std::array<mmsghdr, port::udp_batch_max> headers_{};
  std::array<iovec, port::udp_batch_max> parts_{};
  std::array<sockaddr_storage, port::udp_batch_max> addresses_{};
  std::array<Control, port::udp_batch_max> controls_;
};

/// Each of their datagrams by itself, for a way out that can't cut.
std::vector<port::OutgoingDatagrams> cut_up(const port::OutgoingDatagrams& together) {
  std::vector<port::OutgoingDatagrams> single;
  for (std::size_t at = 0; at < together.bytes.size(); at += together.segment_bytes) {
    port::OutgoingDatagrams one = together;
    one.bytes = together.bytes.subspan(at);
    one.bytes = one.bytes.first(std::min(one.bytes.size(), together.segment_bytes));
    one.segment_bytes = 0;
    single.push_back(one);
  }
  return single;
}

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

  Task<std::size_t> receive_batch(std::span<port::IncomingDatagrams> batch,
                                  Instant deadline) override {
    if (batch.empty()) co_return std::size_t{0};
    for (;;) {
      KITH_CO_CHECK(co_await perform<void>(socket_, clock_, deadline, Errc::closed,
                                           WaitFor<asio::socket_base::wait_read>()));
      const int came = std::make_unique<IncomingBatch>(batch)->receive(socket_.native_handle());
      if (came > 0) co_return static_cast<std::size_t>(came);
      // An error of an earlier datagram, a refusal say, is no reason to stop listening.
    }
  }

  Task<void> send_batch(std::span<const port::OutgoingDatagrams> batch) override {
    auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none)
      co_return std::unexpected(Errc::cancelled);
    const bool v4 = local_.address.is_v4();
    while (!batch.empty()) {
      if (!socket_.is_open()) co_return std::unexpected(Errc::closed);
      const int sent = std::make_unique<OutgoingBatch>(batch, v4)->send(socket_.native_handle());
      const int error = errno;
      if (sent > 0) {
        batch = batch.subspan(static_cast<std::size_t>(sent));
      } else if (error == EAGAIN || error == EWOULDBLOCK) {
        KITH_CO_CHECK(co_await perform<void>(socket_, clock_, never, Errc::closed,
                                             WaitFor<asio::socket_base::wait_write>()));
      } else if (error == ENOBUFS || error == EMSGSIZE) {
        // The device's queue is full, and the socket is writable all the same: waiting for it would
        // spin. It is lost as one in a router's full queue is; and so is one that is too large for
        // the device, as a router further on would drop it.
        batch = batch.subspan(1);
      } else if (error == EIO && batch.front().segment_bytes != 0) {
        // The device can't do the checksums of datagrams that it is to cut.
        const std::vector<port::OutgoingDatagrams> single = cut_up(batch.front());
        KITH_CO_CHECK(co_await send_batch(single));
        batch = batch.subspan(1);
      } else {
        co_return std::unexpected(Error::from_errno(error));
      }
    }
    co_return Result<void>{};
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
    static_cast<void>(socket_.close(ignored));
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
  if (local.address.is_v4()) {
    KITH_CHECK(socket.set(IPPROTO_IP, IP_RECVTOS, 1));
  } else {
    KITH_CHECK(socket.set(IPPROTO_IPV6, IPV6_RECVTCLASS, 1));
  }
  if (options.coalesce) {
    KITH_CHECK(socket.set(SOL_UDP, UDP_GRO, 1));
    // The system gives as much as it allows.
    KITH_CHECK(socket.set(SOL_SOCKET, SO_RCVBUF, udp_receive_buffer_bytes));
    // Who asks for this finds out by itself how much the way takes (RFC 8899): nothing is to be cut
    // up on it, and too much must fail.
    if (local.address.is_v4()) {
      KITH_CHECK(socket.set(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE));
    } else {
      KITH_CHECK(socket.set(IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE));
    }
  }
  auto bound = socket.bind(local);
  if (!bound) return std::unexpected(bound.error().with_context("bind " + local.to_string()));
  Endpoint chosen = socket.local_endpoint();
  DatagramSocket datagrams(executor);
  error_code error;
  static_cast<void>(
      datagrams.assign(local.address.is_v4() ? Udp::v4() : Udp::v6(), socket.number(), error));
  if (error) return std::unexpected(Error::from_errno(error.value()));
  socket.release();
  return std::make_unique<LoopUdpSocket>(std::move(datagrams), clock, chosen);
}

}  // namespace kith::io::detail
