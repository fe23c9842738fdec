// provide stat, provide clear; routing reprovide. Values are Kubo's, of its sweeping provider.
#include <algorithm>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/sentence.hpp>
#include <kith/api/detail/text.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/base/duration.hpp>
#include <kith/node/node.hpp>

namespace kith::api {
namespace {

/// The options that ask for a section each.
constexpr std::string_view sections[] = {"connectivity", "network",    "schedule", "timings",
                                         "workers",      "operations", "queues"};
/// Fewer free workers than these are worth a word (Kubo has the same number).
constexpr std::int64_t workers_few = 2;
/// What Go writes for no time at all.
constexpr std::string_view no_time = "0001-01-01T00:00:00Z";

Result<dht::DualDht*> dhts_of(Context& context) {
  dht::DualDht* both = context.node->dht();
  if (both == nullptr) {
    return std::unexpected(say("this node takes part in no DHT: Routing.Type is \"none\""));
  }
  if (!context.node->settings().providing.enabled) {
    return std::unexpected(say("nothing is provided: Provide.Enabled is false"));
  }
  return both;
}

// provide stat

json::object schedule_value(const dht::ProvideStats& stats) {
  json::object value;
  value["keys"] = stats.keys;
  value["regions"] = stats.regions;
  value["avg_prefix_length"] = static_cast<double>(stats.region_bits);
  value["next_reprovide_at"] = stats.next ? rfc3339(stats.next->at) : std::string(no_time);
  std::string prefix;
  for (std::size_t bit = 0; stats.next && bit < stats.region_bits; ++bit)
    prefix += (stats.next->place.leading_bits() >> (63 - bit)) % 2 == 1 ? '1' : '0';
  value["next_reprovide_prefix"] = prefix;
  return value;
}

json::object workers_value(const dht::ProvideStats& stats, const node::ProvideSettings& settings) {
  // The sweep is one of its own, the others tell of what is new.
  json::object value;
  value["max"] = settings.workers + 1;
  value["active"] = stats.telling + (stats.sweeps ? 1 : 0);
  value["active_periodic"] = stats.sweeps ? 1 : 0;
  value["active_burst"] = stats.telling;
  value["dedicated_periodic"] = 1;
  value["dedicated_burst"] = settings.workers;
  value["queued_periodic"] = 0;
  value["queued_burst"] = 0;
  value["max_provide_conns_per_worker"] = settings.peers_at_once;
  return value;
}

json::object timing_value(const dht::ProvideStats& stats, WallTime now) {
  json::object value;
  const Duration into =
      stats.interval > Duration{0} ? now.time_since_epoch() % stats.interval : Duration{0};
  value["uptime"] = (now - stats.started).count();
  value["reprovides_interval"] = stats.interval.count();
  value["cycle_start"] = rfc3339(now - into);
  value["current_time_offset"] = into.count();
  value["max_reprovide_delay"] = (stats.interval / 2).count();
  return value;
}

double a_minute(std::uint64_t count, Duration time) {
  return time > Duration{0} ? static_cast<double>(count) * (Duration(1min) / Duration(1ms)) /
                                  std::max(1.0, static_cast<double>(time / 1ms))
                            : 0;
}

double ratio(std::size_t count, std::size_t of) {
  return of > 0 ? static_cast<double>(count) / static_cast<double>(of) : 0;
}

json::object operations_value(const dht::ProvideStats& stats, const dht::DhtStats& totals) {
  json::object ongoing;
  ongoing["region_provides"] = stats.telling;
  ongoing["key_provides"] = stats.telling;
  ongoing["region_reprovides"] = stats.sweeps ? 1 : 0;
  ongoing["key_reprovides"] = stats.sweeping;
  json::object past;
  past["records_provided"] = totals.records_told;
  past["keys_provided"] = totals.keys_told;
  past["keys_failed"] = totals.keys_untold;
  past["keys_provided_per_minute"] = a_minute(stats.told_alone, stats.told_alone_time);
  past["keys_reprovided_per_minute"] = a_minute(stats.swept_keys, stats.swept_time);
  const auto regions = static_cast<Duration::rep>(std::max<std::size_t>(stats.swept_regions, 1));
  past["reprovide_duration"] = (stats.swept_time / regions).count();
  past["avg_keys_per_reprovide"] = ratio(stats.swept_keys, stats.swept_regions);
  past["regions_reprovided_last_cycle"] = stats.swept_regions;
  return {{"ongoing", std::move(ongoing)}, {"past", std::move(past)}};
}

json::object network_value(const dht::ProvideStats& stats) {
  json::object value;
  value["peers"] = stats.swept_peers;
  value["reachable"] = stats.swept_reached;
  value["complete_keyspace_coverage"] = stats.swept_share >= 1;
  value["avg_region_size"] = ratio(stats.swept_peers, stats.swept_regions);
  value["avg_holders"] = ratio(stats.swept_records, stats.swept_keys);
  value["replication_factor"] = dht::bucket_size;
  return value;
}

json::object stats_value(const dht::Dht& dht, const node::ProvideSettings& settings, WallTime now) {
  const dht::ProvideStats stats = dht.provide_stats();
  const std::string_view status = stats.online        ? "online"
                                  : stats.ever_online ? "disconnected"
                                                      : "offline";
  json::object value;
  value["closed"] = false;
  value["connectivity"] =
      json::object({{"status", status}, {"since", rfc3339(stats.online_since)}});
  value["queues"] = json::object({{"pending_key_provides", stats.due.untold},
                                  {"pending_region_provides", stats.due.untold_regions},
                                  {"pending_region_reprovides", stats.due.told_regions}});
  value["schedule"] = schedule_value(stats);
  value["workers"] = workers_value(stats, settings);
  value["timing"] = timing_value(stats, now);
  value["operations"] = operations_value(stats, dht.stats());
  value["network"] = network_value(stats);
  return value;
}

Task<void> run_stat(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(dht::DualDht * both, dhts_of(context));
  const dht::Dht& dht = request.flag("lan") ? both->local() : both->wide();
  json::object value;
  value["Sweep"] = stats_value(dht, context.node->settings().providing, context.env.wall.now());
  value["Legacy"] = nullptr;
  value["FullRT"] = false;
  co_return co_await output.value(std::move(value));
}

/// What is shown, line by line; "label: text".
class Report {
 public:
  explicit Report(const Request& request) : request_(request) {
    all_ = request.flag("all");
    std::size_t asked = all_ ? 1 : 0;
    for (std::string_view section : sections)
      asked += request.flag(section) ? 1 : 0;
    brief_ = asked == 0;
    titles_ = asked > 1 || all_;
  }

  bool brief() const noexcept { return brief_; }
  /// Whether it is asked for; `in_brief`: also if nothing is.
  bool wants(std::string_view section, bool in_brief) const {
    return all_ || request_.flag(section) || (brief_ && in_brief);
  }
  void begin(std::string_view title, std::size_t column) {
    column_ = column;
    if (brief_) return;
    if (!columns_[column].empty() || (!side_by_side() && !columns_[0].empty())) add_line("");
    if (titles_) add_line(fmt::format("{}:", title));
  }
  void line(std::string_view label, std::string text) {
    add_line(fmt::format("{}{:<27}{}", titles_ ? "  " : "", fmt::format("{}:", label), text));
  }
  std::string text() const {
    std::string out;
    if (!side_by_side()) {
      for (const std::string& one : columns_[0])
        out += one + "\n";
      return out;
    }
    std::size_t width = 0;
    for (const std::string& one : columns_[0])
      width = std::max(width, one.size());
    for (std::size_t i = 0; i < std::max(columns_[0].size(), columns_[1].size()); ++i) {
      const std::string left = i < columns_[0].size() ? columns_[0][i] : "";
      const std::string right = i < columns_[1].size() ? columns_[1][i] : "";
      out += right.empty() ? left + "\n" : fmt::format("{:<{}}  {}\n", left, width, right);
    }
    return out;
  }

 private:
  bool side_by_side() const { return all_ && request_.flag("compact"); }
  void add_line(std::string one) {
    columns_[side_by_side() ? column_ : 0].push_back(std::move(one));
  }

  const Request& request_;
  bool all_ = false;
  bool brief_ = false;
  bool titles_ = false;
  std::size_t column_ = 0;
  std::vector<std::string> columns_[2];
};

std::string or_none(std::int64_t number) {
  return number > 0 ? fmt::format("{}", number) : "N/A";
}

std::string or_none(double number) {
  return number > 0 ? fmt::format("{:.1f}", number) : "N/A";
}

std::string time_or_none(const json::value& of, std::string_view key) {
  const std::string text = printable(text_of(of, key));
  return text.empty() || text == no_time ? "N/A" : text;
}

std::string duration_text(const json::value& of, std::string_view key) {
  const std::int64_t nanoseconds = number_of(of, key);
  return nanoseconds > 0 ? format_duration(Duration(nanoseconds)) : "N/A";
}

void show_left(Report& report, const json::value& stats) {
  const json::value& schedule = member(stats, "schedule");
  if (report.wants("schedule", true)) {
    report.begin("Schedule", 0);
    report.line("CIDs scheduled", fmt::format("{}", number_of(schedule, "keys")));
    report.line("Regions scheduled", or_none(number_of(schedule, "regions")));
  }
  if (report.wants("schedule", false)) {
    const std::string prefix = printable(text_of(schedule, "next_reprovide_prefix"));
    report.line("Avg prefix length", or_none(real_of(schedule, "avg_prefix_length")));
    report.line("Next region prefix", prefix.empty() ? "N/A" : prefix);
    report.line("Next region reprovide", time_or_none(schedule, "next_reprovide_at"));
  }
  const json::value& network = member(stats, "network");
  if (report.wants("network", true)) {
    report.begin("Network", 0);
    report.line("Avg record holders", or_none(real_of(network, "avg_holders")));
  }
  if (report.wants("network", false)) {
    const std::int64_t peers = number_of(network, "peers");
    const std::int64_t reachable = number_of(network, "reachable");
    report.line("Peers swept", fmt::format("{}", peers));
    report.line("Full keyspace coverage",
                fmt::format("{}", flag_of(network, "complete_keyspace_coverage")));
    report.line("Reachable peers", peers > 0 ? fmt::format("{} ({:.0f}%)", reachable,
                                                           100.0 * static_cast<double>(reachable) /
                                                               static_cast<double>(peers))
                                             : fmt::format("{}", reachable));
    report.line("Avg region size", or_none(real_of(network, "avg_region_size")));
    report.line("Replication factor", fmt::format("{}", number_of(network, "replication_factor")));
  }
}

void show_workers(Report& report, const json::value& stats) {
  const json::value& workers = member(stats, "workers");
  auto free = [&workers](std::string_view kind) {
    return std::max<std::int64_t>(0, number_of(workers, fmt::format("dedicated_{}", kind)) -
                                         number_of(workers, fmt::format("active_{}", kind)));
  };
  // In brief only where they are few.
  if (!report.wants("workers", free("burst") <= workers_few)) return;
  report.begin("Workers", 0);
  report.line("Active workers", fmt::format("{} / {} (max)", number_of(workers, "active"),
                                            number_of(workers, "max")));
  for (std::string_view kind : {"periodic", "burst"}) {
    report.line(kind == "burst" ? "Burst workers" : "Periodic workers",
                fmt::format("{} active, {} available, {} queued",
                            number_of(workers, fmt::format("active_{}", kind)), free(kind),
                            number_of(workers, fmt::format("queued_{}", kind))));
  }
  if (report.wants("workers", false)) {
    report.line("Max connections/worker",
                fmt::format("{}", number_of(workers, "max_provide_conns_per_worker")));
  }
}

void show_operations(Report& report, const json::value& stats) {
  if (!report.wants("operations", true)) return;
  const json::value& ongoing = member(member(stats, "operations"), "ongoing");
  const json::value& past = member(member(stats, "operations"), "past");
  report.begin("Operations", 1);
  report.line("Ongoing provides",
              fmt::format("{} CIDs, {} regions", number_of(ongoing, "key_provides"),
                          number_of(ongoing, "region_provides")));
  report.line("Ongoing reprovides",
              fmt::format("{} CIDs, {} regions", number_of(ongoing, "key_reprovides"),
                          number_of(ongoing, "region_reprovides")));
  report.line("Total CIDs provided", fmt::format("{}", number_of(past, "keys_provided")));
  if (!report.wants("operations", false)) return;
  report.line("Total records provided", fmt::format("{}", number_of(past, "records_provided")));
  report.line("Total provide errors", fmt::format("{}", number_of(past, "keys_failed")));
  report.line("CIDs provided/min/worker", or_none(real_of(past, "keys_provided_per_minute")));
  report.line("CIDs reprovided/min/worker", or_none(real_of(past, "keys_reprovided_per_minute")));
  report.line("Region reprovide duration", duration_text(past, "reprovide_duration"));
  report.line("Avg CIDs/reprovide", or_none(real_of(past, "avg_keys_per_reprovide")));
  report.line("Regions (last cycle)",
              fmt::format("{}", number_of(past, "regions_reprovided_last_cycle")));
}

void show_right(Report& report, const json::value& stats) {
  const json::value& connectivity = member(stats, "connectivity");
  const std::string status = printable(text_of(connectivity, "status"));
  if (report.wants("connectivity", status != "online")) {
    report.begin("Connectivity", 1);
    report.line("Status", fmt::format("{} ({})", status, time_or_none(connectivity, "since")));
  }
  const json::value& queues = member(stats, "queues");
  if (report.wants("queues", true)) {
    report.begin("Queues", 1);
    report.line("Provide queue",
                fmt::format("{} CIDs, {} regions", number_of(queues, "pending_key_provides"),
                            number_of(queues, "pending_region_provides")));
    report.line("Reprovide queue",
                fmt::format("{} regions", number_of(queues, "pending_region_reprovides")));
  }
  const json::value& timing = member(stats, "timing");
  if (report.wants("timings", false)) {
    report.begin("Timings", 1);
    report.line("Uptime", duration_text(timing, "uptime"));
    report.line("Current time offset", duration_text(timing, "current_time_offset"));
    report.line("Cycle started", time_or_none(timing, "cycle_start"));
    report.line("Reprovide interval", duration_text(timing, "reprovides_interval"));
  }
}

/// What a person can do about what is shown; empty if all is well.
std::string advice(const json::value& stats, std::string_view program) {
  if (text_of(member(stats, "connectivity"), "status") != "online") {
    return fmt::format(
        "Nobody can be told: connect to somebody with `{0} swarm connect <address>`,\n"
        "or see what is wrong with `{0} doctor`.\n",
        program);
  }
  const json::value& past = member(member(stats, "operations"), "past");
  const std::int64_t failed = number_of(past, "keys_failed");
  if (failed > 0 && failed >= number_of(past, "keys_provided") / 10) {
    return fmt::format(
        "Of {} CIDs nobody could be told, and each is tried again: `{} doctor` looks for a "
        "reason.\n",
        failed, program);
  }
  const std::int64_t late = number_of(member(stats, "queues"), "pending_region_reprovides");
  if (late > 1 && 4 * late > number_of(member(stats, "schedule"), "regions")) {
    return fmt::format(
        "{} regions are late. That is so after a pause and after `{} routing reprovide`; if it\n"
        "stays so, let more peers be told at once (Provide.DHT.MaxProvideConnsPerWorker).\n",
        late, program);
  }
  return {};
}

Result<void> show_stat(const json::value& value, const RenderContext& context) {
  const json::value& stats = member(value, "Sweep");
  if (!stats.is_object()) return std::unexpected(say("no provide stats available"));
  if (flag_of(stats, "closed")) return context.terminal.out("Provider is closed\n");
  if (context.request.flag("compact") && !context.request.flag("all")) {
    return std::unexpected(Error(Errc::invalid_argument, "--compact requires --all flag"));
  }
  Report report(context.request);
  show_right(report, stats);
  show_left(report, stats);
  show_operations(report, stats);
  show_workers(report, stats);
  std::string out = report.text();
  const std::string what_to_do = advice(stats, context.program);
  if (!what_to_do.empty()) out += "\n" + what_to_do;
  return context.terminal.out(out);
}

// provide clear

Task<void> run_clear(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(dht::DualDht * both, dhts_of(context));
  // What is provided is to be told in both.
  const std::size_t wide = both->wide().provided().clear_untold();
  const std::size_t local = both->local().provided().clear_untold();
  if (request.flag("quiet")) co_return Result<void>{};
  co_return co_await output.value(std::max(wide, local));
}

Result<void> show_cleared(const json::value& value, const RenderContext& context) {
  boost::system::error_code failure;
  const auto removed = value.to_number<std::int64_t>(failure);
  if (context.request.flag("quiet") || failure) return {};
  return context.terminal.out(fmt::format("removed {} items from provide queue\n", removed));
}

// routing reprovide

Task<void> run_reprovide(Context& context, const Request&, Output&) {
  const node::ProvideSettings& settings = context.node->settings().providing;
  if (!settings.enabled) {
    co_return std::unexpected(say("invalid configuration: Provide.Enabled is set to 'false'"));
  }
  if (settings.interval == Duration{0}) {
    co_return std::unexpected(say("invalid configuration: Provide.DHT.Interval is set to '0'"));
  }
  KITH_CO_TRY(dht::DualDht * both, dhts_of(context));
  KITH_CO_CHECK(co_await both->wide().tell_all_again());
  co_return co_await both->local().tell_all_again();
}

}  // namespace

void add_provide_commands(CommandTable& table) {
  using enum OptionKind;
  table.describe_group("provide", "See how the DHTs are told of what is here.");
  table.add(
      {.path = "provide stat",
       .tagline = "Show how providing goes.",
       .description =
           "Records that say who has some content end after 48 hours, so the DHT is told again of "
           "all "
           "that this node provides: of the keyspace's regions one after the other, each once in "
           "Provide.DHT.Interval. Without an option: what waits, how many peers hold a record, and "
           "what to do if something is wrong.",
       .options = {{"lan", 0, flag, "Of the local DHT, not of the wide one.", ""},
                   {"all", 'a', flag, "All there is.", ""},
                   {"compact", 0, flag, "In two columns, with --all.", ""},
                   {"connectivity", 0, flag, "Whether there is somebody to be told.", ""},
                   {"network", 0, flag, "Peers that were told, and how many hold a record.", ""},
                   {"schedule", 0, flag, "What is provided, and what comes next.", ""},
                   {"timings", 0, flag, "The interval, and where in it we are.", ""},
                   {"workers", 0, flag, "How much is told of at once.", ""},
                   {"operations", 0, flag, "What is being told of, and what was.", ""},
                   {"queues", 0, flag, "What waits.", ""}},
       .examples = {{"provide stat --all --compact", "Everything, for a terminal."}},
       .where = Where::network,
       .run = run_stat,
       .renderer = [](const RenderContext& context) { return text_renderer(context, show_stat); }});
  table.add({.path = "provide clear",
             .tagline = "Forget what waits to be told of for the first time.",
             .description = "What peers have been told of before is still told of when it is due.",
             .options = {{"quiet", 'q', flag, "Say nothing.", ""}},
             .where = Where::network,
             .run = run_clear,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_cleared);
             }});
  table.add({.path = "routing reprovide",
             .tagline = "Tell the DHTs again of all that is provided, as soon as can be.",
             .description = "It goes on in the background: `provide stat` shows how far it is.",
             .where = Where::network,
             .run = run_reprovide});
}

}  // namespace kith::api
