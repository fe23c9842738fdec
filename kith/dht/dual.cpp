#include <algorithm>
#include <set>

#include <kith/dht/dual.hpp>
#include <kith/net/nat/reach.hpp>

namespace kith::dht {

using multiformats::Multiaddr;
using multiformats::Multihash;
using routing::PeerAddresses;
using routing::RoutingError;

/// The same asked of both, side by side.
template <class T>
struct DualDht::Both {
  explicit Both(port::Env& env) : group(env.executor, env.clock), ended(env.clock) {}

  void start(Task<T> wide_task, Task<T> local_task) {
    group.spawn(keep(std::move(wide_task), wide));
    group.spawn(keep(std::move(local_task), local));
  }
  Task<void> keep(Task<T> task, std::optional<Result<T>>& into) {
    into = co_await std::move(task);
    if (one_is_enough && *into) enough = true;
    ended.notify_all();
    co_return Result<void>{};
  }

  /// Of two failures the one that says more than that nobody could be asked.
  Error failure() const {
    if (!wide || !local) return Errc::cancelled;
    return wide->error().is(RoutingError::no_peers) ? local->error() : wide->error();
  }

  std::optional<Result<T>> wide;
  std::optional<Result<T>> local;
  bool one_is_enough = false;
  bool enough = false;
  port::TaskGroup group;
  port::Event ended;
};

/// Until both have ended, or there is enough.
template <class T>
Task<void> DualDht::await_both(Both<T>& both) {
  Result<void> woken;
  while (woken && !both.enough && (!both.wide || !both.local))
    woken = co_await both.ended.wait();
  both.group.cancel();
  co_await both.group.join_shielded();
  co_return woken;
}

namespace {

DhtOptions options_of(const DualOptions& options, bool server) {
  DhtOptions one = options.each;
  one.server = server;
  return one;
}

}  // namespace

DualDht::DualDht(port::Env& env, net::Swarm& swarm, net::Identify& identify, DualOptions options)
    : env_(env),
      wide_network_(env, swarm, identify, Reach::wide, false, options.prefix),
      local_network_(env, swarm, identify, Reach::local, options.local_loopback, options.prefix),
      wide_(env, wide_network_, validators_, options_of(options, options.wide_server)),
      local_(env, local_network_, validators_, options_of(options, options.local_server)) {
  if (options.state_path.empty()) return;
  wide_keeper_ = std::make_unique<StateKeeper>(env, wide_, options.state_path + "-wide");
  local_keeper_ = std::make_unique<StateKeeper>(env, local_, options.state_path + "-local");
}

void DualDht::start() {
  for (StateKeeper* keeper : {wide_keeper_.get(), local_keeper_.get()}) {
    if (keeper == nullptr) continue;
    keeper->load();
    keeper->start();
  }
  wide_.start();
  local_.start();
}

Task<void> DualDht::close_shielded() {
  co_await wide_.close_shielded();
  Result<void> outcome = co_await local_.close_shielded();
  for (StateKeeper* keeper : {wide_keeper_.get(), local_keeper_.get()}) {
    if (keeper == nullptr) continue;
    auto saved = co_await keeper->close_shielded();
    if (outcome) outcome = saved;
  }
  co_return outcome;
}

void DualDht::serve_while_reachable(net::ReachOptions& options) {
  options.on_verdict = [this, next = std::move(options.on_verdict)](net::Reachability now) {
    wide_.set_server(now == net::Reachability::reachable);
    if (next) next(now);
  };
}

Task<void> DualDht::wait_for_peer(Instant deadline) {
  Both<void> both(env_);
  both.one_is_enough = true;
  both.start(wide_.wait_for_peer(deadline), local_.wait_for_peer(deadline));
  KITH_CO_CHECK(co_await await_both(both));
  if (both.enough) co_return Result<void>{};
  co_return std::unexpected(both.failure());
}

Task<void> DualDht::provide(Multihash content, Instant deadline) {
  Both<void> both(env_);
  both.start(wide_.provide(content, deadline), local_.provide(content, deadline));
  KITH_CO_CHECK(co_await await_both(both));
  if (*both.wide || *both.local) co_return Result<void>{};
  co_return std::unexpected(both.failure());
}

/// What both have found.
struct DualDht::Merged {
  routing::OnProvider on_provider;
  std::map<PeerId, std::set<Multiaddr>> told{};

  bool tell(const PeerAddresses& provider) {
    auto [known, fresh] = told.try_emplace(provider.peer);
    std::size_t before = known->second.size();
    known->second.insert(provider.addresses.begin(), provider.addresses.end());
    if (!fresh && known->second.size() == before) return true;
    return on_provider(provider);
  }
};

Task<void> DualDht::find_providers(Multihash content, routing::OnProvider on_provider,
                                   Instant deadline) {
  Both<void> both(env_);
  Merged merged{std::move(on_provider)};
  auto tell = [&both, &merged](const PeerAddresses& provider) {
    if (both.enough || merged.tell(provider)) return !both.enough;
    both.enough = true;
    both.ended.notify_all();
    return false;
  };
  both.start(wide_.find_providers(content, tell, deadline),
             local_.find_providers(content, tell, deadline));
  KITH_CO_CHECK(co_await await_both(both));
  if (both.enough || *both.wide || *both.local) co_return Result<void>{};
  co_return std::unexpected(both.failure());
}

Task<PeerAddresses> DualDht::find_peer(PeerId peer, Instant deadline) {
  Both<PeerAddresses> both(env_);
  both.start(wide_.find_peer(peer, deadline), local_.find_peer(peer, deadline));
  KITH_CO_CHECK(co_await await_both(both));
  if (!*both.wide && !*both.local) co_return std::unexpected(both.failure());
  PeerAddresses found{peer, {}};
  for (const auto* outcome : {&*both.wide, &*both.local}) {
    if (!*outcome) continue;
    for (const Multiaddr& address : (*outcome)->addresses) {
      const bool known = std::ranges::find(found.addresses, address) != found.addresses.end();
      if (!known) found.addresses.push_back(address);
    }
  }
  co_return found;
}

Task<std::vector<PeerAddresses>> DualDht::closest_peers(Bytes key, Instant deadline) {
  Both<std::vector<PeerAddresses>> both(env_);
  both.start(wide_.closest_peers(key, deadline), local_.closest_peers(key, deadline));
  KITH_CO_CHECK(co_await await_both(both));
  if (!*both.wide && !*both.local) co_return std::unexpected(both.failure());
  std::map<Key, PeerAddresses> nearest;
  const Key target = Key::of(key);
  for (auto* outcome : {&*both.wide, &*both.local}) {
    if (!*outcome) continue;
    for (PeerAddresses& one : **outcome) {
      PeerAddresses& its =
          nearest.try_emplace(distance(Key::of(one.peer), target), one.peer).first->second;
      its.addresses.insert(its.addresses.end(), one.addresses.begin(), one.addresses.end());
    }
  }
  std::vector<PeerAddresses> found;
  for (auto& [away, one] : nearest) {
    if (found.size() < bucket_size) found.push_back(std::move(one));
  }
  co_return found;
}

Task<void> DualDht::put_value(Bytes key, Bytes value, Instant deadline) {
  Both<void> both(env_);
  both.start(wide_.put_value(key, value, deadline), local_.put_value(key, value, deadline));
  KITH_CO_CHECK(co_await await_both(both));
  if (*both.wide || *both.local) co_return Result<void>{};
  co_return std::unexpected(both.failure());
}

Task<Bytes> DualDht::get_value(Bytes key, Instant deadline) {
  Both<Bytes> both(env_);
  both.start(wide_.get_value(key, deadline), local_.get_value(key, deadline));
  KITH_CO_CHECK(co_await await_both(both));
  if (!*both.wide && !*both.local) co_return std::unexpected(both.failure());
  if (!*both.wide) co_return **both.local;
  const bool local_better = *both.local && validators_.better(key, **both.local, **both.wide);
  co_return local_better ? **both.local : **both.wide;
}

}  // namespace kith::dht
