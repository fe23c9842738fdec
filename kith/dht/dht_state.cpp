// What a Dht gives to be saved, and takes back.
#include <algorithm>

#include <kith/dht/dht.hpp>

namespace kith::dht {

void Dht::restore(SavedRecord record) {
  const WallTime now = env_.wall.now();
  if (auto* peer = std::get_if<SavedPeer>(&record)) {
    if (peer->peer == network_.self() || restored_.size() >= restored_peers_max) return;
    network_.heard(peer->peer, network_.usable(peer->addresses));
    restored_.push_back(std::move(*peer));
  } else if (auto* provider = std::get_if<SavedProvider>(&record)) {
    // From the future: the clock has been wrong, then or now.
    provider->provider.said_at = std::min(provider->provider.said_at, now);
    providers_.add(provider->content, std::move(provider->provider), now);
  } else if (auto* value = std::get_if<SavedValue>(&record)) {
    const WallTime received = std::min(value->received, now);
    if (received + value_ttl <= now) return;
    static_cast<void>(values_.put(value->key, value->value, received, now));
  } else if (auto* content = std::get_if<SavedContent>(&record)) {
    if (!content->next) return provided_.remove(content->content);
    const Duration interval = std::max(options_.reprovide_interval, reprovide_retry);
    const bool sane = *content->next <= now + 2 * interval;
    const WallTime next = sane && options_.resume ? *content->next : now;
    if (!provided_.set(content->content, next)) return;
    if (content->told) provided_.told(content->content, next);
  }
}

bool Dht::save_some(SaveCursor& cursor, std::size_t count, FrameWriter& into) const {
  if (!cursor.peers) {
    cursor.peers = true;
    std::vector<PeerId> peers = table_.peers();
    if (peers.size() > restored_peers_max) peers.resize(restored_peers_max);
    for (const PeerId& peer : peers)
      into.add(SavedPeer{peer, network_.addresses(peer)});
    // A node that found nobody in this run may in the next.
    for (const SavedPeer& peer : restored_) {
      if (table_.size() < options_.lookup.wanted && !table_.contains(peer.peer)) into.add(peer);
    }
    return true;
  }
  if (!cursor.providers) {
    auto add = [&into](ByteView content, const Provider& provider) {
      into.add(SavedProvider{to_bytes(content), provider});
    };
    if (!providers_.each_after(cursor.after, count, add)) {
      cursor.providers = true;
      cursor.after.reset();
    }
    return true;
  }
  auto add = [&into](ByteView key, const ValueRecords::Value& value) {
    into.add(SavedValue{to_bytes(key), value.value, value.received});
  };
  return values_.each_after(cursor.after, count, add);
}

}  // namespace kith::dht
