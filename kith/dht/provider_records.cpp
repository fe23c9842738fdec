#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/dht/provider_records.hpp>

namespace kith::dht {
namespace {

/// What an allocation and a node of the map take beside what is in them, about.
constexpr std::size_t allocation_bytes = 16;
constexpr std::size_t key_overhead_bytes = 160;

std::size_t memory_of(const Provider& provider) {
  std::size_t bytes = sizeof(Provider) + allocation_bytes;
  for (const multiformats::Multiaddr& address : provider.addresses)
    bytes += sizeof(address) + address.bytes().size() + allocation_bytes;
  return bytes;
}

}  // namespace

ProviderRecords::Keys::iterator ProviderRecords::erase(Keys::iterator at) {
  for (const Provider& provider : at->second.providers)
    bytes_ -= memory_of(provider);
  records_ -= at->second.providers.size();
  bytes_ -= key_overhead_bytes + at->second.key.size();
  return keys_.erase(at);
}

void ProviderRecords::drop(Content& content, std::vector<Provider>::iterator at) {
  bytes_ -= memory_of(*at);
  --records_;
  content.providers.erase(at);
}

void ProviderRecords::make_room_in(Content& content, const std::optional<IpGroup>& group) {
  std::map<std::optional<IpGroup>, std::size_t> counts;
  for (const Provider& one : content.providers)
    ++counts[one.group];
  std::optional<IpGroup> from = group;
  bool own_is_full = group && counts[group] >= limits_.per_key_and_group;
  if (!own_is_full) {
    if (content.providers.size() < limits_.per_key) return;
    // Who has no group is a neighbour, or relayed: one by one they count as a network each.
    auto largest = std::ranges::max_element(
        counts, {}, [](const auto& one) { return one.first ? one.second : std::size_t{1}; });
    from = largest->first;
  }
  auto oldest = std::ranges::find(content.providers, from, &Provider::group);
  if (oldest == content.providers.end()) oldest = content.providers.begin();
  drop(content, oldest);
}

bool ProviderRecords::add(ByteView content, Provider provider, WallTime now) {
  ASSERT(content.size() <= content_key_bytes_max);
  if (!good(provider, now)) return false;
  if (provider.addresses.size() > addresses_per_peer_max) {
    provider.addresses.resize(addresses_per_peer_max);
  }
  Key away = distance(Key::of(content), self_);
  auto [at, fresh] = keys_.try_emplace(away);
  Content& its = at->second;
  if (fresh) {
    its.key = to_bytes(content);
    bytes_ += key_overhead_bytes + its.key.size();
  }
  auto known = std::ranges::find(its.providers, provider.peer, &Provider::peer);
  if (known != its.providers.end()) drop(its, known);
  make_room_in(its, provider.group);
  bytes_ += memory_of(provider);
  ++records_;
  auto place = std::ranges::upper_bound(its.providers, provider.said_at, {}, &Provider::said_at);
  its.providers.insert(place, std::move(provider));
  while (records_ > limits_.records || bytes_ > limits_.bytes) {
    auto furthest = std::prev(keys_.end());
    const bool is_this = furthest == at;
    erase(furthest);
    if (is_this) return false;
  }
  return true;
}

void ProviderRecords::remove(ByteView content, const PeerId& peer) {
  auto at = keys_.find(distance(Key::of(content), self_));
  if (at == keys_.end()) return;
  auto known = std::ranges::find(at->second.providers, peer, &Provider::peer);
  if (known != at->second.providers.end()) drop(at->second, known);
  if (at->second.providers.empty()) erase(at);
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
    std::vector<Provider>& providers = at->second.providers;
    auto first_good =
        std::ranges::find_if(providers, [now](const Provider& one) { return good(one, now); });
    for (auto one = providers.begin(); one != first_good; ++one) {
      bytes_ -= memory_of(*one);
      --records_;
    }
    providers.erase(providers.begin(), first_good);
    at = providers.empty() ? erase(at) : std::next(at);
  }
}

void ProviderRecords::each(
    const std::function<void(ByteView content, const Provider&)>& visit) const {
  for (const auto& [away, content] : keys_) {
    for (const Provider& provider : content.providers)
      visit(content.key, provider);
  }
}

}  // namespace kith::dht
