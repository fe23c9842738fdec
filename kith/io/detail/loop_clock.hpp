// port::Clock on the event loop's steady timer. One alarm serves all of our timers.
#pragma once

#include <optional>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>

#include <kith/port/clock.hpp>

namespace kith::io::detail {

class LoopClock final : public port::Clock {
 public:
  explicit LoopClock(boost::asio::io_context& loop) : alarm_(loop.get_executor()) {}

  Instant now() const noexcept override;

 private:
  using Alarm =
      boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                        boost::asio::wait_traits<std::chrono::steady_clock>,
                                        boost::asio::io_context::executor_type>;

  void on_earliest_changed() override;

  Alarm alarm_;
  std::optional<Instant> rings_at_;
};

class SystemWallClock final : public port::WallClock {
 public:
  WallTime now() const noexcept override;
};

}  // namespace kith::io::detail
