// RequestLog: the commands that the RPC runs and has run lately, for `diag cmds`. Those that have
// ended are kept for a while (12 h, as Kubo does, unless told otherwise), the last
// ended_requests_max of them; arguments and options are kept as far as request_text_bytes_max goes.
// Pure. Loop thread only.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <boost/json/value.hpp>

#include <kith/base/time.hpp>

namespace kith::api {

inline constexpr std::size_t ended_requests_max = 1000;
inline constexpr std::size_t request_text_bytes_max = 1024;
inline constexpr Duration request_keep_time = 12h;

class RequestLog {
 public:
  using Options = std::multimap<std::string, std::string>;

  /// Returns the number by which end() knows it. `command` as in "swarm peers".
  std::uint64_t begin(std::string_view command, const std::vector<std::string>& arguments,
                      const Options& options, WallTime now);
  void end(std::uint64_t number, WallTime now);

  void clear_ended();
  void set_keep_time(Duration keep, WallTime now);
  std::size_t size() const noexcept { return entries_.size(); }

  /// Kubo's: [{StartTime, EndTime, Active, Command, Options, Args, ID}], the oldest first.
  boost::json::array report(WallTime now);

 private:
  struct Entry {
    std::string command;
    std::vector<std::string> arguments;
    std::map<std::string, std::string> options;
    WallTime started{};
    WallTime ended{};
    bool active = true;
  };
  void forget_old(WallTime now);

  std::map<std::uint64_t, Entry> entries_;
  std::uint64_t next_ = 0;
  std::size_t ended_ = 0;
  Duration keep_ = request_keep_time;
};

}  // namespace kith::api
