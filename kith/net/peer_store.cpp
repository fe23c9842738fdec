#include <algorithm>

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

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

ByteView bytes_of(protozero::data_view view) {
  return as_bytes({view.data(), view.size()});
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

PeerStore::Peer& PeerStore::peer_entry(const PeerId& peer, WallTime now) {
  auto found = peers_.find(peer);
  if (found == peers_.end()) {
    make_room();
    found = peers_.try_emplace(peer).first;
  }
  found->second.last_seen = std::max(found->second.last_seen, now);
  return found->second;
}

void PeerStore::make_room() {
  if (peers_.size() < peers_limit_) return;
  // A tenth at a time, so that the search is paid for by many insertions.
  std::vector<std::pair<WallTime, PeerId>> candidates;
  for (const auto& [id, peer] : peers_) {
    if (!peer.connected) candidates.emplace_back(peer.last_seen, id);
  }
  std::size_t count = std::min(candidates.size(), std::max<std::size_t>(1, peers_limit_ / 10));
  std::ranges::partial_sort(candidates, candidates.begin() + static_cast<std::ptrdiff_t>(count));
  for (std::size_t i = 0; i < count; ++i)
    peers_.erase(candidates[i].second);
}

const PeerStore::Peer* PeerStore::find(const PeerId& peer) const {
  auto found = peers_.find(peer);
  return found == peers_.end() ? nullptr : &found->second;
}

bool PeerStore::Known::said() const noexcept {
  return std::ranges::any_of(until, [](WallTime one) { return one != WallTime{}; });
}

bool PeerStore::Known::believed(WallTime now) const noexcept {
  return std::ranges::max(until) > now;
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

void PeerStore::put_in_order(Peer& entry) {
  std::ranges::stable_sort(entry.addresses,
                           [](const Known& a, const Known& b) { return a.better_than(b); });
  if (entry.addresses.size() > addresses_per_peer_max) {
    entry.addresses.erase(entry.addresses.begin() + addresses_per_peer_max, entry.addresses.end());
  }
}

void PeerStore::add_addresses(const PeerId& peer, const std::vector<Multiaddr>& addresses,
                              AddressSource source, WallTime now) {
  if (addresses.empty()) return;
  Peer& entry = peer_entry(peer, now);
  for (const Multiaddr& address : addresses)
    believe(entry, peer, address, source, now + address_ttl(source));
  put_in_order(entry);
}

void PeerStore::set_addresses(const PeerId& peer, const std::vector<Multiaddr>& addresses,
                              AddressSource source, WallTime now) {
  Peer& entry = peer_entry(peer, now);
  for (Known& known : entry.addresses)
    known.until_of(source) = WallTime{};
  for (const Multiaddr& address : addresses)
    believe(entry, peer, address, source, now + address_ttl(source));
  std::erase_if(entry.addresses, [](const Known& known) { return !known.said(); });
  put_in_order(entry);
}

std::vector<Multiaddr> PeerStore::addresses(const PeerId& peer, WallTime now) const {
  std::vector<Multiaddr> believed;
  if (const Peer* entry = find(peer)) {
    for (const Known& known : entry->addresses) {
      if (entry->connected || known.believed(now)) believed.push_back(known.address);
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

void PeerStore::set_protocols(const PeerId& peer, std::vector<std::string> protocols) {
  if (protocols.size() > identify_protocols_max) protocols.resize(identify_protocols_max);
  std::ranges::sort(protocols);
  peer_entry(peer, {}).protocols = std::move(protocols);
}

const std::vector<std::string>& PeerStore::protocols(const PeerId& peer) const {
  static const std::vector<std::string> none;
  const Peer* entry = find(peer);
  return entry != nullptr ? entry->protocols : none;
}

void PeerStore::set_agent(const PeerId& peer, std::string agent, std::string protocol_version) {
  Peer& entry = peer_entry(peer, {});
  entry.agent = agent.substr(0, agent_bytes_max);
  entry.protocol_version = protocol_version.substr(0, agent_bytes_max);
}

std::string PeerStore::agent(const PeerId& peer) const {
  const Peer* entry = find(peer);
  return entry != nullptr ? entry->agent : "";
}

std::string PeerStore::protocol_version(const PeerId& peer) const {
  const Peer* entry = find(peer);
  return entry != nullptr ? entry->protocol_version : "";
}

void PeerStore::set_public_key(const PeerId& peer, crypto::PublicKey key) {
  peer_entry(peer, {}).key = std::move(key);
}

std::optional<crypto::PublicKey> PeerStore::public_key(const PeerId& peer) const {
  const Peer* entry = find(peer);
  if (entry != nullptr && entry->key) return entry->key;
  std::optional<ByteView> inline_key = peer.inline_public_key();
  if (!inline_key) return std::nullopt;
  auto key = crypto::PublicKey::decode(*inline_key);
  return key ? std::optional(*key) : std::nullopt;
}

bool PeerStore::set_signed_record(const PeerId& peer, std::uint64_t sequence, Bytes envelope) {
  if (envelope.size() > peer_record_bytes_max) return false;
  Peer& entry = peer_entry(peer, {});
  if (!entry.record.empty() && sequence <= entry.record_sequence) return false;
  entry.record_sequence = sequence;
  entry.record = std::move(envelope);
  return true;
}

std::optional<Bytes> PeerStore::signed_record(const PeerId& peer) const {
  const Peer* entry = find(peer);
  if (entry == nullptr || entry->record.empty()) return std::nullopt;
  return entry->record;
}

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
  Peer& entry = peer_entry(peer, now);
  if (entry.connected && !connected) renew(entry, now);
  entry.connected = connected;
}

std::vector<PeerId> PeerStore::peers() const {
  std::vector<PeerId> ids;
  ids.reserve(peers_.size());
  for (const auto& [id, peer] : peers_)
    ids.push_back(id);
  std::ranges::sort(ids);
  return ids;
}

void PeerStore::forget(const PeerId& peer) {
  peers_.erase(peer);
}

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

Bytes PeerStore::encode(WallTime now) const {
  std::string store;
  protozero::pbf_writer writer(store);
  for (const PeerId& id : peers()) {
    const Peer& peer = peers_.at(id);
    std::string encoded;
    protozero::pbf_writer peer_writer(encoded);
    peer_writer.add_bytes(1, as_text(id.bytes()).data(), id.bytes().size());
    bool worth_keeping = false;
    for (const Known& known : peer.addresses) {
      std::string address = encode_address(known, peer.connected, now);
      if (address.empty()) continue;
      worth_keeping = true;
      peer_writer.add_message(2, address);
    }
    if (!peer.record.empty()) peer_writer.add_bytes(3, std::string(as_text(peer.record)));
    peer_writer.add_uint64(4, seconds_of(peer.connected ? now : peer.last_seen));
    if (worth_keeping) writer.add_message(1, encoded);
  }
  return to_bytes(store);
}

bool PeerStore::decode_address(ByteView encoded, WallTime now, Known& known) {
  protozero::pbf_reader reader(reinterpret_cast<const char*>(encoded.data()), encoded.size());
  while (reader.next()) {
    if (reader.tag() == address_field &&
        reader.wire_type() == protozero::pbf_wire_type::length_delimited) {
      auto read = Multiaddr::from_bytes(bytes_of(reader.get_view()));
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
  protozero::pbf_reader reader(reinterpret_cast<const char*>(encoded.data()), encoded.size());
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protozero::tag_and_type(1, protozero::pbf_wire_type::length_delimited): {
        if (auto read = PeerId::from_bytes(bytes_of(reader.get_view()))) id = *read;
        break;
      }
      case protozero::tag_and_type(2, protozero::pbf_wire_type::length_delimited): {
        Known known;
        bool good = decode_address(bytes_of(reader.get_view()), now, known);
        if (good && addresses.size() < addresses_per_peer_max)
          addresses.push_back(std::move(known));
        break;
      }
      case protozero::tag_and_type(4, protozero::pbf_wire_type::varint):
        last_seen = time_of(reader.get_uint64());
        break;
      default:
        // Signed records aren't taken back unverified; the peer sends a fresh one.
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
}

std::size_t PeerStore::decode(ByteView encoded, WallTime now) {
  std::size_t before = peers_.size();
  try {
    protozero::pbf_reader reader(reinterpret_cast<const char*>(encoded.data()), encoded.size());
    while (reader.next()) {
      if (reader.tag_and_type() ==
          protozero::tag_and_type(1, protozero::pbf_wire_type::length_delimited)) {
        decode_peer(bytes_of(reader.get_view()), now);
      } else {
        reader.skip();
      }
    }
  } catch (const protozero::exception&) {
    // A damaged file costs what it held, no more.
  }
  return peers_.size() - before;
}

}  // namespace kith::net
