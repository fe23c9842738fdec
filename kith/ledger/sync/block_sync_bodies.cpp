#include <algorithm>

#include <kith/ledger/sync/block_sync.hpp>

namespace kith::ledger {

BlockSync::Item* BlockSync::item_at(std::uint64_t number) {
  if (segment_.id == 0 || number <= segment_.base) return nullptr;
  const std::uint64_t place = number - segment_.base - 1;
  return place < segment_.items.size() ? &segment_.items[place] : nullptr;
}

void BlockSync::on_missing(Item& item, SyncPeer peer, Instant now) {
  const Instant until = now + options_.retry_delay;
  const auto found = std::ranges::find(item.failures, peer, &Failure::peer);
  if (found != item.failures.end()) {
    found->until = until;
    return;
  }
  if (item.failures.size() == failures_per_block_max) item.failures.erase(item.failures.begin());
  item.failures.push_back({peer, until});
}

/// Who may be asked for the segment's blocks: first those that have it for sure, of them those that
/// deliver most, of equals by lot.
std::vector<SyncPeer> BlockSync::body_peers(Instant now) {
  struct Choice {
    bool is_confirmed;
    std::size_t at_once;
    std::uint64_t lot;
    SyncPeer peer;
    auto operator<=>(const Choice&) const = default;
  };
  std::vector<Choice> choices;
  for (const auto& [id, peer] : peers_) {
    if (!peer.head.number || *peer.head.number <= segment_.base || !may_ask(peer, now)) continue;
    const bool confirmed = is_confirmed(peer, segment_.base + 1);
    if (!confirmed && peer.lacking_segment == segment_.id && peer.lacking_until > now) {
      wake_at(peer.lacking_until);
      continue;
    }
    choices.push_back({confirmed, peer.bodies_at_once, random_.next(), id});
  }
  std::ranges::sort(choices, std::greater());
  std::vector<SyncPeer> peers;
  for (const Choice& choice : choices)
    peers.push_back(choice.peer);
  return peers;
}

std::vector<std::uint64_t> BlockSync::pick(SyncPeer id, const Peer& peer, std::size_t& planned,
                                           Instant now) {
  std::vector<std::uint64_t> numbers;
  for (std::size_t i = 0; i < segment_.items.size(); ++i) {
    const std::uint64_t number = segment_.base + 1 + i;
    if (number > segment_.proven_to || number > *peer.head.number) break;
    const Item& item = segment_.items[i];
    if (item.body || item.request != 0) continue;
    const auto failure = std::ranges::find(item.failures, id, &Failure::peer);
    if (failure != item.failures.end() && failure->until > now) {
      wake_at(failure->until);
      continue;
    }
    // The next one always: what is behind it can't leave before.
    if (i > 0 && held_ + planned + expected_ > options_.bytes_max) break;
    planned += expected_;
    numbers.push_back(number);
    if (numbers.size() >= peer.bodies_at_once ||
        numbers.size() * expected_ >= blocks_answer_soft_max / 2)
      break;
  }
  return numbers;
}

void BlockSync::ask_for_bodies(std::vector<SyncRequest>& out, Instant now) {
  std::size_t lacking = 0;
  std::size_t planned = 0;
  for (const Item& item : segment_.items) {
    if (item.request != 0) planned += expected_;
    if (!item.body && item.request == 0) ++lacking;
  }
  if (lacking == 0 || segment_.base >= segment_.proven_to) return;
  for (const SyncPeer id : body_peers(now)) {
    const Peer& peer = *find(id);
    while (body_requests_ < options_.requests_max && peer.body_requests < peer.requests_at_once) {
      std::vector<std::uint64_t> numbers = pick(id, peer, planned, now);
      if (numbers.empty()) break;
      send_bodies(out, id, std::move(numbers), now);
    }
  }
}

/// Who delivers fast is asked for more at once, who is slow for less.
void BlockSync::adapt(Peer& peer, const Request& request, std::size_t got, Instant now) {
  const Duration taken = now - request.sent;
  const std::size_t asked = request.numbers.size();
  if (got < asked) {
    peer.bodies_at_once = got;
  } else if (taken > options_.request_timeout / 2) {
    peer.bodies_at_once = std::max<std::size_t>(peer.bodies_at_once / 2, 1);
    peer.requests_at_once = 1;
  } else if (taken < options_.request_timeout / 8) {
    if (asked == peer.bodies_at_once)
      peer.bodies_at_once = std::min(2 * peer.bodies_at_once, options_.bodies_per_request);
    peer.requests_at_once = std::min(peer.requests_at_once + 1, options_.requests_per_peer);
  }
}

void BlockSync::on_bodies(SyncPeer peer, Bodies reply, Instant now) {
  const auto request = answered(peer, reply.id, true);
  // Of a segment that is gone nothing can be told.
  if (!request || request->segment != segment_.id) return;
  std::vector<Item*> items;
  for (const std::uint64_t number : request->numbers)
    items.push_back(item_at(number));
  std::size_t at = 0;
  std::size_t got = 0;
  for (ReceivedBody& body : reply.bodies) {
    // In the order in which they were asked for; those that aren't there are left out.
    while (at < items.size() && (items[at] == nullptr || !body.is_of(items[at]->header.header)))
      ++at;
    if (at == items.size()) {
      fault(peer, SyncFault::wrong_body);
      return;
    }
    expected_ = (7 * expected_ + body.encoded.size()) / 8;
    held_ += body.encoded.size();
    items[at]->body = std::move(body.encoded);
    items[at]->failures.clear();
    if (request->numbers[at] == segment_.base + 1) segment_.touched = now;
    ++at;
    ++got;
  }
  // What comes behind the last one was cut off, unless there was nothing at all.
  for (std::size_t i = 0; i < (got == 0 ? items.size() : at); ++i) {
    if (items[i] != nullptr && !items[i]->body) on_missing(*items[i], peer, now);
  }
  Peer& from = *find(peer);
  if (got > 0) {
    forgive(from, Strike::slow);
    forgive(from, Strike::body);
    adapt(from, *request, got, now);
  } else if (is_confirmed(from, request->numbers.front())) {
    strike(peer, Strike::body, SyncFault::withholds, now);
  } else {
    from.lacking_segment = segment_.id;
    from.lacking_until = now + options_.retry_delay;
  }
}

std::vector<SyncBlock> BlockSync::take_blocks(std::size_t bytes_max, Instant now) {
  std::vector<SyncBlock> blocks;
  std::size_t bytes = 0;
  while (!segment_.items.empty() && segment_.items.front().body &&
         segment_.base < segment_.proven_to) {
    Item& item = segment_.items.front();
    bytes += item.body->size();
    if (!blocks.empty() && bytes > bytes_max) break;
    const std::uint64_t number = ++segment_.base;
    delivered_.push_back({item.header.hash, number, segment_.id, source_of(number)});
    if (delivered_.size() > delivered_blocks_max) delivered_.pop_front();
    held_ -= item.body->size();
    segment_.base_hash = item.header.hash;
    blocks.push_back({std::move(item.header.header), item.header.hash, *std::move(item.body)});
    segment_.items.pop_front();
    segment_.entries.pop_front();
    while (segment_.sources.size() > 1 && segment_.sources[1].from <= number + 1)
      segment_.sources.pop_front();
  }
  if (blocks.empty()) return blocks;
  wake();
  segment_.has_delivered = true;
  segment_.touched = now;
  return blocks;
}

}  // namespace kith::ledger
