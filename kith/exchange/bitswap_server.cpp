#include <algorithm>
#include <limits>
#include <ranges>

#include <kith/base/assert.hpp>
#include <kith/exchange/bitswap_server.hpp>

namespace kith::exchange {

BitswapServer::BitswapServer(std::uint64_t seed, const ServerOptions& options, MayHave may_have)
    : options_(options),
      may_have_(std::move(may_have)),
      hash_{seed},
      peers_(0, hash_),
      wanted_by_(0, hash_),
      waits_for_window_(seed),
      beside_window_(seed + 1),
      sent_counts_(0, hash_) {}

std::vector<Cid> BitswapServer::receive(const PeerId& id, const BitswapMessage& message) {
  std::vector<Cid> to_look_up;
  if (message.wants.empty() && !message.full) return to_look_up;
  Peer& peer = peers_.try_emplace(id, hash_).first->second;
  if (message.full) clear(id, peer);
  std::size_t taken = 0;
  for (const Want& want : message.wants) {
    // An identity CID holds its bytes; who asks for it isn't hostile, only naive.
    if (want.cid.is_identity()) continue;
    const bool denied = !want.cancel && !may_have(id, want.cid);
    if (want.cancel || denied) {
      erase(id, peer, want.cid);
      if (denied && want.send_dont_have) say(peer, want.cid, Presence::dont_have);
      continue;
    }
    if (taken < wants_per_peer_max && take_want(id, peer, want)) {
      ++taken;
      to_look_up.push_back(want.cid);
    } else if (taken >= wants_per_peer_max) {
      ++refused_wants_;
      if (want.send_dont_have) say(peer, want.cid, Presence::dont_have);
    }
  }
  update_ready(id, peer);
  drop_if_idle(id);
  return to_look_up;
}

/// True if the want has to be looked up.
bool BitswapServer::take_want(const PeerId& id, Peer& peer, const Want& want) {
  auto found = peer.wants.find(want.cid);
  if (found == peer.wants.end()) {
    if (peer.wants.size() >= wants_per_peer_max && !make_room(id, peer, want.priority)) {
      ++refused_wants_;
      if (want.send_dont_have) say(peer, want.cid, Presence::dont_have);
      return false;
    }
    found = peer.wants.try_emplace(want.cid).first;
    wanted_by_[want.cid.hash()].push_back({id, want.cid});
  } else {
    set_state(peer, want.cid, found->second, State::looking_up);
  }
  Entry& entry = found->second;
  entry.type = want.type;
  entry.send_dont_have = want.send_dont_have;
  entry.place = {-static_cast<std::int64_t>(want.priority), next_want_++};
  return true;
}

/// Gives up the least urgent want that matters less than one of this priority.
bool BitswapServer::make_room(const PeerId& id, Peer& peer, std::int32_t priority) {
  if (!peer.absent.empty()) {
    const Cid victim = peer.absent.rbegin()->second;
    erase(id, peer, victim);
    return true;
  }
  if (peer.queue.empty() || peer.queue.rbegin()->first.first <= -std::int64_t{priority}) {
    return false;
  }
  const Cid victim = peer.queue.rbegin()->second;
  const bool tell = peer.wants.at(victim).send_dont_have;
  erase(id, peer, victim);
  if (tell) say(peer, victim, Presence::dont_have);
  return true;
}

bool BitswapServer::may_have(const PeerId& id, const Cid& cid) const {
  return !may_have_ || may_have_(id, cid);
}

/// Forgets a want that was taken. Who has heard that the block isn't here hears nothing new, or
/// would know when it came.
void BitswapServer::deny(const PeerId& id, Peer& peer, const Cid& cid) {
  const Entry& entry = peer.wants.at(cid);
  const bool tell = entry.send_dont_have && entry.state != State::absent;
  erase(id, peer, cid);
  if (tell) say(peer, cid, Presence::dont_have);
}

void BitswapServer::set_state(Peer& peer, const Cid& cid, Entry& entry, State state) {
  if (entry.state == State::queued) {
    peer.queue.erase(entry.place);
    peer.queued_bytes -= entry.size;
  } else if (entry.state == State::absent) {
    peer.absent.erase(entry.place);
  }
  if (state == State::queued) {
    peer.queue.emplace(entry.place, cid);
    peer.queued_bytes += entry.size;
  } else if (state == State::absent) {
    peer.absent.emplace(entry.place, cid);
  }
  entry.state = state;
}

void BitswapServer::erase(const PeerId& id, Peer& peer, const Cid& cid) {
  auto found = peer.wants.find(cid);
  if (found == peer.wants.end()) return;
  auto by = wanted_by_.find(cid.hash());
  std::erase(by->second, Wanter{id, cid});
  if (by->second.empty()) wanted_by_.erase(by);
  set_state(peer, cid, found->second, State::looking_up);
  peer.wants.erase(found);
}

void BitswapServer::clear(const PeerId& id, Peer& peer) {
  while (!peer.wants.empty()) {
    const Cid cid = peer.wants.begin()->first;
    erase(id, peer, cid);
  }
}

void BitswapServer::say(Peer& peer, const Cid& cid, Presence presence) {
  if (peer.presences.size() < presences_per_peer_max) peer.presences.push_back({cid, presence});
}

void BitswapServer::found(const PeerId& id, const Cid& cid, std::optional<std::uint64_t> size) {
  auto peer = peers_.find(id);
  if (peer == peers_.end()) return;
  auto entry = peer->second.wants.find(cid);
  if (entry == peer->second.wants.end() || entry->second.state != State::looking_up) return;
  if (size && *size <= ipld::block_bytes_max) {
    answer(id, peer->second, cid, *size);
  } else {
    set_state(peer->second, cid, entry->second, State::absent);
    if (entry->second.send_dont_have) say(peer->second, cid, Presence::dont_have);
  }
  update_ready(id, peer->second);
  drop_if_idle(id);
}

void BitswapServer::obtained(const Cid& cid, std::uint64_t size) {
  auto by = wanted_by_.find(cid.hash());
  if (by == wanted_by_.end() || size > ipld::block_bytes_max) return;
  const std::vector<Wanter> wanters = by->second;
  for (const Wanter& wanter : wanters) {
    Peer& peer = peers_.at(wanter.peer);
    if (peer.wants.at(wanter.cid).state == State::queued) continue;
    answer(wanter.peer, peer, wanter.cid, size);
    update_ready(wanter.peer, peer);
    drop_if_idle(wanter.peer);
  }
}

std::vector<PeerId> BitswapServer::wanters_of(const Cid& cid, std::size_t max) const {
  std::vector<PeerId> peers;
  auto by = wanted_by_.find(cid.hash());
  if (by == wanted_by_.end()) return peers;
  for (const Wanter& wanter : by->second | std::views::take(max))
    peers.push_back(wanter.peer);
  return peers;
}

void BitswapServer::answer(const PeerId& id, Peer& peer, const Cid& cid, std::uint64_t size) {
  if (!may_have(id, cid)) {
    deny(id, peer, cid);
    return;
  }
  Entry& entry = peer.wants.at(cid);
  if (entry.type == WantType::have && size > options_.have_replace_bytes_max) {
    say(peer, cid, Presence::have);
    erase(id, peer, cid);
    return;
  }
  entry.size = size;
  set_state(peer, cid, entry, State::queued);
}

void BitswapServer::disconnected(const PeerId& id) {
  auto peer = peers_.find(id);
  if (peer == peers_.end()) return;
  clear(id, peer->second);
  peer->second.presences.clear();
  update_ready(id, peer->second);
  drop_if_idle(id);
}

/// The least that a peer may have unsent for this one to take more. One block is always allowed,
/// where there is any room.
std::uint64_t BitswapServer::bytes_needed(const Peer& peer) const {
  if (!peer.presences.empty()) return peer.unsent_bytes + 1;
  if (peer.queue.empty()) return ReadyPeers::nobody;
  if (peer.unsent_bytes == 0) return 1;
  return peer.unsent_bytes + peer.wants.at(peer.queue.begin()->second).size;
}

/// To be called when anything has changed that a peer's place or its need of room depends on.
void BitswapServer::update_ready(const PeerId& id, Peer& peer) {
  const std::uint64_t needed = bytes_needed(peer);
  ReadyPeers BitswapServer::* ready = nullptr;
  if (needed <= options_.unsent_bytes_per_peer_max) {
    const bool beside = peer.slow || !peer.presences.empty();
    ready = beside ? &BitswapServer::beside_window_ : &BitswapServer::waits_for_window_;
  }
  if (ready == peer.ready && needed == peer.bytes_needed) return;
  if (peer.ready != nullptr) {
    (this->*peer.ready).erase({peer.served, id});
  } else if (ready != nullptr) {
    peer.served = std::max(peer.served, virtual_time_);
  }
  if (ready != nullptr) (this->*ready).insert({peer.served, id}, needed);
  peer.ready = ready;
  peer.bytes_needed = needed;
}

/// A peer of which nothing is left is forgotten.
void BitswapServer::drop_if_idle(const PeerId& id) {
  auto found = peers_.find(id);
  if (found == peers_.end()) return;
  const Peer& peer = found->second;
  if (peer.wants.empty() && peer.presences.empty() && peer.unsent_bytes == 0) {
    ASSERT(peer.ready == nullptr);
    peers_.erase(found);
  }
}

/// Among the peer's most urgent wants that fit, and the first of them if none does.
Cid BitswapServer::least_sent(const Peer& peer, std::uint64_t bytes_max) const {
  const auto first = peer.queue.begin();
  auto best = first;
  std::uint32_t least = std::numeric_limits<std::uint32_t>::max();
  std::size_t looked_at = 0;
  for (auto at = first; at != peer.queue.end() && at->first.first == first->first.first; ++at) {
    if (++looked_at > least_sent_of) break;
    if (peer.wants.at(at->second).size > bytes_max) continue;
    auto counted = sent_counts_.find(at->second.hash());
    const std::uint32_t count = counted == sent_counts_.end() ? 0 : counted->second;
    if (count >= least) continue;
    least = count;
    best = at;
    if (count == 0) break;
  }
  return best->second;
}

void BitswapServer::count_sent(const Cid& cid) {
  if (++sent_counts_[cid.hash()] > 1) return;
  sent_order_.push_back(cid.hash());
  if (sent_order_.size() <= sent_counts_max) return;
  sent_counts_.erase(sent_order_.front());
  sent_order_.pop_front();
}

void BitswapServer::set_counted(const PeerId& id, Peer& peer, std::uint64_t bytes,
                                Instant moved_at) {
  if (peer.counted > 0) serving_.erase({peer.moved_at, id});
  window_used_ = window_used_ - peer.counted + bytes;
  peer.counted = bytes;
  peer.moved_at = moved_at;
  if (bytes > 0) serving_.emplace(moved_at, id);
}

/// Who takes nothing, or by drips, says nothing of our line and holds up nobody who is on it.
void BitswapServer::set_aside(Instant now) {
  while (!serving_.empty() && serving_.begin()->first + slow_after <= now) {
    const PeerId id = serving_.begin()->second;
    Peer& peer = peers_.at(id);
    peer.slow = true;
    set_counted(id, peer, 0, now);
    update_ready(id, peer);
  }
}

Instant BitswapServer::next_deadline() const {
  return window_full_ && !serving_.empty() ? serving_.begin()->first + slow_after : never;
}

void BitswapServer::progress(const PeerId& id, Instant now) {
  auto found = peers_.find(id);
  if (found == peers_.end()) return;
  Peer& peer = found->second;
  // One that was set aside and takes again as others do is counted from its next reply on.
  if (peer.slow && now - peer.moved_at < slow_after) {
    peer.slow = false;
    update_ready(id, peer);
  }
  set_counted(id, peer, peer.counted, now);
}

/// Whose turn it is, if nobody may have more than `most` unsent.
const ReadyPeers::Place* BitswapServer::next_place(std::uint64_t most, bool window_open) const {
  const ReadyPeers::Place* beside = beside_window_.first(most);
  const ReadyPeers::Place* waits = window_open ? waits_for_window_.first(most) : nullptr;
  if (beside == nullptr || waits == nullptr) return beside != nullptr ? beside : waits;
  return std::min(beside, waits, [](const auto* a, const auto* b) { return *a < *b; });
}

std::optional<Reply> BitswapServer::next_reply(Instant now) {
  set_aside(now);
  window_full_ = short_of_room_ = false;
  const std::size_t ready = waits_for_window_.size() + beside_window_.size();
  if (ready == 0) return std::nullopt;
  // Nobody may have more than what is left for others, so that those who take slowly, however many,
  // leave room for who comes next.
  const std::uint64_t room =
      options_.unsent_bytes_max - std::min(unsent_bytes_, options_.unsent_bytes_max);
  const std::uint64_t most = std::min(options_.unsent_bytes_per_peer_max, room);
  // What was taken can't be cancelled, and while others wait a peer may get it from them.
  const bool window_open = window_used_ < pace_.window_bytes();
  const bool crowded = ready > 1 && 2 * window_used_ >= pace_.window_bytes();
  const std::uint64_t most_now = crowded ? std::min(most, unsent_bytes_crowded) : most;
  const ReadyPeers::Place* next = next_place(most_now, window_open);
  window_full_ = !window_open;
  if (window_full_) pace_.limited();
  if (next == nullptr) {
    short_of_room_ =
        std::min(waits_for_window_.least_needed(), beside_window_.least_needed()) > most;
    return std::nullopt;
  }
  const auto [served, id] = *next;
  Peer& peer = peers_.at(id);
  (this->*peer.ready).erase({served, id});
  peer.ready = nullptr;
  // Who is served beside the window says nothing of whose turn it is.
  if (window_open) virtual_time_ = std::max(virtual_time_, served);

  Reply reply;
  reply.peer = id;
  while (!peer.presences.empty() && reply.bytes < reply_target_bytes) {
    reply.bytes += presence_bytes(peer.presences.front().cid);
    reply.presences.push_back(std::move(peer.presences.front()));
    peer.presences.pop_front();
  }
  if (window_open || peer.slow) take_blocks(id, peer, most_now, reply);
  reply.pending_bytes = static_cast<std::int32_t>(
      std::min<std::uint64_t>(peer.queued_bytes, std::numeric_limits<std::int32_t>::max()));
  // An empty block costs something, too, and a reply without cost would never be waited for.
  reply.bytes = std::max<std::uint64_t>(reply.bytes, 1);
  if (!reply.blocks.empty() && !peer.slow) {
    set_counted(id, peer, peer.counted + reply.bytes, peer.counted > 0 ? peer.moved_at : now);
  }
  peer.unsent_bytes += reply.bytes;
  unsent_bytes_ += reply.bytes;
  peer.served += reply.bytes;
  update_ready(id, peer);
  return reply;
}

void BitswapServer::take_blocks(const PeerId& id, Peer& peer, std::uint64_t most, Reply& reply) {
  while (!peer.queue.empty()) {
    const std::uint64_t taken = peer.unsent_bytes + reply.bytes;
    const std::uint64_t left = taken == 0 ? ipld::block_bytes_max : most - std::min(most, taken);
    const Cid cid = least_sent(peer, left);
    if (!may_have(id, cid)) {
      deny(id, peer, cid);
      continue;
    }
    const Entry& entry = peer.wants.at(cid);
    if (!reply.blocks.empty() && reply.bytes + entry.size > reply_target_bytes) break;
    if (taken > 0 && taken + entry.size > most) break;
    reply.bytes += entry.size;
    reply.blocks.push_back({cid, entry.send_dont_have});
    count_sent(cid);
    erase(id, peer, cid);
  }
}

std::uint64_t BitswapServer::end_reply(const PeerId& id, std::uint64_t bytes, Instant now) {
  auto found = peers_.find(id);
  ASSERT(found != peers_.end() && found->second.unsent_bytes >= bytes);
  Peer& peer = found->second;
  peer.unsent_bytes -= bytes;
  unsent_bytes_ -= bytes;
  const std::uint64_t counted = std::min(peer.counted, bytes);
  set_counted(id, peer, peer.counted - counted, now);
  update_ready(id, peer);
  drop_if_idle(id);
  return counted;
}

void BitswapServer::sent(const PeerId& id, std::uint64_t bytes, Instant now) {
  progress(id, now);
  const std::uint64_t counted = end_reply(id, bytes, now);
  if (counted > 0) pace_.sent(counted, window_used_ == 0 && !anybody_ready(), now);
}

void BitswapServer::gave_up(const PeerId& id, std::uint64_t bytes, Instant now) {
  end_reply(id, bytes, now);
}

std::vector<Cid> BitswapServer::wants_of(const PeerId& id) const {
  std::vector<Cid> cids;
  if (auto peer = peers_.find(id); peer != peers_.end()) {
    for (const auto& [cid, _] : peer->second.wants)
      cids.push_back(cid);
  }
  std::ranges::sort(cids);
  return cids;
}

std::vector<PeerId> BitswapServer::peers() const {
  std::vector<PeerId> ids;
  for (const auto& [id, _] : peers_)
    ids.push_back(id);
  std::ranges::sort(ids);
  return ids;
}

}  // namespace kith::exchange
