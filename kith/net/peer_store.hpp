// PeerStore: what a node remembers of peers: addresses with the time until which they are believed,
// protocols, agent, public key, signed record. Bounded: a table that peers can fill forgets what is
// least useful first, and never who is connected.
//
// An address is believed by who says it (AddressSource), each for a time of its own: what a peer
// says of itself never takes away an address at which we have reached it, or that the user gave.
//
// Addresses and records survive restarts: encode() gives what is worth keeping and decode() takes
// it back, the file is the owner's business. Format: protobuf, below; unknown fields are skipped,
// so that later versions can add some.
//
//   Store    1: Peer*
//   Peer     1: peer id     2: Address*   3: signed peer record (envelope)   4: last seen
//   Address  1: multiaddr   until when it is believed of   2: the peer itself   3: us, having
//            reached it there   4: the user
//
// Times are the calendar's, since they outlive the process, in seconds since 1970. Loop thread
// only.
#pragma once

#include <array>
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

/// Who says that a peer has an address, the least trusted first.
enum class AddressSource : std::uint8_t {
  identify,    ///< the peer itself
  discovered,  ///< somebody on the local network; not remembered after the process
  connected,   ///< we reached it there
  given,       ///< the user, or the bootstrap list
};
inline constexpr std::size_t address_sources = 4;

/// How long an address that nobody confirmed again is believed.
constexpr Duration address_ttl(AddressSource source) noexcept {
  switch (source) {
    case AddressSource::identify:
      return address_ttl_identify;
    case AddressSource::discovered:
      return address_ttl_discovered;
    case AddressSource::connected:
      return address_ttl_connected;
    case AddressSource::given:
      return address_ttl_given;
  }
  return {};
}

class PeerStore {
 public:
  explicit PeerStore(std::size_t peers_limit = peers_max) : peers_limit_(peers_limit) {}

  /// Believes the addresses for as long as the source's are, from now on. A trailing /p2p part with
  /// the peer's own id is dropped; an address with another peer's is refused. The least trusted
  /// ones give way if there are too many.
  void add_addresses(const multiformats::PeerId& peer,
                     const std::vector<multiformats::Multiaddr>& addresses, AddressSource source,
                     WallTime now);

  /// Replaces what this source has said of the peer; what others said stays.
  void set_addresses(const multiformats::PeerId& peer,
                     const std::vector<multiformats::Multiaddr>& addresses, AddressSource source,
                     WallTime now);

  /// Those still believed at `now`, the most trusted first and those believed longest.
  std::vector<multiformats::Multiaddr> addresses(const multiformats::PeerId& peer,
                                                 WallTime now) const;
  /// Whether this source has said that the peer has the address, and is still believed.
  bool says(AddressSource source, const multiformats::PeerId& peer,
            const multiformats::Multiaddr& address, WallTime now) const;

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

  /// Connected peers are never forgotten, and their addresses don't age: their time begins when the
  /// connection ends.
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
    /// By source; zero if it didn't say so.
    std::array<WallTime, address_sources> until{};

    WallTime& until_of(AddressSource source) { return until[static_cast<std::size_t>(source)]; }
    WallTime until_of(AddressSource source) const {
      return until[static_cast<std::size_t>(source)];
    }
    bool said() const noexcept;
    bool believed(WallTime now) const noexcept;
    /// More trusted, or as much and for longer.
    bool better_than(const Known& other) const noexcept;
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
  static void believe(Peer& entry, const multiformats::PeerId& peer,
                      const multiformats::Multiaddr& address, AddressSource source, WallTime until);
  static void put_in_order(Peer& entry);
  static void renew(Peer& entry, WallTime now);
  static std::string encode_address(const Known& known, bool connected, WallTime now);
  static bool decode_address(ByteView encoded, WallTime now, Known& known);
  const Peer* find(const multiformats::PeerId& peer) const;
  void decode_peer(ByteView encoded, WallTime now);

  std::size_t peers_limit_;
  std::unordered_map<multiformats::PeerId, Peer> peers_;
};

}  // namespace kith::net
