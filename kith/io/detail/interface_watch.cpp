#include <array>
#include <cerrno>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <boost/asio/posix/basic_descriptor.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include <kith/io/detail/interface_watch.hpp>
#include <kith/io/detail/operation.hpp>
#include <kith/io/detail/socket_address.hpp>

namespace kith::io::detail {
namespace {

using NetlinkSocket = Guarded<asio::posix::basic_descriptor<LoopExecutor>>;

class NetlinkWatch final : public port::InterfaceWatch {
 public:
  NetlinkWatch(NetlinkSocket socket, port::Clock& clock) noexcept
      : socket_(std::move(socket)), clock_(clock) {}

  Task<void> changed(Instant deadline) override {
    for (;;) {
      KITH_CO_CHECK(co_await perform<void>(socket_, clock_, deadline, Errc::closed,
                                           WaitFor<asio::posix::descriptor_base::wait_read>()));
      if (drain()) co_return Result<void>{};
    }
  }

 private:
  /// What changed, interfaces() says; here it only counts that something did. So much may have that
  /// messages were lost, too (ENOBUFS).
  bool drain() noexcept {
    std::array<std::uint8_t, 8192> message;
    bool any = false;
    for (;;) {
      const ssize_t size =
          ::recv(socket_.native_handle(), message.data(), message.size(), MSG_DONTWAIT);
      if (size < 0 && errno != ENOBUFS) return any;
      any = true;
    }
  }

  NetlinkSocket socket_;
  port::Clock& clock_;
};

}  // namespace

Result<std::unique_ptr<port::InterfaceWatch>> watch_interfaces(LoopExecutor executor,
                                                               port::Clock& clock) {
  const int number = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (number < 0) return std::unexpected(Error::from_errno(errno, "watching interfaces"));
  NetlinkSocket socket(executor, number);
  sockaddr_nl address = {};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  if (::bind(number, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return std::unexpected(Error::from_errno(errno, "watching interfaces"));
  return std::make_unique<NetlinkWatch>(std::move(socket), clock);
}

}  // namespace kith::io::detail
