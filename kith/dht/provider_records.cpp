#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/dht/provider_records.hpp>

namespace kith::dht {
namespace {

/// What an allocation and a node of the map take beside what is in them, about.
constexpr std::size_t allocation_bytes = 16;
constexpr std::size_t key_overhead_bytes = 160;
/// Its place among those of its network.
constexpr std::size_t share_bytes = 96;

std::size_t memory_of(const Provider& provider) {
  std::size_t bytes = sizeof(Provider) + allocation_bytes + share_bytes;
  for (const multiformats::Multiaddr& address : provider.addresses)
    bytes += sizeof(address) + address.bytes().size() + allocation_bytes;
  return bytes;
}

}  // namespace

ProviderRecords::Owner ProviderRecords::owner_of(const Provider& provider) {
  constexpr Owner alone = Owner{1} << 63;
  if (provider.group) return static_cast<Owner>(*provider.group) & ~alone;
  return alone | Key::of(provider.peer).leading_bits();
}

void ProviderRecords::count(const Key& away, const Provider& provider) {
  const Owner owner = owner_of(provider);
  Share& share = shares_[owner];
  by_bytes_.erase({share.bytes, owner});
  share.bytes += memory_of(provider);
  by_bytes_.insert({share.bytes, owner});
  ++share.records[away];
  bytes_ += memory_of(provider);
  ++records_;
}

void ProviderRecords::uncount(const Key& away, const Provider& provider) {
  const Owner owner = owner_of(provider);
  Share& share = shares_.at(owner);
  by_bytes_.erase({share.bytes, owner});
  share.bytes -= memory_of(provider);
  auto of_key = share.records.find(away);
  if (--of_key->second == 0) share.records.erase(of_key);
  if (share.records.empty()) {
    shares_.erase(owner);
  } else {
    by_bytes_.insert({share.bytes, owner});
  }
  bytes_ -= memory_of(provider);
  --records_;
}

void ProviderRecords::drop(Keys::iterator at, std::vector<Provider>::iterator provider) {
  uncount(at->first, *provider);
  at->second.providers.erase(provider);
  if (!at->second.providers.empty()) return;
  bytes_ -= key_overhead_bytes + at->second.key.size();
  keys_.erase(at);
}

void ProviderRecords::make_room_in(Keys::iterator at, const std::optional<IpGroup>& group) {
  std::vector<Provider>& providers = at->second.providers;
  std::map<std::optional<IpGroup>, std::size_t> counts;
  for (const Provider& one : providers)
    ++counts[one.group];
  std::optional<IpGroup> from = group;
  bool own_is_full = group && counts[group] >= limits_.per_key_and_group;
  if (!own_is_full) {
    if (providers.size() < limits_.per_key) return;
    // Neighbours have no group: one by one they count as a network each.
    auto largest = std::ranges::max_element(
        counts, {}, [](const auto& one) { return one.first ? one.second : std::size_t{1}; });
    from = largest->first;
  }
  auto oldest = std::ranges::find(providers, from, &Provider::group);
  if (oldest == providers.end()) oldest = providers.begin();
  uncount(at->first, *oldest);
  providers.erase(oldest);
}

bool ProviderRecords::make_room(Keys::iterator for_key) {
  const Owner largest = by_bytes_.rbegin()->second;
  const Key furthest = shares_.at(largest).records.rbegin()->first;
  auto at = keys_.find(furthest);
  const bool other = at != for_key;
  drop(at, std::ranges::find(at->second.providers, largest, owner_of));
  return other;
}

bool ProviderRecords::add(ByteView content, Provider provider, WallTime now) {
  ASSERT(content.size() <= content_key_bytes_max);
  if (!good(provider, now)) return false;
  if (provider.addresses.size() > addresses_per_peer_max) {
    provider.addresses.resize(addresses_per_peer_max);
  }
  const PeerId peer = provider.peer;
  Key away = distance(Key::of(content), self_);
  auto [at, fresh] = keys_.try_emplace(away);
  std::vector<Provider>& providers = at->second.providers;
  if (fresh) {
    at->second.key = to_bytes(content);
    bytes_ += key_overhead_bytes + at->second.key.size();
  }
  auto known = std::ranges::find(providers, peer, &Provider::peer);
  if (known != providers.end()) {
    uncount(away, *known);
    providers.erase(known);
  }
  make_room_in(at, provider.group);
  count(away, provider);
  auto place = std::ranges::upper_bound(providers, provider.said_at, {}, &Provider::said_at);
  providers.insert(place, std::move(provider));
  while (records_ > limits_.records || bytes_ > limits_.bytes) {
    if (make_room(at)) continue;
    // One of this key had to go, maybe the only one.
    at = keys_.find(away);
    if (at == keys_.end()) return false;
  }
  return std::ranges::find(at->second.providers, peer, &Provider::peer) !=
         at->second.providers.end();
}

void ProviderRecords::remove(ByteView content, const PeerId& peer) {
  auto at = keys_.find(distance(Key::of(content), self_));
  if (at == keys_.end()) return;
  auto known = std::ranges::find(at->second.providers, peer, &Provider::peer);
  if (known != at->second.providers.end()) drop(at, known);
}

std::vector<Provider> ProviderRecords::get(ByteView content, WallTime now, Prng& prng) const {
  std::vector<Provider> found;
  auto at = keys_.find(distance(Key::of(content), self_));
  if (at == keys_.end()) return found;
  for (const Provider& one : at->second.providers) {
    if (!good(one, now)) continue;
    found.push_back(one);
    if (one.said_at + provider_addresses_ttl <= now) found.back().addresses.clear();
  }
  for (std::size_t i = found.size(); i > 1; --i)
    std::swap(found[i - 1], found[prng.below(i)]);
  return found;
}

void ProviderRecords::expire(WallTime now) {
  for (auto at = keys_.begin(); at != keys_.end();) {
    const auto next = std::next(at);
    std::vector<Provider>& providers = at->second.providers;
    auto old = [&](const Provider& one) {
      if (good(one, now)) return false;
      uncount(at->first, one);
      return true;
    };
    std::erase_if(providers, old);
    if (providers.empty()) {
      bytes_ -= key_overhead_bytes + at->second.key.size();
      keys_.erase(at);
    }
    at = next;
  }
}

void ProviderRecords::each(
    const std::function<void(ByteView content, const Provider&)>& visit) const {
  for (const auto& [away, content] : keys_) {
    for (const Provider& provider : content.providers)
      visit(content.key, provider);
  }
}

bool ProviderRecords::each_after(
    std::optional<Key>& after, std::size_t count,
    const std::function<void(ByteView content, const Provider&)>& visit) const {
  auto at = after ? keys_.upper_bound(*after) : keys_.begin();
  std::size_t visited = 0;
  for (; at != keys_.end() && visited < count; ++at) {
    for (const Provider& provider : at->second.providers)
      visit(at->second.key, provider);
    visited += at->second.providers.size();
    after = at->first;
  }
  return at != keys_.end();
}

}  // namespace kith::dht
