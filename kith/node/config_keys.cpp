#include <algorithm>
#include <iterator>

#include <boost/json.hpp>

#include <kith/node/config_keys.hpp>

namespace kith::node {
namespace {

namespace json = boost::json;

struct Section {
  std::string_view path;   ///< "*" in it stands for any name
  std::string_view names;  ///< of what is in it, with spaces between them
};

constexpr Section sections[] = {
    {"API.Authorizations.*", "AllowedPaths AuthSecret"},
    {"API.HTTPHeaders", "*"},
    {"Addresses", "API Announce AppendAnnounce Gateway NoAnnounce Swarm"},
    {"AutoConf", "Enabled RefreshInterval TLSInsecureSkipVerify URL"},
    {"AutoNAT", "ServiceMode"},
    {"AutoNAT.Throttle", "GlobalLimit Interval PeerLimit"},
    {"AutoTLS",
     "AutoWSS CAEndpoint DomainSuffix Enabled RegistrationDelay RegistrationEndpoint "
     "RegistrationToken ShortAddrs SkipDNSLookup"},
    {"Bitswap", "Libp2pEnabled ServerEnabled"},
    {"", "Bootstrap"},
    {"DNS", "MaxCacheTTL"},
    {"DNS.Resolvers", "*"},
    {"Datastore",
     "BlockKeyCacheSize BloomFilterSize GCPeriod HashOnRead NoSync Params Path "
     "StorageGCWatermark StorageMax Type WriteThrough"},
    {"Datastore.Spec", "*"},
    {"Discovery.MDNS", "Enabled"},
    {"Experimental",
     "AcceleratedDHTClient FilestoreEnabled GatewayOverLibp2p GraphsyncEnabled "
     "Libp2pStreamMounting OptimisticProvide OptimisticProvideJobsPoolSize "
     "P2pHttpProxy ShardingEnabled StrategicProviding UrlstoreEnabled"},
    {"Gateway",
     "AllowCodecConversion DeprecatedXIpfsPath DeserializedResponses "
     "DiagnosticServiceURL DisableHTMLErrors ExposeRoutingAPI MaxConcurrentRequests "
     "MaxRangeRequestFileSize MaxRequestDuration NoDNSLink NoFetch RetrievalTimeout "
     "RootRedirect"},
    {"Gateway.HTTPHeaders", "*"},
    {"Gateway.PublicGateways.*",
     "DeserializedResponses InlineDNSLink NoDNSLink Paths UseSubdomains"},
    {"HTTPRetrieval", "Allowlist Denylist Enabled MaxBlockSize NumWorkers TLSInsecureSkipVerify"},
    {"Identity", "PeerID PrivKey"},
    {"Import",
     "BatchMaxNodes BatchMaxSize CidVersion FastProvideDAG FastProvideRoot "
     "FastProvideWait HashFunction UnixFSChunker UnixFSDAGLayout "
     "UnixFSDirectoryMaxLinks UnixFSFileMaxLinks UnixFSHAMTDirectoryMaxFanout "
     "UnixFSHAMTDirectorySizeEstimation UnixFSHAMTDirectorySizeThreshold "
     "UnixFSPBNodeFieldOrder UnixFSRawLeaves"},
    {"Internal",
     "BackupBootstrapInterval CGNATCheck DeadListenerCheck Libp2pForceReachability "
     "MFSNoFlushLimit NonPublicAddrPublishing ShutdownTimeout "
     "UnixFSShardingSizeThreshold"},
    {"Internal.Bitswap.BroadcastControl",
     "Enable LocalPeers MaxPeers MaxRandomPeers PeeredPeers SendToPendingPeers"},
    {"Internal.Bitswap",
     "EngineBlockstoreWorkerCount EngineTaskWorkerCount MaxOutstandingBytesPerPeer "
     "ProviderSearchDelay ProviderSearchMaxResults TaskWorkerCount "
     "WantHaveReplaceSize"},
    {"Ipns",
     "DelegatedPublishers MaxCacheTTL RecordLifetime RepublishPeriod "
     "ResolveCacheSize UsePubsub"},
    {"Migration", "DownloadSources Keep"},
    {"Mounts", "FuseAllowOther IPFS IPNS MFS StoreMode StoreMtime"},
    {"Peering", "Peers"},
    {"Pinning.RemoteServices.*.API", "Endpoint Key"},
    {"Pinning.RemoteServices.*.Policies.MFS", "Enable PinName RepinInterval"},
    {"Plugins.Plugins.*", "Config Disabled"},
    {"Provide", "BloomFPRate Enabled Strategy"},
    {"Provide.DHT",
     "DedicatedBurstWorkers DedicatedPeriodicWorkers Interval KeystoreBatchSize "
     "MaxProvideConnsPerWorker MaxWorkers OfflineDelay ResumeEnabled "
     "SendProviderRecordTimeout SweepEnabled"},
    {"Provider", "Enabled Strategy WorkerCount"},
    {"Pubsub", "DisableSigning Enabled Router SeenMessagesStrategy SeenMessagesTTL"},
    {"Reprovider", "Interval Strategy"},
    {"Routing",
     "AcceleratedDHTClient DelegatedRouters IgnoreProviders "
     "LoopbackAddressesOnLanDHT Type"},
    {"Routing.Methods.*", "RouterName"},
    {"Routing.Routers.*.Router", "Parameters Type"},
    {"Swarm", "AddrFilters DisableBandwidthMetrics DisableNatPortMap EnableHolePunching"},
    {"Swarm.Bandwidth", "Down Up"},
    {"Swarm.Bandwidth.EachPeer", "Down Up"},
    {"Swarm.Bandwidth.Protocols", "*"},
    {"Swarm.ConnMgr", "GracePeriod HighWater LowWater SilencePeriod Type"},
    {"Swarm.RelayClient", "Enabled StaticRelays"},
    {"Swarm.RelayService",
     "BufferSize ConnectionDataLimit ConnectionDurationLimit Enabled MaxCircuits "
     "MaxReservations MaxReservationsPerASN MaxReservationsPerIP ReservationTTL"},
    {"Swarm.ResourceMgr", "Allowlist Enabled Limits MaxFileDescriptors MaxMemory"},
    {"Swarm.Transports.Multiplexers", "Yamux"},
    {"Swarm.Transports.Network", "QUIC Relay TCP WebRTCDirect WebTransport Websocket"},
    {"Swarm.Transports.Security", "Noise TLS"},
    {"Version", "AgentSuffix SwarmCheckEnabled SwarmCheckPercentThreshold"},
};

/// What is in these is of no fixed form.
constexpr std::string_view open_sections[] = {"Datastore.Params", "Datastore.Spec",
                                              "Plugins.Plugins.*.Config"};

/// Off isn't what happens without them.
constexpr std::string_view on_without_a_word[] = {"Bitswap.Libp2pEnabled", "Bitswap.ServerEnabled",
                                                  "Gateway.DeserializedResponses"};

struct Written {
  std::string_view key;
  std::string_view value;  ///< as JSON
};
constexpr Written written_anew[] = {
    {"Datastore.GCPeriod", "\"1h\""},    {"Datastore.StorageGCWatermark", "90"},
    {"Ipns.ResolveCacheSize", "128"},    {"Mounts.IPFS", "\"/ipfs\""},
    {"Mounts.IPNS", "\"/ipns\""},        {"Mounts.MFS", "\"/mfs\""},
    {"Swarm.DisableNatPortMap", "true"},
};

/// Takes what stands before the next separator off the front of `rest`.
std::string_view take(std::string_view& rest, char separator) {
  std::size_t end = std::min(rest.find(separator), rest.size());
  std::string_view first = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return first;
}

bool is_part(std::string_view pattern, std::string_view part) {
  return pattern == "*" ? !part.empty() && !part.contains('.') : pattern == part;
}

/// Takes the path off the front of the key, as far as the two go along. False where they part.
bool walk_along(std::string_view path, std::string_view& key) {
  while (!path.empty() && !key.empty()) {
    if (!is_part(take(path, '.'), take(key, '.'))) return false;
  }
  return true;
}

bool is_within(std::string_view path, std::string_view key) {
  return walk_along(path, key);
}

/// Whether the key is the section, above it, or one of the names in it.
bool is_in(const Section& section, std::string_view key) {
  if (!walk_along(section.path, key)) return false;
  if (key.empty()) return true;
  std::string_view names = section.names;
  while (!names.empty()) {
    if (is_part(take(names, ' '), key)) return true;
  }
  return false;
}

bool is_automatic(const json::value& value) {
  return value.is_string() && value.as_string() == "auto";
}

bool is_empty_or_off(const json::value& value) {
  if (value.is_null() || is_automatic(value)) return true;
  if (value.is_string()) return value.as_string().empty();
  if (value.is_bool()) return !value.as_bool();
  if (value.is_array()) return std::ranges::all_of(value.as_array(), is_automatic);
  if (value.is_object()) return value.as_object().empty();
  return value == json::value(0);
}

}  // namespace

bool is_kubo_key(std::string_view key) {
  if (key.empty() || key.front() == '.' || key.back() == '.') return false;
  if (key.find("..") != std::string_view::npos) return false;
  return std::ranges::any_of(sections,
                             [key](const Section& section) { return is_in(section, key); }) ||
         std::ranges::any_of(open_sections,
                             [key](std::string_view path) { return is_within(path, key); });
}

bool asks_for_nothing(std::string_view key, const json::value& value) {
  if (value.is_bool() && std::ranges::find(on_without_a_word, key) != std::end(on_without_a_word)) {
    return value.as_bool();
  }
  if (is_empty_or_off(value)) return true;
  auto* written = std::ranges::find(written_anew, key, &Written::key);
  return written != std::end(written_anew) && json::serialize(value) == written->value;
}

}  // namespace kith::node
