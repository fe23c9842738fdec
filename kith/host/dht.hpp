// Dht: the Kademlia DHT of a Host: where a peer is, who has what, and small values under keys.
//
//   options.dht.emplace();
//   options.dht->bootstrap = {...};                                 // whom to ask first
//   ...
//   co_await host.dht().provide(rendezvous("chess"));               // here I am
//   auto players = host.dht().find_providers(rendezvous("chess"));  // who else is?
//   while (auto found = co_await players->next()) meet(found->peer);
//   co_await host.connect(peer);                                    // wherever it is
//
// It is the wide network's DHT and the local one side by side (kith/dht/dual.hpp). Each call ends
// at its deadline, or after dht::lookup_timeout without one. A host that has just begun, with peers
// to ask but not yet connected to them, first waits for one, up to dht_patience. Nobody to ask at
// all is RoutingError::no_peers. Calls and searches that are under way when the host closes end
// with Errc::closed. Loop thread only.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <kith/dht/dual.hpp>
#include <kith/multiformats/multihash.hpp>
#include <kith/port/event.hpp>
#include <kith/port/task_group.hpp>
#include <kith/routing/routing.hpp>
#include <kith/routing/validator.hpp>

namespace kith::host {

inline constexpr Duration dht_patience = 10s;
/// Providers that wait for who takes them slowly; further ones are passed over.
inline constexpr std::size_t providers_waiting_max = 1024;
inline constexpr std::size_t dht_prefix_bytes_max = 64;

enum class DhtMode : std::uint8_t {
  /// Answers others of the local network, and those of the wide one while AutoNAT
  /// (HostOptions::reach) says that they reach this host.
  automatic,
  client,  ///< only asks
  server,  ///< answers everybody: of a host that is known to be reachable
};

struct DhtOptions {
  DhtMode mode = DhtMode::automatic;
  /// Peers to begin with, each an address that ends in /p2p. The host stays in touch with them
  /// while it knows few others. Those of the public network: public_peers().
  std::vector<multiformats::Multiaddr> bootstrap{};
  /// Another prefix is a network of its own: who speaks /PREFIX/kad/1.0.0. Begins with a slash.
  std::string prefix = std::string(dht::public_prefix);
  /// What values a network of its own stores besides public keys ("pk") and IPNS records ("ipns"),
  /// by their namespace. The public one stores nothing else.
  std::map<std::string, std::shared_ptr<const routing::Validator>> validators{};
  /// Peers on this machine count in the local DHT: for tests and demonstrations.
  bool loopback = false;
  /// Files that begin with this keep what is provided, and for others, between runs. Empty: nothing
  /// is kept.
  std::string state_path{};
};

/// The bootstrap peers of the public IPFS network.
std::vector<multiformats::Multiaddr> public_peers();

/// What stands in the DHT for a name that those who look for each other have agreed on, as in
/// go-libp2p's routing discovery: sha2-256 of the name.
multiformats::Multihash rendezvous(std::string_view name);

/// Providers, as they are found. Destroying it ends the search; it may outlive the host.
class ProviderSearch {
 public:
  ~ProviderSearch();
  ProviderSearch(const ProviderSearch&) = delete;
  ProviderSearch& operator=(const ProviderSearch&) = delete;

  /// The next one, each once, and once more if its addresses came later; this host itself among
  /// them, if it provides that. Errc::closed when nobody is left to ask, or the host is closed; or
  /// what the search failed with. Errc::timed_out at `deadline`, and it goes on.
  Task<routing::PeerAddresses> next(Instant deadline = never);

 private:
  friend class Dht;
  struct State;
  explicit ProviderSearch(std::shared_ptr<State> state) : state_(std::move(state)) {}

  std::shared_ptr<State> state_;
};

class Dht {
 public:
  /// Errc::invalid_argument says what is wrong.
  static Result<void> check(const DhtOptions& options);
  /// Of options that are right (asserted). The environment, the swarm and identify outlive it.
  Dht(port::Env& env, net::Swarm& swarm, net::Identify& identify, DhtOptions options);
  Dht(const Dht&) = delete;
  Dht& operator=(const Dht&) = delete;

  /// Where the peer is; it has been reached then, if that could be. RoutingError::not_found.
  Task<routing::PeerAddresses> find_peer(multiformats::PeerId peer, Instant deadline = never);

  /// Tells that this host has the content, and goes on telling it until stop_providing(), also
  /// after a failure. Returns once it was told a first time; RoutingError::none_took_it.
  Task<void> provide(multiformats::Multihash content, Instant deadline = never);
  void stop_providing(const multiformats::Multihash& content);
  /// Looks for those who have the content.
  std::unique_ptr<ProviderSearch> find_providers(multiformats::Multihash content,
                                                 Instant deadline = never);

  /// Stores a value with the peers nearest to its key, "/pk/...", "/ipns/..." or of one of
  /// DhtOptions::validators. RoutingError::unknown_kind, bad_key, bad_value, too_long, older_value,
  /// none_took_it.
  Task<void> put_value(Bytes key, Bytes value, Instant deadline = never);
  /// The best valid one that was found. RoutingError::not_found, unknown_kind, bad_key.
  Task<Bytes> get_value(Bytes key, Instant deadline = never);

  /// Whether others of the wide network are answered now.
  bool serves() noexcept { return both_.wide().server(); }
  /// Its parts.
  dht::DualDht& both() noexcept { return both_; }

  // For Host.

  /// Before the host's Reach is made of `reach`.
  void follow(net::ReachOptions& reach);
  void start();
  /// Ends all calls, and waits for that.
  Task<void> close_shielded();

 private:
  template <class T>
  Task<T> run(Task<T> work);
  template <class T>
  Task<void> keep(Task<T> work, std::optional<Result<T>>& into);
  template <class T>
  Task<T> once_there_is_somebody(Task<T> work, Instant deadline);
  Task<void> wait_for_somebody(Instant deadline);
  Task<void> search(std::shared_ptr<ProviderSearch::State> state, multiformats::Multihash content,
                    Instant deadline);
  Task<void> look(ProviderSearch::State& state, multiformats::Multihash content, Instant deadline);
  Instant end_of(Instant deadline) const noexcept;

  port::Env& env_;
  net::Swarm& swarm_;
  DhtMode mode_;
  std::vector<multiformats::Multiaddr> bootstrap_;
  dht::DualDht both_;
  bool patient_ = true;
  bool closing_ = false;
  std::size_t calls_ = 0;
  /// A call has ended, or all shall.
  port::Event changed_;
  port::TaskGroup tasks_;
};

}  // namespace kith::host
