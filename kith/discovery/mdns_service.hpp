// MdnsService: libp2p's discovery by multicast DNS (libp2p/specs discovery/mdns.md, over RFC 6762
// and 6763) as a state machine: datagrams and the time go in, datagrams and found peers come out.
//
//   asks     _p2p._udp.local PTR, soon after a link comes up, then ever more rarely
//   answers  _p2p._udp.local PTR <peer-name>._p2p._udp.local             (to its own question, too,
//            <peer-name>._p2p._udp.local TXT "dnsaddr=/.../p2p/<id>" ...  so that others hear of
//            it) and SRV, A, AAAA, since go-libp2p takes no peer without an address record
//   answers  _services._dns-sd._udp.local PTR _p2p._udp.local, and direct questions for the above
//
// A link is one interface and one family of IP. Addresses are told on the link that they belong to,
// and in one TXT record a message, since go-libp2p reads but the last one and none of a peer's
// later messages: the first message holds the best addresses.
//
// What others do that the RFCs don't say: rust-libp2p asks and answers from any port, asks with an
// id, answers under a new name each time, which isn't below the service's, with a TXT record for
// each address; go-libp2p puts everything into the answer section when it
// announces itself. All of that is understood. A question from a port other than 5353 is answered
// to the group and to whoever asked.
//
// Trusts nobody: senders must be on the local network by their address, messages are counted by
// sender and in all, peers are bounded in all and by sender, told of at a bounded rate, and only
// with addresses that lie in local networks. Who says that a peer is somewhere may lie: the
// handshake shows. Limits: limits.hpp. Pure. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <kith/base/prng.hpp>
#include <kith/base/time.hpp>
#include <kith/discovery/dns_message.hpp>
#include <kith/multiformats/multiaddr.hpp>
#include <kith/multiformats/peer_id.hpp>
#include <kith/port/ip.hpp>

namespace kith::discovery {

inline constexpr std::uint16_t mdns_port = 5353;
inline constexpr std::string_view mdns_service_name = "_p2p._udp.local";
inline constexpr std::string_view mdns_meta_query_name = "_services._dns-sd._udp.local";
inline constexpr std::string_view mdns_host_domain = "p2p.local";

/// One of our addresses and how many of its leading bits its neighbours share.
struct Subnet {
  port::IpAddress address;
  int prefix_bits = 0;
  bool operator==(const Subnet&) const = default;
  bool contains(const port::IpAddress& other) const noexcept;
};

struct MdnsLinkId {
  std::uint32_t interface_index = 0;
  port::IpFamily family = port::IpFamily::v4;
  auto operator<=>(const MdnsLinkId&) const = default;
};

struct MdnsLink {
  /// Of the interface, both families.
  std::vector<Subnet> subnets;
  /// Where we listen, without /p2p, best first; those that aren't addresses of the interface are
  /// left out.
  std::vector<multiformats::Multiaddr> addresses;
  bool operator==(const MdnsLink&) const = default;
};

struct MdnsOutgoing {
  MdnsLinkId link;
  std::optional<port::Endpoint> to;  ///< none: the group
  Bytes datagram;
};

struct FoundPeer {
  multiformats::PeerId peer;
  std::vector<multiformats::Multiaddr> addresses;  ///< without /p2p; of local networks
};

class MdnsService {
 public:
  /// `seed` should be unguessable: it gives the peer name and spreads senders over buckets.
  MdnsService(multiformats::PeerId self, std::uint64_t seed);

  /// The addresses of this machine: what comes from them may name loopback addresses.
  void set_machine_addresses(std::vector<port::IpAddress> addresses);
  /// A new link is asked on soon; one whose addresses changed is told of them.
  void set_link(MdnsLinkId id, MdnsLink link, Instant now);
  void remove_link(MdnsLinkId id);
  std::vector<MdnsLinkId> links() const;

  void receive(MdnsLinkId id, const port::Endpoint& from, ByteView datagram, Instant now);

  /// What is to be sent now; call until there is none.
  std::optional<MdnsOutgoing> poll_outgoing(Instant now);
  /// A peer that was found, or that was heard again; call until there is none.
  std::optional<FoundPeer> poll_found(Instant now);
  /// When polling makes sense again without anything being received.
  Instant next_deadline() const noexcept;

  /// Says goodbye: what poll_outgoing gives from now on takes back what we said, and nothing else.
  void stop();

  const DnsName& instance() const noexcept { return instance_; }
  std::size_t known_peers() const noexcept { return peers_.size(); }
  std::uint64_t dropped_messages() const noexcept { return dropped_; }

 private:
  /// What an answer is about; a set of bits.
  using Topics = unsigned;
  static constexpr Topics topic_service = 1;   ///< service PTR, all that belongs to it beside it
  static constexpr Topics topic_meta = 2;      ///< the meta query's PTR
  static constexpr Topics topic_instance = 4;  ///< SRV and TXT
  static constexpr Topics topic_host = 8;      ///< A and AAAA

  struct Bucket {
    double tokens;
    Instant at{};
    bool take(Instant now, double rate, double burst) noexcept;
    /// When it has the next one.
    Instant ready(Instant now, double rate, double burst) const noexcept;
  };
  struct LinkState {
    MdnsLink link;
    /// What is told of the link's own addresses: a TXT record a message, and the host's addresses.
    std::vector<DnsText> texts;
    std::vector<port::IpAddress> host_addresses;
    Instant next_query{};
    Duration query_interval{};
    Topics pending = 0;
    Instant respond_at = never;
    /// The only one who asked, while that is so: its further known answers count.
    std::optional<port::Endpoint> asker;
    Instant responded_at{};
    bool responded = false;
  };
  struct KnownAddress {
    multiformats::Multiaddr address;
    Instant heard;
  };
  struct KnownPeer {
    std::vector<KnownAddress> addresses;
    port::IpAddress source;
    MdnsLinkId link;
    DnsName instance;
    Instant heard{};      ///< when its PTR or TXT came last
    Duration ttl{};       ///< of that record
    Instant forget_at{};  ///< until then it takes a place, even after its goodbye
    Instant told_at{};
    bool told = false;
    bool queued = false;
    bool gone = false;
  };

  void take_query(MdnsLinkId id, LinkState& state, const port::Endpoint& from,
                  const DnsMessage& query, Instant now);
  void take_response(MdnsLinkId id, const LinkState& state, const port::Endpoint& from,
                     const DnsMessage& response, Instant now);
  void take_texts(MdnsLinkId id, const LinkState& state, const port::Endpoint& from,
                  const DnsRecord& record, Instant now);
  void take_goodbye(const DnsName& instance, const port::IpAddress& source, Instant now);
  KnownPeer* place_for(const multiformats::PeerId& peer, const port::IpAddress& source,
                       Instant now);
  void forget_old(Instant now);
  bool add_address(KnownPeer& known, multiformats::Multiaddr address, Instant now);
  std::optional<multiformats::Multiaddr> usable(const multiformats::Multiaddr& address,
                                                MdnsLinkId id, const LinkState& state,
                                                const port::IpAddress& source) const;
  bool from_here(const port::IpAddress& source) const noexcept;
  bool is_local(const LinkState& state, const port::IpAddress& source) const noexcept;
  bool admit(const port::IpAddress& source, Instant now);

  void prepare(LinkState& state) const;
  Topics topics_of(const LinkState& state, const DnsMessage& query) const;
  bool knows_us(const DnsMessage& query) const;
  bool is_own_query(const DnsMessage& query, const port::IpAddress& source) const;
  void schedule(LinkState& state, Topics topics, Instant at,
                const std::optional<port::Endpoint>& asker);
  void ask(MdnsLinkId id, LinkState& state, Instant now);
  std::vector<DnsRecord> known_answers(MdnsLinkId id, Instant now) const;
  struct Style;
  std::vector<DnsQuestion> own_questions(const DnsMessage& query) const;
  std::vector<DnsRecord> host_records(const LinkState& state, const Style& style) const;
  void respond(MdnsLinkId id, const LinkState& state, Topics topics, const Style& style);
  void push(MdnsLinkId id, std::optional<port::Endpoint> to, const DnsMessage& message);
  Duration between(Duration low, Duration high) noexcept;

  multiformats::PeerId self_;
  Prng prng_;
  std::uint64_t bucket_seed_;
  DnsName service_;
  DnsName meta_;
  DnsName instance_;
  DnsName host_;
  std::vector<port::IpAddress> machine_;
  std::map<MdnsLinkId, LinkState> links_;
  std::map<multiformats::PeerId, KnownPeer> peers_;
  Instant forgot_at_{};
  std::deque<multiformats::PeerId> found_;
  std::deque<MdnsOutgoing> outgoing_;
  /// Ids of our latest queries: they come back to us.
  std::array<std::optional<std::uint16_t>, 64> query_ids_;
  std::size_t next_query_id_ = 0;
  std::array<Bucket, mdns_source_buckets> sources_;
  Bucket received_;
  Bucket unicast_;
  Bucket telling_;
  Instant found_at_ = never;  ///< when the next found peer may be told of
  std::uint64_t dropped_ = 0;
  bool stopped_ = false;
};

}  // namespace kith::discovery
