// Config: the file `config` in a node's home: JSON with Kubo's key names where Kubo has the key, so
// that a Kubo user's settings mean the same here. What is in the file and means nothing here is
// kept, and told of when the node starts; new keys that nobody knows are refused.
//
// The document is what `kith config` shows and changes; NodeSettings is what the node reads out of
// it at start, with every value checked and a default for each that is missing. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

#include <kith/base/result.hpp>
#include <kith/base/time.hpp>
#include <kith/dht/limits.hpp>
#include <kith/multiformats/multiaddr.hpp>
#include <kith/net/announce.hpp>
#include <kith/net/ip_network.hpp>
#include <kith/net/limits.hpp>
#include <kith/net/nat/reach.hpp>
#include <kith/net/resources.hpp>
#include <kith/net/swarm.hpp>
#include <kith/node/peering.hpp>
#include <kith/pubsub/options.hpp>
#include <kith/unixfs/options.hpp>

namespace kith::node {

inline constexpr std::size_t config_bytes_max = 1024 * 1024;

/// The document of a new node.
boost::json::value default_config();

/// The names that --profile takes, with what each does.
struct Profile {
  std::string_view name;
  std::string_view description;
};
const std::vector<Profile>& profiles();

/// Errc::not_found for a name that isn't one.
Result<void> apply_profile(boost::json::value& config, std::string_view name);

/// The value at a dotted key such as "Swarm.ConnMgr.HighWater". Errc::not_found.
Result<boost::json::value> config_get(const boost::json::value& config, std::string_view key);

/// Whether there is such a setting, Kubo's or ours, or such a part of them. Errc::invalid_argument.
Result<void> check_key(std::string_view key);

/// Sets it, making objects on the way. Errc::invalid_argument for a key that there isn't, or if
/// something on the way is no object; Errc::refused for Identity, which isn't changed by hand.
Result<void> config_set(boost::json::value& config, std::string_view key, boost::json::value value);

Result<boost::json::value> parse_config(std::string_view text);
/// Indented as Kubo's, with a newline at the end.
std::string format_json(const boost::json::value& value);

/// Memory of the store and of Bitswap, in bytes. What the network may use is
/// NodeSettings::memory_bytes_max.
struct MemoryBounds {
  std::uint64_t block_cache = std::uint64_t{8} << 20;
  std::uint64_t unsynced_blocks = std::uint64_t{32} << 20;
  std::uint64_t queued_blocks = std::uint64_t{16} << 20;
  std::uint64_t unsent_per_peer = std::uint64_t{2} << 20;
  std::uint64_t unsent = std::uint64_t{64} << 20;
  std::uint64_t have_replace = 1024;  ///< a smaller block is sent instead of a HAVE
  std::uint64_t processing = std::uint64_t{64} << 20;
  std::uint64_t fetched_ahead = std::uint64_t{32} << 20;
};

/// Who may use the RPC, if not everybody: API.Authorizations.
struct RpcAuthorization {
  std::string secret;  ///< as Kubo writes them: "bearer:...", "basic:...:..."
  std::vector<std::string> allowed_paths;
};

/// Import.*: how new files are made, before the flags of `add` are heard.
struct ImportSettings {
  unixfs::ImportOptions options;
  /// Said by a key, or by Import.Profile: what isn't may follow from a flag (add_options.hpp).
  bool version_said = false;
  bool leaves_said = false;
  /// Import.FastProvideRoot and its kin: whether the DHTs are told at once of what is added, and
  /// whether `add` waits for that.
  bool provide_root = true;
  bool provide_wait = false;
};

/// Routing.*: the part that a node takes in the DHTs. By Routing.Type, as Kubo has it:
///
///   none                     no DHT
///   dhtclient                asks in both, and answers in neither
///   auto, autoclient, dht    asks in both, and answers in that of the local network
///   dhtserver                answers in both: for a node that anybody can reach
struct RoutingSettings {
  bool enabled = true;
  bool wide_server = false;
  bool wide_server_if_reachable = false;
  bool local_server = true;
  /// Routing.LoopbackAddressesOnLanDHT
  bool local_loopback = false;
};

/// Provide.*: what the DHTs are told of what is here, and how. A node tells them of the roots of
/// what is added to it, which is Kubo's strategy "roots".
struct ProvideSettings {
  bool enabled = true;
  /// Zero: content is told of once.
  Duration interval = dht::reprovide_interval;
  /// Region by region, else key by key.
  bool sweep = true;
  /// What an earlier run has told of isn't told again before its time.
  bool resume = true;
  std::size_t workers = dht::keys_at_once;
  std::size_t peers_at_once = dht::stores_at_once;
  /// While the lookup still runs, at peers that are near enough.
  bool optimistic = true;
  /// Of these, told of after the caller has gone on.
  std::size_t background_max = dht::background_stores_max;
};

/// Pubsub.*
struct PubSubSettings {
  bool enabled = false;
  bool flood_only = false;  ///< Router is "floodsub"
  bool signing = true;
  Duration seen_ttl = 120s;
  pubsub::SeenStrategy seen_strategy = pubsub::SeenStrategy::last_seen;
};

struct NodeSettings {
  std::vector<multiformats::Multiaddr> swarm_addresses;
  std::vector<multiformats::Multiaddr> api_addresses;
  std::vector<multiformats::Multiaddr> gateway_addresses;
  /// Where chains answer JSON-RPC once there are any; without the key 127.0.0.1:8545.
  std::vector<multiformats::Multiaddr> chain_addresses;
  /// Origins whose pages may ask them, and names by which they may be asked besides localhost.
  std::vector<std::string> chain_origins;
  std::vector<std::string> chain_hosts;
  std::vector<multiformats::Multiaddr> bootstrap;
  std::vector<PeeredPeer> peering;
  net::AnnounceRules announce;
  bool mdns = true;
  bool gateway_no_fetch = false;
  bool trim_connections = true;  ///< Swarm.ConnMgr.Type isn't "none"
  std::size_t low_water = 32;
  std::size_t high_water = 96;
  Duration grace_period = 20s;
  Duration silence_period = 10s;
  bool limit_resources = true;
  std::uint64_t memory_bytes_max = net::memory_bytes_max_default;
  std::optional<std::uint64_t> descriptors_max;  ///< half of what the process may have
  std::vector<net::Allowed> allowlist;
  std::vector<net::IpNetwork> address_filters;
  net::Transports transports;
  net::BandwidthLimits bandwidth;
  /// Files of the certificate for /tls/ws and its key; empty: none.
  std::string websocket_certificate;
  std::string websocket_key;
  net::ReachOptions reachability;
  bool measure_bandwidth = true;
  bool verify_reads = false;
  MemoryBounds memory;
  bool serve_perf = false;
  /// Experimental.GatewayOverLibp2p: strangers may have blocks that are here over HTTP, as streams
  /// of libp2p and at the swarm's TCP ports.
  bool gateway_over_libp2p = false;
  PubSubSettings pubsub;
  RoutingSettings routing;
  ProvideSettings providing;
  ImportSettings new_files;
  bool filestore = false;                ///< --nocopy is allowed
  std::vector<std::string> api_origins;  ///< that may use the RPC from a browser
  std::vector<RpcAuthorization> api_authorizations;
  /// Keys of the document that ask for something and that nothing reads: for a warning.
  std::vector<std::string> without_effect;
};

/// Errc::invalid_argument names the key that makes no sense, and what it may be.
Result<NodeSettings> read_settings(const boost::json::value& config);

/// The swarm's limits: what Kubo computes of these settings, with `overrides` (the text of
/// resource_overrides.hpp's file, if there is one) over it. `descriptors` is how many the process
/// may have. Errc::invalid_argument names what makes no sense, also of both together.
Result<net::SwarmLimits> swarm_limits(const NodeSettings& settings, std::uint64_t descriptors,
                                      std::optional<std::string_view> overrides);

/// "10GB", "500 MiB", "1024": decimal and binary units. Nothing if it isn't one.
std::optional<std::uint64_t> parse_size(std::string_view text);

}  // namespace kith::node
