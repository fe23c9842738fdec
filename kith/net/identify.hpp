// Identify: tells each other, right after connecting, who we are, where we listen, what we speak
// and where we see the other (libp2p/specs identify/README.md: /ipfs/id/1.0.0), and again when that
// changes (push: /ipfs/id/push/1.0.0).
//
// What a peer says goes to the PeerStore: protocols and agent as said, addresses from its signed
// record if it has one, else the list. What peers say of our own address is kept as
// observed_addresses(). Errors only show in the log: a peer that doesn't identify itself is served
// all the same.
//
// Both what we tell and what we take of addresses depends on where the peer is seen
// (address_scope.hpp), so there is one signed record for each scope; it is made when somebody asks
// and kept until an address changes, and all made between two changes have the same number.
//
// Our addresses and protocols are looked at again when the swarm or the machine says that they
// changed, and every identify_look_interval, since not every machine says so. What changed is
// pushed once to each peer that speaks push and hasn't heard of it; several changes in a row are
// one push.
// Limits: limits.hpp. Loop thread only.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <kith/net/address_scope.hpp>
#include <kith/net/identify_message.hpp>
#include <kith/net/swarm.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>

namespace kith::net {

inline constexpr std::string_view identify_protocol = "/ipfs/id/1.0.0";
inline constexpr std::string_view identify_push_protocol = "/ipfs/id/push/1.0.0";

class IdentifyObserver {
 public:
  virtual ~IdentifyObserver() = default;
  /// A connected peer has said something of itself; the PeerStore has it by now.
  virtual void on_identified(const multiformats::PeerId& peer) = 0;
};

class Identify final : public SwarmObserver {
 public:
  /// `agent` as in "kith/0.1.0"; `protocol_version` as in "ipfs/0.1.0".
  Identify(port::Env& env, Swarm& swarm, std::string agent, std::string protocol_version);
  ~Identify() override;

  /// Returns once the connection's peer has identified itself, or has failed to.
  Task<void> wait(ConnectionId connection, Instant deadline);

  struct Observed {
    multiformats::Multiaddr address;
    std::size_t peers;  ///< how many connected peers see us there
    /// From how many networks they do: of IPv6, a /56 is one. One machine can be many peers.
    std::size_t networks;
  };
  /// Of connections from a port that we listen on: nobody reaches us at another one.
  std::vector<Observed> observed_addresses() const;
  /// Where this connection's peer sees us, if it has said so.
  std::optional<multiformats::Multiaddr> observed_by(ConnectionId connection) const;

  void observe(IdentifyObserver& observer);
  void stop_observing(IdentifyObserver& observer);

  /// Ends its tasks. After the swarm has been closed.
  Task<void> close_shielded();

  void on_connected(const ConnectionInfo& connection) override;
  void on_disconnected(const ConnectionInfo& connection, bool last) override;
  void on_listen_addresses_changed() override { on_changed(); }
  void on_protocols_changed() override { on_changed(); }

 private:
  /// A connection, and what was said on it.
  struct Link {
    multiformats::PeerId peer;
    multiformats::Multiaddr local_address;
    multiformats::Multiaddr remote_address;
    bool asked = false;  ///< and answered, or not
    std::optional<multiformats::Multiaddr> observed;
    /// The version of what we told last; 0: nothing.
    std::uint64_t told = 0;
    Instant pushes_since{};
    std::size_t pushes = 0;

    AddressScope seen_at() const { return scope_of(remote_address); }
  };
  /// What those are told who are seen at one scope.
  struct Told {
    std::vector<multiformats::Multiaddr> addresses;
    /// Empty until it is asked for.
    Bytes record;
    std::uint64_t version = 0;
  };

  Task<void> ask(ConnectionInfo connection);
  Task<void> ask_now(const ConnectionInfo& connection);
  Task<void> serve(std::unique_ptr<Stream> stream);
  Task<void> take_push(std::unique_ptr<Stream> stream);
  Task<void> push_loop();
  Task<void> watch_loop();
  Task<void> push_to_some(std::vector<multiformats::PeerId>& peers);
  Task<void> push_to(multiformats::PeerId peer);
  Task<void> push_on(ConnectionId connection, Instant deadline);
  Task<IdentifyMessage> read_message(Stream& stream, Instant deadline);
  Task<void> write_message(Stream& stream, Instant deadline);
  Result<IdentifyMessage> own_message(const Link& link);
  void on_changed();
  void look();
  Told& told_at(AddressScope scope) { return told_[static_cast<std::size_t>(scope)]; }
  bool is_behind(const multiformats::PeerId& peer);
  bool push_allowed(ConnectionId connection);
  void learn(ConnectionId connection, IdentifyMessage message);
  static bool may_be_ours(const Link& link, const multiformats::Multiaddr& observed);
  bool from_listener(const Link& link) const;
  void learn_addresses(const Link& link, IdentifyMessage message);

  port::Env& env_;
  port::Logger log_;
  Swarm& swarm_;
  std::string agent_;
  std::string protocol_version_;
  std::map<ConnectionId, Link> links_;
  std::vector<IdentifyObserver*> observers_;
  port::Event identified_;

  // What there is to tell, as it was when it was looked at last.
  bool stale_ = true;
  std::vector<multiformats::Multiaddr> addresses_;
  std::vector<ProtocolId> protocols_;
  std::uint64_t sequence_ = 0;
  std::array<Told, address_scopes> told_;

  port::Event changed_;
  bool push_wanted_ = false;
  port::TaskGroup tasks_;
};

}  // namespace kith::net
