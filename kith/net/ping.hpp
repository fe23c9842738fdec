// Ping: is the peer there, and how far away (libp2p/specs ping/ping.md, /ipfs/ping/1.0.0): 32
// random bytes, sent back as they are, any number of times on one stream. Loop thread only.
#pragma once

#include <memory>
#include <string_view>

#include <kith/net/swarm.hpp>

namespace kith::net {

inline constexpr std::string_view ping_protocol = "/ipfs/ping/1.0.0";

class Ping {
 public:
  /// Serves pings from now on.
  Ping(port::Env& env, Swarm& swarm);

  /// A stream to ping on.
  Task<std::unique_ptr<Stream>> open(multiformats::PeerId peer, Instant deadline);

  /// One round trip on it. Errc::corrupt if other bytes come back.
  Task<Duration> round_trip(Stream& stream, Instant deadline);

 private:
  Task<void> serve(std::unique_ptr<Stream> stream);

  port::Env& env_;
  Swarm& swarm_;
};

}  // namespace kith::net
