#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/crypto/hash.hpp>
#include <kith/discovery/bootstrap.hpp>
#include <kith/host/dht.hpp>
#include <kith/names/ipns_validator.hpp>

namespace kith::host {

using multiformats::Multiaddr;
using multiformats::Multihash;
using multiformats::PeerId;
using routing::PeerAddresses;

namespace {

dht::DualOptions dual_options(const DhtOptions& options) {
  dht::DualOptions dual;
  dual.wide_server = options.mode == DhtMode::server;
  dual.local_server = options.mode != DhtMode::client;
  dual.local_loopback = options.loopback;
  dual.prefix = options.prefix;
  dual.state_path = options.state_path;
  return dual;
}

}  // namespace

std::vector<Multiaddr> public_peers() {
  std::vector<Multiaddr> peers;
  for (std::string_view text : discovery::default_bootstrap())
    peers.push_back(Multiaddr::parse(text).value());
  return peers;
}

Multihash rendezvous(std::string_view name) {
  return Multihash::wrap(multiformats::Codec::sha2_256, crypto::sha256(as_bytes(name)));
}

// Searches.

struct ProviderSearch::State {
  explicit State(port::Clock& clock) : found(clock, providers_waiting_max), changed(clock) {}

  port::Channel<PeerAddresses> found;
  Result<void> outcome{};
  bool ended = false;
  bool abandoned = false;
  port::Event changed;

  void end() {
    // Nobody but the host's end cancels a search that somebody waits for.
    const bool cut = !ended || (!outcome && outcome.error().is(Errc::cancelled));
    if (cut) outcome = std::unexpected(Errc::closed);
    found.close();
  }
};

ProviderSearch::~ProviderSearch() {
  state_->abandoned = true;
  state_->changed.notify_all();
}

Task<PeerAddresses> ProviderSearch::next(Instant deadline) {
  auto found = co_await state_->found.pop(deadline);
  const bool over = !found && found.error().is(Errc::closed);
  if (over && !state_->outcome) co_return std::unexpected(state_->outcome.error());
  co_return found;
}

Task<void> Dht::look(ProviderSearch::State& state, Multihash content, Instant deadline) {
  state.outcome = co_await wait_for_somebody(deadline);
  if (state.outcome) {
    auto on_provider = [&state](const PeerAddresses& provider) {
      state.found.try_push(provider);
      return true;
    };
    state.outcome = co_await both_.find_providers(std::move(content), on_provider, deadline);
  }
  state.ended = true;
  state.changed.notify_all();
  co_return Result<void>{};
}

Task<void> Dht::search(std::shared_ptr<ProviderSearch::State> state, Multihash content,
                       Instant deadline) {
  port::TaskGroup looking(env_.executor, env_.clock);
  looking.spawn(look(*state, std::move(content), deadline));
  Result<void> woken;
  while (woken && !state->ended && !state->abandoned)
    woken = co_await state->changed.wait();
  looking.cancel();
  co_await looking.join_shielded();
  co_return woken;
}

std::unique_ptr<ProviderSearch> Dht::find_providers(Multihash content, Instant deadline) {
  auto state = std::make_shared<ProviderSearch::State>(env_.clock);
  // However the task ends, even if it never began, nobody waits for more.
  std::shared_ptr<ProviderSearch::State> held(state.get(), [state](auto*) { state->end(); });
  tasks_.spawn(search(std::move(held), std::move(content), end_of(deadline)));
  return std::unique_ptr<ProviderSearch>(new ProviderSearch(std::move(state)));
}

// Calls.

template <class T>
Task<void> Dht::keep(Task<T> work, std::optional<Result<T>>& into) {
  into = co_await std::move(work);
  changed_.notify_all();
  co_return Result<void>{};
}

/// Does the work unless the host closes meanwhile.
template <class T>
Task<T> Dht::run(Task<T> work) {
  if (closing_) co_return std::unexpected(Errc::closed);
  ++calls_;
  std::optional<Result<T>> outcome;
  port::TaskGroup group(env_.executor, env_.clock);
  group.spawn(keep(std::move(work), outcome));
  Result<void> woken;
  while (woken && !outcome && !closing_)
    woken = co_await changed_.wait();
  const bool done = outcome.has_value();
  group.cancel();
  co_await group.join_shielded();
  --calls_;
  changed_.notify_all();
  // Once there is no call left the Dht may be gone.
  if (done) co_return *std::move(outcome);
  co_return std::unexpected(woken ? Error(Errc::closed) : woken.error());
}

template <class T>
Task<T> Dht::once_there_is_somebody(Task<T> work, Instant deadline) {
  KITH_CO_CHECK(co_await wait_for_somebody(deadline));
  co_return co_await std::move(work);
}

Task<void> Dht::wait_for_somebody(Instant deadline) {
  const bool hope = !bootstrap_.empty() || !swarm_.connected_peers().empty();
  const Instant now = env_.clock.now();
  const Instant patience_ends = now + (hope && patient_ ? dht_patience : Duration(0));
  auto waited = co_await both_.wait_for_peer(std::min(deadline, patience_ends));
  if (!waited && !waited.error().is(Errc::timed_out)) co_return waited;
  // Whoever has waited in vain once doesn't do so again, and the call itself says that nobody is
  // there.
  if (waited || patience_ends <= deadline) patient_ = waited.has_value() || !hope;
  co_return Result<void>{};
}

Instant Dht::end_of(Instant deadline) const noexcept {
  return deadline == never ? env_.clock.now() + dht::lookup_timeout : deadline;
}

Task<PeerAddresses> Dht::find_peer(PeerId peer, Instant deadline) {
  const Instant end = end_of(deadline);
  return run(once_there_is_somebody(both_.find_peer(peer, end), end));
}

Task<void> Dht::provide(Multihash content, Instant deadline) {
  const Instant end = end_of(deadline);
  return run(once_there_is_somebody(both_.provide(std::move(content), end), end));
}

void Dht::stop_providing(const Multihash& content) {
  both_.wide().stop_providing(content.bytes());
  both_.local().stop_providing(content.bytes());
}

Task<void> Dht::put_value(Bytes key, Bytes value, Instant deadline) {
  const Instant end = end_of(deadline);
  return run(once_there_is_somebody(both_.put_value(std::move(key), std::move(value), end), end));
}

Task<Bytes> Dht::get_value(Bytes key, Instant deadline) {
  const Instant end = end_of(deadline);
  return run(once_there_is_somebody(both_.get_value(std::move(key), end), end));
}

// Its life.

Result<void> Dht::check(const DhtOptions& options) {
  const std::string& prefix = options.prefix;
  const bool good = prefix.size() > 1 && prefix.size() <= dht_prefix_bytes_max &&
                    prefix.starts_with('/') && !prefix.ends_with('/') &&
                    std::ranges::all_of(prefix, [](char c) { return c > ' ' && c <= '~'; });
  if (!good) {
    return std::unexpected(Error(Errc::invalid_argument, "the DHT's prefix \"" + prefix + "\""));
  }
  if (prefix == dht::public_prefix && !options.validators.empty()) {
    return std::unexpected(
        Error(Errc::invalid_argument,
              "the public DHT stores public keys and IPNS records alone, none of the kind \"" +
                  options.validators.begin()->first + "\" (a network with another prefix can)"));
  }
  for (const auto& [name, validator] : options.validators) {
    const bool whole = !name.empty() && name.find('/') == std::string::npos && validator != nullptr;
    if (!whole) {
      return std::unexpected(Error(Errc::invalid_argument, "the validator of \"" + name + "\""));
    }
  }
  return {};
}

Dht::Dht(port::Env& env, net::Swarm& swarm, net::Identify& identify, DhtOptions options)
    : env_(env),
      swarm_(swarm),
      mode_(options.mode),
      bootstrap_(options.bootstrap),
      both_(env, swarm, identify, dual_options(options)),
      changed_(env.clock),
      tasks_(env.executor, env.clock) {
  ASSERT(check(options).has_value());
  both_.validators().add("ipns", std::make_shared<names::IpnsValidator>());
  for (auto& [name, validator] : options.validators)
    both_.validators().add(name, std::move(validator));
}

void Dht::follow(net::ReachOptions& reach) {
  if (mode_ == DhtMode::automatic) both_.serve_while_reachable(reach);
}

void Dht::start() {
  both_.start();
  if (!bootstrap_.empty()) tasks_.spawn(discovery::keep_bootstrapped(env_, swarm_, bootstrap_));
}

Task<void> Dht::close_shielded() {
  closing_ = true;
  tasks_.cancel();
  changed_.notify_all();
  co_await tasks_.join_shielded();
  while (calls_ > 0)
    co_await changed_.wait_shielded();
  co_return co_await both_.close_shielded();
}

}  // namespace kith::host
