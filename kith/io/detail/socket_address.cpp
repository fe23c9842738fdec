#include <algorithm>
#include <array>
#include <cerrno>

#include <arpa/inet.h>

#include <kith/io/detail/socket_address.hpp>

namespace kith::io::detail {

using port::Endpoint;
using port::IpAddress;
using port::IpFamily;

SocketAddress::SocketAddress(const Endpoint& endpoint) noexcept {
  ByteView bytes = endpoint.address.bytes();
  if (endpoint.address.is_v4()) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    std::memcpy(&address.sin_addr, bytes.data(), bytes.size());
    std::memcpy(&storage, &address, sizeof address);
    size = sizeof address;
  } else {
    sockaddr_in6 address = {};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(endpoint.port);
    address.sin6_scope_id = endpoint.address.scope();
    std::memcpy(&address.sin6_addr, bytes.data(), bytes.size());
    std::memcpy(&storage, &address, sizeof address);
    size = sizeof address;
  }
}

Endpoint SocketAddress::endpoint() const noexcept {
  return endpoint_of(data());
}

Endpoint endpoint_of(const sockaddr* given) noexcept {
  Endpoint endpoint;
  if (given->sa_family == AF_INET) {
    sockaddr_in address;
    std::memcpy(&address, given, sizeof address);
    std::array<std::uint8_t, 4> bytes;
    std::memcpy(bytes.data(), &address.sin_addr, bytes.size());
    endpoint.address = IpAddress::v4(bytes);
    endpoint.port = ntohs(address.sin_port);
  } else if (given->sa_family == AF_INET6) {
    sockaddr_in6 address;
    std::memcpy(&address, given, sizeof address);
    std::array<std::uint8_t, 16> bytes;
    std::memcpy(bytes.data(), &address.sin6_addr, bytes.size());
    endpoint.address = IpAddress::v6(bytes);
    bool scoped = endpoint.address.is_link_local() || endpoint.address.is_multicast();
    if (scoped) endpoint.address = IpAddress::v6(bytes, address.sin6_scope_id);
    endpoint.port = ntohs(address.sin6_port);
  }
  return endpoint;
}

Result<Socket> Socket::open(IpFamily family, int type) {
  int number = ::socket(domain_of(family), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (number < 0) return std::unexpected(Error::from_errno(errno));
  Socket socket(number);
  if (family == IpFamily::v6) KITH_CHECK(socket.set(IPPROTO_IPV6, IPV6_V6ONLY, 1));
  return socket;
}

Result<void> Socket::set(int level, int option, int value) {
  if (::setsockopt(number_, level, option, &value, sizeof value) != 0)
    return std::unexpected(Error::from_errno(errno));
  return {};
}

Result<void> Socket::bind(const Endpoint& local) {
  SocketAddress address(local);
  if (::bind(number_, address.data(), address.size) != 0)
    return std::unexpected(Error::from_errno(errno));
  return {};
}

Endpoint Socket::local_endpoint() const noexcept {
  SocketAddress address;
  if (::getsockname(number_, address.data(), &address.size) != 0) return {};
  return address.endpoint();
}

}  // namespace kith::io::detail
