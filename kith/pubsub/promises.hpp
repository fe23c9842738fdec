// Promises: a peer that says IHAVE and is asked has to send the message, or let us have it from
// somebody, within a time (gossipsub-v1.1.md, "Spam Protection Measures"). Of all that is asked for
// at once one id is drawn and followed, so that there are at most some dozens for each peer. One
// that leaves doesn't get away with it. Pure.
#pragma once

#include <map>
#include <string>

#include <kith/base/time.hpp>
#include <kith/pubsub/message.hpp>

namespace kith::pubsub {

class Promises {
 public:
  void add(const MessageId& id, const PeerId& peer, Instant until) {
    if (promises_[id].try_emplace(peer, until).second) ++size_;
  }

  /// It came, from whomever.
  void keep(const MessageId& id) {
    auto found = promises_.find(id);
    if (found == promises_.end()) return;
    size_ -= found->second.size();
    promises_.erase(found);
  }

  /// How many each peer has broken since the last call.
  std::map<PeerId, std::size_t> take_broken(Instant now) {
    std::map<PeerId, std::size_t> broken;
    for (auto promise = promises_.begin(); promise != promises_.end();) {
      auto& peers = promise->second;
      for (auto peer = peers.begin(); peer != peers.end();) {
        const bool late = peer->second <= now;
        if (late) ++broken[peer->first];
        if (late) --size_;
        peer = late ? peers.erase(peer) : std::next(peer);
      }
      promise = peers.empty() ? promises_.erase(promise) : std::next(promise);
    }
    return broken;
  }

  std::size_t size() const noexcept { return size_; }

 private:
  std::map<MessageId, std::map<PeerId, Instant>> promises_;
  std::size_t size_ = 0;
};

}  // namespace kith::pubsub
