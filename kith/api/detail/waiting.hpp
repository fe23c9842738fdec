// From whom a command waits for blocks, and why nothing comes: read from the daemon's `stats
// transfers` while a command runs, told to the person who waits after a few seconds of silence.
#pragma once

#include <optional>
#include <string>

#include <boost/json/value.hpp>

#include <kith/base/time.hpp>

namespace kith::api {

inline constexpr Duration waiting_poll_interval = 1s;
/// So long nothing may come before it is said.
inline constexpr Duration waiting_silence = 3s;

class WaitingNotes {
 public:
  explicit WaitingNotes(Instant now) : changed_at_(now) {}

  /// Takes a transfer's state; returns a line to show if there is something new to say.
  std::optional<std::string> update(const boost::json::value& transfer, Instant now);
  /// Peers that blocks come from now.
  std::size_t peers() const noexcept { return peers_; }

 private:
  Instant changed_at_;
  std::int64_t blocks_ = -1;
  std::size_t peers_ = 0;
  std::string said_;  ///< the note that holds; empty if all is well
};

}  // namespace kith::api
