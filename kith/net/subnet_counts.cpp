#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/net/subnet_counts.hpp>

namespace kith::net {
namespace {

bool shares_its_prefix(const port::IpAddress& address) noexcept {
  return !address.is_v4() && (address.is_private() || address.is_link_local());
}

}  // namespace

SubnetLimits default_subnet_limits() {
  return {.ip4 = {{.bits = 32, .connections = 8}},
          .ip6 = {{.bits = 56, .connections = 8}, {.bits = 48, .connections = 64}}};
}

IpNetwork SubnetCounts::subnet_of(const port::IpAddress& address, std::size_t bits) noexcept {
  return IpNetwork(address, shares_its_prefix(address) ? 8 * address.bytes().size() : bits);
}

std::span<const SubnetLimit> SubnetCounts::limits_of(
    const port::IpAddress& address) const noexcept {
  if (address.is_loopback()) return {};
  const std::span<const SubnetLimit> limits = address.is_v4() ? limits_.ip4 : limits_.ip6;
  return shares_its_prefix(address) ? limits.first(std::min<std::size_t>(limits.size(), 1))
                                    : limits;
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

}  // namespace kith::net
