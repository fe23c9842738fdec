// config, bootstrap.
#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/values.hpp>
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
  KITH_CO_TRY(json::value config, read(context));
  if (request.arguments().size() < 2) {
    KITH_CO_TRY(json::value value, node::config_get(config, key));
    co_return co_await output.value(key_and_value(key, std::move(value)));
  }
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

Task<void> run_show(Context& context, const Request&, Output& output) {
  KITH_CO_TRY(json::value config, read(context));
  co_return co_await output.value(std::move(config));
}

Result<void> show_document(const json::value& value, const RenderContext& context) {
  return context.terminal.out(node::format_json(value));
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
  co_return write(context, config);
}

Task<void> run_profile_apply(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(json::value config, read(context));
  json::object value;
  value["OldCfg"] = config;
  KITH_CO_CHECK(node::apply_profile(config, request.argument(0)));
  value["NewCfg"] = config;
  if (!request.flag("dry-run")) KITH_CO_CHECK(write(context, config));
  co_return co_await output.value(std::move(value));
}

Result<void> show_nothing(const json::value&, const RenderContext&) {
  return {};
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

Task<void> run_bootstrap_list(Context& context, const Request&, Output& output) {
  KITH_CO_TRY(json::value config, read(context));
  co_return co_await output.value(peers_value(bootstrap_of(config)));
}

Task<void> run_bootstrap_add(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(json::value config, read(context));
  std::vector<std::string> peers = bootstrap_of(config);
  std::vector<std::string> added;
  bool all_default = request.flag("default") || request.argument(0) == "default";
  if (all_default) {
    added.assign(node::default_bootstrap().begin(), node::default_bootstrap().end());
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
  bool all = request.flag("all") || request.argument(0) == "all";
  for (const std::string& peer : peers) {
    if (all || std::ranges::find(request.arguments(), peer) != request.arguments().end())
      removed.push_back(peer);
  }
  if (!all && removed.size() < request.arguments().size()) {
    co_return std::unexpected(Error(Errc::not_found, "not all of these are bootstrap peers"));
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
                         {"json", 0, flag, "The value is JSON.", ""}},
             .where = Where::files,
             .run = run_config,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_config);
             }});
  table.add({.path = "config show",
             .tagline = "Show every setting.",
             .where = Where::files,
             .run = run_show,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_document);
             }});
  table.add({.path = "config replace",
             .tagline = "Replace the settings by a file's.",
             .arguments = {{.name = "file", .help = "JSON.", .kind = ArgumentKind::file}},
             .where = Where::files,
             .run = run_replace});
  table.add({.path = "config profile apply",
             .tagline = "Apply a profile.",
             .description = profile_list(),
             .arguments = {{.name = "profile", .help = "Its name."}},
             .options = {{"dry-run", 0, flag, "Show what would change.", ""}},
             .where = Where::files,
             .run = run_profile_apply,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_nothing);
             }});
  auto list = Command{
      .path = "bootstrap",
      .tagline = "List the bootstrap peers.",
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
}

}  // namespace kith::api
