#include <bit>
#include <cerrno>
#include <memory>

#include <ifaddrs.h>
#include <net/if.h>
#include <sys/resource.h>

#include <kith/io/detail/interface_watch.hpp>
#include <kith/io/detail/net.hpp>
#include <kith/io/detail/socket_address.hpp>
#include <kith/io/detail/tcp.hpp>
#include <kith/io/detail/udp.hpp>

namespace kith::io::detail {

using port::Endpoint;
using port::InterfaceAddress;
using port::IpAddress;
using port::IpFamily;
using port::TcpDialOptions;
using port::TcpListener;
using port::TcpListenOptions;
using port::TcpStream;
using port::UdpOptions;
using port::UdpSocket;

namespace {

int prefix_bits_of(const sockaddr* mask) noexcept {
  if (mask == nullptr || (mask->sa_family != AF_INET && mask->sa_family != AF_INET6)) return 0;
  IpAddress address = endpoint_of(mask).address;
  int bits = 0;
  for (std::uint8_t byte : address.bytes()) {
    bits += std::countl_one(byte);
    if (byte != 0xff) break;
  }
  return bits;
}

}  // namespace

Task<std::unique_ptr<TcpStream>> LoopNet::dial_tcp(Endpoint remote, TcpDialOptions options,
                                                   Instant deadline) {
  bool bindable = options.local && options.local->address.family() == remote.address.family();
  if (bindable) {
    auto stream = co_await detail::dial_tcp(executor_, clock_, remote, options.local, deadline);
    if (stream) co_return std::move(*stream);
    // The port is another's, or this very connection exists or lingers already.
    bool taken = stream.error().is_errno(EADDRINUSE) || stream.error().is_errno(EADDRNOTAVAIL);
    if (!taken) co_return std::unexpected(stream.error());
  }
  co_return co_await detail::dial_tcp(executor_, clock_, remote, std::nullopt, deadline);
}

Result<std::unique_ptr<TcpListener>> LoopNet::listen_tcp(Endpoint local, TcpListenOptions options) {
  return detail::listen_tcp(executor_, clock_, local, options);
}

Result<std::unique_ptr<UdpSocket>> LoopNet::bind_udp(Endpoint local, UdpOptions options) {
  return detail::bind_udp(executor_, clock_, local, options);
}

Task<std::vector<IpAddress>> LoopNet::resolve(std::string name, std::optional<IpFamily> family,
                                              Instant deadline) {
  return resolver_.addresses(std::move(name), family, deadline);
}

Task<std::vector<std::string>> LoopNet::resolve_txt(std::string name, Instant deadline) {
  return resolver_.texts(std::move(name), deadline);
}

Result<std::unique_ptr<port::InterfaceWatch>> LoopNet::watch_interfaces() {
  return detail::watch_interfaces(executor_, clock_);
}

std::uint64_t LoopNet::descriptors_max() const noexcept {
  rlimit limit = {};
  constexpr rlim_t usual = 1024;
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : usual;
}

Result<std::vector<InterfaceAddress>> LoopNet::interfaces() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return std::unexpected(Error::from_errno(errno, "interfaces"));
  std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, &::freeifaddrs);
  std::vector<InterfaceAddress> found;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    int family = entry->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    InterfaceAddress address;
    address.interface_name = entry->ifa_name;
    address.interface_index = ::if_nametoindex(entry->ifa_name);
    address.address = endpoint_of(entry->ifa_addr).address;
    address.up = (entry->ifa_flags & IFF_UP) != 0;
    address.loopback = (entry->ifa_flags & IFF_LOOPBACK) != 0;
    address.multicast = (entry->ifa_flags & IFF_MULTICAST) != 0;
    address.prefix_bits = prefix_bits_of(entry->ifa_netmask);
    found.push_back(std::move(address));
  }
  return found;
}

}  // namespace kith::io::detail
