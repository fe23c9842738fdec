// AutonatClient: finds out whether this node can be reached, by asking peers that it is connected
// to to dial it (AutoNAT v1 for the whole, v2 for each address; reachability.hpp judges).
//
// It begins after a moment, asks one peer at a time, the same one not again for a while, and rests
// longer when it is sure. Who answers is not trusted: a v2 dial counts only if its nonce came to
// us, over a transport of the kind that was asked about; and before a peer gets data for a dial
// that may be somebody else's, what it wants is compared with the limits.
// Limits: limits.hpp. Loop thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include <kith/net/nat/autonat_message.hpp>
#include <kith/net/nat/reachability.hpp>
#include <kith/net/swarm.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>

namespace kith::net {

class AutonatClient final : public SwarmObserver {
 public:
  /// What to ask about: addresses that may be ours, in order of preference.
  using Addresses = std::function<std::vector<multiformats::Multiaddr>()>;
  /// Told when the overall verdict, or one of an address, has changed; on the loop.
  using Changed = std::function<void()>;

  struct Options {
    Duration start_delay = autonat_start_delay;
    /// Also addresses that aren't public: for tests, and networks of one's own.
    bool private_addresses = false;
  };

  AutonatClient(port::Env& env, Swarm& swarm, Addresses addresses, Changed changed,
                Options options);
  AutonatClient(port::Env& env, Swarm& swarm, Addresses addresses, Changed changed)
      : AutonatClient(env, swarm, std::move(addresses), std::move(changed), Options()) {}
  ~AutonatClient() override;

  /// v1's, or what v2 says of all addresses together where v1 knows nothing.
  Reachability verdict() const;
  std::map<multiformats::Multiaddr, Reachability> address_verdicts() const {
    return each_.verdicts();
  }

  /// What was found out of the whole, for people.
  struct Overall {
    Reachability verdict = Reachability::unknown;  ///< verdict()
    std::optional<Instant> since{};                ///< when it became this
    bool by_v1 = false;                            ///< and who says so: v1, or v2's addresses
    std::size_t answers_v1 = 0;
    std::size_t answers_v2 = 0;
  };
  Overall overall() const;
  std::vector<AddressReachability::Report> address_reports() const { return each_.reports(); }

  /// One question of v1. Errc::refused if it didn't dial.
  Task<bool> ask_overall(multiformats::PeerId peer, Instant deadline);

  struct Answer {
    multiformats::Multiaddr address;
    bool reached = false;
  };
  /// One question of v2. Errc::refused if the peer dials none of these; Errc::corrupt for what
  /// can't be true.
  Task<Answer> ask_about(multiformats::PeerId peer, std::vector<multiformats::Multiaddr> addresses,
                         Instant deadline);

  /// After the swarm has been closed.
  Task<void> close_shielded();

  void on_listen_addresses_changed() override;

 private:
  using Arrived = port::OneShot<multiformats::Multiaddr>;

  Task<void> run();
  Task<void> look();
  Task<void> find_overall();
  Task<void> find_each();
  std::optional<multiformats::PeerId> choose(std::string_view protocol);
  std::vector<multiformats::Multiaddr> own_addresses() const;
  Task<AutonatDialResponse> converse(Stream& stream, std::vector<multiformats::Multiaddr> addresses,
                                     std::uint64_t nonce, Instant deadline);
  Task<void> send_data(Stream& stream, std::uint64_t bytes, Instant deadline);
  Task<void> take_dial_back(std::unique_ptr<Stream> stream);

  port::Env& env_;
  port::Logger log_;
  Swarm& swarm_;
  Addresses addresses_;
  Changed changed_;
  Options options_;
  OverallReachability overall_;
  AddressReachability each_;
  Instant next_overall_{};
  std::optional<Instant> since_;  ///< of the verdict
  std::size_t answers_v1_ = 0;
  std::size_t answers_v2_ = 0;
  std::map<multiformats::PeerId, Instant> asked_;
  struct Waiting {
    std::shared_ptr<Arrived> arrived;
    ConnectionId newest{};  ///< of those that were there when we asked
  };
  std::map<std::uint64_t, Waiting> waiting_;  ///< by nonce
  port::TaskGroup tasks_;
};

}  // namespace kith::net
