#include <algorithm>
#include <cstring>

#include <errno.h>

#include <kith/sim/detail/udp.hpp>

namespace kith::sim {
namespace {
constexpr std::size_t datagram_bytes_max = 65507;
}

void Datagram::on_fire() {
  if (network.clock().now() < link.clogged_until && link.clogged_until != never) {
    network.clock().arm(*this, link.clogged_until);
    return;
  }
  if (network.reachable(link) && link.clogged_until != never) {
    network.trace_.add(bytes.view());
    ++network.packets_delivered_;
    network.bytes_delivered_ += bytes.size();
    network.host(link.to)->deliver_datagram(from, to, bytes);
  }
  network.datagrams_.erase(this);
  delete this;
}

SimUdpSocket::SimUdpSocket(Host& host, port::Endpoint local)
    : host_(host), local_(local), readable_(host.network().clock()) {
  host_.sockets_.emplace(local_, this);
}

SimUdpSocket::~SimUdpSocket() {
  close();
}

void SimUdpSocket::close() noexcept {
  if (closed_) return;
  closed_ = true;
  std::erase_if(host_.sockets_, [this](const auto& entry) { return entry.second == this; });
  arrived_.clear();
  readable_.notify_all();
}

void SimUdpSocket::die() noexcept {
  failure_ = Error::from_errno(ENETDOWN);
  readable_.notify_all();
}

Task<port::UdpSocket::Received> SimUdpSocket::receive(MutableBytes into, Instant deadline) {
  for (;;) {
    if (failure_) co_return std::unexpected(*failure_);
    if (closed_) co_return std::unexpected(Errc::closed);
    if (!arrived_.empty()) {
      Arrived first = arrived_.pop();
      std::size_t size = std::min(into.size(), first.bytes.size());
      if (size > 0) std::memcpy(into.data(), first.bytes.data(), size);
      co_return Received{first.from, size};
    }
    KITH_CO_CHECK(co_await readable_.wait(deadline));
  }
}

Task<void> SimUdpSocket::send(port::Endpoint to, ByteView datagram) {
  if (failure_) co_return std::unexpected(*failure_);
  if (closed_) co_return std::unexpected(Errc::closed);
  if (datagram.size() > datagram_bytes_max) {
    co_return std::unexpected(Error::from_errno(EMSGSIZE));
  }
  if (to.address.is_multicast()) {
    send_to_group(to, datagram);
    co_return Result<void>{};
  }
  std::optional<port::Endpoint> asked;
  // A socket bound to a group receives by it and sends from the machine's address.
  bool from_address = !local_.address.is_unspecified() && !local_.address.is_multicast();
  if (from_address) asked = local_;
  KITH_CO_TRY(port::Endpoint from, host_.local_for(to, asked));
  from.port = local_.port;
  Network& network = host_.network();
  Host* target = host_.owns(to.address) ? &host_ : network.host_of(to.address);
  if (target != nullptr) {
    network.send_datagram(network.link(host_.node(), target->node()), *target, from, to, datagram);
  }
  co_return Result<void>{};
}

void SimUdpSocket::send_to_group(const port::Endpoint& group, ByteView datagram) {
  Network& network = host_.network();
  bool over_loopback = multicast_interface_ == loopback_interface;
  port::Endpoint from{port::IpAddress::loopback(group.address.family()), local_.port};
  if (!over_loopback) {
    for (const port::IpAddress& address : host_.addresses()) {
      if (address.family() == group.address.family()) from.address = address;
    }
  }
  for (Host* target : network.hosts_) {
    if (target == nullptr) continue;
    bool same = target == &host_;
    if (!same && (over_loopback || multicast_ttl_ < 1 || target->segment() != host_.segment())) {
      continue;
    }
    network.send_datagram(network.link(host_.node(), target->node()), *target, from, group,
                          datagram);
  }
}

Result<void> SimUdpSocket::join_multicast(const port::IpAddress& group, std::uint32_t) {
  if (!group.is_multicast() || group.family() != local_.address.family()) {
    return std::unexpected(Error::from_errno(EINVAL, "join " + group.to_string()));
  }
  groups_.insert(group);
  return {};
}

Result<void> SimUdpSocket::set_multicast(std::uint32_t interface_index, int ttl) {
  if (interface_index > network_interface) return std::unexpected(Error::from_errno(ENODEV));
  multicast_interface_ = interface_index;
  multicast_ttl_ = ttl;
  return {};
}

bool SimUdpSocket::wants(const port::Endpoint& to) const noexcept {
  if (to.port != local_.port || to.address.family() != local_.address.family()) return false;
  if (to.address.is_multicast()) return groups_.contains(to.address);
  return local_.address.is_unspecified() || local_.address == to.address;
}

void SimUdpSocket::arrive(port::Endpoint from, ByteView bytes) {
  if (arrived_.size() >= host_.network().options().datagrams_max) return;
  arrived_.push({from, Buffer::copy_of(bytes)});
  readable_.notify_one();
}

}  // namespace kith::sim
