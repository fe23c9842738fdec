// PeerStore: what a node remembers of peers: addresses with the time until which they are believed,
// protocols, agent, public key, signed record. Bounded: a table that peers can fill forgets what is
// least useful first, and never who is connected.
//
// Addresses and records survive restarts: encode() gives what is worth keeping and decode() takes
// it back, the file is the owner's business. Format: protobuf, below; unknown fields are skipped,
// so that later versions can add some.
//
//   Store  1: Peer*       Peer  1: peer id   2: Address*   3: signed peer record (envelope)   4:
//   last seen, seconds
//                         Address  1: multiaddr   2: believed until, seconds since 1970
//
// Times are the calendar's, since they outlive the process. Loop thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <kith/crypto/keys.hpp>
#include <kith/multiformats/multiaddr.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/net/limits.hpp>

namespace kith::net {

class PeerStore {
 public:
  explicit PeerStore(std::size_t peers_limit = peers_max) : peers_limit_(peers_limit) {}

  /// Believes the addresses until `until` (or longer, if it does already). A trailing /p2p part
  /// with the peer's own id is dropped; an address with another peer's is refused.
  void add_addresses(const multiformats::PeerId& peer,
                     std::vector<multiformats::Multiaddr> addresses, WallTime now, WallTime until);

  /// Replaces what is believed by what the peer itself says.
  void set_addresses(const multiformats::PeerId& peer,
                     std::vector<multiformats::Multiaddr> addresses, WallTime now, WallTime until);

  /// Those still believed at `now`, those believed longest first.
  std::vector<multiformats::Multiaddr> addresses(const multiformats::PeerId& peer,
                                                 WallTime now) const;

  void set_protocols(const multiformats::PeerId& peer, std::vector<std::string> protocols);
  /// Empty if unknown.
  const std::vector<std::string>& protocols(const multiformats::PeerId& peer) const;
  void set_agent(const multiformats::PeerId& peer, std::string agent, std::string protocol_version);
  std::string agent(const multiformats::PeerId& peer) const;
  std::string protocol_version(const multiformats::PeerId& peer) const;
  void set_public_key(const multiformats::PeerId& peer, crypto::PublicKey key);
  std::optional<crypto::PublicKey> public_key(const multiformats::PeerId& peer) const;

  /// Keeps a verified record if its number is higher than the one kept; false if it isn't.
  bool set_signed_record(const multiformats::PeerId& peer, std::uint64_t sequence, Bytes envelope);
  std::optional<Bytes> signed_record(const multiformats::PeerId& peer) const;

  /// Connected peers are never forgotten, and their addresses don't age.
  void set_connected(const multiformats::PeerId& peer, bool connected, WallTime now);

  std::vector<multiformats::PeerId> peers() const;
  std::size_t size() const noexcept { return peers_.size(); }
  void forget(const multiformats::PeerId& peer);

  Bytes encode(WallTime now) const;
  /// Adds what `encoded` holds; what it can't read of it is skipped, since losing the store is no
  /// harm. Returns how many peers it read.
  std::size_t decode(ByteView encoded, WallTime now);

 private:
  struct Known {
    multiformats::Multiaddr address;
    WallTime until;
  };
  struct Peer {
    std::vector<Known> addresses;
    std::vector<std::string> protocols;
    std::string agent;
    std::string protocol_version;
    std::optional<crypto::PublicKey> key;
    std::uint64_t record_sequence = 0;
    Bytes record;
    bool connected = false;
    WallTime last_seen{};
  };
  Peer& peer_entry(const multiformats::PeerId& peer, WallTime now);
  void make_room();
  const Peer* find(const multiformats::PeerId& peer) const;
  void decode_peer(ByteView encoded, WallTime now);

  std::size_t peers_limit_;
  std::unordered_map<multiformats::PeerId, Peer> peers_;
};

}  // namespace kith::net
