// MappingGateway: a router that opens ports for us, by whichever protocol it speaks: PCP, NAT-PMP
// or UPnP (pcp.hpp, nat_pmp.hpp, igd.hpp).
//
// What a router says is a stranger's word: it is somebody's device on the local network. Answers
// count only if they come from the router that was asked, and lifetimes as far as limits.hpp goes.
// Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include <kith/net/nat/ip_transport.hpp>
#include <kith/port/env.hpp>

namespace kith::net {

struct PortRequest {
  IpTransport transport = IpTransport::tcp;
  std::uint16_t inside = 0;
  std::uint16_t outside = 0;  ///< what we would like
  std::uint32_t lifetime_s = 0;
};

struct PortGrant {
  port::Endpoint outside;
  std::uint32_t lifetime_s = 0;
};

class MappingGateway {
 public:
  struct Presence {
    bool restarted = false;                       ///< it has forgotten its mappings
    std::optional<port::IpAddress> outside = {};  ///< if it tells it apart from mappings
  };

  virtual ~MappingGateway() = default;
  /// "PCP", "NAT-PMP", "UPnP".
  virtual std::string_view protocol() const noexcept = 0;
  /// Whether it is there, or there still. Errc::timed_out if it says nothing.
  virtual Task<Presence> look() = 0;
  virtual Task<PortGrant> map(PortRequest wanted) = 0;
  /// Gives back what was mapped; an answer isn't waited for longer than `deadline`.
  virtual Task<void> unmap(PortRequest mapped, Instant deadline) = 0;
};

/// Whether a router has begun anew, by the seconds that it says it has been running (RFC 6887
/// section 8.5). Pure.
class GatewayEpoch {
 public:
  bool restarted(std::uint32_t seconds, Instant now) noexcept;

 private:
  struct Seen {
    std::uint32_t seconds;
    Instant at;
  };
  std::optional<Seen> last_;
};

/// Sends a datagram to the router's port 5351, again and again, until it answers; `tries` times.
/// Answers are those that `answers` says are. Errc::timed_out.
Task<Bytes> ask_gateway(port::Env& env, port::IpAddress router, Bytes request, int tries,
                        std::function<bool(ByteView)> answers);
/// One datagram, and no waiting.
Task<void> tell_gateway(port::Env& env, port::IpAddress router, Bytes request);

/// Our own address on the router's network.
std::optional<port::IpAddress> address_towards(port::Net& net, const port::IpAddress& router);

std::unique_ptr<MappingGateway> make_nat_pmp_gateway(port::Env& env, port::IpAddress router);
/// `nonce` stays the same for as long as the process runs: the router knows us by it.
std::unique_ptr<MappingGateway> make_pcp_gateway(port::Env& env, port::IpAddress router,
                                                 ByteView nonce);
std::unique_ptr<MappingGateway> make_upnp_gateway(port::Env& env, port::IpAddress router);

}  // namespace kith::net
