// PeerStore: what a node remembers of peers.
//
// Of every peer: addresses. An address is believed by who says it (AddressSource), each for a time
// of its own: what a peer says of itself never takes away an address at which we have reached it,
// or that the user gave. Of a connected peer also what it says of itself and says again when it
// connects the next time: protocols, agent, public key, signed record.
//
// Bounded, in peers and in bytes: a table that peers can fill forgets what is least useful first.
// That is who isn't connected and was never reached, then who wasn't heard of for the longest time;
// never who is connected.
//
// Addresses survive restarts: encode() gives what is worth keeping and decode() takes it back, the
// file is the owner's business. Format: protobuf, below; unknown fields are skipped, so that later
// versions can add some.
//
//   Store    1: Peer*
//   Peer     1: peer id     2: Address*   4: last heard of
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
  heard,       ///< somebody, of somebody else (the DHT); not remembered after the process
  identify,    ///< the peer itself
  discovered,  ///< somebody on the local network; not remembered after the process
  connected,   ///< we reached it there
  given,       ///< the user, or the bootstrap list
};
inline constexpr std::size_t address_sources = 5;

/// How long an address that nobody confirmed again is believed.
constexpr Duration address_ttl(AddressSource source) noexcept {
  switch (source) {
    case AddressSource::heard:
      return address_ttl_heard;
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

struct PeerStoreLimits {
  std::size_t peers = peers_max;
  std::size_t bytes = peer_store_bytes_max;
  std::size_t encoded_bytes = peer_store_encoded_bytes_max;
};

class PeerStore {
 public:
  explicit PeerStore(PeerStoreLimits limits = {}) : limits_(limits) {}

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

  /// Those still believed at `now`, the most trusted first and those believed longest; only those
  /// of a source that is trusted as much as `least`.
  std::vector<multiformats::Multiaddr> addresses(const multiformats::PeerId& peer, WallTime now,
                                                 AddressSource least = AddressSource::heard) const;
  /// Whether this source has said that the peer has the address, and is still believed.
  bool says(AddressSource source, const multiformats::PeerId& peer,
            const multiformats::Multiaddr& address, WallTime now) const;

  /// What a peer says of itself. Dropped if it isn't connected, and once it isn't any more.
  void set_protocols(const multiformats::PeerId& peer, std::vector<std::string> protocols);
  /// Sorted; empty if unknown.
  const std::vector<std::string>& protocols(const multiformats::PeerId& peer) const;
  void set_agent(const multiformats::PeerId& peer, std::string agent, std::string protocol_version);
  std::string agent(const multiformats::PeerId& peer) const;
  std::string protocol_version(const multiformats::PeerId& peer) const;
  /// Keeps a verified record unless a newer one was there, and says whether that's so. One that is
  /// too long is noted by its number alone.
  bool set_signed_record(const multiformats::PeerId& peer, std::uint64_t sequence, Bytes envelope);
  std::optional<Bytes> signed_record(const multiformats::PeerId& peer) const;

  /// Kept until the peer's connection ends; that of an id that contains it is always known.
  void set_public_key(const multiformats::PeerId& peer, crypto::PublicKey key);
  std::optional<crypto::PublicKey> public_key(const multiformats::PeerId& peer) const;

  /// Connected peers are never forgotten, and their addresses don't age: their time begins when the
  /// connection ends. A peer without an address is then forgotten.
  void set_connected(const multiformats::PeerId& peer, bool connected, WallTime now);

  /// All of them, sorted.
  std::vector<multiformats::PeerId> peers() const;
  /// A peer that isn't connected and has an address.
  struct Remembered {
    multiformats::PeerId peer;
    bool reached;  ///< at one of its addresses; or the user gave one
  };
  std::vector<Remembered> remembered(WallTime now) const;
  std::size_t size() const noexcept { return peers_.size(); }
  /// What it all takes in memory, about.
  std::size_t bytes() const noexcept { return bytes_; }
  void forget(const multiformats::PeerId& peer);
  /// Forgets what isn't believed any more.
  void expire(WallTime now);

  /// Encodes a store bit by bit, so that a large one doesn't hold up the loop. The most useful
  /// peers come first, and who is beyond the limit is left out, as is who is forgotten meanwhile.
  class Encoder {
   public:
    Encoder(const PeerStore& store, WallTime now);
    /// Encodes some more; false once all is.
    bool step(std::size_t peers);
    ByteView encoded() const noexcept { return as_bytes(encoded_); }

   private:
    const PeerStore& store_;
    WallTime now_;
    std::vector<multiformats::PeerId> peers_;
    std::size_t next_ = 0;
    std::string encoded_;
  };
  Bytes encode(WallTime now) const;

  struct Decoded {
    std::size_t peers = 0;  ///< that are known now and weren't before
    bool damaged = false;   ///< and something couldn't be read
  };
  /// Adds what `encoded` holds; what it can't read of it is skipped, since losing the store is no
  /// harm.
  Decoded decode(ByteView encoded, WallTime now);

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
    bool believed(WallTime now, AddressSource least = AddressSource::heard) const noexcept;
    bool said(AddressSource least) const noexcept;
    /// More trusted, or as much and for longer.
    bool better_than(const Known& other) const noexcept;
  };
  /// What a peer says of itself.
  struct Told {
    std::vector<std::string> protocols;
    std::string agent;
    std::string protocol_version;
    std::optional<crypto::PublicKey> key;
    std::uint64_t record_sequence = 0;
    Bytes record;
  };
  struct Peer {
    std::vector<Known> addresses;
    Told told;
    bool connected = false;
    WallTime last_seen{};
    std::size_t bytes = 0;  ///< that bytes_ has of it

    bool reached() const noexcept;
  };
  using Peers = std::unordered_map<multiformats::PeerId, Peer>;

  Peer& peer_entry(const multiformats::PeerId& peer, WallTime now);
  Peer* connected_entry(const multiformats::PeerId& peer);
  const Peer* find(const multiformats::PeerId& peer) const;
  Peers::iterator erase(Peers::iterator at);
  void changed(const multiformats::PeerId& peer, Peer& entry);
  void count(Peer& entry);
  void drop_what_it_says(Peer& entry);
  void make_room(const multiformats::PeerId& keep);
  /// The least useful first; those that aren't connected, or all.
  std::vector<multiformats::PeerId> by_use(bool connected_too) const;
  static void believe(Peer& entry, const multiformats::PeerId& peer,
                      const multiformats::Multiaddr& address, AddressSource source, WallTime until);
  static void drop_unsaid(Peer& entry);
  static void put_in_order(Peer& entry);
  static void forget_told(Peer& entry);
  static void renew(Peer& entry, WallTime now);
  static void expire_addresses(Peer& entry, WallTime now);
  static std::string encode_peer(const multiformats::PeerId& id, const Peer& peer, WallTime now);
  static std::string encode_address(const Known& known, bool connected, WallTime now);
  static bool decode_address(ByteView encoded, WallTime now, Known& known);
  void decode_peer(ByteView encoded, WallTime now);

  PeerStoreLimits limits_;
  Peers peers_;
  std::size_t bytes_ = 0;
};

}  // namespace kith::net
