// Bandwidth: how many bytes a second streams may carry, in all, with each peer and of each
// protocol.
//
// Counted is what protocols read and write, in each direction by itself; what encryption and muxing
// add to bulk is below 1 %. Under a limit streams take turns, each of a twentieth of a second's
// bytes; whoever has paused gets at most two of them at once. A writer waits before it writes. A
// reader that has had its share reads later, so that the muxer's window stays shut and the sender
// slows down: what the window had let in by then has come already.
// Without limits nothing stands in a stream's way. Loop thread only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <kith/base/time.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/net/stream.hpp>
#include <kith/port/clock.hpp>
#include <kith/port/stream.hpp>

namespace kith::net {

/// Bytes a second; 0 is no limit.
struct RateLimit {
  std::uint64_t up = 0;
  std::uint64_t down = 0;

  bool none() const noexcept { return up == 0 && down == 0; }
};

struct BandwidthLimits {
  RateLimit all{};
  RateLimit each_peer{};
  /// By protocol, or its first parts: "/ipfs/bitswap" is all versions of it together. The longest
  /// that fits counts.
  std::map<std::string, RateLimit> protocols{};

  bool none() const noexcept { return all.none() && each_peer.none() && protocols.empty(); }
};

/// Slower limits would let a message of a few KiB wait for minutes.
inline constexpr std::uint64_t bandwidth_least = 1024;
/// So many bytes pass at once, and no stream takes more at a time.
inline constexpr std::size_t bandwidth_turn_bytes_min = 1024;
inline constexpr std::size_t bandwidth_turn_bytes_max = 64 * 1024;
static_assert(bandwidth_turn_bytes_min <= bandwidth_least);

/// Hands out the time at which bytes may go. Pure.
class RateGate {
 public:
  /// `bytes_per_second` is at least 1.
  explicit RateGate(std::uint64_t bytes_per_second) noexcept;

  /// From when on `bytes` more may pass, for a caller that asks at `now`. Counted at once: callers
  /// go in the order in which they have asked.
  Instant take(std::size_t bytes, Instant now) noexcept;
  /// When that would be.
  Instant next(Instant now) const noexcept;
  /// What was taken doesn't pass after all; those behind it may go earlier, if they ask again.
  void give_back(std::size_t bytes) noexcept;
  /// What one caller should take at a time.
  std::size_t turn_bytes() const noexcept { return turn_bytes_; }

 private:
  Duration time_of(std::size_t bytes) const noexcept;

  std::uint64_t rate_;
  std::size_t turn_bytes_;
  Instant free_at_ = Instant::min();  ///< when all that was taken has passed
};

/// The gates that one direction of a stream goes through.
using RateGates = std::vector<std::shared_ptr<RateGate>>;

class Bandwidth {
 public:
  Bandwidth(port::Clock& clock, BandwidthLimits limits);

  /// The stream, held to what limits say of the peer and the protocol.
  std::unique_ptr<port::Stream> hold(std::unique_ptr<port::Stream> stream,
                                     const multiformats::PeerId& peer, const ProtocolId& protocol);
  /// The same for one who is no peer: each such stream has what one peer may have.
  std::unique_ptr<port::Stream> hold(std::unique_ptr<port::Stream> stream,
                                     const ProtocolId& protocol);
  /// The peer's last connection has gone.
  void forget(const multiformats::PeerId& peer) noexcept { peers_.erase(peer); }

 private:
  struct Gates {
    std::shared_ptr<RateGate> up;
    std::shared_ptr<RateGate> down;
  };
  static Gates gates_of(RateLimit limit);
  std::unique_ptr<port::Stream> hold(std::unique_ptr<port::Stream> stream,
                                     const ProtocolId& protocol, const Gates& own);
  const Gates* protocol_gates(const ProtocolId& protocol) const;

  port::Clock& clock_;
  RateLimit each_peer_;
  Gates all_;
  std::map<std::string, Gates, std::less<>> protocols_;
  std::unordered_map<multiformats::PeerId, Gates> peers_;
};

}  // namespace kith::net
