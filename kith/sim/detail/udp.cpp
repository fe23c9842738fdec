#include <algorithm>
#include <cstring>

#include <errno.h>

#include <kith/base/assert.hpp>
#include <kith/sim/detail/udp.hpp>

namespace kith::sim {
namespace {
constexpr std::size_t datagram_bytes_max = 65507;
}

void Datagram::on_fire() {
  if (link.stalls == 0 && network.clock().now() < link.clogged_until) {
    network.clock().arm(*this, link.clogged_until);
    return;
  }
  if (!in_line) {
    in_line = true;
    const Instant through = network.arrival_down(link, bytes.size());
    if (through > network.clock().now()) {
      network.clock().arm(*this, through);
      return;
    }
  }
  if (network.reachable(link) && link.stalls == 0) {
    network.trace_.add(bytes.view());
    ++network.packets_delivered_;
    network.bytes_delivered_ += bytes.size();
    network.host(link.to)->deliver_datagram(from, to, bytes, ecn);
  }
  network.datagrams_.erase(this);
  delete this;
}

SimUdpSocket::SimUdpSocket(Host& host, port::Endpoint local, bool coalesce)
    : host_(host), local_(local), coalesce_(coalesce), readable_(host.network().clock()) {
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

Task<void> SimUdpSocket::wait_readable(Instant deadline) {
  for (;;) {
    if (failure_) co_return std::unexpected(*failure_);
    if (closed_) co_return std::unexpected(Errc::closed);
    if (!arrived_.empty()) co_return Result<void>{};
    KITH_CO_CHECK(co_await readable_.wait(deadline));
  }
}

Task<port::UdpSocket::Received> SimUdpSocket::receive(MutableBytes into, Instant deadline) {
  ASSERT(!coalesce_);
  KITH_CO_CHECK(co_await wait_readable(deadline));
  port::IncomingDatagrams one{.into = into};
  take(one);
  co_return Received{one.from, one.size};
}

Task<std::size_t> SimUdpSocket::receive_batch(std::span<port::IncomingDatagrams> batch,
                                              Instant deadline) {
  if (batch.empty()) co_return std::size_t{0};
  KITH_CO_CHECK(co_await wait_readable(deadline));
  std::size_t filled = 0;
  for (; filled < std::min(batch.size(), port::udp_batch_max) && !arrived_.empty(); ++filled)
    take(batch[filled]);
  co_return filled;
}

/// The next datagram, and if they may come together those behind it that continue it.
void SimUdpSocket::take(port::IncomingDatagrams& into) {
  Arrived first = arrived_.pop();
  into.from = first.from;
  into.ecn = first.ecn;
  into.segment_bytes = 0;
  into.size = std::min(into.into.size(), first.bytes.size());
  std::ranges::copy(first.bytes.view().first(into.size), into.into.begin());
  const std::size_t each = first.bytes.size();
  std::size_t pieces = 1;
  while (coalesce_ && each > 0 && pieces < port::udp_segments_max && !arrived_.empty()) {
    const Arrived& next = arrived_.front();
    const bool fits = next.bytes.size() <= std::min(each, into.into.size() - into.size);
    const bool alike = next.from == into.from && next.ecn == into.ecn && !next.bytes.empty();
    if (!fits || !alike) return;
    std::ranges::copy(next.bytes.view(), into.into.subspan(into.size).begin());
    into.size += next.bytes.size();
    into.segment_bytes = each;
    ++pieces;
    const bool last = next.bytes.size() < each;
    arrived_.pop();
    if (last) return;
  }
}

Task<void> SimUdpSocket::send(port::Endpoint to, ByteView datagram) {
  co_return send_one({.to = to, .bytes = datagram}, datagram);
}

Task<void> SimUdpSocket::send_batch(std::span<const port::OutgoingDatagrams> batch) {
  for (const port::OutgoingDatagrams& one : batch) {
    if (one.segment_bytes == 0) {
      KITH_CO_CHECK(send_one(one, one.bytes));
      continue;
    }
    if (one.bytes.size() > one.segment_bytes * port::udp_segments_max ||
        one.bytes.size() > port::udp_coalesced_bytes_max) {
      co_return std::unexpected(Error::from_errno(EMSGSIZE));
    }
    for (ByteView rest = one.bytes; !rest.empty();) {
      const ByteView datagram = rest.first(std::min(rest.size(), one.segment_bytes));
      KITH_CO_CHECK(send_one(one, datagram));
      rest = rest.subspan(datagram.size());
    }
  }
  co_return Result<void>{};
}

Result<void> SimUdpSocket::send_one(const port::OutgoingDatagrams& one, ByteView datagram) {
  const port::Endpoint& to = one.to;
  if (failure_) return std::unexpected(*failure_);
  if (closed_) return std::unexpected(Errc::closed);
  if (datagram.size() > datagram_bytes_max) return std::unexpected(Error::from_errno(EMSGSIZE));
  if (to.address.is_multicast()) {
    send_to_group(to, datagram);
    return {};
  }
  std::optional<port::Endpoint> asked;
  // A socket bound to a group receives by it and sends from the machine's address.
  bool from_address = !local_.address.is_unspecified() && !local_.address.is_multicast();
  if (from_address) asked = local_;
  KITH_TRY(port::Endpoint from, host_.local_for(to, asked));
  from.port = local_.port;
  Network& network = host_.network();
  Host* target = host_.owns(to.address) ? &host_ : network.host_of(to.address);
  if (target == nullptr) return {};
  // Between segments stands a router, which passes nothing on whose last hop it is.
  if (one.hops && *one.hops <= 1 && target->segment() != host_.segment()) return {};
  network.send_datagram(network.link(host_.node(), target->node()), *target, from, to, datagram,
                        one.ecn);
  return {};
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
                          datagram, port::Ecn::not_capable);
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

void SimUdpSocket::arrive(port::Endpoint from, ByteView bytes, port::Ecn ecn) {
  if (arrived_.size() >= host_.network().options().datagrams_max) return;
  arrived_.push({from, Buffer::copy_of(bytes), ecn});
  readable_.notify_one();
}

}  // namespace kith::sim
