// diag sys, cmds, cmds clear, cmds set-time, healthy, as Kubo has them; doctor, which is ours.
#include <algorithm>
#include <charconv>
#include <map>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/commit.hpp>
#include <kith/api/detail/doctor.hpp>
#include <kith/api/detail/request_log.hpp>
#include <kith/api/detail/sentence.hpp>
#include <kith/api/detail/text.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/base/duration.hpp>
#include <kith/node/node.hpp>

namespace kith::api {
namespace {

// doctor

Task<void> run_doctor(Context& context, const Request&, Output& output) {
  KITH_CO_TRY(const Symptoms symptoms, co_await look_at(*context.node));
  std::size_t problems = 0;
  std::size_t warnings = 0;
  json::array checks;
  for (const Check& check : examine(symptoms)) {
    problems += check.state == CheckState::problem ? 1 : 0;
    warnings += check.state == CheckState::warning ? 1 : 0;
    checks.push_back({{"Name", check.name},
                      {"State", to_string(check.state)},
                      {"Text", check.text},
                      {"Advice", check.advice}});
  }
  json::object value;
  value["Checks"] = std::move(checks);
  value["Problems"] = problems;
  value["Warnings"] = warnings;
  KITH_CO_CHECK(co_await output.value(std::move(value)));
  if (problems == 0) co_return Result<void>{};
  co_return std::unexpected(
      say(fmt::format("{} problem{} found", problems, problems == 1 ? "" : "s")));
}

/// Words on lines of at most that many columns, all but the first indented.
std::string wrapped(std::string_view text, std::size_t columns, std::size_t indent) {
  std::string out;
  std::size_t at = indent;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    const std::size_t wide = columns_of(word);
    if (at > indent && at + 1 + wide > columns) {
      out += "\n" + std::string(indent, ' ');
      at = indent;
    } else if (at > indent) {
      out += ' ';
      ++at;
    }
    out += word;
    at += wide;
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return out + "\n";
}

Result<void> show_doctor(const json::value& value, const RenderContext& context) {
  constexpr std::size_t indent = 23;
  const auto columns = static_cast<std::size_t>(std::clamp(context.terminal.columns(), 60, 100));
  std::string out;
  for (const json::value& check : list_of(value, "Checks")) {
    const std::string state = printable(text_of(check, "State"));
    out += fmt::format("{:<8} {:<13} ", state, printable(text_of(check, "Name")));
    out += wrapped(printable(text_of(check, "Text")), columns, indent);
    const std::string advice = printable(text_of(check, "Advice"));
    if (!advice.empty()) out += std::string(indent, ' ') + wrapped("-> " + advice, columns, indent);
  }
  const std::int64_t problems = number_of(value, "Problems");
  const std::int64_t warnings = number_of(value, "Warnings");
  out += fmt::format("{} problem{}, {} warning{}\n", problems, problems == 1 ? "" : "s", warnings,
                     warnings == 1 ? "" : "s");
  return context.terminal.out(out);
}

// diag cmds

Task<void> run_cmds(Context& context, const Request&, Output& output) {
  json::array report;
  if (context.requests != nullptr) report = context.requests->report(context.env.wall.now());
  co_return co_await output.value(std::move(report));
}

Result<void> show_cmds(const json::value& value, const RenderContext& context) {
  if (!value.is_array()) return {};
  const bool verbose = context.request.flag("verbose");
  std::vector<std::vector<std::string>> rows;
  rows.push_back({"Command"});
  if (verbose) rows[0] = {"ID", "Command", "Arguments", "Options"};
  for (const char* name : {"Active", "StartTime", "RunTime"})
    rows[0].emplace_back(name);
  for (const json::value& one : value.as_array()) {
    std::vector<std::string> row = {printable(text_of(one, "Command"))};
    if (verbose) {
      std::string arguments;
      for (const json::value& argument : list_of(one, "Args"))
        arguments += (arguments.empty() ? "" : " ") + printable(text_of(argument));
      std::string options;
      if (const json::object* all = member(one, "Options").if_object()) {
        for (const auto& [name, option] : *all)
          options += printable(name) + "=" + printable(text_of(option)) + ",";
      }
      row = {std::to_string(number_of(one, "ID")), row[0], "[" + arguments + "]",
             "[" + options + "]"};
    }
    row.emplace_back(flag_of(one, "Active") ? "true" : "false");
    row.push_back(printable(text_of(one, "StartTime")));
    const double seconds = std::clamp(real_of(one, "Seconds"), 0.0, 1e9);
    row.push_back(
        format_duration(std::chrono::round<Duration>(std::chrono::duration<double>(seconds))));
    rows.push_back(std::move(row));
  }
  std::vector<std::size_t> widths(rows[0].size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], columns_of(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i)
      out += row[i] + std::string(widths[i] - columns_of(row[i]) + 2, ' ');
    out += row.back() + "\n";
  }
  return context.terminal.out(out);
}

Task<void> run_cmds_clear(Context& context, const Request&, Output&) {
  if (context.requests != nullptr) context.requests->clear_ended();
  co_return Result<void>{};
}

Task<void> run_cmds_set_time(Context& context, const Request& request, Output&) {
  KITH_CO_TRY(const Duration keep, parse_duration(request.argument(0)));
  if (context.requests != nullptr) context.requests->set_keep_time(keep, context.env.wall.now());
  co_return Result<void>{};
}

// diag sys

constexpr std::size_t proc_bytes_max = 256 * 1024;

/// Of the system's own files, which have no size beforehand; empty where there are none.
std::string proc_file(port::FileSystem& files, const std::string& path) {
  auto file = files.open(path, port::OpenMode::read);
  if (!file) return {};
  Bytes content(proc_bytes_max);
  std::size_t size = 0;
  while (size < content.size()) {
    auto got = (*file)->read_at(size, MutableBytes(content).subspan(size));
    if (!got || *got == 0) break;
    size += *got;
  }
  return std::string(as_text(ByteView(content).first(size)));
}

/// "VmRSS:   1234 kB" of such a file, in bytes.
std::uint64_t kilobytes_of(std::string_view file, std::string_view name) {
  const std::size_t at = file.find(name);
  if (at == std::string_view::npos) return 0;
  std::string_view rest = file.substr(at + name.size());
  rest.remove_prefix(std::min(rest.size(), rest.find_first_of("0123456789")));
  std::uint64_t number = 0;
  std::from_chars(rest.data(), rest.data() + rest.size(), number);
  return number * 1024;
}

std::size_t processors(std::string_view cpuinfo) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = cpuinfo.find("processor\t", at)) != std::string_view::npos; ++at)
    ++count;
  return std::max<std::size_t>(count, 1);
}

/// The type of the mount that the path is below, by the longest mount point.
std::string file_system_type(std::string_view mounts, std::string_view path) {
  std::string_view best_point;
  std::string_view best_type;
  while (!mounts.empty()) {
    const std::string_view line = mounts.substr(0, mounts.find('\n'));
    mounts.remove_prefix(std::min(mounts.size(), line.size() + 1));
    const std::size_t point_at = line.find(' ');
    if (point_at == std::string_view::npos) continue;
    const std::size_t type_at = line.find(' ', point_at + 1);
    if (type_at == std::string_view::npos) continue;
    const std::string_view point = line.substr(point_at + 1, type_at - point_at - 1);
    const bool below = path.starts_with(point) && point.size() >= best_point.size() &&
                       (point == "/" || path.size() == point.size() || path[point.size()] == '/');
    if (!below) continue;
    best_point = point;
    best_type = line.substr(type_at + 1, line.find(' ', type_at + 1) - type_at - 1);
  }
  return std::string(best_type);
}

json::array interface_addresses(port::Env& env) {
  json::array all;
  auto interfaces = env.net.interfaces();
  if (!interfaces) return all;
  for (const port::InterfaceAddress& one : *interfaces) {
    all.emplace_back(
        fmt::format("/{}/{}", one.address.is_v4() ? "ip4" : "ip6", one.address.to_string()));
  }
  return all;
}

Task<void> run_sys(Context& context, const Request&, Output& output) {
  port::FileSystem& files = context.env.files;
  const std::string status = proc_file(files, "/proc/self/status");
#if defined(__x86_64__)
  constexpr std::string_view processor = "amd64";
#elif defined(__aarch64__)
  constexpr std::string_view processor = "arm64";
#else
  constexpr std::string_view processor = "other";
#endif
  const std::size_t cores = processors(proc_file(files, "/proc/cpuinfo"));
  json::object value;
  value["diskinfo"] = {
      {"free_space", files.free_bytes(context.home).value_or(0)},
      {"fstype", file_system_type(proc_file(files, "/proc/mounts"), context.home)}};
  value["environment"] = {{"KITH_PATH", context.home}, {"IPFS_PATH", context.home}};
  value["ipfs_commit"] = build_commit();
  value["ipfs_version"] = node::program_version;
  value["memory"] = {{"resident", kilobytes_of(status, "VmRSS:")},
                     {"swap", kilobytes_of(status, "VmSwap:")},
                     {"virt", kilobytes_of(status, "VmSize:")}};
  value["net"] = {{"interface_addresses", interface_addresses(context.env)},
                  {"online", context.node != nullptr && context.node->online()}};
  value["runtime"] = {{"arch", processor},     {"compiler", "clang"}, {"gomaxprocs", cores},
                      {"numcpu", cores},       {"numgoroutines", 0},  {"os", "linux"},
                      {"version", __VERSION__}};
  co_return co_await output.value(std::move(value));
}

Result<void> show_sys(const json::value& value, const RenderContext& context) {
  return context.terminal.out(node::format_json(value));
}

// diag healthy

/// The block of an empty folder; whether it's here doesn't matter, but that the store answers does.
Task<void> run_healthy(Context& context, const Request&, Output& output) {
  KITH_CO_TRY(const multiformats::Cid empty,
              parse_cid("QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"));
  KITH_CO_CHECK(co_await context.node->store().has(empty));
  co_return co_await output.value("ok");
}

Result<void> show_healthy(const json::value& value, const RenderContext& context) {
  return context.terminal.out(printable(text_of(value)) + "\n");
}

}  // namespace

void add_diag_commands(CommandTable& table) {
  using enum OptionKind;
  table.describe_group("diag", "See what the program does, and what machine it runs on.");
  table.add({.path = "doctor",
             .tagline = "Go through all that the network needs, and say what to do where it lacks.",
             .description =
                 "Clock, disk, network interfaces, listeners, peers, DHT, reachability, relays and "
                 "limits, each ok, a warning or a problem. Ends with 1 if there is a problem. The "
                 "RPC's answer is {Checks: [{Name, State, Text, Advice}], Problems, Warnings}.",
             .where = Where::daemon,
             .run = run_doctor,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_doctor);
             }});
  table.add(
      {.path = "diag cmds",
       .tagline = "List the commands that run now, and those that ran lately.",
       .options = {{"verbose", 'v', flag, "With arguments and options.", ""}},
       .where = Where::daemon,
       .run = run_cmds,
       .renderer = [](const RenderContext& context) { return text_renderer(context, show_cmds); }});
  table.add({.path = "diag cmds clear",
             .tagline = "Forget the commands that have ended.",
             .where = Where::daemon,
             .run = run_cmds_clear});
  table.add({.path = "diag cmds set-time",
             .tagline = "Set how long commands that have ended are remembered.",
             .arguments = {{.name = "time", .help = "Such as 30m or 12h."}},
             .where = Where::daemon,
             .run = run_cmds_set_time});
  table.add(
      {.path = "diag sys",
       .tagline = "Show what machine and system this runs on.",
       .run = run_sys,
       .renderer = [](const RenderContext& context) { return text_renderer(context, show_sys); }});
  table.add({.path = "diag healthy",
             .tagline = "Say whether the daemon does its work, for those who watch it.",
             .where = Where::daemon,
             .run = run_healthy,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_healthy);
             }});
}

}  // namespace kith::api
