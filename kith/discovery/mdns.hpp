// Mdns: finds libp2p peers on the local networks by multicast DNS and lets them find us
// (mdns_service.hpp has the protocol). A socket for each interface and family of IP, bound to the
// group, so that unicast to port 5353 stays with the system's own responder.
//
// Interfaces are those that are up and can multicast; loopback if there is no other, or if asked
// for. They are looked at when the system says that they changed, and every
// mdns_interface_poll_interval: what comes is used, what goes is left. Nothing is opened or sent
// before start(), and nothing after close_shielded(), which says goodbye. Sockets that fail are
// opened again at the next look; errors only show in the log.
//
// Ownership: owns its tasks and sockets; close_shielded() must have returned before it dies. The
// callbacks are called on the loop, inside its own step: they must not block nor close it. Loop
// thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include <kith/discovery/mdns_service.hpp>
#include <kith/port/env.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>

namespace kith::discovery {

struct MdnsOptions {
  /// Loopback beside the other interfaces.
  bool loopback = false;
};

class Mdns {
 public:
  /// Where we listen now, best first. An unspecified address stands for all addresses of each
  /// interface, link-local ones too: here they mean something.
  using Addresses = std::function<std::vector<multiformats::Multiaddr>()>;
  using Found = std::function<void(FoundPeer)>;

  Mdns(port::Env& env, multiformats::PeerId self, Addresses addresses, Found found,
       MdnsOptions options = {});
  ~Mdns();
  Mdns(const Mdns&) = delete;
  Mdns& operator=(const Mdns&) = delete;

  void start();
  Task<void> close_shielded();

  const MdnsService& service() const noexcept { return service_; }

 private:
  struct Socket {
    std::unique_ptr<port::UdpSocket> udp;
  };
  Task<void> run();
  Task<void> watch_loop();
  Task<void> receive_loop(MdnsLinkId id, std::shared_ptr<Socket> socket);
  Task<void> send_all();
  void look_at_interfaces();
  std::map<MdnsLinkId, MdnsLink> wanted_links();
  Result<std::shared_ptr<Socket>> open(MdnsLinkId id);
  void close_link(MdnsLinkId id);

  port::Env& env_;
  port::Logger log_;
  Addresses addresses_;
  Found found_;
  MdnsOptions options_;
  MdnsService service_;
  std::map<MdnsLinkId, std::shared_ptr<Socket>> sockets_;
  /// Links that couldn't be opened, so that each is logged once.
  std::set<MdnsLinkId> failed_;
  Instant next_look_{};
  port::Event wake_;
  port::TaskGroup tasks_;
};

}  // namespace kith::discovery
