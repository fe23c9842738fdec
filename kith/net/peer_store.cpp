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

void PeerStore::add_addresses(const PeerId& peer, std::vector<Multiaddr> addresses, WallTime now,
                              WallTime until) {
  if (addresses.empty()) return;
  Peer& entry = peer_entry(peer, now);
  for (const Multiaddr& address : addresses) {
    std::optional<Multiaddr> own = own_address(peer, address);
    if (!own || own->empty()) continue;
    auto known = std::ranges::find(entry.addresses, *own, &Known::address);
    if (known != entry.addresses.end()) {
      known->until = std::max(known->until, until);
    } else {
      entry.addresses.push_back({*own, until});
    }
  }
  std::ranges::stable_sort(entry.addresses, std::greater{}, &Known::until);
  if (entry.addresses.size() > addresses_per_peer_max) {
    entry.addresses.erase(entry.addresses.begin() + addresses_per_peer_max, entry.addresses.end());
  }
}

void PeerStore::set_addresses(const PeerId& peer, std::vector<Multiaddr> addresses, WallTime now,
                              WallTime until) {
  peer_entry(peer, now).addresses.clear();
  add_addresses(peer, std::move(addresses), now, until);
}

std::vector<Multiaddr> PeerStore::addresses(const PeerId& peer, WallTime now) const {
  std::vector<Multiaddr> believed;
  if (const Peer* entry = find(peer)) {
    for (const Known& known : entry->addresses) {
      if (entry->connected || known.until > now) believed.push_back(known.address);
    }
  }
  return believed;
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

void PeerStore::set_connected(const PeerId& peer, bool connected, WallTime now) {
  Peer& entry = peer_entry(peer, now);
  if (entry.connected && !connected) {
    for (Known& known : entry.addresses)
      known.until = std::max(known.until, now + address_ttl_connected);
  }
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

Bytes PeerStore::encode(WallTime now) const {
  std::string store;
  protozero::pbf_writer writer(store);
  for (const PeerId& id : peers()) {
    const Peer& peer = peers_.at(id);
    std::string encoded;
    protozero::pbf_writer peer_writer(encoded);
    peer_writer.add_bytes(1, reinterpret_cast<const char*>(id.bytes().data()), id.bytes().size());
    bool worth_keeping = false;
    for (const Known& known : peer.addresses) {
      WallTime until =
          peer.connected ? std::max(known.until, now + address_ttl_connected) : known.until;
      if (until <= now) continue;
      worth_keeping = true;
      std::string address;
      protozero::pbf_writer address_writer(address);
      address_writer.add_bytes(1, std::string(as_text(known.address.bytes())));
      address_writer.add_uint64(2, seconds_of(until));
      peer_writer.add_message(2, address);
    }
    if (!peer.record.empty()) peer_writer.add_bytes(3, std::string(as_text(peer.record)));
    peer_writer.add_uint64(4, seconds_of(peer.connected ? now : peer.last_seen));
    if (worth_keeping) writer.add_message(1, encoded);
  }
  return to_bytes(store);
}

void PeerStore::decode_peer(ByteView encoded, WallTime now) {
  PeerId id;
  std::vector<std::pair<Multiaddr, WallTime>> addresses;
  WallTime last_seen{};
  protozero::pbf_reader reader(reinterpret_cast<const char*>(encoded.data()), encoded.size());
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protozero::tag_and_type(1, protozero::pbf_wire_type::length_delimited): {
        if (auto read = PeerId::from_bytes(bytes_of(reader.get_view()))) id = *read;
        break;
      }
      case protozero::tag_and_type(2, protozero::pbf_wire_type::length_delimited): {
        protozero::pbf_reader part = reader.get_message();
        std::optional<Multiaddr> address;
        WallTime until{};
        while (part.next()) {
          if (part.tag_and_type() ==
              protozero::tag_and_type(1, protozero::pbf_wire_type::length_delimited)) {
            if (auto read = Multiaddr::from_bytes(bytes_of(part.get_view()))) address = *read;
          } else if (part.tag_and_type() ==
                     protozero::tag_and_type(2, protozero::pbf_wire_type::varint)) {
            until = time_of(part.get_uint64());
          } else {
            part.skip();
          }
        }
        if (address && addresses.size() < addresses_per_peer_max)
          addresses.emplace_back(*address, until);
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
  if (id.empty()) return;
  for (const auto& [address, until] : addresses) {
    if (until > now) add_addresses(id, {address}, std::min(last_seen, now), until);
  }
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
