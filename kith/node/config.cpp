#include <algorithm>
#include <charconv>
#include <set>
#include <span>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/base/duration.hpp>
#include <kith/discovery/bootstrap.hpp>
#include <kith/node/config.hpp>
#include <kith/node/config_keys.hpp>
#include <kith/node/resource_overrides.hpp>
#include <kith/unixfs/hamt.hpp>
#include <kith/unixfs/limits.hpp>

namespace kith::node {
namespace {

namespace json = boost::json;
using multiformats::Multiaddr;

/// Less lets no connection in: before their handshake they have a quarter of the sockets, and as
/// many may come as there are mebibytes in a quarter of the memory.
constexpr std::uint64_t memory_bytes_least = std::uint64_t{4} << 20;
constexpr std::uint64_t descriptors_least = 4;

json::array texts(const std::vector<std::string_view>& items) {
  json::array list;
  for (std::string_view item : items)
    list.emplace_back(item);
  return list;
}

json::object& object_at(json::value& parent, std::string_view key) {
  json::value& child = parent.as_object()[key];
  if (!child.is_object()) child = json::object();
  return child.as_object();
}

/// Nobody is reached there from afar: IANA's registries of special-purpose addresses (RFC 6890).
constexpr std::string_view unreachable_networks[] = {
    "/ip4/10.0.0.0/ipcidr/8",       // private (RFC 1918)
    "/ip4/100.64.0.0/ipcidr/10",    // a provider's NAT (RFC 6598)
    "/ip4/127.0.0.0/ipcidr/8",      // loopback
    "/ip4/169.254.0.0/ipcidr/16",   // link-local
    "/ip4/172.16.0.0/ipcidr/12",    // private
    "/ip4/192.0.0.0/ipcidr/24",     // protocol assignments (RFC 6890)
    "/ip4/192.0.2.0/ipcidr/24",     // documentation (RFC 5737)
    "/ip4/192.168.0.0/ipcidr/16",   // private
    "/ip4/198.18.0.0/ipcidr/15",    // benchmarks (RFC 2544)
    "/ip4/198.51.100.0/ipcidr/24",  // documentation
    "/ip4/203.0.113.0/ipcidr/24",   // documentation
    "/ip4/240.0.0.0/ipcidr/4",      // reserved, broadcast
    "/ip6/::/ipcidr/3",           // unspecified, loopback, NAT64 and other special ones (RFC 4291)
    "/ip6/2001:2::/ipcidr/48",    // benchmarks (RFC 5180)
    "/ip6/2001:db8::/ipcidr/32",  // documentation (RFC 3849)
    "/ip6/fc00::/ipcidr/7",       // unique local (RFC 4193)
    "/ip6/fe80::/ipcidr/10",      // link-local
};

/// What a profile of new files says.
constexpr std::string_view import_keys[] = {"CidVersion",
                                            "HashFunction",
                                            "UnixFSChunker",
                                            "UnixFSDAGLayout",
                                            "UnixFSDirectoryMaxLinks",
                                            "UnixFSFileMaxLinks",
                                            "UnixFSHAMTDirectoryMaxFanout",
                                            "UnixFSHAMTDirectorySizeEstimation",
                                            "UnixFSHAMTDirectorySizeThreshold",
                                            "UnixFSPBNodeFieldOrder",
                                            "UnixFSRawLeaves"};

/// Puts texts into a list, or takes them out of it; what else is there stays.
void set_members(json::value& list, std::span<const std::string_view> members, bool present) {
  if (!list.is_array()) list = json::array();
  json::array& items = list.as_array();
  for (std::string_view member : members) {
    auto* found = std::ranges::find(items, json::value(member));
    if (present && found == items.end()) items.emplace_back(member);
    if (!present && found != items.end()) items.erase(found);
  }
}

void set_default_addresses(json::value& config) {
  json::object& addresses = object_at(config, "Addresses");
  addresses["Swarm"] = texts({"/ip4/0.0.0.0/tcp/4001", "/ip6/::/tcp/4001",
                              "/ip4/0.0.0.0/udp/4001/quic-v1", "/ip6/::/udp/4001/quic-v1"});
  addresses["API"] = "/ip4/127.0.0.1/tcp/5001";
  addresses["Gateway"] = "/ip4/127.0.0.1/tcp/8080";
}

std::vector<std::string_view> parts_of(std::string_view key) {
  std::vector<std::string_view> parts;
  for (;;) {
    std::size_t dot = key.find('.');
    parts.push_back(key.substr(0, dot));
    if (dot == std::string_view::npos) return parts;
    key.remove_prefix(dot + 1);
  }
}

Error wrong(std::string_view key, std::string_view want) {
  return Error(Errc::invalid_argument, fmt::format("config key {}: must be {}", key, want));
}

Result<void> check_names(std::string_view key) {
  std::vector<std::string_view> parts = parts_of(key);
  if (std::ranges::find(parts, std::string_view()) == parts.end()) return {};
  return std::unexpected(
      Error(Errc::invalid_argument,
            fmt::format("config key \"{}\": names with a dot between them are needed", key)));
}

const json::value* find(const json::value& config, std::string_view key) {
  const json::value* at = &config;
  for (std::string_view part : parts_of(key)) {
    if (!at->is_object()) return nullptr;
    at = at->as_object().if_contains(part);
    if (at == nullptr || at->is_null()) return nullptr;
  }
  return at;
}

/// Reads one setting after another and remembers the first fault.
class Reader {
 public:
  explicit Reader(const json::value& config) : config_(config) {}

  template <class Flag>
  void flag(std::string_view key, Flag& out) {
    const json::value* value = find(config_, key);
    if (value == nullptr) return;
    if (!value->is_bool()) return fail(wrong(key, "true or false"));
    out = value->as_bool();
  }

  template <class Number>
  void number(std::string_view key, Number& out, std::uint64_t low, std::uint64_t high) {
    const json::value* value = find(config_, key);
    if (value == nullptr) return;
    boost::system::error_code failure;
    auto read = value->to_number<std::uint64_t>(failure);
    if (failure || read < low || read > high) {
      return fail(wrong(key, fmt::format("a whole number from {} to {}", low, high)));
    }
    out = read;
  }

  /// Kubo's "priority": a number, the lower the better, false for off, null for `out` as it is.
  void priority(std::string_view key, std::optional<std::uint64_t>& out) {
    const json::value* value = find(config_, key);
    if (value == nullptr) return;
    if (value->is_bool() && !value->as_bool()) {
      out = std::nullopt;
      return;
    }
    boost::system::error_code failure;
    const auto read = value->to_number<std::int64_t>(failure);
    if (failure || read <= 0) return fail(wrong(key, "a whole number above 0, or false"));
    out = static_cast<std::uint64_t>(read);
  }

  /// "4GB", "512 MiB" or a number of bytes.
  template <class Number>
  void bytes(std::string_view key, Number& out, std::uint64_t low) {
    const json::value* value = find(config_, key);
    if (value == nullptr) return;
    std::optional<std::uint64_t> read;
    if (value->is_string()) {
      read = parse_size(value->as_string());
    } else {
      boost::system::error_code failure;
      double number = value->to_number<double>(failure);
      if (!failure && number >= 0 && number < 9e18) read = static_cast<std::uint64_t>(number);
    }
    if (!read || *read < low) {
      return fail(wrong(key, fmt::format("a size such as \"4GB\", of at least {} bytes", low)));
    }
    out = *read;
  }

  void text(std::string_view key, std::string& out, const std::vector<std::string_view>& choices) {
    const json::value* value = find(config_, key);
    if (value == nullptr) return;
    if (!value->is_string() ||
        std::ranges::find(choices, std::string_view(value->as_string())) == choices.end()) {
      return fail(wrong(key, fmt::format("one of {}", join(choices))));
    }
    out = value->as_string();
  }

  bool has(std::string_view key) { return find(config_, key) != nullptr; }

  void any_text(std::string_view key, std::string& out) {
    const json::value* value = find(config_, key);
    if (value == nullptr) return;
    if (!value->is_string()) return fail(wrong(key, "a text"));
    out = value->as_string();
  }

  /// Where Kubo takes "default" or an empty text, it means that the key isn't there.
  void duration(std::string_view key, Duration& out) {
    const json::value* value = find(config_, key);
    if (value == nullptr) return;
    std::string_view text;
    if (value->is_string()) text = value->as_string();
    if (value->is_string() && (text.empty() || text == "default" || text == "null")) return;
    auto read = parse_duration(text);
    if (!read) return fail(wrong(key, "a duration such as \"20s\" or \"1m\""));
    out = *read;
  }

  /// "auto" stands for `automatic`, where there is such.
  void addresses(std::string_view key, std::vector<Multiaddr>& out,
                 std::span<const std::string_view> automatic = {}) {
    for (const std::string& text : strings(key)) {
      if (text != "auto" || automatic.empty()) add_address(key, text, out);
      if (text != "auto") continue;
      for (std::string_view one : automatic)
        add_address(key, one, out);
    }
  }

  void networks(std::string_view key, std::vector<net::IpNetwork>& out) {
    for (const std::string& text : strings(key)) {
      auto network = net::IpNetwork::parse(text);
      if (!network) return fail(network.error().with_context(fmt::format("config key {}", key)));
      out.push_back(*network);
    }
  }

  /// Networks, and single addresses.
  void announced_never(std::string_view key, net::AnnounceRules& out) {
    for (const std::string& text : strings(key)) {
      if (auto network = net::IpNetwork::parse(text)) {
        out.never_of.push_back(*network);
      } else {
        add_address(key, text, out.never);
      }
    }
  }

  void allowlist(std::string_view key, std::vector<net::Allowed>& out) {
    std::vector<Multiaddr> entries;
    addresses(key, entries);
    for (const Multiaddr& entry : entries) {
      auto network = net::IpNetwork::of(entry);
      if (!network) return fail(wrong(key, "addresses that begin with /ip4 or /ip6"));
      out.push_back({*network, entry.peer_id()});
    }
  }

  /// {"Up": "2MB", "Down": ...}, in bytes a second.
  void rate(std::string_view key, net::RateLimit& out) {
    bytes(fmt::format("{}.Up", key), out.up, net::bandwidth_least);
    bytes(fmt::format("{}.Down", key), out.down, net::bandwidth_least);
  }

  /// The same for each name in an object. A name may have dots in it.
  void rates_by_name(std::string_view key, std::map<std::string, net::RateLimit>& out) {
    const json::value* all = find(config_, key);
    if (all == nullptr) return;
    if (!all->is_object())
      return fail(wrong(key, R"(an object such as {"/ipfs/bitswap": {"Up": "1MB"}})"));
    for (const auto& [name, limits] : all->as_object()) {
      Reader inner(limits);
      net::RateLimit& limit = out[std::string(name)];
      inner.bytes("Up", limit.up, net::bandwidth_least);
      inner.bytes("Down", limit.down, net::bandwidth_least);
      if (!inner.outcome_) {
        return fail(inner.outcome_.error().with_context(
            fmt::format("config key {}, {}", key, std::string_view(name))));
      }
    }
  }

  /// A key that means something in other versions of Kubo, and would be misunderstood.
  void nothing_in(std::string_view key, std::string_view instead) {
    const json::value* value = find(config_, key);
    if (value == nullptr || (value->is_object() && value->as_object().empty())) return;
    fail(Error(Errc::invalid_argument, fmt::format("config key {}: {}", key, instead)));
  }

  /// Kubo reads a text as a list of one here, and nowhere else.
  static bool one_will_do(std::string_view key) noexcept {
    return key == "Addresses.API" || key == "Addresses.Gateway" || key == "Addresses.Chain" ||
           key.starts_with("API.HTTPHeaders.");
  }

  std::vector<std::string> strings(std::string_view key) {
    std::vector<std::string> list;
    const json::value* value = find(config_, key);
    if (value == nullptr) return list;
    if (value->is_string() && one_will_do(key)) {
      if (!value->as_string().empty()) list.emplace_back(value->as_string());
    } else if (value->is_array()) {
      for (const json::value& item : value->as_array()) {
        if (!item.is_string()) fail(wrong(key, "a list of texts"));
        if (item.is_string()) list.emplace_back(item.as_string());
      }
    } else {
      fail(wrong(key, "a list of texts"));
    }
    return list;
  }

  /// By the names of users, which say nothing here, and may have dots in them.
  void authorizations(std::string_view key, std::vector<RpcAuthorization>& out) {
    const json::value* users = find(config_, key);
    if (users == nullptr) return;
    if (!users->is_object()) return fail(wrong(key, "an object with one for each user"));
    for (const auto& [name, user] : users->as_object()) {
      RpcAuthorization& one = out.emplace_back();
      if (user.is_null()) continue;
      const json::value* secret = node::find(user, "AuthSecret");
      const json::value* paths = node::find(user, "AllowedPaths");
      const bool good = user.is_object() && (secret == nullptr || secret->is_string()) &&
                        (paths == nullptr || paths->is_array());
      if (!good) return fail(wrong(key, "objects with AuthSecret and AllowedPaths"));
      if (secret != nullptr) one.secret = secret->as_string();
      if (paths == nullptr) continue;
      for (const json::value& path : paths->as_array()) {
        if (!path.is_string()) return fail(wrong(key, "objects whose AllowedPaths are texts"));
        one.allowed_paths.emplace_back(path.as_string());
      }
    }
  }

  /// [{"ID": ..., "Addrs": [...]}]
  void peers(std::string_view key, std::vector<PeeredPeer>& out) {
    constexpr std::string_view form = R"(a list such as [{"ID": "12D3...", "Addrs": []}])";
    const json::value* list = find(config_, key);
    if (list == nullptr) return;
    if (!list->is_array()) return fail(wrong(key, form));
    for (const json::value& one : list->as_array()) {
      const json::value* id = node::find(one, "ID");
      if (id == nullptr || !id->is_string()) return fail(wrong(key, form));
      auto peer = multiformats::PeerId::parse(id->as_string());
      if (!peer) return fail(wrong(key, form));
      PeeredPeer& kept = out.emplace_back(*peer);
      const json::value* addresses = node::find(one, "Addrs");
      if (addresses == nullptr) continue;
      if (!addresses->is_array()) return fail(wrong(key, form));
      for (const json::value& address : addresses->as_array()) {
        if (!address.is_string()) return fail(wrong(key, form));
        add_address(key, address.as_string(), kept.addresses);
      }
    }
    if (out.size() > peering_peers_max)
      fail(wrong(key, fmt::format("at most {} peers", peering_peers_max)));
  }

  /// A text that `take` makes something of.
  template <class Take>
  void taken(std::string_view key, std::string_view want, Take take) {
    const json::value* value = find(config_, key);
    if (value == nullptr) return;
    if (!value->is_string() || !take(std::string_view(value->as_string()))) fail(wrong(key, want));
  }

  void fail(Error error) {
    if (outcome_) outcome_ = std::unexpected(std::move(error));
  }
  Result<void> outcome() const { return outcome_; }
  /// Every key that was looked for, there or not.
  const std::vector<std::string>& asked() const noexcept { return asked_; }

 private:
  const json::value* find(const json::value& config, std::string_view key) {
    asked_.emplace_back(key);
    return node::find(config, key);
  }

  static std::string join(const std::vector<std::string_view>& items) {
    std::string all;
    for (std::string_view item : items)
      all += (all.empty() ? "" : ", ") + std::string(item);
    return all;
  }

  void add_address(std::string_view key, std::string_view text, std::vector<Multiaddr>& out) {
    auto address = Multiaddr::parse(text);
    if (!address) {
      return fail(
          Error(Errc::invalid_argument, fmt::format("config key {}: \"{}\" is no multiaddr ({})",
                                                    key, text, Error(address.error()).message())));
    }
    out.push_back(*std::move(address));
  }

  const json::value& config_;
  std::vector<std::string> asked_;
  Result<void> outcome_;
};

bool is_at_or_below(std::string_view key, std::string_view above) {
  return key.starts_with(above) && (key.size() == above.size() || key[above.size()] == '.');
}

/// Lists what asks for something in vain.
void list_without_effect(const json::value& value, const std::string& key,
                         const std::vector<std::string>& asked, std::vector<std::string>& out) {
  bool read = std::ranges::any_of(
      asked, [&key](const std::string& above) { return is_at_or_below(key, above); });
  if (read || asks_for_nothing(key, value)) return;
  if (!value.is_object()) return out.push_back(key);
  for (const auto& [name, child] : value.as_object()) {
    std::string below =
        key.empty() ? std::string(name) : fmt::format("{}.{}", key, std::string_view(name));
    list_without_effect(child, below, asked, out);
  }
}

void write_indented(std::string& out, const json::value& value, std::size_t depth) {
  std::string indent(2 * (depth + 1), ' ');
  if (value.is_object() && !value.as_object().empty()) {
    out += "{\n";
    bool first = true;
    for (const auto& [key, child] : value.as_object()) {
      if (!first) out += ",\n";
      first = false;
      out += indent + json::serialize(json::string(key)) + ": ";
      write_indented(out, child, depth + 1);
    }
    out += "\n" + std::string(2 * depth, ' ') + "}";
  } else if (value.is_array() && !value.as_array().empty()) {
    out += "[\n";
    bool first = true;
    for (const json::value& child : value.as_array()) {
      if (!first) out += ",\n";
      first = false;
      out += indent;
      write_indented(out, child, depth + 1);
    }
    out += "\n" + std::string(2 * depth, ' ') + "]";
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

json::value default_config() {
  json::value config = json::object();
  json::object& root = config.as_object();
  root["Identity"] = json::object({{"PeerID", ""}});
  set_default_addresses(config);
  object_at(config, "Addresses")["Announce"] = json::array();
  object_at(config, "Addresses")["AppendAnnounce"] = json::array();
  object_at(config, "Addresses")["NoAnnounce"] = json::array();
  root["Bootstrap"] = texts(discovery::default_bootstrap());
  root["Discovery"] = json::object({{"MDNS", json::object({{"Enabled", true}})}});
  root["Datastore"] = json::object({{"StorageMax", "10GB"}, {"HashOnRead", false}});
  root["Gateway"] = json::object({{"NoFetch", false}});
  root["API"] = json::object({{"HTTPHeaders", json::object()}});
  root["Swarm"] = json::object({{"AddrFilters", json::array()},
                                {"DisableBandwidthMetrics", false},
                                {"DisableNatPortMap", false},
                                {"Transports", json::object({{"Network", json::object()}})},
                                {"ConnMgr", json::object()},
                                {"ResourceMgr", json::object()}});
  root["Import"] = json::object();
  root["Routing"] = json::object();
  root["Experimental"] = json::object({{"FilestoreEnabled", false}, {"PerfServer", false}});
  return config;
}

const std::vector<Profile>& profiles() {
  static const std::vector<Profile> all = {
      {"server", "No local discovery, no private addresses: for machines in the open."},
      {"local-discovery", "Finds peers in the local network by multicast DNS (undoes server)."},
      {"test",
       "Stays on this machine: loopback addresses with free ports, no bootstrap, no discovery."},
      {"default-networking", "The default network settings (undoes test)."},
      {"unixfs-v1-2025",
       "New files by IPIP-499's current profile: CIDv1, raw leaves, 1 MiB chunks."},
      {"unixfs-v0-2015", "New files as IPFS made them for long: CIDv0, 256 KiB chunks."},
  };
  return all;
}

Result<void> apply_profile(json::value& config, std::string_view name) {
  if (name == "server" || name == "local-discovery") {
    bool server = name == "server";
    object_at(config, "Discovery")["MDNS"] = json::object({{"Enabled", !server}});
    set_members(object_at(config, "Swarm")["AddrFilters"], unreachable_networks, server);
    set_members(object_at(config, "Addresses")["NoAnnounce"], unreachable_networks, server);
    object_at(config, "Swarm")["DisableNatPortMap"] = server;
  } else if (name == "test") {
    json::object& addresses = object_at(config, "Addresses");
    addresses["Swarm"] = texts({"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"});
    addresses["API"] = "/ip4/127.0.0.1/tcp/0";
    addresses["Gateway"] = "/ip4/127.0.0.1/tcp/0";
    addresses["Chain"] = "/ip4/127.0.0.1/tcp/0";
    object_at(config, "Discovery")["MDNS"] = json::object({{"Enabled", false}});
    object_at(config, "Swarm")["DisableNatPortMap"] = true;
    config.as_object()["Bootstrap"] = json::array();
    object_at(config, "Routing")["LoopbackAddressesOnLanDHT"] = true;
  } else if (name == "default-networking") {
    set_default_addresses(config);
    config.as_object()["Bootstrap"] = texts(discovery::default_bootstrap());
    object_at(config, "Discovery")["MDNS"] = json::object({{"Enabled", true}});
    object_at(config, "Swarm")["DisableNatPortMap"] = false;
    object_at(config, "Routing").erase("LoopbackAddressesOnLanDHT");
  } else if (name == "unixfs-v1-2025" || name == "unixfs-v0-2015") {
    json::object& section = object_at(config, "Import");
    // Each of these goes before the profile.
    for (std::string_view key : import_keys)
      section.erase(key);
    section["Profile"] = name;
  } else {
    std::string names;
    for (const Profile& profile : profiles())
      names += (names.empty() ? "" : ", ") + std::string(profile.name);
    return std::unexpected(
        Error(Errc::not_found, fmt::format("profile \"{}\" (there are: {})", name, names)));
  }
  return {};
}

Result<json::value> config_get(const json::value& config, std::string_view key) {
  KITH_CHECK(check_names(key));
  const json::value* value = find(config, key);
  if (value == nullptr)
    return std::unexpected(Error(Errc::not_found, fmt::format("config key {}", key)));
  return *value;
}

Result<void> config_set(json::value& config, std::string_view key, json::value value) {
  KITH_CHECK(check_key(key));
  std::vector<std::string_view> parts = parts_of(key);
  if (parts.front() == "Identity") {
    return std::unexpected(
        Error(Errc::refused, "config key Identity: who a node is can't be set by hand"));
  }
  json::value* at = &config;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    json::value& child = at->as_object()[parts[i]];
    if (child.is_null()) child = json::object();
    if (!child.is_object()) {
      return std::unexpected(wrong(key, fmt::format("below an object, which {} isn't", parts[i])));
    }
    at = &child;
  }
  at->as_object()[parts.back()] = std::move(value);
  return {};
}

Result<json::value> parse_config(std::string_view text) {
  if (text.size() > config_bytes_max) return std::unexpected(Errc::limit_exceeded);
  boost::system::error_code failure;
  json::value value = json::parse(text, failure);
  if (failure) {
    return std::unexpected(Error(Errc::invalid_argument, "config: " + failure.message()));
  }
  if (!value.is_object()) {
    return std::unexpected(Error(Errc::invalid_argument, "config: not an object"));
  }
  return value;
}

std::string format_json(const json::value& value) {
  std::string text;
  write_indented(text, value, 0);
  return text + "\n";
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  double count = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (failure != std::errc{} || !(count >= 0)) return std::nullopt;
  std::string unit;
  for (char c : text.substr(static_cast<std::size_t>(end - text.data()))) {
    if (c != ' ') unit += static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  }
  if (unit.ends_with('B')) unit.pop_back();
  bool binary = unit.ends_with('I');
  if (binary) unit.pop_back();
  constexpr std::string_view letters = "KMGTP";
  std::size_t power = unit.empty() ? 0 : letters.find(unit) + 1;
  if (unit.size() > 1 || (!unit.empty() && letters.find(unit) == std::string_view::npos))
    return std::nullopt;
  for (std::size_t i = 0; i < power; ++i)
    count *= binary ? 1024 : 1000;
  if (count > 9e18) return std::nullopt;
  return static_cast<std::uint64_t>(count);
}

namespace {

void read_security(Reader& reader, std::vector<net::SecureProtocol>& order) {
  std::optional<std::uint64_t> tls = 100;
  std::optional<std::uint64_t> noise = 200;
  reader.priority("Swarm.Transports.Security.TLS", tls);
  reader.priority("Swarm.Transports.Security.Noise", noise);
  order.clear();
  if (tls) order.push_back(net::SecureProtocol::tls);
  if (noise) order.push_back(net::SecureProtocol::noise);
  if (tls && noise && *noise < *tls) std::ranges::reverse(order);
  if (order.empty()) {
    reader.fail(
        Error(Errc::invalid_argument,
              "config key Swarm.Transports.Security: TLS and Noise are both off, and one of "
              "them is needed"));
  }
}

/// With the peer at the end of each address, once for each peer.
void read_static_relays(Reader& reader, net::ReachOptions& settings) {
  std::vector<Multiaddr> relays;
  reader.addresses("Swarm.RelayClient.StaticRelays", relays);
  for (const Multiaddr& one : relays) {
    const auto peer = one.peer_id();
    if (!peer || one.is_relayed())
      return reader.fail(wrong("Swarm.RelayClient.StaticRelays",
                               "addresses with /p2p and a peer's name at the end"));
    auto known = std::ranges::find(settings.static_relays, *peer, &net::StaticRelay::peer);
    if (known == settings.static_relays.end())
      known = settings.static_relays.insert(known, {*peer, {}});
    if (!one.without_peer_id().empty()) known->addresses.push_back(one.without_peer_id());
  }
}

void read_relay_service(Reader& reader, net::RelayServiceOptions& limits) {
  reader.duration("Swarm.RelayService.ConnectionDurationLimit", limits.circuit_duration_max);
  reader.number("Swarm.RelayService.ConnectionDataLimit", limits.circuit_bytes_max, 0,
                std::uint64_t{1} << 50);
  reader.duration("Swarm.RelayService.ReservationTTL", limits.reservation_ttl);
  reader.number("Swarm.RelayService.MaxReservations", limits.reservations.all_max, 0, 100'000);
  reader.number("Swarm.RelayService.MaxCircuits", limits.circuits_per_peer_max, 0, 1000);
  reader.number("Swarm.RelayService.BufferSize", limits.buffer_bytes, net::relay_buffer_bytes_least,
                net::relay_buffer_bytes_most);
  reader.number("Swarm.RelayService.MaxReservationsPerIP", limits.reservations.per_ip_max, 0,
                100'000);
  reader.number("Swarm.RelayService.MaxReservationsPerASN", limits.reservations.per_network_max, 0,
                100'000);
}

void read_reachability(Reader& reader, net::ReachOptions& settings) {
  reader.flag("Swarm.Transports.Network.Relay", settings.relays);
  reader.flag("Swarm.RelayClient.Enabled", settings.relay_client);
  read_static_relays(reader, settings);
  reader.flag("Swarm.RelayService.Enabled", settings.relay_service);
  read_relay_service(reader, settings.relay_limits);
  reader.flag("Swarm.EnableHolePunching", settings.hole_punching);
  bool unmapped = false;
  reader.flag("Swarm.DisableNatPortMap", unmapped);
  settings.port_mapping = !unmapped;
  std::string mode = "enabled";
  reader.text("AutoNAT.ServiceMode", mode, {"enabled", "disabled", "legacy-v1"});
  settings.autonat_service = mode != "disabled";
  settings.autonat.v2 = mode != "legacy-v1";
  reader.number("AutoNAT.Throttle.GlobalLimit", settings.autonat.dials_max, 0, 10'000);
  reader.number("AutoNAT.Throttle.PeerLimit", settings.autonat.dials_per_peer_max, 0, 10'000);
  reader.duration("AutoNAT.Throttle.Interval", settings.autonat.interval);
  std::string forced;
  reader.text("Internal.Libp2pForceReachability", forced, {"public", "private"});
  if (forced == "public") settings.forced = net::Reachability::reachable;
  if (forced == "private") settings.forced = net::Reachability::unreachable;
}

void read_swarm(Reader& reader, NodeSettings& settings) {
  reader.addresses("Addresses.Announce", settings.announce.instead);
  reader.addresses("Addresses.AppendAnnounce", settings.announce.also);
  reader.announced_never("Addresses.NoAnnounce", settings.announce);
  reader.networks("Swarm.AddrFilters", settings.address_filters);
  reader.flag("Swarm.Transports.Network.TCP", settings.transports.tcp);
  reader.rate("Swarm.Bandwidth", settings.bandwidth.all);
  reader.rate("Swarm.Bandwidth.EachPeer", settings.bandwidth.each_peer);
  reader.rates_by_name("Swarm.Bandwidth.Protocols", settings.bandwidth.protocols);
  reader.flag("Swarm.Transports.Network.Websocket", settings.transports.websocket);
  reader.any_text("Swarm.Transports.WebSocket.Certificate", settings.websocket_certificate);
  reader.any_text("Swarm.Transports.WebSocket.Key", settings.websocket_key);
  reader.flag("Swarm.Transports.Network.QUIC", settings.transports.quic);
  read_security(reader, settings.transports.security);
  read_reachability(reader, settings.reachability);
  bool unmeasured = false;
  reader.flag("Swarm.DisableBandwidthMetrics", unmeasured);
  settings.measure_bandwidth = !unmeasured;
  std::string type = "basic";
  reader.text("Swarm.ConnMgr.Type", type, {"basic", "none"});
  settings.trim_connections = type == "basic";
  reader.number("Swarm.ConnMgr.LowWater", settings.low_water, 0, 1'000'000);
  reader.number("Swarm.ConnMgr.HighWater", settings.high_water, 0, 1'000'000);
  reader.duration("Swarm.ConnMgr.GracePeriod", settings.grace_period);
  reader.duration("Swarm.ConnMgr.SilencePeriod", settings.silence_period);
  reader.flag("Swarm.ResourceMgr.Enabled", settings.limit_resources);
  reader.bytes("Swarm.ResourceMgr.MaxMemory", settings.memory_bytes_max, memory_bytes_least);
  reader.number("Swarm.ResourceMgr.MaxFileDescriptors", settings.descriptors_max, descriptors_least,
                1 << 30);
  reader.allowlist("Swarm.ResourceMgr.Allowlist", settings.allowlist);
  reader.nothing_in(
      "Swarm.ResourceMgr.Limits",
      fmt::format("isn't read any more, the file {} in the home is", resource_overrides_name));
}

}  // namespace

namespace {

void read_import(Reader& reader, ImportSettings& files) {
  using unixfs::SizeEstimate;
  unixfs::ImportOptions& options = files.options;
  std::string profile;
  reader.text("Import.Profile", profile, {"unixfs-v1-2025", "unixfs-v0-2015"});
  if (profile == "unixfs-v0-2015") options = unixfs::ImportOptions::unixfs_v0_2015();
  std::optional<std::uint64_t> version;
  reader.number("Import.CidVersion", version, 0, 1);
  if (version) options.cid_version = static_cast<int>(*version);
  files.version_said = version || !profile.empty();
  std::optional<bool> leaves;
  reader.flag("Import.UnixFSRawLeaves", leaves);
  if (leaves) options.raw_leaves = *leaves;
  files.leaves_said = leaves || !profile.empty();
  reader.taken("Import.HashFunction", "the name of a hash function for CIDs, such as \"sha2-256\"",
               [&options](std::string_view name) {
                 auto function = unixfs::hash_function_from_name(name);
                 if (function) options.hash_function = *function;
                 return function.has_value();
               });
  reader.taken("Import.UnixFSChunker", "size-<bytes>, rabin-<min>-<avg>-<max> or buzhash",
               [&options](std::string_view text) {
                 auto chunker = unixfs::ChunkerSpec::parse(text);
                 if (chunker) options.chunker = *chunker;
                 return chunker.has_value();
               });
  std::string layout;
  reader.text("Import.UnixFSDAGLayout", layout, {"balanced", "trickle"});
  if (layout == "trickle") options.layout = unixfs::Layout::trickle;
  reader.number("Import.UnixFSFileMaxLinks", options.file_width, 2, unixfs::file_width_max);
  reader.number("Import.UnixFSDirectoryMaxLinks", options.directory_links_max, 0, 1 << 30);
  std::string estimate;
  reader.text("Import.UnixFSHAMTDirectorySizeEstimation", estimate, {"links", "block", "disabled"});
  if (estimate == "links") options.size_estimate = SizeEstimate::links_bytes;
  if (estimate == "block") options.size_estimate = SizeEstimate::block_bytes;
  if (estimate == "disabled") options.size_estimate = SizeEstimate::disabled;
  reader.bytes("Import.UnixFSHAMTDirectorySizeThreshold", options.hamt_threshold_bytes, 0);
  reader.number("Import.UnixFSHAMTDirectoryMaxFanout", options.hamt_fanout, unixfs::hamt_fanout_min,
                unixfs::hamt_fanout_max);
  if (!unixfs::HamtShape::of_fanout(options.hamt_fanout)) {
    reader.fail(wrong("Import.UnixFSHAMTDirectoryMaxFanout", "a power of 2"));
  }
  reader.flag("Import.FastProvideRoot", files.provide_root);
  reader.flag("Import.FastProvideWait", files.provide_wait);
  // Blocks of the other order aren't made.
  std::string order;
  reader.text("Import.UnixFSPBNodeFieldOrder", order, {"links-first"});
}

void read_pubsub(Reader& reader, PubSubSettings& settings) {
  reader.flag("Pubsub.Enabled", settings.enabled);
  std::string router;
  reader.text("Pubsub.Router", router, {"", "gossipsub", "floodsub"});
  settings.flood_only = router == "floodsub";
  bool unsigned_messages = false;
  reader.flag("Pubsub.DisableSigning", unsigned_messages);
  settings.signing = !unsigned_messages;
  reader.duration("Pubsub.SeenMessagesTTL", settings.seen_ttl);
  if (settings.seen_ttl <= 0s) reader.fail(wrong("Pubsub.SeenMessagesTTL", "above zero"));
  std::string strategy = "last-seen";
  reader.text("Pubsub.SeenMessagesStrategy", strategy, {"last-seen", "first-seen"});
  if (strategy == "first-seen") settings.seen_strategy = pubsub::SeenStrategy::first_seen;
}

void read_routing(Reader& reader, RoutingSettings& routing) {
  std::string type = "auto";
  reader.text("Routing.Type", type,
              {"auto", "autoclient", "dht", "dhtclient", "dhtserver", "none"});
  routing.enabled = type != "none";
  routing.wide_server = type == "dhtserver";
  routing.wide_server_if_reachable = type == "auto" || type == "dht";
  routing.local_server = type != "dhtclient";
  reader.flag("Routing.LoopbackAddressesOnLanDHT", routing.local_loopback);
}

/// As Kubo takes them: parts of which there may be several, with a plus between them. False if it
/// is none.
bool is_strategy(std::string_view text) {
  std::set<std::string_view> parts;
  for (bool more = true; more;) {
    const std::size_t plus = text.find('+');
    more = plus != std::string_view::npos;
    parts.insert(text.substr(0, plus));
    text.remove_prefix(more ? plus + 1 : text.size());
  }
  const auto has = [&parts](std::string_view part) { return parts.contains(part); };
  const std::size_t all = parts.size();
  const std::size_t every = has("all") + has("flat");
  const std::size_t walked = has("pinned") + has("mfs");
  const std::size_t modifiers = has("unique") + has("entities");
  if (every > 0) return every == all;
  if (modifiers > 0 && (walked == 0 || has("roots"))) return false;
  return walked + modifiers + has("roots") == all;
}

void read_strategy(Reader& reader, std::vector<std::string>& without_effect) {
  constexpr std::string_view key = "Provide.Strategy";
  std::string strategy;
  reader.any_text(key, strategy);
  if (strategy.empty() || strategy == "roots") return;
  if (!is_strategy(strategy)) {
    return reader.fail(wrong(
        key, "\"roots\", or another of Kubo's: \"all\", \"pinned\", \"mfs\", \"pinned+mfs\""));
  }
  without_effect.emplace_back(key);
}

void read_providing(Reader& reader, NodeSettings& settings) {
  ProvideSettings& providing = settings.providing;
  std::optional<bool> enabled;
  reader.flag("Provide.Enabled", enabled);
  providing.enabled = enabled.value_or(true);
  read_strategy(reader, settings.without_effect);
  constexpr std::string_view interval = "Provide.DHT.Interval";
  reader.duration(interval, providing.interval);
  // A record that isn't told of again in this time has ended.
  const bool sane = providing.interval == 0s ||
                    (providing.interval >= 1min && providing.interval <= dht::provider_ttl);
  if (!sane) reader.fail(wrong(interval, "from \"1m\" to \"48h\", or \"0\" for once"));
  // It meant that nothing is provided, in Kubo before 0.42.
  if (providing.interval == 0s && !enabled) {
    reader.fail(
        Error(Errc::invalid_argument,
              "config key Provide.DHT.Interval: \"0\" wants Provide.Enabled to be said: true "
              "for content that is told of once, false for none at all"));
  }
  reader.flag("Provide.DHT.SweepEnabled", providing.sweep);
  reader.flag("Provide.DHT.ResumeEnabled", providing.resume);
  reader.number("Provide.DHT.MaxWorkers", providing.workers, 1, dht::keys_at_once_max);
  reader.number("Provide.DHT.MaxProvideConnsPerWorker", providing.peers_at_once, 1,
                dht::stores_at_once_max);
  // Who sweeps does it in Kubo, too, whatever this says.
  bool optimistic = false;
  reader.flag("Experimental.OptimisticProvide", optimistic);
  providing.optimistic = providing.sweep || optimistic;
  std::uint64_t background = 0;
  reader.number("Experimental.OptimisticProvideJobsPoolSize", background, 0,
                dht::background_stores_most);
  if (background > 0) providing.background_max = background;
}

void read_all(Reader& reader, NodeSettings& settings) {
  reader.addresses("Addresses.Swarm", settings.swarm_addresses);
  reader.addresses("Addresses.API", settings.api_addresses);
  reader.addresses("Addresses.Gateway", settings.gateway_addresses);
  reader.addresses("Addresses.Chain", settings.chain_addresses);
  if (!reader.has("Addresses.Chain"))
    settings.chain_addresses.push_back(*Multiaddr::parse("/ip4/127.0.0.1/tcp/8545"));
  settings.chain_origins = reader.strings("Chain.AllowedOrigins");
  settings.chain_hosts = reader.strings("Chain.VirtualHosts");
  reader.addresses("Bootstrap", settings.bootstrap, discovery::default_bootstrap());
  reader.peers("Peering.Peers", settings.peering);
  reader.flag("Discovery.MDNS.Enabled", settings.mdns);
  reader.flag("Gateway.NoFetch", settings.gateway_no_fetch);
  reader.flag("Datastore.HashOnRead", settings.verify_reads);
  reader.flag("Experimental.GatewayOverLibp2p", settings.gateway_over_libp2p);
  reader.flag("Experimental.PerfServer", settings.serve_perf);
  read_swarm(reader, settings);
  read_pubsub(reader, settings.pubsub);
  read_routing(reader, settings.routing);
  read_providing(reader, settings);
  read_import(reader, settings.new_files);
  reader.flag("Experimental.FilestoreEnabled", settings.filestore);
  // `repo stat` shows it.
  std::uint64_t storage = 0;
  reader.bytes("Datastore.StorageMax", storage, 0);
  settings.api_origins = reader.strings("API.HTTPHeaders.Access-Control-Allow-Origin");
  reader.authorizations("API.Authorizations", settings.api_authorizations);
  // Kubo's names where it has the setting (MaxOutstandingBytesPerPeer, WantHaveReplaceSize).
  MemoryBounds& memory = settings.memory;
  constexpr std::uint64_t bound_max = std::uint64_t{1} << 40;
  reader.number("Datastore.BlockCacheBytes", memory.block_cache, 0, bound_max);
  reader.number("Datastore.MaxUnsyncedBytes", memory.unsynced_blocks, 1 << 20, bound_max);
  reader.number("Datastore.MaxQueuedBytes", memory.queued_blocks, 1 << 20, bound_max);
  reader.number("Internal.Bitswap.MaxOutstandingBytesPerPeer", memory.unsent_per_peer, 64 << 10,
                bound_max);
  reader.number("Internal.Bitswap.MaxOutstandingBytes", memory.unsent, 1 << 20, bound_max);
  reader.number("Internal.Bitswap.WantHaveReplaceSize", memory.have_replace, 0, 2 << 20);
  reader.number("Internal.Bitswap.MaxProcessingBytes", memory.processing, 1 << 20, bound_max);
  reader.number("Internal.Bitswap.MaxAheadBytes", memory.fetched_ahead, 0, bound_max);
}

/// The settings that mean something here.
const std::vector<std::string>& read_keys() {
  static const std::vector<std::string> keys = [] {
    const json::value nothing = json::object();
    Reader reader(nothing);
    NodeSettings settings;
    read_all(reader, settings);
    return reader.asked();
  }();
  return keys;
}

}  // namespace

Result<void> check_key(std::string_view key) {
  KITH_CHECK(check_names(key));
  bool ours = std::ranges::any_of(
      read_keys(), [key](const std::string& known) { return is_at_or_below(known, key); });
  if (ours || is_kubo_key(key)) return {};
  return std::unexpected(
      Error(Errc::invalid_argument, fmt::format("config key {}: there is no such setting", key)));
}

Result<NodeSettings> read_settings(const json::value& config) {
  NodeSettings settings;
  Reader reader(config);
  read_all(reader, settings);
  KITH_CHECK(reader.outcome());
  std::vector<std::string> asked = reader.asked();
  asked.emplace_back("Identity");
  list_without_effect(config, "", asked, settings.without_effect);
  if (settings.trim_connections && settings.low_water > settings.high_water) {
    return std::unexpected(wrong("Swarm.ConnMgr.LowWater", "at most HighWater"));
  }
  return settings;
}

namespace {

/// Connections above the high water mark are there to be closed; a limit that lets none above it
/// come makes strangers keep out friends. Kubo refuses to start then, too.
Result<void> check_room(const net::ResourceLimits& limits, std::size_t high_water) {
  if (high_water == 0) return {};
  for (net::Resource resource : {net::Resource::connections, net::Resource::connections_inbound,
                                 net::Resource::streams, net::Resource::streams_inbound}) {
    std::uint64_t limit = limits.system[resource];
    if (limit > high_water) continue;
    return std::unexpected(Error(
        Errc::invalid_argument,
        fmt::format("{}: System.{} is {}, and must be more than Swarm.ConnMgr.HighWater, which is "
                    "{} (or set Swarm.ConnMgr.Type to \"none\")",
                    resource_overrides_name, net::to_string(resource), limit, high_water)));
  }
  return {};
}

}  // namespace

Result<net::SwarmLimits> swarm_limits(const NodeSettings& settings, std::uint64_t descriptors,
                                      std::optional<std::string_view> overrides) {
  net::SwarmLimits limits;
  limits.low_water = settings.trim_connections ? settings.low_water : 0;
  limits.high_water = settings.trim_connections ? settings.high_water : 0;
  limits.grace_period = settings.grace_period;
  limits.silence_period = settings.silence_period;
  limits.bandwidth = settings.bandwidth;
  net::ResourceLimits computed =
      net::default_limits(settings.memory_bytes_max,
                          settings.descriptors_max.value_or(descriptors / 2), limits.high_water);
  if (!settings.limit_resources) {
    // The muxer's own limits stay: without them a peer could open streams without end.
    limits.resources = net::ResourceLimits();
    limits.resources.connection = computed.connection;
    return limits;
  }
  limits.resources = std::move(computed);
  limits.resources.allowlist = settings.allowlist;
  if (overrides) KITH_CHECK(apply_resource_overrides(limits.resources, *overrides));
  // With a list of who may come in when all is full, all may be full on purpose.
  if (settings.allowlist.empty()) KITH_CHECK(check_room(limits.resources, limits.high_water));
  return limits;
}

}  // namespace kith::node
