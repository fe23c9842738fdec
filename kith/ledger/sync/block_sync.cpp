#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/ledger/sync/block_sync.hpp>

// What is said to it, peers and requests. The walk is in block_sync_walk.cpp, bodies are in
// block_sync_bodies.cpp.

namespace kith::ledger {

BlockSync::BlockSync(const SyncOptions& options, LocalChain chain, const LocalHead& local,
                     std::uint64_t seed)
    : options_(options),
      chain_(std::move(chain)),
      local_(local),
      random_(seed),
      banned_(0, SeededHasher{seed}) {
  ASSERT(options_.headers_per_request >= 1 &&
         options_.headers_per_request < headers_per_answer_max);
  ASSERT(options_.window >= 2 * options_.headers_per_request);
  ASSERT(options_.bodies_per_request >= 1 && options_.bodies_at_first >= 1 &&
         options_.bodies_per_request <= hashes_per_request_max);
}

void BlockSync::set_local(const LocalHead& local) {
  local_ = local;
  wake();
}

bool BlockSync::set_target(const BlockName& target) {
  ASSERT(options_.mode == SyncMode::to_target);
  if (target.number > local_.number && target.number - local_.number > options_.unproven_max)
    return false;
  if (!target_ || target.number > target_->number) target_ = target;
  wake();
  return true;
}

// Peers.

BlockSync::Peer* BlockSync::find(SyncPeer peer) {
  const auto found = peers_.find(peer);
  return found == peers_.end() ? nullptr : &found->second;
}

bool BlockSync::add_peer(SyncPeer peer, const PeerHead& head) {
  if (peers_.size() >= sync_peers_max) return false;
  const auto [place, is_new] = peers_.try_emplace(peer);
  if (!is_new) return false;
  place->second.bodies_at_once = std::min(options_.bodies_at_first, options_.bodies_per_request);
  on_head(peer, head);
  return true;
}

void BlockSync::on_head(SyncPeer peer, const PeerHead& head) {
  Peer* const found = find(peer);
  if (found == nullptr) return;
  found->head = head;
  wake();
  if (banned_.contains(head.hash)) fault(peer, SyncFault::refused_block);
}

void BlockSync::remove_peer(SyncPeer peer) {
  wake();
  forget_requests_of(peer);
  if (walker_ && walker_->peer == peer) walker_.reset();
  peers_.erase(peer);
}

bool BlockSync::may_ask(const Peer& peer, Instant now) {
  if (peer.is_out) return false;
  if (peer.resting_until <= now) return true;
  wake_at(peer.resting_until);
  return false;
}

SyncPeer BlockSync::any_of(const std::vector<SyncPeer>& peers) {
  return peers[peers.size() == 1 ? 0 : random_.below(peers.size())];
}

void BlockSync::fault(SyncPeer peer, SyncFault fault) {
  Peer* const found = find(peer);
  if (found != nullptr && found->is_out) return;
  if (faults_.size() < sync_faults_max) faults_.push_back({peer, fault});
  if (found == nullptr) return;
  found->is_out = true;
  forget_requests_of(peer);
  if (walker_ && walker_->peer == peer) walker_.reset();
  if (batch_ && batch_->peer == peer) batch_.reset();
  // What a liar's headers were to prove, somebody else may show.
  if (segment_.id != 0 && !segment_.is_proven() && source_of(segment_.top()) == peer)
    drop_unproven();
}

void BlockSync::strike(SyncPeer peer, Strike strike, SyncFault why, Instant now) {
  Peer* const found = find(peer);
  if (found == nullptr || found->is_out) return;
  const unsigned count = ++found->strikes[static_cast<std::size_t>(strike)];
  found->resting_until =
      std::max(found->resting_until, now + options_.rest * (1 << std::min(count - 1, 10U)));
  if (count >= options_.strikes_max) fault(peer, why);
}

void BlockSync::forgive(Peer& peer, Strike strike) noexcept {
  peer.strikes[static_cast<std::size_t>(strike)] = 0;
}

void BlockSync::confirm(SyncPeer peer, std::uint64_t number) {
  Peer* const found = find(peer);
  if (found == nullptr) return;
  const bool is_more = found->confirmed_segment != segment_.id || found->confirmed_number < number;
  if (is_more) found->confirmed_number = number;
  found->confirmed_segment = segment_.id;
}

bool BlockSync::is_confirmed(const Peer& peer, std::uint64_t number) const noexcept {
  return segment_.id != 0 && peer.confirmed_segment == segment_.id &&
         peer.confirmed_number >= number;
}

void BlockSync::on_refused(const Hash& hash) {
  wake();
  if (banned_.insert(hash).second) {
    banned_order_.push_back(hash);
    if (banned_order_.size() > banned_blocks_max) {
      banned_.erase(banned_order_.front());
      banned_order_.pop_front();
    }
  }
  std::vector<SyncPeer> guilty;
  std::optional<std::uint64_t> in_segment;
  for (const Delivered& one : delivered_) {
    if (one.hash != hash) continue;
    guilty.push_back(one.peer);
    if (one.segment == segment_.id) in_segment = one.number;
  }
  if (const auto entry = std::ranges::find(segment_.entries, hash, &Entry::hash);
      entry != segment_.entries.end()) {
    in_segment = segment_.base + 1 + static_cast<std::uint64_t>(entry - segment_.entries.begin());
    guilty.push_back(source_of(*in_segment));
  }
  for (const auto& [id, peer] : peers_) {
    if (peer.head.hash == hash || (in_segment && is_confirmed(peer, *in_segment)))
      guilty.push_back(id);
  }
  if (in_segment) drop_segment();
  for (const SyncPeer peer : guilty)
    fault(peer, SyncFault::refused_block);
}

void BlockSync::restart() {
  wake();
  drop_segment();
}

// Requests.

std::uint64_t BlockSync::send(std::vector<SyncRequest>& out, Request request, GetHeaders message,
                              Instant now) {
  message.id = ++ids_;
  request.sent = now;
  request.amount = message.amount;
  request.segment = segment_.id;
  out.push_back({request.peer, message});
  requests_.emplace(message.id, std::move(request));
  return message.id;
}

void BlockSync::send_bodies(std::vector<SyncRequest>& out, SyncPeer peer,
                            std::vector<std::uint64_t> numbers, Instant now) {
  GetBodies message{.id = ++ids_, .hashes = {}};
  for (const std::uint64_t number : numbers) {
    Item& item = *item_at(number);
    item.request = message.id;
    message.hashes.push_back(item.header.hash);
  }
  Request request;
  request.peer = peer;
  request.sent = now;
  request.segment = segment_.id;
  request.numbers = std::move(numbers);
  requests_.emplace(message.id, std::move(request));
  ++find(peer)->body_requests;
  ++body_requests_;
  out.push_back({peer, std::move(message)});
}

BlockSync::Request BlockSync::end_request(std::uint64_t id) {
  const auto found = requests_.find(id);
  ASSERT(found != requests_.end());
  Request request = std::move(found->second);
  requests_.erase(found);
  Peer& peer = *find(request.peer);
  switch (request.kind) {
    case Kind::bodies:
      --peer.body_requests;
      --body_requests_;
      if (request.segment != segment_.id) break;
      for (const std::uint64_t number : request.numbers) {
        Item* const item = item_at(number);
        if (item != nullptr && item->request == id) item->request = 0;
      }
      break;
    case Kind::resolve:
      peer.is_resolving = false;
      break;
    case Kind::refill:
      is_refilling_ = false;
      break;
    case Kind::search:
    case Kind::extend:
      peer.is_walking = false;
      request.is_walkers = walker_ && walker_->request == id;
      if (request.is_walkers) walker_->request = 0;
      break;
  }
  return request;
}

void BlockSync::forget_requests_of(SyncPeer peer) {
  std::vector<std::uint64_t> ids;
  for (const auto& [id, request] : requests_) {
    if (request.peer == peer) ids.push_back(id);
  }
  for (const std::uint64_t id : ids)
    end_request(id);
}

std::optional<BlockSync::Request> BlockSync::answered(SyncPeer peer, std::uint64_t id,
                                                      bool of_bodies) {
  Peer* const from = find(peer);
  if (from == nullptr || from->is_out) return std::nullopt;
  wake();
  const auto found = requests_.find(id);
  if (found != requests_.end() && found->second.peer == peer &&
      (found->second.kind == Kind::bodies) == of_bodies)
    return end_request(id);
  if (std::erase(from->late, id) == 0) fault(peer, SyncFault::unsolicited);
  return std::nullopt;
}

void BlockSync::fail(std::uint64_t id, Instant now, bool may_come_late) {
  const Request request = end_request(id);
  Peer& peer = *find(request.peer);
  if (may_come_late) {
    peer.late.push_back(id);
    if (peer.late.size() > late_requests_max) peer.late.pop_front();
  }
  if (request.kind == Kind::bodies) {
    peer.bodies_at_once = std::max<std::size_t>(peer.bodies_at_once / 4, 1);
    peer.requests_at_once = 1;
    if (request.segment == segment_.id) {
      for (const std::uint64_t number : request.numbers) {
        if (Item* const item = item_at(number)) on_missing(*item, request.peer, now);
      }
    }
  }
  if (request.is_walkers) walker_.reset();
  strike(request.peer, Strike::slow, SyncFault::unresponsive, now);
}

void BlockSync::on_failed(SyncPeer peer, std::uint64_t id, Instant now) {
  const auto found = requests_.find(id);
  if (found != requests_.end() && found->second.peer == peer) fail(id, now, false);
  wake();
}

void BlockSync::time_out(Instant now) {
  std::vector<std::uint64_t> ids;
  for (const auto& [id, request] : requests_) {
    if (request.sent + options_.request_timeout <= now) ids.push_back(id);
  }
  for (const std::uint64_t id : ids) {
    // A fault may have ended others of that peer.
    if (requests_.contains(id)) fail(id, now, true);
  }
}

// What it wants.

std::vector<SyncRequest> BlockSync::next_requests(Instant now) {
  std::vector<SyncRequest> out;
  wake_ = never;
  time_out(now);
  look_for_stall(now);
  resolve_heads(out, now);
  // A walk that has ended makes room for the next one.
  for (std::size_t round = 0; round <= peers_.size(); ++round) {
    tidy();
    choose_walker(now);
    if (!walker_) break;
    walk(out, now);
    if (walker_) break;
  }
  tidy();
  refill(out, now);
  ask_for_bodies(out, now);
  return out;
}

Instant BlockSync::next_deadline() const noexcept {
  Instant next = wake_;
  for (const auto& [id, request] : requests_)
    next = std::min(next, request.sent + options_.request_timeout);
  return next;
}

std::vector<SyncFaultReport> BlockSync::take_faults() {
  return std::exchange(faults_, {});
}

std::optional<SyncProgress> BlockSync::progress() const {
  if (segment_.id == 0 && !walker_) return std::nullopt;
  SyncProgress progress{.from = segment_.id == 0 ? local_.number : progress_from_,
                        .current = segment_.id == 0 ? local_.number : segment_.base,
                        .target = segment_.id == 0 ? local_.number : segment_.top()};
  if (target_) progress.target = std::max(progress.target, target_->number);
  for (const auto& [id, peer] : peers_) {
    if (options_.mode == SyncMode::by_weight && !peer.is_out && peer.head.number &&
        peer.head.weight > local_.weight)
      progress.target = std::max(progress.target, *peer.head.number);
  }
  return progress;
}

std::optional<Hash> BlockSync::hash_of(std::uint64_t number) const {
  if (segment_.id == 0 || number <= segment_.base || number > segment_.top()) return std::nullopt;
  return segment_.entries[number - segment_.base - 1].hash;
}

std::size_t BlockSync::unproven() const noexcept {
  if (segment_.is_proven()) return 0;
  return segment_.top() - std::max(segment_.proven_to, segment_.base);
}

}  // namespace kith::ledger
