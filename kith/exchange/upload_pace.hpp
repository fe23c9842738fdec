// UploadPace: how much is handed to our line at a time, for all peers together.
//
// What a line can't carry at once it carries slowly to everybody: two hundred peers that are served
// at the same time all wait until nearly the end, and none of them has anything to pass on before.
// So no more peers are served at a time than keep the line busy. How many these are shows in what
// drains: the window grows while more of it makes more drain (slow peers on a fast line), and is
// tried smaller and larger by turns once it doesn't.
//
//          drained more             as much with less
//   growing -----------> growing     lowering ------> lowering
//      | as much              ^         | less
//      v   (one step back)    |         v   (one step back)
//   resting ------------------+------ resting      after rest_min, the other way than before
//
// An epoch ends when the window has been drained once, or should have been twice, and not before
// epoch_min. Only epochs in
// which the window held something back count, and of these not the first one after a step. Pure;
// time comes in with each call.
#pragma once

#include <cstdint>
#include <optional>

#include <kith/base/time.hpp>
#include <kith/exchange/limits.hpp>

namespace kith::exchange {

class UploadPace {
 public:
  /// What may be handed out and not be sent.
  std::uint64_t window_bytes() const noexcept { return window_; }
  /// Somebody waits who would have been served with a larger window.
  void limited() noexcept { limited_ = true; }
  /// `idle`: nothing is left that is handed out or waits for it.
  void sent(std::uint64_t bytes, bool idle, Instant now) noexcept;

 private:
  enum class State : std::uint8_t { growing, lowering, resting };
  void end_epoch(double rate, Instant now) noexcept;
  void step(State state) noexcept;

  std::uint64_t window_ = upload_window_bytes_min;
  State state_ = State::growing;
  State next_try_ = State::lowering;
  Instant rests_since_{};
  double rate_ = 0;  ///< of the last epoch that was no failed try
  std::optional<Instant> begun_;
  std::uint64_t drained_ = 0;
  bool limited_ = false;
  bool settling_ = false;
};

}  // namespace kith::exchange
