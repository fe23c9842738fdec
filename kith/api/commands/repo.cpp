// repo stat, repo verify, repo version, stats repo.
#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/values.hpp>
#include <kith/node/node.hpp>

namespace kith::api {
namespace {

constexpr Duration verify_count_interval = 500ms;

Task<void> run_stat(Context& context, const Request&, Output& output) {
  KITH_CO_TRY(store::StoreStat stat, co_await context.node->store().stat());
  json::object value;
  value["RepoSize"] = stat.bytes - stat.file_bytes;
  value["StorageMax"] = 10'000'000'000;
  if (auto text = node::config_get(context.node->home().config(), "Datastore.StorageMax");
      text && text->is_string()) {
    value["StorageMax"] = node::parse_size(text->as_string()).value_or(10'000'000'000);
  }
  value["NumObjects"] = stat.blocks;
  value["RepoPath"] = context.node->home().path();
  value["Version"] = fmt::format("kith@{}", node::home_version);
  co_return co_await output.value(std::move(value));
}

Result<void> show_stat(const json::value& value, const RenderContext& context) {
  bool human = context.request.flag("human");
  auto bytes = [&value, human](std::string_view key) {
    std::int64_t number = number_of(value, key);
    return human ? si_bytes(static_cast<double>(number)) : std::to_string(number);
  };
  std::string out;
  if (context.request.flag("size-only")) {
    out = fmt::format("RepoSize:   {}\nStorageMax: {}\n", bytes("RepoSize"), bytes("StorageMax"));
  } else {
    out = fmt::format(
        "NumObjects: {}\nRepoSize:   {}\nStorageMax: {}\nRepoPath:   {}\nVersion:    {}\n",
        number_of(value, "NumObjects"), bytes("RepoSize"), bytes("StorageMax"),
        text_of(value, "RepoPath"), text_of(value, "Version"));
  }
  return context.terminal.out(out);
}

/// What is told while a store is verified: each damaged block, and now and then how far it is.
struct VerifyNews {
  Output& output;
  port::Clock& clock;
  std::size_t told = 0;
  Instant next_count{};
};

Task<void> tell_progress(VerifyNews& news, const store::VerifyReport& report) {
  while (news.told < report.damaged.size()) {
    const store::Damaged& damaged = report.damaged[news.told++];
    json::object value;
    value["Msg"] =
        fmt::format("block {} was corrupt ({})",
                    multiformats::Cid::v1(multiformats::Codec::raw, damaged.hash).to_string(),
                    damaged.why.message());
    value["Progress"] = 0;
    KITH_CO_CHECK(co_await news.output.value(std::move(value)));
  }
  if (news.clock.now() < news.next_count) co_return Result<void>{};
  news.next_count = news.clock.now() + verify_count_interval;
  json::object value;
  value["Msg"] = "";
  value["Progress"] = report.blocks;
  co_return co_await news.output.value(std::move(value));
}

Task<void> run_verify(Context& context, const Request&, Output& output) {
  VerifyNews news{output, context.env.clock};
  std::function<Task<void>(const store::VerifyReport&)> progress =
      [&news](const store::VerifyReport& report) { return tell_progress(news, report); };
  KITH_CO_TRY(store::VerifyReport report,
              co_await context.node->store().verify(std::move(progress)));
  json::object last;
  last["Msg"] = report.damaged_blocks == 0 ? "verify complete, all blocks validated." : "";
  last["Progress"] = report.blocks;
  KITH_CO_CHECK(co_await output.value(std::move(last)));
  if (report.damaged_blocks > 0) {
    co_return std::unexpected(Error(
        Errc::corrupt, fmt::format("verify complete, {} blocks corrupt", report.damaged_blocks)));
  }
  co_return Result<void>{};
}

Result<void> show_verify(const json::value& value, const RenderContext& context) {
  std::string message = text_of(value, "Msg");
  if (!message.empty()) return context.terminal.out(message + "\n");
  if (!context.terminal.err_is_terminal()) return {};
  return context.terminal.err(fmt::format("{} blocks processed.\r", number_of(value, "Progress")));
}

Task<void> run_version(Context&, const Request&, Output& output) {
  json::object value;
  value["Version"] = std::to_string(node::home_version);
  co_return co_await output.value(std::move(value));
}

Result<void> show_version(const json::value& value, const RenderContext& context) {
  std::string version = text_of(value, "Version");
  if (context.request.flag("quiet")) return context.terminal.out(fmt::format("kith@{}\n", version));
  return context.terminal.out(fmt::format("{} repo version kith@{}\n", context.program, version));
}

}  // namespace

void add_repo_commands(CommandTable& table) {
  using enum OptionKind;
  table.describe_group("repo", "Look after the store.");
  Command stat = {
      .path = "repo stat",
      .tagline = "Show how much is stored.",
      .options = {{"size-only", 's', flag, "Only sizes.", ""},
                  {"human", 'H', flag, "Readable sizes.", ""}},
      .run = run_stat,
      .renderer = [](const RenderContext& context) { return text_renderer(context, show_stat); }};
  table.add(stat);
  stat.path = "stats repo";
  table.add(stat);
  table.add({.path = "repo verify",
             .tagline = "Hash every block again.",
             .streams = true,
             .run = run_verify,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_verify);
             }});
  table.add({.path = "repo version",
             .tagline = "Show the version of the home's layout.",
             .options = {{"quiet", 'q', flag, "Write minimal output.", ""}},
             .where = Where::anywhere,
             .run = run_version,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_version);
             }});
}

}  // namespace kith::api
