// swarm filters, swarm resources: whom we don't speak with, and how much the others may use.
#include <algorithm>
#include <cstdlib>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/api/detail/sentence.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/node/config.hpp>
#include <kith/node/home.hpp>
#include <kith/node/node.hpp>

namespace kith::api {
namespace {

constexpr std::string_view filters_key = "Swarm.AddrFilters";

Task<void> run_filters(Context& context, const Request&, Output& output) {
  std::vector<std::string> texts;
  for (const net::IpNetwork& network : context.node->address_filter().networks())
    texts.push_back(network.to_string());
  co_return co_await output.value(strings_value(texts));
}

std::vector<std::string> configured_filters(const json::value& config) {
  std::vector<std::string> filters;
  auto list = node::config_get(config, filters_key);
  if (!list || !list->is_array()) return filters;
  for (const json::value& filter : list->as_array()) {
    if (filter.is_string()) filters.emplace_back(filter.as_string());
  }
  return filters;
}

Result<void> write_filters(Context& context, json::value config,
                           const std::vector<std::string>& filters) {
  KITH_CHECK(node::config_set(config, filters_key, json::array(filters.begin(), filters.end())));
  return node::write_config(context.env.files, context.home, config);
}

Result<std::vector<net::IpNetwork>> networks_of(const std::vector<std::string>& texts) {
  std::vector<net::IpNetwork> networks;
  for (const std::string& text : texts) {
    KITH_TRY(net::IpNetwork network, net::IpNetwork::parse(text));
    networks.push_back(network);
  }
  return networks;
}

Task<void> run_filters_add(Context& context, const Request& request, Output& output) {
  KITH_CO_TRY(std::vector<net::IpNetwork> networks, networks_of(request.arguments()));
  KITH_CO_TRY(json::value config, node::read_config(context.env.files, context.home));
  // As Kubo does: the new ones first, in the file too.
  std::vector<std::string> added;
  for (const std::string& text : request.arguments()) {
    if (std::ranges::find(added, text) == added.end()) added.push_back(text);
  }
  std::vector<std::string> all = added;
  for (std::string& text : configured_filters(config)) {
    if (std::ranges::find(added, text) == added.end()) all.push_back(std::move(text));
  }
  KITH_CO_CHECK(write_filters(context, std::move(config), all));
  for (const net::IpNetwork& network : networks)
    context.node->address_filter().add(network);
  co_return co_await output.value(strings_value(added));
}

Task<void> run_filters_rm(Context& context, const Request& request, Output& output) {
  const std::vector<std::string>& wanted = request.arguments();
  const bool everything = wanted.front() == "all" || wanted.front() == "*";
  std::vector<net::IpNetwork> networks;
  if (!everything) {
    KITH_CO_TRY(networks, networks_of(wanted));
  }
  KITH_CO_TRY(json::value config, node::read_config(context.env.files, context.home));
  std::vector<std::string> removed;
  std::vector<std::string> kept;
  for (std::string& text : configured_filters(config)) {
    const bool goes = everything || std::ranges::find(wanted, text) != wanted.end();
    (goes ? removed : kept).push_back(std::move(text));
  }
  KITH_CO_CHECK(write_filters(context, std::move(config), kept));
  net::AddressFilter& filter = context.node->address_filter();
  if (everything) filter.clear();
  for (const net::IpNetwork& network : networks)
    filter.remove(network);
  co_return co_await output.value(strings_value(removed));
}

// resources

/// A limit as go-libp2p writes it; those of 64 bits as text.
json::value limit_value(net::Resource resource, std::uint64_t limit) {
  if (limit == net::unlimited) return "unlimited";
  if (limit == 0) return "blockAll";
  if (resource == net::Resource::memory) return json::string(std::to_string(limit));
  return limit;
}

json::object scope_value(const net::ScopeReport& report) {
  json::object value;
  for (net::Resource resource : net::all_resources) {
    std::string name(net::to_string(resource));
    value[name] = limit_value(resource, report.limits[resource]);
    value[name + "Usage"] = report.used[resource];
  }
  return value;
}

Task<void> run_resources(Context& context, const Request&, Output& output) {
  if (!context.node->settings().limit_resources) {
    co_return std::unexpected(
        say("missing ResourceMgr: make sure the daemon is running with Swarm.ResourceMgr.Enabled"));
  }
  net::ResourceReport report = context.node->swarm().resources();
  json::object value;
  value["System"] = scope_value(report.system);
  value["Transient"] = scope_value(report.transient);
  json::object& protocols = value["Protocols"].emplace_object();
  for (const auto& [protocol, scope] : report.protocols)
    protocols[protocol] = scope_value(scope);
  json::object& peers = value["Peers"].emplace_object();
  for (const auto& [peer, scope] : report.peers)
    peers[peer.to_string()] = scope_value(scope);
  co_return co_await output.value(std::move(value));
}

std::string resource_row(std::string_view scope, std::string_view name, std::string_view limit,
                         std::string_view usage, std::string_view percent) {
  return fmt::format("{:<56} {:<16} {:<14} {:<18} {}\n", scope, name, limit, usage, percent);
}

std::string scope_rows(const std::string& scope, const json::value& value) {
  std::string rows;
  for (net::Resource resource : net::all_resources) {
    std::string name(net::to_string(resource));
    const json::value& limit = member(value, name);
    if (limit.is_null()) continue;
    // Without a limit there is little to say.
    if (limit.is_string() && limit.as_string() == "unlimited") continue;
    std::string text = limit.is_string() ? std::string(limit.as_string()) : json::serialize(limit);
    std::int64_t used = number_of(value, name + "Usage");
    double all = std::strtod(text.c_str(), nullptr);
    std::string percent = text == "blockAll" ? "n/a"
                          : used == 0
                              ? "0%"
                              : fmt::format("{:.1f}%", 100 * static_cast<double>(used) / all);
    rows += resource_row(scope, name, text, std::to_string(used), percent);
  }
  return rows;
}

std::string rows_of_each(const std::string& kind, const json::value& scopes) {
  std::string rows;
  const json::object* each = scopes.if_object();
  if (each == nullptr) return rows;
  for (const auto& [name, scope] : *each)
    rows += scope_rows(kind + std::string(name), scope);
  return rows;
}

Result<void> show_resources(const json::value& value, const RenderContext& context) {
  std::string out = resource_row("Scope", "Limit Name", "Limit Value", "Limit Usage Amount",
                                 "Limit Usage Percent");
  out += scope_rows("system", member(value, "System"));
  out += scope_rows("transient", member(value, "Transient"));
  out += rows_of_each("proto:", member(value, "Protocols"));
  out += rows_of_each("peer:", member(value, "Peers"));
  return context.terminal.out(out);
}

}  // namespace

void add_limit_commands(CommandTable& table) {
  auto strings = [](const RenderContext& context) { return text_renderer(context, show_strings); };
  table.add({.path = "swarm filters",
             .tagline = "List the networks that are neither dialed nor let in.",
             .description =
                 "A filter is a network such as /ip4/192.168.0.0/ipcidr/16. Those of the "
                 "setting Swarm.AddrFilters are there from the start.",
             .where = Where::network,
             .run = run_filters,
             .renderer = strings});
  table.add({.path = "swarm filters add",
             .tagline = "Add networks to the filters, here and in the configuration.",
             .arguments = {{.name = "address",
                            .variadic = true,
                            .help = "Such as /ip4/192.168.0.0/ipcidr/16.",
                            .from_stdin = true}},
             .where = Where::network,
             .run = run_filters_add,
             .renderer = strings});
  table.add({.path = "swarm filters rm",
             .tagline = "Remove networks from the filters, here and in the configuration.",
             .arguments = {{.name = "address",
                            .variadic = true,
                            .help = "As it was added, or \"all\".",
                            .from_stdin = true}},
             .where = Where::network,
             .run = run_filters_rm,
             .renderer = strings});
  table.add({.path = "swarm resources",
             .tagline = "Show the limits on connections, streams and memory, and what is used.",
             .description =
                 "Limits are computed of the settings Swarm.ResourceMgr.MaxMemory and "
                 "MaxFileDescriptors; the file libp2p-resource-limit-overrides.json in the node's "
                 "home, in go-libp2p's format, sets any of them to something else.",
             .where = Where::network,
             .run = run_resources,
             .renderer = [](const RenderContext& context) {
               return text_renderer(context, show_resources);
             }});
}

}  // namespace kith::api
