#include <algorithm>

#include <kith/base/assert.hpp>
#include <kith/ledger/sync/block_sync.hpp>

namespace kith::ledger {

// Heads whose numbers aren't known.

void BlockSync::resolve_heads(std::vector<SyncRequest>& out, Instant now) {
  for (auto& [id, peer] : peers_) {
    if (peer.head.number || peer.is_resolving || !may_ask(peer, now)) continue;
    peer.is_resolving = true;
    Request request;
    request.peer = id;
    request.kind = Kind::resolve;
    request.hash = peer.head.hash;
    send(out, std::move(request), {.id = 0, .start = peer.head.hash, .amount = 1}, now);
  }
}

void BlockSync::on_resolved(SyncPeer peer, const Request& request, const Headers& reply,
                            Instant now) {
  Peer& from = *find(peer);
  if (reply.headers.empty()) {
    // It may have said another head since.
    if (from.head.hash == request.hash) strike(peer, Strike::claim, SyncFault::withholds, now);
  } else if (reply.headers[0].hash != request.hash) {
    fault(peer, SyncFault::wrong_headers);
  } else if (from.head.hash == request.hash) {
    from.head.number = reply.headers[0].header.number;
  }
}

// Who is the walker.

bool BlockSync::is_candidate(const Peer& peer) const {
  if (peer.is_out || !peer.head.number) return false;
  const bool has_segment = segment_.id != 0;
  if (has_segment && peer.unfit_segment == segment_.id) return false;
  if (options_.mode == SyncMode::by_weight) {
    const U256& goal = has_segment ? std::max(segment_.weight, local_.weight) : local_.weight;
    return peer.head.weight > goal;
  }
  const std::uint64_t top = has_segment ? segment_.top() : local_.number;
  return target_ && std::max(top, local_.number) < target_->number &&
         *peer.head.number >= target_->number;
}

void BlockSync::choose_walker(Instant now) {
  if (walker_ || batch_) return;
  std::vector<SyncPeer> best;
  const Peer* first = nullptr;
  for (const auto& [id, peer] : peers_) {
    if (!is_candidate(peer) || peer.is_walking || !may_ask(peer, now)) continue;
    const bool by_weight = options_.mode == SyncMode::by_weight;
    if (first != nullptr && by_weight && peer.head.weight < first->head.weight) continue;
    if (first != nullptr && by_weight && peer.head.weight > first->head.weight) best.clear();
    first = &peer;
    best.push_back(id);
  }
  if (best.empty()) return;
  walker_ = Walker();
  walker_->peer = any_of(best);
  if (segment_.id != 0) return;
  const std::uint64_t last = std::min(local_.number, *find(walker_->peer)->head.number);
  walker_->is_searching = true;
  walker_->low = std::min(local_.final_number, last);
  walker_->high = last + 1;
}

bool BlockSync::is_out_of_patience(Instant now) {
  const bool has_shown = !walker_->is_searching && segment_.is_proven() &&
                         (segment_.has_delivered || !segment_.entries.empty());
  if (has_shown || walker_->request == 0) return false;
  const Instant sent = requests_.at(walker_->request).sent;
  const Duration allowed =
      options_.patience + Duration(1s) * (unproven() / options_.patient_headers_per_second);
  const Instant end = sent + (allowed - walker_->waited);
  if (now >= end) return true;
  wake_at(end);
  return false;
}

/// A segment has had its time if it has been delivered, and is what our chain is or was, or if it
/// has lost its walker before it had anything: it begins where that one's chain leaves ours.
void BlockSync::tidy() {
  if (segment_.id == 0 || walker_ || batch_ || !segment_.is_proven()) return;
  const bool is_reached = options_.mode == SyncMode::by_weight ? local_.weight >= segment_.weight
                                                               : local_.number >= segment_.top();
  const bool is_empty = segment_.entries.empty() && !segment_.has_delivered;
  if (is_reached || is_empty) drop_segment();
}

void BlockSync::walk(std::vector<SyncRequest>& out, Instant now) {
  if (!walker_ || batch_) return;
  if (is_out_of_patience(now)) {
    const SyncPeer peer = walker_->peer;
    walker_.reset();
    strike(peer, Strike::slow, SyncFault::unresponsive, now);
    if (segment_.id != 0) drop_unproven();
    return;
  }
  if (walker_->request != 0) return;
  if (walker_->is_searching) search(out, now);
  if (!walker_ || walker_->is_searching || end_of_walk(now)) return;
  if (is_candidate(*find(walker_->peer))) {
    extend(out, now);
  } else {
    walker_.reset();
  }
}

// Searching the last common block.

void BlockSync::search(std::vector<SyncRequest>& out, Instant now) {
  Walker& walker = *walker_;
  const std::uint64_t between = walker.high - walker.low;
  if (between == 1) {
    begin_segment(walker.low, now);
    return;
  }
  // Branches are short: from our head back in growing steps, then halves.
  const bool in_steps = !walker.has_met && walker.step < between;
  Request request;
  request.peer = walker.peer;
  request.kind = Kind::search;
  request.number = in_steps ? walker.high - walker.step : walker.low + between / 2;
  GetHeaders message;
  message.start = request.number;
  message.amount = 1;
  find(walker.peer)->is_walking = true;
  walker.request = send(out, std::move(request), message, now);
}

void BlockSync::on_probed(SyncPeer peer, const Request& request, const Headers& reply,
                          Instant now) {
  if (!request.is_walkers) return;
  if (reply.headers.empty()) {
    walker_.reset();
    strike(peer, Strike::claim, SyncFault::withholds, now);
    return;
  }
  if (reply.headers[0].header.number != request.number) {
    fault(peer, SyncFault::wrong_headers);
    return;
  }
  const auto ours = chain_.hash_at(request.number);
  if (ours && *ours == reply.headers[0].hash) {
    walker_->low = request.number;
    walker_->has_met = true;
  } else {
    walker_->high = request.number;
    walker_->step *= 2;
  }
}

// Extending.

void BlockSync::extend(std::vector<SyncRequest>& out, Instant now) {
  const std::uint64_t top = segment_.top();
  const std::uint64_t end =
      options_.mode == SyncMode::by_weight ? *find(walker_->peer)->head.number : target_->number;
  const std::uint64_t more = std::min<std::uint64_t>(options_.headers_per_request, end - top);
  const bool has_room = segment_.items.size() == segment_.entries.size() && room() >= more;
  // Behind what is proven there is no hurry: bodies come first.
  if (segment_.is_proven() && !has_room) return;
  Request request;
  request.peer = walker_->peer;
  request.kind = Kind::extend;
  request.number = top;
  GetHeaders message;
  // The last one that we have, too: that it is there as well tells that it is the same branch.
  message.start = top;
  message.amount = more + 1;
  find(walker_->peer)->is_walking = true;
  walker_->request = send(out, std::move(request), message, now);
}

bool BlockSync::are_linked(SyncPeer peer, const Request& request, const Headers& reply) {
  for (std::size_t i = 0; i < reply.headers.size(); ++i) {
    const Header& header = reply.headers[i].header;
    if (header.number != request.number + i) {
      fault(peer, SyncFault::wrong_headers);
      return false;
    }
    if (i > 0 && header.parent != reply.headers[i - 1].hash) {
      fault(peer, SyncFault::unlinked_headers);
      return false;
    }
    if (banned_.contains(reply.headers[i].hash)) {
      fault(peer, SyncFault::refused_block);
      return false;
    }
  }
  return true;
}

void BlockSync::on_extension(SyncPeer peer, const Request& request, const Headers& reply,
                             Instant now) {
  if (!request.is_walkers || request.segment != segment_.id) return;
  if (!are_linked(peer, request, reply)) return;
  if (!reply.headers.empty() && reply.headers[0].hash != segment_.top_hash()) {
    on_unfit(peer, now);
    return;
  }
  // Its head is above our top, so it has that and something behind it.
  if (reply.headers.size() <= 1) {
    walker_.reset();
    strike(peer, Strike::claim, SyncFault::withholds, now);
    return;
  }
  confirm(peer, segment_.top());
  batch_ = Batch{.headers = {.id = ++ids_,
                             .parent = segment_.top_header,
                             .headers = std::make_shared<const std::vector<ReceivedHeader>>(
                                 reply.headers.begin() + 1, reply.headers.end())},
                 .peer = peer,
                 .segment = segment_.id,
                 .is_out = false};
}

/// The segment's top isn't on that peer's chain.
void BlockSync::on_unfit(SyncPeer peer, Instant now) {
  walker_.reset();
  const bool is_fresh = segment_.entries.empty() && !segment_.has_delivered;
  // It has said before that it is.
  const bool contradicts = is_fresh || is_confirmed(*find(peer), segment_.top());
  const std::uint64_t segment = segment_.id;
  if (is_fresh) {
    drop_segment();
  } else if (!segment_.is_proven()) {
    drop_unproven();
  }
  // What is proven comes first; then its branch is looked at.
  if (segment_.id == segment) find(peer)->unfit_segment = segment;
  if (contradicts) strike(peer, Strike::claim, SyncFault::contradicts_itself, now);
}

bool BlockSync::end_of_walk(Instant now) {
  const SyncPeer id = walker_->peer;
  Peer& peer = *find(id);
  if (options_.mode == SyncMode::to_target) return false;
  const std::uint64_t end = *peer.head.number;
  if (end > segment_.top()) return false;
  if (end < segment_.top() || peer.head.hash != segment_.top_hash()) {
    // One that says less than it has is no liar: who claims more is asked further.
    on_unfit(id, now);
    return true;
  }
  walker_.reset();
  if (peer.head.weight > segment_.weight) {
    fault(id, SyncFault::claimed_too_much);
    return true;
  }
  forgive(peer, Strike::claim);
  if (!segment_.is_proven()) drop_unproven();
  return true;
}

// What the driver says of headers.

std::optional<HeaderBatch> BlockSync::take_headers() {
  if (!batch_ || batch_->is_out) return std::nullopt;
  batch_->is_out = true;
  return batch_->headers;
}

void BlockSync::on_checked(std::uint64_t id, std::size_t valid, HeadersRest rest, Instant now) {
  if (!batch_ || !batch_->is_out || batch_->headers.id != id) return;
  const Batch batch = *std::exchange(batch_, std::nullopt);
  wake();
  if (batch.segment != segment_.id) return;
  const std::vector<ReceivedHeader>& headers = *batch.headers.headers;
  std::size_t added = 0;
  while (added < std::min(valid, headers.size()) && add_entry(headers[added], batch.peer))
    ++added;
  if (added < std::min(valid, headers.size())) rest = HeadersRest::wrong;
  if (added > 0) {
    segment_.touched = now;
    segment_.top_header = headers[added - 1].header;
    confirm(batch.peer, segment_.top());
    if (Peer* const peer = find(batch.peer)) forgive(*peer, Strike::slow);
    prove(now);
  }
  if (segment_.id != batch.segment || added == headers.size()) return;
  if (rest == HeadersRest::wrong) {
    fault(batch.peer, SyncFault::bad_header);
  } else {
    if (walker_ && walker_->peer == batch.peer) walker_.reset();
    if (Peer* const peer = find(batch.peer)) peer->resting_until = now + options_.retry_delay;
  }
}

void BlockSync::prove(Instant now) {
  if (segment_.is_proven()) return;
  const SyncPeer source = source_of(segment_.top());
  if (options_.mode == SyncMode::by_weight) {
    if (segment_.weight > local_.weight) segment_.proven_to = ~std::uint64_t{0};
  } else if (target_ && segment_.top() == target_->number) {
    if (segment_.top_hash() != target_->hash) {
      fault(source, SyncFault::wrong_target);
      if (segment_.id != 0) drop_unproven();
      return;
    }
    segment_.proven_to = segment_.top();
    if (Peer* const peer = find(source)) forgive(*peer, Strike::claim);
    if (walker_) walker_.reset();
  }
  if (segment_.is_proven()) {
    segment_.touched = now;
  } else if (unproven() > options_.unproven_max) {
    fault(source, SyncFault::too_little_work);
    if (segment_.id != 0) drop_unproven();
  }
}

// The segment.

void BlockSync::begin_segment(std::uint64_t base, Instant now) {
  const auto hash = chain_.hash_at(base);
  const auto weight = chain_.total_weight_at(base);
  if (!hash || !weight) {
    // Our chain has changed meanwhile.
    walker_.reset();
    return;
  }
  segment_ = Segment();
  segment_.id = ++segments_;
  segment_.base = base;
  segment_.base_hash = *hash;
  segment_.weight = *weight;
  segment_.proven_to = base;
  segment_.touched = now;
  progress_from_ = base;
  walker_->is_searching = false;
}

void BlockSync::drop_segment() {
  segment_ = Segment();
  held_ = 0;
  walker_.reset();
  batch_.reset();
}

void BlockSync::drop_unproven() {
  if (segment_.is_proven()) return;
  const std::uint64_t keep =
      segment_.proven_to > segment_.base ? segment_.proven_to - segment_.base : 0;
  // The next header's check needs the last one that stays.
  if (keep == 0 || keep > segment_.items.size()) {
    drop_segment();
    return;
  }
  for (; segment_.items.size() > keep; segment_.items.pop_back()) {
    if (segment_.items.back().body) held_ -= segment_.items.back().body->size();
  }
  for (; segment_.entries.size() > keep; segment_.entries.pop_back())
    segment_.weight -= segment_.entries.back().weight;
  while (!segment_.sources.empty() && segment_.sources.back().from > segment_.top())
    segment_.sources.pop_back();
  segment_.top_header = segment_.items.back().header.header;
  walker_.reset();
  batch_.reset();
}

bool BlockSync::add_entry(const ReceivedHeader& header, SyncPeer peer) {
  const U256 weight = chain_.weight_of(header.header);
  const U256 total = segment_.weight + weight;
  if (total < weight) return false;
  if (segment_.items.size() == segment_.entries.size() && room() > 0) add_item(header);
  segment_.entries.push_back({header.hash, weight});
  segment_.weight = total;
  if (segment_.sources.empty() || segment_.sources.back().peer != peer)
    segment_.sources.push_back({segment_.top(), peer});
  return true;
}

void BlockSync::add_item(const ReceivedHeader& header) {
  Item& item = segment_.items.emplace_back();
  item.header = header;
  item.body = empty_body_of(header.header);
  if (item.body) held_ += item.body->size();
}

SyncPeer BlockSync::source_of(std::uint64_t number) const {
  SyncPeer peer = 0;
  for (const Source& source : segment_.sources) {
    if (source.from <= number) peer = source.peer;
  }
  return peer;
}

void BlockSync::look_for_stall(Instant now) {
  if (segment_.id == 0 || segment_.entries.empty()) return;
  const bool is_next_proven = segment_.base < segment_.proven_to;
  const bool waits = is_next_proven && (segment_.items.empty() || !segment_.items.front().body);
  const bool is_orphan = !segment_.is_proven() && !walker_ && !batch_;
  if (!waits && !is_orphan) return;
  if (now < segment_.touched + options_.stall_timeout) {
    wake_at(segment_.touched + options_.stall_timeout);
    return;
  }
  std::vector<SyncPeer> guilty;
  if (waits && !segment_.items.empty()) {
    for (const Failure& failure : segment_.items.front().failures) {
      const Peer* const peer = find(failure.peer);
      if (peer != nullptr && is_confirmed(*peer, segment_.base + 1)) guilty.push_back(failure.peer);
    }
  }
  drop_segment();
  for (const SyncPeer peer : guilty)
    fault(peer, SyncFault::withholds);
}

// Headers of which only the hashes were kept.

void BlockSync::refill(std::vector<SyncRequest>& out, Instant now) {
  const std::size_t have = segment_.items.size();
  if (segment_.id == 0 || is_refilling_ || have >= segment_.entries.size()) return;
  const std::uint64_t first = segment_.base + have + 1;
  if (first > segment_.proven_to) return;
  const std::size_t missing = segment_.entries.size() - have;
  const std::size_t amount = std::min(missing, options_.headers_per_request);
  if (room() < amount) return;
  for (const SyncPeer id : body_peers(now)) {
    if (*find(id)->head.number < first) continue;
    is_refilling_ = true;
    Request request;
    request.peer = id;
    request.kind = Kind::refill;
    request.number = first;
    GetHeaders message;
    message.start = first;
    message.amount = amount;
    send(out, std::move(request), message, now);
    return;
  }
}

void BlockSync::on_refilled(SyncPeer peer, const Request& request, const Headers& reply,
                            Instant now) {
  if (request.segment != segment_.id) return;
  std::size_t added = 0;
  for (const ReceivedHeader& header : reply.headers) {
    const std::size_t have = segment_.items.size();
    if (have >= segment_.entries.size() || room() == 0 ||
        header.hash != segment_.entries[have].hash)
      break;
    add_item(header);
    ++added;
  }
  Peer& from = *find(peer);
  if (added > 0) {
    segment_.touched = now;
    confirm(peer, segment_.base + segment_.items.size());
    forgive(from, Strike::slow);
  } else if (is_confirmed(from, request.number)) {
    strike(peer, Strike::claim, SyncFault::contradicts_itself, now);
  } else {
    from.lacking_segment = segment_.id;
    from.lacking_until = now + options_.retry_delay;
  }
}

void BlockSync::on_headers(SyncPeer peer, const Headers& reply, Instant now) {
  const auto request = answered(peer, reply.id, false);
  if (!request) return;
  if (reply.headers.size() > request->amount) {
    fault(peer, SyncFault::too_many_headers);
    return;
  }
  if (request->is_walkers) walker_->waited += now - request->sent;
  switch (request->kind) {
    case Kind::resolve:
      return on_resolved(peer, *request, reply, now);
    case Kind::search:
      return on_probed(peer, *request, reply, now);
    case Kind::extend:
      return on_extension(peer, *request, reply, now);
    case Kind::refill:
      return on_refilled(peer, *request, reply, now);
    case Kind::bodies:
      break;
  }
}

}  // namespace kith::ledger
