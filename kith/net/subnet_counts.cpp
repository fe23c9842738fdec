#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/net/subnet_counts.hpp>

namespace kith::net {
namespace {

bool shares_its_prefix(const port::IpAddress& address) noexcept {
  return !address.is_v4() && (address.is_private() || address.is_link_local());
}

IpNetwork subnet_of(const port::IpAddress& address, std::size_t bits) noexcept {
  return IpNetwork(address, shares_its_prefix(address) ? 8 * address.bytes().size() : bits);
}

/// Those that an address is under, the narrowest first.
template <class Limits>
auto limits_for(const port::IpAddress& address, const Limits& limits) noexcept {
  std::span all = address.is_v4() ? std::span(limits.ip4) : std::span(limits.ip6);
  if (address.is_loopback()) return all.first(0);
  return shares_its_prefix(address) ? all.first(std::min<std::size_t>(all.size(), 1)) : all;
}

}  // namespace

SubnetLimits default_subnet_limits() {
  return {.ip4 = {{.bits = 32, .connections = 8}},
          .ip6 = {{.bits = 56, .connections = 8}, {.bits = 48, .connections = 64}}};
}

std::span<const SubnetLimit> SubnetCounts::limits_of(
    const port::IpAddress& address) const noexcept {
  return limits_for(address, limits_);
}

std::optional<SubnetLimit> SubnetCounts::add(const port::IpAddress& address) {
  const std::span<const SubnetLimit> limits = limits_of(address);
  for (std::size_t i = 0; i < limits.size(); ++i) {
    std::uint64_t& count = counts_[subnet_of(address, limits[i].bits)];
    ++count;
    if (count <= limits[i].connections) continue;
    const SubnetLimit reached = limits[i];
    for (std::size_t taken = 0; taken <= i; ++taken)
      take_one(subnet_of(address, limits[taken].bits));
    return reached;
  }
  return std::nullopt;
}

void SubnetCounts::remove(const port::IpAddress& address) noexcept {
  for (const SubnetLimit& limit : limits_of(address))
    take_one(subnet_of(address, limit.bits));
}

void SubnetCounts::take_one(const IpNetwork& subnet) noexcept {
  auto count = counts_.find(subnet);
  ASSERT(count != counts_.end());
  if (--count->second == 0) counts_.erase(count);
}

SubnetRateLimits default_subnet_rates() {
  return {.ip4 = {{.bits = 32, .burst = 16, .every = 5s}},
          .ip6 = {{.bits = 56, .burst = 16, .every = 5s}, {.bits = 48, .burst = 80, .every = 2s}}};
}

std::optional<SubnetRate> SubnetRates::take(const port::IpAddress& address, Instant now) {
  const std::span limits = limits_for(address, limits_);
  for (const SubnetRate& limit : limits) {
    auto bucket = full_at_.find(subnet_of(address, limit.bits));
    const Instant full_at = bucket == full_at_.end() ? now : std::max(bucket->second, now);
    if (full_at + limit.every > now + limit.burst * limit.every) return limit;
  }
  for (const SubnetRate& limit : limits) {
    const IpNetwork subnet = subnet_of(address, limit.bits);
    if (full_at_.size() >= entries_max_ && !full_at_.contains(subnet)) make_room(now);
    Instant& full_at = full_at_.try_emplace(subnet, now).first->second;
    full_at = std::max(full_at, now) + limit.every;
  }
  return std::nullopt;
}

void SubnetRates::make_room(Instant now) {
  std::erase_if(full_at_, [now](const auto& entry) { return entry.second <= now; });
  if (full_at_.size() < entries_max_) return;
  full_at_.erase(
      std::ranges::min_element(full_at_, {}, [](const auto& entry) { return entry.second; }));
}

}  // namespace kith::net
