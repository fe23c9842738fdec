// VerifyQueue: messages that wait for a look at their signatures. Peers take turns, so that one
// that sends much waits for itself only; each one's come in their order. What bounds it is the
// router (pending_messages_max). Pure.
#pragma once

#include <deque>
#include <map>

#include <kith/pubsub/router.hpp>

namespace kith::pubsub {

class VerifyQueue {
 public:
  void push(CheckSignature wanted) {
    std::deque<CheckSignature>& its = waiting_[wanted.from];
    if (its.empty()) turns_.push_back(wanted.from);
    its.push_back(std::move(wanted));
    ++size_;
  }

  /// Of who is next; there is one.
  CheckSignature pop() {
    const PeerId peer = turns_.front();
    turns_.pop_front();
    auto place = waiting_.find(peer);
    CheckSignature first = std::move(place->second.front());
    place->second.pop_front();
    if (place->second.empty()) {
      waiting_.erase(place);
    } else {
      turns_.push_back(peer);
    }
    --size_;
    return first;
  }

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }

 private:
  std::map<PeerId, std::deque<CheckSignature>> waiting_;
  /// Each that has any, once.
  std::deque<PeerId> turns_;
  std::size_t size_ = 0;
};

}  // namespace kith::pubsub
