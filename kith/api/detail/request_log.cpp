#include <algorithm>

#include <boost/json.hpp>

#include <kith/api/detail/request_log.hpp>
#include <kith/api/detail/text.hpp>
#include <kith/api/detail/values.hpp>

namespace kith::api {
namespace {

/// Takes the text's bytes off what is left, and shortens it if there are too few.
std::string within(std::string_view text, std::size_t& left) {
  const std::string_view kept = text.substr(0, left);
  left -= kept.size();
  return valid_utf8(kept);
}

}  // namespace

std::uint64_t RequestLog::begin(std::string_view command, const std::vector<std::string>& arguments,
                                const Options& options, WallTime now) {
  forget_old(now);
  Entry entry;
  entry.command = command;
  std::ranges::replace(entry.command, ' ', '/');
  entry.started = now;
  std::size_t left = request_text_bytes_max;
  for (const std::string& argument : arguments) {
    if (left == 0) break;
    entry.arguments.push_back(within(argument, left));
  }
  for (const auto& [name, value] : options) {
    if (left == 0) break;
    const std::string kept = within(name, left);
    entry.options[kept] = within(value, left);
  }
  entries_.emplace(next_, std::move(entry));
  return next_++;
}

void RequestLog::end(std::uint64_t number, WallTime now) {
  auto found = entries_.find(number);
  if (found == entries_.end()) return;
  found->second.active = false;
  found->second.ended = now;
  ++ended_;
  forget_old(now);
}

void RequestLog::clear_ended() {
  std::erase_if(entries_, [](const auto& entry) { return !entry.second.active; });
  ended_ = 0;
}

void RequestLog::set_keep_time(Duration keep, WallTime now) {
  keep_ = keep;
  forget_old(now);
}

void RequestLog::forget_old(WallTime now) {
  for (auto at = entries_.begin(); at != entries_.end();) {
    const Entry& entry = at->second;
    const bool goes = !entry.active && (entry.ended + keep_ <= now || ended_ > ended_requests_max);
    if (goes) --ended_;
    at = goes ? entries_.erase(at) : std::next(at);
  }
}

boost::json::array RequestLog::report(WallTime now) {
  forget_old(now);
  json::array all;
  for (const auto& [number, entry] : entries_) {
    json::object options;
    for (const auto& [name, value] : entry.options)
      options[name] = value;
    json::object value;
    value["StartTime"] = rfc3339(entry.started);
    value["EndTime"] = entry.active ? "0001-01-01T00:00:00Z" : rfc3339(entry.ended);
    value["Active"] = entry.active;
    value["Command"] = entry.command;
    value["Options"] = std::move(options);
    value["Args"] = json::array(entry.arguments.begin(), entry.arguments.end());
    value["ID"] = number;
    // Of the machine that runs it: the times above are of whole seconds.
    value["Seconds"] =
        std::chrono::duration<double>((entry.active ? now : entry.ended) - entry.started).count();
    all.push_back(std::move(value));
  }
  return all;
}

}  // namespace kith::api
