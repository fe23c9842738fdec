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

  /// One round trip on it. Errc::corrupt if other bytes come back. If the stream's connection ends
  /// while there is another with the peer (of two that crossed one goes), `stream` becomes one on
  /// that, and the round trip is made there.
  Task<Duration> round_trip(std::unique_ptr<Stream>& stream, Instant deadline);

 private:
  Task<Duration> round_trip_on(Stream& stream, Instant deadline);
  Task<void> serve(std::unique_ptr<Stream> stream);

  port::Env& env_;
  Swarm& swarm_;
};

}  // namespace kith::net
