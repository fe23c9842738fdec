#include <algorithm>
#include <chrono>

#include <kith/base/assert.hpp>
#include <kith/ledger/txpool/tx_fetcher.hpp>

namespace kith::ledger {
namespace {

bool is_useless(const AnnouncedTransaction& what) noexcept {
  constexpr auto blob = static_cast<std::uint8_t>(Transaction::Type::blob);
  constexpr auto last = static_cast<std::uint8_t>(Transaction::Type::set_code);
  return what.type > last || what.type == blob || what.bytes == 0 ||
         what.bytes > pool_transaction_bytes_max;
}

}  // namespace

TxFetcher::TxFetcher(TxFetcherOptions options, std::uint64_t seed)
    : options_(options),
      seed_(seed),
      wanted_(0, SeededHasher{seed}),
      refused_(refused_hashes_max, seed + 1) {}

bool TxFetcher::add_peer(GossipPeer peer, bool is_preferred, Instant now) {
  if (peers_.size() >= gossip_peers_max) return false;
  const auto [place, is_new] = peers_.try_emplace(peer);
  if (!is_new) return false;
  place->second.is_preferred = is_preferred;
  place->second.refilled = now;
  place->second.announcements =
      std::unordered_map<Hash, Number, SeededHasher>(0, SeededHasher{seed_});
  return true;
}

void TxFetcher::remove_peer(GossipPeer peer) {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return;
  if (found->second.request) give_up(found->second.request->items);
  std::vector<Number> numbers;
  for (const auto& [hash, number] : found->second.announcements)
    numbers.push_back(number);
  for (const Number number : numbers)
    erase(number);
  peers_.erase(found);
}

// Announcements.

std::size_t TxFetcher::share() const noexcept {
  const std::size_t equal = announcements_max / std::max<std::size_t>(peers_.size(), 1);
  return std::clamp(equal, announcements_share_min, announcements_per_peer_max);
}

std::size_t TxFetcher::spend(Peer& peer, std::size_t hashes, Instant now) noexcept {
  constexpr Duration full = std::chrono::seconds(announce_burst / announce_rate + 1);
  constexpr Duration each = Duration(1s) / announce_rate;
  const Duration passed = std::clamp<Duration>(now - peer.refilled, Duration(0), full);
  const auto earned = static_cast<std::uint64_t>(passed / each);
  if (earned > 0) {
    peer.refilled += passed == full ? now - peer.refilled : Duration(earned * each);
    peer.allowance = std::min(peer.allowance + earned, announce_burst);
  }
  if (peer.allowance <= announce_message_price) return 0;
  const std::uint64_t allowed =
      std::min<std::uint64_t>(hashes, peer.allowance - announce_message_price);
  peer.allowance -= allowed + announce_message_price;
  return allowed;
}

TxFetcher::Heard TxFetcher::on_announcement(GossipPeer peer,
                                            std::span<const AnnouncedTransaction> announced,
                                            const std::function<bool(const Hash&)>& is_known,
                                            Instant now) {
  Heard heard;
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return heard;
  Peer& from = found->second;
  age_refused(now);
  const std::size_t allowed = spend(from, announced.size(), now);
  heard.flooded = announced.size() - allowed;
  for (const AnnouncedTransaction& what : announced.first(allowed)) {
    if (is_useless(what)) {
      ++heard.useless;
    } else if (from.announcements.contains(what.hash) || refused_.contains(what.hash) ||
               is_known(what.hash)) {
      ++heard.known;
    } else if (from.announcements.size() >= share()) {
      ++heard.ignored;
    } else {
      ++heard.taken;
      hear(peer, from, what, now);
    }
  }
  return heard;
}

void TxFetcher::hear(GossipPeer peer, Peer& from, const AnnouncedTransaction& what, Instant now) {
  const Number number = ++numbers_;
  const Instant ready_at = from.is_preferred ? now : now + options_.stranger_delay;
  announcements_.emplace(
      number,
      Announcement{.what = what, .peer = peer, .state = State::waiting, .ready_at = ready_at});
  from.announcements.emplace(what.hash, number);
  wanted_[what.hash].announcements.push_back(number);
  if (ready_at > now) {
    waiting_.emplace(ready_at, number);
  } else {
    make_ready(number);
  }
}

void TxFetcher::make_ready(Number number) {
  Announcement& one = announcements_.at(number);
  one.state = State::ready;
  if (!wanted_.at(one.what.hash).in_flight) peers_.at(one.peer).available.insert(number);
}

void TxFetcher::set_in_flight(Wanted& wanted, bool in_flight) {
  wanted.in_flight = in_flight;
  for (const Number number : wanted.announcements) {
    const Announcement& one = announcements_.at(number);
    if (one.state != State::ready) continue;
    if (in_flight) {
      peers_.at(one.peer).available.erase(number);
    } else {
      peers_.at(one.peer).available.insert(number);
    }
  }
}

bool TxFetcher::is_hopeless(const Wanted& wanted) const {
  return std::ranges::all_of(wanted.announcements, [this](Number number) {
    return announcements_.at(number).state == State::failed;
  });
}

void TxFetcher::fail(Number number) {
  Announcement& one = announcements_.at(number);
  one.state = State::failed;
  Wanted& wanted = wanted_.at(one.what.hash);
  if (is_hopeless(wanted)) {
    forget(Hash(one.what.hash));
  } else {
    set_in_flight(wanted, false);
  }
}

Hash TxFetcher::detach(Number number) {
  const auto found = announcements_.find(number);
  const Announcement one = found->second;
  Peer& peer = peers_.at(one.peer);
  peer.announcements.erase(one.what.hash);
  peer.available.erase(number);
  waiting_.erase({one.ready_at, number});
  announcements_.erase(found);
  return one.what.hash;
}

void TxFetcher::erase(Number number) {
  const Hash hash = detach(number);
  Wanted& wanted = wanted_.at(hash);
  std::erase(wanted.announcements, number);
  if (is_hopeless(wanted)) forget(hash);
}

void TxFetcher::forget(const Hash& hash) {
  const auto found = wanted_.find(hash);
  if (found == wanted_.end()) return;
  for (const Number number : found->second.announcements)
    detach(number);
  wanted_.erase(found);
}

void TxFetcher::on_have(const Hash& hash) {
  forget(hash);
}

void TxFetcher::on_refused(const Hash& hash, Instant now) {
  age_refused(now);
  refused_.insert(hash);
  forget(hash);
}

void TxFetcher::age_refused(Instant now) {
  if (now - refused_aged_ < refused_hashes_lifetime) return;
  refused_aged_ = now;
  refused_.age();
}

// Requests.

bool TxFetcher::is_requested(const Item& item) const {
  const auto found = announcements_.find(item.number);
  return found != announcements_.end() && found->second.state == State::requested;
}

void TxFetcher::give_up(std::span<const Item> items) {
  for (const Item& item : items) {
    if (is_requested(item)) fail(item.number);
  }
}

void TxFetcher::ask_again(std::span<const Item> items) {
  for (const Item& item : items) {
    if (!is_requested(item)) continue;
    announcements_.at(item.number).state = State::ready;
    set_in_flight(wanted_.at(item.what.hash), false);
  }
}

void TxFetcher::time_out(Instant now) {
  for (auto& [number, peer] : peers_) {
    if (!peer.request || peer.request->timed_out || peer.request->deadline > now) continue;
    peer.request->timed_out = true;
    give_up(peer.request->items);
  }
}

void TxFetcher::wake(Instant now) {
  while (!waiting_.empty() && waiting_.begin()->first <= now) {
    const Number number = waiting_.begin()->second;
    waiting_.erase(waiting_.begin());
    make_ready(number);
  }
}

/// Preferred ones first; of equals in an order that nobody can foresee, another one each time.
std::vector<GossipPeer> TxFetcher::idle_peers() {
  struct Place {
    bool is_stranger;
    std::size_t lot;
    GossipPeer peer;
    auto operator<=>(const Place&) const = default;
  };
  std::vector<Place> places;
  const SeededHasher lots{seed_};
  for (const auto& [number, peer] : peers_) {
    if (peer.request || peer.available.empty()) continue;
    places.push_back({!peer.is_preferred, lots(U256(number, requests_, 0, 0)), number});
  }
  std::ranges::sort(places);
  std::vector<GossipPeer> peers;
  for (const Place& place : places)
    peers.push_back(place.peer);
  return peers;
}

std::vector<TxFetcher::Fetch> TxFetcher::next_requests(Instant now) {
  time_out(now);
  wake(now);
  std::vector<Fetch> fetches;
  for (const GossipPeer number : idle_peers()) {
    Peer& peer = peers_.at(number);
    // Others before it may have been asked for all that it has.
    if (peer.available.empty()) continue;
    peer.request = make_request(peer, now);
    Fetch fetch{.peer = number, .request = {.id = peer.request->id, .hashes = {}}};
    for (const Item& item : peer.request->items)
      fetch.request.hashes.push_back(item.what.hash);
    fetches.push_back(std::move(fetch));
  }
  return fetches;
}

TxFetcher::Request TxFetcher::make_request(Peer& peer, Instant now) {
  Request request{.id = ++requests_, .items = {}, .deadline = now + options_.request_timeout};
  std::size_t bytes = 0;
  while (!peer.available.empty() && request.items.size() < request_hashes_max &&
         bytes < reply_bytes_soft_max) {
    const Number number = *peer.available.begin();
    peer.available.erase(peer.available.begin());
    Announcement& one = announcements_.at(number);
    one.state = State::requested;
    set_in_flight(wanted_.at(one.what.hash), true);
    bytes += one.what.bytes;
    request.items.push_back({one.what, number});
  }
  return request;
}

TxFetcher::Answer TxFetcher::on_reply(GossipPeer peer, const TxReply& reply) {
  Answer answer;
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return answer;
  std::optional<Request>& pending = found->second.request;
  if (!pending || pending->id != reply.id) {
    answer.faults.push_back(TxFault::unsolicited);
    return answer;
  }
  const Request request = *std::exchange(pending, std::nullopt);
  const std::span<const Item> items = request.items;
  std::size_t next = 0;
  std::vector<Hash> come;
  for (std::size_t at = 0; at < reply.transactions.size(); ++at) {
    const ReceivedTransaction& one = reply.transactions[at];
    const auto item =
        std::ranges::find(items.begin() + static_cast<std::ptrdiff_t>(next), items.end(), one.hash,
                          [](const Item& asked) { return asked.what.hash; });
    if (item == items.end()) {
      answer.faults.push_back(TxFault::unrequested);
      continue;
    }
    next = static_cast<std::size_t>(item - items.begin()) + 1;
    answer.wanted.push_back(at);
    come.push_back(one.hash);
    if (item->what.type != static_cast<std::uint8_t>(one.transaction.type))
      answer.faults.push_back(TxFault::lied_of_type);
    if (item->what.bytes != one.bytes) answer.faults.push_back(TxFault::lied_of_size);
  }
  for (const Hash& hash : come)
    forget(hash);
  // What is missing before the last isn't there; what is missing after it had no room (eth/68).
  give_up(items.first(next));
  if (come.empty()) {
    give_up(items);
  } else {
    ask_again(items.subspan(next));
  }
  return answer;
}

void TxFetcher::on_request_failed(GossipPeer peer, std::uint64_t id) {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return;
  std::optional<Request>& pending = found->second.request;
  if (!pending || pending->id != id) return;
  const Request request = *std::exchange(pending, std::nullopt);
  give_up(request.items);
}

Instant TxFetcher::next_deadline() const noexcept {
  Instant next = waiting_.empty() ? never : waiting_.begin()->first;
  for (const auto& [number, peer] : peers_) {
    if (peer.request && !peer.request->timed_out) next = std::min(next, peer.request->deadline);
  }
  return next;
}

std::size_t TxFetcher::in_flight() const noexcept {
  return static_cast<std::size_t>(
      std::ranges::count_if(wanted_, [](const auto& one) { return one.second.in_flight; }));
}

}  // namespace kith::ledger
