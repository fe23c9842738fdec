// Which of the addresses that others see us at are ours to tell. One peer, or many of one network,
// may say anything; so an address counts that observers_wanted networks have seen us at, and of
// each kind (IPv4 or IPv6, TCP or UDP) the observed_addresses_per_local_max that most have. What
// ends in a port that we don't listen on any more, or in a relay, isn't among what is asked here.
// Pure.
#pragma once

#include <vector>

#include <kith/net/identify.hpp>
#include <kith/net/nat/limits.hpp>

namespace kith::net {

/// Best first. `networks_least`: those that fewer have seen are left out.
std::vector<multiformats::Multiaddr> confirmed_addresses(
    std::vector<Identify::Observed> observed, std::size_t networks_least = observers_wanted);

}  // namespace kith::net
