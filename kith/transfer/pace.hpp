// Pace: how fast one source delivers, and so how much it should be asked for at a time.
//
// The window follows bandwidth x delay, by the two measurements of BBR (Cardwell and others, ACM
// Queue 2016): the best delivery rate of the last rounds, and the smallest latency. It starts
// small and grows by what arrives (so doubles each round trip) until the rate has stopped growing
// for three rounds; from then on it is twice the product, which keeps the pipe full while answers
// come in lumps, and follows a link that gets faster. As our own queue at the source hides a
// latency that has changed, every latency_min_age_max the window is the bare product for two
// rounds.
//
// patience() is how long silence is normal, by the source's own latencies (as RFC 6298 has it). It
// doubles with each stall until something comes.
//
// Pure; time comes in with each call and never goes back.
#pragma once

#include <array>
#include <optional>

#include <kith/base/time.hpp>
#include <kith/transfer/limits.hpp>

namespace kith::transfer {

class Pace {
 public:
  /// What is remembered with a unit under way.
  struct Sent {
    Instant at{};
    Instant delivered_at{};       ///< when the source delivered last before, or `at` if it was idle
    std::uint64_t delivered = 0;  ///< bytes it had delivered by then
    bool limited = false;         ///< the window, not a lack of wishes, held back what follows
    bool draining = false;
  };

  /// A unit is asked for, while `in_flight_bytes` are under way besides it.
  Sent sent(std::uint64_t in_flight_bytes, std::uint64_t unit_bytes, Instant now);
  void received(const Sent& sent, std::uint64_t bytes, Instant now);
  /// The source was silent for longer than patience().
  void stalled();
  /// Another source brought the unit, while this one was late with it. What it would have taken
  /// stays unknown; each time it is believed to be twice as slow, until it delivers. The belief
  /// fades.
  void beaten(const Sent& sent, Instant now);
  void relax(Instant now);
  /// Whether expected() rests on anything.
  bool known() const noexcept { return measured() || beaten_latency_ > Duration(0); }
  /// It works again; what it delivers now says nothing about its latency.
  void revived() noexcept { backoff_ = 0; }

  std::uint64_t window_bytes(std::uint64_t unit_bytes) const noexcept;
  /// 0 until something has come.
  double bytes_per_second() const noexcept { return rate_; }
  bool measured() const noexcept { return samples_ != 0; }
  Duration latency_min() const noexcept { return measured() ? latency_min_ : latency_guess; }
  Duration latency_smoothed() const noexcept { return measured() ? smoothed_ : latency_guess; }
  Duration patience() const noexcept;
  /// How long a unit asked for now would take, behind `bytes_ahead` that are under way.
  Duration expected(std::uint64_t bytes_ahead) const noexcept;
  bool starting() const noexcept { return starting_; }

 private:
  std::uint64_t product_bytes() const noexcept;
  void measure_latency(const Sent& sent, Instant now);
  void end_round();

  std::uint64_t delivered_ = 0;
  Instant delivered_at_{};
  std::uint64_t next_round_at_ = 0;  ///< the round ends when what was sent after this has come
  std::uint64_t round_ = 0;
  bool round_limited_ = false;

  std::array<double, rate_rounds> rates_{};  ///< the best of each round, by round
  double rate_ = 0;
  double full_rate_ = 0;
  int rounds_without_growth_ = 0;

  bool starting_ = true;
  std::uint64_t start_window_ = window_bytes_initial;

  std::uint64_t samples_ = 0;
  Duration latency_min_{0};
  Instant latency_min_at_{};
  Duration smoothed_{0};
  Duration deviation_{0};
  int backoff_ = 0;
  Duration beaten_latency_{0};
  Instant beaten_at_{};

  bool draining_ = false;
  std::uint64_t drain_end_round_ = 0;
  std::optional<Duration> drained_latency_;
};

}  // namespace kith::transfer
