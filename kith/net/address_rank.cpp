#include <algorithm>
#include <array>
#include <tuple>

#include <kith/net/address_rank.hpp>
#include <kith/net/address_scope.hpp>
#include <kith/net/transports/address.hpp>

namespace kith::net {
namespace {

struct Candidate {
  multiformats::Multiaddr address;
  TransportAddress where;

  bool is_v4() const { return where.endpoint && where.endpoint->address.is_v4(); }
};

/// What is tried one after the other with the same delay: memory, one group a scope, circuits.
constexpr std::size_t groups = address_scopes + 2;

std::size_t group_of(const Candidate& one) {
  if (one.where.kind == TransportKind::memory) return 0;
  if (one.where.kind == TransportKind::circuit) return groups - 1;
  return 1 + static_cast<std::size_t>(scope_of(one.where.endpoint->address));
}

Duration delay_of(std::size_t group) {
  if (group == groups - 1) return circuit_attempt_delay;
  const bool global = group == 1 + static_cast<std::size_t>(AddressScope::global);
  return global ? public_attempt_delay : private_attempt_delay;
}

/// By transport and port, and IPv6 and IPv4 of the same transport in turns, IPv6 first.
void sort_group(std::vector<Candidate>& group) {
  struct Place {
    TransportKind kind;
    std::size_t turn;
    bool v4;
    std::size_t index;
    auto operator<=>(const Place&) const = default;
  };
  std::ranges::stable_sort(group, {}, [](const Candidate& one) {
    return std::pair(one.where.kind, one.where.endpoint ? one.where.endpoint->port : 0);
  });
  std::vector<Place> places;
  std::array<std::size_t, 2> turns{};
  for (std::size_t i = 0; i < group.size(); ++i) {
    const TransportKind kind = group[i].where.kind;
    if (i > 0 && group[i - 1].where.kind != kind) turns = {};
    const bool v4 = group[i].is_v4();
    places.push_back({kind, turns[v4 ? 1 : 0]++, v4, i});
  }
  std::ranges::sort(places);
  std::vector<Candidate> sorted;
  for (const Place& place : places)
    sorted.push_back(std::move(group[place.index]));
  group = std::move(sorted);
}

/// Where a dialable address leads.
std::optional<TransportAddress> dial_target(const multiformats::Multiaddr& address) {
  std::optional<TransportAddress> where = transport_address(address);
  if (!where || !where->endpoint) return where;
  const port::Endpoint& to = *where->endpoint;
  const bool nowhere = to.port == 0 || to.address.is_unspecified() || to.address.is_multicast();
  return nowhere ? std::nullopt : where;
}

}  // namespace

bool dialable(const multiformats::Multiaddr& address) {
  return dial_target(address).has_value();
}

std::vector<RankedAddress> rank_addresses(std::vector<multiformats::Multiaddr> addresses) {
  std::array<std::vector<Candidate>, groups> sorted;
  std::vector<multiformats::Multiaddr> seen;
  for (multiformats::Multiaddr& address : addresses) {
    std::optional<TransportAddress> where = dial_target(address);
    if (!where || std::ranges::find(seen, address) != seen.end()) continue;
    seen.push_back(address);
    Candidate one{std::move(address), *std::move(where)};
    const std::size_t group = group_of(one);
    sorted[group].push_back(std::move(one));
  }
  std::vector<RankedAddress> ranked;
  for (std::size_t group = 0; group < groups; ++group) {
    sort_group(sorted[group]);
    for (Candidate& one : sorted[group])
      ranked.push_back({std::move(one.address), delay_of(group)});
  }
  return ranked;
}

}  // namespace kith::net
