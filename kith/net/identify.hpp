// Identify: tells each other, right after connecting, who we are, where we listen, what we speak
// and where we see the other (libp2p/specs identify/README.md: /ipfs/id/1.0.0), and again when that
// changes (push: /ipfs/id/push/1.0.0).
//
// What a peer says goes to the PeerStore: protocols and agent as said, addresses from its signed
// record if it has one, else the list. What peers say of our own address is kept as
// observed_addresses(). Errors only show in the log: a peer that doesn't identify itself is served
// all the same. Loop thread only.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <kith/net/identify_message.hpp>
#include <kith/net/swarm.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>

namespace kith::net {

inline constexpr std::string_view identify_protocol = "/ipfs/id/1.0.0";
inline constexpr std::string_view identify_push_protocol = "/ipfs/id/push/1.0.0";

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
  };
  std::vector<Observed> observed_addresses() const;
  /// Where this connection's peer sees us, if it has said so.
  std::optional<multiformats::Multiaddr> observed_by(ConnectionId connection) const;

  /// Ends its tasks. After the swarm has been closed.
  Task<void> close_shielded();

  void on_connected(const ConnectionInfo& connection) override;
  void on_disconnected(const ConnectionInfo& connection, bool last) override;
  void on_listen_addresses_changed() override {
    changed_.notify_all();
    dirty_ = true;
  }
  void on_protocols_changed() override {
    changed_.notify_all();
    dirty_ = true;
  }

 private:
  struct Asked {
    bool done = false;
    std::optional<multiformats::Multiaddr> observed;
  };
  Task<void> ask(ConnectionInfo connection);
  Task<void> ask_now(const ConnectionInfo& connection);
  Task<void> serve(std::unique_ptr<Stream> stream);
  Task<void> take_push(std::unique_ptr<Stream> stream);
  Task<void> push_loop();
  Task<void> push_to(multiformats::PeerId peer);
  Task<IdentifyMessage> read_message(Stream& stream, Instant deadline);
  Task<void> write_message(Stream& stream, Instant deadline);
  Result<IdentifyMessage> own_message(ConnectionId connection);
  void learn(const multiformats::PeerId& peer, ConnectionId connection, IdentifyMessage message);

  port::Env& env_;
  port::Logger log_;
  Swarm& swarm_;
  std::string agent_;
  std::string protocol_version_;
  std::map<ConnectionId, Asked> asked_;
  port::Event identified_;
  port::Event changed_;
  bool dirty_ = false;
  port::TaskGroup tasks_;
};

}  // namespace kith::net
