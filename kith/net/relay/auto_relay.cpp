#include <algorithm>

#include <kith/net/relay/auto_relay.hpp>

namespace kith::net {

using multiformats::Multiaddr;
using multiformats::PeerId;

namespace {

/// After something has changed, for identify to tell what a new peer speaks.
constexpr Duration look_delay = 2s;

Result<Multiaddr> circuit_through(const PeerId& relay) {
  auto parsed = Multiaddr::parse("/p2p/" + relay.to_string() + "/p2p-circuit");
  if (!parsed) return std::unexpected(Errc::invalid_argument);
  return *std::move(parsed);
}

}  // namespace

AutoRelay::AutoRelay(port::Env& env, Swarm& swarm, RelayTransport& transport,
                     std::vector<StaticRelay> relays)
    : env_(env),
      log_(env.log, "relay"),
      swarm_(swarm),
      transport_(transport),
      static_(std::move(relays)),
      changed_(env.clock),
      tasks_(env.executor, env.clock) {
  if (static_.size() > auto_relay_backoffs_max) static_.resize(auto_relay_backoffs_max);
  swarm_.observe(*this);
  tasks_.spawn(run());
}

AutoRelay::~AutoRelay() {
  swarm_.stop_observing(*this);
}

Task<void> AutoRelay::close_shielded() {
  tasks_.cancel();
  co_return co_await tasks_.join_shielded();
}

void AutoRelay::want_relays(bool wanted) {
  if (std::exchange(wanted_, wanted) == wanted) return;
  if (!wanted) {
    while (!listening_.empty())
      give_up(PeerId(listening_.begin()->first));
  }
  changed_.notify_all();
}

void AutoRelay::give_up(const PeerId& relay) {
  auto found = listening_.find(relay);
  const Multiaddr circuit = found->second;
  listening_.erase(found);
  swarm_.stop_listening(circuit);
}

std::size_t AutoRelay::places() const noexcept {
  return static_.empty() ? auto_relays_wanted : static_.size();
}

Task<void> AutoRelay::run() {
  for (;;) {
    if (wanted_) look();
    auto woken = co_await changed_.wait(env_.clock.now() + auto_relay_look_interval);
    if (!woken && !woken.error().is(Errc::timed_out)) co_return std::unexpected(woken.error());
    if (woken) KITH_CO_CHECK(co_await port::sleep_for(env_.clock, look_delay));
  }
}

void AutoRelay::look() {
  const Instant now = env_.clock.now();
  std::erase_if(backoff_, [now](const auto& entry) {
    return now >= entry.second.until + auto_relay_backoff_max;
  });
  drop_failed();
  add_some();
}

void AutoRelay::drop_failed() {
  for (const RelayReservation& one : transport_.reservations()) {
    if (!listening_.contains(one.relay)) continue;
    if (!one.addresses.empty()) backoff_.erase(one.relay);
    if (one.failures == 0 || !one.addresses.empty()) continue;
    KITH_LOG_DEBUG(log_, "giving up {}: {}", one.relay.to_string(), one.last_failure);
    give_up(one.relay);
    const bool full = backoff_.size() >= auto_relay_backoffs_max;
    if (full && !backoff_.contains(one.relay)) {
      backoff_.erase(std::ranges::min_element(
          backoff_, {}, [](const auto& entry) { return entry.second.until; }));
    }
    Backoff& backoff = backoff_[one.relay];
    const int doublings = std::min(backoff.failures++, 7);
    backoff.until = env_.clock.now() +
                    std::min(auto_relay_backoff_base * (1 << doublings), auto_relay_backoff_max);
  }
}

std::vector<PeerId> AutoRelay::candidates() {
  std::vector<PeerId> all;
  for (const StaticRelay& one : static_)
    all.push_back(one.peer);
  if (static_.empty()) {
    for (const PeerId& peer : swarm_.connected_peers()) {
      const std::vector<std::string>& spoken = swarm_.peer_store().protocols(peer);
      if (!std::ranges::binary_search(spoken, hop_protocol)) continue;
      if (swarm_.direct_connection_to(peer)) all.push_back(peer);
    }
  }
  const Instant now = env_.clock.now();
  std::erase_if(all, [this, now](const PeerId& peer) {
    auto backoff = backoff_.find(peer);
    return listening_.contains(peer) || (backoff != backoff_.end() && now < backoff->second.until);
  });
  return all;
}

void AutoRelay::add_some() {
  std::vector<PeerId> left = candidates();
  while (listening_.size() < places() && !left.empty()) {
    const std::size_t chosen = env_.prng.below(left.size());
    const PeerId relay = left[chosen];
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(chosen));
    auto known = std::ranges::find(static_, relay, &StaticRelay::peer);
    if (known != static_.end()) {
      swarm_.peer_store().add_addresses(relay, known->addresses, AddressSource::given,
                                        env_.wall.now());
    }
    auto circuit = circuit_through(relay);
    if (!circuit || !swarm_.listen(*circuit)) continue;
    KITH_LOG_DEBUG(log_, "asking {} to be our relay", relay.to_string());
    listening_.emplace(relay, *std::move(circuit));
  }
}

}  // namespace kith::net
