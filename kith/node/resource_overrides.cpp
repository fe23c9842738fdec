#include <charconv>

#include <boost/json.hpp>
#include <fmt/format.h>

#include <kith/node/resource_overrides.hpp>

namespace kith::node {
namespace {

namespace json = boost::json;
using multiformats::PeerId;
using net::ScopeLimits;
using net::ScopeOverrides;

Error wrong(std::string_view what, std::string_view want) {
  return Error(Errc::invalid_argument,
               fmt::format("{}: {} must be {}", resource_overrides_name, what, want));
}

std::optional<std::int64_t> whole_number(const json::value& value) {
  boost::system::error_code failure;
  if (value.is_number()) {
    auto number = value.to_number<std::int64_t>(failure);
    return failure ? std::nullopt : std::optional(number);
  }
  // go-libp2p writes those of 64 bits as text.
  if (!value.is_string()) return std::nullopt;
  std::string_view text = value.as_string();
  std::int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  bool whole = error == std::errc{} && end == text.data() + text.size();
  return whole ? std::optional(number) : std::nullopt;
}

/// Nothing for "default".
Result<std::optional<std::uint64_t>> limit_of(const json::value& value, const std::string& what) {
  if (value.is_string()) {
    std::string_view text = value.as_string();
    if (text == "default") return std::nullopt;
    if (text == "unlimited") return net::unlimited;
    if (text == "blockAll") return 0;
  }
  std::optional<std::int64_t> number = whole_number(value);
  if (!number || *number < -2) {
    return std::unexpected(
        wrong(what, "a whole number, \"unlimited\", \"blockAll\" or \"default\""));
  }
  if (*number == -1) return net::unlimited;
  return *number == -2 ? 0 : static_cast<std::uint64_t>(*number);
}

class Reader {
 public:
  static Result<Reader> over(std::string_view text) {
    boost::system::error_code failure;
    json::value document = json::parse(text, failure);
    if (failure || !document.is_object()) {
      return std::unexpected(
          wrong("the file", failure ? "JSON (" + failure.message() + ")" : "an object"));
    }
    return Reader(std::move(document));
  }

  Result<ScopeOverrides> scope(std::string_view name) const {
    const json::value* value = find(name);
    if (value == nullptr) return ScopeOverrides();
    return read(*value, std::string(name));
  }

  /// The entries of a scope for each of many.
  Result<std::vector<std::pair<std::string, ScopeOverrides>>> scopes(std::string_view name) const {
    std::vector<std::pair<std::string, ScopeOverrides>> entries;
    const json::value* value = find(name);
    if (value == nullptr) return entries;
    if (!value->is_object()) return std::unexpected(wrong(name, "an object"));
    for (const auto& [key, entry] : value->as_object()) {
      KITH_TRY(ScopeOverrides overrides,
               read(entry, fmt::format("{}.{}", name, std::string_view(key))));
      entries.emplace_back(key, overrides);
    }
    return entries;
  }

 private:
  explicit Reader(json::value document) : document_(std::move(document)) {}

  const json::value* find(std::string_view name) const {
    const json::value* value = document_.as_object().if_contains(name);
    return value == nullptr || value->is_null() ? nullptr : value;
  }

  static Result<ScopeOverrides> read(const json::value& value, const std::string& name) {
    if (!value.is_object()) return std::unexpected(wrong(name, "an object"));
    ScopeOverrides overrides;
    for (net::Resource resource : net::all_resources) {
      std::string_view key = net::to_string(resource);
      const json::value* limit = value.as_object().if_contains(key);
      if (limit == nullptr || limit->is_null()) continue;
      KITH_TRY(overrides[resource], limit_of(*limit, fmt::format("{}.{}", name, key)));
    }
    return overrides;
  }

  json::value document_;
};

}  // namespace

Result<void> apply_resource_overrides(net::ResourceLimits& limits, std::string_view text) {
  KITH_TRY(Reader reader, Reader::over(text));
  const std::pair<std::string_view, ScopeLimits*> single[] = {
      {"System", &limits.system},
      {"Transient", &limits.transient},
      {"AllowlistedSystem", &limits.allowlisted_system},
      {"AllowlistedTransient", &limits.allowlisted_transient},
      {"PeerDefault", &limits.peer},
      {"ProtocolDefault", &limits.protocol},
      {"ProtocolPeerDefault", &limits.protocol_peer},
      {"Conn", &limits.connection},
      {"Stream", &limits.stream},
  };
  for (const auto& [name, scope] : single) {
    KITH_TRY(ScopeOverrides overrides, reader.scope(name));
    *scope = overrides.over(*scope);
  }
  KITH_TRY(auto peers, reader.scopes("Peer"));
  for (const auto& [name, overrides] : peers) {
    auto peer = PeerId::parse(name);
    if (!peer) return std::unexpected(wrong("Peer." + name, "the entry of a peer id"));
    limits.peers[*peer] = overrides.over(limits.peer);
  }
  KITH_TRY(auto protocols, reader.scopes("Protocol"));
  limits.protocols.insert(protocols.begin(), protocols.end());
  KITH_TRY(auto protocol_peers, reader.scopes("ProtocolPeer"));
  limits.protocol_peers.insert(protocol_peers.begin(), protocol_peers.end());
  for (std::string_view ignored : {"ServiceDefault", "ServicePeerDefault"})
    KITH_CHECK(reader.scope(ignored));
  for (std::string_view ignored : {"Service", "ServicePeer"})
    KITH_CHECK(reader.scopes(ignored));
  return {};
}

}  // namespace kith::node
