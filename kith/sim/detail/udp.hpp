// UDP: datagrams on their way, and the sockets they reach.
#pragma once

#include <set>

#include <kith/port/event.hpp>
#include <kith/port/net.hpp>
#include <kith/sim/detail/host.hpp>
#include <kith/sim/detail/queue.hpp>

namespace kith::sim {

/// Owned by Network::datagrams_ until it arrives or gets lost.
struct Datagram final : port::Timer {
  Datagram(Network& in, Link& over) : network(in), link(over) {}
  void on_fire() override;

  Network& network;
  Link& link;
  port::Endpoint from;
  port::Endpoint to;
  Buffer bytes;
  port::Ecn ecn = port::Ecn::not_capable;
  bool in_line = false;  ///< it has its turn in the receiver's line
};

class SimUdpSocket final : public port::UdpSocket {
 public:
  SimUdpSocket(Host& host, port::Endpoint local, bool coalesce);
  ~SimUdpSocket() override;

  Task<Received> receive(MutableBytes into, Instant deadline) override;
  Task<void> send(port::Endpoint to, ByteView datagram) override;
  Task<std::size_t> receive_batch(std::span<port::IncomingDatagrams> batch,
                                  Instant deadline) override;
  Task<void> send_batch(std::span<const port::OutgoingDatagrams> batch) override;
  Result<void> join_multicast(const port::IpAddress& group, std::uint32_t interface_index) override;
  Result<void> set_multicast(std::uint32_t interface_index, int ttl) override;
  port::Endpoint local_endpoint() const noexcept override { return local_; }
  void close() noexcept override;

  bool wants(const port::Endpoint& to) const noexcept;
  void arrive(port::Endpoint from, ByteView bytes, port::Ecn ecn);
  void die() noexcept;

 private:
  struct Arrived {
    port::Endpoint from;
    Buffer bytes;
    port::Ecn ecn;
  };
  Task<void> wait_readable(Instant deadline);
  void take(port::IncomingDatagrams& into);
  /// One of them, as it goes over the link.
  Result<void> send_one(const port::OutgoingDatagrams& one, ByteView datagram);
  void send_to_group(const port::Endpoint& group, ByteView datagram);

  Host& host_;
  port::Endpoint local_;
  bool coalesce_;
  bool closed_ = false;
  std::optional<Error> failure_;
  std::set<port::IpAddress> groups_;
  std::uint32_t multicast_interface_ = 0;
  int multicast_ttl_ = 1;
  Queue<Arrived> arrived_;
  port::Event readable_;
};

}  // namespace kith::sim
