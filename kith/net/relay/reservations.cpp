#include <kith/net/relay/reservations.hpp>

namespace kith::net {

using multiformats::PeerId;
using port::IpAddress;

namespace {

bool same_network(const IpAddress& one, const IpAddress& other) {
  if (one.family() != other.family()) return false;
  if (one.is_private() || one.is_loopback() || one.is_link_local()) return false;
  const int bits = one.is_v4() ? relay_network_bits_v4 : relay_network_bits_v6;
  const auto bytes = static_cast<std::size_t>(bits / 8);
  return equal(one.bytes().first(bytes), other.bytes().first(bytes));
}
static_assert(relay_network_bits_v4 % 8 == 0 && relay_network_bits_v6 % 8 == 0);

}  // namespace

Result<void> Reservations::reserve(const PeerId& peer, const IpAddress& from, Instant now,
                                   Instant until) {
  std::size_t all = 0;
  std::size_t at_ip = 0;
  std::size_t in_network = 0;
  for (const auto& [holder, held] : held_) {
    if (holder == peer || now >= held.until) continue;
    ++all;
    if (held.from == from) ++at_ip;
    if (same_network(held.from, from)) ++in_network;
  }
  const bool full = all >= limits_.all_max || at_ip >= limits_.per_ip_max ||
                    in_network >= limits_.per_network_max;
  if (full) return std::unexpected(Errc::limit_exceeded);
  held_[peer] = {from, until};
  return {};
}

bool Reservations::holds(const PeerId& peer, Instant now) const {
  auto found = held_.find(peer);
  return found != held_.end() && now < found->second.until;
}

std::vector<PeerId> Reservations::sweep(Instant now) {
  std::vector<PeerId> ended;
  std::erase_if(held_, [&](const auto& entry) {
    if (now < entry.second.until) return false;
    ended.push_back(entry.first);
    return true;
  });
  return ended;
}

}  // namespace kith::net
