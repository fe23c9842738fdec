// Promises: a peer that says IHAVE and is asked has to send the message, or let us have it from
// somebody, within a time (gossipsub-v1.1.md, "Spam Protection Measures"). Of all that is asked for
// at once one id is drawn and followed, so that there are at most some dozens for each peer. The
// time begins when the question has gone out; one that never does is forgotten. A peer that leaves
// doesn't get away with it. Pure.
#pragma once

#include <map>
#include <string>

#include <kith/base/time.hpp>
#include <kith/pubsub/message.hpp>

namespace kith::pubsub {

class Promises {
 public:
  /// Will be asked for, or is forgotten then.
  void add(const MessageId& id, const PeerId& peer, Instant until) {
    if (promises_[id].try_emplace(peer, Promise{until}).second) ++size_;
  }

  /// The peer has been asked.
  void begin(const MessageId& id, const PeerId& peer, Instant until) {
    auto found = promises_.find(id);
    if (found == promises_.end()) return;
    auto its = found->second.find(peer);
    if (its == found->second.end() || its->second.asked) return;
    its->second = {until, true};
  }

  /// It came, from whomever.
  void keep(const MessageId& id) {
    auto found = promises_.find(id);
    if (found == promises_.end()) return;
    size_ -= found->second.size();
    promises_.erase(found);
  }

  /// How many each peer has broken since the last call. What `excused` says of an id and a peer is
  /// asked again after `more`.
  template <class Excused>
  std::map<PeerId, std::size_t> take_broken(Instant now, Duration more, const Excused& excused) {
    std::map<PeerId, std::size_t> broken;
    for (auto promise = promises_.begin(); promise != promises_.end();) {
      auto& peers = promise->second;
      for (auto peer = peers.begin(); peer != peers.end();) {
        Promise& its = peer->second;
        if (its.until <= now && its.asked && excused(promise->first, peer->first))
          its.until = now + more;
        const bool late = its.until <= now;
        if (late && its.asked) ++broken[peer->first];
        if (late) --size_;
        peer = late ? peers.erase(peer) : std::next(peer);
      }
      promise = peers.empty() ? promises_.erase(promise) : std::next(promise);
    }
    return broken;
  }

  std::size_t size() const noexcept { return size_; }

 private:
  struct Promise {
    Instant until;
    bool asked = false;
  };

  std::map<MessageId, std::map<PeerId, Promise>> promises_;
  std::size_t size_ = 0;
};

}  // namespace kith::pubsub
