// AutonatServer: dials peers that ask whether they can be reached, both versions of the protocol
// (libp2p/specs autonat/autonat-v1.md, autonat-v2.md).
//
// It is no tool to strike others with: v1 dials only the IP address that the asker is seen at; v2
// dials one address, and if that may be somebody else's, only after the asker has sent more bytes
// than the dial costs, and after a random wait. How often is limited in all and for each peer
// (autonat_policy.hpp). Nobody is served through a relay. Only public addresses are dialed, unless
// the node says otherwise. A v1 dial that fails takes its whole time, so that nobody can scan
// ports with it.
//
// Dials are those of a second swarm with a key of its own and without listeners: it can't meet a
// connection that is there already, nor open a hole in the asker's NAT that our dials from where
// we listen would have. It has the node's own transports, and its gater is asked. Limits:
// limits.hpp. Loop thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include <kith/net/nat/autonat_policy.hpp>
#include <kith/net/swarm.hpp>

namespace kith::net {

struct AutonatServerOptions {
  bool v1 = true;
  bool v2 = true;
  /// Of v1.
  std::size_t dials_max = autonat_v1_dials_max;
  std::size_t dials_per_peer_max = autonat_v1_dials_per_peer_max;
  Duration interval = autonat_v1_interval;
  /// Also addresses that aren't public: for tests, and networks of one's own.
  bool private_addresses = false;
};

/// Dials peers as nobody they know, one dial a peer at a time.
class DialBacker final : public SwarmObserver {
 public:
  /// Dials as the node does: with its transports, where its gater lets it.
  DialBacker(port::Env& env, const Swarm& node);
  ~DialBacker() override;

  bool dials(const multiformats::PeerId& peer, const multiformats::Multiaddr& address) const;
  /// Where the peer was reached. Errc::busy if it is being dialed already.
  Task<multiformats::Multiaddr> dial(multiformats::PeerId peer,
                                     std::vector<multiformats::Multiaddr> addresses,
                                     Instant deadline);
  /// Dials one address, and says the nonce there.
  Task<AutonatDialStatus> dial_back(multiformats::PeerId peer, multiformats::Multiaddr address,
                                    std::uint64_t nonce, Instant deadline);
  Task<void> close_shielded() { return swarm_.close_shielded(); }

  void on_disconnected(const ConnectionInfo& connection, bool last) override;

 private:
  Task<ConnectionId> connect(multiformats::PeerId peer,
                             std::vector<multiformats::Multiaddr> addresses, Instant deadline);
  Task<void> say(ConnectionId connection, std::uint64_t nonce);
  void leave(const multiformats::PeerId& peer);

  port::Env& env_;
  ConnectionGater* gater_;
  PeerStore peers_;
  Swarm swarm_;
  std::set<multiformats::PeerId> busy_;
};

class AutonatServer {
 public:
  AutonatServer(port::Env& env, Swarm& swarm, AutonatServerOptions options = {});

  /// v1 is served by who can be reached, or doesn't know; v2 by everybody.
  void serve_v1(bool serves);
  /// After the swarm has been closed.
  Task<void> close_shielded() { return dialer_.close_shielded(); }

  struct Counters {
    std::uint64_t requests = 0;
    std::uint64_t dials = 0;
    std::uint64_t refusals = 0;
  };
  const Counters& counters() const noexcept { return counters_; }

 private:
  Task<void> serve_v1_stream(std::unique_ptr<Stream> stream);
  Task<AutonatV1Response> answer_v1(const ConnectionInfo& from, const AutonatV1Message& message);
  Task<void> serve_v2_stream(std::unique_ptr<Stream> stream);
  Task<AutonatDialResponse> answer_v2(Stream& stream, port::BufferedReader& reader,
                                      const ConnectionInfo& from, const AutonatDialRequest& request,
                                      Instant deadline);
  Task<void> take_data(Stream& stream, port::BufferedReader& reader, std::size_t index,
                       Instant deadline);
  bool dials(const multiformats::PeerId& peer, const multiformats::Multiaddr& address) const;
  bool has_public_ipv6() const;

  port::Env& env_;
  port::Logger log_;
  Swarm& swarm_;
  AutonatServerOptions options_;
  bool serving_v1_ = false;
  DialBacker dialer_;
  DialRates v1_rates_;
  DialRates v2_rates_;
  DialRates data_rates_;
  Counters counters_;
};

}  // namespace kith::net
