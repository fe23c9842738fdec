// DualDht: the wide and the local DHT of a node side by side, as one router. What is looked for is
// looked for in both at once, and what is provided or stored is told in both: go-libp2p-kad-dht
// tells the local one only while the wide one is empty, so that neighbours with a line to the world
// don't find each other without it. A call succeeds if one of the two does.
// It owns both; the swarm and identify outlive it. close_shielded() before the swarm is closed,
// destruction after. Loop thread only.
#pragma once

#include <memory>
#include <string>

#include <kith/dht/dht.hpp>
#include <kith/dht/state_keeper.hpp>
#include <kith/dht/swarm_network.hpp>

namespace kith::net {
struct ReachOptions;
}

namespace kith::dht {

struct DualOptions {
  bool wide_server = false;
  bool local_server = true;
  /// Loopback addresses count in the local DHT.
  bool local_loopback = false;
  /// Of each of the two, but for who serves.
  DhtOptions each{};
  /// Files that begin with it keep the state of both between runs; empty: nothing is kept.
  std::string state_path{};
  /// What its protocols begin with: another one is a network of its own.
  std::string prefix = std::string(public_prefix);
};

class DualDht final : public routing::Routing {
 public:
  DualDht(port::Env& env, net::Swarm& swarm, net::Identify& identify, DualOptions options);
  DualDht(const DualDht&) = delete;
  DualDht& operator=(const DualDht&) = delete;

  /// Reads what was kept, which blocks, and begins.
  void start();
  Task<void> close_shielded();

  /// Makes the wide one serve while AutoNAT says that others reach this node. For the Reach that is
  /// made of `options` afterwards, and ends before.
  void serve_while_reachable(net::ReachOptions& options);
  /// Returns once one of them knows somebody who can be asked. Errc::timed_out.
  Task<void> wait_for_peer(Instant deadline);

  Dht& wide() noexcept { return wide_; }
  Dht& local() noexcept { return local_; }
  routing::Validators& validators() noexcept { return validators_; }

  /// Content is told of when there is time.
  void provide_later(const multiformats::Multihash& content) {
    wide_.provide_later(content);
    local_.provide_later(content);
  }

  Task<void> provide(multiformats::Multihash content, Instant deadline) override;
  Task<void> find_providers(multiformats::Multihash content, routing::OnProvider on_provider,
                            Instant deadline) override;
  /// With the addresses of both.
  Task<routing::PeerAddresses> find_peer(PeerId peer, Instant deadline) override;
  Task<std::vector<routing::PeerAddresses>> closest_peers(Bytes key, Instant deadline) override;
  Task<void> put_value(Bytes key, Bytes value, Instant deadline) override;
  Task<Bytes> get_value(Bytes key, Instant deadline) override;

 private:
  template <class T>
  struct Both;
  struct Merged;
  template <class T>
  Task<void> await_both(Both<T>& both);

  port::Env& env_;
  routing::Validators validators_;
  SwarmNetwork wide_network_;
  SwarmNetwork local_network_;
  Dht wide_;
  Dht local_;
  /// None if nothing is kept.
  std::unique_ptr<StateKeeper> wide_keeper_;
  std::unique_ptr<StateKeeper> local_keeper_;
};

}  // namespace kith::dht
