// A progress bar on a terminal: bytes, rate, time left, peers. Drawn at most ten times a second, on
// one line that it overwrites.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <kith/api/command.hpp>

namespace kith::api {

class ProgressBar {
 public:
  ProgressBar(const RenderContext& context, bool shown)
      : clock_(context.env.clock),
        terminal_(context.terminal),
        shown_(shown),
        begun_(clock_.now()),
        drawn_(begun_) {}

  void set_total(std::uint64_t bytes) { total_ = bytes; }
  /// `what` is at work now: a file's name, as it is.
  void set_done(std::uint64_t bytes, std::string_view what = {});
  void set_peers(std::size_t peers) { peers_ = peers; }
  void add(std::uint64_t bytes) { set_done(done_ + bytes); }
  /// Takes the bar away, for a line of text; it comes back with the next change.
  void clear();
  /// Leaves the last state on the screen; if all went well, everything is done.
  void finish(bool ok);

 private:
  void draw();

  port::Clock& clock_;
  Terminal& terminal_;
  bool shown_;
  Instant begun_;
  Instant drawn_;
  std::optional<std::uint64_t> total_;
  std::uint64_t done_ = 0;
  std::string what_;
  std::size_t peers_ = 0;
  bool on_screen_ = false;
};

}  // namespace kith::api
