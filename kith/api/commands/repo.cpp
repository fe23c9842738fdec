// repo stat, repo verify, repo version, stats repo.
#include <algorithm>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/sentence.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/base/duration.hpp>
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

/// What became of damaged blocks, counted as Kubo counts.
struct VerifyCounts {
  std::uint64_t corrupt = 0;
  std::uint64_t removed = 0;
  std::uint64_t not_removed = 0;
  std::uint64_t healed = 0;
  std::uint64_t not_healed = 0;
  std::uint64_t unreadable = 0;

  std::string summary() const {
    std::string text = fmt::format("verify complete, {} blocks corrupt", corrupt);
    if (removed > 0) text += fmt::format(", {} removed", removed);
    if (not_removed > 0) text += fmt::format(", {} failed to remove", not_removed);
    if (healed > 0) text += fmt::format(", {} healed", healed);
    if (not_healed > 0) text += fmt::format(", {} failed to heal", not_healed);
    if (unreadable > 0) text += fmt::format(", {} couldn't be read and may be good", unreadable);
    return text;
  }
};

struct VerifyOptions {
  bool drop = false;
  bool heal = false;
  Duration heal_patience{0};  ///< 0: for ever
};

Result<VerifyOptions> verify_options(const Context& context, const Request& request) {
  VerifyOptions options;
  options.heal = request.flag("heal");
  options.drop = options.heal || request.flag("drop");
  KITH_TRY(options.heal_patience, parse_duration(request.text("heal-timeout")));
  if (options.heal && !context.node->online()) {
    return std::unexpected(
        Error(Errc::refused,
              fmt::format("this command must be run in online mode. Try running '{} daemon' first",
                          context.program)));
  }
  return options;
}

/// Gets a block from others, which replaces what the store couldn't read.
Task<void> fetch_anew(Context& context, const VerifyOptions& options, multiformats::Cid cid) {
  node::SourceOptions source_options;
  source_options.what = "repo verify --heal " + cid.to_string();
  std::unique_ptr<ipld::BlockSource> source = context.node->open_source(std::move(source_options));
  bool bounded = options.heal_patience > Duration(0);
  Instant deadline = bounded ? context.env.clock.now() + options.heal_patience : never;
  auto block = co_await source->get(std::move(cid), deadline);
  if (!block) co_return std::unexpected(block.error());
  co_return Result<void>{};
}

/// Fetches anew what was removed, or couldn't be read; returns what to say of it.
Task<std::string> heal(Context& context, const VerifyOptions& options, multiformats::Cid cid,
                       VerifyCounts& counts) {
  auto fetched = co_await fetch_anew(context, options, std::move(cid));
  if (!fetched && fetched.error().is(Errc::cancelled)) co_return std::unexpected(fetched.error());
  ++(fetched ? counts.healed : counts.not_healed);
  if (fetched) co_return std::string(", healed");
  co_return fmt::format(", failed to heal ({})", sentence_of(fetched.error()));
}

/// Removes a damaged block, and gets it anew if that is wanted; returns what to say of it.
Task<std::string> remedy(Context& context, const VerifyOptions& options, multiformats::Cid cid,
                         VerifyCounts& counts) {
  std::vector<multiformats::Cid> one = {cid};
  auto removed = co_await context.node->store().remove(std::move(one));
  if (!removed) {
    ++counts.not_removed;
    co_return fmt::format(", failed to remove ({})", removed.error().message());
  }
  ++counts.removed;
  std::string outcome;
  if (options.heal) {
    KITH_CO_TRY(outcome, co_await heal(context, options, std::move(cid), counts));
  }
  co_return ", removed" + outcome;
}

/// A look at the whole store: what of it has been told, and when the count is due again.
struct VerifyLook {
  Context& context;
  const VerifyOptions& options;
  Output& output;
  VerifyCounts& counts;
  std::size_t told = 0;
  std::size_t told_unreadable = 0;
  Instant next_count{};
};

Task<void> tell(VerifyLook& look, std::string text) {
  json::object value;
  value["Msg"] = text;
  value["Progress"] = 0;
  co_return co_await look.output.value(std::move(value));
}

/// Handles the damaged blocks that haven't been told yet.
Task<void> tell_damaged(VerifyLook& look, const store::VerifyReport& report) {
  while (look.told < report.damaged.size()) {
    const store::BadBlock damaged = report.damaged[look.told++];
    auto cid = multiformats::Cid::v1(multiformats::Codec::raw, damaged.hash);
    std::string text =
        fmt::format("block {} was corrupt ({})", cid.to_string(), damaged.why.message());
    if (look.options.drop) {
      KITH_CO_TRY(std::string outcome,
                  co_await remedy(look.context, look.options, cid, look.counts));
      text += outcome;
    }
    KITH_CO_CHECK(co_await tell(look, std::move(text)));
  }
  co_return Result<void>{};
}

/// What couldn't be read stays. What a disk fails on may be healed: a fetched one takes its place.
Task<void> tell_unreadable(VerifyLook& look, const store::VerifyReport& report) {
  while (look.told_unreadable < report.unreadable.size()) {
    const store::BadBlock bad = report.unreadable[look.told_unreadable++];
    auto cid = multiformats::Cid::v1(multiformats::Codec::raw, bad.hash);
    std::string text =
        fmt::format("block {} couldn't be read ({})", cid.to_string(), bad.why.message());
    // A file that is out of reach may come back; it isn't to be copied meanwhile.
    if (look.options.heal && store::is_disk_failure(bad.why)) {
      KITH_CO_TRY(std::string outcome, co_await heal(look.context, look.options, cid, look.counts));
      text += outcome;
    }
    KITH_CO_CHECK(co_await tell(look, std::move(text)));
  }
  co_return Result<void>{};
}

/// While it goes on. Nothing is removed meanwhile.
Task<void> tell_progress(VerifyLook& look, const store::VerifyReport& report) {
  if (!look.options.drop) KITH_CO_CHECK(co_await tell_damaged(look, report));
  Instant now = look.context.env.clock.now();
  if (now < look.next_count) co_return Result<void>{};
  look.next_count = now + verify_count_interval;
  json::object value;
  value["Msg"] = "";
  value["Progress"] = report.blocks;
  co_return co_await look.output.value(std::move(value));
}

Task<void> run_verify(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(VerifyOptions options, verify_options(context, request));
  store::BlockStore& store = context.node->store();
  VerifyCounts counts;
  std::uint64_t blocks = 0;
  bool first = true;
  for (bool more = true; more; first = false) {
    VerifyLook look{context, options, output, counts};
    std::function<Task<void>(const store::VerifyReport&)> progress =
        [&look](const store::VerifyReport& report) { return tell_progress(look, report); };
    KITH_CO_TRY(store::VerifyReport report, co_await store.verify(std::move(progress)));
    std::uint64_t removed_before = counts.removed;
    KITH_CO_CHECK(co_await tell_damaged(look, report));
    if (first) {
      std::uint64_t healed_before = counts.healed;
      KITH_CO_CHECK(co_await tell_unreadable(look, report));
      counts.unreadable = report.unreadable_blocks - (counts.healed - healed_before);
    }
    blocks = std::max(blocks, report.blocks);
    // A report names only so many, so the others are looked for again when these are gone.
    more = counts.removed > removed_before && report.damaged_blocks > report.damaged.size();
    counts.corrupt += more ? report.damaged.size() : report.damaged_blocks;
  }
  KITH_CO_CHECK(co_await store.flush());
  bool failed = options.drop ? counts.not_removed + counts.not_healed > 0 : counts.corrupt > 0;
  failed |= counts.unreadable > 0;
  if (failed) co_return std::unexpected(say(counts.summary()));
  json::object last;
  last["Msg"] = counts.corrupt + counts.healed > 0 ? counts.summary()
                                                   : "verify complete, all blocks validated.";
  last["Progress"] = blocks;
  co_return co_await output.value(std::move(last));
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
  table.add(
      {.path = "repo verify",
       .tagline = "Hash every block again.",
       .description =
           "Fails if a block isn't what its CID says, unless it could be removed (--drop), or "
           "removed and fetched again (--heal). What can't be read at all is told and stays; if it "
           "is the disk that can't, --heal replaces it by what peers have.",
       .options = {{"drop", 0, OptionKind::flag, "Remove damaged blocks.", ""},
                   {"heal", 0, OptionKind::flag, "Remove damaged blocks and fetch them from peers.",
                    ""},
                   {"heal-timeout", 0, OptionKind::text, "Wait so long for each; 0 for ever.",
                    "30s"}},
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
