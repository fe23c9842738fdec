// ProviderRecords: who has said to have which content, for those who ask (libp2p/specs
// kad-dht/README.md, "Content provider advertisement"). A record lives provider_ttl from when its
// provider last said so, its addresses provider_addresses_ttl: later who asks has to find the peer.
//
// Bounded in records and bytes. When there is no room, that network (IpGroup; a peer without one by
// itself) which takes most of it gives some: its record of the key furthest from our own place.
// Keys near to us are cheap to make, addresses in many networks aren't, so a flood pushes out
// itself. Of one key so many providers are kept; when it has them all, the oldest of the network
// that has most of them goes, and no network has more than providers_per_key_and_group_max.
// Times are the calendar's, since records outlive the process. Pure.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include <kith/base/prng.hpp>
#include <kith/base/time.hpp>
#include <kith/dht/ip_group.hpp>
#include <kith/dht/key.hpp>
#include <kith/dht/limits.hpp>
#include <kith/multiformats/multiaddr.hpp>

namespace kith::dht {

struct ProviderLimits {
  std::size_t records = provider_records_max;
  std::size_t bytes = provider_record_bytes_max;
  std::size_t per_key = providers_per_key_max;
  std::size_t per_key_and_group = providers_per_key_and_group_max;
};

struct Provider {
  PeerId peer;
  std::vector<multiformats::Multiaddr> addresses;  ///< at most addresses_per_peer_max
  std::optional<IpGroup> group;                    ///< where it was when it said so
  WallTime said_at{};

  friend bool operator==(const Provider&, const Provider&) = default;
};

class ProviderRecords {
 public:
  /// `self` is our own place.
  explicit ProviderRecords(Key self, ProviderLimits limits = {}) : self_(self), limits_(limits) {}

  /// Takes the place of what the peer has said before. False if there was no room for it.
  /// `content` has at most content_key_bytes_max bytes (asserted).
  bool add(ByteView content, Provider provider, WallTime now);
  void remove(ByteView content, const PeerId& peer);

  /// Those that are still good, in an order that differs each time; addresses that are too old are
  /// left out.
  std::vector<Provider> get(ByteView content, WallTime now, Prng& prng) const;

  /// Forgets what is too old.
  void expire(WallTime now);

  std::size_t keys() const noexcept { return keys_.size(); }
  std::size_t size() const noexcept { return records_; }
  /// In memory, about.
  std::size_t bytes() const noexcept { return bytes_; }

  /// All of them, by distance.
  void each(const std::function<void(ByteView content, const Provider&)>& visit) const;
  /// About `count` behind this distance, all of a key together, from the nearest if there is none;
  /// moves `after`. False once there are no more.
  bool each_after(std::optional<Key>& after, std::size_t count,
                  const std::function<void(ByteView content, const Provider&)>& visit) const;

 private:
  struct Content {
    Bytes key;
    std::vector<Provider> providers;  ///< by age, the oldest first
  };
  using Keys = std::map<Key, Content>;

  static bool good(const Provider& provider, WallTime now) {
    return provider.said_at + provider_ttl > now;
  }
  /// What one network, or a peer without one, has here.
  struct Share {
    std::size_t bytes = 0;
    std::map<Key, std::size_t> records;  ///< by the distance of their keys, how many of each
  };
  using Owner = std::uint64_t;

  static Owner owner_of(const Provider& provider);
  void count(const Key& away, const Provider& provider);
  void uncount(const Key& away, const Provider& provider);
  /// Takes one record away, and with the last one its key.
  void drop(Keys::iterator at, std::vector<Provider>::iterator provider);
  /// The record that has to go when there is no room. False if it was one of this key, which is
  /// gone if there was no other.
  bool make_room(Keys::iterator for_key);
  void make_room_in(Keys::iterator at, const std::optional<IpGroup>& group);

  Key self_;
  ProviderLimits limits_;
  Keys keys_;  ///< by their distance from us
  std::map<Owner, Share> shares_;
  std::set<std::pair<std::size_t, Owner>> by_bytes_;  ///< of shares_
  std::size_t records_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace kith::dht
