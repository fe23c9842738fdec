// init, daemon, shutdown, id, version, commands, ping, perf.
#include <algorithm>
#include <utility>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/daemon.hpp>
#include <kith/api/detail/commit.hpp>
#include <kith/api/detail/init_config.hpp>
#include <kith/api/detail/sentence.hpp>
#include <kith/api/detail/text.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/base/duration.hpp>
#include <kith/io/standard_input.hpp>
#include <kith/multiformats/multibase.hpp>
#include <kith/net/perf.hpp>
#include <kith/node/home.hpp>
#include <kith/node/node.hpp>

namespace kith::api {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;

constexpr Duration peer_dial_deadline = 30s;
constexpr std::int64_t ping_count_max = 1'000'000;

// init

Task<Bytes> read_config_file(ClientContext& context, std::string path) {
  if (path != "-") co_return port::read_file(context.env.files, path, node::config_bytes_max);
  KITH_CO_TRY(io::StandardInput input, io::StandardInput::open(context.env));
  co_return co_await input.read_all(node::config_bytes_max);
}

Task<void> run_init(ClientContext& context, const Request& request) {
  node::InitOptions options;
  options.program = context.program;
  auto type = crypto::key_type_from(request.text("algorithm"));
  if (!type) {
    co_return std::unexpected(
        Error(Errc::invalid_argument, "option --algorithm: use ed25519, secp256k1, ecdsa or rsa"));
  }
  options.key_type = *type;
  options.rsa_bits = static_cast<std::size_t>(request.integer("bits").value_or(2048));
  options.passphrase = context.passphrase;
  if (std::string path = request.argument(0); !path.empty()) {
    KITH_CO_TRY(Bytes read, co_await read_config_file(context, path));
    const crypto::Secret text(std::move(read));
    KITH_CO_CHECK(take_config(as_text(text.view()), options));
  }
  options.profiles = comma_separated(request.text("profile"));
  KITH_CO_TRY(crypto::PrivateKey key, node::init_home(context.env, context.home, options));
  std::string peer = PeerId::from_public_key(key.public_key()).to_string();
  std::string made;
  if (!options.identity)
    made = fmt::format("generating {} keypair...done\n", crypto::to_string(*type));
  co_return context.terminal.out(
      fmt::format("{}peer identity: {}\ninitializing {} node at {}\nnext: `{} daemon` starts it\n",
                  made, peer, context.program, context.home, context.program));
}

// shutdown

Task<void> run_shutdown(Context& context, const Request&, Output&) {
  context.node->request_shutdown();
  co_return Result<void>{};
}

// version

/// Processor and system, by Go's names as Kubo has them.
#if defined(__x86_64__)
constexpr std::string_view system_name = "amd64/linux";
#elif defined(__aarch64__)
constexpr std::string_view system_name = "arm64/linux";
#else
constexpr std::string_view system_name = "other/linux";
#endif

Task<void> run_version(Context&, const Request&, Output& output) {
  json::object value;
  value["Version"] = node::program_version;
  value["Commit"] = build_commit();
  value["Repo"] = std::to_string(node::home_version);
  value["System"] = system_name;
  value["Golang"] = "";
  co_return co_await output.value(std::move(value));
}

Result<void> show_version(const json::value& value, const RenderContext& context) {
  std::string number = text_of(value, "Version");
  std::string commit = text_of(value, "Commit");
  bool with_commit = context.request.flag("commit") || context.request.flag("all");
  if (with_commit && !commit.empty()) number += "-" + commit;
  if (context.request.flag("number")) return context.terminal.out(number + "\n");
  if (context.request.flag("repo")) return context.terminal.out(text_of(value, "Repo") + "\n");
  if (context.request.flag("all")) {
    return context.terminal.out(
        fmt::format("{} version: {}\nRepo version: {}\nSystem version: {}\n", context.program,
                    number, text_of(value, "Repo"), text_of(value, "System")));
  }
  return context.terminal.out(fmt::format("{} version {}\n", context.program, number));
}

// id

json::array sorted_protocols(std::vector<std::string> protocols) {
  std::ranges::sort(protocols);
  return json::array(protocols.begin(), protocols.end());
}

Result<std::string> peer_text(const PeerId& peer, const Request& request) {
  std::string base = request.text("peerid-base");
  if (base.empty() || base == "b58mh") return peer.to_string();
  auto chosen = multiformats::base_from_name(base);
  if (!chosen) {
    return std::unexpected(
        Error(Errc::invalid_argument,
              fmt::format(
                  "option --peerid-base: \"{}\" is no multibase (use b58mh or base36, for example)",
                  base)));
  }
  return peer.to_cid_string(*chosen);
}

Result<json::object> own_identity(node::Node& node, const Request& request) {
  json::object value;
  KITH_TRY(std::string id, peer_text(node.peer(), request));
  value["ID"] = id;
  crypto::PublicKey key = node.home().identity().public_key();
  value["PublicKey"] =
      multiformats::base_encode(multiformats::Base::base64pad, key.encoded()).value_or("");
  json::array addresses;
  std::vector<std::string> protocols;
  if (node.online()) {
    std::vector<std::string> texts;
    for (const Multiaddr& address : node.swarm().announced_addresses()) {
      texts.push_back(address.to_string() + "/p2p/" + id);
    }
    std::ranges::sort(texts);
    addresses = json::array(texts.begin(), texts.end());
    protocols = node.swarm().protocols();
  }
  value["Addresses"] = std::move(addresses);
  value["AgentVersion"] = node.agent();
  value["Protocols"] = sorted_protocols(std::move(protocols));
  return value;
}

/// A connection on which the peer has said what it is: the peer store knows then.
Task<void> get_acquainted(Context& context, const PeerId& peer) {
  const Instant deadline = context.env.clock.now() + peer_dial_deadline;
  KITH_CO_TRY(net::ConnectionId connection,
              co_await context.node->swarm().connect(peer, {}, deadline));
  co_return co_await context.node->identify().wait(connection, deadline);
}

Task<json::object> others_identity(Context& context, PeerId peer, const Request& request) {
  node::Node& node = *context.node;
  if (!node.online()) {
    co_return std::unexpected(Error(
        Errc::refused, "only this node's own identity can be shown offline: start the daemon"));
  }
  KITH_CO_CHECK(co_await get_acquainted(context, peer));
  net::PeerStore& store = node.swarm().peer_store();
  json::object value;
  KITH_CO_TRY(std::string id, peer_text(peer, request));
  value["ID"] = id;
  if (auto key = store.public_key(peer)) {
    value["PublicKey"] =
        multiformats::base_encode(multiformats::Base::base64pad, key->encoded()).value_or("");
  }
  json::array addresses;
  for (const Multiaddr& address : store.addresses(peer, context.env.wall.now())) {
    addresses.emplace_back(address.to_string() + "/p2p/" + id);
  }
  value["Addresses"] = std::move(addresses);
  value["AgentVersion"] = store.agent(peer);
  value["Protocols"] = sorted_protocols(store.protocols(peer));
  co_return value;
}

Task<void> run_id(Context& context, const Request& request, Output& output) {
  std::string wanted = request.argument(0);
  if (!wanted.empty()) {
    KITH_CO_TRY(PeerId peer, parse_peer(wanted));
    if (peer != context.node->peer()) {
      KITH_CO_TRY(json::object value, co_await others_identity(context, peer, request));
      co_return co_await output.value(std::move(value));
    }
  }
  KITH_CO_TRY(json::object value, own_identity(*context.node, request));
  co_return co_await output.value(std::move(value));
}

void replace_all(std::string& text, std::string_view what, const std::string& with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) {
    text.replace(at, what.size(), with);
  }
}

std::string joined(const json::value& value, std::string_view key) {
  std::string all;
  for (const json::value& one : list_of(value, key))
    all += (all.empty() ? "" : "\n") + text_of(one);
  return all;
}

Result<void> show_id(const json::value& value, const RenderContext& context) {
  std::string format = context.request.text("format");
  if (format.empty()) return context.terminal.out(node::format_json(value));
  replace_all(format, "<id>", text_of(value, "ID"));
  replace_all(format, "<aver>", text_of(value, "AgentVersion"));
  replace_all(format, "<pubkey>", text_of(value, "PublicKey"));
  replace_all(format, "<addrs>", joined(value, "Addresses"));
  replace_all(format, "<protocols>", joined(value, "Protocols"));
  replace_all(format, "\\n", "\n");
  replace_all(format, "\\t", "\t");
  return context.terminal.out(format);
}

// ping

json::object ping_line(bool success, Duration time, std::string_view text) {
  json::object value;
  value["Success"] = success;
  value["Time"] = time.count();
  value["Text"] = text;
  return value;
}

Task<std::unique_ptr<net::Stream>> open_ping(node::Node& node, PeerId peer,
                                             std::vector<Multiaddr> addresses, Instant deadline) {
  KITH_CO_CHECK(co_await node.swarm().connect(peer, std::move(addresses), deadline));
  co_return co_await node.ping().open(peer, deadline);
}

Task<void> run_ping(Context& context, const Request& request, Output& output) {
  node::Node& node = *context.node;
  std::int64_t count = request.integer("count").value_or(10);
  if (count < 1 || count > ping_count_max) {
    co_return std::unexpected(Error(Errc::invalid_argument, "option --count: use 1 to 1000000"));
  }
  std::string argument = request.argument(0);
  std::vector<Multiaddr> addresses;
  if (argument.starts_with('/') && !argument.starts_with("/p2p/") &&
      !argument.starts_with("/ipfs/")) {
    KITH_CO_TRY(Multiaddr address, parse_peer_address(argument));
    addresses.push_back(std::move(address));
  }
  KITH_CO_TRY(PeerId peer, parse_peer(argument));
  if (peer == node.peer())
    co_return std::unexpected(Error(Errc::invalid_argument, "can't ping self"));
  KITH_CO_CHECK(co_await output.value(
      ping_line(true, Duration(0), fmt::format("PING {}.", peer.to_string()))));
  KITH_CO_CHECK(co_await output.flush());
  Instant deadline = context.env.clock.now() + peer_dial_deadline;
  auto stream = co_await open_ping(node, peer, std::move(addresses), deadline);
  if (!stream) {
    if (stream.error().is(Errc::cancelled)) co_return std::unexpected(stream.error());
    json::object line = ping_line(false, Duration(0), "Ping error: " + sentence_of(stream.error()));
    KITH_CO_CHECK(co_await output.value(std::move(line)));
    co_return std::unexpected(say("ping failed"));
  }
  Duration sum{0};
  std::int64_t received = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    if (i > 0) KITH_CO_CHECK(co_await port::sleep_for(context.env.clock, 1s));
    Instant until = context.env.clock.now() + net::ping_timeout;
    auto round_trip = co_await node.ping().round_trip(*stream, until);
    if (!round_trip) {
      if (round_trip.error().is(Errc::cancelled)) co_return std::unexpected(round_trip.error());
      KITH_CO_CHECK(co_await output.value(
          ping_line(false, Duration(0), "Ping error: " + round_trip.error().message())));
      break;
    }
    sum += *round_trip;
    ++received;
    KITH_CO_CHECK(co_await output.value(ping_line(true, *round_trip, "")));
    KITH_CO_CHECK(co_await output.flush());
  }
  (*stream)->reset();
  if (received == 0) co_return std::unexpected(say("ping failed"));
  double average_ms =
      std::chrono::duration<double, std::milli>(sum).count() / static_cast<double>(received);
  std::string text = fmt::format("Average latency: {:.2f}ms", average_ms);
  co_return co_await output.value(ping_line(true, Duration(0), text));
}

Result<void> show_ping(const json::value& value, const RenderContext& context) {
  std::string text = text_of(value, "Text");
  if (!text.empty()) return context.terminal.out(text + "\n");
  double ms = static_cast<double>(number_of(value, "Time")) / 1e6;
  return context.terminal.out(fmt::format("Pong received: time={:.2f} ms\n", ms));
}

// perf

Task<void> run_perf_command(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(PeerId peer, parse_peer(request.argument(0)));
  auto up =
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, request.integer("upload").value_or(0)));
  auto down = static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, request.integer("download").value_or(0)));
  node::Node& node = *context.node;
  KITH_CO_CHECK(co_await get_acquainted(context, peer));
  if (!std::ranges::binary_search(node.swarm().peer_store().protocols(peer), net::perf_protocol)) {
    co_return std::unexpected(say(fmt::format(
        "{} doesn't serve {}; a kith does after `kith config --bool Experimental.PerfServer true` "
        "and a restart there",
        peer.to_string(), net::perf_protocol)));
  }
  Instant deadline = context.env.clock.now() + 1h;
  KITH_CO_TRY(net::PerfResult result,
              co_await net::run_perf(context.env, node.swarm(), peer, up, down, deadline));
  json::object value;
  value["UploadBytes"] = result.uploaded_bytes;
  value["UploadTime"] = result.upload_time.count();
  value["DownloadBytes"] = result.downloaded_bytes;
  value["DownloadTime"] = result.download_time.count();
  co_return co_await output.value(std::move(value));
}

std::string rate_line(std::string_view what, std::int64_t bytes, std::int64_t time) {
  double seconds = std::max(1e-9, static_cast<double>(time) / 1e9);
  return fmt::format("{}: {} in {} ({}/s)\n", what, human_bytes(static_cast<double>(bytes)),
                     format_duration(Duration(time)),
                     human_bytes(static_cast<double>(bytes) / seconds));
}

Result<void> show_perf(const json::value& value, const RenderContext& context) {
  return context.terminal.out(
      rate_line("upload", number_of(value, "UploadBytes"), number_of(value, "UploadTime")) +
      rate_line("download", number_of(value, "DownloadBytes"), number_of(value, "DownloadTime")));
}

// commands

json::object new_subcommand(std::string_view name) {
  json::object command;
  command["Name"] = name;
  command["Subcommands"] = json::array();
  command["Options"] = json::array();
  return command;
}

/// The one of this name: the last, or it comes now, since paths come in order.
json::object& subcommand(json::object& of, std::string_view name) {
  json::array& all = of["Subcommands"].as_array();
  if (all.empty() || text_of(all.back(), "Name") != name) all.push_back(new_subcommand(name));
  return all.back().as_object();
}

json::array names_of(const std::vector<OptionSpec>& options) {
  json::array all;
  for (const OptionSpec& option : options) {
    json::array names;
    names.emplace_back(option.name);
    if (option.letter != 0) names.emplace_back(std::string(1, option.letter));
    json::object named;
    named["Names"] = std::move(names);
    all.push_back(std::move(named));
  }
  return all;
}

/// A tree, in which a group is a command, too.
Task<void> run_commands(Context& context, const Request&, Output& output) {
  json::object root = new_subcommand(context.program);
  root["Options"] = names_of(global_options());
  const CommandTable table = make_command_table();
  for (const auto& [path, command] : table.all()) {
    json::object* at = &root;
    for (std::string_view rest = path; !rest.empty();) {
      const std::string_view word = rest.substr(0, rest.find(' '));
      at = &subcommand(*at, word);
      rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    }
    (*at)["Options"] = names_of(command.options);
  }
  co_return co_await output.value(std::move(root));
}

void append_options(std::string& text, const std::string& line, const json::value& command) {
  for (const json::value& option : list_of(command, "Options")) {
    std::string_view between;
    for (const json::value& name : list_of(option, "Names")) {
      const std::string word = text_of(name);
      text += fmt::format("{}{} {}{}", std::exchange(between, " / "), line,
                          word.size() == 1 ? "-" : "--", word);
    }
    text += '\n';
  }
}

/// What can be called, a line each. A group can't.
void append_commands(std::string& text, const CommandTable& table, const json::value& of,
                     const std::string& path, const RenderContext& context) {
  for (const json::value& command : list_of(of, "Subcommands")) {
    const std::string name = text_of(command, "Name");
    const std::string below = path.empty() ? name : path + " " + name;
    const std::string line = context.program + " " + below;
    if (table.find(below) != nullptr) {
      text += line + "\n";
      if (context.request.flag("flags")) append_options(text, line, command);
    }
    append_commands(text, table, command, below, context);
  }
}

Result<void> show_commands(const json::value& value, const RenderContext& context) {
  std::string text;
  append_commands(text, make_command_table(), value, "", context);
  return context.terminal.out(text);
}

}  // namespace

void add_basic_commands(CommandTable& table) {
  table.add(
      {.path = "init",
       .tagline = "Make a node's home: identity, configuration, store.",
       .arguments = {{.name = "default-config",
                      .required = false,
                      .help = "A `config` file to begin with, Kubo's or ours, or - for standard "
                              "input. Its private key, if there is one, becomes this node's."}},
       .options = {{"algorithm", 'a', OptionKind::text, "ed25519, secp256k1, ecdsa or rsa.",
                    "ed25519"},
                   {"bits", 'b', OptionKind::integer, "Bits of an RSA key.", "2048"},
                   {"profile", 'p', OptionKind::text,
                    "Profiles to apply, separated by commas (see `config profile apply --help`).",
                    ""},
                   {"empty-repo", 'e', OptionKind::flag,
                    "Accepted for Kubo's sake: a new home is empty.", ""}},
       .where = Where::client,
       .run_client = run_init});
  table.add(
      {.path = "daemon",
       .tagline = "Start a node and keep it running; makes its home on first use.",
       .options = {{"init", 0, OptionKind::flag,
                    "Accepted for Kubo's sake: a missing home is made.", ""},
                   {"profile", 'p', OptionKind::text,
                    "Profiles for a home that is made now; one that is there must have them.", ""},
                   {"init-profile", 0, OptionKind::text, "The same, by Kubo's name.", ""},
                   {"init-config", 0, OptionKind::text,
                    "A `config` file to begin with, if a home is made now.", ""},
                   {"agent-version-suffix", 0, OptionKind::text,
                    "Tell peers this too, behind the name and version.", ""},
                   {"manage-fdlimit", 0, OptionKind::flag,
                    "Raise the limit of open files as far as the system allows.", "true"},
                   {"routing", 0, OptionKind::text,
                    "\"default\" or \"none\": peers are found by bootstrap, in the local network, "
                    "and by who connects.",
                    "default"},
                   {"enable-pubsub-experiment", 0, OptionKind::flag,
                    "Speak pubsub, as the setting Pubsub.Enabled does.", ""},
                   {"migrate", 0, OptionKind::flag, "Accepted for Kubo's sake.", ""},
                   {"enable-gc", 0, OptionKind::flag, "Accepted for Kubo's sake.", ""}},
       .where = Where::client,
       .run_client = run_daemon});
  table.add({.path = "shutdown",
             .tagline = "End the daemon.",
             .where = Where::daemon,
             .run = run_shutdown});
  table.add(
      {.path = "version",
       .tagline = "Show the version.",
       .options = {{"number", 'n', OptionKind::flag, "Only the number.", ""},
                   {"commit", 0, OptionKind::flag, "With the commit, if it was known.", ""},
                   {"repo", 0, OptionKind::flag, "Only the version of the home's layout.", ""},
                   {"all", 0, OptionKind::flag, "All there is to know.", ""}},
       .where = Where::anywhere,
       .run = run_version,
       .renderer = [](const RenderContext& context) {
         return text_renderer(context, show_version);
       }});
  table.add(
      {.path = "id",
       .tagline = "Show who this node is, or another peer.",
       .arguments = {{"peerid", false, false, "The other peer."}},
       .options = {{"format", 'f', OptionKind::text,
                    "Print this, with <id> <aver> <pubkey> <addrs> <protocols> filled in.", ""},
                   {"peerid-base", 0, OptionKind::text, "b58mh, or a multibase for a CID.",
                    "b58mh"}},
       .run = run_id,
       .renderer = [](const RenderContext& context) { return text_renderer(context, show_id); }});
  table.add(
      {.path = "ping",
       .tagline = "Measure how far away a peer is.",
       .arguments = {{"peer", true, true, "Peer id or address."}},
       .options = {{"count", 'n', OptionKind::integer, "How many times.", "10"}},
       .where = Where::network,
       .streams = true,
       .run = run_ping,
       .renderer = [](const RenderContext& context) { return text_renderer(context, show_ping); }});
  table.add(
      {.path = "perf",
       .tagline = "Measure throughput to a peer that serves /perf/1.0.0.",
       .arguments = {{"peer", true, false, "Peer id."}},
       .options = {{"upload", 0, OptionKind::integer, "Bytes to send.", "104857600"},
                   {"download", 0, OptionKind::integer, "Bytes to receive.", "104857600"}},
       .where = Where::network,
       .run = run_perf_command,
       .renderer = [](const RenderContext& context) { return text_renderer(context, show_perf); }});
  table.add({.path = "commands",
             .tagline = "List every command.",
             .options = {{"flags", 'f', OptionKind::flag, "With the options of each.", ""}},
             .where = Where::anywhere,
             .run = run_commands,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_commands);
             }});
}

}  // namespace kith::api
