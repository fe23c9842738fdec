#include <algorithm>

#include <protozero/pbf_writer.hpp>

#include <kith/base/protobuf_reader.hpp>
#include <kith/net/peer_store.hpp>

namespace kith::net {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;

std::uint64_t seconds_of(WallTime time) {
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  return seconds < 0 ? 0 : static_cast<std::uint64_t>(seconds);
}

WallTime time_of(std::uint64_t seconds) {
  // Duration counts nanoseconds in 63 bits: a stored number may not overflow it.
  constexpr std::uint64_t seconds_max = 9'000'000'000;
  return WallTime(std::chrono::seconds(std::min(seconds, seconds_max)));
}

/// What the allocator and a hash table's node add to what is in them, about.
constexpr std::size_t allocation_bytes = 16;
constexpr std::size_t table_entry_bytes = 32;
/// Of what was in the way, a tenth goes at a time, so that the search is paid for by many
/// additions.
constexpr std::size_t kept_of_ten = 9;

std::size_t memory_of(const std::string& text) {
  bool inside = text.capacity() < sizeof(std::string) / 2;
  return sizeof(std::string) + (inside ? 0 : text.capacity() + allocation_bytes);
}

/// Fields of an Address on disk.
constexpr protozero::pbf_tag_type address_field = 1;
constexpr std::pair<AddressSource, protozero::pbf_tag_type> until_fields[] = {
    {AddressSource::identify, 2}, {AddressSource::connected, 3}, {AddressSource::given, 4}};

/// The address without a trailing /p2p of `peer`; nothing if it names another peer.
std::optional<Multiaddr> own_address(const PeerId& peer, const Multiaddr& address) {
  std::optional<PeerId> named = address.peer_id();
  if (!named) return address;
  if (*named != peer) return std::nullopt;
  return address.without_peer_id();
}

}  // namespace

// Entries.

bool PeerStore::Peer::reached() const noexcept {
  return std::ranges::any_of(addresses, [](const Known& known) {
    return known.until_of(AddressSource::connected) != WallTime{} ||
           known.until_of(AddressSource::given) != WallTime{};
  });
}

PeerStore::Peer& PeerStore::peer_entry(const PeerId& peer, WallTime now) {
  auto found = peers_.find(peer);
  if (found == peers_.end()) {
    if (peers_.size() >= limits_.peers) make_room(peer);
    found = peers_.try_emplace(peer).first;
  }
  found->second.last_seen = std::max(found->second.last_seen, now);
  return found->second;
}

PeerStore::Peer* PeerStore::connected_entry(const PeerId& peer) {
  auto found = peers_.find(peer);
  return found != peers_.end() && found->second.connected ? &found->second : nullptr;
}

const PeerStore::Peer* PeerStore::find(const PeerId& peer) const {
  auto found = peers_.find(peer);
  return found == peers_.end() ? nullptr : &found->second;
}

PeerStore::Peers::iterator PeerStore::erase(Peers::iterator at) {
  bytes_ -= at->second.bytes;
  return peers_.erase(at);
}

void PeerStore::count(Peer& entry) {
  bytes_ -= entry.bytes;
  entry.bytes = sizeof(Peers::value_type) + table_entry_bytes;
  for (const Known& known : entry.addresses)
    entry.bytes += sizeof(Known) + known.address.bytes().size() + allocation_bytes;
  for (const std::string& protocol : entry.told.protocols)
    entry.bytes += memory_of(protocol);
  entry.bytes += memory_of(entry.told.agent) + memory_of(entry.told.protocol_version);
  if (entry.told.key) entry.bytes += entry.told.key->encoded().size() + allocation_bytes;
  entry.bytes += entry.told.record.capacity();
  bytes_ += entry.bytes;
}

/// After every change of an entry, which may be gone then.
void PeerStore::changed(const PeerId& peer, Peer& entry) {
  if (entry.addresses.empty() && !entry.connected && !entry.told.key) {
    forget(peer);
    return;
  }
  count(entry);
  if (bytes_ > limits_.bytes) make_room(peer);
  if (bytes_ <= limits_.bytes) return;
  // All the others are connected, and it is likely this one that makes it too much.
  drop_what_it_says(entry);
  for (auto& [id, other] : peers_) {
    if (bytes_ <= limits_.bytes) return;
    drop_what_it_says(other);
  }
}

void PeerStore::drop_what_it_says(Peer& entry) {
  forget_told(entry);
  for (Known& known : entry.addresses)
    known.until_of(AddressSource::identify) = WallTime{};
  drop_unsaid(entry);
  count(entry);
}

void PeerStore::forget_told(Peer& entry) {
  // Moved out, since a string that is assigned an empty one keeps its memory.
  Told gone = std::move(entry.told);
  entry.told = {};
}

std::vector<PeerId> PeerStore::by_use(bool connected_too) const {
  // Small, and compared by numbers nearly always: this is the one part of writing the store down
  // that can't be done in steps.
  struct Use {
    int rank;
    WallTime last_seen;
    const PeerId* id;
  };
  std::vector<Use> all;
  all.reserve(peers_.size());
  for (const auto& [id, peer] : peers_) {
    if (peer.connected && !connected_too) continue;
    all.push_back({peer.connected ? 2 : peer.reached() ? 1 : 0, peer.last_seen, &id});
  }
  std::ranges::sort(all, [](const Use& a, const Use& b) {
    if (a.rank != b.rank) return a.rank < b.rank;
    if (a.last_seen != b.last_seen) return a.last_seen < b.last_seen;
    return *a.id < *b.id;
  });
  std::vector<PeerId> ids;
  ids.reserve(all.size());
  for (const Use& one : all)
    ids.push_back(*one.id);
  return ids;
}

void PeerStore::make_room(const PeerId& keep) {
  std::size_t peers_kept = limits_.peers * kept_of_ten / 10;
  std::size_t bytes_kept = limits_.bytes / 10 * kept_of_ten;
  for (const PeerId& id : by_use(false)) {
    if (peers_.size() <= peers_kept && bytes_ <= bytes_kept) return;
    if (id != keep) forget(id);
  }
}

void PeerStore::forget(const PeerId& peer) {
  if (auto found = peers_.find(peer); found != peers_.end()) erase(found);
}

void PeerStore::expire_addresses(Peer& entry, WallTime now) {
  for (Known& known : entry.addresses) {
    for (WallTime& until : known.until) {
      if (until <= now) until = WallTime{};
    }
  }
  drop_unsaid(entry);
}

void PeerStore::expire(WallTime now) {
  for (auto at = peers_.begin(); at != peers_.end();) {
    Peer& entry = at->second;
    if (!entry.connected) expire_addresses(entry, now);
    if (entry.addresses.empty() && !entry.connected) {
      at = erase(at);
    } else {
      count(entry);
      ++at;
    }
  }
}

// Addresses.

bool PeerStore::Known::said() const noexcept {
  return said(AddressSource::heard);
}

bool PeerStore::Known::said(AddressSource least) const noexcept {
  return std::any_of(until.begin() + static_cast<std::ptrdiff_t>(least), until.end(),
                     [](WallTime one) { return one != WallTime{}; });
}

bool PeerStore::Known::believed(WallTime now, AddressSource least) const noexcept {
  return *std::max_element(until.begin() + static_cast<std::ptrdiff_t>(least), until.end()) > now;
}

bool PeerStore::Known::better_than(const Known& other) const noexcept {
  auto trust = [](const Known& known) {
    auto last = std::ranges::find_if(known.until.rbegin(), known.until.rend(),
                                     [](WallTime one) { return one != WallTime{}; });
    return std::pair(known.until.rend() - last, std::ranges::max(known.until));
  };
  return trust(*this) > trust(other);
}

void PeerStore::believe(Peer& entry, const PeerId& peer, const Multiaddr& address,
                        AddressSource source, WallTime until) {
  std::optional<Multiaddr> own = own_address(peer, address);
  if (!own || own->empty()) return;
  auto known = std::ranges::find(entry.addresses, *own, &Known::address);
  if (known == entry.addresses.end()) {
    Known fresh;
    fresh.address = *std::move(own);
    known = entry.addresses.insert(entry.addresses.end(), std::move(fresh));
  }
  WallTime& its = known->until_of(source);
  its = std::max(its, until);
}

void PeerStore::drop_unsaid(Peer& entry) {
  std::erase_if(entry.addresses, [](const Known& known) { return !known.said(); });
  entry.addresses.shrink_to_fit();
}

void PeerStore::put_in_order(Peer& entry) {
  std::ranges::stable_sort(entry.addresses,
                           [](const Known& a, const Known& b) { return a.better_than(b); });
  std::size_t bytes = 0;
  auto beyond = std::ranges::find_if(entry.addresses, [&bytes](const Known& known) {
    bytes += sizeof(Known) + known.address.bytes().size() + allocation_bytes;
    return bytes > address_bytes_per_peer_max;
  });
  std::size_t kept =
      std::min<std::size_t>(beyond - entry.addresses.begin(), addresses_per_peer_max);
  entry.addresses.erase(entry.addresses.begin() + static_cast<std::ptrdiff_t>(kept),
                        entry.addresses.end());
  entry.addresses.shrink_to_fit();
}

void PeerStore::add_addresses(const PeerId& peer, const std::vector<Multiaddr>& addresses,
                              AddressSource source, WallTime now) {
  if (addresses.empty()) return;
  Peer& entry = peer_entry(peer, now);
  for (const Multiaddr& address : addresses)
    believe(entry, peer, address, source, now + address_ttl(source));
  put_in_order(entry);
  changed(peer, entry);
}

void PeerStore::set_addresses(const PeerId& peer, const std::vector<Multiaddr>& addresses,
                              AddressSource source, WallTime now) {
  Peer& entry = peer_entry(peer, now);
  for (Known& known : entry.addresses)
    known.until_of(source) = WallTime{};
  for (const Multiaddr& address : addresses)
    believe(entry, peer, address, source, now + address_ttl(source));
  drop_unsaid(entry);
  put_in_order(entry);
  changed(peer, entry);
}

std::vector<Multiaddr> PeerStore::addresses(const PeerId& peer, WallTime now,
                                            AddressSource least) const {
  std::vector<Multiaddr> believed;
  if (const Peer* entry = find(peer)) {
    for (const Known& known : entry->addresses) {
      if (entry->connected ? known.said(least) : known.believed(now, least)) {
        believed.push_back(known.address);
      }
    }
  }
  return believed;
}

bool PeerStore::says(AddressSource source, const PeerId& peer, const Multiaddr& address,
                     WallTime now) const {
  const Peer* entry = find(peer);
  std::optional<Multiaddr> own = own_address(peer, address);
  if (entry == nullptr || !own) return false;
  auto known = std::ranges::find(entry->addresses, *own, &Known::address);
  if (known == entry->addresses.end()) return false;
  WallTime until = known->until_of(source);
  return until > now || (entry->connected && until != WallTime{});
}

std::vector<PeerStore::Remembered> PeerStore::remembered(WallTime now) const {
  std::vector<Remembered> all;
  for (const auto& [id, peer] : peers_) {
    bool somewhere = std::ranges::any_of(peer.addresses,
                                         [now](const Known& known) { return known.believed(now); });
    if (somewhere && !peer.connected) all.push_back({id, peer.reached()});
  }
  std::ranges::sort(all, {}, &Remembered::peer);
  return all;
}

// What a peer says of itself.

void PeerStore::set_protocols(const PeerId& peer, std::vector<std::string> protocols) {
  Peer* entry = connected_entry(peer);
  if (entry == nullptr) return;
  std::ranges::sort(protocols);
  std::size_t bytes = 0;
  auto beyond = std::ranges::find_if(protocols, [&bytes](const std::string& protocol) {
    bytes += memory_of(protocol);
    return bytes > protocol_bytes_per_peer_max;
  });
  protocols.erase(beyond, protocols.end());
  protocols.shrink_to_fit();
  entry->told.protocols = std::move(protocols);
  changed(peer, *entry);
}

const std::vector<std::string>& PeerStore::protocols(const PeerId& peer) const {
  static const std::vector<std::string> none;
  const Peer* entry = find(peer);
  return entry != nullptr ? entry->told.protocols : none;
}

void PeerStore::set_agent(const PeerId& peer, std::string agent, std::string protocol_version) {
  Peer* entry = connected_entry(peer);
  if (entry == nullptr) return;
  entry->told.agent = agent.substr(0, agent_bytes_max);
  entry->told.protocol_version = protocol_version.substr(0, agent_bytes_max);
  changed(peer, *entry);
}

std::string PeerStore::agent(const PeerId& peer) const {
  const Peer* entry = find(peer);
  return entry != nullptr ? entry->told.agent : "";
}

std::string PeerStore::protocol_version(const PeerId& peer) const {
  const Peer* entry = find(peer);
  return entry != nullptr ? entry->told.protocol_version : "";
}

bool PeerStore::set_signed_record(const PeerId& peer, std::uint64_t sequence, Bytes envelope) {
  Peer* entry = connected_entry(peer);
  if (entry == nullptr || sequence < entry->told.record_sequence) return false;
  if (envelope.size() > peer_record_bytes_max) envelope.clear();
  envelope.shrink_to_fit();
  entry->told.record_sequence = sequence;
  entry->told.record = std::move(envelope);
  changed(peer, *entry);
  return true;
}

std::optional<Bytes> PeerStore::signed_record(const PeerId& peer) const {
  const Peer* entry = find(peer);
  if (entry == nullptr || entry->told.record.empty()) return std::nullopt;
  return entry->told.record;
}

void PeerStore::set_public_key(const PeerId& peer, crypto::PublicKey key) {
  if (peer.inline_public_key()) return;
  Peer& entry = peer_entry(peer, {});
  entry.told.key = std::move(key);
  changed(peer, entry);
}

std::optional<crypto::PublicKey> PeerStore::public_key(const PeerId& peer) const {
  const Peer* entry = find(peer);
  if (entry != nullptr && entry->told.key) return entry->told.key;
  std::optional<ByteView> inline_key = peer.inline_public_key();
  if (!inline_key) return std::nullopt;
  auto key = crypto::PublicKey::decode(*inline_key);
  return key ? std::optional(*key) : std::nullopt;
}

// Being connected.

/// Counts the time of all that was said anew.
void PeerStore::renew(Peer& entry, WallTime now) {
  for (Known& known : entry.addresses) {
    for (std::size_t i = 0; i < address_sources; ++i) {
      WallTime& until = known.until[i];
      if (until == WallTime{}) continue;
      until = std::max(until, now + address_ttl(static_cast<AddressSource>(i)));
    }
  }
  put_in_order(entry);
}

void PeerStore::set_connected(const PeerId& peer, bool connected, WallTime now) {
  if (connected) {
    Peer& entry = peer_entry(peer, now);
    // What wasn't believed any more doesn't become so again.
    if (!entry.connected) expire_addresses(entry, now);
    entry.connected = true;
    changed(peer, entry);
    return;
  }
  Peer* entry = connected_entry(peer);
  if (entry == nullptr) return;
  entry->connected = false;
  entry->last_seen = std::max(entry->last_seen, now);
  forget_told(*entry);
  renew(*entry, now);
  changed(peer, *entry);
}

std::vector<PeerId> PeerStore::peers() const {
  std::vector<PeerId> ids;
  ids.reserve(peers_.size());
  for (const auto& [id, peer] : peers_)
    ids.push_back(id);
  std::ranges::sort(ids);
  return ids;
}

// On disk.

/// What of an address outlives the process; nothing if none of it does.
std::string PeerStore::encode_address(const Known& known, bool connected, WallTime now) {
  std::string encoded;
  protozero::pbf_writer writer(encoded);
  bool worth_keeping = false;
  writer.add_bytes(address_field, as_text(known.address.bytes()).data(),
                   known.address.bytes().size());
  for (auto [source, field] : until_fields) {
    WallTime until = known.until_of(source);
    if (until == WallTime{}) continue;
    if (connected) until = std::max(until, now + address_ttl(source));
    if (until <= now) continue;
    worth_keeping = true;
    writer.add_uint64(field, seconds_of(until));
  }
  if (!worth_keeping) encoded.clear();
  return encoded;
}

/// Nothing if nothing of it is worth keeping.
std::string PeerStore::encode_peer(const PeerId& id, const Peer& peer, WallTime now) {
  std::string encoded;
  protozero::pbf_writer writer(encoded);
  writer.add_bytes(1, as_text(id.bytes()).data(), id.bytes().size());
  bool worth_keeping = false;
  for (const Known& known : peer.addresses) {
    std::string address = encode_address(known, peer.connected, now);
    if (address.empty()) continue;
    worth_keeping = true;
    writer.add_message(2, address);
  }
  writer.add_uint64(4, seconds_of(peer.connected ? now : peer.last_seen));
  if (!worth_keeping) encoded.clear();
  return encoded;
}

PeerStore::Encoder::Encoder(const PeerStore& store, WallTime now)
    : store_(store), now_(now), peers_(store.by_use(true)) {
  std::ranges::reverse(peers_);
}

bool PeerStore::Encoder::step(std::size_t peers) {
  std::size_t end = std::min(peers_.size(), next_ + peers);
  for (; next_ < end; ++next_) {
    const Peer* peer = store_.find(peers_[next_]);
    if (peer == nullptr) continue;
    std::string one = encode_peer(peers_[next_], *peer, now_);
    if (one.empty()) continue;
    std::size_t before = encoded_.size();
    protozero::pbf_writer(encoded_).add_message(1, one);
    if (encoded_.size() <= store_.limits_.encoded_bytes) continue;
    encoded_.resize(before);
    return false;
  }
  return next_ < peers_.size();
}

Bytes PeerStore::encode(WallTime now) const {
  Encoder encoder(*this, now);
  while (encoder.step(peers_.size())) {
  }
  return to_bytes(encoder.encoded());
}

bool PeerStore::decode_address(ByteView encoded, WallTime now, Known& known) {
  ProtobufReader reader(encoded);
  while (reader.next()) {
    if (reader.tag() == address_field &&
        reader.wire_type() == protozero::pbf_wire_type::length_delimited) {
      auto read = Multiaddr::from_bytes(reader.get_bytes());
      if (!read) return false;
      known.address = *std::move(read);
      continue;
    }
    auto field =
        std::ranges::find(until_fields, reader.tag(), [](const auto& one) { return one.second; });
    if (field == std::end(until_fields) || reader.wire_type() != protozero::pbf_wire_type::varint) {
      reader.skip();
      continue;
    }
    // No longer than it could be if it were said now: the clock may have been wrong.
    WallTime until = std::min(time_of(reader.get_uint64()), now + address_ttl(field->first));
    if (until > now) known.until_of(field->first) = until;
  }
  return !known.address.empty() && known.said();
}

void PeerStore::decode_peer(ByteView encoded, WallTime now) {
  PeerId id;
  std::vector<Known> addresses;
  WallTime last_seen{};
  ProtobufReader reader(encoded);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protozero::tag_and_type(1, protozero::pbf_wire_type::length_delimited): {
        if (auto read = PeerId::from_bytes(reader.get_bytes())) id = *read;
        break;
      }
      case protozero::tag_and_type(2, protozero::pbf_wire_type::length_delimited): {
        Known known;
        bool good = decode_address(reader.get_bytes(), now, known);
        if (good && addresses.size() < addresses_per_peer_max)
          addresses.push_back(std::move(known));
        break;
      }
      case protozero::tag_and_type(4, protozero::pbf_wire_type::varint):
        last_seen = time_of(reader.get_uint64());
        break;
      default:
        reader.skip();
    }
  }
  if (id.empty() || addresses.empty()) return;
  Peer& entry = peer_entry(id, std::min(last_seen, now));
  for (const Known& known : addresses) {
    for (auto [source, field] : until_fields) {
      WallTime until = known.until_of(source);
      if (until != WallTime{}) believe(entry, id, known.address, source, until);
    }
  }
  put_in_order(entry);
  changed(id, entry);
}

PeerStore::Decoded PeerStore::decode(ByteView encoded, WallTime now) {
  Decoded decoded;
  std::size_t before = peers_.size();
  try {
    ProtobufReader reader(encoded);
    while (reader.next()) {
      if (reader.tag_and_type() ==
          protozero::tag_and_type(1, protozero::pbf_wire_type::length_delimited)) {
        decode_peer(reader.get_bytes(), now);
      } else {
        reader.skip();
      }
    }
  } catch (const protozero::exception&) {
    // A damaged file costs what it held, no more.
    decoded.damaged = true;
  }
  // Room may have been made for some.
  decoded.peers = peers_.size() - std::min(before, peers_.size());
  return decoded;
}

}  // namespace kith::net
