#include <kith/discovery/lan_dialer.hpp>

namespace kith::discovery {

LanDialer::LanDialer(port::Env& env, net::Swarm& swarm)
    : env_(env),
      log_(env.log, "mdns"),
      swarm_(swarm),
      queued_(env.clock),
      tasks_(env.executor, env.clock, lan_dials_at_once) {}

Task<void> LanDialer::close_shielded() {
  tasks_.cancel();
  co_return co_await tasks_.join_shielded();
}

void LanDialer::found(const FoundPeer& peer) {
  if (peer.peer == swarm_.local_peer()) return;
  swarm_.peer_store().add_addresses(peer.peer, peer.addresses, net::AddressSource::discovered,
                                    env_.wall.now());
  // With a mark of 0 nothing is ever trimmed.
  const std::size_t most = swarm_.limits().high_water;
  const bool enough = most != 0 && swarm_.connection_count() + busy_.size() >= most;
  if (enough || swarm_.connected(peer.peer) || busy_.contains(peer.peer)) return;
  if (queue_.size() >= lan_dials_queued_max) return;
  queue_.push_back(peer.peer);
  busy_.insert(peer.peer);
  // Workers stay and wait for more, so there is always one for what is queued.
  if (idle_ < queue_.size() && workers_ < lan_dials_at_once && tasks_.spawn(work())) ++workers_;
  queued_.notify_one();
}

Task<void> LanDialer::work() {
  for (;;) {
    ++idle_;
    Result<void> woken;
    while (queue_.empty() && woken)
      woken = co_await queued_.wait();
    --idle_;
    KITH_CO_CHECK(std::move(woken));
    multiformats::PeerId peer = queue_.front();
    queue_.pop_front();
    Result<void> outcome;
    if (!swarm_.connected(peer)) {
      std::vector<multiformats::Multiaddr> known;
      Instant deadline = env_.clock.now() + lan_dial_timeout;
      auto connection = co_await swarm_.connect(peer, std::move(known), deadline);
      if (!connection) outcome = std::unexpected(connection.error());
    }
    busy_.erase(peer);
    if (outcome) continue;
    if (outcome.error().is(Errc::cancelled)) co_return outcome;
    KITH_LOG_DEBUG(log_, "{}: {}", peer.to_string(), outcome.error().message());
  }
}

}  // namespace kith::discovery
