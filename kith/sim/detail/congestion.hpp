// Congestion: how much one TCP stream may have on the way, after RFC 5681 and 6928: slow start from
// ten packets, then one packet more a round trip, half after a lost packet, one packet after a
// timeout, and the start anew after a pause. Acknowledgements count bytes. One cut a round trip.
//
// Not modelled: reordering, selective acknowledgements, pacing, CUBIC's growth. Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <kith/base/time.hpp>

namespace kith::sim {

/// What a packet carries; the least that is sent while more waits.
inline constexpr std::size_t packet_bytes = 1460;
inline constexpr Duration retransmission_timeout_min = 200ms;

class Congestion {
 public:
  /// What the receiver's answer to a segment tells of its way.
  enum class Signal : std::uint8_t {
    none,
    slow_down,  ///< a packet was lost and sent again at once, or a queue was full
    timed_out,  ///< a packet was lost with too little behind it to notice
  };

  static Duration timeout(Duration round_trip) noexcept {
    return std::max(retransmission_timeout_min, 2 * round_trip);
  }

  /// Bytes that may be sent now. A window is filled in a few large steps rather than many small
  /// ones.
  std::size_t room(Instant now, Duration round_trip) noexcept {
    if (flight_ == 0 && now - sent_at_ > timeout(round_trip)) window_ = std::min(window_, start);
    const std::size_t left = window_ > flight_ ? window_ - flight_ : 0;
    return left < std::max(packet_bytes, window_ / 8) ? 0 : left;
  }
  void sent(std::size_t bytes, Instant now) noexcept {
    flight_ += bytes;
    sent_at_ = now;
  }
  std::size_t flight() const noexcept { return flight_; }
  std::size_t window() const noexcept { return window_; }

  void acknowledged(std::size_t bytes, Signal signal, Instant now, Duration round_trip) noexcept {
    const bool was_full = flight_ + packet_bytes > window_ - window_ / 8;
    flight_ -= bytes;
    if (signal != Signal::none) {
      if (now < cut_again_at_) return;
      cut_again_at_ = now + round_trip;
      threshold_ = std::max(window_ / 2, 2 * packet_bytes);
      window_ = signal == Signal::timed_out ? packet_bytes : threshold_;
    } else if (was_full && window_ < threshold_) {
      window_ += bytes;
    } else if (was_full) {
      window_ += std::max<std::size_t>(1, packet_bytes * bytes / window_);
    }
  }

 private:
  static constexpr std::size_t start = 10 * packet_bytes;

  std::size_t window_ = start;
  std::size_t threshold_ = SIZE_MAX;
  std::size_t flight_ = 0;
  Instant sent_at_{};
  Instant cut_again_at_{};
};

}  // namespace kith::sim
