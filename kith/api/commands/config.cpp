// config, bootstrap.
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <map>
#include <spawn.h>

#include <boost/json.hpp>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kith/api/detail/sentence.hpp>
#include <kith/api/detail/text.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/discovery/bootstrap.hpp>
#include <kith/node/config.hpp>
#include <kith/node/home.hpp>

namespace kith::api {
namespace {

Result<json::value> read(Context& context) {
  return node::read_config(context.env.files, context.home);
}

Result<void> write(Context& context, const json::value& config) {
  // What the next start couldn't read isn't written.
  KITH_TRY(node::NodeSettings checked, node::read_settings(config));
  return node::write_config(context.env.files, context.home, config);
}

/// Kubo's placeholder for the peers that everybody begins with.
void expand_auto(json::value& config) {
  json::value* list = config.as_object().if_contains("Bootstrap");
  if (list == nullptr || !list->is_array()) return;
  json::array expanded;
  for (json::value& peer : list->as_array()) {
    if (text_of(peer) != "auto") {
      expanded.push_back(std::move(peer));
      continue;
    }
    for (std::string_view one : discovery::default_bootstrap())
      expanded.emplace_back(one);
  }
  *list = std::move(expanded);
}

/// API.Authorizations, if there is such; it holds secrets.
json::value* authorizations_of(json::value& config) {
  json::value* api = config.as_object().if_contains("API");
  return api == nullptr || !api->is_object() ? nullptr
                                             : api->as_object().if_contains("Authorizations");
}

/// As Kubo shows it.
void hide_secrets(json::value& config) {
  if (json::value* secrets = authorizations_of(config)) *secrets = json::object();
}

/// A configuration that was shown and comes back changed doesn't open the RPC to everybody.
void keep_hidden_secrets(json::value& config, json::value& old) {
  json::value* secrets = authorizations_of(config);
  json::value* before = authorizations_of(old);
  const bool hidden = secrets != nullptr && secrets->is_object() && secrets->as_object().empty();
  if (hidden && before != nullptr) *secrets = *before;
}

/// The configuration as it is shown.
Result<json::value> read_shown(Context& context, const Request& request) {
  KITH_TRY(json::value config, read(context));
  if (request.flag("expand-auto")) expand_auto(config);
  return config;
}

json::object key_and_value(std::string_view key, json::value value) {
  json::object object;
  object["Key"] = key;
  object["Value"] = std::move(value);
  return object;
}

Result<json::value> given_value(const Request& request) {
  std::string text = request.argument(1);
  if (request.flag("bool")) {
    if (text != "true" && text != "false") {
      return std::unexpected(
          Error(Errc::invalid_argument, fmt::format("\"{}\" should be true or false", text)));
    }
    return json::value(text == "true");
  }
  if (!request.flag("json")) return json::value(text);
  boost::system::error_code failure;
  json::value value = json::parse(text, failure);
  if (failure) {
    return std::unexpected(Error(Errc::invalid_argument,
                                 fmt::format("\"{}\" is no JSON: {}", text, failure.message())));
  }
  return value;
}

/// The file belongs to the program that was started, daemon or not, so the calls are short and run
/// here.
Task<void> run_config(Context& context, const Request& request, Output& output) {
  std::string key = request.argument(0);
  if (request.arguments().size() < 2) {
    KITH_CO_TRY(json::value shown, read_shown(context, request));
    KITH_CO_TRY(json::value value, node::config_get(shown, key));
    co_return co_await output.value(key_and_value(key, std::move(value)));
  }
  KITH_CO_TRY(json::value config, read(context));
  KITH_CO_TRY(json::value value, given_value(request));
  KITH_CO_CHECK(node::config_set(config, key, value));
  KITH_CO_CHECK(write(context, config));
  co_return co_await output.value(key_and_value(key, std::move(value)));
}

Result<void> show_config(const json::value& value, const RenderContext& context) {
  if (context.request.arguments().size() > 1) return {};
  const json::value& shown = member(value, "Value");
  if (shown.is_string()) return context.terminal.out(std::string(shown.as_string()) + "\n");
  return context.terminal.out(node::format_json(shown));
}

Task<void> run_show(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(json::value config, read_shown(context, request));
  hide_secrets(config);
  co_return co_await output.value(std::move(config));
}

Result<void> show_document(const json::value& value, const RenderContext& context) {
  return context.terminal.out(node::format_json(value));
}

/// What a program gets from us that has a terminal to itself: workers have every signal blocked,
/// and we ignore the one of closed pipes.
class SpawnAttributes {
 public:
  SpawnAttributes() {
    sigset_t none;
    sigset_t defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &defaults);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  ~SpawnAttributes() { ::posix_spawnattr_destroy(&attributes_); }
  const posix_spawnattr_t* get() const noexcept { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

/// Runs a program on the file, on our terminal, and waits for its end.
Result<void> edit_file(std::string editor, std::string path) {
  // The editor's name may come with arguments.
  std::string command = editor + " \"$1\"";
  std::string words[] = {"sh", "-c", command, "sh", std::move(path)};
  char* arguments[] = {words[0].data(), words[1].data(), words[2].data(),
                       words[3].data(), words[4].data(), nullptr};
  SpawnAttributes attributes;
  pid_t child = 0;
  int failure = ::posix_spawnp(&child, "sh", nullptr, attributes.get(), arguments, environ);
  if (failure != 0) return std::unexpected(Error::from_errno(failure, "start " + editor));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return std::unexpected(Error::from_errno(errno, "wait for " + editor));
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return std::unexpected(say(editor + " ended with an error"));
}

Task<void> run_edit(ClientContext& context, const Request&) {
  const char* editor = std::getenv("EDITOR");
  if (editor == nullptr || *editor == '\0') {
    co_return std::unexpected(
        Error(Errc::refused, "EDITOR isn't set: it names the program that edits texts"));
  }
  std::string path = context.home + "/config";
  KITH_CO_CHECK(context.env.files.info(path));
  auto work = [&editor, &path] { return edit_file(editor, path); };
  KITH_CO_CHECK(co_await port::run_on(context.env.pool, work));
  KITH_CO_TRY(json::value config, node::read_config(context.env.files, context.home));
  KITH_CO_TRY(node::NodeSettings checked, node::read_settings(config));
  co_return Result<void>{};
}

Task<void> run_replace(Context& context, const Request& request, Output&) {
  if (!request.files) co_return std::unexpected(Error(Errc::invalid_argument, "no file"));
  KITH_CO_TRY(std::optional<InputEntry> entry, co_await request.files->next());
  if (!entry) co_return std::unexpected(Error(Errc::invalid_argument, "no file"));
  std::string text;
  for (;;) {
    KITH_CO_TRY(Buffer part, co_await request.files->read(node::config_bytes_max + 1));
    if (part.empty()) break;
    text += as_text(part);
    if (text.size() > node::config_bytes_max) co_return std::unexpected(Errc::limit_exceeded);
  }
  KITH_CO_TRY(json::value config, node::parse_config(text));
  KITH_CO_TRY(json::value old, read(context));
  // Who the node is stays.
  config.as_object().erase("Identity");
  if (const json::value& identity = member(old, "Identity"); !identity.is_null()) {
    config.as_object()["Identity"] = identity;
  }
  keep_hidden_secrets(config, old);
  co_return write(context, config);
}

Task<void> run_profile_apply(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(json::value config, read(context));
  json::value before = config;
  KITH_CO_CHECK(node::apply_profile(config, request.argument(0)));
  if (!request.flag("dry-run")) KITH_CO_CHECK(write(context, config));
  hide_secrets(before);
  hide_secrets(config);
  json::object value;
  value["OldCfg"] = std::move(before);
  value["NewCfg"] = std::move(config);
  co_return co_await output.value(std::move(value));
}

/// The settings that differ, a line each with Kubo's marks, which Kubo has in the whole document.
/// One that isn't there is null.
void tell_differences(const std::string& key, const json::value* before, const json::value* after,
                      std::string& out) {
  if (before != nullptr && after != nullptr && *before == *after) return;
  bool are_groups = true;
  std::map<std::string, std::pair<const json::value*, const json::value*>> members;
  for (const json::value* side : {before, after}) {
    if (side == nullptr) continue;
    const json::object* group = side->if_object();
    are_groups = are_groups && group != nullptr;
    if (group == nullptr) continue;
    for (const auto& [name, value] : *group) {
      auto& sides = members[key.empty() ? std::string(name) : key + "." + std::string(name)];
      (side == before ? sides.first : sides.second) = &value;
    }
  }
  if (are_groups && !members.empty()) {
    for (const auto& [name, sides] : members)
      tell_differences(name, sides.first, sides.second, out);
    return;
  }
  const std::string name = json_text(json::value(key));
  std::string line;
  if (before == nullptr) {
    line = fmt::format("<< {}: {}", name, json_text(*after));
  } else if (after == nullptr) {
    line = fmt::format(">> {}: {}", name, json_text(*before));
  } else {
    line = fmt::format("<> {}: {} -> {}", name, json_text(*before), json_text(*after));
  }
  out += printable(line) + "\n";
}

Result<void> show_differences(const json::value& value, const RenderContext& context) {
  std::string out;
  tell_differences("", &member(value, "OldCfg"), &member(value, "NewCfg"), out);
  return context.terminal.out(out.empty() ? "no changes\n" : out);
}

// bootstrap

std::vector<std::string> bootstrap_of(const json::value& config) {
  std::vector<std::string> peers;
  auto list = node::config_get(config, "Bootstrap");
  if (list && list->is_array()) {
    for (const json::value& peer : list->as_array()) {
      if (peer.is_string()) peers.emplace_back(peer.as_string());
    }
  }
  return peers;
}

json::object peers_value(const std::vector<std::string>& peers) {
  json::object value;
  value["Peers"] = json::array(peers.begin(), peers.end());
  return value;
}

Task<void> run_bootstrap_list(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(json::value config, read_shown(context, request));
  co_return co_await output.value(peers_value(bootstrap_of(config)));
}

Task<void> run_bootstrap_add(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(json::value config, read(context));
  std::vector<std::string> peers = bootstrap_of(config);
  std::vector<std::string> added;
  bool all_default = request.flag("default") || request.argument(0) == "default" ||
                     request.command_path() == "bootstrap add default";
  if (all_default) {
    added.assign(discovery::default_bootstrap().begin(), discovery::default_bootstrap().end());
  } else {
    added = request.arguments();
  }
  if (added.empty())
    co_return std::unexpected(Error(Errc::invalid_argument, "no bootstrap peers to add"));
  for (const std::string& peer : added) {
    KITH_CO_TRY(multiformats::Multiaddr address, parse_peer_address(peer));
    if (std::ranges::find(peers, peer) == peers.end()) peers.push_back(peer);
  }
  KITH_CO_CHECK(node::config_set(config, "Bootstrap", json::array(peers.begin(), peers.end())));
  KITH_CO_CHECK(write(context, config));
  co_return co_await output.value(peers_value(added));
}

Task<void> run_bootstrap_rm(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(json::value config, read(context));
  std::vector<std::string> peers = bootstrap_of(config);
  std::vector<std::string> removed;
  bool all = request.flag("all") || request.argument(0) == "all" ||
             request.command_path() == "bootstrap rm all";
  if (!all && request.arguments().empty())
    co_return std::unexpected(Error(Errc::invalid_argument, "no bootstrap peers to remove"));
  for (const std::string& peer : request.arguments()) {
    if (!all) KITH_CO_CHECK(parse_peer_address(peer));
  }
  for (const std::string& peer : peers) {
    if (all || std::ranges::find(request.arguments(), peer) != request.arguments().end())
      removed.push_back(peer);
  }
  std::erase_if(peers, [&removed](const std::string& peer) {
    return std::ranges::find(removed, peer) != removed.end();
  });
  KITH_CO_CHECK(node::config_set(config, "Bootstrap", json::array(peers.begin(), peers.end())));
  KITH_CO_CHECK(write(context, config));
  co_return co_await output.value(peers_value(removed));
}

Result<void> show_peers(const json::value& value, const RenderContext& context) {
  std::string out;
  for (const json::value& peer : list_of(value, "Peers"))
    out += text_of(peer) + "\n";
  return context.terminal.out(out);
}

Result<void> show_added(const json::value& value, const RenderContext& context) {
  std::string out;
  for (const json::value& peer : list_of(value, "Peers"))
    out += fmt::format("added {}\n", text_of(peer));
  return context.terminal.out(out);
}

Result<void> show_removed(const json::value& value, const RenderContext& context) {
  std::string out;
  for (const json::value& peer : list_of(value, "Peers"))
    out += fmt::format("removed {}\n", text_of(peer));
  return context.terminal.out(out);
}

std::string profile_list() {
  std::string text = "Profiles:\n";
  for (const node::Profile& profile : node::profiles())
    text += fmt::format("  {:<22}{}\n", profile.name, profile.description);
  return text;
}

}  // namespace

void add_config_commands(CommandTable& table) {
  using enum OptionKind;
  const OptionSpec expand{"expand-auto", 0, flag, "With \"auto\" replaced by what it stands for.",
                          ""};
  table.describe_group("config profile", "Apply groups of settings.");
  table.describe_group("bootstrap", "Peers to begin with.");
  table.add({.path = "config",
             .tagline = "Show or change a setting.",
             .description =
                 "Keys are dotted paths into the file `config` in the node's home, for example "
                 "Swarm.ConnMgr.HighWater. Changes count from the daemon's next start.",
             .arguments = {{.name = "key", .help = "The setting."},
                           {.name = "value", .required = false, .help = "Its new value."}},
             .options = {{"bool", 0, flag, "The value is true or false.", ""},
                         {"json", 0, flag, "The value is JSON.", ""},
                         expand},
             .examples = {{"config Addresses.Gateway", "Show a setting."},
                          {"config --json Swarm.ConnMgr.HighWater 200", "Set one to a number."}},
             .where = Where::files,
             .run = run_config,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_config);
             }});
  table.add({.path = "config show",
             .tagline = "Show every setting.",
             .description = "But for API.Authorizations, whose secrets stay in the file.",
             .options = {expand},
             .where = Where::files,
             .run = run_show,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_document);
             }});
  table.add({.path = "config edit",
             .tagline = "Open the settings in the program that $EDITOR names.",
             .where = Where::client,
             .run_client = run_edit});
  table.add({.path = "config replace",
             .tagline = "Replace the settings by a file's.",
             .description =
                 "API.Authorizations stays if the file has it as {}, which is how it is shown.",
             .arguments = {{.name = "file", .help = "JSON.", .kind = ArgumentKind::file}},
             .where = Where::files,
             .run = run_replace});
  table.add(
      {.path = "config profile apply",
       .tagline = "Apply a profile.",
       .description = "Prints what changes: << a setting that is new, >> one that goes, <> one "
                      "with another value.\n" +
                      profile_list(),
       .arguments = {{.name = "profile", .help = "Its name."}},
       .options = {{"dry-run", 0, flag, "Show what would change.", ""}},
       .where = Where::files,
       .run = run_profile_apply,
       .renderer = [](const RenderContext& context) {
         return text_renderer(context, show_differences);
       }});
  auto list = Command{
      .path = "bootstrap",
      .tagline = "List the bootstrap peers.",
      .options = {expand},
      .where = Where::files,
      .run = run_bootstrap_list,
      .renderer = [](const RenderContext& context) { return text_renderer(context, show_peers); }};
  table.add(list);
  list.path = "bootstrap list";
  table.add(list);
  table.add({.path = "bootstrap add",
             .tagline = "Add bootstrap peers.",
             .arguments = {{.name = "peer",
                            .required = false,
                            .variadic = true,
                            .help = "Address with /p2p, or \"default\"."}},
             .options = {{"default", 0, flag, "Those of the public network.", ""}},
             .where = Where::files,
             .run = run_bootstrap_add,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_added);
             }});
  table.add({.path = "bootstrap rm",
             .tagline = "Remove bootstrap peers.",
             .arguments = {{.name = "peer",
                            .required = false,
                            .variadic = true,
                            .help = "Address with /p2p, or \"all\"."}},
             .options = {{"all", 0, flag, "All of them.", ""}},
             .where = Where::files,
             .run = run_bootstrap_rm,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_removed);
             }});
  // Kubo's older words for two of these.
  table.add({.path = "bootstrap add default",
             .tagline = "Add the bootstrap peers of the public network.",
             .where = Where::files,
             .run = run_bootstrap_add,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_added);
             }});
  table.add({.path = "bootstrap rm all",
             .tagline = "Remove all bootstrap peers.",
             .where = Where::files,
             .run = run_bootstrap_rm,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_removed);
             }});
}

}  // namespace kith::api
