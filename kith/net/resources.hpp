// Resources: what a node's connections and streams may use, and what they do use. The limits are
// go-libp2p's, scope by scope and name by name (its p2p/host/resource-manager), so that a limit
// written for Kubo means the same here.
//
//   connection   system + subnets + transient    until the peer has proven who it is, then
//                system + subnets + its peer; without one if it turns out to carry no libp2p
//   stream       system + its peer + transient         until a protocol is agreed on, then
//                system + its peer + protocol + protocol of that peer
//
//   resource     counts
//   Conns        connections, also each direction by itself (ConnsInbound, ConnsOutbound); dials
//                that are under way are connections too
//   Streams      streams, likewise
//   FD           sockets
//   Memory       bytes: connection_base_bytes a connection, and what its streams hold and have
//                promised to take (muxers/yamux.hpp); a stream's count in its protocol's scopes too
//
// Each connection has a scope of its own besides (Conn), and each stream a limit of memory
// (Stream). Whoever would pass a limit is refused, and nothing is taken from anybody. When the
// ordinary scopes are full, connections with addresses of the allow-list come in by scopes of their
// own (AllowlistedSystem, AllowlistedTransient); their peers' scopes stand below these. An entry of
// the list that names a peer lets in only that one: another is moved to the ordinary scopes as soon
// as it has proven who it is, or refused.
//
// go-libp2p's scopes of services aren't here: a service is its protocols.
//
// Ownership: a grant counts while it lives. A ConnectionGrant dies before its Resources; a
// StreamGrant may outlive its connection, and then counts nowhere any more. Loop thread only.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <kith/base/budget.hpp>
#include <kith/multiformats/multiaddr.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/net/connection.hpp>
#include <kith/net/ip_network.hpp>
#include <kith/net/subnet_counts.hpp>

namespace kith::net {

enum class Resource : std::uint8_t {
  memory,
  descriptors,
  connections,
  connections_inbound,
  connections_outbound,
  streams,
  streams_inbound,
  streams_outbound,
};
inline constexpr std::array all_resources = {
    Resource::memory,
    Resource::descriptors,
    Resource::connections,
    Resource::connections_inbound,
    Resource::connections_outbound,
    Resource::streams,
    Resource::streams_inbound,
    Resource::streams_outbound,
};
/// As go-libp2p writes it: "Memory", "FD", "ConnsInbound", ...
std::string_view to_string(Resource resource) noexcept;

inline constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

/// A value a resource.
template <class Value>
class PerResource {
 public:
  constexpr PerResource() noexcept : PerResource(Value()) {}
  constexpr explicit PerResource(Value each) noexcept { values_.fill(each); }
  constexpr Value& operator[](Resource resource) noexcept {
    return values_[static_cast<std::size_t>(resource)];
  }
  constexpr const Value& operator[](Resource resource) const noexcept {
    return values_[static_cast<std::size_t>(resource)];
  }
  friend bool operator==(const PerResource&, const PerResource&) noexcept = default;

 private:
  std::array<Value, all_resources.size()> values_;
};

struct ScopeLimits : PerResource<std::uint64_t> {
  constexpr ScopeLimits() noexcept : PerResource(unlimited) {}
};
/// What somebody wants otherwise; what isn't given stays.
struct ScopeOverrides : PerResource<std::optional<std::uint64_t>> {
  ScopeLimits over(ScopeLimits limits) const noexcept;
};

/// An address or network that may come in when all is full; with a peer, only for it.
struct Allowed {
  IpNetwork network;
  std::optional<multiformats::PeerId> peer;
};

struct ResourceLimits {
  ScopeLimits system;
  ScopeLimits transient;
  ScopeLimits allowlisted_system;
  ScopeLimits allowlisted_transient;
  SubnetLimits subnets;    ///< of connections, but for those in the scopes of the allow-list
  SubnetRateLimits rates;  ///< of connections that come, but for the same
  ScopeLimits peer;        ///< of each that isn't named
  std::map<multiformats::PeerId, ScopeLimits> peers;
  ScopeLimits protocol;  ///< of each about which neither `protocols` nor its handler says anything
  std::map<std::string, ScopeOverrides> protocols;
  ScopeLimits protocol_peer;
  std::map<std::string, ScopeOverrides> protocol_peers;
  ScopeLimits connection;
  ScopeLimits stream;
  std::vector<Allowed> allowlist;
};

/// What Kubo computes of these two, with the limits that kith's own muxer wants beside them.
/// `high_water` is that of the connection manager, 0 if there is none: twice as many peers may
/// come.
ResourceLimits default_limits(std::uint64_t memory_bytes, std::uint64_t descriptors,
                              std::size_t high_water);

/// One scope's limits and use.
struct ScopeReport {
  ScopeLimits limits;
  PerResource<std::uint64_t> used;
};
struct ResourceReport {
  ScopeReport system;
  ScopeReport transient;
  std::map<std::string, ScopeReport> protocols;
  std::map<multiformats::PeerId, ScopeReport> peers;
};

enum class ScopeKind : std::uint8_t {
  system,
  transient,
  allowlisted_system,
  allowlisted_transient,
  subnet,
  peer,
  protocol,
  protocol_peer,
  connection,
};
/// What wasn't granted, and by whom.
struct Shortage {
  ScopeKind scope{};
  Resource resource{};
  std::uint64_t limit = 0;
  Duration every{};  ///< of a rate; the limit is its burst

  /// "limit System.ConnsInbound is 8": as libp2p-resource-limit-overrides.json has it. Of a rate
  /// "limit Subnet.ConnsInbound is 16 at once, then one in 5 s".
  std::string to_string() const;
};

class ConnectionGrant;

class Resources {
 public:
  explicit Resources(ResourceLimits limits);
  ~Resources();
  Resources(const Resources&) = delete;
  Resources& operator=(const Resources&) = delete;

  const ResourceLimits& limits() const noexcept { return limits_; }

  /// What a protocol's own code allows itself, unless the limits say something else. Of a protocol
  /// that has been spoken it changes nothing.
  void define_protocol(const std::string& protocol, const ScopeOverrides& all,
                       const ScopeOverrides& each_peer);

  /// For a connection to or from an address, before anything is done for it. Errc::limit_exceeded.
  Result<std::unique_ptr<ConnectionGrant>> open_connection(Direction direction,
                                                           const multiformats::Multiaddr& remote,
                                                           Instant now);

  ResourceReport report() const;

  /// How often something was refused, and what at last.
  std::uint64_t refusals() const noexcept { return refusals_; }
  const Shortage& last_refusal() const noexcept { return last_refusal_; }

 private:
  friend class ConnectionGrant;
  friend class StreamGrant;
  class Scope;
  struct PeerScope;
  struct Territory;

  Scope& protocol_scope(const std::string& protocol);
  Scope& protocol_scope_of(PeerScope& peer, const std::string& protocol);
  bool allowlisted(const multiformats::Multiaddr& remote,
                   const multiformats::PeerId* peer) const noexcept;
  std::optional<Shortage> comes_too_often(const multiformats::Multiaddr& remote, Instant now);
  std::unexpected<Error> refused(const Shortage& shortage) noexcept;

  ResourceLimits limits_;
  std::map<std::string, ScopeOverrides> defined_;
  std::map<std::string, ScopeOverrides> defined_for_each_peer_;
  std::map<std::string, std::unique_ptr<Scope>> protocols_;
  SubnetCounts subnets_;
  SubnetRates rates_;
  std::unique_ptr<Territory> ordinary_;
  std::unique_ptr<Territory> allowlisted_;
  std::uint64_t refusals_ = 0;
  Shortage last_refusal_;
};

/// A stream's place.
class StreamGrant {
 public:
  ~StreamGrant();
  StreamGrant(const StreamGrant&) = delete;
  StreamGrant& operator=(const StreamGrant&) = delete;

  /// Moves it from the transient scope to the protocol's. Once. Errc::limit_exceeded; Errc::closed
  /// if the connection has ended. The budget is what the stream's memory counts in besides its
  /// connection's; it lives as long as the connection.
  Result<Budget*> set_protocol(const std::string& protocol);

 private:
  friend class ConnectionGrant;
  StreamGrant(ConnectionGrant& connection, Direction direction) noexcept
      : connection_(&connection), direction_(direction) {}
  void end() noexcept;

  ConnectionGrant* connection_;  ///< null once it has ended
  Direction direction_;
  std::size_t place_ = 0;  ///< in the connection's list
  Resources::Scope* protocol_ = nullptr;
  Resources::Scope* protocol_of_peer_ = nullptr;
};

/// A connection's place.
class ConnectionGrant {
 public:
  ~ConnectionGrant();
  ConnectionGrant(const ConnectionGrant&) = delete;
  ConnectionGrant& operator=(const ConnectionGrant&) = delete;

  /// Moves it from the transient scope to the peer's. Once. Errc::limit_exceeded.
  Result<void> set_peer(const multiformats::PeerId& peer);

  /// Moves it out of the transient scope without a peer: it carries something else than libp2p, and
  /// isn't to be in the way of those who are still to prove who they are. Once, and in place of
  /// set_peer(). Errc::limit_exceeded.
  Result<void> stay_unknown();

  /// What the connection's memory counts in.
  Budget& memory() noexcept;

  /// For a stream; the peer must be known (asserted). Errc::limit_exceeded.
  Result<std::unique_ptr<StreamGrant>> open_stream(Direction direction);

 private:
  friend class Resources;
  friend class StreamGrant;
  ConnectionGrant(Resources& resources, Direction direction, multiformats::Multiaddr remote);
  std::optional<Shortage> enter(Resources::Territory& territory) noexcept;
  std::optional<Shortage> enter_scopes(Resources::Territory& territory) noexcept;
  std::optional<Shortage> enter_subnets() noexcept;
  void leave_subnets() noexcept;
  void leave() noexcept;
  void leave_transient() noexcept;
  std::optional<Shortage> enter_as(const multiformats::PeerId& peer);
  std::optional<Shortage> enter_peer(const multiformats::PeerId& peer);
  void forget_peer_if_unused(const multiformats::PeerId& peer) noexcept;

  Resources& resources_;
  Direction direction_;
  multiformats::Multiaddr remote_;
  std::optional<port::IpAddress> counted_at_;  ///< among the subnets
  std::unique_ptr<Resources::Scope> own_;
  Resources::Territory* territory_ = nullptr;  ///< null while it is granted nothing
  Resources::PeerScope* peer_scope_ = nullptr;
  bool transient_ = false;
  multiformats::PeerId peer_;
  std::vector<StreamGrant*> streams_;
};

}  // namespace kith::net
